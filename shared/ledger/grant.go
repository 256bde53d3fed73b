package ledger

import (
	"slices"
	"time"

	"licenseguard/shared/license"
)

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
	// DoneAbandoned is a launch that did not enter service: its group ended it.
	DoneAbandoned Done = "abandoned"
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
