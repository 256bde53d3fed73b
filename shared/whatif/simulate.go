package whatif

import (
	"cmp"
	"slices"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// Outcome is what a plan would come to.
type Outcome struct {
	At       time.Time // when it is looked at
	Launches []Fit     `json:",omitempty"` // in the order of the plan
	// Licenses are those that the plan changes or launches into, in the order of their
	// ids. In the others nothing stands otherwise.
	Licenses []Effect
}

// Fit says how many instances of a launch would be in order.
type Fit struct {
	Type       string
	Instances  int
	Fit        int // every license that applies has room for them, and they break no rule
	Unlicensed int `json:",omitempty"` // of Fit: no license applies to them
}

// Effect is what becomes of one license.
type Effect struct {
	License      string // configuration id
	ARN          string `json:",omitempty"`
	Name         string
	CountingType license.CountingType
	HardLimit    bool
	Mode         license.Mode
	Status       license.Status
	New          bool `json:",omitempty"` // the plan makes it
	Changed      bool `json:",omitempty"` // the plan changes its configuration
	Before       Totals
	After        Totals
	Launched     int      `json:",omitempty"` // instances of the plan to which it applies
	Fit          int      `json:",omitempty"` // of these, how many it has room for and break none of its rules
	Changes      []Change `json:",omitempty"`
}

// Totals are a license's numbers, in licenses.
type Totals struct {
	Count     *int64 `json:",omitempty"` // nil: tracked only
	Deployed  int64  // on the wire ConsumedLicenses
	Covered   int64
	Over      int64
	Broken    int64
	Estimated int64 `json:",omitempty"`
}

// Simulate tells what a plan would do at an instant. An error is a
// *license.FieldError or a *license.RuleError and says what in the plan is wrong.
func Simulate(w World, p Plan, now time.Time) (Outcome, error) {
	now = now.UTC().Truncate(time.Millisecond)
	if err := p.validate(now); err != nil {
		return Outcome{}, err
	}
	s := newSimulation(w, p, now)
	for _, c := range p.Configurations {
		if err := s.configure(c); err != nil {
			return Outcome{}, err
		}
	}
	for i := range s.scenes {
		if sc := &s.scenes[i]; sc.changed {
			sc.after = s.advance(sc.after)
		} else {
			sc.after = sc.before
		}
	}
	s.launch(p)
	return s.outcome(p), nil
}

type simulation struct {
	w       World
	now, at time.Time
	scenes  []scene // in the order of the licenses' ids
}

// scene is one license as it is and as it would be.
type scene struct {
	before, after *ledger.License
	made, changed bool
	launched      int
}

// changeTime is how long after a change of a configuration instances are launched:
// at the same moment they would not be launches that knew it.
const changeTime = time.Second

func newSimulation(w World, p Plan, now time.Time) *simulation {
	s := &simulation{w: w, now: now, at: now}
	if at := p.At.UTC().Truncate(time.Millisecond); at.After(s.at) {
		s.at = at
	}
	if soonest := now.Add(changeTime); len(p.Configurations) > 0 && s.at.Before(soonest) {
		s.at = soonest
	}
	for _, l := range w.Licenses {
		settled := s.fold(l, ledger.Batch{}, now)
		s.scenes = append(s.scenes, scene{before: s.advance(settled), after: settled})
	}
	for _, c := range p.Configurations {
		if !slices.ContainsFunc(w.Licenses, func(l *ledger.License) bool { return l.Configuration.ID == c.ID }) {
			none := &ledger.License{Configuration: license.Configuration{ID: c.ID}}
			s.scenes = append(s.scenes, scene{before: none, after: none, made: true})
		}
	}
	slices.SortFunc(s.scenes, func(a, b scene) int {
		return cmp.Compare(a.after.Configuration.ID, b.after.Configuration.ID)
	})
	return s
}

// fold folds a batch, and on until nothing is left of a fold that was cut at its
// size.
func (s *simulation) fold(l *ledger.License, b ledger.Batch, now time.Time) *ledger.License {
	l, _ = ledger.Fold(l, b, now, s.w.Catalog)
	for range len(l.Entries) + 1 {
		if !l.Unsettled || b.Partial { // more follows
			break
		}
		l, _ = ledger.Fold(l, ledger.Batch{}, now, s.w.Catalog)
	}
	return l
}

// maxDue bounds how many moments are folded on the way to a later one.
const maxDue = 1000

// advance lets time go by until the outcome is looked at. What is due on the way
// happens when it is due.
func (s *simulation) advance(l *ledger.License) *ledger.License {
	if l.Revision == 0 {
		return l
	}
	now := s.now
	for range maxDue {
		if l.Due.IsZero() || !l.Due.After(now) || !l.Due.Before(s.at) {
			break
		}
		now = l.Due
		l = s.fold(l, ledger.Batch{}, now)
	}
	return s.fold(l, ledger.Batch{}, s.at)
}

// configure changes a configuration as a person would, with every instance that
// its associations apply to.
func (s *simulation) configure(wanted license.Configuration) error {
	sc := &s.scenes[slices.IndexFunc(s.scenes, func(sc scene) bool { return sc.after.Configuration.ID == wanted.ID })]
	var old *license.Configuration
	if !sc.made {
		old = &sc.after.Configuration
	}
	c, err := license.Amend(old, wanted, s.now, "simulation")
	if err != nil {
		return err
	}
	sc.changed = true
	l := s.fold(sc.after, ledger.Batch{Configuration: &c, By: c.UpdatedBy}, s.now)
	sc.after = s.claim(l, s.onRecord(&c), s.now)
	return nil
}

// onRecord claims what is on record for a license, as its associations are now.
func (s *simulation) onRecord(c *license.Configuration) []ledger.Claim {
	configurations := s.configurations()
	undone := license.Undone(configurations)
	var claims []ledger.Claim
	for i := range s.w.Facts {
		f := &s.w.Facts[i]
		if f.Instance.State == license.Terminated {
			continue
		}
		active := slices.DeleteFunc(slices.Clone(f.Held), func(h license.Held) bool { return !h.Ended.IsZero() })
		held := license.Associate([]license.Configuration{*c}, f.Instance, active, s.now)
		if len(held) == 0 && !slices.ContainsFunc(f.Held, func(h license.Held) bool { return h.ConfigurationID == c.ID }) {
			continue
		}
		claim := ledger.Claim{Instance: f.Instance, Host: f.Host, Generation: f.Generation, Known: f.FirstSeen, Guard: f.Guard,
			Undone: undone[f.Instance.ID].After(f.Generation.Launch), Observed: f.Observed, Happened: s.now, EventID: f.EventID}
		if claim.Host.ID == "" {
			claim.Host = s.host(f.Instance)
		}
		if len(held) > 0 {
			claim.Held, claim.Offered = &held[0], held[0].OfferedTo(&f.Instance, offered(c, held[0]))
		}
		claims = append(claims, claim)
	}
	return claims
}

func (s *simulation) configurations() []license.Configuration {
	var out []license.Configuration
	for i := range s.scenes {
		if s.scenes[i].after.Revision > 0 {
			out = append(out, s.scenes[i].after.Configuration)
		}
	}
	return out
}

// offered tells since when a configuration offers an association.
func offered(c *license.Configuration, h license.Held) time.Time {
	for _, a := range c.Associations {
		if a.Kind == h.Kind && a.Value == h.Value {
			return a.Since
		}
	}
	return h.Since
}

// host returns the facts of the Dedicated Host of an instance, as those of another
// instance on it have them.
func (s *simulation) host(in license.Instance) license.Host {
	if in.HostID == "" {
		return license.Host{}
	}
	for i := range s.w.Facts {
		if h := s.w.Facts[i].Host; h.ID != "" && h.ID.AWSID() == in.HostID {
			return h
		}
	}
	return license.Host{}
}

// claim folds claims as the tracker does: in the order of launch, so many at once.
func (s *simulation) claim(l *ledger.License, claims []ledger.Claim, now time.Time) *ledger.License {
	slices.SortStableFunc(claims, func(a, b ledger.Claim) int { return a.Generation.Launch.Compare(b.Generation.Launch) })
	for len(claims) > 0 {
		n := min(len(claims), ledger.MaxClaims)
		l = s.fold(l, ledger.Batch{Claims: claims[:n], Partial: n < len(claims)}, now)
		claims = claims[n:]
	}
	return l
}

// launch launches the plan's instances into the licenses that apply to them.
func (s *simulation) launch(p Plan) {
	configurations := s.configurations()
	claims := make(map[string][]ledger.Claim)
	instances := p.Instances(s.at)
	for _, l := range p.Launches {
		group := instances[:l.Count]
		instances = instances[l.Count:]
		ancestry, _ := license.Ancestry(license.ImageRef{ID: l.Image, Region: l.Region}, func(image license.ImageRef) (license.Ancestor, bool) {
			a, known := s.w.Origins[image]
			return a, known
		})
		for i := range group {
			group[i].Ancestry = ancestry
		}
		host, guard := s.host(group[0]), ledger.GuardOf(group[0], s.w.Catalog) // they are all alike
		for _, h := range license.Associate(configurations, group[0], nil, s.at) {
			i := slices.IndexFunc(configurations, func(c license.Configuration) bool { return c.ID == h.ConfigurationID })
			since := h.OfferedTo(&group[0], offered(&configurations[i], h))
			for _, in := range group {
				claims[h.ConfigurationID] = append(claims[h.ConfigurationID], ledger.Claim{
					Instance: in, Host: host, Generation: ledger.Generation{Launch: in.LaunchTime, Rank: in.State.Rank()}, Known: s.at,
					Guard: guard, Observed: s.at, Happened: s.at, Held: &h, Offered: since})
			}
		}
	}
	for i := range s.scenes {
		sc := &s.scenes[i]
		mine := claims[sc.after.Configuration.ID]
		sc.launched = len(mine)
		sc.after = s.claim(sc.after, mine, s.at)
	}
}

// outcome compares.
func (s *simulation) outcome(p Plan) Outcome {
	out := Outcome{At: s.at, Licenses: []Effect{}}
	applies, unfit := make(map[license.ResourceID]bool), make(map[license.ResourceID]bool)
	for i := range s.scenes {
		sc := &s.scenes[i]
		if sc.launched == 0 && !sc.changed {
			continue
		}
		e := sc.effect(s.at, s.w.Catalog)
		for _, c := range e.Changes {
			if !c.New {
				continue
			}
			applies[c.Instance] = true
			if c.After.fits() {
				e.Fit++
			} else {
				unfit[c.Instance] = true
			}
		}
		out.Licenses = append(out.Licenses, e)
	}
	instances := p.Instances(s.at)
	for _, l := range p.Launches {
		f := Fit{Type: l.Type, Instances: l.Count}
		for _, in := range instances[:l.Count] {
			if !unfit[in.ID] {
				f.Fit++
			}
			if !applies[in.ID] {
				f.Unlicensed++
			}
		}
		instances = instances[l.Count:]
		out.Launches = append(out.Launches, f)
	}
	return out
}

func (sc *scene) effect(at time.Time, catalog license.Catalog) Effect {
	c := &sc.after.Configuration
	return Effect{License: c.ID, ARN: c.ARN, Name: c.Name, CountingType: c.CountingType, HardLimit: c.HardLimit, Mode: c.Enforcement.Mode,
		Status: c.Status, New: sc.made, Changed: sc.changed, Before: totals(sc.before, at), After: totals(sc.after, at), Launched: sc.launched,
		Changes: Changed(sc.before, sc.after, at, catalog)}
}

func totals(l *ledger.License, at time.Time) Totals {
	t := Totals{Deployed: l.Totals.Deployed(), Covered: l.Totals.Covered, Over: l.Totals.Over, Broken: l.Totals.Broken, Estimated: l.Totals.Estimated}
	if count, ok := l.Configuration.CountAt(at); ok {
		t.Count = &count
	}
	return t
}

// fits reports whether nothing is wrong with how an instance stands.
func (s Standing) fits() bool {
	switch s.Verdict {
	case ledger.Covered, ledger.Tracked, ledger.Ignored:
		return len(s.Broken) == 0
	default:
		return false
	}
}
