package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// edit replaces one line, or a part of it, which must be there exactly once.
type edit struct{ file, old, new string }

// mutant is a bug that is put into the sources. The seeds from 1 on must find it
// before within is passed; it is about three times what it took.
type mutant struct {
	name    string
	within  int
	profile string
	edits   []edit
}

// TestMutants: the simulator finds each planted bug. Every mutant is a program of
// its own, so the test runs only where CI=true is set, or MUTANT names one ("all"
// for all).
func TestMutants(t *testing.T) {
	t.Parallel()
	wanted := os.Getenv("MUTANT")
	if os.Getenv("CI") != "true" && wanted == "" {
		t.Skip("CI=true or MUTANT=all plants the bugs, MUTANT=NAME one of them")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	turns := make(chan struct{}, 2)
	for _, m := range mutants {
		if wanted != "" && wanted != "all" && wanted != m.name {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			turns <- struct{}{}
			defer func() { <-turns }()
			program, err := m.build(t.Context(), root, t.TempDir(), ".")
			if err != nil {
				t.Fatal(err)
			}
			begun := time.Now()
			run := exec.CommandContext(t.Context(), program, "-test.run=^TestSeeds$")
			run.Env = append(os.Environ(), "GOMAXPROCS=1", "CI=", fmt.Sprintf("SEEDS=1..%d", m.within), "FIRST=1", "PROFILE="+m.profile)
			out, err := run.CombinedOutput()
			var exit *exec.ExitError
			switch _, found, ok := strings.Cut(string(out), "seed "); {
			case err == nil:
				t.Errorf("not found by %d seeds", m.within)
			case errors.As(err, &exit) && ok:
				line, _, _ := strings.Cut(found, "\n")
				t.Logf("found by seed %s; %s", line, time.Since(begun).Round(time.Millisecond))
			default:
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

// TestRareMutants: what seeds find too seldom, a test of its own finds.
func TestRareMutants(t *testing.T) {
	t.Parallel()
	if os.Getenv("CI") != "true" && os.Getenv("MUTANT") != "all" {
		t.Skip("CI=true or MUTANT=all plants the bugs")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range rareMutants {
		t.Run(m.name, func(t *testing.T) {
			folder := filepath.Join(root, "shared", filepath.FromSlash(m.pkg))
			program, err := m.build(t.Context(), root, t.TempDir(), folder)
			if err != nil {
				t.Fatal(err)
			}
			run := exec.CommandContext(t.Context(), program, "-test.run=^"+m.test+"$")
			run.Dir = folder
			run.Env = append(os.Environ(), "CI=", "ACCEPT_DYNAMODB_LOCAL_LICENSE=") // the test needs no tools
			if out, err := run.CombinedOutput(); err == nil || !strings.Contains(string(out), "--- FAIL: "+m.test) {
				t.Errorf("%s does not find it: %v\n%s", m.test, err, out)
			}
		})
	}
}

// build compiles a package's tests with the bug in them.
func (m mutant) build(ctx context.Context, root, dir, tests string) (program string, err error) {
	texts := make(map[string]string)
	for _, e := range m.edits {
		path := filepath.Join(root, "shared", filepath.FromSlash(e.file))
		text, ok := texts[path]
		if !ok {
			data, err := os.ReadFile(path)
			if err != nil {
				return "", err
			}
			text = string(data)
		}
		if n := strings.Count(text, e.old); n != 1 {
			return "", fmt.Errorf("shared/%s has %q %d times; the mutant needs it once", e.file, e.old, n)
		}
		texts[path] = strings.Replace(text, e.old, e.new, 1)
	}
	replace := make(map[string]string)
	for path, text := range texts {
		patched := filepath.Join(dir, filepath.Base(path))
		if err := os.WriteFile(patched, []byte(text), 0o644); err != nil {
			return "", err
		}
		replace[path] = patched
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, overlay, 0o644); err != nil {
		return "", err
	}
	program = filepath.Join(dir, "mutant.test")
	build := exec.CommandContext(ctx, "go", "test", "-c", "-p=1", "-vet=off", "-ldflags=-s -w", "-overlay", file, "-o", program, tests)
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("the mutant does not compile: %w\n%s", err, out)
	}
	return program, nil
}
