package report

import (
	"time"

	"licenseguard/shared/registrar"
)

// The lengths of the periods; a month is 30 days (License Manager user guide, 2026).
var lengths = map[string]time.Duration{"DAY": 24 * time.Hour, "WEEK": 7 * 24 * time.Hour, "MONTH": 30 * 24 * time.Hour}

// due is a report that is to be made.
type due struct {
	slot   time.Time   // the instant that it is for
	missed []time.Time // the instants before it for which there is none, in order
}

// dueAt returns what is to be made at an instant, if anything: the latest instant of
// the schedule, which begins when the generator was made or last changed. last is
// the instant of the last report that was made, zero for none.
func dueAt(g *registrar.Generator, last, now time.Time) (due, bool) {
	begin := g.UpdatedAt
	if begin.Before(g.CreatedAt) {
		begin = g.CreatedAt
	}
	length, repeats := lengths[g.Period]
	if !repeats {
		if g.To.After(begin) { // once, when the time that it is about is over
			begin = g.To
		}
		return due{slot: begin}, !begin.After(now) && last.Before(begin)
	}
	if begin.After(now) {
		return due{}, false
	}
	d := due{slot: begin.Add(now.Sub(begin) / length * length)}
	if !last.Before(d.slot) {
		return due{}, false
	}
	from := begin
	if last.After(begin) || last.Equal(begin) {
		from = last.Add(length)
	}
	for at := from; at.Before(d.slot); at = at.Add(length) {
		d.missed = append(d.missed, at)
	}
	return d, true
}
