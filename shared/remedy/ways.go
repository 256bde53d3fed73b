package remedy

import (
	"fmt"
	"slices"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// problem lists what can be done with each entry that uses the count: those
// over it first, the youngest first, because of what costs the same the first
// is chosen.
func (s *scene) problem(need int64) problem {
	p := problem{need: need}
	for _, h := range s.hosts {
		p.capacity = append(p.capacity, capacity{host: h.entry.Resource, free: h.free})
	}
	for _, o := range s.others {
		p.capacity = append(p.capacity, capacity{free: o.free})
	}
	order := s.l.InOrder()
	slices.Reverse(order)
	slices.SortStableFunc(order, func(a, b int) int {
		return int(overLast(&s.l.Entries[b])) - int(overLast(&s.l.Entries[a]))
	})
	for _, i := range order {
		e := &s.l.Entries[i]
		if !counted(e) || s.bound(e) {
			continue
		}
		g := group{resource: e.Resource, isHost: e.Resource.Type() == license.EC2Host}
		switch using := s.using(e); {
		case len(using) == 0:
		case g.isHost:
			g.ways = s.waysOfHost(e, using)
		default:
			g.ways = s.waysOfInstance(e, using[0])
		}
		if len(g.ways) > 0 {
			p.groups = append(p.groups, g)
		}
	}
	return p
}

func overLast(e *ledger.Entry) int8 {
	if e.Verdict == ledger.Over {
		return 1
	}
	return 0
}

// using lists the members that use an entry's licenses.
func (s *scene) using(e *ledger.Entry) []*ledger.Member {
	var using []*ledger.Member
	for j := range e.Members {
		if e.Members[j].Consuming(&s.rules) {
			using = append(using, &e.Members[j])
		}
	}
	return using
}

// waysOfInstance lists the ways of an entry that is an instance.
func (s *scene) waysOfInstance(e *ledger.Entry, m *ledger.Member) []way {
	var ways []way
	for _, w := range s.movesToLicense(e, m) {
		ways = append(ways, s.freeing(e, w))
	}
	if s.refused[m.Instance] != "" {
		return ways
	}
	for _, w := range slices.Concat(s.movesToHost(e, m), s.cpuOptions(e, m), s.sizes(e, m), s.stops(e, m)) {
		if w = s.freeing(e, w); w.frees > 0 {
			ways = append(ways, w)
		}
	}
	return ways
}

// freeing completes a way of an instance with what it frees.
func (s *scene) freeing(e *ledger.Entry, w way) way {
	step := &w.steps[0]
	w.frees = e.Licenses
	if step.Kind == Resize || step.Kind == CPUOptions {
		w.frees -= s.count(&s.l.Configuration, s.rules, step).Licenses
	}
	step.Frees, step.Estimated = w.frees, e.Estimated
	return w
}

// count counts the instance of a step as it is afterwards, on its own.
func (s *scene) count(c *license.Configuration, rules license.Rules, step *Step) license.Usage {
	m := *step.was
	m.Type, m.TypeFacts, m.CPUOptions = step.after.Type, step.after.TypeFacts, step.after.CPUOptions
	return ledger.Usage(c, rules, &ledger.Entry{Resource: m.Instance, Members: []ledger.Member{m}}, s.facts.Catalog)
}

// waysOfHost lists the ways of a host: it is emptied, each of its instances by
// a step of its own, or all of it moves to a license that counts hosts, too.
func (s *scene) waysOfHost(e *ledger.Entry, using []*ledger.Member) []way {
	var ways []way
	for i, o := range s.others {
		if w, ok := s.hostToLicense(e, using, i, o); ok {
			ways = append(ways, w)
		}
	}
	empty := way{frees: e.Licenses}
	for _, m := range using {
		part := s.movesToLicense(e, m)
		if s.refused[m.Instance] == "" {
			part = slices.Concat(part, s.movesToHost(e, m), s.stops(e, m))
		}
		for _, w := range part {
			w.steps[0].Estimated = e.Estimated
		}
		if len(part) == 0 {
			return ways
		}
		empty.parts = append(empty.parts, part)
	}
	return append(ways, empty)
}

// step begins a step on a member, which leaves it where and as it is.
func (s *scene) step(kind Kind, e *ledger.Entry, m *ledger.Member) Step {
	step := Step{Kind: kind, Instance: m.Instance, Resource: e.Resource, was: m, from: e, after: factsOf(m), host: hostOf(e)}
	if e.Resource.Type() == license.EC2Host {
		step.after.HostID = e.Resource.AWSID()
	}
	return step
}

func (step Step) way(p price, uses ...use) way {
	step.Cost, step.Reason = p.points, p.reason
	return way{cost: p.points, uses: uses, steps: []Step{step}}
}

// stops is the way of stopping an instance; where stopped ones count, too, that
// frees nothing.
func (s *scene) stops(e *ledger.Entry, m *ledger.Member) []way {
	if s.rules.IncludeStopped || m.State == license.Stopped {
		return nil
	}
	step := s.step(Stop, e, m)
	step.From, step.To = string(m.State), string(license.Stopped)
	if step.after.HostID != "" {
		step.From += " on " + step.after.HostID
	}
	step.after.State = license.Stopped
	return []way{step.way(stopPrice(s.vcpus(step.after)))}
}

// sizes lists the smaller types of its family that keep the rules. They start
// with their default CPU options.
func (s *scene) sizes(e *ledger.Entry, m *ledger.Member) []way {
	is, known := s.typeOf(m)
	if !known || s.facts.Sizes == nil {
		return nil
	}
	var ways []way
	for _, t := range s.facts.Sizes(license.Family(m.Type)) {
		if t.VCPUs >= is.VCPUs || t.BareMetal != is.BareMetal || t.InstanceStore != is.InstanceStore {
			continue
		}
		step := s.step(Resize, e, m)
		step.From, step.To = m.Type, t.Name
		step.after.Type, step.after.TypeFacts = t.Name, license.InstanceType{}
		step.after.CPUOptions = license.CPUOptions{Cores: t.Cores, ThreadsPerCore: t.ThreadsPerCore}
		ways = append(ways, s.changed(step, costSize, is.VCPUs-t.VCPUs)...)
	}
	return ways
}

// cpuOptions lists fewer cores and one thread per core. The catalogue does not
// tell which numbers of cores a type takes: the default and its halves, while
// they are even, are valid for nearly all.
func (s *scene) cpuOptions(e *ledger.Entry, m *ledger.Member) []way {
	t, known := s.typeOf(m)
	if !known || t.BareMetal {
		return nil
	}
	is := license.CPUOptions{Cores: t.Cores, ThreadsPerCore: t.ThreadsPerCore}
	if m.CPUOptions.Known() {
		is = m.CPUOptions
	}
	cores := []int64{is.Cores}
	for n := t.Cores; n%4 == 0; n /= 2 {
		if n/2 < is.Cores {
			cores = append(cores, n/2)
		}
	}
	var ways []way
	for _, n := range cores {
		for threads := is.ThreadsPerCore; threads > 0; threads-- {
			to := license.CPUOptions{Cores: n, ThreadsPerCore: threads}
			if to == is {
				continue
			}
			step := s.step(CPUOptions, e, m)
			step.From, step.To = describe(is), describe(to)
			step.after.CPUOptions = to
			ways = append(ways, s.changed(step, costThread, is.VCPUs()-to.VCPUs())...)
		}
	}
	return ways
}

func describe(o license.CPUOptions) string {
	return fmt.Sprintf("%d × %d %s", o.Cores, o.ThreadsPerCore, plural(o.ThreadsPerCore, "thread"))
}

func plural(n int64, one string) string {
	if n == 1 {
		return one
	}
	return one + "s"
}

// changed is the way of a change that takes vCPUs away, if it keeps the rules.
func (s *scene) changed(step Step, each, lost int64) []way {
	if len(license.Violations(s.rules, step.after, license.Host{}, s.facts.Catalog)) > 0 {
		return nil
	}
	running := step.after.State != license.Stopped
	s.restart(&step)
	return []way{step.way(lossPrice(running, each, lost))}
}

// maxTargets is how many hosts are looked at for one instance, those with the
// most room first.
const maxTargets = 16

// movesToHost lists the hosts that the license counts anyway and that have room.
func (s *scene) movesToHost(e *ledger.Entry, m *ledger.Member) []way {
	t, known := s.typeOf(m)
	if !known || t.BareMetal {
		return nil
	}
	account, region, _ := m.Instance.Parts()
	var ways []way
	for i, h := range s.hosts {
		if t.Cores > h.free {
			break
		}
		onAccount, onRegion, id := h.entry.Resource.Parts()
		if h.entry == e || onAccount != account || onRegion != region || h.entry.Host.Family != license.Family(m.Type) {
			continue
		}
		if len(ways) == maxTargets {
			s.cut = true
			break
		}
		step := s.step(MoveHost, e, m)
		step.From, step.To = "its own", id
		if step.after.HostID != "" {
			step.From = step.after.HostID
		}
		step.after.HostID, step.after.Tenancy, step.host = id, license.TenancyDedicatedHost, hostOf(h.entry)
		if !license.OnHost(s.l.Configuration.CountingType, step.after) || !s.noWorse(&step) {
			continue
		}
		running := m.State != license.Stopped
		s.restart(&step)
		ways = append(ways, step.way(hostPrice(running), use{of: i, amount: t.Cores}))
	}
	return ways
}

// noWorse reports whether a step breaks no rule that was kept.
func (s *scene) noWorse(step *Step) bool {
	for _, v := range license.Violations(s.rules, step.after, step.host, s.facts.Catalog) {
		if !slices.ContainsFunc(step.was.Broken, func(b license.Violation) bool { return b.Rule == v.Rule }) {
			return false
		}
	}
	return true
}

// movesToLicense lists the licenses that have room for an instance, whose rules
// it keeps, and which would count it on its own.
func (s *scene) movesToLicense(e *ledger.Entry, m *ledger.Member) []way {
	var ways []way
	for i, o := range s.others {
		step := s.step(MoveLicense, e, m)
		onHost := license.OnHost(o.l.Configuration.CountingType, license.Instance{Tenancy: m.Tenancy, HostID: "h-"})
		if onHost || !s.takes(o, &step) {
			continue
		}
		if license.Consumes(&o.rules, m.State) {
			step.Takes = s.count(&o.l.Configuration, o.rules, &step).Licenses
		}
		if step.Takes > o.free {
			continue
		}
		ways = append(ways, step.way(licensePrice(step.Takes), use{of: len(s.hosts) + i, amount: step.Takes}))
	}
	return ways
}

// hostToLicense moves all that uses a host to another license that counts hosts.
func (s *scene) hostToLicense(e *ledger.Entry, using []*ledger.Member, i int, o other) (way, bool) {
	w := way{frees: e.Licenses}
	if !license.OnHost(o.l.Configuration.CountingType, license.Instance{Tenancy: license.TenancyDedicatedHost, HostID: "h-"}) {
		return w, false
	}
	there := slices.IndexFunc(o.l.Entries, func(x ledger.Entry) bool { return x.Resource == e.Resource && x.Verdict != ledger.Released })
	takes := int64(0)
	switch {
	case there >= 0 && !counted(&o.l.Entries[there]):
		return w, false
	case there < 0 && slices.ContainsFunc(using, func(m *ledger.Member) bool { return license.Consumes(&o.rules, m.State) }):
		takes = ledger.Usage(&o.l.Configuration, o.rules, e, s.facts.Catalog).Licenses
	}
	if takes > o.free {
		return w, false
	}
	for j, m := range using {
		step := s.step(MoveLicense, e, m)
		if !s.takes(o, &step) {
			return w, false
		}
		last := j == len(using)-1
		if last {
			step.Takes, step.Frees = takes, w.frees
		}
		step.Estimated = e.Estimated
		w.steps = append(w.steps, step.way(licensePrice(step.Takes)).steps...)
		w.cost += w.steps[j].Cost
	}
	w.uses = []use{{of: len(s.hosts) + i, amount: takes}}
	return w, true
}

// takes reports whether another license can take an instance: it does not hold
// it yet, and the instance keeps its rules.
func (s *scene) takes(o other, step *Step) bool {
	step.From, step.To = s.l.Configuration.ID, o.l.Configuration.ID
	_, held := o.l.Find(step.Instance)
	return (held == nil || held.Gone) && len(license.Violations(o.rules, step.after, step.host, s.facts.Catalog)) == 0
}

// restart makes the instance of a step as after a stop and a start.
func (s *scene) restart(step *Step) {
	if step.after.State == license.Stopped {
		return
	}
	step.after.LaunchTime = later(s.now, step.was.Generation.Launch.Add(time.Millisecond))
	step.after.State = license.Running
}

// vcpus is what an instance has to lose.
func (s *scene) vcpus(in license.Instance) int64 {
	return license.Count(license.CountVCPU, license.Rules{HonorVCPUOptimization: true}, in, s.facts.Catalog).Units
}

func (s *scene) typeOf(m *ledger.Member) (license.InstanceType, bool) {
	if t, ok := s.facts.Catalog.InstanceType(m.Type); ok {
		return t, true
	}
	return m.TypeFacts, m.TypeFacts.VCPUs > 0 && m.TypeFacts.Name == m.Type
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
