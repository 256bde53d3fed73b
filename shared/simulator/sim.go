package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"licenseguard/shared/license"
)

// Options of a run.
type Options struct {
	Seed    uint64
	Trace   bool   // keep the trace, not only its hash
	Profile string // AllEventsLost, Harsh, Hostile, Race, or "" for what the seed says
}

// Result of a run.
type Result struct {
	Seed       uint64
	Violations []string // empty: everything held
	Trace      []string
	Hash       uint64 // of the trace
	Stats      Stats
}

// Stats says how much happened. Calls, tries of commits and events are counted
// while there are faults.
type Stats struct {
	Calls, Throttled, AnswersLost, Crashes, Partial int // calls, tries included, and what became of them
	CommitsTried, Refused, Commits, Configured      int // Refused: by a rival, as the dice said
	Pages                                           int // commits that wrote pages
	Events, EventsLost, EventsDoubled, EventsLate   int
	Messages, Acknowledged, Buried, Dead            int // Buried: with a reason; Dead: received too often
	Stale, Missing                                  int // answers of EC2
	Machines, Stops, Tags                           int
	Started                                         int // by an undo
	Planned, Approved, Moved                        int // plans made, answers approved, plans refused
	Holds, Resumed, Exempted, Undone                int
	Bursts                                          int // of launches in two accounts at once
	WonHere, WonThere, LostHere, LostThere          int // the last licenses, by the first account and by the second
	Alerts, Repeated, Overlapped                    int // sent; of these sent before; of those by two deliveries at once
}

// Sim is one run.
type Sim struct {
	dice    dice
	profile profile
	faulty  bool
	now     time.Time
	agenda  agenda
	tracing bool
	lines   []string
	hash    uint64

	cloud         *cloud
	store         *memory
	queues        map[string]*queue
	stream        []record
	readers       []*reader
	boxes         []*box
	processes     []*process
	idle          []*worker
	current       *process
	ticked        time.Time // the last tick of the schedule
	numbers       int
	numbered      int
	late          []letter
	archive       map[string]string
	accounts      []string // that are watched
	regions       []string
	images        []string
	templates     []string
	factsWereLost bool
	checks
	stats      Stats
	violations []string
}

var begin = time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)

// Run plays one seed.
func Run(o Options) Result {
	s := newSim(o)
	s.play()
	return Result{Seed: o.Seed, Violations: s.violations, Trace: s.lines, Hash: s.hash, Stats: s.stats}
}

func newSim(o Options) *Sim {
	s := &Sim{dice: newDice(o.Seed), now: begin, tracing: o.Trace, archive: make(map[string]string), queues: make(map[string]*queue),
		images:    []string{"ami-0000000000000000a", "ami-0000000000000000b", "ami-0000000000000000c"},
		templates: []string{"lt-0000000000000000a", "lt-0000000000000000b"}, checks: newChecks()}
	s.profile = newProfile(s.dice, o.Profile)
	s.accounts, s.regions = []string{account}, []string{home}
	switch {
	case s.profile.race:
		s.accounts, s.regions = append(s.accounts, second), append(s.regions, abroad)
	case s.dice.chance(0.3):
		s.accounts = append(s.accounts, second)
	}
	s.cloud = &cloud{sim: s, byID: make(map[string]*machine)}
	s.store = newMemory(s, s.profile.packed)
	for _, q := range []*queue{
		{name: intakeQueue, role: "track", batch: s.profile.batch, readers: 5},
		{name: alertQueue, role: "publish", batch: 10, readers: 4},
		{name: eventQueue, role: "publish", batch: 10, readers: 4},
	} {
		q.sim = s
		s.queues[q.name] = q
	}
	s.readers = []*reader{{sim: s, role: "enforce"}}
	if !s.profile.hostile {
		s.readers = []*reader{{sim: s, role: "publish"}, {sim: s, role: "enforce"}}
	}
	return s
}

// trace notes what happens.
func (s *Sim) trace(format string, args ...any) {
	if !s.tracing {
		return
	}
	line := s.now.Sub(begin).Round(time.Millisecond).String() + " " + fmt.Sprintf(format, args...)
	h := fnv.New64a()
	fmt.Fprintf(h, "%d", s.hash)
	_, _ = h.Write([]byte(line))
	s.hash = h.Sum64()
	s.lines = append(s.lines, line)
}

