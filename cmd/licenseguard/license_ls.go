package main

import (
	"time"

	"github.com/spf13/cobra"

	"licenseguard/cmd/internal/console"
	"licenseguard/shared/license"
	"licenseguard/shared/snapshot"
)

// listed is a license in a list, for programs.
type listed struct {
	snapshot.Position
	Mode  license.Mode
	Hours string `json:",omitempty"`
}

func licenseList() *cobra.Command {
	var r reader
	c := &cobra.Command{
		Use: "ls", Short: "names, ids and settings of all licenses", Args: atMost(0),
		Example: examples("licenseguard license ls", "licenseguard license ls --stack Licenseguard --json"),
		RunE: func(c *cobra.Command, _ []string) error {
			return r.read(c.Context(), func(store opened) error {
				now := time.Now()
				all, err := readAll(c.Context(), store, now)
				if err != nil {
					return err
				}
				if !r.json {
					console.Licenses(c.OutOrStdout(), all.licenses, now)
					return nil
				}
				list := []listed{}
				for i, l := range all.licenses {
					e := &l.Configuration.Enforcement
					list = append(list, listed{all.positions[i], e.Mode, e.Hours.String()})
				}
				return console.JSON(c.OutOrStdout(), list)
			})
		},
	}
	r.flags(c)
	return c
}
