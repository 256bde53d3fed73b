package simulator

import (
	"time"

	"licenseguard/shared/config"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// brakesRead stands for the brakes among what a process read.
const brakesRead = "brakes"

// approval is a person's yes to one answer.
type approval struct {
	launch time.Time
	at     time.Time
}

// fleet is what might be taken away in an hour, from an instant on.
type fleet struct {
	at   time.Time
	most int
}

// braked is called for each commit of the brakes.
func (s *Sim) braked(before, after *ledger.Brakes, c *ledger.Change) {
	s.note(s.current, "commits brakes revision %d: %s, holds %v, %d spent, fleet %v", after.Revision, c.Reason, after.Holds, len(after.Spent), after.Fleet)
	for _, a := range c.Alerts {
		s.alerts[a.ID] += 0
	}
	held := make(map[ledger.Scope]bool)
	for _, h := range after.Holds {
		held[h.Scope] = true
		if _, was := s.heldSince[h.Scope]; !was {
			s.heldSince[h.Scope] = s.now
			s.stats.Holds++
			if len(c.Alerts) == 0 {
				s.violate("brakes r%d: %s is held, and nobody is told", after.Revision, h.Scope)
			}
		}
	}
	for scope := range s.heldSince {
		if held[scope] {
			continue
		}
		if s.current != nil && s.current.name != "resumes" {
			s.violate("brakes r%d: %s ended the hold of %s, which only a person may", after.Revision, s.current.name, scope)
		}
		delete(s.heldSince, scope)
	}
	sum := 0
	for _, n := range after.Fleet {
		sum += n
	}
	most := max(after.Limits.FleetLeast, (sum*after.Limits.FleetPercent+99)/100)
	s.fleets = append(s.fleets, fleet{s.now, most})
	s.append(c)
}

// checkHeld: nothing is touched by a process that could know of a hold.
func (s *Sim) checkHeld(p *process, id license.ResourceID, of string) {
	account, _, _ := id.Parts()
	for scope, since := range s.heldSince {
		if scope.Covers(account, of) && since.Before(p.braking) {
			s.violate("%s is touched for %s, though %s is held since %s", id.AWSID(), of, scope, since.Format(time.TimeOnly))
		}
	}
}

// checkBudgets counts what was taken away within the last 60 minutes, in an
// account and in all.
func (s *Sim) checkBudgets(id license.ResourceID) {
	account, _, _ := id.Parts()
	hour := time.Hour - 2*s.profile.skew
	inAccount, inAll := 0, 0
	for _, a := range s.cloud.journal {
		if !a.action.TakesAway() || s.now.Sub(a.at) >= hour {
			continue
		}
		inAll++
		if owner, _, _ := a.id.Parts(); owner == account {
			inAccount++
		}
	}
	most := 0 // the fleet shrinks, too, by what is stopped
	for i, f := range s.fleets {
		if last := i == len(s.fleets)-1; last || s.now.Sub(s.fleets[i+1].at) < time.Hour {
			most = max(most, f.most)
		}
	}
	if limit := s.store.brakes.Limits.AccountPerHour; inAccount > limit {
		s.violate("%d instances of account %s are taken away within 60 minutes, the budget is %d", inAccount, account, limit)
	}
	if inAll > most {
		s.violate("%d instances are taken away within 60 minutes, the fleet's budget is %d", inAll, most)
	}
}

// noteApproval: only a person approves.
func (s *Sim) noteApproval(l *ledger.License, d *ledger.Delta) {
	if len(d.Action) < len("approved ") || d.Action[:len("approved ")] != "approved " {
		return
	}
	if s.current == nil || s.current.name != applyName {
		s.violate("%s r%d: the answer to %s is approved, and by no person", l.Configuration.ID, l.Revision, d.Instance.AWSID())
	}
	if hash := d.Action[len("approved "):]; !listed(s.store.plans[hash], l.Configuration.ID, d) {
		s.violate("%s r%d: the answer to %s is approved, which plan %s does not list", l.Configuration.ID, l.Revision, d.Instance.AWSID(), hash)
	}
	s.approvals[holding{l.Configuration.ID, d.Instance}] = approval{d.Generation.Launch, s.now}
}

// listed reports whether a plan has that launch of an instance among what waits.
func listed(p ledger.Plan, id string, d *ledger.Delta) bool {
	for _, part := range p.Licenses {
		for _, item := range part.Items {
			if part.License == id && item.Instance == d.Instance && item.Launch.Equal(d.Generation.Launch) && item.Waits {
				return true
			}
		}
	}
	return false
}

// approved reports whether a person said yes to what is the case still.
func (s *Sim) approved(c *license.Configuration, e *ledger.Entry, m *ledger.Member, at time.Time) bool {
	a, ok := s.approvals[holding{c.ID, m.Instance}]
	return ok && a.launch.Equal(m.Generation.Launch) && at.Sub(a.at) < 24*time.Hour+s.profile.skew &&
		!s.judged[holding{c.ID, e.Resource}].since.After(a.at.Add(s.profile.skew)) && !s.answers[c.ID].After(a.at.Add(s.profile.skew)) && !s.tightened[c.ID].After(a.at.Add(s.profile.skew))
}

// exempt reports whether an instance has an exemption, or one that an undo made.
func (s *Sim) exempt(c *license.Configuration, id license.ResourceID, at time.Time, undo bool) bool {
	for _, e := range c.Exemptions {
		end := e.Until
		if !e.Ended.IsZero() {
			end = e.Ended
		}
		if e.Instance == id && (!undo || e.Undo) && at.Before(end) {
			return true
		}
	}
	return false
}

// endedExemption reports whether one ended after a launch.
func (s *Sim) endedExemption(c *license.Configuration, id license.ResourceID, launch, at time.Time) bool {
	if s.exempt(c, id, at, false) {
		return false
	}
	for _, e := range c.Exemptions {
		end := e.Until
		if !e.Ended.IsZero() {
			end = e.Ended
		}
		if e.Instance == id && end.After(launch) {
			return true
		}
	}
	return false
}

// restores reports whether tags are what an undo puts back.
func (s *Sim) restores(m *machine, tags map[string]string) bool {
	for _, a := range s.store.actions {
		if a.Undo == nil || a.Instance != m.in.ID {
			continue
		}
		all := true
		for k, v := range tags {
			all = all && a.Undo.Replaced[k] == v
		}
		if all {
			return true
		}
	}
	return false
}

// checkUndone: what was undone runs again, and does not have our tags any more.
func (s *Sim) checkUndone(e ledger.JournalEntry) {
	m := s.cloud.byID[e.Instance.AWSID()]
	s.stats.Undone++
	if e.Error != "" || m.in.State == license.Terminated || m.in.State == license.ShuttingDown {
		return
	}
	was := s.store.journal[ledger.JournalEntry{License: e.License, Instance: e.Instance, Launch: e.Launch, Action: ledger.Done(e.Why[len("undo of "):])}.Key()]
	if was.Action == ledger.DoneStopped && m.in.State == license.Stopped && m.in.LaunchTime.Equal(e.Launch) {
		s.violate("%s is noted as undone, and is stopped", e.Instance.AWSID())
	}
	if reason := m.in.Tags[config.TagReason]; reason != "" && reason == was.Tags[config.TagReason] {
		s.violate("%s is noted as undone, and is tagged %q", e.Instance.AWSID(), reason)
	}
}
