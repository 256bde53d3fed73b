package ledger

import (
	"slices"
	"time"

	"licenseguard/shared/license"
)

// License is the whole state of one license configuration.
//
// Revision counts its commits. Totals always equals what its entries add up to.
type License struct {
	Configuration license.Configuration
	Revision      int64
	RuleVersion   int // the version under which the entries were counted
	Entries       []Entry
	Pages         int // number of pages the entries are kept in; 0: in the head
	Totals        Totals
	Alerts        AlertState
	Actions       []time.Time // when those of the last hour were granted or, once that is known, done
	Due           time.Time   // the next instant at which a fold changes something; zero: none
	Unsettled     bool        // a fold was cut at its size; the next one goes on
	Stored        any         // what the store remembers from Load to Commit; nothing else looks into it
}

// Entry is one consuming resource: an instance, or for Core and Socket on
// Dedicated Hosts the host with its instances as members.
type Entry struct {
	Resource  license.ResourceID
	Page      int
	First     time.Time // the launch that gives its place in the order
	Licenses  int64     // what it consumes while it consumes
	Estimated bool
	Host      HostFacts
	Members   []Member
	Verdict   Verdict
	// RuleVersion is the version under which the entry was counted.
	RuleVersion int
	// Since is when the present verdict began; zero: it was settled at once, by an
	// admission.
	Since time.Time
	// Assigned is when a host's licenses were assigned to it, for affinity.
	Assigned time.Time
	// AffinityUntil is when licenses without a member return to the pool.
	AffinityUntil time.Time
}

// HostFacts are the physical facts that counting a host needs.
type HostFacts struct {
	Family         string
	Cores, Sockets int64
}

// Member is one instance of an entry, with the facts that counting and
// answering need.
type Member struct {
	Instance   license.ResourceID
	Generation Generation
	State      license.State
	Observed   time.Time // start of the observation that gave the facts
	FirstSeen  time.Time // of this launch
	Known      time.Time // when the instance was first seen at all; zero: not told
	StoppedAt  time.Time // when a released member stopped; else zero
	Type       string
	TypeFacts  license.InstanceType // looked up, for a type that the catalogue lacks
	CPUOptions license.CPUOptions
	Tenancy    license.Tenancy
	Kind       license.AssociationKind
	Value      string
	Late       bool  // associated only after the launch
	Gone       bool  // disassociated: it consumes nothing whatever its state
	Guard      Guard // why it is never stopped
	Broken     []license.Violation
	Cause      Cause // of an overrun or a broken rule; else ""
	Intent     Intent
	Answered   string // the last answer given to this generation
	Approval   Approval
}

// Generation orders everything that can be said of an instance: a later launch
// before anything of an earlier one, within a launch the later state.
type Generation struct {
	Launch time.Time
	Rank   int
}

// Compare returns -1, 0 or 1 as g is before, the same as, or after o.
func (g Generation) Compare(o Generation) int {
	if c := g.Launch.Compare(o.Launch); c != 0 {
		return c
	}
	switch {
	case g.Rank < o.Rank:
		return -1
	case g.Rank > o.Rank:
		return 1
	default:
		return 0
	}
}

// Intent says that an action was granted and is under way. The zero value means none.
type Intent struct {
	Action license.Mode
	At     time.Time
	Until  time.Time // it counts for nothing after this
}

// Live reports whether the intent holds at an instant.
func (i Intent) Live(now time.Time) bool { return !i.At.IsZero() && now.Before(i.Until) }

// Approval says that a named person approved the answer to an overrun, as the
// plan of that hash listed it. The zero value means none.
type Approval struct {
	Plan string
	At   time.Time
}

// Verdict says how an entry stands to its license.
type Verdict string

// The verdicts.
const (
	Covered  Verdict = "covered"     // fits under the count
	Over     Verdict = "over"        // the count has no room for it
	Broken   Verdict = "broken"      // breaks a rule
	Tracked  Verdict = "tracked"     // the configuration has no count
	Ignored  Verdict = "not-counted" // the configuration is disabled
	Released Verdict = "released"    // consumes nothing; kept for its place and its fence
)

// Cause says what made a member an overrun. Only launches are answered without
// a person's approval.
type Cause string

// The causes.
const (
	ByLaunch Cause = "launch" // started after the limit was known
	ByChange Cause = "change" // a count, rule, association, status or mode made it so
	ByFind   Cause = "found"  // first seen long after it started
)

// Guard names the reason for which an instance is never stopped.
type Guard string

// The guards (DESIGN: never a mass stop).
const (
	Unguarded          Guard = ""
	GuardAutoScaling   Guard = "auto-scaling"   // stopping a member starts a launch loop
	GuardProtected     Guard = "protected"      // stop protection, or tagged licenseguard:protected=true
	GuardInstanceStore Guard = "instance-store" // its data would be lost
	GuardOneTimeSpot   Guard = "one-time-spot"  // it cannot be stopped
	GuardManaged       Guard = "service-managed"
	GuardOutside       Guard = "outside-ec2" // a managed node or a database: enforcement reaches instances of EC2 only
	GuardExempt        Guard = "exempt"      // by an exemption of the configuration
	GuardExemptTag     Guard = "exempt-tag"  // tagged licenseguard:exempt=true; counts only where the configuration says so
	// GuardAutoScalingExemptTag is both: which counts, the configuration says.
	GuardAutoScalingExemptTag Guard = "auto-scaling, exempt-tag"
)

