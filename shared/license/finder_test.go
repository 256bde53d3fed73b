package license

import (
	"strings"
	"testing"
	"time"
)

var captured = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

func byFilters(filters ...ProductFilter) Product {
	return Product{ResourceType: SSMManaged, Filters: filters}
}

func filterOf(name, comparator string, values ...string) ProductFilter {
	return ProductFilter{Name: name, Comparator: comparator, Values: values}
}

// server is a machine with SQL Server 2019 and an agent of another publisher.
func server() *Inventory {
	return &Inventory{Captured: map[InventoryPart]time.Time{PartApplications: captured, PartMachine: captured}, PlatformName: "Microsoft Windows Server 2022 Datacenter", PlatformType: "Windows",
		Applications: []Application{{"Backup Agent", "Example", "16.1"}, {"Microsoft SQL Server 2019 (64-bit)", "Microsoft Corporation", "15.0.2000.5"}}}
}

func TestDiscovers(t *testing.T) {
	t.Parallel()
	const sql = "Microsoft SQL Server 2019 (64-bit)"
	name := filterOf("Application Name", Equals, sql)
	node := Instance{ID: NewResourceID("123456789012", "us-east-1", "mi-0123456789abcdef0"), Tags: map[string]string{"Environment": "prod"}}
	windows := Instance{ID: NewResourceID("123456789012", "us-east-1", "i-0123456789abcdef0"), UsageOperation: "RunInstances:0006"}
	hostile := func(a ...Application) *Inventory {
		return &Inventory{Captured: map[InventoryPart]time.Time{PartApplications: captured}, Applications: a}
	}
	tests := []struct {
		name    string
		product Product
		inv     *Inventory
		in      Instance
		found   bool
		known   bool
		text    string // of What or Why
	}{
		{"by name", byFilters(name), server(), node, true, true, sql + " 15.0.2000.5"},
		{"another name", byFilters(filterOf("Application Name", Equals, "Oracle")), server(), node, false, true, "uninstalled"},
		{"exactly", byFilters(filterOf("Application Name", Equals, strings.ToLower(sql))), server(), node, false, true, "uninstalled"},
		{"any of the values", byFilters(filterOf("Application Name", Equals, "Oracle", sql)), server(), node, true, true, sql},
		{"name, publisher and version of one application", byFilters(name, filterOf("Application Publisher", Equals, "Microsoft Corporation"), filterOf("Application Version", BeginsWith, "15.")), server(), node, true, true, sql},
		{"name of one, publisher of another", byFilters(name, filterOf("Application Publisher", Equals, "Example")), server(), node, false, true, "publisher Microsoft Corporation is outside the filter"},
		{"name of one, version of another", byFilters(name, filterOf("Application Version", Equals, "16.1")), server(), node, false, true, "version 15.0.2000.5 is outside the filter"},
		{"version first in the list", byFilters(filterOf("Application Version", InVersionRange, ">=16"), name), server(), node, false, true, "version 15.0.2000.5 is outside the filter"},
		{"begins with", byFilters(filterOf("Application Name", BeginsWith, "Microsoft SQL Server")), server(), node, true, true, sql},
		{"a wildcard", byFilters(filterOf("Application Name", MatchesWildcard, "*SQL Server 20?? (*)")), server(), node, true, true, sql},
		{"a range", byFilters(name, filterOf("Application Version", InVersionRange, ">=15 <16")), server(), node, true, true, sql},
		{"an expression", byFilters(filterOf("Application Name", MatchesPattern, `Microsoft SQL Server (2017|2019).*`)), server(), node, true, true, sql},
		{"an expression for a part", byFilters(filterOf("Application Name", MatchesPattern, `SQL Server`)), server(), node, false, true, "uninstalled"},
		{"platform", byFilters(name, filterOf("Platform Type", Equals, "Windows"), filterOf("Platform Name", BeginsWith, "Microsoft Windows Server 2022")), server(), node, true, true, sql},
		{"another platform", byFilters(name, filterOf("Platform Type", Equals, "Linux")), server(), node, false, true, "platform type Windows is outside the filter"},
		{"platform not read", byFilters(name, filterOf("Platform Type", Equals, "Linux")), hostile(Application{Name: sql}), node, false, false, ""},
		{"software not read", byFilters(name), &Inventory{}, node, false, false, ""},
		{"more listed than held, not among it", byFilters(name), &Inventory{Captured: server().Captured, Cut: true}, node, false, false, "uninstalled"},
		{"software not read, excluded anyway", byFilters(name, filterOf("AccountId", NotEquals, "123456789012")), &Inventory{}, node, false, true, "account 123456789012 is excluded"},
		{"another account excluded", byFilters(name, filterOf("AccountId", NotEquals, "999999999999")), server(), node, true, true, sql},
		{"tag excluded", byFilters(name, filterOf("Tag:Environment", NotEquals, "dev", "prod")), server(), node, false, true, "tag Environment=prod is excluded"},
		{"any value of a tag excluded", byFilters(name, filterOf("Tag:Environment", NotEquals)), server(), node, false, true, "tag Environment=prod is excluded"},
		{"another value", byFilters(name, filterOf("Tag:Environment", NotEquals, "dev")), server(), node, true, true, sql},
		{"included in the instance", byFilters(name, filterOf("License Included", Equals, "sql-server-standard")), server(), windows, true, true, sql},
		{"included, therefore no license of ours", byFilters(name, filterOf("License Included", NotEquals, "sql-server-standard")), server(), windows, false, true, "license included: usage operation RunInstances:0006"},
		{"nothing is included in a node", byFilters(name, filterOf("License Included", NotEquals, "sql-server-standard")), server(), node, true, true, sql},
		{"usage operation not told", byFilters(name, filterOf("License Included", NotEquals, "sql-server-standard")), server(), Instance{ID: windows.ID}, false, false, ""},
		{"only what is included", byFilters(filterOf("License Included", Equals, "windows-server-datacenter")), &Inventory{}, windows, true, true, "RunInstances:0006"},
		{"control characters", byFilters(filterOf("Application Name", MatchesWildcard, "SQL*")), hostile(Application{Name: "SQL\x00\x1b[2JServer\u202e"}), node, true, true, "SQL\ufffd\ufffd[2JServer\ufffd"},
		{"an endless version", byFilters(name, filterOf("Application Version", InVersionRange, ">=15 <16")), hostile(Application{Name: sql, Version: strings.Repeat("15.", 1<<16)}), node, true, true, sql},
		{"no version", byFilters(name, filterOf("Application Version", InVersionRange, ">=0")), hostile(Application{Name: sql}), node, false, true, "version  is outside the filter"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := tt.product.Discovers(tt.inv, &tt.in)
			if got.Found != tt.found || got.Known != tt.known || !strings.Contains(got.What+got.Why, tt.text) {
				t.Errorf("%+v, want found %t, known %t, %q", got, tt.found, tt.known, tt.text)
			}
			if len([]rune(got.What)) > 200 {
				t.Errorf("%d characters", len([]rune(got.What)))
			}
		})
	}
}

