package publish_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/publish"
)

var at = time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)

// outside is everything that a publisher talks to. Each part notes its calls in
// order and can fail, before or after the call took effect.
type outside struct {
	calls   []string
	objects map[string]string
	alerts  []string // queued
	events  []string
	sent    []sent
	put     []event // on the bus
	marks   map[string]bool
	before  map[string]error
	after   map[string]error
}

// sent is what subscribers got.
type sent struct {
	subject    string
	texts      map[string]string // by protocol
	attributes map[string]string
}

func newOutside() *outside {
	return &outside{objects: map[string]string{}, marks: map[string]bool{}, before: map[string]error{}, after: map[string]error{}}
}

func (o *outside) do(call string, effect func()) error {
	o.calls = append(o.calls, call)
	if err := o.before[call]; err != nil {
		delete(o.before, call)
		return err
	}
	effect()
	err := o.after[call]
	delete(o.after, call)
	return err
}

func (o *outside) Put(_ context.Context, key string, body []byte, _ string) error {
	return o.do("archive", func() { o.objects[key] = string(body) })
}

func (o *outside) Publish(_ context.Context, subject, message string, attributes map[string]string) error {
	s := sent{subject: subject, attributes: attributes}
	if err := json.Unmarshal([]byte(message), &s.texts); err != nil {
		return err
	}
	return o.do("topic", func() { o.sent = append(o.sent, s) })
}

func (o *outside) Marked(_ context.Context, id string) (bool, error) { return o.marks[id], nil }

func (o *outside) Mark(_ context.Context, id string, _ time.Time) error {
	return o.do("mark", func() { o.marks[id] = true })
}

type queue struct {
	o    *outside
	name string
	to   *[]string
}

func (q queue) Send(_ context.Context, bodies []string) error {
	return q.o.do(q.name, func() { *q.to = append(*q.to, bodies...) })
}

type bus struct{ o *outside }

type event struct{ detailType, detail string }

func (b bus) Put(_ context.Context, detailType string, detail []byte, _ []string) error {
	return b.o.do("bus "+detailType, func() { b.o.put = append(b.o.put, event{detailType, string(detail)}) })
}

func publisher(o *outside, metrics *bytes.Buffer) *publish.Publisher {
	return &publish.Publisher{Archive: o, Alerts: queue{o, "alerts", &o.alerts}, Events: queue{o, "events", &o.events}, Topic: o, Bus: bus{o},
		Marks: o, Metrics: metrics, Now: func() time.Time { return at }}
}

func change(revision int64) *ledger.Change {
	ten := int64(10)
	id := license.NewResourceID("123456789012", "us-east-1", "i-0123456789abcdef0")
	return &ledger.Change{License: "lic-a", Name: "=2+5 \"A\"\nnew line", Counting: license.CountInstance, Count: &ten, Hard: true, Mode: license.Stop,
		Revision: revision, Recorded: at, After: ledger.Totals{Running: 11, Covered: 10, Over: 1},
		Deltas: []ledger.Delta{{Resource: id, Instance: id, To: ledger.Over, Cause: ledger.ByLaunch, Licenses: 1, EventID: "e-1", State: license.Running,
			Generation: ledger.Generation{Launch: at}, Happened: at, Uncertainty: time.Second,
			Explanation: license.Explanation{Counting: license.CountInstance, Type: "m5.large", Source: license.FromResource, Units: 1, Licenses: 1},
			Answer:      ledger.Answer{Action: license.Stop, Mode: license.Stop, NotBefore: at, Why: ledger.WhyOver}}},
		Alerts: []ledger.Alert{{ID: fmt.Sprintf("lic-a/limit-exceeded/0/r%d", revision), Kind: ledger.AlertLimit, Resources: []license.ResourceID{id}, Stops: 1}}}
}

