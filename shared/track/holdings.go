package track

import (
	"context"
	"errors"
	"sync"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// holdings is what the licenses hold, by account and Region. Each sweep needs those of
// its own scope, and a license tells those of all: so they are read once for many sweeps.
type holdings struct {
	mu    sync.Mutex
	read  time.Time // when the reading began
	known bool
	of    map[Scope][]holding

	many  bool // scopes are to be swept
	shelf shelf
}

// holding is one member of a license that has not ended.
type holding struct {
	instance license.ResourceID
	held     license.Held // by which the license holds it
	observed time.Time
	gone     bool
}

// holdingsAge is how old holdings may be. A sweep only asks who may be missing, and looks
// before it releases; what a license took up since they were read, and whose facts
// were lost at once, waits for the next sweep.
const holdingsAge = 5 * time.Minute

// heldIn returns what the licenses hold in a scope.
func (t *Tracker) heldIn(ctx context.Context, s Scope) ([]holding, error) {
	h := t.holdings
	h.mu.Lock()
	defer h.mu.Unlock()
	if now := t.Now(); !h.known || now.Sub(h.read) > holdingsAge {
		of, err := t.readHoldings(ctx)
		if err != nil {
			return nil, err
		}
		h.of, h.read, h.known = of, now, true
	}
	return h.of[s], nil
}

func (t *Tracker) readHoldings(ctx context.Context) (map[Scope][]holding, error) {
	of := make(map[Scope][]holding)
	for i := range t.configurations {
		id := t.configurations[i].ID
		l, err := t.Store.Load(ctx, id)
		if errors.Is(err, ledger.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, h := range holdingsOf(id, l) {
			account, region, _ := h.instance.Parts()
			s := Scope{Account: account, Region: region}
			of[s] = append(of[s], h)
		}
	}
	return of, nil
}

func holdingsOf(id string, l *ledger.License) (out []holding) {
	for i := range l.Entries {
		for j := range l.Entries[i].Members {
			if m := &l.Entries[i].Members[j]; m.State != license.Terminated {
				out = append(out, holding{instance: m.Instance, observed: m.Observed, gone: m.Gone,
					held: license.Held{ConfigurationID: id, Kind: m.Kind, Value: m.Value, Since: m.FirstSeen}})
			}
		}
	}
	return out
}

// stillHeld returns those holdings that their licenses hold now: the sweep itself may
// have released them since they were read.
func (t *Tracker) stillHeld(ctx context.Context, some []holding) ([]holding, error) {
	now := make(map[string]map[license.ResourceID]bool)
	var out []holding
	for _, h := range some {
		id := h.held.ConfigurationID
		if _, read := now[id]; !read {
			l, err := t.Store.Load(ctx, id)
			if err != nil && !errors.Is(err, ledger.ErrNotFound) {
				return nil, err
			}
			now[id] = make(map[license.ResourceID]bool)
			if err == nil {
				for _, n := range holdingsOf(id, l) {
					now[id][n.instance] = !n.gone
				}
			}
		}
		if now[id][h.instance] {
			out = append(out, h)
		}
	}
	return out, nil
}

// Squad returns trackers that may sweep at the same time, each another scope. They share
// what is read once for all of them, so a squad is for one run of sweeps.
func (t *Tracker) Squad(n int) []*Tracker {
	shared := &holdings{many: len(t.Scopes()) > 1}
	squad := make([]*Tracker, n)
	for i := range squad {
		one := *t
		one.holdings = shared
		if i > 0 {
			one.memory = memory{}
		}
		squad[i] = &one
	}
	return squad
}
