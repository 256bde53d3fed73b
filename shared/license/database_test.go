package license_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"licenseguard/shared/catalog"
	"licenseguard/shared/license"
)

func database(change func(*license.DBInstance)) license.DBInstance {
	d := license.DBInstance{ID: license.NewResourceID("123456789012", "us-east-1", "db:payroll"), Class: "db.r5.2xlarge", Engine: "oracle-ee",
		EngineVersion: "19.0.0.0", LicenseModel: license.BringYourOwnLicense, Status: "available", Created: time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)}
	if change != nil {
		change(&d)
	}
	return d
}

func rdsProduct(pairs ...string) license.Product {
	p := license.Product{ResourceType: license.RDS}
	for i := 0; i < len(pairs); i += 2 {
		p.Filters = append(p.Filters, license.ProductFilter{Name: pairs[i], Comparator: license.Equals, Values: []string{pairs[i+1]}})
	}
	return p
}

func sqlt(setting string) func(*license.DBInstance) {
	return func(d *license.DBInstance) {
		d.Options = []license.DBOption{{Name: "SQLT", Settings: map[string]string{"LICENSE_PACK": setting}}}
	}
}

func TestDiscoversDatabase(t *testing.T) {
	t.Parallel()
	edition, pack := license.FilterEngineEdition, license.FilterLicensePack
	for name, tt := range map[string]struct {
		product license.Product
		change  func(*license.DBInstance)
		want    string // "": not found
	}{
		"its edition":                    {rdsProduct(edition, "oracle-ee"), nil, "oracle-ee 19.0.0.0"},
		"another edition":                {rdsProduct(edition, "oracle-se2"), nil, ""},
		"a container database":           {rdsProduct(edition, "oracle-ee"), func(d *license.DBInstance) { d.Engine = "oracle-ee-cdb" }, "oracle-ee-cdb 19.0.0.0"},
		"RDS Custom":                     {rdsProduct(edition, "oracle-ee"), func(d *license.DBInstance) { d.Engine, d.LicenseModel = "custom-oracle-ee", "" }, "custom-oracle-ee 19.0.0.0"},
		"the license is AWS's":           {rdsProduct(edition, "oracle-se2"), func(d *license.DBInstance) { d.Engine, d.LicenseModel = "oracle-se2", "license-included" }, ""},
		"bought with the database":       {rdsProduct(edition, "db2-se"), func(d *license.DBInstance) { d.Engine, d.LicenseModel = "db2-se", "marketplace-license" }, ""},
		"Db2":                            {rdsProduct(edition, "db2-ae"), func(d *license.DBInstance) { d.Engine, d.EngineVersion = "db2-ae", "11.5" }, "db2-ae 11.5"},
		"SQL Server":                     {rdsProduct(edition, "sqlserver-se"), func(d *license.DBInstance) { d.Engine = "sqlserver-se" }, "sqlserver-se 19.0.0.0"},
		"Multi-AZ":                       {rdsProduct(edition, "oracle-ee"), func(d *license.DBInstance) { d.MultiAZ = true }, "oracle-ee 19.0.0.0, Multi-AZ"},
		"no pack":                        {rdsProduct(pack, "olap"), nil, ""},
		"OLAP":                           {rdsProduct(pack, "olap"), func(d *license.DBInstance) { d.Options = []license.DBOption{{Name: "OLAP"}} }, "oracle-ee 19.0.0.0, packs olap"},
		"label security":                 {rdsProduct(pack, "ols"), func(d *license.DBInstance) { d.Options = []license.DBOption{{Name: "OLS"}} }, "oracle-ee 19.0.0.0, packs ols"},
		"edition and pack":               {rdsProduct(edition, "oracle-ee", pack, "ols"), func(d *license.DBInstance) { d.Options = []license.DBOption{{Name: "OLS"}} }, "oracle-ee 19.0.0.0, packs ols"},
		"edition without the pack":       {rdsProduct(edition, "oracle-ee", pack, "ols"), nil, ""},
		"tuning by SQLT":                 {rdsProduct(pack, "tuning pack sqlt"), sqlt("T"), "oracle-ee 19.0.0.0, packs diagnostic pack sqlt and tuning pack sqlt"},
		"diagnostics only":               {rdsProduct(pack, "tuning pack sqlt"), sqlt("D"), ""},
		"diagnostics by SQLT":            {rdsProduct(pack, "diagnostic pack sqlt"), sqlt("D"), "oracle-ee 19.0.0.0, packs diagnostic pack sqlt"},
		"SQLT without packs":             {rdsProduct(pack, "diagnostic pack sqlt"), sqlt("N"), ""},
		"SQLT does not tell":             {rdsProduct(pack, "tuning pack sqlt"), sqlt(""), "oracle-ee 19.0.0.0, packs diagnostic pack sqlt and tuning pack sqlt"},
		"a replica to read":              {rdsProduct(pack, "data guard"), func(d *license.DBInstance) { d.ReplicaOf = "source" }, "oracle-ee 19.0.0.0, read replica, packs data guard"},
		"a mounted replica":              {rdsProduct(pack, "data guard"), func(d *license.DBInstance) { d.ReplicaOf, d.Mounted = "source", true }, ""},
		"the source of a replica":        {rdsProduct(pack, "data guard"), func(d *license.DBInstance) { d.HasReplicas = true }, "oracle-ee 19.0.0.0, packs data guard"},
		"replicas of another engine":     {rdsProduct(pack, "data guard"), func(d *license.DBInstance) { d.Engine, d.HasReplicas = "postgres", true }, ""},
		"a product of Systems Manager":   {license.Product{ResourceType: license.SSMManaged, Filters: rdsProduct(edition, "oracle-ee").Filters}, nil, ""},
		"a product without any filter":   {license.Product{ResourceType: license.RDS}, nil, ""},
		"a product with a filter unread": {rdsProduct(edition, "oracle-ee", "Engine Version", "19"), nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			what, ok := tt.product.DiscoversDatabase(database(tt.change))
			if ok != (tt.want != "") || ok && what != tt.want {
				t.Errorf("found %q, %t; want %q", what, ok, tt.want)
			}
		})
	}
}

