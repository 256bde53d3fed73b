package registrar

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// Target is the resource that a person associates: an AMI, an instance or a host.
type Target struct {
	Kind license.AssociationKind
	ID   license.ResourceID // for an AMI that of the registrar's account
}

// BadState says that a resource is in a state in which it gets no licenses.
type BadState struct {
	Resource license.ResourceID
	State    license.State
}

func (b *BadState) Error() string {
	return fmt.Sprintf("%s is %s; a resource that ends gets no license", b.Resource.AWSID(), b.State)
}

// Elsewhere says that an association cannot be taken from an instance, because the
// instance has it through something else.
type Elsewhere struct {
	Resource license.ResourceID
	Held     license.Held
}

func (e *Elsewhere) Error() string {
	return fmt.Sprintf("%s has %s through %s, not by its own id; give that up there", e.Resource.AWSID(), e.Held.ConfigurationID, e.Held)
}

// Unfit is an association that was kept although the licenses do not suffice, or a
// rule is broken: what runs is counted, whatever the limit says.
type Unfit struct {
	License  *ledger.License
	Resource license.ResourceID
	Verdict  ledger.Verdict // Over or Broken
	Needs    int64
	Broken   []license.Violation
}

// String tells why in words.
func (u Unfit) String() string {
	c := &u.License.Configuration
	if u.Verdict == ledger.Broken {
		why := "a rule"
		if len(u.Broken) > 0 {
			why = u.Broken[0].String()
		}
		return fmt.Sprintf("%s breaks a rule of %s (%s)", u.Resource.AWSID(), c.ID, why)
	}
	count := int64(0)
	if c.Count != nil {
		count = *c.Count
	}
	return fmt.Sprintf("%s needs %d licenses of %s, of whose %d are %d in use with it", u.Resource.AWSID(), u.Needs, c.ID, count, u.License.Totals.Deployed())
}

// Associate adds a target to configurations and takes it from others. All is checked
// before the first is written; one that another person changes at the same moment
// keeps both changes. What is as wanted already is left as it is.
//
// An instance or a host that does not fit under a hard limit, or that breaks a rule,
// is associated and counted all the same, and returned as Unfit; each that this call
// added is listed, see Failures.
func (r *Registrar) Associate(ctx context.Context, target Target, add, remove []string, by string) ([]Unfit, error) {
	if err := r.check(ctx, target, add, remove, by); err != nil {
		return nil, err
	}
	if err := r.checkState(ctx, target, add, remove); err != nil {
		return nil, err
	}
	for _, id := range remove {
		if _, err := r.reapply(ctx, id, by, without(target)); err != nil && !errors.Is(err, ledger.ErrNotFound) {
			return nil, fmt.Errorf("remove from %s: %w", id, err)
		}
	}
	var unfit []Unfit
	for _, id := range add {
		o, err := r.reapply(ctx, id, by, with(target))
		if err != nil {
			return unfit, fmt.Errorf("add to %s: %w", id, err)
		}
		u, bad := fits(o.License, target)
		if !bad {
			continue
		}
		unfit = append(unfit, u)
		if o.Written {
			r.fail(ctx, u, by)
		}
	}
	return unfit, nil
}

// check refuses what cannot be done before anything is done.
func (r *Registrar) check(ctx context.Context, target Target, add, remove []string, by string) error {
	for _, change := range []struct {
		ids  []string
		make func(license.Configuration) (license.Configuration, error)
	}{{add, with(target)}, {remove, without(target)}} {
		for _, id := range change.ids {
			l, err := r.Store.Load(ctx, id)
			if err != nil {
				return err
			}
			wanted, err := change.make(l.Configuration)
			if err != nil {
				return err
			}
			if _, err := license.Amend(&l.Configuration, wanted, r.Now(), by); err != nil {
				return fmt.Errorf("%s: %w", id, err)
			}
		}
	}
	return nil
}

// checkState refuses what the instance is in no state for.
func (r *Registrar) checkState(ctx context.Context, target Target, add, remove []string) error {
	if target.Kind != license.ByInstance {
		return nil
	}
	facts, err := r.Store.LoadFacts(ctx, []license.ResourceID{target.ID})
	if err != nil {
		return err
	}
	f, known := facts[target.ID]
	if state := f.Instance.State; known && len(add) > 0 && (state == license.ShuttingDown || state == license.Terminated) {
		return &BadState{Resource: target.ID, State: state}
	}
	for _, h := range f.Held {
		if !h.Ended.IsZero() || h.Kind == license.ByInstance || !slices.Contains(remove, h.ConfigurationID) || f.Instance.State == license.Terminated {
			continue
		}
		l, err := r.Store.Load(ctx, h.ConfigurationID)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(l.Configuration.Associations, target.matches) {
			return &Elsewhere{Resource: target.ID, Held: h}
		}
	}
	return nil
}

func (t Target) matches(a license.Association) bool {
	return a.Kind == t.Kind && a.Value == t.ID.AWSID()
}

func with(t Target) func(license.Configuration) (license.Configuration, error) {
	return func(c license.Configuration) (license.Configuration, error) {
		if !slices.ContainsFunc(c.Associations, t.matches) {
			c.Associations = append(slices.Clone(c.Associations), license.Association{Kind: t.Kind, Value: t.ID.AWSID()})
		}
		return c, nil
	}
}

func without(t Target) func(license.Configuration) (license.Configuration, error) {
	return func(c license.Configuration) (license.Configuration, error) {
		c.Associations = slices.DeleteFunc(slices.Clone(c.Associations), t.matches)
		return c, nil
	}
}

// fits tells how the target stands to the license. An AMI uses nothing itself.
func fits(l *ledger.License, t Target) (u Unfit, bad bool) {
	for i := range l.Entries {
		e := &l.Entries[i]
		if e.Resource != t.ID && !(t.Kind == license.ByInstance && hasMember(e, t.ID)) && !(t.Kind == license.ByHost && viaHost(e, t.ID)) {
			continue
		}
		if e.Verdict == ledger.Over && l.Configuration.HardLimit || e.Verdict == ledger.Broken {
			u = Unfit{License: l, Resource: t.ID, Verdict: e.Verdict, Needs: e.Licenses}
			for j := range e.Members {
				if m := &e.Members[j]; u.Broken == nil && (t.Kind == license.ByHost || m.Instance == t.ID) {
					u.Broken = m.Broken
				}
			}
			return u, true
		}
	}
	return u, false
}

func hasMember(e *ledger.Entry, id license.ResourceID) bool {
	return slices.ContainsFunc(e.Members, func(m ledger.Member) bool { return m.Instance == id })
}

// viaHost reports whether an instance is counted because its host is associated.
func viaHost(e *ledger.Entry, host license.ResourceID) bool {
	return slices.ContainsFunc(e.Members, func(m ledger.Member) bool {
		return m.Kind == license.ByHost && m.Value == host.AWSID()
	})
}
