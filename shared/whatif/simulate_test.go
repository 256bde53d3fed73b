package whatif_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/whatif"
)

// numbers are deployed, covered, over, broken.
type numbers [4]int64

func of(t whatif.Totals) numbers { return numbers{t.Deployed, t.Covered, t.Over, t.Broken} }

// TestLaunches: two m5.2xlarge of 8 vCPUs run under 32 licenses.
func TestLaunches(t *testing.T) {
	t.Parallel()
	change := func(f func(*license.Configuration)) func() license.Configuration {
		return func() license.Configuration {
			c := vcpus(32)
			f(&c)
			return c
		}
	}
	tests := []struct {
		name   string
		c      func() license.Configuration
		plan   whatif.Plan
		before numbers
		after  numbers
		fit    int
		rows   []string
		why    string // of the last row
	}{
		{"all fit", nil, launches(2, "m5.2xlarge"), numbers{16, 16, 0, 0}, numbers{32, 32, 0, 0}, 2,
			repeat("i-new-%04d released 0 → covered 8", 1, 2), "it fits under the count of 32"},
		{"two of five", nil, launches(5, "m5.2xlarge"), numbers{16, 16, 0, 0}, numbers{56, 32, 24, 0}, 2,
			all(repeat("i-new-%04d released 0 → covered 8", 1, 2), repeat("i-new-%04d released 0 → over 8, stop stop", 3, 5)), "it needs 8, and of 32 licenses 32 are taken"},
		{"what is left for small ones", nil, whatif.Plan{Launches: append(launches(1, "m5.4xlarge").Launches, launches(1, "m5.large").Launches...)},
			numbers{16, 16, 0, 0}, numbers{34, 32, 2, 0}, 1,
			[]string{"i-new-0001 released 0 → covered 16", "i-new-0002 released 0 → over 2, stop stop"}, "it needs 2, and of 32 licenses 32 are taken"},
		{"a small one before a large", nil, whatif.Plan{Launches: append(launches(1, "m5.large").Launches, launches(1, "m5.4xlarge").Launches...)},
			numbers{16, 16, 0, 0}, numbers{34, 18, 16, 0}, 1,
			[]string{"i-new-0001 released 0 → covered 2", "i-new-0002 released 0 → over 16, stop stop"}, "it needs 16, and of 32 licenses 18 are taken"},
		{"a soft limit", change(func(c *license.Configuration) { c.HardLimit = false }), launches(3, "m5.2xlarge"), numbers{16, 16, 0, 0}, numbers{40, 32, 8, 0}, 2,
			all(repeat("i-new-%04d released 0 → covered 8", 1, 2), []string{"i-new-0003 released 0 → over 8,  "}), ""},
		{"observed", change(func(c *license.Configuration) { c.Enforcement.Mode = license.Observe }), launches(3, "m5.2xlarge"), numbers{16, 16, 0, 0}, numbers{40, 32, 8, 0}, 2,
			all(repeat("i-new-%04d released 0 → covered 8", 1, 2), []string{"i-new-0003 released 0 → over 8, observe stop"}), ""},
		{"no count", change(func(c *license.Configuration) { c.Count, c.HardLimit = nil, false }), launches(3, "m5.2xlarge"), numbers{16, 0, 0, 0}, numbers{40, 0, 0, 0}, 3,
			repeat("i-new-%04d released 0 → tracked 8", 1, 3), "the license has no count: it is tracked only"},
		{"disabled", change(func(c *license.Configuration) { c.Status = license.Disabled }), launches(3, "m5.2xlarge"), numbers{16, 0, 0, 0}, numbers{40, 0, 0, 0}, 3,
			repeat("i-new-%04d released 0 → not-counted 8", 1, 3), "the license is disabled: it is not counted"},
		{"two vCPUs a license", change(func(c *license.Configuration) {
			c.Rules = []license.RuleVersion{{Text: []string{"#unitsPerLicense=2"}}}
		}), launches(7, "m5.2xlarge"),
			numbers{8, 8, 0, 0}, numbers{36, 32, 4, 0}, 6,
			all(repeat("i-new-%04d released 0 → covered 4", 1, 6), []string{"i-new-0007 released 0 → over 4, stop stop"}), ""},
		{"fewer vCPUs where that is honoured", change(func(c *license.Configuration) {
			c.Rules = []license.RuleVersion{{Text: []string{"#honorVcpuOptimization=True"}}}
		}), launches(3, "m5.2xlarge", func(l *whatif.Launch) { l.CPUOptions = license.CPUOptions{Cores: 2, ThreadsPerCore: 2} }),
			numbers{16, 16, 0, 0}, numbers{28, 28, 0, 0}, 3, repeat("i-new-%04d released 0 → covered 4", 1, 3), ""},
		{"against a rule", change(func(c *license.Configuration) {
			c.Rules = []license.RuleVersion{{Text: []string{"#allowedTenancy=EC2-Default"}}}
		}), launches(1, "m5.2xlarge", func(l *whatif.Launch) { l.Tenancy = license.TenancyDedicatedInstance }),
			numbers{16, 16, 0, 0}, numbers{24, 16, 0, 8}, 0, []string{"i-new-0001 released 0 → broken 8, stop stop"},
			`it breaks a rule: allowedTenancy: "EC2-DedicatedInstance", but the rule asks for EC2-Default`},
		{"a member of a group", nil, launches(3, "m5.2xlarge", func(l *whatif.Launch) { l.Tags = map[string]string{license.TagAutoScalingGroup: "web"} }),
			numbers{16, 16, 0, 0}, numbers{40, 32, 8, 0}, 2,
			all(repeat("i-new-%04d released 0 → covered 8", 1, 2), []string{"i-new-0003 released 0 → over 8, stop tag (auto-scaling)"}), ""},
		{"an unknown size is its family's largest, and nobody is stopped for that", nil, launches(1, "m5.huge"), numbers{16, 16, 0, 0}, numbers{112, 16, 96, 0}, 0,
			[]string{"i-new-0001 released 0 → over 96,  "}, "it needs 96, and of 32 licenses 16 are taken"},
		{"an unknown family is the largest that there is", nil, launches(1, "zz9.large"), numbers{16, 16, 0, 0}, numbers{912, 16, 896, 0}, 0,
			[]string{"i-new-0001 released 0 → over 896,  "}, ""},
		{"another AMI", nil, launches(3, "m5.2xlarge", func(l *whatif.Launch) { l.Image = "ami-2" }), numbers{}, numbers{}, 3, nil, ""},
		{"by tag", change(func(c *license.Configuration) {
			c.Associations = append(c.Associations, license.Association{Kind: license.ByTag, Value: "sw=ora*"})
		}), launches(1, "m5.large", func(l *whatif.Launch) { l.Image, l.Tags = "", map[string]string{"sw": "oracle"} }),
			numbers{16, 16, 0, 0}, numbers{18, 18, 0, 0}, 1, []string{"i-new-0001 released 0 → covered 2"}, ""},
		{"by launch template", change(func(c *license.Configuration) {
			c.Associations = append(c.Associations, license.Association{Kind: license.ByLaunchTemplate, Value: "lt-0123456789abcdef0"})
		}), launches(1, "m5.large", func(l *whatif.Launch) { l.Image, l.LaunchTemplate = "", "lt-0123456789abcdef0" }),
			numbers{16, 16, 0, 0}, numbers{18, 18, 0, 0}, 1, []string{"i-new-0001 released 0 → covered 2"}, ""},
		{"by what it names", change(func(c *license.Configuration) {
			c.Associations = append(c.Associations, license.Association{Kind: license.BySpecification, Value: "arn:aws:license-manager:us-east-1:123456789012:license-configuration:lic-9"})
		}), launches(1, "m5.large", func(l *whatif.Launch) {
			l.Image, l.Specifications = "", []string{"arn:aws:license-manager:us-east-1:123456789012:license-configuration:lic-9"}
		}), numbers{16, 16, 0, 0}, numbers{18, 18, 0, 0}, 1, []string{"i-new-0001 released 0 → covered 2"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, t.TempDir())
			c := vcpus(32)
			if tt.c != nil {
				c = tt.c()
			}
			w.configure(c)
			w.after(time.Minute)
			w.sweep(running(1, "m5.2xlarge", "ami-1"), running(2, "m5.2xlarge", "ami-1"), running(3, "m5.2xlarge", "ami-3"))
			w.after(time.Hour)
			before := w.record()
			got, err := whatif.Simulate(before, tt.plan, w.now)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, w.record(), cmp.AllowUnexported(license.Hours{})); diff != "" {
				t.Errorf("the simulation changed what is:\n%s", diff)
			}
			fit := 0
			for _, f := range got.Launches {
				fit += f.Fit
			}
			if fit != tt.fit {
				t.Errorf("%d fit, want %d", fit, tt.fit)
			}
			if tt.rows == nil {
				if len(got.Licenses) > 0 || got.Launches[0].Unlicensed != got.Launches[0].Instances {
					t.Errorf("a license applies: %+v", got)
				}
				return
			}
			e := got.Licenses[0]
			if of(e.Before) != tt.before || of(e.After) != tt.after || e.Fit != tt.fit || len(got.Licenses) != 1 {
				t.Errorf("before %v, after %v, %d fit; want %v, %v, %d", of(e.Before), of(e.After), e.Fit, tt.before, tt.after, tt.fit)
			}
			if diff := cmp.Diff(tt.rows, rows(e.Changes)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if last := e.Changes[len(e.Changes)-1]; tt.why != "" && last.Why != tt.why {
				t.Errorf("why: %s, want %s", last.Why, tt.why)
			}
		})
	}
}