// TestDatabaseCounts: the arithmetic as a person reads it.
func TestDatabaseCounts(t *testing.T) {
	t.Parallel()
	multiAZ := func(d *license.DBInstance) { d.MultiAZ = true }
	for name, tt := range map[string]struct {
		edition string
		rules   []string
		change  func(*license.DBInstance)
		want    string
	}{
		"by its class":                       {"oracle-ee", nil, nil, "db.r5.2xlarge: 8 vCPU (catalog) = 8 licenses"},
		"more memory":                        {"oracle-ee", nil, func(d *license.DBInstance) { d.Class = "db.r5.2xlarge.tpc2.mem4x" }, "db.r5.2xlarge.tpc2.mem4x: 8 vCPU (catalog) = 8 licenses"},
		"one thread a core":                  {"oracle-ee", nil, func(d *license.DBInstance) { d.Class = "db.r5.2xlarge.tpc1.mem2x" }, "db.r5.2xlarge.tpc1.mem2x: 8 vCPU (catalog) = 8 licenses"},
		"fewer cores":                        {"oracle-ee", nil, func(d *license.DBInstance) { d.Processor = license.CPUOptions{Cores: 2, ThreadsPerCore: 2} }, "db.r5.2xlarge: 4 vCPU (cpu-options) = 4 licenses"},
		"fewer cores, threads as they are":   {"oracle-ee", nil, func(d *license.DBInstance) { d.Processor = license.CPUOptions{Cores: 2} }, "db.r5.2xlarge: 4 vCPU (cpu-options) = 4 licenses"},
		"one thread, cores as they are":      {"oracle-ee", nil, func(d *license.DBInstance) { d.Processor = license.CPUOptions{ThreadsPerCore: 1} }, "db.r5.2xlarge: 4 vCPU (cpu-options) = 4 licenses"},
		"one thread a core, fewer cores":     {"oracle-ee", nil, func(d *license.DBInstance) { d.Class, d.Processor.Cores = "db.r5.2xlarge.tpc1.mem2x", 2 }, "db.r5.2xlarge.tpc1.mem2x: 2 vCPU (cpu-options) = 2 licenses"},
		"a size that nobody knows":           {"oracle-ee", nil, func(d *license.DBInstance) { d.Class = "db.r5.99xlarge" }, "db.r5.99xlarge: 96 vCPU (family) = 96 licenses"},
		"a family that nobody knows":         {"oracle-ee", nil, func(d *license.DBInstance) { d.Class = "db.zz9.large" }, "db.zz9.large: 896 vCPU (largest) = 896 licenses"},
		"no class":                           {"oracle-ee", nil, func(d *license.DBInstance) { d.Class = "" }, ": 896 vCPU (largest) = 896 licenses"},
		"Oracle counts the standby":          {"oracle-ee", nil, multiAZ, "db.r5.2xlarge: 8 vCPU (catalog); 2 instances (Multi-AZ standby): 16 = 16 licenses"},
		"Oracle, by contract not":            {"oracle-ee", []string{"#countStandby=False"}, multiAZ, "db.r5.2xlarge: 8 vCPU (catalog) = 8 licenses"},
		"Db2 does not":                       {"db2-se", nil, multiAZ, "db.r5.2xlarge: 8 vCPU (catalog) = 8 licenses"},
		"Db2, by contract":                   {"db2-se", []string{"#countStandby=True"}, multiAZ, "db.r5.2xlarge: 8 vCPU (catalog); 2 instances (Multi-AZ standby): 16 = 16 licenses"},
		"SQL Server does not":                {"sqlserver-ee", nil, multiAZ, "db.r5.2xlarge: 8 vCPU (catalog) = 8 licenses"},
		"SQL Server without failover rights": {"sqlserver-ee", []string{"#countStandby=True"}, multiAZ, "db.r5.2xlarge: 8 vCPU (catalog); 2 instances (Multi-AZ standby): 16 = 16 licenses"},
		"a standby replica of Db2":           {"db2-se", nil, func(d *license.DBInstance) { d.Engine, d.ReplicaOf, d.Mounted = "db2-se", "source", true }, "db.r5.2xlarge: 2 vCPU (catalog) = 2 licenses"},
		"a mounted replica of Oracle":        {"oracle-ee", nil, func(d *license.DBInstance) { d.ReplicaOf, d.Mounted = "source", true }, "db.r5.2xlarge: 8 vCPU (catalog) = 8 licenses"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := license.Configuration{ID: "lic-0123456789abcdef0123456789abcdef", Name: "Database", CountingType: license.CountVCPU,
				Products: []license.Product{rdsProduct(license.FilterEngineEdition, tt.edition)}, Rules: []license.RuleVersion{{Text: tt.rules}}}.Normalized()
			if err != nil {
				t.Fatal(err)
			}
			rules, _ := c.RulesAt(time.Now())
			u := license.Count(c.CountingType, rules, database(tt.change).Instance(catalog.Embedded()), catalog.Embedded())
			if got := u.Explanation.String(); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
			if steps := strings.Join(u.Explanation.Steps(), "\n"); strings.Contains(tt.want, "standby") != strings.Contains(steps, "#countStandby") {
				t.Errorf("steps:\n%s", steps)
			}
			if estimated := strings.Contains(tt.want, "(family)") || strings.Contains(tt.want, "(largest)"); u.Estimated != estimated {
				t.Errorf("estimated %t", u.Estimated)
			}
		})
	}
}

