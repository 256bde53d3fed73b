package model_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// run is one search with its macros.
type run struct {
	name, macros string
}

const (
	// every event arrives and answers are prompt: events alone make it true.
	told = "-DLAUNCHES=1 -DSWEEPS=0 -DLATES=0"
	// with lost events, late answers and a sweep: true after the
	// next sweep, and in between no commit breaks what must always hold.
	swept = "-DDRIFT -DLAUNCHES=1 -DUNTAGS=0"
	// two runs, also at the same instance
	answered = "-DLAUNCHES=1"
)

var right = map[string][]run{
	"counting.pml":  {{"every event arrives", told}, {"sweep", swept}},
	"answering.pml": {{"two runs", answered}},
}

// least is the number of states that the larger of the searches must see, or
// the bounds have shrunk to nothing.
const least = 1_000_000

var wrong = map[string][]run{
	"counting.pml": {
		{"the end is reached", told + " -DREACH"},
		{"write without condition", told + " -DNO_CONDITION"},
		{"no fence of generations", swept + " -DNO_GENERATION"},
		{"no fence of observations", told + " -DNO_OBSERVATION"},
		{"the sweep releases without a look of its own", swept + " -DNO_DIRECT_LOOK"},
		{"a refused write is taken for done", told + " -DREFUSED_IS_DONE"},
		{"a lost answer is taken for not applied", told + " -DLOST_IS_NOT_APPLIED"},
		{"the message is gone before the commit", told + " -DACK_FIRST"},
		{"an end before its start leaves no fence", told + " -DNO_END_FENCE"},
		// Drift until the next sweep.
		{"weakness: a tag lost and found again between two looks", told + " -DUNTAGS=2"},
	},
	"answering.pml": {
		{"a stop is reached", answered + " -DREACH"},
		{"intent without condition", answered + " -DNO_CONDITION"},
		{"promotion while an intent lives", answered + " -DPROMOTES_INTENDED"},
		{"stop without a last look", "-DLAUNCHES=2 -DNO_LAST_LOOK"},
		{"intents end while somebody acts", answered + " -DINTENTS_END_EARLY"},
		{"a run gives up the intent of another", answered + " -DANYBODYS_INTENT"},
	},
}

func TestProtocolHolds(t *testing.T) {
	if testing.Short() {
		t.Skip("millions of states")
	}
	for model, runs := range right {
		for _, r := range runs {
			t.Run(model+"/"+r.name, func(t *testing.T) {
				f := search(t, model, r.macros, "-O2")
				if f.errors != 0 || !f.complete {
					t.Errorf("%d errors, complete %v:\n%s", f.errors, f.complete, f.output)
				}
				if f.states < least {
					t.Errorf("%d states; the bounds are too small to tell anything", f.states)
				}
			})
		}
	}
}

func TestPlantedErrorsAreFound(t *testing.T) {
	if testing.Short() {
		t.Skip("many verifiers to compile")
	}
	for model, runs := range wrong {
		for _, r := range runs {
			t.Run(model+"/"+r.name, func(t *testing.T) {
				if f := search(t, model, r.macros, "-O1"); f.errors == 0 || !strings.Contains(f.output, "assertion violated") {
					t.Errorf("%d errors in %d states:\n%s", f.errors, f.states, f.output)
				}
			})
		}
	}
}

type finding struct {
	states, errors int
	complete       bool // nothing was cut off
	output         string
}

var (
	statesLine = regexp.MustCompile(`(\d+) states, stored`)
	errorsLine = regexp.MustCompile(`errors: (\d+)`)
)

// search makes a verifier of the model and runs it. A long search is worth a
// better compiled verifier.
func search(t *testing.T, model, macros, optimized string) finding {
	t.Helper()
	need(t, "spin")
	need(t, "gcc")
	source, err := filepath.Abs(model)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	command(t, folder, "spin", append(append([]string{"-a"}, strings.Fields(macros)...), source)...)
	command(t, folder, "gcc", optimized, "-w", "-DSAFETY", "-DMEMLIM=1900", "-o", "pan", "pan.c")
	start := time.Now()
	output := command(t, folder, "./pan", "-m50000", "-w22", "-n")
	f := finding{states: number(t, statesLine, output), errors: number(t, errorsLine, output), output: output}
	f.complete = !strings.Contains(output, "Search not completed") && !strings.Contains(output, "max search depth") && !strings.Contains(output, "memory limit")
	t.Logf("%d states, %d errors, %s", f.states, f.errors, time.Since(start).Round(10*time.Millisecond))
	return f
}

func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("CI runs every test: %s is missing (apt-get install spin gcc)", program)
	}
	t.Skipf("not run: %s is missing (apt-get install spin gcc)", program)
}

func command(t *testing.T, folder, name string, args ...string) string {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute)
	defer stop()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = folder
	output, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, output)
	}
	return string(output)
}

func number(t *testing.T, line *regexp.Regexp, output string) int {
	t.Helper()
	found := line.FindStringSubmatch(output)
	if found == nil {
		t.Fatalf("the verifier says no %q:\n%s", line, output)
	}
	n, err := strconv.Atoi(found[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}
