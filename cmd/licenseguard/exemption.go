package main

import (
	"cmp"
	"context"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"licenseguard/cmd/internal/console"
	"licenseguard/shared/license"
)

// exemptionCommand lets instances go beyond a license, for a time.
func exemptionCommand() *cobra.Command {
	return group("exemption", "let instances go beyond a license, for a time", exemptionAdd(), exemptionList(), exemptionRemove())
}

// subject are the flags that say whose exemption it is.
type subject struct{ license, instance string }

func (s *subject) flags(set *pflag.FlagSet) {
	set.StringVar(&s.license, "license", "", "name or id of the license")
	set.StringVar(&s.instance, "instance", "", "ACCOUNT/REGION/i-…, or an i-… that a license holds")
}

func (s *subject) find(ctx context.Context, d *desk) (id string, instance license.ResourceID, err error) {
	if s.license == "" || s.instance == "" {
		return "", "", badInput("give --license and --instance")
	}
	if id, err = d.license(ctx, s.license); err != nil {
		return "", "", err
	}
	instance, err = d.instance(ctx, s.instance)
	return id, instance, err
}

func exemptionAdd() *cobra.Command {
	var d decider
	var s subject
	var e license.Exemption
	c := &cobra.Command{Use: "add", Short: "never stop an instance until then; it still counts and is alerted",
		Example: examples(`licenseguard exemption add --license "Oracle Database Enterprise" --instance i-0123456789abcdef0 \`,
			`  --owner "team payments" --reason "migration until the new host is there" --until 2026-12-31`)}
	set := c.Flags()
	s.flags(set)
	set.StringVar(&e.Owner, "owner", "", "who needs it")
	set.StringVar(&e.Reason, "reason", "", "why")
	set.StringVar(&e.Approver, "approver", "", "who allows it; you, unless it is another")
	until := set.String("until", "", "when it ends: 2026-12-31, 2026-12-31T18:00:00Z or 72h")
	return decide(c, &d, func(ctx context.Context, desk *desk, _ []string) error {
		id, instance, err := s.find(ctx, desk)
		if err != nil {
			return err
		}
		e.Instance = instance
		if e.Until, err = end(*until, desk.Now()); err != nil {
			return err
		}
		if err := desk.Exempt(ctx, id, e); err != nil {
			return err
		}
		desk.say("%s may go beyond %s until %s.\nIt still counts and is alerted; enforcement only tags it.",
			instance.AWSID(), id, e.Until.UTC().Format("2006-01-02 15:04:05 UTC"))
		l, err := desk.store.Load(ctx, id)
		if err != nil {
			return err
		}
		if _, m := l.Find(instance); m == nil {
			desk.say("The license does not hold that instance now; is %s right?", instance)
		}
		desk.say("To end it before:  licenseguard exemption rm --license %s --instance %s%s", id, instance, desk.where)
		return nil
	})
}

// end reads when something ends: at a date's first instant, at an instant, or
// after a time.
func end(text string, now time.Time) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return time.Time{}, &license.FieldError{Field: "until", Value: text, Want: "give a date as 2026-12-31, an instant as 2026-12-31T18:00:00Z, or a time as 72h"}
	}
	return now.Add(d), nil
}

func exemptionRemove() *cobra.Command {
	var d decider
	var s subject
	c := &cobra.Command{Use: "rm", Short: "end an exemption now"}
	s.flags(c.Flags())
	return decide(c, &d, func(ctx context.Context, desk *desk, _ []string) error {
		id, instance, err := s.find(ctx, desk)
		if err != nil {
			return err
		}
		if err := desk.Unexempt(ctx, id, instance); err != nil {
			return err
		}
		desk.say("The exemption of %s from %s ended.\nWhat it is over the count from now on waits for a person:\n  licenseguard enforcement plan%s", instance.AWSID(), id, desk.where)
		return nil
	})
}

func exemptionList() *cobra.Command {
	var r reader
	var all bool
	c := &cobra.Command{
		Use: "ls", Short: "exemptions in force, or --all, the one that ends soonest first", Args: atMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return r.read(c.Context(), func(store opened) error {
				configurations, _, err := store.Configurations(c.Context())
				if err != nil {
					return err
				}
				now := time.Now()
				found := exemptions(configurations, all, now)
				switch {
				case r.json:
					return console.JSON(c.OutOrStdout(), found)
				case len(found) == 0:
					_, err := io.WriteString(c.OutOrStdout(), "There is no exemption.\n")
					return err
				}
				console.Exemptions(c.OutOrStdout(), found, now)
				return nil
			})
		},
	}
	r.flags(c)
	c.Flags().BoolVar(&all, "all", false, "those that ended, too")
	return c
}

// exemptions lists those in force, or all, the one that ends soonest first.
func exemptions(configurations []license.Configuration, all bool, now time.Time) []console.Exempted {
	found := []console.Exempted{}
	for i := range configurations {
		c := &configurations[i]
		for _, e := range c.Exemptions {
			if all || e.Holds(now) {
				found = append(found, console.Exempted{License: c.ID, Name: c.Name, Exemption: e})
			}
		}
	}
	slices.SortStableFunc(found, func(a, b console.Exempted) int {
		return cmp.Or(a.End().Compare(b.End()), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Instance, b.Instance))
	})
	return found
}
