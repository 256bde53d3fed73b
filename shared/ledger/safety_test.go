package ledger_test

import (
	"testing"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// TestAnIntentNeverGrowsIntoAStop: an action was granted and not done, and what
// may be done is less since.
func TestAnIntentNeverGrowsIntoAStop(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		play  func(w *world)
		asked license.Mode
		want  ledger.GrantResult
	}{
		{"a guard that the last look found", func(*world) {}, license.Tag, ledger.GrantResult{Action: license.Tag}},
		{"a guard that a claim brought", func(w *world) {
			w.see(w.launched(2, w.launchOf(2), guarded(ledger.GuardAutoScaling)))
		}, license.Stop, ledger.GrantResult{Action: license.Tag}},
		{"the mode", func(w *world) {
			w.amend(func(c *license.Configuration) { c.Enforcement.Mode = license.Observe })
		}, license.Stop, ledger.GrantResult{Refused: ledger.RefusedCovered}},
		{"the count raised", func(w *world) {
			w.amend(func(c *license.Configuration) { c.Count = licenses(2) })
		}, license.Stop, ledger.GrantResult{Action: license.Stop, Refused: ledger.RefusedCovered}},
		{"nothing", func(*world) {}, license.Stop, ledger.GrantResult{Action: license.Stop}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := overrun(t, 1, nil)
			w.grant(license.Stop, 2)
			w.after(time.Minute)
			tt.play(w)
			tt.want.Instance = id(2)
			same(t, "grant", tt.want, w.grant(tt.asked, 2)[0])
		})
	}
	t.Run("a raised count covers it at once", func(t *testing.T) {
		t.Parallel()
		w := overrun(t, 1, nil)
		w.grant(license.Stop, 2)
		w.after(time.Minute).amend(func(c *license.Configuration) { c.Count = licenses(2) })
		w.grant(license.Stop, 2)
		w.settled()
		same(t, "covered", []int{1, 2}, w.members(ledger.Covered))
	})
}

// TestHeldByAnotherAssociationIsListed: an instance that lost the tag under which
// it was launched, and is held by an image that was associated since, is an
// overrun by change.
func TestHeldByAnotherAssociationIsListed(t *testing.T) {
	t.Parallel()
	w := overrun(t, 1, nil)
	same(t, "wanted", []int{2}, w.wanted())
	later := w.launched(2, w.launchOf(2), offered(w.after(time.Minute).now))
	later.Held.Kind, later.Held.Value = license.ByTag, "software=oracle"
	w.see(later)
	same(t, "answer", ledger.Answer{Why: ledger.WhyListed}, w.answers()[2])
}

// TestNoStopBeforeTagsCanArrive: Auto Scaling marks its members up to a minute
// after the launch, also where a person set no settle window.
func TestNoStopBeforeTagsCanArrive(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *license.Configuration) { c.Count, c.Enforcement.Settle = licenses(0), 0 }).after(time.Hour)
	w.see(w.launched(1, w.now))
	for _, wait := range []time.Duration{0, 89 * time.Second} {
		w.now = t0.Add(time.Hour + wait)
		same(t, "grant", ledger.RefusedSettling, w.grant(license.Stop, 1)[0].Refused)
	}
	w.now = t0.Add(time.Hour + 90*time.Second)
	same(t, "grant", ledger.Refusal(""), w.grant(license.Stop, 1)[0].Refused)
}

// TestDisplacedByAChangeIsListed: what an association or a sweep brings in can
// take the cover of a launch that is still settling; that launch fitted.
func TestDisplacedByAChangeIsListed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		old  option
	}{
		{"associated after the fact", offered(t0.Add(time.Hour))},
		{"found by a sweep", func(*ledger.Claim) {}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(c *license.Configuration) { c.Count = licenses(1) }).after(time.Hour)
			w.see(w.launched(2, w.now))
			w.after(time.Minute).see(w.launched(1, w.now.Add(-30*time.Minute), tt.old))
			same(t, "covered: the older", []int{1}, w.members(ledger.Covered))
			same(t, "to be stopped", []int{}, w.after(time.Hour).wanted())
		})
	}
}

// TestLaunchedBeforeAnAssociationIsListed: the launch had a license until an
// association was added, even if it is seen only then.
func TestLaunchedBeforeAnAssociationIsListed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *license.Configuration) { c.Count = licenses(1) }).after(time.Hour)
	launch := w.now
	w.after(5 * time.Second).amend(func(c *license.Configuration) {
		c.Associations = append(c.Associations, license.Association{Kind: license.ByAMI, Value: "ami-2"})
	})
	w.see(w.launched(1, launch.Add(-24*time.Hour), offered(w.now)))
	w.after(5 * time.Second).see(w.launched(2, launch))
	same(t, "over", []int{2}, w.members(ledger.Over))
	same(t, "to be stopped", []int{}, w.wanted())
}

