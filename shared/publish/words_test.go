package publish_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/publish"
)

var update = flag.Bool("update", false, "write what the alerts say to testdata, to be read before it is committed")

const lic = "lic-0123456789abcdef0123456789abcdef"

func instanceID(n int) license.ResourceID {
	return license.NewResourceID("123456789012", "eu-central-1", fmt.Sprintf("i-%017x", n))
}

func instanceIDs(n int) (ids []license.ResourceID) {
	for i := range n {
		ids = append(ids, instanceID(i+1))
	}
	return ids
}

// facts are what the ledger knows of instances 1 to 4 and from 6 on; of number 5
// nothing.
type facts struct {
	fail  error
	asked int // instances in the last question
}

func (f *facts) LoadFacts(_ context.Context, ids []license.ResourceID) (map[license.ResourceID]ledger.Facts, error) {
	f.asked = len(ids)
	if f.fail != nil {
		return nil, f.fail
	}
	started := at.Add(-40 * time.Second)
	group := map[string]string{"aws:autoscaling:groupName": "web"}
	known := []ledger.Facts{
		{LaunchedBy: "alice@example.com (role Admin)", Instance: license.Instance{Tags: map[string]string{"Name": "database 17"}}},
		{LaunchedBy: "autoscaling.amazonaws.com", Instance: license.Instance{Tags: group}},
		{Instance: license.Instance{Tags: map[string]string{"Name": "line\nbreak `*<!channel>*` \u202e" + strings.Repeat("long", 50)}}},
		{Instance: license.Instance{Tags: group}},
	}
	out := make(map[license.ResourceID]ledger.Facts)
	for i, k := range known {
		k.Generation.Launch = started.Add(time.Duration(i) * time.Second)
		for _, id := range ids {
			if id == instanceID(i+1) {
				out[id] = k
			}
		}
	}
	for _, id := range ids {
		if id >= instanceID(6) {
			out[id] = ledger.Facts{LaunchedBy: strings.Repeat("é", 200)}
		}
	}
	return out, nil
}

