package pipeline_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"licenseguard/cmd/licenseguard/internal/fleet"
	"licenseguard/cmd/licenseguard/internal/pipeline"
	"licenseguard/shared/catalog"
	"licenseguard/shared/enforce"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

const (
	account = "123456789012"
	region  = "us-east-1"
	image   = "ami-0123456789abcdef0"
)

// world is an account with licenseguard running in it, on a clock of its own.
type world struct {
	t         *testing.T
	p         *pipeline.Pipeline
	fleet     *fleet.Fleet
	now       time.Time
	events    [][]byte
	sent      int
	delivered int // with repetitions, by again
	commits   int
	stops     []time.Time
	stopped   map[license.ResourceID]int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, now: time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC), stopped: make(map[license.ResourceID]int)}
	w.fleet = fleet.New(func() time.Time { return w.now }, nil, nil)
	w.fleet.Changed = w.changed
	var err error
	w.p, err = pipeline.Open(pipeline.Options{Dir: t.TempDir(), Volatile: true, Fleet: w.fleet, Accounts: []string{account}, Region: region,
		Now: func() time.Time { return w.now }, Committed: func(*ledger.Change) { w.commits++ }, Log: slog.New(slog.DiscardHandler)})
	w.must(err)
	t.Cleanup(func() { _ = w.p.Close() })
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) changed(id license.ResourceID, state license.State, at time.Time) {
	if state == license.Stopping {
		w.stops = append(w.stops, w.now)
		w.stopped[id]++
	}
	w.events = append(w.events, stateEvent(fmt.Sprintf("e-%d", len(w.events)), account, id.AWSID(), string(state), at))
}

func stateEvent(id, account, instance, state string, at time.Time) []byte {
	return fmt.Appendf(nil, `{"version":"0","id":%q,"detail-type":"EC2 Instance State-change Notification","source":"aws.ec2","account":%q,"time":%q,"region":%q,"resources":[],"detail":{"instance-id":%q,"state":%q}}`,
		id, account, at.UTC().Format(time.RFC3339), region, instance, state)
}

func (w *world) configure(change func(*license.Configuration)) {
	w.t.Helper()
	ten := int64(10)
	c := license.Configuration{ID: "lic-test", Name: "Test", CountingType: license.CountInstance, Count: &ten, HardLimit: true,
		Associations: []license.Association{{Kind: license.ByAMI, Value: image}},
		Enforcement:  license.Enforcement{Mode: license.Stop, ActionsPerHour: 10, Settle: 2 * time.Minute, RestartGrace: 15 * time.Minute}}
	if change != nil {
		change(&c)
	}
	_, err := w.p.Tracker.Configure(context.Background(), c, "tester")
	w.must(err)
	w.must(w.p.Drain(context.Background()))
}

func instance(n int) license.Instance {
	return license.Instance{ID: license.NewResourceID(account, region, fmt.Sprintf("i-%017x", n)), Type: "m5.large", ImageID: image,
		Tenancy: license.TenancyDefault, CPUOptions: license.CPUOptions{Cores: 1, ThreadsPerCore: 2}}
}

// launch starts n instances, a second apart, and lets the events be handled in
// one batch.
func (w *world) launch(n int) {
	w.t.Helper()
	for i := range n {
		w.fleet.Set(instance(i), license.Pending)
		w.now = w.now.Add(time.Second)
		in, _ := w.fleet.Get(instance(i).ID)
		w.fleet.Set(in, license.Running)
	}
	w.deliver()
}

func (w *world) deliver() {
	w.t.Helper()
	for ; w.sent < len(w.events); w.sent++ {
		w.p.Send(w.events[w.sent])
	}
	w.must(w.p.Drain(context.Background()))
}

// pass lets time pass with the one-minute schedule.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	for end := w.now.Add(d); w.now.Before(end); {
		w.now = w.now.Add(time.Minute)
		w.must(w.p.Tick(context.Background()))
		w.deliver()
	}
}

func (w *world) operator() *enforce.Operator {
	return &enforce.Operator{Store: w.p.Store, Catalog: catalog.Embedded(), Now: func() time.Time { return w.now }, By: "alice"}
}

