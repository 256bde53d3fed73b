package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"time"

	"licenseguard/cmd/licenseguard/internal/console"
	"licenseguard/shared/catalog"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/remedy"
)

// licenseNames is a flag that may be given several times.
type licenseNames []string

func (n *licenseNames) String() string     { return fmt.Sprint([]string(*n)) }
func (n *licenseNames) Set(s string) error { *n = append(*n, s); return nil }

// wayBack is a license's way back, for programs.
type wayBack struct {
	License string
	Name    string
	remedy.Plan
}

func wayback(ctx context.Context, args []string, out io.Writer) error {
	var r reader
	var or licenseNames
	store, rest, err := r.openWith(ctx, "wayback", args, 1, func(set *flag.FlagSet) { set.Var(&or, "or", "another license of the same software") })
	if err != nil {
		return err
	}
	defer store.Close()
	if len(rest) == 0 {
		return badInput("name a license; licenseguard positions --json lists names and ids")
	}
	now := time.Now()
	all, err := readAll(ctx, store, now)
	if err != nil {
		return err
	}
	l, err := all.named(rest[0])
	if err != nil {
		return err
	}
	facts := remedy.Facts{Catalog: catalog.Embedded(), Sizes: catalog.Sizes}
	for _, name := range or {
		other, err := all.named(name)
		if err != nil {
			return err
		}
		facts.Others = append(facts.Others, other)
	}
	if facts.Instances, err = onHosts(ctx, store, l); err != nil {
		return err
	}
	plan := remedy.WayBack(l, facts, now)
	if r.json {
		plan.Proposals, plan.LeftOut = append([]remedy.Proposal{}, plan.Proposals...), append([]remedy.LeftOut{}, plan.LeftOut...)
		return console.JSON(out, wayBack{l.Configuration.ID, l.Configuration.Name, plan})
	}
	console.WayBack(out, &l.Configuration, plan, all.names(), len(or) > 0)
	return nil
}

// named returns the license of a name or id.
func (e everything) named(name string) (*ledger.License, error) {
	i := slices.IndexFunc(e.licenses, func(l *ledger.License) bool { return l.Configuration.ID == name || l.Configuration.Name == name })
	if i < 0 {
		return nil, badInput("there is no license %q; licenseguard positions --json lists names and ids", name)
	}
	return e.licenses[i], nil
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