// alerts are one of each kind, and each turn that a kind can take.
func alerts() map[string]publish.Alert {
	count := func(n int64) *int64 { return &n }
	base := publish.Alert{ID: lic + "/kind/0/r7", License: lic, ARN: "arn:aws:license-manager:eu-central-1:123456789012:license-configuration:" + lic,
		Name: "Oracle Database Enterprise", Counting: license.CountVCPU, Count: count(32), Hard: true, Mode: license.Stop,
		Totals: ledger.Totals{Running: 40, Covered: 32, Over: 8}, At: at}
	alert := func(kind ledger.AlertKind, threshold int, change func(*publish.Alert)) publish.Alert {
		a := base
		a.Kind, a.Threshold = kind, threshold
		a.ID = fmt.Sprintf("%s/%s/%d/r7", lic, kind, threshold)
		change(&a)
		return a
	}
	held := func(by, why string) publish.Alert {
		return publish.Alert{ID: "enforcement/enforcement-held/0/r7", Kind: ledger.AlertHeld, License: "enforcement", Name: "Enforcement", At: at, By: by, Why: why}
	}
	return map[string]publish.Alert{
		"limit-exceeded": alert(ledger.AlertLimit, 0, func(a *publish.Alert) {
			a.Resources = []license.ResourceID{instanceID(1), instanceID(2), instanceID(4), instanceID(5)}
			a.Stops, a.Tags, a.StopsFrom = 2, 2, at.Add(2*time.Minute)
		}),
		"limit-exceeded-zero": alert(ledger.AlertLimit, 0, func(a *publish.Alert) {
			a.Count, a.Totals, a.Resources, a.Stops = count(0), ledger.Totals{Running: 3, Over: 3}, instanceIDs(1), 1
		}),
		"limit-exceeded-soft": alert(ledger.AlertLimit, 0, func(a *publish.Alert) { a.Hard, a.Resources = false, instanceIDs(1) }),
		"limit-exceeded-listed": alert(ledger.AlertLimit, 0, func(a *publish.Alert) {
			a.By, a.Resources = "carol@example.com", instanceIDs(1)
		}),
		"limit-exceeded-observe": alert(ledger.AlertLimit, 0, func(a *publish.Alert) { a.Mode, a.Resources = license.Observe, instanceIDs(1) }),
		"limit-exceeded-tags":    alert(ledger.AlertLimit, 0, func(a *publish.Alert) { a.Mode, a.Resources, a.Tags = license.Tag, instanceIDs(1), 1 }),
		"limit-exceeded-many":    alert(ledger.AlertLimit, 0, func(a *publish.Alert) { a.Resources, a.Stops = instanceIDs(35), 35 }),
		"limit-exceeded-hostile": alert(ledger.AlertLimit, 0, func(a *publish.Alert) {
			a.Name = "=2+5 `*<!channel>*`\nSubject: win \u202e" + strings.Repeat("W", 300)
			a.By, a.Resources = strings.Repeat("mallory", 40), instanceIDs(3)
		}),
		"threshold": alert(ledger.AlertThreshold, 90, func(a *publish.Alert) { a.Totals = ledger.Totals{Running: 26, Stopped: 2, Affinity: 1, Covered: 29} }),
		"rule-broken": alert(ledger.AlertRule, 0, func(a *publish.Alert) {
			a.Totals, a.Resources, a.Stops = ledger.Totals{Running: 8, Covered: 4, Broken: 4, Estimated: 4}, instanceIDs(1), 1
		}),
		"rule-broken-soft": alert(ledger.AlertRule, 0, func(a *publish.Alert) {
			a.Hard, a.Totals, a.Resources = false, ledger.Totals{Running: 8, Covered: 4, Broken: 4}, instanceIDs(1)
		}),
		"expiry":         alert(ledger.AlertExpiry, 30, func(a *publish.Alert) { a.Expiry = at.AddDate(0, 0, 30) }),
		"expiry-expired": alert(ledger.AlertExpiry, 0, func(a *publish.Alert) { a.Expiry, a.Count = at, count(0) }),
		"not-stopped":    alert(ledger.AlertNotStopped, 0, func(a *publish.Alert) { a.Resources = []license.ResourceID{instanceID(2)} }),
		"unanswered":     alert(ledger.AlertUnanswered, 24, func(a *publish.Alert) { a.Resources = instanceIDs(2) }),
		"unanswered-zero": alert(ledger.AlertUnanswered, 192, func(a *publish.Alert) {
			a.Count, a.Hard, a.Totals, a.Resources = count(0), false, ledger.Totals{Running: 3, Over: 3}, instanceIDs(1)
		}),
		"exemption-ends": alert(ledger.AlertExemption, 7, func(a *publish.Alert) {
			a.Resources, a.Why = instanceIDs(2), "dave@example.com: migration of the old database, until 27 November 2026"
		}),
		"launching-suspended": {ID: "enforcement/launching-suspended/0/r7", Kind: ledger.AlertSuspended, License: "enforcement", Name: "Enforcement", At: at, By: "licenseguard",
			Why: "group web in account 123456789012, us-east-1: its minimum is 20, and 10 fit"},
		"enforcement-held-paused":  held("alice@example.com", "licenses of the new contract arrive on Monday"),
		"enforcement-held-breaker": held("licenseguard", "30 stops within an hour in account 123456789012; the breaker opens at 25"),
	}
}

// deliver sends an alert as its queue delivers it, and returns what the topic got.
func deliver(t *testing.T, a publish.Alert, f publish.Facts) sent {
	t.Helper()
	body, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	o := newOutside()
	p := publisher(o, &bytes.Buffer{})
	p.Facts = f
	if err := p.DeliverAlert(t.Context(), body); err != nil {
		t.Fatal(err)
	}
	if len(o.sent) != 1 {
		t.Fatalf("sent %d times", len(o.sent))
	}
	return o.sent[0]
}

