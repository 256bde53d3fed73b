package event_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"licenseguard/events"
	"licenseguard/shared/event"
)

// want is what Parse takes from the detail of a sample.
type want struct {
	kind event.Kind
	ids  []string // as "id" or "id state"
}

const (
	instance = "i-1234567890abcdef0"
	image    = "ami-0abcdef1234567890"
	host     = "h-0123456789abcdef0"
	host2    = "h-0123456789abcdef1"
	member   = "i-00000000000000b01"
	node     = "mi-0123456789abcdef0"
)

var golden = map[string]want{
	"autoscaling/launch-lifecycle-action/from-warm-pool": {event.KindLaunchHook, []string{member}},
	"autoscaling/launch-lifecycle-action/into-service":   {event.KindLaunchHook, []string{member}},
	"autoscaling/launch-lifecycle-action/into-warm-pool": {event.KindLaunchHook, []string{member}},
	"autoscaling/launch-successful":                      {event.KindInstanceChanged, []string{member}},
	"autoscaling/terminate-successful":                   {event.KindInstanceChanged, []string{member}},
	"cloudtrail/allocate-hosts":                          {event.KindHostChanged, []string{host, host2}},
	"cloudtrail/copy-image":                              {event.KindAMIState, []string{image}},
	"cloudtrail/create-image":                            {event.KindAMIState, []string{image}},
	"cloudtrail/create-tags":                             {event.KindInstanceChanged, []string{instance, host, image}},
	"cloudtrail/delete-tags":                             {event.KindUnknown, nil},
	"cloudtrail/deregister-image":                        {event.KindAMIState, []string{image}},
	"cloudtrail/modify-hosts":                            {event.KindHostChanged, []string{host, host2}},
	"cloudtrail/modify-instance-attribute":               {event.KindInstanceChanged, []string{instance}},
	"cloudtrail/modify-instance-cpu-options":             {event.KindInstanceChanged, []string{instance}},
	"cloudtrail/modify-instance-placement":               {event.KindInstanceChanged, []string{instance}},
	"cloudtrail/register-image":                          {event.KindAMIState, []string{image}},
	"cloudtrail/release-hosts":                           {event.KindHostChanged, []string{host}},
	"cloudtrail/run-instances":                           {event.KindInstanceChanged, []string{"i-00000000000000a01", "i-00000000000000a02"}},
	"cloudtrail/run-instances-refused":                   {event.KindUnknown, nil},
	"cloudtrail/start-instances":                         {event.KindInstanceChanged, []string{instance}},
	"ec2/ami-state-change/available":                     {event.KindAMIState, []string{image}},
	"ec2/ami-state-change/deregistered":                  {event.KindAMIState, []string{image}},
	"ec2/instance-state-change/pending":                  {event.KindInstanceState, []string{instance + " pending"}},
	"ec2/instance-state-change/running":                  {event.KindInstanceState, []string{instance + " running"}},
	"ec2/instance-state-change/shutting-down":            {event.KindInstanceState, []string{instance + " shutting-down"}},
	"ec2/instance-state-change/stopped":                  {event.KindInstanceState, []string{instance + " stopped"}},
	"ec2/instance-state-change/stopping":                 {event.KindInstanceState, []string{instance + " stopping"}},
	"ec2/instance-state-change/terminated":               {event.KindInstanceState, []string{instance + " terminated"}},
	"ec2/rebalance-recommendation/recommended":           {event.KindUnknown, nil},
	"ec2/spot-interruption-warning/hibernate":            {event.KindInstanceChanged, []string{instance}},
	"ec2/spot-interruption-warning/stop":                 {event.KindInstanceChanged, []string{instance}},
	"ec2/spot-interruption-warning/terminate":            {event.KindInstanceChanged, []string{instance}},
	"rds/db-cluster-event/failover":                      {event.KindUnknown, nil},
	"rds/db-instance-event/class-change":                 {event.KindDatabaseChanged, []string{"db:testdb"}},
	"rds/db-instance-event/created":                      {event.KindDatabaseChanged, []string{"db:testdb"}},
	"rds/db-instance-event/deleted":                      {event.KindDatabaseChanged, []string{"db:testdb terminated"}},
	"rds/db-instance-event/failover-completed":           {event.KindDatabaseChanged, []string{"db:testdb"}},
	"rds/db-instance-event/multi-az":                     {event.KindDatabaseChanged, []string{"db:testdb"}},
	"rds/db-instance-event/single-az":                    {event.KindDatabaseChanged, []string{"db:testdb"}},
	"rds/db-instance-event/started":                      {event.KindDatabaseChanged, []string{"db:testdb running"}},
	"rds/db-instance-event/started-by-rds":               {event.KindDatabaseChanged, []string{"db:testdb"}},
	"rds/db-instance-event/stopped":                      {event.KindDatabaseChanged, []string{"db:testdb stopped"}},
	"s3/resource-data-sync/application":                  {event.KindInventory, []string{node}},
	"s3/resource-data-sync/other-object":                 {event.KindUnknown, nil},
	"schedule/tick":                                      {event.KindTick, nil},
	"ssm/instance-association-state-change/failed":       {event.KindUnknown, nil},
	"ssm/instance-association-state-change/success":      {event.KindInventory, []string{"i-02573cafcf0123456"}},
	"ssm/instance-association-state-change/success-node": {event.KindInventory, []string{node}},
	"ssm/inventory-resource-state-change/delete":         {event.KindInventory, []string{"i-02573cafcf0123456"}},
	"ssm/inventory-resource-state-change/put-failed":     {event.KindInventory, []string{"i-02573cafcf0123456"}},
	"ssm/managed-instance/deregistered":                  {event.KindNode, []string{node}},
	"ssm/managed-instance/registered":                    {event.KindNode, []string{node}},
}

