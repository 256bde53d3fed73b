package ledger_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"licenseguard/shared/catalog"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// BenchmarkFold reports claims (one event leads to one) per second. "churn" is
// the steady state of a busy license: 32 instances start and 32 others stop.
func BenchmarkFold(b *testing.B) {
	for _, entries := range []int{64, 128, 1000, 5000} {
		w := newWorld(b, func(c *license.Configuration) {
			c.CountingType, c.Count = license.CountVCPU, licenses(1_000_000)
		}).after(time.Hour).fill(entries)
		seen := slices.Clone(w.fleet(entries-63, 64))
		for i := range seen {
			_, m := w.member(entries - 63 + i)
			seen[i].Generation, seen[i].Instance.LaunchTime = m.Generation, m.Generation.Launch
		}
		w.after(time.Minute)
		launched := w.fleet(entries+1, 64)
		churn := slices.Clone(launched[:32])
		for _, c := range seen[:32] {
			c.Instance.State, c.Observed = license.Stopped, w.now
			c.Generation.Rank = license.Stopped.Rank()
			churn = append(churn, c)
		}
		for _, bm := range []struct {
			name   string
			claims []ledger.Claim
			change bool
		}{{"repeats", seen, false}, {"launches", launched, true}, {"churn", churn, true}, {"one", launched[:1], true}} {
			b.Run(fmt.Sprintf("%s/entries=%d", bm.name, entries), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, r := ledger.Fold(w.l, ledger.Batch{Claims: bm.claims}, w.now, catalog.Embedded()); (r.Change != nil) != bm.change {
						b.Fatalf("change %v", r.Change)
					}
				}
				b.ReportMetric(float64(b.N*len(bm.claims))/b.Elapsed().Seconds(), "claims/s")
			})
		}
	}
}
