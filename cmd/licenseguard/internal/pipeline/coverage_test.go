package pipeline_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"licenseguard/cmd/licenseguard/internal/fleet"
	"licenseguard/cmd/licenseguard/internal/pipeline"
	"licenseguard/shared/adapter/parquetfile"
	"licenseguard/shared/coverage"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/publish"
	"licenseguard/shared/snapshot"
	"licenseguard/shared/timeline"
	"licenseguard/shared/track"
)

// life is one run of an instance, as it truly was.
type life struct {
	id          license.ResourceID
	start, stop time.Time // stop: zero while it runs
	licenses    int64
	often       int // ends so often of 1000 times
}

// days is a fleet that lives for some days, of which not all is watched. Its truth is
// known, and what was recorded of it are the files and the log that the handlers left.
type days struct {
	*world
	random *rand.Rand
	dir    string
	lives  []life
	log    *timeline.Timeline
	kept   map[string]bool // launches of which anything that counts is on record
	queued [][]byte        // events while track stands still
}

// watching says what works at an instant.
type watching struct{ sweep, track, snapshot, reach bool }

var sizes = []struct {
	name string
	cpus int64
}{{"m5.large", 2}, {"m5.xlarge", 4}, {"m5.4xlarge", 16}}

func newDays(t *testing.T, seed uint64) *days {
	t.Helper()
	d := &days{random: rand.New(rand.NewPCG(seed, 9)), dir: t.TempDir(), log: timeline.New(), kept: make(map[string]bool),
		world: &world{t: t, now: time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC), stopped: make(map[license.ResourceID]int)}}
	d.fleet = fleet.New(func() time.Time { return d.now }, nil, nil)
	d.fleet.Changed = d.changed
	var err error
	d.p, err = pipeline.Open(pipeline.Options{Dir: d.dir, Volatile: true, Fleet: d.fleet, Accounts: []string{account}, Region: region,
		Now: func() time.Time { return d.now }, Committed: d.committed, Log: slog.New(slog.DiscardHandler)})
	d.must(err)
	t.Cleanup(func() { _ = d.p.Close() })
	d.configure(func(c *license.Configuration) {
		c.CountingType, c.Enforcement = license.CountVCPU, license.Enforcement{Mode: license.Observe}
	})
	return d
}

func (d *days) committed(c *ledger.Change) {
	for _, r := range publish.Rows(c) {
		d.must(d.log.Add(&r))
		if r.Licenses > 0 {
			d.kept[r.InstanceID+" "+r.LaunchTime] = true
		}
	}
}

// live lets instances start, end, stop and start again; most of them run for hours, some
// for minutes.
func (d *days) live() {
	for i := range d.lives {
		l := &d.lives[i]
		if !l.stop.IsZero() {
			continue
		}
		if age := d.now.Sub(l.start); age < 5*time.Minute || d.random.IntN(1000) >= l.often {
			continue
		}
		in, _ := d.fleet.Get(l.id)
		l.stop = d.now
		if d.random.IntN(3) > 0 {
			d.fleet.Set(in, license.Terminated)
			continue
		}
		d.fleet.Set(in, license.Stopped)
		if d.random.IntN(2) == 0 { // it comes back in a moment, perhaps larger
			d.now = d.now.Add(20 * time.Second)
			d.start(in)
		}
	}
	if d.random.IntN(8) == 0 {
		in := instance(len(d.lives))
		d.start(in)
	}
}

func (d *days) start(in license.Instance) {
	size := sizes[d.random.IntN(len(sizes))]
	in.Type, in.CPUOptions = size.name, license.CPUOptions{}
	d.lives = append(d.lives, life{id: in.ID, start: d.now.Truncate(time.Second), licenses: size.cpus, often: []int{1, 5, 60}[d.random.IntN(3)]})
	d.fleet.Set(in, license.Pending)
	in, _ = d.fleet.Get(in.ID)
	d.fleet.Set(in, license.Running)
}

// play lets so many hours pass. lose is how many of 100 events never come.
func (d *days) play(hours, lose int, works func(hour float64) watching) {
	begin := d.now
	for step := range hours * 12 { // of five minutes
		d.now = begin.Add(time.Duration(step) * 5 * time.Minute)
		w := works(float64(step) / 12)
		d.live()
		d.forget()
		for ; d.sent < len(d.events); d.sent++ {
			if d.random.IntN(100) >= lose {
				d.queued = append(d.queued, d.events[d.sent])
			}
		}
		if w.track {
			for _, e := range d.queued {
				d.p.Send(e)
			}
			d.queued = nil
			d.must(d.p.Tick(context.Background()))
		}
		if w.sweep && step%12 == 3 {
			d.p.Tracker.Observer = d.fleet
			if !w.reach {
				d.p.Tracker.Observer = unreachable{d.fleet}
			}
			_, err := d.p.Sweep(context.Background())
			if w.reach {
				d.must(err)
			}
			d.p.Tracker.Observer = d.fleet
		}
		if w.snapshot && step%12 == 7 {
			_, err := d.p.Snapshot(context.Background())
			d.must(err)
		}
	}
	d.now = begin.Add(time.Duration(hours) * time.Hour)
}

