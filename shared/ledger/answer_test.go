package ledger_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// overrun is a license of 1 with n instances over it, past the settle window.
func overrun(t *testing.T, n int, change func(*license.Configuration)) *world {
	t.Helper()
	w := newWorld(t, func(c *license.Configuration) {
		c.Count = licenses(1)
		if change != nil {
			change(c)
		}
	}).after(time.Hour)
	w.see(w.fleet(1, n+1)...)
	return w.after(settle)
}

func (w *world) launchOf(n int) time.Time {
	_, m := w.member(n)
	return m.Generation.Launch
}

// grant asks for actions, always as the same run.
func (w *world) grant(action license.Mode, instances ...int) []ledger.GrantResult {
	w.t.Helper()
	var b ledger.Batch
	for _, n := range instances {
		_, m := w.member(n)
		b.Grants = append(b.Grants, ledger.Grant{Instance: id(n), Launch: w.launchOf(n), Action: action, Intent: m.Intent.At})
	}
	grants := w.fold(b).Grants
	for i := range grants {
		grants[i].Intent = time.Time{}
	}
	return grants
}

func (w *world) report(done ledger.Done, n int, g ledger.Guard) ledger.Result {
	w.t.Helper()
	return w.fold(ledger.Batch{Outcomes: []ledger.ActionOutcome{{Instance: id(n), Launch: w.launchOf(n), Action: done, Guard: g}}})
}

func TestAnswer(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*license.Configuration)
		claim  []option
		want   ledger.Answer
	}{
		{"stop", nil, nil, ledger.Answer{Action: license.Stop, Mode: license.Stop, Why: ledger.WhyOver}},
		{"observe says what it would do", func(c *license.Configuration) { c.Enforcement.Mode = license.Observe }, nil, ledger.Answer{Action: license.Stop, Mode: license.Observe, Why: ledger.WhyOver}},
		{"tag", func(c *license.Configuration) { c.Enforcement.Mode = license.Tag }, nil, ledger.Answer{Action: license.Tag, Mode: license.Tag, Why: ledger.WhyOver}},
		{"soft", func(c *license.Configuration) { c.HardLimit = false }, nil, ledger.Answer{Why: ledger.WhySoft}},
		{"Auto Scaling", nil, []option{guarded(ledger.GuardAutoScaling)}, ledger.Answer{Action: license.Tag, Mode: license.Stop, Why: ledger.WhyOver}},
		{"one-time Spot", nil, []option{guarded(ledger.GuardOneTimeSpot)}, ledger.Answer{Action: license.Tag, Mode: license.Stop, Why: ledger.WhyOver}},
		{"stop protection", nil, []option{func(c *ledger.Claim) { c.Instance.StopProtected = true }}, ledger.Answer{Action: license.Tag, Mode: license.Stop, Why: ledger.WhyOver}},
		{"stopping already", nil, []option{in(license.Stopping)}, ledger.Answer{Why: ledger.WhyEnding}},
		{"shutting down already", nil, []option{in(license.ShuttingDown)}, ledger.Answer{Why: ledger.WhyEnding}},
		{"stopped", nil, []option{in(license.Stopped)}, ledger.Answer{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(c *license.Configuration) {
				c.Count = licenses(0)
				if tt.change != nil {
					tt.change(c)
				}
			}).after(time.Hour)
			w.see(w.launched(1, w.now))
			since := w.now
			w.after(time.Second).see(w.launched(1, t0.Add(time.Hour), tt.claim...))
			if tt.want.Wanted() {
				tt.want.NotBefore = since.Add(settle)
			}
			same(t, "answer", tt.want, w.answers()[1])
			if _, m := w.member(1); m.Guard != ledger.Unguarded && w.answers()[1].Action == license.Stop {
				t.Errorf("%s would be stopped", m.Guard)
			}
		})
	}
}

func TestGrants(t *testing.T) {
	t.Parallel()
	w := overrun(t, 12, nil)
	got := w.grant(license.Stop, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13)
	for i, r := range got {
		want := ledger.GrantResult{Instance: id(i + 2), Action: license.Stop}
		if i >= 10 {
			want.Refused, want.Retry = ledger.RefusedBudget, w.now.Add(time.Hour)
		}
		same(t, "grant", want, r)
	}
	_, m := w.member(2)
	same(t, "intent", license.Stop, m.Intent.Action)
	first := w.now

	if r := w.fold(ledger.Batch{Grants: []ledger.Grant{{Instance: id(2), Launch: w.launchOf(2), Action: license.Stop, Intent: first}}}); r.Change != nil || r.Grants[0].Refused != "" {
		t.Errorf("asked again, the grant is %+v, change %+v", r.Grants[0], r.Change)
	}
	same(t, "due", first.Add(10*time.Minute), w.l.Due)

	for n := 2; n <= 11; n++ {
		w.report(ledger.DoneStopped, n, "")
	}
	w.after(time.Hour - time.Millisecond)
	same(t, "before the hour is over", ledger.RefusedBudget, w.grant(license.Stop, 12)[0].Refused)
	w.after(time.Millisecond)
	same(t, "after it", ledger.Refusal(""), w.grant(license.Stop, 12)[0].Refused)
}

