package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"licenseguard/cmd/internal/console"
	"licenseguard/shared/ledger"
)

func journalCommand() *cobra.Command {
	var r reader
	c := &cobra.Command{
		Use: "journal", Short: "what was or would have been done to instances", Args: atMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return r.read(c.Context(), func(store opened) error {
				entries, err := store.Journal(c.Context(), time.Time{})
				if err != nil {
					return err
				}
				if r.json {
					return console.JSON(c.OutOrStdout(), append([]ledger.JournalEntry{}, entries...))
				}
				all, err := readAll(c.Context(), store, time.Now())
				if err != nil {
					return err
				}
				approvers, err := approvers(c.Context(), store, entries)
				if err != nil {
					return err
				}
				console.Journal(c.OutOrStdout(), entries, all.names(), approvers)
				return nil
			})
		},
	}
	r.flags(c)
	return c
}

// approvers gives who approved the plans of entries, by their hashes.
func approvers(ctx context.Context, store ledger.Store, entries []ledger.JournalEntry) (map[string]string, error) {
	found := make(map[string]string)
	for i := range entries {
		hash := entries[i].Plan
		if _, known := found[hash]; known || hash == "" {
			continue
		}
		p, err := store.LoadPlan(ctx, hash)
		if err != nil && !errors.Is(err, ledger.ErrNoPlan) {
			return nil, err
		}
		approval, _ := p.Approved()
		found[hash] = approval.By
	}
	return found, nil
}
