package admit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"licenseguard/shared/enforce"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

const (
	// step is how many launches are abandoned for one change of the capacity. Between
	// the two a group has that many too many; should the run die there, Auto Scaling
	// may choose others to end than those that wait.
	step = 5
	// looks is how often the capacity is looked at again after the last change: a
	// rival that read an older one may have raised it.
	looks = 4
)

// by is who is told to have changed a group.
const by = enforce.Breaker

// refuse makes a group as small as what it has without the refused launches, and
// abandons those, a few at a time.
//
// The capacity is always set to a number that was just counted, never by a
// difference, and never above what it is: so it does not matter how often this is
// done, nor that others do it at the same time. Those can raise it for a moment to
// what they read before; whoever is last looks again.
func (b *batch) refuse(ctx context.Context, s track.Scope, name string, refused []*launch) error {
	refused, err := b.release(ctx, s, refused)
	if err != nil || len(refused) == 0 {
		return err
	}
	keep := make(map[string]bool)
	var abandoned []*launch
	for chunk := range slices.Chunk(refused, step) {
		if abandoned, err = b.refuseSome(ctx, s, name, chunk, abandoned, keep); err != nil {
			break
		}
	}
	for range looks {
		if err != nil {
			break
		}
		var g sizes
		if g, err = b.fit(ctx, s, name, refused, keep); g.before == g.after {
			break
		}
	}
	return errors.Join(err, b.note(ctx, s, name, abandoned))
}

// refuseSome lowers the group for some launches and abandons them. Where that
// fails, the capacity for those that wait still is given back: else Auto Scaling
// would end as many, and not those.
//
// abandoned are those before and these, as far as they are not noted yet.
//
// Launches that were delivered before are abandoned first: perhaps a run died
// right after it had lowered the group for them, and the next one must not do that
// again. What Auto Scaling launches in between is refused in its turn.
func (b *batch) refuseSome(ctx context.Context, s track.Scope, name string, some, before []*launch, keep map[string]bool) (abandoned []*launch, err error) {
	abandoned = before
	var g sizes
	first := !slices.ContainsFunc(some, func(l *launch) bool { return l.receives() > 1 })
	if first {
		if g, err = b.fit(ctx, s, name, slices.Concat(before, some), keep); err != nil {
			return abandoned, err
		}
	}
	var left int32
	for _, l := range some {
		waited, failed := b.abandon(ctx, s, l, g)
		if failed != nil {
			err = errors.Join(err, failed)
			left++
		} else if waited {
			abandoned = append(abandoned, l)
		}
	}
	if !first {
		now := slices.Clone(abandoned[len(before):])
		noted := b.note(ctx, s, name, now) // before all that can fail, so that what is launched again is bounded
		_, lower := b.fit(ctx, s, name, slices.Concat(before, now), keep)
		return before, errors.Join(err, noted, lower)
	}
	if back := min(g.kept+left, g.before); left > 0 && back > g.after {
		err = errors.Join(err, b.giveBack(ctx, s, name, g.after, back))
	}
	return abandoned, err
}

// giveBack raises a group's capacity again, unless it is another by now.
func (b *batch) giveBack(ctx context.Context, s track.Scope, name string, from, to int32) error {
	g, err := b.Groups.Group(ctx, s, name)
	if err != nil || g.Desired != from {
		return err
	}
	b.Log.WarnContext(ctx, "group raised again: launches could not be abandoned", "group", name, "from", from, "to", to)
	return b.Groups.SetCapacity(ctx, s, name, to)
}

// release lets those in whose license a person or a breaker holds by now, and
// returns the others.
func (b *batch) release(ctx context.Context, s track.Scope, refused []*launch) (left []*launch, err error) {
	brakes, err := b.Store.LoadBrakes(ctx)
	if err != nil {
		return nil, fmt.Errorf("load brakes: %w", err)
	}
	for _, l := range refused {
		if hold, held := brakes.Held(s.Account, l.refusedBy); held {
			l.refusedBy, l.why = "", hold.String()
			b.letIn(ctx, s, l)
		} else {
			left = append(left, l)
		}
	}
	return left, nil
}

// note keeps what was abandoned: in the licenses, so that nothing else answers it,
// and for the group's hour.
func (b *batch) note(ctx context.Context, s track.Scope, name string, abandoned []*launch) error {
	if len(abandoned) == 0 {
		return nil
	}
	return errors.Join(b.settle(ctx, abandoned), b.count(ctx, s, name, len(abandoned)))
}

// sizes is a group's capacity before and after, and what it has that was not refused.
type sizes struct{ before, after, kept int32 }