// TestWhatIsSaidOfOneLaunch: all of it, for the instance that is one too many.
func TestWhatIsSaidOfOneLaunch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, t.TempDir())
	c := vcpus(8)
	c.Enforcement.Grace = time.Hour
	w.configure(c)
	w.after(time.Hour)
	got, err := whatif.Simulate(w.record(), launches(2, "m5.2xlarge"), w.now)
	if err != nil {
		t.Fatal(err)
	}
	one := got.Licenses[0].Changes[1]
	id := license.NewResourceID(account, region, "i-new-0002")
	x := license.Explanation{Counting: license.CountVCPU, Type: "m5.2xlarge", Source: license.FromCatalog, ThreadsPerCore: 2, Units: 8, Licenses: 8}
	want := whatif.Change{Resource: id, Instance: id, New: true, Before: whatif.Standing{Verdict: ledger.Released},
		After: whatif.Standing{Verdict: ledger.Over, Licenses: 8, Explanation: x, Arithmetic: "m5.2xlarge: 8 vCPU (catalog) = 8 licenses", Association: "ami ami-1",
			Cause: ledger.ByLaunch, Answer: whatif.Answer{Action: license.Stop, Mode: license.Stop, NotBefore: w.now.Add(62 * time.Minute), Why: ledger.WhyOver}},
		Why: "it needs 8, and of 8 licenses 8 are taken"}
	if diff := cmp.Diff(want, one); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	data, err := json.Marshal(got)
	if err != nil || !strings.Contains(string(data), `"Launches":[{"Type":"m5.2xlarge","Instances":2,"Fit":1}]`) || strings.Contains(string(data), "0001-01-01") {
		t.Errorf("%s, %v", data, err)
	}
}

