// Command licenseguard shows and keeps software licenses on AWS: locally on an
// embedded ledger, without an account, or on a deployed stack.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // for the hours of licenses
)

// Exit codes.
const (
	exitOK      = 0
	exitError   = 1 // something failed
	exitUsage   = 2 // the command or a file it was given is wrong
	exitDiffers = 3 // license diff: applying the file would change something; verify: the evidence is not what was sealed
)

// inputError is a mistake in what the user gave.
type inputError struct{ err error }

func (e *inputError) Error() string { return e.err.Error() }
func (e *inputError) Unwrap() error { return e.err }

func badInput(format string, args ...any) error { return &inputError{fmt.Errorf(format, args...)} }

// errDiffers ends license diff; its lines said what differs.
var errDiffers = errors.New("the ledger differs from the file")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, out, errs io.Writer) int {
	root := rootCommand()
	root.SetArgs(append([]string{}, args...))
	root.SetOut(out)
	root.SetErr(errs)
	command, err := root.ExecuteContextC(ctx)
	var input *inputError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errDiffers), errors.Is(err, errWrong):
		return exitDiffers
	case errors.As(err, &input):
		fmt.Fprintf(errs, "%s: %v\n", command.CommandPath(), err)
		return exitUsage
	default:
		fmt.Fprintf(errs, "%s: %v\n", command.CommandPath(), err)
		return exitError
	}
}