// TestGrownByABetterLookIsListed: a host turns out to be larger than the table
// said; nothing was launched.
func TestGrownByABetterLookIsListed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *license.Configuration) { c.CountingType, c.Count = license.CountCore, licenses(48) }).after(time.Hour)
	launch := w.now
	unknown := func(c *ledger.Claim) { on(1)(c); c.Host.Cores, c.Host.Sockets = 0, 0 }
	w.see(w.launched(1, launch, unknown))
	same(t, "covered", []int{1}, w.members(ledger.Covered))
	w.after(time.Minute).see(w.launched(1, launch, on(1), func(c *ledger.Claim) { c.Host.Cores, c.Host.Sockets = 96, 2 }))
	same(t, "over", []int{1}, w.members(ledger.Over))
	same(t, "to be stopped", []int{}, w.wanted())
}

// TestLaunchOnAHostThatIsOverByChange uses no more licenses, and its stop would
// free none.
func TestLaunchOnAHostThatIsOverByChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *license.Configuration) { c.CountingType, c.Count = license.CountCore, licenses(96) }).after(time.Hour)
	w.see(w.launched(1, w.now, on(1)))
	w.after(time.Hour).amend(func(c *license.Configuration) { c.Count = licenses(1) })
	w.after(time.Hour).see(w.launched(2, w.now, on(1)))
	same(t, "over", []int{1, 2}, w.members(ledger.Over))
	same(t, "to be stopped", []int{}, w.after(time.Hour).wanted())
}

// TestAnotherRuleBrokenByAChangeIsListed: the launch broke a rule that is no
// more; the rule that it breaks now came later.
func TestAnotherRuleBrokenByAChangeIsListed(t *testing.T) {
	t.Parallel()
	rule := func(text string) func(*license.Configuration) {
		return func(c *license.Configuration) { c.Rules = []license.RuleVersion{{Text: []string{text}}} }
	}
	w := newWorld(t, rule("#allowedTenancy=EC2-DedicatedHost")).after(time.Hour)
	w.see(w.launched(1, w.now))
	same(t, "to be stopped", []int{1}, w.wanted())
	w.after(time.Minute).amend(rule("#allowedInstanceTypes=z1d.*"))
	same(t, "broken", []int{1}, w.members(ledger.Broken))
	same(t, "to be stopped", []int{}, w.wanted())
}

// TestEstimateCrowdsOutASmallOne: without the estimate the small one would fit,
// because the large one before it would not.
func TestEstimateCrowdsOutASmallOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *license.Configuration) { c.CountingType, c.Count = license.CountVCPU, licenses(100) }).after(time.Hour)
	w.see(w.launched(1, w.now, typed("m5.nosuch"))) // its family's largest: 96
	w.after(time.Second).see(w.launched(2, w.now, typed("x1.32xlarge")), w.launched(3, w.now.Add(time.Second), typed("m5.2xlarge")))
	same(t, "over", []int{2, 3}, w.members(ledger.Over))
	same(t, "to be stopped: only what never fits", []int{2}, w.wanted())
}

func TestProtectedHoweverItIsSpelled(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]ledger.Guard{"true": ledger.GuardProtected, "True": ledger.GuardProtected, " TRUE ": ledger.GuardProtected,
		"false": ledger.Unguarded, "": ledger.Unguarded} {
		in := license.Instance{Type: "m5.large", Tags: map[string]string{license.TagProtected: value}}
		same(t, value, want, ledger.GuardOf(in, oneType{}))
	}
}

// TestAStartByAnUndoIsListed: a license that began to apply to an instance only
// after another one's answer was undone lists it.
func TestAStartByAnUndoIsListed(t *testing.T) {
	t.Parallel()
	w := overrun(t, 1, nil)
	same(t, "wanted", []int{2}, w.wanted())
	again := w.launched(2, w.after(time.Minute).now)
	again.Undone = true
	w.see(again)
	same(t, "answer", ledger.Answer{Why: ledger.WhyListed}, w.answers()[2])
}

// TestAGroupIsLoweredOnceForALaunch: an instance whose group was made smaller for it
// runs until Auto Scaling ends one. Should it be covered meanwhile and lose that
// again, the group is not made smaller a second time.
func TestAGroupIsLoweredOnceForALaunch(t *testing.T) {
	t.Parallel()
	w := overrun(t, 1, func(c *license.Configuration) { c.Enforcement.AutoScaling = license.AutoScalingLower })
	w.report(ledger.DoneLowered, 2, ledger.Unguarded)
	w.amend(func(c *license.Configuration) { c.Count = licenses(2) })
	same(t, "covered", []int{1, 2}, w.members(ledger.Covered))
	w.after(10 * time.Second).see(w.launched(3, w.launchOf(2).Add(-time.Second)))
	w.after(time.Hour)
	same(t, "over again", []int{2}, w.members(ledger.Over))
	_, m := w.member(2)
	same(t, "cause", ledger.ByLaunch, m.Cause)
	same(t, "answer", ledger.Answer{Why: ledger.WhyAnswered}, w.answers()[2])
}
