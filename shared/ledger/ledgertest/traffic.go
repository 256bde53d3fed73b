package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"licenseguard/shared/catalog"
	"licenseguard/shared/ledger"
	"licenseguard/shared/ledger/history"
	"licenseguard/shared/license"
)

// Traffic is concurrent use of a few licenses, by as many clients: they claim
// starts and ends of instances, repeat what is old, read, and change counts.
type Traffic struct {
	Licenses  int
	Clients   int
	Steps     int // of each client
	Instances int // of each license
	Seed      uint64
	// Unreliable says that the store's answers get lost, so that a refusal may
	// be the answer to a second try of what was applied.
	Unreliable bool
}

// sizes are what the instances consume, in vCPUs.
var sizes = []struct {
	name  string
	vcpus int64
}{{"m5.large", 2}, {"m5.xlarge", 4}, {"m5.2xlarge", 8}}

// License returns the id of the n-th license.
func (tr Traffic) License(n int) string { return fmt.Sprintf("lic-%d", n) }

// Run makes the licenses and lets the clients loose. store is asked for each
// client's view of one store; client -1 sets up and must not fail. It returns
// what they saw, and how many changes each license's clients were told of.
func (tr Traffic) Run(t testing.TB, store func(client int) ledger.Licenses) (*history.Recorder, map[string]int64) {
	t.Helper()
	r := &history.Recorder{}
	revisions := make(map[string]int64)
	for n := range tr.Licenses {
		c := Configuration(t, tr.License(n), 0)
		c.CountingType, c.Enforcement.Settle, c.Enforcement.RestartGrace = license.CountVCPU, 0, 0
		limit := tr.usual()
		c.Count = &limit
		c = amend(t, nil, c, Start.Add(-time.Hour))
		call := r.Call(0, history.Operation{License: c.ID, Limit: &limit})
		call.Answered(answerOf(create(t, store(-1), c), nil))
	}
	var mu sync.Mutex
	var group sync.WaitGroup
	for i := range tr.Clients {
		group.Go(func() {
			c := &client{Traffic: tr, t: t, number: i, store: store(i), recorder: r,
				dice: rand.New(rand.NewPCG(tr.Seed, uint64(i))), changes: make(map[string]int64)}
			for range tr.Steps {
				if !c.step() {
					return
				}
			}
			mu.Lock()
			defer mu.Unlock()
			for id, n := range c.changes {
				revisions[id] += n
			}
		})
	}
	group.Wait()
	return r, revisions
}

// usual is a count that covers about half of what there can be.
func (tr Traffic) usual() int64 { return int64(tr.Instances) * 14 / 6 }

type client struct {
	Traffic
	t        testing.TB
	number   int
	store    ledger.Licenses
	recorder *history.Recorder
	dice     *rand.Rand
	changes  map[string]int64 // commits that this client was told of
}

// step does one thing until there is an answer, as a queue does that delivers
// again.
func (c *client) step() bool {
	id := c.License(c.dice.IntN(c.Licenses))
	try := c.choose(id)
	for range 60 {
		err := try()
		if err == nil {
			return true
		}
		if c.t.Context().Err() != nil {
			return false
		}
		var conflict *ledger.Conflict
		if !c.Unreliable && !errors.As(err, &conflict) {
			c.t.Errorf("client %d, license %s: %v", c.number, id, err)
			return false
		}
	}
	c.t.Errorf("client %d, license %s: no answer in 60 tries", c.number, id)
	return false
}

func (c *client) choose(id string) func() error {
	// A lost change of a count stays open for ever, and each such one doubles
	// what there is to check: where answers get lost one client does them all.
	switch n := c.dice.IntN(20); {
	case n < 3:
		return func() error { return c.read(id) }
	case n < 4 && (!c.Unreliable || c.number == 0):
		limit := max(0, c.usual()+c.dice.Int64N(9)-4)
		return func() error { return c.limit(id, limit) }
	default:
		// An end that finds nothing leaves nothing, so a batch with one is not the
		// same when it is applied twice with something between.
		seen := make([]history.Sighting, 1)
		if !c.Unreliable {
			seen = make([]history.Sighting, 1+c.dice.IntN(2))
		}
		for i := range seen {
			seen[i] = c.sighting()
		}
		call := c.recorder.Call(c.number, history.Operation{License: id, Seen: seen})
		return func() error { return c.claim(call, id, seen) }
	}
}

