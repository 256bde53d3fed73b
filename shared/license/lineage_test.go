package license_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"licenseguard/shared/license"
)

const here = "us-east-1"

func ref(id string) license.ImageRef { return license.ImageRef{ID: id, Region: here} }

// originsOf makes images of pairs: each is made from the one after it; "" is none.
func originsOf(pairs map[string]string) func(license.ImageRef) (license.Ancestor, bool) {
	return func(image license.ImageRef) (license.Ancestor, bool) {
		from, known := pairs[image.ID]
		if from == "" {
			return license.Ancestor{}, known
		}
		return license.Ancestor{ImageID: from, Region: here, Link: license.LinkImage}, known
	}
}

func ids(chain []license.Ancestor) (out []string) {
	for _, a := range chain {
		out = append(out, a.ImageID)
	}
	return out
}

func TestAncestry(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		pairs map[string]string
		want  []string
		open  string
	}{
		{"of no image", map[string]string{"ami-a": ""}, nil, ""},
		{"unknown", nil, nil, "ami-a"},
		{"a copy", map[string]string{"ami-a": "ami-b", "ami-b": ""}, []string{"ami-b"}, ""},
		{"a copy of a copy", map[string]string{"ami-a": "ami-b", "ami-b": "ami-c", "ami-c": ""}, []string{"ami-b", "ami-c"}, ""},
		{"of an unknown parent", map[string]string{"ami-a": "ami-b"}, []string{"ami-b"}, "ami-b"},
		{"its own parent", map[string]string{"ami-a": "ami-a"}, nil, ""},
		{"in a circle", map[string]string{"ami-a": "ami-b", "ami-b": "ami-c", "ami-c": "ami-a"}, []string{"ami-b", "ami-c"}, ""},
		{"into a circle", map[string]string{"ami-a": "ami-b", "ami-b": "ami-c", "ami-c": "ami-b"}, []string{"ami-b", "ami-c"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			chain, open := license.Ancestry(ref("ami-a"), originsOf(test.pairs))
			if diff := cmp.Diff(test.want, ids(chain)); diff != "" || open.ID != test.open {
				t.Errorf("open %q, want %q; chain (-want +got):\n%s", open.ID, test.open, diff)
			}
		})
	}
}

func TestAncestryIsBounded(t *testing.T) {
	t.Parallel()
	long := make(map[string]string)
	for i := range 1000 {
		long[fmt.Sprint("ami-", i)] = fmt.Sprint("ami-", i+1)
	}
	asked := 0
	origin := originsOf(long)
	chain, open := license.Ancestry(ref("ami-0"), func(image license.ImageRef) (license.Ancestor, bool) {
		asked++
		return origin(image)
	})
	if len(chain) != license.MaxGenerations || open.ID != "" || asked != license.MaxGenerations {
		t.Errorf("%d ancestors, %d questions, open %q; want %d of both and nothing open", len(chain), asked, open.ID, license.MaxGenerations)
	}
}

// Of any images, made from one another however they like: a chain holds no image
// twice, nor the first, is at most so long, and each step is one that is known.
func TestPropertyAncestry(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2000) {
		dice := rand.New(rand.NewPCG(seed, 6))
		pairs := make(map[string]string)
		n := 1 + dice.IntN(25)
		for i := range n {
			switch dice.IntN(8) {
			case 0: // unknown
			case 1:
				pairs[fmt.Sprint("ami-", i)] = ""
			default:
				pairs[fmt.Sprint("ami-", i)] = fmt.Sprint("ami-", dice.IntN(n))
			}
		}
		chain, open := license.Ancestry(ref("ami-0"), originsOf(pairs))
		got := append([]string{"ami-0"}, ids(chain)...)
		for i := range got[1:] {
			if pairs[got[i]] != got[i+1] || slices.Contains(got[:i+1], got[i+1]) {
				t.Fatalf("seed %d: step %d of %v is wrong, from %v", seed, i, got, pairs)
			}
		}
		last := got[len(got)-1]
		next, known := pairs[last]
		switch complete := known && (next == "" || slices.Contains(got, next)) || len(chain) == license.MaxGenerations; {
		case len(chain) > license.MaxGenerations:
			t.Fatalf("seed %d: %d ancestors", seed, len(chain))
		case complete != (open.ID == ""), !complete && open.ID != last:
			t.Fatalf("seed %d: %v is open at %q, from %v", seed, got, open.ID, pairs)
		}
	}
}

