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
	l, _, err = t.committer().Apply(ctx, l.Configuration.ID, dueBatch) // alerts, where no instance was left to count
	return l, err
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
	for _, account := range t.Accounts {
		s := Scope{Account: account, Region: t.Region}
		var sightings []sighting
		err := t.Store.EachFacts(ctx, account, t.Region, func(f ledger.Facts) error {
			if f.Instance.State != license.Terminated {
				sightings = append(sightings, sighting{instance: f.Instance, host: f.Host, observed: f.Observed, happened: t.Now()})
			}
			return nil
		})
		if err != nil {
			return err
		}
		r, err := t.record(ctx, s, sightings)
		if err != nil {
			return err
		}
		for _, err := range r.failed {
			return err
		}
	}
	return nil
}
