package license_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"licenseguard/shared/license"
)

func TestParseRules(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		counting license.CountingType
		text     []string
		want     license.Rules
		stored   []string // nil: as given
	}{
		{"none", license.CountVCPU, nil, license.Rules{}, []string{}},
		{"vCPU bounds", license.CountVCPU, []string{"#minimumVcpus=2", "#maximumVcpus=8"}, license.Rules{MinimumVCPUs: 2, MaximumVCPUs: 8}, nil},
		{"equal bounds", license.CountVCPU, []string{"#maximumVcpus=4", "#minimumVcpus=4"}, license.Rules{MinimumVCPUs: 4, MaximumVCPUs: 4}, nil},
		{"only a minimum", license.CountCore, []string{"#minimumCores=4"}, license.Rules{MinimumCores: 4}, nil},
		{"the largest number", license.CountVCPU, []string{"#maximumVcpus=1000000"}, license.Rules{MaximumVCPUs: 1_000_000}, nil},
		{"order and spelling are kept", license.CountVCPU,
			[]string{"#honorVcpuOptimization=true", "#allowedTenancy=EC2-DedicatedHost", "#minimumVcpus=04"},
			license.Rules{HonorVCPUOptimization: true, AllowedTenancy: []license.Tenancy{license.TenancyDedicatedHost}, MinimumVCPUs: 4}, nil},
		{"False is kept and means nothing", license.CountVCPU, []string{"#honorVcpuOptimization=False", "#includedStoppedInstances=FALSE"}, license.Rules{}, nil},
		{"tenancies in one rule", license.CountInstance, []string{"#allowedTenancy=EC2-DedicatedHost,EC2-Default"},
			license.Rules{AllowedTenancy: []license.Tenancy{license.TenancyDedicatedHost, license.TenancyDefault}}, nil},
		{"tenancies in several rules", license.CountInstance,
			[]string{"#allowedTenancy=EC2-DedicatedInstance", "#allowedTenancy=EC2-Default", "#allowedTenancy=EC2-Default"},
			license.Rules{AllowedTenancy: []license.Tenancy{license.TenancyDedicatedInstance, license.TenancyDefault}}, nil},
		{"affinity to a host", license.CountCore, []string{"#licenseAffinityToHost=180", "#allowedTenancy=EC2-DedicatedHost"},
			license.Rules{AffinityDays: 180, AllowedTenancy: []license.Tenancy{license.TenancyDedicatedHost}}, nil},
		{"instance types and patterns", license.CountInstance, []string{"#allowedInstanceTypes=m5.*,r5.xlarge", "#allowedInstanceTypes=u-6tb1.metal"},
			license.Rules{AllowedInstanceTypes: []string{"m5.*", "r5.xlarge", "u-6tb1.metal"}}, nil},
		{"without the hash", license.CountVCPU, []string{"minimumVcpus=2"}, license.Rules{MinimumVCPUs: 2}, []string{"#minimumVcpus=2"}},
		{"tutorial: tenancy", license.CountCore, []string{"allowedTenancies#EC2-DedicatedHost"},
			license.Rules{AllowedTenancy: []license.Tenancy{license.TenancyDedicatedHost}}, []string{"#allowedTenancy=EC2-DedicatedHost"}},
		{"tutorial: several tenancies", license.CountCore, []string{"allowedTenancies#EC2-DedicatedHost#EC2-Default"},
			license.Rules{AllowedTenancy: []license.Tenancy{license.TenancyDedicatedHost, license.TenancyDefault}}, []string{"#allowedTenancy=EC2-DedicatedHost,EC2-Default"}},
		{"tutorial: affinity", license.CountSocket, []string{"licenseAffinityToHost#14d"}, license.Rules{AffinityDays: 14}, []string{"#licenseAffinityToHost=14"}},
		{"tutorial: instance types", license.CountVCPU, []string{"allowedInstanceTypes#m5.xlarge#m5.2xlarge#r5.xlarge"},
			license.Rules{AllowedInstanceTypes: []string{"m5.xlarge", "m5.2xlarge", "r5.xlarge"}},
			[]string{"#allowedInstanceTypes=m5.xlarge,m5.2xlarge,r5.xlarge"}},
		{"tutorial forms keep their place", license.CountCore,
			[]string{"#minimumCores=8", "allowedTenancies#EC2-DedicatedHost", "#maximumCores=16", "licenseAffinityToHost#90"},
			license.Rules{MinimumCores: 8, MaximumCores: 16, AffinityDays: 90, AllowedTenancy: []license.Tenancy{license.TenancyDedicatedHost}},
			[]string{"#minimumCores=8", "#allowedTenancy=EC2-DedicatedHost", "#maximumCores=16", "#licenseAffinityToHost=90"}},
		{"vendor arithmetic", license.CountVCPU,
			[]string{"#unitsPerLicense=2", "#unitsPerLicenseWithoutHyperThreading=1", "#minimumLicensesPerResource=4", "#licensePack=2"},
			license.Rules{UnitsPerLicense: 2, UnitsPerLicenseNoHT: 1, MinimumLicenses: 4, LicensePack: 2}, nil},
		{"licenses per unit", license.CountVCPU, []string{"#licensesPerUnit=70"}, license.Rules{LicensesPerUnit: 70}, nil},
		{"cores per socket", license.CountCore, []string{"#minimumCoresPerSocket=16"}, license.Rules{MinimumCoresPerSocket: 16}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, stored, err := license.ParseRules(tt.counting, tt.text)
			if err != nil {
				t.Fatalf("ParseRules: %v", err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("rules (-want +got):\n%s", diff)
			}
			want := tt.stored
			if want == nil {
				want = tt.text
			}
			if diff := cmp.Diff(want, stored); diff != "" {
				t.Errorf("stored text (-want +got):\n%s", diff)
			}
		})
	}
}