// An association by AMI applies to copies; the nearest image is the one by which it
// does; and what was found out after the launch holds since then.
func TestAssociationByAncestor(t *testing.T) {
	t.Parallel()
	launch := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	found := launch.Add(time.Hour)
	in := license.Instance{ID: license.NewResourceID("123456789012", here, "i-0123456789abcdef0"), ImageID: "ami-c", LaunchTime: launch,
		Ancestry: []license.Ancestor{{ImageID: "ami-b", Region: here, Link: license.LinkImage}, {ImageID: "ami-a", Region: "eu-west-1", Link: license.LinkImage, Found: found}}}
	ami := func(ids ...string) (out []license.Association) {
		for _, id := range ids {
			out = append(out, license.Association{Kind: license.ByAMI, Value: id})
		}
		return out
	}
	for _, test := range []struct {
		name    string
		offered []license.Association
		image   string
		held    []license.Held
		value   string // "": none
		since   time.Time
	}{
		{"the image itself", ami("ami-c"), "ami-c", nil, "ami-c", launch},
		{"the image it was copied from", ami("ami-b"), "ami-c", nil, "ami-b", launch},
		{"the first, found out later", ami("ami-a"), "ami-c", nil, "ami-a", found},
		{"the nearest of several", ami("ami-a", "ami-b"), "ami-c", nil, "ami-b", launch},
		{"itself before its parents", ami("ami-a", "ami-c", "ami-b"), "ami-c", nil, "ami-c", launch},
		{"another image", ami("ami-d"), "ami-c", nil, "", time.Time{}},
		{"a copy of it", ami("ami-c"), "ami-z", nil, "", time.Time{}},
		{"no longer offered", nil, "ami-c", []license.Held{{ConfigurationID: "lic", Kind: license.ByAMI, Value: "ami-b", Since: launch}}, "ami-b", launch},
		{"recorded by a farther one", ami("ami-a", "ami-c"), "ami-c", []license.Held{{ConfigurationID: "lic", Kind: license.ByAMI, Value: "ami-a", Since: found}}, "ami-a", found},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			in := in
			if in.ImageID = test.image; test.image != "ami-c" {
				in.Ancestry = nil
			}
			got := license.Associate([]license.Configuration{{ID: "lic", Associations: test.offered}}, in, test.held, launch.Add(2*time.Hour))
			switch {
			case test.value == "" && len(got) != 0:
				t.Errorf("got %v, want none", got)
			case test.value != "" && (len(got) != 1 || got[0].Value != test.value || !got[0].Since.Equal(test.since)):
				t.Errorf("got %+v, want %s since %s", got, test.value, test.since)
			}
		})
	}
}

func TestLineage(t *testing.T) {
	t.Parallel()
	in := license.Instance{ImageID: "ami-c", Ancestry: []license.Ancestor{
		{ImageID: "ami-b", Region: "eu-west-1", Link: license.LinkImage},
		{ImageID: "ami-a", Region: here, Link: license.LinkInstance, Found: time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)}}}
	want := []string{"image ami-c", "made from ami-b in eu-west-1 (DescribeImages SourceImageId)",
		"made from ami-a in us-east-1 (DescribeImages SourceInstanceId, on record)", "which was found out after the launch, 2026-11-20 08:00:00 UTC"}
	if diff := cmp.Diff(want, in.Lineage()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if in.Ancestry = nil; in.Lineage() != nil {
		t.Errorf("got %q of an image that was made from none", in.Lineage())
	}
}
