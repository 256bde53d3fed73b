package main

import (
	"time"

	"github.com/spf13/cobra"

	"licenseguard/cmd/internal/console"
)

func positionCommand() *cobra.Command {
	var r reader
	c := &cobra.Command{
		Use: "position", Short: "what is licensed, in use, covered and over",
		Example: examples("licenseguard position", "licenseguard position --stack Licenseguard --json"),
		Args:    atMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return r.read(c.Context(), func(store opened) error {
				all, err := readAll(c.Context(), store, time.Now())
				if err != nil {
					return err
				}
				if r.json {
					return console.JSON(c.OutOrStdout(), all.positions)
				}
				console.Positions(c.OutOrStdout(), all.positions)
				return nil
			})
		},
	}
	r.flags(c)
	return c
}
