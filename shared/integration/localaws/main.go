package localaws

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// isolated marks the process that runs in the namespace.
const isolated = "LICENSEGUARD_TEST_ISOLATED"

// Main runs a package's tests in a network of their own and returns the exit
// code. prepare is called before, while there is still a network, to build what
// the tests need; what it returns is added to their environment. It may be nil.
func Main(m *testing.M, prepare func() (environment []string, err error)) int {
	if os.Getenv(isolated) != "" {
		if err := loopbackUp(); err != nil {
			fmt.Fprintln(os.Stderr, "localaws: bring the loopback interface up:", err)
			return 1
		}
		defer stopAll()
		return m.Run()
	}
	if missingDynamo() != nil && missingMoto() != nil {
		return m.Run() // the tests say what is missing
	}
	environment := append(os.Environ(), isolated+"=1")
	if prepare != nil {
		more, err := prepare()
		if err != nil {
			fmt.Fprintln(os.Stderr, "localaws:", err)
			return 1
		}
		environment = append(environment, more...)
	}
	return again(environment)
}

// again runs this same test binary in the namespace.
func again(environment []string) int {
	self, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, "localaws:", err)
		return 1
	}
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = environment, os.Stdin, os.Stdout, os.Stderr
	err = runIsolated(cmd)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return max(exit.ExitCode(), 1)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "localaws: no network namespace for the tests:", err)
		return 1
	}
	return 0
}

// require skips a test that cannot run here, or fails it in CI.
func require(t testing.TB, missing error) {
	t.Helper()
	switch {
	case missing == nil:
	case os.Getenv("CI") == "true":
		t.Fatal("CI runs every test:", missing)
	default:
		t.Skip("not run:", missing)
	}
}
