package admit_test

import (
	"fmt"
	"testing"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// TestHundredIntoTen: 100 launches of a group into 10 free licenses, in batches of
// different sizes. 10 go on, nothing that serves is ended, and the group launches
// no more than it did at first.
func TestHundredIntoTen(t *testing.T) {
	t.Parallel()
	for _, most := range []int{100, 33, 10, 1} {
		t.Run(fmt.Sprintf("batches of %d", most), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.license("lic-a", 10, nil)
			g := w.group("web", 100, 0, 100)
			w.run(2*time.Hour, most)
			t.Logf("launches %d, in service %d, abandoned %d, capacity %d, changes of it %d, invocations %d", g.launches, len(g.in(inService)), g.abandoned, g.desired, w.report.Lowered, w.runs)
			if g.launches != 100 || len(g.in(inService)) != 10 || g.abandoned != 90 || g.desired != 10 || g.ended != 0 || g.timedOut != 0 {
				t.Errorf("launches %d, in service %d, abandoned %d, capacity %d, ended in service %d, timed out %d; want 100, 10, 90, 10, 0, 0",
					g.launches, len(g.in(inService)), g.abandoned, g.desired, g.ended, g.timedOut)
			}
			if stops := w.stops(); len(stops) > 0 {
				t.Errorf("to be stopped later: %v", stops)
			}
			if got := w.journal(); got[ledger.DoneAbandoned] != 90 {
				t.Errorf("journal %v", got)
			}
			if alerts := w.alerts(ledger.AlertSuspended); len(alerts) > 0 || g.suspended {
				t.Errorf("suspended: %v", alerts)
			}
			w.truth("lic-a")
		})
	}
}

// TestLargerInstances: what is left over is too small for one more.
func TestLargerInstances(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.license("lic-a", 35, func(c *license.Configuration) { c.CountingType = license.CountVCPU })
	g := w.group("web", 20, 0, 50)
	g.kind = "m5.2xlarge" // 8 vCPUs
	w.run(time.Hour, 100)
	if g.launches != 20 || len(g.in(inService)) != 4 || g.desired != 4 || len(w.stops()) > 0 {
		t.Errorf("launches %d, in service %d, capacity %d, stops %v", g.launches, len(g.in(inService)), g.desired, w.stops())
	}
	w.truth("lic-a")
}