func TestBudgetIsOfAnyHour(t *testing.T) {
	t.Parallel()
	w := overrun(t, 12, func(c *license.Configuration) { c.Enforcement.ActionsPerHour = 2 })
	first := w.now
	w.grant(license.Stop, 2)
	w.report(ledger.DoneStopped, 2, "")
	w.after(40*time.Minute).grant(license.Stop, 3)
	w.report(ledger.DoneStopped, 3, "")
	r := w.after(10*time.Minute).grant(license.Stop, 4)[0]
	same(t, "retry", first.Add(time.Hour), r.Retry)
	w.now = r.Retry
	same(t, "granted then", ledger.Refusal(""), w.grant(license.Stop, 4)[0].Refused)
	w.report(ledger.DoneStopped, 4, "")
	same(t, "and the next when the second is an hour old", first.Add(100*time.Minute), w.grant(license.Stop, 5)[0].Retry)
	w.amend(func(c *license.Configuration) { c.Enforcement.ActionsPerHour = 1 })
	same(t, "a smaller budget waits for more", first.Add(2*time.Hour), w.grant(license.Stop, 5)[0].Retry)
}

// TestEndedAssociationIsNotAnswered: a person took the association away, and the
// instances are not counted again yet. (Found by the simulator.)
func TestEndedAssociationIsNotAnswered(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *license.Configuration) {
		c.Count, c.Associations = licenses(0), []license.Association{{Kind: license.ByTag, Value: "app"}}
	}).after(time.Hour)
	w.see(w.launched(1, w.now, func(c *ledger.Claim) { c.Held.Kind, c.Held.Value = license.ByTag, "app" }))
	same(t, "wanted", []int{1}, w.after(10*time.Minute).wanted())
	w.amend(func(c *license.Configuration) { c.Associations = nil })
	same(t, "answer", ledger.Answer{Why: ledger.WhyEnded}, w.answers()[1])
	same(t, "grant", ledger.RefusedCovered, w.grant(license.Stop, 1)[0].Refused)
}

