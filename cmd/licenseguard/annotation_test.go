package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"licenseguard/shared/timeline"
)

// TestAnnotations: a use that is annotated is out of the adjusted peak and stays in the
// raw one, with who approved it; withdrawn, it counts again.
func TestAnnotations(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if code, _, errs := cli(t, "demo", "--dir", dir); code != exitOK {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	folder := filepath.Join(dir, "demo")
	does := func(want string, args ...string) string {
		t.Helper()
		code, out, errs := cli(t, append(args, "--dir", folder)...)
		if code != exitOK || !strings.Contains(out, want) {
			t.Fatalf("%q: exit code %d, it does not say %q:\n%s%s", args, code, want, out, errs)
		}
		return out
	}
	const oracle = "Oracle Database Enterprise"
	var past struct{ Positions []timeline.Position }
	if err := json.Unmarshal([]byte(does("", "position", "--json", "--at", "2026-11-20T09:31:00Z")), &past); err != nil {
		t.Fatal(err)
	}
	var use timeline.Use
	for _, p := range past.Positions {
		if p.Name == oracle {
			use = p.Uses[0]
		}
	}
	parts := strings.Split(use.Resource, ":") // arn:aws:ec2:REGION:ACCOUNT:instance/ID
	resource := parts[4] + "/" + parts[3] + "/" + strings.TrimPrefix(parts[5], "instance/")
	peak := func() timeline.Peak {
		t.Helper()
		var got struct{ Peaks []timeline.Peak }
		if err := json.Unmarshal([]byte(does("", "peaks", oracle, "--by", "day", "--to", "2026-11-21", "--json")), &got); err != nil || len(got.Peaks) != 1 {
			t.Fatal(got, err)
		}
		return got.Peaks[0]
	}
	does("There is no annotation.", "annotation", "ls")
	if p := peak(); p.High != 40 || p.Adjusted != nil {
		t.Errorf("before: %+v", p)
	}
	add := []string{"annotation", "add", "--license", oracle, "--resource", resource, "--from", "2026-11-20", "--to", "2026-11-21", "--kind", "failover-test", "--reason", "yearly test", "--approver", "eve"}
	does("beside the raw one", add...)
	p := peak()
	if p.High != 40 || p.Adjusted == nil || p.Adjusted.High != 40-use.Licenses || p.Adjusted.LicenseHours >= p.LicenseHours {
		t.Errorf("raw and adjusted: %+v %+v, the use is %+v", p, p.Adjusted, use)
	}
	does("ADJUSTED PEAK", "peaks", oracle, "--by", "day", "--to", "2026-11-21")
	does("approved by eve", "annotation", "ls")
	if code, _, errs := cli(t, append(add, "--dir", folder)...); code == exitOK || !strings.Contains(errs, "it overlaps one from") {
		t.Errorf("the same again: exit code %d: %s", code, errs)
	}
	does("is withdrawn", "annotation", "rm", "--license", oracle, "--resource", resource, "--from", "2026-11-20")
	does("There is no annotation.", "annotation", "ls")
	does("withdrawn ", "annotation", "ls", "--all")
	if p := peak(); p.Adjusted != nil {
		t.Errorf("withdrawn, and yet adjusted: %+v", p.Adjusted)
	}
}
