package ledger_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// TestChangeTellsWhatAPersonChanged: each field, but for the text that people write of
// themselves, for the log is sealed; what counting does has no such text.
func TestChangeTellsWhatAPersonChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *license.Configuration) { c.Count = licenses(3) }).after(time.Hour)
	if r := w.see(w.launched(1, w.now)); r.Change.What != "" || r.Change.Vendor != "" {
		t.Errorf("a launch tells %q of %q", r.Change.What, r.Change.Vendor)
	}
	r := w.after(time.Hour).amend(func(c *license.Configuration) {
		c.Count, c.Vendor, c.Description, c.Tags = licenses(5), "Oracle", "ask alice", map[string]string{"owner": "alice@example.com"}
	})
	same(t, "what", "vendor: – → Oracle; licenseCount: 3 → 5", r.Change.What)
	same(t, "vendor", "Oracle", r.Change.Vendor)
	note := license.Annotation{Resource: id(1), From: w.now.Add(-time.Hour), Until: w.now, Kind: license.Clone, Reason: "asked by alice", Approver: "eve"}
	c, err := w.l.Configuration.WithAnnotation(note, w.now, "bob")
	if err != nil {
		t.Fatal(err)
	}
	what := w.fold(ledger.Batch{Configuration: &c, By: "bob"}).Change.What
	if !strings.Contains(what, "annotations: – → ") || strings.Contains(what, "alice") || strings.Contains(what, "eve") || strings.Contains(what, "bob") {
		t.Errorf("an annotation is told as %q", what)
	}
	long := w.amend(func(c *license.Configuration) {
		for n := range 400 {
			c.Associations = append(c.Associations, license.Association{Kind: license.ByTag, Value: fmt.Sprintf("k%d=é%d", n, n)})
		}
	}).Change.What
	if len(long) > 4100 || !utf8.ValidString(long) || !strings.HasSuffix(long, " …") {
		t.Errorf("%d bytes are told, valid %v", len(long), utf8.ValidString(long))
	}
}
