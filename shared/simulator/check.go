package simulator

import (
	"maps"
	"slices"
	"strings"
	"time"

	"licenseguard/shared/config"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// checks remembers what the invariants need: it is kept from what passes the
// ports, not from what the functions think.
type checks struct {
	tightened map[string]time.Time // per license: the last change that leaves room for less
	answers   map[string]time.Time // and the last one of how overruns are answered
	overruns  map[holding]overrun
	offered   map[string]map[license.Association]time.Time
	once      map[string]map[license.Association]time.Time // associations given up, and when
	newest    map[holding]ledger.Generation
	grants    map[holding]grant
	exceeded  map[string]bool
	announced map[string]bool     // an alert of the limit came in a commit of an unsettled license
	alerts    map[string]int      // how often people were told of it
	teller    map[string]*process // who told it last
}

// holding is one instance of one license.
type holding struct {
	license  string
	instance license.ResourceID
}

// overrun is what was known when one began.
type overrun struct {
	verdict   ledger.Verdict
	launch    time.Time
	tightened time.Time
}

// grant is a stop intent, and what was wrong with it when it was committed.
type grant struct {
	at     time.Time
	action license.Mode
	launch time.Time
	wrong  string
}

func newChecks() checks {
	return checks{tightened: make(map[string]time.Time), answers: make(map[string]time.Time), overruns: make(map[holding]overrun), offered: make(map[string]map[license.Association]time.Time),
		once: make(map[string]map[license.Association]time.Time), newest: make(map[holding]ledger.Generation), grants: make(map[holding]grant),
		exceeded: make(map[string]bool), announced: make(map[string]bool), alerts: make(map[string]int), teller: make(map[string]*process)}
}

// committed is called for each commit that the store applied.
func (s *Sim) committed(before, after *ledger.License, c ledger.Commit) {
	id := after.Configuration.ID
	s.stats.Commits++
	s.stats.Pages += after.Pages
	if s.tracing {
		s.note(s.current, "commits %s revision %d: deployed %d covered %d over %d broken %d unsettled %v actions %v", id, after.Revision,
			after.Totals.Deployed(), after.Totals.Covered, after.Totals.Over, after.Totals.Broken, after.Unsettled, minutes(after.Actions))
		for _, d := range c.Change.Deltas {
			s.trace("    %s %s: %s → %s, %d → %d licenses, launch %s, cause %q, wants %q, done %q", d.Instance.AWSID(), d.State, d.From, d.To, d.Before, d.Licenses,
				d.Generation.Launch.Format(time.TimeOnly), d.Cause, d.Answer.Action, d.Action)
		}
		for _, a := range c.Change.Alerts {
			s.trace("    alert %s", a.ID)
		}
	}
	if c.Configured {
		s.stats.Configured++
		var old *license.Configuration
		if before != nil {
			old = &before.Configuration
		}
		s.configured(old, &after.Configuration)
	}
	s.checkStep(before, after, c.Change)
	s.checkLicense(after)
	s.checkGenerations(after)
	s.checkCrossing(after, c.Change)
	s.checkIntents(before, after)
	for _, a := range c.Change.Alerts {
		s.alerts[a.ID] += 0
	}
	s.append(c.Change)
}

// configured notes what a change of a configuration means.
func (s *Sim) configured(old, c *license.Configuration) {
	at := c.UpdatedAt
	if old == nil {
		s.tightened[c.ID], s.answers[c.ID] = at, at
		s.offered[c.ID], s.once[c.ID] = make(map[license.Association]time.Time), make(map[license.Association]time.Time)
	} else {
		if old.HardLimit != c.HardLimit || old.Status != c.Status || old.Enforcement.Mode != c.Enforcement.Mode {
			s.answers[c.ID] = at
		}
		if lower(old.Count, c.Count) || !slices.Equal(old.Rules[len(old.Rules)-1].Text, c.Rules[len(c.Rules)-1].Text) {
			s.tightened[c.ID] = at
		}
	}
	now := make(map[license.Association]time.Time)
	for _, a := range c.Associations {
		key := license.Association{Kind: a.Kind, Value: a.Value}
		now[key] = at
		if since, ok := s.offered[c.ID][key]; ok {
			now[key] = since
		}
	}
	for key := range s.offered[c.ID] {
		if _, ok := now[key]; !ok {
			s.once[c.ID][key] = s.now
		}
	}
	s.offered[c.ID] = now
}

func lower(old, new *int64) bool {
	return new != nil && (old == nil || *new < *old)
}

// checkLicense: the totals are what the entries add up to, nothing is covered
// that there is no license for, and nobody waits for one that is free.
func (s *Sim) checkLicense(l *ledger.License) {
	id := l.Configuration.ID
	var deployed, covered, over int64
	for i := range l.Entries {
		e := &l.Entries[i]
		switch e.Verdict {
		case ledger.Released:
			continue
		case ledger.Covered:
			covered += e.Licenses
		case ledger.Over:
			over += e.Licenses
		}
		deployed += e.Licenses
	}
	if t := l.Totals; t.Deployed() != deployed || t.Covered != covered || t.Over != over || t.Instances+t.Hosts != deployed {
		s.violate("%s r%d: the entries add up to %d deployed, %d covered, %d over; the totals say %+v", id, l.Revision, deployed, covered, over, t)
	}
	if l.Unsettled || l.Configuration.Count == nil {
		return
	}
	limit := *l.Configuration.Count
	if covered > limit {
		s.violate("%s r%d: %d covered of %d", id, l.Revision, covered, limit)
	}
	if l.Configuration.Status == license.Disabled {
		return
	}
	for i := range l.Entries {
		e := &l.Entries[i]
		if e.Verdict == ledger.Over && e.Licenses <= limit-covered && !slices.ContainsFunc(e.Members, func(m ledger.Member) bool { return !m.Intent.At.IsZero() }) {
			s.violate("%s r%d: %s waits for %d licenses while %d are free", id, l.Revision, e.Resource, e.Licenses, limit-covered)
		}
	}
}

// checkStep: a commit stands on the one before. What it does not tell of is as
// it was.
func (s *Sim) checkStep(before, after *ledger.License, c *ledger.Change) {
	id := after.Configuration.ID
	var was ledger.Totals
	if before != nil {
		was = before.Totals
	}
	if c.Before != was || c.After != after.Totals || c.Revision != after.Revision || before != nil && after.Revision != before.Revision+1 {
		s.violate("%s r%d: the change tells of r%d from %+v to %+v, it was %+v and is %+v", id, after.Revision, c.Revision, c.Before, c.After, was, after.Totals)
	}
	if before == nil {
		return
	}
	told := make(map[license.ResourceID]bool, len(c.Deltas))
	for i := range c.Deltas {
		told[c.Deltas[i].Instance] = true
	}
	rules, _ := after.Configuration.RulesAt(s.now)
	for i := range before.Entries {
		e := &before.Entries[i]
		for j := range e.Members {
			m := &e.Members[j]
			if told[m.Instance] || !m.Consuming(&rules) {
				continue
			}
			entry, member := after.Find(m.Instance)
			if member == nil || entry.Verdict != e.Verdict || entry.Licenses != e.Licenses || member.Generation != m.Generation || member.Answered != m.Answered {
				s.violate("%s r%d: %s changed, and the change does not tell", id, after.Revision, m.Instance.AWSID())
			}
		}
	}
}

// checkGenerations: what a license knows of an instance never gets older.
func (s *Sim) checkGenerations(l *ledger.License) {
	for i := range l.Entries {
		for j := range l.Entries[i].Members {
			m := &l.Entries[i].Members[j]
			h := holding{l.Configuration.ID, m.Instance}
			if last, ok := s.newest[h]; ok && m.Generation.Compare(last) < 0 {
				s.violate("%s r%d: %s goes back from %s rank %d to %s rank %d", h.license, l.Revision, m.Instance.AWSID(),
					last.Launch.Format(time.TimeOnly), last.Rank, m.Generation.Launch.Format(time.TimeOnly), m.Generation.Rank)
			}
			s.newest[h] = m.Generation
			now := overrun{l.Entries[i].Verdict, m.Generation.Launch, s.tightened[h.license]}
			if was := s.overruns[h]; was.verdict != now.verdict || !was.launch.Equal(now.launch) {
				s.overruns[h] = now
			}
		}
	}
}

// checkCrossing: whenever more is deployed than there are licenses, and was not
// before, the commit says so.
func (s *Sim) checkCrossing(l *ledger.License, c *ledger.Change) {
	id := l.Configuration.ID
	for _, a := range c.Alerts {
		if a.Kind == ledger.AlertLimit {
			s.announced[id] = true
		}
	}
	if l.Unsettled {
		return
	}
	exceeded := l.Configuration.Count != nil && l.Configuration.Status != license.Disabled && l.Totals.Deployed() > *l.Configuration.Count
	if exceeded && !s.exceeded[id] && !s.announced[id] {
		s.violate("%s r%d: %d deployed of %d, and nobody is told", id, l.Revision, l.Totals.Deployed(), *l.Configuration.Count)
	}
	s.exceeded[id], s.announced[id] = exceeded, false
}

// checkIntents judges each new stop intent by what is true, at the instant of
// its commit; what only the last look could tell, at the instant of that look.
func (s *Sim) checkIntents(before, after *ledger.License) {
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
			wrong := s.wrong(after, e, m)
			s.grants[holding{after.Configuration.ID, m.Instance}] = grant{at: s.now, action: m.Intent.Action, launch: m.Generation.Launch, wrong: wrong}
			s.trace("    intent of %s to %s %s: %s", after.Configuration.ID, m.Intent.Action, m.Instance.AWSID(), wrong)
			if wrong != "" {
				s.violate("%s r%d: intent to %s %s: %s", after.Configuration.ID, after.Revision, m.Intent.Action, m.Instance.AWSID(), wrong)
			}
		}
	}
}

