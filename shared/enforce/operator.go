package enforce

import (
	"context"
	"errors"
	"fmt"
	"maps"
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
		p.Approvals = old.Approvals // the same list once more
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
		if errors.Is(err, ledger.ErrNotFound) {
			continue // deleted meanwhile
		}
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
	before := p.Approvals
	p.Approvals = append(slices.Clone(before), ledger.PlanApproval{By: o.By, At: o.Now()}) // first: no approval is without it
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
			if approved == 0 {
				p.Approvals = before
				err = o.Store.SavePlan(ctx, p)
			}
			now, planErr := o.plan(ctx)
			return p, approved, errors.Join(&MovedError{Plan: hash, Difference: p.Difference(&now)}, err, planErr)
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

// Annotate leaves some past use out of the adjusted peaks of a license; Approver is who
// the operator is, unless it says another.
func (o *Operator) Annotate(ctx context.Context, id string, a license.Annotation) error {
	if o.By == "" {
		return ErrNobody
	}
	if a.Approver == "" {
		a.Approver = o.By
	}
	return o.amend(ctx, id, func(c license.Configuration, now time.Time) (license.Configuration, error) {
		return c.WithAnnotation(a, now, o.By)
	})
}

// Unannotate withdraws the annotation of a resource that begins at an instant.
func (o *Operator) Unannotate(ctx context.Context, id string, resource license.ResourceID, from time.Time) error {
	if o.By == "" {
		return ErrNobody
	}
	return o.amend(ctx, id, func(c license.Configuration, now time.Time) (license.Configuration, error) {
		return c.WithoutAnnotation(resource, from, now, o.By)
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

// Undo has enforcement take back what entries of the journal say. The instances
// are left alone for a day, by every license that applies to them; after that
// they are listed, not answered. What a plan approved and enforcement did not do
// yet is to be revoked first.
func (o *Operator) Undo(ctx context.Context, entries ...ledger.JournalEntry) error {
	if o.By == "" {
		return ErrNobody
	}
	for _, e := range entries {
		if !Undoable(e) {
			return fmt.Errorf("%s of %s cannot be undone: it changed nothing, is not done, or is undone", e.Action, e.Instance.AWSID())
		}
	}
	// Once more, for a license that came to apply meanwhile without knowing of the
	// first. One that comes later knows (ledger.Claim.Undone).
	for range 2 {
		if err := o.leaveAllAlone(ctx, entries); err != nil {
			return err
		}
	}
	for _, e := range entries {
		err := o.Store.AddAction(ctx, ledger.PendingAction{License: e.License, Instance: e.Instance, Launch: e.Launch,
			NotBefore: o.Now(), Why: "undo", Undo: &e, By: o.By, Plan: e.Plan})
		if err != nil {
			return err
		}
	}
	return nil
}

// leaveAllAlone keeps every license that applies to the instances of undos from
// answering them, so that no other one stops what is started again.
func (o *Operator) leaveAllAlone(ctx context.Context, entries []ledger.JournalEntry) error {
	ids := make([]license.ResourceID, len(entries))
	for i, e := range entries {
		ids[i] = e.Instance
	}
	facts, err := o.Store.LoadFacts(ctx, ids)
	if err != nil {
		return err
	}
	exemptions := make(map[string][]license.Exemption) // by license
	for _, e := range entries {
		x := license.Exemption{Instance: e.Instance, Owner: o.By, Approver: o.By, Undo: true, Reason: "undo of " + string(e.Action) + " at " + e.At.UTC().Format(time.RFC3339)}
		exemptions[e.License] = append(exemptions[e.License], x)
		for _, h := range facts[e.Instance].Held {
			if h.ConfigurationID != e.License {
				exemptions[h.ConfigurationID] = append(exemptions[h.ConfigurationID], x)
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(exemptions)) {
		if err := o.leaveAlone(ctx, id, exemptions[id]); err != nil {
			return err
		}
	}
	return nil
}

// leaveAlone gives the instances of undos an exemption from one license, in one
// commit. A license that is gone stops nothing.
func (o *Operator) leaveAlone(ctx context.Context, id string, exemptions []license.Exemption) error {
	err := o.amend(ctx, id, func(c license.Configuration, at time.Time) (license.Configuration, error) {
		again := true
		for _, x := range exemptions {
			if has, ok := c.Exempt(x.Instance, at); ok && has.Undo {
				continue
			}
			x.Until = at.Add(undoTime)
			var err error
			if c, err = c.WithExemption(x, at, o.By); err != nil {
				return c, err
			}
			again = false
		}
		if again {
			return c, errAlready
		}
		return c, nil
	})
	if errors.Is(err, errAlready) || errors.Is(err, ledger.ErrNotFound) {
		return nil
	}
	return err
}

var errAlready = errors.New("they are left alone already")

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
