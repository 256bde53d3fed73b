package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/licensefile"
)

// demonstrated is a folder with the ledger of the demonstration.
func demonstrated(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if code, _, errs := cli(t, "demo", "--dir", dir); code != exitOK {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	return filepath.Join(dir, "demo")
}

func written(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "licenses.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// say runs a command and checks its exit code and that its output says some words.
func say(t *testing.T, want int, args []string, says ...string) string {
	t.Helper()
	code, out, errs := cli(t, args...)
	if code != want {
		t.Errorf("%v: exit code %d, want %d: %s%s", args, code, want, out, errs)
	}
	for _, s := range says {
		if !strings.Contains(out+errs, s) {
			t.Errorf("%v does not say %q:\n%s%s", args, s, out, errs)
		}
	}
	return out
}

// What was exported and applied changes nothing; a changed file shows its plan, does
// exactly that plan once, and then changes nothing.
func TestExportDiffApply(t *testing.T) {
	t.Parallel()
	dir := demonstrated(t)
	text := say(t, exitOK, []string{"license", "export", "--dir", dir}, "Oracle Database Enterprise", "Backup agent")
	file := written(t, text)
	say(t, exitOK, []string{"license", "diff", "-f", file, "--dir", dir}, "Would create 0, change 0, leave 6")
	say(t, exitOK, []string{"license", "apply", "-f", file, "--dir", dir}, "Created 0, changed 0, left 6")

	file = written(t, strings.Replace(text, "licenseCount: 32", "licenseCount: 20", 1))
	out := say(t, exitDiffers, []string{"license", "diff", "-f", file, "--dir", dir}, "licenseCount                 32 → 20", "over 0 → 8", "--expect ")
	hash := regexp.MustCompile(`--expect ([0-9a-f]{12})`).FindStringSubmatch(out)
	if hash == nil {
		t.Fatalf("no plan in %s", out)
	}
	say(t, exitError, []string{"license", "apply", "-f", file, "--dir", dir, "--expect", "000000000000"}, "has gone stale", "nothing was written")
	say(t, exitOK, []string{"license", "apply", "-f", file, "--dir", dir, "--dry-run"}, "Plan "+hash[1], "Nothing was written")
	say(t, exitOK, []string{"license", "apply", "-f", file, "--dir", dir, "--expect", hash[1], "--as", "ann"}, "Created 0, changed 1, left 5")
	say(t, exitError, []string{"license", "apply", "-f", file, "--dir", dir, "--expect", hash[1]}, "has gone stale") // it is done
	say(t, exitOK, []string{"license", "apply", "-f", file, "--dir", dir}, "Created 0, changed 0, left 6")

	say(t, exitOK, []string{"license", "history", "Oracle Database Enterprise", "--dir", dir}, "changed by ann, file licenses.yaml", "32 → 20", "created by demo")
	say(t, exitOK, []string{"license", "show", "Oracle Database Enterprise", "--dir", dir}, "20 hard", "ann", "version 1", "in force", "ami-0ee55ff66aa77bb88", "actions per hour")
	say(t, exitOK, []string{"license", "ls", "--dir", dir}, "20 hard", "lic-01e1fd0f9c894c61bc49b5750eb572da")
	var listed []struct{ ID, Mode string }
	if err := json.Unmarshal([]byte(say(t, exitOK, []string{"license", "ls", "--json", "--dir", dir})), &listed); err != nil || len(listed) != 6 || listed[0].Mode == "" {
		t.Errorf("%v, %v", listed, err)
	}
}

// Between the plan and its writing somebody changes a license: the plan is refused,
// whoever came first stays, and nothing of the rest is written.
func TestAStalePlanIsRefused(t *testing.T) {
	t.Parallel()
	both := strings.Replace(threeLicenses, "licenseCount: 10", "licenseCount: 20", 1)
	both = strings.Replace(both, "- name: Agent\n", "- name: Agent\n    description: of the file\n", 1)
	agent := licensefile.IDOf(testAccount, testRegion, "Agent")
	for name, tt := range map[string]struct {
		meanwhile func(*testing.T, applier)
		want      string
	}{
		"changed": {func(t *testing.T, a applier) {
			t.Helper()
			other := applier{a.Registrar, "bob"}
			mustRun(t, other, "licenses: [{name: Agent, countingType: Instance, licenseCount: 7}]", false)
		}, "bob changed it meanwhile, at 2026-03-02 09:00:"},
		"deleted": {func(t *testing.T, a applier) {
			t.Helper()
			l, err := a.Store.Load(t.Context(), agent)
			if err != nil {
				t.Fatal(err)
			}
			c := ledger.Committer{Store: a.Store, Catalog: a.Catalog, Now: a.Now}
			if err := c.Delete(t.Context(), l, "bob"); err != nil {
				t.Fatal(err)
			}
		}, "it was deleted meanwhile"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newApplier(t)
			mustRun(t, a, threeLicenses, false)
			plan, err := a.compare(t.Context(), read(t, both))
			if err != nil {
				t.Fatal(err)
			}
			tt.meanwhile(t, a)
			done, err := a.carryOut(t.Context(), plan)
			if err == nil || len(done) > 0 || !strings.Contains(err.Error(), "gone stale") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("done %v, %v", done, err)
			}
			if name == "changed" && !strings.Contains(err.Error(), "licenseCount none → 7") {
				t.Errorf("it does not say what moved: %v", err)
			}
			l, err := a.Store.Load(t.Context(), licensefile.IDOf(testAccount, testRegion, "Database"))
			if err != nil || *l.Configuration.Count != 10 {
				t.Errorf("the other license was written: %v, %v", l.Configuration.Count, err)
			}
			// The commit itself is conditional, too: as if the look before it had come too early.
			if _, err := a.write(t.Context(), plan[1]); err == nil || !strings.Contains(err.Error(), "gone stale") {
				t.Errorf("written all the same: %v", err)
			}
		})
	}
}

