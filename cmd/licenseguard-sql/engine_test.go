//go:build cgo

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"licenseguard/shared/query"
)

// small is a folder with one change.
func small(t *testing.T, lines string) string {
	t.Helper()
	folder := t.TempDir()
	put(t, filepath.Join(folder, "changes", "dt=2026-11-20", "lic-1.jsonl"), []byte(lines))
	return folder
}

const oneChange = `{"license_configuration_id":"lic-1","name":"=cmd|' /C calc'!A0\u001b[2J\tx","revision":1,"recorded_at":"2026-11-20 09:00:00.000","deployed":3,"license_count":2}` + "\n"

// TestOnlyReads: whatever is asked, nothing is written, and no file but the reports' is
// read.
func TestOnlyReads(t *testing.T) {
	folder := small(t, oneChange)
	secret := filepath.Join(t.TempDir(), "secret.csv")
	put(t, secret, []byte("a\nsecret\n"))
	for what, text := range map[string]string{
		"a file":           "SELECT * FROM read_csv('" + secret + "')",
		"a file by name":   "SELECT * FROM '" + secret + "'",
		"text":             "SELECT * FROM read_text('" + secret + "')",
		"up and out":       "SELECT * FROM read_text('" + folder + "/../" + filepath.Base(filepath.Dir(secret)) + "/secret.csv')",
		"the network":      "SELECT * FROM read_csv('https://127.0.0.1:1/x.csv')",
		"copy":             "COPY (SELECT 1) TO '" + folder + "/new.csv'",
		"copy after":       "SELECT 1; COPY (SELECT 1) TO '" + folder + "/new.csv'",
		"attach":           "ATTACH '" + folder + "/new.db' AS d",
		"install":          "INSTALL httpfs",
		"load":             "LOAD httpfs",
		"settings":         "SET enable_external_access = true",
		"pragma":           "PRAGMA enable_external_access = true",
		"export":           "EXPORT DATABASE '" + folder + "/all'",
		"a table":          "CREATE TABLE t AS SELECT 1",
		"explain and copy": "EXPLAIN ANALYZE COPY (SELECT 1) TO '" + folder + "/new.csv'",
		"no SQL":           "positions",
		"nothing":          "",
	} {
		code, out, errs := ask(t, "query", text, "--reports", folder)
		if code == exitOK || out != "" || errs == "" || strings.Contains(errs, "secret\n") {
			t.Errorf("%s: exit %d, printed %q, %q", what, code, out, errs)
		}
	}
	left, err := os.ReadDir(folder)
	if err != nil || len(left) != 1 {
		t.Errorf("the folder holds %v, %v", left, err)
	}
	code, out, errs := ask(t, "query", "SELECT count(*) AS n FROM changes", "--reports", folder)
	if code != exitOK || out != "N\n1\n" {
		t.Errorf("exit %d: %q %q: the checks above show nothing", code, out, errs)
	}
}

func TestHostileText(t *testing.T) {
	folder := small(t, oneChange)
	_, table, _ := ask(t, "query", "SELECT name FROM changes", "--reports", folder)
	if strings.ContainsAny(table, "\x1b\t") || !strings.Contains(table, "[2J") {
		t.Errorf("table: %q", table)
	}
	_, csv, _ := ask(t, "query", "SELECT name, 7 AS n, license_count FROM changes", "--csv", "--reports", folder)
	if csv != "name,n,license_count\n'=cmd|' /C calc'!A0\x1b[2J\tx,7,2\n" {
		t.Errorf("csv: %q", csv)
	}
}

func TestWhatIsWrongIsSaid(t *testing.T) {
	good := small(t, oneChange)
	for name, tt := range map[string]struct {
		args []string
		says string
	}{
		"no folder":      {[]string{"run", "positions-now", "--reports", filepath.Join(good, "none")}, "make demo leaves"},
		"empty folder":   {[]string{"run", "positions-now", "--reports", t.TempDir()}, "is it the folder of the reports"},
		"a broken line":  {[]string{"query", "SELECT count(deployed) FROM changes", "--reports", small(t, oneChange+"{\"revision\":\n")}, "lic-1.jsonl"},
		"no such query":  {[]string{"run", "peaks"}, "peaks-daily"},
		"no name":        {[]string{"run"}, "licenseguard-sql ls"},
		"too few values": {[]string{"run", "peaks-daily", "2026-11-01"}, "asks for 2 values, and got 1"},
		"no day":         {[]string{"run", "peaks-daily", "monday", "2026-11-02", "--reports", good}, "monday"},
		"no column":      {[]string{"query", "SELECT nmae FROM changes", "--reports", good}, `"name"`},
		"no time":        {[]string{"run", "positions-now", "--now", "now", "--reports", good}, "2026-11-20T12:00:00Z"},
		"no size":        {[]string{"run", "positions-now", "--memory", "much", "--reports", good}, "512MB"},
		"no command":     {[]string{"peaks"}, "no command"},
		"a pattern":      {[]string{"run", "positions-now", "--reports", func() string { d := filepath.Join(t.TempDir(), "a[b]"); put(t, filepath.Join(d, "x"), nil); return d }()}, "pattern"},
	} {
		code, out, errs := ask(t, tt.args...)
		if code != exitUsage || out != "" || !strings.Contains(errs, tt.says) {
			t.Errorf("%s: exit %d, %q, %q; want 2 and %q", name, code, out, errs, tt.says)
		}
	}
}

// TestOlderFiles: files of before a column was there are read, and lack it.
func TestOlderFiles(t *testing.T) {
	folder := t.TempDir()
	type older struct {
		ARN        string `parquet:"license_configuration_arn"`
		RecordedAt string `parquet:"recorded_at"`
		Name       string `parquet:"name"`
		Consumed   int64  `parquet:"consumed_licenses"`
	}
	for _, table := range []string{"positions", "usage"} {
		name := filepath.Join(folder, table, "dt=2026-11-20", "x.parquet")
		put(t, name, nil)
		if err := parquet.WriteFile(name, []older{{"arn:1", "2026-11-20 09:00:00.000", "n", 4}}); err != nil {
			t.Fatal(err)
		}
	}
	code, out, errs := ask(t, "run", "usage-by-tag", "CostCenter", "--csv", "--reports", folder)
	if code != exitOK || !strings.Contains(out, "n,(no such tag),1,4,") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
}

// TestList: ls names every table and every query, with what it asks for.
func TestList(t *testing.T) {
	code, out, errs := ask(t, "ls")
	if code != exitOK || errs != "" {
		t.Fatalf("exit %d: %s", code, errs)
	}
	for _, table := range query.Tables() {
		if !strings.Contains(out, "\n"+table.Name+" ") {
			t.Errorf("table %s is not listed", table.Name)
		}
	}
	for _, q := range query.Named() {
		if !strings.Contains(out, "\n"+q.Name+" ") || !strings.Contains(out, asks(q)) {
			t.Errorf("query %s is not listed with %q", q.Name, asks(q))
		}
	}
}
