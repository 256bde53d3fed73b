package main

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"licenseguard/cmd/internal/console"
	"licenseguard/shared/ledger"
	"licenseguard/shared/telemetry"
)

func enforcementLimits() *cobra.Command {
	var d decider
	c := &cobra.Command{Use: "limits", Short: "show the budgets and the breaker's thresholds, or set them"}
	set := c.Flags()
	wanted := make(map[string]*int)
	for _, l := range limits(&ledger.Limits{}) {
		wanted[l.Name] = set.Int(l.Name, 0, l.What)
	}
	return decide(c, &d, func(ctx context.Context, desk *desk, _ []string) error {
		brakes, err := desk.store.LoadBrakes(ctx)
		if err != nil {
			return err
		}
		of := brakes.Limits
		changed := false
		set.Visit(func(f *pflag.Flag) {
			for _, l := range limits(&of) {
				if l.Name == f.Name {
					*l.at, changed = *wanted[l.Name], true
				}
			}
		})
		if changed {
			if err := desk.Limit(ctx, of); err != nil {
				return err
			}
		}
		of = of.OrDefault()
		if d.json {
			return console.JSON(desk.out, of)
		}
		var shown []console.Limit
		for _, l := range limits(&of) {
			l.Value = *l.at
			shown = append(shown, l.Limit)
		}
		console.Limits(desk.out, shown)
		if changed {
			desk.say("Set as %s, and in force now.", telemetry.Clean(desk.By, 400))
		}
		return nil
	})
}

// limit is one of the limits and where it is kept.
type limit struct {
	console.Limit
	at *int
}

// limits lists them with the reasons of their defaults.
func limits(of *ledger.Limits) []limit {
	normal := ledger.Limits{}.OrDefault()
	return []limit{
		{console.Limit{Name: "account-per-hour", Default: normal.AccountPerHour, What: "instances taken away in one account in any 60 minutes",
			Reason: "two licenses that run away at once"}, &of.AccountPerHour},
		{console.Limit{Name: "fleet-percent", Default: normal.FleetPercent, What: "and of all instances that use a license, in percent",
			Reason: "what a fleet with a spare for each tenth server survives"}, &of.FleetPercent},
		{console.Limit{Name: "fleet-least", Default: normal.FleetLeast, What: "but never fewer than this",
			Reason: "for small fleets, where a tenth would be none"}, &of.FleetLeast},
		{console.Limit{Name: "refused-per-hour", Default: normal.RefusedPerHour, What: "instances that EC2 refuses to touch, before the breaker opens",
			Reason: "one or two are instances of their own kind, five are a role or a rule"}, &of.RefusedPerHour},
		{console.Limit{Name: "drift-percent", Default: normal.DriftPercent, What: "of an account that one sweep corrects, before the breaker opens",
			Reason: "then events do not arrive, and what is known of the rest is old too"}, &of.DriftPercent},
	}
}
