package simulator

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// acknowledged is called when a function takes a message from its queue for
// good: by then it must have had its effect, or be among the dead letters.
func (s *Sim) acknowledged(p *process, m *message) {
	s.stats.Acknowledged++
	switch {
	case m.buried:
		if in, ok := p.told[m.about]; !m.bad && ok && p.missed[m.about] == 0 {
			s.violate("%s is buried though EC2 told that %s is %s", m.id, m.about.AWSID(), in.State)
		}
	case m.bad:
		s.violate("%s is acknowledged, but nobody can handle it", m.id)
	case m.tick:
		s.checkTicked(p, m)
	case m.about != "":
		s.checkSeen(p, m)
	case m.alert != "":
		if _, marked := s.store.marks[m.alert]; !marked || s.alerts[m.alert] == 0 {
			s.violate("%s is acknowledged: alert %s was sent %d times, marked %v", m.id, m.alert, s.alerts[m.alert], marked)
		}
	}
}

// checkTicked: what was due before a tick is folded after it.
func (s *Sim) checkTicked(p *process, m *message) {
	for id, l := range s.store.licenses {
		if !l.Due.IsZero() && l.Due.Before(p.started.Add(-2*s.profile.skew)) && s.store.written[id].Before(p.started) {
			s.violate("%s is acknowledged, but %s was due at %s", m.id, id, l.Due)
		}
		began := s.rulesAt(&l.Configuration, p.started.Add(-2*s.profile.skew))
		if began.Effective.Add(time.Minute).Before(p.started) || s.configuring[id] > 0 {
			continue
		}
		for _, f := range s.store.facts { // it may count what stopped before
			if at, ok := s.recorded[f.Instance.ID]; ok && at.Before(p.started) {
				s.counted(m.id+" is acknowledged, and the rules have begun", f.Instance, f.Generation)
			}
		}
	}
}

// checkSeen: what EC2 told of an event's instance is in the facts and in each
// license that applies to it, unless something newer is.
func (s *Sim) checkSeen(p *process, m *message) {
	in, told := p.told[m.about]
	if !told {
		if p.missed[m.about] == 0 {
			s.violate("%s is acknowledged, but nobody looked at %s", m.id, m.about.AWSID())
		}
		return
	}
	if m.receives < 3 && m.state != "" && in.LaunchTime.Equal(m.launch) && in.State.Rank() < m.state.Rank() {
		s.violate("%s is acknowledged at its receive %d, but EC2 told that %s is %s, not yet %s", m.id, m.receives, in.ID.AWSID(), in.State, m.state)
	}
	g := ledger.Generation{Launch: in.LaunchTime, Rank: in.State.Rank()}
	if _, ok := s.store.facts[in.ID]; !ok && !s.factsWereLost {
		s.violate("%s is acknowledged, but there are no facts of %s", m.id, in.ID.AWSID())
		return
	}
	if by := s.recorder[in.ID]; by != nil && by != p && (by.ending.IsZero() || by.crashed || by.hurt) {
		return // another call wrote other facts, and goes on to the licenses, or is repeated
	}
	s.counted(m.id+" is acknowledged", in, g)
	if s.store.facts[in.ID].Generation.Compare(g) == 0 { // else another call is recording something newer
		s.recorded[in.ID] = s.now
	}
}

// counted: an instance as it was seen is in every license that applies to it.
// A license whose configuration is just being changed is left out.
func (s *Sim) counted(when string, in license.Instance, g ledger.Generation) {
	facts := s.store.facts[in.ID]
	if newer := facts.Generation.Compare(g); newer > 0 || newer == 0 && !sameTags(facts.Instance.Tags, in.Tags) {
		return // something else was seen since
	}
	for id, l := range s.store.licenses {
		c := &l.Configuration
		if s.configuring[id] > 0 || !applies(c, in) {
			continue
		}
		skew := 2 * s.profile.skew // within it a new rule version is in force by one clock and not by another
		if !consumes(rulesOf(s.rulesAt(c, s.now.Add(-skew)).Text), in.State) || !consumes(rulesOf(s.rulesAt(c, s.now.Add(skew)).Text), in.State) {
			continue
		}
		if _, member := l.Find(in.ID); member == nil || member.Generation.Compare(g) < 0 {
			s.violate("%s, but %s does not have %s", when, id, in.ID.AWSID())
		}
	}
}

// checkConfigured: once a person's change is done, it counts for all that is on
// record and is not just being recorded.
func (s *Sim) checkConfigured(id string) {
	l := s.store.licenses[id]
	if l == nil || s.configuring[id] > 0 {
		return
	}
	for _, f := range s.store.facts {
		if _, ok := s.recorded[f.Instance.ID]; ok {
			s.counted("the change of "+id+" is done", f.Instance, f.Generation)
		}
	}
}

func applies(c *license.Configuration, in license.Instance) bool {
	for _, a := range c.Associations {
		if a.Matches(in) {
			return true
		}
	}
	return false
}

func sameTags(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if w, ok := b[k]; !ok || v != w {
			return false
		}
	}
	return true
}

// told is called when people are sent an alert. A second time is right only
// where the first left no mark before this one asked: its process died, lost an
// answer, or was still between the two.
func (s *Sim) told(p *process, id string) {
	s.note(p, "tells people of %s", id)
	if n, raised := s.alerts[id]; !raised {
		s.violate("people are told of %s, which no commit raised", id)
	} else if n > 0 {
		s.stats.Repeated++
		asked, before := p.asked[id], s.teller[id]
		overlaps := before.ending.IsZero() || !before.ending.Before(asked.at)
		switch {
		case asked.marked:
			s.violate("people are told again of %s, though it was marked", id)
		case before.crashed || before.hurt || p.hurt:
		case overlaps:
			s.stats.Overlapped++
		default:
			s.violate("people are told twice of %s, and nothing failed between", id)
		}
	}
	s.teller[id] = p
	s.alerts[id]++
	s.stats.Alerts++
}

// logged notes the revisions that an object of the change log holds.
func (s *Sim) logged(key string) {
	name := strings.TrimSuffix(key[strings.LastIndexByte(key, '/')+1:], ".jsonl")
	parts := strings.Split(name, "-")
	if len(parts) < 3 {
		s.violate("the change log has an object %s", key)
		return
	}
	first, _ := strconv.ParseInt(parts[len(parts)-2], 10, 64)
	last, _ := strconv.ParseInt(parts[len(parts)-1], 10, 64)
	for r := first; r <= last; r++ {
		s.log[strings.Join(parts[:len(parts)-2], "-")+"/r"+strconv.FormatInt(r, 10)] = true
	}
}

// letterOf notes what a queued message is about. An alert must not be queued
// before its commit is in the change log.
func (s *Sim) letterOf(queue, body string) letter {
	l := letter{body: body}
	if queue != alertQueue {
		return l
	}
	var a struct{ ID, License string }
	if err := json.Unmarshal([]byte(body), &a); err != nil || a.ID == "" {
		s.violate("an alert is queued that cannot be read: %v", err)
	}
	l.alert = a.ID
	if !s.log[a.License+a.ID[strings.LastIndexByte(a.ID, '/'):]] {
		s.violate("alert %s is queued before its commit is in the change log", a.ID)
	}
	return l
}
