package enforce

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

// Instances is how instances are looked at and acted on.
//
// Look describes one instance freshly, with its stop protection; found is false
// when AWS does not know it. Stop of an instance that is stopping or stopped,
// Start of one that is pending or running, and Untag of what is not there are no
// errors. Errors that are ErrNotYet, ErrGone or ErrThrottled say so; all others
// may pass, too.
type Instances interface {
	Look(ctx context.Context, s track.Scope, id string) (in license.Instance, found bool, err error)
	Tag(ctx context.Context, s track.Scope, id string, tags map[string]string) error
	Untag(ctx context.Context, s track.Scope, id string, keys []string) error
	Stop(ctx context.Context, s track.Scope, id string) error
	Start(ctx context.Context, s track.Scope, id string) error
}

// Groups is how Auto Scaling groups are looked at and changed.
//
// Detach takes a member out of its group and lowers the desired capacity by one;
// ErrMinimum says that the group's minimum forbids it. An instance that is no
// member is no error. Attach is the reverse.
type Groups interface {
	Capacity(ctx context.Context, s track.Scope, group string) (Capacity, error)
	SetCapacity(ctx context.Context, s track.Scope, group string, desired int32) error
	Detach(ctx context.Context, s track.Scope, group, id string) error
	Attach(ctx context.Context, s track.Scope, group, id string) error
}

// Capacity is the size of a group.
type Capacity struct{ Desired, Min, Max int32 }

var (
	// ErrNotYet says that the instance cannot be stopped yet, because it starts.
	ErrNotYet = errors.New("the instance is not running yet")
	// ErrGone says that AWS does not know the instance any more.
	ErrGone = errors.New("the instance does not exist any more")
	// ErrThrottled says that AWS asks to come back later: nothing is wrong.
	ErrThrottled = errors.New("AWS throttles")
	// ErrMinimum says that a group would become smaller than its minimum.
	ErrMinimum = errors.New("the group is at its minimum")
)

// Store is what enforcement needs of the ledger.
type Store interface {
	ledger.Licenses
	ledger.Actions
	ledger.Controls
}

// Enforcer carries answers out.
type Enforcer struct {
	Store     Store
	Instances Instances
	Groups    Groups // nil: no group is touched, whatever a configuration wants
	Catalog   license.Catalog
	Accounts  []string // whose instances may be touched
	Now       func() time.Time
	// Backoff pauses before a refused commit is tried again; nil sleeps.
	Backoff func(ctx context.Context, attempt int) error
	Log     *slog.Logger
}

// Report counts what one run did.
type Report struct {
	Stopped, Tagged, WouldAct int
	Postponed                 int // wait for their time or for the budget
	Held                      int // wait for a person to end a pause or a breaker
	Cancelled                 int // not wanted any more
	Failed                    int // tried, to be tried again
	Undone                    int
}

// notYet is how long to wait for an instance that is still starting.
const notYet = 15 * time.Second

// Run takes the actions that are due. One license that fails leaves the others.
func (e *Enforcer) Run(ctx context.Context) (Report, error) {
	var r Report
	pending, err := e.Store.PendingActions(ctx)
	if err != nil {
		return r, fmt.Errorf("list pending actions: %w", err)
	}
	brakes, err := e.Store.LoadBrakes(ctx)
	if err != nil {
		return r, fmt.Errorf("load brakes: %w", err)
	}
	now := e.Now()
	due := make(map[string][]ledger.PendingAction)
	var failed []error
	for _, p := range pending {
		account, _, _ := p.Instance.Parts()
		_, held := brakes.Held(account, p.License)
		switch {
		case p.NotBefore.After(now):
			r.Postponed++
		case p.Undo != nil: // a person wants it, so nothing holds it
			failed = append(failed, e.undo(ctx, p, &r))
		case held && p.Mode != license.Observe:
			r.Held++
		default:
			due[p.License] = append(due[p.License], p)
		}
	}
	ids := make([]string, 0, len(due))
	for id := range due {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		slices.SortFunc(due[id], func(a, b ledger.PendingAction) int {
			return cmp.Or(a.NotBefore.Compare(b.NotBefore), a.Launch.Compare(b.Launch), cmp.Compare(a.Instance, b.Instance))
		})
		for chunk := range slices.Chunk(due[id], ledger.MaxClaims) {
			if err := e.license(ctx, id, chunk, &r); err != nil {
				failed = append(failed, fmt.Errorf("license %s: %w", id, err))
				break
			}
		}
	}
	return r, errors.Join(failed...)
}

// license answers the due actions of one license: one commit grants, one
// records what was done.
func (e *Enforcer) license(ctx context.Context, id string, due []ledger.PendingAction, r *Report) error {
	l, err := e.Store.Load(ctx, id)
	if errors.Is(err, ledger.ErrNotFound) {
		for _, p := range due {
			if err := e.cancel(ctx, p, "the license configuration is gone", r); err != nil {
				return err
			}
		}
		return nil
	}
	if err != nil {
		return err
	}
	var ready []ledger.PendingAction
	var outcomes []ledger.ActionOutcome
	for _, p := range due {
		outcome, ok, err := e.prepare(ctx, l, &p, r)
		switch {
		case err != nil:
			return err
		case outcome.Action != "":
			outcomes = append(outcomes, outcome)
		case ok:
			ready = append(ready, p)
		}
	}
	acted, err := e.act(ctx, l, ready, r)
	outcomes = append(outcomes, acted...)
	return errors.Join(err, e.settle(ctx, id, due, outcomes))
}

