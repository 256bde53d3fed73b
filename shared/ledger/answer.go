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
	WhyEnded     = "the license does not apply to it any more"
	WhyEnding    = "it is stopping by itself"
	WhyOver      = "over the license count"
	WhyBroken    = "breaks a rule"
)

// Answer tells what policy asks to be done about a member of one of the
// license's entries at an instant. It is the whole policy of enforcement but
// for the budget, which Fold keeps.
func (l *License) Answer(e *Entry, m *Member, now time.Time) Answer {
	c := &l.Configuration
	rules, _ := c.RulesAt(now)
	if !e.answerable(m) || !m.Consuming(&rules) || c.Status == license.Disabled {
		return Answer{}
	}
	over := e.Verdict == Over && l.surelyOver(e, now)
	listed := m.Cause != ByLaunch || !m.Generation.Launch.After(c.AnswersFrom)
	switch {
	case !c.HardLimit:
		return Answer{Why: WhySoft}
	case c.Expired(now):
		return Answer{Why: WhyExpired}
	case !over && !surelyBroken(m):
		return Answer{Why: WhyEstimated}
	case listed || !surelyBroken(m) && !e.allByLaunch(&rules):
		return Answer{Why: WhyListed}
	case m.Answered != "":
		return Answer{Why: WhyAnswered}
	case !m.Kind.Inherited() && !slices.ContainsFunc(c.Associations, func(a license.Association) bool { return a.Kind == m.Kind && a.Value == m.Value }):
		return Answer{Why: WhyEnded} // a person ended the association; the instances are counted again next
	case m.State == license.Stopping || m.State == license.ShuttingDown:
		return Answer{Why: WhyEnding}
	}
	since := e.Since
	if m.FirstSeen.After(since) {
		since = m.FirstSeen
	}
	a := Answer{Action: license.Stop, Mode: c.Enforcement.Mode, NotBefore: since.Add(c.Enforcement.Settle), Why: WhyOver}
	if !over {
		a.Why = WhyBroken
	}
	if m.Guard != Unguarded || a.Mode == license.Tag {
		a.Action = license.Tag
	}
	if earliest := m.Generation.Launch.Add(tagsTime); a.Action == license.Stop && a.NotBefore.Before(earliest) {
		a.NotBefore = earliest
	}
	return a
}

