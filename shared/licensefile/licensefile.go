// Package licensefile reads license configurations from a YAML file, the form
// in which people keep them beside their code.
package licensefile

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"

	"licenseguard/shared/license"
)

// maxSize and maxDepth bound a file: a parser needs a multiple of either.
const (
	maxSize  = 4 << 20
	maxDepth = 50
)

// number is a whole number as it is written: YAML would cut 1.5 and read 010 as 8.
type number string

// UnmarshalYAML keeps the text.
func (n *number) UnmarshalYAML(text []byte) error {
	*n = number(strings.Trim(strings.TrimSpace(string(text)), `"'`))
	return nil
}

func (n number) value(field string) (int64, error) {
	i, err := strconv.ParseInt(string(n), 10, 64)
	if err != nil {
		return 0, &license.FieldError{Field: field, Value: string(n), Want: "give a whole number"}
	}
	return i, nil
}

type file struct {
	Licenses []entry `yaml:"licenses"`
}

type entry struct {
	ID           string            `yaml:"id"`
	Name         string            `yaml:"name"`
	Vendor       string            `yaml:"vendor"`
	Description  string            `yaml:"description"`
	CountingType string            `yaml:"countingType"`
	LicenseCount *number           `yaml:"licenseCount"`
	HardLimit    bool              `yaml:"hardLimit"`
	Status       string            `yaml:"status"`
	Rules        []string          `yaml:"rules"`
	RulesFrom    string            `yaml:"rulesFrom"`
	Expiry       string            `yaml:"expiry"`
	Tags         map[string]string `yaml:"tags"`
	Associations []association     `yaml:"associations"`
	Enforcement  enforcement       `yaml:"enforcement"`
	Thresholds   []number          `yaml:"thresholds"`
	Products     []product         `yaml:"products"`
	// DisassociateWhenNotFound is License Manager's name, which its users know.
	DisassociateWhenNotFound bool `yaml:"disassociateWhenNotFound"`
}

type product struct {
	ResourceType string   `yaml:"resourceType"`
	Filters      []filter `yaml:"filters"`
}

type filter struct {
	Name       string `yaml:"name"`
	Comparator string `yaml:"comparator"`
	Values     []text `yaml:"values"`
}

// text is text that may look like a number: YAML would make 15.0 of a version 15.
type text string

var numeric = regexp.MustCompile(`^[0-9.+-]+$`)

// UnmarshalYAML keeps the text of what looks like a number.
func (t *text) UnmarshalYAML(data []byte) error {
	if raw := bytes.TrimSpace(data); numeric.Match(raw) {
		*t = text(raw)
		return nil
	}
	return yaml.Unmarshal(data, (*string)(t))
}

type association struct {
	AMI            string `yaml:"ami"`
	LaunchTemplate string `yaml:"launchTemplate"`
	Instance       string `yaml:"instance"`
	Host           string `yaml:"host"`
	Tag            string `yaml:"tag"`
	// LicenseConfiguration is the ARN of one in AWS License Manager that this license
	// goes on for: what names it in EC2 is counted here.
	LicenseConfiguration string `yaml:"licenseConfiguration"`
}

type enforcement struct {
	Mode           string  `yaml:"mode"`
	ActionsPerHour *number `yaml:"actionsPerHour"`
	Settle         string  `yaml:"settle"`
	Grace          string  `yaml:"grace"`
	Hours          string  `yaml:"hours"`
	AutoScaling    string  `yaml:"autoScaling"`
	EscalateAfter  string  `yaml:"escalateAfter"`
	TagsExempt     *bool   `yaml:"tagsExempt"`
	RestartGrace   string  `yaml:"restartGrace"`
}

// Read returns the configurations of a file, for licenses owned by an account
// in a Region. A license without an id gets one that follows from its name. An
// error says which license is wrong, and where in the file if its form is.
func Read(data []byte, account, region string) ([]license.Configuration, error) {
	if len(data) > maxSize {
		return nil, fmt.Errorf("the file has %d bytes; at most %d are read", len(data), maxSize)
	}
	f, err := parse(data)
	if err != nil {
		return nil, err
	}
	if len(f.Licenses) == 0 {
		return nil, errors.New("the file has no licenses; it begins with \"licenses:\" and a list")
	}
	seen := make(map[string]string, len(f.Licenses))
	out := make([]license.Configuration, 0, len(f.Licenses))
	for i, e := range f.Licenses {
		c, err := e.configuration(account, region)
		if err != nil {
			return nil, fmt.Errorf("license %d (%q): %w", i+1, e.Name, err)
		}
		if other, ok := seen[c.ID]; ok {
			return nil, fmt.Errorf("license %d (%q): it has the id of %q; give one of them an id of its own", i+1, e.Name, other)
		}
		seen[c.ID] = c.Name
		out = append(out, c)
	}
	return out, nil
}

