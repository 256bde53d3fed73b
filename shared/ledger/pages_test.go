package ledger_test

import (
	"slices"
	"testing"
	"time"

	"licenseguard/shared/catalog"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// fill brings n running instances in, without the checks after each fold.
func (w *world) fill(n int) *world {
	w.t.Helper()
	claims := make([]ledger.Claim, n)
	for i := range claims {
		claims[i] = w.launched(i+1, w.now.Add(time.Duration(i-n)*100*time.Millisecond))
	}
	for chunk := range slices.Chunk(claims, ledger.MaxClaims) {
		next, r := ledger.Fold(w.l, ledger.Batch{Claims: chunk}, w.now, catalog.Embedded())
		if r.Change == nil {
			w.t.Fatalf("claims change nothing")
		}
		w.l, w.alerts = next, append(w.alerts, r.Change.Alerts...)
	}
	return w
}

func TestPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *license.Configuration) { c.Count = licenses(100_000) }).after(time.Hour)
	w.see(w.fleet(1, 128)...)
	same(t, "a small license is one item", 0, w.l.Pages)
	w.after(time.Second)
	r := w.fold(ledger.Batch{Claims: []ledger.Claim{w.launched(129, w.now)}})
	same(t, "pages after the split", 3, w.l.Pages)
	same(t, "dirty", []int{0, 1, 2}, r.Dirty)

	w.after(time.Minute).see(w.fleet(130, 371)...)
	same(t, "pages of 500", 8, w.l.Pages)
	w.after(time.Minute)
	r = w.see(w.fleet(501, 5)...)
	same(t, "a burst touches the last page", []int{7}, r.Dirty)

	if r := w.see(w.fleet(501, 5)...); r.Change != nil || r.Dirty != nil {
		t.Errorf("seen again: dirty %v, change %+v", r.Dirty, r.Change)
	}

	e, m := w.member(70) // in the second page
	same(t, "page", 1, e.Page)
	at := m.Generation.Launch
	w.after(time.Minute)
	r = w.see(w.launched(70, at, in(license.Terminated), happened(w.now)))
	same(t, "a release touches its page", []int{1}, r.Dirty)
}

func TestPagesAreUsedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *license.Configuration) { c.Count = licenses(100_000) }).after(time.Hour)
	next := 1
	live := []ledger.Claim{}
	for range 60 { // a fleet of about 250 that renews itself, and leaves a few in every page
		w.after(time.Hour)
		fresh := w.fleet(next, 64)
		next += len(fresh)
		w.see(fresh...)
		live = append(live, fresh...)
		if len(live) <= 250 {
			continue
		}
		w.after(time.Minute)
		var ended, left []ledger.Claim
		for i, c := range live {
			if i%8 != 0 && len(ended) < 64 {
				c.Instance.State = license.Terminated
				c.Generation.Rank, c.Observed, c.Happened = c.Instance.State.Rank(), w.now, w.now
				ended = append(ended, c)
			} else {
				left = append(left, c)
			}
		}
		w.see(ended...)
		live = left
	}
	if most := 2 + 3*len(w.l.Entries)/64; w.l.Pages > most {
		t.Errorf("%d entries are in %d pages, want at most %d", len(w.l.Entries), w.l.Pages, most)
	}
}

func TestFiveThousand(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *license.Configuration) { c.Count = licenses(4990) }).after(time.Hour).fill(5000)
	same(t, "totals", ledger.Totals{Running: 5000, Covered: 4990, Over: 10, Instances: 5000}, w.l.Totals)
	same(t, "pages", 79, w.l.Pages)
	w.after(time.Minute)
	_, m := w.member(1)
	r := w.see(w.launched(1, m.Generation.Launch, in(license.Terminated), happened(w.now)))
	same(t, "the released one and the promoted one", []int{0, 77}, r.Dirty)
	same(t, "deltas", 2, len(r.Change.Deltas))
}

