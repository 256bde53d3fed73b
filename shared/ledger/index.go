package ledger

import (
	"hash/maphash"
	"math/bits"
	"slices"

	"licenseguard/shared/license"
)

// index finds the entry of an instance or of a consuming resource. It is made
// anew by every fold, so it is a list of entry numbers by hash, which takes a
// quarter of the time of a map: a hit is compared with the entry, and what
// moved to another entry need not be taken out.
type index struct {
	seed  maphash.Seed
	slots []int32 // entry number plus 1; 0: free
}

// reset empties the index and makes room for n ids.
func (x *index) reset(n int) {
	if x.seed == (maphash.Seed{}) {
		x.seed = maphash.MakeSeed()
	}
	size := 1 << bits.Len(uint(2*n))
	x.slots = slices.Grow(x.slots[:0], size)[:size]
	clear(x.slots)
}

// put notes that the entry is, or holds, the resource.
func (x *index) put(id license.ResourceID, entry int) {
	for at := x.at(id); ; at = (at + 1) & (len(x.slots) - 1) {
		switch x.slots[at] {
		case 0:
			x.slots[at] = int32(entry + 1)
			return
		case int32(entry + 1):
			return
		}
	}
}

// find returns the entry that holds an instance, else the one that is the
// resource.
func (x *index) find(entries []Entry, id license.ResourceID) (int, bool) {
	found, ok := 0, false
	for at := x.at(id); x.slots[at] != 0; at = (at + 1) & (len(x.slots) - 1) {
		i := int(x.slots[at] - 1)
		if entries[i].member(id) != nil {
			return i, true
		}
		if entries[i].Resource == id {
			found, ok = i, true
		}
	}
	return found, ok
}

func (x *index) at(id license.ResourceID) int {
	return int(maphash.String(x.seed, string(id))) & (len(x.slots) - 1)
}