func parse(data []byte) (file, error) {
	var f file
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	switch {
	case !utf8.Valid(data):
		return f, errors.New("the file is not UTF-8 text")
	case depth(data) > maxDepth:
		return f, fmt.Errorf("the file is nested more than %d deep", maxDepth)
	}
	d := yaml.NewDecoder(bytes.NewReader(data), yaml.DisallowUnknownField())
	if err := d.Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		return f, errors.New(readable(yaml.FormatError(err, false, true)))
	}
	if err := d.Decode(&file{}); !errors.Is(err, io.EOF) {
		return f, errors.New("the file has more than one document; put all licenses under one \"licenses:\", without lines of ---")
	}
	return f, nil
}

// depth is a bound on how deeply a text is nested: its open brackets, and the
// longest run of dashes that open a list in a list.
func depth(data []byte) int {
	deepest, open, dashes := 0, 0, 0
	for i, c := range data {
		switch c {
		case '[', '{':
			open++
		case ']', '}':
			open = max(0, open-1)
		case '-', '?':
			if i+1 < len(data) && data[i+1] == ' ' {
				dashes++
			}
		case ' ':
		default:
			dashes = 0
		}
		deepest = max(deepest, open, dashes)
	}
	return deepest
}

var goTypes = regexp.MustCompile(`cannot unmarshal .* into Go (?:struct field \S+|value) of type (\w+)(?: \( overflow \))?`)

// readable says what is expected in words of the file, and drops what a
// terminal would obey.
func readable(message string) string {
	message = goTypes.ReplaceAllStringFunc(message, func(m string) string {
		switch goTypes.FindStringSubmatch(m)[1] {
		case "bool":
			return "expected true or false"
		case "string":
			return "expected text"
		default:
			return "expected another kind of value"
		}
	})
	return strings.Map(func(r rune) rune {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
			return ' '
		}
		return r
	}, message)
}

func (e entry) configuration(account, region string) (license.Configuration, error) {
	c := license.Configuration{
		ID: e.ID, Name: e.Name, Vendor: e.Vendor, Description: e.Description, CountingType: license.CountingType(e.CountingType),
		HardLimit: e.HardLimit, Status: license.Status(e.Status), Products: e.products(), DisassociateWhenNotFound: e.DisassociateWhenNotFound,
	}
	if e.Thresholds != nil {
		c.Thresholds = []int{}
	}
	for _, t := range e.Thresholds {
		n, err := t.value("thresholds")
		if err != nil {
			return c, err
		}
		c.Thresholds = append(c.Thresholds, int(n))
	}
	if e.LicenseCount != nil {
		n, err := e.LicenseCount.value("licenseCount")
		if err != nil {
			return c, err
		}
		c.Count = &n
	}
	if c.ID == "" {
		c.ID = IDOf(account, region, e.Name)
	}
	c.ARN = arnOf(account, region, c.ID)
	var err error
	if c.Enforcement, err = e.Enforcement.enforcement(); err != nil {
		return c, err
	}
	if c.Expiry, err = date("expiry", e.Expiry); err != nil {
		return c, err
	}
	from, err := date("rulesFrom", e.RulesFrom)
	if err != nil {
		return c, err
	}
	c.Rules = []license.RuleVersion{{Effective: from, Text: e.Rules}}
	for _, a := range e.Associations {
		one, err := a.association()
		if err != nil {
			return c, err
		}
		c.Associations = append(c.Associations, one)
	}
	if c, err = e.tagged(c); err != nil {
		return c, err
	}
	return c.Normalized()
}

func (e entry) products() []license.Product {
	var out []license.Product
	for _, p := range e.Products {
		one := license.Product{ResourceType: p.ResourceType}
		for _, f := range p.Filters {
			to := license.ProductFilter{Name: f.Name, Comparator: f.Comparator}
			for _, v := range f.Values {
				to.Values = append(to.Values, string(v))
			}
			one.Filters = append(one.Filters, to)
		}
		out = append(out, one)
	}
	return out
}

