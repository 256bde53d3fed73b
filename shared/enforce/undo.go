package enforce

import (
	"context"
	"errors"
	"slices"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// undo takes back what was done to one instance: it starts what was stopped,
// attaches what was detached, raises what was lowered, and puts the tags back. It
// goes by what it finds, so that doing it twice does it once.
func (e *Enforcer) undo(ctx context.Context, p ledger.PendingAction, r *Report) error {
	s, id := scopeOf(p.Instance)
	was := p.Undo
	if !slices.Contains(e.Accounts, s.Account) {
		return e.undone(ctx, p, "account "+s.Account+" is not watched", r)
	}
	in, found, err := e.Instances.Look(ctx, s, id)
	switch {
	case err != nil:
		return e.fail(ctx, p, err, r)
	case !found || in.State == license.ShuttingDown || in.State == license.Terminated:
		return e.undone(ctx, p, ErrGone.Error(), r)
	case in.State == license.Stopping:
		return e.later(ctx, p, r)
	}
	stopped := was.Action == ledger.DoneStopped || was.Action == ledger.DoneDetached
	if stopped && in.State == license.Stopped && in.LaunchTime.Equal(p.Launch) {
		if err := e.Instances.Start(ctx, s, id); err != nil {
			return e.undoFailed(ctx, p, err, r)
		}
		in.State = license.Pending
	}
	if was.Action == ledger.DoneDetached && in.Tags[license.TagAutoScalingGroup] == "" && in.State == license.Pending {
		return e.later(ctx, p, r) // a group takes only what runs
	}
	if err := e.regroup(ctx, p, in); err != nil {
		return e.undoFailed(ctx, p, err, r)
	}
	if err := e.restoreTags(ctx, p, in); err != nil {
		return e.undoFailed(ctx, p, err, r)
	}
	return e.undone(ctx, p, "", r)
}

// regroup puts the instance's Auto Scaling group back, unless it has another size
// for another reason by now.
func (e *Enforcer) regroup(ctx context.Context, p ledger.PendingAction, in license.Instance) error {
	s, id := scopeOf(p.Instance)
	was := p.Undo
	switch {
	case e.Groups == nil || was.Group == "":
		return nil
	case was.Action == ledger.DoneDetached && in.State == license.Running && in.Tags[license.TagAutoScalingGroup] == "":
		return e.Groups.Attach(ctx, s, was.Group, id)
	case was.Action == ledger.DoneLowered && was.Capacity != nil:
		now, err := e.Groups.Capacity(ctx, s, was.Group)
		if err != nil || now.Desired != was.Capacity[1] {
			return err
		}
		return e.Groups.SetCapacity(ctx, s, was.Group, was.Capacity[0])
	default:
		return nil
	}
}

// restoreTags takes our tags away, or gives them the values that they had. A tag
// that somebody wrote since stays.
func (e *Enforcer) restoreTags(ctx context.Context, p ledger.PendingAction, in license.Instance) error {
	s, id := scopeOf(p.Instance)
	var gone []string
	old := make(map[string]string)
	for key, value := range p.Undo.Tags {
		present, ok := in.Tags[key]
		if !ok || present != value {
			continue
		}
		if before, had := p.Undo.Replaced[key]; had {
			old[key] = before
		} else {
			gone = append(gone, key)
		}
	}
	slices.Sort(gone)
	if len(old) > 0 {
		if err := e.Instances.Tag(ctx, s, id, old); err != nil {
			return err
		}
	}
	if len(gone) > 0 {
		return e.Instances.Untag(ctx, s, id, gone)
	}
	return nil
}

func (e *Enforcer) undoFailed(ctx context.Context, p ledger.PendingAction, err error, r *Report) error {
	switch {
	case errors.Is(err, ErrNotYet):
		return e.later(ctx, p, r)
	case errors.Is(err, ErrGone):
		return e.undone(ctx, p, err.Error(), r)
	default:
		return e.fail(ctx, p, err, r)
	}
}

func (e *Enforcer) later(ctx context.Context, p ledger.PendingAction, r *Report) error {
	r.Postponed++
	p.NotBefore = e.Now().Add(notYet)
	return e.Store.PutAction(ctx, p)
}

// undone journals the end of an undo; why says what could not be taken back.
func (e *Enforcer) undone(ctx context.Context, p ledger.PendingAction, why string, r *Report) error {
	now := e.Now()
	was := *p.Undo
	was.Undone = now
	entry := ledger.JournalEntry{License: p.License, Instance: p.Instance, Launch: p.Launch, Action: ledger.DoneUndone, At: now, Done: now,
		Why: "undo of " + string(was.Action), Plan: was.Plan, By: p.By, Group: was.Group}
	if why != "" {
		entry.Error = why
	}
	if err := errors.Join(e.Store.Record(ctx, was), e.Store.Record(ctx, entry)); err != nil {
		return err
	}
	r.Undone++
	return e.Store.DropAction(ctx, p)
}