// TestLaunchesOnAHost: cores are counted once for a host, as many as it has if that
// is on record.
func TestLaunchesOnAHost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, t.TempDir())
	c := vcpus(98)
	c.CountingType = license.CountCore
	w.configure(c)
	w.after(time.Minute)
	onHost := running(1, "m5.large", "ami-3") // of no license: it tells of the host
	onHost.Tenancy, onHost.HostID = license.TenancyDedicatedHost, oneHost
	w.sweep(onHost)
	w.after(time.Hour)
	on := func(host string) func(*whatif.Launch) { return func(l *whatif.Launch) { l.Host = host } }
	plan := launches(2, "m5.large", on(oneHost))
	plan.Launches = append(plan.Launches, launches(1, "m5.large", on("h-new")).Launches...)
	plan.Launches = append(plan.Launches, launches(1, "m5.large", on("h-other")).Launches...)
	got, err := whatif.Simulate(w.record(), plan, w.now)
	if err != nil {
		t.Fatal(err)
	}
	e := got.Licenses[0]
	// 50 cores on the host of record, 48 of the family on each of the others
	if of(e.After) != (numbers{146, 98, 48, 0}) || e.After.Estimated != 96 || e.Fit != 3 || e.Launched != 4 {
		t.Errorf("%+v", e)
	}
	want := []string{"i-new-0001 released 0 → covered 50", "i-new-0002 released 0 → covered 50", "i-new-0003 released 0 → covered 48", "i-new-0004 released 0 → over 48,  "}
	if diff := cmp.Diff(want, rows(e.Changes)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if e.Changes[0].Resource.AWSID() != oneHost {
		t.Errorf("counted on %s", e.Changes[0].Resource)
	}
}

