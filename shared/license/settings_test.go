package license_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"licenseguard/shared/license"
)

func hours(t *testing.T, text string) license.Hours {
	t.Helper()
	h, err := license.ParseHours(text)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// full has another value than the default in everything that a tag sets.
func full(t *testing.T) (license.Configuration, map[string]string) {
	c := license.Configuration{
		Enforcement: license.Enforcement{Mode: license.Stop, Grace: 48 * time.Hour, Settle: 90 * time.Second, Hours: hours(t, "Mon-Thu+Sat 08:00-18:00 Europe/Berlin"),
			ActionsPerHour: 3, AutoScaling: license.AutoScalingDetach, EscalateAfter: 72 * time.Hour, RestartGrace: 0, TagsExempt: true},
		Thresholds: []int{50, 100}, Vendor: "Oracle",
		Associations: []license.Association{
			{Kind: license.ByTag, Value: "Software=oracle*"}, {Kind: license.ByTag, Value: "Mail=a b@c?"},
			{Kind: license.ByLaunchTemplate, Value: "lt-0123456789abcdef0"}, {Kind: license.ByLaunchTemplate, Value: "lt-0123456789abcdef1"},
		},
	}
	c.Tags = map[string]string{
		"licenseguard:on-violation": "stop", "licenseguard:grace": "48h", "licenseguard:settle": "1m30s", "licenseguard:hours": "Mon-Thu+Sat 08:00-18:00 Europe/Berlin",
		"licenseguard:actions-per-hour": "3", "licenseguard:auto-scaling": "detach", "licenseguard:escalate-after": "72h", "licenseguard:restart-grace": "0s",
		"licenseguard:tags-exempt": "true", "licenseguard:alert-at": "50 100", "licenseguard:vendor": "Oracle",
		"licenseguard:associate-tag":             "Software=oracle@. Mail=a@_b@@c@-",
		"licenseguard:associate-launch-template": "lt-0123456789abcdef0 lt-0123456789abcdef1",
	}
	return c, c.Tags
}

func defaults() license.Configuration {
	return license.Configuration{Enforcement: license.DefaultEnforcement(), Thresholds: license.DefaultThresholds()}
}

func TestTagsSetEveryField(t *testing.T) {
	t.Parallel()
	want, tags := full(t)
	before := defaults()
	got, err := before.WithTags(tags)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Fatalf("%v (-want +got):\n%s", err, diff)
	}
	if before.Tags != nil || len(before.Associations) > 0 {
		t.Errorf("the configuration that was given changed: %+v", before)
	}
	again, err := got.WithTags(tags)
	if diff := cmp.Diff(got, again); diff != "" || err != nil {
		t.Errorf("the same tags again change something: %v\n%s", err, diff)
	}
	for _, s := range license.Settings() {
		if v := s.In(&want); v != tags[s.Key] {
			t.Errorf("%s is written %q, want %q", s.Key, v, tags[s.Key])
		}
		if !awsAllows.MatchString(s.In(&want)) {
			t.Errorf("%s = %q has characters that AWS does not allow in a tag", s.Key, s.In(&want))
		}
		if one, err := before.WithTags(map[string]string{s.Key: tags[s.Key]}); err != nil || s.In(&one) == s.Default() {
			t.Errorf("%s by itself sets %q, %v", s.Key, s.In(&one), err)
		}
		if d := s.Default(); d != "" {
			if one, err := want.WithTags(map[string]string{s.Key: d}); err != nil || s.In(&one) != d {
				t.Errorf("%s does not take its default %q: %q, %v", s.Key, d, s.In(&one), err)
			}
		}
	}
	bare, err := got.WithTags(nil)
	wanted := defaults()
	wanted.Associations = []license.Association{}
	if diff := cmp.Diff(wanted, bare); diff != "" || err != nil {
		t.Errorf("without tags, not the defaults: %v\n%s", err, diff)
	}
}

var awsAllows = regexp.MustCompile(`^[A-Za-z0-9 _.:/=+@-]*$`)

// TestEveryFieldHasATag: a field of Enforcement that is added later and forgotten
// in the settings is found here.
func TestEveryFieldHasATag(t *testing.T) {
	t.Parallel()
	var names []string
	for _, s := range license.Settings() {
		names = append(names, strings.ToLower(strings.TrimPrefix(s.Sets, "enforcement.")))
	}
	fields := reflect.TypeFor[license.Enforcement]()
	for i := range fields.NumField() {
		if name := fields.Field(i).Name; !slices.Contains(names, strings.ToLower(name)) {
			t.Errorf("no tag sets %s", name)
		}
	}
}