func TestTheLogComesFirst(t *testing.T) {
	t.Parallel()
	o := newOutside()
	p := publisher(o, &bytes.Buffer{})
	o.before["archive"] = errors.New("S3 is away")
	if err := p.Changes(context.Background(), []*ledger.Change{change(1)}); err == nil {
		t.Error("no error, though the log was not written")
	}
	if len(o.alerts)+len(o.events) != 0 {
		t.Errorf("alerts %v, events %v were queued before the log was written", o.alerts, o.events)
	}
	if err := p.Changes(context.Background(), []*ledger.Change{change(1)}); err != nil {
		t.Fatal(err)
	}
	if len(o.alerts) != 1 || len(o.events) != 2 {
		t.Errorf("%d alerts and %d events, want 1 and 2", len(o.alerts), len(o.events))
	}
}

func TestTheSameBatchAgainIsTheSameObject(t *testing.T) {
	t.Parallel()
	o := newOutside()
	p := publisher(o, &bytes.Buffer{})
	for range 3 {
		if err := p.Changes(context.Background(), []*ledger.Change{change(4), change(5)}); err != nil {
			t.Fatal(err)
		}
	}
	if len(o.objects) != 1 {
		t.Fatalf("%d objects, want one", len(o.objects))
	}
	for key, body := range o.objects {
		if key != "changes/dt=2026-11-20/lic-a-000000000004-000000000005.jsonl" {
			t.Errorf("key %s", key)
		}
		lines := strings.Split(strings.TrimSpace(body), "\n")
		if len(lines) != 2 {
			t.Fatalf("%d lines, want 2:\n%s", len(lines), body)
		}
		var row publish.Row
		if err := json.Unmarshal([]byte(lines[0]), &row); err != nil {
			t.Fatal(err)
		}
		if row.LicenseID != "lic-a" || row.Revision != 4 || row.EventID != "e-1" || row.Explanation != "m5.large: 1 Instance (resource) = 1 license" || row.LaunchTime != "2026-11-20 08:00:00.000" {
			t.Errorf("row %+v", row)
		}
	}
}

func TestEveryRevisionHasALine(t *testing.T) {
	t.Parallel()
	c := change(7)
	c.Deltas = nil
	if rows := publish.Rows(c); len(rows) != 1 || rows[0].Revision != 7 {
		t.Errorf("rows %+v, want one for the revision", rows)
	}
}

// TestRowsAreNumbered: each row says which of how many of its commit it is; what a person
// changed has a row of its own beside those of the resources, and no other commit has.
func TestRowsAreNumbered(t *testing.T) {
	t.Parallel()
	c := change(7)
	c.Vendor = "Oracle"
	c.Deltas = append(c.Deltas, c.Deltas[0])
	for what, want := range map[string]int{"": 2, "licenseCount: 5 → 10": 3} {
		c.What = what
		rows := publish.Rows(c)
		if len(rows) != want {
			t.Fatalf("%q: %d rows, want %d", what, len(rows), want)
		}
		for i, r := range rows {
			own := what != "" && i == 0
			if r.CommitRow != i+1 || r.CommitRows != want || r.Vendor != "Oracle" || (r.ResourceARN == "") != own || (r.Explanation == what) != own {
				t.Errorf("%q: row %d is %+v", what, i+1, r)
			}
		}
	}
}

// TestAnAlertIsSentOnce: at least once whatever fails, twice only when the mark
// after the message is lost.
func TestAnAlertIsSentOnce(t *testing.T) {
	t.Parallel()
	lost := errors.New("lost")
	for name, c := range map[string]struct {
		fail func(*outside)
		sent int
	}{
		"nothing fails":                    {func(*outside) {}, 1},
		"the topic fails":                  {func(o *outside) { o.before["topic"] = lost }, 1},
		"the topic's answer is lost":       {func(o *outside) { o.after["topic"] = lost }, 2},
		"a crash between message and mark": {func(o *outside) { o.before["mark"] = lost }, 2},
		"the mark's answer is lost":        {func(o *outside) { o.after["mark"] = lost }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOutside()
			p := publisher(o, &bytes.Buffer{})
			for range 2 { // the stream delivers twice, so the queue holds it twice
				if err := p.Changes(context.Background(), []*ledger.Change{change(1)}); err != nil {
					t.Fatal(err)
				}
			}
			c.fail(o)
			for range 3 { // and the queue delivers what failed again
				for _, body := range o.alerts {
					_ = p.DeliverAlert(context.Background(), []byte(body))
				}
			}
			if len(o.sent) != c.sent {
				t.Errorf("sent %d times, want %d", len(o.sent), c.sent)
			}
		})
	}
}

