package clients_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"licenseguard/shared/integration/localaws"
)

const binaryVariable = "LICENSEGUARD_TEST_BINARY"

func TestMain(m *testing.M) { os.Exit(localaws.Main(m, build)) }

// build makes the program as a user has it, before the network is shut.
func build() ([]string, error) {
	binary := filepath.Join(os.TempDir(), fmt.Sprintf("licenseguard-%d", os.Getpid()))
	out, err := exec.Command("go", "build", "-o", binary, "licenseguard/cmd/licenseguard").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("build licenseguard: %w\n%s", err, out)
	}
	return []string{binaryVariable + "=" + binary}, nil
}