// sighting says something of an instance, now and then of an earlier run.
func (c *client) sighting() history.Sighting {
	n := c.dice.IntN(c.Instances)
	run := 1 + c.dice.Int64N(4)
	return history.Sighting{Instance: string(InstanceID(n)), Launch: run*100 + int64(n/2), Ended: c.dice.IntN(3) == 0, Licenses: sizes[n%len(sizes)].vcpus}
}

func (c *client) committer() *ledger.Committer {
	wait := func(ctx context.Context, attempt int) error {
		time.Sleep(rand.N(time.Duration(min(attempt, 8)) * 3 * time.Millisecond))
		return ctx.Err()
	}
	return &ledger.Committer{Store: c.store, Catalog: catalog.Embedded(), Now: func() time.Time { return Start.Add(10 * time.Minute) }, Wait: wait}
}

// claim tries once. All tries are one call: none of them can be applied after
// the last one was answered, because each is for one revision.
func (c *client) claim(call *history.Call, id string, seen []history.Sighting) error {
	claims := make([]ledger.Claim, len(seen))
	for i, s := range seen {
		claims[i] = claimOf(id, s)
	}
	l, result, err := c.committer().Apply(c.t.Context(), id, ledger.Batch{Claims: claims})
	switch {
	case err != nil: // the call stays open
	case result.Change == nil:
		call.Known(answerOf(l, seen))
	default:
		call.Answered(answerOf(l, seen))
		c.changes[id]++
	}
	return err
}

func (c *client) read(id string) error {
	call := c.recorder.Call(c.number, history.Operation{License: id})
	l, err := c.store.Load(c.t.Context(), id)
	if err != nil {
		call.Refused() // it changes nothing, and nobody saw its answer
		return err
	}
	call.Answered(answerOf(l, nil))
	return nil
}

func (c *client) limit(id string, limit int64) error {
	l, err := c.store.Load(c.t.Context(), id)
	if err != nil {
		return err
	}
	wanted := l.Configuration
	wanted.Count = &limit
	wanted, err = license.Amend(&l.Configuration, wanted, Start.Add(10*time.Minute), "tester")
	if err != nil {
		return err
	}
	call := c.recorder.Call(c.number, history.Operation{License: id, Limit: &limit})
	l, _, err = c.committer().ApplyTo(c.t.Context(), l, ledger.Batch{Configuration: &wanted, By: "tester"})
	var conflict *ledger.Conflict
	switch {
	case err == nil:
		call.Answered(answerOf(l, nil))
		c.changes[id]++
	case errors.As(err, &conflict) && !c.Unreliable:
		call.Refused()
	default:
		call.Lost()
	}
	return err
}

func claimOf(id string, s history.Sighting) ledger.Claim {
	at := Start.Add(time.Duration(s.Launch) * time.Second)
	c := Launch(id, 0)
	c.Instance.ID, c.Instance.LaunchTime = license.ResourceID(s.Instance), at
	for _, size := range sizes {
		if size.vcpus == s.Licenses {
			c.Instance.Type = size.name
		}
	}
	c.Generation, c.Observed, c.Happened, c.Held.Since = ledger.Generation{Launch: at, Rank: license.Running.Rank()}, at.Add(time.Second), at, at
	if s.Ended {
		c.Instance.State, c.Generation.Rank = license.Terminated, license.Terminated.Rank()
		c.Observed, c.Happened = at.Add(5*time.Second), at.Add(5*time.Second)
	}
	return c
}

func answerOf(l *ledger.License, seen []history.Sighting) history.Answer {
	a := history.Answer{Limit: *l.Configuration.Count, Covered: l.Totals.Covered, Deployed: l.Totals.Deployed()}
	for _, s := range seen {
		verdict := history.None
		if e, _ := l.Find(license.ResourceID(s.Instance)); e != nil && e.Verdict != ledger.Released {
			verdict = history.Verdict(e.Verdict)
		}
		a.Verdicts = append(a.Verdicts, verdict)
	}
	return a
}

// linearizable lets clients use a few licenses at once and looks for one order
// that explains what all of them saw.
func linearizable(t *testing.T, store ledger.Store) {
	tr := Traffic{Licenses: 3, Clients: 8, Steps: 40, Instances: 12, Seed: 1}
	if testing.Short() {
		tr.Steps /= 3 // the search takes long under the race detector
	}
	r, changes := tr.Run(t, func(int) ledger.Licenses { return store })
	if err := r.Check(time.Minute); err != nil {
		t.Error(err)
	}
	for n := range tr.Licenses {
		l := load(t, store, tr.License(n))
		checkTotals(t, l)
		if want := 1 + changes[tr.License(n)]; l.Revision != want {
			t.Errorf("license %s: revision %d after %d changes", tr.License(n), l.Revision, want)
		}
	}
}
