package ledgertest_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"licenseguard/shared/adapter/boltledger"
	"licenseguard/shared/ledger"
	"licenseguard/shared/ledger/history"
	"licenseguard/shared/ledger/ledgertest"
)

var traffic = ledgertest.Traffic{Licenses: 2, Clients: 8, Steps: 40, Instances: 12, Seed: 2}

func newStore(t *testing.T) ledger.Store {
	t.Helper()
	store, err := boltledger.Open(filepath.Join(t.TempDir(), "ledger"), boltledger.Options{Volatile: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// A planted store breaks one promise. All its clients share it.
type planted struct {
	ledger.Store
	mu     sync.Mutex
	before map[string]*ledger.License // as it was before its last commit
	kind   string
	loads  int
	writes int
}

func (p *planted) Load(ctx context.Context, id string) (*ledger.License, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.loads++; p.kind == "stale reads" && p.loads%7 == 0 && p.before[id] != nil {
		return p.before[id].Clone(), nil
	}
	return p.Store.Load(ctx, id)
}

func (p *planted) Commit(ctx context.Context, c ledger.Commit) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	stored, err := p.Store.Load(ctx, c.License.Configuration.ID)
	if err != nil {
		return p.Store.Commit(ctx, c) // the first
	}
	p.before[c.License.Configuration.ID] = stored
	if c.License.Revision == stored.Revision+1 {
		p.writes++
	}
	switch {
	case p.kind == "check, then write": // it checks nothing where it writes
		next := *c.License
		next.Revision = stored.Revision + 1
		c.License = &next
	case p.kind == "lost update" && p.writes%10 == 0 && c.License.Revision == stored.Revision+1:
		return nil // it was the next one, and is said to be written
	case p.kind == "written twice" && p.writes%10 == 0: // its own second try is refused
		if err := p.Store.Commit(ctx, c); err != nil {
			return err
		}
		return &ledger.Conflict{License: c.License.Configuration.ID}
	}
	return p.Store.Commit(ctx, c)
}

// What is planted here must be found, or the check proves nothing; a second try
// that finds the first one applied is right.
func TestTrafficFindsPlantedStores(t *testing.T) {
	if testing.Short() {
		t.Skip("the search for an order takes long under the race detector")
	}
	t.Parallel()
	for kind, ok := range map[string]bool{"none": true, "check, then write": false, "lost update": false, "stale reads": false, "written twice": true} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			tr := traffic
			if tr.Unreliable = kind == "written twice"; tr.Unreliable {
				tr.Steps /= 3 // an answer that was lost may have happened at any time after: the search doubles with each
			}
			store := &planted{Store: newStore(t), kind: kind, before: make(map[string]*ledger.License)}
			r, _ := tr.Run(t, func(int) ledger.Licenses { return store })
			start := time.Now()
			err := r.Check(30 * time.Second)
			if (err == nil) != ok || err != nil && !errors.Is(err, history.ErrNotLinearizable) {
				t.Errorf("%v; linearizable: %v", err, ok)
			}
			all, lost := r.Len()
			t.Logf("%d operations, %d lost, checked in %s: %v", all, lost, time.Since(start).Round(time.Millisecond), err)
		})
	}
}

// Half of the answers that fail here were applied.
func TestTrafficWithLostAnswers(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	tr := traffic
	tr.Unreliable = true
	if testing.Short() {
		tr.Steps /= 3
	}
	var lost atomic.Int64
	r, _ := tr.Run(t, func(client int) ledger.Licenses {
		if client < 0 {
			return store
		}
		calls := client // each client has its own
		return ledgertest.Faulty(store, func(op string) (before, after error) {
			switch calls++; {
			case op == "Commit" && calls%3 == 0:
				lost.Add(1)
				return nil, errors.New("the answer was lost")
			case calls%10 == 5:
				return errors.New("no connection"), nil
			default:
				return nil, nil
			}
		})
	})
	if err := r.Check(30 * time.Second); err != nil {
		t.Error(err)
	}
	if lost.Load() < 20 {
		t.Errorf("only %d answers were lost", lost.Load())
	}
}
