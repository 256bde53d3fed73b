package enforce

import (
	"context"
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
		NotBefore: a.NotBefore, Why: a.Why, Revision: revision}
}

// Recover keeps an action for each answer that the licenses ask for now, and so
// recreates those that a lost stream record left out.
func Recover(ctx context.Context, store Store, now time.Time) error {
	configurations, _, err := store.Configurations(ctx)
	if err != nil {
		return err
	}
	for i := range configurations {
		l, err := store.Load(ctx, configurations[i].ID)
		if err != nil {
			return err
		}
		for j := range l.Entries {
			for k := range l.Entries[j].Members {
				m := &l.Entries[j].Members[k]
				answer := l.Answer(&l.Entries[j], m, now)
				if !answer.Wanted() || m.Intent.Live(now) {
					continue
				}
				if err := store.AddAction(ctx, pendingOf(configurations[i].ID, m.Instance, m.Generation.Launch, answer, l.Revision)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
