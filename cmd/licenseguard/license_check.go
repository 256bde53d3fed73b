package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"licenseguard/cmd/internal/console"
	"licenseguard/shared/licensefile"
)

func licenseCheckCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "check FILE", Short: "check a file of licenses, without a ledger",
		Args: one("name a license file"), ValidArgsFunction: yamlFiles,
		RunE: func(c *cobra.Command, args []string) error {
			data, err := readFile(args[0])
			if err != nil {
				return err
			}
			licenses, err := licensefile.Read(data, "000000000000", "us-east-1")
			if err != nil {
				return badInput("%s: %w", args[0], err)
			}
			if asJSON {
				return console.JSON(c.OutOrStdout(), licenses)
			}
			for _, l := range licenses {
				fmt.Fprintf(c.OutOrStdout(), "ok  %s: %s, mode %s, rules %s\n", l.Name, l.CountingType, l.Enforcement.Mode, strings.Join(l.Rules[0].Text, " "))
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}
