package ledger

import (
	"slices"
	"time"

	"licenseguard/shared/license"
)

// claim applies what was seen of one instance, unless the ledger knows better.
func (f *folder) claim(c *Claim) {
	id := c.Instance.ID
	i, known := f.find(id)
	if !known {
		f.admit(c, &Member{Instance: id, Generation: Generation{Rank: -1}})
		return
	}
	e := &f.l.Entries[i]
	m := e.member(id)
	if m == nil || stale(m, c) {
		return
	}
	updated := *m
	f.update(&updated, c)
	if f.recovered(e, &updated, c) {
		i = f.replace(i, c)
		e = &f.l.Entries[i]
		m = e.member(id)
	}
	elsewhere := !c.Gone && f.consumer(c) != e.Resource
	if elsewhere && updated.Consuming(&f.rules) && !f.replaced(e, c) {
		// It moved: to another host, on or off one. While it consumes nothing it
		// stays here, where its fence is.
		was := *m
		f.release(i, id, c)
		f.admit(c, &was)
		return
	}
	// Observed alone is no change worth a write: the facts are the same.
	if (elsewhere || hostSame(e, c)) && updated.same(m) && !f.knownBetter(e) {
		return
	}
	f.seen[id] = c
	e = f.touch(i)
	m = e.member(id)
	restarted := !m.Consuming(&f.rules) && updated.Consuming(&f.rules)
	if restarted && !f.keepsPlace(e, m, &updated) {
		e.First = updated.Generation.Launch
	}
	*m = updated
	if !c.Gone && !elsewhere {
		setHost(e, c)
	}
	f.count(e)
}

// knownBetter reports whether an estimate can be counted better now.
func (f *folder) knownBetter(e *Entry) bool {
	if !e.Estimated {
		return false
	}
	u := f.usage(e)
	return !u.Estimated || u.Licenses != e.Licenses
}

// stale is the fence: an older generation never wins, and within a generation
// older facts never win over newer ones.
func stale(m *Member, c *Claim) bool {
	if c.Gone {
		return !m.Observed.Before(c.Observed)
	}
	switch c.Generation.Compare(m.Generation) {
	case -1:
		return true
	case 0:
		return c.Observed.Before(m.Observed)
	default:
		return false
	}
}

// admit takes an instance in that the consuming resource does not hold yet.
// m is the member as it was elsewhere.
func (f *folder) admit(c *Claim, m *Member) {
	f.update(m, c)
	consumes := m.Consuming(&f.rules)
	if c.Gone || !consumes && !f.ended(c) {
		return
	}
	f.seen[m.Instance] = c
	resource := f.consumer(c)
	i, ok := f.find(resource)
	if ok {
		e := f.touch(i)
		if held := f.now.Before(e.AffinityUntil) || f.consuming(e); consumes && (!held || c.Generation.Launch.Before(e.First)) {
			e.First = c.Generation.Launch
		}
		e.Members = append(e.Members, *m)
	} else {
		i = f.add(Entry{Resource: resource, First: c.Generation.Launch, Verdict: Released, RuleVersion: f.version, Members: f.block(m)})
	}
	e := &f.l.Entries[i]
	f.index.put(m.Instance, i)
	setHost(e, c)
	f.count(e)
}

// ended reports whether an instance ended so lately that an older look at it can
// still arrive: then its end is kept as a fence, though it never counted.
func (f *folder) ended(c *Claim) bool {
	stop := c.Instance.StoppedAt
	return c.Held != nil && (f.now.Before(c.Generation.Launch.Add(fenceTime)) || !stop.IsZero() && f.now.Before(stop.Add(fenceTime)))
}

// release ends a member's consumption where it was.
func (f *folder) release(i int, id license.ResourceID, c *Claim) {
	e := f.touch(i)
	e.Members = slices.DeleteFunc(e.Members, func(m Member) bool { return m.Instance == id })
	f.seen[id] = c
}

// update makes the member as the claim shows it.
func (f *folder) update(m *Member, c *Claim) {
	was := m.Consuming(&f.rules)
	if c.Gone {
		if was {
			m.StoppedAt = c.Happened
		}
		// The generation stays: should AWS know the instance again, that look wins.
		m.State, m.Observed = license.Terminated, c.Observed
		f.endIntent(m, f.now)
		return
	}
	in := &c.Instance
	if !in.LaunchTime.Equal(m.Generation.Launch) && !c.Generation.Launch.Equal(m.Generation.Launch) {
		f.endIntent(m, f.now)
		m.FirstSeen, m.Answered, m.Cause = c.Observed, "", ""
	}
	guard := m.Guard
	if m.Answered == "" || !c.Generation.Launch.Equal(m.Generation.Launch) {
		guard = Unguarded
	}
	m.Generation, m.State, m.Observed = c.Generation, in.State, c.Observed
	m.Type, m.TypeFacts, m.CPUOptions, m.Tenancy = in.Type, in.TypeFacts, in.CPUOptions, in.Tenancy
	m.Guard, m.Gone = c.Guard, c.Held == nil
	if !c.Known.IsZero() {
		m.Known = c.Known
	}
	switch {
	case c.Guard == Unguarded && in.StopProtected:
		m.Guard = GuardProtected
	case c.Guard == Unguarded:
		m.Guard = guard // found by the last look before it was answered
	}
	if c.Held != nil {
		m.Late = lateAssociation(c) || c.Undone // a person wanted it to run: its start is no launch
		if m.Late && (c.Undone || m.Kind != c.Held.Kind || m.Value != c.Held.Value) {
			m.Cause = "" // what it was launched under applies no more; a change does
		}
		m.Kind, m.Value = c.Held.Kind, c.Held.Value
	}
	judged := m.facts()
	judged.HostID = in.HostID
	m.Broken = license.Violations(f.rules, judged, c.Host, f.catalog)
	switch consumes := m.Consuming(&f.rules); {
	case consumes:
		m.StoppedAt = time.Time{}
	case was:
		m.StoppedAt = c.Happened
		f.endIntent(m, f.now)
	}
}

