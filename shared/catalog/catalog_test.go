package catalog_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"licenseguard/shared/catalog"
	"licenseguard/shared/license"
)

// files parses the files beside this test, which are the embedded ones.
func files(tb testing.TB) (types, hosts string, table *catalog.Table) {
	tb.Helper()
	t, err := os.ReadFile("zz_generated.instancetypes.csv")
	if err != nil {
		tb.Fatal(err)
	}
	h, err := os.ReadFile("hosts.csv")
	if err != nil {
		tb.Fatal(err)
	}
	table, err = catalog.Parse(string(t), string(h))
	if err != nil {
		tb.Fatal(err)
	}
	return string(t), string(h), table
}

// names returns the first field of each entry, in the order of the file.
func names(csv string) []string {
	var out []string
	for line := range strings.Lines(csv) {
		if name, _, ok := strings.Cut(line, ","); ok && line[0] != '#' {
			out = append(out, name)
		}
	}
	return out
}

func TestInstanceTypeCount(t *testing.T) {
	types, _, table := files(t)
	if got := table.Types(); got != 1263 {
		t.Errorf("%d instance types, want 1263", got)
	}
	single, metal, store := 0, 0, 0
	for _, name := range names(types) {
		it, ok := catalog.Embedded().InstanceType(name)
		if !ok {
			t.Fatalf("%s is in the file and not in the catalog", name)
		}
		if it.ThreadsPerCore == 1 {
			single++
		}
		if it.BareMetal {
			metal++
		}
		if it.InstanceStore {
			store++
		}
		if it.BareMetal != strings.Contains(name, ".metal") {
			t.Errorf("%s: bare metal %v does not fit its name", name, it.BareMetal)
		}
	}
	if single != 473 {
		t.Errorf("%d types have 1 thread per core, want 473", single)
	}
	if metal != 131 || store != 493 {
		t.Errorf("%d bare metal types and %d with instance store, want 131 and 493", metal, store)
	}
}

func TestInstanceType(t *testing.T) {
	tests := []license.InstanceType{
		{Name: "m5.large", VCPUs: 2, Cores: 1, ThreadsPerCore: 2},
		{Name: "m7a.2xlarge", VCPUs: 8, Cores: 8, ThreadsPerCore: 1},
		{Name: "t2.medium", VCPUs: 2, Cores: 2, ThreadsPerCore: 1},
		{Name: "t2.micro", VCPUs: 1, Cores: 1, ThreadsPerCore: 1},
		{Name: "m8a.large", VCPUs: 2, Cores: 2, ThreadsPerCore: 1},
		{Name: "m8a.48xlarge", VCPUs: 192, Cores: 192, ThreadsPerCore: 1},
		{Name: "m6g.4xlarge", VCPUs: 16, Cores: 16, ThreadsPerCore: 1},
		{Name: "i3.large", VCPUs: 2, Cores: 1, ThreadsPerCore: 2, InstanceStore: true},
		{Name: "m5d.metal", VCPUs: 96, Cores: 48, ThreadsPerCore: 2, BareMetal: true, InstanceStore: true},
	}
	for _, want := range tests {
		t.Run(want.Name, func(t *testing.T) {
			got, ok := catalog.Embedded().InstanceType(want.Name)
			if !ok || got != want {
				t.Errorf("got %+v, %v, want %+v", got, ok, want)
			}
		})
	}
}

func TestUnknown(t *testing.T) {
	c := catalog.Embedded()
	for _, name := range []string{"", "m5", "M5.LARGE", "m5.large ", "m99.large", "#", "# Source"} {
		if got, ok := c.InstanceType(name); ok {
			t.Errorf("InstanceType(%q) = %+v, want unknown", name, got)
		}
	}
	for _, family := range []string{"", "m5.large", "m99"} {
		if got, ok := c.LargestOfFamily(family); ok {
			t.Errorf("LargestOfFamily(%q) = %+v, want unknown", family, got)
		}
		if got, ok := c.Host(family); ok {
			t.Errorf("Host(%q) = %+v, want unknown", family, got)
		}
	}
	var zero catalog.Table
	if _, ok := zero.InstanceType("m5.large"); ok {
		t.Error("the zero table knows a type")
	}
}

func TestLargestOfFamily(t *testing.T) {
	tests := map[string]string{
		"m5": "m5.24xlarge", // as many vCPUs as m5.metal, and first by name
		"t2": "t2.2xlarge",
		"c5": "c5.24xlarge",
		"x1": "x1.32xlarge",
		"a1": "a1.4xlarge",
	}
	for family, want := range tests {
		if got, ok := catalog.Embedded().LargestOfFamily(family); !ok || got.Name != want {
			t.Errorf("LargestOfFamily(%q) = %q, %v, want %q", family, got.Name, ok, want)
		}
	}
}

