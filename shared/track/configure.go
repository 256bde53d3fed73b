package track

import (
	"context"
	"errors"
	"fmt"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// Configure makes or changes a license configuration by a person's wish and
// folds it at once, with every instance that its associations apply to. The
// error is a *license.FieldError or *license.RuleError when the wish is wrong.
func (t *Tracker) Configure(ctx context.Context, wanted license.Configuration, by string) (*ledger.License, error) {
	l, err := t.amend(ctx, wanted, by)
	if err != nil {
		return nil, err
	}
	if err := t.Reassociate(ctx); err != nil {
		return nil, fmt.Errorf("license %s is configured; its instances are not counted again (the next sweep does): %w", wanted.ID, err)
	}
	return t.Settle(ctx, l.Configuration.ID)
}

func (t *Tracker) amend(ctx context.Context, wanted license.Configuration, by string) (*ledger.License, error) {
	const attempts = 20
	for attempt := 1; ; attempt++ {
		l, err := t.Store.Load(ctx, wanted.ID)
		var old *license.Configuration
		switch {
		case errors.Is(err, ledger.ErrNotFound):
			l = &ledger.License{Configuration: license.Configuration{ID: wanted.ID}}
		case err != nil:
			return nil, err
		default:
			old = &l.Configuration
		}
		configuration, err := license.Amend(old, wanted, t.Now(), by)
		if err != nil {
			return nil, err
		}
		next, err := t.committer().Configure(ctx, l, configuration, by)
		var conflict *ledger.Conflict
		if !errors.As(err, &conflict) || attempt == attempts {
			return next, err
		}
	}
}

// Reassociate applies the present associations to every instance on record, as
// it was last observed.
func (t *Tracker) Reassociate(ctx context.Context) error {
	return t.ReassociateWhere(ctx, func(*ledger.Facts) bool { return true })
}

// ReassociateWhere is Reassociate for the instances whose facts are chosen. It reads
// the facts of all, because nothing lists them by what they were launched from: its cost grows with the fleet
// (docs/api.md has numbers).
func (t *Tracker) ReassociateWhere(ctx context.Context, chosen func(*ledger.Facts) bool) error {
	for _, s := range t.Scopes() {
		var found []ledger.Facts
		err := t.Store.EachFacts(ctx, s.Account, s.Region, func(f ledger.Facts) error {
			if chosen(&f) {
				found = append(found, f)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if err := t.reassociate(ctx, s, found); err != nil {
			return err
		}
	}
	return nil
}

// ReassociateOne is Reassociate for one instance: it reads nothing but its facts. One
// that is not on record yet is associated when it is seen.
func (t *Tracker) ReassociateOne(ctx context.Context, id license.ResourceID) error {
	facts, err := t.Store.LoadFacts(ctx, []license.ResourceID{id})
	f, ok := facts[id]
	if err != nil || !ok {
		return err
	}
	account, region, _ := id.Parts()
	return t.reassociate(ctx, Scope{Account: account, Region: region}, []ledger.Facts{f})
}

func (t *Tracker) reassociate(ctx context.Context, s Scope, facts []ledger.Facts) error {
	var sightings []sighting
	for i := range facts {
		if f := &facts[i]; f.Instance.State != license.Terminated {
			sightings = append(sightings, sighting{instance: f.Instance, host: f.Host, observed: f.Observed, happened: t.Now()})
		}
	}
	r, err := t.record(ctx, s, sightings)
	if err != nil {
		return err
	}
	for _, err := range r.failed {
		return err
	}
	return nil
}

// Settle folds a license whose instances were claimed again after a change: now its
// alerts are sent, also where no instance was left to count.
func (t *Tracker) Settle(ctx context.Context, id string) (*ledger.License, error) {
	l, _, err := t.committer().Apply(ctx, id, dueBatch)
	return l, err
}
