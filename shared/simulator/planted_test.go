package simulator

import (
	"context"
	"testing"
	"time"

	"licenseguard/shared/enforce"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

// TestPlantedBugs: the suite finds each of these within so many seeds. They
// stand between the functions and their ports; nothing that ships has them.
func TestPlantedBugs(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		within uint64
		plant  Options
	}{
		{"a store that checks and then writes", 50, Options{wrapStore: func(s ledger.Store) ledger.Store { return blindStore{s} }}},
		{"no fence by generation", 20, Options{wrapStore: func(s ledger.Store) ledger.Store { return fencelessStore{s} }}},
		{"a lost action is not recovered", 150, Options{wrapSweep: func(s ledger.Store) ledger.Store { return forgetfulStore{s} }}},
		{"no last look", 100, Options{wrapHands: func(s *Sim, h enforce.Instances) enforce.Instances { return blindHands{h, s} }}},
		{"an alert is marked before it is sent", 100, Options{wrapMarks: func(m ledger.Marks) ledger.Marks { return earlyMarks{m} }}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for seed := uint64(1); seed <= tt.within; seed++ {
				tt.plant.Seed = seed
				if r := Run(tt.plant); len(r.Violations) > 0 {
					t.Logf("found by seed %d: %s", seed, r.Violations[0])
					return
				}
			}
			t.Errorf("not found by %d seeds", tt.within)
		})
	}
}

// blindStore writes whatever was committed meanwhile.
type blindStore struct{ ledger.Store }

func (b blindStore) Commit(_ context.Context, c ledger.Commit) error {
	m := b.Store.(*memory)
	if before := m.licenses[c.License.Configuration.ID]; before != nil && before.Revision >= c.License.Revision {
		c.License.Revision = before.Revision + 1
		c.Change.Revision = c.License.Revision
	}
	m.put(c)
	return nil
}

// fencelessStore forgets which state and which look came last.
type fencelessStore struct{ ledger.Store }

func (f fencelessStore) Load(ctx context.Context, id string) (*ledger.License, error) {
	l, err := f.Store.Load(ctx, id)
	if err != nil {
		return nil, err
	}
	for i := range l.Entries {
		for j := range l.Entries[i].Members {
			m := &l.Entries[i].Members[j]
			m.Generation.Rank, m.Observed = -1, time.Time{}
		}
	}
	return l, nil
}

func (f fencelessStore) LoadFacts(ctx context.Context, ids []license.ResourceID) (map[license.ResourceID]ledger.Facts, error) {
	facts, err := f.Store.LoadFacts(ctx, ids)
	for id, one := range facts {
		one.Generation.Rank, one.Observed = -1, time.Time{}
		facts[id] = one
	}
	return facts, err
}

// Commit gives members that the fold did not touch their places back.
func (f fencelessStore) Commit(ctx context.Context, c ledger.Commit) error {
	if before := f.Store.(*memory).licenses[c.License.Configuration.ID]; before != nil {
		for i := range c.License.Entries {
			for j := range c.License.Entries[i].Members {
				m := &c.License.Entries[i].Members[j]
				if _, was := before.Find(m.Instance); was != nil && m.Generation.Rank < 0 {
					m.Generation.Rank, m.Observed = was.Generation.Rank, was.Observed
				}
			}
		}
	}
	return f.Store.Commit(ctx, c)
}

// forgetfulStore keeps no action that a sweep recreates.
type forgetfulStore struct{ ledger.Store }

func (forgetfulStore) AddAction(context.Context, ledger.PendingAction) error { return nil }

// blindHands believe that everything is as the ledger's facts have it.
type blindHands struct {
	enforce.Instances
	sim *Sim
}

func (b blindHands) Look(_ context.Context, s track.Scope, id string) (license.Instance, bool, error) {
	in := b.sim.store.facts[license.NewResourceID(s.Account, s.Region, id)].Instance
	in.State = license.Running
	return in, true, nil
}

// earlyMarks mark an alert when they are asked for it.
type earlyMarks struct{ ledger.Marks }

func (e earlyMarks) Marked(ctx context.Context, id string) (bool, error) {
	marked, err := e.Marks.Marked(ctx, id)
	if err != nil || marked {
		return marked, err
	}
	return false, e.Mark(ctx, id, begin)
}
