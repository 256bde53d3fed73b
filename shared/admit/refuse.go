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

// by is who is told to have changed a group.
const by = enforce.Breaker

// refuse has a group launch nothing for a moment, abandons the refused launches,
// lowers the group to what it has left, and lets it launch again.
//
// In this order nothing is ended but what was refused: an abandoned launch is not
// replaced meanwhile, and the capacity is never set below what the group has, so
// Auto Scaling has nothing to choose. A run that dies leaves the group as large as
// it was, launching nothing; the next one that is told of a launch of it goes on.
func (b *batch) refuse(ctx context.Context, s track.Scope, name string, refused []*launch) error {
	refused, err := b.release(ctx, s, refused)
	if err != nil || len(refused) == 0 {
		return err
	}
	p, err := b.pause(ctx, s, name, refused)
	if err != nil {
		return err
	}
	abandoned, err := b.abandonAll(ctx, s, refused, p)
	err = errors.Join(err, b.settle(ctx, abandoned))
	return errors.Join(err, b.fit(ctx, s, p, abandoned))
}

// pause is a group that launches nothing for the moment.
type pause struct {
	name, id string
	run      string // "": somebody else suspended its launching, and it stays so
	// keep are those that served: should one end meanwhile, its place stays, so that it
	// is replaced.
	keep            []string
	at              time.Time
	desired, target int32 // its capacity before, and as it will be
}

// looks is how often a group is looked at again after it was lowered: another run that
// read an older capacity may have raised it.
const looks = 4

// fitting is the capacity of a group that keeps so many.
func fitting(g *Group, kept int) int32 { return max(min(int32(kept), g.Desired), g.Min) }

// pause has a group launch nothing. It is noted first, so that a run which dies here
// leaves a trace. A group that is gone is no error: its launches wait for nothing.
func (b *batch) pause(ctx context.Context, s track.Scope, name string, refused []*launch) (pause, error) {
	p := pause{name: name, id: ledger.GroupID(s.Account, s.Region, name)}
	g, err := b.Groups.Group(ctx, s, name)
	if errors.Is(err, enforce.ErrGone) {
		return p, nil
	}
	if err != nil {
		return p, err
	}
	run := refused[0].action.Token
	p.keep, p.at = without(g.Serving, refused), b.Now()
	p.desired, p.target = g.Desired, fitting(&g, len(without(g.Members, refused)))
	_, err = b.brakes().Update(ctx, func(brakes *ledger.Brakes, now time.Time) *ledger.Braking {
		if before, _ := brakes.GroupPausedBy(p.id); g.Suspended && before == "" {
			return nil // a person did
		}
		p.run = run
		brakes.PauseGroup(p.id, run, now)
		return &ledger.Braking{Reason: "launching paused", By: by}
	})
	if err == nil && p.run != "" {
		err = b.Groups.SuspendLaunching(ctx, s, name)
	}
	return p, err
}

