package integration_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"licenseguard/events"
	"licenseguard/shared/config"
	"licenseguard/shared/integration/localaws"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/publish"
)

const licenseID = "lic-0123456789abcdef0123456789abcdef"

// TestLaunchOverTheLimit follows one overrun through the whole system: launch,
// event, queue, count, answer, alert, report.
func TestLaunchOverTheLimit(t *testing.T) {
	w := newWorld(t)
	w.configure(licenseID, 2)

	// Three launches, the last of them a second later and so the youngest.
	first, second := w.run(nil), w.run(nil)
	time.Sleep(1100 * time.Millisecond) // EC2's launch times have whole seconds
	third := w.run(map[string]string{"Name": "=HYPERLINK(\"http://example.com\")", "licenseguard:note": "+1+1"})
	for _, id := range []string{first, second, third} {
		w.tell(id, "pending")
		w.tell(id, "running")
	}
	if given, again := w.deliver(w.intake, w.trackFn); given != 6 || again != 0 {
		t.Fatalf("%d messages given to track, %d stay; want 6 and none", given, again)
	}
	l := w.load(licenseID)
	if got := l.Totals; got.Running != 3 || got.Covered != 2 || got.Over != 1 {
		t.Fatalf("totals %+v; want 3 running, 2 covered, 1 over", got)
	}
	if e, _ := l.Find(license.NewResourceID(account, region, third)); e == nil || e.Verdict != ledger.Over {
		t.Fatalf("the youngest is not the one over: %+v", e)
	}

	// The stream leads to a pending action, the schedule carries it out.
	if n := w.follow(); n == 0 {
		t.Fatal("the stream has no heads")
	}
	w.enforceFn.invoke([]byte(sample(t, "schedule/tick")), nil)
	if state, _ := w.instance(third); state != "running" {
		t.Fatalf("the instance is %s right after its launch; nothing is stopped before tags had time to arrive", state)
	}
	w.enforceUntilAnswered(licenseID, third)
	if state, tags := w.instance(third); state != "stopped" || tags[config.TagStatus] == "" || !strings.Contains(tags[config.TagReason], licenseID) {
		t.Errorf("the instance over the limit is %s, tags %v; want stopped and tagged", state, tags)
	}
	for _, id := range []string{first, second} {
		if state, tags := w.instance(id); state != "running" || len(tags) > 0 {
			t.Errorf("instance %s is %s, tags %v; want running and untouched", id, state, tags)
		}
	}
	w.tell(third, "stopped")
	w.deliver(w.intake, w.trackFn)
	if got := w.load(licenseID).Totals; got.Running != 2 || got.Over != 0 {
		t.Errorf("totals after the stop %+v; want 2 running, none over", got)
	}
	w.follow()

	t.Run("alert", func(t *testing.T) { w.alertArrives(t) })
	t.Run("bus", func(t *testing.T) { w.busHears(t) })
	t.Run("change log", func(t *testing.T) { w.changeLog(t, third) })
	t.Run("snapshot", func(t *testing.T) { w.snapshotSafe(t) })
	t.Run("replay", func(t *testing.T) { w.replayed(t, first, second, third) })
	t.Run("lost events", func(t *testing.T) { w.sweepRepairs(t, second) })
	if errs := localaws.MotoErrors(); len(errs) > 0 {
		t.Errorf("moto failed: the SDK hides this by trying again:\n%s", strings.Join(errs, "\n"))
	}
}

// enforceUntilAnswered is the schedule, a little faster: it runs enforce until
// the instance is answered. That takes as long as Auto Scaling's tags may be on
// their way, in real time: EC2's clock cannot be set.
func (w *world) enforceUntilAnswered(id, instance string) {
	w.t.Helper()
	for range 30 {
		if _, m := w.load(id).Find(license.NewResourceID(account, region, instance)); m != nil && m.Answered != "" {
			return
		}
		time.Sleep(5 * time.Second)
		w.enforceFn.invoke([]byte(sample(w.t, "schedule/tick")), nil)
	}
	w.t.Fatalf("instance %s was not answered in 150 s", instance)
}

