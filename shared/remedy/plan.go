package remedy

import (
	"cmp"
	"slices"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// Facts are what a license does not hold itself.
type Facts struct {
	// Others are the licenses to which instances may be moved. No ledger knows
	// which licenses are for the same software, so a person must have named them.
	Others []*ledger.License
	// Instances are those that may run on the license's Dedicated Hosts beside
	// the ones that it holds. A host has no room for what is missing here.
	Instances []license.Instance
	Catalog   license.Catalog
	// Sizes lists the types of a family such as "m5"; nil: nothing is resized.
	Sizes func(family string) []license.InstanceType
}

// Plan is what can be done about a license in overrun.
type Plan struct {
	Before    ledger.Totals
	Missing   int64      // licenses that must come free; 0: it is not in overrun
	Proposals []Proposal // the cheapest first; none: nothing that may be done is enough
	LeftOut   []LeftOut  // in the order of cover
	AtLeast   int64      // what every way back costs at least, in points
	// Unfinished says that a search ended at its budget without a proposal, so
	// that there may be more than is listed.
	Unfinished bool
}

// Proposal is a set of steps after which nothing is over the count.
type Proposal struct {
	Only    Kind // the one kind of its steps; "": several kinds
	Steps   []Step
	Frees   int64 // licenses, at least Plan.Missing
	Cost    int64 // points; see cost.go
	After   ledger.Totals
	Optimal bool  // there is no cheaper one, of its kind where it has only one
	AtLeast int64 // what every proposal costs at least, of its kind where it has only one
}

// Kind is a kind of step.
type Kind string

// The kinds, from the least to the most that they take away.
const (
	MoveLicense Kind = "move-license" // a person changes which license applies
	MoveHost    Kind = "move-host"    // to a Dedicated Host that is counted already
	CPUOptions  Kind = "cpu-options"  // fewer cores, or one thread per core
	Resize      Kind = "resize"       // to a smaller type of its family
	Stop        Kind = "stop"
)

// Kinds lists the kinds of step.
func Kinds() []Kind { return []Kind{MoveLicense, MoveHost, CPUOptions, Resize, Stop} }

// Step is what a person would do to one instance.
type Step struct {
	Kind     Kind
	Instance license.ResourceID
	Resource license.ResourceID // whose licenses come free: the instance or its host
	// From and To are a state, a type, CPU options, a host's id or a license's id.
	From, To string
	// Frees is in licenses. Those of a host come free with the last step on it.
	Frees     int64
	Takes     int64 // licenses of the one that To names
	Estimated bool  // Frees rests on an estimate
	Cost      int64
	Reason    string // of the cost

	was   *ledger.Member
	from  *ledger.Entry
	after license.Instance
	host  license.Host // on which it is afterwards, where that counts
}

// LeftOut is an instance that is never proposed for a stop or a restart, or a
// resource for which nothing is proposed, with the reason.
type LeftOut struct {
	Instance license.ResourceID // "": all of the resource
	Resource license.ResourceID
	Licenses int64 // what its resource uses
	Why      string
}

// WayBack returns the ways out of a license's overrun at an instant: the
// cheapest, and for each kind of step the cheapest that needs no other, in the
// order of their costs. Equal input gives equal output.
func WayBack(l *ledger.License, facts Facts, now time.Time) Plan {
	s := newScene(l, facts, now)
	plan := Plan{Before: s.l.Totals}
	limit, limited := s.l.Configuration.CountAt(now)
	if !limited || s.l.Totals.Over == 0 {
		return plan
	}
	plan.Missing = s.l.Totals.Covered + s.l.Totals.Over - limit
	whole := s.problem(plan.Missing)
	plan.LeftOut = s.leftOut(whole)
	for _, only := range append([]Kind{""}, Kinds()...) {
		found, ok, finished := solve(whole.only(only))
		if s.cut && (only == "" || only == MoveHost) { // there may be cheaper ones among what was not looked at
			found.least, finished = 0, false
		}
		if !ok {
			plan.Unfinished = plan.Unfinished || !finished
			continue
		}
		if only == "" {
			plan.AtLeast = found.least
		}
		p := Proposal{Steps: found.steps(), Cost: found.cost, Optimal: finished, AtLeast: found.least}
		p.Only = p.Steps[0].Kind
		for _, step := range p.Steps {
			p.Frees += step.Frees
			if step.Kind != p.Only {
				p.Only = ""
			}
		}
		if p.After, ok = s.holds(p.Steps); ok {
			plan.add(p)
		}
	}
	slices.SortStableFunc(plan.Proposals, func(a, b Proposal) int { return cmp.Compare(a.Cost, b.Cost) })
	return plan
}

// add keeps the cheapest proposal of each kind of steps.
func (plan *Plan) add(p Proposal) {
	i := slices.IndexFunc(plan.Proposals, func(o Proposal) bool { return o.Only == p.Only })
	switch {
	case i < 0:
		plan.Proposals = append(plan.Proposals, p)
	case p.Cost < plan.Proposals[i].Cost:
		plan.Proposals[i] = p
	}
}
