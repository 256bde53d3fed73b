package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"licenseguard/shared/snapshot"
)

// cli runs a command and returns its exit code and output.
func cli(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(context.Background(), args, &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

func TestDemoEndsWithThePositions(t *testing.T) {
	t.Parallel()
	code, out, errs := cli(t, "demo", "--dir", t.TempDir())
	if code != exitOK {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	for _, want := range []string{
		"0 commits, 0 alerts",                      // the day's events again
		"0 commits (0 means no drift), 0 released", // the evening sweep
		"stopped  ", "tagged  ", "would-stop", "undone 2026-11-20 17:01; approved by alice", // the journal
		"Oracle Database Enterprise: 40 in use, 32 licensed", // the limit alert
		"allowedTenancy: \"EC2-Default\"", "is not JSON",     // the rule, the bad input
		"Example operating system        Core      hard   96        144     96       48", // two hosts fit, the third is over
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the demonstration does not say %q", want)
		}
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, "Backup agent") {
		t.Errorf("the last line is %q, want the last row of the positions", last)
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	table := strings.Join(lines[len(lines)-7:], "\n")
	if !strings.Contains(string(readme), table) {
		t.Errorf("the README shows another table than the demonstration prints:\n%s", table)
	}
	_, plan, _ := strings.Cut(out, "licenseguard enforcement plan\n")
	for _, part := range []string{"Oracle Database Enterprise (lic-", "Plan "} {
		_, rest, _ := strings.Cut(plan, "\n"+part)
		if text, _, _ := strings.Cut(rest, "\n\n"); len(text) < 50 || !strings.Contains(string(readme), "\n"+part+text+"\n") {
			t.Errorf("the README shows another plan than the demonstration prints:\n%s%s", part, text)
		}
	}
}

// TestOwnFleetByHand: fleet.json and hosts.json against licenses.yaml.
//
//	Oracle   m5.2xlarge 4 cores x 2 threads: 8 vCPU / 2 = 4
//	         r5.4xlarge cut to 8 cores x 1 thread: 8 vCPU / 1 = 8
//	         m7a.2xlarge has 1 thread per core: 8 vCPU / 1 = 8      together 20 of 16
//	SQL      m5.xlarge 4; t3.medium 2, at least 4; stopped and terminated 0: together 8
//	Windows  two instances on one r5 host: its 48 cores once; the m5 host's
//	         only instance is stopped: 0                            together 48 of 96
//	Backup   six instances with a db tag, of which one is terminated: six running
//	         or stopped                                             together 6
func TestOwnFleetByHand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	code, out, errs := cli(t, "demo", "--fleet", "testdata/fleet.json", "--licenses", "testdata/licenses.yaml", "--hosts", "testdata/hosts.json", "--dir", dir)
	if code != exitOK {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	if !strings.Contains(out, "License positions on") {
		t.Errorf("no positions:\n%s", out)
	}
	code, out, errs = cli(t, "positions", "--json", "--dir", filepath.Join(dir, "fleet"))
	if code != exitOK {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	var got []snapshot.Position
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]struct{ consumed, covered, over, estimated int64 }{
		"Oracle Database Enterprise": {20, 12, 8, 0}, // 4 and 8 fit under 16, the youngest 8 do not
		"SQL Server per VM":          {8, 8, 0, 0},
		"Windows Server Datacenter":  {48, 48, 0, 0},
		"Backup, installed anywhere": {6, 0, 0, 0},
	}
	for _, p := range got {
		w, ok := want[p.Name]
		if !ok {
			t.Errorf("unexpected license %q", p.Name)
			continue
		}
		delete(want, p.Name)
		if p.Consumed != w.consumed || p.Covered != w.covered || p.Over != w.over || p.Estimated != w.estimated {
			t.Errorf("%s: in use %d, covered %d, over %d, estimated %d; want %+v", p.Name, p.Consumed, p.Covered, p.Over, p.Estimated, w)
		}
	}
	if len(want) > 0 {
		t.Errorf("missing licenses: %v", want)
	}
}

func TestWithoutHostsFileTheHostTableIsEstimated(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	code, _, errs := cli(t, "demo", "--fleet", "testdata/fleet.json", "--licenses", "testdata/licenses.yaml", "--dir", dir)
	if code != exitOK {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	_, out, _ := cli(t, "positions", "--dir", filepath.Join(dir, "fleet"))
	if !strings.Contains(out, "ok (48 estimated)") {
		t.Errorf("the host's 48 cores are not marked estimated:\n%s", out)
	}
}

func TestMistakesAreNamedAndExitWithTwo(t *testing.T) {
	t.Parallel()
	write := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	fleet, err := os.ReadFile("testdata/fleet.json")
	if err != nil {
		t.Fatal(err)
	}
	const licenses = "testdata/licenses.yaml"
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no command of that name": {[]string{"dmeo"}, `no command "dmeo"`},
		"a flag that is none":     {[]string{"demo", "--flet", "x"}, "-flet"},
		"fleet without licenses":  {[]string{"demo", "--fleet", "testdata/fleet.json"}, "both --fleet and --licenses"},
		"no such file":            {[]string{"demo", "--fleet", "none.json", "--licenses", licenses}, "none.json"},
		"broken JSON":             {[]string{"demo", "--fleet", write("f.json", string(fleet[:len(fleet)/2])), "--licenses", licenses}, "line "},
		"no reservations":         {[]string{"demo", "--fleet", write("f.json", `{"Instances":[]}`), "--licenses", licenses}, "describe-instances"},
		"a bad instance":          {[]string{"demo", "--fleet", write("f.json", strings.Replace(string(fleet), `"m7a.2xlarge"`, `""`, 1)), "--licenses", licenses}, "Reservations[2].Instances[0]"},
		"a bad state":             {[]string{"demo", "--fleet", write("f.json", strings.Replace(string(fleet), `"Name": "running"`, `"Name": "jogging"`, 1)), "--licenses", licenses}, "jogging"},
		"a bad rule":              {[]string{"check", write("l.yaml", "licenses:\n- name: x\n  countingType: Core\n  rules: [\"#maximumVcpus=4\"]\n")}, "maximumVcpus"},
		"an unknown field":        {[]string{"check", write("l.yaml", "licenses:\n- name: x\n  countngType: Core\n")}, "countngType"},
		"stop that frees nothing": {[]string{"check", write("l.yaml", "licenses:\n- name: x\n  countingType: vCPU\n  licenseCount: 1\n  hardLimit: true\n  rules: [\"#includedStoppedInstances=True\"]\n  enforcement: {mode: stop}\n")}, "frees nothing"},
		"no ledger":               {[]string{"positions", "--dir", t.TempDir()}, "no ledger"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if len(c.args) > 1 && c.args[0] == "demo" {
				c.args = append(c.args, "--dir", t.TempDir())
			}
			code, _, errs := cli(t, c.args...)
			if code != exitUsage {
				t.Errorf("exit code %d, want %d", code, exitUsage)
			}
			if !strings.Contains(errs, c.want) {
				t.Errorf("error %q does not say %q", errs, c.want)
			}
			if strings.Count(errs, "\n") > 12 {
				t.Errorf("the error is %d lines long:\n%s", strings.Count(errs, "\n"), errs)
			}
		})
	}
}

// TestUpKeepsItsState: a second run goes on from the first one's ledger.
func TestUpKeepsItsState(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	args := []string{"up", "--once", "--fleet", "testdata/fleet.json", "--licenses", "testdata/licenses.yaml", "--hosts", "testdata/hosts.json", "--dir", dir}
	code, first, errs := cli(t, args...)
	if code != exitOK {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	if !strings.Contains(first, "covered: ") {
		t.Errorf("the first run tells of no change:\n%s", first)
	}
	_, second, _ := cli(t, args...)
	if strings.Contains(second, "covered: ") {
		t.Errorf("the second run counts again what the first one kept:\n%s", second)
	}
	_, explained, _ := cli(t, "explain", "--dir", dir, "i-00000000000000002")
	for _, want := range []string{"r5.4xlarge: 8 vCPU (cpu-options)", "tag db=oracle"} {
		if !strings.Contains(explained, want) {
			t.Errorf("explain does not say %q:\n%s", want, explained)
		}
	}
}

func TestWhatCannotBeReadInTheInboxLeavesTheRest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	inbox := filepath.Join(dir, "inbox")
	if err := os.MkdirAll(filepath.Join(inbox, "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", filepath.Join(inbox, "dangling")); err != nil {
		t.Fatal(err)
	}
	for name, size := range map[string]int{"not-json": 10, "huge": 3 << 20} {
		if err := os.WriteFile(filepath.Join(inbox, name), make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	code, out, errs := cli(t, "up", "--once", "--fleet", "testdata/fleet.json", "--licenses", "testdata/licenses.yaml", "--dir", dir)
	if code != exitOK {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	for _, want := range []string{"folder is no file", "dangling: no such file", "not-json is hopeless: body", "huge is hopeless: body is 1048576 bytes"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
	if left, _ := os.ReadDir(inbox); len(left) != 2 {
		t.Errorf("%d left in the inbox, want the two that cannot be read", len(left))
	}
}

func TestFlagsAndHelp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if code, _, errs := cli(t, "demo", "--fleet", "testdata/fleet.json", "--licenses", "testdata/licenses.yaml", "--dir", dir); code != exitOK {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	ledger := filepath.Join(dir, "fleet")
	for _, args := range [][]string{{"explain", "i-00000000000000001", "--json", "--dir", ledger}, {"explain", "--dir", ledger, "i-00000000000000001", "--json"}} {
		if code, out, errs := cli(t, args...); code != exitOK || !strings.HasPrefix(out, "[") {
			t.Errorf("%v: exit code %d, %s%.40s", args, code, errs, out)
		}
	}
	if _, out, _ := cli(t, "journal", "--json", "--dir", ledger); out != "[]\n" {
		t.Errorf("an empty journal is %q", out)
	}
	if code, out, _ := cli(t, "positions", "-h"); code != exitOK || !strings.Contains(out, "licenseguard positions") {
		t.Errorf("-h: exit code %d, %q", code, out)
	}
}
