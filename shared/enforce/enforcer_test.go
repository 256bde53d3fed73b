package enforce_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"licenseguard/shared/adapter/boltledger"
	"licenseguard/shared/catalog"
	"licenseguard/shared/enforce"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

const account = "123456789012"

var start = time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)

// account's instances, each with the errors that its next calls give.
type cloud struct {
	t         *testing.T
	instances map[string]*machine
	tagged    func(*machine, map[string]string) // what EC2 shows of it; nil: nothing
}

type machine struct {
	license.Instance
	look, stop []error // given one after the other, then none
	looks      int
	looked     func(times int) // called after each look: what happens then is not in it
	tags       map[string]string
	stops      int
	starts     int
}

func next(errs *[]error) error {
	if len(*errs) == 0 {
		return nil
	}
	err := (*errs)[0]
	*errs = (*errs)[1:]
	return err
}

func (c *cloud) Look(_ context.Context, _ track.Scope, id string) (license.Instance, bool, error) {
	m, ok := c.instances[id]
	if !ok {
		return license.Instance{}, false, nil
	}
	in := m.Instance
	if m.looks++; m.looked != nil {
		m.looked(m.looks)
	}
	return in, true, next(&m.look)
}

func (c *cloud) Tag(_ context.Context, _ track.Scope, id string, tags map[string]string) error {
	c.instances[id].tags = tags
	if c.tagged != nil {
		c.tagged(c.instances[id], tags)
	}
	return nil
}

func (c *cloud) Untag(_ context.Context, _ track.Scope, id string, keys []string) error {
	for _, key := range keys {
		delete(c.instances[id].tags, key)
		delete(c.instances[id].Tags, key)
	}
	return nil
}

func (c *cloud) Start(_ context.Context, _ track.Scope, id string) error {
	m := c.instances[id]
	if m.State == license.Stopped {
		m.starts++
		m.State, m.LaunchTime = license.Pending, m.LaunchTime.Add(time.Hour)
	}
	return nil
}

func (c *cloud) Stop(_ context.Context, _ track.Scope, id string) error {
	m := c.instances[id]
	if err := next(&m.stop); err != nil {
		return err
	}
	if m.State != license.Running {
		c.t.Errorf("%s was stopped while %s", id, m.State)
	}
	m.stops++
	m.State = license.Stopping
	return nil
}

type fixture struct {
	*enforce.Enforcer
	t     *testing.T
	store *boltledger.Store
	cloud *cloud
	now   time.Time
	queue []*ledger.Change
}

// newFixture has one license of one instance, mode stop, and n running
// instances that claim it, a second apart: the first is covered.
func newFixture(t *testing.T, n int, budget int) *fixture {
	t.Helper()
	f := &fixture{t: t, now: start, cloud: &cloud{t: t, instances: make(map[string]*machine)}}
	var err error
	f.store, err = boltledger.Open(filepath.Join(t.TempDir(), "ledger.db"), boltledger.Options{Volatile: true,
		OnCommit: func(c *ledger.Change) { f.queue = append(f.queue, c) }})
	f.must(err)
	t.Cleanup(func() { _ = f.store.Close() })
	f.Enforcer = &enforce.Enforcer{Store: f.store, Instances: f.cloud, Catalog: catalog.Embedded(), Accounts: []string{account},
		Now: func() time.Time { return f.now }, Log: slog.New(slog.DiscardHandler)}
	one := int64(1)
	offers := []license.Association{{Kind: license.ByTag, Value: "Software=oracle"}}
	for i := range n {
		offers = append(offers, license.Association{Kind: license.ByInstance, Value: name(i)})
	}
	c, err := license.Amend(nil, license.Configuration{ID: "lic-a", Name: "A", CountingType: license.CountInstance, Count: &one, HardLimit: true, Associations: offers,
		Enforcement: license.Enforcement{Mode: license.Stop, ActionsPerHour: budget, Settle: time.Minute}}, f.now, "test")
	f.must(err)
	_, _, err = f.committer().ApplyTo(context.Background(), &ledger.License{Configuration: license.Configuration{ID: "lic-a"}}, ledger.Batch{Configuration: &c})
	f.must(err)
	var claims []ledger.Claim
	for i := range n {
		f.now = f.now.Add(time.Second)
		id := name(i)
		in := license.Instance{ID: license.NewResourceID(account, "us-east-1", id), Type: "m5.large", State: license.Running, LaunchTime: f.now, Tenancy: license.TenancyDefault}
		f.cloud.instances[id] = &machine{Instance: in}
		claims = append(claims, ledger.Claim{Instance: in, Generation: ledger.Generation{Launch: f.now, Rank: in.State.Rank()},
			Held: &license.Held{ConfigurationID: "lic-a", Kind: license.ByInstance, Value: id, Since: f.now}, Offered: start, Observed: f.now, Happened: f.now})
	}
	_, err = f.committer().claim(claims)
	f.must(err)
	return f
}

