package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"licenseguard/cmd/internal/console"
	"licenseguard/shared/catalog"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/remedy"
)

// wayBack is a license's way back, for programs.
type wayBack struct {
	License string
	Name    string
	remedy.Plan
}

func waybackCommand() *cobra.Command {
	var r reader
	var or []string
	c := &cobra.Command{
		Use: "wayback LICENSE", Short: "the least-cost ways out of an overrun; does nothing by itself",
		Example: examples(`licenseguard wayback "Oracle Database Enterprise"`, `licenseguard wayback "SQL Server" --or "SQL Server, second contract"`),
		Args:    one("name a license; licenseguard license ls lists names and ids"), ValidArgsFunction: r.completeLicenses,
		RunE: func(c *cobra.Command, args []string) error {
			return r.read(c.Context(), func(store opened) error { return wayback(c, &r, store, args[0], or) })
		},
	}
	r.flags(c)
	c.Flags().StringArrayVar(&or, "or", nil, "another license of the same software; may be repeated")
	return c
}

func wayback(c *cobra.Command, r *reader, store opened, name string, or []string) error {
	ctx, now := c.Context(), time.Now()
	all, err := readAll(ctx, store, now)
	if err != nil {
		return err
	}
	i, err := all.named(name)
	if err != nil {
		return err
	}
	l, facts := all.licenses[i], remedy.Facts{Catalog: catalog.Embedded(), Sizes: catalog.Sizes}
	for _, name := range or {
		other, err := all.named(name)
		if err != nil {
			return err
		}
		facts.Others = append(facts.Others, all.licenses[other])
	}
	if facts.Instances, err = onHosts(ctx, store, l); err != nil {
		return err
	}
	plan := remedy.WayBack(l, facts, now)
	if r.json {
		plan.Proposals, plan.LeftOut = append([]remedy.Proposal{}, plan.Proposals...), append([]remedy.LeftOut{}, plan.LeftOut...)
		return console.JSON(c.OutOrStdout(), wayBack{l.Configuration.ID, l.Configuration.Name, plan})
	}
	console.WayBack(c.OutOrStdout(), &l.Configuration, plan, all.names(), len(or) > 0)
	return nil
}

// onHosts returns every instance on record that is on a Dedicated Host of the
// license, whichever license it holds.
func onHosts(ctx context.Context, store ledger.Resources, l *ledger.License) ([]license.Instance, error) {
	hosts, regions := map[license.ResourceID]bool{}, map[[2]string]bool{}
	for i := range l.Entries {
		if id := l.Entries[i].Resource; id.Type() == license.EC2Host {
			account, region, _ := id.Parts()
			hosts[id], regions[[2]string{account, region}] = true, true
		}
	}
	var found []license.Instance
	var errs []error
	for at := range regions {
		errs = append(errs, store.EachFacts(ctx, at[0], at[1], func(f ledger.Facts) error {
			if hosts[license.NewResourceID(at[0], at[1], f.Instance.HostID)] {
				found = append(found, f.Instance)
			}
			return nil
		}))
	}
	return found, errors.Join(errs...)
}
