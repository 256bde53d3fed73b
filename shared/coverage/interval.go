package coverage

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"licenseguard/shared/snapshot"
)

// Interval is a time in which one source watched without a break. To is the last look:
// what it saw was so until then.
type Interval struct {
	Source          string
	Account, Region string `json:",omitempty"` // "": all of them
	From, To        time.Time
}

// key is what has coverage of its own.
type key struct{ source, account, region string }

// line is what the rows tell of one key.
type line struct {
	key
	rows  []row
	apart time.Duration // two looks so far apart, at most, are without a break
	seen  []Interval    // in order; more than apart lies between two
	gaps  [][2]time.Time
}

// row is a row with its times.
type row struct {
	snapshot.Coverage
	recorded, from, to, failing time.Time
	beforeFrom, beforeTo        time.Time
}

// mostMinutes bounds what a row may call unbroken: a larger number would hide gaps.
const mostMinutes = 24 * 60

const layout = "2006-01-02 15:04:05.000"

// parse reads the times of a row. The error says which field is wrong.
func parse(c snapshot.Coverage) (r row, err error) {
	r.Coverage = c
	for _, f := range []struct {
		name, text string
		to         *time.Time
		needed     bool
	}{{"recorded_at", c.RecordedAt, &r.recorded, true}, {"observed_from", c.ObservedFrom, &r.from, c.ObservedTo != ""},
		{"observed_to", c.ObservedTo, &r.to, c.ObservedFrom != ""}, {"before_from", c.BeforeFrom, &r.beforeFrom, c.BeforeTo != ""},
		{"before_to", c.BeforeTo, &r.beforeTo, c.BeforeFrom != ""}, {"failing_since", c.FailingSince, &r.failing, false}} {
		if f.text == "" && !f.needed {
			continue
		}
		if *f.to, err = time.Parse(layout, f.text); err != nil {
			return r, fmt.Errorf("%s %q is no time: want %q", f.name, f.text, layout)
		}
	}
	if r.to.Before(r.from) || r.beforeTo.Before(r.beforeFrom) || c.UnbrokenMinutes < 0 || c.UnbrokenMinutes > mostMinutes || c.Source == "" {
		return r, fmt.Errorf("source %q, observed from %q to %q, %d minutes apart: want a source, an end not before the beginning, and 0 to %d minutes", c.Source, c.ObservedFrom, c.ObservedTo, c.UnbrokenMinutes, mostMinutes)
	}
	return r, nil
}

// linesOf sorts rows by what they are of, each with its intervals. There is always one
// of events and one of snapshots.
func linesOf(all []snapshot.Coverage) ([]*line, error) {
	lines := map[key]*line{}
	of := func(k key) *line {
		if lines[k] == nil {
			lines[k] = &line{key: k}
		}
		return lines[k]
	}
	of(key{source: snapshot.BySnapshot})
	of(key{source: snapshot.ByEvents})
	for i := range all {
		r, err := parse(all[i])
		if err != nil {
			return nil, fmt.Errorf("coverage recorded at %q, row %d: %w", all[i].RecordedAt, i+1, err)
		}
		l := of(key{r.Source, r.AccountID, r.Region})
		l.rows = append(l.rows, r)
	}
	sorted := slices.SortedFunc(maps.Values(lines), func(a, b *line) int {
		return cmp.Or(cmp.Compare(a.source, b.source), cmp.Compare(a.account, b.account), cmp.Compare(a.region, b.region))
	})
	for _, l := range sorted {
		l.join()
	}
	return sorted, nil
}

// join makes the intervals of the rows, which may overlap and come in any order.
func (l *line) join() {
	slices.SortStableFunc(l.rows, func(a, b row) int { return a.recorded.Compare(b.recorded) })
	var told []Interval
	for i := range l.rows {
		r := &l.rows[i]
		l.apart = max(l.apart, time.Duration(r.UnbrokenMinutes)*time.Minute)
		for _, i := range [][2]time.Time{{r.from, r.to}, {r.beforeFrom, r.beforeTo}} {
			if !i[0].IsZero() {
				told = append(told, Interval{l.source, l.account, l.region, i[0], i[1]})
			}
		}
	}
	slices.SortFunc(told, func(a, b Interval) int { return cmp.Or(a.From.Compare(b.From), a.To.Compare(b.To)) })
	for _, next := range told {
		last := len(l.seen) - 1
		if last < 0 || next.From.Sub(l.seen[last].To) > l.apart {
			l.seen = append(l.seen, next)
			continue
		}
		if next.To.After(l.seen[last].To) {
			l.seen[last].To = next.To
		}
	}
}

// within returns the intervals of a span, cut at its ends.
func (l *line) within(from, to time.Time) (out []Interval) {
	for _, i := range l.seen {
		i.From, i.To = later(i.From, from), earlier(i.To, to)
		if !i.To.Before(i.From) {
			out = append(out, i)
		}
	}
	return out
}

// unbroken reports whether it watched from one instant to another, as far as anything is
// on record by then: none of its gaps lies in that time.
func (l *line) unbroken(from, to time.Time) bool {
	return !slices.ContainsFunc(l.gaps, func(g [2]time.Time) bool { return g[0].Before(to) && g[1].After(from) })
}

// covers reports whether an unbroken time holds two looks.
func (l *line) covers(from, to time.Time) bool {
	return slices.ContainsFunc(l.seen, func(i Interval) bool { return !i.From.After(from) && !i.To.Before(to) })
}

// Thin leaves out the rows that repeat the one before and are repeated by the next, which
// are most of them: what is told is the same without.
func Thin(rows []snapshot.Coverage) []snapshot.Coverage {
	sorted := slices.Clone(rows)
	slices.SortStableFunc(sorted, func(a, b snapshot.Coverage) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.AccountID, b.AccountID), cmp.Compare(a.Region, b.Region), cmp.Compare(a.RecordedAt, b.RecordedAt))
	})
	out := sorted[:0]
	for _, r := range sorted {
		if n := len(out); n > 1 && repeats(out[n-2], out[n-1]) && repeats(out[n-1], r) {
			out[n-1] = r
		} else {
			out = append(out, r)
		}
	}
	return out
}

// repeats reports whether a row tells all that the one before it did.
func repeats(before, r snapshot.Coverage) bool {
	if r.ObservedTo < before.ObservedTo {
		return false
	}
	before.ReportDate, before.RecordedAt, before.ObservedTo, before.Instances = r.ReportDate, r.RecordedAt, r.ObservedTo, r.Instances
	return before == r
}
