package enforce

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"licenseguard/shared/config"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// act spends the budgets, asks for the grants and does what is granted.
func (e *Enforcer) act(ctx context.Context, l *ledger.License, ready []ledger.PendingAction, r *Report) ([]ledger.ActionOutcome, error) {
	if len(ready) == 0 {
		return nil, nil
	}
	ready, not, err := e.spend(ctx, l, ready, r)
	if err != nil {
		return nil, err
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
		not.note(&p, g)
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
	failed = append(failed, e.giveBack(ctx, not))
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

// confirm asks license, instance and brakes once more right before the action.
// Since they were asked for the whole batch, others were acted on, and a person
// may have decided otherwise. The intent is there, so it costs nothing.
func (e *Enforcer) confirm(ctx context.Context, p *ledger.PendingAction, intent time.Time, r *Report) (seen license.Instance, ok bool, err error) {
	l, result, err := e.committer().Apply(ctx, p.License, ledger.Batch{
		Grants: []ledger.Grant{{Instance: p.Instance, Launch: p.Launch, Action: p.Action, Intent: intent}}})
	if err != nil {
		return seen, false, err
	}
	if ok, err := e.granted(ctx, p, result.Grants[0], r); !ok || err != nil {
		return seen, false, err
	}
	if seen, ok, err = e.look(ctx, l, p, r); !ok || err != nil {
		return seen, false, err
	}
	brakes, err := e.Store.LoadBrakes(ctx)
	if err != nil {
		return seen, false, fmt.Errorf("load brakes: %w", err)
	}
	account, _, _ := p.Instance.Parts()
	if _, held := brakes.Held(account, p.License); held {
		r.Held++
		return seen, false, nil
	}
	return seen, true, nil
}

// done says what was done once an action is.
func done(action license.Mode) ledger.Done {
	switch action {
	case license.Stop:
		return ledger.DoneStopped
	case license.Detach:
		return ledger.DoneDetached
	case license.Lower:
		return ledger.DoneLowered
	default:
		return ledger.DoneTagged
	}
}

// carryOut tags one instance as it was last seen and, where granted, takes it
// away, with a journal entry before and after.
func (e *Enforcer) carryOut(ctx context.Context, p ledger.PendingAction, seen license.Instance, r *Report) (ledger.ActionOutcome, error) {
	s, id := scopeOf(p.Instance)
	tags := tagsFor(p)
	if p.Replaced == nil { // a second try finds the tags of the first
		p.Replaced = replaced(tags, seen.Tags)
	}
	entry := ledger.JournalEntry{License: p.License, Instance: p.Instance, Launch: p.Launch, Action: done(p.Action), At: e.Now(), Why: p.Why,
		Guard: p.Guard, Before: seen.State, After: seen.State, Tags: tags, Replaced: p.Replaced, Plan: p.Plan}
	if err := e.Store.Record(ctx, entry); err != nil {
		return ledger.ActionOutcome{}, err
	}
	err := e.Instances.Tag(ctx, s, id, tags)
	if err == nil {
		err = e.takeAway(ctx, &p, seen, &entry)
	}
	switch {
	case errors.Is(err, ErrNotYet):
		r.Postponed++
		p.NotBefore = e.Now().Add(notYet)
		return ledger.ActionOutcome{}, e.Store.PutAction(ctx, p)
	case errors.Is(err, ErrGone):
		entry.Error = err.Error()
		return ledger.ActionOutcome{}, errors.Join(e.Store.Record(ctx, entry), e.cancel(ctx, p, err.Error(), r))
	case errors.Is(err, ErrMinimum): // as if its group had no policy
		entry.Action, entry.Guard, entry.Why = ledger.DoneTagged, ledger.GuardAutoScaling, entry.Why+"; "+err.Error()
	case err != nil:
		entry.Error = err.Error()
		return ledger.ActionOutcome{}, errors.Join(e.Store.Record(ctx, entry), e.fail(ctx, p, err, r))
	}
	if entry.Action == ledger.DoneTagged {
		r.Tagged++
	} else {
		r.Stopped++
	}
	entry.Done = e.Now()
	e.Log.InfoContext(ctx, "instance answered", "license", p.License, "instance", p.Instance, "action", entry.Action, "why", p.Why, "guard", entry.Guard, "plan", p.Plan)
	return ledger.ActionOutcome{Instance: p.Instance, Launch: p.Launch, Action: entry.Action, Guard: entry.Guard}, e.Store.Record(ctx, entry)
}

// takeAway does what ends the instance's use of the license, if anything.
func (e *Enforcer) takeAway(ctx context.Context, p *ledger.PendingAction, seen license.Instance, entry *ledger.JournalEntry) error {
	s, id := scopeOf(p.Instance)
	if p.Action == license.Detach || p.Action == license.Lower {
		entry.Group = seen.Tags[license.TagAutoScalingGroup]
		if e.Groups == nil || entry.Group == "" {
			return fmt.Errorf("%w: it cannot be changed from here", ErrMinimum)
		}
	}
	switch p.Action {
	case license.Stop:
		entry.After = license.Stopping
		return e.Instances.Stop(ctx, s, id)
	case license.Detach:
		if err := e.Groups.Detach(ctx, s, entry.Group, id); err != nil {
			return err
		}
		entry.After = license.Stopping
		return e.Instances.Stop(ctx, s, id)
	case license.Lower:
		return e.lower(ctx, p, entry)
	default:
		return nil
	}
}

// lower makes a group smaller by one. What it is to be is kept before, and that it
// was done after, so that a second try does not make it smaller by two, also where
// the group grew again meanwhile.
func (e *Enforcer) lower(ctx context.Context, p *ledger.PendingAction, entry *ledger.JournalEntry) error {
	s, _ := scopeOf(p.Instance)
	if p.Capacity == nil {
		now, err := e.Groups.Capacity(ctx, s, entry.Group)
		if err != nil {
			return err
		}
		if now.Desired <= now.Min {
			return ErrMinimum
		}
		wanted := now.Desired - 1
		p.Capacity = &wanted
		if err := e.Store.PutAction(ctx, *p); err != nil {
			return err
		}
	}
	entry.Capacity = &[2]int32{*p.Capacity + 1, *p.Capacity}
	if p.Lowered {
		return nil
	}
	now, err := e.Groups.Capacity(ctx, s, entry.Group)
	if err != nil {
		return err
	}
	if now.Desired == *p.Capacity+1 { // else it was done, or the group has another size for another reason
		if err := e.Groups.SetCapacity(ctx, s, entry.Group, *p.Capacity); err != nil {
			return err
		}
	}
	p.Lowered = true
	return e.Store.PutAction(ctx, *p)
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

// replaced returns the values that tags to be written have now, as far as these
// are others.
func replaced(tags, present map[string]string) map[string]string {
	var old map[string]string
	for key := range tags {
		if value, ok := present[key]; ok && value != tags[key] {
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
