package bench_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"licenseguard/shared/adapter/dynamoledger"
	"licenseguard/shared/ledger"
)

// hot is one license that everybody writes at once.
type hot struct {
	b      *bench
	id     string
	churns []*churn // one a producer
	rivals bool     // each producer commits by itself
	held   *ledger.License
}

// newHot makes a license of so many entries, all running.
func newHot(b *bench, n, entries int, rivals bool) *hot {
	b.Helper()
	h := &hot{b: b, id: licenseID(n), rivals: rivals, held: b.newLicense(n)}
	var all []ledger.Claim
	for range producers {
		c := newChurn(b.clock, image(n), entries/producers)
		h.churns = append(h.churns, c)
		all = append(all, c.claims(len(c.instances))...)
	}
	_, err := b.committer().Claim(b.Context(), h.held, all)
	b.must(err)
	h.held, err = b.store.Load(b.Context(), h.id)
	b.must(err)
	if len(h.held.Entries) != entries {
		b.Fatalf("the license has %d entries, want %d", len(h.held.Entries), entries)
	}
	b.must(check(h.held, h.churns))
	return h
}

func (h *hot) run(ctx context.Context, until time.Time) (changes int, err error) {
	if h.rivals {
		return h.runRivals(ctx, until)
	}
	return h.runOne(ctx, until)
}

func (h *hot) check(ctx context.Context) error {
	l, err := h.b.store.Load(ctx, h.id)
	if err != nil {
		return err
	}
	return check(l, h.churns)
}

// runOne lets all producers feed one committer, which keeps the license in
// memory and takes what has come, up to what one fold is given. An instance has
// no new event before its last one is committed.
func (h *hot) runOne(ctx context.Context, until time.Time) (changes int, err error) {
	queue := make(chan told, ledger.MaxClaims)
	var wait sync.WaitGroup
	for _, c := range h.churns {
		room := make(chan struct{}, len(c.instances))
		for range c.instances {
			room <- struct{}{}
		}
		wait.Go(func() {
			for time.Now().Before(until) {
				<-room
				queue <- told{c.claim(), room}
			}
		})
	}
	go func() {
		wait.Wait()
		close(queue)
	}()
	committer := h.b.committer()
	for first := range queue {
		batch, done := []ledger.Claim{first.claim}, []chan<- struct{}{first.done}
		for more := true; more && len(batch) < ledger.MaxClaims; {
			e, ok := next(queue)
			if more = ok; ok {
				batch, done = append(batch, e.claim), append(done, e.done)
			}
		}
		if err == nil {
			var result ledger.Result
			h.held, result, err = committer.ApplyTo(ctx, h.held, ledger.Batch{Claims: batch})
			changes += deltas(result)
		}
		for _, d := range done {
			d <- struct{}{}
		}
	}
	return changes, err
}

// told is an event on its way to the committer.
type told struct {
	claim ledger.Claim
	done  chan<- struct{}
}

// next takes what has come, or comes within a moment.
func next(queue <-chan told) (e told, ok bool) {
	select {
	case e, ok = <-queue:
		return e, ok
	default:
	}
	select {
	case e, ok = <-queue:
	case <-time.After(time.Millisecond):
	}
	return e, ok
}

// runRivals lets every producer commit its own events, as many at once as it
// has instances.
func (h *hot) runRivals(ctx context.Context, until time.Time) (int, error) {
	var changes atomic.Int64
	failed := make([]error, len(h.churns))
	var wait sync.WaitGroup
	for i, c := range h.churns {
		wait.Go(func() {
			committer := h.b.committer()
			committer.Store = dynamoledger.New(h.b.client, h.b.table) // as another process has it
			l, err := committer.Store.Load(ctx, h.id)
			for first := true; err == nil && (first || time.Now().Before(until)); first = false {
				var result ledger.Result
				l, result, err = committer.ApplyTo(ctx, l, ledger.Batch{Claims: c.claims(min(ledger.MaxClaims, len(c.instances)))})
				changes.Add(int64(deltas(result)))
			}
			failed[i] = err
		})
	}
	wait.Wait()
	return int(changes.Load()), errors.Join(failed...)
}

// deltas is how many instances a commit recorded a change of.
func deltas(r ledger.Result) int {
	if r.Change == nil {
		return 0
	}
	return len(r.Change.Deltas)
}
