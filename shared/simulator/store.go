package simulator

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"licenseguard/shared/adapter/ledgercodec"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// memory is a ledger.Store that keeps its contract and nothing more.
type memory struct {
	register
	sim      *Sim
	packed   bool
	licenses map[string]*ledger.License
	written  map[string]time.Time // when each license was committed last
	epoch    int64
	facts    map[license.ResourceID]ledger.Facts
	actions  map[string]ledger.PendingAction
	journal  map[string]ledger.JournalEntry
	marks    map[string]time.Time
	brakes   ledger.Brakes
	plans    map[string]ledger.Plan
}

var _ ledger.Store = (*memory)(nil)

func newMemory(s *Sim, packed bool) *memory {
	return &memory{sim: s, packed: packed, licenses: make(map[string]*ledger.License), written: make(map[string]time.Time), facts: make(map[license.ResourceID]ledger.Facts),
		actions: make(map[string]ledger.PendingAction), journal: make(map[string]ledger.JournalEntry), marks: make(map[string]time.Time), plans: make(map[string]ledger.Plan)}
}

func (m *memory) Load(_ context.Context, id string) (*ledger.License, error) {
	l, ok := m.licenses[id]
	if !ok {
		return nil, fmt.Errorf("%w: %q", ledger.ErrNotFound, id)
	}
	m.sim.read(id)
	return l.Clone(), nil
}

func (m *memory) Commit(_ context.Context, c ledger.Commit) error {
	id := c.License.Configuration.ID
	before := m.licenses[id]
	if _, gone := m.deleted[id]; gone || before == nil && c.License.Revision != 1 || before != nil && before.Revision != c.License.Revision-1 {
		conflict := &ledger.Conflict{License: id}
		if before != nil && before.Pages == 0 && !c.Configured && m.sim.dice.chance(0.7) {
			conflict.Newer = before.Clone()
		}
		return conflict
	}
	m.put(c)
	return nil
}

// put applies a commit and tells the stream.
func (m *memory) put(c ledger.Commit) {
	before := m.licenses[c.License.Configuration.ID]
	after := c.License.Clone()
	if before != nil && after.Pages > 0 { // only the dirty pages are written
		after.Entries = slices.DeleteFunc(after.Entries, func(e ledger.Entry) bool { return !slices.Contains(c.Dirty, e.Page) })
		for i := range before.Entries {
			if !slices.Contains(c.Dirty, before.Entries[i].Page) {
				after.Entries = append(after.Entries, before.Clone().Entries[i])
			}
		}
	}
	if before != nil && !c.Configured {
		after.Configuration = before.Configuration
	}
	if m.packed {
		after = m.pack(after)
	}
	if c.Configured {
		m.epoch++
		m.keep(c)
	}
	m.licenses[after.Configuration.ID] = after
	if c.Deleted {
		delete(m.licenses, after.Configuration.ID)
	}
	m.written[after.Configuration.ID] = m.sim.now
	m.sim.committed(before, after, c)
}

// pack is what a store that keeps bytes makes of a license.
func (m *memory) pack(l *ledger.License) *ledger.License {
	out := *l
	out.Entries = nil
	for page := range max(l.Pages, 1) {
		data, err := ledgercodec.EncodeEntries(ledgercodec.PageEntries(l.Entries, page))
		if err != nil {
			m.sim.violate("entries do not encode: %v", err)
			return l
		}
		entries, err := ledgercodec.DecodeEntries(data, page)
		if err != nil {
			m.sim.violate("entries do not decode: %v", err)
			return l
		}
		out.Entries = append(out.Entries, entries...)
	}
	return &out
}

func (m *memory) Configurations(context.Context) (out []license.Configuration, epoch int64, err error) {
	for _, id := range slices.Sorted(maps.Keys(m.licenses)) {
		out = append(out, m.licenses[id].Configuration)
	}
	return out, m.epoch, nil
}

func (m *memory) Epoch(context.Context) (int64, error) { return m.epoch, nil }

