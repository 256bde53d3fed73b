package track_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

const other, elsewhere = "222222222222", "eu-west-1"

// fleet is a cloud of many accounts and Regions: what is asked in one scope is answered
// from that scope alone.
type fleet struct {
	instances map[track.Scope]map[string]license.Instance
	fail      map[track.Scope]error
	asked     []track.Scope // to describe
}

func (f *fleet) Instances(_ context.Context, s track.Scope, ids []string) (out []license.Instance, err error) {
	f.asked = append(f.asked, s)
	for _, id := range ids {
		if in, ok := f.instances[s][id]; ok {
			out = append(out, in)
		}
	}
	return out, f.fail[s]
}

func (f *fleet) EachInstances(_ context.Context, s track.Scope, each func([]license.Instance) error) error {
	if f.fail[s] != nil {
		return f.fail[s]
	}
	var all []license.Instance
	for _, in := range f.instances[s] {
		all = append(all, in)
	}
	return each(all)
}

func (f *fleet) Hosts(context.Context, track.Scope, []string) ([]license.Host, error) {
	return nil, nil
}

func (f *fleet) InstanceTypes(context.Context, track.Scope, []string) ([]license.InstanceType, error) {
	return nil, nil
}

func (f *fleet) Images(context.Context, track.Scope, []string) ([]track.Image, error) {
	return nil, nil
}

// four scopes: two accounts in two Regions.
func four() []track.Scope {
	return []track.Scope{home, {Account: account, Region: elsewhere}, {Account: other, Region: region}, {Account: other, Region: elsewhere}}
}

func newFleetFixture(t *testing.T) (*fixture, *fleet) {
	t.Helper()
	f := newFixture(t)
	all := &fleet{instances: map[track.Scope]map[string]license.Instance{}, fail: map[track.Scope]error{}}
	f.Tracker.Observer, f.Tracker.Accounts, f.Tracker.Regions = all, []string{account, other}, []string{region, elsewhere}
	if got := f.Scopes(); !slices.Equal(got, four()) {
		t.Fatalf("scopes %v", got)
	}
	return f, all
}

func (f *fleet) set(s track.Scope, id string, state license.State, launch time.Time) {
	if f.instances[s] == nil {
		f.instances[s] = map[string]license.Instance{}
	}
	f.instances[s][id] = license.Instance{ID: license.NewResourceID(s.Account, s.Region, id), Type: "m5.large", State: state, LaunchTime: launch, ImageID: image,
		Tenancy: license.TenancyDefault, CPUOptions: license.CPUOptions{Cores: 1, ThreadsPerCore: 2}}
}

func eventIn(s track.Scope, id, state string, at time.Time) string {
	e := strings.ReplaceAll(stateEvent(id, state, at), account, s.Account)
	return strings.ReplaceAll(strings.ReplaceAll(e, region, s.Region), `"id":"e-`, fmt.Sprintf(`"id":"e-%s-%s-`, s.Account, s.Region))
}

// TestOneBatchOfManyScopes: the same id in two scopes is two instances, each described
// where it is, once for each scope, and all of them take from one pool.
func TestOneBatchOfManyScopes(t *testing.T) {
	t.Parallel()
	f, all := newFleetFixture(t)
	var bodies []string
	for _, s := range four() {
		all.set(s, oneID, license.Running, f.now)
		bodies = append(bodies, eventIn(s, oneID, "pending", f.now), eventIn(s, oneID, "running", f.now))
	}
	r := f.handle(1, bodies...)
	if len(r.Retry) > 0 || r.Buried > 0 || len(all.asked) != 4 {
		t.Errorf("report %+v, described in %v; want one look in each scope", r, all.asked)
	}
	f.want("four instances of one id", 8)
	all.set(four()[3], "i-00000002", license.Running, f.now)
	if r := f.handle(1, eventIn(four()[3], "i-00000002", "running", f.now), eventIn(four()[2], oneID, "running", f.now)); len(r.Retry) > 0 {
		t.Errorf("report %+v: what is in one Region was looked for in another", r)
	}
	f.want("one more", 10)

	r = f.handle(1, eventIn(track.Scope{Account: "333333333333", Region: region}, oneID, "running", f.now), eventIn(track.Scope{Account: other, Region: "us-west-2"}, oneID, "running", f.now))
	if r.Buried != 2 || !strings.Contains(f.graves.letters[0].Reason, "333333333333 is not watched") || !strings.Contains(f.graves.letters[1].Reason, "us-west-2 is not watched") {
		t.Errorf("report %+v, buried %+v; want an unknown account and Region buried", r, f.graves.letters)
	}
}