func (w *world) license() *ledger.License {
	w.t.Helper()
	l, err := w.p.Store.Load(context.Background(), "lic-test")
	w.must(err)
	return l
}

// subjects returns the alerts whose subject holds a word.
func (w *world) subjects(word string) []string {
	var out []string
	for _, a := range w.p.Alerts {
		if strings.Contains(a.Subject, word) {
			out = append(out, a.Subject)
		}
	}
	return out
}

func (w *world) wantStops(n int) {
	w.t.Helper()
	if len(w.stops) != n {
		w.t.Errorf("%d instances were stopped, want %d", len(w.stops), n)
	}
	pending, err := w.p.Store.PendingActions(context.Background())
	w.must(err)
	if n == 0 && len(pending) > 0 {
		w.t.Errorf("%d actions are pending, want none", len(pending))
	}
}

// flat is a text without its line breaks.
func flat(text string) string { return strings.Join(strings.Fields(text), " ") }

// wantOneList asserts one alert, which lists so many instances.
func (w *world) wantOneList(instances int) {
	w.t.Helper()
	alerts := w.subjects("licensed")
	if len(alerts) != 1 {
		w.t.Fatalf("limit alerts %q, want one", alerts)
	}
	at := slices.IndexFunc(w.p.Alerts, func(a pipeline.Alert) bool { return a.Subject == alerts[0] })
	text := w.p.Alerts[at].Message
	listed := strings.Count(text, "account "+account)
	var more int
	if i := strings.Index(text, "  and "); i >= 0 {
		_, err := fmt.Sscanf(text[i:], "  and %d more", &more)
		w.must(err)
	}
	if listed+more != instances {
		w.t.Errorf("the alert lists %d and %d more instances, want %d:\n%s", listed, more, instances, text)
	}
	if !strings.Contains(flat(text), "nothing is stopped") {
		w.t.Errorf("the alert does not say that nothing is stopped:\n%s", text)
	}
}

func TestHardLimitOfTenAndFortyLaunches(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.configure(nil)
	w.must(w.operator().Limit(context.Background(), ledger.Limits{AccountPerHour: 1000, FleetLeast: 1000})) // the license's budget alone
	w.now = w.now.Add(time.Minute)
	w.launch(40)

	l := w.license()
	if got := l.Totals; got.Covered != 10 || got.Over != 30 || got.Deployed() != 40 {
		t.Fatalf("totals %+v, want 10 covered and 30 over", got)
	}
	for i := range 40 {
		e, _ := l.Find(instance(i).ID)
		want := ledger.Covered
		if i >= 10 {
			want = ledger.Over
		}
		if e.Verdict != want {
			t.Errorf("instance %d is %s, want %s: cover goes in the order of launch", i, e.Verdict, want)
		}
	}
	if alerts := w.subjects(""); len(alerts) != 1 {
		t.Errorf("alerts %q, want one", alerts)
	}

	w.pass(3 * time.Hour)
	w.wantStops(10) // the budget ran out, which opened the breaker
	for range 2 {
		_, held, err := w.operator().Resume(context.Background(), ledger.LicenseScope("lic-test"))
		w.must(err)
		if !held {
			t.Error("the breaker is closed while more wait than the budget has room for")
		}
		w.pass(90 * time.Minute)
	}
	w.wantStops(30)
	for id, n := range w.stopped {
		if n != 1 {
			t.Errorf("%s was stopped %d times", id, n)
		}
	}
	for i := 10; i < len(w.stops); i++ {
		if d := w.stops[i].Sub(w.stops[i-10]); d < time.Hour {
			t.Errorf("stops %d and %d are %s apart: more than 10 in an hour", i-10, i, d)
		}
	}
	if got := w.license().Totals; got.Covered != 10 || got.Deployed() != 10 {
		t.Errorf("totals after the stops %+v, want 10 covered of 10 deployed", got)
	}
	if alerts := w.subjects("licensed"); len(alerts) != 1 {
		t.Errorf("limit alerts %q, want one", alerts)
	}
	entries, err := w.p.Store.Journal(context.Background(), time.Time{})
	w.must(err)
	if len(entries) != 30 {
		t.Errorf("%d journal entries, want 30", len(entries))
	}

	again := slices.Concat(w.events, w.events)
	random := rand.New(rand.NewPCG(3, 4))
	random.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
	commits, alerts, events := w.commits, len(w.p.Alerts), w.p.BusEvents
	for _, body := range again {
		w.p.Send(body)
	}
	w.must(w.p.Drain(context.Background()))
	if w.commits != commits || len(w.p.Alerts) != alerts || w.p.BusEvents != events {
		t.Errorf("%d events again: %d commits, %d alerts, %d bus events; want none", len(again), w.commits-commits, len(w.p.Alerts)-alerts, w.p.BusEvents-events)
	}
}

