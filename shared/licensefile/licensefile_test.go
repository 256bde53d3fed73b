package licensefile_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"licenseguard/shared/license"
	"licenseguard/shared/licensefile"
)

func read(text string) error {
	_, err := licensefile.Read([]byte(text), "123456789012", "us-east-1")
	return err
}

func TestMistakesAreNamed(t *testing.T) {
	t.Parallel()
	one := func(fields string) string {
		return "licenses:\n  - {name: A, countingType: Instance, " + fields + "}\n"
	}
	tests := []struct{ name, text, want string }{
		{"half a license", one("licenseCount: 1.5"), `license 1 ("A"): licenseCount is "1.5": give a whole number`},
		{"more than a number holds", one("licenseCount: 99999999999999999999"), `licenseCount is "99999999999999999999"`},
		{"a negative count", one("licenseCount: -1"), "give 0 to 1,000,000,000"},
		{"no actions", one("licenseCount: 1, enforcement: {actionsPerHour: 0}"), "mode observe acts on nothing"},
		{"half an action", one("licenseCount: 1, enforcement: {actionsPerHour: 0.5}"), "enforcement.actionsPerHour"},
		{"half a threshold", one("licenseCount: 1, thresholds: [79.5]"), "thresholds"},
		{"yes", one("hardLimit: yes"), "expected true or false"},
		{"a second document", one("licenseCount: 1") + "---\n" + one("licenseCount: 2"), "more than one document"},
		{"no text", "licenses:\n  - {name: \"A\xff\"}\n", "not UTF-8"},
		{"deep brackets", "licenses: " + strings.Repeat("[", 100_000), "nested more than"},
		{"deep dashes", "licenses:\n" + strings.Repeat("- ", 100_000), "nested more than"},
		{"a name that turns the writing", "licenses:\n  - {name: \"A\u202e\", countingType: Instance}\n", "printable"},
		{"a key of a tag is no pattern", one("associations: [{tag: \"*\"}]"), "only the value may hold"},
		{"an alias that is no ARN", one("associations: [{licenseConfiguration: lic-1}]"), "give the ARN of a license configuration"},
		{"two things at once", one("associations: [{ami: ami-1, tag: a}]"), "each entry names one of"},
		{"a tag too long", one("tags: {a: " + strings.Repeat("x", 257) + "}"), "tags"},
		{"half a grace", one("enforcement: {grace: 3 days}"), `enforcement.grace is "3 days": give a time such as`},
		{"a grace of months", one("enforcement: {grace: 721h}"), `enforcement.grace is "721h0m0s": give 0s to 720h`},
		{"hours without a zone", one("enforcement: {hours: Mon-Fri 08:00-18:00}"), "give days, times and a zone"},
		{"hours in no zone", one("enforcement: {hours: Mon-Fri 08:00-18:00 Europe/Nowhere}"), "name a zone"},
		{"hours over midnight", one("enforcement: {hours: Fri 22:00-06:00 UTC}"), "the earlier first"},
		{"hours on no day", one("enforcement: {hours: Weekdays 08:00-18:00 UTC}"), "the days are Mon"},
		{"a policy that is none", one("enforcement: {autoScaling: terminate}"), `enforcement.autoScaling is "terminate": it is alert, detach or lower`},
		{"told again at once", one("enforcement: {escalateAfter: 0s}"), `enforcement.escalateAfter is "0s": give 1h to 720h`},
		{"told again too soon", one("enforcement: {escalateAfter: 59m}"), "give 1h to 720h"},
		{"tags that may exempt", one("enforcement: {tagsExempt: sometimes}"), "expected true or false"},
		{"an action misspelt", one("enforcement: {autoscaling: alert}"), "autoscaling"},
		{"a product of no kind", one("products: [{filters: [{name: Application Name, comparator: EQUALS, values: [x]}]}]"), `products[0].resourceType is ""`},
		{"a filter misspelt", one("products: [{resourceType: SSM_MANAGED, filters: [{name: Application, comparator: EQUALS, values: [x]}]}]"), "the filters of SSM_MANAGED are Application Name"},
		{"values that are none", one("products: [{resourceType: SSM_MANAGED, filters: [{name: Application Name, comparator: EQUALS, values: {a: b}}]}]"), "values"},
		{"a value that is none", one("products: [{resourceType: SSM_MANAGED, filters: [{name: Application Name, comparator: EQUALS, values: [[a]]}]}]"), "expected text"},
		{"found no more", one("disassociateWhenNotFound: perhaps"), "expected true or false"},
		{"a setting that is none", one("tags: {'licenseguard:gracee': 1h}"), "there is no such setting; they are licenseguard:on-violation"},
		{"a setting with a bad value", one("tags: {'licenseguard:grace': soon}"), `tags["licenseguard:grace"] is "soon"`},
		{"a tag of AWS", one("tags: {'aws:x': y}"), "belong to AWS"},
		{"a setting given twice", one("tags: {'licenseguard:grace': 2h}, enforcement: {grace: 1h}"),
			`license 1 ("A"): enforcement.grace is "1h": the tag licenseguard:grace says "2h"; give one of the two, or the same in both`},
		{"false is given, too", one("tags: {'licenseguard:tags-exempt': 'true'}, enforcement: {tagsExempt: false}"), `enforcement.tagsExempt is "false"`},
		{"no mode and stop", one("tags: {'licenseguard:on-violation': stop}, enforcement: {mode: observe}"), `enforcement.mode is "notify": the tag licenseguard:on-violation says "stop"`},
		{"hours twice", one("tags: {'licenseguard:hours': always}, enforcement: {hours: Mon 08:00-18:00 UTC}"), "enforcement.hours"},
		{"policies twice", one("tags: {'licenseguard:auto-scaling': lower}, enforcement: {autoScaling: alert}"), "enforcement.autoScaling"},
		{"actions twice", one("tags: {'licenseguard:actions-per-hour': '3'}, enforcement: {actionsPerHour: 4}"), "enforcement.actionsPerHour"},
		{"settle twice", one("tags: {'licenseguard:settle': 3m}, enforcement: {settle: 2m}"), "enforcement.settle"},
		{"escalation twice", one("tags: {'licenseguard:escalate-after': 3h}, enforcement: {escalateAfter: 24h}"), "enforcement.escalateAfter"},
		{"restarts twice", one("tags: {'licenseguard:restart-grace': 3m}, enforcement: {restartGrace: 15m}"), "enforcement.restartGrace"},
		{"thresholds twice", one("tags: {'licenseguard:alert-at': 80 90}, thresholds: [80, 90, 100]"), `thresholds is "80 90 100"`},
		{"escapes in what is shown", "licenses: \"\x1b[31m\"\n", "licenses"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := read(tt.text)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.ContainsRune(err.Error(), 0x1b) {
				t.Errorf("error %q, want one that says %q", err, tt.want)
			}
		})
	}
}

func TestNumbersAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{"32": 32, "32   # a comment": 32, "'32'": 32, "010": 10, "": -1, "~": -1} {
		got, err := licensefile.Read([]byte("\xef\xbb\xbf---\nlicenses:\n  - name: A\n    countingType: Instance\n    licenseCount: "+text+"\n"), "123456789012", "us-east-1")
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got[0].Count == nil {
			if want != -1 {
				t.Errorf("%q: no count, want %d", text, want)
			}
		} else if *got[0].Count != want {
			t.Errorf("%q: %d, want %d", text, *got[0].Count, want)
		}
	}
}

func TestEnforcementIsRead(t *testing.T) {
	t.Parallel()
	hours, err := license.ParseHours("Mon-Fri 08:00-18:00 Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]license.Enforcement{
		"": {Mode: license.Observe, ActionsPerHour: 10, Settle: 2 * time.Minute, AutoScaling: license.AutoScalingAlert, EscalateAfter: 24 * time.Hour, RestartGrace: 15 * time.Minute},
		`, enforcement: {mode: stop, actionsPerHour: 3, settle: 5m, grace: 48h, hours: Mon-Fri 08:00-18:00 Europe/Berlin,
      autoScaling: detach, escalateAfter: 72h, tagsExempt: true, restartGrace: 0s}`: {Mode: license.Stop, ActionsPerHour: 3, Settle: 5 * time.Minute,
			Grace: 48 * time.Hour, Hours: hours, AutoScaling: license.AutoScalingDetach, EscalateAfter: 72 * time.Hour, TagsExempt: true},
	} {
		got, err := licensefile.Read([]byte("licenses:\n  - {name: A, countingType: Instance, licenseCount: 1, hardLimit: true"+text+"}\n"), "123456789012", "us-east-1")
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if diff := cmp.Diff(want, got[0].Enforcement); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

// TestTagsOfAFileAreSettings: as the API takes them, and beside fields that say the
// same or something else.
func TestTagsOfAFileAreSettings(t *testing.T) {
	t.Parallel()
	got, err := licensefile.Read([]byte(`licenses:
  - name: A
    countingType: Instance
    licenseCount: 1
    tags:
      owner: me
      licenseguard:on-violation: stop
      licenseguard:hours: Sat+Sun 08:00-18:00 UTC
      licenseguard:alert-at: 90 50
      licenseguard:associate-tag: Software=oracle@.
    associations:
      - ami: ami-1
      - tag: "Software=oracle*"
      - licenseConfiguration: arn:aws:license-manager:us-east-1:123456789012:license-configuration/lic-0
    thresholds: [90, 50]
    enforcement: {mode: stop, grace: 48h, hours: "Sat,Sun 08:00-18:00 UTC"}
`), "123456789012", "us-east-1")
	if err != nil {
		t.Fatal(err)
	}
	e, c := license.DefaultEnforcement(), got[0]
	e.Mode, e.Grace = license.Stop, 48*time.Hour
	if e.Hours, err = license.ParseHours("Sat+Sun 08:00-18:00 UTC"); err != nil {
		t.Fatal(err)
	}
	for what, diff := range map[string]string{
		"enforcement": cmp.Diff(e, c.Enforcement),
		"thresholds":  cmp.Diff([]int{50, 90}, c.Thresholds),
		"associations": cmp.Diff([]license.Association{{Kind: license.ByAMI, Value: "ami-1"}, {Kind: license.ByTag, Value: "Software=oracle*"},
			{Kind: license.BySpecification, Value: "arn:aws:license-manager:us-east-1:123456789012:license-configuration:lic-0"}}, c.Associations),
		"tags": cmp.Diff("me", c.Tags["owner"]),
	} {
		if diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	if len(c.Tags) != 5 {
		t.Errorf("tags %v", c.Tags)
	}
}

func TestProductsAreRead(t *testing.T) {
	t.Parallel()
	got, err := licensefile.Read([]byte(`licenses:
  - name: A
    countingType: Instance
    products:
      - resourceType: SSM_MANAGED
        filters:
          - {name: Application Name, comparator: EQUALS, values: ["Microsoft SQL Server 2019 (64-bit)"]}
          - {name: Application Version, comparator: EQUALS, values: [15.0, 010, 2019 R2]}
          - name: "Tag:Environment"
            comparator: NOT_EQUALS
          - name: AccountId
            comparator: NOT_EQUALS
            values:
              - 012345678901   # not read as a number
    disassociateWhenNotFound: true
`), "123456789012", "us-east-1")
	if err != nil {
		t.Fatal(err)
	}
	want := []license.Product{{ResourceType: license.SSMManaged, Filters: []license.ProductFilter{
		{Name: "Application Name", Comparator: license.Equals, Values: []string{"Microsoft SQL Server 2019 (64-bit)"}},
		{Name: "Application Version", Comparator: license.Equals, Values: []string{"15.0", "010", "2019 R2"}},
		{Name: "Tag:Environment", Comparator: license.NotEquals},
		{Name: "AccountId", Comparator: license.NotEquals, Values: []string{"012345678901"}},
	}}}
	if diff := cmp.Diff(want, got[0].Products); diff != "" || !got[0].DisassociateWhenNotFound {
		t.Errorf("%t (-want +got):\n%s", got[0].DisassociateWhenNotFound, diff)
	}
}
