package licensefile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"licenseguard/shared/license"
)

// Write writes configurations as a file that Read reads back, as they are in force
// at an instant. What has its default is left out. Of a license whose rules will
// change, the file holds the coming ones, which is what applying it keeps; a comment
// says what is in force until then. Exemptions, past rules and who did what are not
// part of a file.
func Write(configurations []license.Configuration, now time.Time) []byte {
	w := writer{now: now}
	w.line(0, "licenses:")
	for i := range configurations {
		w.license(&configurations[i])
	}
	return w.Bytes()
}

type writer struct {
	bytes.Buffer
	now time.Time
}

func (w *writer) line(indent int, format string, args ...any) {
	w.WriteString(strings.Repeat("  ", indent))
	fmt.Fprintf(w, format+"\n", args...)
}

// field writes a field of a license, unless it is empty.
func (w *writer) field(name, value string) {
	if value != "" {
		w.line(2, "%s: %s", name, scalar(value))
	}
}

func (w *writer) license(c *license.Configuration) {
	w.line(1, "- id: %s", scalar(c.ID))
	w.field("name", c.Name)
	w.field("vendor", c.Vendor)
	w.field("description", c.Description)
	w.field("countingType", string(c.CountingType))
	if c.Count != nil {
		w.line(2, "licenseCount: %d", *c.Count)
	}
	if c.HardLimit {
		w.line(2, "hardLimit: true")
	}
	if c.Status != license.Available {
		w.field("status", string(c.Status))
	}
	w.rules(c)
	if !c.Expiry.IsZero() {
		w.line(2, "expiry: %s", scalar(instant(c.Expiry)))
	}
	if len(c.Tags) > 0 {
		w.line(2, "tags:")
		for _, key := range slices.Sorted(maps.Keys(c.Tags)) {
			w.line(3, "%s: %s", scalar(key), scalar(c.Tags[key]))
		}
	}
	if len(c.Associations) > 0 {
		w.line(2, "associations:")
		for _, a := range c.Associations {
			w.line(3, "- %s: %s", keyOf(a.Kind), scalar(a.Value))
		}
	}
	w.products(c)
	w.enforcement(&c.Enforcement)
	if !slices.Equal(c.Thresholds, license.DefaultThresholds()) {
		w.line(2, "thresholds: [%s]", strings.ReplaceAll(strings.Trim(fmt.Sprint(c.Thresholds), "[]"), " ", ", "))
	}
}

// rules writes the last version: past ones stay in the ledger whatever a file says.
func (w *writer) rules(c *license.Configuration) {
	if len(c.Rules) == 0 {
		return
	}
	last := c.Rules[len(c.Rules)-1]
	if last.Effective.After(w.now) && len(c.Rules) > 1 {
		_, version := c.RulesAt(w.now)
		w.line(2, "# in force until then: %s", strings.Join(c.Rules[version-1].Text, " "))
		w.line(2, "rulesFrom: %s", scalar(instant(last.Effective)))
	}
	if len(last.Text) == 0 {
		return
	}
	w.line(2, "rules:")
	for _, text := range last.Text {
		w.line(3, "- %s", quote(text))
	}
}

func (w *writer) products(c *license.Configuration) {
	if c.DisassociateWhenNotFound {
		w.line(2, "disassociateWhenNotFound: true")
	}
	if len(c.Products) == 0 {
		return
	}
	w.line(2, "products:")
	for _, p := range c.Products {
		w.line(3, "- resourceType: %s", scalar(p.ResourceType))
		if len(p.Filters) == 0 {
			continue
		}
		w.line(4, "filters:")
		for _, f := range p.Filters {
			var values []string
			for _, v := range f.Values {
				values = append(values, quote(v))
			}
			w.line(5, "- {name: %s, comparator: %s, values: [%s]}", quote(f.Name), quote(f.Comparator), strings.Join(values, ", "))
		}
	}
}

func (w *writer) enforcement(e *license.Enforcement) {
	var lines [][2]string
	add := func(name, value string, otherwise any) {
		if value != fmt.Sprint(otherwise) {
			lines = append(lines, [2]string{name, value})
		}
	}
	add("mode", string(e.Mode), license.Observe)
	add("actionsPerHour", strconv.Itoa(e.ActionsPerHour), license.DefaultActionsPerHour)
	add("settle", e.Settle.String(), license.DefaultSettle)
	add("grace", e.Grace.String(), time.Duration(0))
	add("hours", e.Hours.String(), "")
	add("autoScaling", string(e.AutoScaling), license.AutoScalingAlert)
	add("escalateAfter", e.EscalateAfter.String(), license.DefaultEscalateAfter)
	add("tagsExempt", strconv.FormatBool(e.TagsExempt), false)
	add("restartGrace", e.RestartGrace.String(), license.DefaultRestartGrace)
	if len(lines) == 0 {
		return
	}
	w.line(2, "enforcement:")
	for _, l := range lines {
		value := scalar(l[1])
		if l[0] == "actionsPerHour" || l[0] == "tagsExempt" {
			value = l[1]
		}
		w.line(3, "%s: %s", l[0], value)
	}
}

// keyOf is an association's kind as a file spells it.
func keyOf(kind license.AssociationKind) string {
	switch kind {
	case license.ByLaunchTemplate:
		return "launchTemplate"
	case license.BySpecification:
		return "licenseConfiguration"
	default:
		return string(kind)
	}
}

func instant(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

var (
	plain = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9 ./_+-]*[A-Za-z0-9]|([0-9]+[hms])+)$`)
	// words that YAML reads as something else than text
	reserved = regexp.MustCompile(`(?i)^(true|false|yes|no|on|off|null|nan|inf|y|n)$`)
)

// scalar writes text for YAML: as it is where nobody could mistake it, else quoted.
func scalar(s string) string {
	if plain.MatchString(s) && !reserved.MatchString(s) {
		return s
	}
	return quote(s)
}

// quote writes text in double quotes, with the escapes that JSON and YAML share.
func quote(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return strconv.Quote(s)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