// TestLargeChangesSettleInSeveralFolds touches more pages than one commit can
// carry.
func TestLargeChangesSettleInSeveralFolds(t *testing.T) {
	t.Parallel()
	const n = 7000 // 110 pages
	tests := []struct {
		name   string
		count  int64
		change func(*license.Configuration)
		want   ledger.Totals
		alerts []string
	}{
		{"the count falls", 10_000, func(c *license.Configuration) { c.Count = licenses(1) },
			ledger.Totals{Running: n, Covered: 1, Over: n - 1, Instances: n}, []string{"limit-exceeded 0"}},
		{"the count rises", 1, func(c *license.Configuration) { c.Count = licenses(n) },
			ledger.Totals{Running: n, Covered: n, Instances: n}, nil},
		{"the mode changes", 0, func(c *license.Configuration) { c.Enforcement.Mode = license.Tag },
			ledger.Totals{Running: n, Over: n, Instances: n}, []string{"limit-exceeded 0"}},
		{"the license is disabled", n, func(c *license.Configuration) { c.Status = license.Disabled },
			ledger.Totals{Running: n, Instances: n}, nil},
		{"the rules count more", n + 100, func(c *license.Configuration) {
			c.Rules = []license.RuleVersion{{Text: []string{"#minimumLicensesPerResource=2"}}}
		}, ledger.Totals{Running: 2 * n, Covered: n + 100, Over: n - 100, Instances: 2 * n}, []string{"limit-exceeded 0"}},
		{"the rules forbid all", n, func(c *license.Configuration) {
			c.Rules = []license.RuleVersion{{Text: []string{"#allowedTenancy=EC2-DedicatedHost"}}}
		}, ledger.Totals{Running: n, Broken: n, Instances: n}, []string{"rule-broken 0", "rule-broken 0"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(c *license.Configuration) { c.Count = licenses(tt.count) }).after(time.Hour).fill(n)
			w.after(time.Hour)
			w.alerts = nil
			w.amend(tt.change)
			same(t, "one fold is not enough", true, w.l.Unsettled)
			same(t, "due", w.now, w.l.Due)
			w.settled()
			for _, a := range w.alerts {
				if over := w.members(ledger.Over); a.Kind == ledger.AlertLimit && a.Resources[0] != id(over[0]) {
					t.Errorf("the alert begins with %s, want instance %d", a.Resources[0], over[0])
				}
			}
			same(t, "totals", tt.want, w.l.Totals)
			same(t, "wanted", []int{}, w.wanted())
			if tt.alerts == nil {
				tt.alerts = []string{}
			}
			same(t, "alerts", tt.alerts, w.raised())
			if r := w.after(time.Minute).fold(ledger.Batch{}); r.Change != nil {
				t.Errorf("settled, and yet it changes: %+v", r.Change)
			}
		})
	}
}

// TestNothingIsGrantedBeforeItSettles refuses what was wanted before, as long
// as a change is only folded in part.
func TestNothingIsGrantedBeforeItSettles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *license.Configuration) { c.Count = licenses(11999) }).after(time.Hour).fill(12000)
	same(t, "wanted", []int{12000}, w.after(settle).wanted())
	w.amend(func(c *license.Configuration) {
		c.Rules = []license.RuleVersion{{Text: []string{"#unitsPerLicense=2", "#licensePack=2"}}}
	})
	r := w.grant(license.Stop, 12000)[0]
	if !w.l.Unsettled || r.Refused != ledger.RefusedSettling || !r.Retry.After(w.now) {
		t.Errorf("unsettled %t, the grant is %+v", w.l.Unsettled, r)
	}
	w.settled()
	same(t, "granted then", ledger.Refusal(""), w.grant(license.Stop, 12000)[0].Refused)
}

// TestClaimsComeThroughWhileItSettles folds claims beside a change of rules
// that needs several folds.
func TestClaimsComeThroughWhileItSettles(t *testing.T) {
	t.Parallel()
	const n = 7000
	w := newWorld(t, func(c *license.Configuration) { c.Count = licenses(3 * n) }).after(time.Hour).fill(n)
	at := w.now
	var ended []ledger.Claim // one in each of 64 pages, from the end
	for i := range 64 {
		number := n - 64*i
		_, m := w.member(number)
		ended = append(ended, w.launched(number, m.Generation.Launch, in(license.Terminated), happened(at)))
	}
	w.after(time.Hour)
	for i := range ended {
		ended[i].Observed = w.now
	}
	wanted := w.l.Configuration
	wanted.Rules = []license.RuleVersion{{Text: []string{"#minimumLicensesPerResource=2"}}}
	c, err := license.Amend(&w.l.Configuration, wanted, w.now, "me")
	if err != nil {
		t.Fatal(err)
	}
	w.fold(ledger.Batch{Configuration: &c, Claims: ended})
	w.settled()
	same(t, "totals", ledger.Totals{Running: 2 * (n - 64), Covered: 2 * (n - 64), Instances: 2 * (n - 64)}, w.l.Totals)
}

// TestManyIntentsTimeOut clears more intents than one commit can carry.
func TestManyIntentsTimeOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *license.Configuration) { c.Count, c.Enforcement.ActionsPerHour = licenses(0), 1000 }).after(time.Hour).fill(7000)
	w.after(settle)
	for n := 1; n <= 7000; n += 64 {
		if got := w.grant(license.Stop, n)[0].Refused; got != "" {
			t.Fatalf("%d: %s", n, got)
		}
	}
	w.after(10 * time.Minute).fold(ledger.Batch{})
	same(t, "one fold is not enough", true, w.l.Unsettled)
	w.settled()
	for i := range w.l.Entries {
		if m := &w.l.Entries[i].Members[0]; m.Intent != (ledger.Intent{}) {
			t.Fatalf("%s still has the intent %+v", m.Instance, m.Intent)
		}
	}
}
