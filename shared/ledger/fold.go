package ledger

import (
	"cmp"
	"slices"
	"time"

	"licenseguard/shared/license"
)

// Batch is what one fold is given. Claims are what was seen of instances.
type Batch struct {
	Claims        []Claim
	Configuration *license.Configuration // replaces the license's own; made by license.Amend
	By            string                 // who changed it
	Grants        []Grant
	Outcomes      []ActionOutcome
	Admissions    []Admission
	Approve       *Approve
	Revoke        string // approvals of the plan of this hash that were not carried out
	// Partial says that more claims of the same look follow: alerts wait for
	// the last, so that one crossing names all that it affects.
	Partial bool
}

// Claim is what an observation says of one instance for one license.
type Claim struct {
	Instance    license.Instance
	Host        license.Host // of the instance's Dedicated Host, where it has one
	Left        license.Host // the host on which the license held it, where that was another, as AWS describes it now
	Generation  Generation
	Gone        bool          // AWS does not know the instance any more
	Held        *license.Held // how the configuration applies to it; nil: it does not
	Offered     time.Time     // when the configuration began to offer that association
	Guard       Guard         // why it must not be stopped, as far as this look tells
	Undone      bool          // an undo left it alone since this launch, whichever license was undone
	Known       time.Time     // when the instance was first seen at all; zero: not told
	Observed    time.Time     // start of the observation
	Happened    time.Time     // when it happened, as far as is known
	Uncertainty time.Duration // it happened within this before Happened
	EventID     string
}

// MaxClaims is the most claims that one fold should be given: it bounds the
// size of a commit. Callers cut longer lists.
const MaxClaims = 64

const (
	// inlineEntries is how many entries a license keeps in its head before it
	// is split into pages of pageEntries, which are filled in order of arrival.
	inlineEntries = 128
	pageEntries   = 64
	// hostWeight is how many entries a host counts as in a page: its members
	// come later and can be more than a hundred, and an item holds 400 KB.
	hostWeight = 8
	// maxDirtyPages keeps a commit under DynamoDB's 100 items a transaction.
	maxDirtyPages = 90
	// fenceTime is how long a released member is kept to refuse what is older
	// than its release: longer than any function runs.
	fenceTime = 20 * time.Minute
	// discoveryWindow is how long after its start an instance still counts as
	// launched rather than found: longer than events are usually late.
	discoveryWindow = 15 * time.Minute
	// retryTime is how long an action waits for a license that is being folded
	// or an instance that is still starting.
	retryTime = time.Minute
	// tagsTime is how long after a launch nothing is stopped, whatever the settle
	// window: Auto Scaling's tags come up to 60 s later (EC2 Auto Scaling user
	// guide, 2026).
	tagsTime = 90 * time.Second
	// intentTime is how long a granted action blocks promotion.
	intentTime = 10 * time.Minute
	// runTime is how long an intent belongs to the run of enforcement that got
	// it: longer than a run can last, 60 s, so that nobody gives up the intent of
	// one that is about to act.
	runTime = 2 * time.Minute
)

// Result is what a fold says beside the next license.
type Result struct {
	Change *Change // nil: nothing changed, there is nothing to commit
	Dirty  []int   // the pages that the commit must write, ascending; empty while Pages is 0
	Grants []GrantResult
	// Admissions answers those of the batch, in their order.
	Admissions []Admittance
	// Approved is how many answers were approved; Moved says that none was,
	// because the license is not as the plan has it.
	Approved int
	Moved    bool
}

// Fold applies a batch to a license at an instant and returns the next license.
// l is not modified. When nothing changed the result has no Change and next is
// l. Claims that are older than what l holds are ignored; their order in the
// batch does not matter.
func Fold(l *License, b Batch, now time.Time, catalog license.Catalog) (next *License, result Result) {
	f := newFolder(l, len(b.Claims), milli(now), catalog)
	defer f.free()
	if b.Configuration != nil {
		f.configure(*b.Configuration, b.By)
	}
	claims := f.inOrder(b.Claims)
	pages := maxDirtyPages - len(claims) // leave room for what the claims touch
	f.relist(pages)
	f.endExemptions(pages)
	f.recount(pages)
	for _, c := range claims {
		f.claim(c)
	}
	f.expireIntents()
	for _, o := range b.Outcomes {
		f.outcome(o)
	}
	f.partial = b.Partial
	if b.Partial {
		f.l.Unsettled = f.l.Unsettled || l.Unsettled // what is open stays open
	}
	f.cover()
	f.affinity()
	f.total()
	for _, g := range b.Grants {
		result.Grants = append(result.Grants, f.grant(g))
	}
	for _, a := range b.Admissions {
		result.Admissions = append(result.Admissions, f.letIn(a))
	}
	if b.Approve != nil {
		result.Approved, result.Moved = f.approve(*b.Approve)
	}
	if b.Revoke != "" {
		f.revoke(b.Revoke, b.By)
	}
	f.finish()
	if !f.changed() {
		result.Change = nil
		return l, result
	}
	if b.Partial && !f.l.Unsettled { // should the rest never come, the next tick goes on without it
		f.l.Unsettled, f.l.Due = true, f.due()
	}
	f.l.Revision++
	f.change.Revision = f.l.Revision
	f.change.numberAlerts()
	change := f.change // a copy: f is used again
	result.Change = &change
	result.Dirty = f.dirtyPages()
	f.purge()
	return f.l, result
}

