// Command licenseguard shows and keeps software licenses on AWS: locally on an
// embedded ledger, without an account, or on a deployed stack.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	_ "time/tzdata" // for the hours of licenses
)

// Exit codes.
const (
	exitOK    = 0
	exitError = 1 // something failed
	exitUsage = 2 // the command or a file it was given is wrong
)

// inputError is a mistake in what the user gave.
type inputError struct{ err error }

func (e *inputError) Error() string { return e.err.Error() }
func (e *inputError) Unwrap() error { return e.err }

func badInput(format string, args ...any) error { return &inputError{fmt.Errorf(format, args...)} }

// command is one verb.
type command struct {
	name, args, help string
	run              func(ctx context.Context, args []string, out io.Writer) error
}

func commands() []command {
	return slices.Concat([]command{
		{"demo", "[--fleet FILE --licenses FILE [--hosts FILE]] [--dir DIR]", "play a fleet's day, or count your own fleet", demo},
		{"up", "[--fleet FILE --licenses FILE [--hosts FILE]] [--dir DIR]", "keep running: watch the files and an inbox of events", up},
		{"positions", "[--dir DIR | --stack NAME] [--json]", "what is licensed, in use, covered and over", positions},
		{"usage", "[--dir DIR | --stack NAME] [--json] [LICENSE]", "who consumes a license, and why", usage},
		{"explain", "[--dir DIR | --stack NAME] [--json] INSTANCE", "why one instance counts as it does", explain},
		{"wayback", "[--dir DIR | --stack NAME] [--json] [--or LICENSE]... LICENSE", "the least-cost ways out of an overrun; does nothing by itself", wayback},
		{"journal", "[--dir DIR | --stack NAME] [--json]", "what was or would have been done to instances", journal},
		{"check", "[--json] FILE", "check a file of licenses", check},
		{"apply", "[--stack NAME] [--dry-run] [--json] FILE", "bring a deployed ledger in line with a file of licenses", apply},
		{"sweep", "[--stack NAME] [--json]", "observe everything now, in the deployed function", sweep},
		{"doctor", "[--stack NAME] [--wait TIME] [--json]", "what a deployment still lacks; exit 1 if anything", examine},
	}, enforcementCommands(), exemptionCommands())
}

// find returns the command that the arguments begin with, and what follows. The
// name of some is two words.
func find(args []string) (c command, rest []string, ok bool) {
	for _, c := range commands() {
		words := strings.Fields(c.name)
		if len(args) >= len(words) && slices.Equal(args[:len(words)], words) {
			return c, args[len(words):], true
		}
	}
	return command{}, nil, false
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, out, errs io.Writer) int {
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		help(out)
		return exitOK
	}
	c, rest, ok := find(args)
	if !ok {
		return unknown(args, out, errs)
	}
	err := c.run(ctx, rest, out)
	var input *inputError
	switch {
	case errors.Is(err, flag.ErrHelp):
		help(out)
		return exitOK
	case err == nil:
		return exitOK
	case errors.As(err, &input):
		fmt.Fprintf(errs, "licenseguard %s: %v\n", c.name, err)
		return exitUsage
	default:
		fmt.Fprintf(errs, "licenseguard %s: %v\n", c.name, err)
		return exitError
	}
}

// unknown says what there is instead of what was typed.
func unknown(args []string, out, errs io.Writer) int {
	var verbs []string
	for _, c := range commands() {
		if group, verb, _ := strings.Cut(c.name, " "); group == args[0] {
			verbs = append(verbs, verb)
		}
	}
	switch {
	case len(verbs) > 0 && slices.ContainsFunc(args[1:], func(a string) bool { return a == "-h" || a == "--help" || a == "help" }):
		help(out)
		return exitOK
	case len(verbs) > 0:
		fmt.Fprintf(errs, "licenseguard %s: say what to do: %s; see licenseguard help\n", args[0], strings.Join(verbs, ", "))
	default:
		fmt.Fprintf(errs, "licenseguard: there is no command %q; see licenseguard help\n", args[0])
	}
	return exitUsage
}

func help(out io.Writer) {
	fmt.Fprint(out, "licenseguard keeps software licenses on AWS: every launch is counted, judged, answered and explained.\n\n")
	for _, c := range commands() {
		fmt.Fprintf(out, "  licenseguard %-10s %s\n%s%s\n", c.name, c.args, strings.Repeat(" ", 15), c.help)
	}
	fmt.Fprint(out, "\nWhat a run writes goes under .licenseguard/ (--dir). With --stack, AWS_REGION, AWS_PROFILE and the like choose\nwhere the stack is found. Exit codes: 0 done, 1 failed, 2 the command or a file is wrong.\n")
}

// parse reads the flags of a command, before and after its arguments, and at
// most so many of these.
func parse(set *flag.FlagSet, args []string, most int) (rest []string, err error) {
	set.SetOutput(io.Discard)
	for {
		if err := set.Parse(args); err != nil {
			return nil, badInput("%w; see licenseguard help", err)
		}
		if set.NArg() == 0 {
			break
		}
		rest, args = append(rest, set.Arg(0)), set.Args()[1:]
	}
	if len(rest) > most {
		return nil, badInput("too many arguments: %s", strings.Join(rest[most:], " "))
	}
	return rest, nil
}
