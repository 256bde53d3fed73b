package timeline

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"licenseguard/shared/license"
)

// Period is a span of the calendar, in UTC.
type Period string

// The periods.
const (
	Hourly    Period = "hour"
	Daily     Period = "day"
	Monthly   Period = "month"
	Quarterly Period = "quarter"
)

// Periods lists them, from the shortest.
func Periods() []Period { return []Period{Hourly, Daily, Monthly, Quarterly} }

// begin returns when the period of an instant began.
func (p Period) begin(t time.Time) time.Time {
	t = t.UTC()
	switch p {
	case Hourly:
		return t.Truncate(time.Hour)
	case Daily:
		return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	case Monthly:
		return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
	default:
		return time.Date(t.Year(), (t.Month()-1)/3*3+1, 1, 0, 0, 0, 0, time.UTC)
	}
}

// next returns when the period after that of an instant begins.
func (p Period) next(t time.Time) time.Time {
	b := p.begin(t)
	switch p {
	case Hourly:
		return b.Add(time.Hour)
	case Daily:
		return b.AddDate(0, 0, 1)
	case Monthly:
		return b.AddDate(0, 1, 0)
	default:
		return b.AddDate(0, 3, 0)
	}
}

// Peak is the high-water mark of a license in a period. It is exact: every change is
// looked at, nothing is sampled.
type Peak struct {
	ID, Name string
	From, To time.Time // To is not included
	High     int64     // the most that was deployed at once, in licenses
	HighAt   time.Time // when that began, or From
	Count    *int64    // how many there were at HighAt; nil: it only tracked
	// LicenseHours is the sum over the period of licenses times hours.
	LicenseHours float64
	// OverMinutes is how long more was deployed than there were licenses.
	OverMinutes float64
	// Adjusted is the same without what exceptions leave out; nil where none of them
	// is of this license and time.
	Adjusted *Adjusted `json:",omitempty"`
}

// Adjusted is a high-water mark without what exceptions leave out.
type Adjusted struct {
	High                      int64
	HighAt                    time.Time
	LicenseHours, OverMinutes float64
}

// Exception leaves what one resource used of a license out of peaks, for some time.
type Exception struct {
	License  string
	Resource string // ARN
	From, To time.Time
}

// ExceptionsOf returns what the annotations of a license leave out.
func ExceptionsOf(c *license.Configuration) []Exception {
	var out []Exception
	for _, a := range c.Annotations {
		if a.Holds() {
			out = append(out, Exception{License: c.ID, Resource: a.Resource.ARN(), From: a.From, To: a.Until})
		}
	}
	return out
}

// Peaks returns the periods of each license between two instants, cut at these, in
// the order of licenses and time. A license is shown from its first row to its end.
// Exceptions leave the numbers as they are and give the adjusted ones beside them.
func (t *Timeline) Peaks(p Period, from, to time.Time, except ...Exception) ([]Peak, error) {
	if !slices.Contains(Periods(), p) {
		return nil, fmt.Errorf("period %q: want hour, day, month or quarter", p)
	}
	if !from.Before(to) {
		return nil, fmt.Errorf("from %s to %s: the end must be after the beginning", from.UTC().Format(time.RFC3339), to.UTC().Format(time.RFC3339))
	}
	t.sort()
	var out []Peak
	for _, id := range t.ids() {
		v := t.licenses[id].view(everything)
		if v.begin == 0 {
			continue
		}
		first, last := max(from.UnixMilli(), v.begin), to.UnixMilli()
		if v.end != 0 {
			last = min(last, v.end)
		}
		raw := v.peaks(p, v.steps(nil), first, last)
		adjust(raw, v, p, first, last, slices.DeleteFunc(slices.Clone(except), func(e Exception) bool { return e.License != id }))
		out = append(out, raw...)
	}
	return out, nil
}

// adjust adds to the periods of a license what they are without its exceptions.
func adjust(raw []Peak, v *view, p Period, first, last int64, except []Exception) {
	if len(except) == 0 {
		return
	}
	for i, a := range v.peaks(p, v.steps(except), first, last) {
		if slices.ContainsFunc(except, func(e Exception) bool { return e.From.Before(a.To) && a.From.Before(e.To) }) {
			raw[i].Adjusted = &Adjusted{a.High, a.HighAt, a.LicenseHours, a.OverMinutes}
		}
	}
}

// step is a change of what is deployed or of the count.
type step struct{ at, by int64 }

