package simulator

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"licenseguard/shared/license"
)

// schedule plans what people and the cloud do until the end.
func (s *Sim) schedule(end time.Time) {
	d := s.dice
	anytime := func() time.Time { return s.now.Add(d.between(0, end.Sub(s.now))) }
	for t := s.now.Truncate(time.Minute).Add(time.Minute); t.Before(end); t = t.Add(time.Minute) {
		s.agenda.add(t, func() {
			if next := s.nextDue(s.now); !next.IsZero() && !next.After(s.now) || s.dice.chance(0.1) {
				s.tick()
			}
		})
	}
	if !s.profile.unswept && !s.profile.deaf {
		for range d.IntN(3) {
			s.agenda.add(anytime(), s.startSweep)
		}
	}
	if d.chance(s.profile.factsLost) {
		s.agenda.add(anytime(), s.loseFacts)
	}
	launches, doings, operations := 1+d.IntN(4), d.IntN(30), d.IntN(8)
	if s.profile.hostile {
		launches, doings, operations = 1+d.IntN(2), d.IntN(10), 1+d.IntN(6)
	}
	for range launches {
		at := anytime()
		if d.chance(0.15) { // somebody takes the image up at the same moment
			s.agenda.add(at.Add(d.between(0, 6*time.Second)), s.takeUp)
		}
		for range 1 + d.IntN(6) {
			s.agenda.add(at.Add(d.between(0, 10*time.Second)), s.launchOne)
		}
	}
	for range doings {
		s.agenda.add(anytime(), s.someone)
	}
	if d.chance(0.6) {
		for range d.IntN(5) {
			s.agenda.add(anytime(), s.changeConfiguration)
		}
	}
	if d.chance(0.7) || s.profile.hostile {
		for range operations {
			s.agenda.add(anytime(), s.operate)
		}
	}
	if d.chance(0.3) {
		g := &group{name: "web", account: s.accounts[d.IntN(len(s.accounts))], image: s.images[d.IntN(2)], kind: "m5.large", desired: 1 + d.IntN(3), min: d.IntN(2)}
		s.cloud.groups = append(s.cloud.groups, g)
		for t := s.now; t.Before(end); t = t.Add(d.between(20*time.Second, 2*time.Minute)) {
			s.agenda.add(t, func() { s.cloud.scale(g) })
		}
		s.agenda.add(anytime(), func() { g.desired = max(g.min, s.dice.IntN(4)) })
	}
	if d.chance(0.006) && !s.profile.hostile { // so many that a license is kept in pages
		at := anytime()
		for range 150 {
			s.agenda.add(at.Add(d.between(0, 2*time.Minute)), func() {
				s.cloud.launch(account, license.Instance{Type: "m5.large", ImageID: s.images[0]}, nil)
			})
		}
	}
}

// loseFacts is a table that was restored without some of its items.
func (s *Sim) loseFacts() {
	for _, id := range slices.Sorted(maps.Keys(s.store.facts)) {
		if s.dice.chance(0.3) {
			s.trace("the facts of %s are lost", id.AWSID())
			s.factsWereLost = true
			delete(s.store.facts, id)
			delete(s.recorded, id)
		}
	}
}

// launchOn starts an instance on a Dedicated Host.
func (s *Sim) launchOn(host int) {
	h := s.cloud.hosts[host].ID
	owner, _, _ := h.Parts()
	s.cloud.launch(owner, license.Instance{Type: "m5.large", ImageID: s.images[0], CPUOptions: license.CPUOptions{Cores: 1, ThreadsPerCore: 2},
		Tenancy: license.TenancyDedicatedHost, HostID: h.AWSID()}, nil)
}