// without returns the members that are none of the launches.
func without(members []string, launches []*launch) []string {
	return slices.DeleteFunc(slices.Clone(members), func(id string) bool {
		return slices.ContainsFunc(launches, func(l *launch) bool { return l.id.AWSID() == id })
	})
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

// abandonAll has the group end the launches. One that fails leaves the others, and
// goes on being a member.
func (b *batch) abandonAll(ctx context.Context, s track.Scope, refused []*launch, p pause) (abandoned []*launch, err error) {
	for _, l := range refused {
		waited, failed := b.abandon(ctx, s, l, p)
		err = errors.Join(err, failed)
		if waited {
			abandoned = append(abandoned, l)
		}
	}
	return abandoned, err
}

// abandon has the group end one launch, with a journal entry before and after.
// waited is false where nothing waited for the answer any more: it was given
// before, or the hook timed out and its default applied.
func (b *batch) abandon(ctx context.Context, s track.Scope, l *launch, p pause) (waited bool, err error) {
	entry := ledger.JournalEntry{License: l.refusedBy, Instance: l.id, Launch: l.at, Action: ledger.DoneAbandoned, At: b.Now(), Why: l.why,
		Before: l.state, After: license.ShuttingDown, Group: l.action.Group, Capacity: &[2]int32{p.desired, p.target}}
	if err := b.Store.Record(ctx, entry); err != nil {
		return false, err
	}
	if waited, err = b.Groups.Answer(ctx, s, l.action, l.id.AWSID(), false); err != nil {
		return false, err
	}
	b.Log.InfoContext(ctx, "launch refused", "license", l.refusedBy, "instance", l.id, "group", p.name, "why", l.why, "waited", waited)
	if !waited {
		return false, nil // the entry stays as one that may have been done
	}
	b.report.Refused++
	entry.Done = b.Now()
	return true, b.Store.Record(ctx, entry)
}

// fit lowers a paused group to what it has without the abandoned launches, and lets it
// launch again; not where its minimum is more than that, or where too many were
// abandoned within the hour: then it would launch without end, and people are told.
func (b *batch) fit(ctx context.Context, s track.Scope, p pause, abandoned []*launch) error {
	within, err := b.count(ctx, p, len(abandoned))
	if err != nil {
		return err
	}
	g, kept, err := b.lower(ctx, s, p, abandoned)
	switch {
	case errors.Is(err, enforce.ErrGone):
		return b.unpause(ctx, p)
	case err != nil:
		return err
	case p.run == "":
		return nil
	case kept < int(g.Min):
		return b.suspend(ctx, s, p, fmt.Sprintf("its minimum of %d is more than fit", g.Min))
	case within > ledger.MostAbandoned(g.Max):
		return b.suspend(ctx, s, p, fmt.Sprintf("%d of its launches were abandoned within an hour", within))
	default:
		return b.resume(ctx, s, p)
	}
}

// lower sets a group's capacity to what it has without the abandoned launches, never
// higher than it is, and returns the group and how many that are.
func (b *batch) lower(ctx context.Context, s track.Scope, p pause, abandoned []*launch) (g Group, kept int, err error) {
	for range looks {
		if g, err = b.paused(ctx, s, p); err != nil {
			return g, 0, err
		}
		left := without(slices.Concat(g.Members, p.keep), abandoned)
		slices.Sort(left)
		kept = len(slices.Compact(left))
		target := fitting(&g, kept)
		if target >= g.Desired {
			break
		}
		if err := b.Groups.SetCapacity(ctx, s, p.name, target); err != nil {
			return g, kept, err
		}
		b.report.Lowered++
		b.Log.InfoContext(ctx, "group lowered", "group", p.name, "account", s.Account, "from", g.Desired, "to", target)
	}
	return g, kept, nil
}

// paused looks at a group that launches nothing. Another run may have let it launch
// again meanwhile: then it is paused once more before its members are counted.
func (b *batch) paused(ctx context.Context, s track.Scope, p pause) (Group, error) {
	g, err := b.Groups.Group(ctx, s, p.name)
	if err != nil || g.Suspended || p.run == "" {
		return g, err
	}
	if err := b.Groups.SuspendLaunching(ctx, s, p.name); err != nil {
		return g, err
	}
	return b.Groups.Group(ctx, s, p.name)
}

// count notes how many launches were abandoned, and returns how many were within the
// hour.
func (b *batch) count(ctx context.Context, p pause, abandoned int) (within int, err error) {
	if abandoned == 0 {
		return 0, nil
	}
	_, err = b.brakes().Update(ctx, func(brakes *ledger.Brakes, now time.Time) *ledger.Braking {
		within = brakes.Abandon(p.id, abandoned, now)
		return &ledger.Braking{Reason: "abandoned", By: by}
	})
	return within, err
}

// suspend leaves a group paused until a person resumes it, and tells people: told
// twice is better than not at all.
func (b *batch) suspend(ctx context.Context, s track.Scope, p pause, why string) error {
	_, err := b.brakes().Update(ctx, func(brakes *ledger.Brakes, now time.Time) *ledger.Braking {
		brakes.UnpauseGroup(p.id, now)
		braking := &ledger.Braking{Reason: "launching suspended", By: by}
		if brakes.Suspend(p.id, now) {
			braking.Suspended = []string{fmt.Sprintf("group %s in account %s, %s: %s", p.name, s.Account, s.Region, why)}
		}
		return braking
	})
	if err == nil {
		b.report.Suspended++
		b.Log.WarnContext(ctx, "launching suspended", "group", p.name, "account", s.Account, "why", why)
	}
	return err
}

// resume lets a group launch again, unless another run paused it since, which then
// does, or suspended it for good.
func (b *batch) resume(ctx context.Context, s track.Scope, p pause) error {
	brakes, err := b.Store.LoadBrakes(ctx)
	if err != nil {
		return fmt.Errorf("load brakes: %w", err)
	}
	if run, _ := brakes.GroupPausedBy(p.id); run != p.run && (run != "" || brakes.GroupSuspended(p.id).After(p.at)) {
		return nil
	}
	if err := b.Groups.ResumeLaunching(ctx, s, p.name); err != nil {
		return err
	}
	return b.unpause(ctx, p)
}

func (b *batch) unpause(ctx context.Context, p pause) error {
	_, err := b.brakes().Update(ctx, func(brakes *ledger.Brakes, now time.Time) *ledger.Braking {
		if run, _ := brakes.GroupPausedBy(p.id); run == "" || run != p.run {
			return nil
		}
		brakes.UnpauseGroup(p.id, now)
		return &ledger.Braking{Reason: "launching resumed", By: by}
	})
	return err
}

// deadTime is how long after a pause its run must be dead: longer than a function runs.
const deadTime = 2 * time.Minute

// recover goes on where a run died that had paused one of the groups.
func (b *batch) recover(ctx context.Context, s track.Scope, launches []*launch) error {
	brakes, err := b.Store.LoadBrakes(ctx)
	if err != nil {
		return fmt.Errorf("load brakes: %w", err)
	}
	var failed []error
	seen := make(map[string]bool)
	for _, l := range launches {
		name := l.action.Group
		p := pause{name: name, id: ledger.GroupID(s.Account, s.Region, name)}
		var since time.Time
		if p.run, since = brakes.GroupPausedBy(p.id); seen[name] || p.run == "" || b.Now().Sub(since) < deadTime {
			continue
		}
		seen[name] = true
		b.Log.WarnContext(ctx, "a run died while it made a group smaller: going on", "group", name, "paused", since)
		failed = append(failed, b.fit(ctx, s, p, nil))
	}
	return errors.Join(failed...)
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
