package remedy

import (
	"cmp"
	"math"
	"slices"
)

// budget is how many choices one search may try: some tenths of a second.
const budget = 100_000

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
	cost  int64
	least int64 // no solution costs less; it is the cheapest where that is its cost
	ways  []*way
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
	least := s.floor(0, 0, p.need, 0)
	s.from(0, p.need, 0, 0)
	if finished = s.tried <= budget; finished {
		least = s.cost
	} else {
		s.greedy()
	}
	return found{s.cost, least, s.best}, s.best != nil, finished || least == s.cost
}

// greedy takes what costs least for each license, as far as the capacities go,
// then gives back what was not needed: a choice for where the search found none
// or a worse one.
func (s *search) greedy() {
	type choice struct{ group, way int }
	var choices []choice
	for g := range s.p.groups {
		for w := range s.p.groups[g].ways {
			choices = append(choices, choice{g, w})
		}
	}
	worth := func(c choice) float64 {
		w := &s.p.groups[c.group].ways[c.way]
		return float64(w.price) / float64(min(w.frees, s.p.need))
	}
	slices.SortStableFunc(choices, func(a, b choice) int { return cmp.Compare(worth(a), worth(b)) })
	taken := make([][]*way, len(s.p.groups))
	var order []int
	need := s.p.need
	for _, c := range choices {
		if need <= 0 {
			break
		}
		w := &s.p.groups[c.group].ways[c.way]
		if taken[c.group] != nil || s.p.groups[c.group].isHost && s.moved[c.group] > 0 {
			continue
		}
		s.gone[c.group] = s.p.groups[c.group].isHost
		if taken[c.group] = s.whole(w); taken[c.group] == nil {
			s.gone[c.group] = false
			continue
		}
		order, need = append(order, c.group), need-w.frees
	}
	if need > 0 {
		return
	}
	for _, g := range slices.Backward(order) {
		if frees := taken[g][0].frees; need+frees <= 0 {
			need, taken[g] = need+frees, nil
		}
	}
	ways := slices.Concat(taken...)
	cost := int64(0)
	for _, w := range ways {
		cost += w.cost
	}
	if cost < s.cost {
		s.cost, s.best = cost, ways
	}
}

// whole uses a way with the cheapest way of each part that fits, or returns nil.
func (s *search) whole(w *way) []*way {
	if !s.fits(w) {
		return nil
	}
	ways := []*way{w}
	s.use(w, 1)
	for _, part := range w.parts {
		i := slices.IndexFunc(part, func(w way) bool { return s.fits(&w) })
		if i < 0 {
			for _, w := range ways {
				s.use(w, -1)
			}
			return nil
		}
		ways = append(ways, &part[i])
		s.use(&part[i], 1)
	}
	return ways
}

// floor is the least that a choice can cost that has cost so much, frees need
// more from group g on, and pays a price for what it has begun.
func (s *search) floor(cost int64, g int, need, price int64) int64 {
	rest := s.bound.rest(g, need)
	if rest >= unreachable {
		return math.MaxInt64
	}
	return cost + max(0, ceilDiv(rest+price-s.priced, fine))
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
			b.floor = s.floor(cost, g+1, need-ways[i].frees, ways[i].price)
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
	if s.floor(cost, g+1, need-w.frees, w.tail[i]) >= s.cost || !s.try() {
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
