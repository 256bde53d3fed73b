package registrar

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

// Store is what the registrar needs of the ledger.
type Store interface {
	ledger.Licenses
	ledger.Register
	ledger.Documents
	ledger.Resources
}

// Registrar writes the configurations of one account and Region. It may be used by
// many goroutines.
type Registrar struct {
	Store    Store
	Catalog  license.Catalog
	Account  string   // that owns what is made
	Region   string   // of everything
	Accounts []string // whose instances are counted
	Regions  []string // in which they are counted; none: Region alone
	Now      func() time.Time
	Log      *slog.Logger
	// Wait pauses before a refused commit is tried again; nil sleeps for a moment.
	Wait func(ctx context.Context, attempt int) error
}

// Outcome is a license before and after a change.
type Outcome struct {
	Before  *ledger.License // nil: it was made
	License *ledger.License
	Written bool // false: it was so already
	// Uncounted is why instances that the change touches were not counted again;
	// nil: they were. The next sweep counts them.
	Uncounted error
}

// Changed says that somebody else changed a configuration after it was read.
type Changed struct {
	ID string
	By string // who, and when
	At time.Time
}

func (c *Changed) Error() string {
	return fmt.Sprintf("license configuration %s was changed by %q at %s, after it was read; read it again and repeat what you still want",
		c.ID, c.By, c.At.UTC().Format(time.RFC3339))
}

// attempts bounds how often a commit that counting came before is tried again.
const attempts = 50

// NewID returns a fresh configuration id: lic- and 32 hex digits.
func NewID() string { return "lic-" + random() }

