package registrar

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// InUse says why a configuration cannot be deleted.
type InUse struct {
	ID  string
	Why []string // one sentence part for each kind of use
}

func (u *InUse) Error() string {
	return fmt.Sprintf("license configuration %s is in use: %s", u.ID, strings.Join(u.Why, "; "))
}

// Delete ends a configuration; its history stays. The error is an *InUse while
// resources use licenses of it, while an AMI, an instance or a host is associated
// with it, or while a report generator names it. A tag or a launch template that no
// running resource has is no hindrance. An unknown id is ledger.ErrNotFound.
func (r *Registrar) Delete(ctx context.Context, id, by string) error {
	for attempt := 1; ; attempt++ {
		l, _, err := r.committer().Apply(ctx, id, ledger.Batch{}) // as it is now: what is due, or was cut, is judged first
		if err != nil {
			return err
		}
		generators, err := r.generatorsOf(ctx, l.Configuration.ARN)
		if err != nil {
			return err
		}
		if why := uses(l, generators); len(why) > 0 {
			return &InUse{ID: id, Why: why}
		}
		err = r.committer().Delete(ctx, l, by)
		var conflict *ledger.Conflict
		if !errors.As(err, &conflict) || attempt == attempts {
			if err == nil {
				r.dropFailures(ctx, id)
			}
			return err
		}
		if err := r.wait(ctx, attempt); err != nil {
			return err
		}
	}
}

func uses(l *ledger.License, generators []Generator) []string {
	var why []string
	consuming := 0
	for i := range l.Entries {
		if l.Entries[i].Verdict != ledger.Released {
			consuming++
		}
	}
	if consuming > 0 {
		why = append(why, fmt.Sprintf("%d resources use %d licenses of it; disassociate or stop them", consuming, l.Totals.Deployed()))
	}
	for _, kind := range []license.AssociationKind{license.ByAMI, license.ByInstance, license.ByHost} {
		n, first := 0, ""
		for _, a := range l.Configuration.Associations {
			if a.Kind == kind {
				n, first = n+1, a.Value
			}
		}
		if n > 0 {
			why = append(why, fmt.Sprintf("it is associated with %d of kind %s, such as %s; remove that with UpdateLicenseSpecificationsForResource", n, kind, first))
		}
	}
	if len(generators) > 0 {
		why = append(why, fmt.Sprintf("report generator %s reports on it; delete or change that first", generators[0].ID))
	}
	return why
}
