package remedy_test

import (
	"fmt"
	"testing"
	"time"

	"licenseguard/shared/catalog"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/remedy"
)

// large is a license of so many instances of several sizes and CPU options, a
// third of them over the count, with another license that has room for some.
func large(entries int, counting license.CountingType) (*ledger.License, remedy.Facts, time.Time) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	sizes := []string{"m5.large", "m5.xlarge", "m5.2xlarge", "m5.4xlarge", "m5.12xlarge", "c5.9xlarge", "r5.4xlarge"}
	configured := func(id string, counting license.CountingType, count int64, rules ...string) *ledger.License {
		c, err := license.Amend(nil, license.Configuration{ID: id, Name: id, CountingType: counting, Count: &count, Rules: []license.RuleVersion{{Text: rules}}}, now.Add(-2*time.Hour), "me")
		if err != nil {
			panic(err)
		}
		l, _ := ledger.Fold(&ledger.License{}, ledger.Batch{Configuration: &c, By: "me"}, now.Add(-2*time.Hour), catalog.Embedded())
		return l
	}
	l := configured("lic-own", counting, license.MaximumCount, map[license.CountingType][]string{
		license.CountVCPU: {"#honorVcpuOptimization=True", "#unitsPerLicense=2", "#unitsPerLicenseWithoutHyperThreading=1"}}[counting]...)
	var claims []ledger.Claim
	var all []license.Instance
	for i := range entries {
		t, _ := catalog.Embedded().InstanceType(sizes[i*i%7])
		in := license.Instance{ID: license.NewResourceID("123456789012", "us-east-1", fmt.Sprintf("i-%017d", i)), Type: t.Name, State: license.Running,
			LaunchTime: now.Add(-time.Hour).Add(time.Duration(i) * time.Second / 2), Tenancy: license.TenancyDefault,
			CPUOptions: license.CPUOptions{Cores: t.Cores, ThreadsPerCore: 2}}
		c := ledger.Claim{Instance: in, Observed: now.Add(-time.Minute), Happened: now.Add(-time.Minute), Generation: ledger.Generation{Launch: in.LaunchTime, Rank: 1},
			Held: &license.Held{ConfigurationID: "lic-own", Kind: license.ByAMI, Value: "ami-1"}}
		if i%3 > 0 && (counting == license.CountCore || counting == license.CountSocket) {
			c.Instance.Tenancy, c.Instance.HostID = license.TenancyDedicatedHost, fmt.Sprintf("h-%017d", i/3*3+i%2)
			h, _ := catalog.Embedded().Host(license.Family(t.Name))
			c.Instance.HostID += license.Family(t.Name)
			c.Host = license.Host{ID: license.NewResourceID("123456789012", "us-east-1", c.Instance.HostID), Family: h.Family, Cores: h.Cores, Sockets: h.Sockets}
		}
		claims, all = append(claims, c), append(all, c.Instance)
	}
	for len(claims) > 0 {
		n := min(len(claims), ledger.MaxClaims)
		l, _ = ledger.Fold(l, ledger.Batch{Claims: claims[:n]}, now, catalog.Embedded())
		claims = claims[n:]
	}
	other := configured("lic-other", license.CountInstance, 37)
	another := configured("lic-another", license.CountVCPU, int64(entries))
	return l, remedy.Facts{Others: []*ledger.License{other, another}, Instances: all, Catalog: catalog.Embedded(), Sizes: catalog.Sizes}, now
}

// BenchmarkWayBack reports the nodes of large licenses; each must end quickly,
// whether or not it is proven to be the cheapest.
func BenchmarkWayBack(b *testing.B) {
	for _, counting := range license.CountingTypes() {
		l, facts, now := large(1000, counting)
		count := l.Totals.Deployed() * 2 / 3
		l.Configuration.Count = &count
		l, _ = ledger.Fold(l, ledger.Batch{}, now, catalog.Embedded())
		b.Run(fmt.Sprintf("%s/entries=%d", counting, len(l.Entries)), func(b *testing.B) {
			optimal := 0
			var plan remedy.Plan
			for b.Loop() {
				plan = remedy.WayBack(l, facts, now)
			}
			for _, p := range plan.Proposals {
				b.Logf("%q cost %d (at least %d), %d steps, frees %d of %d, optimal %v", p.Only, p.Cost, p.AtLeast, len(p.Steps), p.Frees, plan.Missing, p.Optimal)
				if p.Optimal {
					optimal++
				}
			}
			b.ReportMetric(float64(optimal), "optimal")
			b.Logf("missing %d, unfinished %v", plan.Missing, plan.Unfinished)
			b.ReportMetric(float64(len(plan.Proposals)), "proposals")
		})
	}
}
