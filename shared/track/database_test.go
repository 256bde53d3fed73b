package track_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

// rds answers what its fields hold and counts what it is asked.
type rds struct {
	databases map[string]license.DBInstance
	groups    map[string][]license.DBOption
	asked     [][]string // names, in each call
	listings  int
	options   []string // groups asked for
	onLook    func(look int)
	fail      error
	listFail  error
}

func (r *rds) Databases(_ context.Context, _ track.Scope, names []string) ([]license.DBInstance, error) {
	r.asked = append(r.asked, slices.Clone(names))
	if r.onLook != nil {
		r.onLook(len(r.asked))
	}
	var out []license.DBInstance
	for _, name := range names {
		if d, ok := r.databases[name]; ok {
			out = append(out, d)
		}
	}
	return out, r.fail
}

func (r *rds) EachDatabase(_ context.Context, _ track.Scope, each func([]license.DBInstance) error) error {
	r.listings++
	for _, name := range slices.Sorted(maps.Keys(r.databases)) {
		if err := each([]license.DBInstance{r.databases[name]}); err != nil {
			return err
		}
	}
	return r.listFail
}

func (r *rds) Options(_ context.Context, _ track.Scope, group string) ([]license.DBOption, error) {
	r.options = append(r.options, group)
	return r.groups[group], r.fail
}

func (r *rds) set(name string, change func(*license.DBInstance)) {
	d := license.DBInstance{ID: license.NewResourceID(account, region, "db:"+name), Class: "db.r5.xlarge", Engine: "oracle-ee", EngineVersion: "19",
		LicenseModel: license.BringYourOwnLicense, Status: "available", Created: start.Add(-time.Hour)}
	if before, ok := r.databases[name]; ok {
		d = before
	}
	if change != nil {
		change(&d)
	}
	r.databases[name] = d
}

const databaseLicense = "lic-databases"

// withDatabases is a fixture with a license for Oracle Enterprise Edition.
func withDatabases(t *testing.T, filters ...license.ProductFilter) (*fixture, *rds) {
	t.Helper()
	f := newFixture(t)
	r := &rds{databases: map[string]license.DBInstance{}, groups: map[string][]license.DBOption{}}
	f.Databases = r
	if filters == nil {
		filters = []license.ProductFilter{{Name: license.FilterEngineEdition, Comparator: license.Equals, Values: []string{"oracle-ee"}}}
	}
	f.lookFor("lic-databases", license.Product{ResourceType: license.RDS, Filters: filters})
	f.now = f.now.Add(time.Minute)
	return f, r
}

func (f *fixture) lookFor(id string, p license.Product) {
	f.t.Helper()
	count := int64(100)
	if _, err := f.Configure(f.t.Context(), license.Configuration{ID: id, Name: id, CountingType: license.CountVCPU, Count: &count, Products: []license.Product{p}}, "test"); err != nil {
		f.t.Fatal(err)
	}
}

func databaseEvent(name, eventID string, at time.Time) string {
	arn := "arn:aws:rds:" + region + ":" + account + ":db:" + name
	return fmt.Sprintf(`{"version":"0","id":"e-%s-%s","detail-type":"RDS DB Instance Event","source":"aws.rds","account":%q,"time":%q,"region":%q,"resources":[%q],"detail":{"SourceType":"DB_INSTANCE","SourceArn":%q,"SourceIdentifier":%q,"EventID":%q}}`,
		name, eventID, account, at.Format(time.RFC3339), region, arn, arn, name, eventID)
}

// The ids of RDS's events.
const (
	deleted = "RDS-EVENT-0003"
	created = "RDS-EVENT-0005"
	resized = "RDS-EVENT-0014"
	multiAZ = "RDS-EVENT-0025"
	stopped = "RDS-EVENT-0087"
	started = "RDS-EVENT-0088"
)

