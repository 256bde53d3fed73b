package yearcost_test

import (
	"fmt"
	"math"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"licenseguard/shared/config"
	"licenseguard/shared/query"
)

// page is where the tables are shown.
const page = "../../../docs/cost.md"

// full asks for all sizes, which takes minutes; otherwise only what is quick is counted.
func full() bool { return os.Getenv("LICENSEGUARD_BENCH") == "full" }

// fleets are what the page shows.
func fleets() (all []asked) {
	for _, instances := range []int{1_000, 100_000} {
		for _, c := range []churn{still, weekly, office} {
			if instances == 1_000 && c != weekly || full() {
				all = append(all, asked{instances, c})
			}
		}
	}
	return all
}

type asked struct {
	instances int
	churn     churn
}

// String is how a row of a table begins.
func (a asked) String() string {
	return fmt.Sprintf("%s | %s", thousands(float64(a.instances)), a.churn)
}

// TestCost counts days of fleets and holds the tables of the page to them.
func TestCost(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var days, years, reads strings.Builder
	for _, a := range fleets() {
		n := 1
		if a.churn == weekly && a.instances < 10_000 { // on some days more move than on others
			n = 7
		}
		start := time.Now()
		d := newFleet(t, a.instances, a.churn).play(n).aDay(n)
		t.Logf("%s: %d days played in %s", a, n, time.Since(start).Round(time.Second))
		days.WriteString(row(a.String(), d.columns()...))
		years.WriteString(row(a.String(), d.yearColumns(t)...))
		if a.churn == office {
			for _, q := range query.Named() {
				reads.WriteString(row(fmt.Sprintf("%s | %s", thousands(float64(a.instances)), q.Name), d.readColumns(t, q)...))
			}
		}
	}
	for _, table := range []struct{ heading, rows string }{{"A day, counted", days.String()}, {"A year", years.String()}, {"What a query reads", reads.String()}} {
		fmt.Printf("%s\n\n%s\n", table.heading, table.rows)
		_, shown, _ := strings.Cut(string(text), "\n## "+table.heading+"\n")
		shown, _, _ = strings.Cut(shown, "\n## ")
		for line := range strings.Lines(table.rows) {
			compare(t, shown, line)
		}
	}
}

// TestLinear: twice the days are twice of everything, so a year may be multiplied.
func TestLinear(t *testing.T) {
	played, some := map[int]*daily{}, []int{1, 2}
	if full() {
		some = append(some, 4)
	}
	for _, days := range some {
		played[days] = newFleet(t, 1_000, office).play(days).aDay(days)
		fmt.Print(row(fmt.Sprintf("%d | %s", days, office), played[days].columns()...))
	}
	one := played[1].columns()
	for _, days := range some[1:] {
		for i, want := range one {
			if got := played[days].columns()[i]; !near(got, want) {
				t.Errorf("column %d: a day of %d days has %v, a day alone %v", i+1, days, got, want)
			}
		}
	}
}