// A license that somebody made under a name is the one that the file names; one that
// was deleted gets another id, always the same.
func TestApplyFindsLicensesByName(t *testing.T) {
	t.Parallel()
	a := newApplier(t)
	made, err := a.Create(t.Context(), license.Configuration{Name: "Agent", CountingType: license.CountInstance}, "terraform")
	if err != nil {
		t.Fatal(err)
	}
	const file = "licenses: [{name: Agent, countingType: Instance, licenseCount: 3}]"
	if plan := mustRun(t, a, file, false); plan[0].ID != made.License.Configuration.ID || plan[0].Result != changed {
		t.Errorf("%+v", plan[0])
	}
	id := licensefile.IDOf(testAccount, testRegion, "Agent")
	for i, want := range []string{id, licensefile.IDOf(testAccount, testRegion, "Agent/2")} {
		configurations, _, err := a.Store.Configurations(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range configurations {
			l, err := a.Store.Load(t.Context(), c.ID)
			if err != nil {
				t.Fatal(err)
			}
			committer := ledger.Committer{Store: a.Store, Catalog: a.Catalog, Now: a.Now}
			if err := committer.Delete(t.Context(), l, "ann"); err != nil {
				t.Fatal(err)
			}
		}
		for _, result := range []string{created, unchanged} {
			if plan := mustRun(t, a, file, false); plan[0].ID != want || plan[0].Result != result {
				t.Errorf("round %d: %+v, want %s %s", i, plan[0], result, want)
			}
		}
	}
	shown, err := show(t.Context(), a.Store.(ledger.Store), "Agent", true, a.Now())
	if err != nil || shown.DeletedBy != "ann" || shown.Configuration.ID != id {
		t.Errorf("the deleted one is shown as %+v, %v", shown, err)
	}
	history, err := a.History(t.Context(), id)
	if edits := editsOf(history); err != nil || len(edits) != 2 || edits[0].What != created || edits[1].What != "deleted" {
		t.Errorf("%+v, %v", edits, err)
	}
}

// TestExplainSaysHow: in words, from what was seen to the answer.
func TestExplainSaysHow(t *testing.T) {
	t.Parallel()
	dir := demonstrated(t)
	out := say(t, exitOK, []string{"explain", "h-0a000000000000003", "--dir", dir},
		"counted on   h-0a000000000000003, a Dedicated Host that counts as a whole",
		"launched     2026-11-20 10:30:40 UTC", "machine      m5.4xlarge, running, EC2-DedicatedHost",
		"a Dedicated Host of the family m5 has 48 cores, as EC2 describes the host; one license for each core", "= 48 licenses",
		"96 licensed; 96 cover what was launched before, so 0 are free and these 48 do not fit.",
		"It was launched when the limit was known")
	for line := range strings.Lines(out) {
		if len([]rune(line)) > 150 {
			t.Errorf("a line of %d columns: %s", len([]rune(line)), line)
		}
	}
	for _, name := range []string{"i-000a1b2c3d4e5f621", "123456789012/us-east-1/i-000a1b2c3d4e5f621", "arn:aws:ec2:us-east-1:123456789012:instance/i-000a1b2c3d4e5f621"} {
		if other := say(t, exitOK, []string{"explain", name, "--dir", dir}); other != out {
			t.Errorf("%s is explained otherwise:\n%s", name, other)
		}
	}
	say(t, exitOK, []string{"explain", "i-0fffffffffffffff0", "--dir", dir}, "No license holds", "not on record")
}

// TestHelpAndCompletion: every command has help with its path, every shell a script,
// and what is mistyped a suggestion.
func TestHelpAndCompletion(t *testing.T) {
	t.Parallel()
	for _, c := range rootCommand().Commands() {
		if c.Name() == "scan" { // its help is the program's
			continue
		}
		if c.Short == "" {
			t.Errorf("%s has no help", c.Name())
		}
		say(t, exitOK, []string{c.Name(), "--help"}, "licenseguard "+c.Name())
		for _, verb := range c.Commands() {
			say(t, exitOK, []string{c.Name(), verb.Name(), "--help"}, "licenseguard "+c.Name()+" "+verb.Name())
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		say(t, exitOK, []string{"completion", shell}, "licenseguard")
	}
	say(t, exitOK, []string{"__complete", "license", "show", "--dir", demonstrated(t), ""}, "Oracle Database Enterprise")
	say(t, exitOK, []string{"--version"}, "licenseguard version")
	say(t, exitOK, []string{"-v"}, "licenseguard version")
	say(t, exitUsage, []string{"postion"}, "did you mean position?")
	say(t, exitUsage, []string{"license", "shwo"}, "did you mean show?")
	say(t, exitUsage, []string{"license", "ls", "--jsn"}, "--jsn")
}
