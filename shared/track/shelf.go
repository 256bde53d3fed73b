package track

import (
	"context"
	"sync"
	"time"

	"licenseguard/shared/ledger"
)

// shelf keeps the licenses that a squad loaded: each of its sweeps folds a few instances
// into many of them, mostly without a change, and to load one costs more than to fold it.
//
// A fold into a license that moved on since is refused when it is committed, and done
// again on the newer one. Where it changes nothing there is nothing to refuse: then
// the license knew what was seen, and never forgets it for something older.
type shelf struct {
	mu       sync.Mutex
	epoch    int64 // of the configurations with which they were loaded
	licenses map[string]shelved
	entries  int
}

type shelved struct {
	license *ledger.License
	loaded  time.Time
}

// shelfRoom bounds how many entries of licenses are kept, of about 700 bytes each.
const shelfRoom = 200_000

// load returns a license to fold into, and only read.
func (t *Tracker) load(ctx context.Context, id string) (*ledger.License, error) {
	if t.holdings == nil || !t.holdings.many {
		return t.Store.Load(ctx, id)
	}
	s := &t.holdings.shelf
	now := t.Now()
	s.mu.Lock()
	if s.licenses == nil || s.epoch != t.epoch {
		s.licenses, s.entries, s.epoch = make(map[string]shelved), 0, t.epoch
	}
	kept, ok := s.licenses[id]
	s.mu.Unlock()
	if ok && now.Sub(kept.loaded) <= holdingsAge {
		return kept.license, nil
	}
	l, err := t.Store.Load(ctx, id)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(id)
	if s.epoch == t.epoch && s.entries+len(l.Entries) <= shelfRoom {
		s.licenses[id] = shelved{l, now}
		s.entries += len(l.Entries)
	}
	return l, nil
}

// moved takes a license from the shelf that was changed.
func (t *Tracker) moved(id string) {
	if t.holdings == nil {
		return
	}
	s := &t.holdings.shelf
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(id)
}

func (s *shelf) drop(id string) {
	if kept, ok := s.licenses[id]; ok {
		s.entries -= len(kept.license.Entries)
		delete(s.licenses, id)
	}
}
