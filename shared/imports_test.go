package shared_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"licenseguard/shared/config"
	"licenseguard/shared/license"
)

// rule bans imports for a set of packages, with the reason.
type rule struct {
	packages []string
	allowed  func(dependency string) bool
	reason   string
}

func standardOrOurs(d string) bool {
	return strings.HasPrefix(d, "licenseguard/") || !strings.Contains(strings.SplitN(d, "/", 2)[0], ".")
}

func noAWS(d string) bool {
	return !strings.HasPrefix(d, "github.com/aws/") && !strings.HasPrefix(d, "github.com/aws-cdk")
}

var rules = []rule{
	{[]string{"license", "ledger", "remedy", "whatif", "event", "catalog", "config", "evidence"}, standardOrOurs,
		"the core must be provable, and readable, without anything but Go"},
	{[]string{"license", "ledger", "remedy", "whatif", "event", "catalog", "evidence"}, func(d string) bool { return !strings.HasPrefix(d, "licenseguard/shared/adapter") },
		"the core must not know how it is stored"},
	{[]string{"track", "enforce", "admit", "cfnhook", "publish", "snapshot", "timeline", "coverage", "query", "compact", "report", "audit", "telemetry", "licensefile", "registrar", "api"}, noAWS,
		"the use-cases must run without AWS: that is what the demonstration and the simulator do"},
}

func TestImports(t *testing.T) {
	t.Parallel()
	for _, r := range rules {
		for _, name := range r.packages {
			deps := dependencies(t, "licenseguard/shared/"+name)
			for _, d := range deps {
				if !r.allowed(d) {
					t.Errorf("shared/%s depends on %s: %s", name, d, r.reason)
				}
			}
		}
	}
}

// TestOnlyAdaptersImportAWS looks at every package in shared, so that a new one
// is not forgotten.
func TestOnlyAdaptersImportAWS(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports ","}}`, "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		path, imports, _ := strings.Cut(line, " ")
		if strings.Contains(path, "/shared/adapter/") || testSupport(path) {
			continue
		}
		if strings.HasSuffix(path, "/shared/simulator") { // it hands the handlers what Lambda hands them
			imports = strings.ReplaceAll(imports, "github.com/aws/aws-lambda-go/events", "")
		}
		seen++
		for _, d := range strings.Split(imports, ",") {
			if !noAWS(d) {
				t.Errorf("%s imports %s; in shared only adapters may import AWS", path, d)
			}
		}
	}
	if seen < 10 {
		t.Fatalf("only %d packages were looked at", seen)
	}
}

// testSupport reports whether a package only serves tests: it drives the
// handlers, and so speaks their language.
func testSupport(path string) bool {
	return strings.Contains(path, "/shared/integration") || strings.HasSuffix(path, "/shared/simulator")
}

// TestEC2IsImportedOnce: service/ec2 takes minutes to compile.
func TestEC2IsImportedOnce(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports ","}}`, "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(out), "\n") {
		path, imports, _ := strings.Cut(line, " ")
		if strings.Contains(imports, "service/ec2") && path != "licenseguard/shared/adapter/ec2cloud" {
			t.Errorf("%s imports service/ec2; only ec2cloud may", path)
		}
	}
}

// TestEngineIsLinkedOnce: DuckDB needs cgo and 70 MB; only the program that is named
// after it and its tests may know it. Files for cgo are looked at, too.
func TestEngineIsLinkedOnce(t *testing.T) {
	t.Parallel()
	list := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports ","}},{{join .TestImports ","}},{{join .XTestImports ","}}`,
		"licenseguard/cmd/...", "licenseguard/functions/...", "licenseguard/infra/...", "licenseguard/scripts/...", "licenseguard/shared/...") // not what npm brought
	list.Env = append(os.Environ(), "CGO_ENABLED=1")
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := false
	for _, line := range strings.Split(string(out), "\n") {
		path, imports, _ := strings.Cut(line, " ")
		if !strings.Contains(imports, "github.com/duckdb/") {
			continue
		}
		if path != "licenseguard/cmd/licenseguard-sql" {
			t.Errorf("%s imports DuckDB; only cmd/licenseguard-sql may", path)
		}
		seen = true
	}
	if !seen {
		t.Error("nothing imports DuckDB; this test cannot see anything")
	}
}

// TestNamesAgree: the core and the stack spell the protecting tag alike.
func TestNamesAgree(t *testing.T) {
	t.Parallel()
	if license.TagProtected != config.TagProtected {
		t.Errorf("the core looks for the tag %q, the stack denies by %q", license.TagProtected, config.TagProtected)
	}
}

func dependencies(t *testing.T, path string) []string {
	t.Helper()
	out, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", path).Output()
	if err != nil {
		t.Fatalf("go list %s: %v", path, err)
	}
	deps := strings.Fields(string(out))
	if len(deps) == 0 {
		t.Fatalf("go list shows no package for %s; this test cannot see anything", path)
	}
	return deps
}

// TestWhoDecidesByHoursKnowsTheZones: Lambda's images have no time zones.
func TestWhoDecidesByHoursKnowsTheZones(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"functions/track", "functions/sweep", "functions/enforce", "functions/admit", "cmd/licenseguard"} {
		out, err := exec.Command("go", "list", "-deps", "licenseguard/"+program).Output()
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(strings.Fields(string(out)), "time/tzdata") {
			t.Errorf("%s does not link time/tzdata", program)
		}
	}
}
