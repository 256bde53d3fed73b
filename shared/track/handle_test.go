package track_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"licenseguard/shared/adapter/boltledger"
	"licenseguard/shared/catalog"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

const (
	account = "123456789012"
	region  = "us-east-1"
	image   = "ami-0123456789abcdef0"
	oneID   = "i-0123456789abcdef0"
)

var home = track.Scope{Account: account, Region: region}

var start = time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)

// cloud answers what its fields hold; each look can be made to differ.
type cloud struct {
	instances map[string]license.Instance
	looks     int
	onLook    func(look int) // called before look number n (from 1) answers
	fail      error
	listFail  error
	images    map[license.ImageRef]track.Image
	asked     [][]license.ImageRef // in each call for images
	imageFail error
	chains    map[license.ImageRef][]track.Image
	chainsAsk []license.ImageRef
	snapshots map[string]track.Snapshot
	snapsAsk  int
	moreFail  error // of chains and snapshots
	hosts     map[string]license.Host
	hostsAsk  [][]string // in each call for hosts
	hostFail  error
}

func (c *cloud) Images(_ context.Context, s track.Scope, ids []string) ([]track.Image, error) {
	var asked []license.ImageRef
	var out []track.Image
	for _, id := range ids {
		ref := license.ImageRef{ID: id, Region: s.Region}
		asked = append(asked, ref)
		if image, ok := c.images[ref]; ok {
			out = append(out, image)
		}
	}
	c.asked = append(c.asked, asked)
	if c.imageFail != nil {
		return nil, c.imageFail
	}
	return out, nil
}

func (c *cloud) Ancestry(_ context.Context, s track.Scope, id string) ([]track.Image, error) {
	ref := license.ImageRef{ID: id, Region: s.Region}
	c.chainsAsk = append(c.chainsAsk, ref)
	return c.chains[ref], c.moreFail
}

func (c *cloud) Snapshots(_ context.Context, _ track.Scope, ids []string) (out []track.Snapshot, err error) {
	c.snapsAsk++
	for _, id := range ids {
		if s, ok := c.snapshots[id]; ok {
			out = append(out, s)
		}
	}
	return out, c.moreFail
}

func (c *cloud) Instances(_ context.Context, _ track.Scope, ids []string) ([]license.Instance, error) {
	c.looks++
	if c.onLook != nil {
		c.onLook(c.looks)
	}
	if c.fail != nil {
		return nil, c.fail
	}
	var out []license.Instance
	for _, id := range ids {
		if in, ok := c.instances[id]; ok {
			out = append(out, in)
		}
	}
	return out, nil
}

func (c *cloud) EachInstances(_ context.Context, _ track.Scope, each func([]license.Instance) error) error {
	var all []license.Instance
	for _, in := range c.instances {
		all = append(all, in)
	}
	if err := each(all); err != nil {
		return err
	}
	return c.listFail
}

func (c *cloud) Hosts(_ context.Context, _ track.Scope, ids []string) (out []license.Host, err error) {
	c.hostsAsk = append(c.hostsAsk, ids)
	for id, h := range c.hosts {
		if len(ids) == 0 || slices.Contains(ids, id) {
			out = append(out, h)
		}
	}
	return out, c.hostFail
}

func (c *cloud) InstanceTypes(_ context.Context, _ track.Scope, names []string) ([]license.InstanceType, error) {
	if slices.Contains(names, "x9.large") {
		return []license.InstanceType{{Name: "x9.large", VCPUs: 6, Cores: 3, ThreadsPerCore: 2}}, nil
	}
	return nil, nil
}

type graves struct {
	letters []track.DeadLetter
	fail    error
}

func (g *graves) Bury(_ context.Context, d track.DeadLetter) error {
	if g.fail == nil {
		g.letters = append(g.letters, d)
	}
	return g.fail
}

