package ledger_test

import (
	"testing"
	"time"

	"licenseguard/shared/catalog"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// TestOutsideEC2IsNotAnswered: managed nodes and databases are counted and alerted;
// nothing is ever to be done to them, also not by a person's approval.
func TestOutsideEC2IsNotAnswered(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"mi-0123456789abcdef0", "db:payroll"} {
		w := newWorld(t, func(c *license.Configuration) { c.Count = licenses(0) })
		w.after(time.Hour)
		c := w.launched(1, w.now)
		c.Instance.ID = license.NewResourceID("123456789012", "us-east-1", id)
		c.Guard = ledger.GuardOf(c.Instance, catalog.Embedded())
		w.see(c)
		w.after(time.Hour)
		w.fold(ledger.Batch{})
		e, m := w.l.Find(c.Instance.ID)
		if e == nil || e.Verdict != ledger.Over {
			t.Fatalf("%s: %+v, want it over", id, e)
		}
		if got := w.l.Answer(e, m, w.now); got.Wanted() || got.Why != ledger.WhyOutside {
			t.Errorf("%s: answer %+v", id, got)
		}
		if got := w.l.Proposal(e, m, w.now); got.Wanted() {
			t.Errorf("%s: a person could approve %+v", id, got)
		}
	}
}

// TestSoftwareFoundIsNoLaunch: what a running instance was found to have installed is
// listed; what starts with it on record is a launch.
func TestSoftwareFoundIsNoLaunch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *license.Configuration) {
		c.Count, c.Associations = licenses(0), nil
		c.Products = []license.Product{{ResourceType: license.SSMManaged, Filters: []license.ProductFilter{
			{Name: "Application Name", Comparator: license.Equals, Values: []string{"SQL Server"}}}}}
	})
	w.after(time.Hour)
	product := w.l.Configuration.Products[0].String()
	found := w.now.Add(2 * time.Minute)
	by := func(launch time.Time) ledger.Claim {
		c := w.launched(1, launch)
		c.Held = &license.Held{ConfigurationID: "lic-1", Kind: license.ByProduct, Value: product, Since: found}
		return c
	}
	first := by(w.now)
	w.after(2 * time.Minute)
	first.Observed = w.now
	w.see(first)
	_, m := w.member(1)
	if m.Cause == ledger.ByLaunch || len(w.wanted()) != 0 {
		t.Errorf("installed after the launch: cause %q, answers for %v", m.Cause, w.wanted())
	}
	w.after(time.Hour)
	w.see(by(w.now.Add(-time.Second)))
	if _, m = w.member(1); m.Cause != ledger.ByLaunch {
		t.Errorf("started again with it: cause %q, want a launch", m.Cause)
	}
}