func name(i int) string { return fmt.Sprintf("i-%017x", i) }

type committer struct {
	*ledger.Committer
	f *fixture
}

func (f *fixture) committer() committer {
	return committer{&ledger.Committer{Store: f.store, Catalog: catalog.Embedded(), Now: func() time.Time { return f.now }}, f}
}

func (c committer) claim(claims []ledger.Claim) (int, error) {
	l, err := c.f.store.Load(context.Background(), "lic-a")
	if err != nil {
		return 0, err
	}
	return c.Claim(context.Background(), l, claims)
}

func (f *fixture) brakes() *ledger.BrakesCommitter {
	return &ledger.BrakesCommitter{Store: f.store, Now: func() time.Time { return f.now }}
}

func (f *fixture) operator() *enforce.Operator {
	return &enforce.Operator{Store: f.store, Catalog: catalog.Embedded(), Now: func() time.Time { return f.now }, By: "alice"}
}

func (f *fixture) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// run hands the stream on and runs what is due.
func (f *fixture) run() enforce.Report {
	f.t.Helper()
	for _, c := range f.queue {
		f.must(f.Queue(context.Background(), c))
		f.must(f.Queue(context.Background(), c)) // delivered twice
	}
	f.queue = nil
	r, err := f.Run(context.Background())
	f.must(err)
	return r
}

func (f *fixture) pass(d time.Duration) (total enforce.Report) {
	f.t.Helper()
	for end := f.now.Add(d); f.now.Before(end); f.now = f.now.Add(time.Minute) {
		r := f.run()
		total.Stopped += r.Stopped
		total.Tagged += r.Tagged
		total.Failed += r.Failed
	}
	return total
}

func (f *fixture) pending() int {
	f.t.Helper()
	p, err := f.store.PendingActions(context.Background())
	f.must(err)
	return len(p)
}

func TestSettleWindowThenStop(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 3, 10)
	if r := f.run(); r.Stopped != 0 || r.Postponed != 2 {
		t.Errorf("within the settle window: %+v, want two postponed", r)
	}
	f.now = f.now.Add(90 * time.Second) // Auto Scaling's tags have arrived
	if r := f.run(); r.Stopped != 2 {
		t.Errorf("after it: %+v, want two stopped", r)
	}
	if f.cloud.instances[name(0)].stops != 0 {
		t.Error("the covered instance was stopped")
	}
	if r := f.pass(2 * time.Hour); r.Stopped != 0 || f.pending() != 0 {
		t.Errorf("later: %+v, %d pending, want nothing more", r, f.pending())
	}
}

func TestErrorsAreTriedAgainAndNobodyIsForgotten(t *testing.T) {
	t.Parallel()
	throttled := errors.New("RequestLimitExceeded: slow down")
	f := newFixture(t, 6, 100)
	f.cloud.instances[name(1)].look = []error{throttled, throttled}
	f.cloud.instances[name(2)].stop = []error{throttled}
	f.cloud.instances[name(3)].stop = []error{enforce.ErrNotYet}
	f.cloud.instances[name(4)].stop = []error{enforce.ErrGone}
	total := f.pass(3 * time.Hour)
	for i, stops := range []int{0, 1, 1, 1, 0, 1} {
		if got := f.cloud.instances[name(i)].stops; got != stops {
			t.Errorf("instance %d was stopped %d times, want %d", i, got, stops)
		}
	}
	if total.Failed != 3 {
		t.Errorf("%d failures counted, want 3", total.Failed)
	}
	if f.pending() != 0 {
		t.Errorf("%d actions still pending", f.pending())
	}
}