// fixture is a tracker on a real store, with a cloud and a clock of its own.
type fixture struct {
	*track.Tracker
	t      *testing.T
	cloud  *cloud
	graves *graves
	store  ledger.Store
	now    time.Time
	waits  int
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	store, err := boltledger.Open(filepath.Join(t.TempDir(), "ledger.db"), boltledger.Options{Volatile: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	f := &fixture{t: t, cloud: &cloud{instances: map[string]license.Instance{}}, graves: &graves{}, store: store, now: start}
	f.Tracker = &track.Tracker{Store: store, Observer: f.cloud, DeadLetters: f.graves, Catalog: catalog.Embedded(), Accounts: []string{account}, Regions: []string{region},
		Now: func() time.Time { return f.now }, Log: slog.New(slog.DiscardHandler),
		Wait: func(context.Context, time.Duration) error { f.waits++; return nil }}
	count := int64(100)
	if _, err := f.Configure(context.Background(), license.Configuration{ID: "lic-a", Name: "A", CountingType: license.CountVCPU, Count: &count, HardLimit: true,
		Associations: []license.Association{{Kind: license.ByAMI, Value: image}}}, "test"); err != nil {
		t.Fatal(err)
	}
	f.now = f.now.Add(time.Minute)
	return f
}

func (f *fixture) set(id string, state license.State, launch time.Time) {
	f.cloud.instances[id] = license.Instance{ID: license.NewResourceID(account, region, id), Type: "m5.large", State: state, LaunchTime: launch, ImageID: image,
		Tenancy: license.TenancyDefault, CPUOptions: license.CPUOptions{Cores: 1, ThreadsPerCore: 2}}
}

func (f *fixture) handle(receives int, bodies ...string) track.Report {
	var messages []track.Message
	for i, b := range bodies {
		messages = append(messages, track.Message{ID: fmt.Sprint("m", i), Body: []byte(b), Receives: receives})
	}
	return f.Handle(context.Background(), messages)
}

func stateEvent(id, state string, at time.Time) string {
	return fmt.Sprintf(`{"version":"0","id":"e-%s-%s","detail-type":"EC2 Instance State-change Notification","source":"aws.ec2","account":%q,"time":%q,"region":%q,"resources":[],"detail":{"instance-id":%q,"state":%q}}`,
		id, state, account, at.Format(time.RFC3339), region, id, state)
}

func (f *fixture) deployed() int64 {
	f.t.Helper()
	l, err := f.store.Load(context.Background(), "lic-a")
	if err != nil {
		f.t.Fatal(err)
	}
	return l.Totals.Deployed()
}

func (f *fixture) want(what string, deployed int64) {
	f.t.Helper()
	if got := f.deployed(); got != deployed {
		f.t.Errorf("%s: %d licenses deployed, want %d", what, got, deployed)
	}
}

func TestOneDescribeForABatch(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var bodies []string
	for i := range 100 {
		id := fmt.Sprintf("i-%017x", i)
		f.set(id, license.Running, f.now)
		bodies = append(bodies, stateEvent(id, "running", f.now))
	}
	r := f.handle(1, bodies...)
	if f.cloud.looks != 1 || len(r.Retry) != 0 || r.Handled != 100 {
		t.Errorf("%d looks, report %+v; want 1 look and 100 handled", f.cloud.looks, r)
	}
	if r.Changes != 2 {
		t.Errorf("%d license commits, want 2", r.Changes)
	}
	f.want("after the batch", 200)
}

// TestOlderDescription: the event knows more than the description. Nothing is
// decided until they agree, and at the last receive the description wins.
func TestOlderDescription(t *testing.T) {
	t.Parallel()
	t.Run("the second look agrees", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		launch := f.now
		f.set(oneID, license.Running, launch)
		f.handle(1, stateEvent(oneID, "running", launch))
		f.want("running", 2)
		f.now = f.now.Add(time.Minute)
		f.cloud.onLook = func(look int) {
			if look == 3 { // the first look of the second batch, look 2, is still old
				f.set(oneID, license.Terminated, launch)
			}
		}
		r := f.handle(1, stateEvent(oneID, "terminated", f.now))
		if len(r.Retry) != 0 || f.waits != 1 {
			t.Errorf("retry %v after %d waits, want none after 1", r.Retry, f.waits)
		}
		f.want("terminated", 0)
	})
	t.Run("it is retried before it wins", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		launch := f.now
		f.set(oneID, license.Running, launch)
		f.handle(1, stateEvent(oneID, "running", launch))
		f.now = f.now.Add(time.Minute)
		if r := f.handle(1, stateEvent(oneID, "stopped", f.now)); len(r.Retry) != 1 {
			t.Errorf("first receive: retry %v, want the message", r.Retry)
		}
		f.want("not yet decided", 2)
		if r := f.handle(3, stateEvent(oneID, "stopped", f.now)); len(r.Retry) != 0 || len(f.graves.letters) != 0 {
			t.Errorf("last receive: %+v, %d dead letters; want it handled by the description", r, len(f.graves.letters))
		}
		f.want("the description won", 2)
	})
	t.Run("a start after the recorded stop", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.set(oneID, license.Stopped, f.now.Add(-time.Hour))
		in := f.cloud.instances[oneID]
		in.StoppedAt = f.now.Add(-time.Minute)
		f.cloud.instances[oneID] = in
		if r := f.handle(1, stateEvent(oneID, "running", f.now)); len(r.Retry) != 1 {
			t.Errorf("retry %v: a start later than the stop contradicts a stopped description", r.Retry)
		}
	})
}

