package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"licenseguard/cmd/internal/console"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/remedy"
)

// TestWayBackOfTheDemonstration: the third host is over the count; its instance
// fits on the first.
func TestWayBackOfTheDemonstration(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if code, _, errs := cli(t, "demo", "--dir", dir); code != exitOK {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	ledger := filepath.Join(dir, "demo")
	_, before, _ := cli(t, "positions", "--json", "--dir", ledger)
	for name, c := range map[string]struct {
		args []string
		want []string
	}{
		"hosts": {[]string{"Example operating system"}, []string{
			"48 over: 48 licenses must come free.",
			"1. Move to a host only: cost 10, no way is cheaper",
			"move to a host  i-000a1b2c3d4e5f621  h-0a000000000000003 → h-0a000000000000001  48     10",
			"stop  i-000a1b2c3d4e5f621  running on h-0a000000000000003 → stopped  48     100",
			"Effect: 48 over → 0 over, 144 in use → 96 in use",
			"Nothing was done.", "--or LICENSE",
		}},
		"another license": {[]string{"Example operating system", "--or", "Windows Server 2022 Datacenter"}, []string{
			"move to a license  i-000a1b2c3d4e5f621  → Windows Server 2022 Datacenter  48     53",
			"; takes 48 of Windows Server 2022 Datacenter",
		}},
		"no overrun":  {[]string{"Oracle Database Enterprise"}, []string{"It is not in overrun: 24 in use"}},
		"broken rule": {[]string{"Windows Server 2022 Datacenter"}, []string{"It is not in overrun", "2 licenses are used against a rule"}},
	} {
		code, out, errs := cli(t, append([]string{"wayback", "--dir", ledger}, c.args...)...)
		if code != exitOK {
			t.Fatalf("%s: exit code %d: %s", name, code, errs)
		}
		for _, want := range c.want {
			if !strings.Contains(out, want) {
				t.Errorf("%s: it does not say %q:\n%s", name, want, out)
			}
		}
		narrow(t, out)
	}
	if _, after, _ := cli(t, "positions", "--json", "--dir", ledger); len(positionsOf(t, after)) == 0 || !equalPositions(positionsOf(t, before), positionsOf(t, after)) {
		t.Errorf("asking for the way back changed the positions from\n%s\nto\n%s", before, after)
	}
	for name, args := range map[string][]string{"no license": {}, "an unknown license": {"none"}, "an unknown other": {"--or", "none", "Backup agent"}} {
		if code, _, errs := cli(t, append([]string{"wayback", "--dir", ledger}, args...)...); code != exitUsage || !strings.Contains(errs, "license ls lists names and ids") {
			t.Errorf("%s: exit code %d, %q", name, code, errs)
		}
	}
}

// positionsOf gives what is used and over of each license, which the time of
// asking does not change.
func positionsOf(t *testing.T, out string) map[string][3]int64 {
	t.Helper()
	var all []struct {
		Name                     string
		Consumed, Over, Revision int64
	}
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		t.Fatal(err)
	}
	found := map[string][3]int64{}
	for _, p := range all {
		found[p.Name] = [3]int64{p.Consumed, p.Over, p.Revision}
	}
	return found
}

func equalPositions(a, b map[string][3]int64) bool {
	for name, p := range a {
		if b[name] != p {
			return false
		}
	}
	return len(a) == len(b)
}

// TestWayBackByHand: 20 of 16 Oracle licenses are used. The r5.4xlarge, 8 cores
// with one thread, and the m7a.2xlarge, 8 cores, need 8 each; half the cores
// frees the 4 that are missing: 10 for the restart and 4 vCPUs at 1.
func TestWayBackByHand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if code, _, errs := cli(t, "demo", "--fleet", "testdata/fleet.json", "--licenses", "testdata/licenses.yaml", "--hosts", "testdata/hosts.json", "--dir", dir); code != exitOK {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	code, out, errs := cli(t, "wayback", "--json", "--dir", filepath.Join(dir, "fleet"), "Oracle Database Enterprise")
	if code != exitOK {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	var plan wayBack
	if err := json.Unmarshal([]byte(out), &plan); err != nil {
		t.Fatal(err)
	}
	if plan.Missing != 4 || len(plan.Proposals) < 2 {
		t.Fatalf("%d missing, %d proposals:\n%s", plan.Missing, len(plan.Proposals), out)
	}
	p := plan.Proposals[0]
	if p.Cost != 14 || !p.Optimal || len(p.Steps) != 1 || p.Steps[0].Kind != remedy.CPUOptions || p.Steps[0].To != "4 × 1 thread" || p.Steps[0].Frees != 4 || p.After.Covered != 16 {
		t.Errorf("the cheapest is %+v", p)
	}
}

// TestWayBackPrintsForeignTextHarmlessly: names come from people and tags.
func TestWayBackPrintsForeignTextHarmlessly(t *testing.T) {
	t.Parallel()
	const hostile = "\x1b[2Jevil\u202e\tname\nwith lines and far more letters than fit into any table that people read"
	id := license.NewResourceID("123456789012", "us-east-1", "i-0123456789abcdef0")
	var steps []remedy.Step
	for range 50 {
		steps = append(steps, remedy.Step{Kind: remedy.MoveLicense, Instance: id, Resource: id, From: "lic-1", To: "lic-2", Frees: 123456, Takes: 4, Cost: 12345, Estimated: true})
	}
	plan := remedy.Plan{Missing: 5, Before: ledger.Totals{Over: 5}, Proposals: []remedy.Proposal{{Only: remedy.MoveLicense, Steps: steps, Cost: 9, AtLeast: 7}},
		LeftOut: []remedy.LeftOut{{Instance: id, Resource: id, Why: hostile}}}
	var out bytes.Buffer
	console.WayBack(&out, &license.Configuration{ID: "lic-1", Name: hostile}, plan, map[string]string{"lic-2": hostile}, true)
	for _, bad := range []string{"\x1b", "\u202e", "\t", "\nwith"} {
		if strings.Contains(out.String(), bad) {
			t.Errorf("%q is printed:\n%s", bad, out.String())
		}
	}
	for _, want := range []string{"there may be a cheaper one, for at least 7", "… and 10 more steps; --json lists them", "Left out:"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, out.String())
		}
	}
	narrow(t, out.String())
}

func narrow(t *testing.T, out string) {
	t.Helper()
	for _, line := range strings.Split(out, "\n") {
		if n := utf8.RuneCountInString(line); n > 110 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}
