package ledger_test

import (
	"strings"
	"testing"
	"time"

	"licenseguard/shared/catalog"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// typo has ten instances that ran with their licenses until the count was lowered
// to one.
func typo(t *testing.T, change func(*license.Configuration)) *world {
	t.Helper()
	w := newWorld(t, change).after(time.Hour)
	w.see(w.fleet(1, 10)...)
	w.after(time.Hour).amend(func(c *license.Configuration) { c.Count = licenses(1) })
	return w.after(time.Hour)
}

func (w *world) plan() ledger.LicensePlan { return ledger.PlanOf(w.l, w.now, catalog.Embedded()) }

// approve approves a plan as it was read.
func (w *world) approve(p ledger.LicensePlan) ledger.Result {
	w.t.Helper()
	return w.fold(ledger.Batch{Approve: &ledger.Approve{Plan: "0123456789ab", Basis: p.Basis(), By: "alice"}})
}

func TestWhatAChangeMadeWaitsForAPerson(t *testing.T) {
	t.Parallel()
	w := typo(t, nil)
	same(t, "wanted", []int{}, w.wanted())
	p := w.plan()
	if p.Waiting() != 9 || p.Items[0].Action != license.Stop || !strings.Contains(p.Items[0].Arithmetic, "1") {
		t.Fatalf("plan %+v; want nine stops that wait", p)
	}
	r := w.approve(p)
	if r.Approved != 9 || r.Moved || r.Change.By != "alice" || r.Change.Reason != "approval" || len(r.Change.Deltas) != 9 {
		t.Fatalf("approved %d, moved %v, change %+v", r.Approved, r.Moved, r.Change)
	}
	for _, d := range r.Change.Deltas {
		if d.Answer.Action != license.Stop || d.Answer.Plan != "0123456789ab" || d.Action != "approved 0123456789ab" {
			t.Errorf("delta %+v; want a stop by the plan", d)
		}
	}
	same(t, "granted", []ledger.GrantResult{{Instance: id(5), Action: license.Stop}}, w.grant(license.Stop, 5))
}

// TestWhatMovedIsNotApproved: each thing that a person who read the plan would
// like to know of.
func TestWhatMovedIsNotApproved(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, told string
		move       func(*world)
	}{
		{"one more instance", "in use was 10, is 11", func(w *world) { w.see(w.launched(11, w.now)) }},
		{"one ended", "00000004 is not to be answered any more", func(w *world) { w.see(w.launched(4, w.launchOf(4), in(license.Terminated))) }},
		{"one was started again", "00000004 was started again", func(w *world) {
			w.see(w.launched(4, w.launchOf(4), in(license.Stopped)))
			w.after(time.Minute).see(w.launched(4, w.now))
		}},
		{"the count", "the count was 1, is 2", func(w *world) { w.amend(func(c *license.Configuration) { c.Count = licenses(2) }) }},
		{"the mode", "the mode was stop, is tag", func(w *world) {
			w.amend(func(c *license.Configuration) { c.Enforcement.Mode = license.Tag })
		}},
		{"a rule", "the rule version was 1, is 2", func(w *world) {
			w.amend(func(c *license.Configuration) {
				c.Rules = []license.RuleVersion{{Text: []string{"#allowedTenancy=EC2-Default"}}}
			})
		}},
		{"a guard", "the action was stop, is tag", func(w *world) {
			w.see(w.launched(4, w.launchOf(4), func(c *ledger.Claim) { c.Guard = ledger.GuardProtected; c.Observed = w.now }))
		}},
		{"an exemption", "the action was stop, is tag", func(w *world) {
			c, err := w.l.Configuration.WithExemption(license.Exemption{Instance: id(4), Owner: "o", Reason: "r", Approver: "a", Until: w.now.Add(time.Hour)}, w.now, "alice")
			if err != nil {
				t.Fatal(err)
			}
			w.fold(ledger.Batch{Configuration: &c})
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := typo(t, nil)
			before := w.plan()
			test.move(w)
			if r := w.approve(before); r.Approved != 0 || !r.Moved {
				t.Errorf("approved %d, moved %v; want nothing approved", r.Approved, r.Moved)
			}
			old, now := ledger.NewPlan([]ledger.LicensePlan{before}, w.now, "a"), ledger.NewPlan([]ledger.LicensePlan{w.plan()}, w.now, "a")
			if told := strings.Join(old.Difference(&now), "\n"); old.Hash == now.Hash || !strings.Contains(told, test.told) {
				t.Errorf("hashes %s and %s, told:\n%s\nwant %q", old.Hash, now.Hash, told, test.told)
			}
			for _, n := range w.wanted() { // a launch since then is answered for itself
				if !w.launchOf(n).After(w.l.Configuration.TightenedAt) {
					t.Errorf("%d is to be answered", n)
				}
			}
		})
	}
}