// TestSeveralLicenses: an instance fits where all that apply have room for it.
func TestSeveralLicenses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, t.TempDir())
	w.configure(vcpus(32))
	other := vcpus(3)
	other.ID, other.Name, other.CountingType, other.HardLimit, other.Enforcement.Mode = "lic-2", "other", license.CountInstance, false, license.Observe
	w.configure(other)
	w.after(time.Hour)
	plan := launches(5, "m5.2xlarge")
	plan.Launches = append(plan.Launches, launches(2, "m5.large", func(l *whatif.Launch) { l.Image = "ami-9" }).Launches...)
	got, err := whatif.Simulate(w.record(), plan, w.now)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]whatif.Fit{{Type: "m5.2xlarge", Instances: 5, Fit: 3}, {Type: "m5.large", Instances: 2, Fit: 2, Unlicensed: 2}}, got.Launches); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(got.Licenses) != 2 || got.Licenses[0].Fit != 4 || got.Licenses[1].Fit != 3 || !got.Licenses[0].HardLimit || got.Licenses[1].HardLimit {
		t.Errorf("%+v", got.Licenses)
	}
}

// TestConfigurations: four m5.2xlarge of 8 vCPUs run under 32 licenses, two more
// with another AMI are on record.
func TestConfigurations(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*license.Configuration)
		after  numbers
		rows   []string
	}{
		{"a lower count: the youngest lose, and wait for a person", func(c *license.Configuration) { c.Count = count(17) }, numbers{32, 16, 16, 0},
			repeat("i-%d covered 8 → over 8, stop stop waits", 3, 4)},
		{"a higher count", func(c *license.Configuration) { c.Count = count(40) }, numbers{32, 32, 0, 0}, nil},
		{"no count", func(c *license.Configuration) { c.Count, c.HardLimit = nil, false }, numbers{32, 0, 0, 0}, repeat("i-%d covered 8 → tracked 8", 1, 4)},
		{"a lower count that is soft", func(c *license.Configuration) { c.Count, c.HardLimit = count(24), false }, numbers{32, 24, 8, 0}, []string{"i-4 covered 8 → over 8,  "}},
		{"rules", func(c *license.Configuration) {
			c.Rules = []license.RuleVersion{{Text: []string{"#unitsPerLicense=4"}}}
		}, numbers{8, 8, 0, 0},
			repeat("i-%d covered 8 → covered 2", 1, 4)},
		{"rules that are broken", func(c *license.Configuration) {
			c.Rules = []license.RuleVersion{{Text: []string{"#maximumVcpus=4"}}}
		}, numbers{32, 0, 0, 32},
			repeat("i-%d covered 8 → broken 8, stop stop waits", 1, 4)},
		{"rules of tomorrow", func(c *license.Configuration) {
			c.Rules = []license.RuleVersion{c.Rules[0], {Effective: t0.Add(26 * time.Hour), Text: []string{"#maximumVcpus=4"}}}
		}, numbers{32, 32, 0, 0}, nil},
		{"one more AMI", func(c *license.Configuration) {
			c.Associations = append(c.Associations, license.Association{Kind: license.ByAMI, Value: "ami-3"})
		}, numbers{48, 32, 16, 0}, repeat("i-%d released 0 → over 8, stop stop waits", 5, 6)},
		{"another tag in place of the AMI: it is inherited", func(c *license.Configuration) { c.Associations = nil }, numbers{32, 32, 0, 0}, nil},
		{"disabled", func(c *license.Configuration) { c.Status = license.Disabled }, numbers{32, 0, 0, 0}, repeat("i-%d covered 8 → not-counted 8", 1, 4)},
		{"nothing", func(*license.Configuration) {}, numbers{32, 32, 0, 0}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, t.TempDir())
			w.configure(vcpus(32))
			w.after(time.Minute)
			for n := range 6 {
				w.sweep(running(n+1, "m5.2xlarge", []string{"ami-1", "ami-3"}[n/4]))
			}
			w.after(time.Hour)
			wanted := w.license("lic-1").Configuration
			tt.change(&wanted)
			got, err := whatif.Simulate(w.record(), whatif.Plan{Configurations: []license.Configuration{wanted}}, w.now)
			if err != nil {
				t.Fatal(err)
			}
			e := got.Licenses[0]
			if of(e.Before) != (numbers{32, 32, 0, 0}) || of(e.After) != tt.after || !e.Changed || e.New {
				t.Errorf("before %v, after %v, want %v", of(e.Before), of(e.After), tt.after)
			}
			if diff := cmp.Diff(append([]string{}, tt.rows...), rows(e.Changes)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestAtALaterInstant: a rule of tomorrow is tried tomorrow.
func TestAtALaterInstant(t *testing.T) {
	t.Parallel()
	w := newWorld(t, t.TempDir())
	w.configure(vcpus(32))
	w.after(time.Minute)
	w.sweep(running(1, "m5.2xlarge", "ami-1"))
	w.after(time.Hour)
	wanted := w.license("lic-1").Configuration
	tomorrow := w.now.Add(24 * time.Hour)
	wanted.Rules = []license.RuleVersion{wanted.Rules[0], {Effective: tomorrow, Text: []string{"#unitsPerLicense=4"}}}
	plan := launches(2, "m5.4xlarge")
	plan.Configurations, plan.At = []license.Configuration{wanted}, tomorrow
	got, err := whatif.Simulate(w.record(), plan, w.now)
	if err != nil {
		t.Fatal(err)
	}
	e := got.Licenses[0]
	if of(e.Before) != (numbers{8, 8, 0, 0}) || of(e.After) != (numbers{10, 10, 0, 0}) || !got.At.Equal(tomorrow) || got.Launches[0].Fit != 2 {
		t.Errorf("%+v", got)
	}
}

// TestChangeOfTheAnswer: the verdict stays, what is done about it does not.
func TestChangeOfTheAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, t.TempDir())
	c := vcpus(8)
	c.Enforcement.Mode = license.Observe
	w.configure(c)
	w.after(time.Minute)
	w.sweep(running(61, "m5.2xlarge", "ami-1"), running(62, "m5.2xlarge", "ami-1"))
	w.after(time.Minute)
	wanted := w.license("lic-1").Configuration
	wanted.Enforcement.Mode = license.Stop
	got, err := whatif.Simulate(w.record(), whatif.Plan{Configurations: []license.Configuration{wanted}}, w.now)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"i-62 over 8 → over 8, stop stop waits"}, rows(got.Licenses[0].Changes)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if a := got.Licenses[0].Changes[0].Before.Answer; a.Mode != license.Observe || a.Waits {
		t.Errorf("before: %+v", a)
	}
}