func (s *Sim) launchOne() {
	d := s.dice
	in := license.Instance{Type: pick(d, "m5.large", "m5.large", "m5.large", "m5.xlarge", "m5.xlarge", "c5.2xlarge"), ImageID: s.images[pick(d, 0, 0, 0, 1, 1, 2)]}
	switch {
	case d.chance(0.05):
		in.Type = storeType
	case d.chance(0.05):
		in.Type = unknownType
	}
	size := sizes[in.Type]
	in.CPUOptions = license.CPUOptions{Cores: size.cores, ThreadsPerCore: size.vcpus / size.cores}
	if d.chance(0.1) {
		in.CPUOptions.ThreadsPerCore = 1
	}
	in.Tags = make(map[string]string)
	if d.chance(0.15) {
		in.Tags["app"] = pick(d, "db-1", "web", "")
	}
	if d.chance(0.15) {
		in.Tags[license.TagLaunchTemplate] = s.templates[d.IntN(2)]
	}
	if d.chance(0.08) {
		in.Spot, in.SpotPersistent = true, d.chance(0.4)
	}
	owner := s.accounts[d.IntN(len(s.accounts))]
	if d.chance(0.15) && in.Type != unknownType {
		h := s.cloud.hosts[d.IntN(len(s.cloud.hosts))].ID
		owner, _, _ = h.Parts()
		in.Tenancy, in.HostID = license.TenancyDedicatedHost, h.AWSID()
	}
	in.StopProtected = d.chance(0.06)
	m := s.cloud.launch(owner, in, nil)
	s.cloud.shield(m)
}

// someone does something to an instance.
func (s *Sim) someone() {
	d, c := s.dice, s.cloud
	if len(c.machines) == 0 {
		s.launchOne()
		return
	}
	switch {
	case d.chance(0.03): // an instance that EC2 does not know
		id := "i-0ffffffffffffffff"
		s.emit(letter{about: license.NewResourceID(account, home, id)}, account, home, stateEvent(id, license.Running))
		return
	case d.chance(0.02): // one of somebody else, or somewhere else
		owner, where := foreign, home
		if d.chance(0.5) {
			owner, where = account, abroad
		}
		id := "i-0eeeeeeeeeeeeeeee"
		s.emit(letter{about: license.NewResourceID(owner, where, id)}, owner, where, stateEvent(id, license.Running))
		return
	case d.chance(0.02): // a message that nobody can read
		s.queues[intakeQueue].send(letter{body: pick(d, "", "{", `{"id":1}`), bad: true}, 0)
		return
	}
	m := c.machines[d.IntN(len(c.machines))]
	if keys := s.store.keys(); len(keys) > 0 && d.chance(0.3) { // one that is about to be answered
		m = c.byID[s.store.actions[keys[d.IntN(len(keys))]].Instance.AWSID()]
	}
	id := m.in.ID.AWSID()
	if _, tagged := m.in.Tags["app"]; tagged && d.chance(0.15) {
		c.tag(m, "app", nil)
		c.emit(m, callEvent(id, "CreateTags"))
		return
	}
	if m.in.State == license.Running && m.group == nil && d.chance(0.08) { // a quick restart
		c.stop(m)
		s.after(d.between(91*time.Second, 3*time.Minute), func() {
			if m.in.State == license.Stopped {
				c.up(m)
			}
		})
		return
	}
	switch {
	case m.in.State == license.Running && d.chance(0.35) && m.group == nil:
		c.stop(m)
	case m.in.State == license.Running && d.chance(0.35):
		c.terminate(m)
	case m.in.State == license.Stopped && m.group == nil && d.chance(0.25):
		if m.in.HostID == "" && m.in.Type != storeType {
			m.in.Type = pick(d, "m5.large", "m5.xlarge", "c5.2xlarge")
			size := sizes[m.in.Type]
			m.in.CPUOptions = license.CPUOptions{Cores: size.cores, ThreadsPerCore: size.vcpus / size.cores}
			c.remember(m)
			s.trace("cloud: %s becomes a %s", id, m.in.Type)
			c.emit(m, callEvent(id, "ModifyInstanceAttribute"))
		}
	case m.in.State == license.Stopped && m.group == nil && d.chance(0.15) && m.in.HostID != "":
		if h := c.hosts[d.IntN(len(c.hosts))].ID; strings.HasPrefix(string(h), m.account()+"/") {
			m.in.HostID = h.AWSID()
		}
		c.remember(m)
		s.trace("cloud: %s moves to %s", id, m.in.HostID)
		c.emit(m, callEvent(id, "ModifyInstancePlacement"))
	case m.in.State == license.Stopped && m.group == nil && d.chance(0.8):
		c.up(m)
	case m.in.State == license.Stopped && m.group == nil:
		c.terminate(m)
	case m.in.State == license.ShuttingDown || m.in.State == license.Terminated:
		s.launchOne()
	case d.chance(0.4):
		value := pick(d, "db-2", "web", "db-3")
		c.tag(m, "app", &value)
		c.emit(m, callEvent(id, "CreateTags"))
	case d.chance(0.3):
		c.tag(m, "app", nil)
		c.emit(m, callEvent(id, "CreateTags"))
	case d.chance(0.15): // a tenant who would like to be left alone
		value := "true"
		c.tag(m, license.TagExempt, &value)
		c.emit(m, callEvent(id, "CreateTags"))
	case d.chance(0.3):
		value := pick(d, "true", "false")
		c.tag(m, license.TagProtected, &value)
		c.emit(m, callEvent(id, "CreateTags"))
	default:
		m.in.StopProtected = !m.in.StopProtected
		c.shield(m)
		c.remember(m)
		s.trace("cloud: %s has stop protection %v", id, m.in.StopProtected)
		c.emit(m, callEvent(id, "ModifyInstanceAttribute"))
	}
}