// steps returns the changes of what is deployed, in order of time.
func (v *view) steps(except []Exception) []step {
	var steps []step
	for resource, segments := range v.resources {
		cuts := cutsOf(segments, resource, except)
		before := int64(0)
		for _, c := range cuts {
			if by := c.by - before; by != 0 {
				steps = append(steps, step{c.at, by})
			}
			before = c.by
		}
	}
	for _, l := range v.limits { // the count changes, what is deployed does not
		steps = append(steps, step{l.from, 0})
	}
	slices.SortFunc(steps, func(a, b step) int { return cmp.Compare(a.at, b.at) })
	return steps
}

// cutsOf returns how much a resource consumes from each instant at which that may
// change: nothing within its exceptions.
func cutsOf(segments []segment, resource string, except []Exception) []step {
	cuts := make([]step, 0, len(segments))
	for _, s := range segments {
		cuts = append(cuts, step{s.from, s.row.licenses})
	}
	if except = slices.DeleteFunc(slices.Clone(except), func(e Exception) bool { return e.Resource != resource }); len(except) == 0 {
		return cuts
	}
	for _, e := range except {
		cuts = append(cuts, step{e.From.UnixMilli(), 0}, step{e.To.UnixMilli(), 0})
	}
	slices.SortFunc(cuts, func(a, b step) int { return cmp.Compare(a.at, b.at) })
	for i := range cuts {
		inside := func(e Exception) bool { return e.From.UnixMilli() <= cuts[i].at && cuts[i].at < e.To.UnixMilli() }
		cuts[i].by = 0
		if s := at(segments, cuts[i].at); s != nil && !slices.ContainsFunc(except, inside) {
			cuts[i].by = s.row.licenses
		}
	}
	return cuts
}

func (v *view) peaks(p Period, steps []step, first, last int64) []Peak {
	if first >= last {
		return nil
	}
	i, deployed := 0, int64(0)
	apply := func(until int64) { // the changes up to an instant, that included
		for ; i < len(steps) && steps[i].at <= until; i++ {
			deployed += steps[i].by
		}
	}
	var out []Peak
	for at := first; at < last; {
		end := min(last, p.next(instant(at)).UnixMilli())
		peak := Peak{ID: v.id, Name: v.name, From: instant(at), To: instant(end), High: -1}
		used, over := int64(0), int64(0) // license-milliseconds, milliseconds
		for now := at; now < end; {
			apply(now)
			until := end
			if i < len(steps) {
				until = min(end, steps[i].at)
			}
			count, limited := v.limitAt(now)
			if deployed > peak.High {
				peak.High, peak.HighAt, peak.Count = deployed, instant(now), nil
				if limited {
					peak.Count = &count
				}
			}
			used += deployed * (until - now)
			if limited && deployed > count {
				over += until - now
			}
			now = until
		}
		peak.LicenseHours, peak.OverMinutes = float64(used)/float64(time.Hour/time.Millisecond), float64(over)/float64(time.Minute/time.Millisecond)
		out = append(out, peak)
		at = end
	}
	return out
}

// Point is what was deployed, and how many licenses there were, from an instant on.
type Point struct {
	At       time.Time
	Deployed int64
	Count    *int64 // nil: it only tracked
}

// Series returns what was deployed of a license between two instants, each change
// once, the first point at the beginning. An unknown license has none.
func (t *Timeline) Series(id string, from, to time.Time) []Point {
	t.sort()
	l := t.licenses[id]
	if l == nil {
		return nil
	}
	v := l.view(everything)
	deployed, i, steps := int64(0), 0, v.steps(nil)
	begin, end := max(from.UnixMilli(), v.begin), to.UnixMilli()
	if v.end != 0 {
		end = min(end, v.end)
	}
	var out []Point
	for at := begin; at < end; {
		for ; i < len(steps) && steps[i].at <= at; i++ {
			deployed += steps[i].by
		}
		p := Point{At: instant(at), Deployed: deployed}
		if count, limited := v.limitAt(at); limited {
			p.Count = &count
		}
		if n := len(out); n == 0 || out[n-1].Deployed != p.Deployed || counted(out[n-1].Count) != counted(p.Count) {
			out = append(out, p)
		}
		if i == len(steps) {
			break
		}
		at = steps[i].at
	}
	return out
}

func counted(n *int64) int64 {
	if n == nil {
		return -1
	}
	return *n
}
