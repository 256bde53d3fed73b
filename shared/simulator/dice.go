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