// wrong tells why an instance must not be answered so, or "".
func (s *Sim) wrong(l *ledger.License, e *ledger.Entry, m *ledger.Member) string {
	c := &l.Configuration
	stop := m.Intent.Action == license.Stop
	truth := s.cloud.byID[m.Instance.AWSID()]
	if truth == nil {
		return "there is no such instance"
	}
	looked := s.now
	if at, ok := s.current.looked[m.Instance]; ok {
		looked = at
	}
	seen, found := truth.at(looked)
	switch {
	case stop && c.Enforcement.Mode != license.Stop, c.Enforcement.Mode == license.Observe:
		return "the license is in mode " + string(c.Enforcement.Mode)
	case !c.HardLimit || c.Count == nil || c.Status == license.Disabled:
		return "the license has no hard limit, or is disabled"
	case e.Verdict != ledger.Over && len(m.Broken) == 0:
		return "it is " + string(e.Verdict)
	case e.Verdict == ledger.Over && l.Totals.Deployed() <= *c.Count:
		return "there is no overrun"
	case !found:
		return "it was gone when it was looked at"
	case !seen.LaunchTime.Equal(m.Generation.Launch):
		return "it was another launch when it was looked at"
	case !seen.LaunchTime.After(s.overruns[holding{c.ID, m.Instance}].tightened), !seen.LaunchTime.After(s.answers[c.ID]):
		return "it was launched before the last change that tightened"
	case !s.appliedAt(c.ID, seen):
		return "it was launched before the association"
	case truth.in.LaunchTime.Equal(seen.LaunchTime) && truth.seen.After(seen.LaunchTime.Add(17*time.Minute)):
		return "it was found long after its launch"
	case !stop:
		return ""
	case truth.group != nil:
		return "Auto Scaling would replace it"
	case seen.Spot && !seen.SpotPersistent:
		return "it is one-time Spot"
	case seen.Type == storeType:
		return "it has an instance store"
	case seen.StopProtected || seen.Tags[license.TagProtected] == "true":
		return "it is protected"
	}
	return ""
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

// acted is called when EC2 takes a tag or a stop.
func (s *Sim) acted(p *process, m *machine, stop bool) {
	id := m.in.ID
	s.note(p, "%s: tagged or stopped (%v)", id.AWSID(), stop)
	of, _, _ := strings.Cut(m.in.Tags[config.TagReason], ":")
	g, ok := s.grants[holding{of, id}]
	switch {
	case !ok || s.now.Sub(g.at) > 11*time.Minute:
		s.violate("%s is touched for %s without an intent", id.AWSID(), of)
	case stop && g.action != license.Stop:
		s.violate("%s is stopped for %s, but only a tag was granted", id.AWSID(), of)
	}
	if stop {
		s.stats.Stops++
		if m.group != nil {
			s.violate("%s is stopped though Auto Scaling would replace it", id.AWSID())
		}
	} else {
		s.stats.Tags++
	}
	a := act{license: of, id: id, launch: g.launch, at: s.now, stop: stop}
	if at := slices.IndexFunc(s.cloud.journal, func(b act) bool { return b.license == of && b.id == id && b.launch.Equal(g.launch) }); at >= 0 {
		if stop {
			s.cloud.journal[at] = a
		}
	} else {
		s.cloud.journal = append(s.cloud.journal, a)
	}
	s.checkBudget(of)
}

// checkBudget counts what was done for a license within the last 60 minutes.
func (s *Sim) checkBudget(id string) {
	l := s.store.licenses[id]
	if l == nil {
		return
	}
	recent := 0
	for _, a := range s.cloud.journal {
		if a.license == id && s.now.Sub(a.at) < time.Hour {
			recent++
		}
	}
	if most := l.Configuration.Enforcement.ActionsPerHour; recent > most {
		s.violate("%s: %d instances answered within 60 minutes, the budget is %d", id, recent, most)
	}
}

// told is called when people are sent an alert.
func (s *Sim) told(p *process, id string) {
	s.note(p, "tells people of %s", id)
	if n, raised := s.alerts[id]; !raised {
		s.violate("people are told of %s, which no commit raised", id)
	} else if n > 0 {
		s.stats.Repeated++
		if _, marked := s.store.marks[id]; marked || slices.Contains(s.processes, s.teller[id]) {
			s.stats.Overlapped++ // else the one before died, or lost the answer, before its mark
		}
	}
	s.teller[id] = p
	if p.asked[id] {
		s.violate("people are told again of %s, though it was marked", id)
	}
	s.alerts[id]++
	s.stats.Alerts++
}

func (m *memory) keys() []string { return slices.Sorted(maps.Keys(m.actions)) }

func minutes(times []time.Time) (out []string) {
	for _, t := range times {
		out = append(out, t.Sub(begin).Round(time.Second).String())
	}
	return out
}
