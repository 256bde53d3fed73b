package ec2cloud

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"licenseguard/events"
	"licenseguard/shared/adapter/boltledger"
	"licenseguard/shared/catalog"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

// wire is a tracker on a real store that asks EC2 over the real SDK and HTTP. What EC2
// answers is recorded, by Region, call and the first resource that it asks for; a call of
// which nothing is recorded fails.
type wire struct {
	*track.Tracker
	t       *testing.T
	store   *boltledger.Store
	answers map[string]string
	asked   []string
	now     time.Time
}

func newWire(t *testing.T, answers map[string]string) *wire {
	t.Helper()
	w := &wire{t: t, answers: make(map[string]string), now: time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)}
	maps.Copy(w.answers, answers)
	server := httptest.NewServer(http.HandlerFunc(w.answer))
	t.Cleanup(server.Close)
	store, err := boltledger.Open(filepath.Join(t.TempDir(), "ledger.db"), boltledger.Options{Volatile: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	cloud := New(ec2.New(ec2.Options{Region: region, BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}))
	w.store = store
	w.Tracker = &track.Tracker{Store: store, Documents: store, Observer: cloud, Lineage: cloud, Catalog: catalog.Embedded(), Accounts: []string{account}, Regions: []string{region},
		Now: func() time.Time { return w.now }, Log: slog.New(slog.DiscardHandler), Wait: func(context.Context, time.Duration) error { return nil }}
	return w
}

var signedFor = regexp.MustCompile(`Credential=[^/]+/[0-9]{8}/([a-z0-9-]+)/ec2/`)

func (w *wire) answer(out http.ResponseWriter, r *http.Request) {
	scope := signedFor.FindStringSubmatch(r.Header.Get("Authorization"))
	if err := r.ParseForm(); err != nil || scope == nil {
		http.Error(out, "no signature for EC2, or no form", http.StatusBadRequest)
		return
	}
	call := scope[1] + " " + r.Form.Get("Action") + " " + r.Form.Get("Filter.1.Value.1") + r.Form.Get("HostId.1") + r.Form.Get("ImageId")
	w.asked = append(w.asked, call) // the SDK asks one by one
	answer, ok := w.answers[call]
	if !ok {
		http.Error(out, "nobody should ask for "+call, http.StatusBadRequest)
		return
	}
	out.Header().Set("Content-Type", "text/xml;charset=UTF-8")
	_, _ = out.Write([]byte(answer))
}

// configure makes the license, of 100 with a hard limit.
func (w *wire) configure(change func(*license.Configuration)) {
	w.t.Helper()
	count := int64(100)
	c := license.Configuration{ID: "lic-a", Name: "A", Count: &count, HardLimit: true}
	change(&c)
	if _, err := w.Configure(w.t.Context(), c, "test"); err != nil {
		w.t.Fatal(err)
	}
}

func (w *wire) pass(d time.Duration) { w.now = w.now.Add(d) }

// state is EC2's event of a state that an instance enters now.
func (w *wire) state(id, state string) string {
	return fmt.Sprintf(`{"version":"0","id":"7bf73129-1428-4cd3-a780-95db273d1602","detail-type":"EC2 Instance State-change Notification","source":"aws.ec2","account":%q,"time":%q,"region":%q,"resources":["arn:aws:ec2:%s:%s:instance/%s"],"detail":{"instance-id":%q,"state":%q}}`,
		account, w.now.Format(time.RFC3339), region, region, account, id, id, state)
}

// call is CloudTrail's record of a call as AWS sends it, of now and here, with other ids
// in place of the sample's.
func (w *wire) call(name string, replace ...string) string {
	w.t.Helper()
	body, err := events.Read("cloudtrail/" + name)
	if err != nil {
		w.t.Fatal(err)
	}
	pairs := append([]string{"us-west-2", region, "2026-04-02T15:13:06Z", w.now.Format(time.RFC3339)}, replace...)
	return strings.NewReplacer(pairs...).Replace(string(body))
}

// handle gives track the messages, of which none may stay.
func (w *wire) handle(bodies ...string) {
	w.t.Helper()
	messages := make([]track.Message, len(bodies))
	for i, body := range bodies {
		messages[i] = track.Message{ID: fmt.Sprint("m", i), Body: []byte(body), Receives: 1}
	}
	if r := w.Handle(w.t.Context(), messages); r.Handled != len(bodies) || len(r.Retry) != 0 {
		w.t.Errorf("report %+v; EC2 was asked %q", r, w.asked)
	}
}

func (w *wire) totals(what string, want ledger.Totals) {
	w.t.Helper()
	l, err := w.store.Load(w.t.Context(), "lic-a")
	if err != nil {
		w.t.Fatal(err)
	}
	if l.Totals != want {
		w.t.Errorf("%s: %+v, want %+v; EC2 was asked %q", what, l.Totals, want, w.asked)
	}
}

func (w *wire) wantAsked(want ...string) {
	w.t.Helper()
	if !slices.Equal(w.asked, want) {
		w.t.Errorf("EC2 was asked %q, want %q", w.asked, want)
	}
}

func (w *wire) wantLineage(id, last string) {
	w.t.Helper()
	full := license.NewResourceID(account, region, id)
	facts, err := w.store.LoadFacts(w.t.Context(), []license.ResourceID{full})
	if err != nil {
		w.t.Fatal(err)
	}
	in := facts[full].Instance
	if steps := in.Lineage(); len(steps) == 0 || steps[len(steps)-1] != last {
		w.t.Errorf("lineage %q, want it to end with %q", steps, last)
	}
}
