package remedy

import "slices"

const (
	// unreachable is the bound of what no choice frees.
	unreachable = int64(1) << 60
	// fine is the parts of a point in which a bound reckons.
	fine = 1 << 10
	// maxCells and maxWork bound the size of a table and the steps of filling it.
	maxCells = 1 << 22
	maxWork  = 1 << 24
	// rounds is how often the prices of capacities are bettered.
	rounds = 32
)

// bound tells the least that freeing licenses can still cost. Capacities are
// not kept but have a price (a Lagrangian relaxation). What is left of the
// problem is solved exactly by a table of groups and missing licenses; where
// that would get too large, and while the prices are sought, a missing license
// has a price, too.
type bound struct {
	prices []int64 // of one of each capacity, in 1/fine points, as all that follow
	reach  []int64 // by group: what it and those after it free at most

	unit int64     // all that is freed is a multiple of it
	rows [][]int64 // by group and missing units: the least price from that group on

	slopes []int64   // prices of a missing license
	sums   [][]int64 // by slope and group: what the groups from that one on save at most, negative
}

// newBound prices the capacities so that the bound at the start is as high as
// a few rounds make it: what is asked for too much gets dearer, what is left
// over cheaper.
func newBound(p *problem) *bound {
	b := &bound{prices: make([]int64, len(p.capacity)), reach: make([]int64, len(p.groups)+1)}
	var ways int64
	for g := len(p.groups) - 1; g >= 0; g-- {
		most := int64(0)
		for _, w := range p.groups[g].ways {
			b.unit, most = gcd(b.unit, w.frees), max(most, w.frees)
		}
		b.reach[g] = b.reach[g+1] + most
		ways += int64(len(p.groups[g].ways)) + 1
	}
	used := b.fill(p)
	best, bestPrices := b.start(p), slices.Clone(b.prices)
	steps := make([]int64, len(p.capacity)) // negative: down
	for range rounds {
		moved := false
		for i, c := range p.capacity {
			short, over := used[i] > c.free, used[i] < c.free && b.prices[i] > 0
			if !short && !over {
				continue
			}
			switch {
			case steps[i] == 0:
				steps[i] = 4 * fine
			case short == (steps[i] > 0):
				steps[i] *= 2
			default:
				steps[i] /= -4
			}
			if short != (steps[i] > 0) {
				steps[i] = -steps[i]
			}
			b.prices[i], moved = max(0, b.prices[i]+steps[i]), true
		}
		if !moved {
			break
		}
		used = b.fill(p)
		if now := b.start(p); now > best {
			best, bestPrices = now, slices.Clone(b.prices)
		}
	}
	b.prices = bestPrices
	b.fill(p)
	if units := ceilDiv(p.need, b.unit); units < min(maxCells/int64(len(p.groups)+1), maxWork/ways) {
		b.fillTable(p, units)
	}
	return b
}

// rest is the least price of freeing so many licenses from group g on.
func (b *bound) rest(g int, need int64) int64 {
	if need <= 0 {
		return 0
	}
	if b.reach[g] < need {
		return unreachable
	}
	if b.rows != nil {
		return b.rows[g][ceilDiv(need, b.unit)]
	}
	least := int64(0)
	for i, slope := range b.slopes {
		least = max(least, b.sums[i][g]+slope*need)
	}
	return least
}

// start is the bound of the whole problem.
func (b *bound) start(p *problem) int64 {
	least := b.rest(0, p.need)
	for i, c := range p.capacity {
		least -= b.prices[i] * c.free
	}
	return least
}

