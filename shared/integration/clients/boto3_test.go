package clients_test

import (
	"os/exec"
	"testing"
)

// TestConformance: every operation through boto3, each response as the service's
// own model has it, each error that a client can cause.
func TestConformance(t *testing.T) {
	t.Parallel()
	python := program(t, "python3")
	if out, err := exec.Command(python, "-c", "import boto3").CombinedOutput(); err != nil {
		missing(t, "boto3", string(out))
	}
	s := start(t)
	cmd := exec.Command(python, "testdata/conformance.py", s.url, account)
	cmd.Env = s.environment("PYTHONDONTWRITEBYTECODE=1")
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
}
