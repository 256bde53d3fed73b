package simulator

import (
	"context"
	"fmt"
	"slices"
	"time"

	"licenseguard/shared/enforce"
	"licenseguard/shared/ledger"
)

// calm ends the faults, sweeps once, and lets pass what waits.
func (s *Sim) calm() {
	s.faulty = false
	for _, b := range slices.Clone(s.boxes) { // as a deployment does
		if b.old = true; !b.busy {
			s.discard(b)
		}
	}
	if s.profile.deaf {
		s.advance(time.Time{})
		s.startSweep()
		for len(s.violations) == 0 && slices.ContainsFunc(s.processes, func(p *process) bool { return p.name == sweepName }) {
			s.advance(s.now.Add(time.Second))
		}
		return
	}
	s.quiet()
	s.queues[alertQueue].redrive()
	s.queues[eventQueue].redrive()
	if s.profile.unswept { // nothing was lost, so nothing else has to help
		s.queues[intakeQueue].redrive()
		s.quiet()
	}
	for range 3 {
		s.now = s.now.Truncate(time.Minute).Add(time.Minute)
		s.tick()
		s.advance(time.Time{})
	}
	if !s.profile.unswept {
		s.startSweep()
		s.advance(time.Time{})
	}
	s.ticks(s.now.Add(3 * time.Hour))
	for range 10 { // hours passed, and each has its sweep
		if s.profile.unswept || len(s.violations) > 0 || !s.unanswered() {
			return
		}
		s.startSweep()
		s.advance(time.Time{})
		s.ticks(s.now.Add(3 * time.Hour))
	}
}

// unanswered reports whether an answer became wanted that no commit told of, which
// the next hour's sweep finds: another member of its host, or an estimate
// elsewhere, held it back until it went.
func (s *Sim) unanswered() bool {
	for _, l := range s.store.licenses {
		for i := range l.Entries {
			for j := range l.Entries[i].Members {
				if m := &l.Entries[i].Members[j]; l.Totals.Over > 0 && l.Answer(&l.Entries[i], m, s.now).Wanted() && !m.Intent.Live(s.now) {
					s.trace("%s: %s is not answered yet", l.Configuration.ID, m.Instance.AWSID())
					return true
				}
			}
		}
	}
	return false
}

// quiet lets pass what is under way, with the schedule's minutes.
func (s *Sim) quiet() {
	for end := s.now.Add(3 * time.Hour); (len(s.agenda.items) > 0 || len(s.processes) > 0) && len(s.violations) == 0 && s.now.Before(end); {
		s.advance(s.now.Truncate(time.Minute).Add(time.Minute))
		if next := s.nextDue(s.now); !next.IsZero() && !next.After(s.now) {
			s.tick()
		}
	}
	s.advance(time.Time{}) // what enforcement does within its budget can take longer
}

// ticks lets minutes and hours pass until nothing is pending, or due before the
// horizon.
func (s *Sim) ticks(horizon time.Time) {
	most := 300 + 10*len(s.cloud.machines)                // an hour's budget can be a single one
	if len(s.cloud.machines) > 60 || s.dice.chance(0.7) { // and that of account and fleet, too: a person gives more
		s.command("limits", func(ctx context.Context, o *enforce.Operator) error {
			return o.Limit(ctx, ledger.Limits{AccountPerHour: 100, FleetLeast: 100, FleetPercent: 100, RefusedPerHour: 50, DriftPercent: 100})
		}, func() {})
	}
	for range most {
		for _, g := range s.cloud.groups {
			s.cloud.scale(g)
		}
		s.advance(time.Time{})
		if len(s.violations) > 0 {
			return
		}
		s.resumeAll()
		next := s.nextDue(horizon)
		if next.IsZero() {
			return
		}
		if next.After(s.now) {
			s.now = next
		}
		s.now = s.now.Truncate(time.Minute).Add(time.Minute)
		s.tick()
		s.advance(time.Time{})
	}
	s.violate("something is pending or due for ever: %s", s.pendingText())
}

// nextDue returns when the next tick has work. What falls due after the horizon
// waits.
func (s *Sim) nextDue(horizon time.Time) time.Time {
	var next time.Time
	earlier := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	for _, a := range s.store.actions {
		earlier(a.NotBefore)
	}
	for _, l := range s.store.licenses {
		if !l.Due.After(later(horizon, s.now)) {
			earlier(l.Due)
		}
		for _, v := range l.Configuration.Rules { // its tick claims what had stopped before, due or not
			if v.Effective.After(s.ticked) && !v.Effective.After(later(horizon, s.now)) {
				earlier(v.Effective)
			}
		}
	}
	return next
}

func (s *Sim) pendingText() string {
	text := ""
	for _, key := range s.store.keys() {
		a := s.store.actions[key]
		text += fmt.Sprintf("%s not before %s after %d attempts (%s); ", key, a.NotBefore, a.Attempts, a.LastError)
	}
	for id, l := range s.store.licenses {
		if !l.Due.IsZero() {
			text += fmt.Sprintf("%s due at %s; ", id, l.Due)
		}
	}
	return text
}

// daysLater delivers what was held back for days, twice and in disorder.
func (s *Sim) daysLater() {
	then := s.now.Add(s.dice.between(20*time.Minute, 6*24*time.Hour))
	s.ticks(then)
	s.now = later(s.now, then)
	for _, l := range s.store.licenses { // what ends by itself has ended
		s.recount(l)
	}
	for range min(len(s.late), 12) {
		s.queues[intakeQueue].send(s.late[s.dice.IntN(len(s.late))], s.dice.between(0, 3*time.Second))
	}
	s.advance(time.Time{})
	s.ticks(s.now.Add(pick(s.dice, 3*time.Hour, 40*24*time.Hour)))
}