// TestTheAlertOfALargeBurst: more launches than one commit takes; the alert
// still says how many of all will be stopped.
func TestTheAlertOfALargeBurst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.configure(nil)
	w.now = w.now.Add(time.Minute)
	for i := range 100 { // all of them before the first event is handled
		w.fleet.Set(instance(i), license.Pending)
		in, _ := w.fleet.Get(instance(i).ID)
		w.fleet.Set(in, license.Running)
	}
	w.events = slices.DeleteFunc(w.events, func(body []byte) bool { return strings.Contains(string(body), `"pending"`) })
	w.deliver()
	if len(w.p.Alerts) != 1 || !strings.Contains(flat(w.p.Alerts[0].Message), "90 instances launched over the limit are stopped") {
		t.Errorf("alerts %+v, want one that says that 90 are stopped", w.p.Alerts)
	}
}

func TestObserveWritesNothingAndSaysEverything(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.configure(func(c *license.Configuration) { c.Enforcement.Mode = license.Observe })
	w.now = w.now.Add(time.Minute)
	w.launch(13)
	w.pass(10 * time.Minute)
	w.wantStops(0)
	entries, err := w.p.Store.Journal(context.Background(), time.Time{})
	w.must(err)
	for _, e := range entries {
		if e.Action != ledger.DoneWouldStop {
			t.Errorf("journal entry %+v, want would-stop", e)
		}
	}
	if len(entries) != 3 {
		t.Errorf("%d journal entries, want 3", len(entries))
	}
	for i := range 13 {
		if in, _ := w.fleet.Get(instance(i).ID); len(in.Tags) > 0 {
			t.Errorf("instance %d was tagged %v", i, in.Tags)
		}
	}
}

