package main

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"licenseguard/cmd/internal/console"
	"licenseguard/shared/catalog"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/snapshot"
)

func licenseShow() *cobra.Command {
	var r reader
	var gone bool
	c := &cobra.Command{
		Use: "show LICENSE", Short: "one license: settings, rules with their dates, associations, position",
		Example: examples(`licenseguard license show "Oracle Database Enterprise"`, "licenseguard license show --deleted lic-0123456789abcdef0123456789abcdef"),
		Args:    one("name a license; licenseguard license ls lists names and ids"), ValidArgsFunction: r.completeLicenses,
		RunE: func(c *cobra.Command, args []string) error {
			return r.read(c.Context(), func(store opened) error {
				shown, err := show(c.Context(), store, args[0], gone, time.Now())
				if err != nil {
					return err
				}
				if r.json {
					return console.JSON(c.OutOrStdout(), shown)
				}
				console.License(c.OutOrStdout(), shown)
				return nil
			})
		},
	}
	r.flags(c)
	c.Flags().BoolVar(&gone, "deleted", false, "a license that was deleted, as it was last")
	return c
}

func show(ctx context.Context, store ledger.Store, name string, gone bool, now time.Time) (console.Shown, error) {
	if gone {
		return showDeleted(ctx, store, name, now)
	}
	configurations, _, err := store.Configurations(ctx)
	if err != nil {
		return console.Shown{}, err
	}
	c, err := identify(configurations, name)
	if err != nil {
		if _, was := showDeleted(ctx, store, name, now); was == nil {
			return console.Shown{}, badInput("license %q was deleted; licenseguard license show --deleted shows it as it was", name)
		}
		return console.Shown{}, err
	}
	l, err := store.Load(ctx, c.ID)
	if err != nil {
		return console.Shown{}, err
	}
	l, _ = ledger.Fold(l, ledger.Batch{}, now, catalog.Embedded())
	position := snapshot.PositionOf(l, now)
	return console.Shown{At: now, Configuration: l.Configuration, Position: &position}, nil
}

// showDeleted shows a deleted license as it was last; of several of a name, the one
// that was deleted last.
func showDeleted(ctx context.Context, store ledger.Register, name string, now time.Time) (console.Shown, error) {
	deleted, err := store.DeletedConfigurations(ctx)
	if err != nil {
		return console.Shown{}, err
	}
	slices.SortStableFunc(deleted, func(a, b license.Configuration) int { return b.UpdatedAt.Compare(a.UpdatedAt) })
	i := slices.IndexFunc(deleted, func(c license.Configuration) bool { return c.ID == name || c.ARN == name || c.Name == name })
	if i < 0 {
		return console.Shown{}, badInput("no license %q was deleted; licenseguard license ls lists those that there are", name)
	}
	history, err := store.History(ctx, deleted[i].ID)
	if err != nil {
		return console.Shown{}, err
	}
	shown := console.Shown{At: now, Configuration: deleted[i]}
	if n := len(history); n > 0 && history[n-1].Deleted {
		last := history[n-1].Configuration
		shown.DeletedAt, shown.DeletedBy = last.UpdatedAt, last.UpdatedBy
	}
	return shown, nil
}
