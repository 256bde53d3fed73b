package simulator

import (
	"math/rand/v2"
	"time"
)

// dice decides everything.
type dice struct{ *rand.Rand }

func newDice(seed uint64) dice { return dice{rand.New(rand.NewPCG(seed, 0x6c6963656e736521))} }

// chance is true in a share p of the throws. A share of 0 throws too, so that
// switching a fault off leaves the rest of a run as it is for a while.
func (d dice) chance(p float64) bool { return d.Float64() < p }

// between returns a duration from a to b.
func (d dice) between(a, b time.Duration) time.Duration {
	if b <= a {
		return a
	}
	return a + time.Duration(d.Int64N(int64(b-a)+1))
}

func pick[T any](d dice, from ...T) T { return from[d.IntN(len(from))] }

// profile is how bad a run is. Each kind of fault is absent from many runs, so
// that none hides what another would show.
type profile struct {
	crash, throttle, lost, conflict, pause float64 // a call
	describeFails, stale, missing          float64 // an answer of EC2
	staleBy                                time.Duration
	eventLost, eventDoubled, eventLate     float64
	delay                                  time.Duration // of events, at most
	held                                   float64       // of events that arrive days later
	skew                                   time.Duration
	streamAgain, streamLost                float64
	queueAgain                             float64
	tickLost                               float64
	latency                                time.Duration // of a call, at most
	batch                                  int           // messages of the intake in one invocation, at most
	packed                                 bool          // the store keeps licenses as bytes
}

func newProfile(d dice) profile {
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
		describeFails: level(0.03, 0.3), stale: level(0.1, 0.5), missing: level(0.02, 0.2),
		eventLost: level(0.05, 0.5), eventDoubled: level(0.1, 0.6), eventLate: level(0.1, 0.5), held: level(0.02, 0.1),
		streamAgain: level(0.05, 0.3), streamLost: level(0, 0.1), queueAgain: level(0.02, 0.1), tickLost: level(0.05, 0.5),
	}
	if d.chance(0.06) {
		p.eventLost = 1
	}
	p.staleBy = pick(d, 2*time.Second, 10*time.Second, 40*time.Second)
	p.delay = pick(d, 5*time.Second, time.Minute, 10*time.Minute, 40*time.Minute)
	p.skew = pick(d, 0, 0, time.Second, 3*time.Second)
	p.latency = pick(d, 20*time.Millisecond, 20*time.Millisecond, 300*time.Millisecond)
	p.batch = pick(d, 1, 3, 20)
	p.packed = d.chance(0.25)
	return p
}
