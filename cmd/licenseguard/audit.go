package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"licenseguard/shared/audit"
	"licenseguard/shared/ledger"
	"licenseguard/shared/registrar"
)

func auditCommand() *cobra.Command {
	var r reader
	var log changeLog
	var from, to moment
	var out string
	c := &cobra.Command{
		Use: "audit [LICENSE]...", Short: "a pack for an auditor: a page to read, with curves, and the rows behind it",
		Example: examples(`licenseguard audit "Oracle Database Enterprise" --from 2026-01-01 --to 2027-01-01 --out oracle-2026.zip`,
			"licenseguard audit --stack Licenseguard --from 2026-10-01"),
		ValidArgsFunction: r.completeLicenses,
		RunE: func(c *cobra.Command, args []string) error {
			if from.IsZero() {
				return badInput("say from when: --from 2026-01-01")
			}
			line, err := log.read(c.Context(), &r)
			if err != nil {
				return err
			}
			now := time.Now()
			if to.IsZero() {
				to.Time = now
			}
			request := audit.Request{From: from.Time, To: to.Time, Made: now, By: userName(), Line: line}
			err = r.read(c.Context(), func(store opened) (err error) {
				request.Subjects, err = subjects(c.Context(), store, args)
				return err
			})
			if err != nil {
				return err
			}
			pack, err := audit.Make(request)
			if err != nil {
				return badInput("%w", err)
			}
			if err := writePack(pack, out); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%s: %d licenses, %s to %s. Open index.html in it; the rows are beside it as CSV.\n", out, len(pack.Chapters),
				from.Format(time.RFC3339), to.Format(time.RFC3339))
			if n := len(pack.Gaps); n > 0 {
				fmt.Fprintf(c.OutOrStdout(), "The change log has %d gaps; the page says so and gaps.csv lists them.\n", n)
			}
			return nil
		},
	}
	r.place(c.Flags())
	log.flags(c)
	c.Flags().Var(&from, "from", "from this instant on")
	c.Flags().Var(&to, "to", "until this instant (default: now)")
	c.Flags().StringVar(&out, "out", "audit.zip", "the file to write")
	return c
}

// userName names who runs the command, as far as the system tells.
func userName() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	if u.Name != "" {
		return u.Name
	}
	return u.Username
}

// subjects returns the named licenses, also deleted ones, or all that there are.
func subjects(ctx context.Context, store ledger.Store, names []string) ([]audit.Subject, error) {
	configurations, _, err := store.Configurations(ctx)
	if err != nil {
		return nil, err
	}
	var out []audit.Subject
	add := func(s audit.Subject) error {
		edits, err := (&registrar.Registrar{Store: store}).History(ctx, s.Configuration.ID)
		if err != nil && !errors.Is(err, ledger.ErrNotFound) { // it was set before there was a history
			return err
		}
		s.Edits = edits
		out = append(out, s)
		return nil
	}
	if len(names) == 0 {
		for _, c := range configurations {
			if err := add(audit.Subject{Configuration: c}); err != nil {
				return nil, err
			}
		}
	}
	for _, name := range names {
		s := audit.Subject{}
		s.Configuration, err = identify(configurations, name)
		if err != nil {
			shown, gone := showDeleted(ctx, store, name, time.Time{})
			if gone != nil {
				return nil, err
			}
			s.Configuration, s.Deleted = shown.Configuration, true
		}
		if err := add(s); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// writePack writes a pack beside its name first, so that no half of one is left
// under it.
func writePack(pack *audit.Pack, name string) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".audit-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := errors.Join(pack.Write(f), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return os.Rename(f.Name(), name)
}
