package license_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"licenseguard/shared/license"
)

func count(n int64) *int64 { return &n }

func valid() license.Configuration {
	return license.Configuration{
		ID: "lic-0123456789abcdef0123456789abcdef", Name: "SQL Server", CountingType: license.CountVCPU, Count: count(10), HardLimit: true,
		Rules: []license.RuleVersion{{Text: []string{"minimumVcpus=2"}}}, Tags: map[string]string{"owner": "=me"},
		Enforcement: license.Enforcement{Mode: license.Stop, Settle: time.Minute},
	}
}

func TestNormalizedFillsDefaultsIn(t *testing.T) {
	t.Parallel()
	given := license.Configuration{ID: "lic-1", Name: "n", CountingType: license.CountInstance}
	got, err := given.Normalized()
	if err != nil {
		t.Fatal(err)
	}
	want := license.Configuration{
		ID: "lic-1", Name: "n", CountingType: license.CountInstance, Status: license.Available, Thresholds: []int{80, 90, 100},
		Enforcement: license.Enforcement{Mode: license.Observe, ActionsPerHour: license.DefaultActionsPerHour,
			AutoScaling: license.AutoScalingAlert, EscalateAfter: license.DefaultEscalateAfter},
		Rules: []license.RuleVersion{{Text: []string{}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	again, err := got.Normalized()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, again); diff != "" {
		t.Errorf("normalized twice (-once +twice):\n%s", diff)
	}
}

func TestNormalizedKeepsItsInput(t *testing.T) {
	t.Parallel()
	given := valid()
	given.Thresholds = []int{90, 50, 90}
	got, err := given.Normalized()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{50, 90}, got.Thresholds); diff != "" {
		t.Errorf("thresholds (-want +got):\n%s", diff)
	}
	if got.Rules[0].Text[0] != "#minimumVcpus=2" || got.Rules[0].Rules.MinimumVCPUs != 2 {
		t.Errorf("rules are %+v", got.Rules[0])
	}
	if given.Thresholds[0] != 90 || given.Rules[0].Text[0] != "minimumVcpus=2" || given.Rules[0].Rules.MinimumVCPUs != 0 {
		t.Errorf("Normalized changed what it was given: %+v", given)
	}
}

func TestNormalizedRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*license.Configuration)
		want   []string
	}{
		{"id", func(c *license.Configuration) { c.ID = "x" }, []string{"id is", `"x"`, "lic-"}},
		{"no name", func(c *license.Configuration) { c.Name = " " }, []string{"name is"}},
		{"name with a line break", func(c *license.Configuration) { c.Name = "a\nb" }, []string{"name is", `a\nb`}},
		{"long name", func(c *license.Configuration) { c.Name = strings.Repeat("n", 257) }, []string{"name is", "256"}},
		{"long description", func(c *license.Configuration) { c.Description = strings.Repeat("n", 1025) }, []string{"description is", "1,024"}},
		{"counting type", func(c *license.Configuration) { c.CountingType = "vcpu" }, []string{"countingType is", `"vcpu"`, "vCPU or Core or Socket or Instance"}},
		{"negative count", func(c *license.Configuration) { c.Count = count(-1) }, []string{"licenseCount is", `"-1"`, "0 to"}},
		{"huge count", func(c *license.Configuration) { c.Count = count(license.MaximumCount + 1) }, []string{"licenseCount is", "1,000,000,000"}},
		{"hard limit without a count", func(c *license.Configuration) { c.Count = nil }, []string{"licenseCountHardLimit", "licenseCount"}},
		{"status", func(c *license.Configuration) { c.Status = "DELETED" }, []string{"status is", `"DELETED"`, "AVAILABLE or DISABLED"}},
		{"tags", func(c *license.Configuration) {
			c.Tags = make(map[string]string)
			for i := range 51 {
				c.Tags[fmt.Sprint(i)] = ""
			}
		}, []string{"tags is", "51", "50"}},
		{"associations", func(c *license.Configuration) { c.Associations = make([]license.Association, 501) }, []string{"associations is", "501", "500"}},
		{"association", func(c *license.Configuration) {
			c.Associations = []license.Association{{Kind: license.ByAMI, Value: "x"}}
		}, []string{"associations.ami is", `"x"`, "ami-"}},
		{"threshold of 0", func(c *license.Configuration) { c.Thresholds = []int{0} }, []string{"thresholds is", `"0"`, "1 to 100"}},
		{"threshold of 101", func(c *license.Configuration) { c.Thresholds = []int{50, 101} }, []string{"thresholds is", `"101"`}},
		{"mode", func(c *license.Configuration) { c.Enforcement.Mode = "kill" }, []string{"enforcement.mode is", `"kill"`, "observe, tag and stop"}},
		{"budget", func(c *license.Configuration) { c.Enforcement.ActionsPerHour = 1001 }, []string{"enforcement.actionsPerHour is", `"1001"`}},
		{"negative budget", func(c *license.Configuration) { c.Enforcement.ActionsPerHour = -1 }, []string{"enforcement.actionsPerHour is"}},
		{"settle", func(c *license.Configuration) { c.Enforcement.Settle = 25 * time.Hour }, []string{"enforcement.settle is", "25h"}},
		{"negative settle", func(c *license.Configuration) { c.Enforcement.Settle = -1 }, []string{"enforcement.settle is"}},
		{"grace", func(c *license.Configuration) { c.Enforcement.RestartGrace = 169 * time.Hour }, []string{"enforcement.restartGrace is", "168h"}},
		{"rule", func(c *license.Configuration) { c.Rules[0].Text = []string{"#minimumCores=2"} }, []string{"minimumCores", `"2"`, "not vCPU"}},
		{"stop where stopped instances count", func(c *license.Configuration) { c.Rules[0].Text = []string{"#includedStoppedInstances=True"} },
			[]string{"enforcement.mode is", `"stop"`, "includedStoppedInstances", "tag or observe"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := valid()
			tt.change(&c)
			_, err := c.Normalized()
			var field *license.FieldError
			var rule *license.RuleError
			if !errors.As(err, &field) && !errors.As(err, &rule) {
				t.Fatalf("error = %v, want a *FieldError or a *RuleError", err)
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("message %q does not say %q", err, part)
				}
			}
			if _, err := license.Amend(nil, c, t0, "me"); err == nil {
				t.Error("Amend accepts it")
			}
		})
	}
}

