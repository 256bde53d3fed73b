package timeline

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Scope is an account and Region that the log tells of, and since when.
type Scope struct {
	Account, Region string
	First           time.Time
}

// Scopes returns them in their order.
func (t *Timeline) Scopes() []Scope {
	first := make(map[[2]string]int64)
	for _, l := range t.licenses {
		for i := range l.rows {
			r := &l.rows[i]
			if r.resource == "" {
				continue
			}
			at := [2]string{}
			at[0], at[1] = home(r.resource)
			if known, ok := first[at]; !ok || r.happened < known {
				first[at] = r.happened
			}
		}
	}
	out := make([]Scope, 0, len(first))
	for at, ms := range first {
		out = append(out, Scope{Account: at[0], Region: at[1], First: instant(ms)})
	}
	slices.SortFunc(out, func(a, b Scope) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Region, b.Region))
	})
	return out
}

// Begin returns when the first thing happened that the log tells of; zero: it is empty.
func (t *Timeline) Begin() time.Time {
	first := everything
	for _, l := range t.licenses {
		for i := range l.rows {
			first = min(first, l.rows[i].happened)
		}
	}
	if first == everything {
		return time.Time{}
	}
	return instant(first)
}

// home is the account and Region of an ARN.
func home(arn string) (account, region string) {
	for range 3 { // arn, partition, service
		_, arn, _ = strings.Cut(arn, ":")
	}
	region, arn, _ = strings.Cut(arn, ":")
	account, _, _ = strings.Cut(arn, ":")
	return account, region
}

// Unwatched is a span in which nobody looked, or not all was seen.
type Unwatched struct {
	Account, Region string // "": all of them
	From, To        time.Time
	// Closed is when the first look at all of an account and Region had ended that began
	// at To or later; zero: there is none on record.
	Closed func(account, region string) time.Time
}

// Bounds is what the log says about one license in a span in which not all was seen.
type Bounds struct {
	ID, Name string
	// Certain was in use at every instant: by what was in use before, was seen to be
	// after, and did not start anew between.
	Certain int64
	// Highest is the most that was in use at once by all that is on record. What was found
	// only by a look counts from its launch on, as far as that lies in the span.
	Highest int64
	// Found is what became known of the span only after it, or by a look: licenses of what
	// began in it, each resource by its most.
	Found int64
	// Spare is the least that was free of all licenses, everywhere, by the same record: so
	// much may have been used unseen before the count was passed. Below zero, more was used
	// than there were. Nil: it only tracked.
	Spare *int64
}

// Bounds returns those of each license of which anything is on record in the span, in the
// order of their ids. They bound what left a trace: what began and ended unseen is in no
// log.
func (t *Timeline) Bounds(u Unwatched) []Bounds {
	t.sort()
	from, to := u.From.UnixMilli(), u.To.UnixMilli()
	var out []Bounds
	for _, id := range t.ids() {
		v := t.licenses[id].view(everything)
		if b := v.bounds(u, from, to); b.Certain > 0 || b.Highest > 0 {
			out = append(out, b)
		}
	}
	return out
}

func (v *view) bounds(u Unwatched, from, to int64) Bounds {
	b := Bounds{ID: v.id, Name: v.name}
	if v.begin == 0 {
		return b
	}
	if v.end != 0 {
		to = min(to, v.end)
	}
	if from >= to {
		return b
	}
	var here, unseen []step
	for at, resources := range v.homes() {
		if u.Account != "" && (at.Account != u.Account || at.Region != u.Region) {
			continue
		}
		closed := int64(0)
		if at := u.Closed(at.Account, at.Region); !at.IsZero() {
			closed = at.UnixMilli()
		}
		for _, segments := range resources {
			b.Certain += certain(segments, from, to, closed)
			steps, found := late(segments, from, to, closed)
			b.Found += found
			here, unseen = append(here, seen(segments, from, to)...), append(unseen, steps...)
		}
	}
	b.Highest = highest(append(here, unseen...))
	b.Spare = v.spare(unseen, from, to)
	return b
}

