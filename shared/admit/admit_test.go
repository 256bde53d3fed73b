package admit_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"licenseguard/shared/enforce"
	"licenseguard/shared/event"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

// TestHundredIntoTen: 100 launches of a group into 10 free licenses, in batches of
// different sizes. 10 go on, nothing that serves is ended, and the group launches
// no more than it did at first.
func TestHundredIntoTen(t *testing.T) {
	t.Parallel()
	for _, most := range []int{100, 33, 10, 1} {
		t.Run(fmt.Sprintf("batches of %d", most), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.license("lic-a", 10, nil)
			g := w.group("web", 100, 0, 100)
			w.run(2*time.Hour, most)
			t.Logf("launches %d, in service %d, abandoned %d, capacity %d, changes of it %d, invocations %d", g.launches, len(g.in(inService)), g.abandoned, g.desired, w.report.Lowered, w.runs)
			if g.launches != 100 || len(g.in(inService)) != 10 || g.abandoned != 90 || g.desired != 10 || g.ended != 0 || g.timedOut != 0 {
				t.Errorf("launches %d, in service %d, abandoned %d, capacity %d, ended in service %d, timed out %d; want 100, 10, 90, 10, 0, 0",
					g.launches, len(g.in(inService)), g.abandoned, g.desired, g.ended, g.timedOut)
			}
			if stops := w.stops(); len(stops) > 0 {
				t.Errorf("to be stopped later: %v", stops)
			}
			if len(w.touched) > 0 {
				t.Errorf("enforcement touched %v", w.touched)
			}
			if got := w.journal(); got[ledger.DoneAbandoned] != 90 {
				t.Errorf("journal %v", got)
			}
			if alerts := w.alerts(ledger.AlertSuspended); len(alerts) > 0 || g.suspended {
				t.Errorf("suspended: %v", alerts)
			}
			w.truth("lic-a")
		})
	}
}

// TestLargerInstances: what is left over is too small for one more.
func TestLargerInstances(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.license("lic-a", 35, func(c *license.Configuration) { c.CountingType = license.CountVCPU })
	g := w.group("web", 20, 0, 50)
	g.kind = "m5.2xlarge" // 8 vCPUs
	w.run(time.Hour, 100)
	if g.launches != 20 || len(g.in(inService)) != 4 || g.desired != 4 || len(w.stops()) > 0 {
		t.Errorf("launches %d, in service %d, capacity %d, stops %v", g.launches, len(g.in(inService)), g.desired, w.stops())
	}
}

// TestFewerThanTheMinimum: a group that may not be as small as what fits launches
// nothing more, and people are told once, also when a message comes twice.
func TestFewerThanTheMinimum(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.license("lic-a", 10, nil)
	g := w.group("web", 40, 20, 100)
	w.run(time.Hour, 7)
	if g.launches != 40 || len(g.in(inService)) != 10 || !g.suspended || g.desired != 20 || g.ended != 0 {
		t.Errorf("launches %d, in service %d, suspended %t, capacity %d", g.launches, len(g.in(inService)), g.suspended, g.desired)
	}
	if got, want := w.alerts(ledger.AlertSuspended), []string{"group web in account 123456789012, us-east-1: its minimum of 20 is more than fit"}; !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}

	// A person resumes it without more licenses: it launches, and people are told again.
	g.suspended = false
	w.run(time.Hour, 7)
	if g.launches != 50 || len(g.in(inService)) != 10 || !g.suspended || len(w.alerts(ledger.AlertSuspended)) != 2 {
		t.Errorf("resumed: launches %d, in service %d, suspended %t, told %d times", g.launches, len(g.in(inService)), g.suspended, len(w.alerts(ledger.AlertSuspended)))
	}
}

// TestWhoeverRaisesTheCapacity: a scaling policy wants the group large, minute by
// minute. Its launches are bounded: then launching is suspended.
func TestWhoeverRaisesTheCapacity(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.license("lic-a", 10, nil)
	g := w.group("web", 100, 0, 100)
	for range 60 {
		w.run(time.Minute, 100)
		g.desired = 100
	}
	// One round beyond what may be abandoned in an hour, and what was let in.
	bound := ledger.MostAbandoned(g.max) + int(g.max) + 10
	t.Logf("launches %d within the hour, at most %d", g.launches, bound)
	if g.launches > bound || g.launches < 200 || !g.suspended || len(g.in(inService)) != 10 || g.ended != 0 {
		t.Errorf("launches %d, at most %d; suspended %t, in service %d", g.launches, bound, g.suspended, len(g.in(inService)))
	}
	if told := w.alerts(ledger.AlertSuspended); len(told) != 1 {
		t.Errorf("told %q", told)
	}
}

