package catalog

import (
	"cmp"
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"licenseguard/shared/license"
)

// Table is a catalog in memory. It is read-only, so any number of goroutines
// may use it. The zero value knows nothing.
type Table struct {
	types   map[string]license.InstanceType
	largest map[string]license.InstanceType
	hosts   map[string]license.HostType
}

var _ license.Catalog = (*Table)(nil)

// InstanceType returns the facts of the type of that exact name.
func (t *Table) InstanceType(name string) (license.InstanceType, bool) {
	found, ok := t.types[name]
	return found, ok
}

// LargestOfFamily returns the type with the most vCPUs of a family such as
// "m5". Of types with equally many it is the first by name.
func (t *Table) LargestOfFamily(family string) (license.InstanceType, bool) {
	found, ok := t.largest[family]
	return found, ok
}

// Host returns the physical facts of a family's Dedicated Host.
func (t *Table) Host(family string) (license.HostType, bool) {
	found, ok := t.hosts[family]
	return found, ok
}

// Sizes lists the types of a family such as "m5", the smallest first.
func (t *Table) Sizes(family string) []license.InstanceType {
	var sizes []license.InstanceType
	for name, found := range t.types {
		if license.Family(name) == family {
			sizes = append(sizes, found)
		}
	}
	slices.SortFunc(sizes, func(a, b license.InstanceType) int {
		return cmp.Or(cmp.Compare(a.VCPUs, b.VCPUs), cmp.Compare(a.Name, b.Name))
	})
	return sizes
}

// Types returns how many instance types the table knows.
func (t *Table) Types() int { return len(t.types) }

// Hosts returns how many families of Dedicated Hosts the table knows.
func (t *Table) Hosts() int { return len(t.hosts) }

//go:embed zz_generated.instancetypes.csv
var typesCSV string

//go:embed hosts.csv
var hostsCSV string

var embedded = sync.OnceValue(func() *Table {
	t, err := Parse(typesCSV, hostsCSV)
	if err != nil {
		// The files are part of the build and its tests parse them.
		panic("catalog: embedded table: " + err.Error())
	}
	return t
})

// Embedded returns the catalog that is part of the binary. The call is free;
// the first lookup parses the tables, once for the process.
func Embedded() license.Catalog { return lazy{} }

// Sizes lists the types of a family in the embedded catalog, the smallest first.
func Sizes(family string) []license.InstanceType { return embedded().Sizes(family) }

type lazy struct{}

func (lazy) InstanceType(name string) (license.InstanceType, bool) {
	return embedded().InstanceType(name)
}

func (lazy) LargestOfFamily(family string) (license.InstanceType, bool) {
	return embedded().LargestOfFamily(family)
}

func (lazy) Host(family string) (license.HostType, bool) { return embedded().Host(family) }

// Parse reads the two tables in the form of the embedded files: one line an
// entry, fields parted by commas, no quotes, lines from # on are comments.
func Parse(types, hosts string) (*Table, error) {
	t := &Table{
		types:   make(map[string]license.InstanceType, strings.Count(types, "\n")),
		largest: make(map[string]license.InstanceType),
		hosts:   make(map[string]license.HostType, strings.Count(hosts, "\n")),
	}
	if err := eachLine(types, t.addType); err != nil {
		return nil, fmt.Errorf("instance types: %w", err)
	}
	if err := eachLine(hosts, t.addHost); err != nil {
		return nil, fmt.Errorf("hosts: %w", err)
	}
	return t, nil
}

func (t *Table) addType(line string) error {
	var f [5]string
	if err := split(line, f[:]); err != nil {
		return err
	}
	var n [3]int64
	if err := counts(f[1:4], n[:]); err != nil {
		return err
	}
	it := license.InstanceType{
		Name: f[0], VCPUs: n[0], Cores: n[1], ThreadsPerCore: n[2],
		BareMetal: strings.Contains(f[4], "b"), InstanceStore: strings.Contains(f[4], "s"),
	}
	if it.VCPUs != it.Cores*it.ThreadsPerCore {
		return fmt.Errorf("%d vCPUs are not %d cores of %d threads", it.VCPUs, it.Cores, it.ThreadsPerCore)
	}
	if _, twice := t.types[it.Name]; twice {
		return fmt.Errorf("%q is listed twice", it.Name)
	}
	t.types[it.Name] = it
	family := license.Family(it.Name)
	best, known := t.largest[family]
	if !known || it.VCPUs > best.VCPUs || it.VCPUs == best.VCPUs && it.Name < best.Name {
		t.largest[family] = it
	}
	return nil
}

func (t *Table) addHost(line string) error {
	var f [4]string
	if err := split(line, f[:]); err != nil {
		return err
	}
	var n [2]int64
	if err := counts(f[1:3], n[:]); err != nil {
		return err
	}
	h := license.HostType{Family: f[0], Sockets: n[0], Cores: n[1]}
	if h.Cores%h.Sockets != 0 {
		return fmt.Errorf("%d cores do not divide by %d sockets", h.Cores, h.Sockets)
	}
	if _, twice := t.hosts[h.Family]; twice {
		return fmt.Errorf("%q is listed twice", h.Family)
	}
	t.hosts[h.Family] = h
	return nil
}

// eachLine calls add for every line that is not empty and not a comment.
func eachLine(text string, add func(line string) error) error {
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimRight(line, "\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		if err := add(line); err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
	}
	return nil
}

// split fills fields with the comma-separated parts of line, which must be
// exactly as many; the first must not be empty.
func split(line string, fields []string) error {
	rest, more := line, true
	for i := range fields {
		if !more {
			return fmt.Errorf("has %d fields (want %d)", i, len(fields))
		}
		fields[i], rest, more = strings.Cut(rest, ",")
	}
	if more {
		return fmt.Errorf("has more than %d fields", len(fields))
	}
	if fields[0] == "" {
		return fmt.Errorf("has no name")
	}
	return nil
}

// counts reads each field as a whole number above zero.
func counts(fields []string, into []int64) error {
	for i, f := range fields {
		n, err := strconv.ParseInt(f, 10, 32)
		if err != nil || n < 1 {
			return fmt.Errorf("%q is not a count (want a whole number above 0)", f)
		}
		into[i] = n
	}
	return nil
}
