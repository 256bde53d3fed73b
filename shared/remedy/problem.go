package remedy

import (
	"cmp"
	"slices"

	"licenseguard/shared/license"
)

// problem is the choice to be made: at most one way of each group, freeing at
// least need licenses together, within the capacities.
type problem struct {
	need     int64
	groups   []group
	capacity []capacity
}

// group is the ways of one entry.
type group struct {
	resource license.ResourceID
	isHost   bool
	ways     []way
	same     bool // its ways are like those of the group before
}

// way is one thing to do with an entry. One with parts also needs one way of
// each part: so a host is emptied.
type way struct {
	frees, cost int64
	uses        []use
	steps       []Step
	parts       [][]way

	price int64   // what the bound takes it for, with the cheapest way of each part
	tail  []int64 // by part: the least price of it and those after it
}

// use is how much of a capacity a way takes.
type use struct {
	of     int
	amount int64
}

// capacity is the cores free on a host or the licenses free in a license.
type capacity struct {
	host  license.ResourceID // "" for a license
	free  int64
	group int // of the host; -1: none of it can be emptied
}

// only returns the problem with the ways of one kind; "" keeps all.
func (p problem) only(kind Kind) problem {
	groups := p.groups
	p.groups = nil
	for _, g := range groups {
		g.ways = slices.Clone(g.ways)
		g.ways = slices.DeleteFunc(g.ways, func(w way) bool {
			return kind != "" && len(w.steps) > 0 && w.steps[0].Kind != kind
		})
		for i := range g.ways {
			g.ways[i].parts = ofKind(g.ways[i].parts, kind)
		}
		g.ways = slices.DeleteFunc(g.ways, func(w way) bool {
			return slices.ContainsFunc(w.parts, func(part []way) bool { return len(part) == 0 })
		})
		if g.ways = undominated(g.ways, p.need); len(g.ways) > 0 {
			p.groups = append(p.groups, g)
		}
	}
	p.arrange()
	return p
}

func ofKind(parts [][]way, kind Kind) [][]way {
	var out [][]way
	for _, part := range parts {
		var kept []way
		for _, w := range part {
			if kind == "" || w.steps[0].Kind == kind {
				kept = append(kept, w)
			}
		}
		out = append(out, undominated(kept, 0))
	}
	return out
}

// undominated drops the ways to which another is never inferior: one that needs
// no capacity, frees as much of the need and costs no more. What is left is in
// the order of cost.
func undominated(ways []way, need int64) []way {
	slices.SortStableFunc(ways, func(a, b way) int {
		return cmp.Or(cmp.Compare(a.cost, b.cost), -cmp.Compare(min(a.frees, need), min(b.frees, need)), cmp.Compare(len(a.uses), len(b.uses)))
	})
	var out []way
	for _, w := range ways {
		if !slices.ContainsFunc(out, func(o way) bool {
			return len(o.uses) == 0 && len(o.parts) == 0 && min(o.frees, need) >= min(w.frees, need) && len(w.parts) == 0
		}) {
			out = append(out, w)
		}
	}
	return out
}

// arrange puts groups whose ways are alike side by side, where the search tries
// only one of the orders in which their ways could be given out, and else keeps
// their order.
func (p *problem) arrange() {
	var classes [][]group
	for _, g := range p.groups {
		i := -1
		if !g.isHost {
			i = slices.IndexFunc(classes, func(c []group) bool { return !c[0].isHost && alike(c[0].ways, g.ways) })
		}
		if g.same = i >= 0; g.same {
			classes[i] = append(classes[i], g)
		} else {
			classes = append(classes, []group{g})
		}
	}
	p.groups = slices.Concat(classes...)
	p.capacity = slices.Clone(p.capacity)
	for i := range p.capacity {
		c := &p.capacity[i]
		c.group = slices.IndexFunc(p.groups, func(g group) bool { return g.isHost && g.resource == c.host })
	}
}

// alike reports whether two lists of ways without parts cost, free and take the
// same.
func alike(a, b []way) bool {
	return slices.EqualFunc(a, b, func(a, b way) bool {
		return a.frees == b.frees && a.cost == b.cost && slices.Equal(a.uses, b.uses) && len(a.parts)+len(b.parts) == 0
	})
}