// prepare asks again whether the answer is wanted and looks at the instance.
// It returns an outcome for what is only said, or ok for what may be acted on.
func (e *Enforcer) prepare(ctx context.Context, l *ledger.License, p *ledger.PendingAction, r *Report) (ledger.ActionOutcome, bool, error) {
	none := ledger.ActionOutcome{}
	entry, m := l.Find(p.Instance)
	if m == nil || !m.Generation.Launch.Equal(p.Launch) {
		return none, false, e.cancel(ctx, *p, "that launch is over", r)
	}
	answer := l.Answer(entry, m, e.Now())
	if !answer.Wanted() {
		why := answer.Why
		if why == "" {
			why = "it is " + string(entry.Verdict) + " now"
		}
		return none, false, e.cancel(ctx, *p, why, r)
	}
	p.Action, p.Mode, p.Plan = answer.Action, answer.Mode, answer.Plan
	if answer.Mode == license.Observe {
		r.WouldAct++
		done := ledger.DoneWouldStop
		if !answer.Action.TakesAway() {
			done = ledger.DoneWouldTag
		}
		return ledger.ActionOutcome{Instance: p.Instance, Launch: p.Launch, Action: done}, false, e.journal(ctx, *p, done, m.State)
	}
	_, ok, err := e.look(ctx, l, p, r)
	return none, ok, err
}

// look looks at the instance before an action and reports whether it may be
// acted on.
func (e *Enforcer) look(ctx context.Context, l *ledger.License, p *ledger.PendingAction, r *Report) (in license.Instance, ok bool, err error) {
	s, id := scopeOf(p.Instance)
	if !slices.Contains(e.Accounts, s.Account) {
		return in, false, e.cancel(ctx, *p, "account "+s.Account+" is not watched", r)
	}
	in, found, err := e.Instances.Look(ctx, s, id)
	// A stopped one counts where stopped instances are included, and is tagged.
	taggable := in.State == license.Stopped && p.Action == license.Tag
	switch {
	case err != nil:
		return in, false, e.fail(ctx, *p, err, r)
	case !found:
		return in, false, e.cancel(ctx, *p, ErrGone.Error(), r)
	case !in.LaunchTime.Equal(p.Launch):
		return in, false, e.cancel(ctx, *p, "it was started again since", r)
	case in.State == license.Pending:
		r.Postponed++
		p.NotBefore = e.Now().Add(notYet)
		return in, false, e.Store.PutAction(ctx, *p)
	case in.State != license.Running && !taggable:
		return in, false, e.cancel(ctx, *p, "it is "+string(in.State), r)
	case !associated(l, p.Instance, in):
		return in, false, e.cancel(ctx, *p, "the license does not apply to it any more", r)
	}
	action, guard := l.Measure(p.Instance, ledger.GuardOf(in, e.Catalog), e.Now())
	if p.Action != license.Tag {
		p.Action = action
	}
	if p.Guard = guard; p.Action.TakesAway() {
		p.Guard = ledger.Unguarded // what guards it has a policy of its own
	}
	return in, true, nil
}

// associated reports whether the instance still has what the license holds it
// by: a tag can be gone before its event arrives.
func associated(l *ledger.License, id license.ResourceID, in license.Instance) bool {
	_, m := l.Find(id)
	return m != nil && license.Association{Kind: m.Kind, Value: m.Value}.Matches(in)
}

func (e *Enforcer) brakes() *ledger.BrakesCommitter {
	return &ledger.BrakesCommitter{Store: e.Store, Now: e.Now, Wait: e.Backoff}
}

func (e *Enforcer) committer() *ledger.Committer {
	return &ledger.Committer{Store: e.Store, Catalog: e.Catalog, Now: e.Now, Wait: e.Backoff}
}

func (e *Enforcer) journal(ctx context.Context, p ledger.PendingAction, done ledger.Done, state license.State) error {
	now := e.Now()
	return e.Store.Record(ctx, ledger.JournalEntry{License: p.License, Instance: p.Instance, Launch: p.Launch, Action: done,
		At: now, Done: now, Why: p.Why, Before: state, After: state, Plan: p.Plan})
}

// cancel drops an action that is not wanted any more, and says so.
func (e *Enforcer) cancel(ctx context.Context, p ledger.PendingAction, why string, r *Report) error {
	r.Cancelled++
	if why != ledger.WhyAnswered { // that one was journaled when it was answered
		now := e.Now()
		entry := ledger.JournalEntry{License: p.License, Instance: p.Instance, Launch: p.Launch, Action: ledger.DoneCancelled, At: now, Done: now, Why: why}
		if err := e.Store.Record(ctx, entry); err != nil {
			return err
		}
	}
	return e.Store.DropAction(ctx, p)
}

// fail keeps an action for another try, later each time. Too many instances that
// EC2 refuses open the breaker: then something is wrong with us.
func (e *Enforcer) fail(ctx context.Context, p ledger.PendingAction, cause error, r *Report) error {
	r.Failed++
	p.Attempts++
	p.LastError = cause.Error()
	p.NotBefore = e.Now().Add(min(time.Minute<<min(p.Attempts, 6), time.Hour))
	e.Log.ErrorContext(ctx, "instance not answered", "license", p.License, "instance", p.Instance, "attempt", p.Attempts, "error", cause)
	err := e.Store.PutAction(ctx, p)
	if errors.Is(cause, track.ErrUnreachable) { // so is all of its account: the others are no worse for it
		return err
	}
	if errors.Is(cause, ErrThrottled) || errors.Is(cause, context.DeadlineExceeded) || errors.Is(cause, context.Canceled) {
		return err
	}
	return errors.Join(err, e.refused(ctx, p))
}

func scopeOf(id license.ResourceID) (track.Scope, string) {
	account, region, awsID := id.Parts()
	return track.Scope{Account: account, Region: region}, awsID
}
