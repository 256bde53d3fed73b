package track

import (
	"context"
	"errors"
	"slices"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// adopt gives facts back what their licenses remember: facts that were lost and
// observed anew do not know of an association that was inherited, or that ended
// while they were away, and no sighting would ever reach those licenses.
func (t *Tracker) adopt(ctx context.Context, s Scope, report *SweepReport) error {
	orphans, err := t.orphans(ctx, s)
	if err != nil || len(orphans) == 0 {
		return err
	}
	now := t.Now()
	var adopted []ledger.Facts
	var sightings []sighting
	err = t.Store.EachFacts(ctx, s.Account, s.Region, func(f ledger.Facts) error {
		held := len(f.Held)
		for _, h := range orphans[f.Instance.ID] {
			if slices.ContainsFunc(f.Held, func(o license.Held) bool { return o.ConfigurationID == h.ConfigurationID }) {
				continue
			}
			if !h.Kind.Inherited() || !t.stillHolds(h, f.Instance) {
				h.Ended = now
			}
			f.Held = append(slices.Clip(f.Held), h)
		}
		if len(f.Held) > held {
			adopted = append(adopted, f)
			sightings = append(sightings, sighting{instance: f.Instance, host: f.Host, gone: f.Instance.State == license.Terminated, observed: f.Observed, happened: now})
		}
		return nil
	})
	if err != nil || len(adopted) == 0 {
		return err
	}
	if err := t.Store.SaveFacts(ctx, adopted); err != nil {
		return err
	}
	r, err := t.record(ctx, s, sightings)
	report.Changes += r.changes
	for _, failed := range r.failed {
		return failed
	}
	return err
}

// orphans are the instances that a license holds and whose facts do not tell so.
func (t *Tracker) orphans(ctx context.Context, s Scope) (map[license.ResourceID][]license.Held, error) {
	all, err := t.heldIn(ctx, s)
	if err != nil {
		return nil, err
	}
	by := make(map[license.ResourceID][]holding)
	for _, h := range all {
		if !h.gone {
			by[h.instance] = append(by[h.instance], h)
		}
	}
	if len(by) == 0 {
		return nil, nil
	}
	var unknown []holding
	err = t.Store.EachFacts(ctx, s.Account, s.Region, func(f ledger.Facts) error {
		for _, h := range by[f.Instance.ID] {
			if !slices.ContainsFunc(f.Held, func(o license.Held) bool { return o.ConfigurationID == h.held.ConfigurationID }) {
				unknown = append(unknown, h)
			}
		}
		return nil
	})
	if err != nil || len(unknown) == 0 {
		return nil, err
	}
	if unknown, err = t.stillHeld(ctx, unknown); err != nil {
		return nil, err
	}
	orphans := make(map[license.ResourceID][]license.Held)
	for _, h := range unknown {
		orphans[h.instance] = append(orphans[h.instance], h.held)
	}
	return orphans, nil
}

func (t *Tracker) stillHolds(h license.Held, in license.Instance) bool {
	for i := range t.configurations {
		if t.configurations[i].ID == h.ConfigurationID {
			return t.configurations[i].StillHolds(h, in)
		}
	}
	return false
}

// releaseOrphans releases members whose facts are lost.
func (t *Tracker) releaseOrphans(ctx context.Context, ids []license.ResourceID, now time.Time, report *SweepReport) error {
	facts, err := t.Store.LoadFacts(ctx, ids)
	if err != nil {
		return err
	}
	var claims []ledger.Claim
	for _, id := range ids {
		if _, ok := facts[id]; !ok {
			claims = append(claims, ledger.Claim{Instance: license.Instance{ID: id}, Gone: true, Observed: now, Happened: now})
		}
	}
	if len(claims) == 0 {
		return nil
	}
	for i := range t.configurations {
		_, result, err := t.committer().Apply(ctx, t.configurations[i].ID, ledger.Batch{Claims: slices.Clone(claims)})
		if err != nil && !errors.Is(err, ledger.ErrNotFound) {
			return err
		}
		if result.Change != nil {
			report.Changes++
		}
	}
	return nil
}