// fit lowers a group's capacity to what it has without some launches. Where its
// minimum forbids that, its launching is suspended: else it would replace them
// without end. A group that is gone has no capacity.
//
// What served at the first look of this run keeps its place, also if it is gone by
// now: should Auto Scaling have ended it for one that waits, the group replaces it.
func (b *batch) fit(ctx context.Context, s track.Scope, name string, without []*launch, keep map[string]bool) (sizes, error) {
	g, err := b.Groups.Group(ctx, s, name)
	if errors.Is(err, enforce.ErrGone) {
		return sizes{}, nil
	}
	if err != nil {
		return sizes{}, err
	}
	refused := func(id string) bool {
		return slices.ContainsFunc(without, func(l *launch) bool { return l.id.AWSID() == id })
	}
	for _, id := range g.Serving {
		keep[id] = true
	}
	kept := int32(0)
	for _, id := range g.Members {
		if !refused(id) {
			kept++
		}
	}
	for id := range keep {
		if !refused(id) && !slices.Contains(g.Members, id) {
			kept++
		}
	}
	target := max(min(kept, g.Desired), g.Min)
	if target < g.Desired {
		if err := b.Groups.SetCapacity(ctx, s, name, target); err != nil {
			return sizes{}, err
		}
		b.report.Lowered++
		b.Log.InfoContext(ctx, "group lowered", "group", name, "account", s.Account, "from", g.Desired, "to", target)
	}
	if kept < g.Min {
		err = b.suspend(ctx, s, name, g.Suspended, fmt.Sprintf("its minimum of %d is more than fit", g.Min))
	}
	return sizes{g.Desired, target, kept}, err
}

// suspend has a group launch nothing until a person resumes it, and tells people
// first: told twice is better than not at all.
func (b *batch) suspend(ctx context.Context, s track.Scope, name string, already bool, why string) error {
	if already {
		return nil
	}
	_, err := b.brakes().Update(ctx, func(brakes *ledger.Brakes, now time.Time) *ledger.Braking {
		if !brakes.Suspend(ledger.GroupID(s.Account, s.Region, name), now) {
			return nil
		}
		return &ledger.Braking{Reason: "launching suspended", By: by,
			Suspended: []string{fmt.Sprintf("group %s in account %s, %s: %s", name, s.Account, s.Region, why)}}
	})
	if err == nil {
		err = b.Groups.SuspendLaunching(ctx, s, name)
	}
	if err == nil {
		b.report.Suspended++
		b.Log.WarnContext(ctx, "launching suspended", "group", name, "account", s.Account, "why", why)
	}
	return err
}

// abandon has the group end one launch, with a journal entry before and after.
// waited is false where nothing waited for the answer any more: it was given
// before, or the hook timed out and its default applied.
func (b *batch) abandon(ctx context.Context, s track.Scope, l *launch, g sizes) (waited bool, err error) {
	entry := ledger.JournalEntry{License: l.refusedBy, Instance: l.id, Launch: l.at, Action: ledger.DoneAbandoned, At: b.Now(), Why: l.why,
		Before: l.state, After: license.ShuttingDown, Group: l.action.Group, Capacity: &[2]int32{g.before, g.after}}
	if err := b.Store.Record(ctx, entry); err != nil {
		return false, err
	}
	if waited, err = b.Groups.Answer(ctx, s, l.action, l.id.AWSID(), false); err != nil {
		return false, err
	}
	b.Log.InfoContext(ctx, "launch refused", "license", l.refusedBy, "instance", l.id, "group", l.action.Group, "why", l.why, "waited", waited)
	if !waited {
		return false, nil // the entry stays as one that may have been done
	}
	b.report.Refused++
	entry.Done = b.Now()
	return true, b.Store.Record(ctx, entry)
}

// count notes how many launches were abandoned, and suspends the group's launching
// when they are too many within an hour: then something raises its capacity again
// and again.
func (b *batch) count(ctx context.Context, s track.Scope, name string, abandoned int) error {
	within := 0
	_, err := b.brakes().Update(ctx, func(brakes *ledger.Brakes, now time.Time) *ledger.Braking {
		within = brakes.Abandon(ledger.GroupID(s.Account, s.Region, name), abandoned, now)
		return &ledger.Braking{Reason: "abandoned", By: by}
	})
	if err != nil {
		return err
	}
	g, err := b.Groups.Group(ctx, s, name)
	if errors.Is(err, enforce.ErrGone) {
		return nil
	}
	if err == nil && within > ledger.MostAbandoned(g.Max) {
		err = b.suspend(ctx, s, name, g.Suspended, fmt.Sprintf("%d of its launches were abandoned within an hour", within))
	}
	return err
}

// settle records in the licenses what was refused, so that nothing else answers it.
func (b *batch) settle(ctx context.Context, refused []*launch) error {
	outcomes := make(map[string][]ledger.ActionOutcome)
	var ids []string
	for _, l := range refused {
		if outcomes[l.refusedBy] == nil {
			ids = append(ids, l.refusedBy)
		}
		outcomes[l.refusedBy] = append(outcomes[l.refusedBy], ledger.ActionOutcome{Instance: l.id, Launch: l.at, Action: ledger.DoneAbandoned})
	}
	for _, id := range ids {
		for chunk := range slices.Chunk(outcomes[id], ledger.MaxClaims) {
			if _, _, err := b.committer().Apply(ctx, id, ledger.Batch{Outcomes: chunk}); err != nil && !errors.Is(err, ledger.ErrNotFound) {
				return err
			}
		}
	}
	return nil
}