// TestOlderEvent: late events of an earlier launch change nothing.
func TestOlderEvent(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	first := f.now
	f.set(oneID, license.Running, first.Add(10*time.Minute)) // stopped and started again since
	f.now = f.now.Add(11 * time.Minute)
	for _, state := range []string{"stopped", "terminated", "pending", "running"} {
		if r := f.handle(1, stateEvent(oneID, state, first.Add(time.Minute))); len(r.Retry) != 0 {
			t.Errorf("%s of the earlier launch is retried", state)
		}
		f.want("late "+state, 2)
	}
}

// TestContradictionOfAnother: what one message contradicts does not bury another
// on the same instance that was received often.
func TestContradictionOfAnother(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.set(oneID, license.Running, f.now)
	old := track.Message{ID: "old", Body: []byte(stateEvent(oneID, "running", f.now)), Receives: 3}
	fresh := track.Message{ID: "fresh", Body: []byte(stateEvent(oneID, "stopped", f.now.Add(time.Minute))), Receives: 1}
	r := f.Handle(context.Background(), []track.Message{old, fresh})
	if len(f.graves.letters) != 0 || !slices.Equal(r.Retry, []string{"fresh"}) {
		t.Errorf("%d buried, retried %v; want only fresh retried", len(f.graves.letters), r.Retry)
	}
	f.want("it runs", 2)
}

// TestStoppedCountWhenARuleBegins: an instance that stopped before a rule version
// counts it is in no license, and is claimed when the version begins.
func TestStoppedCountWhenARuleBegins(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.set(oneID, license.Stopped, f.now.Add(-time.Hour))
	f.handle(1, stateEvent(oneID, "stopped", f.now))
	f.want("it is stopped", 0)
	l, err := f.store.Load(context.Background(), "lic-a")
	if err != nil {
		t.Fatal(err)
	}
	c := l.Configuration
	c.Rules = append(slices.Clone(c.Rules), license.RuleVersion{Effective: f.now.Add(time.Hour), Text: []string{"#includedStoppedInstances=True"}})
	if _, err := f.Configure(context.Background(), c, "test"); err != nil {
		t.Fatal(err)
	}
	f.want("the version is to come", 0)
	f.now = f.now.Add(time.Hour + time.Second)
	if _, err := f.FoldDue(context.Background()); err != nil {
		t.Fatal(err)
	}
	f.want("the version began", 2)
}