func (f *fixture) license(id string) *ledger.License {
	f.t.Helper()
	l, err := f.store.Load(f.t.Context(), id)
	if err != nil {
		f.t.Fatal(err)
	}
	return l
}

func (f *fixture) discovery(id string) (license.Discovery, bool) {
	in := f.onRecord(id).Instance
	return in.Discovery(databaseLicense)
}

func (f *fixture) wantDatabases(what string, deployed int64) {
	f.t.Helper()
	if got := f.license(databaseLicense).Totals.Deployed(); got != deployed {
		f.t.Errorf("%s: %d licenses deployed, want %d", what, got, deployed)
	}
}

// TestLifeOfADatabase: from its creation to its end, by events.
func TestLifeOfADatabase(t *testing.T) {
	t.Parallel()
	f, r := withDatabases(t)
	step := func(what, eventID string, deployed int64, change func(*license.DBInstance)) {
		t.Helper()
		f.now = f.now.Add(time.Minute)
		r.set("payroll", change)
		if report := f.handle(1, databaseEvent("payroll", eventID, f.now)); len(report.Retry) > 0 || report.Handled != 1 || report.Unknown > 0 {
			t.Errorf("%s: %+v", what, report)
		}
		f.wantDatabases(what, deployed)
	}
	step("created", created, 4, nil)
	step("stopped", stopped, 0, func(d *license.DBInstance) { d.Status = "stopped" })
	step("started", started, 4, func(d *license.DBInstance) { d.Status = "available" })
	step("being modified", resized, 4, func(d *license.DBInstance) { d.Status = "modifying" })
	step("another class", resized, 8, func(d *license.DBInstance) { d.Class, d.Status = "db.r5.2xlarge", "available" })
	step("Multi-AZ", multiAZ, 16, func(d *license.DBInstance) { d.MultiAZ = true })
	step("fewer cores", resized, 4, func(d *license.DBInstance) { d.Processor = license.CPUOptions{Cores: 1, ThreadsPerCore: 2} })
	step("the license is AWS's", resized, 0, func(d *license.DBInstance) { d.LicenseModel = "license-included" })
	step("its own again", resized, 4, func(d *license.DBInstance) { d.LicenseModel = license.BringYourOwnLicense })
	delete(r.databases, "payroll")
	f.now = f.now.Add(time.Minute)
	f.handle(1, databaseEvent("payroll", deleted, f.now))
	f.wantDatabases("deleted", 0)
	f.now = f.now.Add(time.Hour)
	step("another of its name", created, 4, func(d *license.DBInstance) { d.Created = f.now })
	if f.waits > 0 {
		t.Errorf("%d second looks, want none: every event agreed with RDS", f.waits)
	}
}

// TestDiscoveryIsKept: when and as what a database was found.
func TestDiscoveryIsKept(t *testing.T) {
	t.Parallel()
	f, r := withDatabases(t)
	r.set("payroll", nil)
	f.handle(1, databaseEvent("payroll", created, f.now))
	first := f.now
	f.now = f.now.Add(time.Hour)
	r.set("payroll", func(d *license.DBInstance) { d.MultiAZ = true })
	f.handle(1, databaseEvent("payroll", multiAZ, f.now))
	d, ok := f.discovery("db:payroll")
	if !ok || d.What != "oracle-ee 19, Multi-AZ" || !d.Found.Equal(first) || !d.Lost.IsZero() {
		t.Errorf("%+v, %t", d, ok)
	}
}

// TestOneCallForABatchOfDatabases: whatever the events say, and once for each name.
func TestOneCallForABatchOfDatabases(t *testing.T) {
	t.Parallel()
	f, r := withDatabases(t)
	var bodies []string
	for i := range 50 {
		name := fmt.Sprint("db", i)
		r.set(name, func(d *license.DBInstance) { d.OptionGroups = []string{"ours"} })
		bodies = append(bodies, databaseEvent(name, created, f.now), databaseEvent(name, resized, f.now))
	}
	report := f.handle(1, bodies...)
	if len(r.asked) != 1 || len(r.asked[0]) != 50 || r.listings != 0 || len(r.options) != 0 || report.Handled != 100 {
		t.Errorf("%d calls, %d listings, %d for options; report %+v", len(r.asked), r.listings, len(r.options), report)
	}
	f.wantDatabases("all", 200)
}

