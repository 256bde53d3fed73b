package admit_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"licenseguard/shared/adapter/boltledger"
	"licenseguard/shared/admit"
	"licenseguard/shared/catalog"
	"licenseguard/shared/enforce"
	"licenseguard/shared/event"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

const (
	account = "123456789012"
	region  = "us-east-1"
	image   = "ami-0123456789abcdef0"
)

var (
	start = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	scope = track.Scope{Account: account, Region: region}
)

// errDied is a function that dies: it answers nothing, and its messages come again.
var errDied = errors.New("the function died")

// The lifecycle states that the group tells apart.
const (
	waiting     = "Pending:Wait"
	inService   = "InService"
	terminating = "Terminating"
)

// machine is an instance of the group.
type machine struct {
	license.Instance
	lifecycle string
	token     string
	deadline  time.Time // of its hook
	group     *group
}

// group is an Auto Scaling group that keeps what AWS's keep: it launches up to its
// desired capacity, holds what it launched until it is answered or the hook's time
// is over, replaces what was abandoned, and ends what is too much. What is too much
// it takes from those in service, oldest first: the worst that it could do. It does
// all this between the invocations of the function, never within one, unless eager.
type group struct {
	*world
	name              string
	desired, min, max int32
	suspended         bool
	hook              string
	timeout           time.Duration
	byDefault         bool // whether what nobody answered goes on
	image             string
	kind              string // instance type
	tags              map[string]string
	destination       string
	eager             bool // launches within the invocation, too

	launches, abandoned, ended, timedOut int
	refusals                             []error // of the next calls that change something
}

// world is a cloud of groups, a ledger, and the functions, on one clock.
type world struct {
	t      *testing.T
	now    time.Time
	store  *boltledger.Store
	groups map[string]*group
	ids    []string // of machines, in order of launch
	all    map[string]*machine
	queue  []*delivery
	lost   func(n int) bool // whether the n-th hook event is lost
	events int
	graves []track.DeadLetter
	seq    int

	admitter *admit.Admitter
	tracker  *track.Tracker
	changes  []*ledger.Change
	before   func(step string) // called before each step of the function; may panic with errDied
	dropped  int               // messages given up after five receives
	report   admit.Report      // of all invocations
	runs     int

	enforcer *enforce.Enforcer
	queued   int // changes that the enforcer has seen
	enforced time.Time
	touched  []string
}

// delivery is a message with the moment at which it is delivered.
type delivery struct {
	track.Message
	at time.Time
}

const visibility = 3 * time.Minute

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, now: start, groups: make(map[string]*group), all: make(map[string]*machine)}
	var err error
	w.store, err = boltledger.Open(filepath.Join(t.TempDir(), "ledger.db"), boltledger.Options{Volatile: true,
		OnCommit: func(c *ledger.Change) { w.changes = append(w.changes, c) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.store.Close() })
	clock := func() time.Time { return w.now }
	w.tracker = w.newTracker()
	w.admitter = &admit.Admitter{Store: stepped{w.store, w}, Tracker: observing{w.newTracker(), w}, Groups: w, DeadLetters: w, Catalog: catalog.Embedded(),
		Accounts: []string{account}, Region: region, Now: clock, Log: slog.New(slog.DiscardHandler),
		Backoff: func(context.Context, int) error { return nil }}
	w.enforcer = &enforce.Enforcer{Store: w.store, Instances: w, Catalog: catalog.Embedded(), Accounts: []string{account}, Now: clock, Log: slog.New(slog.DiscardHandler),
		Backoff: func(context.Context, int) error { return nil }}
	return w
}

