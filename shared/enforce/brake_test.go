package enforce_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"licenseguard/shared/enforce"
	"licenseguard/shared/ledger"
	"licenseguard/shared/ledger/ledgertest"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

// TestRefusalsOpenTheBreaker: EC2 refuses one instance after the other, as it does
// when a role is wrong. At the fifth nothing more is tried until a person looked.
func TestRefusalsOpenTheBreaker(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		err   error
		holds int
	}{
		{"refused", errors.New("api error UnauthorizedOperation: no"), 1},
		{"throttled", fmt.Errorf("stop: %w", enforce.ErrThrottled), 0},
		{"not yet", fmt.Errorf("stop: %w", enforce.ErrNotYet), 0},
		{"gone", fmt.Errorf("stop: %w", enforce.ErrGone), 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, 9, 20)
			f.must(f.operator().Limit(context.Background(), ledger.Limits{FleetLeast: 20}))
			for i := 1; i < 9; i++ {
				f.cloud.instances[name(i)].stop = []error{test.err, test.err, test.err}
			}
			f.now = f.now.Add(2 * time.Minute)
			r := f.run()
			b, err := f.store.LoadBrakes(context.Background())
			f.must(err)
			if len(b.Holds) != test.holds {
				t.Fatalf("holds %v after %+v; want %d", b.Holds, r, test.holds)
			}
			if test.holds == 0 {
				return
			}
			if r.Failed != 5 || r.Held != 3 || b.Holds[0].Scope != ledger.ScopeAll || !b.Holds[0].Breaker {
				t.Errorf("%+v under %v; want the breaker open at the fifth, the others held in the middle of the batch", r, b.Holds)
			}
			if r := f.pass(6 * time.Hour); r.Failed+r.Stopped != 0 {
				t.Errorf("%+v with the breaker open", r)
			}
		})
	}
}

// TestWhatMayHaveBeenDoneStaysSpent: a stop is done and its outcome is lost; the
// next run, which the license refuses because the intent is not its own, must not
// give its budget back.
func TestWhatMayHaveBeenDoneStaysSpent(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 2, 10)
	ctx := context.Background()
	for _, c := range f.queue {
		f.must(f.Queue(ctx, c))
	}
	m, failed := f.cloud.instances[name(1)], false
	f.Enforcer.Store = ledgertest.Faulty(f.store, func(op string) (before, after error) {
		if op == "Load" && m.stops == 1 && !failed { // of the outcome's commit
			failed = true
			return errors.New("no connection"), nil
		}
		return nil, nil
	})
	f.now = f.now.Add(2 * time.Minute)
	_, err := f.Run(ctx)
	if err == nil || m.stops != 1 {
		t.Fatalf("%d stops, %v; want one whose outcome is lost", m.stops, err)
	}
	m.State = license.Running // EC2 shows it late
	f.now = f.now.Add(time.Minute)
	_, err = f.Run(ctx)
	f.must(err)
	b, err := f.store.LoadBrakes(ctx)
	f.must(err)
	if len(b.Spent) != 1 || m.stops != 1 {
		t.Errorf("%d spent after %d stops; want the stop spent", len(b.Spent), m.stops)
	}
}

// TestUndoAfterASecondTry: EC2 took the tags and refused the stop at first. The
// undo puts back what was there before the first try, not the tags of it.
func TestUndoAfterASecondTry(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 2, 10)
	ctx := context.Background()
	m := f.cloud.instances[name(1)]
	m.Tags = map[string]string{"licenseguard:status": "mine"}
	m.stop = []error{errors.New("api error InternalError: again")}
	f.cloud.tagged = func(m *machine, tags map[string]string) { m.Tags = maps.Clone(tags) }
	if f.pass(10 * time.Minute); m.stops != 1 {
		t.Fatalf("%d stops; want one, at the second try", m.stops)
	}
	entries, err := f.store.Journal(ctx, start)
	f.must(err)
	last := entries[len(entries)-1]
	if last.Replaced["licenseguard:status"] != "mine" || len(last.Replaced) != 1 {
		t.Errorf("replaced %v; want the tag that was there before", last.Replaced)
	}
	m.State = license.Stopped
	f.must(f.operator().Undo(ctx, last))
	f.pass(5 * time.Minute)
	if m.starts != 1 || m.Tags["licenseguard:status"] != "mine" || m.Tags["licenseguard:reason"] != "" {
		t.Errorf("%d starts, tags %v after the undo; want the tag of before alone", m.starts, m.Tags)
	}
}

func TestDriftOpensTheBreaker(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 60, 20)
	ctx := context.Background()
	for sweep, want := range []int{0, 0, 1} {
		corrected := []int{60, 15, 30}[sweep]
		f.must(enforce.Recover(ctx, f.store, f.brakes(), []enforce.Swept{{Account: account, Corrected: corrected}}))
		b, err := f.store.LoadBrakes(ctx)
		f.must(err)
		if len(b.Holds) != want || b.Fleet[account] != 60 {
			t.Errorf("sweep %d corrected %d of %v: holds %v; want %d", sweep+1, corrected, b.Fleet, b.Holds, want)
		}
	}
}

// groups is one Auto Scaling group whose answers get lost.
type groups struct {
	desired, min int32
	lost         int
}

