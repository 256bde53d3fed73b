package yeartest

import (
	"time"

	"licenseguard/shared/license"
)

// Step is what was deployed, and how many licenses there were, by what was on record
// from an instant on.
type Step struct {
	At       time.Time
	Deployed int64
	Count    *int64
}

// Correction is what the sweep found: so many licenses more, or less.
type Correction struct {
	At time.Time
	ID license.ResourceID
	By int64
}

// Action is an instance that enforcement would have stopped.
type Action struct {
	At       time.Time
	Instance string
}

// Running returns what runs at the end of the year, by what is on record.
func (l *License) Running() (running []*Machine) {
	for _, m := range l.Machines {
		if m.Counted > 0 {
			running = append(running, m)
		}
	}
	return running
}

// RecordedAt returns what was deployed by what was on record at an instant.
func (l *License) RecordedAt(at time.Time) (n int64) {
	for i := range l.Steps {
		if l.Steps[i].At.After(at) {
			break
		}
		n = l.Steps[i].Deployed
	}
	return n
}

// step counts anew what runs, after something was recorded.
func (l *License) step(now time.Time) {
	s := Step{At: now, Count: l.CountAt(now)}
	rule := l.ruleAt(now)
	for _, m := range l.Machines {
		if m.Counted > 0 {
			m.Counted = m.needs[rule]
			s.Deployed += m.Counted
		}
	}
	l.Steps = append(l.Steps, s)
}

// record notes a telling that is news.
func (l *License) record(n *telling) {
	m, before := n.machine, n.machine.Counted
	m.launch, m.stopped = n.launch, n.state == license.Stopped
	if m.stopped {
		m.Counted = 0
	} else {
		m.Counted, m.LastSeen = m.needs[l.ruleAt(n.at)], n.at
	}
	m.words = append(m.words, word{from: n.from(), runs: !m.stopped, rule: l.ruleAt(n.at)})
	if n.found && m.Counted != before {
		l.Found = append(l.Found, Correction{At: n.at, ID: m.ID, By: m.Counted - before})
	}
	if !m.stopped && l.ruleAt(n.at) != l.ruleAt(n.from()) {
		l.Heard.AcrossRule++
	}
}
