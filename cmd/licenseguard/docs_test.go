package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"licenseguard/shared/license"
	"licenseguard/shared/licensefile"
)

// What the documents tell people to type must be there.
func TestDocumentsNameCommandsThatExist(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	var verbs, groups, targets []string
	root := rootCommand()
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.HasAvailableSubCommands() {
			groups = append(groups, c.Name())
			for _, verb := range c.Commands() {
				verbs = append(verbs, c.Name()+" "+verb.Name())
			}
			continue
		}
		if c.IsAvailableCommand() || c.Name() == "help" { // no document names an old spelling
			verbs = append(verbs, c.Name())
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^([a-z-]+):`).FindAllSubmatch(makefile, -1) {
		targets = append(targets, string(m[1]))
	}
	documents, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(documents) == 0 {
		t.Fatal(documents, err)
	}
	uses := []struct {
		known   []string
		pattern *regexp.Regexp
	}{
		{verbs, regexp.MustCompile(`(?m)(?:^|bin/)licenseguard ([a-z-]+)(?: ([a-z-]+))?`)},
		{targets, regexp.MustCompile(`(?m)^(?:[A-Z_]+=\S+ )*make ([a-z-]+)()`)},
	}
	for _, path := range append(documents, "../../README.md") {
		text, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, use := range uses {
			for _, m := range use.pattern.FindAllStringSubmatch(code(string(text)), -1) {
				name := m[1]
				if slices.Contains(groups, name) {
					name += " " + m[2]
				}
				if !slices.Contains(use.known, name) {
					t.Errorf("%s: %q is no command", filepath.Base(path), m[0])
				}
			}
		}
	}
}

// TestEveryCommandIsDocumented: docs/cli.md names each.
func TestEveryCommandIsDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	var look func(c *cobra.Command)
	look = func(c *cobra.Command) {
		for _, below := range c.Commands() {
			look(below)
		}
		if c.IsAvailableCommand() && !c.HasAvailableSubCommands() && !strings.Contains(string(text), "`"+c.CommandPath()) {
			t.Errorf("docs/cli.md does not name %s", c.CommandPath())
		}
	}
	look(rootCommand())
}

// code is what is set as code in a document, one piece a line.
func code(document string) string {
	var pieces []string
	for _, m := range regexp.MustCompile("(?s)```[a-z]*\n(.*?)```|`([^`\n]+)`").FindAllStringSubmatch(document, -1) {
		pieces = append(pieces, m[1]+m[2])
	}
	return strings.Join(pieces, "\n")
}

// TestTheLicenseFileOfTheReadme: it is read, and what it calls defaults are.
func TestTheLicenseFileOfTheReadme(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(readme), "```yaml\n")
	text, _, _ = strings.Cut(text, "```")
	got, err := licensefile.Read([]byte(text), testAccount, testRegion)
	if err != nil || len(got) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	before, _, _ := strings.Cut(text, "    enforcement:")
	want, err := licensefile.Read([]byte(before), testAccount, testRegion)
	if err != nil {
		t.Fatal(err)
	}
	if got[0].Enforcement.Hours.IsZero() {
		t.Error("it shows no hours")
	}
	got[0].Enforcement.Hours = license.Hours{}
	if diff := cmp.Diff(want[0].Enforcement, got[0].Enforcement); diff != "" {
		t.Errorf("it shows other values than the defaults: %s", diff)
	}
	shown := 0
	for _, s := range license.Settings() { // each field of enforcement has one
		name, of := strings.CutPrefix(s.Sets, "enforcement.")
		if shown++; of && !strings.Contains(text, name+":") {
			t.Errorf("it does not show %s", s.Sets)
		}
	}
	if shown < 9 {
		t.Errorf("only %d fields were looked for", shown)
	}
}
