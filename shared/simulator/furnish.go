package simulator

import (
	"fmt"
	"time"

	"licenseguard/shared/license"
)

// furnish makes the licenses and the hosts, before anything fails.
func (s *Sim) furnish() {
	d := s.dice
	crowded := d.chance(0.05) && !s.profile.hostile // so many hosts that a license is kept in pages
	s.addHosts(account, 2)
	if crowded {
		s.addHosts(account, 16+d.IntN(12))
	}
	if len(s.accounts) > 1 {
		s.addHosts(second, 1)
	}
	licenses := 1 + d.IntN(3)
	if s.profile.hostile || s.profile.race {
		licenses = 1 + d.IntN(2)
	}
	for i := range licenses {
		c := license.Configuration{ID: fmt.Sprintf("lic-%d", i+1), Name: fmt.Sprintf("License %d", i+1)}
		c.CountingType = pick(d, license.CountInstance, license.CountInstance, license.CountVCPU, license.CountVCPU, license.CountCore, license.CountSocket)
		if crowded && i == 0 {
			c.CountingType = pick(d, license.CountCore, license.CountSocket)
		}
		if !d.chance(0.05) {
			count := int64(1 + d.IntN(8))
			switch c.CountingType {
			case license.CountVCPU:
				count *= int64(1 + d.IntN(4))
			case license.CountCore:
				count *= pick[int64](d, 1, 2, 12)
			case license.CountSocket:
				count *= 2
			}
			if crowded && i == 0 {
				count *= 6
			}
			c.Count, c.HardLimit = &count, d.chance(0.85)
		}
		c.Enforcement = license.Enforcement{Mode: pick(d, license.Stop, license.Stop, license.Stop, license.Tag, license.Observe),
			ActionsPerHour: pick(d, 1, 2, 3, 10), Settle: pick(d, 10*time.Second, 2*time.Minute, 2*time.Minute, 5*time.Minute), RestartGrace: pick(d, 0, 2*time.Minute, 15*time.Minute),
			Grace: pick(d, 0, 0, 0, 0, 7*time.Minute), Hours: pick(d, hours...), AutoScaling: pick(d, license.AutoScalingAlert, license.AutoScalingAlert, license.AutoScalingDetach, license.AutoScalingLower),
			TagsExempt: d.chance(0.2)}
		if s.profile.hostile {
			c.Enforcement.Mode, c.Enforcement.Settle, c.HardLimit = license.Stop, pick(d, 10*time.Second, time.Minute), c.Count != nil
			if c.Count != nil {
				*c.Count = min(*c.Count, 3)
			}
		}
		c.Associations = s.associations()
		if s.profile.race {
			c.Associations = []license.Association{{Kind: license.ByAMI, Value: s.images[i%2]}}
			if c.Count != nil {
				*c.Count, c.HardLimit = min(*c.Count, 6), true
			}
		}
		if crowded && i == 0 {
			c.Associations[0] = license.Association{Kind: license.ByAMI, Value: s.images[0]}
		}
		if rules := s.rules(c.CountingType); d.chance(0.4) {
			c.Rules = []license.RuleVersion{{Text: rules}}
		}
		if crowded && i == 0 && d.chance(0.5) {
			c.Rules = []license.RuleVersion{{Text: []string{"#licenseAffinityToHost=1"}}}
		}
		if d.chance(0.1) {
			c.Expiry = s.expiry()
		}
		s.configure(c, func() {})
	}
	s.limit()
	s.advance(time.Time{})
	if len(s.store.licenses) == 0 {
		s.furnish() // refused; another try
		return
	}
	s.now = s.now.Add(d.between(time.Second, time.Minute))
	if crowded {
		for i := range s.cloud.hosts {
			s.after(d.between(0, 5*time.Minute), func() { s.launchOn(i) })
			if d.chance(0.3) {
				s.after(d.between(6*time.Minute, 20*time.Minute), func() { s.leave(i) })
			}
		}
	}
}

func (s *Sim) addHosts(account string, n int) {
	for range n {
		id := license.NewResourceID(account, home, fmt.Sprintf("h-%017x", len(s.cloud.hosts)+1))
		s.cloud.hosts = append(s.cloud.hosts, license.Host{ID: id, Family: "m5", State: "available", Cores: 48, Sockets: 2})
	}
}

// expiry is soon, or so that a notice falls due.
func (s *Sim) expiry() time.Time {
	soon := s.now.Add(s.dice.between(10*time.Minute, 2*time.Hour))
	return soon.AddDate(0, 0, pick(s.dice, 0, 0, 2, 30, 60, 120)).Truncate(time.Second)
}

func (s *Sim) associations() []license.Association {
	d := s.dice
	out := []license.Association{{Kind: license.ByAMI, Value: s.images[d.IntN(2)]}}
	if d.chance(0.1) {
		out[0] = license.Association{Kind: license.ByTag, Value: "app"}
	}
	if d.chance(0.35) {
		out = append(out, s.association())
	}
	return out
}

// association is one of the rarer kinds.
func (s *Sim) association() license.Association {
	d := s.dice
	switch d.IntN(5) {
	case 0:
		return license.Association{Kind: license.ByLaunchTemplate, Value: s.templates[d.IntN(2)]}
	case 1:
		return license.Association{Kind: license.ByInstance, Value: instanceID(d.IntN(len(s.cloud.machines) + 4))}
	case 2:
		return license.Association{Kind: license.ByHost, Value: s.cloud.hosts[d.IntN(len(s.cloud.hosts))].ID.AWSID()}
	default:
		return license.Association{Kind: license.ByTag, Value: pick(d, "app=db*", "app=web")}
	}
}

func (s *Sim) rules(counting license.CountingType) []string {
	from := []string{"#allowedTenancy=EC2-Default", "#allowedInstanceTypes=m5.*"}
	switch counting {
	case license.CountVCPU:
		from = append(from, "#maximumVcpus=4", "#honorVcpuOptimization=True")
	case license.CountCore:
		from = append(from, "#maximumCores=2", "#licenseAffinityToHost=1", "#licenseAffinityToHost=3")
	case license.CountSocket:
		from = append(from, "#maximumSockets=1", "#licenseAffinityToHost=1", "#licenseAffinityToHost=3")
	}
	switch {
	case s.dice.chance(0.25):
		return []string{"#includedStoppedInstances=True"}
	case len(from) > 4 && s.dice.chance(0.4):
		return from[len(from)-1:]
	}
	return []string{from[s.dice.IntN(len(from))]}
}

// leave ends what runs on a host.
func (s *Sim) leave(host int) {
	for _, m := range s.cloud.machines {
		if m.in.HostID == s.cloud.hosts[host].ID.AWSID() && m.in.State == license.Running {
			s.cloud.terminate(m)
		}
	}
}
