package track

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// Node is a managed node as Systems Manager describes it.
type Node struct {
	ID         license.ResourceID
	Registered time.Time
	LastPing   time.Time // when its agent last told of itself
}

// nodeSighting makes a sighting of a node and its inventory.
func nodeSighting(n Node, inv *license.Inventory, observed time.Time) sighting {
	in := license.Instance{ID: n.ID, State: license.Running, LaunchTime: n.Registered, Tags: inv.Tags}
	if in.LaunchTime.IsZero() {
		in.LaunchTime = time.Unix(0, 0).UTC() // it must be the same at each look
	}
	var problems []string
	in.TypeFacts, problems = inv.Guest.Type()
	in.Type = in.TypeFacts.Name
	if _, read := inv.Captured[license.PartGuest]; !read {
		problems = []string{"it told no " + string(license.PartGuest)}
	}
	for _, p := range problems {
		inv.Problems = append(inv.Problems, p+"; it counts as what is on record, else as its worst case")
	}
	told := inv.Told()
	if n.LastPing.After(told) {
		told = n.LastPing
	}
	return sighting{instance: in, inventory: inv, confirmed: told, observed: observed, happened: observed}
}

// nodeFacts completes the facts of a node by those before: what a guest does not tell
// this time it has still.
func nodeFacts(f *ledger.Facts, s *sighting, before *license.Instance) {
	in := &f.Instance
	if in.TypeFacts.VCPUs == 0 && before.TypeFacts.VCPUs > 0 {
		in.Type, in.TypeFacts = before.Type, before.TypeFacts
	}
	if s.inventory != nil {
		if _, read := s.inventory.Captured[license.PartTags]; !read {
			in.Tags = before.Tags
		}
	}
}

// confirmed returns since when a node is known to have told of itself.
func confirmed(before time.Time, s *sighting) time.Time {
	told := s.confirmed
	if told.After(s.observed) {
		told = s.observed // a node's clock may be wrong
	}
	if told.Sub(before) >= confirmStep || told.After(before) && s.observed.Sub(told) >= confirmStep {
		return told
	}
	return before
}

// deregistered says of each product why it is found no more.
func deregistered(before []license.Discovery, at time.Time) []license.Discovery {
	out := slices.Clone(before)
	for i := range out {
		if out[i].Lost.IsZero() {
			out[i].Lost, out[i].Why = at, "the node is registered no more"
		}
	}
	return out
}

// releaseNodes looks at nodes directly, twice, and releases those that neither look
// finds.
func (t *Tracker) releaseNodes(ctx context.Context, s Scope, missing []string, report *SweepReport) error {
	slices.Sort(missing)
	_, gone, err := t.lookAtNodes(ctx, s, missing)
	if err != nil {
		return err
	}
	now := t.Now()
	var sightings []sighting
	for _, id := range gone {
		sightings = append(sightings, sighting{instance: license.Instance{ID: license.NewResourceID(s.Account, s.Region, id)}, gone: true, observed: now, happened: now})
	}
	report.Released += len(gone)
	return t.recordSwept(ctx, s, sightings, report)
}

// lookAtNodes describes nodes, a second time what was not found at first.
func (t *Tracker) lookAtNodes(ctx context.Context, s Scope, ids []string) (found []Node, missing []string, err error) {
	missing = ids
	for look := range 2 {
		if len(missing) == 0 {
			break
		}
		if look > 0 {
			if err := t.wait(ctx, secondLook); err != nil {
				return nil, nil, err
			}
		}
		var still []string
		for chunk := range slices.Chunk(missing, nodeBatch) {
			nodes, err := t.Inventories.Nodes(ctx, s, chunk)
			if err != nil {
				return nil, nil, fmt.Errorf("describe managed nodes: %w", err)
			}
			found = append(found, nodes...)
			for _, id := range chunk {
				if !slices.ContainsFunc(nodes, func(n Node) bool { return n.ID.AWSID() == id }) {
					still = append(still, id)
				}
			}
		}
		missing = still
	}
	return found, missing, nil
}

func isNode(id string) bool { return strings.HasPrefix(id, "mi-") }

// missingNodes releases the nodes on record that are registered no more. One that is
// not on record may be too new to be told of; and one that an event says is gone may
// still be told of: both are retried, until the last receive.
func (b *batch) missingNodes(ctx context.Context, s Scope, hints []pending, present, missing []string) ([]sighting, error) {
	ids := make([]license.ResourceID, len(missing))
	for i, id := range missing {
		ids[i] = license.NewResourceID(s.Account, s.Region, id)
	}
	facts, err := b.t.Store.LoadFacts(ctx, ids)
	if err != nil {
		return nil, err
	}
	now := b.t.Now()
	var gone []sighting
	for _, id := range ids {
		if _, had := facts[id]; had {
			gone = append(gone, sighting{instance: license.Instance{ID: id}, gone: true, observed: now, happened: now, eventID: eventOf(hints, id.AWSID())})
		}
	}
	for _, p := range hints {
		if !isNode(p.hint.ID) || p.message.Receives >= lastReceive {
			continue
		}
		_, had := facts[license.NewResourceID(s.Account, s.Region, p.hint.ID)]
		if slices.Contains(missing, p.hint.ID) && !had || slices.Contains(present, p.hint.ID) && strings.HasSuffix(p.event.DetailType, "Deregistration") {
			b.retry[p.message.ID] = true
		}
	}
	return gone, nil
}

func eventOf(hints []pending, id string) string {
	for _, p := range hints {
		if p.hint.ID == id {
			return p.event.ID
		}
	}
	return ""
}
