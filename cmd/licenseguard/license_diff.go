package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"licenseguard/cmd/internal/console"
)

func licenseDiff() *cobra.Command {
	var d decider
	var file string
	c := &cobra.Command{
		Use: "diff -f FILE", Short: "what applying a file would change; exit code 3 if anything",
		Long: `What applying a file would change, with the hash of that plan. It writes nothing.

Exit codes: 0 nothing would change, 3 something would; 1 and 2 as everywhere: failed, and a wrong command or file.`,
		Example: examples("licenseguard license diff -f licenses.yaml --stack Licenseguard"),
		Args:    atMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return d.withApplier(c, file, func(w *workbench) error {
				plan, err := w.compare(c.Context(), w.wanted)
				if err != nil {
					return err
				}
				same := counted(plan)[unchanged] == len(plan)
				if d.json {
					err = console.JSON(c.OutOrStdout(), outcome{Plan: hashOf(plan), Licenses: plan})
				} else {
					printPlan(c.OutOrStdout(), plan, true)
					if !same {
						fmt.Fprintf(c.OutOrStdout(), "Plan %s. To do exactly this:\n  licenseguard license apply -f %s --expect %s%s\n", hashOf(plan), quoted(file), hashOf(plan), d.typed())
					}
				}
				if err == nil && !same {
					return errDiffers
				}
				return err
			})
		},
	}
	d.flags(c)
	fileFlag(c, &file)
	return c
}

func fileFlag(c *cobra.Command, file *string) {
	c.Flags().StringVarP(file, "file", "f", "", "license file (YAML)")
	_ = c.RegisterFlagCompletionFunc("file", yamlFiles)
}
