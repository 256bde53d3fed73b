package track_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"licenseguard/events"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

const (
	failing     = "h-0aaaaaaaaaaaaaaa1"
	replacement = "h-0bbbbbbbbbbbbbbb2"
)

// hosted is a fixture whose license counts cores with 90 days of affinity, and a host of
// 48 cores that carries twenty instances.
func hosted(t *testing.T, count int64) *fixture {
	t.Helper()
	f := newFixture(t)
	f.Documents = f.store
	if _, err := f.Configure(t.Context(), license.Configuration{ID: "lic-c", Name: "C", CountingType: license.CountCore, Count: &count, HardLimit: true,
		Rules:        []license.RuleVersion{{Text: []string{"#licenseAffinityToHost=90"}}},
		Associations: []license.Association{{Kind: license.ByAMI, Value: image}}}, "test"); err != nil {
		t.Fatal(err)
	}
	f.cloud.hosts = make(map[string]license.Host)
	f.host(failing, "available")
	f.now = f.now.Add(time.Minute)
	var bodies []string
	for n := range 20 {
		bodies = append(bodies, f.place(n, failing, f.now))
	}
	f.now = f.now.Add(time.Second)
	f.handle(1, bodies...)
	f.totals("twenty instances on a host", ledger.Totals{Running: 48, Covered: 48, Hosts: 48})
	return f
}

func (f *fixture) host(id, state string) {
	f.cloud.hosts[id] = license.Host{ID: license.NewResourceID(account, region, id), Family: "m5", State: state, Cores: 48, Sockets: 2}
}

// place runs the n-th instance on a host and returns its event.
func (f *fixture) place(n int, host string, launch time.Time) string {
	id := fmt.Sprintf("i-%017x", n)
	f.set(id, license.Running, launch)
	in := f.cloud.instances[id]
	in.Tenancy, in.HostID = license.TenancyDedicatedHost, host
	f.cloud.instances[id] = in
	return stateEvent(id, "running", launch)
}

func (f *fixture) totals(what string, want ledger.Totals) *ledger.License {
	f.t.Helper()
	l, err := f.store.Load(f.t.Context(), "lic-c")
	if err != nil {
		f.t.Fatal(err)
	}
	if l.Totals != want {
		f.t.Errorf("%s: %+v, want %+v", what, l.Totals, want)
	}
	return l
}

// TestHostRecoveryFromTheEvents: the instances of a failed host come to its replacement
// one by one, in events that come twice; it is counted once all the time, asked for once
// by each batch in which one moved, and on record.
func TestHostRecoveryFromTheEvents(t *testing.T) {
	t.Parallel()
	f := hosted(t, 48)
	assigned := f.now
	f.now = f.now.Add(30 * 24 * time.Hour)
	f.host(failing, "under-assessment")
	f.host(replacement, "available")
	once := ledger.Totals{Running: 48, Covered: 48, Hosts: 48}
	for n := range 20 {
		f.now = f.now.Add(time.Minute)
		f.cloud.hostsAsk = nil
		body := f.place(n, replacement, f.now)
		if r := f.handle(1, body, body); r.Handled != 2 || len(r.Retry) != 0 {
			t.Errorf("report %+v", r)
		}
		f.totals("at every step", once)
		want := [][]string{{replacement}}
		if n == 0 { // with the first all of them moved
			want = append(want, []string{failing})
		}
		if !slices.EqualFunc(f.cloud.hostsAsk, want, slices.Equal) {
			t.Errorf("asked for hosts %v, want %v", f.cloud.hostsAsk, want)
		}
		f.handle(1, stateEvent(fmt.Sprintf("i-%017x", 19), "running", f.now)) // perhaps not moved yet
		f.totals("beside it", once)
	}
	l := f.totals("at the end", once)
	if len(l.Entries) != 1 || !l.Entries[0].Assigned.Equal(assigned) || len(l.Entries[0].Members) != 20 {
		t.Errorf("%d entries, the first %+v; want the replacement alone, assigned at %s", len(l.Entries), l.Entries[0], assigned)
	}
	documents, err := f.store.Documents(t.Context(), ledger.HostRecovery, "")
	if err != nil || len(documents) != 1 {
		t.Fatalf("%d recoveries on record, %v; want 1", len(documents), err)
	}
	var r ledger.Recovery
	if err := json.Unmarshal(documents[0].Data, &r); err != nil || r.String() != "host "+failing+" failed (under-assessment): its licenses moved to "+replacement {
		t.Errorf("on record: %s, %v", r, err)
	}
}

