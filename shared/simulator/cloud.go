package simulator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

const (
	account = "123456789012"
	second  = "210987654321" // watched in some runs
	foreign = "999999999999" // never watched
	home    = "us-east-1"
	abroad  = "eu-west-1" // watched in races only
)

// cloud is EC2 as it truly is, with what it was before.
type cloud struct {
	sim      *Sim
	machines []*machine // in order of their first launch
	byID     map[string]*machine
	groups   []*group
	hosts    []license.Host
	journal  []act // what enforcement did
}

// machine is one instance.
type machine struct {
	in        license.Instance
	past      []moment // every state of its facts, oldest first
	group     *group
	forgotten time.Time // from when on EC2 does not know it any more
	shielded  time.Time // stop protection, or the tag, since; zero: none
	seen      time.Time // when a look first told of this launch
}

type moment struct {
	at time.Time
	in license.Instance
}

// group is an Auto Scaling group.
type group struct {
	name     string
	account  string
	image    string
	kind     string
	desired  int
	min      int
	replaced int
}

// act is one stop or tag by enforcement that EC2 took.
type act struct {
	license string
	id      license.ResourceID
	launch  time.Time
	at      time.Time
	action  license.Mode
	by      *process
}

// sizes are the instance types of the world, as EC2's documentation has them.
var sizes = map[string]struct{ vcpus, cores int64 }{
	"m5.large": {2, 1}, "m5.xlarge": {4, 2}, "c5.2xlarge": {8, 4}, "i3.large": {2, 1}, "x9.huge": {6, 3},
}

const (
	storeType   = "i3.large" // has an instance store
	unknownType = "x9.huge"  // newer than the catalogue
)

// launch starts a new instance at home.
func (c *cloud) launch(account string, in license.Instance, g *group) *machine {
	return c.launchIn(track.Scope{Account: account, Region: home}, in, g)
}

func (c *cloud) launchIn(s track.Scope, in license.Instance, g *group) *machine {
	in.ID = license.NewResourceID(s.Account, s.Region, instanceID(len(c.machines)))
	if in.Tenancy == "" {
		in.Tenancy = license.TenancyDefault
	}
	m := &machine{in: in, group: g}
	c.machines = append(c.machines, m)
	c.byID[in.ID.AWSID()] = m
	c.up(m)
	return m
}

func instanceID(n int) string { return fmt.Sprintf("i-%017x", n+1) }

func (m *machine) account() string { return m.scope().Account }

func (m *machine) scope() track.Scope {
	account, region, _ := m.in.ID.Parts()
	return track.Scope{Account: account, Region: region}
}

func (c *cloud) up(m *machine) {
	c.enter(m, license.Pending)
	c.sim.after(c.sim.dice.between(3*time.Second, 40*time.Second), func() {
		if m.in.State == license.Pending {
			c.enter(m, license.Running)
		}
	})
}

// stop is StopInstances; the instance is running.
func (c *cloud) stop(m *machine) {
	c.enter(m, license.Stopping)
	c.sim.after(c.sim.dice.between(5*time.Second, 90*time.Second), func() {
		if m.in.State == license.Stopping {
			c.enter(m, license.Stopped)
		}
	})
}

func (c *cloud) terminate(m *machine) {
	c.enter(m, license.ShuttingDown)
	c.sim.after(c.sim.dice.between(time.Second, 60*time.Second), func() {
		c.enter(m, license.Terminated)
		m.forgotten = c.sim.now.Add(c.sim.dice.between(5*time.Minute, time.Hour))
	})
}

// enter puts an instance into a state and lets EC2 tell.
func (c *cloud) enter(m *machine, state license.State) {
	now := c.sim.now.Truncate(time.Second)
	m.in.State = state
	switch state {
	case license.Pending:
		m.in.LaunchTime, m.in.StoppedAt, m.seen = now, time.Time{}, time.Time{}
	case license.Stopped:
		m.in.StoppedAt = time.Time{}
		if c.sim.dice.chance(0.7) { // many reasons tell no time
			m.in.StoppedAt = now
		}
	}
	c.remember(m)
	c.sim.trace("cloud: %s is %s", m.in.ID.AWSID(), state)
	c.sim.emit(letter{about: m.in.ID, state: state, launch: m.in.LaunchTime}, m.account(), m.scope().Region, stateEvent(m.in.ID.AWSID(), state))
}

func (c *cloud) remember(m *machine) {
	m.past = append(m.past, moment{c.sim.now, m.in})
}

// tag sets tags; a nil value takes one away.
func (c *cloud) tag(m *machine, key string, value *string) {
	tags := maps.Clone(m.in.Tags)
	if tags == nil {
		tags = make(map[string]string)
	}
	if value == nil {
		delete(tags, key)
	} else {
		tags[key] = *value
	}
	m.in.Tags = tags
	c.shield(m)
	c.remember(m)
	c.sim.trace("cloud: %s has tags %v", m.in.ID.AWSID(), tags)
}

// shield notes since when an instance is protected against stops.
func (c *cloud) shield(m *machine) {
	switch on := m.in.StopProtected || m.in.Tags[license.TagProtected] == "true"; {
	case !on:
		m.shielded = time.Time{}
	case m.shielded.IsZero():
		m.shielded = c.sim.now
	}
}