// TestLostFactsAreAdopted: an inherited association that only the license still
// knows is given back to facts that were lost.
func TestLostFactsAreAdopted(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.set(oneID, license.Running, f.now)
	f.handle(1, stateEvent(oneID, "running", f.now))
	l, err := f.store.Load(context.Background(), "lic-a")
	if err != nil {
		t.Fatal(err)
	}
	c := l.Configuration
	c.Associations = nil
	if _, err := f.Configure(context.Background(), c, "test"); err != nil {
		t.Fatal(err)
	}
	id := license.NewResourceID(account, region, oneID)
	lost := ledger.Facts{Instance: f.cloud.instances[oneID], Generation: ledger.Generation{Launch: f.now}, Observed: f.now, FirstSeen: f.now}
	if err := f.store.SaveFacts(context.Background(), []ledger.Facts{lost}); err != nil { // as a look leaves it that knew nothing
		t.Fatal(err)
	}
	f.now = f.now.Add(time.Minute)
	if _, err := f.Sweep(context.Background(), home); err != nil {
		t.Fatal(err)
	}
	f.want("it is inherited", 2)
	facts, err := f.store.LoadFacts(context.Background(), []license.ResourceID{id})
	if err != nil || len(facts[id].Held) != 1 || !facts[id].Held[0].Inherited {
		t.Errorf("held %+v, %v; want the inherited association", facts[id].Held, err)
	}
	f.now = f.now.Add(time.Minute)
	delete(f.cloud.instances, oneID)
	if _, err := f.Sweep(context.Background(), home); err != nil {
		t.Fatal(err)
	}
	f.want("it is gone", 0)
}

func TestUnknownInstance(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if r := f.handle(1, stateEvent(oneID, "running", f.now)); len(r.Retry) != 1 || len(f.graves.letters) != 0 {
		t.Errorf("first receive: %+v, want a retry: EC2 may not show it yet", r)
	}
	if r := f.handle(3, stateEvent(oneID, "running", f.now)); r.Buried != 1 || f.graves.letters[0].EventID == "" {
		t.Errorf("last receive: %+v, want it buried with its event id", r)
	}
	f.set(oneID, license.Running, f.now)
	f.handle(1, stateEvent(oneID, "running", f.now))
	delete(f.cloud.instances, oneID)
	f.now = f.now.Add(2 * time.Hour)
	if r := f.handle(1, stateEvent(oneID, "running", f.now.Add(-time.Hour)), stateEvent(oneID, "terminated", f.now.Add(-time.Hour))); len(r.Retry) != 0 {
		t.Errorf("terminated and unknown agree, yet %v is retried", r.Retry)
	}
	f.want("terminated and gone from EC2", 0)
}

func TestOneBadMessageLeavesTheOthers(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.set(oneID, license.Running, f.now)
	f.graves.fail = errors.New("the queue is away")
	r := f.handle(1, "nonsense", stateEvent(oneID, "running", f.now), `{"version":"0","id":"x","detail-type":"Something","source":"aws.other","account":"123456789012","time":"2026-11-20T08:00:00Z","region":"us-east-1","resources":[],"detail":{}}`)
	if !slices.Equal(r.Retry, []string{"m0"}) || r.Unknown != 1 {
		t.Errorf("report %+v, want only the message that could not be buried again, and one unknown event", r)
	}
	f.want("the good one", 2)
}

func TestFailuresAreRetriedWhole(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.set(oneID, license.Running, f.now)
	f.cloud.fail = errors.New("RequestLimitExceeded")
	if r := f.handle(1, stateEvent(oneID, "running", f.now)); len(r.Retry) != 1 {
		t.Errorf("report %+v, want a retry", r)
	}
	f.cloud.fail = nil
	f.handle(2, stateEvent(oneID, "running", f.now))
	f.want("after the retry", 2)
}

