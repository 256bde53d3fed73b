package coverage

import (
	"fmt"
	"slices"
	"time"

	"licenseguard/shared/snapshot"
	"licenseguard/shared/timeline"
	"licenseguard/shared/track"
)

// longestSweep is the most that a sweep takes: what Lambda gives its function.
const longestSweep = 15 * time.Minute

// betweenSweeps is how long something may run and be seen by neither of two sweeps: the
// first one can list it at once, the second one at its very end.
const betweenSweeps = track.SweepsApart + longestSweep

// why says why a source did not watch, as far as anything recorded it.
func (m *maker) why(g *Gap) string {
	l := m.byKey[g.key()]
	if failed := l.failure(g.From, g.To); failed != "" {
		return "no sweep saw all of it: " + failed
	}
	switch {
	case g.Source == snapshot.BySnapshot:
		return "no snapshot was written: its function did not run, or could not write"
	case g.Finding == NotYet:
		return "nothing is on record of before its first look"
	case !m.byKey[key{source: snapshot.BySnapshot}].unbroken(g.From, g.To):
		return "snapshots are missing in that time too: nothing recorded what stood still"
	case g.Source == snapshot.ByEvents:
		return "no tick came through in time: the function track stood still, its queue was more than 15 minutes behind, or its rule was off"
	case slices.ContainsFunc(m.of(g.Source), func(o *line) bool { return o != l && o.unbroken(g.From, g.To) }):
		return "others were swept in that time: it is watched no longer, or each run ended before its turn"
	default:
		return "no sweep of it began and ended: the function sweep did not run"
	}
}

// failure is the newest reason that a row gave for a time.
func (l *line) failure(from, to time.Time) (reason string) {
	for i := range l.rows {
		if r := &l.rows[i]; !r.failing.IsZero() && r.failing.Before(to) && r.recorded.After(from) {
			reason = r.Reason
		}
	}
	return reason
}

// judge adds to a gap what it can mean at worst.
func (m *maker) judge(g *Gap) {
	if g.Finding == NoSnapshots {
		g.Unknown = "nothing is unknown by this alone: the change log tells what was so, and licenseguard position --at answers from it; only the files of positions and usage are missing"
		return
	}
	g.Worst = m.log.Bounds(timeline.Unwatched{Account: g.Account, Region: g.Region, From: g.From, To: g.To, Closed: func(account, region string) time.Time {
		if g.Finding == LostEvents { // it ends with a sweep
			return g.To.Add(longestSweep)
		}
		return m.closed(account, region, g.To)
	}})
	g.Unknown = m.unknown(g)
}

// closed is by when a sweep of all had ended that began at an instant or later; zero:
// none is on record.
func (m *maker) closed(account, region string, at time.Time) time.Time {
	l := m.byKey[key{snapshot.BySweep, account, region}]
	if l == nil {
		return time.Time{}
	}
	for _, i := range l.seen {
		switch {
		case i.To.Before(at):
		case !i.From.Before(at):
			return i.From.Add(longestSweep)
		case i.To.Before(at.Add(l.apart)):
			return i.To.Add(longestSweep)
		default:
			return at.Add(l.apart).Add(longestSweep)
		}
	}
	return time.Time{}
}

// unknown says what no record bounds, and where to look for it.
func (m *maker) unknown(g *Gap) string {
	where := "each account"
	if g.Account != "" {
		where = fmt.Sprintf("account %s in %s", g.Account, g.Region)
	}
	look := fmt.Sprintf("CloudTrail of %s tells: RunInstances and StartInstances from %s to %s", where, g.From.UTC().Format(time.RFC3339), g.To.UTC().Format(time.RFC3339))
	switch {
	case g.Finding == LostEvents && m.byKey[key{snapshot.BySweep, g.Account, g.Region}].covers(g.From, g.To):
		return "what began and ended between two sweeps, if its events were lost too: it ran for less than " + minutes(betweenSweeps) + "; " + look
	case g.Finding == LostEvents:
		return "what began and ended inside, if its events were lost too; " + look
	case g.Source == snapshot.ByEvents && m.swept(g.From, g.To):
		return "what began and ended between two sweeps: it ran for less than " + minutes(betweenSweeps) + ", how much of it there was is not known; " + look
	case g.Source == snapshot.ByEvents:
		return "what began and ended inside, how much of it there was and for how long; " + look
	}
	switch deaf := m.deaf(g.From, g.To); {
	case deaf == 0:
		return "what began and ended inside, and no event told of: events were taken in all the time; " + look
	case deaf < g.To.Sub(g.From):
		return "what began and ended inside, and no event told of: for " + minutes(deaf) + " of it none were taken in; " + look
	default:
		return "what began and ended inside, how much of it there was and for how long: no events were taken in either; " + look
	}
}

// deaf is for how long from one instant to another no events were taken in.
func (m *maker) deaf(from, to time.Time) (sum time.Duration) {
	for _, g := range m.Gaps {
		if g.Source == snapshot.ByEvents && g.Finding != LostEvents {
			sum += max(0, earlier(g.To, to).Sub(later(g.From, from)))
		}
	}
	return sum
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// swept reports whether everything was swept without a break from one instant to another.
func (m *maker) swept(from, to time.Time) bool {
	sweeps := m.of(snapshot.BySweep)
	return len(sweeps) > 0 && !slices.ContainsFunc(sweeps, func(l *line) bool { return !l.unbroken(from, to) })
}

func minutes(d time.Duration) string {
	if n := int((d + time.Minute - 1) / time.Minute); n != 1 {
		return fmt.Sprintf("%d minutes", n)
	}
	return "1 minute"
}
