package history

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Operation is what a client asks of one license. With neither Seen nor Limit
// it only reads.
type Operation struct {
	License string
	Seen    []Sighting // taken together, in one step
	Limit   *int64     // the count that a person sets

	known bool // it found nothing left to do
}

// Sighting is what was seen of one instance: that it runs since a launch, or
// that the run which began then has ended.
type Sighting struct {
	Instance string
	Launch   int64
	Ended    bool
	Licenses int64 // what it consumes while it runs
}

// Answer is the license right after the operation.
type Answer struct {
	Limit, Covered, Deployed int64
	Verdicts                 []Verdict // of the instances in Seen, in that order
}

// Verdict says how an instance stands to its license.
type Verdict string

// The verdicts.
const (
	Covered Verdict = "covered"
	Over    Verdict = "over"
	None    Verdict = "none" // it consumes nothing, or is not known
)

// state is a license by the specification. It is never modified: step makes
// the next one.
type state struct {
	limit     int64
	instances map[string]instance
	key       string // says all of it
}

type instance struct {
	launch   int64 // of the latest run that is known
	place    int64 // launch that gives the place in the order
	licenses int64
	verdict  Verdict
}

// step applies an operation and says what the license answers.
func (s *state) step(op Operation) (*state, Answer) {
	if op.Limit == nil && len(op.Seen) == 0 {
		return s, s.answer(op)
	}
	next := &state{limit: s.limit, instances: maps.Clone(s.instances)}
	if op.Limit != nil {
		next.limit = *op.Limit
	}
	seen := slices.Clone(op.Seen)
	slices.SortStableFunc(seen, func(a, b Sighting) int {
		return cmp.Or(cmp.Compare(a.Launch, b.Launch), compareBool(a.Ended, b.Ended))
	})
	for _, sighting := range seen {
		next.see(sighting)
	}
	next.cover()
	next.key = next.String()
	return next, next.answer(op)
}

// see takes a sighting in unless a later one is known: the later launch, and
// within one launch its end, also of what was never known to run.
func (s *state) see(seen Sighting) {
	in, known := s.instances[seen.Instance]
	ended := in.verdict == None
	switch {
	case known && seen.Launch < in.launch, known && seen.Launch == in.launch && (ended || !seen.Ended):
		return
	case !known || ended && !seen.Ended:
		in = instance{place: seen.Launch, verdict: Over}
	case in.verdict == Covered && seen.Licenses > in.licenses:
		in.verdict = Over // it grew and must find room again
	}
	in.launch, in.licenses = seen.Launch, seen.Licenses
	if seen.Ended {
		in.verdict = None
	}
	s.instances[seen.Instance] = in
}

// cover takes licenses from the youngest until the rest fits, and gives what is
// free to the oldest that fits whole.
func (s *state) cover() {
	order := slices.SortedFunc(maps.Keys(s.instances), func(a, b string) int {
		return cmp.Or(cmp.Compare(s.instances[a].place, s.instances[b].place), cmp.Compare(a, b))
	})
	free := s.limit
	for _, in := range s.instances {
		if in.verdict == Covered {
			free -= in.licenses
		}
	}
	for _, id := range slices.Backward(order) {
		if in := s.instances[id]; in.verdict == Covered && free < 0 {
			in.verdict, free = Over, free+in.licenses
			s.instances[id] = in
		}
	}
	for _, id := range order {
		if in := s.instances[id]; in.verdict == Over && in.licenses <= free {
			in.verdict, free = Covered, free-in.licenses
			s.instances[id] = in
		}
	}
}

func (s *state) answer(op Operation) Answer {
	a := Answer{Limit: s.limit}
	for _, in := range s.instances {
		if in.verdict != None {
			a.Deployed += in.licenses
		}
		if in.verdict == Covered {
			a.Covered += in.licenses
		}
	}
	for _, seen := range op.Seen {
		verdict := None
		if in, ok := s.instances[seen.Instance]; ok {
			verdict = in.verdict
		}
		a.Verdicts = append(a.Verdicts, verdict)
	}
	return a
}

func (a Answer) equal(o Answer) bool {
	return a.Limit == o.Limit && a.Covered == o.Covered && a.Deployed == o.Deployed && slices.Equal(a.Verdicts, o.Verdicts)
}

func (s *state) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "limit %d", s.limit)
	for _, id := range slices.Sorted(maps.Keys(s.instances)) {
		fmt.Fprintf(&b, " %s:%v", id, s.instances[id])
	}
	return b.String()
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}