// legal is the table of the user guide (which rule fits which counting type)
// and of licenseguard's own rules, with a value that is right.
var legal = map[string]struct {
	value string
	types []license.CountingType // nil: all
}{
	"minimumVcpus":                         {"2", []license.CountingType{license.CountVCPU, license.CountInstance}},
	"maximumVcpus":                         {"2", []license.CountingType{license.CountVCPU, license.CountInstance}},
	"minimumCores":                         {"2", []license.CountingType{license.CountCore, license.CountInstance}},
	"maximumCores":                         {"2", []license.CountingType{license.CountCore, license.CountInstance}},
	"minimumSockets":                       {"2", []license.CountingType{license.CountSocket, license.CountInstance}},
	"maximumSockets":                       {"2", []license.CountingType{license.CountSocket, license.CountInstance}},
	"allowedTenancy":                       {"EC2-Default", nil},
	"honorVcpuOptimization":                {"True", []license.CountingType{license.CountVCPU}},
	"licenseAffinityToHost":                {"14", []license.CountingType{license.CountCore, license.CountSocket}},
	"includedStoppedInstances":             {"True", nil},
	"allowedInstanceTypes":                 {"m5.*", nil},
	"countStandby":                         {"True", []license.CountingType{license.CountVCPU}},
	"minimumCoresPerSocket":                {"16", []license.CountingType{license.CountCore}},
	"unitsPerLicense":                      {"2", nil},
	"unitsPerLicenseWithoutHyperThreading": {"2", []license.CountingType{license.CountVCPU, license.CountCore}},
	"licensesPerUnit":                      {"2", nil},
	"minimumLicensesPerResource":           {"2", nil},
	"licensePack":                          {"2", nil},
}

func TestRulesFitTheirCountingTypes(t *testing.T) {
	t.Parallel()
	for _, name := range license.RuleNames() {
		known, ok := legal[name]
		if !ok {
			t.Errorf("rule %s is not in the table of this test", name)
			continue
		}
		for _, counting := range license.CountingTypes() {
			text := []string{"#" + name + "=" + known.value}
			if name == "unitsPerLicenseWithoutHyperThreading" {
				text = append(text, "#unitsPerLicense=4")
			}
			rules, stored, err := license.ParseRules(counting, text)
			if fits := known.types == nil || slices.Contains(known.types, counting); !fits {
				var bad *license.RuleError
				if !errors.As(err, &bad) || bad.Rule != name || bad.Value != known.value || !strings.Contains(bad.Want, string(known.types[0])) {
					t.Errorf("%s under %s: error %v, want a refusal that names the rule, the value and %s", name, counting, err, known.types[0])
				}
				continue
			}
			if err != nil {
				t.Errorf("%s under %s: %v", name, counting, err)
				continue
			}
			if cmp.Equal(rules, license.Rules{}) {
				t.Errorf("%s under %s sets nothing", name, counting)
			}
			if diff := cmp.Diff(text, stored); diff != "" {
				t.Errorf("%s under %s: stored (-want +got):\n%s", name, counting, diff)
			}
		}
	}
	if len(legal) != len(license.RuleNames()) {
		t.Errorf("the table has %d rules, ParseRules knows %d", len(legal), len(license.RuleNames()))
	}
}

func TestParseRulesRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		counting license.CountingType
		text     []string
		want     []string // parts of the message: rule, value, what would be right
	}{
		{"unknown rule", license.CountVCPU, []string{"#minimumVcpu=2"}, []string{`"minimumVcpu"`, `"2"`, "no such rule", "minimumVcpus"}},
		{"wrong case", license.CountVCPU, []string{"#MinimumVcpus=2"}, []string{`"MinimumVcpus"`, "minimumVcpus"}},
		{"tutorial name in the canonical form", license.CountCore, []string{"#allowedTenancies=EC2-Default"}, []string{`"allowedTenancies"`, "allowedTenancy"}},
		{"no value", license.CountVCPU, []string{"#minimumVcpus="}, []string{`"minimumVcpus"`, "whole number from 1"}},
		{"no rule", license.CountVCPU, []string{""}, []string{"#name=value"}},
		{"only a hash", license.CountVCPU, []string{"#"}, []string{"#name=value"}},
		{"hash but no equals", license.CountVCPU, []string{"#minimumVcpus"}, []string{`"#minimumVcpus"`, "#name=value"}},
		{"hash on both sides", license.CountCore, []string{"#licenseAffinityToHost#14"}, []string{`"#licenseAffinityToHost#14"`, "#name=value"}},
		{"zero", license.CountVCPU, []string{"#minimumVcpus=0"}, []string{`"minimumVcpus"`, `"0"`, "from 1 to 1000000"}},
		{"negative", license.CountVCPU, []string{"#minimumVcpus=-1"}, []string{`"-1"`, "from 1 to 1000000"}},
		{"a plus sign", license.CountVCPU, []string{"#minimumVcpus=+1"}, []string{`"+1"`, "from 1 to 1000000"}},
		{"a space", license.CountVCPU, []string{"#minimumVcpus= 1"}, []string{`" 1"`, "whole number"}},
		{"a fraction", license.CountVCPU, []string{"#minimumVcpus=1.5"}, []string{`"1.5"`, "whole number"}},
		{"too large", license.CountVCPU, []string{"#maximumVcpus=1000001"}, []string{`"maximumVcpus"`, `"1000001"`, "from 1 to 1000000"}},
		{"far too large", license.CountVCPU, []string{"#maximumVcpus=99999999999999999999"}, []string{"from 1 to 1000000"}},
		{"181 days", license.CountCore, []string{"#licenseAffinityToHost=181"}, []string{`"licenseAffinityToHost"`, `"181"`, "from 1 to 180"}},
		{"days with a unit", license.CountCore, []string{"#licenseAffinityToHost=14d"}, []string{`"14d"`, "from 1 to 180"}},
		{"no boolean", license.CountVCPU, []string{"#honorVcpuOptimization=yes"}, []string{`"honorVcpuOptimization"`, `"yes"`, "True or False"}},
		{"unknown tenancy", license.CountVCPU, []string{"#allowedTenancy=EC2-Shared"}, []string{`"allowedTenancy"`, `"EC2-Shared"`, "EC2-Default, EC2-DedicatedHost or EC2-DedicatedInstance"}},
		{"empty tenancy in a list", license.CountVCPU, []string{"#allowedTenancy=EC2-Default,"}, []string{`"EC2-Default,"`}},
		{"no instance type", license.CountVCPU, []string{"#allowedInstanceTypes=m5"}, []string{`"allowedInstanceTypes"`, `"m5"`, "m5.xlarge"}},
		{"upper-case instance type", license.CountVCPU, []string{"#allowedInstanceTypes=M5.xlarge"}, []string{`"M5.xlarge"`, "m5.xlarge"}},
		{"bracket in a pattern", license.CountVCPU, []string{"#allowedInstanceTypes=m[56].large"}, []string{`"m[56].large"`}},
		{"given twice", license.CountVCPU, []string{"#minimumVcpus=2", "#minimumVcpus=3"}, []string{`"minimumVcpus"`, `"3"`, "twice"}},
		{"minimum over maximum", license.CountVCPU, []string{"#minimumVcpus=9", "#maximumVcpus=8"}, []string{`"minimumVcpus"`, `"9"`, "maximumVcpus, which is 8"}},
		{"minimum over maximum, the other way round", license.CountSocket, []string{"#maximumSockets=1", "#minimumSockets=2"}, []string{`"minimumSockets"`, `"2"`, "maximumSockets, which is 1"}},
		{"minimum over maximum of cores", license.CountInstance, []string{"#maximumCores=1", "#minimumCores=2"}, []string{`"minimumCores"`, "maximumCores, which is 1"}},
		{"affinity without hosts", license.CountCore, []string{"#licenseAffinityToHost=14", "#allowedTenancy=EC2-Default"}, []string{`"licenseAffinityToHost"`, `"14"`, "EC2-DedicatedHost"}},
		{"two ratios", license.CountVCPU, []string{"#unitsPerLicense=2", "#licensesPerUnit=70"}, []string{`"licensesPerUnit"`, `"70"`, "unitsPerLicense"}},
		{"half a ratio", license.CountVCPU, []string{"#unitsPerLicenseWithoutHyperThreading=1"}, []string{`"unitsPerLicenseWithoutHyperThreading"`, `"1"`, "unitsPerLicense beside"}},
		{"two lines", license.CountVCPU, []string{"#minimumVcpus=2\n#maximumVcpus=8"}, []string{"one line"}},
		{"too long", license.CountVCPU, []string{"#allowedInstanceTypes=" + strings.Repeat("m5.large,", 200)}, []string{"1,024 characters"}},
		{"too many", license.CountVCPU, slices.Repeat([]string{"#allowedTenancy=EC2-Default"}, 101), []string{"101", "at most 100"}},
		{"the second of two is wrong", license.CountVCPU, []string{"#minimumVcpus=2", "nonsense"}, []string{`"nonsense"`, "#name=value"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, _, err := license.ParseRules(tt.counting, tt.text)
			var bad *license.RuleError
			if !errors.As(err, &bad) {
				t.Fatalf("error = %v, want a *RuleError", err)
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("message %q does not say %q", err, part)
				}
			}
			if len(err.Error()) > 900 {
				t.Errorf("message has %d bytes", len(err.Error()))
			}
		})
	}
}

