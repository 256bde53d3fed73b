package simulator

import (
	"errors"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	debug.SetGCPercent(400) // every run is thrown away
	os.Exit(m.Run())
}

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

// seeds are as many as fit into 20 s on one core.
const seeds = 700

// TestSeeds plays many seeds; SEEDS=a..b plays others.
func TestSeeds(t *testing.T) {
	first, last := uint64(1), uint64(seeds)
	if from, to, ok := strings.Cut(os.Getenv("SEEDS"), ".."); ok {
		var errFrom, errTo error
		first, errFrom = strconv.ParseUint(from, 10, 64)
		last, errTo = strconv.ParseUint(to, 10, 64)
		if err := errors.Join(errFrom, errTo); err != nil {
			t.Fatalf("SEEDS=%s: %v; give two numbers, such as 1..1000", os.Getenv("SEEDS"), err)
		}
	}
	begun := time.Now()
	var sum Stats
	failed := 0
	for seed := first; seed <= last; seed++ {
		r := Run(Options{Seed: seed})
		sum.add(r.Stats)
		if len(r.Violations) > 0 {
			t.Errorf("seed %d: %s", r.Seed, r.Violations[0])
			if failed++; failed == 20 {
				t.Fatal("more would not tell more")
			}
		}
	}
	took, n := time.Since(begun), last-first+1
	t.Logf("%d seeds in %s, %.0f a second: %+v", n, took.Round(time.Millisecond), float64(n)/took.Seconds(), sum)
}

func (s *Stats) add(o Stats) {
	s.Calls += o.Calls
	s.Crashes += o.Crashes
	s.Commits += o.Commits
	s.Buried += o.Buried
	s.Machines += o.Machines
	s.Stops += o.Stops
	s.Tags += o.Tags
	s.Alerts += o.Alerts
	s.Repeated += o.Repeated
	s.Overlapped += o.Overlapped
	s.Configured += o.Configured
	s.Pages += o.Pages
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
