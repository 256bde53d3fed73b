package enforce

import (
	"context"
	"errors"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// Queue keeps an action for each answer that a change asks for. Doing it twice
// keeps one.
func (e *Enforcer) Queue(ctx context.Context, c *ledger.Change) error {
	for i := range c.Deltas {
		d := &c.Deltas[i]
		if !d.Answer.Wanted() || d.Instance == "" {
			continue
		}
		if err := e.Store.AddAction(ctx, pendingOf(c.License, d.Instance, d.Generation.Launch, d.Answer, c.Revision)); err != nil {
			return err
		}
	}
	return nil
}

func pendingOf(id string, instance license.ResourceID, launch time.Time, a ledger.Answer, revision int64) ledger.PendingAction {
	return ledger.PendingAction{License: id, Instance: instance, Launch: launch, Action: a.Action, Mode: a.Mode,
		NotBefore: a.NotBefore, Why: a.Why, Revision: revision, Plan: a.Plan}
}

// Recover keeps an action for each answer that the licenses ask for now, and so
// recreates those that a lost stream record left out. It tells the brakes what
// the sweeps before it found.
func Recover(ctx context.Context, store Store, brakes *ledger.BrakesCommitter, swept []Swept) error {
	configurations, _, err := store.Configurations(ctx)
	if err != nil {
		return err
	}
	at := brakes.Now()
	using := make(map[license.ResourceID]bool)
	for i := range configurations {
		l, err := store.Load(ctx, configurations[i].ID)
		if errors.Is(err, ledger.ErrNotFound) {
			continue // deleted meanwhile
		}
		if err != nil {
			return err
		}
		rules, _ := l.Configuration.RulesAt(at)
		for j := range l.Entries {
			for k := range l.Entries[j].Members {
				m := &l.Entries[j].Members[k]
				if m.Consuming(&rules) {
					using[m.Instance] = true
				}
				answer := l.Answer(&l.Entries[j], m, at)
				if !answer.Wanted() || m.Intent.Live(at) {
					continue
				}
				if err := store.AddAction(ctx, pendingOf(configurations[i].ID, m.Instance, m.Generation.Launch, answer, l.Revision)); err != nil {
					return err
				}
			}
		}
	}
	fleet := make(map[string]int)
	for id := range using {
		account, _, _ := id.Parts()
		fleet[account]++
	}
	return noteSweep(ctx, brakes, swept, fleet)
}
