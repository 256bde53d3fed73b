package ledger_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// ask asks for admissions of instances, for good.
func (w *world) ask(instances ...int) []ledger.Admittance {
	w.t.Helper()
	var b ledger.Batch
	for _, n := range instances {
		b.Admissions = append(b.Admissions, ledger.Admission{Instance: id(n), Launch: w.launchOf(n)})
	}
	return w.fold(b).Admissions
}

// TestAdmits: only what would be stopped, were it no member of a group, is refused.
func TestAdmits(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(*license.Configuration)
		claim  []option
		want   string // "refused", "fits", or what is said of why it is let in
	}{
		{"over", nil, nil, "refused"},
		{"a member of a group", nil, []option{guarded(ledger.GuardAutoScaling)}, "refused"},
		{"that runs already", nil, []option{in(license.Running)}, "refused"},
		{"instance store: nothing is on it yet", nil, []option{guarded(ledger.GuardInstanceStore)}, "refused"},
		{"one-time Spot", nil, []option{guarded(ledger.GuardOneTimeSpot)}, "refused"},
		{"it fits", func(c *license.Configuration) { c.Count = licenses(1) }, nil, "fits"},
		{"no count", func(c *license.Configuration) { c.Count, c.HardLimit = nil, false }, nil, "fits"},
		{"observe", func(c *license.Configuration) { c.Enforcement.Mode = license.Observe }, nil, "mode observe"},
		{"tag", func(c *license.Configuration) { c.Enforcement.Mode = license.Tag }, nil, "mode tag"},
		{"soft", func(c *license.Configuration) { c.HardLimit = false }, nil, ledger.WhySoft},
		{"disabled", func(c *license.Configuration) { c.Status = license.Disabled }, nil, "fits"},
		{"estimated", nil, []option{typed("m99.large")}, ledger.WhyEstimated},
		{"stop protection", nil, []option{func(c *ledger.Claim) { c.Instance.StopProtected = true }}, "never abandoned: protected"},
		{"a service's", nil, []option{guarded(ledger.GuardManaged)}, "never abandoned: service-managed"},
		{"exempt by tag", func(c *license.Configuration) { c.Enforcement.TagsExempt = true }, []option{guarded(ledger.GuardExemptTag)}, "never abandoned: exempt-tag"},
		{"a tag that exempts nothing", nil, []option{guarded(ledger.GuardAutoScalingExemptTag)}, "refused"},
		{"exempt", func(c *license.Configuration) {
			c.Exemptions = []license.Exemption{{Instance: id(1), Owner: "me", Reason: "migration", Approver: "me", From: t0, Until: t0.Add(48 * time.Hour)}}
		}, nil, "never abandoned: exempt"},
		{"found late", nil, []option{func(c *ledger.Claim) { c.Held.Since = c.Instance.LaunchTime.Add(time.Hour) }}, ledger.WhyListed},
		{"ending by itself", nil, []option{in(license.ShuttingDown)}, ledger.WhyEnding},
		{"gone", nil, []option{gone}, "fits"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(c *license.Configuration) {
				c.Count, c.CountingType = licenses(0), license.CountInstance
				if strings.Contains(tt.name, "estimated") {
					c.CountingType, c.Count = license.CountVCPU, licenses(1)
				}
				if tt.change != nil {
					tt.change(c)
				}
			}).after(time.Hour)
			w.see(w.launched(1, w.now, append([]option{in(license.Pending)}, tt.claim...)...))
			entry, m := w.l.Find(id(1))
			if m == nil { // it was never held
				if tt.want != "fits" {
					t.Fatal("it is not held")
				}
				return
			}
			a := ledger.Admission{Instance: id(1), Launch: m.Generation.Launch}
			got := w.l.Admits(a, w.now)
			granted := w.fold(ledger.Batch{Admissions: []ledger.Admission{a}}).Admissions[0]
			if got != granted {
				t.Errorf("read %+v, committed %+v", got, granted)
			}
			ok := got.Refused == (tt.want == "refused")
			if tt.want == "fits" {
				ok = ok && got.Why == ""
			} else if !got.Refused {
				ok = ok && strings.Contains(got.Why, tt.want)
			}
			if !ok {
				t.Errorf("got %+v as %s, want %s", got, entry.Verdict, tt.want)
			}
			if _, m := w.l.Find(id(1)); m != nil && m.Refused(w.now) != got.Refused {
				t.Errorf("refused %t, but the member says %t", got.Refused, m.Refused(w.now))
			}
		})
	}
}