// inOrder gives the claims to each in the order of what they say, so that a
// batch means the same in whatever order it came. That AWS does not know an
// instance comes last: it tells no generation of its own.
func (f *folder) inOrder(claims []Claim) []*Claim {
	f.claims = slices.Grow(f.claims, len(claims)) // its elements are pointed to
	for i := range claims {
		c := &claims[i]
		if !c.stored() {
			f.claims = append(f.claims, *c)
			c = &f.claims[len(f.claims)-1]
			c.Generation.Launch, c.Instance.LaunchTime = milli(c.Generation.Launch), milli(c.Instance.LaunchTime)
			c.Observed, c.Happened, c.Known = milli(c.Observed), milli(c.Happened), milli(c.Known)
		}
		f.ordered = append(f.ordered, c)
	}
	slices.SortStableFunc(f.ordered, func(a, b *Claim) int {
		if a.Gone != b.Gone {
			if b.Gone {
				return -1
			}
			return 1
		}
		return cmp.Or(a.Generation.Compare(b.Generation), a.Observed.Compare(b.Observed), cmp.Compare(a.Instance.ID, b.Instance.ID))
	})
	return f.ordered
}

// stored reports whether a claim's times are as stores keep them.
func (c *Claim) stored() bool {
	whole := func(t time.Time) bool { return t.Nanosecond()%int(time.Millisecond) == 0 && t.Location() == time.UTC }
	return whole(c.Generation.Launch) && whole(c.Instance.LaunchTime) && whole(c.Observed) && whole(c.Happened) && whole(c.Known)
}

// milli cuts a time to what stores keep.
func milli(t time.Time) time.Time {
	if t.Nanosecond()%int(time.Millisecond) != 0 {
		t = t.Truncate(time.Millisecond)
	}
	return t.UTC().Round(0)
}

// full reports whether the commit has all the pages it can carry.
func (f *folder) full() bool { return f.fullAt(maxDirtyPages) }

func (f *folder) fullAt(pages int) bool {
	if f.l.Pages > 0 && f.writes >= pages {
		f.l.Unsettled = true
		return true
	}
	return false
}

// configure replaces the configuration. What a change that tightens leaves over
// the count is alerted, also if something was over before.
func (f *folder) configure(c license.Configuration, by string) {
	old := f.old.Configuration
	f.l.Configuration, f.force = c, true
	f.change.Reason, f.change.By, f.change.What = "configuration", by, what(&old, &c)
	f.useRules()
	if !old.Expiry.Equal(c.Expiry) {
		f.l.Alerts.Expiry = 0
	}
	if !old.TightenedAt.Equal(c.TightenedAt) {
		f.l.Alerts.Exceeded = false
	}
}

// relist makes an overrun by change of every overrun that was there when the
// way of answering changed.
func (f *folder) relist(pages int) {
	for i := range f.l.Entries {
		for j := range f.l.Entries[i].Members {
			if m := &f.l.Entries[i].Members[j]; m.Cause != ByLaunch || m.Generation.Launch.After(f.l.Configuration.AnswersFrom) {
				continue
			}
			if f.fullAt(pages) {
				return
			}
			m := &f.touch(i).Members[j]
			m.Cause, m.Answered = ByChange, ""
		}
	}
}

// endExemptions makes an overrun by change of what an exemption, since ended, left
// running over the count: nobody launched it so.
func (f *folder) endExemptions(pages int) {
	c := &f.l.Configuration
	for _, x := range c.Exemptions {
		if x.Holds(f.now) {
			continue
		}
		i, ok := f.find(x.Instance)
		if !ok {
			continue
		}
		m := f.l.Entries[i].member(x.Instance)
		if m == nil || m.Cause != ByLaunch || !x.End().After(m.Generation.Launch) {
			continue
		}
		if _, exempt := c.Exempt(x.Instance, f.now); exempt || f.fullAt(pages) {
			continue
		}
		m = f.touch(i).member(x.Instance)
		m.Cause, m.Answered = ByChange, ""
	}
}

// recount counts entries again that were counted under another rule version,
// as far as they fit into the given number of pages.
func (f *folder) recount(pages int) {
	for i := range f.l.Entries {
		if f.l.Entries[i].RuleVersion == f.version {
			continue
		}
		if f.fullAt(pages) {
			return
		}
		e := f.touch(i)
		e.RuleVersion = f.version
		for j := range e.Members {
			m, in := &e.Members[j], e.Members[j].facts()
			if e.Resource.Type() == license.EC2Host {
				in.HostID = e.Resource.AWSID()
			}
			was := m.Broken
			m.Broken = license.Violations(f.rules, in, e.host(), f.catalog)
			if e.Verdict != Over && !slices.Equal(was, m.Broken) {
				m.Cause, m.Answered = "", "" // what it breaks now it did not break by its launch
			}
		}
		f.count(e)
	}
	if f.l.RuleVersion != f.version {
		f.l.RuleVersion, f.force = f.version, true
	}
}

