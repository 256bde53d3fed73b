package license_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"licenseguard/shared/license"
)

func TestSteps(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		of   license.Explanation
		want []string
	}{
		"as many as there are": {license.Explanation{Counting: license.CountVCPU, Type: "m5.2xlarge", Source: license.FromCatalog, Units: 8, ThreadsPerCore: 2, Licenses: 8},
			[]string{"m5.2xlarge has 8 vCPUs, the default of its type; one license for each vCPU", "= 8 licenses"}},
		"one instance": {license.Explanation{Counting: license.CountInstance, Type: "t3.large", Source: license.FromResource, Units: 1, Licenses: 1},
			[]string{"t3.large counts as one instance", "= 1 license"}},
		"processors": {license.Explanation{Counting: license.CountVCPU, Type: "r5.xlarge", Source: license.FromCPUOptions, Units: 3, ThreadsPerCore: 2, Ratio: 2, Licenses: 2},
			[]string{"r5.xlarge has 3 vCPUs by the CPU options that it was launched with",
				"one license covers 2 vCPUs with 2 threads a core (#unitsPerLicense): 3 / 2 = 2, rounded up", "= 2 licenses"}},
		"all of it": {license.Explanation{Counting: license.CountCore, Type: "m1", OnHost: true, Source: license.FromHost, Units: 16, PerSocket: 8, Sockets: 2, PerUnit: 3, Minimum: 50, Pack: 7, Licenses: 56},
			[]string{"a Dedicated Host of the family m1 has 2 sockets, as EC2 describes the host",
				"each of its 2 sockets counts at least 8 cores (#minimumCoresPerSocket): 16 cores",
				"each core needs 3 licenses (#licensesPerUnit): 16 x 3 = 48",
				"a resource needs at least 50 (#minimumLicensesPerResource): 50",
				"licenses come in packs of 7 (#licensePack): 50, rounded up to 56", "= 56 licenses"}},
	} {
		if diff := cmp.Diff(tt.want, tt.of.Steps()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestStepsComeToTheCount: whatever is counted, the step before the last comes to what
// the last one says.
func TestStepsComeToTheCount(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		number := func(name string) int64 { return rapid.Int64Range(0, 9).Draw(t, name) }
		rules := license.Rules{UnitsPerLicense: number("ratio"), MinimumLicenses: number("minimum"), LicensePack: number("pack")}
		if rules.UnitsPerLicense == 0 {
			rules.LicensesPerUnit = number("per unit")
		}
		in := license.Instance{ID: license.NewResourceID("123456789012", "us-east-1", "i-1"), Type: "m5.2xlarge", State: license.Running,
			TypeFacts: license.InstanceType{Name: "m5.2xlarge", VCPUs: 2 * (1 + number("cores")), Cores: 1, ThreadsPerCore: 2}}
		in.TypeFacts.Cores = in.TypeFacts.VCPUs / 2
		counting := rapid.SampledFrom(license.CountingTypes()).Draw(t, "counting")
		u := license.Count(counting, rules, in, noCatalog{})
		steps := u.Explanation.Steps()
		want := "= " + fmt.Sprint(u.Licenses) + " license"
		if last := steps[len(steps)-1]; last != want && last != want+"s" {
			t.Fatalf("%d licenses, but %q", u.Licenses, steps)
		}
		if len(steps) > 2 {
			var to int64
			before := steps[len(steps)-2]
			for i := len(before); i > 0; i-- { // its last number
				if c := before[i-1]; c < '0' || c > '9' {
					if i < len(before) {
						fmt.Sscan(before[i:], &to)
						break
					}
					before = before[:i-1]
				}
			}
			if to != u.Licenses {
				t.Fatalf("%d licenses, but %q", u.Licenses, steps)
			}
		}
	})
}

type noCatalog struct{}

func (noCatalog) InstanceType(string) (license.InstanceType, bool) {
	return license.InstanceType{}, false
}
func (noCatalog) LargestOfFamily(string) (license.InstanceType, bool) {
	return license.InstanceType{}, false
}
func (noCatalog) Host(string) (license.HostType, bool) { return license.HostType{}, false }
