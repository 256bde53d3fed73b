package track

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

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
