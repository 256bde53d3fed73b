//go:build cgo

package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"licenseguard/shared/ledger"
	"licenseguard/shared/query"
	"licenseguard/shared/timeline/yeartest"
)

// TestYear: on a simulated year of 5,000 instances, with rules and counts that change,
// each named query says what counting anew from what was told says.
func TestYear(t *testing.T) {
	year, err := yeartest.Fleet{Seed: 2025, Licenses: 10, Instances: 5000, Span: 365 * 24 * time.Hour}.Play()
	if err != nil {
		t.Fatal(err)
	}
	if year.Rows() < 40_000 {
		t.Fatalf("the year has only %d rows", year.Rows())
	}
	w := world{year}
	folder := t.TempDir()
	w.write(t, folder)
	t.Run("log", func(t *testing.T) { w.compare(t, options{reports: folder}) })
	w.compacted(t, folder)
	t.Run("compacted", func(t *testing.T) { w.compare(t, options{reports: folder, compacted: true}) })
}

// compacted compacts the log, which must not change what it says.
func (w world) compacted(t *testing.T, folder string) {
	t.Helper()
	if code, out, errs := ask(t, "compact", "--reports", folder); code != exitOK || strings.Contains(out, "not finished") {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	for what, text := range map[string]string{
		"rows that the history lacks":    "SELECT count(*) FROM (SELECT * FROM changes EXCEPT SELECT * EXCLUDE (account, aws_region) FROM history)",
		"rows that only the history has": "SELECT count(*) FROM (SELECT * EXCLUDE (account, aws_region) FROM history EXCEPT SELECT * FROM changes)",
		"rows of another's folder":       "SELECT count(*) FROM history WHERE resource_arn <> '' AND (account <> account_id OR aws_region <> region)",
		"days with other rows":           "SELECT count(*) FROM history WHERE dt <> substr(recorded_at, 1, 10)",
		"rows too many":                  "SELECT (SELECT count(*) FROM history) - (SELECT count(*) FROM (SELECT DISTINCT * FROM changes))",
	} {
		if code, out, errs := ask(t, "query", text, "--csv", "--reports", folder); code != exitOK || !strings.HasSuffix(out, "\n0\n") {
			t.Errorf("%s: exit %d: %s%s", what, code, out, errs)
		}
	}
	if code, out, errs := ask(t, "query", "SELECT count(*) AS n, count(DISTINCT account || aws_region) AS homes FROM history", "--csv", "--reports", folder); code != exitOK || out != fmt.Sprintf("n,homes\n%d,3\n", w.Rows()) {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
}

// asked is one query with its values, and what counting anew says: a line a row, of the
// columns that are named.
type asked struct {
	name    string
	values  []any
	columns string
	want    []string
}

func (w world) compare(t *testing.T, o options) {
	t.Helper()
	e, err := open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	seen := map[string]bool{}
	for _, a := range w.questions() {
		seen[a.name] = true
		q, err := query.Find(a.name)
		if err != nil {
			t.Fatal(err)
		}
		if o.compacted && !strings.Contains(q.SQL, "FROM changes") {
			continue // it was asked already
		}
		got, err := e.ask(t.Context(), q.SQL, a.values...)
		if err != nil {
			t.Errorf("%s: %v", a.name, err)
			continue
		}
		if len(a.want) < 2 {
			t.Errorf("%s %v: only %d rows are expected: this shows nothing", a.name, a.values, len(a.want))
		}
		lines := got.lines(t, a.columns)
		slices.Sort(lines)
		slices.Sort(a.want)
		if diff := gocmp.Diff(a.want, lines); diff != "" {
			t.Errorf("%s %v (-counted anew +query):\n%.3000s", a.name, a.values, diff)
			continue
		}
		t.Logf("%s %v: %d rows agree", a.name, a.values, len(lines))
	}
	for _, q := range query.Named() {
		if !seen[q.Name] && q.Name != "coverage-gaps" { // TestCoverageGaps does that
			t.Errorf("%s is not compared with anything", q.Name)
		}
	}
}

// lines are the rows, of some columns.
func (a *answer) lines(t *testing.T, columns string) []string {
	t.Helper()
	var at []int
	for c := range strings.FieldsSeq(columns) {
		i := slices.Index(a.columns, c)
		if i < 0 {
			t.Fatalf("there is no column %s among %v", c, a.columns)
		}
		at = append(at, i)
	}
	out := make([]string, len(a.rows))
	for i, row := range a.rows {
		cells := make([]any, len(at))
		for j, k := range at {
			cells[j] = row[k]
		}
		out[i] = line(cells...)
	}
	return out
}

// line writes the cells of a row alike, whatever their type.
func line(cells ...any) string {
	texts := make([]string, len(cells))
	for i, c := range cells {
		switch c := c.(type) {
		case float64:
			texts[i] = fmt.Sprintf("%.6f", c)
		case time.Time:
			texts[i] = c.Format(layout)
		case *int64:
			texts[i] = "<nil>"
			if c != nil {
				texts[i] = fmt.Sprint(*c)
			}
		default:
			texts[i] = fmt.Sprint(c)
		}
	}
	return strings.Join(texts, " | ")
}

func (w world) questions() []asked {
	partFrom, partTo := time.Date(2025, 5, 10, 13, 37, 0, 0, time.UTC), time.Date(2025, 6, 3, 1, 2, 3, 4_000_000, time.UTC)
	days, hours := []any{"2025-03-01", "2025-09-30"}, 24*30
	out := []asked{
		{"positions-now", nil, "name license_counting_type license_count consumed_licenses available_licenses percent covered_licenses over_licenses", w.positions()},
		{"over-the-limit", nil, "name license_count consumed_licenses", w.over()},
		{"usage-by-resource", nil, "name resource_owner_id resource_arn resource_name consumed_licenses", w.usage()},
		{"usage-by-tag", []any{"CostCenter"}, "name tag_value resources consumed_licenses", w.byTag()},
		{"staleness", []any{fmt.Sprint(hours)}, "resource_arn license_configuration_id last_seen hours", w.stale(time.Duration(hours) * time.Hour)},
		{"enforcement-actions", days, "recorded_at license_configuration_id instance_id action", w.acted()},
		{"drift", days, "dt account_id region changes licenses_found licenses_freed", w.corrected()},
		{"changes-of-one-license", []any{"product 3"}, "revision recorded_at happened_at resource_arn verdict licenses_before licenses deployed license_count explanation event_id", w.changed(3)},
	}
	for _, s := range []struct{ from, to time.Time }{{w.Begin, w.End}, {partFrom, partTo}} {
		values := []any{s.from.Format(layout), s.to.Format(layout)}
		const columns = "name high high_at license_count license_hours over_minutes"
		out = append(out,
			asked{"peaks-daily", values, "day_begins " + columns, w.peaks(s.from, s.to, time.DateOnly, 1, 0)},
			asked{"peaks-monthly", values, "month_begins " + columns, w.peaks(s.from, s.to, "2006-01", 0, 1)},
			asked{"over-limit-minutes", values, "name over_minutes most_over license_hours", w.overMinutes(s.from, s.to)})
	}
	for i := range 3 { // at some instants, each also by what was known then
		at := w.Begin.Add(time.Duration(i+1) * w.End.Sub(w.Begin) / 4).Truncate(time.Millisecond)
		then := at.Format(layout)
		out = append(out,
			asked{"position-at", []any{then, "9999-12-31 00:00:00"}, "name license_count deployed covered over_licenses against_rules_licenses", w.positionsAt(at)},
			asked{"position-at", []any{then, then}, "name license_count deployed", w.knownAt(at)},
			asked{"usage-at", []any{then, "9999-12-31 00:00:00"}, "name resource_arn licenses verdict", w.usesAt(at)})
	}
	return out
}

// positionsAt replays what was so at an instant, by the rules of that time.
func (w world) positionsAt(at time.Time) (out []string) {
	for _, l := range w.Licenses {
		if !l.Exists(at) {
			continue
		}
		var deployed int64
		by := map[ledger.Verdict]int64{}
		uses, _ := l.Uses(at)
		for _, u := range uses {
			deployed += u.Licenses
			by[u.Verdict] += u.Licenses
		}
		out = append(out, line(l.Name, l.CountAt(at), deployed, by[ledger.Covered], by[ledger.Over], int64(0)))
	}
	return out
}

// knownAt is what the ledger had at an instant.
func (w world) knownAt(at time.Time) (out []string) {
	for _, l := range w.Licenses {
		if l.Exists(at) {
			out = append(out, line(l.Name, l.CountAt(at), l.RecordedAt(at)))
		}
	}
	return out
}

func (w world) usesAt(at time.Time) (out []string) {
	for _, l := range w.Licenses {
		if uses, _ := l.Uses(at); l.Exists(at) {
			for resource, u := range uses {
				out = append(out, line(l.Name, resource, u.Licenses, u.Verdict))
			}
		}
	}
	return out
}

func now(l *yeartest.License) yeartest.Step { return l.Steps[len(l.Steps)-1] }

func (w world) positions() (out []string) {
	for _, l := range w.Licenses {
		if !l.Ended.IsZero() {
			continue
		}
		now, percent, totals := now(l), 0.0, l.Ledger.Totals // what is covered and over is the fold's own decision
		var available *int64
		if now.Count != nil {
			free := max(0, *now.Count-now.Deployed)
			available, percent = &free, 100*float64(now.Deployed)/float64(*now.Count)
		}
		out = append(out, line(l.Name, l.Counting, now.Count, now.Deployed, available, percent, totals.Covered, totals.Over))
	}
	return out
}

func (w world) over() (out []string) {
	for _, l := range w.Licenses {
		if now := now(l); now.Count != nil && now.Deployed > *now.Count {
			out = append(out, line(l.Name, now.Count, now.Deployed))
		}
	}
	return out
}

func (w world) usage() (out []string) {
	for _, l := range w.Licenses {
		for _, m := range l.Running() {
			account, _, _ := m.ID.Parts()
			out = append(out, line(l.Name, account, m.ID.ARN(), m.Tags["Name"], m.Counted))
		}
	}
	return out
}

func (w world) byTag() (out []string) {
	for _, l := range w.Licenses {
		resources, licenses := map[string]int{}, map[string]int64{}
		for _, m := range l.Running() {
			value := cmp.Or(m.Tags["CostCenter"], "(no such tag)")
			resources[value]++
			licenses[value] += m.Counted
		}
		for value, n := range resources {
			out = append(out, line(l.Name, value, n, licenses[value]))
		}
	}
	return out
}

func (w world) stale(age time.Duration) (out []string) {
	for _, l := range w.Licenses {
		for _, m := range l.Running() {
			if lasts := w.End.Sub(m.LastSeen); lasts >= age {
				out = append(out, line(m.ID.ARN(), l.ID, m.LastSeen, lasts.Hours()))
			}
		}
	}
	return out
}

func within(at time.Time) bool {
	return at.Format(time.DateOnly) >= "2025-03-01" && at.Format(time.DateOnly) <= "2025-09-30"
}

func (w world) acted() (out []string) {
	for _, l := range w.Licenses {
		for _, a := range l.Actions {
			if within(a.At) {
				out = append(out, line(a.At, l.ID, a.Instance, "would-stop"))
			}
		}
	}
	return out
}

func (w world) corrected() (out []string) {
	type sum struct{ changes, found, freed int64 }
	sums := map[string]*sum{}
	for _, l := range w.Licenses {
		for _, d := range l.Found {
			if !within(d.At) {
				continue
			}
			account, region, _ := d.ID.Parts()
			key := line(d.At.Format(time.DateOnly), account, region)
			if sums[key] == nil {
				sums[key] = &sum{}
			}
			sums[key].changes++
			sums[key].found += max(0, d.By)
			sums[key].freed += max(0, -d.By)
		}
	}
	for key, s := range sums {
		out = append(out, line(key, s.changes, s.found, s.freed))
	}
	return out
}

// changed are the rows that were published; here the query is compared with these.
func (w world) changed(n int) (out []string) {
	for _, r := range w.Licenses[n].Log {
		out = append(out, line(r.Revision, r.RecordedAt, r.HappenedAt, r.ResourceARN, r.Verdict, r.LicensesBefore, r.Licenses, r.Deployed, r.LicenseCount,
			r.Explanation, r.EventID))
	}
	return out
}

// during calls f for each stretch of a span in which nothing changed.
func during(l *yeartest.License, from, to time.Time, f func(s yeartest.Step, from time.Time, lasted time.Duration)) {
	for i, s := range l.Steps {
		ends := to
		switch {
		case i+1 < len(l.Steps):
			ends = l.Steps[i+1].At
		case !l.Ended.IsZero():
			ends = s.At
		}
		begins := s.At
		if begins.Before(from) {
			begins = from
		}
		if ends.After(to) {
			ends = to
		}
		if begins.Before(ends) {
			f(s, begins, ends.Sub(begins))
		}
	}
}

func (w world) peaks(from, to time.Time, name string, days, months int) (out []string) {
	for _, l := range w.Licenses {
		first := time.Date(from.Year(), from.Month(), from.Day(), 0, 0, 0, 0, time.UTC)
		if months > 0 {
			first = time.Date(from.Year(), from.Month(), 1, 0, 0, 0, 0, time.UTC)
		}
		for at := first; at.Before(to); at = at.AddDate(0, months, days) {
			high, highAt, over, used := yeartest.Step{Deployed: -1}, time.Time{}, int64(0), int64(0)
			begins, ends := at, at.AddDate(0, months, days)
			if begins.Before(from) {
				begins = from
			}
			if ends.After(to) {
				ends = to
			}
			during(l, begins, ends, func(s yeartest.Step, at time.Time, lasted time.Duration) {
				if s.Deployed > high.Deployed {
					high, highAt = s, at
				}
				if s.Count != nil && s.Deployed > *s.Count {
					over += lasted.Milliseconds()
				}
				used += s.Deployed * lasted.Milliseconds()
			})
			if high.Deployed >= 0 {
				out = append(out, line(at.Format(name), l.Name, high.Deployed, highAt, high.Count, float64(used)/36e5, float64(over)/6e4))
			}
		}
	}
	return out
}

func (w world) overMinutes(from, to time.Time) (out []string) {
	for _, l := range w.Licenses {
		over, most, used := int64(0), int64(0), int64(0)
		during(l, from, to, func(s yeartest.Step, _ time.Time, lasted time.Duration) {
			if s.Count != nil && s.Deployed > *s.Count {
				over, most = over+lasted.Milliseconds(), max(most, s.Deployed-*s.Count)
			}
			used += s.Deployed * lasted.Milliseconds()
		})
		out = append(out, line(l.Name, float64(over)/6e4, most, float64(used)/36e5))
	}
	return out
}