func (g *groups) Capacity(context.Context, track.Scope, string) (enforce.Capacity, error) {
	return enforce.Capacity{Desired: g.desired, Min: g.min, Max: 10}, nil
}

func (g *groups) SetCapacity(_ context.Context, _ track.Scope, _ string, desired int32) error {
	g.desired = desired
	if g.lost > 0 {
		g.lost--
		return errors.New("the answer was lost")
	}
	return nil
}

func (g *groups) Detach(context.Context, track.Scope, string, string) error { return nil }
func (g *groups) Attach(context.Context, track.Scope, string, string) error { return nil }

// grouped makes the second instance a member of a group that the license answers
// by a lower capacity.
func grouped(t *testing.T, g *groups) *fixture {
	f := newFixture(t, 2, 10)
	f.Groups = g
	ctx := context.Background()
	l, err := f.store.Load(ctx, "lic-a")
	f.must(err)
	c := l.Configuration
	c.Enforcement.AutoScaling = license.AutoScalingLower
	_, err = f.committer().Configure(ctx, l, c, "test")
	f.must(err)
	m := f.cloud.instances[name(1)]
	m.Tags = map[string]string{license.TagAutoScalingGroup: "web"}
	_, err = f.committer().claim([]ledger.Claim{{Instance: m.Instance, Generation: ledger.Generation{Launch: m.LaunchTime, Rank: m.State.Rank()}, Guard: ledger.GuardAutoScaling,
		Held: &license.Held{ConfigurationID: "lic-a", Kind: license.ByInstance, Value: name(1), Since: m.LaunchTime}, Offered: start, Observed: f.now, Happened: f.now}})
	f.must(err)
	return f
}

func TestAGroupIsMadeSmallerOnce(t *testing.T) {
	t.Parallel()
	g := &groups{desired: 5, min: 1, lost: 2}
	f := grouped(t, g)
	if f.pass(3 * time.Hour); g.desired != 4 || f.pending() != 0 || f.cloud.instances[name(1)].stops != 0 {
		t.Errorf("desired %d, %d pending, %d stops; want it smaller by one and nothing stopped", g.desired, f.pending(), f.cloud.instances[name(1)].stops)
	}
	entries, err := f.store.Journal(context.Background(), start)
	f.must(err)
	last := entries[len(entries)-1]
	if last.Action != ledger.DoneLowered || last.Capacity == nil || *last.Capacity != [2]int32{5, 4} {
		t.Fatalf("journal %+v; want 5 to 4", last)
	}
	f.must(f.operator().Undo(context.Background(), last))
	if f.pass(time.Hour); g.desired != 5 {
		t.Errorf("desired %d after the undo; want 5", g.desired)
	}
}

// TestAGroupThatGrewAgain: the outcome of a lower capacity is not recorded, and the
// group grows by one before the next try: it is not made smaller again.
func TestAGroupThatGrewAgain(t *testing.T) {
	t.Parallel()
	g := &groups{desired: 5, min: 1}
	f := grouped(t, g)
	failed := false
	f.Enforcer.Store = ledgertest.Faulty(f.store, func(op string) (before, after error) {
		if op == "Commit" && g.desired == 4 && !failed {
			failed = true
			g.desired++ // by a scaling policy
			return errors.New("no connection"), nil
		}
		return nil, nil
	})
	for range 30 {
		for _, c := range f.queue {
			f.must(f.Queue(context.Background(), c))
		}
		f.queue = nil
		_, _ = f.Run(context.Background()) // one fails
		f.now = f.now.Add(time.Minute)
	}
	if !failed || g.desired != 5 || f.pending() != 0 {
		t.Errorf("failed %v, desired %d, %d pending; want the group left at 5 and the action done", failed, g.desired, f.pending())
	}
}

func TestAGroupAtItsMinimumIsTagged(t *testing.T) {
	t.Parallel()
	g := &groups{desired: 1, min: 1}
	f := grouped(t, g)
	if r := f.pass(time.Hour); g.desired != 1 || r.Tagged != 1 || f.pending() != 0 {
		t.Errorf("desired %d, %+v, %d pending; want a tag only", g.desired, r, f.pending())
	}
}

// TestUndoWhileAnExemptionIsForgotten: that an old exemption drops out in the same
// commit does not keep the undo from leaving the instance alone.
func TestUndoWhileAnExemptionIsForgotten(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 2, 10)
	ctx := context.Background()
	id := license.NewResourceID(account, "us-east-1", name(7))
	f.must(f.operator().Exempt(ctx, "lic-a", license.Exemption{Instance: id, Owner: "o", Reason: "r", Until: f.now.Add(time.Hour)}))
	f.pass(10 * time.Minute)
	f.now = f.now.Add(72 * time.Hour)
	entries, err := f.store.Journal(ctx, start)
	f.must(err)
	last := entries[len(entries)-1]
	f.must(f.operator().Undo(ctx, last))
	l, err := f.store.Load(ctx, "lic-a")
	f.must(err)
	if x, ok := l.Configuration.Exempt(last.Instance, f.now); !ok || !x.Undo || len(l.Configuration.Exemptions) != 1 {
		t.Errorf("exemptions %+v; want that of the undo alone", l.Configuration.Exemptions)
	}
}
