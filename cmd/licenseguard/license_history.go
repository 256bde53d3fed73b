package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"licenseguard/cmd/internal/console"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/registrar"
	"licenseguard/shared/telemetry"
)

// edit is one version of a license, with what it changed.
type edit struct {
	Revision    int64
	At          time.Time
	By          string
	What        string               // created, changed or deleted
	Differences []license.Difference `json:",omitempty"`
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
				history, err := (&registrar.Registrar{Store: store}).History(c.Context(), id)
				if err != nil && !errors.Is(err, ledger.ErrNotFound) { // it was set before there was a history
					return err
				}
				edits := editsOf(history)
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

// editsOf says what each edit was.
func editsOf(history []registrar.Edit) []edit {
	edits := []edit{}
	for i, h := range history {
		e := edit{Revision: h.Revision, At: h.At, By: h.By, What: changed, Differences: h.Differences}
		switch {
		case h.Deleted:
			e.What, e.Differences = "deleted", nil
		case i == 0:
			e.What = created
		}
		edits = append(edits, e)
	}
	return edits
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
