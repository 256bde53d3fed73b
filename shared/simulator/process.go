package simulator

import (
	"context"
	"errors"
	"iter"
	"runtime/debug"
	"time"

	"licenseguard/shared/license"
)

var (
	errThrottled = errors.New("simulated: throttled, not applied")
	errLost      = errors.New("simulated: the answer was lost")
)

// crash unwinds a process that dies between two calls.
type crash struct{}

// process is one invocation of a function, or one command of a person.
type process struct {
	sim      *Sim
	name     string
	number   int
	worker   *worker
	run      func(*process)
	killed   bool
	ended    bool
	started  time.Time
	wake     time.Time // sleeps until then
	deadline time.Time
	crashed  bool
	failed   bool
	done     func(crashed bool)
	ending   time.Time                               // when it ended; zero: it runs
	hurt     bool                                    // one of its calls failed
	told     map[license.ResourceID]license.Instance // what EC2 last told
	missed   map[license.ResourceID]int              // how often EC2 did not show it
	looked   map[license.ResourceID]time.Time        // of which instant the last look told
	shown    map[license.ResourceID]license.Instance // and what
	fresh    map[string]bool                         // instances and licenses that were read since the last action
	acting   license.ResourceID                      // the instance that it acted on last
	asked    map[string]question                     // for marks
	braking  time.Time                               // when it read the brakes last
}

// worker is a coroutine. It runs one process after the other, so that each finds
// a stack that has grown already.
type worker struct {
	resume func() (struct{}, bool)
	stop   func()
	yield  func(struct{}) bool
	p      *process
}

func (s *Sim) worker() *worker {
	if n := len(s.idle); n > 0 {
		w := s.idle[n-1]
		s.idle = s.idle[:n-1]
		return w
	}
	w := &worker{}
	w.resume, w.stop = iter.Pull(func(yield func(struct{}) bool) {
		for w.yield = yield; ; {
			w.p.live()
			if !yield(struct{}{}) {
				return
			}
		}
	})
	return w
}

// question is what a process was told of a mark.
type question struct {
	at     time.Time
	marked bool
}

// start begins an invocation. done is called at its end; crashed tells that it
// did not get there.
func (s *Sim) start(name string, timeout time.Duration, run func(*process), done func(crashed bool)) *process {
	s.numbers++
	p := &process{sim: s, name: name, number: s.numbers, started: s.now, deadline: s.now.Add(timeout), run: run, done: done, crashed: true,
		told: make(map[license.ResourceID]license.Instance), missed: make(map[license.ResourceID]int),
		looked: make(map[license.ResourceID]time.Time), shown: make(map[license.ResourceID]license.Instance), fresh: make(map[string]bool), asked: make(map[string]question)}
	s.processes = append(s.processes, p)
	s.note(p, "begins")
	return p
}

func (p *process) live() {
	defer func() {
		p.ended = true
		switch r := recover(); r.(type) {
		case nil, crash:
		default:
			p.sim.violate("%s panics: %v\n%s", p.name, r, debug.Stack())
		}
	}()
	p.run(p)
	p.crashed = false
}

// next runs a process until it gives way or ends.
func (p *process) next() {
	if p.worker == nil {
		if p.killed { // it never began
			p.ended = true
			return
		}
		p.worker = p.sim.worker()
		p.worker.p = p
	}
	if p.worker.resume(); p.ended {
		p.sim.idle = append(p.sim.idle, p.worker)
	}
}

// kill ends a process between two calls.
func (p *process) kill() {
	p.killed = true
	p.next()
}

// step lets a process go on to its next call.
func (s *Sim) step(at int) {
	p := s.processes[at]
	if s.now.After(p.deadline) {
		s.note(p, "is killed: it ran too long")
		p.kill()
	} else {
		p.next()
	}
	if !p.ended {
		return
	}
	s.processes = append(s.processes[:at], s.processes[at+1:]...)
	p.ending = s.now
	if !p.crashed && s.faulty && s.dice.chance(s.profile.crash) {
		p.crashed = true // after its last call, before its answer is taken
	}
	if p.crashed {
		s.stats.Crashes++
		s.note(p, "crashed")
	} else {
		s.note(p, "ends")
	}
	p.done(p.crashed)
}

// give lets others go on.
func (p *process) give() {
	p.worker.yield(struct{}{})
	if p.killed {
		panic(crash{})
	}
}

func (p *process) sleep(d time.Duration) error {
	p.wake = p.sim.now.Add(d)
	p.give()
	return nil
}

// enter is passed before each call that leaves the process.
func (p *process) enter(op string) {
	s := p.sim
	if s.faulty && s.dice.chance(s.profile.pause) {
		p.wake = s.now.Add(s.dice.between(time.Second, p.deadline.Sub(p.started)*2/3))
	}
	p.give()
	s.now = s.now.Add(s.dice.between(time.Millisecond, s.profile.latency))
	if s.faulty && s.dice.chance(s.profile.crash) {
		s.note(p, "dies before %s", op)
		panic(crash{})
	}
}

// fault passes a call and says how it fails: before it is applied, after it, or
// not.
func (p *process) fault(op string) (before, after error) {
	p.enter(op)
	s := p.sim
	if !s.faulty {
		return nil, nil
	}
	s.stats.Calls++
	for try := 1; s.dice.chance(s.profile.throttle); try++ {
		s.stats.Throttled++
		if try >= s.profile.tries {
			s.note(p, "%s is throttled", op)
			p.hurt = true
			return errThrottled, nil
		}
		s.stats.Calls++
	}
	if s.dice.chance(s.profile.lost) {
		s.note(p, "%s: the answer will be lost", op)
		s.stats.AnswersLost++
		p.hurt = true
		return nil, errLost
	}
	return nil, nil
}

// do makes one call with faults.
func (p *process) do(op string, call func() error) error {
	before, after := p.fault(op)
	if before != nil {
		return before
	}
	if err := call(); err != nil {
		return err
	}
	return after
}

func (p *process) wait(_ context.Context, d time.Duration) error { return p.sleep(d) }

func (p *process) backoff(_ context.Context, attempt int) error {
	return p.sleep(time.Duration(attempt) * 5 * time.Millisecond)
}
