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
	// Partial says that more claims of the same look follow: alerts wait for
	// the last, so that one crossing names all that it affects.
	Partial bool
}

// Claim is what an observation says of one instance for one license.
type Claim struct {
	Instance    license.Instance
	Host        license.Host // of the instance's Dedicated Host, where it has one
	Generation  Generation
	Gone        bool          // AWS does not know the instance any more
	Held        *license.Held // how the configuration applies to it; nil: it does not
	Offered     time.Time     // when the configuration began to offer that association
	Guard       Guard         // why it must not be stopped, as far as this look tells
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
)

// Result is what a fold says beside the next license.
type Result struct {
	Change *Change // nil: nothing changed, there is nothing to commit
	Dirty  []int   // the pages that the commit must write, ascending; empty while Pages is 0
	Grants []GrantResult
}

// Fold applies a batch to a license at an instant and returns the next license.
// l is not modified. When nothing changed the result has no Change and next is
// l. Claims that are older than what l holds are ignored; their order in the
// batch does not matter.
func Fold(l *License, b Batch, now time.Time, catalog license.Catalog) (next *License, result Result) {
	f := newFolder(l, milli(now), catalog)
	if b.Configuration != nil {
		f.configure(*b.Configuration, b.By)
	}
	claims := inOrder(b.Claims)
	pages := maxDirtyPages - len(claims) // leave room for what the claims touch
	f.relist(pages)
	f.recount(pages)
	for i := range claims {
		f.claim(&claims[i])
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
	change := f.change // a copy: a pointer into f would keep all of this fold alive
	result.Change = &change
	result.Dirty = f.dirtyPages()
	f.purge()
	return f.l, result
}

// inOrder returns the claims in the order of what they say, so that a batch
// means the same in whatever order it came. That AWS does not know an instance
// comes last: it tells no generation of its own.
func inOrder(claims []Claim) []Claim {
	out := slices.Clone(claims)
	for i := range out {
		c := &out[i]
		c.Generation.Launch, c.Instance.LaunchTime = milli(c.Generation.Launch), milli(c.Instance.LaunchTime)
		c.Observed, c.Happened, c.Known = milli(c.Observed), milli(c.Happened), milli(c.Known)
	}
	slices.SortStableFunc(out, func(a, b Claim) int {
		if a.Gone != b.Gone {
			if b.Gone {
				return -1
			}
			return 1
		}
		return cmp.Or(a.Generation.Compare(b.Generation), a.Observed.Compare(b.Observed), cmp.Compare(a.Instance.ID, b.Instance.ID))
	})
	return out
}

// milli cuts a time to what stores keep.
func milli(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// folder is the state of one fold.
type folder struct {
	old     *License
	l       *License
	now     time.Time
	catalog license.Catalog
	rules   license.Rules
	version int
	limit   int64
	limited bool
	change  Change
	before  map[int]Entry // entries as they were before this fold touched them
	added   int           // entries from this index on are new
	dirty   map[int]bool
	room    []int                      // entries per page, counted when first needed
	index   map[license.ResourceID]int // instance or consuming resource → entry
	seen    map[license.ResourceID]*Claim
	acted   map[license.ResourceID]string // actions recorded in this fold
	guarded []license.ResourceID          // left running by their guard in this fold
	force   bool                          // commit even if no entry differs
	partial bool                          // more claims of the same look follow
}

func newFolder(l *License, now time.Time, catalog license.Catalog) *folder {
	next := *l
	next.Entries = append(make([]Entry, 0, len(l.Entries)+MaxClaims), l.Entries...) // room for new ones
	next.Actions = slices.Clone(l.Actions)
	next.Alerts.Raised = slices.Clone(l.Alerts.Raised)
	next.Unsettled = false
	f := &folder{
		old: l, l: &next, now: now, catalog: catalog,
		before: make(map[int]Entry), added: len(l.Entries), dirty: make(map[int]bool),
		seen: make(map[license.ResourceID]*Claim), acted: make(map[license.ResourceID]string),
		index:  make(map[license.ResourceID]int, len(l.Entries)),
		change: Change{License: l.Configuration.ID, Recorded: now, Before: l.Totals},
	}
	for i := range next.Entries {
		f.enter(i)
	}
	f.useRules()
	return f
}

func (f *folder) enter(i int) {
	e := &f.l.Entries[i]
	f.index[e.Resource] = i
	for j := range e.Members {
		f.index[e.Members[j].Instance] = i
	}
}

func (f *folder) useRules() {
	f.rules, f.version = f.l.Configuration.RulesAt(f.now)
	f.limit, f.limited = f.l.Configuration.CountAt(f.now)
}

// touch notes an entry as it was and makes it safe to change.
func (f *folder) touch(i int) *Entry {
	e := &f.l.Entries[i]
	if _, ok := f.before[i]; !ok && i < f.added {
		f.before[i] = *e
		e.Members = slices.Clone(e.Members)
	}
	f.dirty[e.Page] = true
	return e
}

// full reports whether the commit has all the pages it can carry.
func (f *folder) full() bool { return f.fullAt(maxDirtyPages) }

func (f *folder) fullAt(pages int) bool {
	if f.l.Pages > 0 && len(f.dirty) >= pages {
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
	f.change.Reason, f.change.By = "configuration", by
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
	before := f.before[f.index[e.Resource]]
	for j := range e.Members {
		m := &e.Members[j]
		was := before.member(m.Instance)
		if was == nil || !was.Consuming(f.rules) || !was.Generation.Launch.Equal(m.Generation.Launch) || m.Cause != "" {
			continue
		}
		if m.Cause = f.cause(m); m.Cause == ByLaunch {
			m.Cause = ByFind
		}
	}
}

func (f *folder) usage(e *Entry) license.Usage {
	return Usage(&f.l.Configuration, f.rules, e, f.catalog)
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
		!slices.Equal(f.l.Alerts.Raised, f.old.Alerts.Raised)
}

func (f *folder) dirtyPages() []int {
	if f.l.Pages == 0 {
		return nil
	}
	pages := make([]int, 0, len(f.dirty))
	for p := range f.dirty {
		pages = append(pages, p)
	}
	slices.Sort(pages)
	return pages
}

// purge drops members and entries that only served as fence and place, in the
// pages that are written anyway.
func (f *folder) purge() {
	for i := range f.l.Entries {
		e := &f.l.Entries[i]
		if f.l.Pages > 0 && !f.dirty[e.Page] || e.Resource.Type() != license.EC2Host || !slices.ContainsFunc(e.Members, f.purgeable) {
			continue
		}
		e.Members = slices.DeleteFunc(slices.Clone(e.Members), f.purgeable)
	}
	f.l.Entries = slices.DeleteFunc(f.l.Entries, func(e Entry) bool {
		return e.Verdict == Released && (f.l.Pages == 0 || f.dirty[e.Page]) && !f.now.Before(e.AffinityUntil) &&
			!slices.ContainsFunc(e.Members, func(m Member) bool { return !f.purgeable(m) })
	})
}

// purgeable reports whether a member's place and fence are needed no more.
func (f *folder) purgeable(m Member) bool {
	keep := max(fenceTime, f.l.Configuration.Enforcement.RestartGrace)
	return !m.Consuming(f.rules) && !f.now.Before(m.Observed.Add(keep)) && !f.now.Before(m.StoppedAt.Add(keep))
}