// TestWhatPeopleRead: testdata has the mail and the chat message of each alert.
// Who changes a word reads them: go test ./shared/publish -run TestWhatPeopleRead -update
func TestWhatPeopleRead(t *testing.T) {
	t.Parallel()
	kinds := make(map[ledger.AlertKind]bool)
	for name, a := range alerts() {
		kinds[a.Kind] = true
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := deliver(t, a, &facts{})
			golden(t, name+".txt", "Subject: "+s.subject+"\n\n"+s.texts["default"])
			var chat bytes.Buffer
			if err := json.Indent(&chat, []byte(s.texts["https"]), "", "  "); err != nil {
				t.Fatal(err)
			}
			golden(t, name+".chat.json", chat.String()+"\n")
		})
	}
	for _, kind := range []ledger.AlertKind{ledger.AlertThreshold, ledger.AlertLimit, ledger.AlertRule, ledger.AlertExpiry,
		ledger.AlertNotStopped, ledger.AlertUnanswered, ledger.AlertExemption, ledger.AlertHeld, ledger.AlertSuspended} {
		if !kinds[kind] {
			t.Errorf("no alert of kind %s is read here", kind)
		}
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

// TestNoLineIsWrapped: mail clients wrap at 80 columns or so.
func TestNoLineIsWrapped(t *testing.T) {
	t.Parallel()
	longest := 0
	for name, a := range alerts() {
		for _, line := range strings.Split(deliver(t, a, &facts{}).texts["default"], "\n") {
			n := utf8.RuneCountInString(line)
			longest = max(longest, n)
			if n > 78 || strings.TrimRight(line, " ") != line {
				t.Errorf("%s: %d columns: %q", name, n, line)
			}
		}
	}
	if longest < 70 {
		t.Errorf("the longest line has %d columns; this test sees nothing long", longest)
	}
}

// TestNoAlertWithoutFacts: facts that cannot be read cost no alert, and people
// are told that they are missing.
func TestNoAlertIsLostForFacts(t *testing.T) {
	t.Parallel()
	f := &facts{fail: errors.New("throttled")}
	s := deliver(t, alerts()["limit-exceeded-many"], f)
	text := s.texts["default"]
	if !strings.Contains(text, "could not be read") || !strings.Contains(text, instanceID(1).AWSID()) {
		t.Errorf("the alert reads\n%s", text)
	}
	if f.asked != 30 {
		t.Errorf("asked for %d instances, want the 30 that are named", f.asked)
	}
	if text := deliver(t, alerts()["limit-exceeded-many"], nil).texts["default"]; strings.Contains(text, "could not be read") {
		t.Errorf("a publisher without facts says\n%s", text)
	}
}

// TestChatKeepsItsLimits: whatever the names, and however many instances.
func TestChatKeepsItsLimits(t *testing.T) {
	t.Parallel()
	for name, a := range alerts() {
		a.Why = strings.Repeat("why ", 1000)
		var chat struct {
			Content struct {
				Title, Description string
				NextSteps          []string
			}
			Metadata struct {
				Summary, ThreadID string
				RelatedResources  []string
			}
		}
		text := deliver(t, a, &facts{}).texts["https"]
		if err := json.Unmarshal([]byte(text), &chat); err != nil {
			t.Fatal(err)
		}
		c := chat.Content
		if utf8.RuneCountInString(c.Title) > 200 || utf8.RuneCountInString(c.Description) > 2800 || len(c.NextSteps) > 5 || len(chat.Metadata.RelatedResources) > 10 {
			t.Errorf("%s: %d, %d, %d, %d", name, len(c.Title), len(c.Description), len(c.NextSteps), len(chat.Metadata.RelatedResources))
		}
		if strings.ContainsAny(text, "<>") || chat.Metadata.ThreadID != a.License {
			t.Errorf("%s: markup of a chat, or another thread, in %s", name, text)
		}
		if strings.Count(c.Title, "`")%2 != 0 || strings.Count(c.Description, "`")%2 != 0 {
			t.Errorf("%s: code without an end in %q %q", name, c.Title, c.Description)
		}
	}
}

// TestAttributes: what filter policies can ask for.
func TestAttributes(t *testing.T) {
	t.Parallel()
	two := alerts()["limit-exceeded"]
	two.Resources = []license.ResourceID{instanceID(1), license.NewResourceID("999999999999", "eu-central-1", "i-0123456789abcdef0")}
	for _, c := range []struct {
		name string
		a    publish.Alert
		want string
	}{
		{"limit-exceeded", alerts()["limit-exceeded"], "account=123456789012 escalated=false hard=true kind=limit-exceeded mode=stop severity=critical"},
		{"two accounts", two, "escalated=false hard=true kind=limit-exceeded mode=stop severity=critical"},
		{"limit-exceeded-soft", alerts()["limit-exceeded-soft"], "account=123456789012 escalated=false hard=false kind=limit-exceeded mode=stop severity=warning"},
		{"threshold", alerts()["threshold"], "escalated=false hard=true kind=threshold mode=stop severity=warning"},
		{"expiry", alerts()["expiry"], "escalated=false hard=true kind=expiry mode=stop severity=warning"},
		{"expiry-expired", alerts()["expiry-expired"], "escalated=false hard=true kind=expiry mode=stop severity=critical"},
		{"not-stopped", alerts()["not-stopped"], "account=123456789012 escalated=false hard=true kind=not-stopped mode=stop severity=warning"},
		{"unanswered-zero", alerts()["unanswered-zero"], "account=123456789012 escalated=true hard=false kind=unanswered mode=stop severity=critical"},
		{"exemption-ends", alerts()["exemption-ends"], "account=123456789012 escalated=false hard=true kind=exemption-ends mode=stop severity=info"},
		{"paused", alerts()["enforcement-held-paused"], "escalated=false kind=enforcement-held severity=warning"},
		{"breaker", alerts()["enforcement-held-breaker"], "escalated=false kind=enforcement-held severity=critical"},
	} {
		got := deliver(t, c.a, nil).attributes
		if got["alertId"] != c.a.ID || got["license"] != c.a.License {
			t.Errorf("%s: alert %s, license %s", c.name, got["alertId"], got["license"])
		}
		delete(got, "alertId")
		delete(got, "license")
		if text := fmt.Sprint(got); text != "map["+strings.ReplaceAll(c.want, "=", ":")+"]" {
			t.Errorf("%s: got %s, want %s", c.name, text, c.want)
		}
	}
	low := alerts()["threshold"]
	low.Threshold = 89
	early := alerts()["expiry"]
	early.Threshold = 60
	for _, a := range []publish.Alert{low, early} {
		if got := deliver(t, a, nil).attributes["severity"]; got != "info" {
			t.Errorf("%s %d is %s, want info", a.Kind, a.Threshold, got)
		}
	}
}

// TestTheDocument: its sample is a mail as it is sent, and it tells of all kinds.
func TestTheDocument(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("../../docs/alerts.md")
	if err != nil {
		t.Fatal(err)
	}
	mail, err := os.ReadFile("testdata/limit-exceeded.txt")
	if err != nil {
		t.Fatal(err)
	}
	var indented strings.Builder
	for line := range strings.Lines(string(mail)) {
		if line != "\n" {
			indented.WriteString("    ")
		}
		indented.WriteString(line)
	}
	if !strings.Contains(string(document), indented.String()) {
		t.Errorf("docs/alerts.md does not have the mail of testdata/limit-exceeded.txt:\n%s", indented.String())
	}
	for name, a := range alerts() {
		attributes := deliver(t, a, nil).attributes
		for key, value := range attributes {
			if !strings.Contains(string(document), "`"+key+"`") {
				t.Errorf("docs/alerts.md does not name the attribute %s of %s", key, name)
			}
			if (key == "kind" || key == "severity") && !strings.Contains(string(document), "`"+value+"`") {
				t.Errorf("docs/alerts.md does not name the %s %s", key, value)
			}
		}
	}
}