// TestNothingIsAskedOfRDS: where no license looks for databases, or nobody wired them.
func TestNothingIsAskedOfRDS(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r := &rds{databases: map[string]license.DBInstance{}}
	r.set("payroll", nil)
	f.Databases = r
	if report := f.handle(1, databaseEvent("payroll", created, f.now)); report.Handled != 1 || len(report.Retry) > 0 {
		t.Errorf("%+v", report)
	}
	if _, err := f.Sweep(t.Context(), track.Scope{Account: account, Region: region}); err != nil {
		t.Fatal(err)
	}
	if len(r.asked) > 0 || r.listings > 0 {
		t.Errorf("asked %v, %d listings", r.asked, r.listings)
	}
	f.Databases = nil
	if report := f.handle(1, databaseEvent("payroll", created, f.now)); report.Unknown != 1 {
		t.Errorf("not wired: %+v, want the event passed", report)
	}
}

// TestOtherDatabasesLeaveNoTrace: what no product finds is not on record.
func TestOtherDatabasesLeaveNoTrace(t *testing.T) {
	t.Parallel()
	f, r := withDatabases(t)
	r.set("web", func(d *license.DBInstance) { d.Engine, d.LicenseModel = "postgres", "postgresql-license" })
	r.set("included", func(d *license.DBInstance) { d.LicenseModel = "license-included" })
	f.handle(1, databaseEvent("web", created, f.now), databaseEvent("included", created, f.now))
	if _, err := f.Sweep(t.Context(), track.Scope{Account: account, Region: region}); err != nil {
		t.Fatal(err)
	}
	err := f.store.EachFacts(t.Context(), account, region, func(got ledger.Facts) error {
		t.Errorf("%s is on record", got.Instance.ID)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestDatabaseNotFound: is asked for twice, then the message is tried again, and at the
// last receive it has gone. An event of its deletion is enough at once.
func TestDatabaseNotFound(t *testing.T) {
	t.Parallel()
	f, r := withDatabases(t)
	r.set("payroll", nil)
	f.handle(1, databaseEvent("payroll", created, f.now))
	delete(r.databases, "payroll")
	for receive := 1; receive <= 3; receive++ {
		f.now = f.now.Add(time.Minute)
		r.asked, f.waits = nil, 0
		report := f.handle(receive, databaseEvent("payroll", resized, f.now))
		if len(r.asked) != 2 || f.waits != 1 || (len(report.Retry) == 1) != (receive < 3) || len(f.graves.letters) > 0 {
			t.Errorf("receive %d: %d looks, %d waits, %+v, %d buried", receive, len(r.asked), f.waits, report, len(f.graves.letters))
		}
		want := int64(4)
		if receive == 3 {
			want = 0
		}
		f.wantDatabases(fmt.Sprint("receive ", receive), want)
	}
}

// TestDatabaseFoundByTheSecondLook: RDS may be late.
func TestDatabaseFoundByTheSecondLook(t *testing.T) {
	t.Parallel()
	f, r := withDatabases(t)
	r.onLook = func(look int) {
		if look == 2 {
			r.set("payroll", nil)
		}
	}
	if report := f.handle(1, databaseEvent("payroll", created, f.now)); len(report.Retry) > 0 || f.waits != 1 {
		t.Errorf("%+v, %d waits", report, f.waits)
	}
	f.wantDatabases("found", 4)
}

// TestDatabaseEventAgainstDescription: the event may be the newer one, so RDS is asked
// again; in the end RDS is right.
func TestDatabaseEventAgainstDescription(t *testing.T) {
	t.Parallel()
	f, r := withDatabases(t)
	r.set("payroll", nil)
	f.handle(1, databaseEvent("payroll", created, f.now))
	for _, id := range []string{stopped, deleted} {
		if report := f.handle(1, databaseEvent("payroll", id, f.now)); len(report.Retry) != 1 {
			t.Errorf("%s while RDS shows it running: %+v, want the message again", id, report)
		}
		if report := f.handle(3, databaseEvent("payroll", id, f.now)); len(report.Retry) != 0 || report.Buried != 0 {
			t.Errorf("%s at the last receive: %+v", id, report)
		}
		f.wantDatabases(id, 4)
	}
	r.set("payroll", func(d *license.DBInstance) { d.Created = f.now.Add(time.Minute) })
	if report := f.handle(1, databaseEvent("payroll", deleted, f.now)); len(report.Retry) != 0 {
		t.Errorf("deleted before another was made: %+v", report)
	}
}

// TestDatabaseBeingMade has no time of creation yet: it is counted when it has.
func TestDatabaseBeingMade(t *testing.T) {
	t.Parallel()
	f, r := withDatabases(t)
	r.set("payroll", func(d *license.DBInstance) { d.Created, d.Status = time.Time{}, "creating" })
	if report := f.handle(1, databaseEvent("payroll", created, f.now)); len(report.Retry) != 1 {
		t.Errorf("%+v, want the message again", report)
	}
	if report := f.handle(3, databaseEvent("payroll", created, f.now)); len(report.Retry) != 0 {
		t.Errorf("last receive: %+v", report)
	}
	if _, err := f.Sweep(t.Context(), track.Scope{Account: account, Region: region}); err != nil {
		t.Fatal(err)
	}
	f.wantDatabases("being made", 0)
	r.set("payroll", func(d *license.DBInstance) { d.Created = f.now })
	if _, err := f.Sweep(t.Context(), track.Scope{Account: account, Region: region}); err != nil {
		t.Fatal(err)
	}
	f.wantDatabases("creating", 4)

	// While another of its name is being made, the one before has gone.
	f.now = f.now.Add(time.Hour)
	r.set("payroll", func(d *license.DBInstance) { d.Created = time.Time{} })
	if _, err := f.Sweep(t.Context(), track.Scope{Account: account, Region: region}); err != nil {
		t.Fatal(err)
	}
	f.wantDatabases("being made again", 0)
}

// TestRDSFails: nothing is recorded, and the messages come again.
func TestRDSFails(t *testing.T) {
	t.Parallel()
	f, r := withDatabases(t)
	r.set("payroll", nil)
	f.handle(1, databaseEvent("payroll", created, f.now))
	r.fail = errors.New("throttled")
	delete(r.databases, "payroll")
	if report := f.handle(3, databaseEvent("payroll", deleted, f.now)); len(report.Retry) != 1 {
		t.Errorf("%+v, want the message again", report)
	}
	f.wantDatabases("after a failed look", 4)
}

// TestSweepOfDatabases: with every event lost, one sweep is enough.
func TestSweepOfDatabases(t *testing.T) {
	t.Parallel()
	f, r := withDatabases(t)
	sweep := func(what string, deployed int64, changes, released int) {
		t.Helper()
		f.now = f.now.Add(time.Hour)
		report, err := f.Sweep(t.Context(), track.Scope{Account: account, Region: region})
		if err != nil || report.Changes != changes || report.Released != released || report.Databases != len(r.databases) {
			t.Errorf("%s: %+v, %v; want %d changes, %d released", what, report, err, changes, released)
		}
		f.wantDatabases(what, deployed)
	}
	r.set("payroll", nil)
	r.set("ledger", nil)
	sweep("created", 8, 1, 0)
	sweep("nothing new", 8, 0, 0)
	r.set("payroll", func(d *license.DBInstance) { d.MultiAZ = true })
	r.set("ledger", func(d *license.DBInstance) { d.Status = "stopped" })
	sweep("Multi-AZ, and stopped", 8, 1, 0)
	delete(r.databases, "payroll")
	sweep("deleted", 0, 1, 1)
	if len(r.asked) != 2 {
		t.Errorf("%d direct looks for what was missing, want 2", len(r.asked))
	}
}

// TestSweepReleasesNoDatabase: where the listing fails, and where a direct look finds it.
func TestSweepReleasesNoDatabase(t *testing.T) {
	t.Parallel()
	f, r := withDatabases(t)
	r.set("payroll", nil)
	f.handle(1, databaseEvent("payroll", created, f.now))
	f.now = f.now.Add(time.Hour)
	hidden := r.databases["payroll"]
	delete(r.databases, "payroll")
	r.listFail = errors.New("denied")
	if _, err := f.Sweep(t.Context(), track.Scope{Account: account, Region: region}); err == nil || !strings.Contains(err.Error(), "no database was released") {
		t.Errorf("error %v", err)
	}
	f.wantDatabases("the listing failed", 4)
	r.listFail = nil
	r.onLook = func(int) { r.databases["payroll"] = hidden }
	if _, err := f.Sweep(t.Context(), track.Scope{Account: account, Region: region}); err != nil {
		t.Fatal(err)
	}
	f.wantDatabases("found directly", 4)
}

// TestPacks: the options are asked for where a license looks for packs, of the databases
// that could have any, once for each group.
func TestPacks(t *testing.T) {
	t.Parallel()
	f, r := withDatabases(t, license.ProductFilter{Name: license.FilterLicensePack, Comparator: license.Equals, Values: []string{"ols"}})
	r.groups["ours"] = []license.DBOption{{Name: "OLS"}}
	with := func(groups ...string) func(*license.DBInstance) {
		return func(d *license.DBInstance) { d.OptionGroups = groups }
	}
	r.set("one", with("ours"))
	r.set("two", with("ours"))
	r.set("none", with("default:oracle-ee-19"))
	r.set("web", func(d *license.DBInstance) { d.Engine, d.OptionGroups = "mysql", []string{"theirs"} })
	events := func() []string {
		var bodies []string
		for name := range r.databases {
			bodies = append(bodies, databaseEvent(name, resized, f.now))
		}
		return bodies
	}
	f.handle(1, events()...)
	if !slices.Equal(r.options, []string{"ours"}) {
		t.Errorf("asked for %v, want each group once", r.options)
	}
	f.wantDatabases("two with the pack", 8)

	// The option is removed: this license keeps what it found.
	r.groups["ours"] = nil
	f.now = f.now.Add(time.Minute)
	f.handle(1, events()...)
	f.wantDatabases("removed, kept", 8)
	if d, _ := f.discovery("db:one"); d.Lost.IsZero() {
		t.Errorf("%+v: want it lost", d)
	}
	c := f.license(databaseLicense).Configuration
	c.DisassociateWhenNotFound = true
	f.now = f.now.Add(time.Minute)
	if _, err := f.Configure(t.Context(), c, "test"); err != nil {
		t.Fatal(err)
	}
	f.wantDatabases("not kept any more", 0)
	r.groups["ours"] = []license.DBOption{{Name: "OLS"}}
	f.now = f.now.Add(time.Minute)
	f.handle(1, events()...)
	f.wantDatabases("added again", 8)
}

// TestNewProductMeetsDatabases with the next sweep: the database has no event of its own
// then.
func TestNewProductMeetsDatabases(t *testing.T) {
	t.Parallel()
	f, r := withDatabases(t)
	r.set("payroll", func(d *license.DBInstance) { d.HasReplicas = true })
	f.handle(1, databaseEvent("payroll", created, f.now))
	f.lookFor("lic-guard", license.Product{ResourceType: license.RDS, Filters: []license.ProductFilter{
		{Name: license.FilterLicensePack, Comparator: license.Equals, Values: []string{"data guard"}}}})
	f.now = f.now.Add(time.Hour)
	if _, err := f.Sweep(t.Context(), track.Scope{Account: account, Region: region}); err != nil {
		t.Fatal(err)
	}
	if got := f.license("lic-guard").Totals.Deployed(); got != 4 {
		t.Errorf("%d licenses of the pack, want 4", got)
	}
	f.wantDatabases("the edition", 4)
	// A product that is given up ends its licenses at once.
	c := f.license("lic-guard").Configuration
	c.Products = nil
	if _, err := f.Configure(t.Context(), c, "test"); err != nil {
		t.Fatal(err)
	}
	if got := f.license("lic-guard").Totals.Deployed(); got != 0 {
		t.Errorf("%d licenses of a product that was given up", got)
	}
}

// TestProductMadeMeanwhile: one that comes while a batch is looked at misses nothing of
// it, whether the batch had something to record or not.
func TestProductMadeMeanwhile(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"oracle-ee", "oracle-se2"} {
		f, r := withDatabases(t)
		r.groups["ours"] = []license.DBOption{{Name: "OLS"}}
		r.set("payroll", func(d *license.DBInstance) { d.Engine, d.OptionGroups = engine, []string{"ours"} })
		r.onLook = func(int) {
			other := *f.Tracker // another process
			other.Databases = nil
			count := int64(10)
			if _, err := other.Configure(t.Context(), license.Configuration{ID: "lic-packs", Name: "Packs", CountingType: license.CountVCPU, Count: &count,
				Products: []license.Product{{ResourceType: license.RDS, Filters: []license.ProductFilter{
					{Name: license.FilterLicensePack, Comparator: license.Equals, Values: []string{"ols"}}}}}}, "test"); err != nil {
				t.Error(err)
			}
		}
		f.handle(1, databaseEvent("payroll", created, f.now))
		if got := f.license("lic-packs").Totals.Deployed(); got != 4 {
			t.Errorf("%s: %d licenses of the pack, want 4", engine, got)
		}
	}
}

// TestClassNewerThanTheCatalogue is looked up as the EC2 type of its name.
func TestClassNewerThanTheCatalogue(t *testing.T) {
	t.Parallel()
	f, r := withDatabases(t)
	r.set("payroll", func(d *license.DBInstance) { d.Class = "db.x9.large" })
	f.handle(1, databaseEvent("payroll", created, f.now))
	f.wantDatabases("looked up", 6)
}

// TestDatabasesAreNotAnswered: over the count, in a mode that stops, nothing is ever to
// be done to a database. Its limit can only be soft; its guard holds without that.
func TestDatabasesAreNotAnswered(t *testing.T) {
	t.Parallel()
	f, r := withDatabases(t)
	c := f.license(databaseLicense).Configuration
	none := int64(0)
	c.Count, c.Enforcement.Mode, c.Enforcement.Settle = &none, license.Stop, time.Minute
	if _, err := f.Configure(t.Context(), c, "test"); err != nil {
		t.Fatal(err)
	}
	f.now = f.now.Add(time.Minute)
	r.set("payroll", func(d *license.DBInstance) { d.Created = f.now })
	f.handle(1, databaseEvent("payroll", created, f.now))
	f.now = f.now.Add(time.Hour)
	if _, err := f.FoldDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	l := f.license(databaseLicense)
	e, m := l.Find(license.NewResourceID(account, region, "db:payroll"))
	if e == nil || l.Totals.Over != 4 || m.Guard != ledger.GuardOutside {
		t.Fatalf("%+v, totals %+v: want it over and guarded", m, l.Totals)
	}
	if got := l.Answer(e, m, f.now); got.Wanted() {
		t.Errorf("answer %+v", got)
	}
	if got := l.Proposal(e, m, f.now); got.Wanted() {
		t.Errorf("a person could approve %+v", got)
	}
}
