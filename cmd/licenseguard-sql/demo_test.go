//go:build cgo

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"licenseguard/shared/query"
)

// demoReports plays the demonstration into a folder, as make demo does.
func demoReports(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	demo := exec.CommandContext(t.Context(), "go", "run", "licenseguard/cmd/licenseguard", "demo", "--dir", dir)
	demo.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := demo.CombinedOutput(); err != nil {
		t.Fatalf("demo: %v\n%s", err, out)
	}
	found, err := filepath.Glob(filepath.Join(dir, "*", "reports"))
	if err != nil {
		t.Fatal(err)
	}
	if own := filepath.Join(dir, "reports"); len(found) == 0 {
		found = []string{own}
	}
	return found[0]
}

// ask runs the program and returns what it printed.
func ask(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e strings.Builder
	code = run(t.Context(), args, &o, &e)
	return code, o.String(), e.String()
}

// TestDemonstration: every named query answers on the files that the demonstration
// leaves, and says what its own tables say.
func TestDemonstration(t *testing.T) {
	reports := demoReports(t)
	values := map[string][]string{
		"changes-of-one-license": {"Oracle Database Enterprise"}, "usage-by-tag": {"Name"}, "staleness": {"1"},
		"drift": {"2026-11-20", "2026-11-20"}, "enforcement-actions": {"2026-11-20", "2026-11-20"},
		"peaks-daily": {"2026-11-20", "2026-11-21"}, "peaks-monthly": {"2026-11-01", "2026-12-01"}, "over-limit-minutes": {"2026-11-20", "2026-11-21"},
		"coverage-gaps": {"2026-11-20", "2026-11-21"},
		"position-at":   {"2026-11-20 09:31:00", "9999-12-31 00:00:00"}, "usage-at": {"2026-11-20 09:31:00", "9999-12-31 00:00:00"},
	}
	want := map[string]string{
		"positions-now":       `"license_count":32,"license_count_hard_limit":true,"license_counting_type":"vCPU","name":"Oracle Database Enterprise"`,
		"over-the-limit":      `"over_licenses":48`,
		"usage-by-resource":   `"resource_name":"oracle-prod"`,
		"usage-by-tag":        `"tag_value":"oracle-prod"`,
		"peaks-daily":         `"high":40,"high_at":"2026-11-20 09:30:20.000"`,
		"peaks-monthly":       `"month_begins":"2026-11"`,
		"over-limit-minutes":  `"most_over":48`,
		"enforcement-actions": `"action":"approved `,
		"drift":               `"changes":9`,
		"coverage-gaps":       `"finding":"no snapshot"`,
		"position-at":         `"deployed":40,"estimated_licenses":0,"license_configuration_id":"lic-01e1fd0f9c894c61bc49b5750eb572da","license_count":32`,
		"usage-at":            `"explanation":"m5.2xlarge: 8 vCPU (catalog) = 8 licenses"`,
		"staleness":           `"resource_name":"oracle-prod"`,
	}
	for _, q := range query.Named() {
		t.Run(q.Name, func(t *testing.T) {
			code, out, errs := ask(t, slices.Concat([]string{"run", q.Name, "--json", "--reports", reports}, values[q.Name])...)
			if code != exitOK {
				t.Fatalf("exit %d: %s", code, errs)
			}
			var rows []map[string]any
			if err := json.Unmarshal([]byte(out), &rows); err != nil || len(rows) == 0 {
				t.Fatalf("%v\n%s", err, out)
			}
			compact, err := json.Marshal(rows)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(compact), want[q.Name]) {
				t.Errorf("%s is not in\n%s", want[q.Name], compact)
			}
		})
	}
	t.Run("a query of one's own", func(t *testing.T) {
		code, out, errs := ask(t, "query", "SELECT name, percent FROM positions WHERE percent > 140 ORDER BY recorded_at DESC LIMIT 1", "--reports", reports)
		if code != exitOK || out != "NAME                      PERCENT\nExample operating system  150\n" {
			t.Errorf("exit %d: %s%s", code, out, errs)
		}
	})
}
