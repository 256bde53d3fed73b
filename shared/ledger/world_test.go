package ledger_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"licenseguard/shared/catalog"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

var t0 = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

const (
	settle = 2 * time.Minute
	grace  = 15 * time.Minute
)

// fataler is what a story and a property have in common.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// world plays a story on one license: every fold is checked for what must hold
// after any fold.
type world struct {
	t      fataler
	l      *ledger.License
	now    time.Time
	alerts []ledger.Alert // all that were raised
	folds  int
}

// newWorld configures a license at t0: counted by instances with a hard limit
// of 10, stopping, unless change says otherwise.
func newWorld(t fataler, change func(*license.Configuration)) *world {
	t.Helper()
	w := &world{t: t, now: t0, l: &ledger.License{}}
	c := license.Configuration{
		ID: "lic-1", Name: "product", CountingType: license.CountInstance, Count: licenses(10), HardLimit: true,
		Enforcement:  license.Enforcement{Mode: license.Stop, ActionsPerHour: 10, Settle: settle, RestartGrace: grace},
		Associations: []license.Association{{Kind: license.ByAMI, Value: "ami-1"}},
	}
	if change != nil {
		change(&c)
	}
	c, err := license.Amend(nil, c, w.now, "me")
	if err != nil {
		t.Fatalf("configuration: %v", err)
	}
	w.fold(ledger.Batch{Configuration: &c, By: "me"})
	return w
}

func licenses(n int64) *int64 { return &n }

func (w *world) after(d time.Duration) *world {
	w.now = w.now.Add(d)
	return w
}

// amend changes the configuration now.
func (w *world) amend(change func(*license.Configuration)) ledger.Result {
	w.t.Helper()
	wanted := w.l.Configuration
	wanted.Rules = slices.Clone(wanted.Rules)
	change(&wanted)
	c, err := license.Amend(&w.l.Configuration, wanted, w.now, "me")
	if err != nil {
		w.t.Fatalf("amend: %v", err)
	}
	return w.fold(ledger.Batch{Configuration: &c, By: "me"})
}

// see folds claims, at most 64 at a time.
func (w *world) see(claims ...ledger.Claim) ledger.Result {
	w.t.Helper()
	var last ledger.Result
	for chunk := range slices.Chunk(claims, ledger.MaxClaims) {
		last = w.fold(ledger.Batch{Claims: chunk})
	}
	return last
}

func (w *world) fold(b ledger.Batch) ledger.Result {
	w.t.Helper()
	w.folds++
	input := deepCopy(w.l)
	claims := slices.Clone(b.Claims)
	next, result := ledger.Fold(w.l, b, w.now, catalog.Embedded())
	if !reflect.DeepEqual(input, w.l) {
		w.t.Fatalf("Fold changed its input:\n%s", cmp.Diff(input, w.l))
	}
	if !reflect.DeepEqual(claims, b.Claims) {
		w.t.Fatalf("Fold changed its claims:\n%s", cmp.Diff(claims, b.Claims))
	}
	w.check(next, result)
	if result.Change != nil {
		w.alerts = append(w.alerts, result.Change.Alerts...)
	}
	w.l = next
	if !next.Unsettled {
		again, repeated := ledger.Fold(next, ledger.Batch{Claims: b.Claims, Grants: b.Grants}, w.now, catalog.Embedded())
		if repeated.Change != nil {
			w.t.Fatalf("the same batch at the same time changes something again: %+v\n%s", repeated.Change, cmp.Diff(next, again))
		}
	}
	return result
}

// settled folds until nothing is left over of a fold that was cut.
func (w *world) settled() int {
	w.t.Helper()
	n := 0
	for ; w.l.Unsettled; n++ {
		if n > 1000 {
			w.t.Fatalf("does not settle")
		}
		w.fold(ledger.Batch{})
	}
	return n
}

// deepCopy copies what Fold could reach.
func deepCopy(l *ledger.License) *ledger.License {
	c := *l
	c.Entries = slices.Clone(l.Entries)
	for i := range c.Entries {
		c.Entries[i].Members = slices.Clone(c.Entries[i].Members)
		for j := range c.Entries[i].Members {
			c.Entries[i].Members[j].Broken = slices.Clone(c.Entries[i].Members[j].Broken)
		}
	}
	c.Actions, c.Alerts.Raised = slices.Clone(l.Actions), slices.Clone(l.Alerts.Raised)
	c.Configuration.Rules = slices.Clone(l.Configuration.Rules)
	c.Configuration.Thresholds = slices.Clone(l.Configuration.Thresholds)
	c.Configuration.Associations = slices.Clone(l.Configuration.Associations)
	return &c
}