func TestGarbageInTheQueuesIsAnError(t *testing.T) {
	t.Parallel()
	p := publisher(newOutside(), &bytes.Buffer{})
	for _, body := range []string{"", "{", "[]", "{}", `{"ID":1}`, `null`} {
		if p.DeliverAlert(context.Background(), []byte(body)) == nil {
			t.Errorf("alert %q was taken", body)
		}
		if p.DeliverEvent(context.Background(), []byte(body)) == nil {
			t.Errorf("event %q was taken", body)
		}
	}
}

// TestEnforcementHasNoNumbers: it raises alerts, and is no license.
func TestEnforcementHasNoNumbers(t *testing.T) {
	t.Parallel()
	var metrics bytes.Buffer
	o := newOutside()
	held := &ledger.Change{License: "enforcement", Name: "Enforcement", Revision: 3, Recorded: at, By: "alice",
		Alerts: []ledger.Alert{{ID: "enforcement/enforcement-held/0/r3", Kind: ledger.AlertHeld, Why: "because"}}}
	if err := publisher(o, &metrics).Changes(t.Context(), []*ledger.Change{held}); err != nil {
		t.Fatal(err)
	}
	if len(o.alerts) != 1 || len(o.events) != 1 || !strings.Contains(o.events[0], publish.DetailAlert) {
		t.Errorf("alerts %q, events %q; want one of each, about the alert", o.alerts, o.events)
	}
	if metrics.Len() > 0 {
		t.Errorf("metrics %s, want none", metrics.String())
	}
	if len(o.objects) != 1 {
		t.Errorf("%d objects in the log, want one: no revision is missing there", len(o.objects))
	}
}

// TestStopsFrom: the mail says when the first stop comes.
func TestStopsFrom(t *testing.T) {
	t.Parallel()
	o := newOutside()
	p := publisher(o, &bytes.Buffer{})
	c := change(1)
	second := c.Deltas[0]
	second.Answer.NotBefore = at.Add(5 * time.Minute)
	c.Deltas[0].Answer.NotBefore = at.Add(2 * time.Minute)
	tag := c.Deltas[0]
	tag.Answer.Action, tag.Answer.NotBefore = license.Tag, at
	c.Deltas = []ledger.Delta{second, c.Deltas[0], tag}
	if err := p.Changes(t.Context(), []*ledger.Change{c}); err != nil {
		t.Fatal(err)
	}
	if err := p.DeliverAlert(t.Context(), []byte(o.alerts[0])); err != nil {
		t.Fatal(err)
	}
	if text := o.sent[0].texts["default"]; !strings.Contains(strings.Join(strings.Fields(text), " "), "from about 20 November 2026 08:02 UTC on") {
		t.Errorf("the mail reads\n%s", text)
	}
}

func TestMetricLines(t *testing.T) {
	t.Parallel()
	var metrics bytes.Buffer
	if err := publisher(newOutside(), &metrics).Changes(context.Background(), []*ledger.Change{change(1)}); err != nil {
		t.Fatal(err)
	}
	var line map[string]any
	if err := json.Unmarshal(metrics.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{"License": "lic-a", "Consumed": 11.0, "Covered": 10.0, "LicenseCount": 10.0, "UsagePercent": 110.0} {
		if line[name] != want {
			t.Errorf("%s is %v, want %v", name, line[name], want)
		}
	}
}