// amended returns the configuration that a person made at t0.
func amended(t *testing.T, change func(*license.Configuration)) license.Configuration {
	t.Helper()
	c := valid()
	if change != nil {
		change(&c)
	}
	got, err := license.Amend(nil, c, t0, "me")
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestAmendNew(t *testing.T) {
	t.Parallel()
	given := valid()
	given.Associations = []license.Association{{Kind: license.ByAMI, Value: "ami-1"}, {Kind: license.ByAMI, Value: "ami-2", Since: t0.Add(-time.Hour)}}
	given.Rules = []license.RuleVersion{{Effective: t0.Add(time.Hour), Text: []string{"#minimumVcpus=4"}}, {Text: []string{"#minimumVcpus=2"}}}
	now := t0.Add(123456 * time.Nanosecond).In(time.FixedZone("x", 3600))
	got, err := license.Amend(nil, given, now, "me")
	if err != nil {
		t.Fatal(err)
	}
	if !given.Associations[0].Since.IsZero() || !given.Rules[1].Effective.IsZero() {
		t.Error("Amend changed what it was given")
	}
	for _, a := range got.Associations {
		if !a.Since.Equal(t0) {
			t.Errorf("association %s is since %s, want %s: it begins when it is made", a.Value, a.Since, t0)
		}
	}
	if !got.UpdatedAt.Equal(t0) || got.UpdatedBy != "me" || !got.TightenedAt.Equal(t0) || !got.AnswersFrom.Equal(t0) {
		t.Errorf("updated %s by %s, tightened %s, answers from %s", got.UpdatedAt, got.UpdatedBy, got.TightenedAt, got.AnswersFrom)
	}
	if rules, version := got.RulesAt(t0); rules.MinimumVCPUs != 2 || version != 1 {
		t.Errorf("version %d with %+v is in force at first", version, rules)
	}
	if rules, version := got.RulesAt(t0.Add(time.Hour)); rules.MinimumVCPUs != 4 || version != 2 {
		t.Errorf("version %d with %+v is in force an hour later", version, rules)
	}
	if next := got.NextChange(t0); !next.Equal(t0.Add(time.Hour)) {
		t.Errorf("next change at %s", next)
	}
	if next := got.NextChange(t0.Add(time.Hour)); !next.IsZero() {
		t.Errorf("then another change at %s", next)
	}
}

func TestAmendRefuses(t *testing.T) {
	t.Parallel()
	past := t0.Add(-time.Second)
	if _, err := license.Amend(nil, func() license.Configuration {
		c := valid()
		c.Rules[0].Effective = past
		return c
	}(), t0, "me"); err == nil || !strings.Contains(err.Error(), "never in the past") {
		t.Errorf("new rules in the past: error %v", err)
	}
	tests := []struct {
		name   string
		change func(*license.Configuration)
		want   string
	}{
		{"counting type", func(c *license.Configuration) { c.CountingType = license.CountInstance }, "make a new configuration"},
		{"rules in the past", func(c *license.Configuration) {
			c.Rules = append(c.Rules, license.RuleVersion{Effective: t0.Add(time.Minute), Text: []string{"#minimumVcpus=3"}})
		}, "never in the past"},
		{"history rewritten", func(c *license.Configuration) { c.Rules[0].Text = []string{"#minimumVcpus=3"} }, "never in the past"},
		{"stop with stopped instances counted from now on", func(c *license.Configuration) {
			c.Rules = []license.RuleVersion{{Text: []string{"#includedStoppedInstances=True"}}}
		}, "includedStoppedInstances"},
		{"stop with stopped instances counted for a while later", func(c *license.Configuration) {
			c.Rules = append(c.Rules,
				license.RuleVersion{Effective: t0.Add(2 * time.Hour), Text: []string{"#includedStoppedInstances=True"}},
				license.RuleVersion{Effective: t0.Add(3 * time.Hour), Text: []string{"#includedStoppedInstances=False"}})
		}, "includedStoppedInstances"},
		{"bad rule", func(c *license.Configuration) {
			c.Rules = []license.RuleVersion{{Text: []string{"#minimumVcpus=x"}}}
		}, "minimumVcpus"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			old := amended(t, nil)
			wanted := old
			wanted.Rules = append([]license.RuleVersion(nil), old.Rules...)
			tt.change(&wanted)
			_, err := license.Amend(&old, wanted, t0.Add(time.Hour), "you")
			var field *license.FieldError
			var rule *license.RuleError
			if !errors.As(err, &field) && !errors.As(err, &rule) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want one that says %q", err, tt.want)
			}
		})
	}
}