// alertArrives checks the message of a subscriber, and that the same alert
// delivered again is sent once.
func (w *world) alertArrives(t *testing.T) {
	messages := w.take(w.alerts)
	if len(messages) != 1 {
		t.Fatalf("%d alerts queued; want one", len(messages))
	}
	for range 2 {
		var answer failures
		w.publishFn.invoke(sqsEvent(w.alerts, messages), &answer)
		if len(answer.BatchItemFailures) > 0 {
			t.Fatalf("alert not delivered: %+v", answer)
		}
	}
	inbox := w.take(w.inbox)
	if len(inbox) != 1 {
		t.Fatalf("%d messages in the subscribed queue; want one", len(inbox))
	}
	var mail struct {
		Subject, Message  string
		MessageAttributes map[string]struct{ Value string }
	}
	w.must(json.Unmarshal([]byte(aws.ToString(inbox[0].Body)), &mail))
	var alert publish.AlertDetail // what a queue gets instead of the text
	w.must(json.Unmarshal([]byte(mail.Message), &alert))
	if !strings.Contains(mail.Subject, "3 in use, 2 licensed") || mail.MessageAttributes["license"].Value != licenseID || alert.Stops != 1 ||
		len(alert.Instances) != 1 || alert.Instances[0].StartedAt.IsZero() {
		t.Errorf("the alert reads\n%s\n%s\n%v", mail.Subject, mail.Message, mail.MessageAttributes)
	}
}

func (w *world) busHears(t *testing.T) {
	if given, again := w.deliver(w.events, w.publishFn); given == 0 || again != 0 {
		t.Fatalf("%d events given to publish, %d stay", given, again)
	}
	types := make(map[string]int)
	for _, m := range w.take(w.listener) {
		var e struct {
			Source     string `json:"source"`
			DetailType string `json:"detail-type"`
		}
		w.must(json.Unmarshal([]byte(aws.ToString(m.Body)), &e))
		if e.Source != config.EventSource {
			t.Errorf("event of source %q", e.Source)
		}
		types[e.DetailType]++
	}
	if types["License Alert"] != 1 || types["License Configuration Usage Change"] == 0 {
		t.Errorf("on the bus: %v; want one alert and the usage changes", types)
	}
}

// changeLog checks that no revision is missing and that the stop is explained.
func (w *world) changeLog(t *testing.T, stopped string) {
	revisions := make(map[int64]bool)
	actions := make(map[string]bool)
	for key, body := range w.files(config.PrefixChanges) {
		if !strings.Contains(key, "/"+config.DatePartition+"=") {
			t.Errorf("%s is in no folder of a day", key)
		}
		for line := range strings.Lines(body) {
			var row struct {
				Revision    int64  `json:"revision"`
				Instance    string `json:"instance_id"`
				Explanation string `json:"explanation"`
				Action      string `json:"action"`
			}
			w.must(json.Unmarshal([]byte(line), &row))
			revisions[row.Revision] = true
			if row.Instance == stopped && row.Action != "" {
				actions[row.Action] = true
			}
		}
	}
	last := w.load(licenseID).Revision
	for r := int64(1); r <= last; r++ {
		if !revisions[r] {
			t.Errorf("revision %d of %d is not in the change log", r, last)
		}
	}
	if !actions["stopped"] {
		t.Errorf("actions on the stopped instance in the change log: %v", actions)
	}
}

