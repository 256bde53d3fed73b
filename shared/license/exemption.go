package license

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Exemption lets one instance use a license beyond the count or against a rule:
// it still counts and is alerted, and it is never stopped. Who may have one is
// decided here and not by a tag, which the instance's owner could write.
type Exemption struct {
	Instance ResourceID
	Owner    string // who needs it
	Reason   string
	Approver string // who allowed it
	From     time.Time
	Until    time.Time // it always ends: at most 366 days after From
	Ended    time.Time `json:",omitzero"` // when a person took it back; zero: not
	// Undo says that it came from an undo: the instance is left as it is, not even
	// tagged again, until a person decides.
	Undo bool `json:",omitempty"`
}

const (
	maxExemption = 366 * 24 * time.Hour
	// maxExemptions bounds what one configuration holds: about 300 KB; see checkSize.
	maxExemptions = 1000
	// keptExemption is how long one that ended is kept at least: until then the fold
	// has noted what it left behind as an overrun by a change.
	keptExemption = 48 * time.Hour
	// exemptionNotice is how long before its end an exemption is listed; one of a
	// short life is listed when a quarter is left.
	exemptionNotice = 7 * 24 * time.Hour
)

// End returns when the exemption ends or ended.
func (e Exemption) End() time.Time {
	if !e.Ended.IsZero() && e.Ended.Before(e.Until) {
		return e.Ended
	}
	return e.Until
}

// Holds reports whether the exemption is in force: from when it is on record, for
// the clock that wrote From may be ahead.
func (e Exemption) Holds(now time.Time) bool { return now.Before(e.End()) }

// Notice returns when people are told that it ends; never for one that a person
// took back, or that an undo made.
func (e Exemption) Notice() time.Time {
	if !e.Ended.IsZero() || e.Undo {
		return time.Time{}
	}
	return e.Until.Add(-min(exemptionNotice, e.Until.Sub(e.From)/4))
}

func (e Exemption) validate() error {
	bad := func(field, value, want string) error {
		return &FieldError{Field: "exemption." + field, Value: value, Want: want}
	}
	for _, t := range []struct{ field, value string }{{"owner", e.Owner}, {"reason", e.Reason}, {"approver", e.Approver}} {
		if strings.TrimSpace(t.value) == "" || len(t.value) > 256 || !printable(t.value) {
			return bad(t.field, t.value, "give 1 to 256 printable characters")
		}
	}
	account, region, id := e.Instance.Parts()
	switch {
	case account == "" || region == "" || !strings.HasPrefix(id, "i-"):
		return bad("instance", string(e.Instance), "give ACCOUNT/REGION/i-…")
	case !e.Until.After(e.From):
		return bad("until", e.Until.Format(time.RFC3339), "it ends after it begins")
	case e.Until.Sub(e.From) > maxExemption:
		return bad("until", e.Until.Format(time.RFC3339), "give a date within 366 days; it can be renewed")
	}
	return nil
}

// Exempt returns the exemption that an instance has at an instant: one that
// leaves it alone before one that does not.
func (c *Configuration) Exempt(instance ResourceID, now time.Time) (found Exemption, ok bool) {
	for _, e := range c.Exemptions {
		if e.Instance == instance && e.Holds(now) && (!ok || e.Undo) {
			found, ok = e, true
		}
	}
	return found, ok
}

// ExemptSince reports whether an instance was exempt at or after an instant: then
// what it does now is not the fault of its launch but of the exemption's end.
func (c *Configuration) ExemptSince(instance ResourceID, since time.Time) bool {
	for _, e := range c.Exemptions {
		if e.Instance == instance && e.End().After(since) {
			return true
		}
	}
	return false
}

// Undone tells until when undos leave or left instances alone: a start before that is
// no launch to any license, also to one that began to apply only after the undo.
func Undone(configurations []Configuration) map[ResourceID]time.Time {
	until := make(map[ResourceID]time.Time)
	for i := range configurations {
		for _, x := range configurations[i].Exemptions {
			if x.Undo && x.End().After(until[x.Instance]) {
				until[x.Instance] = x.End()
			}
		}
	}
	return until
}

// WithExemption returns the configuration with one more exemption, which begins
// now. An error is a *FieldError.
func (c Configuration) WithExemption(e Exemption, now time.Time, by string) (Configuration, error) {
	now = now.UTC().Truncate(time.Millisecond)
	e.From, e.Until = now, e.Until.UTC().Truncate(time.Millisecond)
	if err := e.validate(); err != nil {
		return c, err
	}
	c.Exemptions = append(slices.Clone(c.Exemptions), e)
	c.Exemptions = slices.DeleteFunc(c.Exemptions, func(e Exemption) bool { return e.End().Before(now.Add(-keptExemption)) })
	if len(c.Exemptions) > maxExemptions {
		return c, &FieldError{Field: "exemptions", Value: fmt.Sprint(len(c.Exemptions)), Want: fmt.Sprintf("a license holds at most %d", maxExemptions)}
	}
	slices.SortStableFunc(c.Exemptions, func(a, b Exemption) int {
		return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.Instance, b.Instance))
	})
	c.UpdatedAt, c.UpdatedBy = now, by
	return c, c.checkSize()
}

// WithoutExemption returns the configuration in which those of an instance have
// ended now. That of an undo stays until its end, for what is to be started again
// may not have been yet. An error is a *FieldError.
func (c Configuration) WithoutExemption(instance ResourceID, now time.Time, by string) (Configuration, error) {
	now = now.UTC().Truncate(time.Millisecond)
	c.Exemptions = slices.Clone(c.Exemptions)
	ended := false
	for i := range c.Exemptions {
		if e := &c.Exemptions[i]; e.Instance == instance && e.Holds(now) && !e.Undo {
			e.Ended, ended = now, true
		}
	}
	if !ended {
		want := "it has none in force; licenseguard exemption ls lists them"
		if e, ok := c.Exempt(instance, now); ok {
			want = "an undo leaves it alone until " + e.Until.Format(time.RFC3339) + "; that ends by itself"
		}
		return c, &FieldError{Field: "exemption.instance", Value: string(instance), Want: want}
	}
	c.UpdatedAt, c.UpdatedBy = now, by
	return c, nil
}
