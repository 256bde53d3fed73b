package enforce

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// Operator is a named person at work: what only a person may do about
// enforcement. It touches no instance; the function enforce does what follows.
type Operator struct {
	Store interface {
		Store
		ledger.Resources
	}
	Catalog license.Catalog
	Now     func() time.Time
	By      string // who it is, for the record; never empty
	// Backoff pauses before a refused commit is tried again; nil sleeps.
	Backoff func(ctx context.Context, attempt int) error
}

// ErrNobody says that an Operator has no name.
var ErrNobody = errors.New("say who you are: what a person decides is kept with a name")

// MovedError says that a plan is not applied, because something moved.
type MovedError struct {
	Plan       string
	Difference []string // in words, one line each
}

func (e *MovedError) Error() string {
	return fmt.Sprintf("plan %s is out of date, and nothing more was approved:\n  %s\nMake a new plan and read it", e.Plan, strings.Join(e.Difference, "\n  "))
}

// Plan lists what enforcement would do now, and keeps it under its hash. Licenses
// of which nothing is to be answered are left out.
func (o *Operator) Plan(ctx context.Context) (ledger.Plan, error) {
	p, err := o.plan(ctx)
	if err != nil {
		return p, err
	}
	if old, err := o.Store.LoadPlan(ctx, p.Hash); err == nil {
		p.Approved, p.ApprovedBy = old.Approved, old.ApprovedBy // the same list once more
	}
	return p, o.Store.SavePlan(ctx, p)
}

func (o *Operator) plan(ctx context.Context) (ledger.Plan, error) {
	configurations, _, err := o.Store.Configurations(ctx)
	if err != nil {
		return ledger.Plan{}, err
	}
	now := o.Now()
	var parts []ledger.LicensePlan
	for i := range configurations {
		if !configurations[i].HardLimit {
			continue
		}
		l, err := o.Store.Load(ctx, configurations[i].ID)
		if err != nil {
			return ledger.Plan{}, err
		}
		l, _ = ledger.Fold(l, ledger.Batch{}, now, o.Catalog)
		if p := ledger.PlanOf(l, now, o.Catalog); len(p.Items) > 0 {
			parts = append(parts, p)
		}
	}
	return ledger.NewPlan(parts, now, o.By), nil
}

// Apply approves what waits in the plan of a hash, if nothing moved since;
// otherwise the error is a *MovedError. Enforcement then does it within the
// budgets. It returns the plan and how many answers were approved.
func (o *Operator) Apply(ctx context.Context, hash string) (p ledger.Plan, approved int, err error) {
	if o.By == "" {
		return p, 0, ErrNobody
	}
	if p, err = o.Store.LoadPlan(ctx, hash); err != nil {
		return p, 0, err
	}
	now, err := o.plan(ctx)
	if err != nil {
		return p, 0, err
	}
	if now.Hash != p.Hash {
		return p, 0, &MovedError{Plan: hash, Difference: p.Difference(&now)}
	}
	p.Approved, p.ApprovedBy = o.Now(), o.By // before the first approval: none is without it
	if err := o.Store.SavePlan(ctx, p); err != nil {
		return p, 0, err
	}
	for i := range p.Licenses {
		part := &p.Licenses[i]
		if part.Waiting() == 0 {
			continue
		}
		_, result, err := o.committer().Apply(ctx, part.License, ledger.Batch{Approve: &ledger.Approve{Plan: hash, Basis: part.Basis(), By: o.By}})
		if err != nil {
			return p, approved, err
		}
		approved += result.Approved
		if result.Moved {
			now, err := o.plan(ctx)
			return p, approved, errors.Join(&MovedError{Plan: hash, Difference: p.Difference(&now)}, err)
		}
	}
	return p, approved, nil
}

// Pause keeps enforcement from touching instances within a scope until Resume. It
// is in force when it returns; a call to EC2 that is under way ends.
func (o *Operator) Pause(ctx context.Context, scope ledger.Scope, why string) (changed bool, err error) {
	if o.By == "" {
		return false, ErrNobody
	}
	_, err = o.brakes().Update(ctx, func(b *ledger.Brakes, now time.Time) *ledger.Braking {
		h := ledger.Hold{Scope: scope, By: o.By, At: now, Why: why}
		if changed = b.Pause(h); !changed {
			return nil
		}
		return &ledger.Braking{Reason: "paused " + string(scope), By: o.By, Began: []ledger.Hold{h}}
	})
	return changed, err
}

// Resume ends the hold of exactly that scope, a person's or a breaker's.
func (o *Operator) Resume(ctx context.Context, scope ledger.Scope) (ended ledger.Hold, ok bool, err error) {
	if o.By == "" {
		return ended, false, ErrNobody
	}
	_, err = o.brakes().Update(ctx, func(b *ledger.Brakes, _ time.Time) *ledger.Braking {
		if ended, ok = b.Resume(scope); !ok {
			return nil
		}
		return &ledger.Braking{Reason: "resumed " + string(scope), By: o.By}
	})
	return ended, ok, err
}

