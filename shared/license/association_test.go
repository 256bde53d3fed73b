package license_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"licenseguard/shared/license"
)

var (
	t0     = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	launch = t0.Add(time.Hour)
	look   = launch.Add(10 * time.Second) // an observation soon after the launch
)

func instance() license.Instance {
	return license.Instance{
		ID: license.NewResourceID("123456789012", "us-east-1", "i-0123456789abcdef0"), Type: "m5.large", State: license.Running,
		LaunchTime: launch, ImageID: "ami-1", HostID: "h-0123456789abcdef0",
		Tags: map[string]string{license.TagLaunchTemplate: "lt-0123456789abcdef0", "product": "sql/enterprise", "empty": ""},
		Specifications: []string{"arn:aws:license-manager:us-east-1:123456789012:license-configuration:lic-a",
			"arn:aws:license-manager:us-east-1:123456789012:license-configuration/lic-b"},
	}
}

func TestAssociationMatches(t *testing.T) {
	t.Parallel()
	tests := []struct {
		kind  license.AssociationKind
		value string
		want  bool
	}{
		{license.ByAMI, "ami-1", true},
		{license.ByAMI, "ami-2", false},
		{license.ByLaunchTemplate, "lt-0123456789abcdef0", true},
		{license.ByLaunchTemplate, "lt-0123456789abcdef1", false},
		{license.ByInstance, "i-0123456789abcdef0", true},
		{license.ByInstance, "i-0123456789abcdef1", false},
		{license.ByHost, "h-0123456789abcdef0", true},
		{license.ByHost, "h-0123456789abcdef1", false},
		{license.ByTag, "product", true},
		{license.ByTag, "Product", false},
		{license.ByTag, "product=sql/enterprise", true},
		{license.ByTag, "product=sql", false},
		{license.ByTag, "product=sql*", true}, // over a slash
		{license.ByTag, "product=*prise", true},
		{license.ByTag, "product=*q*e*p*", true},
		{license.ByTag, "product=sql?enterprise", true},
		{license.ByTag, "product=sql?", false},
		{license.ByTag, "product=*", true},
		{license.ByTag, "product=", false},
		{license.ByTag, "empty=", true},
		{license.ByTag, "empty=*", true},
		{license.ByTag, "empty=?", false},
		{license.ByTag, "missing", false},
		{license.ByTag, "missing=*", false},
		{license.BySpecification, "arn:aws:license-manager:us-east-1:123456789012:license-configuration:lic-a", true},
		{license.BySpecification, "arn:aws:license-manager:us-east-1:123456789012:license-configuration/lic-a", true},
		{license.BySpecification, "arn:aws:license-manager:us-east-1:123456789012:license-configuration:lic-b", true},
		{license.BySpecification, "arn:aws:license-manager:us-east-1:123456789012:license-configuration:lic-c", false},
		{license.BySpecification, "arn:aws:license-manager:eu-west-1:123456789012:license-configuration:lic-a", false},
		{license.BySpecification, "", false},
		{"nonsense", "ami-1", false},
	}
	for _, tt := range tests {
		if got := (license.Association{Kind: tt.kind, Value: tt.value}).Matches(instance()); got != tt.want {
			t.Errorf("%s %s: %t, want %t", tt.kind, tt.value, got, tt.want)
		}
	}
	bare := license.Instance{}
	for _, kind := range []license.AssociationKind{license.ByAMI, license.ByLaunchTemplate, license.ByInstance, license.ByHost} {
		if kind != license.ByInstance && (license.Association{Kind: kind}).Matches(bare) {
			t.Errorf("an empty %s matches an instance without one", kind)
		}
	}
}

func TestTagPatternIsNoPath(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		pattern, value string
		want           bool
	}{
		{"[prod]", "[prod]", true},
		{"[prod]", "p", false},
		{`a\*`, `a\b`, true},
		{"a*[", "ax[", true},
		{"?", "é", true},
		{"??", "é", false},
		{"*é", "éé", true},
		{"*??bc", "€bc", false}, // one character, though of three bytes
		{"a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
	} {
		a := license.Association{Kind: license.ByTag, Value: "k=" + tt.pattern}
		if err := a.Validate(); err != nil {
			t.Errorf("%q: %v", tt.pattern, err)
		}
		if got := a.Matches(license.Instance{Tags: map[string]string{"k": tt.value}}); got != tt.want {
			t.Errorf("%q matches %q: %t, want %t", tt.pattern, tt.value, got, tt.want)
		}
	}
}

