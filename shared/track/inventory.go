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

// Inventories tells what Systems Manager knows: of the software on machines, and of
// machines outside EC2, its managed nodes. It is read in bulk; nothing here is asked
// machine by machine. What an answer cannot tell well enough is a problem of the
// inventory that it is of, and no error.
type Inventories interface {
	// Inventory reads one part of the inventory of machines by their AWS ids, at most
	// 40, in one call. A machine that told nothing is left out.
	Inventory(ctx context.Context, s Scope, r Reading, ids []string) ([]license.Inventory, error)
	// EachInventory reads one part of the inventory of all machines, page by page.
	EachInventory(ctx context.Context, s Scope, r Reading, each func(page []license.Inventory) error) error
	// Nodes describes managed nodes by their AWS ids, at most 100. One that is not
	// registered is left out and must not fail the others.
	Nodes(ctx context.Context, s Scope, ids []string) ([]Node, error)
	// EachNode lists all managed nodes, page by page.
	EachNode(ctx context.Context, s Scope, each func(page []Node) error) error
}

// Reading says what of the inventory is read.
type Reading struct {
	Part  license.InventoryPart
	Nodes bool // of managed nodes only
	// Keep chooses the applications that are kept, so that what is held in memory does
	// not grow with what machines list.
	Keep func(license.Application) bool
}

// Node is a managed node as Systems Manager describes it.
type Node struct {
	ID         license.ResourceID
	Registered time.Time
	LastPing   time.Time // when its agent last told of itself
}

const (
	inventoryBatch = 40  // machines of one call of Inventory
	nodeBatch      = 100 // of one call of Nodes
	// confirmStep is how exactly it is kept when a node that keeps telling last told of
	// itself; when it falls silent, the exact time is kept.
	confirmStep = 4 * time.Hour
	// seenObjects bounds what is remembered of objects of Resource Data Syncs.
	seenObjects = 20_000
	// loggedProblems bounds the lines about inventories of one batch or sweep.
	loggedProblems = 20
)

// findings is what a process keeps to find products.
type findings struct {
	finder *license.Finder
	epoch  int64
	seen   map[string]string // ETags of objects of Resource Data Syncs
}

// finder finds the products of the configurations as they are now.
func (t *Tracker) finder() *license.Finder {
	if t.found.finder == nil || t.found.epoch != t.epoch {
		t.found.finder, t.found.epoch = license.NewFinder(t.configurations), t.epoch
	}
	return t.found.finder
}

// wantsInventory reports whether anything of Systems Manager is to be read: only if a
// configuration has a product to find, or a managed node among its associations.
func (t *Tracker) wantsInventory() bool {
	return t.Inventories != nil && (t.finder().Finds() || t.associates(license.ByInstance, "mi-"))
}

func (t *Tracker) associates(kind license.AssociationKind, prefix string) bool {
	return slices.ContainsFunc(t.configurations, func(c license.Configuration) bool {
		return slices.ContainsFunc(c.Associations, func(a license.Association) bool { return a.Kind == kind && strings.HasPrefix(a.Value, prefix) })
	})
}

// readings are the parts that are needed: those of the products, and of nodes what they
// are counted by, and their tags where anything looks at tags.
func (t *Tracker) readings() []Reading {
	var out []Reading
	f := t.finder()
	for _, part := range f.Parts() {
		if part != license.PartTags {
			out = append(out, Reading{Part: part, Keep: f.Wants})
		}
	}
	out = append(out, Reading{Part: license.PartGuest, Nodes: true})
	if slices.Contains(f.Parts(), license.PartTags) || t.associates(license.ByTag, "") {
		out = append(out, Reading{Part: license.PartTags, Nodes: true})
	}
	return out
}

// inventories are what was read, by AWS id.
type inventories map[string]*license.Inventory

// add takes a page over. What was told by a clock that is ahead was told now: else
// nothing that is told later would ever be newer.
func (i inventories) add(page []license.Inventory, now time.Time) {
	for _, one := range page {
		for part, at := range one.Captured {
			if at.After(now) {
				one.Captured[part] = now
			}
		}
		id := one.ID.AWSID()
		if i[id] == nil {
			i[id] = &license.Inventory{ID: one.ID}
		}
		i[id].Add(one)
	}
}

// of returns what was read of a machine, also if that is nothing.
func (i inventories) of(id license.ResourceID) *license.Inventory {
	if inv := i[id.AWSID()]; inv != nil {
		return inv
	}
	return &license.Inventory{ID: id}
}

