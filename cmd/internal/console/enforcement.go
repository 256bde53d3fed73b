package console

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// minute is how people read an instant; it is always UTC.
const minute = "2006-01-02 15:04"

// detailed prints a table with lines of detail below each row.
func detailed(w io.Writer, header string, rows [][]string, details [][]string) {
	var b strings.Builder
	table(&b, header, rows)
	for i, line := range strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n") {
		fmt.Fprintln(w, line)
		if i > 0 {
			for _, d := range filled(details[i-1], 104) {
				fmt.Fprintln(w, "    "+d)
			}
		}
	}
}

// filled joins parts to lines of at most so many characters.
func filled(parts []string, most int) (lines []string) {
	for _, part := range parts {
		part = text(part, most-1)
		if n := len(lines) - 1; n >= 0 && len([]rune(lines[n]))+len([]rune(part))+3 <= most {
			lines[n] += "; " + part
		} else {
			lines = append(lines, part)
		}
	}
	return lines
}

// Plan prints what enforcement would do, license by license.
func Plan(w io.Writer, p ledger.Plan) {
	for i := range p.Licenses {
		part := &p.Licenses[i]
		fmt.Fprintf(w, "%s (%s)\n", text(part.Name, 60), text(part.License, 40))
		fmt.Fprintf(w, "%s licensed, %d in use, %d covered, %d over, %d against a rule; mode %s; rule version %d\n",
			count(part.Count), part.Deployed, part.Covered, part.Over, part.Broken, part.Mode, part.RuleVersion)
		rows, details := make([][]string, len(part.Items)), make([][]string, len(part.Items))
		for j := range part.Items {
			rows[j], details[j] = planRow(part, &part.Items[j], p.At)
		}
		detailed(w, "INSTANCE\tSTATE\tLAUNCHED (UTC)\tSTANDS\tLICENSES\tACTION\tWHEN (UTC)", rows, details)
		fmt.Fprintln(w)
	}
}

func planRow(part *ledger.LicensePlan, i *ledger.PlanItem, now time.Time) (row, detail []string) {
	stands := string(i.Verdict)
	if i.Cause != "" {
		stands += " by " + string(i.Cause)
	}
	account, region, id := i.Instance.Parts()
	return []string{id, string(i.State), i.Launch.UTC().Format(minute), stands, fmt.Sprint(i.Licenses), cmp.Or(string(i.Action), "nothing"), planned(part, i, now)},
		planDetail(i, account+"/"+region)
}

// planned says when an answer would be given.
func planned(part *ledger.LicensePlan, i *ledger.PlanItem, now time.Time) string {
	when := "now"
	if i.NotBefore.After(now) {
		when = "from " + i.NotBefore.UTC().Format("Jan 2 15:04")
	}
	switch {
	case i.Action == "":
		return "–"
	case part.Mode == license.Observe:
		return "never: it observes"
	case i.Waits && when == "now":
		return "once approved"
	case i.Waits:
		return "approved, " + when
	default:
		return when
	}
}

func planDetail(i *ledger.PlanItem, where string) []string {
	var out []string
	if i.Guard != ledger.Unguarded {
		out = append(out, "not stopped: "+string(i.Guard))
	}
	if !i.Waits { // else WHEN says it
		out = append(out, i.Why)
	}
	if i.Resource != i.Instance {
		out = append(out, "on "+i.Resource.AWSID())
	}
	return append(append(append(out, i.Broken...), i.Arithmetic), where)
}

// Approval prints the command that approves a plan; where names the ledger in it,
// with a space before.
func Approval(w io.Writer, p ledger.Plan, where string) {
	waiting := Waiting(p)
	if waiting == 0 {
		fmt.Fprintf(w, "Plan %s: nothing waits for approval.\n", p.Hash)
		return
	}
	fmt.Fprintf(w, "Plan %s: %s for approval. To approve all of it:\n  licenseguard enforcement apply %s%s\n",
		p.Hash, plural(int64(waiting), "answer waits", "answers wait"), p.Hash, where)
}