func TestUnknownTypeIsLookedUp(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for n, typ := range map[int]string{1: "x9.large", 2: "m5.colossal"} {
		id := fmt.Sprintf("i-%017x", n)
		f.set(id, license.Running, f.now)
		in := f.cloud.instances[id]
		in.Type = typ
		f.cloud.instances[id] = in
		f.handle(1, stateEvent(id, "running", f.now))
	}
	l, err := f.store.Load(context.Background(), "lic-a")
	if err != nil {
		t.Fatal(err)
	}
	if e, _ := l.Find(license.NewResourceID(account, region, fmt.Sprintf("i-%017x", 1))); e.Licenses != 6 || e.Estimated {
		t.Errorf("a type that AWS tells: %d licenses, estimated %t; want 6 and sure", e.Licenses, e.Estimated)
	}
	if e, _ := l.Find(license.NewResourceID(account, region, fmt.Sprintf("i-%017x", 2))); e.Licenses != 96 || !e.Estimated {
		t.Errorf("a type that AWS does not tell: %d licenses, estimated %t; want the family's largest, 96, estimated", e.Licenses, e.Estimated)
	}
}

// TestAssociationMadeMeanwhile: a configuration that changes while a batch is
// on its way does not lose the batch's instances.
func TestAssociationMadeMeanwhile(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.set(oneID, license.Running, f.now)
	other := *f.Tracker // another process
	f.cloud.onLook = func(int) {
		f.cloud.onLook = nil
		count := int64(5)
		if _, err := other.Configure(context.Background(), license.Configuration{ID: "lic-b", Name: "B", CountingType: license.CountInstance, Count: &count,
			Associations: []license.Association{{Kind: license.ByAMI, Value: image}}}, "test"); err != nil {
			t.Error(err)
		}
	}
	f.handle(1, stateEvent(oneID, "running", f.now))
	l, err := f.store.Load(context.Background(), "lic-b")
	if err != nil {
		t.Fatal(err)
	}
	if l.Totals.Deployed() != 1 {
		t.Errorf("the new license holds %d, want the instance that was observed meanwhile", l.Totals.Deployed())
	}
}

func TestInheritanceOutlivesTheAssociation(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.set(oneID, license.Running, f.now)
	f.handle(1, stateEvent(oneID, "running", f.now))
	count := int64(100)
	if _, err := f.Configure(context.Background(), license.Configuration{ID: "lic-a", Name: "A", CountingType: license.CountVCPU, Count: &count, HardLimit: true}, "test"); err != nil {
		t.Fatal(err)
	}
	f.want("the AMI was taken from the license", 2)
	f.now = f.now.Add(time.Minute)
	f.set("i-0fffffffffffffff0", license.Running, f.now)
	f.handle(1, stateEvent("i-0fffffffffffffff0", "running", f.now))
	f.want("a later launch from that AMI", 2)
}

func TestSweepReleasesOnlyWhatIsSurelyGone(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.set(oneID, license.Running, f.now)
	f.handle(1, stateEvent(oneID, "running", f.now))
	gone := f.cloud.instances[oneID]
	f.now = f.now.Add(time.Hour)

	delete(f.cloud.instances, oneID)
	f.cloud.listFail = errors.New("page 2 failed")
	if _, err := f.Sweep(context.Background(), home); err == nil {
		t.Error("a failed listing is no error")
	}
	f.want("a listing that failed", 2)

	f.cloud.listFail = nil
	looks := f.cloud.looks
	f.cloud.onLook = func(look int) {
		if look == looks+2 { // the listing and the first look missed it
			f.cloud.instances[oneID] = gone
		}
	}
	if _, err := f.Sweep(context.Background(), home); err != nil {
		t.Fatal(err)
	}
	f.want("the second direct look found it", 2)

	f.cloud.onLook = nil
	delete(f.cloud.instances, oneID)
	f.now = f.now.Add(time.Hour)
	r, err := f.Sweep(context.Background(), home)
	if err != nil {
		t.Fatal(err)
	}
	f.want("surely gone", 0)
	if r.Released != 1 {
		t.Errorf("report %+v, want one released", r)
	}
}