// readInventory reads what is needed of some machines: one call for each part and 40
// of them.
func (t *Tracker) readInventory(ctx context.Context, s Scope, instances, nodes []string) (inventories, error) {
	out := make(inventories)
	for _, r := range t.readings() {
		ids := nodes
		if !r.Nodes {
			ids = slices.Concat(instances, nodes)
		}
		for chunk := range slices.Chunk(ids, inventoryBatch) {
			page, err := t.Inventories.Inventory(ctx, s, r, chunk)
			if err != nil {
				return nil, fmt.Errorf("read the inventory %s: %w", r.Part, err)
			}
			out.add(page, t.Now())
		}
	}
	return out, nil
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

// tell logs what inventories could not tell, within bounds, and returns how much it was.
func (t *Tracker) tell(ctx context.Context, s Scope, all []*license.Inventory) (problems int) {
	for _, inv := range all {
		for _, p := range inv.Problems {
			if problems++; problems <= loggedProblems {
				t.Log.WarnContext(ctx, "inventory not told well", "account", s.Account, "region", s.Region, "machine", inv.ID.AWSID(), "problem", p)
			}
		}
	}
	if problems > loggedProblems {
		t.Log.WarnContext(ctx, "inventories not told well", "account", s.Account, "region", s.Region, "problems", problems, "logged", loggedProblems)
	}
	return problems
}

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

// relevant drops hints that ask for nothing: objects that were seen, parts and nodes
// that no configuration asks for.
func (b *batch) relevant(ctx context.Context, hints []pending) ([]pending, error) {
	if !slices.ContainsFunc(hints, func(p pending) bool { return p.hint.Inventory }) {
		return hints, nil
	}
	t := b.t
	if _, err := t.refresh(ctx); err != nil {
		return nil, fmt.Errorf("read configurations: %w", err)
	}
	wanted := t.wantsInventory()
	return slices.DeleteFunc(slices.Clone(hints), func(p pending) bool {
		h := p.hint
		if h.Note != "" {
			t.Log.WarnContext(ctx, "inventory event", "machine", h.ID, "account", p.event.Account, "note", h.Note, "event", p.event.ID)
		}
		asked := h.Object == "" || slices.ContainsFunc(t.readings(), func(r Reading) bool {
			return string(r.Part) == h.Object && (!r.Nodes || isNode(h.ID))
		})
		return isNode(h.ID) && !wanted || h.Object != "" && (!wanted || !asked || h.ETag != "" && t.found.seen[objectOf(p)] == h.ETag)
	}), nil
}

func isNode(id string) bool { return strings.HasPrefix(id, "mi-") }

func objectOf(p pending) string {
	return p.event.Account + "/" + p.event.Region + "/" + p.hint.ID + "/" + p.hint.Object
}

// remember keeps which object was seen, when what it hinted at is recorded.
func (t *Tracker) remember(p pending) {
	if p.hint.ETag == "" {
		return
	}
	if t.found.seen == nil || len(t.found.seen) >= seenObjects {
		t.found.seen = make(map[string]string)
	}
	t.found.seen[objectOf(p)] = p.hint.ETag
}

// takeInventory adds what Systems Manager tells of the hinted machines to the
// sightings of instances, and sightings of nodes. Where it cannot be read, the
// instances are recorded without, and the messages that asked for it are retried.
func (b *batch) takeInventory(ctx context.Context, s Scope, hints []pending, sightings []sighting) []sighting {
	asked := make(map[string]bool)
	var nodes []string
	for _, p := range hints {
		if !p.hint.Inventory || asked[p.hint.ID] {
			continue
		}
		asked[p.hint.ID] = true
		if isNode(p.hint.ID) {
			nodes = append(nodes, p.hint.ID)
		}
	}
	if len(asked) == 0 || !b.t.wantsInventory() {
		return sightings
	}
	out, err := b.seeInventory(ctx, s, hints, asked, nodes, sightings)
	if err != nil {
		b.t.Log.ErrorContext(ctx, "inventory not read", "account", s.Account, "error", err)
		for _, p := range hints {
			if p.hint.Inventory {
				b.retry[p.message.ID] = true
			}
		}
		return sightings
	}
	return out
}

func (b *batch) seeInventory(ctx context.Context, s Scope, hints []pending, asked map[string]bool, nodes []string, sightings []sighting) ([]sighting, error) {
	t, observed := b.t, b.t.Now()
	found, missing, err := t.lookAtNodes(ctx, s, nodes)
	if err != nil {
		return nil, err
	}
	var instances, present []string
	for i := range sightings {
		if id := sightings[i].instance.ID.AWSID(); asked[id] && !sightings[i].gone {
			instances = append(instances, id)
		}
	}
	for _, n := range found {
		present = append(present, n.ID.AWSID())
	}
	all, err := t.readInventory(ctx, s, instances, present)
	if err != nil {
		return nil, err
	}
	out := slices.Clone(sightings)
	for i := range out {
		if id := out[i].instance.ID; asked[id.AWSID()] && !out[i].gone {
			out[i].inventory = all.of(id)
		}
	}
	for _, n := range found {
		out = append(out, nodeSighting(n, all.of(n.ID), observed))
	}
	var told []*license.Inventory
	for i := range out {
		if out[i].inventory != nil {
			told = append(told, out[i].inventory)
		}
	}
	t.tell(ctx, s, told)
	gone, err := b.missingNodes(ctx, s, hints, present, missing)
	return append(out, gone...), err
}

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
