package ledger

import (
	"slices"
	"time"

	"licenseguard/shared/license"
)

// total adds the entries up.
func (f *folder) total() {
	var t Totals
	for i := range f.l.Entries {
		e := &f.l.Entries[i]
		if e.Verdict == Released {
			continue
		}
		switch f.use(e) {
		case license.Running:
			t.Running += e.Licenses
		case license.Stopped:
			t.Stopped += e.Licenses
		default:
			t.Affinity += e.Licenses
		}
		switch e.Verdict {
		case Covered:
			t.Covered += e.Licenses
		case Over:
			t.Over += e.Licenses
		case Broken:
			t.Broken += e.Licenses
		}
		if e.Estimated {
			t.Estimated += e.Licenses
		}
		if e.Resource.Type() == license.EC2Host {
			t.Hosts += e.Licenses
		} else {
			t.Instances += e.Licenses
		}
	}
	f.l.Totals = t
}

// use returns Running or Stopped for what a consuming entry is used by, or ""
// where only affinity holds it.
func (f *folder) use(e *Entry) license.State {
	var use license.State
	for j := range e.Members {
		m := &e.Members[j]
		if !m.Consuming(&f.rules) {
			continue
		}
		if m.State != license.Stopped {
			return license.Running
		}
		use = license.Stopped
	}
	return use
}

// finish writes the change: deltas, alerts, and the next due time.
func (f *folder) finish() {
	f.describe()
	f.change.Deltas = make([]Delta, 0, len(f.before)+len(f.l.Entries)-f.added)
	slices.Sort(f.touched)
	for _, i := range f.touched {
		f.compare(f.was(i), &f.l.Entries[i])
	}
	for i := f.added; i < len(f.l.Entries); i++ {
		f.compare(&Entry{}, &f.l.Entries[i])
	}
	f.alert()
	f.l.Due = f.due()
}

// describe notes what readers of the change need of the license.
func (f *folder) describe() {
	c := &f.l.Configuration
	f.change.ARN, f.change.Name, f.change.Vendor, f.change.Counting, f.change.Hard = c.ARN, c.Name, c.Vendor, c.CountingType, c.HardLimit
	f.change.Mode, f.change.Status, f.change.Expiry, f.change.After = c.Enforcement.Mode, c.Status, c.Expiry, f.l.Totals
	if f.limited {
		count := f.limit
		f.change.Count = &count
	}
}

// compare appends a delta for each member of an entry that changed.
func (f *folder) compare(before, after *Entry) {
	for j := range after.Members {
		m := &after.Members[j]
		was := before.member(m.Instance)
		if was != nil && before.Verdict == after.Verdict && before.Licenses == after.Licenses && !m.differs(was) && before.Host == after.Host {
			continue
		}
		if was == nil {
			was = &Member{}
		}
		d := f.delta(before, after, m)
		d.brokenAnew = len(m.Broken) > 0 && m.Consuming(&f.rules) && (len(was.Broken) == 0 || !was.Generation.Launch.Equal(m.Generation.Launch))
	}
	for j := range before.Members {
		if was := &before.Members[j]; after.member(was.Instance) == nil {
			gone := *was
			d := f.delta(before, after, &gone)
			d.To, d.Answer = Released, Answer{}
		}
	}
	if len(after.Members) == 0 && len(before.Members) == 0 && before.Verdict != after.Verdict && before.Verdict != "" {
		f.delta(before, after, &Member{})
	}
}

func (m *Member) differs(was *Member) bool {
	return m.State != was.State || m.Generation.Compare(was.Generation) != 0 || m.Cause != was.Cause ||
		m.Answered != was.Answered || m.Approval.Plan != was.Approval.Plan || !m.Approval.At.Equal(was.Approval.At) || m.Intent.Action != was.Intent.Action || !m.Intent.At.Equal(was.Intent.At) || m.Gone != was.Gone || m.Guard != was.Guard ||
		m.Type != was.Type || m.CPUOptions != was.CPUOptions || m.Tenancy != was.Tenancy ||
		m.Kind != was.Kind || m.Value != was.Value || m.Late != was.Late || !slices.Equal(m.Broken, was.Broken)
}

// delta appends what happened to a member.
func (f *folder) delta(before, after *Entry, m *Member) *Delta {
	f.change.Deltas = append(f.change.Deltas, Delta{
		Resource: after.Resource, Instance: m.Instance, Generation: m.Generation, State: m.State,
		Happened: f.happened(before, after), From: before.Verdict, To: after.Verdict, Cause: m.Cause,
		Estimated: after.Estimated, Broken: m.Broken, RuleVersion: after.RuleVersion,
		Before: consumedBy(before), Licenses: consumedBy(after), Action: f.acted[m.Instance],
	})
	d := &f.change.Deltas[len(f.change.Deltas)-1]
	if m.Instance != "" {
		d.Association = f.association(m)
	}
	if c := f.seen[m.Instance]; c != nil {
		d.EventID, d.Happened, d.Uncertainty = c.EventID, c.Happened, c.Uncertainty
	}
	d.Explanation = f.usage(after).Explanation
	if !m.Intent.Live(f.now) { // else it is being answered
		d.Answer = f.l.Answer(after, m, f.now)
	}
	return d
}

// happened returns when what no look told of came about: at the beginning of the
// rules by which the entry is counted anew, at the end of its affinity, else now.
func (f *folder) happened(before, after *Entry) time.Time {
	at := f.now
	switch {
	case before.Verdict == "":
	case before.RuleVersion != after.RuleVersion && f.version > 0:
		if begun := f.l.Configuration.Rules[f.version-1].Effective; !begun.IsZero() && begun.Before(at) && begun.After(before.Since) {
			at = begun
		}
	case before.Verdict != Released && after.Verdict == Released && before.AffinityUntil.After(before.Since) && before.AffinityUntil.Before(at):
		at = before.AffinityUntil
	}
	return at
}

// association names what applies the license to a member; mostly it is the one
// of the member before.
func (f *folder) association(m *Member) string {
	if f.named.text == "" || f.named.kind != m.Kind || f.named.value != m.Value {
		f.named.kind, f.named.value, f.named.text = m.Kind, m.Value, string(m.Kind)+" "+m.Value
	}
	return f.named.text
}

// consumedBy is what an entry adds to the deployed total.
func consumedBy(e *Entry) int64 {
	if e.Verdict == Released || e.Verdict == "" {
		return 0
	}
	return e.Licenses
}

// due returns the next instant at which a fold would change something by itself.
func (f *folder) due() time.Time {
	if f.l.Unsettled && f.old.Unsettled {
		return f.old.Due
	}
	if f.l.Unsettled {
		return f.now
	}
	var next time.Time
	earlier := func(t time.Time) {
		if t.After(f.now) && (next.IsZero() || t.Before(next)) {
			next = milli(t.Add(time.Millisecond - 1))
		}
	}
	earlier(f.l.Configuration.NextChange(f.now))
	if f.l.Configuration.Status != license.Disabled {
		earlier(nextExpiryNotice(f.l.Configuration.Expiry, f.now))
		earlier(f.escalation())
	}
	for i := range f.l.Entries {
		e := &f.l.Entries[i]
		if e.Verdict != Released && !e.AffinityUntil.IsZero() && !f.consuming(e) {
			earlier(e.AffinityUntil)
		}
		for j := range e.Members {
			earlier(e.Members[j].Intent.Until)
		}
	}
	return next
}