func TestAssociationValidate(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		kind  license.AssociationKind
		value string
		ok    bool
	}{
		{license.ByAMI, "ami-0123456789abcdef0", true},
		{license.ByAMI, "i-0123456789abcdef0", false},
		{license.ByLaunchTemplate, "lt-0123456789abcdef0", true},
		{license.ByLaunchTemplate, "my-template", false},
		{license.ByInstance, "i-0123abcd", true},
		{license.ByInstance, "i-XYZ", false},
		{license.ByHost, "h-0123456789abcdef0", true},
		{license.ByHost, "", false},
		{license.ByTag, "product", true},
		{license.ByTag, "product=", true},
		{license.ByTag, "product=sql*", true},
		{license.ByTag, "=sql", false},
		{license.ByTag, "", false},
		{license.ByTag, "a\nb", false},
		{license.BySpecification, "arn:aws:license-manager:us-east-1:123456789012:license-configuration:lic-0123456789abcdef0123456789abcdef", true},
		{license.BySpecification, "arn:aws-us-gov:license-manager:us-gov-west-1:123456789012:license-configuration/lic-1", true},
		{license.BySpecification, "lic-0123456789abcdef0123456789abcdef", false},
		{license.BySpecification, "arn:aws:license-manager:us-east-1:123456789012:report-generator:r-1", false},
		{license.BySpecification, "arn:aws:license-manager:us-east-1:123456789012:license-configuration:lic-1 ", false},
		{"", "x", false},
		{"AMI", "ami-1", false},
	} {
		err := license.Association{Kind: tt.kind, Value: tt.value}.Validate()
		var bad *license.FieldError
		if tt.ok != (err == nil) || err != nil && !errors.As(err, &bad) {
			t.Errorf("%s %q: error %v, want ok %t", tt.kind, tt.value, err, tt.ok)
		}
	}
}

