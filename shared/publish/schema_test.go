package publish_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"licenseguard/events/schema"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/publish"
)

// details are the types of which the schemas speak.
var details = map[string]reflect.Type{
	publish.DetailUsage: reflect.TypeFor[publish.Usage](),
	publish.DetailAlert: reflect.TypeFor[publish.AlertDetail](),
}

func published(t *testing.T, detailType string) any {
	t.Helper()
	data, err := schema.Of(detailType)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func compiled(t *testing.T, detailType string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource(detailType, published(t, detailType)); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(detailType)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func parsed(t *testing.T, text string) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestEventsKeepTheirSchemas: what the publisher puts on the bus, and what it
// sends to queues, is as events/schema says, whatever the alert.
func TestEventsKeepTheirSchemas(t *testing.T) {
	t.Parallel()
	o := newOutside()
	p := publisher(o, &bytes.Buffer{})
	p.Facts = &facts{}
	list := changes()
	if err := p.Changes(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	for _, body := range o.alerts {
		if err := p.DeliverAlert(t.Context(), []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	for _, body := range o.events {
		if err := p.DeliverEvent(t.Context(), []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	schemas := map[string]*jsonschema.Schema{}
	for detailType := range details {
		schemas[detailType] = compiled(t, detailType)
	}
	seen := map[string]int{}
	for _, e := range o.put {
		seen[e.detailType]++
		if err := schemas[e.detailType].Validate(parsed(t, e.detail)); err != nil {
			t.Errorf("%s\n%s\n%v", e.detailType, e.detail, err)
		}
	}
	for _, s := range o.sent {
		for _, protocol := range []string{"sqs", "lambda"} {
			if err := schemas[publish.DetailAlert].Validate(parsed(t, s.texts[protocol])); err != nil {
				t.Errorf("to %s\n%s\n%v", protocol, s.texts[protocol], err)
			}
		}
	}
	want := map[string]int{publish.DetailAlert: len(alerts())}
	for _, c := range list {
		if c.License != "enforcement" {
			want[publish.DetailUsage]++
		}
	}
	if !maps.Equal(seen, want) || len(o.sent) != len(alerts()) {
		t.Errorf("events %v and %d messages, want %v and as many messages as alerts", seen, len(o.sent), want)
	}
}

// changes raise each of the alerts, and have resources of every verdict.
func changes() (list []*ledger.Change) {
	all := alerts()
	for i, name := range slices.Sorted(maps.Keys(all)) {
		a := all[name]
		c := change(int64(i + 1))
		c.ARN, c.Counting, c.Count, c.Hard, c.Mode, c.After, c.Expiry, c.By = a.ARN, a.Counting, a.Count, a.Hard, a.Mode, a.Totals, a.Expiry, a.By
		c.Name, c.Alerts = a.Name, []ledger.Alert{{ID: name, Kind: a.Kind, Threshold: a.Threshold, Resources: a.Resources, Stops: a.Stops, Tags: a.Tags, Why: a.Why}}
		if a.Kind == ledger.AlertHeld || a.Kind == ledger.AlertSuspended {
			c.License = a.License
		}
		list = append(list, c)
	}
	verdicts, many, tracked := change(101), change(102), change(103)
	for _, v := range []ledger.Verdict{ledger.Covered, ledger.Over, ledger.Broken, ledger.Tracked, ledger.Ignored, ledger.Released, ""} {
		verdicts.Deltas = append(verdicts.Deltas, ledger.Delta{Resource: license.NewResourceID("123456789012", "us-east-1", "h-0123456789abcdef0"), From: v, To: v})
	}
	for range 500 {
		many.Deltas = append(many.Deltas, many.Deltas[0])
	}
	tracked.Count, tracked.Deltas = nil, nil
	for _, c := range []*ledger.Change{verdicts, many, tracked} {
		c.Alerts = nil
		list = append(list, c)
	}
	return list
}

// TestSchemasNameWhatTheCodeHas: every field of the code, no other, each with
// words for people.
func TestSchemasNameWhatTheCodeHas(t *testing.T) {
	t.Parallel()
	for detailType, of := range details {
		sameNames(t, detailType, published(t, detailType).(map[string]any), of)
	}
	if _, err := schema.Of("License Unknown"); err == nil {
		t.Error("a schema of nothing")
	}
	entries, err := filepath.Glob("../../events/schema/*.json")
	if err != nil || len(entries) != len(details) {
		t.Errorf("schemas %v, %v; want one for each of %d events", entries, err, len(details))
	}
}

func sameNames(t *testing.T, place string, s map[string]any, of reflect.Type) {
	t.Helper()
	if s["additionalProperties"] != false || s["description"] == nil {
		t.Errorf("%s takes unknown properties, or says nothing", place)
	}
	properties := s["properties"].(map[string]any)
	var required []string
	for i := range of.NumField() {
		f := of.Field(i)
		inner, ok := properties[f.Name].(map[string]any)
		if !ok || inner["description"] == nil {
			t.Errorf("%s.%s is not in the schema, or without words", place, f.Name)
			continue
		}
		if tag := f.Tag.Get("json"); !strings.Contains(tag, "omit") {
			required = append(required, f.Name)
		}
		switch kind := f.Type; {
		case kind.Kind() == reflect.Slice:
			sameNames(t, place+"."+f.Name, inner["items"].(map[string]any), kind.Elem())
		case kind.Kind() == reflect.Pointer && kind.Elem().Kind() == reflect.Struct:
			sameNames(t, place+"."+f.Name, inner, kind.Elem())
		}
	}
	if len(properties) != of.NumField() {
		t.Errorf("%s has %d properties in the schema and %d in the code", place, len(properties), of.NumField())
	}
	var stated []string
	for _, name := range s["required"].([]any) {
		stated = append(stated, name.(string))
	}
	slices.Sort(stated)
	slices.Sort(required)
	if !slices.Equal(stated, required) {
		t.Errorf("%s requires %v in the schema and %v in the code", place, stated, required)
	}
}

// TestSchemasRefuse what is not theirs.
func TestSchemasRefuse(t *testing.T) {
	t.Parallel()
	s := compiled(t, publish.DetailAlert)
	good := deliver(t, alerts()["limit-exceeded"], &facts{}).texts["sqs"]
	if err := s.Validate(parsed(t, good)); err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]func(map[string]any){
		"an unknown property": func(d map[string]any) { d["New"] = 1 },
		"… of the license":    func(d map[string]any) { d["License"].(map[string]any)["New"] = 1 },
		"… of an instance":    func(d map[string]any) { d["Instances"].([]any)[0].(map[string]any)["New"] = 1 },
		"an unknown kind":     func(d map[string]any) { d["Kind"] = "new" },
		"no id":               func(d map[string]any) { delete(d, "AlertID") },
		"no time":             func(d map[string]any) { d["RaisedAt"] = "yesterday" },
		"a number as text":    func(d map[string]any) { d["License"].(map[string]any)["OverLicenses"] = "8" },
	} {
		var d map[string]any
		if err := json.Unmarshal([]byte(good), &d); err != nil {
			t.Fatal(err)
		}
		edit(d)
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		if s.Validate(parsed(t, string(text))) == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
