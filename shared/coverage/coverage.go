package coverage

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"licenseguard/shared/snapshot"
	"licenseguard/shared/timeline"
	"licenseguard/shared/track"
)

// Report is what was watched in a span, and what was not.
type Report struct {
	From, To time.Time
	Gaps     []Gap // in the order of time
	Watched  []Interval
}

// Finding says what kind of gap it is.
type Finding string

// The findings.
const (
	NotYet      Finding = "not watched yet" // before the first look on record
	Break       Finding = "gap"             // between two looks
	GoesOn      Finding = "gap to the end"  // since the last look
	Never       Finding = "never watched"   // no look at all of it is on record
	LostEvents  Finding = "lost events"     // it was watched, and a sweep had to correct what no event told
	NoSnapshots Finding = "no snapshot"     // the record itself is missing, whatever was watched
)

// Gap is a time in which one source did not watch, or did not see all.
type Gap struct {
	Finding         Finding
	Source          string
	Account, Region string    `json:",omitempty"` // "": all of them
	From, To        time.Time // the last look before and the first one after, or the ends of the span
	Why             string
	Lost            track.Drift `json:",omitzero"` // what a sweep corrected, in instances
	// Worst is what is on record of each license there in that time; Unknown says in words
	// what is in no record, and where to look for it.
	Worst   []timeline.Bounds `json:",omitempty"`
	Unknown string
}

// Make tells what was watched from one instant to another, by the rows of snapshots
// (those of the span, the last one before it, and at least the first one after it) and
// the whole change log. The error says which row is wrong.
func Make(rows []snapshot.Coverage, log *timeline.Timeline, from, to time.Time) (*Report, error) {
	if !from.Before(to) {
		return nil, fmt.Errorf("from %s to %s: the end must be after the beginning", from.UTC().Format(time.RFC3339), to.UTC().Format(time.RFC3339))
	}
	lines, err := linesOf(rows)
	if err != nil {
		return nil, err
	}
	m := &maker{Report: &Report{From: from.UTC(), To: to.UTC()}, lines: lines, byKey: make(map[key]*line, len(lines)), log: log}
	for _, l := range lines {
		m.byKey[l.key] = l
	}
	for _, l := range lines {
		m.Watched = append(m.Watched, l.within(m.From, m.To)...)
		m.gaps(l)
		m.lost(l)
	}
	m.never()
	for i := range m.Gaps { // by what the others are
		g := &m.Gaps[i]
		if g.Why == "" {
			g.Why = m.why(g)
		}
		m.judge(g)
	}
	slices.SortStableFunc(m.Gaps, func(a, b Gap) int { return cmp.Or(a.From.Compare(b.From), a.To.Compare(b.To)) })
	return m.Report, nil
}

type maker struct {
	*Report
	lines []*line
	byKey map[key]*line
	log   *timeline.Timeline
}

// of returns all that is told of a source.
func (m *maker) of(source string) (out []*line) {
	for _, l := range m.lines {
		if l.source == source {
			out = append(out, l)
		}
	}
	return out
}

func (g *Gap) key() key { return key{g.Source, g.Account, g.Region} }

// recorded is when the last snapshot was written; zero: there was none.
func (m *maker) recorded() time.Time {
	if all := m.byKey[key{source: snapshot.BySnapshot}].rows; len(all) > 0 {
		return all[len(all)-1].recorded
	}
	return time.Time{}
}

// gaps adds what lies between the intervals of a line.
func (m *maker) gaps(l *line) {
	last := m.From
	for i, seen := range l.seen {
		finding := Break
		if i == 0 {
			finding = NotYet
		}
		m.add(l, finding, last, seen.From)
		last = seen.To
	}
	switch horizon := m.horizon(); {
	case len(l.seen) == 0:
		m.add(l, Never, m.From, m.To)
	case horizon.Sub(last) > l.apart:
		m.add(l, GoesOn, last, m.To)
	}
}

// horizon is until when something would be on record, had it been watched: the last
// snapshot, or the end of the span where one is overdue by then.
func (m *maker) horizon() time.Time {
	recorded := m.recorded()
	if m.To.Sub(recorded) > snapshot.SnapshotsApart {
		return m.To
	}
	return recorded
}

// add adds a gap, cut at the ends of the span.
func (m *maker) add(l *line, finding Finding, from, to time.Time) {
	from, to = later(from, m.From), earlier(to, m.To)
	if !from.Before(to) {
		return
	}
	if l.source == snapshot.BySnapshot {
		finding = NoSnapshots
	}
	l.gaps = append(l.gaps, [2]time.Time{from, to})
	m.Gaps = append(m.Gaps, Gap{Finding: finding, Source: l.source, Account: l.account, Region: l.region, From: from, To: to})
}

// lost adds what sweeps had to correct: between the last complete one of a row and that
// of the next.
func (m *maker) lost(l *line) {
	if l.source != snapshot.BySweep {
		return
	}
	for i := 1; i < len(l.rows); i++ {
		before, r := &l.rows[i-1], &l.rows[i]
		lost := track.Drift{Started: more(before.LostStarted, r.LostStarted), Ended: more(before.LostEnded, r.LostEnded), Changed: more(before.LostChanged, r.LostChanged)}
		from := before.to
		if from.IsZero() {
			from = r.from
		}
		if lost.Total() == 0 || !r.to.After(before.to) || !from.Before(m.To) || !r.to.After(m.From) {
			continue
		}
		m.Gaps = append(m.Gaps, Gap{Finding: LostEvents, Source: snapshot.ByEvents, Account: l.account, Region: l.region, From: from, To: r.to, Lost: lost,
			Why: fmt.Sprintf("a sweep found %s that no event had told of: %d started, %d ended, %d changed otherwise", instances(lost.Total()), lost.Started, lost.Ended, lost.Changed)})
	}
}

// more is by how much a sum grew; one that is smaller was begun anew.
func more(before, after int64) int {
	if after < before {
		return int(after)
	}
	return int(after - before)
}

// never adds what the log tells of and no sweep ever watched, or that there is no sweep
// of anything.
func (m *maker) never() {
	scopes := m.log.Scopes()
	if len(scopes) == 0 && len(m.of(snapshot.BySweep)) == 0 {
		m.Gaps = append(m.Gaps, Gap{Finding: Never, Source: snapshot.BySweep, From: m.From, To: m.To, Why: "no sweep of any account is on record"})
	}
	for _, s := range scopes {
		if m.byKey[key{snapshot.BySweep, s.Account, s.Region}] != nil || !s.First.Before(m.To) {
			continue
		}
		m.Gaps = append(m.Gaps, Gap{Finding: Never, Source: snapshot.BySweep, Account: s.Account, Region: s.Region, From: later(s.First, m.From), To: m.To,
			Why: "the change log tells of it, and no sweep of it is on record"})
	}
}

func instances(n int) string {
	if n == 1 {
		return "1 instance"
	}
	return fmt.Sprintf("%d instances", n)
}