// TestAGroupThatReplacesAtOnce launches within the invocation whatever it lacks, and
// ends what it has too much. Since it launches nothing while launches are abandoned,
// and is lowered to what it has after them, there is neither.
func TestAGroupThatReplacesAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.license("lic-a", 10, nil)
	g := w.group("web", 50, 0, 100)
	g.eager = true
	w.before = func(string) { g.reconcile() } // between any two calls
	w.run(time.Hour, 100)
	if g.launches != 50 || len(g.in(inService)) != 10 || g.ended != 0 || g.suspended {
		t.Errorf("launches %d, in service %d, ended in service %d, suspended %t", g.launches, len(g.in(inService)), g.ended, g.suspended)
	}
}

// TestLetIn: what is no matter of admission, or in doubt, goes on.
func TestLetIn(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		license func(*license.Configuration)
		group   func(*world, *group)
		answers bool // of ours: else the hook is somebody else's
	}{
		{"observe", func(c *license.Configuration) { c.Enforcement.Mode = license.Observe }, nil, true},
		{"tag", func(c *license.Configuration) { c.Enforcement.Mode = license.Tag }, nil, true},
		{"a soft limit", func(c *license.Configuration) { c.HardLimit = false }, nil, true},
		{"no license applies", nil, func(_ *world, g *group) { g.image = "ami-0fffffffffffffff0" }, true},
		{"protected", nil, func(_ *world, g *group) { g.tags = map[string]string{license.TagProtected: "true"} }, true},
		{"a service's group", nil, func(_ *world, g *group) { g.tags = map[string]string{license.TagEKSCluster: "x"} }, true},
		{"into a warm pool", nil, func(_ *world, g *group) { g.destination = event.PlaceWarmPool }, true},
		{"paused", nil, func(w *world, _ *group) { w.pause(ledger.ScopeAll) }, true},
		{"the account is paused", nil, func(w *world, _ *group) { w.pause(ledger.AccountScope(account)) }, true},
		{"the license is paused", nil, func(w *world, _ *group) { w.pause(ledger.LicenseScope("lic-a")) }, true},
		{"somebody else's hook", nil, func(_ *world, g *group) { g.hook = "warm-up" }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.license("lic-a", 2, tt.license)
			g := w.group("web", 5, 0, 10)
			if tt.group != nil {
				tt.group(w, g)
			}
			w.run(time.Minute, 100)
			want := 5
			if !tt.answers {
				want = 0
			}
			if len(g.in(inService)) != want || g.abandoned != 0 || g.desired != 5 || w.report.Refused != 0 || (w.report.Passed > 0) == tt.answers {
				t.Errorf("in service %d, abandoned %d, capacity %d, report %+v", len(g.in(inService)), g.abandoned, g.desired, w.report)
			}
		})
	}
}

func (w *world) pause(s ledger.Scope) {
	w.t.Helper()
	c := ledger.BrakesCommitter{Store: w.store, Now: func() time.Time { return w.now }}
	if _, err := c.Update(w.t.Context(), func(b *ledger.Brakes, now time.Time) *ledger.Braking {
		b.Pause(ledger.Hold{Scope: s, By: "alice", At: now, Why: "test"})
		return &ledger.Braking{Reason: "paused", By: "alice"}
	}); err != nil {
		w.t.Fatal(err)
	}
}

// TestPausedMeanwhile: a person pauses after the decision, before the group is
// touched: the launches go on.
func TestPausedMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.license("lic-a", 2, nil)
	g := w.group("web", 5, 0, 10)
	commits := 0
	w.before = func(step string) {
		if step == "commit" {
			if commits++; commits == 1 {
				w.pause(ledger.ScopeAll)
			}
		}
	}
	w.run(time.Minute, 100)
	if len(g.in(inService)) != 5 || g.abandoned != 0 || g.desired != 5 {
		t.Errorf("in service %d, abandoned %d, capacity %d", len(g.in(inService)), g.abandoned, g.desired)
	}
}

// TestTwoLicenses: an instance that another license refuses keeps no place in this
// one; what was refused for want of that place waits for it and is let in.
func TestTwoLicenses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.license("lic-a", 2, nil)
	w.license("lic-b", 1, func(c *license.Configuration) {
		c.Associations = []license.Association{{Kind: license.ByTag, Value: "Software=oracle"}}
	})
	// Two with both licenses come first, of which lic-b has room for one; then two
	// with lic-a alone, of which there is room for one as soon as a refused one ended.
	both := w.group("a-both", 2, 0, 10)
	both.tags = map[string]string{"Software": "oracle"}
	one := w.group("b-one", 2, 0, 10)
	w.run(time.Hour, 100)
	if len(both.in(inService)) != 1 || both.desired != 1 || len(one.in(inService)) != 1 || one.desired != 1 || both.launches != 2 || one.launches != 2 {
		t.Errorf("both: in service %d of %d, capacity %d; one: in service %d of %d, capacity %d",
			len(both.in(inService)), both.launches, both.desired, len(one.in(inService)), one.launches, one.desired)
	}
	if stops := w.stops(); len(stops) > 0 {
		t.Errorf("to be stopped later: %v", stops)
	}
}

