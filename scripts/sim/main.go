// Command sim plays many seeds of the simulator on all cores:
//
//	go run ./scripts/sim -seeds 1..1000000 -for 1h
//
// It keeps what is done in a file, so that the same command goes on where it
// was interrupted. A changed program starts anew.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"licenseguard/shared/simulator"
)

const (
	rangeSize   = 200              // seeds that are noted as done at once
	reportEvery = 10 * time.Second // a line of progress, and a save
	mostFailed  = 100              // more would not tell more
)

func main() {
	seeds := flag.String("seeds", "1..10000", "the seeds to play, a..b")
	profile := flag.String("profile", "", "a named profile: harsh, hostile, all events lost; empty: as each seed says")
	most := flag.Duration("for", 0, "stop after this time; 0: when all are played")
	dir := flag.String("dir", ".sim", "where progress and violations are kept")
	workers := flag.Int("workers", runtime.GOMAXPROCS(0), "seeds to play at once")
	flag.Parse()
	if err := run(*seeds, *profile, *most, *dir, *workers); err != nil {
		fmt.Fprintln(os.Stderr, "sim:", err)
		os.Exit(1)
	}
}

func run(seeds, profile string, most time.Duration, dir string, workers int) error {
	first, last, err := simulator.ParseSeeds(seeds)
	if err != nil {
		return err
	}
	if profile != "" { // each has progress of its own
		dir = filepath.Join(dir, profile)
	}
	p, err := open(dir)
	if err != nil {
		return err
	}
	p.profile = profile
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if most > 0 {
		ctx, cancel = context.WithTimeout(ctx, most)
		defer cancel()
	}
	wanted := last - first + 1
	already := p.played(first, last)
	if already > 0 {
		fmt.Printf("%d of %d seeds were played before\n", already, wanted)
	}
	m := &meter{begun: time.Now(), reported: time.Now(), wanted: wanted - already}
	for from := first; from >= first && from <= last && ctx.Err() == nil && len(p.Failed) < mostFailed; from += rangeSize {
		to := min(last, from+rangeSize-1)
		if p.has(from, to) {
			continue
		}
		whole := true
		var failed []failure
		simulator.Many(simulator.Options{Profile: profile}, from, to, workers, func(r simulator.Result) bool {
			m.add(r.Stats)
			if len(r.Violations) > 0 {
				failed = append(failed, failure{r.Seed, r.Violations[0]})
			}
			whole = ctx.Err() == nil
			return whole
		})
		if err := p.note(failed); err != nil {
			return err
		}
		if whole {
			p.add(from, to)
		}
		if m.due() {
			m.report(len(p.Failed))
			if err := p.save(); err != nil {
				return err
			}
		}
	}
	if err := p.save(); err != nil {
		return err
	}
	m.report(len(p.Failed))
	fmt.Printf("%d of %d seeds are played; %+v\n", p.played(first, last), wanted, m.sum)
	if n := len(p.Failed); n > 0 {
		return fmt.Errorf("%d seeds have violations, see %s", n, filepath.Join(dir, violationsFile))
	}
	if p.played(first, last) < wanted {
		fmt.Println("the same command goes on from here")
		if err := context.Cause(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
	}
	return nil
}

// meter tells how fast it goes.
type meter struct {
	begun, reported time.Time
	done, wanted    uint64
	sum             simulator.Stats
}

func (m *meter) add(s simulator.Stats) {
	m.done++
	m.sum.Add(s)
}

func (m *meter) due() bool { return time.Since(m.reported) >= reportEvery }

func (m *meter) report(failed int) {
	m.reported = time.Now()
	rate := float64(m.done) / time.Since(m.begun).Seconds()
	left := "unknown"
	if m.done > 0 && m.done <= m.wanted {
		left = time.Duration(float64(m.wanted-m.done) / rate * float64(time.Second)).Round(time.Second).String()
	}
	fmt.Printf("%d of %d seeds, %.0f a second, %s left, %d with violations\n", m.done, m.wanted, rate, left, failed)
}
