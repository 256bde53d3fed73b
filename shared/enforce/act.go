package enforce

import (
	"context"
	"errors"
	"slices"
	"time"

	"licenseguard/shared/config"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// act asks for the grants and does what is granted.
func (e *Enforcer) act(ctx context.Context, l *ledger.License, ready []ledger.PendingAction, r *Report) ([]ledger.ActionOutcome, error) {
	if len(ready) == 0 {
		return nil, nil
	}
	grants := make([]ledger.Grant, len(ready))
	for i, p := range ready {
		grants[i] = ledger.Grant{Instance: p.Instance, Launch: p.Launch, Action: p.Action}
	}
	_, result, err := e.committer().ApplyTo(ctx, l, ledger.Batch{Grants: grants})
	if err != nil {
		return nil, err
	}
	var outcomes []ledger.ActionOutcome
	var failed []error
	for i, g := range result.Grants {
		p := ready[i]
		var seen license.Instance
		ok, err := e.granted(ctx, &p, g, r)
		if ok && err == nil {
			seen, ok, err = e.confirm(ctx, &p, g.Intent, r)
		}
		if ok && err == nil {
			var outcome ledger.ActionOutcome
			if outcome, err = e.carryOut(ctx, p, seen, r); outcome.Action != "" {
				outcomes = append(outcomes, outcome)
			}
		}
		failed = append(failed, err)
	}
	return outcomes, errors.Join(failed...)
}

// granted takes the answer to a wish, and keeps or cancels what was refused.
func (e *Enforcer) granted(ctx context.Context, p *ledger.PendingAction, g ledger.GrantResult, r *Report) (bool, error) {
	switch g.Refused {
	case "":
		p.Action = g.Action
		return true, nil
	case ledger.RefusedBudget, ledger.RefusedSettling:
		r.Postponed++
		p.NotBefore = g.Retry
		return false, e.Store.PutAction(ctx, *p)
	default:
		return false, e.cancel(ctx, *p, "refused: "+string(g.Refused), r)
	}
}

// confirm asks license and instance once more right before the action. Since
// they were asked for the whole batch, others were acted on, and a person may
// have decided otherwise. The intent is there, so it costs nothing.
func (e *Enforcer) confirm(ctx context.Context, p *ledger.PendingAction, intent time.Time, r *Report) (seen license.Instance, ok bool, err error) {
	l, result, err := e.committer().Apply(ctx, p.License, ledger.Batch{
		Grants: []ledger.Grant{{Instance: p.Instance, Launch: p.Launch, Action: p.Action, Intent: intent}}})
	if err != nil {
		return seen, false, err
	}
	if ok, err := e.granted(ctx, p, result.Grants[0], r); !ok || err != nil {
		return seen, false, err
	}
	return e.look(ctx, l, p, r)
}

// carryOut tags and, where granted, stops one instance as it was last seen, with
// a journal entry before and after.
func (e *Enforcer) carryOut(ctx context.Context, p ledger.PendingAction, seen license.Instance, r *Report) (ledger.ActionOutcome, error) {
	s, id := scopeOf(p.Instance)
	done := ledger.DoneTagged
	if p.Action == license.Stop {
		done = ledger.DoneStopped
	}
	tags := tagsFor(p)
	entry := ledger.JournalEntry{License: p.License, Instance: p.Instance, Launch: p.Launch, Action: done, At: e.Now(), Why: p.Why,
		Guard: p.Guard, Before: seen.State, Tags: tags, Replaced: replaced(tags, seen.Tags)}
	if err := e.Store.Record(ctx, entry); err != nil {
		return ledger.ActionOutcome{}, err
	}
	err := e.Instances.Tag(ctx, s, id, tags)
	if err == nil && p.Action == license.Stop {
		err = e.Instances.Stop(ctx, s, id)
	}
	switch {
	case errors.Is(err, ErrNotYet):
		r.Postponed++
		p.NotBefore = e.Now().Add(notYet)
		return ledger.ActionOutcome{}, e.Store.PutAction(ctx, p)
	case errors.Is(err, ErrGone):
		return ledger.ActionOutcome{}, e.cancel(ctx, p, err.Error(), r)
	case err != nil:
		entry.Error = err.Error()
		return ledger.ActionOutcome{}, errors.Join(e.Store.Record(ctx, entry), e.fail(ctx, p, err, r))
	}
	if done == ledger.DoneStopped {
		r.Stopped++
	} else {
		r.Tagged++
	}
	entry.Done = e.Now()
	e.Log.InfoContext(ctx, "instance answered", "license", p.License, "instance", p.Instance, "action", done, "why", p.Why, "guard", p.Guard)
	return ledger.ActionOutcome{Instance: p.Instance, Launch: p.Launch, Action: done, Guard: p.Guard}, e.Store.Record(ctx, entry)
}

// settle records the outcomes in the license and then drops their actions: a
// crash between the two leaves actions that the license calls answered.
func (e *Enforcer) settle(ctx context.Context, id string, due []ledger.PendingAction, outcomes []ledger.ActionOutcome) error {
	if len(outcomes) == 0 {
		return nil
	}
	if _, _, err := e.committer().Apply(ctx, id, ledger.Batch{Outcomes: outcomes}); err != nil {
		return err
	}
	for _, p := range due {
		if slices.ContainsFunc(outcomes, func(o ledger.ActionOutcome) bool {
			return o.Instance == p.Instance && o.Launch.Equal(p.Launch)
		}) {
			if err := e.Store.DropAction(ctx, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// replaced returns the values that tags to be written have now.
func replaced(tags, present map[string]string) map[string]string {
	var old map[string]string
	for key := range tags {
		if value, ok := present[key]; ok {
			if old == nil {
				old = make(map[string]string)
			}
			old[key] = value
		}
	}
	return old
}

func tagsFor(p ledger.PendingAction) map[string]string {
	status := "over-license-count"
	if p.Why == ledger.WhyBroken {
		status = "breaks-license-rule"
	}
	reason := p.License + ": " + p.Why
	if p.Guard != ledger.Unguarded {
		reason += "; not stopped: " + string(p.Guard)
	}
	return map[string]string{config.TagStatus: status, config.TagReason: reason}
}
