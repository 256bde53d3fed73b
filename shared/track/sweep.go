package track

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

var dueBatch = ledger.Batch{}

// SweepReport says what a sweep saw and repaired. Changes beyond zero in a
// steady account mean that events were lost: that is drift.
type SweepReport struct {
	Account   string
	Region    string
	Instances int // seen
	Databases int // seen
	Released  int // recorded, but gone from AWS
	Changes   int // commits that changed a license
	Nodes     int // managed nodes seen
	Findings  int // what inventories did not tell well; see the log
	Drift     Drift
	Took      time.Duration
	First     bool   `json:",omitempty"` // nothing was known of it before: its drift is no loss
	Error     string `json:",omitempty"` // why it is not complete, and nothing missing was released
	// Unreachable: nobody was let in; what is on record stays.
	Unreachable bool `json:",omitempty"`
}

// Sweep observes everything in one account and Region and repairs the ledger. A resource
// that is missing from the listing is released only if its record is older than
// the start of the listing and two direct looks do not find it either; a
// listing that fails releases nothing.
func (t *Tracker) Sweep(ctx context.Context, s Scope) (SweepReport, error) {
	if t.holdings == nil {
		t.holdings = new(holdings)
		defer func() { t.holdings = nil }()
	}
	report := SweepReport{Account: s.Account, Region: s.Region}
	start := t.Now()
	seen := make(map[license.ResourceID]bool)
	w := sweeper{t: t, scope: s, observed: start, report: &report}
	err := t.Observer.EachInstances(ctx, s, func(page []license.Instance) error {
		report.Instances += len(page)
		for i := range page {
			seen[page[i].ID] = true
		}
		return w.add(ctx, page)
	})
	if err == nil {
		err = w.record(ctx)
	}
	if err != nil {
		return report, fmt.Errorf("sweep %s: nothing was released: %w", s, err)
	}
	missing, err := t.missing(ctx, s, listed, seen, start)
	if err != nil {
		return report, fmt.Errorf("sweep %s: %w", s, err)
	}
	if err := t.release(ctx, s, missing, t.lookAgain, &report); err != nil {
		return report, fmt.Errorf("sweep %s: %w", s, err)
	}
	// Each looks with a service of its own: one that fails leaves the other. What an
	// inventory tells is often told by no event: finding it is no drift.
	told := SweepReport{}
	err = errors.Join(t.sweepDatabases(ctx, s, &report), t.sweepInventory(ctx, s, &told))
	report.Nodes, report.Findings, report.Released = told.Nodes, told.Findings, report.Released+told.Released
	if err != nil {
		return report, fmt.Errorf("sweep %s: %w", s, err)
	}
	if err := t.adopt(ctx, s, &report); err != nil {
		return report, fmt.Errorf("sweep %s: %w", s, err)
	}
	report.Took = t.Now().Sub(start)
	return report, nil
}

// missing lists the resources that the ledger holds as alive and a listing, which
// shows those that listed names, did not show.
func (t *Tracker) missing(ctx context.Context, s Scope, listed func(license.ResourceID) bool, seen map[license.ResourceID]bool, start time.Time) ([]license.ResourceID, error) {
	if _, err := t.refresh(ctx); err != nil { // nothing was recorded yet where nothing was listed
		return nil, fmt.Errorf("read configurations: %w", err)
	}
	found := make(map[license.ResourceID]bool)
	err := t.Store.EachFacts(ctx, s.Account, s.Region, func(f ledger.Facts) error {
		if listed(f.Instance.ID) && !seen[f.Instance.ID] && f.Instance.State != license.Terminated && f.Observed.Before(start) {
			found[f.Instance.ID] = true
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	held, err := t.heldIn(ctx, s)
	if err != nil {
		return nil, err
	}
	for i := range held {
		if listed(held[i].instance) && !seen[held[i].instance] && held[i].observed.Before(start) {
			found[held[i].instance] = true
		}
	}
	out := make([]license.ResourceID, 0, len(found))
	for id := range found {
		out = append(out, id)
	}
	slices.Sort(out)
	return out, nil
}

// listed reports whether a listing of EC2 shows the resource while it is there.
func listed(id license.ResourceID) bool { return id.Type() == license.EC2Instance }

// release looks directly, twice, by again, and releases what neither look finds. The
// facts may be lost for a member of a license, so its license is claimed too.
func (t *Tracker) release(ctx context.Context, s Scope, missing []license.ResourceID, again lookAgain, report *SweepReport) error {
	for look := range 2 {
		if len(missing) == 0 {
			return nil
		}
		if look > 0 {
			if err := t.wait(ctx, secondLook); err != nil {
				return err
			}
		}
		var err error
		if missing, err = again(ctx, s, missing, report); err != nil {
			return err
		}
	}
	now := t.Now()
	for chunk := range slices.Chunk(missing, 100) {
		sightings := make([]sighting, len(chunk))
		for i, id := range chunk {
			sightings[i] = sighting{instance: license.Instance{ID: id}, gone: true, observed: now, happened: now}
		}
		r, err := t.record(ctx, s, sightings)
		if err != nil {
			return err
		}
		report.Changes += r.changes
		report.Drift = report.Drift.Plus(r.drift)
		report.Released += len(chunk)
		if err := t.releaseOrphans(ctx, chunk, now, report); err != nil {
			return err
		}
	}
	return nil
}

// lookAgain is a direct look: it records the resources that it finds and returns the
// rest.
type lookAgain func(ctx context.Context, s Scope, ids []license.ResourceID, report *SweepReport) ([]license.ResourceID, error)

// lookAgain records the instances that a direct look finds and returns the rest.
func (t *Tracker) lookAgain(ctx context.Context, s Scope, ids []license.ResourceID, report *SweepReport) ([]license.ResourceID, error) {
	var still []license.ResourceID
	for chunk := range slices.Chunk(ids, 100) {
		awsIDs := make([]string, len(chunk))
		for i, id := range chunk {
			awsIDs[i] = id.AWSID()
		}
		observed := t.Now()
		found, err := t.Observer.Instances(ctx, s, awsIDs)
		if err != nil {
			return nil, fmt.Errorf("describe instances: %w", err)
		}
		w := sweeper{t: t, scope: s, observed: observed, report: report}
		if err := errors.Join(w.add(ctx, found), w.record(ctx)); err != nil {
			return nil, err
		}
		for _, id := range chunk {
			if !slices.ContainsFunc(found, func(in license.Instance) bool { return in.ID == id }) {
				still = append(still, id)
			}
		}
	}
	return still, nil
}
