package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"licenseguard/shared/license"
)

// EnforcementID and EnforcementName stand in for a license's in the changes of
// the brakes.
const (
	EnforcementID   = "enforcement"
	EnforcementName = "Enforcement"
)

// Brakes keep enforcement from taking too much away: pauses, breakers, and the
// budgets of an account and of the whole fleet. They are one record for all
// licenses; each transition is a pure method.
//
// Budgets are spent here before a license grants the stop: should a run die
// between the two, too much is spent and nothing is stopped.
type Brakes struct {
	Revision int64
	Limits   Limits
	Holds    []Hold         `json:",omitempty"`
	Fleet    map[string]int `json:",omitempty"` // by account: instances that use a license, at the last sweep
	Spent    []Spent        `json:",omitempty"` // of the last hour, oldest first
	Refused  []Spent        `json:",omitempty"` // actions of the last hour that EC2 refused, oldest first
	Refusals []Refusals     `json:",omitempty"` // of launches, by group
}

// Limits are what enforcement may do in all. The zero values stand for the
// defaults.
type Limits struct {
	AccountPerHour int // instances taken away in one account in any 60 minutes
	FleetPercent   int // and of all that use a license, rounded up
	FleetLeast     int // but never fewer than this
	RefusedPerHour int // actions on different instances that EC2 refuses before the breaker opens
	DriftPercent   int // of an account's instances that one sweep corrects before the breaker opens
}

// The defaults and their reasons. 20 in an account: two licenses that run away at
// once. A tenth of the fleet: what a fleet with a spare for each tenth server
// survives; 5 for small fleets, where a tenth would be none. Five refusals: one
// or two are instances of their own kind, five are a role or a rule. A quarter
// corrected by one sweep: then events do not arrive, and what is known of the
// rest is old too.
var defaultLimits = Limits{AccountPerHour: 20, FleetPercent: 10, FleetLeast: 5, RefusedPerHour: 5, DriftPercent: 25}

// driftLeast is how many corrections are no breaker matter, however small the fleet.
const driftLeast = 20

// mostSpent and mostRefused are what one record has room for, whatever the limits
// and however large the fleet: an item of DynamoDB takes 400 KB.
const (
	mostSpent   = 1000
	mostRefused = 200
)

// OrDefault fills the defaults in.
func (l Limits) OrDefault() Limits {
	return Limits{
		AccountPerHour: cmp.Or(l.AccountPerHour, defaultLimits.AccountPerHour), FleetPercent: cmp.Or(l.FleetPercent, defaultLimits.FleetPercent),
		FleetLeast: cmp.Or(l.FleetLeast, defaultLimits.FleetLeast), RefusedPerHour: cmp.Or(l.RefusedPerHour, defaultLimits.RefusedPerHour),
		DriftPercent: cmp.Or(l.DriftPercent, defaultLimits.DriftPercent),
	}
}

// Validate returns a *license.FieldError for a limit out of its range.
func (l Limits) Validate() error {
	for _, f := range []struct {
		name        string
		value, most int
	}{{"account-per-hour", l.AccountPerHour, mostSpent}, {"fleet-percent", l.FleetPercent, 100}, {"fleet-least", l.FleetLeast, mostSpent},
		{"refused-per-hour", l.RefusedPerHour, mostRefused}, {"drift-percent", l.DriftPercent, 100}} {
		if f.value < 0 || f.value > f.most {
			return &license.FieldError{Field: f.name, Value: fmt.Sprint(f.value), Want: fmt.Sprintf("give 1 to %d; 0 stands for the default", f.most)}
		}
	}
	return nil
}

// Scope is what a hold is about: "all", "account/123456789012" or
// "license/lic-…".
type Scope string

// ScopeAll is everything.
const ScopeAll Scope = "all"

// AccountScope and LicenseScope return the scope of one account or license.
func AccountScope(account string) Scope { return Scope("account/" + account) }

// LicenseScope returns the scope of one license.
func LicenseScope(id string) Scope { return Scope("license/" + id) }

// ParseScope reads a scope as it is written.
func ParseScope(text string) (Scope, error) {
	kind, id, _ := strings.Cut(text, "/")
	switch {
	case text == string(ScopeAll):
	case kind == "account" && len(id) == 12 && strings.Trim(id, "0123456789") == "":
	case kind == "license" && id != "" && len(id) <= 100 && !strings.ContainsAny(id, " \t\r\n"):
	default:
		return "", &license.FieldError{Field: "scope", Value: text, Want: "give all, account/ and 12 digits, or license/ and its id"}
	}
	return Scope(text), nil
}

