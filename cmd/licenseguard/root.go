package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The groups in which help lists the commands.
const (
	groupSee    = "see"
	groupDecide = "decide"
	groupRun    = "run"
	groupAWS    = "aws"
)

// rootCommand is the whole tree.
func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "licenseguard",
		Short: "keep software licenses on AWS",
		Long: `licenseguard keeps software licenses on AWS: every launch is counted, judged, answered and explained.

Commands work on a ledger: --stack NAME is a deployed one, found with AWS_REGION, AWS_PROFILE and the like;
--dir DIR is one in a folder; without either it is the folder that make up or make demo left.
Exit codes: 0 done, 1 failed, 2 the command or a file is wrong; license diff: 3 the ledger differs;
verify: 3 the evidence is not what was sealed.`,
		Example: `  licenseguard demo                                   # a fleet's day, without an account
  licenseguard position --stack Licenseguard          # what is licensed, in use and over
  licenseguard license apply -f licenses.yaml         # bring the ledger in line with a file
  licenseguard explain i-0123456789abcdef0            # from event to count`,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noSuchCommand,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.AddGroup(&cobra.Group{ID: groupSee, Title: "See:"}, &cobra.Group{ID: groupDecide, Title: "Decide:"},
		&cobra.Group{ID: groupRun, Title: "Run:"}, &cobra.Group{ID: groupAWS, Title: "AWS:"})
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return badInput("%w; see %s --help", err, c.CommandPath()) })
	// No template is set: text/template would keep the linker from leaving out what
	// nothing calls, and nearly double the binary; see docs/adr/0012.
	in := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	in(groupSee, positionCommand(), usageCommand(), peaksCommand(), coverageCommand(), auditCommand(), verifyCommand(), evidenceCommand(), explainCommand(), simulateCommand(), waybackCommand(), journalCommand())
	in(groupDecide, licenseCommand(), importCommand(), enforcementCommand(), exemptionCommand(), annotationCommand())
	in(groupRun, demoCommand(), upCommand())
	in(groupAWS, proxyCommand(), scanCommand(), sweepCommand(), doctorCommand())
	root.AddCommand(versionCommand())
	root.AddCommand(movedCommands()...)
	return root
}

// movedCommands are spellings of before, for whoever still types them.
func movedCommands() []*cobra.Command {
	positions, apply, check := positionCommand(), oldApplyCommand(), licenseCheckCommand()
	positions.Use = "positions"
	for _, c := range []*cobra.Command{positions, apply, check} {
		c.Hidden = true
	}
	return []*cobra.Command{positions, apply, check}
}

// group is a command that only has others below it.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	var verbs []string
	for _, c := range commands {
		verbs = append(verbs, c.Name())
	}
	what := "say what to do: " + strings.Join(verbs, ", ")
	c := &cobra.Command{
		Use: use, Short: short,
		FParseErrWhitelist: cobra.FParseErrWhitelist{UnknownFlags: true}, // they are of what is missing
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return badInput("there is no command %q%s; %s", args[0], meant(c, args[0]), what)
			}
			return nil
		},
		RunE: func(*cobra.Command, []string) error { return badInput("%s", what) },
	}
	c.AddCommand(commands...)
	return c
}

// noSuchCommand says what there is instead of what was typed.
func noSuchCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return badInput("there is no command %q%s; see licenseguard help", args[0], meant(c, args[0]))
}

// meant names the commands that are like what was typed.
func meant(c *cobra.Command, typed string) string {
	c.SuggestionsMinimumDistance = 2
	if near := c.SuggestionsFor(typed); len(near) > 0 {
		return ", did you mean " + strings.Join(near, " or ") + "?"
	}
	return ""
}

// atMost takes so many arguments.
func atMost(n int) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > n {
			return badInput("too many arguments: %s", strings.Join(args[n:], " "))
		}
		return nil
	}
}

// one takes one argument; what says how to give it.
func one(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return badInput("%s", what)
		}
		return atMost(1)(c, args)
	}
}

// examples indents example lines.
func examples(lines ...string) string {
	var b strings.Builder
	for i, line := range lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "  %s", line)
	}
	return b.String()
}

// typed writes a command as it was given, for a shell to read again.
func typed(c *cobra.Command, args []string) string {
	var b strings.Builder
	b.WriteString(c.CommandPath())
	for _, a := range args {
		b.WriteString(" " + quoted(a))
	}
	c.Flags().Visit(func(f *pflag.Flag) {
		switch f.Value.Type() {
		case "bool":
			b.WriteString(" --" + f.Name)
		default:
			b.WriteString(" --" + f.Name + " " + quoted(f.Value.String()))
		}
	})
	return b.String()
}