// forget lets EC2 show a terminated instance no longer than an hour.
func (d *days) forget() {
	gone := make(map[license.ResourceID]bool)
	var left []license.Instance
	for _, l := range d.lives {
		in, ok := d.fleet.Get(l.id)
		if !ok || gone[l.id] {
			continue
		}
		gone[l.id] = true
		if in.State != license.Terminated || d.ended(l.id).After(d.now.Add(-time.Hour)) {
			left = append(left, in)
		}
	}
	d.fleet.Replace(left, nil)
}

func (d *days) ended(id license.ResourceID) (at time.Time) {
	for _, l := range d.lives {
		if l.id == id && l.stop.After(at) {
			at = l.stop
		}
	}
	return at
}

// unreachable lets nobody list.
type unreachable struct{ *fleet.Fleet }

func (unreachable) EachInstances(context.Context, track.Scope, func([]license.Instance) error) error {
	return fmt.Errorf("take the role: AccessDenied")
}

// report reads what was recorded.
func (d *days) report(from, to time.Time) *coverage.Report {
	d.t.Helper()
	files, err := filepath.Glob(filepath.Join(d.dir, "reports", "coverage", "dt=*", "*.parquet"))
	d.must(err)
	var rows []snapshot.Coverage
	for _, f := range files {
		body, err := os.ReadFile(f)
		d.must(err)
		more, err := parquetfile.Encoder{}.DecodeCoverages(body)
		d.must(err)
		rows = append(rows, more...)
	}
	r, err := coverage.Make(rows, d.log, from, to)
	d.must(err)
	return r
}

// traces says of each life whether anything that counts is on record.
func (d *days) traces() []bool {
	out := make([]bool, len(d.lives))
	for i, l := range d.lives {
		out[i] = d.kept[l.id.AWSID()+" "+l.start.UTC().Format("2006-01-02 15:04:05.000")]
	}
	return out
}

// truth is what was in use at an instant, and what of it left no trace.
func (d *days) truth(at time.Time, traces []bool) (used, unseen int64) {
	for i, l := range d.lives {
		if l.start.After(at) || !l.stop.IsZero() && !l.stop.After(at) {
			continue
		}
		used += l.licenses
		if !traces[i] {
			unseen += l.licenses
		}
	}
	return used, unseen
}

// TestWorstCaseHoldsAgainstTheTruth: on random fleets with gaps of each kind, at each minute of
// each gap: what is called certain was in use, and what left a trace was no more than
// what is called the highest.
func TestWorstCaseHoldsAgainstTheTruth(t *testing.T) {
	t.Parallel()
	all := watching{true, true, true, true}
	during := func(change func(*watching)) func(float64) watching {
		return func(hour float64) watching {
			w := all
			if hour >= 20 && hour < 31 {
				change(&w)
			}
			return w
		}
	}
	for name, tt := range map[string]struct {
		lose  int
		works func(float64) watching
		finds string // source of the gap that there must be
	}{
		"all stands still":          {0, during(func(w *watching) { *w = watching{} }), snapshot.BySweep},
		"nobody is let in":          {30, during(func(w *watching) { w.reach = false }), snapshot.BySweep},
		"events stand in the queue": {0, during(func(w *watching) { w.track = false }), snapshot.ByEvents},
		"events are lost":           {40, during(func(w *watching) {}), snapshot.ByEvents},
		"lost, and no snapshots":    {40, during(func(w *watching) { w.snapshot = false }), snapshot.ByEvents},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var certain, found, unseen, high, looked int64
			for seed := range uint64(3) {
				d := newDays(t, seed)
				begin := d.now
				d.play(48, tt.lose, tt.works)
				seen, traces := false, d.traces()
				for _, g := range d.report(begin.Add(2*time.Hour), d.now).Gaps {
					if g.Finding == coverage.NoSnapshots {
						continue
					}
					seen = seen || g.Source == tt.finds
					var b timeline.Bounds
					if len(g.Worst) > 0 {
						b = g.Worst[0]
					}
					most := int64(0)
					for at := g.From; at.Before(g.To); at = at.Add(time.Minute) {
						used, hidden := d.truth(at, traces)
						if used < b.Certain || used-hidden > b.Highest {
							t.Fatalf("seed %d, %s %s to %s, at %s: %d in use, %d of it in no record; want at least %d and at most %d", seed, g.Finding, g.From, g.To, at, used, hidden, b.Certain, b.Highest)
						}
						most, unseen, looked = max(most, used-hidden), unseen+hidden, looked+1
					}
					certain, found, high = certain+b.Certain, found+b.Found, high+b.Highest-most
				}
				if !seen {
					t.Errorf("seed %d: no gap of %s", seed, tt.finds)
				}
				_ = d.p.Close()
			}
			t.Logf("%d minutes in gaps: certain %d, found %d, the highest %d above the truth, summed up over gaps; %d license-minutes in no record", looked, certain, found, high, unseen)
			if looked < 1000 || certain < 100 || found < 50 || unseen == 0 {
				t.Error("this shows little")
			}
		})
	}
}