// TestAnUnreachableAccountKeepsItsNumbers: its messages are tried again and then buried
// with the reason, those of the others are handled, and nothing of it is released.
func TestAnUnreachableAccountKeepsItsNumbers(t *testing.T) {
	t.Parallel()
	f, all := newFleetFixture(t)
	gone := track.Scope{Account: other, Region: region}
	for _, s := range []track.Scope{home, gone} {
		all.set(s, oneID, license.Running, f.now)
		f.handle(1, eventIn(s, oneID, "running", f.now))
	}
	f.want("both run", 4)
	refused := fmt.Errorf("take the role: %w", track.ErrUnreachable)
	all.fail[gone] = refused
	f.now = f.now.Add(time.Hour)
	all.set(home, "i-00000002", license.Running, f.now)
	for receives := 1; receives < 3; receives++ {
		r := f.handle(receives, eventIn(gone, oneID, "terminated", f.now), eventIn(home, "i-00000002", "running", f.now))
		if !slices.Equal(r.Retry, []string{"m0"}) || r.Buried != 0 {
			t.Errorf("receive %d: %+v, want the message of the unreachable account again", receives, r)
		}
	}
	f.want("what can be reached is counted", 6)
	r := f.handle(3, eventIn(gone, oneID, "terminated", f.now))
	if len(r.Retry) > 0 || r.Buried != 1 || !strings.Contains(f.graves.letters[0].Reason, "222222222222, Region us-east-1 cannot be reached") {
		t.Errorf("last receive: %+v, %+v; want it buried with the reason", r, f.graves.letters)
	}
	if _, err := f.Sweep(context.Background(), gone); !errors.Is(err, track.ErrUnreachable) {
		t.Errorf("sweep: %v, want unreachable", err)
	}
	f.want("its numbers are kept", 6)

	all.fail[gone] = errors.New("a fault of EC2") // is tried until the queue gives up
	if r := f.handle(3, eventIn(gone, oneID, "terminated", f.now)); len(r.Retry) != 1 || r.Buried != 0 {
		t.Errorf("another failure: %+v, want a retry", r)
	}
	delete(all.fail, gone)
	delete(all.instances[gone], oneID)
	if _, err := f.Sweep(context.Background(), gone); err != nil {
		t.Fatal(err)
	}
	f.want("it can be reached again, and is empty", 4)
}

// TestASweepOfOneScopeLeavesTheOthers: what another scope holds is not missing.
func TestASweepOfOneScopeLeavesTheOthers(t *testing.T) {
	t.Parallel()
	f, all := newFleetFixture(t)
	for _, s := range four() {
		all.set(s, oneID, license.Running, f.now)
		if _, err := f.Sweep(context.Background(), s); err != nil {
			t.Fatal(err)
		}
	}
	f.want("all are counted", 8)
	f.now = f.now.Add(time.Hour)
	squad := f.Squad(2)
	for i, s := range four() { // all but one are empty now; the licenses are read once
		if i > 0 {
			delete(all.instances[s], oneID)
		}
		r, err := squad[i%2].Sweep(context.Background(), s)
		if err != nil || r.Released != min(i, 1) || r.Drift.Ended != min(i, 1) {
			t.Errorf("%s: %+v, %v", s, r, err)
		}
		f.want(s.String(), int64(8-2*i))
	}
}

// TestDrift: what no event told is counted, once, and what one may still tell is not.
func TestDrift(t *testing.T) {
	t.Parallel()
	f, all := newFleetFixture(t)
	sweep := func(what string, want track.Drift) {
		t.Helper()
		f.now = f.now.Add(time.Hour)
		r, err := f.Sweep(context.Background(), home)
		if err != nil || r.Drift != want {
			t.Errorf("%s: drift %+v, %v; want %+v", what, r.Drift, err, want)
		}
	}
	all.set(home, oneID, license.Running, f.now)
	sweep("a launch that nobody told of", track.Drift{Started: 1})
	sweep("it is known", track.Drift{})
	all.set(home, "i-00000002", license.Running, f.now.Add(time.Hour-time.Minute))
	sweep("its event may be under way", track.Drift{})
	sweep("and by now it is known", track.Drift{})

	in := all.instances[home][oneID]
	in.Tags = map[string]string{"app": "db"}
	all.instances[home][oneID] = in
	sweep("another tag", track.Drift{Changed: 1})
	in.State, in.StoppedAt = license.Stopped, f.now
	all.instances[home][oneID] = in
	sweep("a stop", track.Drift{Ended: 1})
	all.set(home, oneID, license.Running, f.now)
	sweep("a start", track.Drift{Started: 1})
	delete(all.instances[home], oneID)
	sweep("gone", track.Drift{Ended: 1})

	f.now = f.now.Add(time.Hour)
	all.set(home, "i-00000003", license.Running, f.now)
	f.handle(1, eventIn(home, "i-00000003", "running", f.now))
	all.set(home, "i-00000003", license.Terminated, f.now)
	f.handle(1, eventIn(home, "i-00000003", "terminated", f.now))
	sweep("events told all of it", track.Drift{})
	if _, err := f.Configure(context.Background(), license.Configuration{ID: "lic-b", Name: "B", CountingType: license.CountVCPU,
		Associations: []license.Association{{Kind: license.ByAMI, Value: image}}}, "test"); err != nil {
		t.Fatal(err)
	}
	sweep("a new license is no event of EC2", track.Drift{})
}
