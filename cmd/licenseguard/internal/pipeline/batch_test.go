package pipeline_test

import (
	"strings"
	"testing"

	"licenseguard/shared/license"
)

// A thousand launches and one id that AWS never knew, all in the queue at once:
// 1,000 are counted and the one is buried with its reason.
func TestAThousandLaunchesAndOneBadID(t *testing.T) {
	t.Parallel()
	const good = 1000
	w := newWorld(t)
	w.configure(func(c *license.Configuration) {
		zero := int64(0)
		c.Count, c.HardLimit, c.Enforcement.Mode = &zero, false, license.Observe
	})
	const bad = "i-0fffffffffffffff0"
	for i := range good {
		if i == good/2 {
			w.events = append(w.events, stateEvent("e-bad", account, bad, "running", w.now))
		}
		w.fleet.Set(instance(i), license.Running)
	}
	w.deliver()
	if got := w.license().Totals; got.Running != good || got.Over != good {
		t.Errorf("totals %+v, want %d running and over", got, good)
	}
	if len(w.p.DeadLetters) != 1 || !strings.Contains(w.p.DeadLetters[0].Reason, bad) || w.p.DeadLetters[0].EventID != "e-bad" {
		t.Errorf("dead letters %+v, want the one bad id", w.p.DeadLetters)
	}
}
