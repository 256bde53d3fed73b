package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"licenseguard/cmd/internal/console"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/telemetry"
)

// enforcementCommand is what only a person may do about enforcement.
func enforcementCommand() *cobra.Command {
	return group("enforcement", "what enforcement does, and what waits for a person",
		enforcementPlan(), enforcementApply(), enforcementStatus(), enforcementPause(), enforcementResume(), enforcementUndo(), enforcementLimits())
}

func enforcementPlan() *cobra.Command {
	var d decider
	c := &cobra.Command{Use: "plan", Short: "what enforcement does by itself, and what waits for your approval"}
	return decide(c, &d, func(ctx context.Context, desk *desk, _ []string) error {
		p, err := desk.Plan(ctx)
		if err != nil {
			return err
		}
		if d.json {
			return console.JSON(desk.out, p)
		}
		console.Plan(desk.out, p)
		brakes, err := desk.store.LoadBrakes(ctx)
		if err != nil {
			return err
		}
		desk.held(brakes.Holds)
		console.Approval(desk.out, p, desk.where)
		return nil
	})
}

func enforcementApply() *cobra.Command {
	var d decider
	c := &cobra.Command{Use: "apply HASH", Short: "approve what a plan lists, if nothing moved since",
		Args: one("give the hash of a plan; licenseguard enforcement plan prints it")}
	return decide(c, &d, func(ctx context.Context, desk *desk, rest []string) error {
		began := desk.Now()
		p, approved, err := desk.Apply(ctx, rest[0])
		if errors.Is(err, ledger.ErrNoPlan) {
			return badInput("there is no plan %q; licenseguard enforcement plan%s makes one and prints its hash", rest[0], desk.where)
		}
		if err != nil && approved > 0 {
			desk.say("Before it failed, %s approved; licenseguard enforcement undo --plan %s --yes%s takes that back.",
				plural(approved, "answer was", "answers were"), rest[0], desk.where)
		}
		before, approvedBefore := p.Approved()
		switch {
		case err != nil && approvedBefore && before.At.Before(began):
			return fmt.Errorf("it was approved at %s by %s already, so what it lists is not as it was; licenseguard enforcement status%s shows how far it is: %w",
				before.At.UTC().Format(time.RFC3339), telemetry.Clean(before.By, 400), desk.where, err)
		case err != nil:
			return err
		case approved == 0:
			desk.say("Nothing of plan %s waits for approval.", rest[0])
			return nil
		}
		desk.say("Approved as %s: %s of plan %s, for a day.\nIt is done within the budgets. %s",
			telemetry.Clean(desk.By, 400), plural(approved, "answer", "answers"), rest[0], desk.soon)
		if more := console.Waiting(p) - approved; more > 0 {
			desk.say("%s for the next plan: one commit does not hold them all.", plural(more, "more waits", "more wait"))
		}
		brakes, err := desk.store.LoadBrakes(ctx)
		if err != nil {
			return err
		}
		desk.held(brakes.Holds)
		desk.say("To see how far it is:  licenseguard enforcement status%s\nTo hold it:            licenseguard enforcement pause%s\nTo take it back:       licenseguard enforcement undo --plan %s --yes%s",
			desk.where, desk.where, rest[0], desk.where)
		return nil
	})
}

// standing is how enforcement stands.
type standing struct {
	Holds   []ledger.Hold
	Budgets []console.Budget
	Fleet   map[string]int // by account, at the last sweep
	Pending []ledger.PendingAction
	Undos   []ledger.PendingAction
	Limits  ledger.Limits
}