func random() string {
	var b [16]byte
	rand.Read(b[:]) // it never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

// ARN returns the Amazon Resource Name of a configuration of this account and Region.
func (r *Registrar) ARN(id string) string {
	return fmt.Sprintf("arn:aws:license-manager:%s:%s:license-configuration:%s", r.Region, r.Account, id)
}

// Create makes a configuration. Without an id it gets a fresh one, and without an ARN
// the one of that id. The error is a *license.FieldError or *license.RuleError when
// the wish is wrong, and a *Changed when the id is taken.
func (r *Registrar) Create(ctx context.Context, wanted license.Configuration, by string) (Outcome, error) {
	if wanted.ID == "" {
		wanted.ID = NewID()
	}
	if wanted.ARN == "" {
		wanted.ARN = r.ARN(wanted.ID)
	}
	amended, err := license.Amend(nil, wanted, r.Now(), by)
	if err != nil {
		return Outcome{}, err
	}
	l := &ledger.License{Configuration: license.Configuration{ID: wanted.ID}}
	l, err = r.committer().Configure(ctx, l, amended, by)
	var conflict *ledger.Conflict
	if errors.As(err, &conflict) {
		there, loadErr := r.Store.Load(ctx, wanted.ID)
		switch {
		case loadErr != nil:
			return Outcome{}, fmt.Errorf("license configuration %s is taken, or was: %w", wanted.ID, loadErr)
		case !same(&amended, &there.Configuration): // else our own commit, whose answer was lost
			return Outcome{}, &Changed{ID: wanted.ID, By: there.Configuration.UpdatedBy, At: there.Configuration.UpdatedAt}
		}
		l, err = there, nil
	}
	if err != nil {
		return Outcome{}, err
	}
	o := Outcome{License: l, Written: true}
	r.recount(ctx, &o)
	return o, nil
}

// Change gives the configuration as it is to a function and commits what that
// returns. seen, if not nil, is the configuration on which the person decided; one
// that is another by now is not touched. An unknown id is ledger.ErrNotFound.
func (r *Registrar) Change(ctx context.Context, id string, seen *license.Configuration, by string,
	change func(license.Configuration) (license.Configuration, error)) (Outcome, error) {
	var before *ledger.License
	var tried license.Configuration
	for attempt := 1; ; attempt++ {
		l, err := r.Store.Load(ctx, id)
		if err != nil {
			return Outcome{}, err
		}
		if seen == nil {
			seen = &l.Configuration
		}
		if before != nil && same(&tried, &l.Configuration) { // our own commit, whose answer was lost
			o := Outcome{Before: before, License: l, Written: true}
			r.recount(ctx, &o)
			return o, nil
		}
		if !same(seen, &l.Configuration) {
			return Outcome{}, &Changed{ID: id, By: l.Configuration.UpdatedBy, At: l.Configuration.UpdatedAt}
		}
		before = l
		o, err := r.amend(ctx, l, by, change, &tried)
		var conflict *ledger.Conflict
		if !errors.As(err, &conflict) || attempt == attempts {
			if err == nil && o.Written {
				r.recount(ctx, &o)
			}
			return o, err
		}
		if err := r.wait(ctx, attempt); err != nil {
			return Outcome{}, err
		}
	}
}

// reapply is Change for what means the same on whatever the configuration has become:
// one more association, one tag less.
func (r *Registrar) reapply(ctx context.Context, id, by string, change func(license.Configuration) (license.Configuration, error)) (Outcome, error) {
	for attempt := 1; ; attempt++ {
		o, err := r.Change(ctx, id, nil, by, change)
		var changed *Changed
		if !errors.As(err, &changed) || attempt == attempts {
			return o, err
		}
	}
}

// Retag changes tags. Tags are set one by one, so what others change at the same
// moment stays.
func (r *Registrar) Retag(ctx context.Context, id, by string, change func(license.Configuration) (license.Configuration, error)) (Outcome, error) {
	return r.reapply(ctx, id, by, change)
}

func (r *Registrar) amend(ctx context.Context, l *ledger.License, by string,
	change func(license.Configuration) (license.Configuration, error), tried *license.Configuration) (Outcome, error) {
	wanted, err := change(l.Configuration)
	if err != nil {
		return Outcome{}, err
	}
	amended, err := license.Amend(&l.Configuration, wanted, r.Now(), by)
	if err != nil {
		return Outcome{}, err
	}
	*tried = amended
	probe := amended
	probe.UpdatedAt, probe.UpdatedBy = l.Configuration.UpdatedAt, l.Configuration.UpdatedBy
	if same(&probe, &l.Configuration) {
		return Outcome{Before: l, License: l}, nil
	}
	next, err := r.committer().Configure(ctx, l, amended, by)
	return Outcome{Before: l, License: next, Written: true}, err
}

// same compares what is stored of two configurations.
func same(a, b *license.Configuration) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// recount claims again the instances that a change touches: those that a new or
// removed association names, and all that the license could hold where stopped
// instances count from now on.
func (r *Registrar) recount(ctx context.Context, o *Outcome) {
	after := o.License.Configuration
	before := license.Configuration{}
	if o.Before != nil {
		before = o.Before.Configuration
	}
	moved := append(missing(before.Associations, after.Associations), missing(after.Associations, before.Associations)...)
	for _, id := range slices.Concat(before.Detached, after.Detached) {
		if slices.Contains(before.Detached, id) != slices.Contains(after.Detached, id) {
			moved = append(moved, license.Association{Kind: license.ByInstance, Value: id.AWSID()})
		}
	}
	oldRules, _ := before.RulesAt(r.Now())
	rules, _ := after.RulesAt(r.Now())
	stopped := o.Before != nil && rules.IncludeStopped && !oldRules.IncludeStopped
	if len(moved) == 0 && !stopped {
		return
	}
	o.Uncounted = r.reassociate(ctx, after.ID, moved, stopped)
	l, err := r.tracker().Settle(ctx, after.ID)
	if err == nil {
		o.License = l
	}
	if o.Uncounted = errors.Join(o.Uncounted, err); o.Uncounted != nil {
		r.Log.WarnContext(ctx, "license changed, its instances not counted again; the next sweep counts them", "license", after.ID, "error", o.Uncounted)
	}
}

// reassociate folds one instance's facts where only instances are named; else it
// walks the facts of all.
func (r *Registrar) reassociate(ctx context.Context, id string, moved []license.Association, stopped bool) error {
	var ids []license.ResourceID
	walk := stopped
	for _, a := range moved {
		if a.Kind != license.ByInstance {
			walk = true
			break
		}
		for _, s := range r.Scopes() {
			ids = append(ids, license.NewResourceID(s.Account, s.Region, a.Value))
		}
	}
	t := r.tracker()
	if !walk {
		var failed []error
		for _, one := range ids {
			failed = append(failed, t.ReassociateOne(ctx, one))
		}
		return errors.Join(failed...)
	}
	return t.ReassociateWhere(ctx, func(f *ledger.Facts) bool {
		for _, a := range moved {
			if a.Matches(f.Instance) {
				return true
			}
		}
		return stopped && holds(f, id)
	})
}

func holds(f *ledger.Facts, id string) bool {
	for _, h := range f.Held {
		if h.ConfigurationID == id && h.Ended.IsZero() {
			return true
		}
	}
	return false
}

// missing returns the associations of b that a lacks.
func missing(a, b []license.Association) []license.Association {
	var out []license.Association
	for _, x := range b {
		found := false
		for _, y := range a {
			found = found || x.Kind == y.Kind && x.Value == y.Value
		}
		if !found {
			out = append(out, x)
		}
	}
	return out
}

// Scopes lists the accounts and Regions whose instances are counted.
func (r *Registrar) Scopes() []track.Scope { return r.tracker().Scopes() }

// Watches reports whether instances of a Region are counted.
func (r *Registrar) Watches(region string) bool { return slices.Contains(r.regions(), region) }

func (r *Registrar) regions() []string {
	if len(r.Regions) == 0 {
		return []string{r.Region}
	}
	return r.Regions
}

// tracker is a fresh one: its cache of configurations is for one goroutine.
func (r *Registrar) tracker() *track.Tracker {
	return &track.Tracker{Store: r.Store, Documents: r.Store, Observer: OnRecord{r.Store}, Catalog: r.Catalog, Accounts: r.Accounts, Regions: r.regions(),
		Now: r.Now, Backoff: r.Wait, Log: r.Log}
}

func (r *Registrar) committer() *ledger.Committer {
	return &ledger.Committer{Store: r.Store, Catalog: r.Catalog, Now: r.Now, Wait: r.Wait}
}

func (r *Registrar) wait(ctx context.Context, attempt int) error {
	if r.Wait != nil {
		return r.Wait(ctx, attempt)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Duration(min(attempt, 20)) * time.Millisecond):
		return nil
	}
}
