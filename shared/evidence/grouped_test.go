package evidence

import (
	"strings"
	"testing"
)

// TestGroupsOfRows: only a sealer that lies makes such rows; they are found all the same.
func TestGroupsOfRows(t *testing.T) {
	t.Parallel()
	e := &Entry{Groups: []Group{{"g1", []string{"lic-a", "lic-b"}}}}
	v, vendors := &verification{}, map[string]string{"g1": "Oracle"}
	for want, r := range map[string]commitRow{
		"":                                 {License: "lic-a", Vendor: "Oracle", Group: "g1"},
		"of IBM here and of Oracle before": {License: "lic-b", Vendor: "IBM", Group: "g1"},
		"group g1 is not the one":          {License: "lic-c", Vendor: "Oracle", Group: "g1"},
		"group g2 is not the one":          {License: "lic-a", Vendor: "Oracle", Group: "g2"},
		"group  is not the one":            {License: "lic-a", Vendor: "Oracle"},
	} {
		if got := v.grouped(e, r, vendors); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%+v: %q, want %q", r, got, want)
		}
	}
	if got := v.grouped(&Entry{}, commitRow{License: "lic-a"}, vendors); got != "" {
		t.Errorf("a license without a vendor: %q", got)
	}
}
