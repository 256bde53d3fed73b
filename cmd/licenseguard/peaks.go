package main

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"licenseguard/cmd/internal/console"
	"licenseguard/shared/timeline"
)

func peaksCommand() *cobra.Command {
	var log changeLog
	var from, to moment
	var by string
	var r reader
	c := &cobra.Command{
		Use: "peaks [LICENSE]", Short: "high-water marks, license-hours and minutes over, exactly, from the change log",
		Example: examples("licenseguard peaks --by day --from 2026-11-01", `licenseguard peaks "Oracle Database Enterprise" --by quarter --json`),
		Args:    atMost(1),
		RunE: func(c *cobra.Command, args []string) error {
			line, err := log.read(c.Context(), &r)
			if err != nil {
				return err
			}
			if to.IsZero() {
				to.Time = time.Now()
			}
			except, err := log.exceptions(c.Context(), &r)
			if err != nil {
				return err
			}
			peaks, err := line.Peaks(timeline.Period(by), from.Time, to.Time, except...)
			if err != nil {
				return badInput("%w", err)
			}
			if len(args) > 0 {
				peaks = slices.DeleteFunc(peaks, func(p timeline.Peak) bool { return p.ID != args[0] && p.Name != args[0] })
				if len(peaks) == 0 {
					return badInput("the change log has nothing of a license %q in that time", args[0])
				}
			}
			gaps := line.Gaps()
			if r.json {
				return console.JSON(c.OutOrStdout(), map[string]any{"Peaks": peaks, "Gaps": gaps})
			}
			console.Peaks(c.OutOrStdout(), peaks)
			console.Gaps(c.OutOrStdout(), gaps)
			return nil
		},
	}
	r.flags(c)
	log.flags(c)
	c.Flags().StringVar(&by, "by", string(timeline.Monthly), "hour, day, month or quarter, in UTC")
	c.Flags().Var(&from, "from", "from this instant on (default: the first row)")
	c.Flags().Var(&to, "to", "until this instant (default: now)")
	return c
}

// exceptions are those of the ledger whose log it is; a log that is named by itself
// has none: they are decisions, and stay with the ledger.
func (l *changeLog) exceptions(ctx context.Context, r *reader) (out []timeline.Exception, err error) {
	if l.folder != "" && r.stack == "" && r.dir == "" {
		return nil, nil
	}
	err = r.read(ctx, func(store opened) error {
		configurations, _, err := store.Configurations(ctx)
		if err != nil {
			return err
		}
		deleted, err := store.DeletedConfigurations(ctx)
		out = exceptions(slices.Concat(configurations, deleted))
		return err
	})
	return out, err
}
