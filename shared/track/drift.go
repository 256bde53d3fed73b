package track

import (
	"reflect"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// Drift counts what a sweep found that no event had told by then: each is an event
// that was lost, or that is later than any should be. An instance is counted once.
type Drift struct {
	Started int // launches and starts
	Ended   int // stops and terminations
	Changed int // anything else of an instance: its type, tags, placement
}

// Total is how many instances were not as on record.
func (d Drift) Total() int { return d.Started + d.Ended + d.Changed }

// Plus returns the sum of two.
func (d Drift) Plus(o Drift) Drift {
	return Drift{Started: d.Started + o.Started, Ended: d.Ended + o.Ended, Changed: d.Changed + o.Changed}
}

// driftSettle is how old a launch or a stop must be for its event to be called lost:
// the event may be under way. EC2 tells no time of a termination or of a changed tag, so
// those within seconds of the look are counted too.
const driftSettle = 5 * time.Minute

// note counts one instance whose facts a look changed.
func (d *Drift) note(before, after *ledger.Facts, had bool, observed time.Time) {
	now, was := &after.Instance, &before.Instance
	lately := func(at time.Time) bool { return at.After(observed.Add(-driftSettle)) }
	switch {
	case lately(now.LaunchTime), lately(now.StoppedAt):
	case !had || !halted(now.State) && (halted(was.State) || was.LaunchTime.Before(now.LaunchTime)):
		d.Started++
	case halted(now.State) && !halted(was.State):
		d.Ended++
	case altered(*now, *was):
		d.Changed++
	}
}

// halted reports whether an instance of this state does not run any more.
func halted(s license.State) bool { return s.Rank() > license.Running.Rank() }

// altered reports whether EC2 tells something else of an instance; its ancestry is ours.
func altered(now, was license.Instance) bool {
	now.Ancestry, now.TypeFacts = was.Ancestry, was.TypeFacts
	return !reflect.DeepEqual(now, was)
}
