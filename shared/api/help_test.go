package api_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// equal compares what came over the wire with what should have.
func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	data := marshal(t, want)
	var wire any
	if err := json.Unmarshal(data, &wire); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(wire, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}