func (m *memory) DueLicenses(_ context.Context, now time.Time) (due []string, err error) {
	for _, id := range slices.Sorted(maps.Keys(m.licenses)) {
		if at := m.licenses[id].Due; !at.IsZero() && !at.After(now) {
			due = append(due, id)
		}
	}
	return due, nil
}

func (m *memory) LoadFacts(_ context.Context, ids []license.ResourceID) (map[license.ResourceID]ledger.Facts, error) {
	out := make(map[license.ResourceID]ledger.Facts, len(ids))
	for _, id := range ids {
		if f, ok := m.facts[id]; ok {
			out[id] = f
		}
	}
	return out, nil
}

func (m *memory) SaveFacts(_ context.Context, list []ledger.Facts) error {
	for _, f := range list {
		m.facts[f.Instance.ID] = f
		delete(m.sim.recorded, f.Instance.ID)
		m.sim.recorder[f.Instance.ID] = m.sim.current
		if _, ok := m.sim.firstSeen[f.Instance.ID]; !ok {
			m.sim.firstSeen[f.Instance.ID] = f.FirstSeen
		}
	}
	return nil
}

func (m *memory) EachFacts(_ context.Context, account, region string, each func(ledger.Facts) error) error {
	for _, id := range slices.Sorted(maps.Keys(m.facts)) {
		if !strings.HasPrefix(string(id), account+"/"+region+"/") {
			continue
		}
		if err := each(m.facts[id]); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) AddAction(_ context.Context, a ledger.PendingAction) error {
	if _, ok := m.actions[a.Key()]; !ok {
		m.actions[a.Key()] = a
	}
	return nil
}

func (m *memory) PutAction(_ context.Context, a ledger.PendingAction) error {
	m.actions[a.Key()] = a
	return nil
}

func (m *memory) DropAction(_ context.Context, a ledger.PendingAction) error {
	delete(m.actions, a.Key())
	return nil
}

func (m *memory) PendingActions(context.Context) (out []ledger.PendingAction, err error) {
	for _, key := range slices.Sorted(maps.Keys(m.actions)) {
		out = append(out, m.actions[key])
	}
	return out, nil
}

func (m *memory) Record(_ context.Context, e ledger.JournalEntry) error {
	m.journal[e.Key()] = e
	if e.Action == ledger.DoneUndone {
		m.sim.checkUndone(e)
	}
	if e.Action == ledger.DoneCancelled {
		delete(m.sim.called, holding{e.License, e.Instance})
	}
	return nil
}

func (m *memory) Journal(_ context.Context, since time.Time) (out []ledger.JournalEntry, err error) {
	for _, e := range m.journal {
		if !e.At.Before(since) {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b ledger.JournalEntry) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Key(), b.Key())) })
	return out, nil
}

func (m *memory) Marked(_ context.Context, id string) (bool, error) {
	_, ok := m.marks[id]
	return ok, nil
}

func (m *memory) Mark(_ context.Context, id string, at time.Time) error {
	m.marks[id] = at
	return nil
}

func (m *memory) LoadBrakes(context.Context) (*ledger.Brakes, error) {
	m.sim.read(brakesRead)
	b := m.brakes
	return &b, nil
}

func (m *memory) CommitBrakes(_ context.Context, b *ledger.Brakes, c *ledger.Change) error {
	if b.Revision != m.brakes.Revision+1 {
		return &ledger.Conflict{License: ledger.EnforcementID}
	}
	before := m.brakes
	m.brakes = *b
	m.sim.braked(&before, b, c)
	return nil
}

func (m *memory) SavePlan(_ context.Context, p ledger.Plan) error {
	m.plans[p.Hash] = p
	return nil
}

func (m *memory) LoadPlan(_ context.Context, hash string) (ledger.Plan, error) {
	p, ok := m.plans[hash]
	if !ok {
		return p, fmt.Errorf("plan %q: %w", hash, ledger.ErrNoPlan)
	}
	return p, nil
}