func TestAmendTightens(t *testing.T) {
	t.Parallel()
	now := t0.Add(time.Hour)
	expired := now.Add(-time.Minute)
	tests := []struct {
		name      string
		old       func(*license.Configuration)
		change    func(*license.Configuration)
		tightened bool
		otherwise bool // and overruns that are there get another answer
	}{
		{name: "nothing", change: func(*license.Configuration) {}},
		{name: "name, tags, thresholds", change: func(c *license.Configuration) { c.Name, c.Tags, c.Thresholds = "x", nil, []int{50} }},
		{name: "higher count", change: func(c *license.Configuration) { c.Count = count(11) }},
		{name: "no count any more", change: func(c *license.Configuration) { c.Count, c.HardLimit = nil, false }, tightened: true, otherwise: true},
		{name: "lower count", change: func(c *license.Configuration) { c.Count = count(9) }, tightened: true},
		{name: "a count at last", old: func(c *license.Configuration) { c.Count, c.HardLimit = nil, false }, change: func(c *license.Configuration) { c.Count = count(9) }, tightened: true},
		{name: "other rules", change: func(c *license.Configuration) {
			c.Rules = []license.RuleVersion{{Text: []string{"#minimumVcpus=4"}}}
		}, tightened: true},
		{name: "rules announced", change: func(c *license.Configuration) {
			c.Rules = append(c.Rules, license.RuleVersion{Effective: now.Add(time.Hour), Text: []string{"#minimumVcpus=4"}})
		}, tightened: true},
		{name: "the same rules again", change: func(c *license.Configuration) {
			c.Rules = []license.RuleVersion{{Text: []string{"#minimumVcpus=2"}}}
		}},
		{name: "a product", change: func(c *license.Configuration) { c.Products = []license.Product{software()} }, tightened: true},
		{name: "another product", old: func(c *license.Configuration) { c.Products = []license.Product{software()} },
			change: func(c *license.Configuration) {
				p := software()
				p.Filters[0].Values = []string{"SQL Server 2022"}
				c.Products = []license.Product{p}
			}, tightened: true},
		{name: "the same products in another order", old: func(c *license.Configuration) {
			c.Products = []license.Product{software(), software("Platform Type", license.Equals, "Linux")}
		}, change: func(c *license.Configuration) {
			c.Products = []license.Product{software("Platform Type", license.Equals, "Linux"), software()}
		}},
		{name: "a product less", old: func(c *license.Configuration) { c.Products = []license.Product{software()} },
			change: func(c *license.Configuration) { c.Products = nil }},
		{name: "hard limit", old: func(c *license.Configuration) { c.HardLimit = false }, change: func(c *license.Configuration) { c.HardLimit = true }, tightened: true, otherwise: true},
		{name: "soft limit", change: func(c *license.Configuration) { c.HardLimit = false }, tightened: true, otherwise: true},
		{name: "mode", old: func(c *license.Configuration) { c.Enforcement.Mode = license.Observe }, change: func(c *license.Configuration) { c.Enforcement.Mode = license.Stop }, tightened: true, otherwise: true},
		{name: "status", change: func(c *license.Configuration) { c.Status = license.Disabled }, tightened: true, otherwise: true},
		{name: "an association more", change: func(c *license.Configuration) {
			c.Associations = append(slices.Clone(c.Associations), license.Association{Kind: license.ByTag, Value: "Software=new"})
		}, tightened: true},
		{name: "an association less", change: func(c *license.Configuration) { c.Associations = nil }},
		{name: "budget and settle window", change: func(c *license.Configuration) { c.Enforcement.ActionsPerHour, c.Enforcement.Settle = 1, 0 }},
		{name: "ended", change: func(c *license.Configuration) { c.Expiry = expired }, tightened: true, otherwise: true},
		{name: "prolonged after the end", old: func(c *license.Configuration) { c.Expiry = expired }, change: func(c *license.Configuration) { c.Expiry = time.Time{} }, tightened: true, otherwise: true},
		{name: "prolonged in time", old: func(c *license.Configuration) { c.Expiry = now.Add(time.Hour) }, change: func(c *license.Configuration) { c.Expiry = now.Add(2 * time.Hour) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			old := amended(t, tt.old)
			wanted := old
			wanted.Rules = append([]license.RuleVersion(nil), old.Rules...)
			tt.change(&wanted)
			got, err := license.Amend(&old, wanted, now, "you")
			if err != nil {
				t.Fatal(err)
			}
			when := func(changed bool) time.Time {
				if changed {
					return now
				}
				return t0
			}
			if !got.TightenedAt.Equal(when(tt.tightened)) {
				t.Errorf("tightened at %s, want %s", got.TightenedAt, when(tt.tightened))
			}
			if !got.AnswersFrom.Equal(when(tt.otherwise)) {
				t.Errorf("answers from %s, want %s", got.AnswersFrom, when(tt.otherwise))
			}
			if !got.UpdatedAt.Equal(now) || got.UpdatedBy != "you" {
				t.Errorf("updated at %s by %s", got.UpdatedAt, got.UpdatedBy)
			}
		})
	}
}

