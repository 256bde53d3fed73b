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
