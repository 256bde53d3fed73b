package license

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Difference is one field that changed, in words. "" is a field that is not set.
type Difference struct{ Field, From, To string }

// Differences lists the fields in which two configurations differ, in a fixed order;
// old is nil for a new one.
func Differences(old, wanted *Configuration) []Difference {
	var before []field
	if old != nil {
		before = fields(old)
	}
	var out []Difference
	for i, f := range fields(wanted) {
		var from string
		if i < len(before) {
			from = before[i].value
		}
		if from != f.value {
			out = append(out, Difference{f.name, from, f.value})
		}
	}
	return out
}

type field struct{ name, value string }

// fields are what a person sets, under the names of the license file; exemptions and
// what was taken from a license one by one have no place in a file.
func fields(c *Configuration) []field {
	count, expiry := "", ""
	if c.Count != nil {
		count = strconv.FormatInt(*c.Count, 10)
	}
	if !c.Expiry.IsZero() {
		expiry = c.Expiry.UTC().Format(time.RFC3339)
	}
	e := &c.Enforcement
	return []field{
		{"name", c.Name},
		{"vendor", c.Vendor},
		{"description", c.Description},
		{"countingType", string(c.CountingType)},
		{"licenseCount", count},
		{"hardLimit", strconv.FormatBool(c.HardLimit)},
		{"status", string(c.Status)},
		{"rules", ruleText(c.Rules)},
		{"expiry", expiry},
		{"tags", tagText(c.Tags)},
		{"associations", associationText(c.Associations)},
		{"detached", detachedText(c.Detached)},
		{"products", productText(c.Products)},
		{"disassociateWhenNotFound", strconv.FormatBool(c.DisassociateWhenNotFound)},
		{"exemptions", exemptionText(c.Exemptions)},
		{"annotations", annotationText(c.Annotations)},
		{"enforcement.mode", string(e.Mode)},
		{"enforcement.actionsPerHour", strconv.Itoa(e.ActionsPerHour)},
		{"enforcement.settle", e.Settle.String()},
		{"enforcement.grace", e.Grace.String()},
		{"enforcement.hours", e.Hours.String()},
		{"enforcement.autoScaling", string(e.AutoScaling)},
		{"enforcement.escalateAfter", e.EscalateAfter.String()},
		{"enforcement.tagsExempt", strconv.FormatBool(e.TagsExempt)},
		{"enforcement.restartGrace", e.RestartGrace.String()},
		{"thresholds", strings.Trim(fmt.Sprint(c.Thresholds), "[]")},
	}
}

// ruleText writes the versions, each but the first with the date from which it
// applies.
func ruleText(versions []RuleVersion) string {
	var out []string
	for i, v := range versions {
		text := strings.Join(v.Text, " ")
		if i > 0 {
			text = "from " + v.Effective.UTC().Format(time.RFC3339) + ": " + text
		}
		out = append(out, text)
	}
	return strings.Join(out, "; ")
}

func tagText(tags map[string]string) string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, key+"="+tags[key])
	}
	return strings.Join(out, ", ")
}

func associationText(associations []Association) string {
	var out []string
	for _, a := range associations {
		out = append(out, string(a.Kind)+" "+a.Value)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

func productText(products []Product) string {
	var out []string
	for _, p := range products {
		out = append(out, p.String())
	}
	return strings.Join(out, "; ")
}

func detachedText(ids []ResourceID) string {
	var out []string
	for _, id := range ids {
		out = append(out, id.AWSID())
	}
	return strings.Join(out, ", ")
}

func exemptionText(exemptions []Exemption) string {
	var out []string
	for _, e := range exemptions {
		out = append(out, fmt.Sprintf("%s until %s", e.Instance.AWSID(), e.End().UTC().Format(time.RFC3339)))
	}
	return strings.Join(out, ", ")
}

// annotationText leaves out who approved what: it is sealed as evidence, and names are
// not.
func annotationText(annotations []Annotation) string {
	var out []string
	for _, a := range annotations {
		text := fmt.Sprintf("%s from %s to %s: %s", a.Resource.AWSID(), a.From.UTC().Format(time.RFC3339), a.Until.UTC().Format(time.RFC3339), a.Kind)
		if !a.Withdrawn.IsZero() {
			text += " (withdrawn)"
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}
