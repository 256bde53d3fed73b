package yeartest

import (
	"slices"
	"time"

	"licenseguard/shared/license"
)

// telling is one event, or what the hourly sweep found.
type telling struct {
	at, happened time.Time
	machine      *Machine
	launch       time.Time
	state        license.State
	found        bool // by the sweep, which knows only that it is so now
}

// from is the instant from which the telling holds.
func (n *telling) from() time.Time {
	if n.found {
		return n.at
	}
	return n.happened
}

// Heard counts how what happened was told.
type Heard struct {
	Told  int // in all
	Found int // lost, and found by the sweep
	Late  int // by more than an hour
	Twice int
	// Older are those that came when later ones of the machine were known: they say nothing.
	Older int
	// Unheard are starts and stops of which nobody ever told in time: the machine had
	// stopped, or run again, before the sweep came.
	Unheard int
	// AcrossRule are starts that were told only after a rule began: that rule counts
	// them from their beginning.
	AcrossRule int
}

func (h *Heard) add(o Heard) {
	h.Told, h.Found, h.Late, h.Twice = h.Told+o.Told, h.Found+o.Found, h.Late+o.Late, h.Twice+o.Twice
	h.Older, h.Unheard, h.AcrossRule = h.Older+o.Older, h.Unheard+o.Unheard, h.AcrossRule+o.AcrossRule
}

// tellings draws how everything that happens is told, in the order in which it is.
// Most takes up to ten minutes; a twentieth comes hours late, while the sweep could not
// look, and so does half of what happens in the six hours before the rules change, so
// that it is told after; of a twentieth nobody tells, and the sweep at the next full
// hour finds what is so then. A fiftieth comes twice.
func (l *License) tellings() []telling {
	var told []telling
	for _, m := range l.Machines {
		for i, r := range m.runs {
			next := l.end
			if i+1 < len(m.runs) {
				next = m.runs[i+1].start
			}
			told = l.tell(told, telling{happened: r.start, machine: m, launch: r.start, state: license.Running}, r.stop)
			told = l.tell(told, telling{happened: r.stop, machine: m, launch: r.start, state: license.Stopped}, next)
		}
	}
	told = slices.DeleteFunc(told, func(n telling) bool { return !n.at.Before(l.last()) })
	slices.SortStableFunc(told, func(a, b telling) int { return a.at.Compare(b.at) })
	return told
}

// tell draws how one start or stop is told; what it says is so until an instant.
func (l *License) tell(told []telling, n telling, until time.Time) []telling {
	if !n.happened.Before(l.last()) {
		return told
	}
	luck := l.dice.IntN(20)
	if l.ruleAt(n.happened) != l.ruleAt(n.happened.Add(6*time.Hour)) && l.oneIn(2) {
		luck = 1
	}
	switch luck {
	case 0:
		n.at, n.found = n.happened.Truncate(time.Hour).Add(time.Hour), true
		if !n.at.Before(until) {
			l.Heard.Unheard++
			return told
		}
		l.Heard.Found++
	case 1:
		n.at = n.happened.Add(l.upTo(12 * time.Hour))
	default:
		n.at = n.happened.Add(l.upTo(10 * time.Minute))
	}
	if !n.found && n.at.Sub(n.happened) > time.Hour {
		l.Heard.Late++
	}
	told = append(told, n)
	if l.oneIn(50) {
		n.at = n.at.Add(l.upTo(time.Hour))
		told = append(told, n)
		l.Heard.Twice++
	}
	return told
}

// compare returns -1, 0 or 1 as a telling is before, the same as, or after what was
// told of its machine last: by launch, and within a launch the stop is later.
func (n *telling) compare() int {
	m := n.machine
	if c := n.launch.Compare(m.launch); c != 0 {
		return c
	}
	switch stop := n.state == license.Stopped; {
	case stop == m.stopped:
		return 0
	case stop:
		return 1
	default:
		return -1
	}
}