// TestBudgetCountsWhatIsDone: an intent lasts ten minutes, and what it grants
// can be done at its end; the 60 minutes begin then. (Found by the simulator.)
func TestBudgetCountsWhatIsDone(t *testing.T) {
	t.Parallel()
	one := func(c *license.Configuration) { c.Enforcement.ActionsPerHour = 1 }
	t.Run("late", func(t *testing.T) {
		t.Parallel()
		w := overrun(t, 2, one)
		w.grant(license.Stop, 2)
		w.after(9 * time.Minute)
		w.report(ledger.DoneStopped, 2, "")
		done := w.now
		same(t, "retry", done.Add(time.Hour), w.after(50*time.Minute).grant(license.Stop, 3)[0].Retry)
	})
	t.Run("without a word", func(t *testing.T) {
		t.Parallel()
		w := overrun(t, 2, one)
		w.grant(license.Stop, 2)
		granted := w.now
		same(t, "retry", granted.Add(70*time.Minute), w.after(30*time.Minute).grant(license.Stop, 3)[0].Retry)
	})
	t.Run("seen", func(t *testing.T) {
		t.Parallel()
		w := overrun(t, 2, one)
		w.grant(license.Stop, 2)
		w.after(5 * time.Minute).see(w.launched(2, w.launchOf(2), in(license.Stopped)))
		seen := w.now
		same(t, "retry", seen.Add(time.Hour), w.after(40*time.Minute).grant(license.Stop, 3)[0].Retry)
	})
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*license.Configuration)
		play   func(w *world)
		grant  ledger.Grant
		want   ledger.GrantResult
	}{
		{name: "unknown instance", grant: ledger.Grant{Instance: id(99)}, want: ledger.GrantResult{Instance: id(99), Refused: ledger.RefusedGone}},
		{name: "another launch", grant: ledger.Grant{Instance: id(2), Launch: t0}, want: ledger.GrantResult{Instance: id(2), Refused: ledger.RefusedGone}},
		{name: "covered", grant: ledger.Grant{Instance: id(1), Action: license.Stop}, want: ledger.GrantResult{Instance: id(1), Refused: ledger.RefusedCovered}},
		{name: "observe", change: func(c *license.Configuration) { c.Enforcement.Mode = license.Observe }, grant: ledger.Grant{Instance: id(2), Action: license.Stop},
			want: ledger.GrantResult{Instance: id(2), Action: license.Stop, Refused: ledger.RefusedObserve}},
		{name: "settling", play: func(w *world) { w.now = w.now.Add(-time.Second) }, grant: ledger.Grant{Instance: id(2), Action: license.Stop},
			want: ledger.GrantResult{Instance: id(2), Action: license.Stop, Refused: ledger.RefusedSettling, Retry: t0.Add(time.Hour + settle)}},
		{name: "still starting", play: func(w *world) {
			w.see(w.launched(9, w.now, in(license.Pending)))
			w.after(settle)
		}, grant: ledger.Grant{Instance: id(9), Action: license.Stop},
			want: ledger.GrantResult{Instance: id(9), Action: license.Stop, Refused: ledger.RefusedSettling, Retry: t0.Add(time.Hour + 2*settle + time.Minute)}},
		{name: "stopping by itself", play: func(w *world) { w.see(w.launched(2, w.launchOf(2), in(license.Stopping))) }, grant: ledger.Grant{Instance: id(2), Action: license.Stop},
			want: ledger.GrantResult{Instance: id(2), Refused: ledger.RefusedCovered}},
		{name: "by a change", play: func(w *world) { w.amend(func(c *license.Configuration) { c.Count = licenses(0) }) }, grant: ledger.Grant{Instance: id(1), Action: license.Stop},
			want: ledger.GrantResult{Instance: id(1), Refused: ledger.RefusedCovered}},
		{name: "answered", play: func(w *world) { w.report(ledger.DoneTagged, 2, "") }, grant: ledger.Grant{Instance: id(2), Action: license.Stop},
			want: ledger.GrantResult{Instance: id(2), Refused: ledger.RefusedCovered}},
		{name: "only tagged where guarded", play: func(w *world) { w.see(w.launched(2, w.launchOf(2), guarded(ledger.GuardManaged))) }, grant: ledger.Grant{Instance: id(2), Action: license.Stop},
			want: ledger.GrantResult{Instance: id(2), Action: license.Tag}},
		{name: "no more than was asked", grant: ledger.Grant{Instance: id(2), Action: license.Tag}, want: ledger.GrantResult{Instance: id(2), Action: license.Tag}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := overrun(t, 3, tt.change)
			if tt.play != nil {
				tt.play(w)
			}
			if _, m := w.l.Find(tt.grant.Instance); m != nil && tt.grant.Launch.IsZero() {
				tt.grant.Launch = m.Generation.Launch
			}
			got := w.fold(ledger.Batch{Grants: []ledger.Grant{tt.grant}}).Grants
			if (got[0].Refused == "") == got[0].Intent.IsZero() {
				t.Errorf("%+v, want an intent where it is granted", got[0])
			}
			got[0].Intent = time.Time{}
			if diff := cmp.Diff([]ledger.GrantResult{tt.want}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestIntentHoldsPromotionBack(t *testing.T) {
	t.Parallel()
	w := overrun(t, 2, nil)
	w.grant(license.Stop, 2)
	granted := w.now
	w.after(time.Minute).see(w.launched(1, w.launchOf(1), in(license.Terminated)))
	same(t, "the one with an intent is not promoted, the next is", []int{3}, w.members(ledger.Covered))
	w.after(time.Minute).see(w.launched(3, w.launchOf(3), in(license.Terminated)))
	same(t, "nor while licenses are free", []int{}, w.members(ledger.Covered))
	same(t, "due", granted.Add(10*time.Minute), w.l.Due)
	w.now = granted.Add(10 * time.Minute)
	w.fold(ledger.Batch{})
	same(t, "the intent timed out", []int{2}, w.members(ledger.Covered))
	_, m := w.member(2)
	same(t, "intent", ledger.Intent{}, m.Intent)
}

// TestAnotherRunsIntent: a run that may be about to act is not overtaken; one
// that must be dead is, at no cost to the budget.
func TestAnotherRunsIntent(t *testing.T) {
	t.Parallel()
	w := overrun(t, 1, nil)
	w.grant(license.Stop, 2)
	first := w.now
	ask := func() ledger.GrantResult {
		return w.fold(ledger.Batch{Grants: []ledger.Grant{{Instance: id(2), Launch: w.launchOf(2), Action: license.Stop}}}).Grants[0]
	}
	w.after(time.Minute).amend(func(c *license.Configuration) { c.Count = licenses(2) })
	same(t, "while it may act", ledger.GrantResult{Instance: id(2), Action: license.Stop, Refused: ledger.RefusedSettling, Retry: first.Add(2 * time.Minute)}, ask())
	same(t, "covered", []int{1}, w.members(ledger.Covered))
	w.after(time.Minute)
	same(t, "when it is dead", ledger.RefusedCovered, ask().Refused)
	w.settled()
	same(t, "covered then", []int{1, 2}, w.members(ledger.Covered))

	w = overrun(t, 1, nil)
	w.grant(license.Stop, 2)
	w.after(2 * time.Minute)
	same(t, "taken over", ledger.GrantResult{Instance: id(2), Action: license.Stop, Intent: w.now}, ask())
	same(t, "actions", []time.Time{w.now}, w.l.Actions)
	same(t, "now it is the other's", ledger.RefusedSettling, ask().Refused)
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	t.Run("stopped, and the stop seen", func(t *testing.T) {
		t.Parallel()
		w := overrun(t, 1, nil)
		w.grant(license.Stop, 2)
		r := w.report(ledger.DoneStopped, 2, "")
		same(t, "action in the change", "stopped", r.Change.Deltas[0].Action)
		same(t, "answer", ledger.Answer{Why: ledger.WhyAnswered}, w.answers()[2])
		if r := w.report(ledger.DoneStopped, 2, ""); r.Change != nil {
			t.Errorf("told twice, it changes %+v", r.Change)
		}
		w.after(time.Minute).see(w.launched(2, w.launchOf(2), in(license.Stopped)))
		_, m := w.member(2)
		same(t, "intent", ledger.Intent{}, m.Intent)
		w.after(time.Minute).see(w.launched(2, w.now))
		same(t, "started again, it is answered again", []int{2}, w.wanted())
	})
	t.Run("observed", func(t *testing.T) {
		t.Parallel()
		w := overrun(t, 1, func(c *license.Configuration) { c.Enforcement.Mode = license.Observe })
		w.report(ledger.DoneWouldStop, 2, "")
		same(t, "answer", ledger.Answer{Why: ledger.WhyAnswered}, w.answers()[2])
	})
	t.Run("guarded, found by the last look", func(t *testing.T) {
		t.Parallel()
		w := overrun(t, 1, nil)
		w.grant(license.Stop, 2)
		w.alerts = nil
		w.report(ledger.DoneTagged, 2, ledger.GuardProtected)
		same(t, "alerts", []string{"not-stopped 0"}, w.raised())
		same(t, "who", []license.ResourceID{id(2)}, w.alerts[0].Resources)
		if r := w.after(time.Minute).see(w.launched(2, w.launchOf(2))); r.Change != nil {
			t.Errorf("a look that cannot tell changes %+v", r.Change)
		}
		_, m := w.member(2)
		same(t, "guard", ledger.GuardProtected, m.Guard)
		same(t, "intent", ledger.Intent{}, m.Intent)
	})
	t.Run("of another launch or nobody", func(t *testing.T) {
		t.Parallel()
		w := overrun(t, 1, nil)
		for _, o := range []ledger.ActionOutcome{{Instance: id(2), Launch: t0, Action: ledger.DoneStopped}, {Instance: id(99), Action: ledger.DoneStopped}} {
			if r := w.fold(ledger.Batch{Outcomes: []ledger.ActionOutcome{o}}); r.Change != nil {
				t.Errorf("it changes %+v", r.Change)
			}
		}
	})
}

// TestAnswersSurviveAFurtherTightening keeps the overruns by launch answerable
// when the count is lowered on top of them.
func TestAnswersSurviveAFurtherTightening(t *testing.T) {
	t.Parallel()
	w := overrun(t, 3, nil)
	w.amend(func(c *license.Configuration) { c.Count = licenses(0) })
	same(t, "wanted: those by launch, not the one by change", []int{2, 3, 4}, w.wanted())
	why := w.answers()[1]
	if diff := cmp.Diff(ledger.Answer{Why: ledger.WhyListed}, why, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestObserveAnsweredThenStop switches the mode over instances for which it was
// said what would be done.
func TestObserveAnsweredThenStop(t *testing.T) {
	t.Parallel()
	w := overrun(t, 2, func(c *license.Configuration) { c.Enforcement.Mode = license.Observe })
	w.report(ledger.DoneWouldStop, 2, "")
	w.after(time.Hour).amend(func(c *license.Configuration) { c.Enforcement.Mode = license.Stop })
	same(t, "wanted", []int{}, w.wanted())
	for _, n := range []int{2, 3} {
		_, m := w.member(n)
		same(t, "cause", ledger.ByChange, m.Cause)
		same(t, "answered", "", m.Answered)
		same(t, "grant", ledger.RefusedCovered, w.grant(license.Stop, n)[0].Refused)
	}
}
