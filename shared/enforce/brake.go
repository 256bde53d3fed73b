package enforce

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"licenseguard/shared/ledger"
)

// Breaker is who opens a breaker.
const Breaker = "licenseguard"

// open opens a breaker, if its scope is not held already.
func open(done *ledger.Braking, b *ledger.Brakes, scope ledger.Scope, now time.Time, why string, args ...any) {
	h := ledger.Hold{Scope: scope, By: Breaker, At: now, Why: fmt.Sprintf(why, args...), Breaker: true}
	if b.Pause(h) {
		done.Began = append(done.Began, h)
	}
}

// spend takes what is ready from the budgets and keeps the rest for later: the
// license's own, which grants it again, then those of account and fleet.
func (e *Enforcer) spend(ctx context.Context, l *ledger.License, ready []ledger.PendingAction, r *Report) (kept []ledger.PendingAction, not ungranted, err error) {
	var late []ledger.PendingAction
	_, err = e.brakes().Update(ctx, func(b *ledger.Brakes, now time.Time) *ledger.Braking {
		kept, late, not = nil, nil, ungranted{fresh: make(map[string]bool)}
		var done *ledger.Braking
		room, retry := l.Room(now)
		if room > 0 {
			retry = now.Add(time.Hour) // when this batch's are an hour old
		}
		for _, p := range ready {
			ran := ledger.Scope("")
			switch _, m := l.Find(p.Instance); {
			case m != nil && m.Intent.Live(now): // granted before
			case room == 0:
				ran, p.NotBefore = ledger.LicenseScope(p.License), retry
			default:
				room--
			}
			if ran == "" && p.Action.TakesAway() {
				done = &ledger.Braking{Reason: "spent", By: Breaker}
				not.fresh[p.Key()] = !b.HasSpent(p.Key())
				if scope, until := b.Spend(p.Key(), p.Instance, now); scope != "" {
					ran, p.NotBefore = scope, until
				}
			}
			if ran == "" {
				kept = append(kept, p)
				continue
			}
			late = append(late, p)
			not.ranOut(ran, &p)
		}
		return done
	})
	if err != nil {
		return nil, not, err
	}
	for _, p := range late {
		r.Postponed++
		if err := e.Store.PutAction(ctx, p); err != nil {
			return nil, not, err
		}
	}
	return kept, not, nil
}

// ungranted are the actions of a batch that were not granted: those for which
// budgets were spent in vain, and by scope how many a budget had no room for.
// What an earlier try had spent is not spent in vain: it may have been done, and
// only its outcome was lost.
type ungranted struct {
	fresh   map[string]bool // spent by this try, not by one before
	keys    []string
	waiting map[ledger.Scope]int
}

// ranOut notes that a budget had no room. What a person approved waits for its
// turn; what nobody approved opens a breaker.
func (u *ungranted) ranOut(scope ledger.Scope, p *ledger.PendingAction) {
	if p.Plan != "" || !p.Action.TakesAway() {
		return
	}
	if u.waiting == nil {
		u.waiting = make(map[ledger.Scope]int)
	}
	u.waiting[scope]++
}

// note takes the license's answer to a wish.
func (u *ungranted) note(p *ledger.PendingAction, g ledger.GrantResult) {
	if g.Refused == "" || !p.Action.TakesAway() {
		return
	}
	if u.fresh[p.Key()] {
		u.keys = append(u.keys, p.Key())
	}
	if g.Refused == ledger.RefusedBudget {
		u.ranOut(ledger.LicenseScope(p.License), p)
	}
}

// giveBack returns to the budgets what was not used, and opens the breakers of
// those that ran out on what nobody approved: so many at once are to be looked at.
func (e *Enforcer) giveBack(ctx context.Context, not ungranted) error {
	if len(not.keys) == 0 && len(not.waiting) == 0 {
		return nil
	}
	_, err := e.brakes().Update(ctx, func(b *ledger.Brakes, now time.Time) *ledger.Braking {
		done := &ledger.Braking{Reason: "given back", By: Breaker}
		b.Unspend(not.keys)
		for _, scope := range slices.Sorted(maps.Keys(not.waiting)) {
			open(done, b, scope, now, "its hourly budget ran out with %d more to be taken away, which nobody approved", not.waiting[scope])
		}
		return done
	})
	return err
}

// refused counts an instance that EC2 refuses to have touched.
func (e *Enforcer) refused(ctx context.Context, p ledger.PendingAction) error {
	_, err := e.brakes().Update(ctx, func(b *ledger.Brakes, now time.Time) *ledger.Braking {
		done := &ledger.Braking{Reason: "refused", By: Breaker}
		if b.Refuse(p.Key(), p.Instance, now) {
			open(done, b, ledger.ScopeAll, now, "EC2 refused %d different instances within an hour, the last with: %s", len(b.Refused), p.LastError)
		}
		return done
	})
	return err
}

// Swept is what a sweep of one account found.
type Swept struct {
	Account   string
	Corrected int // commits that it had to make
}

// noteSweep keeps the size of the fleet, which a budget is a part of, and opens a
// breaker where a sweep had to correct too much.
func noteSweep(ctx context.Context, brakes *ledger.BrakesCommitter, swept []Swept, fleet map[string]int) error {
	if len(swept) == 0 {
		return nil
	}
	_, err := brakes.Update(ctx, func(b *ledger.Brakes, now time.Time) *ledger.Braking {
		before := b.Fleet
		done := &ledger.Braking{Reason: "swept", By: Breaker}
		for _, s := range swept {
			if b.Swept(s.Account, fleet[s.Account], s.Corrected) {
				open(done, b, ledger.AccountScope(s.Account), now, "a sweep had to make %d corrections among %d instances: events do not arrive", s.Corrected, fleet[s.Account])
			}
		}
		if len(done.Began) == 0 && maps.Equal(before, b.Fleet) {
			return nil
		}
		return done
	})
	return err
}