// FuzzParseRules checks that what is accepted is stored so that it reads the
// same again, and that nothing makes it panic.
func FuzzParseRules(f *testing.F) {
	for _, seed := range []string{
		"#minimumVcpus=2|#maximumVcpus=8", "allowedTenancies#EC2-DedicatedHost|licenseAffinityToHost#14d",
		"allowedInstanceTypes#m5.xlarge#m5.2xlarge#r5.xlarge", "minimumCores=4", "#a=b#c", "a#b=c", "#=", "=", "##", "licenseAffinityToHost#",
		"#unitsPerLicense=2|#unitsPerLicenseWithoutHyperThreading=1", "#honorVcpuOptimization=tRUE", "allowedTenancies=#", "#allowedTenancy=EC2-Default,EC2-Default",
	} {
		for i := range license.CountingTypes() {
			f.Add(seed, uint8(i))
		}
	}
	f.Fuzz(func(t *testing.T, joined string, which uint8) {
		types := license.CountingTypes()
		counting := types[int(which)%len(types)]
		given := strings.Split(joined, "|")
		rules, stored, err := license.ParseRules(counting, given)
		if err != nil {
			if err.Error() == "" || strings.ContainsAny(err.Error(), "\n\r\x00") {
				t.Fatalf("message %q is not one printable line", err)
			}
			return
		}
		again, text, err := license.ParseRules(counting, stored)
		if err != nil {
			t.Fatalf("stored text %q is refused: %v", stored, err)
		}
		if diff := cmp.Diff(rules, again); diff != "" {
			t.Fatalf("stored text %q reads otherwise (-first +again):\n%s", stored, diff)
		}
		if diff := cmp.Diff(stored, text); diff != "" {
			t.Fatalf("stored text is stored otherwise (-first +again):\n%s", diff)
		}
		for i, s := range stored {
			if strings.HasPrefix(given[i], "#") && s != given[i] {
				t.Fatalf("%q is stored as %q", given[i], s)
			}
		}
	})
}