// Waiting is how many answers of a plan wait for a person.
func Waiting(p ledger.Plan) (n int) {
	for i := range p.Licenses {
		n += p.Licenses[i].Waiting()
	}
	return n
}

// Holds prints what keeps enforcement from acting.
func Holds(w io.Writer, holds []ledger.Hold) {
	rows, details := make([][]string, len(holds)), make([][]string, len(holds))
	for i, h := range holds {
		what := "paused"
		if h.Breaker {
			what = "breaker open"
		}
		rows[i] = []string{text(string(h.Scope), 60), h.At.UTC().Format(minute), what}
		details[i] = []string{h.Why, "by " + h.By}
	}
	detailed(w, "SCOPE\tSINCE (UTC)\tWHAT", rows, details)
}

// Budget is how much of what may be done in any 60 minutes is spent.
type Budget struct {
	Scope       ledger.Scope
	Spent, Most int
	Reason      string // of Most
}

// Budgets prints budgets.
func Budgets(w io.Writer, budgets []Budget) {
	rows := make([][]string, len(budgets))
	for i, b := range budgets {
		rows[i] = []string{text(string(b.Scope), 46), fmt.Sprintf("%d of %d", b.Spent, b.Most), text(b.Reason, 46)}
	}
	table(w, "SCOPE\tSPENT\tBECAUSE", rows)
}

// Pending prints answers that wait to be given, or undos to be done.
func Pending(w io.Writer, pending []ledger.PendingAction, names map[string]string) {
	rows, details := make([][]string, len(pending)), make([][]string, len(pending))
	for i := range pending {
		p := &pending[i]
		action, why := string(p.Action), p.Why
		switch {
		case p.Undo != nil:
			action, why = "undo "+string(p.Undo.Action), "by "+p.By
		case p.Mode == license.Observe:
			action = "say " + action
		}
		rows[i] = []string{p.Instance.AWSID(), text(cmp.Or(names[p.License], p.License), 26), action, cmp.Or(p.Plan, "–"), p.NotBefore.UTC().Format(minute), fmt.Sprint(p.Attempts)}
		if details[i] = []string{why}; p.LastError != "" {
			details[i] = append(details[i], "the last try: "+p.LastError)
		}
	}
	detailed(w, "INSTANCE\tLICENSE\tACTION\tPLAN\tNOT BEFORE (UTC)\tTRIES", rows, details)
}

// Undo prints what would be taken back.
func Undo(w io.Writer, entries []ledger.JournalEntry, names map[string]string) {
	rows := make([][]string, len(entries))
	for i := range entries {
		e := &entries[i]
		action := string(e.Action)
		if e.Done.IsZero() {
			action += "?" // it was cut off, and may have been done
		}
		rows[i] = []string{e.Instance.AWSID(), text(cmp.Or(names[e.License], e.License), 26), action, e.At.UTC().Format(minute), text(cmp.Or(e.Plan, "–"), 12), takenBack(e)}
	}
	table(w, "INSTANCE\tLICENSE\tACTION\tAT (UTC)\tPLAN\tUNDO", rows)
}

func takenBack(e *ledger.JournalEntry) string {
	switch e.Action {
	case ledger.DoneStopped:
		return "start it, restore tags"
	case ledger.DoneDetached:
		return "start it, attach it"
	case ledger.DoneLowered:
		return "raise its group"
	default:
		return "restore tags"
	}
}

// Limit is one of the limits, with the reason of its default.
type Limit struct {
	Name           string
	Value, Default int
	What, Reason   string
}

// Limits prints limits.
func Limits(w io.Writer, limits []Limit) {
	rows, details := make([][]string, len(limits)), make([][]string, len(limits))
	for i, l := range limits {
		rows[i] = []string{l.Name, fmt.Sprint(l.Value), fmt.Sprint(l.Default), l.What}
		details[i] = []string{l.Reason}
	}
	detailed(w, "LIMIT\tVALUE\tDEFAULT\tWHAT", rows, details)
}
