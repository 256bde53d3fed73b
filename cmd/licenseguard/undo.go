package main

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"licenseguard/cmd/internal/console"
	"licenseguard/shared/enforce"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// taken is what one undo is about.
type taken struct {
	instance license.ResourceID
	plan     string
	since    time.Time
}

func enforcementUndo() *cobra.Command {
	var d decider
	c := &cobra.Command{Use: "undo [INSTANCE]", Short: "take back what was done; without --yes only list it", Args: atMost(1),
		Example: examples("licenseguard enforcement undo i-0123456789abcdef0", "licenseguard enforcement undo --plan 84f2c28a8be5 --yes", "licenseguard enforcement undo --since 2h")}
	set := c.Flags()
	plan := set.String("plan", "", "what was done with a plan")
	since := set.Duration("since", 0, "what was done in the last 2h, 30m or the like")
	yes := set.Bool("yes", false, "do it")
	return decide(c, &d, func(ctx context.Context, desk *desk, rest []string) error {
		what, err := undoOf(ctx, desk, rest, *plan, *since)
		if err != nil {
			return err
		}
		entries, earlier, err := desk.undoable(ctx, what)
		if err != nil {
			return err
		}
		revoked, err := desk.revocable(ctx, what.plan)
		if err != nil {
			return err
		}
		if *yes {
			err = desk.undo(ctx, what.plan, entries)
		}
		if d.json {
			return errors.Join(err, console.JSON(desk.out, append([]ledger.JournalEntry{}, entries...)))
		}
		if err != nil {
			return err
		}
		if err := desk.tellUndo(ctx, what, entries, revoked, *yes, typed(c, rest)); err != nil || earlier == 0 {
			return err
		}
		desk.say("%s of the same launches can be undone after that, with the same command.", plural(earlier, "earlier answer", "earlier answers"))
		return nil
	})
}

func undoOf(ctx context.Context, d *desk, rest []string, plan string, since time.Duration) (taken, error) {
	given := len(rest)
	if plan != "" {
		given++
	}
	if since != 0 {
		given++
	}
	switch {
	case given != 1:
		return taken{}, badInput("give one of: an instance, --plan HASH, --since TIME")
	case since < 0:
		return taken{}, badInput("--since is %s: give a time such as 30m or 2h", since)
	case since > 0:
		return taken{since: d.Now().Add(-since)}, nil
	case plan != "":
		if _, err := d.store.LoadPlan(ctx, plan); errors.Is(err, ledger.ErrNoPlan) {
			return taken{}, badInput("there is no plan %q; licenseguard journal%s shows the plans that were carried out", plan, d.where)
		} else if err != nil {
			return taken{}, err
		}
		return taken{plan: plan}, nil
	case !strings.HasPrefix(rest[0][strings.LastIndexByte(rest[0], '/')+1:], "i-"):
		return taken{}, badInput("%q names no instance; give an id such as i-0123456789abcdef0, or ACCOUNT/REGION/i-…", rest[0])
	default:
		return taken{instance: license.ResourceID(rest[0])}, nil
	}
}

// undoable returns what was done and can be taken back, the latest of each
// launch, and how many came before: one undo at a time, the latest first.
func (d *desk) undoable(ctx context.Context, what taken) (entries []ledger.JournalEntry, earlier int, err error) {
	if entries, err = d.store.Journal(ctx, what.since); err != nil {
		return nil, 0, err
	}
	entries = slices.DeleteFunc(entries, func(e ledger.JournalEntry) bool {
		return !enforce.Undoable(e) || what.plan != "" && e.Plan != what.plan ||
			what.instance != "" && e.Instance != what.instance && e.Instance.AWSID() != string(what.instance)
	})
	slices.SortStableFunc(entries, func(a, b ledger.JournalEntry) int { return b.At.Compare(a.At) })
	seen := make(map[string]bool)
	entries = slices.DeleteFunc(entries, func(e ledger.JournalEntry) bool {
		key := ledger.PendingAction{License: e.License, Instance: e.Instance, Launch: e.Launch}.Key()
		if seen[key] {
			earlier++
			return true
		}
		seen[key] = true
		return false
	})
	slices.SortStableFunc(entries, func(a, b ledger.JournalEntry) int { return cmp.Compare(a.License, b.License) })
	return entries, earlier, nil
}

// revocable counts what a plan approved and enforcement did not do yet.
func (d *desk) revocable(ctx context.Context, plan string) (n int, err error) {
	if plan == "" {
		return 0, nil
	}
	p, err := d.store.LoadPlan(ctx, plan)
	for i := 0; i < len(p.Licenses) && err == nil; i++ {
		var l *ledger.License
		if l, err = d.store.Load(ctx, p.Licenses[i].License); errors.Is(err, ledger.ErrNotFound) {
			err = nil
			continue
		}
		for j := range l.Entries {
			e := &l.Entries[j]
			for k := range e.Members {
				if answer := l.Answer(e, &e.Members[k], d.Now()); answer.Wanted() && answer.Plan == plan {
					n++
				}
			}
		}
	}
	return n, err
}

// undo revokes what a plan approved, so that it is not done meanwhile, and then
// takes back what was done.
func (d *desk) undo(ctx context.Context, plan string, entries []ledger.JournalEntry) error {
	if plan != "" {
		p, err := d.store.LoadPlan(ctx, plan)
		if err != nil {
			return err
		}
		if err := d.Revoke(ctx, p); err != nil {
			return err
		}
	}
	return d.Undo(ctx, entries...)
}

func (d *desk) tellUndo(ctx context.Context, what taken, entries []ledger.JournalEntry, revoked int, done bool, typed string) error {
	names, err := d.names(ctx)
	if err != nil {
		return err
	}
	if len(entries) > 0 {
		console.Undo(d.out, entries, names)
	}
	switch {
	case len(entries)+revoked == 0:
		d.say("There is nothing to undo; licenseguard journal%s lists what was done.", d.where)
		return nil
	case !done:
		if revoked > 0 {
			d.say("%s of plan %s would be revoked: approved, and not done yet.", plural(revoked, "answer", "answers"), what.plan)
		}
		d.say("Nothing was undone. To do it:\n  %s --yes", typed)
		return nil
	}
	if revoked > 0 {
		d.say("Revoked, because not done yet: %s of plan %s.", plural(revoked, "answer", "answers"), what.plan)
	}
	if len(entries) > 0 {
		d.say("Undoing %s. %s\nEach instance is left alone for a day. To see what is pending:\n  licenseguard enforcement status%s",
			plural(len(entries), "answer", "answers"), d.soon, d.where)
	}
	return nil
}
