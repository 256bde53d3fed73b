package main

import (
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"

	"licenseguard/cmd/internal/console"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/licensefile"
)

func licenseExport() *cobra.Command {
	var r reader
	c := &cobra.Command{
		Use: "export [LICENSE]...", Short: "write a license file that license apply reads back",
		Example:           examples("licenseguard license export --stack Licenseguard > licenses.yaml", `licenseguard license export "Oracle Database Enterprise"`),
		ValidArgsFunction: r.completeLicenses,
		RunE: func(c *cobra.Command, args []string) error {
			return r.read(c.Context(), func(store opened) error {
				chosen, err := choose(c.Context(), store, args)
				if err != nil {
					return err
				}
				if r.json {
					return console.JSON(c.OutOrStdout(), chosen)
				}
				return export(c.OutOrStdout(), chosen, time.Now())
			})
		},
	}
	r.flags(c)
	return c
}

// choose returns the licenses that the names name, or all.
func choose(ctx context.Context, store ledger.Licenses, names []string) ([]license.Configuration, error) {
	all, _, err := store.Configurations(ctx)
	if err != nil || len(names) == 0 {
		return append([]license.Configuration{}, all...), err
	}
	var chosen []license.Configuration
	for _, name := range names {
		c, err := identify(all, name)
		if err != nil {
			return nil, err
		}
		chosen = append(chosen, c)
	}
	return chosen, nil
}

func export(out io.Writer, chosen []license.Configuration, now time.Time) error {
	if len(chosen) == 0 {
		return badInput("the ledger has no licenses")
	}
	_, err := out.Write(licensefile.Write(chosen, now))
	return err
}