// enforce runs enforcement on what changed.
func (w *world) enforce() {
	for ; w.queued < len(w.changes); w.queued++ {
		if err := w.enforcer.Queue(w.t.Context(), w.changes[w.queued]); err != nil {
			w.t.Fatal(err)
		}
	}
	if _, err := w.enforcer.Run(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// Look, Tag, Untag, Stop and Start are what enforcement does to instances.
func (w *world) Look(_ context.Context, _ track.Scope, id string) (license.Instance, bool, error) {
	m, ok := w.all[id]
	if !ok {
		return license.Instance{}, false, nil
	}
	return m.Instance, true, nil
}

func (w *world) Tag(_ context.Context, _ track.Scope, id string, _ map[string]string) error {
	w.touched = append(w.touched, "tagged "+id)
	return nil
}

func (w *world) Untag(context.Context, track.Scope, string, []string) error { return nil }

func (w *world) Stop(_ context.Context, _ track.Scope, id string) error {
	w.touched = append(w.touched, "stopped "+id)
	return nil
}

func (w *world) Start(context.Context, track.Scope, string) error { return nil }

func (w *world) newTracker() *track.Tracker {
	return &track.Tracker{Store: w.store, Observer: w, DeadLetters: w, Catalog: catalog.Embedded(), Accounts: []string{account}, Regions: []string{region},
		Now: func() time.Time { return w.now }, Log: slog.New(slog.DiscardHandler),
		Wait:    func(context.Context, time.Duration) error { return nil },
		Backoff: func(context.Context, int) error { return nil }}
}

// license configures one: instances of an image, a hard limit, mode stop.
func (w *world) license(id string, count int64, change func(*license.Configuration)) {
	w.t.Helper()
	c := license.Configuration{ID: id, Name: id, CountingType: license.CountInstance, Count: &count, HardLimit: true,
		Associations: []license.Association{{Kind: license.ByAMI, Value: image}},
		Enforcement:  license.Enforcement{Mode: license.Stop, ActionsPerHour: 10, Settle: 2 * time.Minute}}
	if change != nil {
		change(&c)
	}
	if _, err := w.tracker.Configure(w.t.Context(), c, "test"); err != nil {
		w.t.Fatal(err)
	}
	w.now = w.now.Add(time.Minute)
}

func (w *world) group(name string, desired, least, most int32) *group {
	g := &group{world: w, name: name, desired: desired, min: least, max: most, hook: "licenseguard-launch", timeout: 15 * time.Minute, image: image, kind: "m5.large",
		destination: event.PlaceGroup}
	w.groups[name] = g
	return g
}

// members are those that the desired capacity counts, in order of launch.
func (g *group) members() (out []*machine) {
	for _, id := range g.ids {
		if m := g.all[id]; m.group == g && m.lifecycle != terminating {
			out = append(out, m)
		}
	}
	return out
}

// in are those with a lifecycle state.
func (g *group) in(lifecycle string) (out []*machine) {
	for _, m := range g.members() {
		if m.lifecycle == lifecycle {
			out = append(out, m)
		}
	}
	return out
}

// reconcile brings the group to its desired capacity.
func (g *group) reconcile() {
	for len(g.members()) < int(g.desired) && !g.suspended {
		g.launch()
	}
	for surplus := len(g.members()) - int(g.desired); surplus > 0; surplus-- {
		all := g.members()
		victim := all[0]
		if serving := g.in(inService); len(serving) > 0 {
			victim = serving[0]
			g.ended++
		}
		g.end(victim)
	}
}

func (g *group) launch() {
	g.seq++
	g.launches++
	if g.launches > 5000 {
		g.t.Fatalf("%s launches without end: %d instances so far", g.name, g.launches)
	}
	id := fmt.Sprintf("i-%017x", g.seq)
	tags := map[string]string{license.TagAutoScalingGroup: g.name}
	maps.Copy(tags, g.tags)
	m := &machine{Instance: license.Instance{ID: license.NewResourceID(account, region, id), Type: g.kind, State: license.Running, LaunchTime: g.now, ImageID: g.image,
		Tenancy: license.TenancyDefault, Tags: tags}, lifecycle: waiting, deadline: g.now.Add(g.timeout), group: g,
		token: fmt.Sprintf("00000000-0000-0000-0000-%012x", g.seq)}
	g.all[id], g.ids = m, append(g.ids, id)
	g.events++
	if g.lost == nil || !g.lost(g.events) {
		g.send(g.hookEvent(m))
	}
}

// hookEvent is the sample of the event with the machine's values.
func (g *group) hookEvent(m *machine) []byte {
	body, err := json.Marshal(map[string]any{"version": "0", "id": fmt.Sprintf("e-%s", m.token), "detail-type": "EC2 Instance-launch Lifecycle Action",
		"source": "aws.autoscaling", "account": account, "region": region, "time": g.now.Format(time.RFC3339), "resources": []string{},
		"detail": map[string]any{"LifecycleActionToken": m.token, "AutoScalingGroupName": g.name, "LifecycleHookName": g.hook, "EC2InstanceId": m.ID.AWSID(),
			"LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING", "Origin": event.PlaceEC2, "Destination": g.destination}})
	if err != nil {
		g.t.Fatal(err)
	}
	return body
}

func (w *world) send(body []byte) {
	w.queue = append(w.queue, &delivery{Message: track.Message{ID: fmt.Sprint("m-", len(w.queue), "-", w.seq), Body: body}, at: w.now})
}

// end takes a machine out of the group; EC2 tells so a little later.
func (g *group) end(m *machine) { m.lifecycle = terminating }

// expire applies the hook's default to what nobody answered.
func (g *group) expire() {
	for _, m := range g.in(waiting) {
		if !g.now.Before(m.deadline) {
			g.timedOut++
			if m.lifecycle = inService; !g.byDefault {
				g.end(m)
			}
		}
	}
}

// Group implements admit.Groups.
func (w *world) Group(_ context.Context, _ track.Scope, name string) (admit.Group, error) {
	w.step("look")
	g, ok := w.groups[name]
	if !ok {
		return admit.Group{}, enforce.ErrGone
	}
	out := admit.Group{Desired: g.desired, Min: g.min, Max: g.max, Suspended: g.suspended}
	for _, m := range g.members() {
		out.Members = append(out.Members, m.ID.AWSID())
		if m.lifecycle == inService {
			out.Serving = append(out.Serving, m.ID.AWSID())
		}
	}
	return out, nil
}

func (g *group) refuses() error {
	if len(g.refusals) == 0 {
		return nil
	}
	err := g.refusals[0]
	g.refusals = g.refusals[1:]
	return err
}

// SetCapacity implements admit.Groups.
func (w *world) SetCapacity(_ context.Context, _ track.Scope, name string, desired int32) error {
	w.step("lower")
	g := w.groups[name]
	if err := g.refuses(); err != nil {
		return err
	}
	if desired < g.min || desired > g.max {
		w.t.Errorf("capacity %d of %d to %d", desired, g.min, g.max)
	}
	g.desired = desired
	w.step("lowered")
	return nil
}

// SuspendLaunching implements admit.Groups.
func (w *world) SuspendLaunching(_ context.Context, _ track.Scope, name string) error {
	w.step("suspend")
	w.groups[name].suspended = true
	w.step("suspended")
	return nil
}

// ResumeLaunching implements admit.Groups.
func (w *world) ResumeLaunching(_ context.Context, _ track.Scope, name string) error {
	w.step("resume")
	g := w.groups[name]
	if err := g.refuses(); err != nil {
		return err
	}
	g.suspended = false
	w.step("resumed")
	return nil
}

// Answer implements admit.Groups.
func (w *world) Answer(_ context.Context, _ track.Scope, a event.LifecycleAction, instance string, admitted bool) (bool, error) {
	w.step("answer")
	g := w.groups[a.Group]
	if g == nil {
		return false, nil
	}
	if err := g.refuses(); err != nil {
		return false, err
	}
	m := w.all[instance]
	if m == nil || m.token != a.Token || m.lifecycle != waiting {
		return false, nil
	}
	if m.lifecycle = inService; !admitted {
		g.end(m)
		g.abandoned++
		if g.eager {
			g.reconcile()
		}
	}
	w.step("answered")
	return true, nil
}

func (w *world) step(name string) {
	if w.before != nil {
		w.before(name)
	}
}

// Bury implements track.DeadLetters.
func (w *world) Bury(_ context.Context, d track.DeadLetter) error {
	w.graves = append(w.graves, d)
	return nil
}

// The observer: what EC2 tells.
func (w *world) Instances(_ context.Context, _ track.Scope, ids []string) (out []license.Instance, _ error) {
	for _, id := range ids {
		if m, ok := w.all[id]; ok {
			out = append(out, m.Instance)
		}
	}
	return out, nil
}

func (w *world) EachInstances(_ context.Context, _ track.Scope, each func([]license.Instance) error) error {
	var page []license.Instance
	for _, id := range w.ids {
		page = append(page, w.all[id].Instance)
	}
	return each(page)
}

func (w *world) Hosts(context.Context, track.Scope, []string) ([]license.Host, error) {
	return nil, nil
}

func (w *world) InstanceTypes(context.Context, track.Scope, []string) ([]license.InstanceType, error) {
	return nil, nil
}

func (w *world) Images(context.Context, track.Scope, []string) ([]track.Image, error) {
	return nil, nil
}

// observing is the tracker, with a step before and after.
type observing struct {
	*track.Tracker
	w *world
}

func (o observing) Observe(ctx context.Context, s track.Scope, ids []string, eventIDs map[string]string) (track.Observed, error) {
	o.w.step("observe")
	seen, err := o.Tracker.Observe(ctx, s, ids, eventIDs)
	o.w.step("recorded")
	return seen, err
}

// stepped is the store, with a step before each commit of a license.
type stepped struct {
	*boltledger.Store
	w *world
}

func (s stepped) Commit(ctx context.Context, c ledger.Commit) error {
	s.w.step("commit")
	return s.Store.Commit(ctx, c)
}

// invoke runs the function on a batch, as Lambda does: what failed, or all if it
// died, is delivered again after the visibility timeout, at most five times.
func (w *world) invoke(a *admit.Admitter, batch []*delivery) {
	messages := make([]track.Message, len(batch))
	for i, d := range batch {
		d.Receives++
		messages[i] = d.Message
	}
	var r admit.Report
	died := func() (died bool) {
		defer func() {
			if reason := recover(); reason == errDied { //nolint:errorlint // it is this value
				died = true
			} else if reason != nil {
				panic(reason)
			}
		}()
		r = a.Handle(w.t.Context(), messages)
		return false
	}()
	w.runs++
	w.report.Admitted, w.report.Refused, w.report.Passed = w.report.Admitted+r.Admitted, w.report.Refused+r.Refused, w.report.Passed+r.Passed
	w.report.Lowered, w.report.Suspended = w.report.Lowered+r.Lowered, w.report.Suspended+r.Suspended
	for _, d := range batch {
		if !died && !slices.Contains(r.Retry, d.ID) {
			continue
		}
		if d.Receives >= 5 {
			w.dropped++
			continue
		}
		d.at = w.now.Add(visibility)
		w.queue = append(w.queue, d)
	}
}

// tick lets a second or a few pass: groups launch and expire, EC2's events reach the
// tracker, and the queue is delivered in batches of at most so many.
func (w *world) tick(most int) {
	pace := 15 * time.Second // when nothing goes on
	for _, d := range w.queue {
		if d.at.Before(w.now.Add(pace)) {
			pace = time.Second
		}
	}
	for _, g := range w.groups {
		if len(g.members()) != int(g.desired) {
			pace = time.Second
		}
	}
	w.now = w.now.Add(pace)
	for _, name := range slices.Sorted(maps.Keys(w.groups)) {
		w.groups[name].expire()
		w.groups[name].reconcile()
	}
	w.track()
	due := w.due()
	for chunk := range slices.Chunk(due, most) {
		w.invoke(w.admitter, chunk)
	}
	if w.now.Sub(w.enforced) >= time.Minute {
		w.enforced = w.now
		w.enforce()
	}
}

// due takes what is to be delivered now out of the queue.
func (w *world) due() (due []*delivery) {
	rest := w.queue[:0:0]
	for _, d := range w.queue {
		if d.at.After(w.now) {
			rest = append(rest, d)
		} else {
			due = append(due, d)
		}
	}
	w.queue = rest
	return due
}

// track tells the tracker of what ended: EC2's own events.
func (w *world) track() {
	var ids []string
	for _, id := range w.ids {
		if m := w.all[id]; m.lifecycle == terminating && m.token != "" {
			ids, m.token, m.State = append(ids, id), "", license.Terminated
		}
	}
	for chunk := range slices.Chunk(ids, 100) {
		if _, err := w.tracker.Observe(w.t.Context(), scope, chunk, nil); err != nil {
			w.t.Fatal(err)
		}
	}
	if _, err := w.tracker.FoldDue(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// run lets time pass.
func (w *world) run(d time.Duration, most int) {
	for end := w.now.Add(d); w.now.Before(end); {
		w.tick(most)
	}
}

func (w *world) load(id string) *ledger.License {
	w.t.Helper()
	l, err := w.store.Load(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

// stops lists what enforcement would take away by itself, of all licenses.
func (w *world) stops() (out []string) {
	w.t.Helper()
	configurations, _, err := w.store.Configurations(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, c := range configurations {
		l := w.load(c.ID)
		for i := range l.Entries {
			for j := range l.Entries[i].Members {
				m := &l.Entries[i].Members[j]
				if a := l.Answer(&l.Entries[i], m, w.now); a.Wanted() {
					out = append(out, fmt.Sprintf("%s %s: %s", a.Action, m.Instance.AWSID(), a.Why))
				}
			}
		}
	}
	return out
}

// truth compares a license with what runs.
func (w *world) truth(id string) {
	w.t.Helper()
	runs := int64(0)
	for _, m := range w.all {
		if m.State == license.Running {
			runs++
		}
	}
	if got := w.load(id).Totals.Deployed(); got != runs {
		w.t.Errorf("%s has %d deployed, and %d run", id, got, runs)
	}
}

// alerts lists those of a kind, by what they say.
func (w *world) alerts(kind ledger.AlertKind) (out []string) {
	for _, c := range w.changes {
		for _, a := range c.Alerts {
			if a.Kind == kind {
				out = append(out, a.Why)
			}
		}
	}
	return out
}

// journal lists the actions, by what was done.
func (w *world) journal() map[ledger.Done]int {
	w.t.Helper()
	entries, err := w.store.Journal(w.t.Context(), start)
	if err != nil {
		w.t.Fatal(err)
	}
	out := make(map[ledger.Done]int)
	for _, e := range entries {
		out[e.Action]++
	}
	return out
}
