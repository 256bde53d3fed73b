package event_test

import (
	"strings"
	"testing"

	"licenseguard/shared/event"
)

// TestInventoryObjects: a bucket may hold anything; only a key of the documented form
// is a hint, and what is not is passed, never malformed.
func TestInventoryObjects(t *testing.T) {
	const tail = "/accountid=123456789012/region=us-east-1/resourcetype=ManagedInstanceInventory/i-0123456789abcdef0.json"
	tests := map[string]struct {
		object any
		want   bool
	}{
		"without a prefix":    {map[string]any{"key": "AWS:Application" + tail}, true},
		"with a prefix":       {map[string]any{"key": "a/b/c/AWS:InstanceDetailedInformation" + tail}, true},
		"encoded":             {map[string]any{"key": "AWS%3AApplication" + strings.ReplaceAll(tail, "=", "%3D")}, true},
		"wrongly encoded":     {map[string]any{"key": "AWS%3AApplication%zz" + tail}, false},
		"another type":        {map[string]any{"key": "AWS:Network" + tail}, false},
		"another account":     {map[string]any{"key": "AWS:Application" + strings.Replace(tail, "123456789012", "../..", 1)}, false},
		"another Region":      {map[string]any{"key": "AWS:Application" + strings.Replace(tail, "us-east-1", "nowhere", 1)}, false},
		"another machine":     {map[string]any{"key": "AWS:Application" + strings.Replace(tail, "i-0123456789abcdef0", "db-1", 1)}, false},
		"another kind":        {map[string]any{"key": "AWS:Application" + strings.Replace(tail, ".json", ".csv", 1)}, false},
		"an empty key":        {map[string]any{"key": ""}, false},
		"no key":              {map[string]any{}, false},
		"a key of a number":   {map[string]any{"key": 7}, false},
		"an object of a text": {"AWS:Application" + tail, false},
		"none":                {nil, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e, err := event.Parse(edit(t, "s3/resource-data-sync/application", "detail.object", tt.object))
			if err != nil {
				t.Fatal(err)
			}
			if (e.Kind == event.KindInventory) != tt.want {
				t.Fatalf("%s %+v", e.Kind, e.Resources)
			}
			if tt.want && (e.Account != "123456789012" || e.Region != "us-east-1" || !e.Resources[0].Inventory) {
				t.Errorf("%+v", e)
			}
		})
	}
}

// TestNodes: the details of the two events are documented nowhere.
func TestNodes(t *testing.T) {
	const id = "mi-0123456789abcdef0"
	for name, tt := range map[string]struct {
		place string
		value any
		want  int
	}{
		"in the detail and the resources": {"detail.x", nil, 1},
		"another machine below":           {"detail.nodes", []any{map[string]any{"arn": "arn:aws:ssm:us-east-1:123456789012:managed-instance/mi-0fedcba9876543210"}}, 2},
		"only in the resources":           {"detail", map[string]any{"a": 1}, 1},
		"only in the detail":              {"resources", "none", 1},
	} {
		e, err := event.Parse(edit(t, "ssm/managed-instance/registered", tt.place, tt.value))
		if err != nil || e.Kind != event.KindNode || len(e.Resources) != tt.want {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
	}
	e, err := event.Parse([]byte(strings.ReplaceAll(string(read(t, "ssm/managed-instance/registered")), id, "nobody")))
	if err != nil || e.Kind != event.KindUnknown {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestInventoryNote(t *testing.T) {
	e, err := event.Parse(edit(t, "ssm/inventory-resource-state-change/put-failed", "detail.action-reason", "outdated\x1b[31m"))
	if err != nil || len(e.Resources) != 1 || e.Resources[0].Note != "inventory type AWS:Application: put failed: outdated [31m" {
		t.Errorf("%+v, %v", e, err)
	}
}
