package simulator

import (
	"maps"
	"slices"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// checks remembers what the invariants need: it is kept from what passes the
// ports, not from what the functions think.
type checks struct {
	tightened   map[string]time.Time // per license: the last change that leaves room for less
	answers     map[string]time.Time // and the last one of how overruns are answered
	overruns    map[holding]overrun
	judged      map[holding]judgement // per consuming resource
	offered     map[string]map[license.Association]time.Time
	once        map[string]map[license.Association]time.Time // associations given up, and when
	newest      map[holding]ledger.Generation
	looks       map[holding]time.Time // the newest look at that generation
	grants      map[holding]grant
	called      map[holding]bool      // the last commit that told of it asked for an answer, not cancelled since
	assigned    map[holding]time.Time // hosts that are covered, since when
	most        map[string]int64      // per unsettled license: the largest count since it was settled
	exceeded    map[string]bool
	announced   map[string]bool                  // an alert of the limit came in a commit of an unsettled license
	alerts      map[string]int                   // how often people were told of it
	teller      map[string]*process              // who told it last
	log         map[string]bool                  // commits in the change log
	firstSeen   map[license.ResourceID]time.Time // when facts were first written
	inherits    map[holding]license.Association  // given up, but kept by what had it
	recorded    map[license.ResourceID]time.Time // instances whose facts are in their licenses, since when
	recorder    map[license.ResourceID]*process  // who wrote their facts last
	configuring map[string]int                   // persons who are changing a license
	approvals   map[holding]approval
	exempted    map[holding]bool // had an exemption at some time
	heldSince   map[ledger.Scope]time.Time
	restarted   map[license.ResourceID]time.Time // by an undo
	fleets      []fleet                          // what the fleet's budget was, oldest first
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

// judgement is a verdict, and since when it holds.
type judgement struct {
	verdict ledger.Verdict
	since   time.Time
}

// grant is a stop intent, and what was wrong with it when it was committed.
type grant struct {
	at     time.Time
	action license.Mode
	launch time.Time
	wrong  string
}

func newChecks() checks {
	return checks{tightened: make(map[string]time.Time), answers: make(map[string]time.Time), overruns: make(map[holding]overrun), judged: make(map[holding]judgement), offered: make(map[string]map[license.Association]time.Time),
		once: make(map[string]map[license.Association]time.Time), newest: make(map[holding]ledger.Generation), looks: make(map[holding]time.Time), grants: make(map[holding]grant), called: make(map[holding]bool),
		exceeded: make(map[string]bool), announced: make(map[string]bool), alerts: make(map[string]int), teller: make(map[string]*process),
		log: make(map[string]bool), recorded: make(map[license.ResourceID]time.Time), recorder: make(map[license.ResourceID]*process), firstSeen: make(map[license.ResourceID]time.Time), inherits: make(map[holding]license.Association), configuring: make(map[string]int),
		assigned: make(map[holding]time.Time), most: make(map[string]int64), approvals: make(map[holding]approval), exempted: make(map[holding]bool),
		heldSince: make(map[ledger.Scope]time.Time), restarted: make(map[license.ResourceID]time.Time)}
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
	at := c.Change.Recorded
	s.checkStep(before, after, c.Change)
	s.checkLicense(after, at)
	s.checkOrder(before, after, at)
	s.checkGenerations(before, after, at)
	s.checkGone(before, after)
	s.checkCrossing(after, c.Change)
	s.checkIntents(before, after, at)
	s.assign(after, at)
	for _, a := range c.Change.Alerts {
		s.alerts[a.ID] += 0
	}
	s.noteRace(after, c.Change)
	for i := range c.Change.Deltas {
		d := &c.Change.Deltas[i]
		s.noteApproval(after, d)
		s.called[holding{id, d.Instance}] = d.Answer.Wanted()
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
		if old.HardLimit != c.HardLimit || old.Enforcement.AutoScaling != c.Enforcement.AutoScaling || old.Enforcement.TagsExempt != c.Enforcement.TagsExempt || old.Status != c.Status || old.Enforcement.Mode != c.Enforcement.Mode || expired(old, at) != expired(c, at) {
			s.answers[c.ID] = at
		}
		if lower(limitOf(old, at), limitOf(c, at)) || !slices.Equal(s.rulesAt(old, at).Text, s.rulesAt(c, at).Text) {
			s.tightened[c.ID] = at
		}
	}
	for _, e := range c.Exemptions {
		s.exempted[holding{c.ID, e.Instance}] = true
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
			s.inherit(c.ID, key)
		}
	}
	s.offered[c.ID] = now
}

// inherit notes the instances that have an association which is given up.
func (s *Sim) inherit(id string, a license.Association) {
	for _, f := range s.store.facts {
		for _, h := range f.Held {
			if a.Kind.Inherited() && h.ConfigurationID == id && h.Kind == a.Kind && h.Value == a.Value && h.Ended.IsZero() {
				s.inherits[holding{id, f.Instance.ID}] = a
			}
		}
	}
}

func lower(old, new *int64) bool {
	return new != nil && (old == nil || *new < *old)
}

func expired(c *license.Configuration, at time.Time) bool {
	return !c.Expiry.IsZero() && !at.Before(c.Expiry)
}

// limitOf returns how many licenses there are at an instant; nil: no limit.
func limitOf(c *license.Configuration, at time.Time) *int64 {
	if c.Count == nil || !expired(c, at) {
		return c.Count
	}
	return new(int64)
}

// rulesAt returns the rule version in force at an instant.
func (s *Sim) rulesAt(c *license.Configuration, at time.Time) license.RuleVersion {
	v := c.Rules[0]
	for _, next := range c.Rules[1:] {
		if !next.Effective.After(at) {
			v = next
		}
	}
	return v
}

// checkLicense: the totals are what the entries add up to, nothing is covered
// that there is no license for, and nobody waits for one that is free.
func (s *Sim) checkLicense(l *ledger.License, at time.Time) {
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
	count := limitOf(&l.Configuration, at)
	if count == nil {
		delete(s.most, id)
		return
	}
	limit := *count
	if l.Unsettled { // what is over a lower count is not yet all judged
		s.most[id] = max(s.most[id], limit)
	}
	if covered > max(limit, s.most[id]) {
		s.violate("%s r%d: %d covered of %d", id, l.Revision, covered, limit)
	}
	s.most[id] = max(limit, covered)
	if l.Unsettled {
		return
	}
	s.most[id] = limit
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
	rules, _ := after.Configuration.RulesAt(c.Recorded)
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

// checkGenerations: what a license knows of an instance never gets older while
// it holds it. What it took in again can be: facts on record have no fence of
// their own.
func (s *Sim) checkGenerations(before, l *ledger.License, at time.Time) {
	for i := range l.Entries {
		whole := holding{l.Configuration.ID, l.Entries[i].Resource}
		if v := l.Entries[i].Verdict; s.judged[whole].verdict != v {
			s.judged[whole] = judgement{v, at}
		}
		for j := range l.Entries[i].Members {
			m := &l.Entries[i].Members[j]
			h := holding{l.Configuration.ID, m.Instance}
			if last, ok := s.newest[h]; ok && m.Generation.Compare(last) < 0 && holds(before, m.Instance) {
				s.violate("%s r%d: %s goes back from %s rank %d to %s rank %d", h.license, l.Revision, m.Instance.AWSID(),
					last.Launch.Format(time.TimeOnly), last.Rank, m.Generation.Launch.Format(time.TimeOnly), m.Generation.Rank)
			}
			if s.newest[h] == m.Generation && m.Observed.Before(s.looks[h]) && holds(before, m.Instance) {
				s.violate("%s r%d: %s is as a look at %s told, after one at %s", h.license, l.Revision, m.Instance.AWSID(), m.Observed, s.looks[h])
			}
			s.newest[h], s.looks[h] = m.Generation, m.Observed
			now := overrun{l.Entries[i].Verdict, m.Generation.Launch, later(s.tightened[h.license], s.rulesAt(&l.Configuration, at).Effective)}
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
	count := limitOf(&l.Configuration, c.Recorded)
	exceeded := count != nil && l.Configuration.Status != license.Disabled && l.Totals.Deployed() > *count
	if exceeded && !s.exceeded[id] && !s.announced[id] {
		s.violate("%s r%d: %d deployed of %d, and nobody is told", id, l.Revision, l.Totals.Deployed(), *count)
	}
	s.exceeded[id], s.announced[id] = exceeded, false
}

func (m *memory) keys() []string { return slices.Sorted(maps.Keys(m.actions)) }

func minutes(times []time.Time) (out []string) {
	for _, t := range times {
		out = append(out, t.Sub(begin).Round(time.Second).String())
	}
	return out
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func holds(l *ledger.License, id license.ResourceID) bool {
	if l == nil {
		return false
	}
	_, m := l.Find(id)
	return m != nil
}