// TestNewLicense: what is on record and what is launched into one that there is not yet.
func TestNewLicense(t *testing.T) {
	t.Parallel()
	w := newWorld(t, t.TempDir())
	w.configure(license.Configuration{ID: "lic-0", Name: "another", CountingType: license.CountInstance})
	w.after(time.Minute)
	w.sweep(running(61, "m5.2xlarge", "ami-1"))
	w.after(time.Hour)
	plan := launches(2, "m5.large")
	plan.Configurations = []license.Configuration{vcpus(10)}
	got, err := whatif.Simulate(w.record(), plan, w.now)
	if err != nil {
		t.Fatal(err)
	}
	e := got.Licenses[0]
	if !e.New || len(got.Licenses) != 1 || e.Name != "product" || of(e.Before) != (numbers{}) || of(e.After) != (numbers{12, 10, 2, 0}) {
		t.Errorf("%+v", got.Licenses)
	}
	want := []string{"i-61 released 0 → covered 8", "i-new-0001 released 0 → covered 2", "i-new-0002 released 0 → over 2, stop stop"}
	if diff := cmp.Diff(want, rows(e.Changes)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPlansRefused(t *testing.T) {
	t.Parallel()
	one := func(change func(*whatif.Launch)) whatif.Plan { return launches(1, "m5.large", change) }
	many := launches(600, "m5.large")
	many.Launches = append(many.Launches, many.Launches...)
	tests := []struct {
		name string
		plan whatif.Plan
		want string
	}{
		{"nothing", whatif.Plan{}, "there is nothing to simulate"},
		{"too many", launches(1001, "m5.large"), `launches is "1001": launch at most 1000 instances in one plan`},
		{"too many together", many, `launches is "1200": launch at most 1000`},
		{"more than a number holds", launches(1<<62, "m5.large"), "launch at most 1000"},
		{"none", launches(0, "m5.large"), `launches[0].count is "0": give 1 or more`},
		{"fewer than none", launches(-1, "m5.large"), "give 1 or more"},
		{"no type", launches(1, ""), `launches[0].type is "": give an instance type`},
		{"a type that is none", launches(1, "m5"), "give an instance type such as m5.large"},
		{"no account", one(func(l *whatif.Launch) { l.Account = "me" }), "give an account of 12 digits"},
		{"no Region", one(func(l *whatif.Launch) { l.Region = "" }), "give a Region"},
		{"a host of another tenancy", one(func(l *whatif.Launch) { l.Host, l.Tenancy = oneHost, license.TenancyDefault }), "it is EC2-DedicatedHost where a host is named"},
		{"no host", one(func(l *whatif.Launch) { l.Tenancy = license.TenancyDedicatedHost }), "name the Dedicated Host"},
		{"what is no host", one(func(l *whatif.Launch) { l.Host = "host" }), "give the id of a Dedicated Host"},
		{"a tenancy that is none", one(func(l *whatif.Launch) { l.Tenancy = "shared" }), "it is EC2-Default"},
		{"half the CPU options", one(func(l *whatif.Launch) { l.CPUOptions.Cores = 2 }), "give cores and threads per core"},
		{"in the past", whatif.Plan{Launches: launches(1, "m5.large").Launches, At: t0.Add(-time.Second)}, "give an instant that is not past"},
		{"one license twice", whatif.Plan{Configurations: []license.Configuration{vcpus(1), vcpus(2)}}, "give each configuration once"},
		{"a bad license", whatif.Plan{Configurations: []license.Configuration{vcpus(-1)}}, "licenseCount"},
		{"another counting type", whatif.Plan{Configurations: []license.Configuration{{ID: "lic-0", Name: "x", CountingType: license.CountCore}}}, "make a new configuration to count something else"},
	}
	w := newWorld(t, t.TempDir())
	w.configure(license.Configuration{ID: "lic-0", Name: "another", CountingType: license.CountInstance})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := whatif.Simulate(w.record(), tt.plan, w.now)
			var field *license.FieldError
			if !errors.As(err, &field) || !strings.Contains(err.Error(), tt.want) || len(got.Licenses) > 0 {
				t.Errorf("error %v, want one that says %q", err, tt.want)
			}
		})
	}
	if _, err := whatif.Simulate(w.record(), launches(whatif.MaxInstances, "m5.large"), w.now); err != nil {
		t.Errorf("%d instances: %v", whatif.MaxInstances, err)
	}
}

