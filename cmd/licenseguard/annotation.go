package main

import (
	"context"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"licenseguard/cmd/internal/console"
	"licenseguard/shared/license"
	"licenseguard/shared/timeline"
)

// annotationCommand leaves past use out of adjusted peaks.
func annotationCommand() *cobra.Command {
	return group("annotation", "leave a clone, a migration or a failover test out of adjusted peaks", annotationAdd(), annotationList(), annotationRemove())
}

func annotationAdd() *cobra.Command {
	var d decider
	var s subject
	var a license.Annotation
	var from, to moment
	c := &cobra.Command{Use: "add", Short: "peaks show their raw and their adjusted value from now on; counts, alerts and answers stay",
		Example: examples(`licenseguard annotation add --license "Oracle Database Enterprise" --resource i-0123456789abcdef0 \`,
			`  --from 2026-11-20T18:00:00Z --to 2026-11-21 --kind failover-test --reason "yearly test, terms 4.2"`)}
	set := c.Flags()
	set.StringVar(&s.license, "license", "", "name or id of the license")
	set.StringVar(&s.instance, "resource", "", "ACCOUNT/REGION/ID of what used it (as usage ls shows), or an i-… that it holds")
	set.Var(&from, "from", "from this instant on")
	set.Var(&to, "to", "until this instant, at most 366 days later")
	set.StringVar((*string)(&a.Kind), "kind", "", "clone, migration or failover-test")
	set.StringVar(&a.Reason, "reason", "", "why the vendor's terms do not ask for a license")
	set.StringVar(&a.Approver, "approver", "", "who says so; you, unless it is another")
	return decide(c, &d, func(ctx context.Context, desk *desk, _ []string) error {
		id, resource, err := s.findAny(ctx, desk)
		if err != nil {
			return err
		}
		if from.IsZero() || to.IsZero() {
			return badInput("give --from and --to")
		}
		a.Resource, a.From, a.Until = resource, from.Time, to.Time
		if err := desk.Annotate(ctx, id, a); err != nil {
			return err
		}
		desk.say("Peaks of %s show their value without %s from %s to %s beside the raw one.\nIt counts, alerts and is answered as before.",
			id, resource.AWSID(), from.String(), to.String())
		desk.say("To take it back:  licenseguard annotation rm --license %s --resource %s --from %s%s", id, resource, from.String(), desk.where)
		return nil
	})
}

// findAny finds a license and what used it, also what it does not hold any more.
func (s *subject) findAny(ctx context.Context, d *desk) (id string, resource license.ResourceID, err error) {
	if s.license == "" || s.instance == "" {
		return "", "", badInput("give --license and --resource")
	}
	if id, err = d.license(ctx, s.license); err != nil {
		return "", "", err
	}
	if strings.Count(s.instance, "/") == 2 {
		return id, license.ResourceID(s.instance), nil
	}
	resource, err = d.instance(ctx, s.instance)
	return id, resource, err
}

func annotationRemove() *cobra.Command {
	var d decider
	var s subject
	var from moment
	c := &cobra.Command{Use: "rm", Short: "withdraw an annotation; that it was there stays on record"}
	c.Flags().StringVar(&s.license, "license", "", "name or id of the license")
	c.Flags().StringVar(&s.instance, "resource", "", "as annotation ls shows it")
	c.Flags().Var(&from, "from", "when the annotation begins")
	return decide(c, &d, func(ctx context.Context, desk *desk, _ []string) error {
		id, resource, err := s.findAny(ctx, desk)
		if err != nil {
			return err
		}
		if err := desk.Unannotate(ctx, id, resource, from.Time); err != nil {
			return err
		}
		desk.say("The annotation of %s from %s is withdrawn: its use counts in adjusted peaks again.", resource.AWSID(), from.String())
		return nil
	})
}

func annotationList() *cobra.Command {
	var r reader
	var all bool
	c := &cobra.Command{
		Use: "ls", Short: "annotations, the oldest first; with --all withdrawn ones, too", Args: atMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return r.read(c.Context(), func(store opened) error {
				configurations, _, err := store.Configurations(c.Context())
				if err != nil {
					return err
				}
				found := annotations(configurations, all)
				switch {
				case r.json:
					return console.JSON(c.OutOrStdout(), found)
				case len(found) == 0:
					_, err := io.WriteString(c.OutOrStdout(), "There is no annotation.\n")
					return err
				}
				console.Annotations(c.OutOrStdout(), found)
				return nil
			})
		},
	}
	r.flags(c)
	c.Flags().BoolVar(&all, "all", false, "withdrawn ones, too")
	return c
}

func annotations(configurations []license.Configuration, all bool) []console.Annotated {
	found := []console.Annotated{}
	for _, c := range configurations {
		for _, a := range c.Annotations {
			if all || a.Holds() {
				found = append(found, console.Annotated{ConfigurationID: c.ID, Name: c.Name, Annotation: a})
			}
		}
	}
	return found
}

// exceptions are what annotations leave out of adjusted peaks.
func exceptions(configurations []license.Configuration) []timeline.Exception {
	var out []timeline.Exception
	for i := range configurations {
		out = append(out, timeline.ExceptionsOf(&configurations[i])...)
	}
	return out
}
