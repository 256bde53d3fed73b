package console

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/snapshot"
)

// Licenses prints the licenses as people set them.
func Licenses(w io.Writer, licenses []*ledger.License, now time.Time) {
	if len(licenses) == 0 {
		fmt.Fprintln(w, "There is no license. licenseguard license apply -f FILE makes some.")
		return
	}
	rows := make([][]string, len(licenses))
	for i, l := range licenses {
		c := &l.Configuration
		_, version := c.RulesAt(now)
		rows[i] = []string{text(c.Name, 34), c.ID, string(c.CountingType), limitOf(c, now), string(c.Enforcement.Mode), statusOf(c, now),
			fmt.Sprintf("%d of %d", version, len(c.Rules)), c.UpdatedAt.UTC().Format(minute)}
	}
	table(w, "LICENSE\tID\tCOUNTS\tLIMIT\tMODE\tSTATUS\tRULES\tCHANGED (UTC)", rows)
}

func limitOf(c *license.Configuration, now time.Time) string {
	n, ok := c.CountAt(now)
	switch {
	case !ok:
		return "track only"
	case c.HardLimit:
		return fmt.Sprintf("%d hard", n)
	default:
		return fmt.Sprintf("%d soft", n)
	}
}

func statusOf(c *license.Configuration, now time.Time) string {
	switch {
	case c.Status == license.Disabled:
		return "disabled"
	case c.Expired(now):
		return "expired"
	default:
		return "in force"
	}
}

// Shown is one license with all that people set, and its position; a deleted one has
// none.
type Shown struct {
	At            time.Time
	Configuration license.Configuration
	Position      *snapshot.Position `json:",omitempty"`
	DeletedAt     time.Time          `json:",omitzero"`
	DeletedBy     string             `json:",omitempty"`
}

// License prints one license.
func License(w io.Writer, s Shown) {
	c := &s.Configuration
	fmt.Fprintf(w, "%s (%s)\n", text(c.Name, 80), c.ID)
	line := func(label, value string) {
		if value != "" {
			fmt.Fprintf(w, "  %-16s %s\n", label, text(value, 300))
		}
	}
	if !s.DeletedAt.IsZero() {
		line("deleted", s.DeletedAt.UTC().Format(minute)+" UTC by "+s.DeletedBy)
	}
	line("vendor", c.Vendor)
	line("description", c.Description)
	line("arn", c.ARN)
	line("counts", string(c.CountingType)+", "+limitOf(c, s.At))
	if s.DeletedAt.IsZero() {
		line("status", statusOf(c, s.At))
	}
	if !c.Expiry.IsZero() {
		line("expires", c.Expiry.UTC().Format(minute)+" UTC")
	}
	line("changed", c.UpdatedAt.UTC().Format(minute)+" UTC by "+c.UpdatedBy)
	rules(w, c, s.At)
	associations(w, c)
	products(w, c)
	settings(w, c)
	if s.Position != nil {
		position(w, s.Position)
	}
}

func rules(w io.Writer, c *license.Configuration, now time.Time) {
	fmt.Fprintln(w, "\nRules")
	_, present := c.RulesAt(now)
	for i, v := range c.Rules {
		what := "past"
		switch {
		case i+1 == present:
			what = "in force"
		case i+1 > present:
			what = "to come"
		}
		fmt.Fprintf(w, "  version %d  from %s  %s\n", i+1, v.Effective.UTC().Format(minute), what)
		for _, t := range v.Text {
			fmt.Fprintf(w, "    %s\n", text(t, 100))
		}
		if len(v.Text) == 0 {
			fmt.Fprintln(w, "    none")
		}
	}
}

func associations(w io.Writer, c *license.Configuration) {
	fmt.Fprintln(w, "\nApplies to")
	if len(c.Associations) == 0 {
		fmt.Fprintln(w, "  nothing: it has no association")
		return
	}
	rows := make([][]string, len(c.Associations))
	for i, a := range c.Associations {
		rows[i] = []string{"  " + string(a.Kind), text(a.Value, 90), "since " + a.Since.UTC().Format(minute)}
	}
	columns(w, rows)
}

func products(w io.Writer, c *license.Configuration) {
	if len(c.Products) == 0 {
		return
	}
	fmt.Fprintln(w, "\nSoftware")
	for _, p := range c.Products {
		fmt.Fprintf(w, "  %s\n", text(p.ResourceType, 40))
		for _, f := range p.Filters {
			fmt.Fprintf(w, "    %s\n", text(fmt.Sprintf("%s %s %s", f.Name, f.Comparator, strings.Join(f.Values, ", ")), 100))
		}
	}
}

func settings(w io.Writer, c *license.Configuration) {
	e := &c.Enforcement
	hours := e.Hours.String()
	if hours == "" {
		hours = "always"
	}
	fmt.Fprintln(w, "\nAnswers")
	columns(w, [][]string{
		{"  mode", string(e.Mode)}, {"  actions per hour", fmt.Sprint(e.ActionsPerHour)}, {"  settle", e.Settle.String()}, {"  grace", e.Grace.String()},
		{"  hours", hours}, {"  auto scaling", string(e.AutoScaling)}, {"  escalate after", e.EscalateAfter.String()},
		{"  tags exempt", fmt.Sprint(e.TagsExempt)}, {"  restart grace", e.RestartGrace.String()},
		{"  alert at", strings.Trim(fmt.Sprint(c.Thresholds), "[]") + " %"}, {"  exemptions", fmt.Sprint(len(c.Exemptions))}, {"  taken away", fmt.Sprint(len(c.Detached))},
	})
	if len(c.Tags) == 0 {
		return
	}
	fmt.Fprintln(w, "\nTags")
	var rows [][]string
	for _, key := range slices.Sorted(maps.Keys(c.Tags)) {
		rows = append(rows, []string{"  " + text(key, 50), text(c.Tags[key], 60)})
	}
	columns(w, rows)
}

func position(w io.Writer, p *snapshot.Position) {
	fmt.Fprintln(w, "\nPosition")
	var b strings.Builder
	Positions(&b, []snapshot.Position{*p})
	for line := range strings.Lines(b.String()) {
		fmt.Fprint(w, "  "+line)
	}
}

// columns prints rows that align, without a header.
func columns(w io.Writer, rows [][]string) {
	var b strings.Builder
	table(&b, strings.Join(rows[0], "\t"), rows[1:])
	fmt.Fprint(w, b.String())
}
