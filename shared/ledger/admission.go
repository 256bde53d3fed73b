package ledger

import (
	"time"

	"licenseguard/shared/license"
)

// Admission asks whether an instance that does not serve yet may enter service:
// one that a launch hook of its Auto Scaling group holds.
type Admission struct {
	Instance license.ResourceID
	Launch   time.Time
}

// Admittance answers an Admission. Refused says that a hard limit has no room for
// it, or that it breaks a rule, and that policy would stop it; Why says so in
// words, or why it is let in although it does not fit. Unsettled says that the
// license is still being folded: ask again.
type Admittance struct {
	Refused   bool
	Why       string // "": it fits, or the license has nothing to do with it
	Unsettled bool
}

// Abandon is the action of a refused admission: the instance is ended by its group
// before it serves. No license asks for it; it is never an answer to what runs.
const Abandon license.Mode = "abandon"

// Admits tells how an instance stands that waits to enter service. It refuses
// only what Answer would stop, were it no member of a group: an overrun by launch
// under a hard limit whose mode is stop, not exempt, not estimated. Whatever is in
// doubt is let in and answered like any other launch.
//
// The windows of an answer (settle, grace, hours) are about taking away what
// serves: they play no part. Neither do guards whose reason is that: what is on
// instance store is lost with a launch that never served. Stop protection, a
// service that manages the instance, and exemptions are a person's word, and hold.
func (l *License) Admits(a Admission, now time.Time) Admittance {
	e, m := l.Find(a.Instance)
	if m == nil || !m.Generation.Launch.Equal(milli(a.Launch)) {
		return Admittance{}
	}
	return l.admits(e, m, now)
}

func (l *License) admits(e *Entry, m *Member, now time.Time) Admittance {
	rules, _ := l.Configuration.RulesAt(now)
	if !e.answerable(m) || !m.Consuming(&rules) || l.Configuration.Status == license.Disabled {
		return Admittance{}
	}
	unanswered := *m
	unanswered.Answered = "" // a tag does not let it in
	answer := l.answer(e, &unanswered, now, l.asked)
	_, guard := l.Measure(m.Instance, m.Guard, now)
	switch {
	case !answer.Wanted():
		return Admittance{Why: answer.Why}
	case answer.Mode != license.Stop:
		return Admittance{Why: answer.Why + "; the license is in mode " + string(answer.Mode)}
	case !guard.abandonable():
		return Admittance{Why: answer.Why + "; never abandoned: " + string(guard)}
	default:
		return Admittance{Refused: true, Why: answer.Why}
	}
}

// abandonable reports whether a launch that has not served may be ended in spite
// of the guard.
func (g Guard) abandonable() bool {
	switch g {
	case Unguarded, GuardAutoScaling, GuardInstanceStore, GuardOneTimeSpot:
		return true
	default:
		return false
	}
}

// Refused reports whether a launch was refused and has not ended yet. It keeps
// that answer: it is not covered while it lasts, also if there is room by then,
// because its group was made smaller for it.
func (m *Member) Refused(now time.Time) bool {
	return m.Intent.Action == Abandon && m.Intent.Live(now)
}

// letIn answers an admission for good. What is admitted keeps its cover from now
// on: its settle window is over, so that no older launch that arrives later takes
// it. What is refused has an intent, like an action that is under way.
func (f *folder) letIn(a Admission) Admittance {
	i, ok := f.find(a.Instance)
	if !ok {
		return Admittance{}
	}
	e := &f.l.Entries[i]
	m := e.member(a.Instance)
	switch {
	case m == nil || !m.Generation.Launch.Equal(milli(a.Launch)):
		return Admittance{}
	case m.Refused(f.now):
		return Admittance{Refused: true, Why: f.l.admits(e, m, f.now).Why}
	case f.l.Unsettled:
		return Admittance{Unsettled: true}
	}
	answer := f.l.admits(e, m, f.now)
	switch {
	case answer.Refused:
		f.touch(i).member(a.Instance).Intent = Intent{Action: Abandon, At: f.now, Until: f.now.Add(intentTime)}
		f.acted[a.Instance], f.force = "refused", true
	case e.Verdict == Covered && f.now.Before(e.Since.Add(f.l.Configuration.Enforcement.Settle)):
		f.touch(i).Since, f.force = time.Time{}, true
	}
	return answer
}
