package simulator

import (
	"cmp"
	"slices"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// checkOrder: who gets cover is the oldest that fits, and who has it loses it
// only to a lower count, to growth, or, while it is new, to an older launch.
func (s *Sim) checkOrder(before, after *ledger.License, at time.Time) {
	c := &after.Configuration
	count := limitOf(c, at)
	if after.Unsettled || before == nil || before.Unsettled || count == nil || c.Status == license.Disabled {
		return
	}
	was := make(map[license.ResourceID]*ledger.Entry, len(before.Entries))
	for i := range before.Entries {
		was[before.Entries[i].Resource] = &before.Entries[i]
	}
	holders := before.Totals.Covered
	var gained, waiting, lost []*ledger.Entry
	for i := range after.Entries {
		e := &after.Entries[i]
		old := was[e.Resource]
		held := old != nil && old.Verdict == ledger.Covered
		if held {
			holders += e.Licenses - old.Licenses
		}
		switch {
		case e.Verdict == ledger.Covered && !held:
			gained = append(gained, e)
		case e.Verdict == ledger.Over && held && e.Licenses == old.Licenses:
			lost = append(lost, e)
		case e.Verdict == ledger.Over && !slices.ContainsFunc(e.Members, func(m ledger.Member) bool { return !m.Intent.At.IsZero() }):
			waiting = append(waiting, e)
		}
	}
	for _, g := range gained {
		for _, w := range waiting {
			if w.Licenses <= g.Licenses && place(w, g) < 0 {
				s.violate("%s r%d: %s gets cover before %s, which is older and needs no more", c.ID, after.Revision, g.Resource.AWSID(), w.Resource.AWSID())
			}
		}
	}
	if holders > *count {
		return // a lower count, or growth, takes cover away
	}
	for _, e := range lost {
		old := was[e.Resource]
		if !at.Before(old.Since.Add(c.Enforcement.Settle)) {
			s.violate("%s r%d: %s loses its cover after the settle window", c.ID, after.Revision, e.Resource.AWSID())
		}
		if !slices.ContainsFunc(gained, func(g *ledger.Entry) bool { return place(g, e) < 0 }) {
			s.violate("%s r%d: %s loses its cover, and nobody older gets it", c.ID, after.Revision, e.Resource.AWSID())
		}
	}
}

// place is the order of the first launches, then of the ids.
func place(a, b *ledger.Entry) int {
	return cmp.Or(a.First.Compare(b.First), cmp.Compare(a.Resource, b.Resource))
}

// checkGone: an instance that runs is given up only after EC2 did not show it
// to two direct looks.
func (s *Sim) checkGone(before, after *ledger.License) {
	if before == nil {
		return
	}
	for i := range after.Entries {
		for j := range after.Entries[i].Members {
			m := &after.Entries[i].Members[j]
			if m.State != license.Terminated {
				continue
			}
			truth := s.cloud.byID[m.Instance.AWSID()]
			if _, was := before.Find(m.Instance); was == nil || was.State == license.Terminated || truth.in.State == license.ShuttingDown || truth.in.State == license.Terminated {
				continue
			}
			if n := s.current.missed[m.Instance]; n < 2 {
				s.violate("%s r%d: %s is given up after %d looks, and it is %s", after.Configuration.ID, after.Revision, m.Instance.AWSID(), n, truth.in.State)
			}
		}
	}
}

// assign notes since when hosts are covered: their licenses stay with them.
func (s *Sim) assign(l *ledger.License, at time.Time) {
	id := l.Configuration.ID
	held := make(map[license.ResourceID]bool)
	for i := range l.Entries {
		e := &l.Entries[i]
		if e.Resource.Type() != license.EC2Host {
			continue
		}
		h := holding{id, e.Resource}
		held[e.Resource] = true
		switch e.Verdict {
		case ledger.Covered, ledger.Tracked:
			if _, ok := s.assigned[h]; !ok {
				s.assigned[h] = at
			}
		case ledger.Over, ledger.Released:
			delete(s.assigned, h)
		}
	}
	for h := range s.assigned {
		if h.license == id && !held[h.instance] {
			delete(s.assigned, h)
		}
	}
}
