package evidence_test

import (
	"fmt"
	"testing"

	"licenseguard/shared/evidence"
)

// The roots of the trees of 0 to 8 leaves that certificate-transparency's own tests
// use (RFC 6962 reference implementation, merkle_tree_test).
func TestRootsOfTheReference(t *testing.T) {
	t.Parallel()
	inputs := []string{"", "\x00", "\x10", "\x20\x21", "\x30\x31", "\x40\x41\x42\x43", "\x50\x51\x52\x53\x54\x55\x56\x57",
		"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f"}
	roots := []string{
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	}
	var leaves []evidence.Hash
	var tree evidence.Tree
	for n, want := range roots {
		if got := evidence.Root(leaves).String(); got != want {
			t.Errorf("root of %d leaves is %s, want %s", n, got, want)
		}
		if got := tree.Root().String(); got != want {
			t.Errorf("root of a tree grown to %d leaves is %s, want %s", n, got, want)
		}
		if n < len(inputs) {
			leaves = append(leaves, evidence.LeafHash([]byte(inputs[n])))
			tree = tree.Append(leaves[n])
		}
	}
}

// A tree that grew is the tree of all its leaves, at every size.
func TestTreeGrows(t *testing.T) {
	t.Parallel()
	var leaves []evidence.Hash
	var tree evidence.Tree
	for n := range 300 {
		leaves = append(leaves, evidence.LeafHash(fmt.Append(nil, n)))
		before := tree.Root()
		grown := tree.Append(leaves[n])
		if tree.Root() != before {
			t.Fatalf("appending to a tree of %d changed it", n)
		}
		if tree = grown; tree.Root() != evidence.Root(leaves) {
			t.Fatalf("a tree grown to %d leaves has another root", n+1)
		}
	}
}
