package timeline

import (
	"slices"
	"time"

	"licenseguard/shared/ledger"
)

// Position is one license at a past instant, in licenses.
type Position struct {
	ID, Name  string
	At        time.Time
	Known     time.Time `json:",omitzero"` // by what was on record then; zero: by all there is
	Count     *int64    // how many there were; nil: it only tracked
	Deployed  int64
	Covered   int64
	Over      int64
	Broken    int64 // against a rule
	Estimated int64
	Revision  int64 // the last commit that was looked at
	// AsKnownThen is what was on record at the instant itself, where that is not
	// Deployed: what was found out since restated the past.
	AsKnownThen *int64 `json:",omitempty"`
	Uses        []Use  `json:",omitempty"`
}

// Use is what one resource consumed of a license at a past instant, and the row
// that says so.
type Use struct {
	Resource    string // ARN
	Instance    string // the instance that the row is about
	Licenses    int64
	Verdict     string
	Explanation string
	Association string
	EventID     string // what told of it; "": a sweep, a rule that began, or a person
	RuleVersion int
	Revision    int64
	Since       time.Time // when that began
	Recorded    time.Time // and when it was recorded
	Estimated   bool
}

// Positions returns every license that there was at an instant, in the order of
// their ids. known is until when what was recorded is looked at; zero: all of it.
func (t *Timeline) Positions(when, known time.Time) []Position {
	t.sort()
	ms := when.UnixMilli()
	var out []Position
	for _, id := range t.ids() {
		v := t.licenses[id].view(milli(known))
		if v.begin == 0 || !v.exists(ms) {
			continue
		}
		p := v.position(ms)
		p.At, p.Known = when.UTC(), known
		if known.IsZero() {
			if then := t.licenses[id].view(ms).deployed(ms); then != p.Deployed {
				p.AsKnownThen = &then
			}
		}
		out = append(out, p)
	}
	return out
}

func (v *view) position(ms int64) Position {
	p := Position{ID: v.id, Name: v.name, Revision: v.revision}
	if count, limited := v.limitAt(ms); limited {
		p.Count = &count
	}
	for resource, segments := range v.resources {
		s := at(segments, ms)
		if s == nil {
			continue
		}
		p.Deployed += s.row.licenses
		switch ledger.Verdict(s.verdict) {
		case ledger.Covered:
			p.Covered += s.row.licenses
		case ledger.Over:
			p.Over += s.row.licenses
		case ledger.Broken:
			p.Broken += s.row.licenses
		}
		if s.row.estimated {
			p.Estimated += s.row.licenses
		}
		p.Uses = append(p.Uses, Use{Resource: resource, Instance: s.row.instance, Licenses: s.row.licenses, Verdict: s.verdict, Explanation: s.row.explanation,
			Association: s.row.association, EventID: s.row.event, RuleVersion: s.row.ruleVersion, Revision: s.row.revision, Since: instant(s.from), Recorded: instant(s.row.recorded),
			Estimated: s.row.estimated})
	}
	slices.SortFunc(p.Uses, func(a, b Use) int {
		if c := a.Since.Compare(b.Since); c != 0 {
			return c
		}
		if a.Resource < b.Resource {
			return -1
		}
		return 1
	})
	return p
}

func (v *view) deployed(ms int64) (n int64) {
	for _, segments := range v.resources {
		if s := at(segments, ms); s != nil {
			n += s.row.licenses
		}
	}
	return n
}