func (s *Sim) note(p *process, format string, args ...any) {
	if s.tracing {
		s.trace("%s (%d) %s", p.name, p.number, fmt.Sprintf(format, args...))
	}
}

func (s *Sim) violate(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	s.trace("VIOLATION: %s", text)
	s.violations = append(s.violations, text)
}

func (s *Sim) after(d time.Duration, do func()) { s.agenda.add(s.now.Add(d), do) }

// advance lets everything happen until an instant, or, with the zero time,
// until nothing is left that would.
func (s *Sim) advance(until time.Time) {
	for len(s.violations) == 0 {
		at, ok := s.agenda.next()
		if ok && !at.After(s.now) {
			s.agenda.pop()()
			continue
		}
		runnable, wake := s.runnable()
		if len(runnable) > 0 {
			i := runnable[s.dice.IntN(len(runnable))]
			s.current = s.processes[i]
			s.step(i)
			s.current = nil
			continue
		}
		if !wake.IsZero() && (!ok || wake.Before(at)) {
			at, ok = wake, true
		}
		if !ok || !until.IsZero() && at.After(until) {
			break
		}
		s.now = at
	}
	if s.now.Before(until) {
		s.now = until
	}
}

func (s *Sim) runnable() (indexes []int, wake time.Time) {
	for i, p := range s.processes {
		if !p.wake.After(s.now) {
			indexes = append(indexes, i)
		} else if wake.IsZero() || p.wake.Before(wake) {
			wake = p.wake
		}
	}
	return indexes, wake
}

// play is the whole run: a time with faults, a quiet one, then what comes days
// late.
func (s *Sim) play() {
	defer func() {
		s.stats.Machines = len(s.cloud.machines)
		for _, p := range s.processes {
			p.kill()
		}
		for _, w := range s.idle {
			w.stop()
		}
	}()
	s.furnish()
	s.faulty = true
	s.trace("faults: %+v", s.profile)
	end := s.now.Add(s.dice.between(5*time.Minute, 70*time.Minute))
	if s.profile.hostile {
		end = s.now.Add(s.dice.between(4*time.Minute, 12*time.Minute))
	}
	if s.profile.race {
		s.scheduleRace(end)
	} else {
		s.schedule(end)
	}
	s.advance(end)
	if len(s.violations) > 0 {
		return
	}
	s.trace("== the faults end")
	s.calm()
	s.verify()
	if len(s.violations) > 0 {
		return
	}
	if s.profile.deaf || s.profile.hostile {
		return
	}
	s.trace("== days later")
	s.daysLater()
	s.verify()
}

// tick is the one-minute schedule of track and of enforce.
func (s *Sim) tick() {
	if !s.faulty || !s.dice.chance(s.profile.tickLost) {
		s.queues[intakeQueue].send(letter{body: s.body(tickEvent, account, home, s.now), tick: true}, 0)
		s.ticked = s.now
	}
	if s.faulty && s.dice.chance(s.profile.tickLost) {
		return
	}
	b := s.box("enforce", 4)
	if b == nil {
		return
	}
	s.run(b, "enforce by the minute", func(ctx context.Context) error {
		report, err := b.enforce.Handle(ctx, json.RawMessage(`{"source":"aws.events"}`))
		s.note(b.p, "reports %+v", report)
		return err
	}, func(bool) {})
}

const sweepName = "sweep"

func (s *Sim) startSweep() {
	b := s.box("sweep", 2)
	if b == nil {
		return
	}
	s.run(b, sweepName, func(ctx context.Context) error {
		_, err := b.sweep.Handle(ctx)
		return err
	}, func(bool) {})
}

// configure is a person's command, repeated until it succeeds or is refused.
func (s *Sim) configure(wanted license.Configuration, done func()) {
	b := s.newBox("person")
	again, refused := false, false
	s.configuring[wanted.ID]++
	s.run(b, "person", func(ctx context.Context) error {
		_, err := b.tracker.Configure(ctx, wanted, "a person")
		var field *license.FieldError
		var rule *license.RuleError
		refused = errors.As(err, &field) || errors.As(err, &rule)
		again = err != nil && !refused
		return err
	}, func(crashed bool) {
		if crashed || again {
			s.after(s.dice.between(time.Second, 30*time.Second), func() {
				s.configuring[wanted.ID]--
				s.configure(wanted, done)
			})
			return
		}
		s.configuring[wanted.ID]--
		if !refused {
			s.checkConfigured(wanted.ID)
		}
		done()
	})
}
