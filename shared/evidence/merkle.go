package evidence

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/bits"
)

// Hash is a SHA-256.
type Hash [sha256.Size]byte

// Sum is the hash of bytes as they are.
func Sum(data []byte) Hash { return sha256.Sum256(data) }

// String is the hash in lower-case hexadecimal.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText implements encoding.TextMarshaler.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler. It takes 64 hexadecimal digits.
func (h *Hash) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(h)) {
		return fmt.Errorf("%q is no SHA-256: it has %d characters, not %d", text, len(text), hex.EncodedLen(len(h)))
	}
	if _, err := hex.Decode(h[:], text); err != nil {
		return fmt.Errorf("%q is no SHA-256: %w", text, err)
	}
	return nil
}

// LeafHash is the hash of a leaf (RFC 6962, section 2.1).
func LeafHash(data []byte) Hash {
	h := sha256.New()
	h.Write([]byte{0})
	h.Write(data)
	return Hash(h.Sum(nil))
}

// nodeHash is the hash of an inner node (RFC 6962, section 2.1). Its first byte
// differs from a leaf's, so that none passes for the other.
func nodeHash(left, right Hash) Hash {
	var b [1 + 2*sha256.Size]byte
	b[0] = 1
	copy(b[1:], left[:])
	copy(b[1+sha256.Size:], right[:])
	return sha256.Sum256(b[:])
}

// Tree is a Merkle tree of RFC 6962 that only grows: the roots of its perfect
// subtrees, the largest first, as the ones in its size tell. Its zero value is the
// empty tree.
type Tree struct {
	Size  int64
	Peaks []Hash
}

// Append returns the tree with one leaf more; t stays as it is.
func (t Tree) Append(leaf Hash) Tree {
	peaks := append([]Hash(nil), t.Peaks...)
	for range bits.TrailingZeros64(^uint64(t.Size)) { // each one at the end is a subtree as large
		leaf = nodeHash(peaks[len(peaks)-1], leaf)
		peaks = peaks[:len(peaks)-1]
	}
	return Tree{t.Size + 1, append(peaks, leaf)}
}

// Root is the Merkle tree hash.
func (t Tree) Root() Hash {
	if len(t.Peaks) == 0 {
		return Sum(nil)
	}
	root := t.Peaks[len(t.Peaks)-1]
	for i := len(t.Peaks) - 2; i >= 0; i-- {
		root = nodeHash(t.Peaks[i], root)
	}
	return root
}

// Root is the Merkle tree hash of leaf hashes.
func Root(leaves []Hash) Hash {
	switch len(leaves) {
	case 0:
		return Sum(nil)
	case 1:
		return leaves[0]
	}
	left := split(len(leaves))
	return nodeHash(Root(leaves[:left]), Root(leaves[left:]))
}
