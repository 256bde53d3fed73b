package simulator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"licenseguard/shared/enforce"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

// hands is EC2 as enforce sees and moves it.
type hands struct{ b *box }

func (h hands) Look(_ context.Context, scope track.Scope, id string) (in license.Instance, found bool, err error) {
	p := h.b.p
	err = p.describe("Look "+id, func() {
		var of time.Time
		if m := p.sim.cloud.byID[id]; m != nil && m.scope() == scope {
			in, found, of = p.sim.cloud.tell(m, p)
			p.looked[m.in.ID], p.fresh[string(m.in.ID)] = of, true
			p.shown[m.in.ID] = in
		}
	})
	return in, found, err
}

func (h hands) Tag(_ context.Context, scope track.Scope, id string, tags map[string]string) error {
	p := h.b.p
	return p.do("Tag "+id, func() error {
		m := p.sim.cloud.byID[id]
		if m == nil || m.scope() != scope || m.in.State == license.Terminated {
			return fmt.Errorf("tag %s: %w", id, enforce.ErrGone)
		}
		for _, k := range slices.Sorted(maps.Keys(tags)) {
			v := tags[k]
			p.sim.cloud.tag(m, k, &v)
		}
		if !p.sim.restores(m, tags) {
			p.sim.acted(p, m, license.Tag)
		}
		return nil
	})
}

func (h hands) Stop(_ context.Context, scope track.Scope, id string) error {
	p := h.b.p
	return p.do("Stop "+id, func() error {
		m := p.sim.cloud.byID[id]
		switch {
		case m == nil || m.scope() != scope || m.in.State == license.Terminated || m.in.State == license.ShuttingDown:
			return fmt.Errorf("stop %s: %w", id, enforce.ErrGone)
		case m.in.State == license.Pending:
			return fmt.Errorf("stop %s: %w", id, enforce.ErrNotYet)
		case m.in.State != license.Running:
			return nil
		case !m.shielded.IsZero():
			return errors.New("simulated: EC2 refuses to stop a protected instance")
		}
		p.sim.acted(p, m, license.Stop)
		p.sim.cloud.stop(m)
		return nil
	})
}

func (h hands) Untag(_ context.Context, _ track.Scope, id string, keys []string) error {
	p := h.b.p
	return p.do("Untag "+id, func() error {
		m := p.sim.cloud.byID[id]
		for _, k := range keys {
			p.sim.cloud.tag(m, k, nil)
		}
		return nil
	})
}

func (h hands) Start(_ context.Context, _ track.Scope, id string) error {
	p := h.b.p
	return p.do("Start "+id, func() error {
		m := p.sim.cloud.byID[id]
		switch m.in.State {
		case license.Pending, license.Running:
			return nil
		case license.Stopped:
			p.sim.stats.Started++
			p.sim.restarted[m.in.ID] = p.sim.now
			p.sim.cloud.up(m)
			return nil
		default:
			return fmt.Errorf("start %s: %w", id, enforce.ErrGone)
		}
	})
}

func (c *cloud) group(account, name string) *group {
	for _, g := range c.groups {
		if g.account == account && g.name == name {
			return g
		}
	}
	return nil
}

func (h hands) Capacity(_ context.Context, scope track.Scope, name string) (size enforce.Capacity, err error) {
	p := h.b.p
	err = p.do("Capacity "+name, func() error {
		g := p.sim.cloud.group(scope.Account, name)
		size = enforce.Capacity{Desired: int32(g.desired), Min: int32(g.min), Max: 10}
		return nil
	})
	return size, err
}

func (h hands) SetCapacity(_ context.Context, scope track.Scope, name string, desired int32) error {
	p := h.b.p
	return p.do(fmt.Sprintf("SetCapacity %s %d", name, desired), func() error {
		g := p.sim.cloud.group(scope.Account, name)
		if int(desired) < g.desired {
			if m := p.sim.cloud.byID[p.acting.AWSID()]; m != nil {
				p.sim.acted(p, m, license.Lower)
			}
		}
		g.desired = int(desired)
		return nil
	})
}

func (h hands) Detach(_ context.Context, scope track.Scope, name, id string) error {
	p := h.b.p
	return p.do("Detach "+id, func() error {
		g, m := p.sim.cloud.group(scope.Account, name), p.sim.cloud.byID[id]
		switch {
		case m.group != g:
			return nil
		case g.desired <= g.min:
			return fmt.Errorf("detach %s: %w", id, enforce.ErrMinimum)
		}
		p.sim.acted(p, m, license.Detach)
		g.desired--
		m.group = nil
		p.sim.cloud.tag(m, license.TagAutoScalingGroup, nil)
		return nil
	})
}

func (h hands) Attach(_ context.Context, scope track.Scope, name, id string) error {
	p := h.b.p
	return p.do("Attach "+id, func() error {
		g, m := p.sim.cloud.group(scope.Account, name), p.sim.cloud.byID[id]
		switch {
		case m.group == g:
			return nil
		case m.in.State != license.Running:
			return errors.New("simulated: Auto Scaling takes only what runs")
		}
		g.desired++
		m.group = g
		p.sim.cloud.tag(m, license.TagAutoScalingGroup, &g.name)
		return nil
	})
}