func TestLastLookGuards(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		change func(*machine)
		tagged bool
	}{
		"stop protection":        {func(m *machine) { m.StopProtected = true }, true},
		"Auto Scaling":           {func(m *machine) { m.Tags = map[string]string{license.TagAutoScalingGroup: "g"} }, true},
		"tagged as protected":    {func(m *machine) { m.Tags = map[string]string{license.TagProtected: "true"} }, true},
		"managed by a service":   {func(m *machine) { m.ManagedBy = "eks.amazonaws.com" }, true},
		"instance store as root": {func(m *machine) { m.RootIsStore = true }, true},
		"an EC2 Fleet's":         {func(m *machine) { m.Tags = map[string]string{license.TagEC2Fleet: "fleet-1"} }, true},
		"a Spot Fleet's":         {func(m *machine) { m.Tags = map[string]string{license.TagSpotFleet: "sfr-1"} }, true},
		"one-time Spot":          {func(m *machine) { m.Spot = true }, true},
		"data on instance store": {func(m *machine) { m.Type = "m5d.large" }, true},
		"still starting":         {func(m *machine) { m.State = license.Pending }, false},
		"stopped by its owner":   {func(m *machine) { m.State = license.Stopped }, false},
		"restarted since":        {func(m *machine) { m.LaunchTime = m.LaunchTime.Add(time.Hour) }, false},
	}
	for name_, c := range cases {
		t.Run(name_, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, 2, 10)
			m := f.cloud.instances[name(1)]
			c.change(m)
			f.pass(5 * time.Minute)
			if m.stops != 0 {
				t.Error("it was stopped")
			}
			if got := m.tags != nil; got != c.tagged {
				t.Errorf("tagged %t, want %t (%v)", got, c.tagged, m.tags)
			}
		})
	}
}

// TestCrashBetweenGrantAndAction: the intent is there, the action is not; the
// next run goes on and spends no second unit of the budget.
func TestCrashBetweenGrantAndAction(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 2, 1)
	f.run()
	f.now = f.now.Add(2 * time.Minute)
	in := f.cloud.instances[name(1)]
	l, err := f.store.Load(context.Background(), "lic-a")
	f.must(err)
	_, result, err := f.committer().ApplyTo(context.Background(), l, ledger.Batch{Grants: []ledger.Grant{{Instance: in.ID, Launch: in.LaunchTime, Action: license.Stop}}})
	f.must(err)
	if result.Grants[0].Refused != "" {
		t.Fatalf("not granted: %+v", result.Grants)
	}
	f.now = f.now.Add(time.Minute)
	if r := f.run(); r.Stopped != 0 {
		t.Errorf("%+v while the first run may be at it, want nothing", r)
	}
	f.now = f.now.Add(time.Minute)
	if r := f.run(); r.Stopped != 1 {
		t.Errorf("after the crash: %+v, want the stop", r)
	}
}

// TestTheJournalSaysWhatWasBefore: with it an action can be taken back.
func TestTheJournalSaysWhatWasBefore(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 2, 10)
	m := f.cloud.instances[name(1)]
	m.Tags = map[string]string{"x": "", "licenseguard:status": "mine"}
	f.pass(5 * time.Minute)
	entries, err := f.store.Journal(context.Background(), time.Time{})
	f.must(err)
	if len(entries) != 1 {
		t.Fatalf("journal %+v, want one entry", entries)
	}
	e := entries[0]
	if e.Before != license.Running || len(e.Replaced) != 1 || e.Replaced["licenseguard:status"] != "mine" || e.Done.IsZero() {
		t.Errorf("journal entry %+v, want the state and the tag that were there before", e)
	}
}

