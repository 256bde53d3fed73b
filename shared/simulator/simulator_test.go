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
	r := Run(Options{Seed: seed, Trace: true, Profile: os.Getenv("PROFILE")})
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
	most := 20 // more would not tell more
	if os.Getenv("FIRST") != "" {
		most = 1
	}
	begun := time.Now()
	var sum Stats
	failed := 0
	Many(Options{Profile: os.Getenv("PROFILE")}, first, last, runtime.GOMAXPROCS(0), func(r Result) bool {
		sum.Add(r.Stats)
		if len(r.Violations) > 0 {
			t.Errorf("seed %d: %s (make sim SEED=%d)", r.Seed, r.Violations[0], r.Seed)
			failed++
		}
		return failed < most
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

// TestAllEventsLost: no event and no tick ever arrives; one sweep, and the ledger
// is exactly the cloud.
func TestAllEventsLost(t *testing.T) {
	t.Parallel()
	play(t, AllEventsLost, 300, func(sum Stats) {
		if sum.EventsLost != sum.Events || sum.Machines == 0 {
			t.Errorf("%d of %d events were lost", sum.EventsLost, sum.Events)
		}
	})
}

// TestHarsh: half of the events twice, in any order, 30 % of the calls throttled,
// 10 % of the answers lost, 70 % of the commits refused: no drift without any
// sweep, and no message lost. The shares are those that were counted.
func TestHarsh(t *testing.T) {
	t.Parallel()
	play(t, Harsh, 300, func(sum Stats) {
		for _, share := range []struct {
			what  string
			n, of int
			want  float64
		}{
			{"events doubled", sum.EventsDoubled, sum.Events, 0.5},
			{"calls throttled", sum.Throttled, sum.Calls, 0.3},
			{"answers lost", sum.AnswersLost, sum.Calls - sum.Throttled, 0.1},
			{"commits refused", sum.Refused, sum.CommitsTried, 0.7},
		} {
			got := float64(share.n) / float64(share.of)
			t.Logf("%s: %d of %d, %.0f %%", share.what, share.n, share.of, 100*got)
			if got < share.want*0.9 {
				t.Errorf("%s: %.0f %%, want %.0f %%", share.what, 100*got, 100*share.want)
			}
		}
	})
}

// TestHostile: whatever people, tenants, faults and two enforcers at once do, no
// stop is beyond a budget, none of what is covered, exempt, protected, held or
// unapproved, none makes Auto Scaling start another, and none is forgotten. CI
// plays 10,000 of the seeds, make hostile a million.
func TestHostile(t *testing.T) {
	t.Parallel()
	last := uint64(3000)
	if os.Getenv("CI") == "true" {
		last = 10_000
	}
	play(t, Hostile, last, func(sum Stats) {
		for _, happened := range []struct {
			what string
			n    int
		}{
			{"stops", sum.Stops}, {"tags", sum.Tags}, {"plans", sum.Planned}, {"approvals", sum.Approved}, {"plans refused", sum.Moved},
			{"holds", sum.Holds}, {"exemptions", sum.Exempted}, {"undos", sum.Undone}, {"starts", sum.Started}, {"crashes", sum.Crashes},
		} {
			if happened.n == 0 {
				t.Errorf("no %s in all runs: they are not hostile", happened.what)
			}
		}
	})
}

// TestRace: two accounts in two Regions launch from one small pool at the same
// moments, their events arrive in any order, and several functions commit against each
// other. At no commit is more covered than there is, or a license free that
// somebody who fits waits for; each account gets the last one in some runs, and does
// not in others.
func TestRace(t *testing.T) {
	t.Parallel()
	last := uint64(1000)
	if os.Getenv("CI") == "true" {
		last = 2000 // 16 s each thousand
	}
	play(t, Race, last, func(sum Stats) {
		for _, happened := range []struct {
			what string
			n    int
		}{
			{"bursts", sum.Bursts}, {"races won by the first account", sum.WonHere}, {"races won by the second", sum.WonThere},
			{"races lost by the first account", sum.LostHere}, {"races lost by the second", sum.LostThere}, {"commits refused", sum.Refused}, {"crashes", sum.Crashes},
		} {
			if happened.n == 0 {
				t.Errorf("no %s in all runs: it is no race", happened.what)
			}
		}
	})
}

// play runs a named profile.
func play(t *testing.T, profile string, last uint64, check func(Stats)) {
	t.Helper()
	if testing.Short() {
		last = 50
	}
	var sum Stats
	Many(Options{Profile: profile}, 1, last, runtime.GOMAXPROCS(0), func(r Result) bool {
		sum.Add(r.Stats)
		for _, v := range r.Violations {
			t.Errorf("seed %d: %s (make sim SEED=%d PROFILE=%q)", r.Seed, v, r.Seed, profile)
		}
		return !t.Failed()
	})
	check(sum)
	t.Logf("%d seeds: %+v", last, sum)
}