// TestTimeAloneMovesNothing: a plan can be read for hours.
func TestTimeAloneMovesNothing(t *testing.T) {
	t.Parallel()
	w := typo(t, nil)
	before := w.plan()
	w.after(5 * time.Hour).see(w.launched(3, w.launchOf(3))) // seen again as it was
	if r := w.approve(before); r.Approved != 9 {
		t.Errorf("approved %d, moved %v", r.Approved, r.Moved)
	}
}

// TestAnApprovalEnds with what it was given for.
func TestAnApprovalEnds(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		end  func(*world)
	}{
		{"after a day", func(w *world) { w.after(24 * time.Hour) }},
		{"with the launch", func(w *world) {
			w.see(w.launched(4, w.launchOf(4), in(license.Stopped)))
			w.after(time.Minute).see(w.launched(4, w.now))
			w.after(time.Hour)
		}},
		{"with the verdict", func(w *world) {
			w.amend(func(c *license.Configuration) { c.Count = licenses(10) })
			w.after(time.Minute).amend(func(c *license.Configuration) { c.Count = licenses(1) })
			w.after(time.Hour)
		}},
		{"with another answer", func(w *world) {
			w.after(time.Minute).amend(func(c *license.Configuration) { c.Enforcement.Mode = license.Tag })
			w.after(time.Minute).amend(func(c *license.Configuration) { c.Enforcement.Mode = license.Stop })
			w.after(time.Hour)
		}},
		{"when it is revoked", func(w *world) { w.fold(ledger.Batch{Revoke: "0123456789ab", By: "bob"}) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := typo(t, nil)
			w.approve(w.plan())
			same(t, "before", []ledger.GrantResult{{Instance: id(5), Action: license.Stop}}, w.grant(license.Stop, 5))
			test.end(w)
			e, m := w.member(4)
			a := w.l.Answer(e, m, w.now)
			if launched := m.Generation.Launch.After(w.l.Configuration.TightenedAt); a.Plan != "" || a.Wanted() != launched || !launched && a.Why != ledger.WhyListed {
				t.Errorf("answer %+v; want it listed again, or answered as the launch that it is", a)
			}
		})
	}
}

// TestWhatIsUndoneIsLeftAlone for the time of its exemption, and listed after it.
func TestWhatIsUndoneIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := overrun(t, 3, nil)
	w.grant(license.Stop, 2)
	w.report(ledger.DoneStopped, 2, "")
	w.see(w.launched(2, w.launchOf(2), in(license.Stopped)))
	c, err := w.l.Configuration.WithExemption(license.Exemption{Instance: id(2), Owner: "o", Reason: "r", Approver: "a", Until: w.now.Add(24 * time.Hour), Undo: true}, w.now, "alice")
	if err != nil {
		t.Fatal(err)
	}
	w.fold(ledger.Batch{Configuration: &c})
	w.after(time.Minute).see(w.launched(2, w.now))
	for _, step := range []struct {
		after time.Duration
		why   string
	}{{time.Hour, ledger.WhyUndone}, {22 * time.Hour, ledger.WhyUndone}, {2 * time.Hour, ledger.WhyListed}, {48 * time.Hour, ledger.WhyListed}} {
		w.after(step.after).fold(ledger.Batch{})
		e, m := w.member(2)
		if a := w.l.Answer(e, m, w.now); a.Wanted() || a.Why != step.why {
			t.Errorf("at %s: %+v; want %q", w.now, a, step.why)
		}
	}
}

