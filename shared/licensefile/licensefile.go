// Package licensefile reads license configurations from a YAML file, the form
// in which people keep them beside their code.
package licensefile

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/goccy/go-yaml"

	"licenseguard/shared/license"
)

// maxSize bounds a file.
const maxSize = 4 << 20

type file struct {
	Licenses []entry `yaml:"licenses"`
}

type entry struct {
	ID           string            `yaml:"id"`
	Name         string            `yaml:"name"`
	Description  string            `yaml:"description"`
	CountingType string            `yaml:"countingType"`
	LicenseCount *int64            `yaml:"licenseCount"`
	HardLimit    bool              `yaml:"hardLimit"`
	Status       string            `yaml:"status"`
	Rules        []string          `yaml:"rules"`
	RulesFrom    string            `yaml:"rulesFrom"`
	Expiry       string            `yaml:"expiry"`
	Tags         map[string]string `yaml:"tags"`
	Associations []association     `yaml:"associations"`
	Enforcement  enforcement       `yaml:"enforcement"`
	Thresholds   []int             `yaml:"thresholds"`
}

type association struct {
	AMI            string `yaml:"ami"`
	LaunchTemplate string `yaml:"launchTemplate"`
	Instance       string `yaml:"instance"`
	Host           string `yaml:"host"`
	Tag            string `yaml:"tag"`
}

type enforcement struct {
	Mode           string `yaml:"mode"`
	ActionsPerHour int    `yaml:"actionsPerHour"`
	Settle         string `yaml:"settle"`
	RestartGrace   string `yaml:"restartGrace"`
}

// Read returns the configurations of a file, for licenses owned by an account
// in a Region. A license without an id gets one that follows from its name. An
// error says which license is wrong, and where in the file if its form is.
func Read(data []byte, account, region string) ([]license.Configuration, error) {
	if len(data) > maxSize {
		return nil, fmt.Errorf("the file has %d bytes; at most %d are read", len(data), maxSize)
	}
	var f file
	if err := yaml.UnmarshalWithOptions(data, &f, yaml.DisallowUnknownField()); err != nil {
		return nil, errors.New(yaml.FormatError(err, false, true))
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

func (e entry) configuration(account, region string) (license.Configuration, error) {
	c := license.Configuration{
		ID: e.ID, Name: e.Name, Description: e.Description, CountingType: license.CountingType(e.CountingType),
		Count: e.LicenseCount, HardLimit: e.HardLimit, Status: license.Status(e.Status), Tags: e.Tags, Thresholds: e.Thresholds,
		Enforcement: license.Enforcement{Mode: license.Mode(e.Enforcement.Mode), ActionsPerHour: e.Enforcement.ActionsPerHour},
	}
	if c.ID == "" {
		c.ID = IDOf(account, region, e.Name)
	}
	c.ARN = fmt.Sprintf("arn:aws:license-manager:%s:%s:license-configuration:%s", region, account, c.ID)
	var err error
	if c.Enforcement.Settle, err = duration("enforcement.settle", e.Enforcement.Settle, license.DefaultSettle); err != nil {
		return c, err
	}
	if c.Enforcement.RestartGrace, err = duration("enforcement.restartGrace", e.Enforcement.RestartGrace, license.DefaultRestartGrace); err != nil {
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
	return c.Normalized()
}

func (a association) association() (license.Association, error) {
	var out []license.Association
	for _, one := range []license.Association{
		{Kind: license.ByAMI, Value: a.AMI}, {Kind: license.ByLaunchTemplate, Value: a.LaunchTemplate},
		{Kind: license.ByInstance, Value: a.Instance}, {Kind: license.ByHost, Value: a.Host}, {Kind: license.ByTag, Value: a.Tag},
	} {
		if one.Value != "" {
			out = append(out, one)
		}
	}
	if len(out) != 1 {
		return license.Association{}, errors.New("associations: each entry names one of ami, launchTemplate, instance, host, tag")
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
