package licensefile_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"licenseguard/shared/license"
	"licenseguard/shared/licensefile"
)

var writeTime = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// TestWriteReadsBack: whatever a person set, amending the license by what was written
// and read back changes nothing but who did it and when.
func TestWriteReadsBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var present []license.Configuration
		for n := range rapid.IntRange(1, 3).Draw(t, "licenses") {
			present = append(present, drawConfiguration(t, n))
		}
		now := writeTime.Add(time.Hour)
		text := licensefile.Write(present, now)
		read, err := licensefile.Read(text, "123456789012", "us-east-1")
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		read, err = licensefile.Resolve(read, present, nil, "123456789012", "us-east-1")
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		for i := range present {
			got, err := license.Amend(&present[i], read[i], now, "ann")
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			if diff := cmp.Diff(present[i], got, cmp.AllowUnexported(license.Hours{}), cmp.FilterPath(func(p cmp.Path) bool {
				return p.Last().String() == ".UpdatedAt"
			}, cmp.Ignore())); diff != "" {
				t.Fatalf("%s\n%s", diff, text)
			}
		}
	})
}

var (
	words   = rapid.StringOf(rapid.RuneFrom([]rune("aZ09 -_#:'\"\\{}[],&*!|>%@`~?=.<é漢😀")))
	anyText = rapid.OneOf(words, rapid.SampledFrom([]string{"true", "NO", "null", "~", "1e3", "0x10", "010", "- a", "a: b", "# no", "12:30", ".inf", "=", "<<", "2026-01-01"}))
)

