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

	"licenseguard/shared/query"
)

// TestYear: on a simulated year of 5,000 instances, with rules and counts that change,
// each named query says what counting anew from what was told says.
func TestYear(t *testing.T) {
	w := newWorld(t, 10, 5000)
	if w.rows < 40_000 {
		t.Fatalf("the year has only %d rows", w.rows)
	}
	folder := t.TempDir()
	w.write(t, folder)
	t.Run("log", func(t *testing.T) { w.compare(t, options{reports: folder}) })
	w.compacted(t, folder)
	t.Run("compacted", func(t *testing.T) { w.compare(t, options{reports: folder, compacted: true}) })
}

// compacted compacts the log, which must not change what it says.
func (w *world) compacted(t *testing.T, folder string) {
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
	if code, out, errs := ask(t, "query", "SELECT count(*) AS n, count(DISTINCT account || aws_region) AS homes FROM history", "--csv", "--reports", folder); code != exitOK || out != fmt.Sprintf("n,homes\n%d,3\n", w.rows) {
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

func (w *world) compare(t *testing.T, o options) {
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
		if !seen[q.Name] {
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

func (w *world) questions() []asked {
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
	for _, s := range []struct{ from, to time.Time }{{begin, end}, {partFrom, partTo}} {
		values := []any{s.from.Format(layout), s.to.Format(layout)}
		const columns = "name high high_at license_count license_hours over_minutes"
		out = append(out,
			asked{"peaks-daily", values, "day_begins " + columns, w.peaks(s.from, s.to, time.DateOnly, 1, 0)},
			asked{"peaks-monthly", values, "month_begins " + columns, w.peaks(s.from, s.to, "2006-01", 0, 1)},
			asked{"over-limit-minutes", values, "name over_minutes most_over license_hours", w.overMinutes(s.from, s.to)})
	}
	return out
}

func (p *product) now() step { return p.steps[len(p.steps)-1] }

func (w *world) positions() (out []string) {
	for _, p := range w.licenses {
		if p.deleted {
			continue
		}
		now, percent, totals := p.now(), 0.0, p.ledger.Totals // what is covered and over is the fold's own decision
		var available *int64
		if now.limit != nil {
			free := max(0, *now.limit-now.deployed)
			available, percent = &free, 100*float64(now.deployed)/float64(*now.limit)
		}
		out = append(out, line(p.name, p.counting, now.limit, now.deployed, available, percent, totals.Covered, totals.Over))
	}
	return out
}

func (w *world) over() (out []string) {
	for _, p := range w.licenses {
		if now := p.now(); now.limit != nil && now.deployed > *now.limit {
			out = append(out, line(p.name, now.limit, now.deployed))
		}
	}
	return out
}

func (w *world) usage() (out []string) {
	for _, p := range w.licenses {
		for id, m := range p.running {
			account, _, _ := id.Parts()
			out = append(out, line(p.name, account, id.ARN(), m.tags["Name"], m.counted))
		}
	}
	return out
}

func (w *world) byTag() (out []string) {
	for _, p := range w.licenses {
		resources, licenses := map[string]int{}, map[string]int64{}
		for _, m := range p.running {
			value := cmp.Or(m.tags["CostCenter"], "(no such tag)")
			resources[value]++
			licenses[value] += m.counted
		}
		for value, n := range resources {
			out = append(out, line(p.name, value, n, licenses[value]))
		}
	}
	return out
}

func (w *world) stale(age time.Duration) (out []string) {
	for _, p := range w.licenses {
		for id, m := range p.running {
			if end.Sub(m.told) >= age {
				out = append(out, line(id.ARN(), p.id, m.told, end.Sub(m.told).Hours()))
			}
		}
	}
	return out
}

func within(at time.Time) bool {
	return at.Format(time.DateOnly) >= "2025-03-01" && at.Format(time.DateOnly) <= "2025-09-30"
}

func (w *world) acted() (out []string) {
	for _, p := range w.licenses {
		for _, a := range p.actions {
			if within(a.at) {
				out = append(out, line(a.at, p.id, a.instance, "would-stop"))
			}
		}
	}
	return out
}

func (w *world) corrected() (out []string) {
	type sum struct{ changes, found, freed int64 }
	sums := map[string]*sum{}
	for _, p := range w.licenses {
		for _, d := range p.drift {
			if !within(d.at) {
				continue
			}
			account, region, _ := d.id.Parts()
			key := line(d.at.Format(time.DateOnly), account, region)
			if sums[key] == nil {
				sums[key] = &sum{}
			}
			sums[key].changes++
			sums[key].found += max(0, d.by)
			sums[key].freed += max(0, -d.by)
		}
	}
	for key, s := range sums {
		out = append(out, line(key, s.changes, s.found, s.freed))
	}
	return out
}

// changed are the rows that were published; here the query is compared with these.
func (w *world) changed(n int) (out []string) {
	for _, r := range w.licenses[n].log {
		out = append(out, line(r.Revision, r.RecordedAt, r.HappenedAt, r.ResourceARN, r.Verdict, r.LicensesBefore, r.Licenses, r.Deployed, r.LicenseCount,
			r.Explanation, r.EventID))
	}
	return out
}

// during calls f for each stretch of a span in which nothing changed.
func (p *product) during(from, to time.Time, f func(s step, from time.Time, lasted time.Duration)) {
	for i, s := range p.steps {
		ends := to
		switch {
		case i+1 < len(p.steps):
			ends = p.steps[i+1].at
		case p.deleted:
			ends = s.at
		}
		begins := s.at
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

func (w *world) peaks(from, to time.Time, name string, days, months int) (out []string) {
	for _, p := range w.licenses {
		first := time.Date(from.Year(), from.Month(), from.Day(), 0, 0, 0, 0, time.UTC)
		if months > 0 {
			first = time.Date(from.Year(), from.Month(), 1, 0, 0, 0, 0, time.UTC)
		}
		for at := first; at.Before(to); at = at.AddDate(0, months, days) {
			high, highAt, over, used := step{deployed: -1}, time.Time{}, int64(0), int64(0)
			begins, ends := at, at.AddDate(0, months, days)
			if begins.Before(from) {
				begins = from
			}
			if ends.After(to) {
				ends = to
			}
			p.during(begins, ends, func(s step, at time.Time, lasted time.Duration) {
				if s.deployed > high.deployed {
					high, highAt = s, at
				}
				if s.limit != nil && s.deployed > *s.limit {
					over += lasted.Milliseconds()
				}
				used += s.deployed * lasted.Milliseconds()
			})
			if high.deployed >= 0 {
				out = append(out, line(at.Format(name), p.name, high.deployed, highAt, high.limit, float64(used)/36e5, float64(over)/6e4))
			}
		}
	}
	return out
}

func (w *world) overMinutes(from, to time.Time) (out []string) {
	for _, p := range w.licenses {
		over, most, used := int64(0), int64(0), int64(0)
		p.during(from, to, func(s step, _ time.Time, lasted time.Duration) {
			if s.limit != nil && s.deployed > *s.limit {
				over, most = over+lasted.Milliseconds(), max(most, s.deployed-*s.limit)
			}
			used += s.deployed * lasted.Milliseconds()
		})
		out = append(out, line(p.name, float64(over)/6e4, most, float64(used)/36e5))
	}
	return out
}