func TestNoRoomNoStop(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 8, 2)
	f.now = f.now.Add(2 * time.Minute)
	if r := f.run(); r.Stopped != 2 || r.Postponed != 5 {
		t.Errorf("%+v, want 2 stopped and 5 postponed", r)
	}
	if r := f.pass(4 * time.Hour); r.Stopped != 0 {
		t.Errorf("%d more while the breaker is open, want none", r.Stopped)
	}
	for range 3 { // each time the budget runs out
		_, _, err := f.operator().Resume(context.Background(), ledger.LicenseScope("lic-a"))
		f.must(err)
		if r := f.pass(55 * time.Minute); r.Stopped > 2 {
			t.Errorf("%d within the hour, want 2 at most", r.Stopped)
		}
		f.now = f.now.Add(time.Hour)
	}
	if f.pending() != 0 {
		t.Errorf("%d pending, want all answered", f.pending())
	}
}

// TestRecoverRecreatesLostActions: the stream lost its records.
func TestRecoverRecreatesLostActions(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 4, 10)
	f.queue = nil
	f.must(enforce.Recover(context.Background(), f.store, f.brakes(), nil))
	if f.pending() != 3 {
		t.Errorf("%d pending, want 3", f.pending())
	}
	f.now = f.now.Add(2 * time.Minute)
	if r := f.run(); r.Stopped != 3 {
		t.Errorf("%+v, want 3 stopped", r)
	}
	f.must(enforce.Recover(context.Background(), f.store, f.brakes(), nil))
	if f.pending() != 0 {
		t.Errorf("%d pending after they were answered, want none", f.pending())
	}
}

func TestAnotherAccountIsNotTouched(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 2, 10)
	f.Accounts = []string{"999999999999"}
	if r := f.pass(5 * time.Minute); r.Stopped+r.Tagged != 0 {
		t.Errorf("%+v, want nothing done", r)
	}
}

// TestWhatHappensBetweenLookAndStop plays what comes while others of the batch
// are acted on, or after a first try that failed.
func TestWhatHappensBetweenLookAndStop(t *testing.T) {
	t.Parallel()
	amend := func(f *fixture, change func(*license.Configuration)) {
		l, err := f.store.Load(context.Background(), "lic-a")
		f.must(err)
		wanted := l.Configuration
		change(&wanted)
		c, err := license.Amend(&l.Configuration, wanted, f.now, "test")
		f.must(err)
		_, _, err = f.committer().ApplyTo(context.Background(), l, ledger.Batch{Configuration: &c})
		f.must(err)
	}
	two := int64(2)
	cases := map[string]struct {
		happens func(*fixture, *machine)
		tagged  bool
	}{
		"stop protection":       {func(_ *fixture, m *machine) { m.StopProtected = true }, true},
		"Auto Scaling's tag":    {func(_ *fixture, m *machine) { m.Tags = map[string]string{license.TagAutoScalingGroup: "g"} }, true},
		"its owner stops it":    {func(_ *fixture, m *machine) { m.State = license.Stopped }, false},
		"its owner restarts it": {func(f *fixture, m *machine) { m.LaunchTime = f.now }, false},
		"the mode is observe": {func(f *fixture, _ *machine) {
			amend(f, func(c *license.Configuration) { c.Enforcement.Mode = license.Observe })
		}, false},
		"the mode is tag": {func(f *fixture, _ *machine) {
			amend(f, func(c *license.Configuration) { c.Enforcement.Mode = license.Tag })
		}, false},
		"the count is raised": {func(f *fixture, _ *machine) { amend(f, func(c *license.Configuration) { c.Count = &two }) }, false},
		"disabled":            {func(f *fixture, _ *machine) { amend(f, func(c *license.Configuration) { c.Status = license.Disabled }) }, false},
		"the licenses expire": {func(f *fixture, _ *machine) { amend(f, func(c *license.Configuration) { c.Expiry = f.now }) }, false},
	}
	for name_, c := range cases {
		for when, fail := range map[string][]error{"at once": nil, "after a failed try": {errors.New("RequestLimitExceeded")}} {
			t.Run(name_+" "+when, func(t *testing.T) {
				t.Parallel()
				f := newFixture(t, 2, 10)
				m := f.cloud.instances[name(1)]
				m.stop = fail
				if fail == nil { // after the look for the batch; another follows right before the action
					m.looked = func(times int) {
						if times == 1 {
							c.happens(f, m)
						}
					}
				} else {
					f.run()
					f.now = f.now.Add(2 * time.Minute)
					f.run()
					if m.stops != 0 || len(m.stop) != 0 {
						t.Fatalf("the first try: %d stops, errors left %v", m.stops, m.stop)
					}
					m.tags = nil
					c.happens(f, m)
				}
				f.pass(time.Hour)
				if m.stops != 0 {
					t.Error("it was stopped")
				}
				if got := m.tags != nil; got != c.tagged {
					t.Errorf("tagged %t, want %t (%v)", got, c.tagged, m.tags)
				}
			})
		}
	}
}

