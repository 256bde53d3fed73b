package track

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// sighting is one instance as it was observed, on its way into the ledger.
type sighting struct {
	instance    license.Instance
	host        license.Host
	gone        bool
	observed    time.Time // start of the observation
	happened    time.Time
	uncertainty time.Duration
	eventID     string
	launchedBy  string             // who made this launch, if an event told
	inventory   *license.Inventory // what was read of it; nil: nothing was asked
	confirmed   time.Time          // when a node last told of itself
	discovered  bool               // the products were looked for: the instance's Discoveries are what was found
	replaced    []string           // the failed hosts whose place its host took, where one of them may be associated
}

// recordings says what became of sightings.
type recordings struct {
	failed  map[license.ResourceID]error // instances whose licenses could not be committed
	changes int                          // commits that changed a license
	drift   Drift
	// untraced are instances of whose images AWS could not be asked: a license may
	// apply to them of which nothing is known yet.
	untraced map[license.ResourceID]bool
}

// record writes facts and folds the sightings into every license that applies
// to them. It starts over when the configurations changed meanwhile, so that a
// new association never misses an instance that was observed beside it.
func (t *Tracker) record(ctx context.Context, s Scope, sightings []sighting) (recordings, error) {
	r := recordings{failed: make(map[license.ResourceID]error)}
	if len(sightings) == 0 {
		return r, nil
	}
	if _, err := t.refresh(ctx); err != nil {
		return r, fmt.Errorf("read configurations: %w", err)
	}
	if err := t.complete(ctx, s, sightings); err != nil {
		return r, err
	}
	for {
		untraced, err := t.traceImages(ctx, s, sightings)
		if err != nil {
			return r, err
		}
		r.untraced = untraced
		claims, err := t.saveFacts(ctx, sightings, &r.drift)
		if err != nil {
			return r, err
		}
		t.fold(ctx, claims, &r)
		moved, err := t.refresh(ctx)
		if err != nil {
			return r, fmt.Errorf("read configurations: %w", err)
		}
		if !moved {
			return r, nil
		}
	}
}

