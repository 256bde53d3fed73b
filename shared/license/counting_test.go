package license_test

import (
	"encoding/csv"
	"os"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"licenseguard/shared/catalog"
	"licenseguard/shared/license"
)

// Rules of vendors, as a configuration states them.
var (
	sqlServer = license.Rules{HonorVCPUOptimization: true, MinimumLicenses: 4, LicensePack: 2}
	oracleEE  = license.Rules{HonorVCPUOptimization: true, UnitsPerLicense: 2, UnitsPerLicenseNoHT: 1}
	oracleSE2 = license.Rules{HonorVCPUOptimization: true, UnitsPerLicense: 4, MaximumVCPUs: 8}
	ibmPVU    = license.Rules{HonorVCPUOptimization: true, LicensesPerUnit: 70}
)

func TestCountGolden(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		counting license.CountingType
		rules    license.Rules
		in       license.Instance
		want     int64
	}{
		// AWS's table of SQL Server License Mobility: one license per virtual
		// core, at least 4 per machine, sold in packs of 2
		// (https://aws.amazon.com/windows/resources/licensemobility/sql, 2026).
		{"SQL Server m5.large", license.CountVCPU, sqlServer, of("m5.large"), 4},
		{"SQL Server m5.xlarge", license.CountVCPU, sqlServer, of("m5.xlarge"), 4},
		{"SQL Server m5.2xlarge", license.CountVCPU, sqlServer, of("m5.2xlarge"), 8},
		{"SQL Server m4.10xlarge", license.CountVCPU, sqlServer, of("m4.10xlarge"), 40},
		{"SQL Server m1.small", license.CountVCPU, sqlServer, of("m1.small"), 4},
		{"SQL Server x1.32xlarge", license.CountVCPU, sqlServer, of("x1.32xlarge"), 128},

		{"SQL Server t3.medium", license.CountVCPU, sqlServer, of("t3.medium"), 4},
		{"SQL Server r5.4xlarge", license.CountVCPU, sqlServer, of("r5.4xlarge"), 16},
		{"SQL Server r5.4xlarge with 4 cores of 2 threads", license.CountVCPU, sqlServer, of("r5.4xlarge", 4, 2), 8},
		{"SQL Server with 3 cores of 2 threads", license.CountVCPU, sqlServer, of("r5.4xlarge", 3, 2), 6},
		{"SQL Server with 5 vCPUs", license.CountVCPU, sqlServer, of("r5.4xlarge", 5, 1), 6},

		// Oracle in authorised clouds: 2 vCPUs a processor with hyper-threading,
		// 1 without.
		{"Oracle EE m5.2xlarge", license.CountVCPU, oracleEE, of("m5.2xlarge"), 4},
		{"Oracle EE m5.2xlarge without hyper-threading", license.CountVCPU, oracleEE, of("m5.2xlarge", 4, 1), 4},
		{"Oracle EE 16 vCPUs with hyper-threading", license.CountVCPU, oracleEE, of("r5.4xlarge"), 8},
		{"Oracle EE r5.4xlarge without hyper-threading", license.CountVCPU, oracleEE, of("r5.4xlarge", 8, 1), 8},
		{"Oracle EE 16 vCPUs of one thread", license.CountVCPU, oracleEE, of("m7a.4xlarge"), 16},
		{"Oracle EE m7a.2xlarge has one thread per core", license.CountVCPU, oracleEE, of("m7a.2xlarge"), 8},
		{"Oracle EE odd vCPUs", license.CountVCPU, license.Rules{UnitsPerLicense: 2}, of("m1.small"), 1},
		{"Oracle EE, CPU options not honored: the type's vCPUs with the type's threads", license.CountVCPU,
			license.Rules{UnitsPerLicense: 2, UnitsPerLicenseNoHT: 1}, of("m5.2xlarge", 4, 1), 4},
		{"Oracle SE2 of 4 vCPUs", license.CountVCPU, oracleSE2, of("m5.xlarge"), 1},
		{"Oracle SE2 of 8 vCPUs", license.CountVCPU, oracleSE2, of("m5.2xlarge"), 2},
		{"Oracle SE2 of 2 vCPUs", license.CountVCPU, oracleSE2, of("m5.large"), 1},

		{"IBM PVU m5.xlarge", license.CountVCPU, ibmPVU, of("m5.xlarge"), 280},

		{"vCPU of the type by default", license.CountVCPU, license.Rules{}, of("m5.2xlarge", 2, 1), 8},
		{"vCPU of the CPU options where honored", license.CountVCPU, license.Rules{HonorVCPUOptimization: true}, of("m5.2xlarge", 2, 1), 2},
		{"Core of the CPU options", license.CountCore, license.Rules{}, of("m5.2xlarge", 2, 1), 2},
		{"Core of the type", license.CountCore, license.Rules{}, of("m5.2xlarge"), 4},
		{"Socket of the family", license.CountSocket, license.Rules{}, of("m5.2xlarge"), 2},
		{"Socket of a family with one", license.CountSocket, license.Rules{}, of("m6g.large"), 1},
		{"Instance", license.CountInstance, license.Rules{}, of("m5.24xlarge"), 1},
		{"minimum and maximum do not round", license.CountVCPU, license.Rules{MinimumVCPUs: 32, MaximumVCPUs: 64}, of("m5.2xlarge"), 8},

		// What section of worked numbers the rules cannot express:
		//   - Multi-AZ (factor 2): the standby of RDS is no EC2 instance.
		//   - SAP HANA and SLES by memory: memory is no counting type.
		// Hosts are in TestCountHostGolden, SE2's ceiling in TestOracleSE2Ceiling.
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := license.Count(tt.counting, tt.rules, tt.in, catalog.Embedded())
			if got.Licenses != tt.want {
				t.Errorf("%d licenses (%s), want %d", got.Licenses, got.Explanation, tt.want)
			}
			if got.Estimated != (tt.counting == license.CountSocket) {
				t.Errorf("estimated = %t", got.Estimated)
			}
		})
	}
}