func TestTagOfTheAssociationIsGone(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 2, 10)
	in := f.cloud.instances[name(1)]
	claim := ledger.Claim{Instance: in.Instance, Generation: ledger.Generation{Launch: in.LaunchTime, Rank: 1}, Offered: start, Observed: f.now.Add(time.Second), Happened: f.now,
		Held: &license.Held{ConfigurationID: "lic-a", Kind: license.ByTag, Value: "Software=oracle", Since: in.LaunchTime}}
	_, err := f.committer().claim([]ledger.Claim{claim})
	f.must(err)
	if r := f.pass(10 * time.Minute); r.Stopped+r.Tagged != 0 || f.pending() != 0 {
		t.Errorf("%+v, %d pending, want nothing done", r, f.pending())
	}
}

// TestStoppedIsTaggedWhereItCounts: under includedStoppedInstances a stopped
// instance is over the count too, and a tag can be written to it. (Found by the
// simulator: it was canceled and asked for again every hour.)
func TestStoppedIsTaggedWhereItCounts(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1, 10)
	l, err := f.store.Load(context.Background(), "lic-a")
	f.must(err)
	wanted := l.Configuration
	none := int64(0)
	wanted.Count, wanted.Enforcement.Mode = &none, license.Tag
	wanted.Rules = []license.RuleVersion{{Text: []string{"#includedStoppedInstances=True"}}}
	c, err := license.Amend(&l.Configuration, wanted, f.now, "test")
	f.must(err)
	_, _, err = f.committer().ApplyTo(context.Background(), l, ledger.Batch{Configuration: &c})
	f.must(err)
	f.now = f.now.Add(time.Minute)
	in := f.cloud.instances[name(0)]
	in.LaunchTime = f.now
	in.State = license.Stopped
	_, err = f.committer().claim([]ledger.Claim{{Instance: in.Instance, Generation: ledger.Generation{Launch: f.now, Rank: in.State.Rank()},
		Held: &license.Held{ConfigurationID: "lic-a", Kind: license.ByInstance, Value: name(0), Since: f.now}, Offered: start, Observed: f.now, Happened: f.now}})
	f.must(err)
	if r := f.pass(10 * time.Minute); r.Tagged != 1 || r.Stopped != 0 || f.pending() != 0 {
		t.Errorf("%+v, %d pending, want one tagged", r, f.pending())
	}
}

// listed is a ledger that lists a license which is deleted before it is read.
type listed struct{ *boltledger.Store }

func (s listed) Configurations(ctx context.Context) ([]license.Configuration, int64, error) {
	all, epoch, err := s.Store.Configurations(ctx)
	return append([]license.Configuration{{ID: "lic-0", HardLimit: true}}, all...), epoch, err
}

// TestALicenseIsDeletedMeanwhile: the actions of the others are recreated, and their
// plan is made, all the same.
func TestALicenseIsDeletedMeanwhile(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 4, 10)
	f.queue = nil
	f.must(enforce.Recover(context.Background(), listed{f.store}, f.brakes(), nil))
	if f.pending() != 3 {
		t.Errorf("%d pending, want 3", f.pending())
	}
	o := f.operator()
	o.Store = listed{f.store}
	p, err := o.Plan(context.Background())
	f.must(err)
	if len(p.Licenses) != 1 || p.Licenses[0].License != "lic-a" {
		t.Errorf("plan %+v; want that of lic-a", p.Licenses)
	}
}