// check tests what holds after every fold.
func (w *world) check(next *ledger.License, r ledger.Result) {
	w.t.Helper()
	if (r.Change == nil) != (next == w.l) {
		w.t.Fatalf("change %v, but the license is new: %t", r.Change, next != w.l)
	}
	if r.Change == nil {
		return
	}
	if next.Revision != w.l.Revision+1 || r.Change.Revision != next.Revision {
		w.t.Fatalf("revision %d after %d, the change says %d", next.Revision, w.l.Revision, r.Change.Revision)
	}
	if r.Change.Before != w.l.Totals || r.Change.After != next.Totals {
		w.t.Fatalf("the change goes from %+v to %+v, the license from %+v to %+v", r.Change.Before, r.Change.After, w.l.Totals, next.Totals)
	}
	if sum := sumOf(next, w.now); sum != next.Totals {
		w.t.Fatalf("totals (-entries +totals):\n%s", cmp.Diff(sum, next.Totals))
	}
	checkEntries(w.t, next)
	checkPages(w.t, w.l, next, r.Dirty)
	if !next.Unsettled {
		checkCover(w.t, next, w.now)
	}
	if !next.Due.Equal(next.Due.Truncate(time.Millisecond)) {
		w.t.Fatalf("due at %s: stores keep milliseconds", next.Due)
	}
}

func sumOf(l *ledger.License, now time.Time) ledger.Totals {
	rules, _ := l.Configuration.RulesAt(now)
	var sum ledger.Totals
	for i := range l.Entries {
		e := &l.Entries[i]
		if e.Verdict == ledger.Released {
			continue
		}
		on, off := false, false
		for j := range e.Members {
			on = on || e.Members[j].Consuming(&rules) && e.Members[j].State != license.Stopped
			off = off || e.Members[j].Consuming(&rules)
		}
		switch {
		case on:
			sum.Running += e.Licenses
		case off:
			sum.Stopped += e.Licenses
		default:
			sum.Affinity += e.Licenses
		}
		switch e.Verdict {
		case ledger.Covered:
			sum.Covered += e.Licenses
		case ledger.Over:
			sum.Over += e.Licenses
		case ledger.Broken:
			sum.Broken += e.Licenses
		}
		if e.Estimated {
			sum.Estimated += e.Licenses
		}
		if e.Resource.Type() == license.EC2Host {
			sum.Hosts += e.Licenses
		} else {
			sum.Instances += e.Licenses
		}
	}
	return sum
}

// checkEntries tests that nothing is held twice and that causes fit verdicts.
func checkEntries(t fataler, l *ledger.License) {
	t.Helper()
	resources, members := make(map[license.ResourceID]bool), make(map[license.ResourceID]bool)
	for i := range l.Entries {
		e := &l.Entries[i]
		if resources[e.Resource] {
			t.Fatalf("%s has two entries", e.Resource)
		}
		resources[e.Resource] = true
		for j := range e.Members {
			m := &e.Members[j]
			if members[m.Instance] {
				t.Fatalf("%s is a member twice", m.Instance)
			}
			members[m.Instance] = true
			if m.Cause != "" && e.Verdict != ledger.Over && e.Verdict != ledger.Broken && len(m.Broken) == 0 {
				t.Fatalf("%s is %s, and yet has the cause %s", m.Instance, e.Verdict, m.Cause)
			}
		}
	}
}

// checkCover tests a settled license: never more covered than there are
// licenses, and none left for one that waits and fits.
func checkCover(t fataler, l *ledger.License, now time.Time) {
	t.Helper()
	limit, limited := l.Configuration.CountAt(now)
	if !limited {
		return
	}
	if l.Totals.Covered > limit {
		t.Fatalf("%d covered of %d", l.Totals.Covered, limit)
	}
	for i := range l.Entries {
		e := &l.Entries[i]
		intended := slices.ContainsFunc(e.Members, func(m ledger.Member) bool { return m.Intent.Live(now) })
		if e.Verdict == ledger.Over && !intended && l.Totals.Covered+e.Licenses <= limit {
			t.Fatalf("%s waits for %d licenses, but of %d only %d are covered", e.Resource, e.Licenses, limit, l.Totals.Covered)
		}
	}
}

// checkPages tests that a store that writes the dirty pages only has it all.
func checkPages(t fataler, before, after *ledger.License, dirty []int) {
	t.Helper()
	if after.Pages == 0 {
		if len(dirty) > 0 || len(after.Entries) > 128 {
			t.Fatalf("no pages, but %v are dirty for %d entries", dirty, len(after.Entries))
		}
		return
	}
	if len(dirty) > 98 || !slices.IsSorted(dirty) || len(slices.Compact(slices.Clone(dirty))) != len(dirty) {
		t.Fatalf("dirty pages %v", dirty)
	}
	is, was := pagesOf(after), pagesOf(before)
	for p := range is {
		if p >= after.Pages || len(is[p]) > 64 {
			t.Fatalf("page %d of %d has %d entries", p, after.Pages, len(is[p]))
		}
	}
	for p := range max(after.Pages, before.Pages) {
		if !slices.Contains(dirty, p) && (before.Pages == 0 || !reflect.DeepEqual(is[p], was[p])) {
			t.Fatalf("page %d changed, but is not dirty (%v):\n%s", p, dirty, cmp.Diff(was[p], is[p]))
		}
	}
}

