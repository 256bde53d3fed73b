package ledger

import (
	"cmp"
	"slices"
	"time"

	"licenseguard/shared/license"
)

// cover decides which entries fit under the count.
//
// A holder keeps its cover until it releases, breaks a rule, grows, or the
// count falls; then the youngest loses first. Free licenses go to the oldest
// uncovered entry that fits whole. An older entry that arrives late displaces
// younger holders only while they are in their settle window.
func (f *folder) cover() {
	f.affinity()
	free := f.limit
	var holders, waiting []int
	for i := range f.l.Entries {
		e := &f.l.Entries[i]
		switch want := f.plainVerdict(e); want {
		case "":
			if e.Verdict == Covered {
				f.judge(i, Covered, f.cause) // a member can break a rule all the same
				holders, free = append(holders, i), free-e.Licenses
			} else {
				waiting = append(waiting, i)
			}
		default:
			if e.Verdict != want && f.full() {
				return
			}
			f.judge(i, want, f.cause)
		}
	}
	free, holders, lost, settled := f.shrink(free, holders)
	if !settled {
		return
	}
	f.promote(free, holders, append(waiting, lost...)) // a smaller one of the lost may fit
}

// plainVerdict returns the verdict of an entry for which the count plays no
// part, or "".
func (f *folder) plainVerdict(e *Entry) Verdict {
	switch {
	case !f.consuming(e) && !f.now.Before(e.AffinityUntil):
		return Released
	case f.l.Configuration.Status == license.Disabled:
		return Ignored
	case e.broken(&f.rules):
		return Broken
	case !f.limited:
		return Tracked
	default:
		return ""
	}
}

// shrink takes cover from the youngest holders until the rest fits.
func (f *folder) shrink(free int64, holders []int) (left int64, kept, lost []int, settled bool) {
	if free >= 0 {
		return free, holders, nil, true
	}
	f.sortByPlace(holders)
	for n := len(holders) - 1; n >= 0 && free < 0; n-- {
		if f.full() {
			return free, holders, lost, false
		}
		i := holders[n]
		holders, free = holders[:n], free+f.l.Entries[i].Licenses
		if !f.consuming(&f.l.Entries[i]) {
			f.judge(i, Released, nil) // only affinity held it
			continue
		}
		f.judge(i, Over, func(*Member) Cause { return ByChange })
		lost = append(lost, i)
	}
	return free, holders, lost, true
}

// promote gives free licenses to waiting entries in their order.
func (f *folder) promote(free int64, holders, waiting []int) {
	if len(waiting) == 0 {
		return
	}
	f.sortByPlace(waiting)
	var young []int
	looked := false
	for len(waiting) > 0 {
		i := waiting[0]
		waiting = waiting[1:]
		e := &f.l.Entries[i]
		if f.full() {
			return
		}
		if e.intended(f.now) {
			f.judge(i, Over, f.cause)
			continue
		}
		if e.Licenses > free {
			if !looked {
				young, looked = f.unsettled(holders), true
			}
			var displaced []int
			displaced, young, free = f.displace(e, young, free)
			for _, d := range displaced {
				f.judge(d, Over, f.displacedBy(e))
				at, _ := slices.BinarySearchFunc(waiting, d, f.byPlace)
				waiting = slices.Insert(waiting, at, d)
			}
		}
		if e.Licenses <= free {
			free -= e.Licenses
			f.judge(i, Covered, f.cause)
		} else {
			f.judge(i, Over, f.cause)
		}
	}
}

// unsettled lists the holders whose cover is so new that an older arrival may
// take it, in order of place.
func (f *folder) unsettled(holders []int) []int {
	var young []int
	for _, i := range holders {
		if e := &f.l.Entries[i]; f.now.Before(e.Since.Add(f.l.Configuration.Enforcement.Settle)) && f.consuming(e) {
			young = append(young, i)
		}
	}
	f.sortByPlace(young)
	return young
}

// displace takes cover from the youngest unsettled holders that are younger
// than e, but only if that makes room for the whole of e.
func (f *folder) displace(e *Entry, young []int, free int64) (displaced, rest []int, left int64) {
	left = free
	n := len(young)
	for n > 0 && left < e.Licenses && byPlace(e, &f.l.Entries[young[n-1]]) < 0 {
		n--
		left += f.l.Entries[young[n]].Licenses
	}
	if left < e.Licenses {
		return nil, young, free
	}
	return young[n:], young[:n], left
}