func TestAssociate(t *testing.T) {
	t.Parallel()
	const lic = "lic-1"
	ami := license.Association{Kind: license.ByAMI, Value: "ami-1", Since: t0}
	lateAMI := license.Association{Kind: license.ByAMI, Value: "ami-1", Since: launch.Add(5 * time.Second)}
	template := license.Association{Kind: license.ByLaunchTemplate, Value: "lt-0123456789abcdef0", Since: t0}
	tag := license.Association{Kind: license.ByTag, Value: "product=sql*", Since: t0}
	byID := license.Association{Kind: license.ByInstance, Value: "i-0123456789abcdef0", Since: t0}
	host := license.Association{Kind: license.ByHost, Value: "h-0123456789abcdef0", Since: t0}
	held := func(a license.Association, since time.Time) license.Held {
		return license.Held{ConfigurationID: lic, Kind: a.Kind, Value: a.Value, Since: since}
	}
	afterwards := license.Association{Kind: license.ByAMI, Value: "ami-1", Since: look.Add(time.Hour)}
	afterwardsTag := license.Association{Kind: license.ByTag, Value: "product", Since: look.Add(time.Hour)}
	inherited := held(ami, launch)
	inherited.Inherited = true
	tests := []struct {
		name    string
		offered []license.Association
		change  func(*license.Instance)
		before  []license.Held
		want    []license.Held
	}{
		{name: "nothing"},
		{name: "AMI associated before the launch", offered: []license.Association{ami}, want: []license.Held{held(ami, launch)}},
		{name: "AMI associated after the launch", offered: []license.Association{lateAMI}, want: []license.Held{held(lateAMI, lateAMI.Since)}},
		{name: "launch template", offered: []license.Association{template}, want: []license.Held{held(template, launch)}},
		{name: "instance", offered: []license.Association{byID}, want: []license.Held{held(byID, launch)}},
		{name: "host", offered: []license.Association{host}, want: []license.Held{held(host, launch)}},
		{name: "a tag can have come at any time", offered: []license.Association{tag}, want: []license.Held{held(tag, look)}},
		{name: "associated after the facts were seen", offered: []license.Association{afterwards}, want: []license.Held{held(afterwards, afterwards.Since)}},
		{name: "a tag associated after the facts were seen", offered: []license.Association{afterwardsTag}, want: []license.Held{held(afterwardsTag, afterwardsTag.Since)}},
		{name: "held before", offered: []license.Association{tag}, before: []license.Held{held(tag, t0)}, want: []license.Held{held(tag, t0)}},
		{name: "several associations are one", offered: []license.Association{tag, host, ami}, want: []license.Held{held(ami, launch)}},
		{name: "the held one stays the held one", offered: []license.Association{ami, tag}, before: []license.Held{held(tag, look)}, want: []license.Held{held(tag, look)}},
		{name: "another takes over and keeps the date", offered: []license.Association{host}, before: []license.Held{held(tag, t0)}, want: []license.Held{held(host, t0)}},
		{name: "inherited after the AMI left the configuration", before: []license.Held{held(ami, launch)}, want: []license.Held{inherited}},
		{name: "inherited beside a tag", offered: []license.Association{tag}, before: []license.Held{held(ami, launch)}, want: []license.Held{inherited}},
		{name: "inherited again", before: []license.Held{inherited}, want: []license.Held{inherited}},
		{name: "offered again", offered: []license.Association{ami}, before: []license.Held{inherited}, want: []license.Held{held(ami, launch)}},
		{name: "never its own", before: []license.Held{held(license.Association{Kind: license.ByAMI, Value: "ami-2"}, launch)}},
		{name: "launch template is inherited", before: []license.Held{held(template, launch)}, want: []license.Held{{ConfigurationID: lic, Kind: template.Kind, Value: template.Value, Since: launch, Inherited: true}}},
		{name: "instance association ends with the configuration's", before: []license.Held{held(byID, launch)}},
		{name: "host association ends with the configuration's", before: []license.Held{held(host, launch)}},
		{name: "tag association ends with the configuration's", before: []license.Held{held(tag, launch)}},
		{name: "tag association ends with the tag", offered: []license.Association{tag}, before: []license.Held{held(tag, launch)},
			change: func(in *license.Instance) { delete(in.Tags, "product") }},
		{name: "host association ends with the move", offered: []license.Association{host}, before: []license.Held{held(host, launch)},
			change: func(in *license.Instance) { in.HostID = "h-2" }},
		{name: "another license's association is not this one's", before: []license.Held{{ConfigurationID: "lic-2", Kind: ami.Kind, Value: ami.Value, Since: t0}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := instance()
			if tt.change != nil {
				tt.change(&in)
			}
			got := license.Associate([]license.Configuration{{ID: lic, Associations: tt.offered}}, in, tt.before, look)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAssociateSeveralConfigurations(t *testing.T) {
	t.Parallel()
	configurations := []license.Configuration{
		{ID: "lic-c", Associations: []license.Association{{Kind: license.ByTag, Value: "product", Since: t0}}},
		{ID: "lic-a", Associations: []license.Association{{Kind: license.ByAMI, Value: "ami-1", Since: t0}}},
		{ID: "lic-b", Associations: []license.Association{{Kind: license.ByAMI, Value: "ami-2", Since: t0}}},
		{ID: "lic-d"},
	}
	before := []license.Held{{ConfigurationID: "lic-d", Kind: license.ByLaunchTemplate, Value: "lt-0123456789abcdef0", Since: launch}}
	got := license.Associate(configurations, instance(), before, look)
	want := []license.Held{
		{ConfigurationID: "lic-c", Kind: license.ByTag, Value: "product", Since: look},
		{ConfigurationID: "lic-a", Kind: license.ByAMI, Value: "ami-1", Since: launch},
		{ConfigurationID: "lic-d", Kind: license.ByLaunchTemplate, Value: "lt-0123456789abcdef0", Since: launch, Inherited: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if before[0].Inherited {
		t.Error("Associate changed what it was given")
	}
	if got, want := got[2].String(), "launch-template lt-0123456789abcdef0 (inherited at launch)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestSpecifications: an association by what the instance names itself is new when
// it is first seen, as a tag is, and ends with it.
func TestSpecifications(t *testing.T) {
	t.Parallel()
	const old = "arn:aws:license-manager:us-east-1:123456789012:license-configuration:lic-a"
	c := license.Configuration{ID: "lic-1", ARN: "arn:aws:license-manager:us-east-1:123456789012:license-configuration:lic-1",
		Associations: []license.Association{{Kind: license.BySpecification, Value: old, Since: t0}}}
	held := license.Associate([]license.Configuration{c}, instance(), nil, look)
	want := []license.Held{{ConfigurationID: "lic-1", Kind: license.BySpecification, Value: old, Since: look}}
	if diff := cmp.Diff(want, held); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	bare := instance()
	bare.Specifications = nil
	if left := license.Associate([]license.Configuration{c}, bare, held, look); len(left) > 0 {
		t.Errorf("it does not name it any more, and holds %v", left)
	}
	given := c
	given.Associations = nil
	if left := license.Associate([]license.Configuration{given}, instance(), held, look); len(left) > 0 {
		t.Errorf("the configuration gave it up, and it is inherited: %v", left)
	}
}

func TestAnswersTo(t *testing.T) {
	t.Parallel()
	const arn = "arn:aws:license-manager:us-east-1:123456789012:license-configuration"
	c := license.Configuration{ARN: arn + ":lic-1", Associations: []license.Association{
		{Kind: license.BySpecification, Value: arn + ":lic-2"}, {Kind: license.ByTag, Value: arn + ":lic-3"}}}
	for given, want := range map[string]bool{
		arn + ":lic-1": true, arn + "/lic-1": true, arn + ":lic-2": true, arn + "/lic-2": true,
		arn + ":lic-3": false, arn + ":lic-": false, arn + "lic-1": false, "": false, "lic-1": false, arn + ":LIC-1": false,
	} {
		if got := c.AnswersTo(given); got != want {
			t.Errorf("%q: %t, want %t", given, got, want)
		}
	}
	if (&license.Configuration{}).AnswersTo("") {
		t.Error("no ARN answers to none")
	}
}

func TestSpecificationsOfAnInstance(t *testing.T) {
	t.Parallel()
	if got := license.Specifications([]string{"", ""}); got != nil {
		t.Errorf("%v, want nil: stores do not tell it from none", got)
	}
	if diff := cmp.Diff([]string{"a", "b"}, license.Specifications([]string{"b", "", "a", "b"})); diff != "" {
		t.Error(diff)
	}
}