func (e *Entry) host() license.Host {
	if e.Host.Family == "" {
		return license.Host{}
	}
	return license.Host{ID: e.Resource, Family: e.Host.Family, Cores: e.Host.Cores, Sockets: e.Host.Sockets}
}

// count sets what the entry consumes while it consumes.
func (f *folder) count(e *Entry) {
	u := f.usage(e)
	if u.Licenses > e.Licenses && e.Verdict == Covered {
		e.Verdict, e.Since = Over, f.now // it grew: it must find room again, in its old place
		f.grown(e)
	}
	e.Licenses, e.Estimated = u.Licenses, u.Estimated
}

// grown says that members that ran with their license already are no overrun by
// launch when they turn out to need more.
func (f *folder) grown(e *Entry) {
	i, _ := f.find(e.Resource)
	before := f.was(i)
	for j := range e.Members {
		m := &e.Members[j]
		var was *Member
		if before != nil {
			was = before.member(m.Instance)
		}
		if was == nil || !was.Consuming(&f.rules) || !was.Generation.Launch.Equal(m.Generation.Launch) || m.Cause != "" {
			continue
		}
		if m.Cause = f.cause(m); m.Cause == ByLaunch {
			m.Cause = ByFind
		}
	}
}

// usage counts an entry under the rules of now. A burst is mostly of one kind,
// so the last count is kept.
func (f *folder) usage(e *Entry) license.Usage {
	if e.Host.Family != "" || len(e.Members) == 0 {
		return Usage(&f.l.Configuration, f.rules, e, f.catalog)
	}
	if facts := e.Members[0].counted(); !f.last.known || f.last.facts != facts {
		f.last.facts, f.last.usage, f.last.known = facts, Usage(&f.l.Configuration, f.rules, e, f.catalog), true
	}
	return f.last.usage
}

// Usage counts an entry under given rules, with the explanation.
func Usage(c *license.Configuration, rules license.Rules, e *Entry, catalog license.Catalog) license.Usage {
	if e.Host.Family != "" {
		return license.CountHost(c.CountingType, rules, e.host(), catalog)
	}
	if len(e.Members) == 0 {
		return license.Usage{}
	}
	return license.Count(c.CountingType, rules, e.Members[0].facts(), catalog)
}

// expireIntents clears intents that timed out, so that their entries can be
// promoted and answered again.
func (f *folder) expireIntents() {
	for i := range f.l.Entries {
		for j := range f.l.Entries[i].Members {
			if in := f.l.Entries[i].Members[j].Intent; in.At.IsZero() || in.Live(f.now) {
				continue
			}
			if f.full() {
				return
			}
			m := &f.touch(i).Members[j]
			f.endIntent(m, m.Intent.Until)
		}
	}
}

// changed reports whether there is anything to commit.
func (f *folder) changed() bool {
	return f.force || len(f.change.Deltas) > 0 || len(f.change.Alerts) > 0 ||
		f.l.Totals != f.old.Totals || f.l.Unsettled != f.old.Unsettled ||
		!f.l.Due.Equal(f.old.Due) ||
		f.l.Alerts.Exceeded != f.old.Alerts.Exceeded || f.l.Alerts.Expiry != f.old.Alerts.Expiry ||
		!f.l.Alerts.Since.Equal(f.old.Alerts.Since) || f.l.Alerts.Escalated != f.old.Alerts.Escalated ||
		!slices.Equal(f.l.Alerts.Raised, f.old.Alerts.Raised)
}

func (f *folder) dirtyPages() []int {
	if f.l.Pages == 0 {
		return nil
	}
	pages := make([]int, 0, f.writes)
	for p, dirty := range f.dirty {
		if dirty {
			pages = append(pages, p)
		}
	}
	return pages
}

// purge drops members and entries that only served as fence and place, in the
// pages that are written anyway.
func (f *folder) purge() {
	for i := range f.l.Entries {
		e := &f.l.Entries[i]
		if f.l.Pages > 0 && !f.written(e.Page) || e.Resource.Type() != license.EC2Host || !slices.ContainsFunc(e.Members, f.purgeable) {
			continue
		}
		e.Members = slices.DeleteFunc(slices.Clone(e.Members), f.purgeable)
	}
	f.l.Entries = slices.DeleteFunc(f.l.Entries, func(e Entry) bool {
		return e.Verdict == Released && (f.l.Pages == 0 || f.written(e.Page)) && !f.now.Before(e.AffinityUntil) &&
			!slices.ContainsFunc(e.Members, func(m Member) bool { return !f.purgeable(m) })
	})
}

// purgeable reports whether a member's place and fence are needed no more.
func (f *folder) purgeable(m Member) bool {
	keep := max(fenceTime, f.l.Configuration.Enforcement.RestartGrace)
	return !m.Consuming(&f.rules) && !f.now.Before(m.Observed.Add(keep)) && !f.now.Before(m.StoppedAt.Add(keep))
}
