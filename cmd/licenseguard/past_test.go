package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"licenseguard/shared/snapshot"
	"licenseguard/shared/timeline"
)

// TestPastOfTheDemonstration: the change log says at its end what the ledger says, in
// the middle of the day something else, and what it lacks is said.
func TestPastOfTheDemonstration(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if code, _, errs := cli(t, "demo", "--dir", dir); code != exitOK {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	folder := filepath.Join(dir, "demo")
	past := func(at ...string) map[string]timeline.Position {
		t.Helper()
		code, out, errs := cli(t, append([]string{"position", "--json", "--dir", folder, "--at"}, at...)...)
		var got struct {
			Positions []timeline.Position
			Gaps      []timeline.Gap
		}
		if err := json.Unmarshal([]byte(out), &got); err != nil || code != exitOK || len(got.Gaps) != 0 {
			t.Fatalf("exit code %d: %s\n%s%v", code, errs, out, err)
		}
		named := make(map[string]timeline.Position)
		for _, p := range got.Positions {
			named[p.Name] = p
		}
		return named
	}
	_, now, _ := cli(t, "position", "--json", "--dir", folder)
	end := past("2026-11-21")
	var present []snapshot.Position
	if err := json.Unmarshal([]byte(now), &present); err != nil || len(present) == 0 {
		t.Fatal(err, now)
	}
	for _, p := range present {
		if got := end[p.Name]; got.Deployed != p.Consumed || got.Covered != p.Covered || got.Over != p.Over {
			t.Errorf("%s at the end: %+v, the ledger has %+v", p.Name, got, p)
		}
	}
	const oracle = "Oracle Database Enterprise"
	if p := past("2026-11-20T09:31:00Z")[oracle]; p.Deployed != 40 || p.Over != 8 || *p.Count != 32 {
		t.Errorf("at half past nine: %+v", p)
	}
	if p := past("2026-11-20T09:31:00Z", "--as-known-at", "2026-11-20T09:00:00Z")[oracle]; p.Deployed >= 40 {
		t.Errorf("by what was known at nine: %+v", p)
	}
	code, out, errs := cli(t, "peaks", oracle, "--dir", folder, "--by", "day", "--to", "2026-11-21")
	if code != exitOK || !strings.Contains(out, "40    2026-11-20 09:30:20  32        8") {
		t.Errorf("exit code %d: %s\n%s", code, errs, out)
	}

	pack := filepath.Join(dir, "pack.zip")
	code, out, errs = cli(t, "audit", oracle, "--dir", folder, "--from", "2026-11-20", "--to", "2026-11-21", "--out", pack)
	if info, err := os.Stat(pack); code != exitOK || err != nil || info.Size() < 2000 || !strings.Contains(out, "1 licenses") {
		t.Errorf("exit code %d, %v: %s\n%s", code, err, errs, out)
	}
	for name, c := range map[string]struct {
		want string
		args []string
	}{
		"no instant":       {"2026-03-03T10:15:00Z", []string{"position", "--at", "yesterday"}},
		"known without at": {"go with --at", []string{"position", "--as-known-at", "2026-11-20"}},
		"no log":           {"no change log in", []string{"position", "--at", "2026-11-20", "--log", t.TempDir()}},
		"no such period":   {"want hour, day, month or quarter", []string{"peaks", "--dir", folder, "--by", "week"}},
		"no beginning":     {"--from 2026-01-01", []string{"audit", "--dir", folder}},
		"no such license":  {"no license", []string{"audit", "none", "--dir", folder, "--from", "2026-11-20"}},
	} {
		if code, out, errs := cli(t, c.args...); code == exitOK || !strings.Contains(errs, c.want) {
			t.Errorf("%s: exit code %d, it does not say %q: %s%s", name, code, c.want, out, errs)
		}
	}
	logs, _ := filepath.Glob(filepath.Join(folder, "reports", "changes", "*", "lic-*-000000000002-*.jsonl"))
	if err := os.Remove(logs[0]); err != nil {
		t.Fatal(err)
	}
	if _, out, _ := cli(t, "position", "--dir", folder, "--at", "2026-11-21"); !strings.Contains(out, "GAP: of lic-") {
		t.Errorf("a lost file is not told:\n%s", out)
	}
	if err := os.WriteFile(logs[1], []byte("no row\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := cli(t, "peaks", "--dir", folder); code == exitOK || !strings.Contains(errs, filepath.Base(logs[1])+", line 1") {
		t.Errorf("a spoiled file: exit code %d: %s", code, errs)
	}
}