// TestDiscover tells the story of one machine, look by look.
func TestDiscover(t *testing.T) {
	t.Parallel()
	sql := byFilters(filterOf("Application Name", BeginsWith, "SQL Server"), filterOf("Application Version", InVersionRange, ">=15 <16"))
	keeps := Configuration{ID: "lic-a", Products: []Product{sql}}
	releases := keeps
	releases.DisassociateWhenNotFound = true
	in := Instance{ID: NewResourceID("123456789012", "us-east-1", "mi-0123456789abcdef0")}
	at := func(hours int) time.Time { return captured.Add(time.Duration(hours) * time.Hour) }
	look := func(hours int, versions ...string) *Inventory {
		inv := &Inventory{Captured: map[InventoryPart]time.Time{PartApplications: at(hours)}}
		for _, v := range versions {
			inv.Applications = append(inv.Applications, Application{Name: "SQL Server 2019", Version: v})
		}
		return inv
	}
	for name, c := range map[string]Configuration{"keeps": keeps, "releases": releases} {
		f := NewFinder([]Configuration{{ID: "lic-0"}, c})
		story := []struct {
			what string
			inv  *Inventory
			hour int
			want Discovery
		}{
			{"not installed", look(0), 0, Discovery{}},
			{"nothing read", &Inventory{}, 0, Discovery{}},
			{"installed", look(1, "15.0"), 2, Discovery{What: "SQL Server 2019 15.0", Found: at(2), Captured: at(1)}},
			{"the same", look(3, "15.0"), 4, Discovery{What: "SQL Server 2019 15.0", Found: at(2), Captured: at(1)}},
			{"updated", look(5, "15.1"), 6, Discovery{What: "SQL Server 2019 15.1", Found: at(2), Captured: at(5)}},
			{"not read", &Inventory{}, 7, Discovery{What: "SQL Server 2019 15.1", Found: at(2), Captured: at(5)}},
			{"an older look, without it", look(2), 7, Discovery{What: "SQL Server 2019 15.1", Found: at(2), Captured: at(5)}},
			{"upgraded out of the filter", look(8, "16.0.1000.6"), 8, Discovery{What: "SQL Server 2019 15.1", Found: at(2), Lost: at(8), Why: "version 16.0.1000.6 is outside the filter", Captured: at(8)}},
			{"uninstalled after that", look(9), 9, Discovery{What: "SQL Server 2019 15.1", Found: at(2), Lost: at(8), Why: "version 16.0.1000.6 is outside the filter", Captured: at(8)}},
			{"an older look, with it", look(7, "15.1"), 9, Discovery{What: "SQL Server 2019 15.1", Found: at(2), Lost: at(8), Why: "version 16.0.1000.6 is outside the filter", Captured: at(8)}},
			{"installed again", look(10, "15.2"), 10, Discovery{What: "SQL Server 2019 15.2", Found: at(10), Captured: at(10)}},
			{"uninstalled", look(11), 11, Discovery{What: "SQL Server 2019 15.2", Found: at(10), Lost: at(11), Why: "uninstalled", Captured: at(11)}},
		}
		var before []Discovery
		for _, step := range story {
			if name == "keeps" && step.want.Found.Equal(at(10)) {
				step.want.Found = at(2) // it was held all the time
			}
			before = f.Discover(before, step.inv, &in, at(step.hour))
			var got Discovery
			if len(before) > 0 {
				got = before[0]
				step.want.ConfigurationID, step.want.Product = "lic-a", sql.String()
			}
			if got != step.want {
				t.Errorf("%s, %s: %+v, want %+v", name, step.what, got, step.want)
			}
			in.Discoveries = before
			held := len(Associate([]Configuration{c}, in, nil, at(step.hour))) == 1
			if want := got.Product != "" && (got.Lost.IsZero() || name == "keeps"); held != want {
				t.Errorf("%s, %s: held %t", name, step.what, held)
			}
		}
	}
}