// Covers reports whether the scope includes what is done in an account for a
// license.
func (s Scope) Covers(account, id string) bool {
	return s == ScopeAll || s == AccountScope(account) || s == LicenseScope(id)
}

// Hold keeps enforcement from touching instances within its scope, until a person
// ends it.
type Hold struct {
	Scope   Scope
	By      string
	At      time.Time
	Why     string
	Breaker bool // it opened by itself
}

func (h Hold) String() string {
	kind := "paused by " + h.By
	if h.Breaker {
		kind = "breaker open"
	}
	return fmt.Sprintf("%s: %s: %s", h.Scope, kind, h.Why)
}

// Spent is one instance that enforcement was allowed to take away.
type Spent struct {
	Key      string // of the pending action: a second try spends nothing
	Instance license.ResourceID
	At       time.Time
}

// Held returns the hold that keeps enforcement from an account's instances for a
// license: all before account before license.
func (b *Brakes) Held(account, id string) (Hold, bool) {
	for _, h := range b.Holds {
		if h.Scope.Covers(account, id) {
			return h, true
		}
	}
	return Hold{}, false
}

// Pause holds a scope for a person, or for a breaker. A scope that is held
// already stays as it is.
func (b *Brakes) Pause(h Hold) (changed bool) {
	if slices.ContainsFunc(b.Holds, func(o Hold) bool { return o.Scope == h.Scope }) {
		return false
	}
	b.Holds = append(slices.Clone(b.Holds), h)
	slices.SortFunc(b.Holds, func(x, y Hold) int { return cmp.Compare(x.Scope, y.Scope) })
	return true
}

// Resume ends the hold of a scope. What opened a breaker counts anew.
func (b *Brakes) Resume(s Scope) (ended Hold, ok bool) {
	at := slices.IndexFunc(b.Holds, func(h Hold) bool { return h.Scope == s })
	if at < 0 {
		return Hold{}, false
	}
	ended = b.Holds[at]
	b.Holds = slices.Delete(slices.Clone(b.Holds), at, at+1)
	if ended.Breaker && s == ScopeAll {
		b.Refused = nil
	}
	return ended, true
}

// budgetTime is for how long an action counts. It is granted up to runTime before
// EC2 takes it, so that no 60 minutes see more than the budget.
const budgetTime = time.Hour + runTime

// Budget returns what may be taken away in an account, in all, and how much of
// each is spent.
func (b *Brakes) Budget(account string, now time.Time) (accountMost, accountSpent, fleetMost, fleetSpent int) {
	limits := b.Limits.OrDefault()
	fleet := 0
	for _, n := range b.Fleet {
		fleet += n
	}
	accountMost, fleetMost = limits.AccountPerHour, min(mostSpent, max(limits.FleetLeast, (fleet*limits.FleetPercent+99)/100))
	for _, s := range b.Spent {
		if now.Sub(s.At) >= budgetTime {
			continue
		}
		fleetSpent++
		if owner, _, _ := s.Instance.Parts(); owner == account {
			accountSpent++
		}
	}
	return accountMost, accountSpent, fleetMost, fleetSpent
}

// Spend takes one instance from the budgets of its account and of the fleet. The
// same key again is spent anew from now on, but only once. A refusal names the
// scope whose budget ran out, and when it has room again.
func (b *Brakes) Spend(key string, instance license.ResourceID, now time.Time) (ran Scope, retry time.Time) {
	b.Spent = slices.DeleteFunc(slices.Clone(b.Spent), func(s Spent) bool { return s.Key == key || now.Sub(s.At) >= budgetTime })
	account, _, _ := instance.Parts()
	accountMost, accountSpent, fleetMost, fleetSpent := b.Budget(account, now)
	switch {
	case fleetSpent >= fleetMost:
		return ScopeAll, b.Spent[fleetSpent-fleetMost].At.Add(budgetTime)
	case accountSpent >= accountMost:
		for _, s := range b.Spent {
			if owner, _, _ := s.Instance.Parts(); owner != account {
				continue
			}
			if accountSpent == accountMost {
				return AccountScope(account), s.At.Add(budgetTime)
			}
			accountSpent--
		}
	}
	b.Spent = append(b.Spent, Spent{Key: key, Instance: instance, At: now})
	slices.SortStableFunc(b.Spent, func(x, y Spent) int { return x.At.Compare(y.At) }) // clocks differ
	return "", time.Time{}
}

