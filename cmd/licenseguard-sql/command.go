//go:build cgo

package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"licenseguard/cmd/internal/console"
	"licenseguard/shared/query"
)

// defaultReports is the folder that make demo leaves.
const defaultReports = ".licenseguard/demo/reports"

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "licenseguard-sql",
		Short: "ask the reports in SQL, without AWS",
		Long: `Ask the reports in SQL, without AWS: the named queries of Athena, and any other SELECT, on the files of a report
bucket. The folder is what make demo leaves, or what aws s3 sync s3://REPORT-BUCKET reports brings.
Only compact writes files, and nothing leaves the machine.
Exit codes: 0 done; 1 failed; 2 the command, the query or the folder is wrong.`,
		Example: `  licenseguard-sql ls
  licenseguard-sql run positions-now
  licenseguard-sql run peaks-daily 2026-11-01 2026-12-01 --reports reports --csv
  licenseguard-sql query "SELECT verdict, count(*) FROM usage GROUP BY verdict"`,
		SilenceErrors: true, SilenceUsage: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return badInput("there is no command %q; see licenseguard-sql --help", args[0])
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return badInput("%w; see %s --help", err, c.CommandPath()) })
	root.AddCommand(listCommand(), runCommand(), queryCommand(), compactCommand())
	return root
}

func listCommand() *cobra.Command {
	return &cobra.Command{
		Use: "ls", Short: "the tables, and the named queries with what they ask for",
		Args: exactly(0, "ls takes no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "TABLE\tFOLDERS\tA ROW IS")
			for _, t := range query.Tables() {
				fmt.Fprintf(w, "%s\t%s\t%s\n", t.Name, strings.Join(t.Partitions, ", "), t.Description)
			}
			fmt.Fprintln(w, "\t\t\nQUERY\tASKS FOR\tANSWERS")
			for _, q := range query.Named() {
				fmt.Fprintf(w, "%s\t%s\t%s\n", q.Name, asks(q), q.Description)
			}
			return w.Flush()
		},
	}
}

// asks names what a query asks for, with an example.
func asks(q query.Query) string {
	out := make([]string, len(q.Parameters))
	for i, p := range q.Parameters {
		out[i] = fmt.Sprintf("%s (%s)", p.Name, p.Example)
	}
	return strings.Join(out, ", ")
}

// asking holds the flags of the commands that ask.
type asking struct {
	options
	json, csv bool
}

func (a *asking) flags(c *cobra.Command) {
	c.Flags().StringVar(&a.reports, "reports", defaultReports, "folder with changes/, positions/ and usage/")
	c.Flags().BoolVar(&a.json, "json", false, "print JSON")
	c.Flags().BoolVar(&a.csv, "csv", false, "print CSV")
	c.Flags().StringVar(&a.now, "now", "", "what counts as now, as 2026-11-20T12:00:00Z (default: the newest snapshot)")
	c.Flags().StringVar(&a.memory, "memory", "1GB", "the most memory that the engine takes")
	c.Flags().BoolVar(&a.compacted, "compacted", false, "read the days of the change log that compact has done from history/")
	c.MarkFlagsMutuallyExclusive("json", "csv")
}

func runCommand() *cobra.Command {
	var a asking
	c := &cobra.Command{
		Use: "run NAME [VALUE...]", Short: "run a named query; a value for each thing it asks for",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return badInput("give the name of a query; licenseguard-sql ls lists them")
			}
			q, err := query.Find(args[0])
			if err != nil {
				return badInput("%w", err)
			}
			if len(args)-1 != len(q.Parameters) {
				return badInput("%s asks for %d values, and got %d. %s", q.Name, len(q.Parameters), len(args)-1, q.Help())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			q, err := query.Find(args[0])
			if err != nil {
				return err
			}
			values := make([]any, len(args)-1)
			for i, v := range args[1:] {
				values[i] = v
			}
			return a.ask(c, q.SQL, values...)
		},
	}
	a.flags(c)
	return c
}

func queryCommand() *cobra.Command {
	var a asking
	c := &cobra.Command{
		Use: "query SQL", Short: "run a SELECT of your own",
		Args: exactly(1, `give one query in quotes, as "SELECT name, percent FROM positions"`),
		RunE: func(c *cobra.Command, args []string) error { return a.ask(c, args[0]) },
	}
	a.flags(c)
	return c
}

func exactly(n int, help string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != n {
			return badInput("%s", help)
		}
		return nil
	}
}

func (a *asking) ask(c *cobra.Command, sql string, values ...any) error {
	e, err := open(c.Context(), a.options)
	if err != nil {
		return err
	}
	defer e.Close()
	got, err := e.ask(c.Context(), sql, values...)
	if err != nil {
		return err
	}
	switch {
	case a.json:
		return console.JSON(c.OutOrStdout(), got.records())
	case a.csv:
		return got.csv(c.OutOrStdout())
	default:
		return got.table(c.OutOrStdout())
	}
}

// instant reads a flag that says when.
func instant(text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, badInput("%q is no time: give it as 2026-11-20T12:00:00Z or 2026-11-20", text)
}
