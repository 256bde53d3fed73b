package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"licenseguard/shared/adapter/parquetfile"
	"licenseguard/shared/coverage"
	"licenseguard/shared/snapshot"
	"licenseguard/shared/timeline"
)

// watchedFolder is the log of one instance, and hourly snapshots of two days in which
// account 2 was unreachable from hour 20 to 27.
func watchedFolder(t *testing.T) (folder string) {
	t.Helper()
	folder = t.TempDir()
	put := func(name string, body []byte) {
		name = filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("changes/dt=2026-11-01/lic-1-000000000001-000000000001.jsonl", []byte(`{"license_configuration_id":"lic-1","name":"A\u001b[2J","revision":1,"recorded_at":"2026-11-01 01:00:00.000","happened_at":"2026-11-01 01:00:00.000","launch_time":"2026-11-01 01:00:00.000","reason":"observed","event_id":"e","uncertainty_seconds":1,"resource_arn":"arn:aws:ec2:us-east-1:222222222222:instance/i-1","instance_id":"i-1","account_id":"222222222222","region":"us-east-1","licenses":3,"license_count":10}`+"\n"))
	begin := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for hour := range 48 {
		at := func(hours int) string {
			return begin.Add(time.Duration(hours) * time.Hour).Format("2006-01-02 15:04:05.000")
		}
		row := func(source, account string, from, to int) snapshot.Coverage {
			r := snapshot.Coverage{RecordedAt: at(hour), Source: source, AccountID: account, ObservedFrom: at(from), ObservedTo: at(to), UnbrokenMinutes: 110}
			if account != "" {
				r.Region = "us-east-1"
			}
			return r
		}
		two := row("sweep", "222222222222", 0, hour)
		switch {
		case hour >= 20 && hour < 27:
			two = row("sweep", "222222222222", 0, 19)
			two.FailingSince, two.Reason = at(20), "take the role:\t\x1b[2JAccessDenied"
		case hour >= 27:
			two = row("sweep", "222222222222", 27, hour)
		}
		body, err := parquetfile.Encoder{}.Coverages([]snapshot.Coverage{row("snapshot", "", hour, hour), row("events", "", 0, hour), row("sweep", "111111111111", 0, hour), two})
		if err != nil {
			t.Fatal(err)
		}
		day := begin.Add(time.Duration(hour) * time.Hour)
		put("coverage/dt="+day.Format(time.DateOnly)+"/coverage-"+day.Format("20060102T150405Z")+".parquet", body)
	}
	return folder
}

// TestCoverageCommand: a license manager sees that an account was not watched, why, and
// what that can mean; and hears what is wrong with what was typed or lies there.
func TestCoverageCommand(t *testing.T) {
	t.Parallel()
	folder := watchedFolder(t)
	log := filepath.Join(folder, "changes")
	code, out, errs := cli(t, "coverage", "--log", log, "--to", "2026-11-02T23:00:00Z")
	for _, want := range []string{
		"From 2026-11-01T00:00:00Z to 2026-11-02T23:00:00Z", "1  gap   sweeps  222222222222  us-east-1  2026-11-01 19:00:00  2026-11-02 03:00:00  8 h 00 min", "AccessDenied",
		"A [2J    3        3                   0                 7", "events were taken in all the time", "sweeps     111111111111  us-east-1  2026-11-01 00:00:00  2026-11-02 23:00:00",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q", want)
		}
	}
	if code != exitOK || strings.ContainsAny(out, "\x1b\t") || strings.Contains(out, "2  gap") {
		t.Errorf("exit code %d: %s\n%s", code, errs, out)
	}
	code, out, errs = cli(t, "coverage", "--json", "--log", log, "--from", "2026-11-01T22:00:00Z", "--to", "2026-11-02T01:00:00Z")
	var got struct {
		Coverage coverage.Report
		Gaps     []timeline.Gap
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != exitOK || len(got.Coverage.Gaps) != 1 || got.Coverage.Gaps[0].From.Hour() != 22 || len(got.Coverage.Gaps[0].Worst) != 1 {
		t.Fatalf("exit code %d: %s\n%s%v", code, errs, out, err)
	}
	if _, out, _ := cli(t, "coverage", "--log", log, "--from", "2026-11-01", "--to", "2026-11-01T18:00:00Z"); !strings.Contains(out, "No gap") {
		t.Errorf("where nothing is missing:\n%s", out)
	}
	elsewhere := filepath.Join(t.TempDir(), "log")
	if err := os.Rename(log, elsewhere); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := cli(t, "coverage", "--log", elsewhere, "--coverage", filepath.Join(folder, "coverage"), "--to", "2026-11-02T23:00:00Z"); code != exitOK || !strings.Contains(out, "AccessDenied") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	for name, c := range map[string]struct {
		want string
		args []string
	}{
		"no span":        {"the end must be after the beginning", []string{"--coverage", filepath.Join(folder, "coverage"), "--from", "2026-11-02", "--to", "2026-11-01"}},
		"no such folder": {"no such file", []string{"--coverage", filepath.Join(folder, "none")}},
		"not beside":     {"say with --coverage", nil},
	} {
		if code, out, errs := cli(t, append([]string{"coverage", "--log", elsewhere}, c.args...)...); code != exitUsage || !strings.Contains(errs, c.want) {
			t.Errorf("%s: exit code %d, it does not say %q: %s%s", name, code, c.want, out, errs)
		}
	}
	spoiled := filepath.Join(folder, "coverage", "dt=2026-11-02", "coverage-20261102T000000Z.parquet")
	if err := os.WriteFile(spoiled, []byte("PAR1 no table PAR1"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := cli(t, "coverage", "--log", elsewhere, "--coverage", filepath.Join(folder, "coverage")); code == exitOK || !strings.Contains(errs, filepath.Base(spoiled)) {
		t.Errorf("a spoiled file: exit code %d: %s%s", code, out, errs)
	}
}

// TestCoverageOfTheDemonstration: its functions left what the command and the pack need.
func TestCoverageOfTheDemonstration(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if code, _, errs := cli(t, "demo", "--dir", dir); code != exitOK {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	folder := filepath.Join(dir, "demo")
	code, out, errs := cli(t, "coverage", "--dir", folder, "--to", "2026-11-20T18:00:00Z")
	if code != exitOK || !strings.Contains(strings.Join(strings.Fields(out), " "), "events all all 2026-11-20 06:01:00 2026-11-20 17:58:40") || !strings.Contains(out, "no snapshot") {
		t.Errorf("exit code %d: %s%s", code, errs, out)
	}
	pack := filepath.Join(dir, "pack.zip")
	code, out, errs = cli(t, "audit", "Oracle Database Enterprise", "--dir", folder, "--from", "2026-11-20", "--to", "2026-11-21", "--out", pack)
	if code != exitOK || !strings.Contains(out, "times not all was watched") {
		t.Errorf("exit code %d: %s%s", code, errs, out)
	}
	if err := os.RemoveAll(filepath.Join(folder, "reports", "coverage")); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := cli(t, "coverage", "--dir", folder); code != exitOK || !strings.Contains(out, "never watched") {
		t.Errorf("without the record: exit code %d: %s%s", code, errs, out)
	}
}
