package timeline

import (
	"cmp"
	"slices"
	"time"

	"licenseguard/shared/ledger"
)

// segment is what one resource consumed from an instant on.
type segment struct {
	from int64
	row  *row
	// verdict is the resource's: a row about one instance that left a host says
	// nothing of the others.
	verdict string
}

// limit is how many licenses there were from an instant on.
type limit struct {
	from    int64
	limited bool
	count   int64
}

// view is one license as it was known at an instant.
type view struct {
	id, name  string
	resources map[string][]segment // by ARN, in order of time, each instant once
	limits    []limit
	begin     int64 // the first row
	revision  int64
	end       int64 // when it was deleted; 0: it is there

	// Made when they are first asked for.
	byHome  map[Scope][][]segment
	changes []step  // of all that is deployed
	sums    []int64 // before each of the changes
}

// everything is the instant by which everything is known.
const everything = int64(1) << 62

// view returns what was on record at an instant, in milliseconds.
func (l *track) view(known int64) *view {
	if known != everything {
		return l.make(known)
	}
	if l.all == nil {
		l.all = l.make(known)
	}
	return l.all
}

func (l *track) make(known int64) *view {
	v := &view{id: l.id, resources: make(map[string][]segment)}
	for i := range l.rows {
		r := &l.rows[i]
		if r.recorded > known {
			continue // not a break: clocks of writers differ
		}
		if v.begin == 0 || r.happened < v.begin {
			v.begin = r.happened
		}
		v.name, v.revision = r.name, r.revision
		v.limit(r)
		if r.ended {
			v.end = r.recorded
		}
		if r.resource != "" {
			v.say(r)
		}
	}
	return v
}

// limit notes the count of a commit, which holds from when it was recorded.
func (v *view) limit(r *row) {
	last := len(v.limits) - 1
	if last >= 0 && v.limits[last].limited == r.limited && v.limits[last].count == r.count {
		return
	}
	from := r.recorded
	if last >= 0 && from <= v.limits[last].from {
		v.limits = v.limits[:last]
	}
	v.limits = append(v.limits, limit{from: from, limited: r.limited, count: r.count})
}

// say lets a row take the place of all that was said of its resource from its
// instant on.
func (v *view) say(r *row) {
	segments := v.resources[r.resource]
	verdict := r.verdict
	if n := len(segments); verdict == string(ledger.Released) && r.licenses > 0 && n > 0 {
		verdict = segments[n-1].verdict
	}
	for len(segments) > 0 && segments[len(segments)-1].from >= r.happened {
		segments = segments[:len(segments)-1]
	}
	v.resources[r.resource] = append(segments, segment{from: r.happened, row: r, verdict: verdict})
}

// at returns what a resource consumed at an instant, or nil.
func at(segments []segment, ms int64) *segment {
	i, found := slices.BinarySearchFunc(segments, ms, func(s segment, ms int64) int { return cmp.Compare(s.from, ms) })
	if !found {
		i--
	}
	if i < 0 || segments[i].row.licenses == 0 {
		return nil
	}
	return &segments[i]
}

// limitAt returns the count at an instant. Before the first commit there is none.
func (v *view) limitAt(ms int64) (count int64, limited bool) {
	for i := len(v.limits) - 1; i >= 0; i-- {
		if v.limits[i].from <= ms {
			return v.limits[i].count, v.limits[i].limited
		}
	}
	return 0, false
}

func (v *view) exists(ms int64) bool { return v.begin <= ms && (v.end == 0 || ms < v.end) }

func milli(t time.Time) int64 {
	if t.IsZero() {
		return everything
	}
	return t.UnixMilli()
}
