package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"licenseguard/shared/evidence"
)

// TestTheDemonstrationLeavesEvidence: what it tells to type is right, and a byte that
// was changed is named.
func TestTheDemonstrationLeavesEvidence(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	code, out, errs := cli(t, "demo", "--dir", dir)
	if code != exitOK {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	line := regexp.MustCompile(`bin/licenseguard (verify .*)`).FindStringSubmatch(out)
	if line == nil {
		t.Fatalf("the demonstration does not say how to verify:\n%s", out)
	}
	args := strings.Fields(line[1])
	if code, out, errs := cli(t, args...); code != exitOK || !strings.HasPrefix(out, "RIGHT") || strings.Contains(out, "No head") {
		t.Fatalf("exit code %d: %s%s", code, out, errs)
	}
	pack := filepath.Join(dir, "demo", "evidence")
	log := filepath.Join(pack, "changes", "dt=2026-11-20", "changes.jsonl")
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), `"changed_by":"alice`) || !strings.Contains(string(data), `"changed_by":"person-`) {
		t.Error("the evidence names people")
	}
	rows := strings.SplitAfter(string(data), "\n")
	rows[41] = strings.Replace(rows[41], `"revision":`, `"revision":9`, 1)
	if err := os.WriteFile(log, []byte(strings.Join(rows, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, _ = cli(t, args...)
	if code != exitDiffers || !strings.HasPrefix(out, "WRONG: changes/dt=2026-11-20/changes.jsonl row 42: the row was altered\n") {
		t.Errorf("exit code %d: %s", code, out)
	}
	code, out, _ = cli(t, append(args, "--json")...)
	var report evidence.Report
	if err := json.Unmarshal([]byte(out), &report); code != exitDiffers || err != nil || len(report.Findings) != 1 || report.Findings[0].Row != 42 {
		t.Errorf("exit code %d: %s", code, out)
	}
	if err := os.WriteFile(log, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(pack, "x\x1b[31m\ny"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, _ := cli(t, args...); code != exitDiffers || !strings.Contains(out, "x [31m y: no manifest names it") || strings.ContainsRune(out, '\x1b') {
		t.Errorf("exit code %d: %q", code, out)
	}
}

func TestVerifyMistakes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if code, _, errs := cli(t, "demo", "--dir", dir); code != exitOK {
		t.Fatal(errs)
	}
	pack := filepath.Join(dir, "demo", "evidence")
	key := pack + ".pub"
	inside := filepath.Join(pack, "manifests", "key.pub")
	data, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(inside, data, 0o600); err != nil {
		t.Fatal(err)
	}
	linked := filepath.Join(dir, "linked.pub")
	if err := os.Symlink(inside, linked); err != nil {
		t.Fatal(err)
	}
	noKey := filepath.Join(dir, "not.pub")
	if err := os.WriteFile(noKey, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no evidence":          {[]string{"--key", key}, "say which evidence"},
		"no key":               {[]string{pack}, "--key"},
		"a key in the pack":    {[]string{pack, "--key", inside}, "lies in the evidence"},
		"a link to such a key": {[]string{pack, "--key", linked}, "lies in the evidence"},
		"no key at all":        {[]string{pack, "--key", noKey}, "not.pub"},
		"no such key":          {[]string{pack, "--key", filepath.Join(dir, "none")}, "none"},
		"no such folder":       {[]string{filepath.Join(dir, "none"), "--key", key}, "none"},
		"a file":               {[]string{key, "--key", key}, ""},
		"a head that is none":  {[]string{pack, "--key", key, "--head", "12"}, "no SHA-256"},
		"a day that is none":   {[]string{pack, "--key", key, "--since", "yesterday"}, "yesterday"},
		"no bucket":            {[]string{"s3://", "--key", key}, "no bucket"},
	} {
		code, out, errs := cli(t, append([]string{"verify"}, c.args...)...)
		if code != exitUsage || !strings.Contains(errs, c.want) || out != "" {
			t.Errorf("%s: exit code %d: %s%s", name, code, out, errs)
		}
	}
}