// fill computes the bound at the present prices and returns how much of each
// capacity the choice behind it would use.
func (b *bound) fill(p *problem) []int64 {
	for g := range p.groups {
		for i := range p.groups[g].ways {
			b.appraise(&p.groups[g].ways[i])
		}
	}
	// The least slope at which enough is freed.
	low, high := int64(0), int64(1)<<30
	for low < high {
		if middle := (low + high) / 2; b.freedAt(p, middle, nil) >= p.need {
			high = middle
		} else {
			low = middle + 1
		}
	}
	b.slopes = b.slopes[:0]
	for _, eighths := range []int64{2, 4, 5, 6, 7, 8, 9, 10, 12, 16, 32} { // what is missing changes on the way down
		b.slopes = append(b.slopes, low*eighths/8)
	}
	for i, slope := range b.slopes {
		if len(b.sums) <= i {
			b.sums = append(b.sums, make([]int64, len(p.groups)+1))
		}
		for g := len(p.groups) - 1; g >= 0; g-- {
			_, saved := b.bestAt(p, g, slope)
			b.sums[i][g] = b.sums[i][g+1] + saved
		}
	}
	used := make([]int64, len(p.capacity))
	b.freedAt(p, low, used)
	return used
}

// fillTable computes the table at the present prices, from the last group on.
func (b *bound) fillTable(p *problem, units int64) {
	cells := make([]int64, int64(len(p.groups)+1)*(units+1))
	for row := range slices.Chunk(cells, int(units+1)) {
		b.rows = append(b.rows, row)
	}
	last := b.rows[len(p.groups)]
	for n := range last {
		last[n] = unreachable
	}
	last[0] = 0
	for g := len(p.groups) - 1; g >= 0; g-- {
		row, next := b.rows[g], b.rows[g+1]
		copy(row, next)
		for i := range p.groups[g].ways {
			w := &p.groups[g].ways[i]
			frees := w.frees / b.unit
			for n := 1; n < len(row); n++ {
				row[n] = min(row[n], w.price+next[max(0, int64(n)-frees)])
			}
		}
	}
}

// bestAt returns the way of a group that saves most when a missing license has
// a price, and what it saves; -1 where none saves anything.
func (b *bound) bestAt(p *problem, g int, slope int64) (at int, saved int64) {
	at = -1
	for i := range p.groups[g].ways {
		w := &p.groups[g].ways[i]
		if s := w.price - slope*min(w.frees, p.need); s < saved {
			at, saved = i, s
		}
	}
	return at, saved
}

// freedAt is what the groups free when a missing license has a price. It adds
// what that uses to used.
func (b *bound) freedAt(p *problem, slope int64, used []int64) int64 {
	freed := int64(0)
	for g := range p.groups {
		if at, _ := b.bestAt(p, g, slope); at >= 0 {
			w := &p.groups[g].ways[at]
			freed += w.frees
			if used != nil {
				b.use(w, used)
			}
		}
	}
	return freed
}

// use adds what a way uses, with the cheapest way of each part.
func (b *bound) use(w *way, used []int64) {
	for _, u := range w.uses {
		used[u.of] += u.amount
	}
	for _, part := range w.parts {
		b.use(cheapest(part), used)
	}
}

// appraise notes what a way costs with the capacities that it uses and the
// cheapest way of each of its parts.
func (b *bound) appraise(w *way) {
	w.price = fine * w.cost
	for _, u := range w.uses {
		w.price += b.prices[u.of] * u.amount
	}
	if len(w.parts) == 0 {
		return
	}
	if w.tail == nil {
		w.tail = make([]int64, len(w.parts)+1)
	}
	for i := len(w.parts) - 1; i >= 0; i-- {
		for j := range w.parts[i] {
			b.appraise(&w.parts[i][j])
		}
		w.tail[i] = w.tail[i+1] + cheapest(w.parts[i]).price
	}
	w.price += w.tail[0]
}

// cheapest returns the way of a part that has the least price.
func cheapest(part []way) *way {
	least := &part[0]
	for i := range part {
		if part[i].price < least.price {
			least = &part[i]
		}
	}
	return least
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func ceilDiv(a, b int64) int64 {
	if a <= 0 {
		return -(-a / b)
	}
	return (a + b - 1) / b
}
