package yeartest

import (
	"slices"
	"time"

	"licenseguard/shared/ledger"
)

// word is one telling that was news: from an instant on the machine runs, or does not.
// The last word about an instant is what holds of it.
type word struct {
	from time.Time
	runs bool
	rule int // the version in force when it was told, or later
}

// decision is a verdict that the ledger took, from an instant on.
type decision struct {
	from    time.Time
	verdict ledger.Verdict
}

// Use is what a machine consumes at an instant.
type Use struct {
	Licenses int64
	Verdict  ledger.Verdict // as the ledger decided
}

// Count is how many licenses there are from an instant on; nil: the license only tracks.
type Count struct {
	From time.Time
	N    *int64
}

// last is until when tellings come to the license.
func (l *License) last() time.Time {
	if !l.Ended.IsZero() {
		return l.Ended
	}
	return l.end
}

// Exists reports whether the license is there at an instant.
func (l *License) Exists(at time.Time) bool { return l.Ended.IsZero() || at.Before(l.Ended) }

// CountAt returns how many licenses there are at an instant.
func (l *License) CountAt(at time.Time) (n *int64) {
	for i := range l.Counts {
		if !l.Counts[i].From.After(at) {
			n = l.Counts[i].N
		}
	}
	return n
}

// licenses returns what a machine consumes at an instant under a version of the rules.
// What was told only after a later version began is counted by that.
func (m *Machine) licenses(at time.Time, rule int) int64 {
	for i := len(m.words) - 1; i >= 0; i-- {
		w := &m.words[i]
		if w.from.After(at) {
			continue
		}
		if !w.runs {
			return 0
		}
		return m.needs[max(rule, w.rule)]
	}
	return 0
}

// Deployed counts all that runs at an instant, by the rules of that time.
func (l *License) Deployed(at time.Time) (n int64) {
	if !l.Exists(at) {
		return 0
	}
	rule := l.ruleAt(at)
	for _, m := range l.Machines {
		n += m.licenses(at, rule)
	}
	return n
}

// Uses returns what runs at an instant, by ARN, and how far that is from what really
// ran: for so many machines nobody told in time.
func (l *License) Uses(at time.Time) (uses map[string]Use, untold int) {
	uses = make(map[string]Use, len(l.Machines))
	if !l.Exists(at) {
		return uses, 0
	}
	rule := l.ruleAt(at)
	for _, m := range l.Machines {
		n := m.licenses(at, rule)
		if n > 0 {
			uses[m.ARN] = Use{Licenses: n, Verdict: m.verdictAt(at)}
		}
		if m.ran(at) != (n > 0) {
			untold++
		}
	}
	return uses, untold
}

func (m *Machine) verdictAt(at time.Time) ledger.Verdict {
	for i := len(m.decisions) - 1; i >= 0; i-- {
		if !m.decisions[i].from.After(at) {
			return m.decisions[i].verdict
		}
	}
	return ""
}

// Instants returns every instant at which what is deployed, or the count, can change,
// in order, each once.
func (l *License) Instants() []time.Time {
	at := []time.Time{Begin}
	for _, m := range l.Machines {
		for _, w := range m.words {
			at = append(at, w.from)
		}
	}
	for i := range l.Rules {
		at = append(at, l.Rules[i].From)
	}
	for i := range l.Counts {
		at = append(at, l.Counts[i].From)
	}
	slices.SortFunc(at, time.Time.Compare)
	return slices.CompactFunc(at, time.Time.Equal)
}
