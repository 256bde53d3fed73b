package bench_test

import (
	"fmt"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// churn is a group of instances that are stopped and launched again for ever.
// Each event changes the verdict of one of them, so the license stays as large
// as it is while every event counts.
type churn struct {
	clock     *clock
	image     string
	instances []license.Instance
	next      int
}

func newChurn(c *clock, image string, n int) *churn {
	out := &churn{clock: c, image: image}
	for range n {
		out.instances = append(out.instances, license.Instance{
			ID: license.NewResourceID(account, region, newInstanceID()), Type: "m5.large", State: license.Terminated,
			Tenancy: license.TenancyDefault, ImageID: image, CPUOptions: license.CPUOptions{Cores: 1, ThreadsPerCore: 2}})
	}
	return out
}

// step makes the next event: the next instance is launched, or stopped if it runs.
func (c *churn) step() license.Instance {
	in := &c.instances[c.next]
	c.next = (c.next + 1) % len(c.instances)
	at := c.clock.tick()
	if in.State == license.Running {
		in.State, in.StoppedAt = license.Stopped, at
	} else {
		in.State, in.LaunchTime, in.StoppedAt = license.Running, at, time.Time{}
	}
	return *in
}

// claim is the next event as a license is given it.
func (c *churn) claim() ledger.Claim {
	in := c.step()
	at := c.clock.now()
	return ledger.Claim{Instance: in, Generation: ledger.Generation{Launch: in.LaunchTime, Rank: in.State.Rank()}, Observed: at, Happened: at,
		Held: &license.Held{Kind: license.ByAMI, Value: c.image}, Uncertainty: time.Second, EventID: newEventID()}
}

func (c *churn) claims(n int) []ledger.Claim {
	out := make([]ledger.Claim, n)
	for i := range out {
		out[i] = c.claim()
	}
	return out
}

// check reports what a license says otherwise than happened: a lost update, or
// totals that its entries do not add up to.
func check(l *ledger.License, churns []*churn) error {
	running := int64(0)
	for _, c := range churns {
		for _, in := range c.instances {
			_, m := l.Find(in.ID)
			if m == nil && in.State == license.Running || m != nil && (m.State != in.State || !m.Generation.Launch.Equal(in.LaunchTime)) {
				return fmt.Errorf("the license holds %+v; the instance is %+v", m, in)
			}
			if in.State == license.Running {
				running++
			}
		}
	}
	sum := int64(0)
	for i := range l.Entries {
		if e := &l.Entries[i]; e.Verdict != ledger.Released {
			sum += e.Licenses
		}
	}
	if l.Totals.Deployed() != sum || sum != 2*running {
		return fmt.Errorf("totals say %d, entries %d, and %d instances of 2 vCPUs run", l.Totals.Deployed(), sum, running)
	}
	return nil
}