// HasSpent reports whether an action is among what was spent.
func (b *Brakes) HasSpent(key string) bool {
	return slices.ContainsFunc(b.Spent, func(s Spent) bool { return s.Key == key })
}

// Unspend gives back what was spent on actions that were not tried after all.
func (b *Brakes) Unspend(keys []string) {
	b.Spent = slices.DeleteFunc(slices.Clone(b.Spent), func(s Spent) bool { return slices.Contains(keys, s.Key) })
}

// Refuse notes that EC2 refused an action, and reports whether that is one too
// many within an hour.
func (b *Brakes) Refuse(key string, instance license.ResourceID, now time.Time) (tooMany bool) {
	b.Refused = slices.DeleteFunc(slices.Clone(b.Refused), func(s Spent) bool { return s.Instance == instance || now.Sub(s.At) >= time.Hour })
	b.Refused = append(b.Refused, Spent{Key: key, Instance: instance, At: now})
	return len(b.Refused) >= b.Limits.OrDefault().RefusedPerHour
}

// Swept notes how many instances of an account use a license, and reports whether
// a sweep had to correct too many. The first sweep of an account corrects nothing:
// it finds.
func (b *Brakes) Swept(account string, instances, corrected int) (tooMany bool) {
	before, known := b.Fleet[account]
	fleet := maps.Clone(b.Fleet)
	if fleet == nil {
		fleet = make(map[string]int)
	}
	fleet[account] = instances
	b.Fleet = fleet
	return known && corrected >= driftLeast && corrected*100 > max(before, instances)*b.Limits.OrDefault().DriftPercent
}

// Braking is what one update of the brakes did: the reason of its change, and the
// holds that it began.
type Braking struct {
	Reason    string
	By        string
	Began     []Hold
	Suspended []string // in words: groups whose launching was suspended, and why
}

// BrakesCommitter updates brakes.
type BrakesCommitter struct {
	Store Controls
	Now   func() time.Time
	// Wait is called before a refused commit is tried again; nil sleeps for a
	// short random time that grows with the attempt.
	Wait func(ctx context.Context, attempt int) error
}

// Update loads, updates and commits the brakes, again when another update came
// first. update works on a copy and returns nil where nothing is to be kept.
func (c *BrakesCommitter) Update(ctx context.Context, update func(*Brakes, time.Time) *Braking) (*Brakes, error) {
	for attempt := 1; ; attempt++ {
		old, err := c.Store.LoadBrakes(ctx)
		if err != nil {
			return nil, fmt.Errorf("load brakes: %w", err)
		}
		b, now := *old, milli(c.Now())
		done := update(&b, now)
		if done == nil {
			return old, nil
		}
		b.Revision++
		err = c.Store.CommitBrakes(ctx, &b, done.change(b.Revision, now))
		var conflict *Conflict
		switch {
		case err == nil:
			return &b, nil
		case !errors.As(err, &conflict):
			return nil, fmt.Errorf("commit brakes: %w", err)
		case attempt == maxAttempts:
			return nil, fmt.Errorf("commit brakes: refused %d times: %w", attempt, err)
		}
		if err := waitOr(ctx, attempt, c.Wait); err != nil {
			return nil, err
		}
	}
}

func (d *Braking) change(revision int64, now time.Time) *Change {
	c := &Change{License: EnforcementID, Name: EnforcementName, Revision: revision, Recorded: now, Reason: d.Reason, By: d.By}
	for _, h := range d.Began {
		c.Alerts = append(c.Alerts, Alert{Kind: AlertHeld, Why: h.String()})
	}
	for _, why := range d.Suspended {
		c.Alerts = append(c.Alerts, Alert{Kind: AlertSuspended, Why: why})
	}
	for i := range c.Alerts {
		c.Alerts[i].ID = fmt.Sprintf("%s/%s/%d/r%d", EnforcementID, c.Alerts[i].Kind, i, revision)
	}
	return c
}
