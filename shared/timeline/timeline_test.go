package timeline

import (
	"testing"
	"time"

	"licenseguard/shared/publish"
	"licenseguard/shared/timeline/yeartest"
)

// month plays a month of one license.
func month(t *testing.T, seed uint64, instances int) (*yeartest.Year, *yeartest.License, *Timeline) {
	t.Helper()
	y, err := yeartest.Fleet{Seed: seed, Licenses: 1, Instances: instances, Span: 30 * 24 * time.Hour}.Play()
	if err != nil {
		t.Fatal(err)
	}
	return y, y.Licenses[0], read(t, y)
}

// TestKnownEqualsTheLedger: what was known at an instant is what the ledger said
// then.
func TestKnownEqualsTheLedger(t *testing.T) {
	t.Parallel()
	_, l, line := month(t, 8, 60)
	restated := 0
	for i := range l.Log {
		r := &l.Log[i]
		if i+1 < len(l.Log) && l.Log[i+1].Revision == r.Revision {
			continue
		}
		recorded, _ := time.Parse(layout, r.RecordedAt)
		if i+1 < len(l.Log) && l.Log[i+1].RecordedAt == r.RecordedAt {
			continue // two commits in one millisecond
		}
		all := line.Positions(recorded, recorded)
		if len(all) != 1 {
			t.Fatalf("revision %d, row %d: %+v", r.Revision, i, r)
		}
		got := all[0]
		if got.Deployed != r.Deployed || got.Covered != r.Covered || got.Revision != r.Revision {
			t.Fatalf("revision %d: %+v, the log says %d deployed, %d covered", r.Revision, got, r.Deployed, r.Covered)
		}
		if now := line.Positions(recorded, time.Time{})[0]; now.AsKnownThen != nil {
			restated++
			if *now.AsKnownThen != r.Deployed || *now.AsKnownThen == now.Deployed {
				t.Errorf("revision %d: as known then %d, the log says %d", r.Revision, *now.AsKnownThen, r.Deployed)
			}
		}
	}
	if restated == 0 {
		t.Error("nothing was ever restated, though every event came late")
	}
}

func TestGapsAndBadRows(t *testing.T) {
	t.Parallel()
	good := publish.Row{LicenseID: "lic-a", Revision: 1, RecordedAt: "2026-01-01 00:00:00.000", HappenedAt: "2026-01-01 00:00:00.000"}
	for what, change := range map[string]func(*publish.Row){
		"recorded": func(r *publish.Row) { r.RecordedAt = "yesterday" }, "happened": func(r *publish.Row) { r.HappenedAt = "" },
		"revision": func(r *publish.Row) { r.Revision = 0 }, "licenses": func(r *publish.Row) { r.Licenses = -1 },
	} {
		r := good
		change(&r)
		if err := New().Add(&r); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
	line := New()
	for _, revision := range []int64{9, 3, 4, 2} {
		r := good
		r.Revision = revision
		if err := line.Add(&r); err != nil {
			t.Fatal(err)
		}
	}
	gaps := line.Gaps()
	if len(gaps) != 2 || gaps[0].From != 1 || gaps[0].To != 1 || gaps[1].From != 5 || gaps[1].To != 8 {
		t.Errorf("gaps %+v", gaps)
	}
	if _, err := line.Peaks("week", yeartest.Begin, yeartest.Begin.Add(time.Hour)); err == nil {
		t.Error("a period that is none")
	}
	if _, err := line.Peaks(Daily, yeartest.Begin, yeartest.Begin); err == nil {
		t.Error("an empty span")
	}
}

// TestSeriesEqualsTheTruth: each point is the truth at its instant, and the instant
// before the next.
func TestSeriesEqualsTheTruth(t *testing.T) {
	t.Parallel()
	y, l, line := month(t, 11, 40)
	from := y.Begin.Add(3 * 24 * time.Hour)
	points := line.Series(l.ID, from, y.End)
	if len(points) < 50 || !points[0].At.Equal(from) {
		t.Fatalf("%d points from %v", len(points), points[:1])
	}
	for i, point := range points {
		last := y.End.Add(-time.Millisecond)
		if i+1 < len(points) {
			last = points[i+1].At.Add(-time.Millisecond)
		}
		for _, at := range []time.Time{point.At, last} {
			if want := l.Deployed(at); point.Deployed != want || *point.Count != *l.CountAt(at) {
				t.Errorf("at %s: %d of %d, the truth is %d of %d", at, point.Deployed, *point.Count, want, *l.CountAt(at))
			}
		}
	}
	if got := New().Series("lic-none", y.Begin, y.End); got != nil {
		t.Errorf("of no license %v", got)
	}
}
