package bench_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"licenseguard/shared/catalog"
	"licenseguard/shared/ledger"
)

// TestFold folds batches of 64 changes into licenses, without a store.
func TestFold(t *testing.T) {
	live := make([]byte, 16<<20) // as a function has: in an empty process the collector would run every few folds
	defer runtime.KeepAlive(live)
	out := table{title: "fold alone, one core: batches of 64", columns: []string{"license", "batch", "events/s", "µs a batch", "allocations an event", "bytes an event"}}
	for _, entries := range pick([]int{64}, []int{64, 128, 1_024, 5_120}) {
		b := &bench{TB: t, clock: newClock()}
		c := newChurn(b.clock, image(0), entries)
		configured := configuration(0, image(0))
		l, _ := ledger.Fold(&ledger.License{}, ledger.Batch{Configuration: &configured}, b.clock.now(), catalog.Embedded())
		for range entries / ledger.MaxClaims {
			l = foldOnce(t, l, c.claims(ledger.MaxClaims), b.clock.now(), true)
		}
		if err := check(l, []*churn{c}); err != nil {
			t.Fatal(err)
		}
		last := churn{clock: c.clock, image: c.image, instances: c.instances[entries-ledger.MaxClaims:]}
		steps := [2][]ledger.Claim{last.claims(ledger.MaxClaims), last.claims(ledger.MaxClaims)}
		at := b.clock.now()
		for _, kind := range []struct {
			name   string
			change bool
		}{{"64 changes", true}, {"64 known already", false}} {
			base, claims := l, steps[0]
			if !kind.change {
				base = foldOnce(t, l, claims, at, true)
			}
			fold := func() { foldOnce(t, base, claims, at, kind.change) }
			fold()
			if !full() {
				continue
			}
			r := testing.Benchmark(func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					fold()
				}
			})
			events := float64(r.N * ledger.MaxClaims)
			out.row(thousands(int64(entries)), kind.name, events/r.T.Seconds(), r.T.Seconds()*1e6/float64(r.N), float64(r.MemAllocs)/events, float64(r.MemBytes)/events)
		}
	}
	out.note("16 MB are live beside the license, as in a function: the collector's share depends on it.")
	out.print()
}

func foldOnce(t testing.TB, l *ledger.License, claims []ledger.Claim, now time.Time, change bool) *ledger.License {
	next, r := ledger.Fold(l, ledger.Batch{Claims: claims}, now, catalog.Embedded())
	if got := r.Change != nil; got != change || change && deltas(r) != len(claims) {
		t.Fatal(fmt.Sprintf("%d claims: changed %v with %d changes, want %v", len(claims), got, deltas(r), change))
	}
	return next
}
