package track

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"licenseguard/shared/license"
)

// Databases tells what RDS has now. Each method returns only what RDS knows; what is
// missing in an answer may also be too new for it to tell.
type Databases interface {
	// Databases describes DB instances by their names, at most 100, in one call. A name
	// that RDS does not know must not fail the others. They come without options.
	Databases(ctx context.Context, s Scope, names []string) ([]license.DBInstance, error)
	// EachDatabase lists all DB instances of an account and Region, page by page.
	EachDatabase(ctx context.Context, s Scope, each func(page []license.DBInstance) error) error
	// Options lists the options of an option group, none for one that is not there.
	Options(ctx context.Context, s Scope, group string) ([]license.DBOption, error)
}

// looksForDatabases reports whether a configuration has a product of RDS: else nothing
// is asked of RDS.
func (t *Tracker) looksForDatabases(ctx context.Context) (bool, error) {
	if t.Databases == nil {
		return false, nil
	}
	if _, err := t.refresh(ctx); err != nil {
		return false, fmt.Errorf("read configurations: %w", err)
	}
	return t.hasProduct(func(p license.Product) bool { return p.ResourceType == license.RDS }), nil
}

func (t *Tracker) hasProduct(wanted func(license.Product) bool) bool {
	return slices.ContainsFunc(t.configurations, func(c license.Configuration) bool { return slices.ContainsFunc(c.Products, wanted) })
}

// looksForPacks reports whether a configuration asks for the options of databases.
func (t *Tracker) looksForPacks() bool {
	return t.hasProduct(func(p license.Product) bool {
		return slices.ContainsFunc(p.Filters, func(f license.ProductFilter) bool { return f.Name == license.FilterLicensePack })
	})
}

// observeDatabases looks at the databases of one account and Region that events named
// and records what is true.
func (b *batch) observeDatabases(ctx context.Context, s Scope) {
	var hints []pending
	for _, p := range b.databases {
		if p.event.Account == s.Account && p.event.Region == s.Region {
			hints = append(hints, p)
		}
	}
	if len(hints) == 0 {
		return
	}
	r, err := b.recordDatabases(ctx, s, hints)
	b.report.Changes += r.changes
	if err != nil {
		b.t.Log.ErrorContext(ctx, "databases not recorded", "account", s.Account, "region", s.Region, "error", err)
	}
	now := b.t.Now()
	for _, p := range hints {
		switch id := license.NewResourceID(s.Account, s.Region, p.hint.ID); {
		case err != nil:
			b.unrecorded(ctx, p, err)
		case r.failed[id] != nil:
			b.retry[p.message.ID] = true
		case !b.retry[p.message.ID] && p.hint.State != "":
			b.report.Latency = append(b.report.Latency, now.Sub(p.event.Time))
		}
	}
}

func (b *batch) recordDatabases(ctx context.Context, s Scope, hints []pending) (recordings, error) {
	wanted, err := b.t.looksForDatabases(ctx)
	if err != nil || !wanted {
		return recordings{}, err
	}
	look := b.t.newDatabaseLook(s)
	sightings, err := b.lookForDatabases(ctx, look, hints)
	if err != nil {
		return recordings{}, err
	}
	return look.record(ctx, sightings)
}

// lookForDatabases describes the hinted databases, a second time what RDS did not know
// or told otherwise than the event. After that the message is tried again; what is not
// found at its last receive has gone.
func (b *batch) lookForDatabases(ctx context.Context, look *databaseLook, hints []pending) ([]sighting, error) {
	var sightings []sighting
	for again := range 2 {
		if again > 0 {
			if err := b.t.wait(ctx, secondLook); err != nil {
				return nil, err
			}
		}
		observed := b.t.Now()
		described, err := look.describe(ctx, databaseNames(hints))
		if err != nil {
			return nil, err
		}
		found, open := b.resolve(look.scope, hints, described, observed, again > 0)
		sightings, hints = append(sightings, found...), open
		if len(hints) == 0 {
			return sightings, nil
		}
	}
	now := b.t.Now()
	for _, p := range hints {
		id := license.NewResourceID(look.scope.Account, look.scope.Region, p.hint.ID)
		if p.message.Receives < lastReceive {
			b.retry[p.message.ID] = true
			continue
		}
		sightings = append(sightings, sighting{instance: license.Instance{ID: id}, gone: true, observed: now, happened: now, eventID: p.event.ID})
	}
	return sightings, nil
}

