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
	case exemption.Undo:
		return Answer{Why: WhyUndone}
	case !asked(e, m, now) || !broken && !e.all(&rules, func(m *Member) bool { return asked(e, m, now) }):
		return Answer{Why: WhyListed}
	case m.Answered != "":
		return Answer{Why: WhyAnswered}
	case !m.Kind.Inherited() && !slices.ContainsFunc(c.Associations, func(a license.Association) bool { return a.Kind == m.Kind && a.Value == m.Value }):
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
	case r.Action != license.Tag && r.Action != g.Action: // the look before it found what the ledger will know soon
		r.Refused, r.Retry = RefusedSettling, f.now.Add(retryTime)
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
		if m.Intent.Action != r.Action { // never more than was granted
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

// spend takes one action from the license's budget.
func (f *folder) spend(i int, id license.ResourceID, r *GrantResult) {
	room, retry := f.l.Room(f.now)
	if room == 0 {
		r.Refused, r.Retry = RefusedBudget, retry
		return
	}
	f.l.Actions = slices.DeleteFunc(f.l.Actions, func(t time.Time) bool { return f.now.Sub(t) >= time.Hour })
	f.l.Actions, f.force = append(f.l.Actions, f.now), true
	m := f.touch(i).member(id)
	m.Intent = Intent{Action: r.Action, At: f.now, Until: f.now.Add(intentTime)}
	f.acted[id], r.Intent = "granted "+string(r.Action), f.now
}

// Room returns how many actions the license's budget of 60 minutes has room for
// and, where it is none, when it has again.
func (l *License) Room(now time.Time) (room int, retry time.Time) {
	most := l.Configuration.Enforcement.ActionsPerHour
	var recent []time.Time
	for _, t := range l.Actions {
		if now.Sub(t) < time.Hour {
			recent = append(recent, t)
		}
	}
	if over := len(recent) - most; over >= 0 {
		return 0, recent[over].Add(time.Hour)
	}
	return most - len(recent), time.Time{}
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
	DoneDetached  Done = "detached" // from its Auto Scaling group, and stopped
	DoneLowered   Done = "lowered"  // its group's desired capacity
	DoneWouldStop Done = "would-stop"
	DoneWouldTag  Done = "would-tag"
	// DoneUndone is only journaled: what was done before was taken back.
	DoneUndone Done = "undone"
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
	if o.Guard != Unguarded && o.Guard != GuardExempt { // an exemption is the configuration's, and ends
		m.Guard = o.Guard
	}
	m.Answered = string(o.Action)
	if o.Action == DoneTagged || o.Action == DoneLowered {
		m.Intent = Intent{} // nothing will be released by it
		if o.Action == DoneTagged && o.Guard != Unguarded && f.l.Configuration.Enforcement.Mode == license.Stop {
			f.guarded = append(f.guarded, o.Instance)
		}
	}
}