// malformed has the error of each sample that must be refused, without the
// event's id.
var malformed = map[string]event.Malformed{
	"array":       {Place: "body", Reason: "is not a JSON object (want one EventBridge event)"},
	"bad-account": {Place: "account", Reason: `"12345678901" is not an account id (want 12 digits)`},
	"bad-database": {Place: "detail.SourceIdentifier",
		Reason: `"*" is not the identifier of a DB instance (want 1 to 63 letters, digits and hyphens, a letter first)`},
	"bad-id":          {Place: "id", Reason: `"one\nlevel=error two" is not an id (want 1 to 128 printable characters)`},
	"bad-instance-id": {Place: "detail.instance-id", Reason: `"../../etc" is not an EC2 instance id (want i- and 8 to 17 hex digits)`},
	"bad-instance-id-in-list": {
		Place:  "detail.responseElements.instancesSet.items[1].instanceId",
		Reason: `"i-02573cafcfEXAMPLE" is not an EC2 instance id (want i- and 8 to 17 hex digits)`,
	},
	"bad-region":        {Place: "region", Reason: `"useast1" is not a Region (want such as us-east-1)`},
	"bad-time":          {Place: "time", Reason: `"yesterday" is not a time (want such as 2006-01-02T15:04:05Z)`},
	"deep-nesting":      {Place: "body", Reason: "is nested deeper than 64 levels"},
	"detail-not-object": {Place: "detail", Reason: "is not a JSON object"},
	"empty":             {Place: "body", Reason: "is empty (want one EventBridge event as JSON)"},
	"no-database": {Place: "detail.SourceIdentifier",
		Reason: "is missing (want the identifier of a DB instance: 1 to 63 letters, digits and hyphens, a letter first)"},
	"no-detail":      {Place: "detail", Reason: "is missing (want a JSON object)"},
	"no-id":          {Place: "id", Reason: "is missing (want an id: 1 to 128 printable characters)"},
	"no-instance-id": {Place: "detail.instance-id", Reason: "is missing (want an EC2 instance id: i- and 8 to 17 hex digits)"},
	"no-source":      {Place: "source", Reason: "is missing (want a name: 1 to 256 printable characters)"},
	"not-json":       {Place: "body", Reason: `is not JSON, starts "{\"version\":\"0\",\"id\":\"7bf73129-1428-4cd3-" (want one EventBridge event)`},
	"unknown-state":  {Place: "detail.state", Reason: `"rebooting" is not a state (want pending, running, stopping, stopped, shutting-down or terminated)`},
	"wrong-version":  {Place: "version", Reason: `"1" is not a known version (want "0")`},
}