// TestWronglyGoneComesBack: two looks and a listing missed a living instance;
// the next look that sees it counts it again.
func TestWronglyGoneComesBack(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.set(oneID, license.Running, f.now)
	f.handle(1, stateEvent(oneID, "running", f.now))
	alive := f.cloud.instances[oneID]
	delete(f.cloud.instances, oneID)
	f.now = f.now.Add(time.Hour)
	if _, err := f.Sweep(context.Background(), home); err != nil {
		t.Fatal(err)
	}
	f.want("nobody saw it", 0)
	f.cloud.instances[oneID] = alive
	f.now = f.now.Add(time.Hour)
	if _, err := f.Sweep(context.Background(), home); err != nil {
		t.Fatal(err)
	}
	f.want("it is there after all", 2)
}

// TestSweepOfAnEmptyAccount: what a license holds of an account that has nothing
// any more is released, though the facts say already that it is gone.
func TestSweepOfAnEmptyAccount(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.set(oneID, license.Running, f.now)
	f.handle(1, stateEvent(oneID, "running", f.now))
	f.want("it runs", 2)
	delete(f.cloud.instances, oneID)
	id := license.NewResourceID(account, region, oneID)
	known, err := f.store.LoadFacts(context.Background(), []license.ResourceID{id})
	if err != nil {
		t.Fatal(err)
	}
	facts := known[id]
	facts.Instance.State = license.Terminated
	if err := f.store.SaveFacts(context.Background(), []ledger.Facts{facts}); err != nil {
		t.Fatal(err)
	}
	f.now = f.now.Add(time.Hour)
	fresh := track.Tracker{Store: f.store, Observer: f.cloud, DeadLetters: f.graves, Catalog: f.Catalog, Accounts: f.Accounts, Regions: []string{region}, Now: f.Now, Wait: f.Wait, Log: f.Log}
	if _, err := fresh.Sweep(context.Background(), home); err != nil {
		t.Fatal(err)
	}
	f.want("nothing is there any more", 0)
}

// TestAnUndoTellsLaterLicenses: a license that begins to apply to an instance after
// an undo under another one is told.
func TestAnUndoTellsLaterLicenses(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := context.Background()
	count := int64(0)
	if _, err := f.Configure(ctx, license.Configuration{ID: "lic-b", Name: "B", CountingType: license.CountInstance, Count: &count, HardLimit: true,
		Associations: []license.Association{{Kind: license.ByTag, Value: "software=oracle"}}}, "test"); err != nil {
		t.Fatal(err)
	}
	id := license.NewResourceID(account, region, oneID)
	l, err := f.store.Load(ctx, "lic-a")
	if err != nil {
		t.Fatal(err)
	}
	c, err := l.Configuration.WithExemption(license.Exemption{Instance: id, Owner: "ann", Approver: "ann", Reason: "undo", Undo: true, Until: f.now.Add(24 * time.Hour)}, f.now, "ann")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (&ledger.Committer{Store: f.store, Catalog: f.Catalog, Now: f.Now}).Configure(ctx, l, c, "ann"); err != nil {
		t.Fatal(err)
	}
	cause := func(id license.ResourceID) ledger.Cause {
		l, err := f.store.Load(ctx, "lic-b")
		if err != nil {
			t.Fatal(err)
		}
		e, _ := l.Find(id)
		return e.Members[0].Cause
	}
	const otherID = "i-0fffffffffffffff0"
	f.now = f.now.Add(time.Minute)
	for _, id := range []string{oneID, otherID} {
		f.set(id, license.Running, f.now)
		in := f.cloud.instances[id]
		in.Tags = map[string]string{"software": "oracle"}
		f.cloud.instances[id] = in
	}
	f.handle(1, stateEvent(oneID, "running", f.now), stateEvent(otherID, "running", f.now))
	if got := cause(id); got != ledger.ByChange {
		t.Errorf("started after an undo: cause %q, want %q", got, ledger.ByChange)
	}
	if got := cause(license.NewResourceID(account, region, otherID)); got != ledger.ByLaunch {
		t.Errorf("launched beside it: cause %q, want %q", got, ledger.ByLaunch)
	}
}
