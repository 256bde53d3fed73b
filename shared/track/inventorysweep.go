package track

import (
	"context"
	"fmt"
	"slices"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// SweepInventory reads the inventory of every machine of an account and all managed
// nodes, finds the products, and counts and releases nodes. It costs nothing where no
// configuration asks for it. A listing that fails finds and releases nothing; a node
// that is missing is released only if it was on record before the listing and two
// direct looks do not find it either. Instances of EC2 are those on record.
func (t *Tracker) SweepInventory(ctx context.Context, s Scope) (SweepReport, error) {
	report := SweepReport{Account: s.Account, Region: s.Region}
	start := t.Now()
	err := t.sweepInventory(ctx, s, &report)
	report.Took = t.Now().Sub(start)
	return report, err
}

func (t *Tracker) sweepInventory(ctx context.Context, s Scope, report *SweepReport) error {
	if _, err := t.refresh(ctx); err != nil {
		return fmt.Errorf("read configurations: %w", err)
	}
	if !t.wantsInventory() {
		return nil
	}
	sightings, missing, err := t.listInventory(ctx, s, t.Now(), report)
	if err != nil {
		return fmt.Errorf("inventory: nothing was released: %w", err)
	}
	for block := range slices.Chunk(sightings, sweepBlock) {
		if err := t.recordSwept(ctx, s, block, report); err != nil {
			return fmt.Errorf("inventory: %w", err)
		}
	}
	if err := t.releaseNodes(ctx, s, missing, report); err != nil {
		return fmt.Errorf("inventory: %w", err)
	}
	return nil
}

func (t *Tracker) recordSwept(ctx context.Context, s Scope, sightings []sighting, report *SweepReport) error {
	r, err := t.record(ctx, s, sightings)
	report.Changes += r.changes
	if err != nil {
		return err
	}
	for _, err := range r.failed {
		return err
	}
	return nil
}

// listInventory lists nodes and inventories. It returns sightings of all nodes, and of
// those instances on record of which discoveries change, and the nodes on record that
// were not listed.
func (t *Tracker) listInventory(ctx context.Context, s Scope, start time.Time, report *SweepReport) (sightings []sighting, missing []string, err error) {
	var nodes []Node
	err = t.Inventories.EachNode(ctx, s, func(page []Node) error {
		nodes = append(nodes, page...)
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("list managed nodes: %w", err)
	}
	all := make(inventories)
	for _, r := range t.readings() {
		if r.Nodes && len(nodes) == 0 {
			continue
		}
		err := t.Inventories.EachInventory(ctx, s, r, func(page []license.Inventory) error {
			all.add(page, t.Now())
			return nil
		})
		if err != nil {
			return nil, nil, fmt.Errorf("read the inventory %s: %w", r.Part, err)
		}
	}
	seen := make(map[license.ResourceID]bool, len(nodes))
	var told []*license.Inventory
	for _, n := range nodes {
		inv := all.of(n.ID)
		seen[n.ID] = true
		sightings, told = append(sightings, nodeSighting(n, inv, start)), append(told, inv)
	}
	report.Nodes = len(nodes)
	err = t.Store.EachFacts(ctx, s.Account, s.Region, func(f ledger.Facts) error {
		switch in := &f.Instance; {
		case in.State == license.Terminated || seen[in.ID]:
		case in.ID.Type() == license.ManagedNode && f.Observed.Before(start):
			missing = append(missing, in.ID.AWSID())
		case in.ID.Type() == license.EC2Instance:
			inv := all.of(in.ID)
			told = append(told, inv)
			if after := t.finder().Discover(in.Discoveries, inv, in, start); !slices.Equal(after, in.Discoveries) {
				sightings = append(sightings, sighting{instance: *in, host: f.Host, inventory: inv, observed: f.Observed, happened: start})
			}
		}
		return nil
	})
	report.Findings = t.tell(ctx, s, told)
	return sightings, missing, err
}