// envelope is a second reading of a sample, to compare with.
type envelope struct {
	ID, Source, Account, Region string
	DetailType                  string `json:"detail-type"`
	Time                        time.Time
}

func read(tb testing.TB, name string) []byte {
	tb.Helper()
	body, err := events.Read(name)
	if err != nil {
		tb.Fatal(err)
	}
	return body
}

func ids(hints []event.Hint) []string {
	var out []string
	for _, h := range hints {
		out = append(out, strings.TrimSpace(h.ID+" "+h.State))
	}
	return out
}

func TestParseSamples(t *testing.T) {
	seen := 0
	for _, name := range events.Names() {
		if strings.HasPrefix(name, "malformed/") {
			continue
		}
		seen++
		t.Run(name, func(t *testing.T) {
			want, ok := golden[name]
			if !ok {
				t.Fatal("the sample has no line in the golden table of this test")
			}
			body := read(t, name)
			got, err := event.Parse(body)
			if err != nil {
				t.Fatal(err)
			}
			if got.Kind != want.kind || !slices.Equal(ids(got.Resources), want.ids) {
				t.Errorf("got %s %v, want %s %v", got.Kind, ids(got.Resources), want.kind, want.ids)
			}
			var env envelope
			if err := json.Unmarshal(body, &env); err != nil {
				t.Fatal(err)
			}
			if got.Kind == event.KindInventory && got.Source == "aws.s3" { // its key tells whose machine it is of
				env.Account, env.Region = "210987654321", "eu-central-1"
			}
			if got := (envelope{got.ID, got.Source, got.Account, got.Region, got.DetailType, got.Time}); got != env {
				t.Errorf("envelope: got %+v, want %+v", got, env)
			}
		})
	}
	if seen != len(golden) {
		t.Errorf("%d samples and %d lines in the golden table: a line has no sample", seen, len(golden))
	}
}

func TestParseMalformedSamples(t *testing.T) {
	seen := 0
	for _, name := range events.Names() {
		rule, ok := strings.CutPrefix(name, "malformed/")
		if !ok {
			continue
		}
		seen++
		t.Run(rule, func(t *testing.T) {
			want, ok := malformed[rule]
			if !ok {
				t.Fatal("the sample has no line in the table of this test")
			}
			body := read(t, name)
			got := mustRefuse(t, body)
			var env struct{ ID string }
			if json.Unmarshal(body, &env) == nil && want.Place != "id" && want.Place != "body" {
				want.EventID = env.ID
			}
			if *got != want {
				t.Errorf("got  %+v\nwant %+v", *got, want)
			}
		})
	}
	if seen != len(malformed) {
		t.Errorf("%d samples and %d lines in the table: a line has no sample", seen, len(malformed))
	}
}

func mustRefuse(t *testing.T, body []byte) *event.Malformed {
	t.Helper()
	e, err := event.Parse(body)
	var m *event.Malformed
	if !errors.As(err, &m) {
		t.Fatalf("got %+v and error %v, want *event.Malformed", e, err)
	}
	return m
}

