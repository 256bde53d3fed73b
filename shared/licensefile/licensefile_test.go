package licensefile_test

import (
	"strings"
	"testing"

	"licenseguard/shared/licensefile"
)

func read(text string) error {
	_, err := licensefile.Read([]byte(text), "123456789012", "us-east-1")
	return err
}

func TestMistakesAreNamed(t *testing.T) {
	t.Parallel()
	license := func(fields string) string {
		return "licenses:\n  - {name: A, countingType: Instance, " + fields + "}\n"
	}
	tests := []struct{ name, text, want string }{
		{"half a license", license("licenseCount: 1.5"), `license 1 ("A"): licenseCount is "1.5": give a whole number`},
		{"more than a number holds", license("licenseCount: 99999999999999999999"), `licenseCount is "99999999999999999999"`},
		{"a negative count", license("licenseCount: -1"), "give 0 to 1,000,000,000"},
		{"no actions", license("licenseCount: 1, enforcement: {actionsPerHour: 0}"), "mode observe acts on nothing"},
		{"half an action", license("licenseCount: 1, enforcement: {actionsPerHour: 0.5}"), "enforcement.actionsPerHour"},
		{"half a threshold", license("licenseCount: 1, thresholds: [79.5]"), "thresholds"},
		{"yes", license("hardLimit: yes"), "expected true or false"},
		{"a second document", license("licenseCount: 1") + "---\n" + license("licenseCount: 2"), "more than one document"},
		{"no text", "licenses:\n  - {name: \"A\xff\"}\n", "not UTF-8"},
		{"deep brackets", "licenses: " + strings.Repeat("[", 100_000), "nested more than"},
		{"deep dashes", "licenses:\n" + strings.Repeat("- ", 100_000), "nested more than"},
		{"a name that turns the writing", "licenses:\n  - {name: \"A\u202e\", countingType: Instance}\n", "printable"},
		{"a key of a tag is no pattern", license("associations: [{tag: \"*\"}]"), "only the value may hold"},
		{"a tag too long", license("tags: {a: " + strings.Repeat("x", 257) + "}"), "tags"},
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
