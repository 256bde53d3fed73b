package remedy

import (
	"cmp"
	"math"
	"slices"
)

// budget is how many choices one search may try: some tenths of a second.
const budget = 200_000

// search is a depth-first branch and bound over the groups: what the bound
// promises most is tried first, and what it shows to be no cheaper than the
// best so far is left out.
type search struct {
	p      problem
	bound  *bound
	left   []int64 // of each capacity
	priced int64   // what is left, at the bound's prices
	moved  []int   // by group of a host: how many moves go there
	gone   []bool  // by group of a host: it is emptied
	picked []*way
	tried  int

	cost int64
	best []*way
}

// found is a solution.
type found struct {
	cost int64
	ways []*way
}

// solve returns the cheapest choice. finished is false when the budget ended
// the search: then there may be a cheaper one, or one at all.
func solve(p problem) (f found, ok, finished bool) {
	if len(p.groups) == 0 {
		return f, false, true
	}
	s := &search{p: p, cost: math.MaxInt64, moved: make([]int, len(p.groups)), gone: make([]bool, len(p.groups))}
	s.bound = newBound(&s.p)
	for i, c := range p.capacity {
		s.left = append(s.left, c.free)
		s.priced += c.free * s.bound.prices[i]
	}
	s.from(0, p.need, 0, 0)
	return found{s.cost, s.best}, s.best != nil, s.tried <= budget
}

// floor is the least that a choice can cost that has cost so much, frees need
// more from group g on, and needs extra for what it has begun.
func (s *search) floor(cost int64, g int, need, extra int64) int64 {
	rest := s.bound.rows[g][ceilDiv(need, s.bound.unit)]
	if rest >= unreachable {
		return math.MaxInt64
	}
	return cost + max(0, -floorDiv(s.priced-rest-extra, fine))
}

func floorDiv(a, b int64) int64 {
	if a < 0 {
		return -((-a + b - 1) / b)
	}
	return a / b
}

// from chooses for group g and those after it. Of groups that are alike none
// takes a way before the least that the one before it took.
func (s *search) from(g int, need, cost int64, least int) {
	if need <= 0 {
		if cost < s.cost {
			s.cost, s.best = cost, slices.Clone(s.picked)
		}
		return
	}
	if g == len(s.p.groups) || !s.try() {
		return
	}
	ways := s.p.groups[g].ways
	if !s.p.groups[g].same {
		least = 0
	}
	type branch struct {
		way   int // len(ways): none
		floor int64
	}
	branches := make([]branch, 0, len(ways)+1-least)
	for i := least; i <= len(ways); i++ {
		b := branch{i, 0}
		if i == len(ways) {
			b.floor = s.floor(cost, g+1, need, 0)
		} else {
			b.floor = s.floor(cost, g+1, need-ways[i].frees, s.bound.price(&ways[i]))
		}
		branches = append(branches, b)
	}
	slices.SortStableFunc(branches, func(a, b branch) int { return cmp.Compare(a.floor, b.floor) })
	for _, b := range branches {
		switch {
		case b.floor >= s.cost:
			return
		case b.way == len(ways):
			s.from(g+1, need, cost, b.way)
		default:
			s.take(g, b.way, need, cost)
		}
	}
}

// try spends one of the budget.
func (s *search) try() bool {
	s.tried++
	return s.tried <= budget
}

// take chooses a way of group g, if the capacities allow it.
func (s *search) take(g, at int, need, cost int64) {
	group, w := &s.p.groups[g], &s.p.groups[g].ways[at]
	if group.isHost && s.moved[g] > 0 || !s.fits(w) {
		return
	}
	s.gone[g] = group.isHost
	s.pick(w)
	s.part(g, at, 0, need, cost+w.cost, 0)
	s.unpick(w)
	s.gone[g] = false
}

// part chooses for part i of a way and those after it, then for the next group.
func (s *search) part(g, at, i int, need, cost int64, least int) {
	w := &s.p.groups[g].ways[at]
	if i == len(w.parts) {
		s.from(g+1, need-w.frees, cost, at)
		return
	}
	if i == 0 || !alike(w.parts[i-1], w.parts[i]) {
		least = 0
	}
	if s.floor(cost, g+1, need-w.frees, s.bound.tails[w][i]) >= s.cost || !s.try() {
		return
	}
	for j := least; j < len(w.parts[i]); j++ {
		if part := &w.parts[i][j]; s.fits(part) {
			s.pick(part)
			s.part(g, at, i+1, need, cost+part.cost, j)
			s.unpick(part)
		}
	}
}

// fits reports whether the capacities that a way uses are free. A host that is
// emptied is none to move to: its licenses would not come free.
func (s *search) fits(w *way) bool {
	for _, u := range w.uses {
		if host := s.p.capacity[u.of].group; u.amount > s.left[u.of] || host >= 0 && s.gone[host] {
			return false
		}
	}
	return true
}

func (s *search) pick(w *way) {
	s.picked = append(s.picked, w)
	s.use(w, 1)
}

func (s *search) unpick(w *way) {
	s.picked = s.picked[:len(s.picked)-1]
	s.use(w, -1)
}

func (s *search) use(w *way, sign int64) {
	for _, u := range w.uses {
		s.left[u.of] -= sign * u.amount
		s.priced -= sign * u.amount * s.bound.prices[u.of]
		if host := s.p.capacity[u.of].group; host >= 0 {
			s.moved[host] += int(sign)
		}
	}
}

// steps returns the steps of a solution. A host's licenses come free with the
// last step on it.
func (f found) steps() []Step {
	var out []Step
	for i := 0; i < len(f.ways); i++ {
		w := f.ways[i]
		out = append(out, w.steps...)
		for range w.parts {
			i++
			out = append(out, f.ways[i].steps...)
		}
		if len(w.parts) > 0 {
			out[len(out)-1].Frees = w.frees
		}
	}
	return out
}
