package audit

import (
	"encoding/csv"
	"strings"
	"testing"

	"licenseguard/shared/coverage"
	"licenseguard/shared/timeline"
	"licenseguard/shared/track"
)

// TestWhatWasWatchedIsSaid: each gap, with what it means for the licenses of the pack and
// for no other; foreign text stays text; that nothing is known is said, too.
func TestWhatWasWatchedIsSaid(t *testing.T) {
	t.Parallel()
	r := request(t)
	spare, over := int64(3), int64(-4)
	r.Coverage = &coverage.Report{From: r.From, To: r.To, Gaps: []coverage.Gap{
		{Finding: coverage.Break, Source: "sweep", Account: "222222222222", Region: hostile, From: from, To: from.AddDate(0, 0, 1), Why: hostile, Unknown: "what began and ended inside",
			Worst: []timeline.Bounds{{ID: "lic-a", Name: hostile, Certain: 5, Highest: 7, Found: 2, Spare: &spare}, {ID: "lic-other", Name: "not asked for", Highest: 99}}},
		{Finding: coverage.LostEvents, Source: "events", From: from, To: from.AddDate(0, 0, 2), Why: "a sweep found", Unknown: "u", Lost: track.Drift{Started: 1, Ended: 2, Changed: 3},
			Worst: []timeline.Bounds{{ID: "lic-a", Highest: 14, Spare: &over}}},
		{Finding: coverage.NoSnapshots, Source: "snapshot", From: from, To: from.AddDate(0, 0, 3), Why: "no snapshot was written", Unknown: "nothing is unknown by this alone"},
	}}
	p, err := Make(r)
	if err != nil {
		t.Fatal(err)
	}
	files := open(t, p)
	page := files["index.html"]
	for _, want := range []string{"3 times not all was watched", "at least 5, at most 7 on record, 2 of it known only after; with 3 more, unseen, the count was kept.", "over the count by 4",
		"1 started, 2 ended, 3 changed", "24 h 00 min", "222222222222", ">nothing is unknown by this alone.<", "coverage.csv"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(page, "<script") || strings.Contains(page, "not asked for") {
		t.Error("foreign text became markup, or a license is told that was not asked for")
	}
	rows, err := csv.NewReader(strings.NewReader(files["coverage.csv"])).ReadAll()
	if err != nil || len(rows) != 1+2*2+1 {
		t.Fatalf("%d rows, %v: want two licenses of two gaps, and one of the snapshots", len(rows)-1, err)
	}
	want := "gap,sweep,222222222222," + hostile + ",2026-01-01T00:00:00.000Z,2026-01-02T00:00:00.000Z," + hostile + ",0,0,0,lic-a,5,7,2,3,what began and ended inside"
	if got := strings.Join(rows[1], ","); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}

	r.Coverage = &coverage.Report{From: r.From, To: r.To}
	if p, err = Make(r); err != nil || !strings.Contains(string(p.Page()), "without a break") {
		t.Errorf("nothing is missing: %v", err)
	}
	r.Coverage = nil
	if p, err = Make(r); err != nil || !strings.Contains(string(p.Page()), "was not looked up") {
		t.Errorf("nothing is known: %v", err)
	}
	r.Coverage = &coverage.Report{From: r.From, To: r.To, Gaps: make([]coverage.Gap, shownGaps+2)}
	if p, err = Make(r); err != nil || !strings.Contains(string(p.Page()), "and 2 more: coverage.csv") {
		t.Errorf("many gaps: %v", err)
	}
}
