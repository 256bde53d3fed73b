package simulator

import (
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"
)

// TestSeed replays one seed with its trace: SEED=n go test -run TestSeed -v.
func TestSeed(t *testing.T) {
	seed, err := strconv.ParseUint(os.Getenv("SEED"), 10, 64)
	if err != nil {
		t.Skip("SEED names the run to replay")
	}
	r := Run(Options{Seed: seed, Trace: true})
	for _, line := range r.Trace {
		t.Log(line)
	}
	t.Logf("%+v", r.Stats)
	for _, v := range r.Violations {
		t.Errorf("seed %d: %s", seed, v)
	}
}

// TestSeeds plays many seeds: 10,000 where CI=true is set, else as many as a
// change is worth. SEEDS=a..b plays others.
func TestSeeds(t *testing.T) {
	first, last := uint64(1), uint64(1000)
	if os.Getenv("CI") == "true" {
		last = 10_000
	}
	if text := os.Getenv("SEEDS"); text != "" {
		var err error
		if first, last, err = ParseSeeds(text); err != nil {
			t.Fatal(err)
		}
	}
	begun := time.Now()
	var sum Stats
	failed := 0
	Many(Options{}, first, last, runtime.GOMAXPROCS(0), func(r Result) bool {
		sum.Add(r.Stats)
		if len(r.Violations) > 0 {
			t.Errorf("seed %d: %s (make sim SEED=%d)", r.Seed, r.Violations[0], r.Seed)
			failed++
		}
		return failed < 20 // more would not tell more
	})
	took, n := time.Since(begun), last-first+1
	t.Logf("%d seeds in %s, %.0f a second: %+v", n, took.Round(time.Millisecond), float64(n)/took.Seconds(), sum)
}

// TestSameSeedSameTrace: a failing seed can be read only if it fails again.
func TestSameSeedSameTrace(t *testing.T) {
	t.Parallel()
	const times = 300
	seed := uint64(1)
	want := Run(Options{Seed: seed, Trace: true})
	for len(want.Trace) < 150 || len(want.Trace) > 600 || want.Stats.Crashes == 0 { // one that shows something, and is quick
		seed++
		want = Run(Options{Seed: seed, Trace: true})
	}
	for n := range times {
		if got := Run(Options{Seed: seed, Trace: true}); got.Hash != want.Hash {
			t.Fatalf("run %d has another trace than the first: %s", n+2, firstDifference(want.Trace, got.Trace))
		}
	}
	if other := Run(Options{Seed: seed + 1, Trace: true}); other.Hash == want.Hash {
		t.Error("another seed has the same trace")
	}
}

func firstDifference(a, b []string) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return a[i] + " | " + b[i]
		}
	}
	return "one is longer"
}