func pagesOf(l *ledger.License) map[int][]ledger.Entry {
	pages := make(map[int][]ledger.Entry)
	for _, e := range l.Entries {
		pages[e.Page] = append(pages[e.Page], e)
	}
	return pages
}

// id returns the n-th instance.
func id(n int) license.ResourceID {
	return license.NewResourceID("123456789012", "us-east-1", fmt.Sprintf("i-%017x", n))
}

func hostID(n int) string { return fmt.Sprintf("h-%017x", n) }

func hostResource(n int) license.ResourceID {
	return license.NewResourceID("123456789012", "us-east-1", hostID(n))
}

type option func(*ledger.Claim)

// launched is the n-th instance, launched at an instant and seen running now.
func (w *world) launched(n int, at time.Time, options ...option) ledger.Claim {
	c := ledger.Claim{
		Instance: license.Instance{ID: id(n), Type: "m5.large", State: license.Running, LaunchTime: at, ImageID: "ami-1", Tenancy: license.TenancyDefault},
		Held:     &license.Held{ConfigurationID: "lic-1", Kind: license.ByAMI, Value: "ami-1", Since: at},
		Offered:  t0, Observed: w.now, Happened: at, EventID: fmt.Sprintf("event-%d", n),
	}
	for _, o := range options {
		o(&c)
	}
	c.Generation = ledger.Generation{Launch: c.Instance.LaunchTime, Rank: c.Instance.State.Rank()}
	return c
}

// fleet is n instances from first on, launched a second apart up to now.
func (w *world) fleet(first, n int, options ...option) []ledger.Claim {
	claims := make([]ledger.Claim, n)
	for i := range claims {
		claims[i] = w.launched(first+i, w.now.Add(time.Duration(i-n)*time.Second), options...)
	}
	return claims
}

func in(s license.State) option { return func(c *ledger.Claim) { c.Instance.State = s } }
func typed(name string) option  { return func(c *ledger.Claim) { c.Instance.Type = name } }
func tenancy(v license.Tenancy) option {
	return func(c *ledger.Claim) { c.Instance.Tenancy = v }
}
func guarded(g ledger.Guard) option  { return func(c *ledger.Claim) { c.Guard = g } }
func offered(at time.Time) option    { return func(c *ledger.Claim) { c.Offered = at } }
func unassociated(c *ledger.Claim)   { c.Held = nil }
func gone(c *ledger.Claim)           { c.Gone = true }
func happened(at time.Time) option   { return func(c *ledger.Claim) { c.Happened = at } }
func observedAt(at time.Time) option { return func(c *ledger.Claim) { c.Observed = at } }

// on places the instance on the n-th Dedicated Host: m5, 2 sockets of 24 cores.
func on(n int) option {
	return func(c *ledger.Claim) {
		c.Instance.Tenancy, c.Instance.HostID = license.TenancyDedicatedHost, hostID(n)
		c.Host = license.Host{ID: hostResource(n), Family: "m5", Cores: 48, Sockets: 2}
	}
}

// members lists the instances of entries with a verdict, in their order.
func (w *world) members(v ledger.Verdict) []int {
	entries := slices.Clone(w.l.Entries)
	slices.SortFunc(entries, func(a, b ledger.Entry) int { return a.First.Compare(b.First) })
	out := []int{}
	for _, e := range entries {
		for _, m := range e.Members {
			if e.Verdict == v {
				var n int
				fmt.Sscanf(m.Instance.AWSID(), "i-%x", &n)
				out = append(out, n)
			}
		}
	}
	return out
}

func (w *world) member(n int) (*ledger.Entry, *ledger.Member) {
	w.t.Helper()
	e, m := w.l.Find(id(n))
	if m == nil {
		w.t.Fatalf("instance %d is not held", n)
	}
	return e, m
}

// answers returns what policy asks for now, by instance.
func (w *world) answers() map[int]ledger.Answer {
	out := make(map[int]ledger.Answer)
	for i := range w.l.Entries {
		e := &w.l.Entries[i]
		for j := range e.Members {
			var n int
			fmt.Sscanf(e.Members[j].Instance.AWSID(), "i-%x", &n)
			if a := w.l.Answer(e, &e.Members[j], w.now); a != (ledger.Answer{}) {
				out[n] = a
			}
		}
	}
	return out
}

// wanted lists the instances for which something is asked.
func (w *world) wanted() []int {
	out := []int{}
	for n, a := range w.answers() {
		if a.Wanted() {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

// raised lists the alerts so far as "kind threshold".
func (w *world) raised() []string {
	out := []string{}
	for _, a := range w.alerts {
		out = append(out, fmt.Sprintf("%s %d", a.Kind, a.Threshold))
	}
	return out
}

func upTo(first, last int) []int {
	out := []int{}
	for n := first; n <= last; n++ {
		out = append(out, n)
	}
	return out
}

func same[T any](t *testing.T, what string, want, got T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