func (d *desk) standing(ctx context.Context, now time.Time) (standing, error) {
	b, err := d.store.LoadBrakes(ctx)
	if err != nil {
		return standing{}, err
	}
	s := standing{Holds: b.Holds, Fleet: b.Fleet, Limits: b.Limits.OrDefault(), Pending: []ledger.PendingAction{}, Undos: []ledger.PendingAction{}}
	all, err := d.store.PendingActions(ctx)
	if err != nil {
		return s, err
	}
	slices.SortStableFunc(all, func(x, y ledger.PendingAction) int { return x.NotBefore.Compare(y.NotBefore) })
	accounts := make(map[string]bool)
	for account := range b.Fleet {
		accounts[account] = true
	}
	for _, spent := range b.Spent {
		account, _, _ := spent.Instance.Parts()
		accounts[account] = true
	}
	for _, p := range all {
		account, _, _ := p.Instance.Parts()
		accounts[account] = true
		if p.Undo != nil {
			s.Undos = append(s.Undos, p)
		} else {
			s.Pending = append(s.Pending, p)
		}
	}
	s.Budgets = append(s.Budgets, fleetBudget(b, now))
	for _, account := range slices.Sorted(maps.Keys(accounts)) {
		most, spent, _, _ := b.Budget(account, now)
		s.Budgets = append(s.Budgets, console.Budget{Scope: ledger.AccountScope(account), Spent: spent, Most: most,
			Reason: "account-per-hour" + isDefault(b.Limits.AccountPerHour == 0)})
	}
	return s, d.licenseBudgets(ctx, &s, now)
}

func fleetBudget(b *ledger.Brakes, now time.Time) console.Budget {
	_, _, most, spent := b.Budget("", now)
	limits := b.Limits.OrDefault()
	return console.Budget{Scope: ledger.ScopeAll, Spent: spent, Most: most,
		Reason: fmt.Sprintf("%d%% of %s, at least %d", limits.FleetPercent, plural(fleetSize(b.Fleet), "instance", "instances"), limits.FleetLeast) +
			isDefault(b.Limits.FleetPercent+b.Limits.FleetLeast == 0)}
}

func isDefault(yes bool) string {
	if yes {
		return " (default)"
	}
	return ""
}

func fleetSize(fleet map[string]int) (n int) {
	for _, one := range fleet {
		n += one
	}
	return n
}

// licenseBudgets adds those of the licenses that act.
func (d *desk) licenseBudgets(ctx context.Context, s *standing, now time.Time) error {
	configurations, _, err := d.store.Configurations(ctx)
	if err != nil {
		return err
	}
	for i := range configurations {
		c := &configurations[i]
		if !c.HardLimit || c.Enforcement.Mode == license.Observe {
			continue
		}
		l, err := d.store.Load(ctx, c.ID)
		if err != nil {
			return err
		}
		room, _ := l.Room(now)
		most := c.Enforcement.ActionsPerHour
		s.Budgets = append(s.Budgets, console.Budget{Scope: ledger.LicenseScope(c.ID), Spent: most - room, Most: most, Reason: "actionsPerHour of " + c.Name})
	}
	return nil
}

func enforcementStatus() *cobra.Command {
	var d decider
	c := &cobra.Command{Use: "status", Short: "what holds enforcement, what is left of the budgets, what is pending"}
	return decide(c, &d, func(ctx context.Context, desk *desk, _ []string) error {
		s, err := desk.standing(ctx, time.Now())
		if err != nil {
			return err
		}
		if d.json {
			return console.JSON(desk.out, s)
		}
		names, err := desk.names(ctx)
		if err != nil {
			return err
		}
		if len(s.Holds) == 0 {
			desk.say("Nothing holds enforcement.")
		}
		desk.held(s.Holds)
		desk.say("\nBudgets: what was taken away, of at most so many in any 60 minutes")
		console.Budgets(desk.out, s.Budgets)
		if len(s.Fleet) == 0 {
			desk.say("No sweep has counted the fleet yet.")
		} else {
			var accounts []string
			for _, account := range slices.Sorted(maps.Keys(s.Fleet)) {
				accounts = append(accounts, fmt.Sprintf("%d in %s", s.Fleet[account], account))
			}
			desk.say("Instances that used a license at the last sweep: %s.", strings.Join(accounts, ", "))
		}
		for _, list := range []struct {
			title, none string
			of          []ledger.PendingAction
		}{{"Pending answers", "No answer is pending.", s.Pending}, {"Pending undos", "No undo is pending.", s.Undos}} {
			if len(list.of) == 0 {
				desk.say("\n%s", list.none)
				continue
			}
			desk.say("\n%s", list.title)
			console.Pending(desk.out, list.of, names)
		}
		return nil
	})
}