// Limit sets the budgets and the breaker's thresholds.
func (o *Operator) Limit(ctx context.Context, limits ledger.Limits) error {
	if o.By == "" {
		return ErrNobody
	}
	if err := limits.Validate(); err != nil {
		return err
	}
	_, err := o.brakes().Update(ctx, func(b *ledger.Brakes, _ time.Time) *ledger.Braking {
		b.Limits = limits
		return &ledger.Braking{Reason: fmt.Sprintf("limits %+v", limits.OrDefault()), By: o.By}
	})
	return err
}

// Exempt gives an instance an exemption from a license's limit; Approver is who
// the operator is, unless it says another.
func (o *Operator) Exempt(ctx context.Context, id string, e license.Exemption) error {
	if o.By == "" {
		return ErrNobody
	}
	if e.Approver == "" {
		e.Approver = o.By
	}
	return o.amend(ctx, id, func(c license.Configuration, now time.Time) (license.Configuration, error) {
		return c.WithExemption(e, now, o.By)
	})
}

// Unexempt ends the exemption of an instance now. What it does over the count
// from then on waits for a person, as every overrun by a change.
func (o *Operator) Unexempt(ctx context.Context, id string, instance license.ResourceID) error {
	if o.By == "" {
		return ErrNobody
	}
	return o.amend(ctx, id, func(c license.Configuration, now time.Time) (license.Configuration, error) {
		return c.WithoutExemption(instance, now, o.By)
	})
}

func (o *Operator) amend(ctx context.Context, id string, change func(license.Configuration, time.Time) (license.Configuration, error)) error {
	const attempts = 20
	for attempt := 1; ; attempt++ {
		l, err := o.Store.Load(ctx, id)
		if err != nil {
			return err
		}
		c, err := change(l.Configuration, o.Now())
		if err != nil {
			return err
		}
		_, err = o.committer().Configure(ctx, l, c, o.By)
		var conflict *ledger.Conflict
		if !errors.As(err, &conflict) || attempt == attempts {
			return err
		}
	}
}

// undoTime is how long an undone instance is left alone: time to decide.
const undoTime = 24 * time.Hour

// Undo has enforcement take back what the journal's entry says. The instance is
// left alone for a day, by every license that applies to it; after that it is
// listed, not answered. What a plan
// approved and enforcement did not do yet is to be revoked first.
func (o *Operator) Undo(ctx context.Context, entry ledger.JournalEntry) error {
	switch {
	case o.By == "":
		return ErrNobody
	case !Undoable(entry):
		return fmt.Errorf("%s of %s cannot be undone: it changed nothing, is not done, or is undone", entry.Action, entry.Instance.AWSID())
	}
	facts, err := o.Store.LoadFacts(ctx, []license.ResourceID{entry.Instance})
	if err != nil {
		return err
	}
	ids := []string{entry.License}
	for _, h := range facts[entry.Instance].Held { // no other license may stop what was started again
		if !slices.Contains(ids, h.ConfigurationID) {
			ids = append(ids, h.ConfigurationID)
		}
	}
	for _, id := range ids {
		if err := o.leaveAlone(ctx, id, entry); err != nil {
			return err
		}
	}
	return o.Store.AddAction(ctx, ledger.PendingAction{License: entry.License, Instance: entry.Instance, Launch: entry.Launch,
		NotBefore: o.Now(), Why: "undo", Undo: &entry, By: o.By, Plan: entry.Plan})
}

// leaveAlone gives the instance of an undo an exemption from one license.
func (o *Operator) leaveAlone(ctx context.Context, id string, entry ledger.JournalEntry) error {
	err := o.amend(ctx, id, func(c license.Configuration, at time.Time) (license.Configuration, error) {
		if e, ok := c.Exempt(entry.Instance, at); ok && e.Undo {
			return c, errAlready
		}
		return c.WithExemption(license.Exemption{Instance: entry.Instance, Owner: o.By, Approver: o.By, Until: at.Add(undoTime), Undo: true,
			Reason: "undo of " + string(entry.Action) + " at " + entry.At.UTC().Format(time.RFC3339)}, at, o.By)
	})
	if errors.Is(err, errAlready) || errors.Is(err, ledger.ErrNotFound) {
		return nil
	}
	return err
}

var errAlready = errors.New("it is left alone already")

// Undoable reports whether something of a journal's entry can be taken back.
func Undoable(e ledger.JournalEntry) bool {
	switch e.Action {
	case ledger.DoneStopped, ledger.DoneTagged, ledger.DoneDetached, ledger.DoneLowered:
		return e.Undone.IsZero() && (!e.Done.IsZero() || e.Error == "") // one that was cut off may have been done
	default:
		return false
	}
}

// Revoke takes back the approvals of a plan that were not carried out.
func (o *Operator) Revoke(ctx context.Context, p ledger.Plan) error {
	if o.By == "" {
		return ErrNobody
	}
	for i := range p.Licenses {
		_, _, err := o.committer().Apply(ctx, p.Licenses[i].License, ledger.Batch{Revoke: p.Hash, By: o.By})
		if err != nil && !errors.Is(err, ledger.ErrNotFound) {
			return err
		}
	}
	return nil
}

func (o *Operator) committer() *ledger.Committer {
	return &ledger.Committer{Store: o.Store, Catalog: o.Catalog, Now: o.Now, Wait: o.Backoff}
}

func (o *Operator) brakes() *ledger.BrakesCommitter {
	return &ledger.BrakesCommitter{Store: o.Store, Now: o.Now, Wait: o.Backoff}
}
