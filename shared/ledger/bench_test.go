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

func BenchmarkFold(b *testing.B) {
	for _, entries := range []int{64, 5000} {
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
		for _, bm := range []struct {
			name   string
			claims []ledger.Claim
			change bool
		}{{"nothing new", seen, false}, {"64 launches", launched, true}, {"one launch", launched[:1], true}} {
			b.Run(fmt.Sprintf("%s into %d", bm.name, entries), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, r := ledger.Fold(w.l, ledger.Batch{Claims: bm.claims}, w.now, catalog.Embedded()); (r.Change != nil) != bm.change {
						b.Fatalf("change %v", r.Change)
					}
				}
			})
		}
	}
}