// at returns what EC2 tells of an instance: what was true at an instant.
func (m *machine) at(t time.Time) (license.Instance, bool) {
	for _, p := range slices.Backward(m.past) {
		if !p.at.After(t) {
			return p.in, m.forgotten.IsZero() || t.Before(m.forgotten)
		}
	}
	return license.Instance{}, false
}

// tell is one answer about one instance, and of which instant it is.
func (c *cloud) tell(m *machine, p *process) (in license.Instance, found bool, of time.Time) {
	s, of := c.sim, c.sim.now
	if s.faulty && s.dice.chance(s.profile.stale) {
		of = of.Add(-s.dice.between(0, s.profile.staleBy))
	}
	if in, found = m.at(of); !found {
		return in, false, of
	}
	if s.faulty && in.State != license.Terminated && s.dice.chance(s.profile.missing) {
		s.note(p, "EC2 does not show %s", in.ID.AWSID())
		s.stats.Missing++
		return in, false, of
	}
	if of.Before(s.now) {
		s.stats.Stale++
	}
	if of.Before(s.now) && in.State != m.in.State {
		s.note(p, "EC2 tells that %s is %s, which is old", in.ID.AWSID(), in.State)
	}
	if in.LaunchTime.Equal(m.in.LaunchTime) && m.seen.IsZero() {
		m.seen = p.started
	}
	return in, true, of
}

// observer is EC2 as track and sweep see it.
type observer struct{ b *box }

func (o observer) Instances(_ context.Context, scope track.Scope, ids []string) (out []license.Instance, err error) {
	p := o.b.p
	err = p.describe("DescribeInstances", func() {
		for _, id := range ids {
			full := license.NewResourceID(scope.Account, scope.Region, id)
			m := p.sim.cloud.byID[id]
			delete(p.told, full)
			if m == nil || m.scope() != scope {
				p.missed[full]++
				continue
			}
			in, found, _ := p.sim.cloud.tell(m, p)
			if !found {
				p.missed[full]++
				continue
			}
			in.StopProtected = false // only a direct look tells
			p.told[full] = in
			out = append(out, in)
		}
	})
	return out, err
}

func (o observer) EachInstances(_ context.Context, scope track.Scope, each func([]license.Instance) error) error {
	p := o.b.p
	c := p.sim.cloud
	size := pick(p.sim.dice, 3, 10, 1000)
	for from := 0; from == 0 || from < len(c.machines); from += size {
		var page []license.Instance
		err := p.describe("DescribeInstances (all)", func() {
			for _, m := range c.machines[from:min(from+size, len(c.machines))] {
				if m.scope() != scope {
					continue
				}
				if in, found, _ := c.tell(m, p); found {
					in.StopProtected = false
					page = append(page, in)
				}
			}
		})
		if err != nil {
			return err
		}
		if len(page) == 0 {
			continue
		}
		if err := each(page); err != nil {
			return err
		}
	}
	return nil
}

func (o observer) Hosts(_ context.Context, scope track.Scope, ids []string) (out []license.Host, err error) {
	p := o.b.p
	err = p.describe("DescribeHosts", func() {
		for _, h := range p.sim.cloud.hosts {
			owner, region, _ := h.ID.Parts()
			if owner == scope.Account && region == scope.Region && slices.Contains(ids, h.ID.AWSID()) && !(p.sim.faulty && p.sim.dice.chance(p.sim.profile.missing)) {
				out = append(out, h)
			}
		}
	})
	return out, err
}

// Images knows of no copies: all images of the simulated fleet are originals.
func (o observer) Images(context.Context, track.Scope, []string) ([]track.Image, error) {
	return nil, nil
}

func (o observer) InstanceTypes(_ context.Context, _ track.Scope, names []string) (out []license.InstanceType, err error) {
	err = o.b.p.describe("DescribeInstanceTypes", func() {
		for _, n := range names {
			if size, ok := sizes[n]; ok {
				out = append(out, license.InstanceType{Name: n, VCPUs: size.vcpus, Cores: size.cores, ThreadsPerCore: size.vcpus / size.cores})
			}
		}
	})
	return out, err
}

// describe is one call that asks EC2.
func (p *process) describe(op string, call func()) error {
	s := p.sim
	before, after := p.fault(op)
	if before == nil && after == nil && s.faulty && s.dice.chance(s.profile.describeFails) {
		before = errThrottled
	}
	if before != nil || after != nil {
		return errors.Join(before, after)
	}
	call()
	return nil
}

// scale lets an Auto Scaling group do what it does: replace what does not run.
func (c *cloud) scale(g *group) {
	alive := 0
	for _, m := range c.machines {
		if m.group != g {
			continue
		}
		switch m.in.State {
		case license.Pending, license.Running:
			alive++
		case license.Stopping, license.Stopped:
			g.replaced++
			c.terminate(m)
		}
	}
	for ; alive < g.desired; alive++ {
		m := c.launch(g.account, license.Instance{Type: g.kind, ImageID: g.image}, g)
		c.sim.after(c.sim.dice.between(0, 50*time.Second), func() { // Auto Scaling's tags come up to a minute later
			name := g.name
			c.tag(m, license.TagAutoScalingGroup, &name)
			c.emit(m, groupEvent(m.in.ID.AWSID()))
		})
	}
	for _, m := range slices.Backward(c.machines) {
		if alive <= g.desired {
			break
		}
		if m.group == g && m.in.State == license.Running {
			c.terminate(m)
			alive--
		}
	}
}
