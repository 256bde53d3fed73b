package evidence

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// proof shows that some leaves are in a tree, at their places, without the others: of
// each subtree that holds none of them its root, from left to right.
type proof struct {
	places []int // of the leaves that are shown, from 0, ascending
	hashes []Hash
}

// prove makes the proof of some leaves of a tree.
func prove(leaves []Hash, places []int) proof {
	p := proof{places: places}
	var walk func(lo, hi int, shown []int)
	walk = func(lo, hi int, shown []int) {
		switch {
		case len(shown) == 0 && lo < hi:
			p.hashes = append(p.hashes, Root(leaves[lo:hi]))
		case hi-lo > 1:
			middle := lo + split(hi-lo)
			n := before(shown, middle)
			walk(lo, middle, shown[:n])
			walk(middle, hi, shown[n:])
		}
	}
	walk(0, len(leaves), places)
	return p
}

// errProof is the error of a proof that is none.
var errProof = errors.New("the proof does not fit to its rows")

// root is the root of the tree of n leaves of which some are shown.
func (p proof) root(n int, shown []Hash) (Hash, error) {
	if len(shown) != len(p.places) || len(shown) > 0 && p.places[len(p.places)-1] >= n {
		return Hash{}, errProof
	}
	rest, failed := p.hashes, false
	var walk func(lo, hi int, places []int, shown []Hash) Hash
	walk = func(lo, hi int, places []int, shown []Hash) Hash {
		switch {
		case len(places) == 0:
			if len(rest) == 0 {
				failed = true
				return Hash{}
			}
			h := rest[0]
			rest = rest[1:]
			return h
		case hi-lo == 1:
			return shown[0]
		}
		middle := lo + split(hi-lo)
		i := before(places, middle)
		left := walk(lo, middle, places[:i], shown[:i])
		return nodeHash(left, walk(middle, hi, places[i:], shown[i:]))
	}
	root := walk(0, n, p.places, shown)
	if failed || len(rest) > 0 {
		return Hash{}, errProof
	}
	return root, nil
}

// split is how many of n > 1 leaves are on the left: the largest power of two below n.
func split(n int) int { return 1 << (bits.Len(uint(n-1)) - 1) }

// before is how many of ascending places come before one.
func before(places []int, middle int) int {
	n := 0
	for n < len(places) && places[n] < middle {
		n++
	}
	return n
}

// encode writes a proof: the places, counted from 1, as 3,7-9; then a hash a line.
func (p proof) encode() []byte {
	var b strings.Builder
	for i := 0; i < len(p.places); {
		j := i
		for j+1 < len(p.places) && p.places[j+1] == p.places[j]+1 {
			j++
		}
		b.WriteString(comma(i))
		b.WriteString(strconv.Itoa(p.places[i] + 1))
		if j > i {
			fmt.Fprintf(&b, "-%d", p.places[j]+1)
		}
		i = j + 1
	}
	b.WriteByte('\n')
	for _, h := range p.hashes {
		b.WriteString(h.String() + "\n")
	}
	return []byte(b.String())
}

// decodeProof reads the one form of a proof of a tree of n leaves.
func decodeProof(data []byte, n int) (proof, error) {
	var p proof
	rows := lines(data)
	if len(rows) == 0 {
		return p, fmt.Errorf("%w: it is empty", errProof)
	}
	for part := range strings.SplitSeq(string(rows[0]), ",") {
		from, to, span := strings.Cut(part, "-")
		first, err := strconv.Atoi(from)
		last := first
		if span && err == nil {
			last, err = strconv.Atoi(to)
		}
		if err != nil || first < 1 || last < first || last > n || len(p.places) > 0 && first-1 <= p.places[len(p.places)-1] {
			return p, fmt.Errorf("%w: %q are no rows of %d", errProof, part, n)
		}
		for i := first - 1; i < last; i++ {
			p.places = append(p.places, i)
		}
	}
	for _, row := range rows[1:] {
		var h Hash
		if err := h.UnmarshalText(row); err != nil {
			return p, fmt.Errorf("%w: %w", errProof, err)
		}
		p.hashes = append(p.hashes, h)
	}
	if string(p.encode()) != string(data) {
		return p, fmt.Errorf("%w: it is not written as the format says", errProof)
	}
	return p, nil
}