func TestAmendMergesVersions(t *testing.T) {
	t.Parallel()
	rules := func(n int) []string { return []string{fmt.Sprintf("#minimumVcpus=%d", n)} }
	at := func(hours int) time.Time { return t0.Add(time.Duration(hours) * time.Hour) }
	v := func(hours, n int) license.RuleVersion {
		return license.RuleVersion{Effective: at(hours), Text: rules(n)}
	}
	tests := []struct {
		name   string
		old    []license.RuleVersion // from t0 on
		now    int                   // hours after t0
		wanted []license.RuleVersion
		want   []license.RuleVersion
	}{
		{"the history is kept", []license.RuleVersion{v(0, 2)}, 5, []license.RuleVersion{{Text: rules(3)}}, []license.RuleVersion{v(0, 2), v(5, 3)}},
		{"the same is no version", []license.RuleVersion{v(0, 2)}, 5, []license.RuleVersion{{Text: rules(2)}}, []license.RuleVersion{v(0, 2)}},
		{"an echo of all changes nothing", []license.RuleVersion{v(0, 2), v(3, 4), v(9, 5)}, 5, []license.RuleVersion{v(0, 2), v(3, 4), v(9, 5)}, []license.RuleVersion{v(0, 2), v(3, 4), v(9, 5)}},
		{"an announced version is withdrawn", []license.RuleVersion{v(0, 2), v(9, 5)}, 5, []license.RuleVersion{{Text: rules(2)}}, []license.RuleVersion{v(0, 2)}},
		{"an announced version is replaced", []license.RuleVersion{v(0, 2), v(9, 5)}, 5, []license.RuleVersion{v(9, 6)}, []license.RuleVersion{v(0, 2), v(9, 6)}},
		{"announced beside a new one", []license.RuleVersion{v(0, 2)}, 5, []license.RuleVersion{v(9, 5), {Text: rules(3)}}, []license.RuleVersion{v(0, 2), v(5, 3), v(9, 5)}},
		{"announced beside the same", []license.RuleVersion{v(0, 2)}, 5, []license.RuleVersion{v(9, 5), {Text: rules(2)}}, []license.RuleVersion{v(0, 2), v(9, 5)}},
		{"back to older rules is a version", []license.RuleVersion{v(0, 2), v(3, 4)}, 5, []license.RuleVersion{{Text: rules(2)}}, []license.RuleVersion{v(0, 2), v(3, 4), v(5, 2)}},
		{"twice at one instant", []license.RuleVersion{v(0, 2)}, 0, []license.RuleVersion{{Text: rules(3)}}, []license.RuleVersion{v(0, 2), v(0, 3)}},
		{"an echo of that", []license.RuleVersion{v(0, 2), v(0, 3)}, 1, []license.RuleVersion{v(0, 2), v(0, 3)}, []license.RuleVersion{v(0, 2), v(0, 3)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			old := amended(t, func(c *license.Configuration) { c.Rules = tt.old })
			wanted := old
			wanted.Rules = tt.wanted
			got, err := license.Amend(&old, wanted, at(tt.now), "you")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got.Rules, cmpopts.IgnoreFields(license.RuleVersion{}, "Rules")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, v := range got.Rules {
				if v.Rules.MinimumVCPUs == 0 {
					t.Errorf("version %v is not parsed", v)
				}
			}
		})
	}
}

