package remedy

import "slices"

const (
	// unreachable is the bound of what no choice frees.
	unreachable = int64(1) << 60
	// fine is the parts of a point in which a bound prices capacities.
	fine = 16
	// maxWork bounds the steps of filling one table, and maxCells its size; a
	// larger problem gets a coarser table, which is still a bound.
	maxWork  = 1 << 24
	maxCells = 1 << 22
	// rounds is how often the prices of capacities are bettered.
	rounds = 24
)

// bound tells the least that freeing licenses can still cost. Its table holds
// the exact least costs of a simpler problem: capacities are not kept but have
// a price, and licenses are counted in units, rounded up.
type bound struct {
	unit   int64
	prices []int64          // of one of each capacity, in 1/fine points
	rows   [][]int64        // by group and missing units: the least price from that group on
	tails  map[*way][]int64 // by way with parts: the least price of its parts from each on
}

// newBound prices the capacities so that the bound at the start is as high as
// a few rounds make it: what is asked for too much gets dearer, what is left
// over cheaper.
func newBound(p *problem) *bound {
	b := &bound{unit: p.unit(), prices: make([]int64, len(p.capacity)), tails: map[*way][]int64{}}
	b.fill(p)
	best, bestPrices := b.start(p), slices.Clone(b.prices)
	for round := range rounds {
		used := b.asked(p)
		moved := false
		for i, c := range p.capacity {
			step := max(1, int64(8*fine)>>(round/2))
			switch {
			case used[i] > c.free:
				b.prices[i] += step
				moved = true
			case used[i] < c.free && b.prices[i] > 0:
				b.prices[i] = max(0, b.prices[i]-step)
				moved = true
			}
		}
		if !moved {
			break
		}
		b.fill(p)
		if now := b.start(p); now > best {
			best, bestPrices = now, slices.Clone(b.prices)
		}
	}
	if !slices.Equal(bestPrices, b.prices) {
		b.prices = bestPrices
		b.fill(p)
	}
	return b
}

// unit is the largest one that loses nothing, or a multiple where the table
// would get too large.
func (p *problem) unit() int64 {
	var unit, ways int64
	for _, g := range p.groups {
		ways += int64(len(g.ways)) + 1
		for _, w := range g.ways {
			unit = gcd(unit, w.frees)
		}
	}
	unit = max(unit, 1)
	most := min(maxWork/(ways+1), maxCells/(int64(len(p.groups))+1))
	if len(p.capacity) > 0 {
		most = min(most, maxWork/rounds*4/(ways+1))
	}
	if units := ceilDiv(p.need, unit); units > most {
		unit *= ceilDiv(units, max(most, 1))
	}
	return unit
}

// fill computes the table at the present prices, from the last group on.
func (b *bound) fill(p *problem) {
	units := ceilDiv(p.need, b.unit)
	if b.rows == nil {
		cells := make([]int64, (int64(len(p.groups))+1)*(units+1))
		for i := 0; i <= len(p.groups); i++ {
			b.rows = append(b.rows, cells[int64(i)*(units+1):int64(i+1)*(units+1)])
		}
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
			b.tail(w)
			price, frees := b.price(w), ceilDiv(w.frees, b.unit)
			for n := int64(1); n <= units; n++ {
				row[n] = min(row[n], price+next[max(0, n-frees)])
			}
		}
	}
}

// price is what a way costs with the capacities that it uses, in 1/fine points.
// Of each part it takes the cheapest way.
func (b *bound) price(w *way) int64 {
	price := fine * w.cost
	for _, u := range w.uses {
		price += b.prices[u.of] * u.amount
	}
	if len(w.parts) > 0 {
		price += b.tails[w][0]
	}
	return price
}

// tail notes the least prices of a way's parts from each one on.
func (b *bound) tail(w *way) {
	if len(w.parts) == 0 {
		return
	}
	tail := make([]int64, len(w.parts)+1)
	for i := len(w.parts) - 1; i >= 0; i-- {
		_, least := b.cheapest(w.parts[i])
		tail[i] = tail[i+1] + least
	}
	b.tails[w] = tail
}

func (b *bound) cheapest(part []way) (at int, price int64) {
	price = unreachable
	for i := range part {
		if p := b.price(&part[i]); p < price {
			at, price = i, p
		}
	}
	return at, price
}

// start is the bound of the whole problem, in 1/fine points.
func (b *bound) start(p *problem) int64 {
	least := b.rows[0][ceilDiv(p.need, b.unit)]
	for i, c := range p.capacity {
		least -= b.prices[i] * c.free
	}
	return least
}

// asked is how much of each capacity the table's own choice would use.
func (b *bound) asked(p *problem) []int64 {
	used := make([]int64, len(p.capacity))
	add := func(w *way) {
		for _, u := range w.uses {
			used[u.of] += u.amount
		}
	}
	n := ceilDiv(p.need, b.unit)
	for g := 0; g < len(p.groups) && n > 0 && b.rows[g][n] < unreachable; g++ {
		if b.rows[g][n] == b.rows[g+1][n] {
			continue
		}
		for i := range p.groups[g].ways {
			w := &p.groups[g].ways[i]
			rest := max(0, n-ceilDiv(w.frees, b.unit))
			if b.rows[g][n] != b.price(w)+b.rows[g+1][rest] {
				continue
			}
			add(w)
			for _, part := range w.parts {
				at, _ := b.cheapest(part)
				add(&part[at])
			}
			n = rest
			break
		}
	}
	return used
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func ceilDiv(a, b int64) int64 {
	if a <= 0 {
		return 0
	}
	return (a + b - 1) / b
}