// TestEditedProduct: what was found by a product that was edited is held, until a look
// finds it by the new one, or not.
func TestEditedProduct(t *testing.T) {
	t.Parallel()
	old := byFilters(filterOf("Application Name", Equals, "Agent"))
	before := []Discovery{{ConfigurationID: "lic-a", Product: old.String(), What: "Agent", Found: captured, Captured: captured}}
	in := Instance{ID: NewResourceID("123456789012", "us-east-1", "mi-0123456789abcdef0")}
	inv := &Inventory{Captured: map[InventoryPart]time.Time{PartApplications: captured}, Applications: []Application{{Name: "Agent"}}}
	for name, tt := range map[string]struct {
		product string
		held    bool
		why     string
	}{"finds it": {"Agent", true, ""}, "does not": {"Server", false, "the product was changed or removed"}} {
		c := Configuration{ID: "lic-a", Products: []Product{byFilters(filterOf("Application Name", BeginsWith, tt.product))}}
		in.Discoveries = before
		if len(Associate([]Configuration{c}, in, nil, captured)) != 1 {
			t.Errorf("%s: not held until the next look", name)
		}
		in.Discoveries = NewFinder([]Configuration{c}).Discover(before, inv, &in, captured.Add(time.Hour))
		if d := in.Discoveries[0]; d.Why != tt.why || !d.Found.Equal(captured) || len(Associate([]Configuration{c}, in, nil, captured)) == 1 != tt.held {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

func TestDiscoverKeepsTheRest(t *testing.T) {
	t.Parallel()
	database := Configuration{ID: "lic-db", Products: []Product{{ResourceType: RDS, Filters: []ProductFilter{filterOf(FilterEngineEdition, Equals, "oracle-ee")}}}}
	before := []Discovery{{ConfigurationID: "lic-db", Product: "x"}, {ConfigurationID: "lic-gone", Product: "y"}}
	got := NewFinder([]Configuration{database}).Discover(before, &Inventory{}, &Instance{}, captured)
	if len(got) != 1 || got[0].ConfigurationID != "lic-db" {
		t.Errorf("%+v", got)
	}
}

func TestFinderParts(t *testing.T) {
	t.Parallel()
	name := filterOf("Application Name", Equals, "a")
	for text, want := range map[string]struct {
		product Product
		parts   int
	}{
		"software": {byFilters(name), 1},
		"platform": {byFilters(name, filterOf("Platform Type", Equals, "Linux")), 2},
		"tags":     {byFilters(name, filterOf("Tag:a", NotEquals)), 2},
		"included": {byFilters(filterOf("License Included", Equals, "sql-server-web")), 0},
		"database": {Product{ResourceType: RDS, Filters: []ProductFilter{name}}, 0},
	} {
		if got := NewFinder([]Configuration{{ID: "lic-a", Products: []Product{want.product}}}).Parts(); len(got) != want.parts {
			t.Errorf("%s: %v", text, got)
		}
	}
}

// TestGuest: nothing that a guest tells, or does not, counts as zero.
func TestGuest(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name                  string
		guest                 Guest
		vcpus, cores, sockets int64 // as counted
		estimated             bool  // the vCPUs
		problems              int
	}{
		{"a server", Guest{"64", "32", "2"}, 64, 32, 2, false, 0},
		{"with blanks", Guest{" 4 ", "2\n", "1"}, 4, 2, 1, false, 0},
		{"macOS", Guest{"8", "8", ""}, 8, 8, 2, false, 1},
		{"no cores", Guest{"8", "", "1"}, 8, 8, 1, false, 1},
		{"efficient cores", Guest{"20", "14", "1"}, 20, 14, 1, false, 0},
		{"nothing", Guest{}, 896, 448, 2, true, 3},
		{"zero", Guest{"0", "0", "0"}, 896, 448, 2, true, 3},
		{"negative", Guest{"-4", "-2", "-1"}, 896, 448, 2, true, 3},
		{"absurd", Guest{"99999999999999999999", "1e9", "0x2"}, 896, 448, 2, true, 3},
		{"too many", Guest{"8193", "4", "65"}, 896, 448, 2, true, 2},
		{"more cores than CPUs", Guest{"4", "8", "8"}, 4, 4, 2, false, 2},
		{"text", Guest{"four", "\x00", "two"}, 896, 448, 2, true, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			facts, problems := tt.guest.Type()
			if len(problems) != tt.problems {
				t.Errorf("%d problems: %q", len(problems), problems)
			}
			in := Instance{ID: NewResourceID("123456789012", "us-east-1", "mi-0123456789abcdef0"), Type: facts.Name, TypeFacts: facts, State: Running}
			for counting, want := range map[CountingType]int64{CountVCPU: tt.vcpus, CountCore: tt.cores, CountSocket: tt.sockets, CountInstance: 1} {
				u := Count(counting, Rules{}, in, noCatalog{})
				estimated := tt.estimated
				if counting != CountVCPU {
					estimated = counting != CountInstance
				}
				if u.Licenses != want || u.Estimated != estimated {
					t.Errorf("%s: %d, estimated %t (%s)", counting, u.Licenses, u.Estimated, u.Explanation)
				}
			}
		})
	}
}

type noCatalog struct{}

func (noCatalog) InstanceType(string) (InstanceType, bool)    { return InstanceType{}, false }
func (noCatalog) LargestOfFamily(string) (InstanceType, bool) { return InstanceType{}, false }
func (noCatalog) Host(string) (HostType, bool)                { return HostType{}, false }