func TestErrorText(t *testing.T) {
	got := mustRefuse(t, read(t, "malformed/bad-instance-id")).Error()
	want := `event 7bf73129-1428-4cd3-a780-00db273d16e4: detail.instance-id: ` +
		`"../../etc" is not an EC2 instance id (want i- and 8 to 17 hex digits)`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	got = mustRefuse(t, nil).Error()
	if want = "event without id: body: is empty (want one EventBridge event as JSON)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestErrorIsSafeForLogs gives values that would break or flood a log line.
func TestErrorIsSafeForLogs(t *testing.T) {
	for _, value := range []string{
		strings.Repeat("x", 100_000), strings.Repeat("\x00", 90), "i-1\n\x1b[31mred", strings.Repeat("ÿ", 200), "\u202eevil",
	} {
		text := mustRefuse(t, with(t, "detail.instance-id", value)).Error()
		if len(text) > 300 {
			t.Errorf("%d bytes: %s", len(text), text)
		}
		for _, r := range text {
			if r != '…' && (r < ' ' || r > '~') {
				t.Errorf("%U in %q", r, text)
			}
		}
	}
}

// with returns the body of a running instance with one value changed. A nil
// value removes it. The place is a key, or "detail." and a key.
func with(tb testing.TB, place string, value any) []byte {
	tb.Helper()
	return edit(tb, "ec2/instance-state-change/running", place, value)
}

func edit(tb testing.TB, sample, place string, value any) []byte {
	tb.Helper()
	var top map[string]any
	if err := json.Unmarshal(read(tb, sample), &top); err != nil {
		tb.Fatal(err)
	}
	object := top
	if key, ok := strings.CutPrefix(place, "detail."); ok {
		object, place = top["detail"].(map[string]any), key
	}
	if value == nil {
		delete(object, place)
	} else {
		object[place] = value
	}
	body, err := json.Marshal(top)
	if err != nil {
		tb.Fatal(err)
	}
	return body
}

func TestEnvelope(t *testing.T) {
	tests := []struct {
		name, place string
		value       any
		want        string // the place of the error, "" for none
	}{
		{"version as a number", "version", 0, "version"},
		{"version missing", "version", nil, "version"},
		{"key in the wrong case", "ID", "other", ""},
		{"id empty", "id", "", "id"},
		{"id of 128", "id", strings.Repeat("é", 128), ""},
		{"id of 129", "id", strings.Repeat("e", 129), "id"},
		{"id with a line break", "id", "a\r\nb", "id"},
		{"account with letters", "account", "12345678901a", "account"},
		{"account as a number", "account", 123456789012, "account"},
		{"source empty", "source", "", "source"},
		{"source too long", "source", strings.Repeat("a", 257), "source"},
		{"detail-type missing", "detail-type", nil, "detail-type"},
		{"region of China", "region", "cn-northwest-1", ""},
		{"region of GovCloud", "region", "us-gov-east-1", ""},
		{"region of an isolated partition", "region", "eu-isoe-west-1", ""},
		{"region upper case", "region", "US-EAST-1", "region"},
		{"region is a zone", "region", "us-east-1a", "region"},
		{"region with two hyphens", "region", "us--east-1", "region"},
		{"region without a word", "region", "us-1", "region"},
		{"region with a path", "region", "us-../-1", "region"},
		{"region that starts with a digit", "region", "1s-east-1", "region"},
		{"region with ten", "region", "us-east-10", "region"},
		{"time with a zone", "time", "2026-03-11T22:30:03+01:00", ""},
		{"time with a fraction", "time", "2026-03-11T21:30:03.999Z", ""},
		{"time without a zone", "time", "2026-03-11T21:30:03", "time"},
		{"time that never was", "time", "2026-02-30T21:30:03Z", "time"},
		{"time of five-digit year in UTC", "time", "9999-12-31T23:59:59-01:00", "time"},
		{"detail null", "detail", json.RawMessage("null"), "detail"},
		{"detail a list", "detail", []string{}, "detail"},
		{"resources missing", "resources", nil, ""},
		{"unknown detail-type", "detail-type", "EC2 Something New", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body := with(t, tt.place, tt.value)
			if tt.want != "" {
				if m := mustRefuse(t, body); m.Place != tt.want {
					t.Errorf("refused at %s (%v), want %s", m.Place, m, tt.want)
				}
				return
			}
			if _, err := event.Parse(body); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestBody gives bodies that are JSON and no event.
func TestBody(t *testing.T) {
	for _, body := range []string{"null", "7", `"text"`, " \n", `{"version":"0"`, "{} {}", "\xff"} {
		if m := mustRefuse(t, []byte(body)); m.Place != "body" {
			t.Errorf("%q: refused at %s, want body", body, m.Place)
		}
	}
	if m := mustRefuse(t, []byte("{}")); m.Place != "id" {
		t.Errorf("{}: refused at %s, want id", m.Place)
	}
	if m := mustRefuse(t, []byte("{\"id\":\"a\xff\"}")); m.Place != "id" {
		t.Errorf("invalid UTF-8: refused at %s, want id", m.Place)
	}
}

func TestTime(t *testing.T) {
	want := time.Date(2026, 3, 11, 21, 30, 3, 0, time.UTC)
	for _, text := range []string{"2026-03-11T21:30:03Z", "2026-03-11T22:30:03+01:00", "2026-03-11T21:30:03.999Z"} {
		got, err := event.Parse(with(t, "time", text))
		if err != nil || got.Time != want {
			t.Errorf("%s: got %v, %v, want %v", text, got.Time, err, want)
		}
	}
}

func TestIDs(t *testing.T) {
	tests := map[string]bool{
		"i-12345678": true, "i-1234567890abcdef0": true,
		"": false, "i-": false, "i-1234567": false, "i-1234567890abcdef01": false, "i-1234567g": false,
		"i-1234567A": false, "h-12345678": false, "mi-12345678": false, "I-12345678": false, " i-12345678": false,
		"i-12345678\n": false, "i-1234567٣": false,
	}
	for id, ok := range tests {
		_, err := event.Parse(with(t, "detail.instance-id", id))
		if (err == nil) != ok {
			t.Errorf("%q: error %v, want accepted %v", id, err, ok)
		}
	}
}

func TestUnknownIsNoError(t *testing.T) {
	for _, body := range [][]byte{
		with(t, "source", "com.example"),
		with(t, "detail-type", "EC2 Something New"),
		edit(t, "cloudtrail/run-instances", "detail.eventName", "CreateVolume"),
		edit(t, "cloudtrail/run-instances", "detail.eventSource", "lambda.amazonaws.com"),
		edit(t, "cloudtrail/run-instances", "detail.errorCode", "Client.DryRunOperation"),
		edit(t, "cloudtrail/run-instances", "detail.responseElements", nil), // left out as too large
		edit(t, "cloudtrail/run-instances", "detail.responseElements", json.RawMessage("null")),
		edit(t, "ssm/instance-association-state-change/success", "detail.document-name", "AWS-RunPatchBaseline"),
	} {
		e, err := event.Parse(body)
		if err != nil || e.Kind != event.KindUnknown || len(e.Resources) != 0 {
			t.Errorf("got %s %v, %v, want unknown: %s", e.Kind, e.Resources, err, body)
		}
	}
}

func TestMalformedDetail(t *testing.T) {
	tests := []struct {
		sample, place string
		value         any
		want          string
	}{
		{"ec2/instance-state-change/running", "detail.instance-id", 7, "detail.instance-id"},
		{"ec2/instance-state-change/running", "detail.state", nil, "detail.state"},
		{"ec2/spot-interruption-warning/stop", "detail.instance-id", nil, "detail.instance-id"},
		{"ec2/ami-state-change/available", "detail.ImageId", "ami-", "detail.ImageId"},
		{"autoscaling/launch-successful", "detail.EC2InstanceId", "", "detail.EC2InstanceId"},
		{hooked, "detail.EC2InstanceId", nil, "detail.EC2InstanceId"},
		{hooked, "detail.LifecycleActionToken", nil, "detail.LifecycleActionToken"},
		{hooked, "detail.LifecycleActionToken", "87654321-4321-4321-4321-21098765432Z", "detail.LifecycleActionToken"},
		{hooked, "detail.AutoScalingGroupName", strings.Repeat("g", 256), "detail.AutoScalingGroupName"},
		{hooked, "detail.LifecycleHookName", "a hook", "detail.LifecycleHookName"},
		{hooked, "detail.LifecycleTransition", "autoscaling:EC2_INSTANCE_TERMINATING", "detail.LifecycleTransition"},
		{hooked, "detail.Origin", "Moon", "detail.Origin"},
		{hooked, "detail.Destination", 7, "detail.Destination"},
		{"ssm/instance-association-state-change/success", "detail.instance-id", "x", "detail.instance-id"},
		{"cloudtrail/run-instances", "detail.eventName", nil, "detail.eventName"},
		{"cloudtrail/modify-instance-attribute", "detail.requestParameters", nil, "detail.requestParameters.instanceId"},
		{"cloudtrail/modify-hosts", "detail.requestParameters", map[string]any{}, "detail.requestParameters.hostIdSet.items.hostId"},
		{"cloudtrail/create-tags", "detail.requestParameters", nil, "detail.requestParameters.resourcesSet.items.resourceId"},
	}
	for _, tt := range tests {
		if m := mustRefuse(t, edit(t, tt.sample, tt.place, tt.value)); m.Place != tt.want {
			t.Errorf("%s without %s: refused at %s, want %s", tt.sample, tt.place, m.Place, tt.want)
		}
	}
}

const hooked = "autoscaling/launch-lifecycle-action/into-service"

func TestLifecycleAction(t *testing.T) {
	token := "87654321-4321-4321-4321-210987654321"
	for _, tt := range []struct {
		name string
		body []byte
		want event.LifecycleAction
	}{
		{"a launch", read(t, hooked), event.LifecycleAction{Token: token, Group: "my-asg", Hook: "licenseguard-launch", Origin: event.PlaceEC2, Destination: event.PlaceGroup}},
		{"of before warm pools", edit(t, hooked, "detail.Origin", nil), event.LifecycleAction{Token: token, Group: "my-asg", Hook: "licenseguard-launch", Origin: event.PlaceEC2, Destination: event.PlaceGroup}},
		{"into a warm pool", read(t, "autoscaling/launch-lifecycle-action/into-warm-pool"),
			event.LifecycleAction{Token: token, Group: "my-asg", Hook: "licenseguard-launch", Origin: event.PlaceEC2, Destination: event.PlaceWarmPool}},
		{"no hook at all", read(t, "autoscaling/launch-successful"), event.LifecycleAction{}},
	} {
		if e, err := event.Parse(tt.body); err != nil || e.Action != tt.want {
			t.Errorf("%s: got %+v, %v, want %+v", tt.name, e.Action, err, tt.want)
		}
	}
}

// tags returns the body of a call that changed the tags of these resources.
func tags(t *testing.T, ids ...string) []byte {
	t.Helper()
	var items []any
	for _, id := range ids {
		items = append(items, map[string]any{"resourceId": id})
	}
	return edit(t, "cloudtrail/create-tags", "detail.requestParameters",
		map[string]any{"resourcesSet": map[string]any{"items": items}})
}

func TestHintsAreListedOnce(t *testing.T) {
	e, err := event.Parse(tags(t, instance, "vol-12345678", host, instance, host))
	if want := []string{instance, host}; err != nil || !slices.Equal(ids(e.Resources), want) {
		t.Errorf("got %v, %v, want %v", e.Resources, err, want)
	}
}

func TestKindOfTags(t *testing.T) {
	tests := []struct {
		ids  []string
		want event.Kind
	}{
		{[]string{image, host, instance}, event.KindInstanceChanged},
		{[]string{image, host}, event.KindHostChanged},
		{[]string{image}, event.KindAMIState},
		{[]string{"vol-12345678", "i-nothex"}, event.KindUnknown},
	}
	for _, tt := range tests {
		if e, err := event.Parse(tags(t, tt.ids...)); err != nil || e.Kind != tt.want {
			t.Errorf("%v: got %s, %v, want %s", tt.ids, e.Kind, err, tt.want)
		}
	}
}

func TestMostHints(t *testing.T) {
	many := make([]string, event.MaxHints+1)
	for i := range many {
		many[i] = "i-" + strconv.FormatInt(0x10000000+int64(i), 16)
	}
	e, err := event.Parse(tags(t, many[:event.MaxHints]...))
	if err != nil || len(e.Resources) != event.MaxHints {
		t.Errorf("got %d hints, %v, want %d", len(e.Resources), err, event.MaxHints)
	}
	if m := mustRefuse(t, tags(t, many...)); m.Place != "detail.requestParameters.resourcesSet.items[1000].resourceId" {
		t.Errorf("refused at %s", m.Place)
	}
}

func TestLargeBody(t *testing.T) {
	m := mustRefuse(t, with(t, "detail.padding", strings.Repeat("x", 300_000)))
	if m.Place != "body" || !strings.Contains(m.Reason, "want at most 262144") {
		t.Errorf("got %v", m)
	}
	room := event.MaxSize - len(with(t, "detail.padding", "x")) + 1
	if _, err := event.Parse(with(t, "detail.padding", strings.Repeat("x", room))); err != nil {
		t.Errorf("a body of the largest size: %v", err)
	}
	mustRefuse(t, with(t, "detail.padding", strings.Repeat("x", room+1)))
}

func TestDepth(t *testing.T) {
	nested := func(levels int) json.RawMessage {
		return json.RawMessage(strings.Repeat("[", levels) + strings.Repeat("]", levels))
	}
	if _, err := event.Parse(with(t, "detail.nested", nested(62))); err != nil {
		t.Errorf("64 levels: %v", err)
	}
	mustRefuse(t, with(t, "detail.nested", nested(63)))
	if _, err := event.Parse(with(t, "detail.text", strings.Repeat(`[{"\`, 100))); err != nil {
		t.Errorf("brackets in a string: %v", err)
	}
}

func BenchmarkParseInstanceState(b *testing.B) {
	body := read(b, "ec2/instance-state-change/running")
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := event.Parse(body); err != nil {
			b.Fatal(err)
		}
	}
}

// TestOrigins: what the record of a call tells of an image's origin, and nothing that is
// no id.
func TestOrigins(t *testing.T) {
	t.Parallel()
	body := func(name string) []byte {
		data, err := events.Read(name)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	for _, test := range []struct {
		name string
		body []byte
		want event.Origin
	}{
		{"a copy", body("cloudtrail/copy-image"), event.Origin{Call: "CopyImage", Image: "ami-0aaaaaaaaaaaaaaa1", Region: "us-east-1"}},
		{"of an instance", body("cloudtrail/create-image"), event.Origin{Call: "CreateImage", Instance: instance}},
		{"of a snapshot", body("cloudtrail/register-image"), event.Origin{Call: "RegisterImage"}},
		{"deregistered", body("cloudtrail/deregister-image"), event.Origin{}},
		{"no source", edit(t, "cloudtrail/copy-image", "detail.requestParameters", nil), event.Origin{Call: "CopyImage"}},
		{"no ids", edit(t, "cloudtrail/copy-image", "detail.requestParameters", map[string]any{"sourceImageId": "ami-*", "sourceRegion": "?", "instanceId": 7}), event.Origin{Call: "CopyImage"}},
	} {
		e, err := event.Parse(test.body)
		if err != nil || len(e.Resources) != 1 || e.Resources[0].From != test.want {
			t.Errorf("%s: %+v, %v; want %+v", test.name, e.Resources, err, test.want)
		}
	}
}