func TestOracleSE2Ceiling(t *testing.T) {
	t.Parallel()
	got := license.Violations(oracleSE2, of("m5.4xlarge"), license.Host{}, catalog.Embedded())
	want := []license.Violation{{Rule: "maximumVcpus", Found: "16", Want: "at most 8"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// of returns an instance of a type, with CPU options if they are given.
func of(instanceType string, options ...int64) license.Instance {
	in := license.Instance{Type: instanceType, State: license.Running, Tenancy: license.TenancyDefault}
	if len(options) == 2 {
		in.CPUOptions = license.CPUOptions{Cores: options[0], ThreadsPerCore: options[1]}
	}
	return in
}

func TestCountHostGolden(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		counting license.CountingType
		rules    license.Rules
		host     license.Host
		want     int64
		est      bool
	}{
		{"Windows Server on an r5 host", license.CountCore, license.Rules{MinimumCoresPerSocket: 8, MinimumLicenses: 16, LicensePack: 2},
			license.Host{Family: "r5", Cores: 48, Sockets: 2}, 48, false},
		{"SQL Server on an r5 host", license.CountCore, license.Rules{MinimumCoresPerSocket: 4},
			license.Host{Family: "r5", Cores: 48, Sockets: 2}, 48, false},
		{"Windows Server on a host of 6 cores", license.CountCore, license.Rules{MinimumCoresPerSocket: 8, MinimumLicenses: 16, LicensePack: 2},
			license.Host{Family: "small", Cores: 6, Sockets: 1}, 16, false},
		{"VMware on 2 sockets of 12 cores", license.CountCore, license.Rules{MinimumCoresPerSocket: 16},
			license.Host{Family: "m5zn", Cores: 24, Sockets: 2}, 32, false},
		{"RHEL by socket pairs", license.CountSocket, license.Rules{UnitsPerLicense: 2}, license.Host{Family: "m5", Cores: 48, Sockets: 2}, 1, false},
		{"RHEL by socket pairs, rounded up", license.CountSocket, license.Rules{UnitsPerLicense: 2}, license.Host{Family: "m6g", Cores: 64, Sockets: 1}, 1, false},
		{"sockets", license.CountSocket, license.Rules{}, license.Host{Family: "m5", Cores: 48, Sockets: 2}, 2, false},
		{"cores of the host table", license.CountCore, license.Rules{}, license.Host{Family: "r5"}, 48, true},
		{"sockets of the host table", license.CountSocket, license.Rules{}, license.Host{Family: "m6g"}, 1, true},
		{"cores of an unknown family", license.CountCore, license.Rules{}, license.Host{Family: "zz9"}, 448, true},
		{"sockets of an unknown family", license.CountSocket, license.Rules{}, license.Host{Family: "zz9"}, 2, true},
		{"a host whose cores have one thread", license.CountCore, license.Rules{UnitsPerLicense: 2, UnitsPerLicenseNoHT: 1},
			license.Host{Family: "m7a", Cores: 192, Sockets: 2}, 192, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := license.CountHost(tt.counting, tt.rules, tt.host, catalog.Embedded())
			if got.Licenses != tt.want || got.Estimated != tt.est {
				t.Errorf("%d licenses, estimated %t (%s), want %d, %t", got.Licenses, got.Estimated, got.Explanation, tt.want, tt.est)
			}
		})
	}
}

// TestEveryTypeCountsByItsOwnThreads counts every instance type that AWS has
// by its own vCPUs, cores and threads per core, read beside the catalog's code.
func TestEveryTypeCountsByItsOwnThreads(t *testing.T) {
	t.Parallel()
	file, err := os.Open("../catalog/zz_generated.instancetypes.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r := csv.NewReader(file)
	r.Comment = '#'
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	one, largest := 0, int64(0)
	for _, row := range rows {
		v, cores, threads := number(t, row[1]), number(t, row[2]), number(t, row[3])
		want := v
		if threads == 2 {
			want = (v + 1) / 2
		} else {
			one++
		}
		in := of(row[0])
		if got := license.Count(license.CountVCPU, oracleEE, in, catalog.Embedded()); got.Licenses != want || got.Estimated {
			t.Errorf("Oracle EE on %s: %d (%s), want %d", row[0], got.Licenses, got.Explanation, want)
		}
		if got := license.Count(license.CountVCPU, license.Rules{}, in, catalog.Embedded()); got.Licenses != v {
			t.Errorf("vCPU of %s: %d, want %d", row[0], got.Licenses, v)
		}
		if got := license.Count(license.CountCore, license.Rules{}, in, catalog.Embedded()); got.Licenses != cores || got.Estimated {
			t.Errorf("Core of %s: %d, want %d", row[0], got.Licenses, cores)
		}
		largest = max(largest, v)
	}
	if len(rows) < 1200 || one < 400 {
		t.Errorf("%d types, %d of them with one thread per core: that is not AWS's catalog", len(rows), one)
	}
	unknown := license.Count(license.CountVCPU, license.Rules{}, of("zz9.large"), catalog.Embedded())
	if unknown.Units < largest {
		t.Errorf("a type that nobody knows counts %d vCPUs, but AWS has one of %d", unknown.Units, largest)
	}
}

func number(t *testing.T, s string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestCountUnknown(t *testing.T) {
	t.Parallel()
	told := of("m5.99xlarge")
	told.TypeFacts = license.InstanceType{Name: "m5.99xlarge", VCPUs: 396, Cores: 198, ThreadsPerCore: 2}
	other := of("m5.99xlarge")
	other.TypeFacts = license.InstanceType{Name: "m5.98xlarge", VCPUs: 392, Cores: 196, ThreadsPerCore: 2}
	tests := []struct {
		name     string
		counting license.CountingType
		rules    license.Rules
		in       license.Instance
		want     int64
		est      bool
		source   license.Source
	}{
		{"looked up", license.CountVCPU, license.Rules{}, told, 396, false, license.FromCatalog},
		{"looked up, but of another type", license.CountVCPU, license.Rules{}, other, 96, true, license.FromFamily},
		{"the family's largest", license.CountVCPU, license.Rules{}, of("m5.99xlarge"), 96, true, license.FromFamily},
		{"the family's largest, by cores", license.CountCore, license.Rules{}, of("m5.99xlarge"), 48, true, license.FromFamily},
		{"CPU options tell the cores", license.CountCore, license.Rules{}, of("m5.99xlarge", 3, 2), 3, false, license.FromCPUOptions},
		{"CPU options tell the vCPUs where honored", license.CountVCPU, license.Rules{HonorVCPUOptimization: true}, of("m5.99xlarge", 3, 2), 6, false, license.FromCPUOptions},
		{"CPU options do not tell default vCPUs", license.CountVCPU, license.Rules{}, of("m5.99xlarge", 3, 2), 96, true, license.FromFamily},
		{"but they can be more than the family's largest", license.CountVCPU, license.Rules{}, of("m5.99xlarge", 99, 2), 198, true, license.FromCPUOptions},
		{"family unknown, CPU options known", license.CountVCPU, license.Rules{}, of("zz9.large", 3, 2), 6, true, license.FromCPUOptions},
		{"nothing known", license.CountVCPU, license.Rules{}, of("zz9.large"), 896, true, license.FromNothing},
		{"nothing known, by cores", license.CountCore, license.Rules{}, of("zz9.large"), 448, true, license.FromNothing},
		{"nothing known, by sockets", license.CountSocket, license.Rules{}, of("zz9.large"), 2, true, license.FromNothing},
		{"no type at all", license.CountVCPU, license.Rules{}, license.Instance{}, 896, true, license.FromNothing},
		{"an instance is an instance", license.CountInstance, license.Rules{}, of("zz9.large"), 1, false, license.FromResource},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := license.Count(tt.counting, tt.rules, tt.in, catalog.Embedded())
			if got.Licenses != tt.want || got.Estimated != tt.est || got.Explanation.Source != tt.source {
				t.Errorf("%d licenses, estimated %t, from %s; want %d, %t, %s", got.Licenses, got.Estimated, got.Explanation.Source, tt.want, tt.est, tt.source)
			}
		})
	}
}

func TestExplanationString(t *testing.T) {
	t.Parallel()
	host := license.Host{Family: "m5zn", Cores: 24, Sockets: 2}
	table := catalog.Embedded()
	tests := []struct {
		name string
		got  license.Usage
		want string
	}{
		{"plain", license.Count(license.CountVCPU, license.Rules{}, of("m5.2xlarge"), table), "m5.2xlarge: 8 vCPU (catalog) = 8 licenses"},
		{"one", license.Count(license.CountInstance, license.Rules{}, of("m5.2xlarge"), table), "m5.2xlarge: 1 Instance (resource) = 1 license"},
		{"minimum", license.Count(license.CountVCPU, sqlServer, of("m5.large"), table), "m5.large: 2 vCPU (catalog); at least 4 = 4 licenses"},
		{"packs", license.Count(license.CountVCPU, sqlServer, of("r5.4xlarge", 5, 1), table), "r5.4xlarge: 5 vCPU (cpu-options); packs of 2: 6 = 6 licenses"},
		{"minimum and packs", license.Count(license.CountVCPU, license.Rules{MinimumLicenses: 3, LicensePack: 2}, of("m1.small"), table),
			"m1.small: 1 vCPU (catalog); at least 3; packs of 2: 4 = 4 licenses"},
		{"ratio", license.Count(license.CountVCPU, oracleEE, of("m5.2xlarge"), table), "m5.2xlarge: 8 vCPU (catalog); 2 per license (2 thread(s) per core): 4 = 4 licenses"},
		{"no ratio without hyper-threading", license.Count(license.CountVCPU, oracleEE, of("m7a.2xlarge"), table), "m7a.2xlarge: 8 vCPU (catalog) = 8 licenses"},
		{"per unit", license.Count(license.CountVCPU, ibmPVU, of("m5.xlarge"), table), "m5.xlarge: 4 vCPU (catalog); 70 licenses per unit: 280 = 280 licenses"},
		{"host", license.CountHost(license.CountCore, license.Rules{}, host, table), "m5zn host: 24 Core (host) = 24 licenses"},
		{"host with a minimum per socket", license.CountHost(license.CountCore, license.Rules{MinimumCoresPerSocket: 16}, host, table),
			"m5zn host: 2 sockets of at least 16 cores = 32 Core (host) = 32 licenses"},
		{"estimated", license.Count(license.CountVCPU, license.Rules{}, of("m5.99xlarge"), table), "m5.99xlarge: 96 vCPU (family) = 96 licenses"},
		{"all", license.CountHost(license.CountCore, license.Rules{MinimumCoresPerSocket: 16, UnitsPerLicense: 3, MinimumLicenses: 12, LicensePack: 5}, host, table),
			"m5zn host: 2 sockets of at least 16 cores = 32 Core (host); 3 per license (2 thread(s) per core): 11; at least 12; packs of 5: 15 = 15 licenses"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tt.got.Explanation.String(); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if tt.got.Explanation.Licenses != tt.got.Licenses {
				t.Errorf("the explanation says %d, the count is %d", tt.got.Explanation.Licenses, tt.got.Licenses)
			}
		})
	}
}

