//go:build !linux

package localaws

import (
	"errors"
	"os/exec"
	"syscall"
)

var errNoNamespaces = errors.New("DynamoDB Local listens on all interfaces, and only Linux can shut it in; run the tests on Linux")

func isolationMissing() error { return errNoNamespaces }

func runIsolated(*exec.Cmd) error { return errNoNamespaces }

func loopbackUp() error { return nil }

func child() *syscall.SysProcAttr { return nil }

func killGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