func TestExemptionsThatEndAreListedOnce(t *testing.T) {
	t.Parallel()
	w := overrun(t, 3, nil)
	c := w.l.Configuration
	for _, n := range []int{2, 3} {
		var err error
		c, err = c.WithExemption(license.Exemption{Instance: id(n), Owner: "team", Reason: "needed", Approver: "alice", Until: w.now.AddDate(0, 0, 30)}, w.now, "alice")
		if err != nil {
			t.Fatal(err)
		}
	}
	w.fold(ledger.Batch{Configuration: &c})
	same(t, "only tagged", []ledger.GrantResult{{Instance: id(2), Action: license.Tag}}, w.grant(license.Stop, 2))
	w.alerts = nil
	for range 40 * 24 {
		w.after(time.Hour)
		if !w.l.Due.IsZero() && !w.now.Before(w.l.Due) {
			w.fold(ledger.Batch{})
		}
	}
	var told []ledger.Alert
	for _, a := range w.alerts {
		if a.Kind == ledger.AlertExemption {
			told = append(told, a)
		}
	}
	if len(told) != 1 || len(told[0].Resources) != 2 || told[0].Threshold != 7 || !strings.Contains(told[0].Why, "team: needed") {
		t.Errorf("told %+v; want one alert of both, 7 days before", told)
	}
	e, m := w.member(2)
	if a := w.l.Answer(e, m, w.now); a.Why != ledger.WhyListed {
		t.Errorf("after their end: %+v; want it listed", a)
	}
}

// TestAnApprovalIsForOneLaunch: stopped and started again, the instance was over
// the count all the time, because stopped ones count; and it is another launch.
func TestAnApprovalIsForOneLaunch(t *testing.T) {
	t.Parallel()
	w := typo(t, func(c *license.Configuration) {
		c.Enforcement.Mode = license.Tag
		c.Rules = []license.RuleVersion{{Text: []string{"#includedStoppedInstances=True"}}}
	})
	w.approve(w.plan())
	same(t, "before", []ledger.GrantResult{{Instance: id(4), Action: license.Tag}}, w.grant(license.Tag, 4))
	w.see(w.launched(4, w.launchOf(4), in(license.Stopped)))
	w.after(time.Minute).see(w.launched(4, w.now, func(c *ledger.Claim) { c.Known = t0.Add(time.Hour) }))
	e, m := w.after(time.Hour).member(4)
	if a := w.l.Answer(e, m, w.now); a.Wanted() || a.Why != ledger.WhyListed {
		t.Errorf("answer %+v; want it listed again", a)
	}
}

// TestTheFoldNotesTheEndOfAnExemption, so that what is left running waits for a
// person also once the configuration does not have the exemption any more.
func TestTheFoldNotesTheEndOfAnExemption(t *testing.T) {
	t.Parallel()
	w := overrun(t, 3, nil)
	exempt := func(n int, until time.Duration) {
		c, err := w.l.Configuration.WithExemption(license.Exemption{Instance: id(n), Owner: "o", Reason: "r", Approver: "a", Until: w.now.Add(until)}, w.now, "alice")
		if err != nil {
			t.Fatal(err)
		}
		w.fold(ledger.Batch{Configuration: &c})
	}
	exempt(2, time.Hour)
	w.now = w.l.Due
	for w.now.Before(t0.Add(3 * time.Hour)) {
		w.fold(ledger.Batch{})
		w.now = w.l.Due
	}
	w.now = t0.AddDate(0, 0, 10)
	exempt(3, time.Hour) // the first one is dropped
	if n := len(w.l.Configuration.Exemptions); n != 1 {
		t.Fatalf("%d exemptions; want the first dropped", n)
	}
	e, m := w.member(2)
	if a := w.l.Answer(e, m, w.now); m.Cause != ledger.ByChange || a.Wanted() || a.Why != ledger.WhyListed {
		t.Errorf("cause %q, answer %+v; want it listed", m.Cause, a)
	}
}