func TestConsumes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		state         license.State
		plain, stoped bool
	}{
		{license.Pending, true, true},
		{license.Running, true, true},
		{license.Stopping, true, true},
		{license.Stopped, false, true},
		{license.ShuttingDown, true, true},
		{license.Terminated, false, false},
		{"", false, false},
	} {
		if got := license.Consumes(&license.Rules{}, tt.state); got != tt.plain {
			t.Errorf("%q consumes: %t", tt.state, got)
		}
		if got := license.Consumes(&license.Rules{IncludeStopped: true}, tt.state); got != tt.stoped {
			t.Errorf("%q consumes where stopped instances do: %t", tt.state, got)
		}
	}
}

func TestOnHost(t *testing.T) {
	t.Parallel()
	placed := license.Instance{Tenancy: license.TenancyDedicatedHost, HostID: "h-1"}
	for _, counting := range license.CountingTypes() {
		want := counting == license.CountCore || counting == license.CountSocket
		if got := license.OnHost(counting, placed); got != want {
			t.Errorf("%s on a host: %t, want %t", counting, got, want)
		}
		if license.OnHost(counting, license.Instance{Tenancy: license.TenancyDedicatedHost}) || license.OnHost(counting, license.Instance{Tenancy: license.TenancyDedicatedInstance, HostID: "h-1"}) {
			t.Errorf("%s without a Dedicated Host counts on one", counting)
		}
	}
}