func databaseNames(hints []pending) []string {
	var names []string
	for _, p := range hints {
		if name := strings.TrimPrefix(p.hint.ID, license.DatabasePrefix); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// databaseLook is what one batch or one sweep sees of the databases of an account and
// Region.
type databaseLook struct {
	t      *Tracker
	scope  Scope
	seen   map[license.ResourceID]license.DBInstance
	groups map[string][]license.DBOption
}

func (t *Tracker) newDatabaseLook(s Scope) *databaseLook {
	return &databaseLook{t: t, scope: s, seen: make(map[license.ResourceID]license.DBInstance), groups: make(map[string][]license.DBOption)}
}

// describe looks at databases by name and returns those that there are by their ids.
func (l *databaseLook) describe(ctx context.Context, names []string) (map[string]license.Instance, error) {
	out := make(map[string]license.Instance, len(names))
	for chunk := range slices.Chunk(names, 100) {
		found, err := l.t.Databases.Databases(ctx, l.scope, chunk)
		if err != nil {
			return nil, fmt.Errorf("describe databases: %w", err)
		}
		instances, err := l.take(ctx, found)
		if err != nil {
			return nil, err
		}
		for _, in := range instances {
			out[in.ID.AWSID()] = in
		}
	}
	return out, nil
}

// take keeps what RDS showed and returns what of it is there to be counted. A database
// that is being made is not yet: RDS tells no time of creation, by which it could be told
// from one that had its name before.
func (l *databaseLook) take(ctx context.Context, found []license.DBInstance) ([]license.Instance, error) {
	var probes []sighting
	for _, d := range found {
		probes = append(probes, sighting{instance: license.Instance{Type: license.ClassType(d.Class)}})
	}
	if err := l.t.lookUpTypes(ctx, l.scope, probes); err != nil {
		return nil, err
	}
	catalog := lookedUp{l.t.Catalog, l.t.types}
	var out []license.Instance
	for _, d := range found {
		if d.Created.IsZero() {
			continue
		}
		l.seen[d.ID] = d
		out = append(out, d.Instance(catalog))
	}
	return out, nil
}

// withOptions adds the options of a database of which packs could be found. It asks once
// for each group; those that RDS makes itself have none.
func (l *databaseLook) withOptions(ctx context.Context, d license.DBInstance) (license.DBInstance, error) {
	if !l.t.looksForPacks() || !d.BringsLicense() || !strings.HasPrefix(d.Edition(), "oracle-") {
		return d, nil
	}
	for _, group := range d.OptionGroups {
		if strings.HasPrefix(group, "default:") {
			continue
		}
		options, asked := l.groups[group]
		if !asked {
			var err error
			if options, err = l.t.Databases.Options(ctx, l.scope, group); err != nil {
				return d, fmt.Errorf("describe option group %s: %w", group, err)
			}
			l.groups[group] = options
		}
		d.Options = append(d.Options, options...)
	}
	return d, nil
}

// lookedUp is a catalogue with the types that this process looked up.
type lookedUp struct {
	license.Catalog
	types map[string]license.InstanceType
}

func (l lookedUp) InstanceType(name string) (license.InstanceType, bool) {
	if t, ok := l.Catalog.InstanceType(name); ok {
		return t, true
	}
	t := l.types[name]
	return t, t.VCPUs > 0
}

// record says by which products the sighted databases were found and records them. It
// starts over when the configurations changed meanwhile, as new products may find more.
func (l *databaseLook) record(ctx context.Context, sightings []sighting) (recordings, error) {
	changes := 0
	for {
		epoch := l.t.epoch
		chosen, err := l.discover(ctx, sightings)
		if err != nil {
			return recordings{}, err
		}
		r, err := l.t.record(ctx, l.scope, chosen)
		changes += r.changes
		if err == nil && len(chosen) == 0 {
			_, err = l.t.refresh(ctx) // nothing was recorded, so nothing was read
		}
		if err != nil || l.t.epoch == epoch {
			r.changes = changes
			return r, err
		}
	}
}

// discover chooses what is to be recorded: what a product finds, and what is on record.
// Of the other databases nothing is kept.
func (l *databaseLook) discover(ctx context.Context, sightings []sighting) ([]sighting, error) {
	ids := make([]license.ResourceID, len(sightings))
	for i := range sightings {
		ids[i] = sightings[i].instance.ID
	}
	known, err := l.t.Store.LoadFacts(ctx, ids)
	if err != nil {
		return nil, err
	}
	var chosen []sighting
	for _, s := range sightings {
		before, had := known[s.instance.ID]
		if !s.gone {
			d, err := l.withOptions(ctx, l.seen[s.instance.ID])
			if err != nil {
				return nil, err
			}
			s.instance.Discoveries, s.discovered = l.t.discoveries(d, before.Instance, s.observed), true
		}
		if had || len(s.instance.Discoveries) > 0 {
			chosen = append(chosen, s)
		}
	}
	return chosen, nil
}

// discoveries returns by which products a database is found now, and which found it
// before and find it no more: of a database that still brings its license, the pack was
// taken away; the configuration decides whether that ends its license.
func (t *Tracker) discoveries(d license.DBInstance, before license.Instance, now time.Time) []license.Discovery {
	var out []license.Discovery
	for i := range t.configurations {
		c := &t.configurations[i]
		was, had := before.Discovery(c.ID)
		for _, p := range c.Products {
			what, found := p.DiscoversDatabase(d)
			lost := !found && had && was.Product == p.String() && d.BringsLicense()
			if !found && !lost {
				continue
			}
			one := license.Discovery{ConfigurationID: c.ID, Product: p.String(), What: what, Found: now}
			if had && was.Product == one.Product {
				one.Found = was.Found
			}
			if lost {
				one.What, one.Lost, one.Why = was.What, now, "the database has it no more"
				if !was.Lost.IsZero() {
					one.Lost = was.Lost
				}
			}
			out = append(out, one)
			break
		}
	}
	return out
}

// sweepDatabases is the part of a sweep that lists databases. What is missing is released
// as instances are: after two direct looks, and never after a listing that failed.
func (t *Tracker) sweepDatabases(ctx context.Context, s Scope, report *SweepReport) error {
	wanted, err := t.looksForDatabases(ctx)
	if err != nil || !wanted {
		return err
	}
	start := t.Now()
	look := t.newDatabaseLook(s)
	var sightings []sighting
	listed := make(map[license.ResourceID]bool)
	err = t.Databases.EachDatabase(ctx, s, func(page []license.DBInstance) error {
		report.Databases += len(page)
		instances, err := look.take(ctx, page)
		for _, in := range instances {
			listed[in.ID] = true
			sightings = append(sightings, sighting{instance: in, observed: start, happened: start})
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("list databases: no database was released: %w", err)
	}
	if err := look.sweep(ctx, sightings, report); err != nil {
		return err
	}
	missing, err := t.missing(ctx, s, isDatabase, listed, start)
	if err != nil {
		return err
	}
	return t.release(ctx, s, missing, look.again, report)
}

func isDatabase(id license.ResourceID) bool { return id.Type() == license.Database }

// sweep records what a sweep sees.
func (l *databaseLook) sweep(ctx context.Context, sightings []sighting, report *SweepReport) error {
	r, err := l.record(ctx, sightings)
	report.Changes += r.changes
	if err != nil {
		return err
	}
	for _, err := range r.failed {
		return err
	}
	return nil
}

// again records the databases that a direct look finds and returns the rest.
func (l *databaseLook) again(ctx context.Context, _ Scope, ids []license.ResourceID, report *SweepReport) ([]license.ResourceID, error) {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = strings.TrimPrefix(id.AWSID(), license.DatabasePrefix)
	}
	observed := l.t.Now()
	found, err := l.describe(ctx, names)
	if err != nil {
		return nil, err
	}
	var sightings []sighting
	var still []license.ResourceID
	for _, id := range ids {
		in, ok := found[id.AWSID()]
		if !ok {
			still = append(still, id)
			continue
		}
		sightings = append(sightings, sighting{instance: in, observed: observed, happened: observed})
	}
	return still, l.sweep(ctx, sightings, report)
}
