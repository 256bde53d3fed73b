package track_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"licenseguard/shared/adapter/boltledger"
	"licenseguard/shared/catalog"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

// crowd is a cloud of many scopes whose instances are made as they are listed, so that
// none are kept.
type crowd struct {
	sizes map[track.Scope]int
	born  time.Time

	mu    sync.Mutex
	calls map[track.Scope]int
	most  int // pages of one scope under way at a time
	now   map[track.Scope]int
}

const crowdPage = 1000 // as EC2's

func (c *crowd) instance(s track.Scope, i int) license.Instance {
	return license.Instance{ID: license.NewResourceID(s.Account, s.Region, fmt.Sprintf("i-%017x", i)), Type: "m5.large", State: license.Running,
		LaunchTime: c.born.Add(time.Duration(i) * time.Second), ImageID: crowdImage(i), Tenancy: license.TenancyDefault,
		CPUOptions: license.CPUOptions{Cores: 1, ThreadsPerCore: 2}, UsageOperation: "RunInstances",
		Tags: map[string]string{"Name": fmt.Sprintf("database-production-%05d", i), "Environment": "production", "CostCenter": "4711-databases", "Backup": "daily-35-days"}}
}

const crowdLicenses = 20

func crowdImage(i int) string { return fmt.Sprintf("ami-%017x", i%crowdLicenses) }

func (c *crowd) EachInstances(ctx context.Context, s track.Scope, each func([]license.Instance) error) error {
	for from := 0; from < c.sizes[s]; from += crowdPage {
		c.mu.Lock()
		c.calls[s]++
		c.now[s]++
		c.most = max(c.most, c.now[s])
		c.mu.Unlock()
		page := make([]license.Instance, 0, crowdPage)
		for i := from; i < min(from+crowdPage, c.sizes[s]); i++ {
			page = append(page, c.instance(s, i))
		}
		err := each(page)
		c.mu.Lock()
		c.now[s]--
		c.mu.Unlock()
		if err != nil || ctx.Err() != nil {
			return err
		}
	}
	return nil
}

func (c *crowd) Instances(context.Context, track.Scope, []string) ([]license.Instance, error) {
	return nil, nil
}

func (c *crowd) Hosts(context.Context, track.Scope, []string) ([]license.Host, error) {
	return nil, nil
}

func (c *crowd) InstanceTypes(context.Context, track.Scope, []string) ([]license.InstanceType, error) {
	return nil, nil
}

func (c *crowd) Images(context.Context, track.Scope, []string) ([]track.Image, error) {
	return nil, nil
}

// peak samples how much the heap holds until it is stopped.
func peak() (stop func() float64) {
	var most atomic.Uint64
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		for {
			metrics.Read(sample)
			most.Store(max(most.Load(), sample[0].Value.Uint64()))
			select {
			case <-done:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	return func() float64 {
		close(done)
		<-ended
		return float64(most.Load()) / (1 << 20)
	}
}

// TestScale sweeps a large organization: every instance is counted once, a second run
// changes nothing, no scope is listed twice, and the pages of one follow each other. With
// LICENSEGUARD_BENCH=full it has 100,000 instances in 50 accounts and 10 Regions and
// bounds the heap, once evenly spread and once with half of them in one scope.
func TestScale(t *testing.T) {
	accounts, regions, total, bound := 5, 3, 3_000, 0.0
	if os.Getenv("LICENSEGUARD_BENCH") == "full" {
		accounts, regions, total, bound = 50, 10, 100_000, 600
	}
	for _, skewed := range []bool{false, true} {
		t.Run(fmt.Sprintf("skewed=%v", skewed), func(t *testing.T) {
			store, err := boltledger.Open(filepath.Join(t.TempDir(), "ledger.db"), boltledger.Options{Volatile: true})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = store.Close() })
			all := &crowd{sizes: map[track.Scope]int{}, calls: map[track.Scope]int{}, now: map[track.Scope]int{}, born: start.AddDate(0, 0, -30)}
			tracker := &track.Tracker{Store: store, Documents: store, Observer: all, Catalog: catalog.Embedded(), Now: func() time.Time { return start },
				Log: slog.New(slog.DiscardHandler), Wait: func(context.Context, time.Duration) error { return nil }}
			for i := range accounts {
				tracker.Accounts = append(tracker.Accounts, fmt.Sprintf("%012d", 100000000000+i))
			}
			for i := range regions {
				tracker.Regions = append(tracker.Regions, fmt.Sprintf("eu-west-%d", i+1))
			}
			for i := range crowdLicenses {
				id := fmt.Sprintf("lic-%02d", i)
				if _, err := tracker.Configure(t.Context(), license.Configuration{ID: id, Name: id, CountingType: license.CountInstance,
					Associations: []license.Association{{Kind: license.ByAMI, Value: crowdImage(i)}}}, "test"); err != nil {
					t.Fatal(err)
				}
			}
			scopes := tracker.Scopes()
			for _, s := range scopes {
				all.sizes[s] = total / len(scopes)
			}
			if skewed {
				for _, s := range scopes[1:] {
					all.sizes[s] = total / 2 / (len(scopes) - 1)
				}
				all.sizes[scopes[0]] = total / 2
			}
			want := 0
			for _, n := range all.sizes {
				want += n
			}
			for _, what := range []string{"all of it is new", "nothing changed"} {
				clear(all.calls)
				stop, began := peak(), time.Now()
				results, left, err := (&track.Round{Tracker: tracker, Workers: 4}).Run(t.Context(), start.Add(time.Second))
				heap := stop()
				if err != nil || left != 0 || len(results) != len(scopes) {
					t.Fatalf("%s: %d results, %d left, %v", what, len(results), left, err)
				}
				seen, changes, lost := 0, 0, 0
				for i := range results {
					r := &results[i]
					if r.Err != nil {
						t.Fatal(r.Err)
					}
					seen, changes = seen+r.Instances, changes+r.Changes
					if !r.First {
						lost += r.Drift.Total()
					}
				}
				calls, pages := 0, 0
				for s, n := range all.calls {
					calls, pages = calls+n, pages+(all.sizes[s]+crowdPage-1)/crowdPage
				}
				if seen != want || lost != 0 || calls != pages || all.most != 1 || what == "nothing changed" && changes != 0 {
					t.Errorf("%s: saw %d of %d instances, lost %d, changed %d licenses in %d calls of %d, %d at a time in a scope", what, seen, want, lost, changes, calls, pages, all.most)
				}
				t.Logf("%s: %d instances in %d scopes, %d calls (at most %d a scope), %d commits, heap at most %.0f MB, %s", what, seen, len(scopes), calls, (all.sizes[scopes[0]]+crowdPage-1)/crowdPage, changes, heap, time.Since(began).Round(time.Millisecond))
				if bound > 0 && heap > bound {
					t.Errorf("%s: the heap holds %.0f MB, want at most %.0f", what, heap, bound)
				}
			}
			counted := int64(0)
			for i := range crowdLicenses {
				l, err := store.Load(t.Context(), fmt.Sprintf("lic-%02d", i))
				if err != nil {
					t.Fatal(err)
				}
				counted += l.Totals.Deployed()
			}
			if counted != int64(want) {
				t.Errorf("%d instances are counted, want %d", counted, want)
			}
		})
	}
}