// complete adds what the instances' own description lacks: the facts of types
// that the catalogue does not know, and of Dedicated Hosts where a
// configuration counts them.
func (t *Tracker) complete(ctx context.Context, s Scope, sightings []sighting) error {
	if err := t.lookUpTypes(ctx, s, sightings); err != nil {
		return err
	}
	if !t.needsHosts() {
		return nil
	}
	var ids []string
	for i := range sightings {
		if id := sightings[i].instance.HostID; id != "" && sightings[i].host.ID == "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	hosts := make(map[string]license.Host)
	for chunk := range slices.Chunk(ids, 100) {
		found, err := t.Observer.Hosts(ctx, s, chunk)
		if err != nil {
			return fmt.Errorf("describe hosts: %w", err)
		}
		for _, h := range found {
			hosts[h.ID.AWSID()] = h
		}
	}
	for i := range sightings {
		if s := &sightings[i]; s.host.ID == "" {
			s.host = hosts[s.instance.HostID]
		}
	}
	return nil
}

// needsHosts reports whether a configuration counts or judges Dedicated Hosts.
func (t *Tracker) needsHosts() bool {
	return slices.ContainsFunc(t.configurations, func(c license.Configuration) bool {
		return c.CountingType == license.CountCore || c.CountingType == license.CountSocket || c.CountingType == license.CountInstance
	})
}

// lookUpTypes asks AWS once per process for types newer than the catalogue. A
// failed look-up is no failure: the type then counts as its family's largest.
func (t *Tracker) lookUpTypes(ctx context.Context, s Scope, sightings []sighting) error {
	if t.types == nil {
		t.types = make(map[string]license.InstanceType)
	}
	var unknown []string
	for i := range sightings {
		name := sightings[i].instance.Type
		if _, ok := t.Catalog.InstanceType(name); ok || name == "" || sightings[i].instance.TypeFacts.Name != "" || slices.Contains(unknown, name) {
			continue
		}
		if _, asked := t.types[name]; !asked {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		found, err := t.Observer.InstanceTypes(ctx, s, unknown)
		if err != nil {
			t.Log.WarnContext(ctx, "unknown instance types count as their families' largest", "types", unknown, "error", err)
		}
		for _, name := range unknown {
			t.types[name] = license.InstanceType{}
		}
		for _, f := range found {
			t.types[f.Name] = f
		}
	}
	for i := range sightings {
		if in := &sightings[i].instance; in.TypeFacts.Name == "" {
			in.TypeFacts = t.types[in.Type]
		}
	}
	return nil
}

// saveFacts writes the facts that changed, before the licenses that they lead
// to, and returns the claims on each license.
func (t *Tracker) saveFacts(ctx context.Context, sightings []sighting, drift *Drift) (map[string][]ledger.Claim, error) {
	ids := make([]license.ResourceID, len(sightings))
	for i := range sightings {
		ids[i] = sightings[i].instance.ID
	}
	known, err := t.Store.LoadFacts(ctx, ids)
	if err != nil {
		return nil, err
	}
	if err := t.followHosts(ctx, sightings, known); err != nil {
		return nil, err
	}
	claims := make(map[string][]ledger.Claim)
	var changed []ledger.Facts
	for i := range sightings {
		s := &sightings[i]
		before, had := known[s.instance.ID]
		if s.gone && !had {
			continue // never seen, and gone: there is nothing to keep
		}
		after := t.factsOf(s, before, had)
		if older(after, before, had) {
			launchedBy := after.LaunchedBy
			after = before
			if before.LaunchedBy == "" && launchedBy != "" && before.Generation.Launch.Equal(s.instance.LaunchTime) {
				after.LaunchedBy = launchedBy // the only thing that an older look knows better
				changed = append(changed, after)
			}
		} else if !had || differ(after, before) {
			changed = append(changed, after)
			drift.note(&before, &after, had, s.observed)
		}
		for _, h := range after.Held {
			claims[h.ConfigurationID] = append(claims[h.ConfigurationID], t.claim(s, after, h))
		}
	}
	if err := t.Store.SaveFacts(ctx, changed); err != nil {
		return nil, err
	}
	return claims, nil
}

// factsOf returns the facts that a sighting makes of those before.
func (t *Tracker) factsOf(s *sighting, before ledger.Facts, had bool) ledger.Facts {
	f := before
	f.Observed, f.EventID = s.observed, s.eventID
	if s.gone {
		f.Instance.State = license.Terminated // the generation stays: should AWS know it again, that look wins
		if f.Instance.ID.Type() == license.ManagedNode {
			f.Instance.Discoveries = deregistered(before.Instance.Discoveries, s.happened)
		}
		return f
	}
	f.Instance, f.Generation, f.LaunchedBy = s.instance, generationOf(s.instance), launcher(s, before)
	f.Instance.Ancestry = t.ancestry(s.instance, before, had)
	if !s.discovered {
		f.Instance.Discoveries = before.Instance.Discoveries
	}
	if s.instance.ID.Type() == license.ManagedNode {
		nodeFacts(&f, s, &before.Instance)
		f.Confirmed = confirmed(before.Confirmed, s)
	}
	if s.inventory != nil {
		f.Instance.Discoveries = t.finder().Discover(before.Instance.Discoveries, s.inventory, &f.Instance, s.happened)
	}
	if s.host.ID != "" || s.instance.HostID != before.Instance.HostID {
		f.Host = s.host
	}
	f.Guard = ledger.GuardOf(s.instance, t.Catalog)
	f.Held = mergeHeld(before.Held, t.associate(f.Instance, s, active(before.Held)), s.happened)
	if !had {
		f.FirstSeen = s.observed
	}
	return f
}

// generationOf returns the fence of a look. What has no launches can be in any state
// after any other: there the later look wins.
func generationOf(in license.Instance) ledger.Generation {
	if !in.ID.Type().Launches() {
		return ledger.Generation{Launch: in.LaunchTime}
	}
	return ledger.Generation{Launch: in.LaunchTime, Rank: in.State.Rank()}
}

// older reports whether the stored facts are newer than the sighting's.
func older(after, before ledger.Facts, had bool) bool {
	if !had {
		return false
	}
	c := after.Generation.Compare(before.Generation)
	return c < 0 || c == 0 && after.Observed.Before(before.Observed)
}

// differ reports whether facts changed beyond the time of the look.
func differ(a, b ledger.Facts) bool {
	a.Observed, a.EventID = b.Observed, b.EventID
	return !reflect.DeepEqual(a, b)
}

func active(held []license.Held) []license.Held {
	return slices.DeleteFunc(slices.Clone(held), func(h license.Held) bool { return !h.Ended.IsZero() })
}

// keepEnded is how long ended associations are kept: longer than a message can
// be under way.
const keepEnded = 15 * 24 * time.Hour

// mergeHeld keeps ended associations beside the present ones for a while: their
// licenses are claimed again as released, whatever was lost in between.
func mergeHeld(before, now []license.Held, at time.Time) []license.Held {
	out := slices.Clone(now)
	for _, h := range before {
		if slices.ContainsFunc(now, func(n license.Held) bool { return n.ConfigurationID == h.ConfigurationID }) {
			continue
		}
		if h.Ended.IsZero() {
			h.Ended = at
		}
		if at.Sub(h.Ended) < keepEnded {
			out = append(out, h)
		}
	}
	return out
}

func (t *Tracker) claim(s *sighting, f ledger.Facts, h license.Held) ledger.Claim {
	c := ledger.Claim{
		Instance: f.Instance, Host: f.Host, Generation: f.Generation, Gone: s.gone, Known: f.FirstSeen, Guard: f.Guard,
		Undone: t.undone[f.Instance.ID].After(f.Generation.Launch), Observed: f.Observed, Happened: s.happened, Uncertainty: s.uncertainty, EventID: s.eventID,
	}
	if h.Ended.IsZero() {
		c.Held, c.Offered = &h, h.OfferedTo(&f.Instance, t.offered(h))
	}
	return c
}

// offered tells since when the configuration offers the association.
func (t *Tracker) offered(h license.Held) time.Time {
	for i := range t.configurations {
		if t.configurations[i].ID != h.ConfigurationID {
			continue
		}
		for _, a := range t.configurations[i].Associations {
			if a.Kind == h.Kind && a.Value == h.Value {
				return a.Since
			}
		}
	}
	return h.Since
}

// fold commits the claims license by license. One that fails leaves the others.
func (t *Tracker) fold(ctx context.Context, claims map[string][]ledger.Claim, r *recordings) {
	ids := make([]string, 0, len(claims))
	for id := range claims {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		if !slices.ContainsFunc(t.configurations, func(c license.Configuration) bool { return c.ID == id }) {
			continue // the configuration is gone, and its license with it
		}
		err := t.foldOne(ctx, id, claims[id], r)
		if errors.Is(err, ledger.ErrNotFound) {
			continue // deleted since the configurations were read
		}
		if err != nil {
			t.Log.ErrorContext(ctx, "license not committed", "license", id, "error", err)
			for _, c := range claims[id] {
				r.failed[c.Instance.ID] = err
			}
		}
	}
}

func (t *Tracker) foldOne(ctx context.Context, id string, claims []ledger.Claim, r *recordings) error {
	l, err := t.load(ctx, id)
	if err != nil {
		return err
	}
	slices.SortStableFunc(claims, func(a, b ledger.Claim) int { return a.Generation.Launch.Compare(b.Generation.Launch) })
	if err := t.hostsLeft(ctx, l, claims); err != nil {
		return err
	}
	changes, err := t.committer().Claim(ctx, l, claims)
	r.changes += changes
	if changes > 0 || err != nil {
		t.moved(id)
	}
	return err
}
