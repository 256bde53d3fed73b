package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"licenseguard/cmd/internal/console"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/telemetry"
)

// edit is one version of a license, with what it changed.
type edit struct {
	Revision    int64
	At          time.Time
	By          string
	What        string       // created, changed or deleted
	Differences []difference `json:",omitempty"`
}

func licenseHistory() *cobra.Command {
	var r reader
	c := &cobra.Command{
		Use: "history LICENSE", Short: "who changed what of a license and when, also of a deleted one",
		Args: one("name a license; licenseguard license ls lists names and ids"), ValidArgsFunction: r.completeLicenses,
		RunE: func(c *cobra.Command, args []string) error {
			return r.read(c.Context(), func(store opened) error {
				id, err := idEver(c.Context(), store, args[0])
				if err != nil {
					return err
				}
				versions, err := store.History(c.Context(), id)
				if err != nil {
					return err
				}
				edits := editsOf(versions)
				if r.json {
					return console.JSON(c.OutOrStdout(), edits)
				}
				printEdits(c.OutOrStdout(), id, edits)
				return nil
			})
		},
	}
	r.flags(c)
	return c
}

// idEver returns the id of a license that there is or was.
func idEver(ctx context.Context, store ledger.Store, name string) (string, error) {
	configurations, _, err := store.Configurations(ctx)
	if err != nil {
		return "", err
	}
	c, err := identify(configurations, name)
	if err == nil {
		return c.ID, nil
	}
	if shown, gone := showDeleted(ctx, store, name, time.Time{}); gone == nil {
		return shown.Configuration.ID, nil
	}
	return "", err
}

// editsOf compares each version with the one before it.
func editsOf(versions []ledger.Version) []edit {
	edits := []edit{}
	var before *license.Configuration
	for i := range versions {
		v := &versions[i]
		e := edit{Revision: v.Revision, At: v.Configuration.UpdatedAt, By: v.Configuration.UpdatedBy, What: changed}
		switch {
		case v.Deleted:
			e.What = "deleted"
		default:
			e.Differences = append(differences(before, &v.Configuration), exempted(before, &v.Configuration)...)
			if before == nil {
				e.What = created
			}
		}
		edits, before = append(edits, e), &v.Configuration
	}
	return edits
}

// exempted tells how the exemptions differ, which no file holds.
func exempted(old, now *license.Configuration) []difference {
	var from string
	if old != nil {
		from = exemptionsText(old)
	}
	if to := exemptionsText(now); from != to {
		return []difference{{"exemptions", from, to}}
	}
	return nil
}

func exemptionsText(c *license.Configuration) string {
	var text string
	for i, e := range c.Exemptions {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%s until %s", e.Instance.AWSID(), e.End().UTC().Format(time.RFC3339))
	}
	return text
}

func printEdits(out io.Writer, id string, edits []edit) {
	if len(edits) == 0 {
		fmt.Fprintf(out, "%s has no history: it was set before licenseguard kept one.\n", id)
		return
	}
	for _, e := range edits {
		fmt.Fprintf(out, "%s  revision %d  %s by %s\n", e.At.UTC().Format("2006-01-02 15:04:05 UTC"), e.Revision, e.What, telemetry.Clean(orNone(e.By), 400))
		printDifferences(out, e.Differences)
		if e.What == changed && len(e.Differences) == 0 {
			fmt.Fprintln(out, "  nothing that people set")
		}
	}
}
