package integration_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"licenseguard/shared/catalog"
	"licenseguard/shared/config"
	"licenseguard/shared/enforce"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// TestIncidents plays each change that makes many instances an overrun at once,
// on the shipped functions: a typo in a count, an AMI associated after the fact, a
// first sweep, a switch to stop, a limit raised and lowered again. Nothing is
// stopped before a person approves, one alert tells of each; then the approved are
// stopped, a pause holds, and an undo restores all.
func TestIncidents(t *testing.T) {
	w := newWorld(t)
	op := &enforce.Operator{Store: w.store, Catalog: catalog.Embedded(), Now: time.Now, By: "alice"}
	ctx := t.Context()
	incident := func(name string) map[string]string { return map[string]string{"incident": name} }
	tagged := func(name string) []license.Association {
		return []license.Association{{Kind: license.ByTag, Value: "incident=" + name}}
	}
	count := func(n int64) *int64 { return &n }
	keep := func(id string, change func(*license.Configuration)) {
		t.Helper()
		c := license.Configuration{ID: id, Name: id, CountingType: license.CountInstance, HardLimit: true,
			Enforcement: license.Enforcement{Mode: license.Stop, ActionsPerHour: 10}}
		if l, err := w.store.Load(ctx, id); err == nil {
			c = l.Configuration
		}
		change(&c)
		_, err := w.tracker.Configure(ctx, c, "tester")
		w.must(err)
	}
	runs := func(n int, tags map[string]string) (ids []string) {
		for range n {
			id := w.run(tags)
			w.tell(id, "running")
			ids = append(ids, id)
		}
		return ids
	}

	// Before: three instances each, within their licenses or not watched.
	keep("lic-typo", func(c *license.Configuration) { c.Count, c.Associations = count(50), tagged("typo") })
	keep("lic-switch", func(c *license.Configuration) {
		c.Count, c.Associations, c.Enforcement.Mode = count(1), tagged("switch"), license.Observe
	})
	keep("lic-again", func(c *license.Configuration) { c.Count, c.Associations = count(1), tagged("again") })
	keep("lic-ami", func(c *license.Configuration) { c.Count, c.Associations = count(1), tagged("nothing") })
	instances := map[string][]string{}
	for _, name := range []string{"typo", "switch"} {
		instances[name] = runs(3, incident(name))
	}
	instances["again"] = runs(1, incident("again"))
	w.deliver(w.intake, w.trackFn)
	keep("lic-again", func(c *license.Configuration) { c.Count = count(3) })
	time.Sleep(1100 * time.Millisecond) // EC2's launch times have whole seconds
	instances["again"] = append(instances["again"], runs(2, incident("again"))...)
	w.image = w.otherImage()
	instances["ami"] = runs(3, incident("ami"))
	w.deliver(w.intake, w.trackFn)
	for range 3 { // nobody hears of these
		instances["sweep"] = append(instances["sweep"], w.run(incident("sweep")))
	}
	w.follow()
	w.deliver(w.alerts, w.publishFn) // of lic-switch, which only observes

	// The incidents.
	keep("lic-typo", func(c *license.Configuration) { c.Count = count(1) })
	keep("lic-switch", func(c *license.Configuration) { c.Enforcement.Mode = license.Stop })
	keep("lic-again", func(c *license.Configuration) { c.Count = count(1) })
	keep("lic-ami", func(c *license.Configuration) {
		c.Associations = []license.Association{{Kind: license.ByAMI, Value: w.image}}
		c.Associations = append(c.Associations, tagged("nothing")...)
	})
	keep("lic-sweep", func(c *license.Configuration) { c.Count, c.Associations = count(1), tagged("sweep") })
	w.sweepFn.invoke([]byte(sample(t, "schedule/tick")), nil)
	w.follow()
	time.Sleep(95 * time.Second) // so that nothing else keeps enforcement from a stop
	for range 3 {
		w.tick()
	}
	for name, ids := range instances {
		if n := w.stopped(ids); n > 0 {
			t.Errorf("%s: %d instances are stopped, and nobody approved it", name, n)
		}
	}
	told := map[string]int{}
	for _, m := range w.take(w.alerts) {
		for _, id := range []string{"lic-typo", "lic-switch", "lic-again", "lic-ami", "lic-sweep"} {
			if body := aws.ToString(m.Body); strings.Contains(body, id+"/"+string(ledger.AlertLimit)) {
				told[id]++
			}
		}
	}
	plan, err := op.Plan(ctx)
	w.must(err)
	waiting := map[string]int{}
	for i := range plan.Licenses {
		waiting[plan.Licenses[i].License] = plan.Licenses[i].Waiting()
	}
	for _, id := range []string{"lic-typo", "lic-switch", "lic-again", "lic-sweep"} {
		if told[id] != 1 || waiting[id] != 2 {
			t.Errorf("%s: told %d times, %d wait for approval; want one alert and a list of two", id, told[id], waiting[id])
		}
	}
	// The other AMI is that of the sweep's instances, too.
	if told["lic-ami"] != 1 || waiting["lic-ami"] < 2 {
		t.Errorf("lic-ami: told %d times, %d wait; want one alert and a list", told["lic-ami"], waiting["lic-ami"])
	}
	t.Logf("0 stopped; alerts %v; plan %s: waiting %v", told, plan.Hash, waiting)

	// A plan that something moved under is refused.
	extra := runs(1, incident("typo"))
	w.deliver(w.intake, w.trackFn)
	var moved *enforce.MovedError
	if _, _, err := op.Apply(ctx, plan.Hash); !errors.As(err, &moved) {
		t.Fatalf("applied after the fleet changed: %v", err)
	}
	t.Logf("refused: %v", moved)
	_, err = w.ec2.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: extra})
	w.must(err)
	w.tell(extra[0], "terminated")
	w.deliver(w.intake, w.trackFn)

	// Approved while it is paused: nothing. Then within the budgets.
	plan, err = op.Plan(ctx)
	w.must(err)
	_, err = op.Pause(ctx, ledger.ScopeAll, "wait")
	w.must(err)
	_, approved, err := op.Apply(ctx, plan.Hash)
	w.must(err)
	w.follow()
	w.tick()
	all := func() (n int) {
		for _, ids := range instances {
			n += w.stopped(ids)
		}
		return n
	}
	if n := all(); n > 0 {
		t.Errorf("%d stopped during the pause", n)
	}
	_, _, err = op.Resume(ctx, ledger.ScopeAll)
	w.must(err)
	for range 3 {
		w.tick()
	}
	if n := all(); n != 5 {
		t.Errorf("%d of %d approved are stopped; want the fleet's budget of 5 an hour", n, approved)
	}
	w.must(op.Limit(ctx, ledger.Limits{FleetLeast: 100, AccountPerHour: 100}))
	w.due()
	for range 3 {
		w.tick()
	}
	stops := all()
	if stops < 10 || stops > approved {
		t.Errorf("%d of %d approved are stopped after the budget was raised", stops, approved)
	}

	// Undone.
	entries, err := w.store.Journal(ctx, time.Time{})
	w.must(err)
	for _, e := range entries {
		if enforce.Undoable(e) {
			w.must(op.Undo(ctx, e))
		}
	}
	for range 3 {
		w.tick()
		w.due()
	}
	if n := all(); n > 0 {
		t.Errorf("%d are stopped after the undo", n)
	}
	for name, ids := range instances {
		for _, id := range ids {
			if state, tags := w.instance(id); state != "running" || tags[config.TagStatus]+tags[config.TagReason] != "" {
				t.Errorf("%s %s is %s with tags %v after the undo; want it running and ours gone", name, id, state, tags)
			}
		}
	}
	t.Logf("%d approved, 5 stopped in the first hour's budget, %d after it was raised, all run again after the undo", approved, stops)
}

// tick is the schedule's minute for enforce, with what its commits lead to.
func (w *world) tick() {
	w.t.Helper()
	w.enforceFn.invoke([]byte(sample(w.t, "schedule/tick")), nil)
	w.follow()
}

// due makes what waits for its time due now: EC2's clock cannot be set.
func (w *world) due() {
	w.t.Helper()
	pending, err := w.store.PendingActions(w.t.Context())
	w.must(err)
	for _, p := range pending {
		p.NotBefore = time.Now()
		w.must(w.store.PutAction(w.t.Context(), p))
	}
}

func (w *world) stopped(ids []string) (n int) {
	for _, id := range ids {
		if state, _ := w.instance(id); state != "running" {
			n++
		}
	}
	return n
}

func (w *world) otherImage() string {
	w.t.Helper()
	images, err := w.ec2.DescribeImages(w.t.Context(), &ec2.DescribeImagesInput{Owners: []string{"amazon"}})
	w.must(err)
	return aws.ToString(images.Images[1].ImageId)
}