func TestTagsChange(t *testing.T) {
	t.Parallel()
	fromFile := defaults()
	fromFile.Enforcement.Grace, fromFile.Enforcement.Mode = 3*time.Hour, license.Tag
	fromFile.Associations = []license.Association{{Kind: license.ByAMI, Value: "ami-1", Since: t0}, {Kind: license.ByTag, Value: "a", Since: t0}}
	tests := []struct {
		name     string
		old, new map[string]string
		want     func(c *license.Configuration)
	}{
		{"none", nil, map[string]string{"owner": "me"}, func(*license.Configuration) {}},
		{"a field that no tag was given for stays", map[string]string{"licenseguard:settle": "5m"}, nil, func(*license.Configuration) {}},
		{"one goes", map[string]string{"licenseguard:grace": "5h", "licenseguard:on-violation": "stop"}, map[string]string{"licenseguard:on-violation": "stop"},
			func(c *license.Configuration) { c.Enforcement.Grace, c.Enforcement.Mode = 0, license.Stop }},
		{"one changes", map[string]string{"licenseguard:grace": "5h"}, map[string]string{"licenseguard:grace": "6h"},
			func(c *license.Configuration) { c.Enforcement.Grace = 6 * time.Hour }},
		{"no alerts", nil, map[string]string{"licenseguard:alert-at": "none"}, func(c *license.Configuration) { c.Thresholds = []int{} }},
		{"commas, disorder", nil, map[string]string{"licenseguard:alert-at": "100,80, 80"}, func(c *license.Configuration) { c.Thresholds = []int{80, 100} }},
		{"an association comes, one of the file is not doubled", nil, map[string]string{"licenseguard:associate-tag": "a b=c"},
			func(c *license.Configuration) {
				c.Associations = append(c.Associations, license.Association{Kind: license.ByTag, Value: "b=c"})
			}},
		{"one goes, the others stay", map[string]string{"licenseguard:associate-tag": "b a"}, map[string]string{"licenseguard:associate-tag": "b"},
			func(c *license.Configuration) {
				c.Associations = []license.Association{c.Associations[0], {Kind: license.ByTag, Value: "b"}}
			}},
		{"what AWS would not write is read", nil, map[string]string{"licenseguard:associate-tag": "b=*?"},
			func(c *license.Configuration) {
				c.Associations = append(c.Associations, license.Association{Kind: license.ByTag, Value: "b=*?"})
			}},
		{"an old value that nobody reads any more is no obstacle", map[string]string{"licenseguard:associate-tag": "@x", "licenseguard:settle": "?"}, nil,
			func(*license.Configuration) {}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, want := fromFile, fromFile
			c.Tags = tt.old
			c.Associations, want.Associations = slices.Clone(c.Associations), slices.Clone(c.Associations)
			want.Tags = maps.Clone(tt.new)
			tt.want(&want)
			got, err := c.WithTags(tt.new)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestTagsRefused(t *testing.T) {
	t.Parallel()
	many := map[string]string{}
	for i := range 51 {
		many[fmt.Sprint(i)] = ""
	}
	const settings = "licenseguard:on-violation, licenseguard:grace, licenseguard:settle, licenseguard:hours, licenseguard:actions-per-hour, licenseguard:auto-scaling, " +
		"licenseguard:escalate-after, licenseguard:restart-grace, licenseguard:tags-exempt, licenseguard:alert-at, licenseguard:vendor, licenseguard:associate-tag, licenseguard:associate-launch-template"
	tests := []struct {
		name string
		tags map[string]string
		want string
	}{
		{"no such setting", map[string]string{"licenseguard:gracee": "1h"}, `tags["licenseguard:gracee"] is "1h": there is no such setting; they are ` + settings},
		{"no setting of instances", map[string]string{"licenseguard:exempt": "true"}, "there is no such setting"},
		{"another case", map[string]string{"LicenseGuard:grace": "1h"}, `tags["LicenseGuard:grace"] is "1h": there is no such setting`},
		{"on violation", map[string]string{"licenseguard:on-violation": "terminate"}, `tags["licenseguard:on-violation"] is "terminate": it is notify, tag or stop`},
		{"nothing", map[string]string{"licenseguard:on-violation": ""}, `is "": it is notify, tag or stop`},
		{"grace in words", map[string]string{"licenseguard:grace": "3 days"}, `tags["licenseguard:grace"] is "3 days": give a time such as 90s, 15m or 2h: 0s to 720h`},
		{"grace of months", map[string]string{"licenseguard:grace": "721h"}, `tags["licenseguard:grace"] is "721h": give 0s to 720h`},
		{"settle backwards", map[string]string{"licenseguard:settle": "-1s"}, "give 0s to 24h"},
		{"no hours", map[string]string{"licenseguard:hours": ""}, "give `always`, or days, times and a zone"},
		{"half the hours", map[string]string{"licenseguard:hours": "Mon+Tue 08:00-18:00"}, `tags["licenseguard:hours"] is "Mon+Tue 08:00-18:00": give days, times and a zone`},
		{"no actions", map[string]string{"licenseguard:actions-per-hour": "0"}, "give 1 to 1000"},
		{"ten actions", map[string]string{"licenseguard:actions-per-hour": "ten"}, `is "ten": give 1 to 1000`},
		{"auto scaling", map[string]string{"licenseguard:auto-scaling": "kill"}, "it is alert, detach or lower"},
		{"escalate at once", map[string]string{"licenseguard:escalate-after": "0s"}, `tags["licenseguard:escalate-after"] is "0s": give 1h to 720h`},
		{"restart grace", map[string]string{"licenseguard:restart-grace": "169h"}, "give 0s to 168h"},
		{"tags exempt", map[string]string{"licenseguard:tags-exempt": "True"}, "it is false or true"},
		{"over all", map[string]string{"licenseguard:alert-at": "80 101"}, `is "80 101": give percentages of the count from 1 to 100`},
		{"no percentages", map[string]string{"licenseguard:alert-at": " , "}, "give percentages"},
		{"an association with nothing", map[string]string{"licenseguard:associate-tag": " "}, "give one or more"},
		{"a key that is a pattern", map[string]string{"licenseguard:associate-tag": "a @.=b"}, "only the value may hold * and ?"},
		{"half an escape", map[string]string{"licenseguard:associate-tag": "a=b@"}, "after an @ comes"},
		{"an address as it is", map[string]string{"licenseguard:associate-tag": "Owner=me@example.com"}, "another @ for itself"},
		{"a template by name", map[string]string{"licenseguard:associate-launch-template": "lt-0123456789abcdef0 web"}, "give a launch template id"},
		{"too many", many, `tags is "51": at most 50 tags`},
		{"no key", map[string]string{"": "x"}, "give keys of 1 to 128"},
		{"a long key", map[string]string{strings.Repeat("ä", 129): "x"}, "give keys of 1 to 128"},
		{"a long value", map[string]string{"a": strings.Repeat("ä", 257)}, `tags["a"] is `},
		{"AWS's own", map[string]string{"AWS:x": "x"}, "belong to AWS"},
		{"what turns the writing", map[string]string{"a": "\u202e"}, "printable"},
		{"what is no text", map[string]string{"a\xff": ""}, "printable"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			before := defaults()
			got, err := before.WithTags(tt.tags)
			var field *license.FieldError
			if !errors.As(err, &field) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one that says %q", err, tt.want)
			}
			if diff := cmp.Diff(before, got); diff != "" {
				t.Errorf("refused, and yet changed:\n%s", diff)
			}
		})
	}
	if _, err := defaults().WithTags(map[string]string{strings.Repeat("ä", 128): strings.Repeat("ä", 256)}); err != nil {
		t.Errorf("characters are counted as bytes: %v", err)
	}
}

// TestSettingsAreDocumented: the table in docs/settings-tags.md is the one in the code.
func TestSettingsAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/settings-tags.md")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, s := range license.Settings() {
		d := "none"
		if s.Default() != "" {
			d = "`" + s.Default() + "`"
		}
		want = append(want, fmt.Sprintf("| `%s` | `%s` | %s | %s |", s.Key, s.Sets, s.Values, d))
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "| `"+license.SettingPrefix) {
			got = append(got, strings.TrimSpace(line))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the code (-) and the document (+) differ:\n%s", diff)
	}
}