// TestAdmittedKeepsItsPlace: the licenses of what went into service are not given
// to an older launch that arrives later. Without the admission they are.
func TestAdmittedKeepsItsPlace(t *testing.T) {
	t.Parallel()
	for _, admitted := range []bool{true, false} {
		t.Run(fmt.Sprintf("admitted %t", admitted), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(c *license.Configuration) { c.Count = licenses(1) }).after(time.Hour)
			w.see(w.launched(2, w.now, in(license.Pending)))
			if admitted {
				same(t, "asked", []ledger.Admittance{{}}, w.ask(2))
			}
			w.after(time.Second).see(w.launched(1, w.now.Add(-time.Minute), in(license.Pending)))
			want := []int{1}
			if admitted {
				want = []int{2}
			}
			same(t, "covered", want, w.members(ledger.Covered))
			if got := w.ask(1)[0].Refused; got != admitted {
				t.Errorf("the older one is refused: %t", got)
			}
		})
	}
}

// TestRefusedStaysRefused: a group was made smaller for it, so it is not let in
// when a license becomes free meanwhile; after ten minutes it is like any other.
func TestRefusedStaysRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *license.Configuration) { c.Count = licenses(1) }).after(time.Hour)
	w.see(w.launched(1, w.now.Add(-time.Second)), w.launched(2, w.now, in(license.Pending)))
	launch := w.launchOf(2)
	if got := w.ask(1, 2); got[0].Refused || !got[1].Refused {
		t.Fatalf("got %+v", got)
	}
	w.after(time.Second).see(w.launched(1, launch.Add(-time.Second), in(license.Terminated)))
	same(t, "covered", []int{}, w.members(ledger.Covered))
	if got := w.ask(2); !got[0].Refused {
		t.Errorf("asked again: %+v", got)
	}
	if got := w.grant(license.Tag, 2); got[0].Refused == "" {
		t.Errorf("enforcement may act on it at the same time: %+v", got)
	}
	w.report(ledger.DoneAbandoned, 2, "")
	if a := w.answers()[2]; a.Wanted() {
		t.Errorf("what was abandoned is answered again: %+v", a)
	}
	w.after(10 * time.Minute).fold(ledger.Batch{})
	same(t, "covered after ten minutes", []int{2}, w.members(ledger.Covered))
}

// TestAdmissionIsOfOneLaunch: what is asked of another launch is no matter.
func TestAdmissionIsOfOneLaunch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *license.Configuration) { c.Count = licenses(0) }).after(time.Hour)
	w.see(w.launched(1, w.now))
	for _, a := range []ledger.Admission{{Instance: id(1), Launch: w.now.Add(-time.Hour)}, {Instance: id(2), Launch: w.now}} {
		if r := w.fold(ledger.Batch{Admissions: []ledger.Admission{a}}); r.Admissions[0] != (ledger.Admittance{}) || r.Change != nil {
			t.Errorf("%+v: %+v", a, r)
		}
	}
}

func TestAbandonedAreCountedForAnHour(t *testing.T) {
	t.Parallel()
	var b ledger.Brakes
	now := t0
	for i, want := range []int{5, 10, 15} {
		if got := b.Abandon("1/us-east-1/web", 5, now.Add(time.Duration(i)*20*time.Minute)); got != want {
			t.Errorf("burst %d: %d within the hour, want %d", i, got, want)
		}
	}
	before := b
	if got := b.Abandon("1/us-east-1/web", 1, now.Add(time.Hour)); got != 11 {
		t.Errorf("after an hour %d, want 11", got)
	}
	if got := before.Refusals[0].Abandoned; len(got) != 3 {
		t.Errorf("the record before was changed: %+v", got)
	}
	if got := b.Abandon("1/us-east-1/other", 1, now.Add(time.Hour)); got != 1 {
		t.Errorf("another group has %d", got)
	}
	for n := range 600 {
		b.Abandon(ledger.GroupID("1", "us-east-1", fmt.Sprint(n)), 1, now.Add(time.Hour))
	}
	if len(b.Refusals) > 500 {
		t.Errorf("%d groups on record", len(b.Refusals))
	}
	b.Abandon("1/us-east-1/web", 1, now.Add(3*time.Hour))
	if len(b.Refusals) != 1 {
		t.Errorf("%d groups on record after hours", len(b.Refusals))
	}
}

func TestASuspensionIsToldOnce(t *testing.T) {
	t.Parallel()
	var b ledger.Brakes
	for _, step := range []struct {
		after time.Duration
		want  bool
	}{{0, true}, {0, false}, {19 * time.Minute, false}, {21 * time.Minute, true}, {22 * time.Minute, false}} {
		if got := b.Suspend("1/us-east-1/web", t0.Add(step.after)); got != step.want {
			t.Errorf("after %s: told %t", step.after, got)
		}
	}
}

func TestMostAbandoned(t *testing.T) {
	t.Parallel()
	for size, want := range map[int32]int{0: 20, 10: 20, 11: 22, 100: 200} {
		if got := ledger.MostAbandoned(size); got != want {
			t.Errorf("%d: %d, want %d", size, got, want)
		}
	}
}
