package api

import (
	"context"
	"sync"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// shelf keeps the configurations until their epoch moves: a request costs one read of
// the epoch, and only after a change one of all configurations.
type shelf struct {
	mu     sync.Mutex
	loaded bool
	epoch  int64
	all    []license.Configuration // in the order of their ids; never modified
	byID   map[string]int
}

// books is the shelf at one instant.
type books struct {
	all  []license.Configuration
	byID map[string]int
}

func (s *shelf) open(ctx context.Context, store ledger.Licenses) (books, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	epoch, err := store.Epoch(ctx)
	if err != nil {
		return books{}, err
	}
	if !s.loaded || epoch != s.epoch {
		all, epoch, err := store.Configurations(ctx)
		if err != nil {
			return books{}, err
		}
		byID := make(map[string]int, len(all))
		for i := range all {
			byID[all[i].ID] = i
		}
		s.all, s.byID, s.epoch, s.loaded = all, byID, epoch, true
	}
	return books{s.all, s.byID}, nil
}

// configurations returns all there are.
func (c *call) configurations() (books, error) { return c.shelf.open(c.ctx, c.Store) }

// find returns the configuration that an ARN names: its own, or one under which it
// was known elsewhere.
func (b books) find(arn string) (*license.Configuration, error) {
	arn = license.CanonicalARN(arn)
	id := arn[lastColon(arn)+1:]
	if i, ok := b.byID[id]; ok && b.all[i].ARN == arn {
		return &b.all[i], nil
	}
	for i := range b.all {
		if b.all[i].AnswersTo(arn) {
			return &b.all[i], nil
		}
	}
	return nil, noConfiguration(arn)
}

func lastColon(s string) int {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == ':' {
			return i
		}
	}
	return -1
}

// find is books.find on what there is now.
func (c *call) find(arn string) (*license.Configuration, error) {
	b, err := c.configurations()
	if err != nil {
		return nil, err
	}
	return b.find(arn)
}
