package simulator

import (
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

// scheduleRace plans moments at which both accounts launch, in both Regions, more
// than is left, and between them some end what they have. Whatever the order, nobody
// may get a license that is not there, nor wait for one that is: checkLicense looks
// at each commit.
func (s *Sim) scheduleRace(end time.Time) {
	d := s.dice
	anytime := func() time.Time { return s.now.Add(d.between(0, end.Sub(s.now))) }
	for t := s.now.Truncate(time.Minute).Add(time.Minute); t.Before(end); t = t.Add(time.Minute) {
		s.agenda.add(t, s.tick)
	}
	for range d.IntN(3) {
		s.agenda.add(anytime(), s.startSweep)
	}
	for range 1 + d.IntN(4) {
		at := anytime()
		s.agenda.add(at, func() { s.stats.Bursts++ })
		for _, account := range s.accounts {
			for range 1 + d.IntN(4) {
				where, in := track.Scope{Account: account, Region: pick(d, s.regions...)}, license.Instance{Type: pick(d, "m5.large", "m5.large", "m5.xlarge"), ImageID: s.images[d.IntN(2)]}
				size := sizes[in.Type]
				in.CPUOptions = license.CPUOptions{Cores: size.cores, ThreadsPerCore: size.vcpus / size.cores}
				s.agenda.add(at.Add(d.between(0, pick(d, time.Millisecond, 2*time.Second))), func() { s.cloud.launchIn(where, in, nil) })
			}
		}
	}
	for range d.IntN(8) {
		s.agenda.add(anytime(), func() {
			if n := len(s.cloud.machines); n > 0 {
				if m := s.cloud.machines[s.dice.IntN(n)]; m.in.State == license.Running {
					s.cloud.terminate(m)
				}
			}
		})
	}
	if d.chance(0.3) {
		s.agenda.add(anytime(), s.changeConfiguration)
	}
}

// noteRace counts who got the last licenses, and who did not.
func (s *Sim) noteRace(l *ledger.License, c *ledger.Change) {
	if !s.profile.race || !s.faulty {
		return
	}
	for i := range c.Deltas {
		d := &c.Deltas[i]
		account, _, _ := d.Instance.Parts()
		here := account == s.accounts[0]
		switch {
		case d.From == d.To:
		case d.To == ledger.Over && here:
			s.stats.LostHere++
		case d.To == ledger.Over:
			s.stats.LostThere++
		case d.To == ledger.Covered && l.Configuration.Count != nil && l.Totals.Covered == *l.Configuration.Count && here:
			s.stats.WonHere++
		case d.To == ledger.Covered && l.Configuration.Count != nil && l.Totals.Covered == *l.Configuration.Count:
			s.stats.WonThere++
		}
	}
}