// displacedBy tells why an entry lost its cover to e: not by its own launch
// where e came by a change or was found.
func (f *folder) displacedBy(e *Entry) func(*Member) Cause {
	for j := range e.Members {
		m := &e.Members[j]
		if !m.Consuming(&f.rules) {
			continue
		}
		if cause := cmp.Or(m.Cause, f.cause(m)); cause != ByLaunch {
			return func(*Member) Cause { return cause }
		}
	}
	return f.cause
}

// judge sets an entry's verdict and, for an overrun or a member that breaks a
// rule, what caused it.
func (f *folder) judge(i int, v Verdict, cause func(*Member) Cause) {
	e := &f.l.Entries[i]
	if e.Verdict == v && !f.uncaused(e, v) {
		return
	}
	e = f.touch(i)
	if e.Verdict != v {
		e.Verdict, e.Since = v, f.now
		for j := range e.Members {
			m := &e.Members[j]
			if m.Cause = ""; m.Answered != string(DoneLowered) { // its group is smaller already, though it may run still
				m.Answered = ""
			}
		}
		e.assign(v, f.now)
		if was := f.was(i); was != nil && was.Verdict == v { // lost and found again in one fold
			e.Since, e.Assigned, e.AffinityUntil = was.Since, was.Assigned, was.AffinityUntil
		}
	}
	for j := range e.Members {
		if m := &e.Members[j]; f.wantsCause(m, v) {
			m.Cause = cause(m)
		}
	}
}

func (f *folder) wantsCause(m *Member, v Verdict) bool {
	answerable := v == Over || v == Broken || (v == Covered || v == Tracked) && len(m.Broken) > 0
	return answerable && m.Cause == "" && m.Consuming(&f.rules)
}

func (f *folder) uncaused(e *Entry, v Verdict) bool {
	for j := range e.Members {
		if f.wantsCause(&e.Members[j], v) {
			return true
		}
	}
	return false
}

// cause tells why an uncovered member is an overrun. Only what was launched
// while limit, rules and association were known, and was seen in time, is an
// overrun by launch.
func (f *folder) cause(m *Member) Cause {
	known := f.l.Configuration.TightenedAt
	if f.version > 0 {
		if effective := f.l.Configuration.Rules[f.version-1].Effective; effective.After(known) {
			known = effective
		}
	}
	launch := m.Generation.Launch
	switch {
	case !launch.After(known) || m.Late:
		return ByChange
	case !m.Known.IsZero() && !m.Known.After(known): // an old instance that was only started again
		return ByChange
	case m.FirstSeen.After(launch.Add(discoveryWindow)):
		return ByFind
	default:
		return ByLaunch
	}
}

// affinity keeps the licenses of a covered host that lost its last instance
// until the days since their assignment are over.
func (f *folder) affinity() {
	for i := range f.l.Entries {
		e := &f.l.Entries[i]
		if e.Assigned.IsZero() || e.RuleVersion != f.version {
			continue
		}
		var until time.Time
		if days := f.rules.AffinityDays; days > 0 {
			until = e.Assigned.Add(time.Duration(days) * 24 * time.Hour)
		}
		if e.AffinityUntil.Equal(until) {
			continue
		}
		f.touch(i).AffinityUntil = until
	}
}

// assign begins or ends a host's assignment. Only licenses that there are can
// be bound to a host, so a host that is over the count binds none.
func (e *Entry) assign(v Verdict, now time.Time) {
	switch v {
	case Covered, Tracked:
		if e.Resource.Type() == license.EC2Host && e.Assigned.IsZero() {
			e.Assigned = now
		}
	case Released, Over:
		e.Assigned, e.AffinityUntil = time.Time{}, time.Time{}
	}
}

// consuming reports whether a member of the entry uses its licenses.
func (f *folder) consuming(e *Entry) bool {
	for j := range e.Members {
		if e.Members[j].Consuming(&f.rules) {
			return true
		}
	}
	return false
}

// broken reports whether every consuming member breaks a rule.
func (e *Entry) broken(rules *license.Rules) bool {
	any := false
	for j := range e.Members {
		if m := &e.Members[j]; m.Consuming(rules) {
			if len(m.Broken) == 0 {
				return false
			}
			any = true
		}
	}
	return any
}

func (e *Entry) intended(now time.Time) bool {
	for j := range e.Members {
		if e.Members[j].Intent.Live(now) {
			return true
		}
	}
	return false
}

func (f *folder) sortByPlace(indexes []int) { slices.SortFunc(indexes, f.byPlace) }

func (f *folder) byPlace(a, b int) int { return byPlace(&f.l.Entries[a], &f.l.Entries[b]) }

// byPlace is the order of entries: first launch, then id.
func byPlace(a, b *Entry) int {
	if c := a.First.Compare(b.First); c != 0 {
		return c
	}
	return cmp.Compare(a.Resource, b.Resource)
}
