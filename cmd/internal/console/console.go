// Package console prints what people read: tables that align, one line for
// what happened, and money-sized numbers with their reasons.
package console

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/snapshot"
	"licenseguard/shared/telemetry"
)

// JSON prints a value for programs.
func JSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// Section prints a heading.
func Section(w io.Writer, format string, args ...any) {
	title := fmt.Sprintf(format, args...)
	fmt.Fprintf(w, "\n%s\n%s\n", title, strings.Repeat("─", len([]rune(title))))
}

// table prints rows that align.
func table(w io.Writer, header string, rows [][]string) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, header)
	for _, r := range rows {
		fmt.Fprintln(t, strings.Join(r, "\t"))
	}
	_ = t.Flush()
}

// text makes foreign text fit a cell.
func text(s string, most int) string {
	s = strings.ReplaceAll(telemetry.Clean(s, 400), "\t", " ")
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

// Positions prints the table of positions.
func Positions(w io.Writer, positions []snapshot.Position) {
	if len(positions) == 0 {
		fmt.Fprintln(w, "There is no license.")
		return
	}
	rows := make([][]string, len(positions))
	for i, p := range positions {
		count, free, percent := "–", "–", "–"
		if p.Count != nil {
			count, free = fmt.Sprint(*p.Count), fmt.Sprint(*p.Available)
			if *p.Count > 0 {
				percent = fmt.Sprintf("%.0f%%", p.Percent)
			}
		}
		limit := "track"
		switch {
		case p.Count != nil && p.HardLimit:
			limit = "hard"
		case p.Count != nil:
			limit = "soft"
		}
		rows[i] = []string{text(p.Name, 34), p.CountingType, limit, count, fmt.Sprint(p.Consumed), fmt.Sprint(p.Covered),
			fmt.Sprint(p.Over), fmt.Sprint(p.AgainstRules), free, percent, state(p)}
	}
	table(w, "LICENSE\tCOUNTS\tLIMIT\tLICENSED\tIN USE\tCOVERED\tOVER\tAGAINST RULE\tFREE\tUSED\tSTATE", rows)
}

func state(p snapshot.Position) string {
	var s string
	switch {
	case p.Status == snapshot.NotCounted:
		s = "not counted"
	case p.Over > 0:
		s = "OVER"
	case p.AgainstRules > 0:
		s = "AGAINST RULE"
	case p.Count == nil:
		s = "tracked"
	default:
		s = "ok"
	}
	if p.Estimated > 0 {
		s += fmt.Sprintf(" (%d estimated)", p.Estimated)
	}
	if p.StaleNodes > 0 {
		s += fmt.Sprintf(" (%d of them stale: %d in use without)", p.Stale, p.WithoutStale)
	}
	return s
}

// Usage prints who consumes a license, and why.
func Usage(w io.Writer, usages []snapshot.Usage) {
	if len(usages) == 0 {
		fmt.Fprintln(w, "nothing uses it")
		return
	}
	rows := make([][]string, len(usages))
	for i, u := range usages {
		id := shortID(u.ResourceARN)
		why := u.RuleExplanation
		if u.BrokenRules != "" {
			why += "; " + u.BrokenRules
		}
		if u.Members != "" {
			why += "; instances: " + u.Members
		}
		status := u.ResourceStatus
		if u.Answered != "" {
			status += ", " + u.Answered
		}
		if u.StaleSince != "" {
			status += ", stale: last told " + u.Confirmed[:len(minute)]
		}
		rows[i] = []string{id, text(u.ResourceName, 20), fmt.Sprint(u.Consumed), u.Verdict, status, text(u.Reason, 40), text(why, 110)}
	}
	table(w, "RESOURCE\tNAME\tLICENSES\tVERDICT\tSTATUS\tTHROUGH\tWHY", rows)
}

// shortID returns the id in a resource's ARN: "db:payroll" of a database.
func shortID(arn string) string {
	if i := strings.Index(arn, ":"+license.DatabasePrefix); i >= 0 {
		return arn[i+1:]
	}
	return arn[strings.LastIndexByte(arn, '/')+1:]
}

// Journal prints what enforcement did. names gives the licenses' names by id, and
// approvers who approved a plan, by its hash.
func Journal(w io.Writer, entries []ledger.JournalEntry, names, approvers map[string]string) {
	if len(entries) == 0 {
		fmt.Fprintln(w, "nothing was done, and nothing would have been")
		return
	}
	rows := make([][]string, len(entries))
	for i, e := range entries {
		why := e.Why
		switch {
		case e.By != "":
			why = "by " + e.By + "; " + why
		case e.Plan != "":
			why = fmt.Sprintf("approved by %s, plan %s; %s", cmp.Or(approvers[e.Plan], "a person"), e.Plan, why)
		}
		if !e.Undone.IsZero() {
			why = "undone " + e.Undone.UTC().Format(minute) + "; " + why
		}
		if e.Guard != ledger.Unguarded {
			why += "; not stopped: " + string(e.Guard)
		}
		if e.Error != "" {
			why += "; " + e.Error
		}
		rows[i] = []string{e.At.UTC().Format("2006-01-02 15:04:05"), e.Instance.AWSID(), string(e.Action), text(cmp.Or(names[e.License], e.License), 34), text(why, 90)}
	}
	table(w, "AT (UTC)\tINSTANCE\tACTION\tLICENSE\tWHY", rows)
}

// maxLines bounds what one commit prints.
const maxLines = 8

// Change prints what one commit did, a line for each resource.
func Change(w io.Writer, at time.Time, c *ledger.Change) {
	printed := 0
	for i := range c.Deltas {
		d := &c.Deltas[i]
		line := sentence(d)
		if line == "" {
			continue
		}
		if printed == maxLines {
			fmt.Fprintf(w, "%s  %-28s … and more of the same: %d changes in this commit\n", at.UTC().Format("15:04:05"), "", len(c.Deltas))
			break
		}
		printed++
		fmt.Fprintf(w, "%s  %-28s %s\n", at.UTC().Format("15:04:05"), text(c.Name, 28), line)
	}
	if printed > 0 {
		fmt.Fprintf(w, "          %-28s → %d in use, %d covered of %s\n", "", c.After.Deployed(), c.After.Covered, count(c.Count))
	}
}

func sentence(d *ledger.Delta) string {
	who := d.Instance.AWSID()
	if d.Instance == "" {
		who = d.Resource.AWSID()
	} else if d.Resource != d.Instance {
		who += " on " + d.Resource.AWSID()
	}
	switch {
	case d.Action != "":
		return who + " " + d.Action
	case d.From == d.To && d.Before == d.Licenses:
		return ""
	case d.To == ledger.Released:
		return fmt.Sprintf("%s is %s: %s", who, d.State, plural(d.Before, "license is free again", "licenses are free again"))
	case d.To == ledger.Covered:
		return fmt.Sprintf("%s covered: %s", who, d.Explanation)
	case d.To == ledger.Over:
		return fmt.Sprintf("%s OVER the count (by %s): %s%s", who, d.Cause, d.Explanation, answer(d.Answer))
	case d.To == ledger.Broken:
		var rules []string
		for _, v := range d.Broken {
			rules = append(rules, v.String())
		}
		return fmt.Sprintf("%s AGAINST RULE (by %s): %s%s", who, d.Cause, text(strings.Join(rules, "; "), 120), answer(d.Answer))
	default:
		return fmt.Sprintf("%s %s: %s", who, d.To, d.Explanation)
	}
}

func plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func answer(a ledger.Answer) string {
	switch {
	case a.Wanted() && a.Mode == license.Observe:
		return fmt.Sprintf(" → would %s", a.Action)
	case a.Wanted():
		return fmt.Sprintf(" → %s from %s", a.Action, a.NotBefore.UTC().Format("15:04:05"))
	case a.Why != "":
		return " → " + a.Why
	default:
		return ""
	}
}

func count(n *int64) string {
	if n == nil {
		return "no count"
	}
	return fmt.Sprint(*n)
}
