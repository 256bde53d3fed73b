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
// when AWS does not know it. Stop of an instance that is stopping or stopped is
// no error. Errors that are ErrNotYet or ErrGone say so; all others may pass.
type Instances interface {
	Look(ctx context.Context, s track.Scope, id string) (in license.Instance, found bool, err error)
	Tag(ctx context.Context, s track.Scope, id string, tags map[string]string) error
	Stop(ctx context.Context, s track.Scope, id string) error
}

var (
	// ErrNotYet says that the instance cannot be stopped yet, because it starts.
	ErrNotYet = errors.New("the instance is not running yet")
	// ErrGone says that AWS does not know the instance any more.
	ErrGone = errors.New("the instance does not exist any more")
)

// Tags that enforcement writes.
const (
	TagStatus = "licenseguard:status"
	TagReason = "licenseguard:reason"
)

// Store is what enforcement needs of the ledger.
type Store interface {
	ledger.Licenses
	ledger.Actions
}

// Enforcer carries answers out.
type Enforcer struct {
	Store     Store
	Instances Instances
	Catalog   license.Catalog
	Accounts  []string // whose instances may be touched
	Now       func() time.Time
	Log       *slog.Logger
}

// Report counts what one run did.
type Report struct {
	Stopped, Tagged, WouldAct int
	Postponed                 int // wait for their time or for the budget
	Cancelled                 int // not wanted any more
	Failed                    int // tried, to be tried again
}

// notYet is how long to wait for an instance that is still starting.
const notYet = 15 * time.Second

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

// Run takes the actions that are due. One license that fails leaves the others.
func (e *Enforcer) Run(ctx context.Context) (Report, error) {
	var r Report
	pending, err := e.Store.PendingActions(ctx)
	if err != nil {
		return r, fmt.Errorf("list pending actions: %w", err)
	}
	now := e.Now()
	due := make(map[string][]ledger.PendingAction)
	for _, p := range pending {
		if p.NotBefore.After(now) {
			r.Postponed++
			continue
		}
		due[p.License] = append(due[p.License], p)
	}
	ids := make([]string, 0, len(due))
	for id := range due {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	var failed []error
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
	p.Action, p.Mode = answer.Action, answer.Mode
	if answer.Mode == license.Observe {
		r.WouldAct++
		done := ledger.DoneWouldStop
		if answer.Action == license.Tag {
			done = ledger.DoneWouldTag
		}
		return ledger.ActionOutcome{Instance: p.Instance, Launch: p.Launch, Action: done}, false, e.journal(ctx, *p, done, m.State)
	}
	return e.look(ctx, p, r)
}

// look is the last look before an action.
func (e *Enforcer) look(ctx context.Context, p *ledger.PendingAction, r *Report) (ledger.ActionOutcome, bool, error) {
	none := ledger.ActionOutcome{}
	s, id := scopeOf(p.Instance)
	if !slices.Contains(e.Accounts, s.Account) {
		return none, false, e.cancel(ctx, *p, "account "+s.Account+" is not watched", r)
	}
	in, found, err := e.Instances.Look(ctx, s, id)
	switch {
	case err != nil:
		return none, false, e.fail(ctx, *p, err, r)
	case !found:
		return none, false, e.cancel(ctx, *p, ErrGone.Error(), r)
	case !in.LaunchTime.Equal(p.Launch):
		return none, false, e.cancel(ctx, *p, "it was started again since", r)
	case in.State == license.Pending:
		r.Postponed++
		p.NotBefore = e.Now().Add(notYet)
		return none, false, e.Store.PutAction(ctx, *p)
	case in.State != license.Running:
		return none, false, e.cancel(ctx, *p, "it is "+string(in.State), r)
	}
	if p.Action == license.Stop && ledger.GuardOf(in, e.Catalog) != ledger.Unguarded {
		p.Action = license.Tag
	}
	p.Guard = ledger.GuardOf(in, e.Catalog)
	return none, true, nil
}

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
		switch g.Refused {
		case "":
			p.Action = g.Action
			outcome, err := e.carryOut(ctx, p, r)
			if outcome.Action != "" {
				outcomes = append(outcomes, outcome)
			}
			failed = append(failed, err)
		case ledger.RefusedBudget, ledger.RefusedSettling:
			r.Postponed++
			p.NotBefore = g.Retry
			failed = append(failed, e.Store.PutAction(ctx, p))
		default:
			failed = append(failed, e.cancel(ctx, p, "refused: "+string(g.Refused), r))
		}
	}
	return outcomes, errors.Join(failed...)
}

// carryOut tags and, where granted, stops one instance, with a journal entry
// before and after.
func (e *Enforcer) carryOut(ctx context.Context, p ledger.PendingAction, r *Report) (ledger.ActionOutcome, error) {
	s, id := scopeOf(p.Instance)
	done := ledger.DoneTagged
	if p.Action == license.Stop {
		done = ledger.DoneStopped
	}
	tags := tagsFor(p)
	entry := ledger.JournalEntry{License: p.License, Instance: p.Instance, Launch: p.Launch, Action: done, At: e.Now(), Why: p.Why,
		Guard: p.Guard, Before: license.Running, Tags: tags}
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

func (e *Enforcer) committer() *ledger.Committer {
	return &ledger.Committer{Store: e.Store, Catalog: e.Catalog, Now: e.Now}
}

func (e *Enforcer) journal(ctx context.Context, p ledger.PendingAction, done ledger.Done, state license.State) error {
	now := e.Now()
	return e.Store.Record(ctx, ledger.JournalEntry{License: p.License, Instance: p.Instance, Launch: p.Launch, Action: done,
		At: now, Done: now, Why: p.Why, Before: state})
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

// fail keeps an action for another try, later each time.
func (e *Enforcer) fail(ctx context.Context, p ledger.PendingAction, cause error, r *Report) error {
	r.Failed++
	p.Attempts++
	p.LastError = cause.Error()
	p.NotBefore = e.Now().Add(min(time.Minute<<min(p.Attempts-1, 6), time.Hour))
	e.Log.ErrorContext(ctx, "instance not answered", "license", p.License, "instance", p.Instance, "attempt", p.Attempts, "error", cause)
	return e.Store.PutAction(ctx, p)
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
	return map[string]string{TagStatus: status, TagReason: reason}
}

func scopeOf(id license.ResourceID) (track.Scope, string) {
	account, region, awsID := id.Parts()
	return track.Scope{Account: account, Region: region}, awsID
}