func drawConfiguration(t *rapid.T, n int) license.Configuration {
	c := license.Configuration{
		ID: "lic-" + string(rune('a'+n)) + "1", Name: "x" + anyText.Draw(t, "name"), Description: anyText.Draw(t, "description"),
		CountingType: license.CountVCPU, Tags: map[string]string{}, DisassociateWhenNotFound: rapid.Bool().Draw(t, "disassociate"),
		ARN: "arn:aws:license-manager:us-east-1:123456789012:license-configuration:lic-" + string(rune('a'+n)) + "1",
	}
	for key := range rapid.MapOfN(words.Filter(func(s string) bool { return s != "" && len(s) < 100 }), rapid.Bool(), 0, 3).Draw(t, "tags") {
		c.Tags["k"+key] = anyText.Filter(func(s string) bool { return len(s) < 200 }).Draw(t, "value")
	}
	if len(c.Tags) == 0 {
		c.Tags = nil
	}
	if rapid.Bool().Draw(t, "limited") {
		c.Count, c.HardLimit = new(rapid.Int64Range(0, license.MaximumCount).Draw(t, "count")), rapid.Bool().Draw(t, "hard")
	}
	c.Status = rapid.SampledFrom([]license.Status{license.Available, license.Disabled}).Draw(t, "status")
	if rapid.Bool().Draw(t, "expires") {
		c.Expiry = writeTime.Add(time.Duration(rapid.Int64Range(1, 1e9).Draw(t, "expiry")) * time.Millisecond)
	}
	for i := range rapid.IntRange(1, 3).Draw(t, "versions") { // the last may be to come
		from := writeTime.Add(time.Duration(i) * 40 * time.Minute)
		c.Rules = append(c.Rules, license.RuleVersion{Effective: from, Text: rapid.SampledFrom([][]string{
			{}, {"#honorVcpuOptimization=True"}, {"#minimumVcpus=2", "#allowedTenancy=EC2-Default,EC2-DedicatedInstance"}, {"#unitsPerLicense=2"},
		}).Draw(t, "rules")})
	}
	for range rapid.IntRange(0, 3).Draw(t, "associations") {
		a := rapid.SampledFrom([]license.Association{{Kind: license.ByAMI, Value: "ami-0123456789abcdef0"}, {Kind: license.ByLaunchTemplate, Value: "lt-0123456789abcdef0"},
			{Kind: license.ByInstance, Value: "i-0123456789abcdef0"}, {Kind: license.ByHost, Value: "h-0123456789abcdef0"},
			{Kind: license.BySpecification, Value: "arn:aws:license-manager:us-east-1:123456789012:license-configuration:lic-0123456789abcdef0123456789abcdef"},
			{Kind: license.ByTag, Value: "Software=" + words.Filter(func(s string) bool { return len(s) < 100 }).Draw(t, "pattern")}}).Draw(t, "association")
		a.Since = writeTime
		c.Associations = append(c.Associations, a)
	}
	for range rapid.IntRange(0, 2).Draw(t, "products") {
		c.Products = append(c.Products, license.Product{ResourceType: "SSM_MANAGED",
			Filters: []license.ProductFilter{{Name: "Application Name", Comparator: "EQUALS", Values: []string{"15", "x" + anyText.Draw(t, "software")}}}})
	}
	c.Enforcement = license.Enforcement{Mode: rapid.SampledFrom([]license.Mode{license.Observe, license.Tag, license.Stop}).Draw(t, "mode"),
		Settle: rapid.SampledFrom([]time.Duration{0, license.DefaultSettle, time.Hour}).Draw(t, "settle"), RestartGrace: license.DefaultRestartGrace,
		Grace: time.Duration(rapid.IntRange(0, 100).Draw(t, "grace")) * time.Minute, TagsExempt: rapid.Bool().Draw(t, "exempt"),
		ActionsPerHour: rapid.IntRange(1, 1000).Draw(t, "actions")}
	if rapid.Bool().Draw(t, "hours") {
		c.Enforcement.Hours, _ = license.ParseHours("Mon-Fri 08:00-18:00 Europe/Berlin")
	}
	c.Vendor = rapid.SampledFrom([]string{"", "Oracle", "yes", `=1 "x"`}).Draw(t, "vendor")
	c.Thresholds = rapid.SampledFrom([][]int{nil, {}, {50}, {1, 80}}).Draw(t, "thresholds")
	c.UpdatedBy, c.TightenedAt, c.AnswersFrom = "ann", writeTime, writeTime
	c, err := c.Normalized()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestWriteSaysWhatComes: the file holds the rules to come, and the present ones as
// a comment.
func TestWriteSaysWhatComes(t *testing.T) {
	t.Parallel()
	c, err := license.Configuration{ID: "lic-1", Name: "A b", CountingType: license.CountVCPU, Count: new(int64(3)), Rules: []license.RuleVersion{
		{Effective: writeTime, Text: []string{"#minimumVcpus=2"}}, {Effective: writeTime.Add(24 * time.Hour), Text: []string{"#minimumVcpus=4"}}}}.Normalized()
	if err != nil {
		t.Fatal(err)
	}
	want := `licenses:
  - id: lic-1
    name: A b
    countingType: vCPU
    licenseCount: 3
    # in force until then: #minimumVcpus=2
    rulesFrom: "2026-11-23T09:00:00Z"
    rules:
      - "#minimumVcpus=4"
    enforcement:
      settle: 0s
      restartGrace: 0s
`
	if diff := cmp.Diff(want, string(licensefile.Write([]license.Configuration{c}, writeTime))); diff != "" {
		t.Error(diff)
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	const account, region = "123456789012", "us-east-1"
	of := func(id, name string) license.Configuration { return license.Configuration{ID: id, Name: name} }
	derived, next := licensefile.IDOf(account, region, "A"), licensefile.IDOf(account, region, "A/2")
	for name, tt := range map[string]struct {
		wanted, present, deleted []license.Configuration
		want, err                string
	}{
		"new":                       {wanted: []license.Configuration{of(derived, "A")}, want: derived},
		"of that name, by others":   {wanted: []license.Configuration{of(derived, "A")}, present: []license.Configuration{of("lic-9", "A")}, want: "lic-9"},
		"of that name, twice":       {wanted: []license.Configuration{of(derived, "A")}, present: []license.Configuration{of("lic-8", "A"), of("lic-9", "A")}, err: "lic-8, lic-9"},
		"of that name, one our own": {wanted: []license.Configuration{of(derived, "A")}, present: []license.Configuration{of("lic-8", "A"), of(derived, "A")}, want: derived},
		"renamed by others":         {wanted: []license.Configuration{of(derived, "A")}, present: []license.Configuration{of(derived, "B")}, want: derived},
		"deleted":                   {wanted: []license.Configuration{of(derived, "A")}, deleted: []license.Configuration{of(derived, "A")}, want: next},
		"deleted, made again":       {wanted: []license.Configuration{of(derived, "A")}, deleted: []license.Configuration{of(derived, "A")}, present: []license.Configuration{of(next, "A")}, want: next},
		"deleted by its id":         {wanted: []license.Configuration{of("lic-7", "A")}, deleted: []license.Configuration{of("lic-7", "A")}, err: "never used again"},
		"given":                     {wanted: []license.Configuration{of("lic-7", "A")}, present: []license.Configuration{of("lic-9", "A")}, want: "lic-7"},
		"given, and by name":        {wanted: []license.Configuration{of("lic-9", "B"), of(derived, "A")}, present: []license.Configuration{of("lic-9", "A")}, err: `and so is "B"`},
	} {
		got, err := licensefile.Resolve(tt.wanted, tt.present, tt.deleted, account, region)
		switch {
		case tt.err != "":
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: got %v, %v", name, got, err)
			}
		case err != nil || got[0].ID != tt.want:
			t.Errorf("%s: got %v, %v, want %s", name, got, err, tt.want)
		}
	}
}