// TestPackCountsStandby: a license pack is Oracle's, whatever edition is named.
func TestPackCountsStandby(t *testing.T) {
	t.Parallel()
	c, err := license.Configuration{ID: "lic-0123456789abcdef0123456789abcdef", Name: "Packs", CountingType: license.CountVCPU,
		Products: []license.Product{rdsProduct(license.FilterLicensePack, "olap")}}.Normalized()
	if err != nil || !c.Rules[0].Rules.CountStandby {
		t.Errorf("rules %+v, %v: want the standby counted", c.Rules[0].Rules, err)
	}
}

// TestVendorsArithmeticIsForEachInstance: four vCPUs of Standard Edition 2 are one
// license for each of the two instances, not two together rounded once.
func TestVendorsArithmeticIsForEachInstance(t *testing.T) {
	t.Parallel()
	in := database(func(d *license.DBInstance) { d.Class, d.MultiAZ = "db.r5.large", true }).Instance(catalog.Embedded())
	u := license.Count(license.CountVCPU, license.Rules{UnitsPerLicense: 4, CountStandby: true}, in, catalog.Embedded())
	if u.Licenses != 2 || u.Explanation.Licenses != 2 {
		t.Errorf("%s", u.Explanation)
	}
}

func TestDatabaseRules(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		rules []string
		want  string // in the error; "": none
	}{
		"none":            {nil, ""},
		"the standby's":   {[]string{"countStandby=True"}, ""},
		"another":         {[]string{"#minimumVcpus=2"}, "no rule but countStandby"},
		"with another":    {[]string{"#countStandby=True", "#includedStoppedInstances=True"}, "no rule but countStandby"},
		"no such value":   {[]string{"#countStandby=2"}, "True or False"},
		"one with prefix": {[]string{"#countStandbys=True"}, "no such rule"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := license.Configuration{ID: "lic-0123456789abcdef0123456789abcdef", Name: "Database", CountingType: license.CountVCPU,
				Products: []license.Product{rdsProduct(license.FilterEngineEdition, "oracle-ee")}, Rules: []license.RuleVersion{{Text: tt.rules}}}.Normalized()
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// TestDatabaseStates: every status of the RDS user guide (Viewing DB instance status,
// 2026), and one that it will have some day.
func TestDatabaseStates(t *testing.T) {
	t.Parallel()
	used := []string{"available", "backing-up", "configuring-enhanced-monitoring", "configuring-iam-database-auth", "configuring-log-exports", "converting-to-vpc",
		"creating", "delete-precheck", "deleting", "incompatible-network", "incompatible-option-group", "incompatible-parameters", "maintenance", "modifying",
		"moving-to-vpc", "rebooting", "resetting-master-credentials", "renaming", "restore-error", "starting", "stopping", "storage-config-upgrade", "storage-full",
		"storage-initialization", "storage-optimization", "upgrading", "", "rotating-the-shield-frequencies"}
	free := []string{"stopped", "failed", "incompatible-restore", "insufficient-capacity", "inaccessible-encryption-credentials", "inaccessible-encryption-credentials-recoverable"}
	for _, status := range slices.Concat(used, free) {
		state := database(func(d *license.DBInstance) { d.Status = status }).State()
		if got := license.Consumes(&license.Rules{}, state); got != slices.Contains(used, status) {
			t.Errorf("%q is %s and counts: %t", status, state, got)
		}
		if state.Rank() < 0 {
			t.Errorf("%q is %q, which is no state", status, state)
		}
	}
}

// TestDatabasesAreNotFoundByTag: only those that a product looks for are on record.
func TestDatabasesAreNotFoundByTag(t *testing.T) {
	t.Parallel()
	in := database(func(d *license.DBInstance) { d.Tags = map[string]string{"Software": "oracle"} }).Instance(catalog.Embedded())
	if (license.Association{Kind: license.ByTag, Value: "Software=oracle"}).Matches(in) {
		t.Error("found by its tag")
	}
}
