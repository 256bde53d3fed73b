package yearcost_test

import (
	"regexp"
	"slices"
	"testing"

	"licenseguard/shared/config"
	"licenseguard/shared/query"
)

// leastScan is what Athena bills a query at least (Athena pricing, 2026).
const leastScan = 10 << 20

// scan is one reading of a table by a query.
type scan struct {
	table   query.Table
	columns []string // of a Parquet table, those that are read
	recent  bool     // of the last two days only
	asked   bool     // of the days that are asked for; else of all there are
}

var (
	newest = regexp.MustCompile(`\(SELECT max\((\w+)\) FROM (\w+) WHERE dt >= date_format\(now\(\)[^)]*\)\)`)
	tables = regexp.MustCompile(`(?:FROM|JOIN) (changes|history|positions|usage|coverage)\b`)
	words  = regexp.MustCompile(`\w+`)
)

// scansOf reads from the text of a query what it reads: of each table every column
// whose name the query has, which is never too few.
func scansOf(t *testing.T, q query.Query, compacted bool) (scans []scan) {
	t.Helper()
	text := q.SQL
	for _, m := range newest.FindAllStringSubmatch(text, -1) {
		scans = append(scans, scan{table: tableOf(t, m[2]), columns: []string{m[1]}, recent: true})
	}
	text = newest.ReplaceAllString(text, "")
	named := words.FindAllString(text, -1)
	for _, m := range tables.FindAllStringSubmatch(text, -1) {
		name := m[1]
		if compacted && name == config.GlueTableChanges {
			name = config.GlueTableHistory
		}
		s := scan{table: tableOf(t, name), recent: regexp.MustCompile(`dt >= date_format\(now\(\)`).MatchString(text), asked: regexp.MustCompile(`AND dt BETWEEN \? AND \?`).MatchString(text)}
		for _, c := range s.table.Columns {
			if slices.Contains(named, c.Name) {
				s.columns = append(s.columns, c.Name)
			}
		}
		scans = append(scans, s)
	}
	if len(scans) == 0 {
		t.Fatalf("%s reads nothing?", q.Name)
	}
	return scans
}

func tableOf(t *testing.T, name string) query.Table {
	t.Helper()
	all := query.Tables()
	i := slices.IndexFunc(all, func(q query.Table) bool { return q.Name == name })
	if i < 0 {
		t.Fatalf("no table %s", name)
	}
	return all[i]
}

// reading is what one run of a query takes.
type reading struct {
	bytes   float64
	objects float64
}

// dollars is what Athena and S3 bill for it.
func (r reading) dollars() float64 {
	return max(r.bytes, leastScan)/tebibyte*perTebibyteScanned + r.objects*perGet + r.objects/keysAPage*perPut
}

// read is what a query reads when the log is so many days old, and all of them are
// asked for.
func (d *daily) read(t *testing.T, q query.Query, days float64, compacted bool) (r reading) {
	t.Helper()
	for _, s := range scansOf(t, q, compacted) {
		n := days
		if s.recent {
			n = 2
		}
		f := d.folder(s.table.Prefix[:len(s.table.Prefix)-1])
		r.objects += n * f.objects
		if s.table.Format == query.JSONLines {
			r.bytes += n * f.bytes
			continue
		}
		r.bytes += n * f.footers
		for _, c := range s.columns {
			r.bytes += n * f.columns[c]
		}
	}
	return r
}