// TestStackIsAsCounted: what is taken of the stack here is what the stack has.
func TestStackIsAsCounted(t *testing.T) {
	for file, texts := range map[string][]string{
		"reports.go":  {fmt.Sprintf(`infrequentAfterDays\s+= %d\n`, infrequentAfter), `f\.every\("rate\(1 hour\)"\)`},
		"seal.go":     {fmt.Sprintf(`f\.every\("rate\(%d hours\)"\)`, 24/sealsADay), `TransitionAfter: days\(infrequentAfterDays\)`},
		"intake.go":   {fmt.Sprintf(`queueBatch\{size: %d,`, batch)},
		"function.go": {fmt.Sprintf(`BatchSize:\s+jsii\.Number\(%d\)`, batch)},
	} {
		source, err := os.ReadFile("../../../infra/" + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range texts {
			if !regexp.MustCompile(text).Match(source) {
				t.Errorf("infra/%s has no %s: count with what it has", file, text)
			}
		}
	}
}

// TestScans: what queries read is read from their texts as it should be.
func TestScans(t *testing.T) {
	for name, want := range map[string]string{
		"positions-now":          "positions 1 recent, positions 14 recent",
		"peaks-daily":            "changes 7 all",
		"enforcement-actions":    "changes 14 asked",
		"changes-of-one-license": "changes 22 all",
		"drift":                  "changes 11 all",
	} {
		q, err := query.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range scansOf(t, q, false) {
			span := map[bool]string{true: "recent"}[s.recent] + map[bool]string{true: "asked"}[s.asked]
			if span == "" {
				span = "all"
			}
			got = append(got, fmt.Sprintf("%s %d %s", s.table.Name, len(s.columns), span))
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s: %v, want %s", name, got, want)
		}
	}
}

// columns are those of the table of a day: counts, then megabytes by prefix, then requests.
func (d *daily) columns() []float64 {
	mb := func(name string) float64 { return d.folder(name).bytes / 1e6 }
	evidence := 0.0
	for name, f := range d.folders {
		if strings.HasPrefix(name, "evidence/") {
			evidence += f.bytes / 1e6
		}
	}
	return []float64{d.messages, d.folder("changes").objects, mb("changes"), mb("history"), mb("usage") + mb("positions") + mb("coverage"), mb("csv"), evidence, d.put, d.get, d.list, d.macs + d.signatures}
}

// yearColumns are those of the table of a year: gigabytes that stay, millions of
// requests, dollars; and of queries terabytes and dollars.
func (d *daily) yearColumns(t *testing.T) []float64 {
	b := d.year(t)
	var evidence []string
	for name := range d.folders {
		if strings.HasPrefix(name, "evidence/") {
			evidence = append(evidence, name)
		}
	}
	return []float64{d.gigabytes("changes"), d.gigabytes("history"), d.gigabytes("usage", "positions", "coverage"), d.gigabytes("csv"), d.gigabytes(evidence...),
		yearDays * (d.put + d.get + d.list) / 1e6, b.storage, b.requests, b.kms, b.messages, b.total(),
		b.onLog.bytes / tebibyte, b.onLog.dollars, b.onHistory.bytes / tebibyte, b.onHistory.dollars}
}

// readColumns are megabytes and dollars of one run: after a month and a year on the log,
// then after a year on the history.
func (d *daily) readColumns(t *testing.T, q query.Query) []float64 {
	month, year := d.read(t, q, 30, false), d.read(t, q, yearDays, false)
	columns := []float64{month.bytes / 1e6, month.dollars(), year.bytes / 1e6, year.dollars()}
	if strings.Contains(q.SQL, "FROM "+config.GlueTableChanges) {
		history := d.read(t, q, yearDays, true)
		return append(columns, history.bytes/1e6, history.dollars())
	}
	return columns
}

// row is a line of a table in Markdown.
func row(begins string, figures ...float64) string {
	var b strings.Builder
	b.WriteString("| " + begins + " |")
	for _, f := range figures {
		b.WriteString(" " + figure(f) + " |")
	}
	return b.String() + "\n"
}

// figure writes three figures of a number, or all of a whole one.
func figure(f float64) string {
	switch {
	case f == 0:
		return "0"
	case f >= 100:
		return thousands(f)
	default:
		return fmt.Sprintf("%.*f", max(0, 2-int(math.Floor(math.Log10(f)))), f)
	}
}

func thousands(f float64) string {
	text := fmt.Sprintf("%.0f", f)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// compare finds the row on the page that begins alike and has as many figures.
func compare(t *testing.T, shown, line string) {
	t.Helper()
	counted := strings.Split(strings.Trim(line, "|\n "), " | ")
	for l := range strings.Lines(shown) {
		cells := strings.Split(strings.Trim(l, "|\n "), " | ")
		if len(cells) != len(counted) || cells[0] != counted[0] || cells[1] != counted[1] {
			continue
		}
		for i := 2; i < len(cells); i++ {
			if got, want := number(t, counted[i]), number(t, cells[i]); !near(got, want) {
				t.Errorf("%s shows %s in column %d of %s: counted were %s", page, cells[i], i+1, strings.Join(cells[:2], ", "), counted[i])
			}
		}
		return
	}
	t.Errorf("%s lacks the row %s", page, line)
}

func number(t *testing.T, text string) (f float64) {
	t.Helper()
	if _, err := fmt.Sscan(strings.ReplaceAll(text, ",", ""), &f); err != nil {
		t.Errorf("%q is no number", text)
	}
	return f
}

// near allows for three percent: ids and times are drawn, and three figures are shown.
func near(a, b float64) bool { return math.Abs(a-b) <= 0.03*max(math.Abs(a), math.Abs(b)) }
