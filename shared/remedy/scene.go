package remedy

import (
	"cmp"
	"slices"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// scene is a license as the fold leaves it now, with what there is around it.
type scene struct {
	l       *ledger.License
	rules   license.Rules
	now     time.Time
	facts   Facts
	others  []other
	hosts   []place                       // those with the most room first
	cut     bool                          // not all of them were looked at for each instance
	refused map[license.ResourceID]string // why a member is never stopped or restarted
}

// other is a license to which instances may be moved.
type other struct {
	l     *ledger.License
	rules license.Rules
	free  int64
}

// place is a Dedicated Host that the license counts, with the physical cores
// that no instance takes.
type place struct {
	entry *ledger.Entry
	free  int64
}

func newScene(l *ledger.License, facts Facts, now time.Time) *scene {
	s := &scene{l: undisturbed(l, now, facts.Catalog), now: now, facts: facts, refused: map[license.ResourceID]string{}}
	s.rules, _ = s.l.Configuration.RulesAt(now)
	for _, o := range facts.Others {
		c := &o.Configuration
		count, limited := c.CountAt(now)
		if c.ID == l.Configuration.ID || !limited || c.Status == license.Disabled {
			continue // a license that only tracks has none to give
		}
		o = undisturbed(o, now, facts.Catalog)
		rules, _ := c.RulesAt(now)
		if free := count - o.Totals.Covered - o.Totals.Over; free >= 0 && o.Totals.Over == 0 {
			s.others = append(s.others, other{o, rules, free})
		}
	}
	slices.SortFunc(s.others, func(a, b other) int { return cmp.Compare(a.l.Configuration.ID, b.l.Configuration.ID) })
	s.others = slices.CompactFunc(s.others, func(a, b other) bool { return a.l.Configuration.ID == b.l.Configuration.ID })
	known := map[license.ResourceID][]license.Instance{}
	for _, in := range facts.Instances {
		account, region, _ := in.ID.Parts()
		host := license.NewResourceID(account, region, in.HostID)
		known[host] = append(known[host], in)
	}
	for i := range s.l.Entries {
		e := &s.l.Entries[i]
		if e.Resource.Type() == license.EC2Host && counted(e) {
			s.hosts = append(s.hosts, place{e, s.room(e, known[e.Resource])})
		}
		for j := range e.Members {
			if why := refusal(&e.Members[j]); why != "" {
				s.refused[e.Members[j].Instance] = why
			}
		}
	}
	slices.SortStableFunc(s.hosts, func(a, b place) int { return cmp.Compare(b.free, a.free) })
	return s
}

// undisturbed returns the license as it is once nothing is under way any more.
func undisturbed(l *ledger.License, now time.Time, catalog license.Catalog) *ledger.License {
	l = l.Clone()
	for i := range l.Entries {
		for j := range l.Entries[i].Members {
			l.Entries[i].Members[j].Intent = ledger.Intent{}
		}
	}
	return settle(l, ledger.Batch{}, now, catalog)
}

// counted reports whether an entry uses up the license's count.
func counted(e *ledger.Entry) bool { return e.Verdict == ledger.Covered || e.Verdict == ledger.Over }

// refusal says why an instance must not be stopped, not even to start again:
// what enforcement would never stop, and what is between two states.
func refusal(m *ledger.Member) string {
	switch {
	case m.Guard != ledger.Unguarded:
		return guardWhy(m.Guard)
	case m.State == license.Pending:
		return "it is still starting: what guards it is not known yet"
	case m.State == license.Stopping || m.State == license.ShuttingDown:
		return "it is stopping by itself"
	default:
		return ""
	}
}

func guardWhy(g ledger.Guard) string {
	switch g {
	case ledger.GuardAutoScaling:
		return "an Auto Scaling group would launch another one"
	case ledger.GuardProtected:
		return "it is protected against being stopped"
	case ledger.GuardInstanceStore:
		return "its instance store would be lost"
	case ledger.GuardOneTimeSpot:
		return "a one-time Spot instance cannot be stopped"
	case ledger.GuardOutside:
		return "it does not run on EC2"
	case ledger.GuardManaged:
		return "a service manages it"
	default:
		return string(g)
	}
}

// room is the physical cores of a host that no instance takes. A stopped
// instance keeps its place, and an unknown type takes its family's largest.
func (s *scene) room(e *ledger.Entry, known []license.Instance) int64 {
	free := license.CountHost(license.CountCore, license.Rules{}, hostOf(e), s.facts.Catalog).Units
	here := map[license.ResourceID]bool{}
	take := func(in license.Instance) {
		if in.State == license.Terminated || here[in.ID] {
			return
		}
		here[in.ID] = true
		in.CPUOptions = license.CPUOptions{} // cores that are switched off are taken all the same
		free -= license.Count(license.CountCore, license.Rules{}, in, s.facts.Catalog).Units
	}
	for j := range e.Members {
		take(factsOf(&e.Members[j]))
	}
	for _, in := range known {
		take(in)
	}
	return max(free, 0)
}

func hostOf(e *ledger.Entry) license.Host {
	if e.Host.Family == "" {
		return license.Host{}
	}
	return license.Host{ID: e.Resource, Family: e.Host.Family, Cores: e.Host.Cores, Sockets: e.Host.Sockets}
}

func factsOf(m *ledger.Member) license.Instance {
	return license.Instance{ID: m.Instance, Type: m.Type, State: m.State, LaunchTime: m.Generation.Launch,
		Tenancy: m.Tenancy, CPUOptions: m.CPUOptions, TypeFacts: m.TypeFacts}
}

// leftOut lists, of what uses the count, what is never stopped or restarted and
// what no step of the problem frees.
func (s *scene) leftOut(p problem) []LeftOut {
	freed := map[license.ResourceID]bool{}
	for _, g := range p.groups {
		freed[g.resource] = true
	}
	var out []LeftOut
	for _, i := range s.l.InOrder() {
		e := &s.l.Entries[i]
		if !counted(e) {
			continue
		}
		if s.bound(e) {
			why := "its licenses are bound to the host until " + e.AffinityUntil.Format("2006-01-02 15:04 MST")
			out = append(out, LeftOut{Resource: e.Resource, Licenses: e.Licenses, Why: why})
			continue
		}
		told := freed[e.Resource]
		for j := range e.Members {
			m := &e.Members[j]
			if why := s.refused[m.Instance]; why != "" && m.Consuming(&s.rules) {
				out, told = append(out, LeftOut{m.Instance, e.Resource, e.Licenses, why}), true
			}
		}
		if !told {
			why := "no step that is allowed frees any of its licenses"
			if s.rules.IncludeStopped {
				why += "; stopped instances count, too"
			}
			out = append(out, LeftOut{Resource: e.Resource, Licenses: e.Licenses, Why: why})
		}
	}
	return out
}

// bound reports whether an entry's licenses stay with its host whatever runs
// there.
func (s *scene) bound(e *ledger.Entry) bool { return s.now.Before(e.AffinityUntil) }
