package snapshot_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"licenseguard/shared/snapshot"
	"licenseguard/shared/track"
)

// TestCoverageOf: a row of each source also where nothing was watched, and whatever an
// error says fits the column.
func TestCoverageOf(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	const at = "2026-11-20 08:00:00.000"
	none := []snapshot.Coverage{
		{ReportDate: "2026-11-20", RecordedAt: at, Source: "snapshot", ObservedFrom: at, ObservedTo: at, UnbrokenMinutes: 110},
		{ReportDate: "2026-11-20", RecordedAt: at, Source: "events", UnbrokenMinutes: 15},
	}
	if diff := cmp.Diff(none, snapshot.CoverageOf(nil, track.Heartbeat{}, now)); diff != "" {
		t.Error(diff)
	}
	rows := snapshot.CoverageOf([]track.Watch{
		{Account: "111111111111", Region: "us-east-1", Complete: now.Add(-time.Minute),
			Unbroken: track.Unbroken{Since: now.Add(-time.Hour), BeforeSince: now.Add(-5 * time.Hour), BeforeLast: now.Add(-4 * time.Hour)}, Instances: 7, Lost: track.Drift{Started: 1, Ended: 2, Changed: 3}},
		{Account: "222222222222", Region: "us-east-1", Complete: now.Add(-2 * time.Hour)}, // kept by an earlier version
		{Account: "333333333333", Region: "us-east-1", Failing: now.Add(-time.Minute), Error: "take the role:\n\x1b[2J" + strings.Repeat("x", 2000)},
	}, track.Heartbeat{Unbroken: track.Unbroken{Since: now.Add(-time.Hour)}, Last: now.Add(-time.Minute)}, now)[1:]
	if r := rows[0]; r.ObservedFrom != "2026-11-20 07:00:00.000" || r.ObservedTo != "2026-11-20 07:59:00.000" {
		t.Errorf("events %+v", r)
	}
	want := snapshot.Coverage{ReportDate: "2026-11-20", RecordedAt: at, Source: "sweep", AccountID: "111111111111", Region: "us-east-1", ObservedFrom: "2026-11-20 07:00:00.000",
		ObservedTo: "2026-11-20 07:59:00.000", BeforeFrom: "2026-11-20 03:00:00.000", BeforeTo: "2026-11-20 04:00:00.000", UnbrokenMinutes: 110, LostStarted: 1, LostEnded: 2, LostChanged: 3, Instances: 7}
	if diff := cmp.Diff(want, rows[1]); diff != "" {
		t.Error(diff)
	}
	if r := rows[2]; r.ObservedFrom != r.ObservedTo || r.ObservedTo != "2026-11-20 06:00:00.000" {
		t.Errorf("of an earlier version %+v", r)
	}
	if r := rows[3]; r.ObservedFrom != "" || r.ObservedTo != "" || r.FailingSince == "" || len(r.Reason) > 410 || strings.ContainsAny(r.Reason, "\n\x1b") {
		t.Errorf("never seen %+v", r)
	}
}
