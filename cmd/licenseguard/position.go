package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"licenseguard/cmd/internal/console"
	"licenseguard/shared/ledger"
	"licenseguard/shared/snapshot"
	"licenseguard/shared/track"
)

// marked is a position with what of it nobody can look at.
type marked struct {
	snapshot.Position
	Unconfirmed []snapshot.Unconfirmed `json:",omitempty"`
}

// mark adds to the positions what sweeps left behind of accounts and Regions that they
// do not see.
func mark(ctx context.Context, store ledger.Documents, all everything) ([]marked, error) {
	watches, err := track.Watches(ctx, store)
	if err != nil {
		return nil, err
	}
	unconfirmed := track.Unconfirmed(watches)
	out := make([]marked, len(all.positions))
	for i := range all.positions {
		out[i] = marked{all.positions[i], snapshot.UnconfirmedOf(all.licenses[i], unconfirmed)}
	}
	return out, nil
}

func positionCommand() *cobra.Command {
	var r reader
	var log changeLog
	var at, known moment
	c := &cobra.Command{
		Use: "position", Short: "what is licensed, in use, covered and over, now or at a past instant",
		Example: examples("licenseguard position", "licenseguard position --stack Licenseguard --json",
			"licenseguard position --at 2026-03-03T10:15:00Z", "licenseguard position --at 2026-03-03T10:15:00Z --as-known-at 2026-03-04"),
		Args: atMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			if !at.IsZero() {
				return positionThen(c, &r, &log, at.Time, known.Time)
			}
			if !known.IsZero() || log.folder != "" {
				return badInput("--as-known-at and --log go with --at: at which instant?")
			}
			return r.read(c.Context(), func(store opened) error {
				all, err := readAll(c.Context(), store, time.Now())
				if err != nil {
					return err
				}
				marked, err := mark(c.Context(), store, all)
				if err != nil {
					return err
				}
				if r.json {
					return console.JSON(c.OutOrStdout(), marked)
				}
				console.Positions(c.OutOrStdout(), all.positions)
				for _, m := range marked {
					console.Unconfirmed(c.OutOrStdout(), m.Name, m.Unconfirmed)
				}
				return nil
			})
		},
	}
	r.flags(c)
	log.flags(c)
	c.Flags().Var(&at, "at", "at this instant, by when things happened, from the change log")
	c.Flags().Var(&known, "as-known-at", "with --at: only by what was recorded until then")
	return c
}

// positionThen prints the positions of a past instant, from the change log.
func positionThen(c *cobra.Command, r *reader, log *changeLog, at, known time.Time) error {
	line, err := log.read(c.Context(), r)
	if err != nil {
		return err
	}
	positions, gaps := line.Positions(at, known), line.Gaps()
	if r.json {
		return console.JSON(c.OutOrStdout(), map[string]any{"Positions": positions, "Gaps": gaps})
	}
	out := c.OutOrStdout()
	fmt.Fprintf(out, "At %s", at.Format(time.RFC3339))
	if !known.IsZero() {
		fmt.Fprintf(out, ", by what was recorded until %s", known.Format(time.RFC3339))
	}
	fmt.Fprint(out, "\n\n")
	console.PastPositions(out, positions)
	console.Gaps(out, gaps)
	return nil
}