func TestAmendForgivesHistory(t *testing.T) {
	t.Parallel()
	old := amended(t, func(c *license.Configuration) {
		c.Enforcement.Mode = license.Observe
		c.Rules[0].Text = []string{"#includedStoppedInstances=True"}
	})
	wanted := old
	wanted.Rules = []license.RuleVersion{{Text: []string{}}}
	next, err := license.Amend(&old, wanted, t0.Add(time.Hour), "me")
	if err != nil {
		t.Fatal(err)
	}
	next.Enforcement.Mode = license.Stop
	if _, err := license.Amend(&next, next, t0.Add(2*time.Hour), "me"); err != nil {
		t.Errorf("stop is refused for rules that are not in force any more: %v", err)
	}
	if _, err := next.Normalized(); err != nil {
		t.Errorf("and cannot be read back: %v", err)
	}
}

func TestAmendAssociations(t *testing.T) {
	t.Parallel()
	old := amended(t, func(c *license.Configuration) {
		c.Associations = []license.Association{{Kind: license.ByAMI, Value: "ami-1"}, {Kind: license.ByTag, Value: "a=b"}}
	})
	wanted := old
	wanted.Associations = []license.Association{{Kind: license.ByAMI, Value: "ami-2", Since: t0}, {Kind: license.ByAMI, Value: "ami-1"}}
	got, err := license.Amend(&old, wanted, t0.Add(time.Hour), "me")
	if err != nil {
		t.Fatal(err)
	}
	want := []license.Association{
		{Kind: license.ByAMI, Value: "ami-2", Since: t0.Add(time.Hour)}, // new: it begins now, whatever was wished
		{Kind: license.ByAMI, Value: "ami-1", Since: t0},
	}
	if diff := cmp.Diff(want, got.Associations); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCountAt(t *testing.T) {
	t.Parallel()
	c := license.Configuration{Count: count(10), Expiry: launch}
	for _, tt := range []struct {
		at   time.Time
		want int64
	}{{launch.Add(-1), 10}, {launch, 0}, {launch.Add(time.Hour), 0}} {
		if got, ok := c.CountAt(tt.at); got != tt.want || !ok {
			t.Errorf("at %s: %d, %t; want %d", tt.at, got, ok, tt.want)
		}
	}
	if _, ok := (license.Configuration{Expiry: launch}).CountAt(launch); ok {
		t.Error("a configuration without a count has one after its end")
	}
	if got := c.NextChange(t0); !got.Equal(launch) {
		t.Errorf("next change at %s", got)
	}
}

func TestResourceID(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		id   string
		kind license.ResourceType
		arn  string
	}{
		{"i-1", license.EC2Instance, "arn:aws:ec2:us-east-1:123456789012:instance/i-1"},
		{"h-1", license.EC2Host, "arn:aws:ec2:us-east-1:123456789012:dedicated-host/h-1"},
		{"ami-1", license.EC2AMI, "arn:aws:ec2:us-east-1::image/ami-1"},
	} {
		r := license.NewResourceID("123456789012", "us-east-1", tt.id)
		if r.AWSID() != tt.id || r.Type() != tt.kind || r.ARN() != tt.arn {
			t.Errorf("%s: id %s, type %s, ARN %s", r, r.AWSID(), r.Type(), r.ARN())
		}
	}
	if account, region, id := license.ResourceID("nonsense").Parts(); account+region+id != "" {
		t.Errorf("nonsense has the parts %q %q %q", account, region, id)
	}
}