// lateAssociation reports whether the instance ran before the license applied
// to it: the configuration took the association up after the launch, or the
// instance got it (a tag) long after.
func lateAssociation(c *Claim) bool {
	launch := c.Generation.Launch
	if c.Held.Kind == license.ByProduct && c.Held.Since.After(launch) {
		return true // software can come at any time; only a start with it on record is a launch
	}
	return c.Offered.After(launch) || c.Held.Since.After(launch.Add(discoveryWindow))
}

// keepsPlace reports whether a restart comes soon enough after the stop.
func (f *folder) keepsPlace(e *Entry, stopped, started *Member) bool {
	if f.now.Before(e.AffinityUntil) || e.Host.Family != "" && f.consuming(e) {
		return true
	}
	grace := f.l.Configuration.Enforcement.RestartGrace
	return !stopped.StoppedAt.IsZero() && started.Generation.Launch.Before(stopped.StoppedAt.Add(grace))
}

// consumer returns the resource on which the instance's licenses are counted.
func (f *folder) consumer(c *Claim) license.ResourceID {
	if !license.OnHost(f.l.Configuration.CountingType, c.Instance) {
		return c.Instance.ID
	}
	account, region, _ := c.Instance.ID.Parts()
	return license.NewResourceID(account, region, c.Instance.HostID)
}

func setHost(e *Entry, c *Claim) {
	if e.Resource.Type() != license.EC2Host {
		return
	}
	family := c.Host.Family
	if family == "" {
		family = license.Family(c.Instance.Type)
	}
	e.Host.Family = family
	if c.Host.Cores > 0 && c.Host.Sockets > 0 { // a look without numbers takes none away
		e.Host.Cores, e.Host.Sockets = c.Host.Cores, c.Host.Sockets
	}
}

func hostSame(e *Entry, c *Claim) bool {
	if c.Gone {
		return true
	}
	probe := Entry{Resource: e.Resource, Host: e.Host}
	setHost(&probe, c)
	return probe.Host == e.Host
}

func (e *Entry) member(id license.ResourceID) *Member {
	for j := range e.Members {
		if e.Members[j].Instance == id {
			return &e.Members[j]
		}
	}
	return nil
}

// add appends an entry to a page with room and returns its index.
func (f *folder) add(e Entry) int {
	if f.l.Pages == 0 && f.weight+e.weight() > inlineEntries {
		f.split()
	}
	if f.l.Pages > 0 {
		e.Page = f.pageWithRoom(e.weight())
	}
	f.l.Entries = append(f.l.Entries, e)
	f.write(e.Page)
	i := len(f.l.Entries) - 1
	f.enter(i)
	return i
}

func (e *Entry) weight() int {
	if e.Resource.Type() == license.EC2Host {
		return hostWeight
	}
	return 1
}

// split moves the entries of a small license into pages.
func (f *folder) split() {
	page, filled := 0, 0
	for i := range f.l.Entries {
		e := &f.l.Entries[i]
		if filled+e.weight() > pageEntries {
			page, filled = page+1, 0
		}
		filled += e.weight()
		e.Page = page
		f.write(page)
	}
	f.l.Pages = page + 1
	for n, i := range f.touched {
		f.before[n].Page = f.l.Entries[i].Page
	}
	f.force = true
}

// pageWithRoom prefers the last page, so that a burst touches few, then the
// emptiest one that is at most half full, so that pages do not outlive their
// entries, then opens a new one.
func (f *folder) pageWithRoom(weight int) int {
	if len(f.room) == 0 {
		f.room = slices.Grow(f.room, f.l.Pages)[:f.l.Pages]
		clear(f.room)
		for i := range f.l.Entries {
			f.room[f.l.Entries[i].Page] += f.l.Entries[i].weight()
		}
	}
	last := len(f.room) - 1
	if f.room[last]+weight <= pageEntries {
		f.room[last] += weight
		return last
	}
	emptiest := 0
	for p, n := range f.room {
		if n < f.room[emptiest] {
			emptiest = p
		}
	}
	if f.room[emptiest] <= pageEntries/2 {
		f.room[emptiest] += weight
		return emptiest
	}
	f.room = append(f.room, weight)
	f.l.Pages = len(f.room)
	return f.l.Pages - 1
}