// TestChanged: what Changed says of two states of a real license.
func TestChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, t.TempDir())
	w.configure(vcpus(16))
	w.after(2 * time.Minute)
	w.sweep(running(61, "m5.2xlarge", "ami-1"), running(62, "m5.2xlarge", "ami-1"), running(63, "m5.2xlarge", "ami-1"))
	before := w.license("lic-1")
	gone := w.instances[running(61, "", "").ID]
	gone.State = license.Terminated
	w.after(time.Minute)
	w.sweep(gone)
	after := w.license("lic-1")
	got := whatif.Changed(before, after, w.now, w.record().Catalog)
	want := []string{"i-61 covered 8 → released 0", "i-63 over 8 → covered 8"}
	if diff := cmp.Diff(want, rows(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got[0].Why != "it uses none of these licenses" {
		t.Error(got[0].Why)
	}
	back := rows(whatif.Changed(after, before, w.now, w.record().Catalog))
	if diff := cmp.Diff([]string{"i-61 released 0 → covered 8", "i-63 covered 8 → over 8, stop stop"}, back); diff != "" {
		t.Errorf("the other way (-want +got):\n%s", diff)
	}
	if same := whatif.Changed(after, after, w.now, w.record().Catalog); len(same) > 0 {
		t.Errorf("nothing changed, and yet %v", rows(same))
	}
}

// TestAsManyAsAPlanMay: they fill more pages than one commit of the ledger writes.
func TestAsManyAsAPlanMay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, t.TempDir())
	c := vcpus(701)
	c.CountingType = license.CountInstance
	w.configure(c)
	w.after(time.Minute)
	w.sweep(running(1, "m5.large", "ami-1"))
	w.after(time.Hour)
	got, err := whatif.Simulate(w.record(), launches(whatif.MaxInstances, "m5.large"), w.now)
	if err != nil {
		t.Fatal(err)
	}
	e := got.Licenses[0]
	if of(e.Before) != (numbers{1, 1, 0, 0}) || of(e.After) != (numbers{1001, 701, 300, 0}) || e.Fit != 700 || got.Launches[0].Fit != 700 || len(e.Changes) != 1000 {
		t.Errorf("%v → %v, %d fit, %d changes", of(e.Before), of(e.After), e.Fit, len(e.Changes))
	}
}

