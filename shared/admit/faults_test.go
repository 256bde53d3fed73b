package admit_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"licenseguard/shared/admit"
	"licenseguard/shared/ledger"
)

// TestDies: a function that dies, for good, at any of its steps. The hook's default
// applies at its timeout, and then a sweep makes the ledger equal to what runs.
func TestDies(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"observe", "recorded", "commit", "suspend", "suspended", "answer", "answered", "lower", "lowered", "resume", "resumed"} {
		for _, byDefault := range []bool{true, false} {
			t.Run(fmt.Sprintf("at %s, default continue %t", step, byDefault), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				w.license("lic-a", 10, nil)
				w.admitter.Tracker = observing{w.newTracker(), w}
				g := w.group("web", 30, 0, 40)
				g.byDefault = byDefault
				w.before = func(name string) {
					if name == step {
						panic(errDied)
					}
				}
				g.reconcile()
				w.run(g.timeout+2*time.Second, 100)
				if g.timedOut == 0 && g.abandoned == 0 {
					t.Fatal("nothing came of the launches")
				}
				for _, m := range g.in(waiting) {
					if !w.now.Before(m.deadline) {
						t.Errorf("%s waits longer than the timeout", m.ID)
					}
				}
				if _, err := w.newTracker().Sweep(t.Context(), scope); err != nil {
					t.Fatal(err)
				}
				w.truth("lic-a")
				t.Logf("in service %d, waiting %d, launches %d, capacity %d, timed out %d, of those in service Auto Scaling ended %d", len(g.in(inService)), len(g.in(waiting)), g.launches, g.desired, g.timedOut, g.ended)
				if g.ended != 0 {
					t.Errorf("Auto Scaling ended %d in service", g.ended)
				}

				// It is mended: nothing that serves is ended, and what is launched is answered.
				w.before = nil
				serving, ended := len(g.in(inService)), g.ended
				w.run(2*time.Hour, 100)
				if now := len(g.in(inService)); now < serving || g.ended != ended || len(g.in(waiting)) > 0 {
					t.Errorf("mended: in service %d after %d, ended %d after %d, waiting %d", now, serving, g.ended, ended, len(g.in(waiting)))
				}
				if !byDefault && len(g.in(inService)) > 10 {
					t.Errorf("%d in service of 10", len(g.in(inService)))
				}
				w.truth("lic-a")
			})
		}
	}
}

// TestDiesOnce: a function that dies once, at any of its steps, and is invoked again
// within the hook's time. All ends as if nothing had been.
func TestDiesOnce(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"observe", "recorded", "commit", "look", "suspend", "suspended", "answer", "answered", "lower", "lowered", "resume", "resumed"} {
		for nth := range 4 {
			t.Run(fmt.Sprintf("at %s %d", step, nth), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				w.license("lic-a", 10, nil)
				g := w.group("web", 30, 0, 40)
				seen := 0
				w.before = func(name string) {
					if name == step {
						if seen++; seen == nth+1 {
							panic(errDied)
						}
					}
				}
				w.run(2*time.Hour, 100)
				t.Logf("launches %d, in service %d, capacity %d, ended in service %d", g.launches, len(g.in(inService)), g.desired, g.ended)
				if g.launches > 35 || g.timedOut != 0 || g.ended != 0 || g.suspended || len(w.stops()) > 0 || len(g.in(inService)) != 10 || g.desired != 10 {
					t.Errorf("launches %d, in service %d, capacity %d, ended in service %d, stops %v", g.launches, len(g.in(inService)), g.desired, g.ended, w.stops())
				}
				w.truth("lic-a")
			})
		}
	}
}

// TestLost: hook events that never come leave the group to its default, and a sweep
// sets the ledger right.
func TestLost(t *testing.T) {
	t.Parallel()
	for _, byDefault := range []bool{true, false} {
		t.Run(fmt.Sprintf("default continue %t", byDefault), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.license("lic-a", 10, nil)
			w.lost = func(n int) bool { return n%3 == 0 }
			g := w.group("web", 30, 0, 40)
			g.byDefault = byDefault
			w.run(g.timeout+time.Minute, 100)
			if g.timedOut == 0 {
				t.Fatal("no hook timed out")
			}
			w.lost = nil
			w.run(2*time.Hour, 100)
			if _, err := w.newTracker().Sweep(t.Context(), scope); err != nil {
				t.Fatal(err)
			}
			w.truth("lic-a")
			t.Logf("launches %d, in service %d, capacity %d, timed out %d, Auto Scaling ended %d", g.launches, len(g.in(inService)), g.desired, g.timedOut, g.ended)
			if g.launches > 60 || !byDefault && len(g.in(inService)) > 10 {
				t.Errorf("launches %d, in service %d", g.launches, len(g.in(inService)))
			}
		})
	}
}

// TestTwoAtOnce: two functions with half of the events each, the second begun within
// each step of the first.
func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"observe", "recorded", "commit", "look", "suspend", "suspended", "answer", "answered", "lower", "lowered", "resume", "resumed"} {
		for _, nth := range []int{1, 2, 4, 9} {
			t.Run(fmt.Sprintf("at %s %d", step, nth), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				w.license("lic-a", 10, nil)
				g := w.group("web", 60, 0, 60)
				g.reconcile()
				w.now = w.now.Add(time.Second)
				due := w.due()
				// The second half was launched first, so that it would displace the first.
				for i, d := range due {
					m := w.all[w.ids[i]]
					m.LaunchTime = m.LaunchTime.Add(-time.Duration(i) * time.Millisecond)
					_ = d
				}
				rival := *w.admitter
				rival.Tracker, rival.Store, rival.Log = w.newTracker(), w.store, slog.New(slog.DiscardHandler)
				seen, begun := 0, false
				w.before = func(name string) {
					if name == step && !begun {
						if seen++; seen == nth {
							begun = true
							w.invoke(&rival, due[30:])
						}
					}
				}
				w.invoke(w.admitter, due[:30])
				if !begun {
					begun = true
					w.invoke(&rival, due[30:])
				}
				w.before = nil
				w.run(2*time.Hour, 100)
				serving := len(g.in(inService))
				t.Logf("launches %d, in service %d, abandoned %d, capacity %d, ended in service %d", g.launches, serving, g.abandoned, g.desired, g.ended)
				if serving != 10 || g.desired != 10 || g.ended != 0 || g.launches != 60 || len(w.stops()) > 0 || len(w.alerts(ledger.AlertSuspended)) > 0 {
					t.Errorf("launches %d, in service %d, abandoned %d, capacity %d, ended in service %d, stops %v", g.launches, serving, g.abandoned, g.desired, g.ended, w.stops())
				}
				w.truth("lic-a")
			})
		}
	}
}

var _ admit.Groups = (*world)(nil)