// homes are the resources by account and Region.
func (v *view) homes() map[Scope][][]segment {
	if v.byHome == nil {
		v.byHome = make(map[Scope][][]segment)
		for arn, segments := range v.resources {
			account, region := home(arn)
			at := Scope{Account: account, Region: region}
			v.byHome[at] = append(v.byHome[at], segments)
		}
	}
	return v.byHome
}

// certain is what a resource used at every instant from one to another. Nothing is,
// where its next change was found by a look that was the first after the span: when that
// came about is not known.
func certain(segments []segment, from, to, closed int64) int64 {
	first := at(segments, from)
	if first == nil {
		return 0
	}
	for i := range segments {
		s := &segments[i]
		if s.from <= from || s.row.licenses == first.row.licenses && s.row.launch == first.row.launch {
			continue
		}
		told := s.row.exact && s.row.launch == first.row.launch
		if s.from >= to && (told || closed != 0 && s.from > closed) {
			return first.row.licenses
		}
		return 0
	}
	if closed == 0 {
		return 0
	}
	return first.row.licenses
}

// late returns by how much more a resource may have used than the log says: what a look
// found that ended by closed counts from its launch on. found is the most that was not
// known in the span, when it began.
func late(segments []segment, from, to, closed int64) (steps []step, found int64) {
	for i := range segments {
		s := &segments[i]
		before := int64(0)
		if i > 0 {
			before = segments[i-1].row.licenses
		}
		after := s.from > from && (s.from < to || s.from <= closed || closed == 0)
		decided := i > 0 && s.row.launch == segments[i-1].row.launch && s.row.ruleVersion != segments[i-1].row.ruleVersion
		begun, more := max(from, s.row.launch), s.row.licenses-before
		if s.from > from && s.from < to && s.row.recorded >= to {
			found = max(found, more)
		}
		if !after || s.row.exact || decided || more <= 0 || begun >= min(s.from, to) {
			continue
		}
		found = max(found, more)
		steps = append(steps, step{begun, more}, step{s.from, -more})
	}
	return steps, found
}

// seen returns the changes of what a resource used from one instant to another; what was
// so before is the first.
func seen(segments []segment, from, to int64) (steps []step) {
	next, found := slices.BinarySearchFunc(segments, from, func(s segment, ms int64) int { return cmp.Compare(s.from, ms) })
	if found {
		next++
	}
	before := int64(0)
	if next > 0 {
		before = segments[next-1].row.licenses
	}
	if before > 0 {
		steps = append(steps, step{from, before})
	}
	for _, s := range segments[next:] {
		if s.from >= to {
			break
		}
		if by := s.row.licenses - before; by != 0 {
			steps = append(steps, step{s.from, by})
		}
		before = s.row.licenses
	}
	return steps
}

// highest sorts the changes and returns the most that they sum up to.
func highest(steps []step) (high int64) {
	slices.SortFunc(steps, func(a, b step) int { return cmp.Compare(a.at, b.at) })
	sum := int64(0)
	for i, s := range steps {
		sum += s.by
		if i+1 == len(steps) || steps[i+1].at != s.at {
			high = max(high, sum)
		}
	}
	return high
}

// spare is the least that a count left free from one instant to another, when so much
// more was used than the log says.
func (v *view) spare(more []step, from, to int64) (least *int64) {
	if v.changes == nil {
		v.changes = v.steps(nil)
		v.sums = make([]int64, len(v.changes)+1)
		for i, s := range v.changes {
			v.sums[i+1] = v.sums[i] + s.by
		}
	}
	after := func(ms int64) int { // how many changes there were by an instant
		i, _ := slices.BinarySearchFunc(v.changes, ms+1, func(s step, ms int64) int { return cmp.Compare(s.at, ms) })
		return i
	}
	first := after(from)
	steps := slices.Concat([]step{{from, v.sums[first]}}, v.changes[first:max(first, after(to-1))], more)
	slices.SortFunc(steps, func(a, b step) int { return cmp.Compare(a.at, b.at) })
	sum := int64(0)
	for i, s := range steps {
		sum += s.by
		if s.at >= to || i+1 < len(steps) && steps[i+1].at == s.at {
			continue
		}
		count, limited := v.limitAt(s.at)
		if free := count - sum; limited && (least == nil || free < *least) {
			least = &free
		}
	}
	return least
}
