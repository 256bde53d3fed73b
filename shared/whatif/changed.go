package whatif

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// Change is one instance that stands otherwise to a license, or a Dedicated Host
// without instances that does. The rows of instances that are counted on one host
// each tell of the whole host.
type Change struct {
	Resource license.ResourceID // on which it is counted
	Instance license.ResourceID `json:",omitempty"`
	New      bool               `json:",omitempty"` // the plan launches it
	Before   Standing
	After    Standing
	Why      string // it stands so afterwards, in words
}

// Standing is how an instance stands to a license.
type Standing struct {
	Verdict     ledger.Verdict      // Released for what uses no license, or is not held at all
	Licenses    int64               // of the resource
	Estimated   bool                `json:",omitempty"`
	Explanation license.Explanation `json:",omitzero"` // of Licenses
	Arithmetic  string              `json:",omitempty"`
	Association string              `json:",omitempty"` // what applies the license to it
	Broken      []string            `json:",omitempty"` // rules that it breaks
	Cause       ledger.Cause        `json:",omitempty"`
	Answer      Answer              `json:",omitzero"`
}

// Answer is what enforcement would do about an overrun or a broken rule.
type Answer struct {
	Action    license.Mode `json:",omitempty"` // stop, tag, detach or lower; "": nothing
	Mode      license.Mode `json:",omitempty"` // of the license: observe says it and does nothing
	Guard     ledger.Guard `json:",omitempty"` // why it would be tagged and not stopped
	Waits     bool         `json:",omitempty"` // for a person's approval
	NotBefore time.Time    `json:",omitzero"`
	Why       string       `json:",omitempty"` // of the action, or why there is none
}

// Changed lists what stands otherwise to a license after than before: another
// verdict, number of licenses, broken rule, cause or answer. Both are looked at at
// one instant. The order is that of cover afterwards, then that before.
func Changed(before, after *ledger.License, now time.Time, catalog license.Catalog) []Change {
	was, is := standings(before, now, catalog), standings(after, now, catalog)
	var out []Change
	for _, k := range is.order {
		b, a := was.of(k), is.of(k)
		if !b.standing.same(a.standing) {
			out = append(out, change(k, a.resource, b.standing, a.standing, after, now))
		}
	}
	for _, k := range was.order {
		if _, still := is.by[k]; still {
			continue
		}
		b := was.of(k)
		if gone := (Standing{Verdict: ledger.Released}); !b.standing.same(gone) {
			out = append(out, change(k, b.resource, b.standing, gone, after, now))
		}
	}
	return out
}

// key names an instance or, where that is "", a host that holds licenses without one.
type key struct{ instance, host license.ResourceID }

type placed struct {
	resource license.ResourceID
	standing Standing
}

// stand is how everything of a license stands.
type stand struct {
	by    map[key]placed
	order []key // of cover
}

func (s stand) of(k key) placed {
	if p, ok := s.by[k]; ok {
		return p
	}
	return placed{standing: Standing{Verdict: ledger.Released}}
}

func standings(l *ledger.License, now time.Time, catalog license.Catalog) stand {
	rules, _ := l.Configuration.RulesAt(now)
	answers := answersOf(l, now, catalog)
	s := stand{by: make(map[key]placed, len(l.Entries))}
	put := func(k key, e *ledger.Entry, st Standing) {
		s.by[k] = placed{e.Resource, st}
		s.order = append(s.order, k)
	}
	for _, i := range l.InOrder() {
		e := &l.Entries[i]
		whole := Standing{Verdict: e.Verdict}
		if e.Verdict != ledger.Released {
			whole.Licenses, whole.Estimated = e.Licenses, e.Estimated
			whole.Explanation = ledger.Usage(&l.Configuration, rules, e, catalog).Explanation
			whole.Arithmetic = whole.Explanation.String()
		}
		consuming := false
		for j := range e.Members {
			m := &e.Members[j]
			st := Standing{Verdict: ledger.Released}
			if m.Consuming(&rules) {
				consuming = true
				st = whole
				st.Association, st.Cause, st.Answer = string(m.Kind)+" "+m.Value, m.Cause, answers[m.Instance]
				for _, v := range m.Broken {
					st.Broken = append(st.Broken, v.String())
				}
			}
			put(key{instance: m.Instance}, e, st)
		}
		if !consuming && e.Verdict != ledger.Released {
			put(key{host: e.Resource}, e, whole)
		}
	}
	return s
}

// answersOf tells what a plan of enforcement would list now.
func answersOf(l *ledger.License, now time.Time, catalog license.Catalog) map[license.ResourceID]Answer {
	p := ledger.PlanOf(l, now, catalog)
	out := make(map[license.ResourceID]Answer, len(p.Items))
	for i := range p.Items {
		item := &p.Items[i]
		a := Answer{Action: item.Action, Guard: item.Guard, Waits: item.Waits, NotBefore: item.NotBefore, Why: item.Why}
		if a.Action != "" {
			a.Mode = p.Mode
		}
		out[item.Instance] = a
	}
	return out
}

// same reports whether nothing differs that matters to people. What applies the
// license may.
func (s Standing) same(o Standing) bool {
	answers := s.Answer
	answers.NotBefore = o.Answer.NotBefore
	return s.Verdict == o.Verdict && s.Licenses == o.Licenses && s.Estimated == o.Estimated && s.Cause == o.Cause &&
		slices.Equal(s.Broken, o.Broken) && answers == o.Answer && s.Answer.NotBefore.Equal(o.Answer.NotBefore)
}

func change(k key, resource license.ResourceID, before, after Standing, l *ledger.License, now time.Time) Change {
	return Change{Resource: resource, Instance: k.instance, New: isNew(k.instance), Before: before, After: after, Why: why(l, after, now)}
}

// why says in words why something stands as it does.
func why(l *ledger.License, s Standing, now time.Time) string {
	count, _ := l.Configuration.CountAt(now)
	broken := strings.Join(s.Broken, "; ")
	switch s.Verdict {
	case ledger.Covered:
		if broken != "" {
			return "the count has room for it, but it breaks a rule: " + broken
		}
		return fmt.Sprintf("it fits under the count of %d", count)
	case ledger.Over:
		return fmt.Sprintf("it needs %d, and of %d licenses %d are taken", s.Licenses, count, l.Totals.Covered)
	case ledger.Broken:
		if broken == "" {
			return "what else is on the host breaks a rule"
		}
		return "it breaks a rule: " + broken
	case ledger.Tracked:
		if broken != "" {
			return "the license has no count, but it breaks a rule: " + broken
		}
		return "the license has no count: it is tracked only"
	case ledger.Ignored:
		return "the license is disabled: it is not counted"
	default:
		return "it uses none of these licenses"
	}
}
