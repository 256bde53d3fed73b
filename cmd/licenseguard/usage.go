package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"licenseguard/cmd/internal/console"
	"licenseguard/shared/snapshot"
)

// usageCommand lists usage also without its verb, as it did before it had one.
func usageCommand() *cobra.Command {
	list := usageList("ls [LICENSE]")
	list.Example = examples("licenseguard usage ls", `licenseguard usage ls "Oracle Database Enterprise" --json`)
	c := usageList("usage")
	c.AddCommand(list)
	return c
}

func usageList(use string) *cobra.Command {
	var r reader
	c := &cobra.Command{
		Use: use, Short: "who consumes a license, and why",
		Args:              atMost(1),
		ValidArgsFunction: r.completeLicenses,
		RunE: func(c *cobra.Command, args []string) error {
			return r.read(c.Context(), func(store opened) error {
				all, err := readAll(c.Context(), store, time.Now())
				if err != nil {
					return err
				}
				shown, found := []snapshot.Usage{}, false
				for i, p := range all.positions {
					if len(args) > 0 && args[0] != p.ID && args[0] != p.Name {
						continue
					}
					found = true
					shown = append(shown, all.usages[i]...)
					if !r.json {
						fmt.Fprintf(c.OutOrStdout(), "%s (%s)\n", p.Name, p.ID)
						console.Usage(c.OutOrStdout(), all.usages[i])
						fmt.Fprintln(c.OutOrStdout())
					}
				}
				if !found && len(args) > 0 {
					return noSuchLicense(args[0])
				}
				if r.json {
					return console.JSON(c.OutOrStdout(), shown)
				}
				return nil
			})
		},
	}
	r.flags(c)
	return c
}
