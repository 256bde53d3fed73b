//go:build cgo

// Command licenseguard-sql answers questions to the reports in SQL, without AWS: the
// same queries that the stack gives to Athena, and any other, on the same files.
//
// It is a binary of its own because its engine, DuckDB, needs cgo and is larger than
// all the rest.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Exit codes.
const (
	exitOK    = 0
	exitError = 1 // something failed
	exitUsage = 2 // the command, the query or a folder is wrong
)

// inputError is a mistake in what the user gave.
type inputError struct{ err error }

func (e *inputError) Error() string { return e.err.Error() }
func (e *inputError) Unwrap() error { return e.err }

func badInput(format string, args ...any) error { return &inputError{fmt.Errorf(format, args...)} }

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
	case errors.As(err, &input):
		fmt.Fprintf(errs, "%s: %v\n", command.CommandPath(), err)
		return exitUsage
	default:
		fmt.Fprintf(errs, "%s: %v\n", command.CommandPath(), err)
		return exitError
	}
}