// TestNoHostRecovery: what is no recovery, or not known to be one, counts both hosts and
// keeps the first bound.
func TestNoHostRecovery(t *testing.T) {
	t.Parallel()
	both := ledger.Totals{Running: 96, Covered: 96, Hosts: 96}
	for _, test := range []struct {
		name   string
		change func(f *fixture)
	}{
		{"a person moved it", func(*fixture) {}},
		{"the host was released by a person", func(f *fixture) { f.host(failing, "released") }},
		{"EC2 knows the host no more", func(f *fixture) { delete(f.cloud.hosts, failing) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := hosted(t, 96)
			f.host(replacement, "available")
			test.change(f)
			f.now = f.now.Add(time.Hour)
			f.handle(1, f.place(3, replacement, f.now))
			f.totals("both", both)
			if documents, err := f.store.Documents(t.Context(), ledger.HostRecovery, ""); err != nil || len(documents) != 0 {
				t.Errorf("%d recoveries on record, %v", len(documents), err)
			}
		})
	}
}

// TestHostsNotDescribed: while EC2 cannot be asked how the left host is, the message
// waits, and nothing is taken for a move.
func TestHostsNotDescribed(t *testing.T) {
	t.Parallel()
	f := hosted(t, 48)
	f.host(failing, "permanent-failure")
	f.host(replacement, "available")
	f.now = f.now.Add(time.Hour)
	body := f.place(3, replacement, f.now)
	f.cloud.hostFail = errors.New("throttled")
	if r := f.handle(1, body); len(r.Retry) != 1 {
		t.Errorf("report %+v, want a retry", r)
	}
	once := ledger.Totals{Running: 48, Covered: 48, Hosts: 48}
	f.totals("not yet", once)
	f.cloud.hostFail = nil
	if r := f.handle(2, body); len(r.Retry) != 0 {
		t.Errorf("report %+v", r)
	}
	f.totals("then", once)
}

// TestSweepFindsTheRecovery: when every event was lost, the sweep moves the licenses.
func TestSweepFindsTheRecovery(t *testing.T) {
	t.Parallel()
	f := hosted(t, 48)
	f.host(failing, "released-permanent-failure")
	f.host(replacement, "available")
	f.now = f.now.Add(time.Hour)
	for n := range 20 {
		f.place(n, replacement, f.now.Add(-time.Minute))
	}
	if _, err := f.Sweep(t.Context(), track.Scope{Account: account, Region: region}); err != nil {
		t.Fatal(err)
	}
	f.totals("after the sweep", ledger.Totals{Running: 48, Covered: 48, Hosts: 48})
}

// TestHostEventsChangeNothingByThemselves: that a host is allocated, changed or released
// is counted and passed, because all that it changes comes with the looks at its
// instances: with the next event of one, else with the sweep.
func TestHostEventsChangeNothingByThemselves(t *testing.T) {
	t.Parallel()
	f := hosted(t, 64)
	for _, name := range []string{"allocate-hosts", "modify-hosts", "release-hosts"} {
		body, err := events.Read("cloudtrail/" + name)
		if err != nil {
			t.Fatal(err)
		}
		f.cloud.hostsAsk, f.cloud.looks = nil, 0
		if r := f.handle(1, strings.ReplaceAll(string(body), "us-west-2", region)); r.Handled != 1 || r.Unknown != 1 || len(f.cloud.hostsAsk)+f.cloud.looks != 0 {
			t.Errorf("%s: report %+v, asked for hosts %v", name, r, f.cloud.hostsAsk)
		}
	}
	larger := f.cloud.hosts[failing]
	larger.Cores = 64
	f.cloud.hosts[failing] = larger
	f.now = f.now.Add(time.Hour)
	if _, err := f.Sweep(t.Context(), track.Scope{Account: account, Region: region}); err != nil {
		t.Fatal(err)
	}
	f.totals("as the sweep finds it", ledger.Totals{Running: 64, Covered: 64, Hosts: 64})
}