// scoped are the flags that say what a pause is about.
type scoped struct{ license, account string }

func (s *scoped) flags(set *pflag.FlagSet) {
	set.StringVar(&s.license, "license", "", "name or id of one license")
	set.StringVar(&s.account, "account", "", "one account")
}

// scope returns what the flags name; all if they name nothing. A license that is
// gone may still be held.
func (s *scoped) scope(ctx context.Context, d *desk, holds []ledger.Hold) (ledger.Scope, error) {
	switch {
	case s.license != "" && s.account != "":
		return "", badInput("give --license or --account, not both")
	case s.account != "":
		return ledger.ParseScope(string(ledger.AccountScope(s.account)))
	case s.license == "":
		return ledger.ScopeAll, nil
	}
	gone := ledger.LicenseScope(s.license)
	if slices.ContainsFunc(holds, func(h ledger.Hold) bool { return h.Scope == gone }) {
		return gone, nil
	}
	id, err := d.license(ctx, s.license)
	return ledger.LicenseScope(id), err
}

func enforcementPause() *cobra.Command {
	var d decider
	var s scoped
	c := &cobra.Command{Use: "pause", Short: "touch no instance until resume: all, of a license or of an account"}
	s.flags(c.Flags())
	why := c.Flags().String("why", "", "the reason, for the record")
	return decide(c, &d, func(ctx context.Context, desk *desk, _ []string) error {
		scope, err := s.scope(ctx, desk, nil)
		if err != nil {
			return err
		}
		if strings.TrimSpace(*why) == "" {
			*why = "no reason given"
		}
		changed, err := desk.Pause(ctx, scope, telemetry.Clean(*why, 400))
		if err != nil {
			return err
		}
		brakes, err := desk.store.LoadBrakes(ctx)
		if err != nil {
			return err
		}
		if !changed {
			desk.say("%s was held already, and stays so.", scope)
		} else {
			desk.say("Paused %s as %s. Counting and alerts go on, and so does undo.", scope, telemetry.Clean(desk.By, 400))
		}
		desk.held(brakes.Holds)
		desk.say("To end it:  licenseguard enforcement resume%s%s", s.typed(), desk.where)
		return nil
	})
}

// typed writes the flags as they were given.
func (s *scoped) typed() string {
	switch {
	case s.license != "":
		return " --license " + quoted(s.license)
	case s.account != "":
		return " --account " + quoted(s.account)
	default:
		return ""
	}
}

func enforcementResume() *cobra.Command {
	var d decider
	var s scoped
	c := &cobra.Command{Use: "resume", Short: "end a pause, or what a breaker began"}
	s.flags(c.Flags())
	return decide(c, &d, func(ctx context.Context, desk *desk, _ []string) error {
		brakes, err := desk.store.LoadBrakes(ctx)
		if err != nil {
			return err
		}
		scope, err := s.scope(ctx, desk, brakes.Holds)
		if err != nil {
			return err
		}
		ended, ok, err := desk.Resume(ctx, scope)
		if err != nil {
			return err
		}
		if brakes, err = desk.store.LoadBrakes(ctx); err != nil {
			return err
		}
		if !ok {
			desk.say("%s was not held; nothing changed.", scope)
		} else {
			desk.say("Resumed as %s. What was held:", telemetry.Clean(desk.By, 400))
			console.Holds(desk.out, []ledger.Hold{ended})
		}
		if len(brakes.Holds) == 0 {
			desk.say("Nothing holds enforcement any more.")
			return nil
		}
		desk.held(brakes.Holds)
		return nil
	})
}