// TestIncidentsThatMustNotHappen: what a person's change or a first look makes
// an overrun is listed and alerted once, and nothing is stopped.
func TestIncidentsThatMustNotHappen(t *testing.T) {
	t.Parallel()
	count := func(n int64) func(*license.Configuration) {
		return func(c *license.Configuration) { c.Count = &n }
	}
	t.Run("a count lowered from 100 to 1 by a typo", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.configure(count(100))
		w.now = w.now.Add(time.Minute)
		w.launch(70)
		w.pass(time.Hour)
		w.configure(count(1))
		w.pass(3 * time.Hour)
		w.wantStops(0)
		w.wantOneList(69)
	})
	t.Run("a typo, and everything is started again next morning", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.configure(count(100))
		w.now = w.now.Add(time.Minute)
		w.launch(30)
		w.pass(time.Hour)
		w.configure(count(1))
		for _, state := range []license.State{license.Stopped, license.Pending, license.Running} {
			w.pass(time.Hour)
			for i := range 30 {
				in, _ := w.fleet.Get(instance(i).ID)
				w.fleet.Set(in, state)
			}
			w.deliver()
		}
		w.pass(3 * time.Hour)
		w.wantStops(0)
		if got := w.license().Totals; got.Over != 29 {
			t.Errorf("totals %+v, want 29 over", got)
		}
	})
	t.Run("an AMI associated after the fact", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.configure(func(c *license.Configuration) { c.Associations = nil })
		w.now = w.now.Add(time.Minute)
		w.launch(40)
		w.configure(nil)
		w.pass(3 * time.Hour)
		w.wantStops(0)
		w.wantOneList(30)
	})
	t.Run("a first sweep over a full account", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.launch(200)
		w.p.Alerts, w.sent = nil, len(w.events) // those events were lost
		w.now = w.now.Add(24 * time.Hour)
		w.configure(nil)
		_, err := w.p.Sweep(context.Background())
		w.must(err)
		w.pass(3 * time.Hour)
		w.wantStops(0)
		w.wantOneList(190)
	})
	t.Run("a sweep that finds what events missed", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.configure(nil)
		w.now = w.now.Add(time.Minute)
		for i := range 15 {
			w.fleet.Set(instance(i), license.Pending)
			in, _ := w.fleet.Get(instance(i).ID)
			w.fleet.Set(in, license.Running)
		}
		w.sent = len(w.events)
		w.now = w.now.Add(time.Hour)
		_, err := w.p.Sweep(context.Background())
		w.must(err)
		w.pass(3 * time.Hour)
		w.wantStops(0)
		w.wantOneList(5)
	})
	t.Run("an AMI associated to a license that is over already", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		observe := func(c *license.Configuration) { c.Enforcement.Mode = license.Observe }
		w.configure(observe)
		w.now = w.now.Add(time.Minute)
		w.launch(11)
		for i := range 40 {
			in := instance(100 + i)
			in.ImageID, in.LaunchTime = "ami-0fedcba9876543210", w.now
			w.fleet.Set(in, license.Running)
		}
		w.deliver()
		w.pass(time.Hour)
		w.p.Alerts = nil // of the one that was launched over the limit
		w.configure(func(c *license.Configuration) {
			observe(c)
			c.Associations = append(c.Associations, license.Association{Kind: license.ByAMI, Value: "ami-0fedcba9876543210"})
		})
		w.pass(3 * time.Hour)
		w.wantStops(0)
		w.wantOneList(41)
	})
	t.Run("an AMI associated while a launch settles", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.configure(nil)
		w.now = w.now.Add(time.Minute)
		for i := range 40 {
			in := instance(100 + i)
			in.ImageID, in.LaunchTime = "ami-0fedcba9876543210", w.now
			w.fleet.Set(in, license.Running)
		}
		w.deliver()
		w.pass(time.Hour)
		w.launch(10)
		w.configure(func(c *license.Configuration) {
			c.Associations = append(c.Associations, license.Association{Kind: license.ByAMI, Value: "ami-0fedcba9876543210"})
		})
		w.pass(3 * time.Hour)
		w.wantStops(0)
		w.wantOneList(40)
	})
	t.Run("a switch to stop", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.configure(func(c *license.Configuration) { c.Enforcement.Mode = license.Observe })
		w.now = w.now.Add(time.Minute)
		w.launch(40)
		w.pass(time.Hour)
		w.p.Alerts = nil // of the overrun itself
		w.configure(nil)
		w.pass(3 * time.Hour)
		w.wantStops(0)
		w.wantOneList(30)
	})
}

func TestTwoConfigurationsOnOneImageJudgeAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.configure(nil)
	two := int64(2)
	_, err := w.p.Tracker.Configure(context.Background(), license.Configuration{ID: "lic-small", Name: "Small", CountingType: license.CountInstance, Count: &two, HardLimit: true,
		Associations: []license.Association{{Kind: license.ByAMI, Value: image}},
		Enforcement:  license.Enforcement{Mode: license.Stop, ActionsPerHour: 10, Settle: time.Minute}}, "tester")
	w.must(err)
	w.now = w.now.Add(time.Minute)
	w.launch(3)
	if got := w.license().Totals; got.Covered != 3 || got.Over != 0 {
		t.Errorf("the roomy license: %+v, want 3 covered", got)
	}
	w.pass(5 * time.Minute)
	w.wantStops(1)
	entries, err := w.p.Store.Journal(context.Background(), time.Time{})
	w.must(err)
	if len(entries) != 1 || entries[0].License != "lic-small" || entries[0].Instance != instance(2).ID {
		t.Errorf("journal %+v, want one stop of the third instance that names lic-small", entries)
	}
	in, _ := w.fleet.Get(instance(2).ID)
	if !strings.Contains(in.Tags["licenseguard:reason"], "lic-small") {
		t.Errorf("tags %v do not name the license that refused", in.Tags)
	}
}

