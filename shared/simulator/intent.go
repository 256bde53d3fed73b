package simulator

import (
	"slices"
	"strings"
	"time"

	"licenseguard/shared/config"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// checkIntents judges each new stop intent by what is true, at the instant of
// its commit; what only the last look could tell, at the instant of that look.
func (s *Sim) checkIntents(before, after *ledger.License, at time.Time) {
	for i := range after.Entries {
		e := &after.Entries[i]
		for j := range e.Members {
			m := &e.Members[j]
			if m.Intent.At.IsZero() {
				continue
			}
			if before != nil {
				if _, was := before.Find(m.Instance); was != nil && was.Intent.At.Equal(m.Intent.At) {
					continue
				}
			}
			wrong := s.wrong(after, e, m, at)
			s.grants[holding{after.Configuration.ID, m.Instance}] = grant{at: s.now, action: m.Intent.Action, launch: m.Generation.Launch, wrong: wrong}
			s.trace("    intent of %s to %s %s: %s", after.Configuration.ID, m.Intent.Action, m.Instance.AWSID(), wrong)
			if wrong != "" {
				s.violate("%s r%d: intent to %s %s: %s", after.Configuration.ID, after.Revision, m.Intent.Action, m.Instance.AWSID(), wrong)
			}
		}
	}
}

// wrong tells why an instance must not be answered so, or "".
func (s *Sim) wrong(l *ledger.License, e *ledger.Entry, m *ledger.Member, at time.Time) string {
	c := &l.Configuration
	action := m.Intent.Action
	stop := action.TakesAway()
	approved := s.approved(c, e, m, at)
	truth := s.cloud.byID[m.Instance.AWSID()]
	if truth == nil {
		return "there is no such instance"
	}
	looked := s.now
	if at, ok := s.current.looked[m.Instance]; ok {
		looked = at
	}
	seen, found := truth.at(looked)
	if shown, ok := s.current.shown[m.Instance]; ok && found {
		seen = shown // something else may have happened at that very instant
	}
	since := s.judged[holding{c.ID, e.Resource}].since
	if truth.in.LaunchTime.Equal(m.Generation.Launch) { // else a look told of a later launch
		since = later(since, truth.seen)
	}
	switch {
	case stop && c.Enforcement.Mode != license.Stop, c.Enforcement.Mode == license.Observe:
		return "the license is in mode " + string(c.Enforcement.Mode)
	case !c.HardLimit || c.Count == nil || c.Status == license.Disabled:
		return "the license has no hard limit, or is disabled"
	case expired(c, at):
		return "the licenses expired"
	case !slices.Contains(s.accounts, truth.account()):
		return "it is in an account that nobody watches"
	case e.Verdict != ledger.Over && len(m.Broken) == 0:
		return "it is " + string(e.Verdict)
	case e.Verdict == ledger.Over && l.Totals.Deployed() <= *c.Count:
		return "there is no overrun"
	case e.Verdict == ledger.Over && !surelyBroken(m) && (e.Estimated || surely(l) <= *c.Count):
		return "the overrun rests on estimates"
	case !found:
		return "it was gone when it was looked at"
	case !seen.LaunchTime.Equal(m.Generation.Launch):
		return "it was another launch when it was looked at"
	case s.exempt(c, m.Instance, at, true):
		return "a person undid the answer"
	case stop && s.exempt(c, m.Instance, at, false):
		return "it is exempt"
	case !approved && s.endedExemption(c, m.Instance, seen.LaunchTime, at):
		return "it is over only because its exemption ended"
	case !approved && (!seen.LaunchTime.After(s.overruns[holding{c.ID, m.Instance}].tightened) || !seen.LaunchTime.After(s.answers[c.ID])):
		return "it was launched before the last change that tightened"
	case !approved && !s.factsWereLost && !s.firstSeen[m.Instance].After(s.overruns[holding{c.ID, m.Instance}].tightened):
		return "it ran before the last change that tightened, and was only started again"
	case at.Add(2 * s.profile.skew).Before(since.Add(c.Enforcement.Settle)):
		return "the overrun has not lasted"
	case stop && at.Add(s.profile.skew).Before(seen.LaunchTime.Add(90*time.Second)):
		return "it is too young: Auto Scaling's tags may come"
	case stop && !approved && at.Add(2*s.profile.skew).Before(since.Add(c.Enforcement.Settle+c.Enforcement.Grace)):
		return "its time of grace is not over"
	case stop && !inHours(c.Enforcement.Hours.String(), at, s.profile.skew):
		return "it is outside of the hours"
	case !approved && !s.appliedAt(c.ID, seen):
		return "it was launched before the association"
	case !approved && truth.in.LaunchTime.Equal(seen.LaunchTime) && truth.seen.After(seen.LaunchTime.Add(17*time.Minute)):
		return "it was found long after its launch"
	case !stop:
		return ""
	case action == license.Stop && truth.group != nil:
		return "Auto Scaling would replace it"
	case action != license.Stop && action != c.Enforcement.AutoScaling.Action():
		return "its group has another policy"
	case c.Enforcement.TagsExempt && seen.Tags[license.TagExempt] == "true":
		return "it has the tag of an exemption"
	case seen.Spot && !seen.SpotPersistent:
		return "it is one-time Spot"
	case seen.Type == storeType:
		return "it has an instance store"
	case seen.StopProtected || seen.Tags[license.TagProtected] == "true":
		return "it is protected"
	}
	return ""
}

// surely adds up what does not rest on estimates.
func surely(l *ledger.License) (sum int64) {
	for i := range l.Entries {
		if e := &l.Entries[i]; !e.Estimated && e.Verdict != ledger.Released {
			sum += e.Licenses
		}
	}
	return sum
}

func surelyBroken(m *ledger.Member) bool {
	return slices.ContainsFunc(m.Broken, func(v license.Violation) bool { return !v.Estimated })
}

// appliedAt reports whether some association of the license applied to an
// instance when it was launched, or, by a tag, could have come within the time
// in which an instance counts as launched.
func (s *Sim) appliedAt(id string, in license.Instance) bool {
	for a, since := range s.offered[id] {
		if a.Matches(in) && !since.After(in.LaunchTime) {
			return true
		}
	}
	for a := range s.once[id] { // given up, but inherited
		if a.Kind.Inherited() && a.Matches(in) {
			return true
		}
	}
	return false
}

// approvedSince reports whether a person approved, after an undo, what a license
// that began to apply only then lists. One that the undo names lists nothing.
func (s *Sim) approvedSince(of string, id license.ResourceID, undo time.Time) bool {
	l := s.store.licenses[of]
	if l == nil {
		return false
	}
	if x, ok := l.Configuration.Exempt(id, s.now); ok && x.Undo {
		return false
	}
	for i := range l.Entries {
		for j := range l.Entries[i].Members {
			if m := &l.Entries[i].Members[j]; m.Instance == id {
				return m.Approval.Plan != "" && m.Approval.At.After(undo)
			}
		}
	}
	return false
}

// acted is called when EC2 or Auto Scaling takes what is done to an instance.
func (s *Sim) acted(p *process, m *machine, action license.Mode) {
	id := m.in.ID
	s.note(p, "%s: %s", id.AWSID(), ledger.Past(action))
	of, _, _ := strings.Cut(m.in.Tags[config.TagReason], ":")
	g, ok := s.grants[holding{of, id}]
	stop := action.TakesAway()
	switch {
	case !ok || s.now.Sub(g.at) > 11*time.Minute:
		s.violate("%s is touched for %s without an intent", id.AWSID(), of)
	case stop && g.action != action && (g.action != license.Detach || action != license.Stop): // a detached one is stopped next
		s.violate("%s is to be %s for %s, but %s was granted", id.AWSID(), ledger.Past(action), of, g.action)
	}
	s.checkFresh(p, id, of)
	s.checkHeld(p, id, of)
	if stop {
		s.stats.Stops++
		if at, ok := s.restarted[id]; ok && s.now.Before(at.Add(23*time.Hour)) && !s.factsWereLost && !s.approvedSince(of, id, at) {
			s.violate("%s is taken away for %s, %s after an undo started it", id.AWSID(), of, s.now.Sub(at).Round(time.Minute))
		}
		if m.group != nil && action == license.Stop {
			s.violate("%s is stopped though Auto Scaling would replace it", id.AWSID())
		}
	} else {
		s.stats.Tags++
	}
	a := act{license: of, id: id, launch: g.launch, at: s.now, action: action, by: p}
	if at := slices.IndexFunc(s.cloud.journal, func(b act) bool { return b.license == of && b.id == id && b.launch.Equal(g.launch) }); at >= 0 {
		before := s.cloud.journal[at]
		again := s.approvals[holding{of, id}].at.After(before.at) || // a person wants it once more
			before.by.crashed || before.by.hurt // it could not note what it did
		if action == license.Lower && before.action == license.Lower && !again {
			s.violate("the group of %s is made smaller twice for %s", id.AWSID(), of)
		}
		if stop {
			s.cloud.journal[at] = a
		}
	} else {
		s.cloud.journal = append(s.cloud.journal, a)
	}
	s.checkBudget(of)
	if stop {
		s.checkBudgets(id)
	}
}

// checkBudget counts what was done for a license within the last 60 minutes.
func (s *Sim) checkBudget(id string) {
	l := s.store.licenses[id]
	if l == nil {
		return
	}
	recent := 0
	for _, a := range s.cloud.journal {
		if a.license == id && s.now.Sub(a.at) < time.Hour-2*s.profile.skew {
			recent++
		}
	}
	if most := l.Configuration.Enforcement.ActionsPerHour; recent > most {
		s.violate("%s: %d instances answered within 60 minutes, the budget is %d", id, recent, most)
	}
}

// checkFresh: license and instance were read after whatever else the process
// did before this.
func (s *Sim) checkFresh(p *process, id license.ResourceID, of string) {
	if p.acting == id {
		return // the stop after the tag
	}
	if !p.fresh[of] || !p.fresh[string(id)] || !p.fresh[brakesRead] {
		s.violate("%s is touched for %s, and others were since it was looked at (%v), the license was read (%v) or the brakes were (%v)", id.AWSID(), of,
			p.fresh[string(id)], p.fresh[of], p.fresh[brakesRead])
	}
	p.acting = id
	clear(p.fresh)
}

// read notes that a process read a license.
func (s *Sim) read(id string) {
	if s.current != nil {
		s.current.fresh[id] = true
		if id == brakesRead {
			s.current.braking = s.now
		}
	}
}
