package main

import (
	"archive/zip"
	"debug/elf"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"licenseguard/shared/config"
)

// zipAtMost keeps a start of a function cold for as short as it can be.
const zipAtMost = 5_000_000

// missing skips a test for what this machine lacks; CI must lack nothing.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skip("left out: " + what)
}

// What ships is small and for the processor that the template names.
func TestFunctionsAreSmall(t *testing.T) {
	t.Parallel()
	for _, name := range allFunctions() {
		path := filepath.Join("..", "dist", name, "bootstrap")
		if _, err := os.Stat(path); err != nil {
			missing(t, "the functions are not built; run make build first")
		}
		binary, err := elf.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if binary.Machine != elf.EM_AARCH64 {
			t.Errorf("%s is built for %s", name, binary.Machine)
		}
		if err := binary.Close(); err != nil {
			t.Fatal(err)
		}
		size, err := zippedSize(path)
		if err != nil {
			t.Fatal(err)
		}
		if size > zipAtMost {
			t.Errorf("the zip of %s has %d bytes; at most %d are wanted", name, size, zipAtMost)
		}
		t.Logf("%s: %d bytes", name, size)
	}
}

// counter counts what is written and keeps nothing.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// zippedSize is the size of a zip with this one file, as the CDK makes it.
func zippedSize(path string) (int64, error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer file.Close() //nolint:errcheck // only read
	var size counter
	archive := zip.NewWriter(&size)
	entry, err := archive.Create("bootstrap") // deflated
	if err != nil {
		return 0, err
	}
	if _, err := io.Copy(entry, file); err != nil {
		return 0, err
	}
	err = archive.Close()
	return int64(size), err
}

// W3005 is about DependsOn that follow from references too; the CDK writes them
// on purpose.
func TestTemplatePassesCfnLint(t *testing.T) {
	lint, err := exec.LookPath("cfn-lint")
	if err != nil {
		missing(t, "cfn-lint is not installed; scripts/with-tools installs it")
	}
	path := filepath.Join(hub(t).dir, config.DefaultStackName+".template.json")
	out, err := exec.CommandContext(t.Context(), lint, "--ignore-checks", "W3005", "--template", path).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("cfn-lint: %v\n%s", err, out)
	}
}
