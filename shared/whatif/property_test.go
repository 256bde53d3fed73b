package whatif_test

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/whatif"
)

// anyLicense draws how the n-th license counts and answers.
func anyLicense(t *rapid.T, n int) license.Configuration {
	c := license.Configuration{ID: fmt.Sprintf("lic-%d", n), Name: fmt.Sprint(n), CountingType: rapid.SampledFrom(license.CountingTypes()).Draw(t, "counting"),
		Enforcement: license.Enforcement{Settle: time.Duration(rapid.IntRange(0, 7200).Draw(t, "settle")) * time.Second}}
	redraw(t, &c)
	return c
}

// redraw draws what can be changed.
func redraw(t *rapid.T, c *license.Configuration) {
	c.Count, c.HardLimit = nil, false
	if rapid.IntRange(0, 5).Draw(t, "limited") > 0 {
		limit := rapid.Int64Range(0, 60).Draw(t, "count")
		if c.CountingType == license.CountCore {
			limit *= 4
		}
		c.Count, c.HardLimit = &limit, rapid.Bool().Draw(t, "hard")
	}
	c.Enforcement.Mode = rapid.SampledFrom([]license.Mode{license.Observe, license.Tag, license.Stop}).Draw(t, "mode")
	c.Status = rapid.SampledFrom([]license.Status{license.Available, license.Available, license.Available, license.Disabled}).Draw(t, "status")
	rules := []string{}
	for _, rule := range []string{"#minimumLicensesPerResource=3", "#allowedTenancy=EC2-Default,EC2-DedicatedHost", "#allowedInstanceTypes=m5.*,zz9.*"} {
		if rapid.IntRange(0, 3).Draw(t, rule) == 0 {
			rules = append(rules, rule)
		}
	}
	c.Rules = []license.RuleVersion{{Text: rules}}
	c.Associations = []license.Association{{Kind: license.ByAMI, Value: rapid.SampledFrom([]string{"ami-1", "ami-2"}).Draw(t, "image")}}
	if rapid.Bool().Draw(t, "by tag") {
		c.Associations = append(c.Associations, license.Association{Kind: license.ByTag, Value: "sw=a*"})
	}
}

func anyLaunch(t *rapid.T) whatif.Launch {
	l := whatif.Launch{Account: account, Region: region, Type: rapid.SampledFrom([]string{"m5.large", "m5.xlarge", "m5.2xlarge", "r5.large", "zz9.large", "m5.huge"}).Draw(t, "type"),
		Count: rapid.IntRange(1, 8).Draw(t, "instances"), Image: rapid.SampledFrom([]string{"ami-1", "ami-2", "ami-3"}).Draw(t, "image")}
	switch rapid.IntRange(0, 4).Draw(t, "where") {
	case 0:
		l.Host = oneHost
	case 1:
		l.Tenancy = license.TenancyDedicatedInstance
	}
	switch rapid.IntRange(0, 4).Draw(t, "tags") {
	case 0:
		l.Tags = map[string]string{"sw": "ab"}
	case 1:
		l.Tags = map[string]string{license.TagAutoScalingGroup: "web"}
	}
	return l
}

// TestPropertySimulationIsWhatHappens: what a plan is said to do is what the real
// tracker, on the real store, does when it is carried out.
func TestPropertySimulationIsWhatHappens(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		folder, err := os.MkdirTemp("", "whatif")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(folder)
		w := newWorld(t, folder)
		defer w.store.Close()
		licenses := rapid.IntRange(1, 3).Draw(t, "licenses")
		for n := range licenses {
			w.configure(anyLicense(t, n))
		}
		w.after(time.Minute)
		// The host is on record by an instance of no license.
		there := whatif.Plan{Launches: rapid.SliceOfN(rapid.Custom(anyLaunch), 0, 4).Draw(t, "there")}
		present := whatif.Plan{Launches: []whatif.Launch{{Account: account, Region: region, Type: "m5.large", Count: 1, Image: "ami-3", Host: oneHost}}}
		for i, in := range append(present.Instances(w.now), there.Instances(w.now)...) {
			in.ID = running(i, "", "").ID
			in.LaunchTime = w.now.Add(-time.Duration(rapid.IntRange(0, 7200).Draw(t, "age")) * time.Second)
			in.State = rapid.SampledFrom([]license.State{license.Running, license.Running, license.Running, license.Stopped}).Draw(t, "state")
			w.instances[in.ID] = in
		}
		w.sweep()
		w.after(time.Duration(rapid.IntRange(1, 7200).Draw(t, "later")) * time.Second)

		plan := whatif.Plan{Launches: rapid.SliceOfN(rapid.Custom(anyLaunch), 0, 3).Draw(t, "launches")}
		for n := range licenses + 1 {
			switch {
			case !rapid.Bool().Draw(t, "change"):
			case n == licenses:
				plan.Configurations = append(plan.Configurations, anyLicense(t, n))
			default:
				c := w.license(fmt.Sprintf("lic-%d", n)).Configuration
				redraw(t, &c)
				plan.Configurations = append(plan.Configurations, c)
			}
		}
		if len(plan.Launches)+len(plan.Configurations) == 0 {
			plan = launches(3, "m5.large")
		}
		if rapid.Bool().Draw(t, "at a later instant") {
			plan.At = w.now.Add(time.Duration(rapid.IntRange(0, 7200).Draw(t, "at")) * time.Second)
		}
		before := w.record()
		said, err := whatif.Simulate(before, plan, w.now)
		if err != nil {
			t.Fatal(err)
		}

		for _, c := range plan.Configurations {
			w.configure(c)
		}
		w.after(said.At.Sub(w.now))
		launched := plan.Instances(w.now)
		w.sweep(launched...)
		for _, after := range w.record().Licenses {
			compare(t, w.now, before, said, after)
		}
	})
}

func compare(t *rapid.T, now time.Time, world whatif.World, said whatif.Outcome, after *ledger.License) {
	id := after.Configuration.ID
	before := &ledger.License{Configuration: license.Configuration{ID: id}}
	for _, l := range world.Licenses {
		if l.Configuration.ID == id {
			before, _ = ledger.Fold(l, ledger.Batch{}, now, world.Catalog)
		}
	}
	want := whatif.Changed(before, after, now, world.Catalog)
	i := slices.IndexFunc(said.Licenses, func(e whatif.Effect) bool { return e.License == id })
	if i < 0 {
		if len(want) > 0 {
			t.Fatalf("%s: nothing was said, and it happened: %v", id, rows(want))
		}
		return
	}
	e := said.Licenses[i]
	if diff := cmp.Diff(want, append([]whatif.Change(nil), e.Changes...)); diff != "" {
		t.Fatalf("%s: happened (-) and said (+):\n%s", id, diff)
	}
	if is := (numbers{after.Totals.Deployed(), after.Totals.Covered, after.Totals.Over, after.Totals.Broken}); of(e.After) != is {
		t.Fatalf("%s: comes to %v, said was %v", id, is, of(e.After))
	}
}