// snapshotSafe checks that the tables are there in both forms, that no cell of the text
// form starts a formula, and that a tick which came through is on record.
func (w *world) snapshotSafe(t *testing.T) {
	w.send(fmt.Sprintf(`{"version":"0","id":"tick","detail-type":"Scheduled Event","source":"aws.events","account":%q,"time":%q,"region":%q,"resources":[],"detail":{}}`,
		account, time.Now().UTC().Format(time.RFC3339), region))
	w.deliver(w.intake, w.trackFn)
	w.snapshotFn.invoke(map[string]any{}, nil)
	kinds := make(map[string]int)
	for key, body := range w.files("") {
		switch {
		case strings.HasSuffix(key, ".parquet"):
			kinds["parquet"]++
			if !strings.HasPrefix(body, "PAR1") || !strings.HasSuffix(body, "PAR1") {
				t.Errorf("%s is no Parquet file", key)
			}
		case strings.HasSuffix(key, ".csv"):
			kinds["csv"]++
			want := licenseID
			if strings.Contains(key, config.PrefixCoverage) {
				want = ",events,,,20" // since when
			}
			if !strings.Contains(body, want) {
				t.Errorf("%s does not say %s:\n%s", key, want, body)
			}
			for _, start := range []string{",=", "\n=", ",\"=", "\n\"=", ",+", ",\"+"} {
				if strings.Contains(body, start) {
					t.Errorf("%s has a cell that starts a formula:\n%s", key, body)
				}
			}
		}
	}
	if kinds["parquet"] != 3 || kinds["csv"] != 3 {
		t.Errorf("files %v; want three of each", kinds)
	}
}

// replayed tells the same events again, in another order and twice.
func (w *world) replayed(t *testing.T, ids ...string) {
	before := w.load(licenseID).Revision
	for _, id := range append(ids, ids...) {
		w.send(sample(t, "ec2/instance-state-change/pending", "i-1234567890abcdef0", id))
	}
	if _, again := w.deliver(w.intake, w.trackFn); again != 0 {
		t.Errorf("%d old messages stay", again)
	}
	if after := w.load(licenseID).Revision; after != before {
		t.Errorf("the same events again made revision %d of %d", after, before)
	}
	if n := w.follow(); n != 0 {
		t.Errorf("the same events again made %d stream records", n)
	}
	if sent := w.take(w.alerts); len(sent) != 0 {
		t.Errorf("the same events again raised %d alerts", len(sent))
	}
}

// sweepRepairs terminates and launches without an event.
func (w *world) sweepRepairs(t *testing.T, ended string) {
	_, err := w.ec2.TerminateInstances(t.Context(), &ec2.TerminateInstancesInput{InstanceIds: []string{ended}})
	w.must(err)
	launched := w.run(nil)
	var answer struct {
		Reports []struct{ Instances, Changes int }
	}
	w.sweepFn.invoke([]byte(sample(t, "schedule/tick")), &answer)
	if len(answer.Reports) != 1 || answer.Reports[0].Changes == 0 {
		t.Errorf("sweep reports %+v; want one with changes", answer)
	}
	l := w.load(licenseID)
	if e, _ := l.Find(license.NewResourceID(account, region, launched)); e == nil || e.Verdict != ledger.Covered || l.Totals.Running != 2 {
		t.Errorf("after the sweep: %+v, totals %+v; want the new instance covered, 2 running", e, l.Totals)
	}
	w.sweepFn.invoke([]byte(sample(t, "schedule/tick")), &answer)
	if len(answer.Reports) != 1 || answer.Reports[0].Changes != 0 {
		t.Errorf("the second sweep reports %+v; want no changes", answer)
	}
}