// allByLaunch reports whether everything that uses the entry came by a launch.
// What started on a host that is over the count for another reason uses nothing
// more, and stopping it would free nothing.
func (e *Entry) allByLaunch(rules *license.Rules) bool {
	for j := range e.Members {
		if m := &e.Members[j]; m.Consuming(rules) && m.Cause != ByLaunch {
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

// Grant is enforcement's wish to act on one instance. It is granted only if
// policy still asks for the action at this generation and the budget has room;
// a granted action becomes a stop intent on the member.
type Grant struct {
	Instance license.ResourceID
	Launch   time.Time
	Action   license.Mode
	Intent   time.Time // GrantResult.Intent, when the same run asks again
}

// GrantResult answers a Grant. Refused is "" when it was granted.
type GrantResult struct {
	Instance license.ResourceID
	Action   license.Mode // what may be done: never more than was asked
	Refused  Refusal
	Retry    time.Time // when asking again makes sense, for refusals that pass
	Intent   time.Time // when the intent was committed; tells whose it is
}

// Refusal says why an action was not granted.
type Refusal string

// The refusals. Only the budget and the settle window pass by themselves.
const (
	RefusedGone     Refusal = "gone"      // the license does not hold that generation any more
	RefusedCovered  Refusal = "no-answer" // policy asks for nothing now
	RefusedObserve  Refusal = "observe"
	RefusedSettling Refusal = "settling"
	RefusedBudget   Refusal = "budget"
)

func (f *folder) grant(g Grant) GrantResult {
	r := GrantResult{Instance: g.Instance}
	i, ok := f.find(g.Instance)
	if !ok {
		r.Refused = RefusedGone
		return r
	}
	e := &f.l.Entries[i]
	m := e.member(g.Instance)
	if m == nil || !m.Generation.Launch.Equal(g.Launch) {
		r.Refused = RefusedGone
		return r
	}
	answer := f.l.Answer(e, m, f.now)
	r.Action = answer.Action
	if g.Action == license.Tag {
		r.Action = license.Tag
	}
	switch {
	case !answer.Wanted():
		r.Refused = RefusedCovered
	case answer.Mode == license.Observe:
		r.Refused = RefusedObserve
	case f.now.Before(answer.NotBefore):
		r.Refused, r.Retry = RefusedSettling, answer.NotBefore
	case f.l.Unsettled || m.State == license.Pending:
		r.Refused, r.Retry = RefusedSettling, f.now.Add(retryTime)
	case m.Intent.Live(f.now) && !m.Intent.At.Equal(g.Intent) && f.now.Before(m.Intent.At.Add(runTime)):
		r.Refused, r.Retry = RefusedSettling, m.Intent.At.Add(runTime) // another run is at it
	case m.Intent.Live(f.now) && e.Verdict == Over && e.Licenses <= f.limit-f.l.Totals.Covered:
		f.endIntent(f.touch(i).member(g.Instance), f.now) // there is room since: the next fold covers it
		f.l.Unsettled, f.force = true, true
		r.Refused = RefusedCovered
	case m.Intent.Live(f.now): // granted before, not yet done: it costs nothing again
		if m.Intent.Action == license.Tag {
			r.Action = license.Tag
		}
		if !m.Intent.At.Equal(g.Intent) { // by a run that is dead
			f.spent(m.Intent, f.now)
			f.touch(i).member(g.Instance).Intent = Intent{Action: r.Action, At: f.now, Until: f.now.Add(intentTime)}
			f.force = true
		}
		r.Intent = f.l.Entries[i].member(g.Instance).Intent.At
	default:
		f.spend(i, g.Instance, &r)
	}
	return r
}

// spend takes one action from the budget of the last 60 minutes.
func (f *folder) spend(i int, id license.ResourceID, r *GrantResult) {
	recent := f.l.Actions[:0:0]
	for _, t := range f.l.Actions {
		if f.now.Sub(t) < time.Hour {
			recent = append(recent, t)
		}
	}
	if over := len(recent) - f.l.Configuration.Enforcement.ActionsPerHour; over >= 0 {
		r.Refused, r.Retry = RefusedBudget, recent[over].Add(time.Hour)
		return
	}
	f.l.Actions, f.force = append(recent, f.now), true
	m := f.touch(i).member(id)
	m.Intent = Intent{Action: r.Action, At: f.now, Until: f.now.Add(intentTime)}
	f.acted[id], r.Intent = "granted "+string(r.Action), f.now
}

// spent notes until when a granted action may have been done: from then on it
// counts against the budget of 60 minutes, and before that in any case.
func (f *folder) spent(in Intent, at time.Time) {
	i := slices.IndexFunc(f.l.Actions, in.At.Equal)
	if in.At.IsZero() || i < 0 {
		return
	}
	f.l.Actions[i] = milli(at)
	slices.SortFunc(f.l.Actions, time.Time.Compare)
}

// endIntent clears an intent that got no outcome, or did its work.
func (f *folder) endIntent(m *Member, at time.Time) {
	if m.Answered == "" {
		f.spent(m.Intent, at)
	}
	m.Intent = Intent{}
}

// ActionOutcome records what enforcement did, or would have done, to one
// generation of an instance.
type ActionOutcome struct {
	Instance license.ResourceID
	Launch   time.Time
	Action   Done
	Guard    Guard // found by the last look before acting
}

// Done is the outcome of an action.
type Done string

// The outcomes. What failed has none: it stays pending and is tried again.
const (
	DoneStopped   Done = "stopped"
	DoneTagged    Done = "tagged"
	DoneWouldStop Done = "would-stop"
	DoneWouldTag  Done = "would-tag"
	// DoneCancelled is only journaled: the answer was not wanted any more.
	DoneCancelled Done = "cancelled"
)

func (f *folder) outcome(o ActionOutcome) {
	i, ok := f.find(o.Instance)
	if !ok {
		return
	}
	m := f.l.Entries[i].member(o.Instance)
	if m == nil || !m.Generation.Launch.Equal(o.Launch) || m.Answered == string(o.Action) {
		return
	}
	m = f.touch(i).member(o.Instance)
	f.acted[o.Instance], f.force = string(o.Action), true
	f.spent(m.Intent, f.now)
	if o.Guard != Unguarded {
		m.Guard = o.Guard
	}
	m.Answered = string(o.Action)
	if o.Action == DoneTagged {
		m.Intent = Intent{} // nothing will be released by it
		if m.Guard != Unguarded && f.l.Configuration.Enforcement.Mode == license.Stop {
			f.guarded = append(f.guarded, o.Instance)
		}
	}
}