// FuzzWithTags: whatever the values are, they are refused with a *FieldError or
// stand for themselves when written again.
func FuzzWithTags(f *testing.F) {
	f.Add("stop", "48h", "Mon-Fri+Sun 08:00-18:00 UTC", "80 90,100", "Software=a@. b@_c")
	f.Add("", "always", "none", "@", "@@=@-")
	f.Fuzz(func(t *testing.T, a, b, c, d, e string) {
		values := []string{a, b, c, d, e}
		tags := map[string]string{}
		for i, s := range license.Settings() {
			tags[s.Key] = values[i%len(values)]
		}
		for key, value := range tags {
			one, err := defaults().WithTags(map[string]string{key: value})
			var field *license.FieldError
			if err != nil {
				if !errors.As(err, &field) {
					t.Fatalf("%s = %q: %v", key, value, err)
				}
				continue
			}
			for _, s := range license.Settings() {
				if s.Key != key {
					continue
				}
				again, err := defaults().WithTags(map[string]string{key: s.In(&one)})
				if len(s.In(&one)) > 256 {
					continue
				}
				if err != nil || s.In(&again) != s.In(&one) {
					t.Fatalf("%s = %q is written as %q, which is read as %q, %v", key, value, s.In(&one), s.In(&again), err)
				}
			}
		}
	})
}