// TestBadInput sends what nobody should: each message ends in the dead-letter
// queue with reason, place and id, and stops none of the good ones.
func TestBadInput(t *testing.T) {
	w := newWorld(t)
	w.configure(licenseID, 5)
	good := w.run(map[string]string{"a\"b": "=1+1\u2028<script>"})
	const unknown = "i-0fffffffffffffff0"
	running := "ec2/instance-state-change/running"
	w.send("this is not JSON")
	w.send(sample(t, "malformed/no-id"))
	w.send(`{"padding":"` + strings.Repeat("x", 300<<10) + `"}`)
	w.send(sample(t, running, "i-1234567890abcdef0", unknown, `"2026-03-11T21:30:03Z"`, `"`+time.Now().UTC().Format(time.RFC3339)+`"`))
	w.send(sample(t, running, account, "999999999999"))
	w.send(sample(t, running, "us-east-1", "eu-west-1"))
	w.tell(good, "running")
	total := 0
	for round := range 5 {
		given, again := w.deliver(w.intake, w.trackFn)
		if total += given - again; again == 0 {
			break
		}
		if again != 1 || round > 2 {
			t.Fatalf("round %d: %d messages stay; want only the unknown instance's, and not for ever", round, again)
		}
	}
	if total != 7 {
		t.Errorf("%d messages were done; want 7", total)
	}
	want := []struct{ place, reason, body string }{
		{"body", "not JSON", "this is not JSON"},
		{"id", "", ""},
		{"body", "bytes", `{"padding":"xxx`},
		{"detail.instance-id", unknown, unknown},
		{"account", "999999999999", ""},
		{"region", "eu-west-1", ""},
	}
	dead := w.take(w.dead)
	if len(dead) != len(want) {
		t.Errorf("%d dead letters; want %d", len(dead), len(want))
	}
	for _, x := range want {
		found := false
		for _, m := range dead {
			a := attributes(m)
			if a["place"] == x.place && strings.Contains(a["reason"], x.reason) && strings.Contains(aws.ToString(m.Body), x.body) && a["message-id"] != "" {
				found = true
			}
		}
		if !found {
			t.Errorf("no dead letter with place %q and a reason with %q; there are:", x.place, x.reason)
			for _, m := range dead {
				t.Logf("  %v", attributes(m))
			}
		}
	}
	if got := w.load(licenseID).Totals; got.Running != 1 || got.Covered != 1 {
		t.Errorf("totals %+v; want the good instance counted", got)
	}
	if state, _ := w.instance(good); state != "running" {
		t.Errorf("the good instance is %s", state)
	}
}

// TestEverySample gives each sample of the catalogue to track: none fails the
// batch, each malformed one is buried.
func TestEverySample(t *testing.T) {
	w := newWorld(t)
	malformed, unknown := 0, 0
	for _, name := range events.Names() {
		if strings.HasPrefix(name, "malformed/") {
			malformed++
		}
		if strings.HasPrefix(name, "ssm/inventory-resource-state-change/") {
			unknown++
		}
		body, err := events.Read(name)
		w.must(err)
		if len(body) == 0 {
			malformed-- // SQS takes no empty message
			continue
		}
		w.send(string(body))
	}
	// The samples' one instance was terminated, so that nothing stays open but what is
	// told of the inventory of an instance that this account does not have.
	if given, again := w.deliver(w.intake, w.trackFn); given < malformed || again != unknown {
		t.Errorf("%d samples given, %d stay; want %d", given, again, unknown)
	}
	dead := w.take(w.dead)
	if len(dead) < malformed {
		t.Errorf("%d dead letters; want at least the %d malformed samples", len(dead), malformed)
	}
	for _, m := range dead {
		if a := attributes(m); a["reason"] == "" || a["place"] == "" || a["message-id"] == "" {
			t.Errorf("a dead letter without reason, place or id: %v\n%s", a, aws.ToString(m.Body))
		}
	}
}

// TestWrongEnvironment starts functions that cannot work: Lambda must see that
// they end, with every mistake in the log.
func TestWrongEnvironment(t *testing.T) {
	localaws.Moto(t)
	for _, name := range slices.Concat(config.Functions(), config.OptionalFunctions()) {
		wrong := config.EnvLedgerTable
		if name == config.FunctionSeal { // it has no ledger
			wrong = config.EnvReportBucket
		}
		f := start(t, name, map[string]string{wrong: "!", config.EnvRegion: region})
		deadline := time.Now().Add(20 * time.Second)
		for !strings.Contains(f.output.String(), wrong) {
			if time.Now().After(deadline) {
				t.Fatalf("%s does not name the wrong variable:\n%s", name, f.output)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}
