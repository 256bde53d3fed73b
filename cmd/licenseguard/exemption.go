package main

import (
	"cmp"
	"context"
	"flag"
	"io"
	"slices"
	"time"

	"licenseguard/cmd/licenseguard/internal/console"
	"licenseguard/shared/license"
)

// exemptionCommands let instances go beyond a license, for a time.
func exemptionCommands() []command {
	return []command{
		{"exemption add", where + " --license NAME --instance ID --owner WHO --reason TEXT --until TIME",
			"never stop an instance until then; it still counts and is alerted", addExemption},
		{"exemption ls", where + " [--all] [--json]", "exemptions in force, or --all, the one that ends soonest first", listExemptions},
		{"exemption rm", where + " --license NAME --instance ID [--as NAME]", "end an exemption now", removeExemption},
	}
}

// subject are the flags that say whose exemption it is.
type subject struct{ license, instance string }

func (s *subject) flags(set *flag.FlagSet) {
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

func addExemption(ctx context.Context, args []string, out io.Writer) error {
	var d decider
	var s subject
	var e license.Exemption
	set := flag.NewFlagSet("add", flag.ContinueOnError)
	s.flags(set)
	set.StringVar(&e.Owner, "owner", "", "who needs it")
	set.StringVar(&e.Reason, "reason", "", "why")
	set.StringVar(&e.Approver, "approver", "", "who allows it; you, unless it is another")
	until := set.String("until", "", "when it ends: 2026-12-31, 2026-12-31T18:00:00Z or 72h")
	return decide(ctx, &d, set, args, 0, out, func(desk *desk, _ []string) error {
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

func removeExemption(ctx context.Context, args []string, out io.Writer) error {
	var d decider
	var s subject
	set := flag.NewFlagSet("rm", flag.ContinueOnError)
	s.flags(set)
	return decide(ctx, &d, set, args, 0, out, func(desk *desk, _ []string) error {
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

func listExemptions(ctx context.Context, args []string, out io.Writer) error {
	var r reader
	set := flag.NewFlagSet("ls", flag.ContinueOnError)
	r.flags(set)
	all := set.Bool("all", false, "those that ended, too")
	if _, err := parse(set, args, 0); err != nil {
		return err
	}
	store, err := r.ledger(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	configurations, _, err := store.Configurations(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	found := []console.Exempted{}
	for i := range configurations {
		c := &configurations[i]
		for _, e := range c.Exemptions {
			if *all || e.Holds(now) {
				found = append(found, console.Exempted{License: c.ID, Name: c.Name, Exemption: e})
			}
		}
	}
	slices.SortStableFunc(found, func(a, b console.Exempted) int {
		return cmp.Or(a.End().Compare(b.End()), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Instance, b.Instance))
	})
	if r.json {
		return console.JSON(out, found)
	}
	if len(found) == 0 {
		_, err := io.WriteString(out, "There is no exemption.\n")
		return err
	}
	console.Exemptions(out, found, now)
	return nil
}