// tagged adds the tags, and what those that are settings say. A setting that the
// file gives twice, and otherwise, is an error.
func (e entry) tagged(c license.Configuration) (license.Configuration, error) {
	out, err := c.WithTags(e.Tags)
	if err != nil {
		return c, err
	}
	given := e.given()
	for _, s := range license.Settings() {
		if _, is := e.Tags[s.Key]; !is || !given[s.Sets] {
			continue
		}
		if field, tag := s.In(&c), s.In(&out); field != tag {
			return c, &license.FieldError{Field: s.Sets, Value: field, Want: fmt.Sprintf("the tag %s says %q; give one of the two, or the same in both", s.Key, tag)}
		}
	}
	return out, nil
}

// given tells which of the fields that a tag can set the file sets itself.
func (e entry) given() map[string]bool {
	n := e.Enforcement
	return map[string]bool{
		"enforcement.mode": n.Mode != "", "enforcement.actionsPerHour": n.ActionsPerHour != nil, "enforcement.settle": n.Settle != "",
		"enforcement.grace": n.Grace != "", "enforcement.hours": n.Hours != "", "enforcement.autoScaling": n.AutoScaling != "",
		"enforcement.escalateAfter": n.EscalateAfter != "", "enforcement.tagsExempt": n.TagsExempt != nil,
		"enforcement.restartGrace": n.RestartGrace != "", "thresholds": e.Thresholds != nil, "vendor": e.Vendor != "",
		"associations": false, // a tag adds to those of the file
	}
}

func (e enforcement) enforcement() (license.Enforcement, error) {
	out := license.Enforcement{Mode: license.Mode(e.Mode), AutoScaling: license.AutoScalingPolicy(e.AutoScaling)}
	if e.TagsExempt != nil {
		out.TagsExempt = *e.TagsExempt
	}
	if a := e.ActionsPerHour; a != nil {
		n, err := a.value("enforcement.actionsPerHour")
		if err != nil {
			return out, err
		}
		if n == 0 { // the zero value would stand for the default
			return out, &license.FieldError{Field: "enforcement.actionsPerHour", Value: "0", Want: "give 1 to 1000; mode observe acts on nothing"}
		}
		out.ActionsPerHour = int(n)
	}
	for _, t := range []struct {
		field, text string
		otherwise   time.Duration
		to          *time.Duration
	}{
		{"settle", e.Settle, license.DefaultSettle, &out.Settle},
		{"grace", e.Grace, 0, &out.Grace},
		{"escalateAfter", e.EscalateAfter, license.DefaultEscalateAfter, &out.EscalateAfter},
		{"restartGrace", e.RestartGrace, license.DefaultRestartGrace, &out.RestartGrace},
	} {
		var err error
		if *t.to, err = duration("enforcement."+t.field, t.text, t.otherwise); err != nil {
			return out, err
		}
	}
	if out.EscalateAfter == 0 { // as above
		return out, &license.FieldError{Field: "enforcement.escalateAfter", Value: e.EscalateAfter, Want: "give 1h to 720h"}
	}
	var err error
	out.Hours, err = license.ParseHours(e.Hours)
	return out, err
}

func (a association) association() (license.Association, error) {
	var out []license.Association
	for _, one := range []license.Association{
		{Kind: license.ByAMI, Value: a.AMI}, {Kind: license.ByLaunchTemplate, Value: a.LaunchTemplate},
		{Kind: license.ByInstance, Value: a.Instance}, {Kind: license.ByHost, Value: a.Host}, {Kind: license.ByTag, Value: a.Tag},
		{Kind: license.BySpecification, Value: a.LicenseConfiguration},
	} {
		if one.Value != "" {
			out = append(out, one)
		}
	}
	if len(out) != 1 {
		return license.Association{}, errors.New("associations: each entry names one of ami, launchTemplate, instance, host, tag, licenseConfiguration")
	}
	return out[0], nil
}

// IDOf returns the id of a license that is named in a file without one: the
// same name in the same account and Region always has the same id.
func IDOf(account, region, name string) string {
	sum := md5.Sum([]byte(account + "/" + region + "/" + name)) //nolint:gosec // an id, not a secret
	return "lic-" + hex.EncodeToString(sum[:])
}

func duration(field, text string, otherwise time.Duration) (time.Duration, error) {
	if text == "" {
		return otherwise, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, &license.FieldError{Field: field, Value: text, Want: "give a time such as 90s, 15m or 2h"}
	}
	return d, nil
}

func date(field, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, &license.FieldError{Field: field, Value: text, Want: "give a date as 2027-12-31 or 2027-12-31T00:00:00Z"}
}
