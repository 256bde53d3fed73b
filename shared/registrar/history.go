package registrar

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// Edit is one version of a configuration, told as what changed in it.
type Edit struct {
	Revision    int64 // of the license
	At          time.Time
	By          string
	Deleted     bool // by this edit
	Differences []Difference
	// Configuration is how it was then.
	Configuration license.Configuration
}

// Difference is one field that changed, in words. "" is a field that is not set.
type Difference struct{ Field, From, To string }

// History returns who changed a configuration, when and what, the oldest first; also
// of one that was deleted. An id that never was is ledger.ErrNotFound.
func (r *Registrar) History(ctx context.Context, id string) ([]Edit, error) {
	versions, err := r.Store.History(ctx, id)
	if err != nil {
		return nil, err
	}
	if len(versions) == 0 {
		return nil, fmt.Errorf("%w: %q has no history", ledger.ErrNotFound, id)
	}
	edits := make([]Edit, 0, len(versions))
	var before *license.Configuration
	for i := range versions {
		v := &versions[i]
		edits = append(edits, Edit{Revision: v.Revision, At: v.Configuration.UpdatedAt, By: v.Configuration.UpdatedBy, Deleted: v.Deleted,
			Differences: Differences(before, &v.Configuration), Configuration: v.Configuration})
		before = &v.Configuration
	}
	return edits, nil
}

// Differences lists the fields in which two configurations differ, in a fixed order;
// old is nil for a new one.
func Differences(old, wanted *license.Configuration) []Difference {
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
func fields(c *license.Configuration) []field {
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
func ruleText(versions []license.RuleVersion) string {
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

func associationText(associations []license.Association) string {
	var out []string
	for _, a := range associations {
		out = append(out, string(a.Kind)+" "+a.Value)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

func productText(products []license.Product) string {
	var out []string
	for _, p := range products {
		out = append(out, p.String())
	}
	return strings.Join(out, "; ")
}

func detachedText(ids []license.ResourceID) string {
	var out []string
	for _, id := range ids {
		out = append(out, id.AWSID())
	}
	return strings.Join(out, ", ")
}

func exemptionText(exemptions []license.Exemption) string {
	var out []string
	for _, e := range exemptions {
		out = append(out, fmt.Sprintf("%s until %s", e.Instance.AWSID(), e.End().UTC().Format(time.RFC3339)))
	}
	return strings.Join(out, ", ")
}
