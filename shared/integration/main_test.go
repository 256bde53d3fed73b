package integration_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"licenseguard/shared/config"
	"licenseguard/shared/integration/localaws"
)

// functionsVariable holds the folder of the built functions.
const functionsVariable = "LICENSEGUARD_TEST_FUNCTIONS"

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "licenseguard-functions-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := localaws.Main(m, func() ([]string, error) { return []string{functionsVariable + "=" + folder}, build(folder) })
	_ = os.RemoveAll(folder)
	os.Exit(code)
}

// build builds the functions as scripts/build-functions does, for this machine.
func build(folder string) error {
	for _, name := range slices.Concat(config.Functions(), config.OptionalFunctions()) {
		cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-tags", "lambda.norpc", "-ldflags", "-s -w",
			"-o", filepath.Join(folder, name), "licenseguard/functions/"+name)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if output, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build function %s: %w\n%s", name, err, output)
		}
	}
	return nil
}
