package ledger

import (
	"slices"
	"time"

	"licenseguard/shared/license"
)

// Reasons for which an overrun is not answered, or is answered by a tag only.
const (
	WhySoft      = "soft limit: alert only"
	WhyExpired   = "the licenses expired: alert only"
	WhyEstimated = "the overrun rests on an estimate"
	WhyListed    = "not an overrun by launch: waits for a person's approval"
	WhyAnswered  = "already answered"
	WhyUndone    = "a person undid the answer"
	WhyEnded     = "the license does not apply to it any more"
	WhyEnding    = "it is stopping by itself"
	WhyOutside   = "it is no EC2 instance: alert only"
	WhyOver      = "over the license count"
	WhyBroken    = "breaks a rule"
)

// approvalTime is how long an approval holds: what was not done within a day has
// to be looked at again.
const approvalTime = 24 * time.Hour

// Answer tells what policy asks to be done about a member of one of the
// license's entries at an instant. It is the whole policy of enforcement but
// for budgets and holds: the license's budget is kept by Fold, the others by
// Brakes.
func (l *License) Answer(e *Entry, m *Member, now time.Time) Answer {
	return l.answer(e, m, now, l.asked)
}

// Proposal is Answer as it would be if a person approved it.
func (l *License) Proposal(e *Entry, m *Member, now time.Time) Answer {
	return l.answer(e, m, now, func(*Entry, *Member, time.Time) bool { return true })
}

// asked reports whether a member may be answered: automatically because it came
// by a launch, or because a person approved it.
func (l *License) asked(e *Entry, m *Member, now time.Time) bool {
	return l.byLaunch(m, now) || l.approved(e, m, now)
}

// byLaunch reports whether an overrun came by a launch that knew the limit.
func (l *License) byLaunch(m *Member, now time.Time) bool {
	launch := m.Generation.Launch
	if m.Cause != ByLaunch || !launch.After(l.Configuration.AnswersFrom) {
		return false
	}
	if _, exempt := l.Configuration.Exempt(m.Instance, now); exempt {
		return true
	}
	return !l.Configuration.ExemptSince(m.Instance, launch)
}

// approved reports whether a person approved the answer to what is the case
// still: this launch, this verdict, the same configuration as far as it can
// make an overrun.
func (l *License) approved(e *Entry, m *Member, now time.Time) bool {
	at := m.Approval.At
	return m.Approval.Plan != "" && now.Before(at.Add(approvalTime)) && !at.Before(e.Since) && !at.Before(m.FirstSeen) &&
		at.After(l.Configuration.TightenedAt) && at.After(l.Configuration.AnswersFrom)
}

func (l *License) answer(e *Entry, m *Member, now time.Time, asked func(*Entry, *Member, time.Time) bool) Answer {
	c := &l.Configuration
	rules, _ := c.RulesAt(now)
	if !e.answerable(m) || !m.Consuming(&rules) || c.Status == license.Disabled {
		return Answer{}
	}
	over := e.Verdict == Over && l.surelyOver(e, now)
	broken := surelyBroken(m)
	exemption, _ := c.Exempt(m.Instance, now)
	switch {
	case !c.HardLimit:
		return Answer{Why: WhySoft}
	case c.Expired(now):
		return Answer{Why: WhyExpired}
	case !over && !broken:
		return Answer{Why: WhyEstimated}
	case !m.Instance.Type().Launches():
		return Answer{Why: WhyOutside}
	case exemption.Undo:
		return Answer{Why: WhyUndone}
	case !asked(e, m, now) || !broken && !e.all(&rules, func(m *Member) bool { return asked(e, m, now) }):
		return Answer{Why: WhyListed}
	case m.Answered != "":
		return Answer{Why: WhyAnswered}
	case !m.Kind.Inherited() && !c.Offers(m.Kind, m.Value):
		return Answer{Why: WhyEnded} // a person ended the association; the instances are counted again next
	case m.State == license.Stopping || m.State == license.ShuttingDown:
		return Answer{Why: WhyEnding}
	}
	a := Answer{Mode: c.Enforcement.Mode, Why: WhyOver}
	if !over {
		a.Why = WhyBroken
	}
	a.Action, _ = l.Measure(m.Instance, m.Guard, now)
	since := e.Since
	if m.FirstSeen.After(since) {
		since = m.FirstSeen
	}
	a.NotBefore = since.Add(c.Enforcement.Settle)
	if !l.byLaunch(m, now) {
		a.Plan = m.Approval.Plan
	}
	if a.Action.TakesAway() {
		if a.Plan == "" { // people had no say yet
			a.NotBefore = a.NotBefore.Add(c.Enforcement.Grace)
		}
		if earliest := m.Generation.Launch.Add(tagsTime); a.NotBefore.Before(earliest) {
			a.NotBefore = earliest
		}
		if hours := c.Enforcement.Hours; !hours.IsZero() {
			a.NotBefore = hours.Next(later(a.NotBefore, now))
		}
	}
	return a
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// all reports whether something is true of everything that uses the entry. What
// started on a host that is over the count for another reason uses nothing more,
// and stopping it would free nothing.
func (e *Entry) all(rules *license.Rules, of func(*Member) bool) bool {
	for j := range e.Members {
		if m := &e.Members[j]; m.Consuming(rules) && !of(m) {
			return false
		}
	}
	return true
}

// answerable reports whether there may be something to answer: an overrun, or
// a member that breaks a rule, also on a host that others use rightly.
func (e *Entry) answerable(m *Member) bool {
	switch e.Verdict {
	case Over, Broken:
		return true
	case Covered, Tracked:
		return len(m.Broken) > 0
	default:
		return false
	}
}

func surelyBroken(m *Member) bool {
	return slices.ContainsFunc(m.Broken, func(v license.Violation) bool { return !v.Estimated })
}

// surelyOver reports whether an entry would be over the count however little is
// used by what is only estimated. Larger ones that wait before it play no part:
// where it fits, they need not have fitted.
func (l *License) surelyOver(e *Entry, now time.Time) bool {
	if e.Estimated || l.Totals.Estimated == 0 {
		return !e.Estimated
	}
	used := e.Licenses
	for i := range l.Entries {
		if o := &l.Entries[i]; !o.Estimated && (o.Verdict == Covered || o.Verdict == Over && o.Licenses <= e.Licenses && byPlace(o, e) < 0) {
			used += o.Licenses
		}
	}
	limit, _ := l.Configuration.CountAt(now)
	return used > limit
}