// TestThrottled: what AWS refuses for now comes again, and nothing is done twice.
func TestThrottled(t *testing.T) {
	t.Parallel()
	for n := range 12 {
		t.Run(fmt.Sprintf("call %d", n), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.license("lic-a", 3, nil)
			g := w.group("web", 10, 0, 10)
			g.refusals = append(make([]error, n), fmt.Errorf("throttled: %w", enforce.ErrThrottled))
			w.run(time.Hour, 100)
			if g.launches != 10 || len(g.in(inService)) != 3 || g.desired != 3 || g.ended != 0 || len(w.stops()) > 0 {
				t.Errorf("launches %d, in service %d, capacity %d, ended in service %d, stops %v", g.launches, len(g.in(inService)), g.desired, g.ended, w.stops())
			}
			if b, err := w.store.LoadBrakes(t.Context()); err != nil || len(b.Refusals) != 0 && b.Refusals[0].Abandoned[0].Launches > 7 {
				t.Errorf("%+v, %v", b, err)
			}
		})
	}
}

// TestDoubledAndMalformed: an event that comes twice is answered once, and what is
// no event is buried with the reason.
func TestDoubledAndMalformed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.license("lic-a", 3, nil)
	g := w.group("web", 10, 0, 10)
	g.reconcile()
	for _, d := range slices.Clone(w.queue) {
		w.send(d.Body) // in the next batch, and once more later
		w.send(d.Body)
		w.queue[len(w.queue)-1].at = w.now.Add(time.Minute)
	}
	w.send([]byte("{"))
	w.send(g.hookEvent(&machine{Instance: license.Instance{ID: license.NewResourceID(account, region, "i-none")}, token: "x"}))
	w.run(time.Hour, 10)
	if g.launches != 10 || len(g.in(inService)) != 3 || g.abandoned != 7 || g.desired != 3 {
		t.Errorf("launches %d, in service %d, abandoned %d, capacity %d", g.launches, len(g.in(inService)), g.abandoned, g.desired)
	}
	entries, err := w.store.Journal(t.Context(), start)
	if got := w.journal()[ledger.DoneAbandoned]; err != nil || got != 7 {
		t.Fatalf("%d abandoned, %v", got, err)
	}
	for _, e := range entries {
		if e.Action == ledger.DoneCancelled {
			continue // enforcement's, for an instance that ended before it could be answered
		}
		if e.Action != ledger.DoneAbandoned || e.Done.IsZero() || e.Why != ledger.WhyOver || e.Group != "web" || e.Capacity[1] >= e.Capacity[0] || e.Capacity[1] < 3 {
			t.Errorf("%+v", e)
		}
	}
	if len(w.graves) != 2 || w.graves[0].Place != "body" || w.graves[1].Place != "detail.EC2InstanceId" {
		t.Errorf("buried %+v", w.graves)
	}
	if b, _ := w.store.LoadBrakes(t.Context()); b.Refusals[0].Abandoned[0].Launches != 7 {
		t.Errorf("counted %+v", b.Refusals)
	}
}

// TestElsewhere: events of others' accounts and Regions are buried.
func TestElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.admitter.Accounts, w.admitter.Region = []string{"210987654321"}, region
	g := w.group("web", 1, 0, 1)
	g.reconcile()
	w.run(time.Second, 10)
	w.admitter.Accounts, w.admitter.Region = []string{account}, "eu-west-1"
	g.end(g.members()[0])
	w.run(2*time.Second, 10)
	if len(w.graves) != 2 || w.graves[0].Place != "account" || w.graves[1].Place != "region" {
		t.Errorf("buried %+v", w.graves)
	}
}

// TestNotYetKnown: an instance that AWS does not know yet is asked for again, and at
// the third receive let in.
func TestNotYetKnown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.license("lic-a", 0, nil)
	g := w.group("web", 1, 0, 1)
	g.reconcile()
	hidden := w.ids
	m := w.all[hidden[0]]
	w.admitter.Tracker = unknowing{}
	w.run(10*time.Second, 10)
	if m.lifecycle != waiting {
		t.Fatalf("it is %s", m.lifecycle)
	}
	w.run(10*time.Minute, 10)
	if m.lifecycle != inService || w.runs != 3 {
		t.Errorf("it is %s after %d invocations", m.lifecycle, w.runs)
	}
}

// unknowing knows no instance.
type unknowing struct{}

func (unknowing) Observe(_ context.Context, _ track.Scope, ids []string, _ map[string]string) (track.Observed, error) {
	return track.Observed{Missing: ids}, nil
}

// TestEndedMeanwhile: Auto Scaling ends one that serves while others are abandoned.
// Its place in the group stays, so that it is replaced, and a license is free for it.
func TestEndedMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.license("lic-a", 3, nil)
	g := w.group("web", 8, 0, 10)
	w.before = func(step string) {
		if step == "answered" && g.abandoned == 1 {
			g.end(g.in(inService)[0])
			w.before = nil
		}
	}
	w.run(time.Hour, 100)
	if len(g.in(inService)) != 3 || g.desired != 3 || g.launches != 9 {
		t.Errorf("in service %d, capacity %d, launches %d", len(g.in(inService)), g.desired, g.launches)
	}
}