func TestOneSweepRepairsTheLossOfAllEvents(t *testing.T) {
	t.Parallel()
	seen, blind := newWorld(t), newWorld(t)
	for _, w := range []*world{seen, blind} {
		w.configure(func(c *license.Configuration) { c.Enforcement.Mode = license.Observe })
		w.now = w.now.Add(time.Minute)
		w.launchQuietly(30)
		for i := range 5 {
			in, _ := w.fleet.Get(instance(i).ID)
			w.fleet.Set(in, license.Stopped)
		}
	}
	seen.deliver()
	blind.sent = len(blind.events)
	for _, w := range []*world{seen, blind} {
		_, err := w.p.Sweep(context.Background())
		w.must(err)
	}
	if a, b := seen.license().Totals, blind.license().Totals; a != b {
		t.Errorf("with events %+v, without any %+v", a, b)
	}
	before := blind.commits
	_, err := blind.p.Sweep(context.Background())
	blind.must(err)
	if blind.commits != before {
		t.Errorf("a second sweep wrote %d times, want none", blind.commits-before)
	}
}

func (w *world) launchQuietly(n int) {
	for i := range n {
		w.fleet.Set(instance(i), license.Pending)
		w.now = w.now.Add(time.Second)
		in, _ := w.fleet.Get(instance(i).ID)
		w.fleet.Set(in, license.Running)
	}
}

func TestBadInputLosesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.configure(nil)
	w.now = w.now.Add(time.Minute)
	good := instance(1)
	good.Tags = map[string]string{"Name": "=cmd|' /C calc'!A0"}
	w.fleet.Set(good, license.Running)
	in, _ := w.fleet.Get(good.ID)
	in.LaunchTime = w.now
	w.fleet.Set(in, license.Running)
	bad := []struct {
		name   string
		body   []byte
		reason string // part of the dead letter's place and reason
	}{
		{"not JSON", []byte("no JSON"), "not JSON"},
		{"without id", []byte(`{"version":"0","detail-type":"EC2 Instance State-change Notification","source":"aws.ec2","account":"123456789012","time":"2026-11-20T08:00:00Z","region":"us-east-1","detail":{"instance-id":"i-0123456789abcdef0","state":"running"}}`), "id"},
		{"300 KB", []byte(`{"version":"0","id":"` + strings.Repeat("x", 300<<10) + `"}`), "bytes"},
		{"another account", stateEvent("e-other", "999999999999", "i-0123456789abcdef0", "running", w.now), "account 999999999999 is not watched"},
		{"unknown instance", stateEvent("e-unknown", account, "i-0fffffffffffffff0", "running", w.now), "was not found"},
		{"no instance id", stateEvent("e-name", account, "../../etc", "running", w.now), "detail.instance-id"},
	}
	for _, b := range bad {
		w.p.Send(b.body)
	}
	w.deliver()
	if len(w.p.DeadLetters) != len(bad) {
		t.Fatalf("%d dead letters, want %d: %+v", len(w.p.DeadLetters), len(bad), w.p.DeadLetters)
	}
	for _, b := range bad {
		at := slices.IndexFunc(w.p.DeadLetters, func(d track.DeadLetter) bool { return string(d.Body) == string(b.body) })
		if at < 0 {
			t.Errorf("%s is not among the dead letters", b.name)
			continue
		}
		if d := w.p.DeadLetters[at]; !strings.Contains(d.Place+" "+d.Reason, b.reason) {
			t.Errorf("%s: place %q, reason %q, want %q in it", b.name, d.Place, d.Reason, b.reason)
		}
	}
	if got := w.license().Totals.Covered; got != 1 {
		t.Errorf("%d covered, want the one good launch", got)
	}
}
