package yeartest

import (
	"fmt"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// Machine is an instance of the fleet.
type Machine struct {
	ID   license.ResourceID
	ARN  string
	Kind string
	Tags map[string]string
	// Counted is what it consumes by what is on record, LastSeen when it was told that
	// it runs. Both are of the end of the year.
	Counted  int64
	LastSeen time.Time

	runs      []run
	needs     []int64   // licenses, by version of the rules
	launch    time.Time // of what was told last
	stopped   bool
	words     []word
	verdict   ledger.Verdict
	decisions []decision
}

// run is what really was.
type run struct{ start, stop time.Time }

// ran reports whether the machine really ran at an instant, whoever knew.
func (m *Machine) ran(at time.Time) bool {
	for _, r := range m.runs {
		if !at.Before(r.start) && at.Before(r.stop) {
			return true
		}
	}
	return false
}

// add makes a machine and draws when it runs: for days and months, and each tenth time
// for minutes or hours only; so are the pauses.
func (l *License) add(n, i int) {
	account := []string{"111111111111", "222222222222", "333333333333"}[i%3]
	region := []string{"us-east-1", "eu-central-1", "us-east-1"}[i%3]
	m := &Machine{ID: license.NewResourceID(account, region, fmt.Sprintf("i-%08x%09x", n+1, i)), Kind: kinds[l.dice.IntN(len(kinds))],
		Tags: map[string]string{"CostCenter": fmt.Sprintf("team \"%d\"", i%7), "Name": fmt.Sprint("n", i)}}
	if i%11 == 0 {
		m.Tags = nil
	}
	m.ARN = m.ID.ARN()
	for r := range l.Rules {
		m.needs = append(m.needs, l.Rules[r].count(l.Counting, m.Kind))
	}
	for at := Begin.Add(time.Hour + l.upTo(l.span/4)); at.Before(l.end); {
		lasts, pause := 2*time.Hour+l.upTo(l.span*2/5), 2*time.Hour+l.upTo(l.span/6)
		if l.oneIn(10) {
			lasts = 5*time.Minute + l.upTo(3*time.Hour)
		}
		if l.oneIn(10) {
			pause = time.Minute + l.upTo(2*time.Hour)
		}
		r := run{start: at, stop: at.Add(lasts)}
		m.runs = append(m.runs, r)
		at = r.stop.Add(pause)
	}
	l.Machines = append(l.Machines, m)
	l.machines[m.ID] = m
}
