package ledger

import (
	"fmt"
	"time"

	"licenseguard/shared/license"
)

// When a Dedicated Host fails, EC2 allocates another, with an id of its own, and
// restarts or moves its instances there, in any order and over up to weeks. That is one
// server's licenses on the way to the server that takes its place, so with the first
// instance that arrives all of them go there: the place in the order, the cover, the day
// of the assignment and every member. What is still on the failed host counts with
// those, because it does not run, or is about to leave. A person who moves an instance
// off a host that did not fail recovers nothing: both hosts count.

// Recovery is what is kept of one such failure.
type Recovery struct {
	From, To license.ResourceID // the hosts
	State    string             // of the failed one, as EC2 called it
	Seen     time.Time
	Instance license.ResourceID // that was the first to arrive
}

// ID names the recovery: the host that took the place, then the failed one.
func (r Recovery) ID() string { return string(r.To) + "/" + r.From.AWSID() }

func (r Recovery) String() string {
	return fmt.Sprintf("host %s failed (%s): its licenses moved to %s", r.From.AWSID(), r.State, r.To.AWSID())
}

// recovered reports whether the instance came from a host that failed to the one that
// takes its place.
func (f *folder) recovered(e *Entry, m *Member, c *Claim) bool {
	to := f.consumer(c)
	return !c.Gone && c.Left.Failed() && c.Left.ID == e.Resource && to != e.Resource && to.Type() == license.EC2Host && m.Consuming(&f.rules)
}

// replaced reports whether an instance is seen on a failed host whose licenses went with
// it to the host that holds it: nothing moves onto a failed host, so it only has not
// moved yet.
func (f *folder) replaced(e *Entry, c *Claim) bool {
	if !c.Host.Failed() || c.Host.ID.AWSID() != c.Instance.HostID || e.Resource.Type() != license.EC2Host {
		return false
	}
	i, counted := f.find(f.consumer(c))
	return !counted || f.l.Entries[i].Verdict == Released
}

// replace moves what a failed host holds to the host that takes its place, and returns
// the entry of that one.
func (f *folder) replace(i int, c *Claim) int {
	old := f.touch(i)
	failed := *old
	old.Members, old.Assigned, old.AffinityUntil = nil, time.Time{}, time.Time{}
	old.Verdict, old.Since = Released, f.now
	resource := f.consumer(c)
	j, known := f.find(resource)
	if !known {
		j = f.add(Entry{Resource: resource, Verdict: Released})
	}
	e := f.touch(j)
	e.take(&failed, f.now)
	for _, m := range failed.Members {
		if before := c.Observed.Add(-time.Millisecond); m.Observed.Before(before) {
			m.Observed = before // a look at the failed host that comes late is older than this
		}
		e.Members = append(e.Members, m)
		f.seen[m.Instance] = c
	}
	setHost(e, c)
	f.count(e)
	f.reindex()
	f.because(Recovery{From: failed.Resource, To: resource, State: c.Left.State}.String())
	return j
}

// take gives an entry what a failed host had. One that is in use already keeps its own,
// but for the older place, the older assignment, and a cover that is enough for it.
func (e *Entry) take(failed *Entry, now time.Time) {
	if e.Verdict == Released {
		e.First, e.Licenses, e.Estimated, e.Host, e.RuleVersion = failed.First, failed.Licenses, failed.Estimated, failed.Host, failed.RuleVersion
		e.Verdict, e.Since, e.Assigned, e.AffinityUntil = failed.Verdict, failed.Since, failed.Assigned, failed.AffinityUntil
		return
	}
	if failed.First.Before(e.First) {
		e.First = failed.First
	}
	if failed.Verdict == Covered && e.Verdict == Over && e.Licenses <= failed.Licenses {
		e.Verdict, e.Since = Covered, now
		for j := range e.Members {
			if m := &e.Members[j]; len(m.Broken) == 0 {
				m.Cause, m.Answered = "", ""
			}
		}
	}
	bound := e.Verdict == Covered || e.Verdict == Tracked
	if bound && !failed.Assigned.IsZero() && (e.Assigned.IsZero() || failed.Assigned.Before(e.Assigned)) {
		e.Assigned, e.AffinityUntil = failed.Assigned, failed.AffinityUntil
	}
}

// because adds to the reason of the change.
func (f *folder) because(reason string) {
	if f.change.Reason != "" {
		reason = f.change.Reason + "; " + reason
	}
	f.change.Reason = reason
}