// TestLaunchOfACopy: a launch from a copy of a copy of the associated image counts as one
// from it, as far as is on record; by a hint only, it is a person's to answer.
func TestLaunchOfACopy(t *testing.T) {
	t.Parallel()
	const first, second = "ami-0bbbbbbbbbbbbbbb2", "ami-0ccccccccccccccc3"
	for _, test := range []struct {
		name  string
		image string
		link  license.Link
		after numbers
		row   string
	}{
		{"known", second, license.LinkImage, numbers{8, 0, 8, 0}, "i-new-0001 released 0 → over 8, stop stop"},
		{"by a hint", second, license.LinkDescription, numbers{8, 0, 8, 0}, "i-new-0001 released 0 → over 8, stop stop waits"},
		{"not on record", "ami-0ddddddddddddddd4", license.LinkImage, numbers{}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, t.TempDir())
			w.configure(vcpus(0))
			w.after(time.Minute)
			plan := launches(1, "m5.2xlarge")
			plan.Launches[0].Image = test.image
			world := w.record()
			world.Origins = map[license.ImageRef]license.Ancestor{
				{ID: second, Region: region}:     {ImageID: first, Region: "eu-west-1", Link: test.link},
				{ID: first, Region: "eu-west-1"}: {ImageID: vcpus(0).Associations[0].Value, Region: "eu-west-1", Link: license.LinkImage},
			}
			out, err := whatif.Simulate(world, plan, w.now)
			if err != nil {
				t.Fatal(err)
			}
			if test.row == "" {
				if len(out.Licenses) != 0 || out.Launches[0].Unlicensed != 1 {
					t.Errorf("outcome %+v", out)
				}
				return
			}
			e := out.Licenses[0]
			if of(e.After) != test.after {
				t.Errorf("after %v, want %v", of(e.After), test.after)
			}
			if got := rows(e.Changes); len(got) != 1 || got[0] != test.row {
				t.Errorf("rows %q, want %q", got, test.row)
			}
		})
	}
}