func TestHost(t *testing.T) {
	tests := []license.HostType{
		{Family: "m5", Sockets: 2, Cores: 48},
		{Family: "r5", Sockets: 2, Cores: 48},
		{Family: "c5", Sockets: 2, Cores: 36},
		{Family: "c4", Sockets: 2, Cores: 20},
		{Family: "m4", Sockets: 2, Cores: 24},
		{Family: "r4", Sockets: 2, Cores: 36},
		{Family: "a1", Sockets: 1, Cores: 16},
		{Family: "x1", Sockets: 4, Cores: 72},
		{Family: "u-6tb1", Sockets: 8, Cores: 224},
		{Family: "mac1", Sockets: 1, Cores: 6},
	}
	for _, want := range tests {
		if got, ok := catalog.Embedded().Host(want.Family); !ok || got != want {
			t.Errorf("Host(%q) = %+v, %v, want %+v", want.Family, got, ok, want)
		}
	}
}

// TestHostsFitTheirTypes finds a host that is too small for its largest type.
// The three families below have larger hosts for those types (see doc.go).
func TestHostsFitTheirTypes(t *testing.T) {
	_, hosts, table := files(t)
	if got := table.Hosts(); got != 84 {
		t.Errorf("%d families of hosts, want 84", got)
	}
	var small []string
	for _, family := range names(hosts) {
		h, _ := table.Host(family)
		largest, ok := table.LargestOfFamily(family)
		if !ok {
			t.Errorf("%s has a host and no instance type", family)
		}
		if h.Cores < largest.Cores {
			small = append(small, family)
		}
	}
	if want := []string{"c5", "c5d", "m4"}; !slices.Equal(small, want) {
		t.Errorf("hosts smaller than their largest type: %v, want %v", small, want)
	}
}

func TestFilesAreSortedAndNameTheirSource(t *testing.T) {
	types, hosts, _ := files(t)
	for name, text := range map[string]string{"types": types, "hosts": hosts} {
		if !slices.IsSorted(names(text)) {
			t.Errorf("%s: not sorted by name", name)
		}
		if !strings.Contains(text, "\n# Source: ") || !strings.Contains(text, "\n# Date: 20") {
			t.Errorf("%s: the header names no source or date", name)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	tests := []struct{ name, types, hosts, want string }{
		{"too few fields", "m5.large,2,1", "", "instance types: line 1: has 3 fields (want 5)"},
		{"too many fields", "m5.large,2,1,2,b,x", "", "instance types: line 1: has more than 5 fields"},
		{"no name", "# c\n,2,1,2,", "", "instance types: line 2: has no name"},
		{"not a number", "m5.large,2,one,2,", "", `instance types: line 1: "one" is not a count (want a whole number above 0)`},
		{"zero", "m5.large,0,0,2,", "", `instance types: line 1: "0" is not a count (want a whole number above 0)`},
		{"product", "m5.large,2,2,2,", "", "instance types: line 1: 2 vCPUs are not 2 cores of 2 threads"},
		{"twice", "m5.large,2,1,2,\nm5.large,2,1,2,", "", `instance types: line 2: "m5.large" is listed twice`},
		{"host fields", "", "m5,2,48", "hosts: line 1: has 3 fields (want 4)"},
		{"host number", "", "m5,2,-48,x", `hosts: line 1: "-48" is not a count (want a whole number above 0)`},
		{"host sockets", "", "m5,5,48,x", "hosts: line 1: 48 cores do not divide by 5 sockets"},
		{"host twice", "", "m5,2,48,x\nm5,2,48,x", `hosts: line 2: "m5" is listed twice`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := catalog.Parse(tt.types, tt.hosts)
			if err == nil || err.Error() != tt.want {
				t.Errorf("got error %v, want %s", err, tt.want)
			}
		})
	}
}

// BenchmarkFirstLookup is what the first lookup of a process costs.
func BenchmarkFirstLookup(b *testing.B) {
	types, hosts, _ := files(b)
	b.ReportAllocs()
	for b.Loop() {
		table, err := catalog.Parse(types, hosts)
		if err != nil {
			b.Fatal(err)
		}
		table.InstanceType("m5.large")
	}
}

// BenchmarkLookup is what every further lookup costs.
func BenchmarkLookup(b *testing.B) {
	c := catalog.Embedded()
	b.ReportAllocs()
	for b.Loop() {
		c.InstanceType("m5.large")
	}
}

func TestSizesAreThoseOfTheFamilySmallestFirst(t *testing.T) {
	t.Parallel()
	table, err := catalog.Parse("m5.xlarge,4,2,2,\nm5.large,2,1,2,\nm5d.large,2,1,2,s\nm5.metal,4,2,2,b\n", "")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, size := range table.Sizes("m5") {
		got = append(got, size.Name)
	}
	if want := []string{"m5.large", "m5.metal", "m5.xlarge"}; !slices.Equal(got, want) {
		t.Errorf("sizes of m5 are %v, want %v", got, want)
	}
	if none := table.Sizes("m"); len(none) > 0 || len(catalog.Sizes("m5")) < 5 {
		t.Errorf("sizes of m are %v, of the embedded m5 %v", none, catalog.Sizes("m5"))
	}
}