// TestAssociatedHost: a host that is associated itself counts by what runs on it; what
// moves to another host is given up, and a host that is released with instances on record
// is free when the sweep does not find them.
func TestAssociatedHost(t *testing.T) {
	t.Parallel()
	f := hosted(t, 96)
	count := int64(96)
	if _, err := f.Configure(t.Context(), license.Configuration{ID: "lic-c", Name: "C", CountingType: license.CountCore, Count: &count, HardLimit: true,
		Associations: []license.Association{{Kind: license.ByHost, Value: replacement}}}, "test"); err != nil {
		t.Fatal(err)
	}
	f.host(replacement, "available")
	f.now = f.now.Add(time.Hour)
	f.handle(1, f.place(50, replacement, f.now))
	used := ledger.Totals{Running: 96, Covered: 96, Hosts: 96}
	f.totals("what the image gave before stays, and the host's own counts", used)
	for n := range 20 {
		f.now = f.now.Add(time.Minute)
		f.place(n, failing, f.now)
		delete(f.cloud.instances, fmt.Sprintf("i-%017x", n))
	}
	delete(f.cloud.hosts, failing) // released
	f.now = f.now.Add(time.Hour)
	if _, err := f.Sweep(t.Context(), track.Scope{Account: account, Region: region}); err != nil {
		t.Fatal(err)
	}
	one := ledger.Totals{Running: 48, Covered: 48, Hosts: 48}
	f.totals("the released host", one)
	f.host("h-0cccccccccccccccc", "available")
	f.now = f.now.Add(time.Hour)
	f.handle(1, f.place(50, "h-0cccccccccccccccc", f.now))
	f.totals("off the associated host", ledger.Totals{})
}

// TestAssociatedHostFails: what is associated with a host is so with the one that takes
// its place, also for instances that come later or are looked at again by another
// process; a plain move ends it.
func TestAssociatedHostFails(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		state string
		want  ledger.Totals
	}{{"under-assessment", ledger.Totals{Running: 48, Covered: 48, Hosts: 48}}, {"available", ledger.Totals{}}} {
		t.Run(test.state, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.Documents, f.cloud.hosts = f.store, make(map[string]license.Host)
			count := int64(48)
			if _, err := f.Configure(t.Context(), license.Configuration{ID: "lic-c", Name: "C", CountingType: license.CountCore, Count: &count, HardLimit: true,
				Associations: []license.Association{{Kind: license.ByHost, Value: failing}}}, "test"); err != nil {
				t.Fatal(err)
			}
			f.host(failing, "available")
			f.now = f.now.Add(time.Minute)
			f.handle(1, f.place(1, failing, f.now), f.place(2, failing, f.now))
			f.totals("on the associated host", ledger.Totals{Running: 48, Covered: 48, Hosts: 48})
			f.host(failing, test.state)
			f.host(replacement, "available")
			f.now = f.now.Add(time.Hour)
			f.handle(1, f.place(1, replacement, f.now))
			f.fresh()
			f.handle(1, f.place(2, replacement, f.now), f.place(3, replacement, f.now))
			f.now = f.now.Add(time.Hour)
			if _, err := f.Sweep(t.Context(), track.Scope{Account: account, Region: region}); err != nil {
				t.Fatal(err)
			}
			l := f.totals("on the replacement", test.want)
			if n := len(l.Instances()); test.want.Hosts > 0 && n != 3 {
				t.Errorf("%d instances, want 3", n)
			}
		})
	}
}

// TestReplacementNotDescribedYet: while EC2 does not show the replacement itself, the
// instance is on it all the same: the failed host's state is not taken for its own.
func TestReplacementNotDescribedYet(t *testing.T) {
	t.Parallel()
	f := hosted(t, 48)
	f.host(failing, "under-assessment")
	f.now = f.now.Add(time.Hour)
	f.handle(1, stateEvent(fmt.Sprintf("i-%017x", 3), "running", f.now)) // the failure is on record
	f.now = f.now.Add(time.Minute)
	f.handle(1, f.place(3, replacement, f.now))
	l := f.totals("as large as the failed one, until it is told", ledger.Totals{Running: 48, Covered: 48, Hosts: 48})
	if e, _ := l.Find(license.NewResourceID(account, region, fmt.Sprintf("i-%017x", 3))); e == nil || e.Resource.AWSID() != replacement {
		t.Errorf("on %+v, want %s", e, replacement)
	}
}
