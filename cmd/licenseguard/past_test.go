package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
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
	wantVendorsPack(t, folder)
	for name, c := range map[string]struct {
		want string
		args []string
	}{
		"no vendor":        {`under the vendor "Orakel"`, []string{"audit", "--vendor", "Orakel", "--dir", folder, "--from", "2026-11-20"}},
		"vendor and names": {"not both", []string{"audit", oracle, "--vendor", "Oracle", "--dir", folder, "--from", "2026-11-20"}},
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

// wantVendorsPack makes a pack of one vendor and checks it as that vendor's auditor
// would, who has the pack and a public key only: it is right, its peaks are those of the
// page, nothing of others is in it, and a byte that is changed is found.
func wantVendorsPack(t *testing.T, folder string) {
	t.Helper()
	dir := t.TempDir()
	name := filepath.Join(dir, "microsoft.zip")
	if code, out, errs := cli(t, "audit", "--vendor", "Microsoft", "--dir", folder, "--from", "2026-11-20", "--to", "2026-11-21", "--out", name); code != exitOK || !strings.Contains(out, "2 licenses") {
		t.Fatalf("exit code %d: %s\n%s", code, errs, out)
	}
	z, err := zip.OpenReader(name)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	if err := os.CopyFS(dir, z); err != nil {
		t.Fatal(err)
	}
	proof, key := filepath.Join(dir, "proof"), folder+string(filepath.Separator)+"evidence.pub"
	code, out, errs := cli(t, "verify", proof, "--key", key)
	if code != exitOK || !strings.Contains(out, "RIGHT") || !strings.Contains(out, "of 2 licenses; withheld: ") || !strings.Contains(out, "Microsoft: every license that was ever recorded under it is among them") || !strings.Contains(out, "withheld: ") {
		t.Errorf("exit code %d: %s\n%s", code, errs, out)
	}
	_, page, _ := cli(t, "peaks", "--dir", folder, "--by", "day", "--to", "2026-11-21", "--json")
	_, anew, _ := cli(t, "peaks", "--log", filepath.Join(proof, "changes"), "--by", "day", "--to", "2026-11-21", "--json")
	var all, own struct{ Peaks []timeline.Peak }
	if err := errors.Join(json.Unmarshal([]byte(page), &all), json.Unmarshal([]byte(anew), &own)); err != nil || len(own.Peaks) != 2 {
		t.Fatalf("%v: %s", err, anew)
	}
	for _, p := range own.Peaks {
		if !slices.ContainsFunc(all.Peaks, func(o timeline.Peak) bool { return reflect.DeepEqual(o, p) }) {
			t.Errorf("counted from the proof: %+v, from the log: %+v", p, all.Peaks)
		}
	}
	log := filepath.Join(proof, "changes", "dt=2026-11-20", "changes.jsonl")
	rows, err := os.ReadFile(log)
	if err != nil || bytes.Contains(rows, []byte("Oracle")) {
		t.Errorf("%v: rows of others are shown", err)
	}
	if err := os.WriteFile(log, bytes.Replace(rows, []byte(`"licenses":4`), []byte(`"licenses":3`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, _ := cli(t, "verify", proof, "--key", key); code == exitOK || !strings.Contains(out, "WRONG: changes/dt=2026-11-20/changes.jsonl") {
		t.Errorf("altered, and exit code %d: %s", code, out)
	}
}