// Totals are a license's numbers, in licenses. Deployed is their wire name
// ConsumedLicenses.
type Totals struct {
	Running   int64 // used by what is on
	Stopped   int64 // used by stopped instances, where they are included
	Affinity  int64 // bound to hosts without an instance
	Reserved  int64
	Covered   int64
	Over      int64 // deployed but not covered, for want of licenses
	Broken    int64 // deployed against a rule
	Estimated int64 // of Deployed, what rests on estimates
	Instances int64 // of Deployed, by EC2 instances, managed nodes and databases
	Hosts     int64 // of Deployed, by Dedicated Hosts
}

// Deployed is everything that uses licenses.
func (t Totals) Deployed() int64 { return t.Running + t.Stopped + t.Affinity + t.Reserved }

// AlertState remembers what was alerted, so that each crossing is alerted once
// and armed again when it clears.
type AlertState struct {
	Raised   []int // thresholds in percent
	Exceeded bool
	Expiry   int // the last expiry notice, in days before plus 1; 0: none
	// Since is when the present overrun began, or was last decided on by a person;
	// zero: there is none. Escalated is how often people were told of it again.
	Since     time.Time
	Escalated int
	// Exemptions is when people were last told of exemptions that end.
	Exemptions time.Time
}

// Consuming reports whether the member uses its licenses under the rules.
func (m *Member) Consuming(rules *license.Rules) bool {
	return !m.Gone && license.Consumes(rules, m.State)
}

// same reports whether nothing but the observation differs.
func (m *Member) same(o *Member) bool {
	return m.Instance == o.Instance && m.Generation.Compare(o.Generation) == 0 && m.State == o.State &&
		m.FirstSeen.Equal(o.FirstSeen) && m.Known.Equal(o.Known) && m.StoppedAt.Equal(o.StoppedAt) &&
		m.Type == o.Type && m.TypeFacts == o.TypeFacts && m.CPUOptions == o.CPUOptions && m.Tenancy == o.Tenancy &&
		m.Kind == o.Kind && m.Value == o.Value && m.Late == o.Late && m.Gone == o.Gone && m.Guard == o.Guard &&
		slices.Equal(m.Broken, o.Broken) && m.Cause == o.Cause && m.Answered == o.Answered &&
		m.Approval.Plan == o.Approval.Plan && m.Approval.At.Equal(o.Approval.At) &&
		m.Intent.Action == o.Intent.Action && m.Intent.At.Equal(o.Intent.At) && m.Intent.Until.Equal(o.Intent.Until)
}

func (m *Member) facts() license.Instance {
	c := m.counted()
	return license.Instance{ID: m.Instance, Type: c.Type, State: m.State, LaunchTime: m.Generation.Launch,
		Tenancy: c.Tenancy, CPUOptions: c.CPUOptions, TypeFacts: c.TypeFacts}
}

// countedFacts are those of an instance's facts on which its count depends.
type countedFacts struct {
	Type       string
	TypeFacts  license.InstanceType
	CPUOptions license.CPUOptions
	Tenancy    license.Tenancy
}

func (m *Member) counted() countedFacts {
	return countedFacts{Type: m.Type, TypeFacts: m.TypeFacts, CPUOptions: m.CPUOptions, Tenancy: m.Tenancy}
}

// UsedBy returns what Deployed is used by, in licenses by the kind of the consuming
// resource.
func (l *License) UsedBy() map[license.ResourceType]int64 {
	used := make(map[license.ResourceType]int64)
	for i := range l.Entries {
		if e := &l.Entries[i]; e.Verdict != Released {
			used[e.Resource.Type()] += e.Licenses
		}
	}
	return used
}

// Find returns the entry and the member of an instance, or nils.
func (l *License) Find(instance license.ResourceID) (*Entry, *Member) {
	for i := range l.Entries {
		for j := range l.Entries[i].Members {
			if l.Entries[i].Members[j].Instance == instance {
				return &l.Entries[i], &l.Entries[i].Members[j]
			}
		}
	}
	return nil, nil
}

// InOrder returns the indexes of the entries in the order in which cover is
// given: first launch, then id.
func (l *License) InOrder() []int {
	order := make([]int, len(l.Entries))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return byPlace(&l.Entries[a], &l.Entries[b]) })
	return order
}

// Instances returns the instances that the license holds.
func (l *License) Instances() []license.ResourceID {
	var ids []license.ResourceID
	for i := range l.Entries {
		for j := range l.Entries[i].Members {
			ids = append(ids, l.Entries[i].Members[j].Instance)
		}
	}
	return ids
}

// Clone returns a copy that shares nothing but the configuration, which is
// never modified in place.
func (l *License) Clone() *License {
	c := *l
	c.Entries = make([]Entry, len(l.Entries))
	for i, e := range l.Entries {
		c.Entries[i] = e.clone()
	}
	c.Actions = append([]time.Time(nil), l.Actions...)
	c.Alerts.Raised = append([]int(nil), l.Alerts.Raised...)
	return &c
}

func (e Entry) clone() Entry {
	e.Members = append([]Member(nil), e.Members...)
	for i := range e.Members {
		e.Members[i].Broken = append([]license.Violation(nil), e.Members[i].Broken...)
	}
	return e
}
