package track

import (
	"context"
	"fmt"
	"slices"
	"time"

	"licenseguard/shared/license"
)

// sweepBlock is how many instances a sweep records at a time: every block loads
// each license that it touches, and holds what it saw in memory.
const sweepBlock = 10_000

// sweeper records what a listing shows, block by block.
type sweeper struct {
	t        *Tracker
	scope    Scope
	observed time.Time // start of the listing
	report   *SweepReport
	block    []sighting
	hosts    map[string]license.Host // nil: not listed yet
}

func (w *sweeper) add(ctx context.Context, page []license.Instance) error {
	for i := range page {
		w.block = append(w.block, sighting{instance: page[i], observed: w.observed, happened: w.observed})
		if len(w.block) < sweepBlock {
			continue
		}
		if err := w.record(ctx); err != nil {
			return err
		}
	}
	return nil
}

// record records the block.
func (w *sweeper) record(ctx context.Context) error {
	if err := w.placeOnHosts(ctx); err != nil {
		return err
	}
	r, err := w.t.record(ctx, w.scope, w.block)
	w.block = w.block[:0]
	w.report.Changes += r.changes
	w.report.Drift = w.report.Drift.Plus(r.drift)
	if err != nil {
		return err
	}
	for _, err := range r.failed {
		return err
	}
	return nil
}

// placeOnHosts lists all Dedicated Hosts once, rather than those of each block.
func (w *sweeper) placeOnHosts(ctx context.Context) error {
	if len(w.block) == 0 || !slices.ContainsFunc(w.block, func(s sighting) bool { return s.instance.HostID != "" }) {
		return nil
	}
	if w.hosts == nil {
		if _, err := w.t.refresh(ctx); err != nil {
			return fmt.Errorf("read configurations: %w", err)
		}
		if !w.t.needsHosts() {
			return nil
		}
		all, err := w.t.Observer.Hosts(ctx, w.scope, nil)
		if err != nil {
			return fmt.Errorf("describe hosts: %w", err)
		}
		w.hosts = make(map[string]license.Host, len(all))
		for _, h := range all {
			w.hosts[h.ID.AWSID()] = h
		}
	}
	for i := range w.block {
		w.block[i].host = w.hosts[w.block[i].instance.HostID]
	}
	return nil
}
