package license

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Amend returns the configuration that replaces old at the instant now by a
// person's wish; a new association begins now. It refuses rules that begin in
// the past and a changed counting type, and notes when the change tightens: a
// lower count, other rules, one more association or product, a hard limit,
// another mode or status. What such a change makes an overrun is never stopped
// without a person's approval. Times are kept to the millisecond.
func Amend(old *Configuration, wanted Configuration, now time.Time, by string) (Configuration, error) {
	now = now.UTC().Truncate(time.Millisecond)
	wanted.UpdatedAt, wanted.UpdatedBy = now, by
	wanted, err := wanted.dated(now).Normalized()
	if err != nil {
		return wanted, err
	}
	wanted.TightenedAt, wanted.AnswersFrom = now, now
	if old == nil {
		if err := wanted.checkRules(nil, now); err != nil {
			return wanted, err
		}
		return wanted, wanted.checkSize()
	}
	if old.CountingType != wanted.CountingType {
		return wanted, &FieldError{Field: "countingType", Value: string(wanted.CountingType),
			Want: fmt.Sprintf("%s counts %s; make a new configuration to count something else", old.ID, old.CountingType)}
	}
	wanted.Associations = keepSince(old.Associations, wanted.Associations)
	wanted.Exemptions, wanted.Annotations = old.Exemptions, old.Annotations // they have a way of their own
	if wanted.Detached == nil {                                             // a license file has none
		wanted.Detached = old.Detached
	}
	wanted.Rules = mergeVersions(old.Rules, wanted.Rules, now)
	if err := wanted.checkRules(old.Rules, now); err != nil {
		return wanted, err
	}
	if !tightens(old, &wanted, now) {
		wanted.TightenedAt = old.TightenedAt
	}
	if !answersOtherwise(old, &wanted, now) {
		wanted.AnswersFrom = old.AnswersFrom
	}
	wanted.TightenedAt = later(wanted.TightenedAt, old.TightenedAt)
	wanted.AnswersFrom = later(wanted.AnswersFrom, old.AnswersFrom)
	return wanted, wanted.checkSize()
}

// later returns the later of two times: the clock of who changed something before
// may be ahead.
func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// dated returns a copy in which what has no date begins now.
func (c Configuration) dated(now time.Time) Configuration {
	c.Associations = slices.Clone(c.Associations)
	for i := range c.Associations {
		c.Associations[i].Since = now
	}
	c.Rules = slices.Clone(c.Rules)
	if len(c.Rules) == 0 {
		c.Rules = []RuleVersion{{}}
	}
	for i := range c.Rules {
		v := &c.Rules[i]
		if v.Effective.IsZero() {
			v.Effective = now
		}
		v.Effective = v.Effective.UTC().Truncate(time.Millisecond)
	}
	return c
}

// checkRules checks the versions that are in force now or later.
func (c Configuration) checkRules(old []RuleVersion, now time.Time) error {
	if err := checkDates(c.Rules, old, now); err != nil {
		return err
	}
	_, version := c.RulesAt(now)
	if err := c.validateStop(version - 1); err != nil {
		return err
	}
	return c.validateProducts(version - 1)
}

// mergeVersions keeps the past versions and puts the wanted ones after them.
// Both are in order of their effective dates.
func mergeVersions(old, wanted []RuleVersion, now time.Time) []RuleVersion {
	var out []RuleVersion
	for _, v := range old {
		if !v.Effective.After(now) {
			out = append(out, v)
		}
	}
	for _, v := range wanted {
		if slices.ContainsFunc(out, v.same) {
			continue
		}
		if n := len(out); n > 0 && v.Effective.Equal(now) && slices.Equal(out[n-1].Text, v.Text) {
			continue // the same rules again are no new version
		}
		out = append(out, v)
	}
	slices.SortStableFunc(out, func(a, b RuleVersion) int { return a.Effective.Compare(b.Effective) })
	return out
}

func (v RuleVersion) same(o RuleVersion) bool {
	return v.Effective.Equal(o.Effective) && slices.Equal(v.Text, o.Text)
}

func checkDates(versions, old []RuleVersion, now time.Time) error {
	for _, v := range versions {
		if !slices.ContainsFunc(old, v.same) && v.Effective.Before(now) {
			return &FieldError{Field: "rules.effective", Value: v.Effective.Format(time.RFC3339),
				Want: "a rule begins now or later, never in the past"}
		}
	}
	return nil
}

func keepSince(old, wanted []Association) []Association {
	out := slices.Clone(wanted)
	for i, a := range out {
		for _, o := range old {
			if o.Kind == a.Kind && o.Value == a.Value {
				out[i].Since = o.Since
			}
		}
	}
	return out
}

// tightens reports whether what ran before could be an overrun only through
// this change.
func tightens(old, wanted *Configuration, now time.Time) bool {
	oldCount, oldLimited := old.CountAt(now)
	count, limited := wanted.CountAt(now)
	oldRules, _ := old.RulesAt(now)
	rules, _ := wanted.RulesAt(now)
	return limited && (!oldLimited || count < oldCount) ||
		!equalRules(oldRules, rules) ||
		len(old.Rules) != len(wanted.Rules) ||
		slices.ContainsFunc(wanted.Associations, func(a Association) bool { return !old.Offers(a.Kind, a.Value) }) ||
		slices.ContainsFunc(old.Detached, func(id ResourceID) bool { return !slices.Contains(wanted.Detached, id) }) ||
		slices.ContainsFunc(wanted.Products, func(p Product) bool { return !slices.ContainsFunc(old.Products, p.equal) }) ||
		answersOtherwise(old, wanted, now)
}

// answersOtherwise reports whether overruns that are there get another answer
// through this change.
func answersOtherwise(old, wanted *Configuration, now time.Time) bool {
	return wanted.HardLimit != old.HardLimit ||
		wanted.Status != old.Status ||
		wanted.Enforcement.Mode != old.Enforcement.Mode ||
		wanted.Enforcement.AutoScaling != old.Enforcement.AutoScaling ||
		wanted.Enforcement.TagsExempt != old.Enforcement.TagsExempt ||
		wanted.Expired(now) != old.Expired(now)
}

func equalRules(a, b Rules) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}
