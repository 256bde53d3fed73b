package ledger

import (
	"slices"
	"sync"
	"time"

	"licenseguard/shared/license"
)

// folder is the state of one fold. Its lists and maps are used again by later
// folds, because making them would cost more than the fold: nothing that a fold
// returns may point into them.
type folder struct {
	old     *License
	l       *License
	now     time.Time
	catalog license.Catalog
	rules   license.Rules
	version int
	limit   int64
	limited bool
	change  Change
	added   int                  // entries from this index on are new
	weight  int                  // of all entries, while they are in the head
	writes  int                  // pages that the commit must write
	force   bool                 // commit even if no entry differs
	partial bool                 // more claims of the same look follow
	guarded []license.ResourceID // left running by their guard in this fold
	members []Member             // a block that touched entries share

	last struct { // what was counted last under the rules of now
		known bool
		facts countedFacts
		usage license.Usage
	}
	named struct { // the association that was named last
		kind        license.AssociationKind
		value, text string
	}

	working
}

// working is the memory that one fold leaves to the next.
type working struct {
	claims           []Claim  // copies of those whose times are not as stores keep them
	ordered          []*Claim // all claims, in order
	before           []Entry  // entries as they were before this fold touched them
	touched          []int    // the entries that before has, in the same order
	noted            []int32  // by entry: its place in before, plus 1; 0: not touched
	holders, waiting []int
	dirty            []bool // by page: the commit must write it
	room             []int  // entries per page, counted when first needed
	index            index
	seen             map[license.ResourceID]*Claim
	acted            map[license.ResourceID]string // actions recorded in this fold
}

var folders = sync.Pool{New: func() any {
	return &folder{working: working{
		seen: make(map[license.ResourceID]*Claim), acted: make(map[license.ResourceID]string),
	}}
}}

// newFolder begins a fold that is given so many claims.
func newFolder(l *License, claims int, now time.Time, catalog license.Catalog) *folder {
	next := *l
	next.Entries = append(make([]Entry, 0, len(l.Entries)+claims), l.Entries...) // room for new ones
	next.Actions = slices.Clone(l.Actions)
	next.Alerts.Raised = slices.Clone(l.Alerts.Raised)
	next.Unsettled = false
	f := folders.Get().(*folder)
	f.old, f.l, f.now, f.catalog, f.added = l, &next, now, catalog, len(l.Entries)
	f.change = Change{License: l.Configuration.ID, Recorded: now, Before: l.Totals}
	f.noted = slices.Grow(f.noted, len(l.Entries))[:len(l.Entries)]
	clear(f.noted)
	ids := 2 * claims
	for i := range next.Entries {
		ids += 1 + len(next.Entries[i].Members)
	}
	f.index.reset(ids)
	for i := range next.Entries {
		f.enter(i)
	}
	f.useRules()
	return f
}

// free gives the folder to later folds.
func (f *folder) free() {
	w := f.working
	clear(w.claims)
	clear(w.ordered)
	clear(w.before)
	clear(w.seen)
	clear(w.acted)
	*f = folder{working: working{
		claims: w.claims[:0], ordered: w.ordered[:0], before: w.before[:0], touched: w.touched[:0], noted: w.noted[:0],
		holders: w.holders[:0], waiting: w.waiting[:0], dirty: w.dirty[:0], room: w.room[:0], index: w.index,
		seen: w.seen, acted: w.acted,
	}}
	folders.Put(f)
}

func (f *folder) enter(i int) {
	e := &f.l.Entries[i]
	f.index.put(e.Resource, i)
	for j := range e.Members {
		if id := e.Members[j].Instance; id != e.Resource {
			f.index.put(id, i)
		}
	}
	f.weight += e.weight()
}

// reindex makes the index anew, with room for the claims that are left.
func (f *folder) reindex() {
	ids := 2 * len(f.ordered)
	for i := range f.l.Entries {
		ids += 1 + len(f.l.Entries[i].Members)
	}
	f.index.reset(ids)
	f.weight = 0
	for i := range f.l.Entries {
		f.enter(i)
	}
}

func (f *folder) useRules() {
	f.rules, f.version = f.l.Configuration.RulesAt(f.now)
	f.limit, f.limited = f.l.Configuration.CountAt(f.now)
	f.last.known = false
}

// touch notes an entry as it was and makes it safe to change.
func (f *folder) touch(i int) *Entry {
	e := &f.l.Entries[i]
	if i < f.added && f.noted[i] == 0 {
		f.before, f.touched = append(f.before, *e), append(f.touched, i)
		f.noted[i] = int32(len(f.before))
		e.Members = f.copied(e.Members)
	}
	f.write(e.Page)
	return e
}

// find returns the entry that holds an instance, else the one that is the
// resource.
func (f *folder) find(id license.ResourceID) (int, bool) { return f.index.find(f.l.Entries, id) }

// write notes that the commit must write a page.
func (f *folder) write(page int) {
	for len(f.dirty) <= page {
		f.dirty = append(f.dirty, false)
	}
	if !f.dirty[page] {
		f.dirty[page] = true
		f.writes++
	}
}

// written reports whether the commit writes a page anyway.
func (f *folder) written(page int) bool { return page < len(f.dirty) && f.dirty[page] }

// was returns an entry as it was before this fold touched it, or nil.
func (f *folder) was(i int) *Entry {
	if i >= f.added || f.noted[i] == 0 {
		return nil
	}
	return &f.before[f.noted[i]-1]
}

// memberBlock is how many members are made at once.
const memberBlock = 32

// block copies one member into such a block.
func (f *folder) block(m *Member) []Member {
	if cap(f.members) == len(f.members) {
		f.members = make([]Member, 0, min(memberBlock, len(f.ordered)))
	}
	at := len(f.members)
	f.members = append(f.members, *m)
	return f.members[at : at+1 : at+1]
}

// copied copies members into a block that several entries share.
func (f *folder) copied(members []Member) []Member {
	if cap(f.members)-len(f.members) < len(members) {
		f.members = make([]Member, 0, max(len(members), min(memberBlock, len(f.ordered))))
	}
	at := len(f.members)
	f.members = append(f.members, members...)
	return f.members[at:len(f.members):len(f.members)]
}