// takeUp is a person who adds an image to a license.
func (s *Sim) takeUp() {
	ids := slices.Sorted(maps.Keys(s.store.licenses))
	c := s.store.licenses[ids[s.dice.IntN(len(ids))]].Configuration
	c.Associations = slices.Clone(c.Associations)
	for _, image := range s.images[:2] {
		if !slices.ContainsFunc(c.Associations, func(a license.Association) bool { return a.Value == image }) {
			c.Associations = append(c.Associations, license.Association{Kind: license.ByAMI, Value: image})
		}
	}
	s.trace("a person adds images to %s", c.ID)
	s.configure(c, func() {})
}

// changeConfiguration is a person who changes one thing.
func (s *Sim) changeConfiguration() {
	d := s.dice
	ids := slices.Sorted(maps.Keys(s.store.licenses))
	c := s.store.licenses[ids[d.IntN(len(ids))]].Configuration
	c.Associations = slices.Clone(c.Associations)
	what := ""
	switch d.IntN(12) {
	case 0, 1:
		if c.Count == nil {
			return
		}
		count := max(*c.Count+int64(d.IntN(7))-3, 0)
		c.Count = &count
		what = fmt.Sprintf("count %d", count)
	case 2:
		c.Rules = []license.RuleVersion{{}}
		if d.chance(0.6) {
			c.Rules = []license.RuleVersion{{Text: s.rules(c.CountingType)}}
		}
		what = fmt.Sprintf("rules %v", c.Rules[0].Text)
	case 9, 10:
		from := s.now.Add(d.between(time.Minute, 40*time.Minute)).Truncate(time.Second)
		now, then := s.rulesAt(&c, s.now), s.rules(c.CountingType)
		if d.chance(0.4) {
			then = []string{"#includedStoppedInstances=True"}
		}
		c.Rules = []license.RuleVersion{{Effective: now.Effective, Text: now.Text}, {Effective: from, Text: then}}
		what = fmt.Sprintf("rules %v from %s on", c.Rules[1].Text, from.Format(time.TimeOnly))
	case 11:
		c.Expiry = s.expiry()
		if d.chance(0.3) {
			c.Expiry = time.Time{}
		}
		what = fmt.Sprintf("expiry %s", c.Expiry)
	case 3:
		c.Enforcement.Mode = pick(d, license.Stop, license.Tag, license.Observe)
		what = "mode " + string(c.Enforcement.Mode)
	case 4:
		c.Status = pick(d, license.Disabled, license.Available)
		what = "status " + string(c.Status)
	case 5:
		if c.Count == nil {
			return
		}
		c.HardLimit = !c.HardLimit
		what = fmt.Sprintf("hard %v", c.HardLimit)
	case 6, 7:
		add := license.Association{Kind: license.ByAMI, Value: s.images[d.IntN(3)]}
		if d.chance(0.3) {
			add = s.association()
		}
		if slices.ContainsFunc(c.Associations, func(a license.Association) bool { return a.Kind == add.Kind && a.Value == add.Value }) {
			return
		}
		c.Associations = append(c.Associations, add)
		what = fmt.Sprintf("adds %s %s", add.Kind, add.Value)
	default:
		if len(c.Associations) == 0 {
			return
		}
		i := d.IntN(len(c.Associations))
		what = fmt.Sprintf("removes %s %s", c.Associations[i].Kind, c.Associations[i].Value)
		c.Associations = slices.Delete(c.Associations, i, i+1)
	}
	s.trace("a person changes %s: %s", c.ID, what)
	s.configure(c, func() {})
}
