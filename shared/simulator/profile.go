package simulator

import "time"

// profile is how bad a run is. Each kind of fault is absent from many runs, so
// that none hides what another would show.
type profile struct {
	crash, throttle, lost, conflict, pause float64 // a call
	tries                                  int     // of a throttled call, by the SDK
	partial                                float64 // a write of several items
	describeFails, stale, missing          float64 // an answer of EC2
	staleBy                                time.Duration
	eventLost, eventDoubled, eventLate     float64
	delay                                  time.Duration // of events, at most
	held                                   float64       // of events that arrive days later
	skew                                   time.Duration // of EC2's and of the functions' clocks
	streamAgain, streamLost                float64
	queueAgain                             float64
	tickLost                               float64
	factsLost                              float64       // that facts are lost at some time
	latency                                time.Duration // of a call, at most
	batch                                  int           // messages of the intake in one invocation, at most
	packed                                 bool          // the store keeps licenses as bytes
	deaf                                   bool          // no event ever arrives
	unswept                                bool          // no sweep helps
	race                                   bool          // two accounts and Regions launch at once
	hostile                                bool          // short, with little but what enforcement has to do with
}

// The named profiles; the empty name draws one.
const (
	// AllEventsLost loses each event and each tick; one sweep has to do.
	AllEventsLost = "all events lost"
	// Harsh has 50 % duplicates in any order, 30 % throttles, 10 % lost answers
	// and 70 % conflicts, loses no event, and gets no sweep.
	Harsh = "harsh"
	// Hostile is a short run of one or two small licenses in mode stop, in which
	// people, tenants and faults do all they can to have the wrong instance stopped.
	// Nothing is published: only what is done to instances matters.
	Hostile = "hostile"
	// Race has two accounts in two Regions that launch at the same moments from one
	// small pool, and end what they launched.
	Race = "race"
)

func newProfile(d dice, name string) profile {
	level := func(light, heavy float64) float64 {
		switch d.IntN(5) {
		case 0, 1:
			return 0
		case 2, 3:
			return light
		default:
			return heavy
		}
	}
	p := profile{
		crash: level(0.003, 0.03), throttle: level(0.02, 0.25), lost: level(0.02, 0.12), conflict: level(0.05, 0.6), pause: level(0.002, 0.02),
		partial: level(0.02, 0.2), describeFails: level(0.03, 0.3), stale: level(0.1, 0.5), missing: level(0.02, 0.2),
		eventLost: level(0.05, 0.5), eventDoubled: level(0.1, 0.6), eventLate: level(0.1, 0.5), held: level(0.02, 0.1),
		streamAgain: level(0.05, 0.3), streamLost: level(0, 0.1), queueAgain: level(0.02, 0.1), tickLost: level(0.05, 0.5), factsLost: level(0.1, 0.5),
	}
	if d.chance(0.06) {
		p.eventLost = 1
	}
	p.tries = pick(d, 1, 1, 3)
	p.staleBy = pick(d, 2*time.Second, 10*time.Second, 40*time.Second)
	p.delay = pick(d, 5*time.Second, time.Minute, 10*time.Minute, 40*time.Minute)
	p.skew = pick(d, 0, 0, time.Second, 3*time.Second)
	p.latency = pick(d, 20*time.Millisecond, 20*time.Millisecond, 300*time.Millisecond)
	p.batch = pick(d, 1, 3, 20)
	p.packed = d.chance(0.25)
	switch name {
	case Hostile:
		p.hostile, p.packed, p.batch = true, false, 20
	case Race:
		p.race, p.conflict, p.batch, p.held = true, pick(d, 0, 0.3, 0.7), pick(d, 1, 3, 20), 0
	case AllEventsLost:
		p.deaf, p.tickLost, p.factsLost = true, 1, 0
	case Harsh:
		p.eventDoubled, p.eventLate, p.delay, p.lost, p.throttle, p.tries, p.conflict = 0.5, 1, 40*time.Minute, 0.1, 0.3, 3, 0.7
		p.eventLost, p.held, p.stale, p.missing, p.streamLost, p.factsLost, p.skew, p.unswept = 0, 0, 0, 0, 0, 0, 0, true
	}
	return p
}
