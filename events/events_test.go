package events_test

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"licenseguard/events"
)

// TestNamesAreTheFiles finds a folder that is not embedded.
func TestNamesAreTheFiles(t *testing.T) {
	var want []string
	err := fs.WalkDir(os.DirFS("."), ".", func(path string, entry fs.DirEntry, err error) error {
		if entry.IsDir() && path == "schema" { // of what we send, which is no sample
			return fs.SkipDir
		}
		if name, ok := strings.CutSuffix(path, ".json"); ok && err == nil {
			want = append(want, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	got := events.Names()
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("names are not the files:\ngot  %v\nwant %v", got, want)
	}
	for _, name := range got {
		if _, err := events.Read(name); err != nil {
			t.Error(err)
		}
	}
}

func TestReadUnknown(t *testing.T) {
	for _, name := range []string{"", "ec2", "../go", "ec2/instance-state-change/rebooting"} {
		if _, err := events.Read(name); err == nil {
			t.Errorf("Read(%q) gave no error", name)
		}
	}
	if _, err := events.Read("ec2/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want fs.ErrNotExist", err)
	}
}

// TestREADME holds the catalogue and the samples together.
func TestREADME(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range events.Names() {
		if !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("README.md does not list %s", name)
		}
	}
	for i, part := range strings.Split(string(text), "`") {
		if i%2 == 1 && strings.Count(part, "/") > 0 && !slices.Contains(events.Names(), part) && !strings.Contains(part, "<") {
			t.Errorf("README.md names %s, which is no sample", part)
		}
	}
}
