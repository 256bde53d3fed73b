package snapshot

import (
	"context"
	"time"

	"licenseguard/shared/telemetry"
	"licenseguard/shared/track"
)

// Coverage is what one source had watched of one account and Region when a snapshot was
// written: without a break from ObservedFrom to ObservedTo. A row that comes later, after
// snapshots that are missing, still tells the whole of an unbroken time.
type Coverage struct {
	ReportDate      string `parquet:"report_date"`
	RecordedAt      string `parquet:"recorded_at"`
	Source          string `parquet:"source"`     // sweep, events or snapshot
	AccountID       string `parquet:"account_id"` // "" for events and snapshot: they are of all
	Region          string `parquet:"region"`
	ObservedFrom    string `parquet:"observed_from"` // "": it watched nothing yet
	ObservedTo      string `parquet:"observed_to"`   // of sweeps, when the last one began that saw all
	BeforeFrom      string `parquet:"before_from"`   // the unbroken time before that one; "": there was none
	BeforeTo        string `parquet:"before_to"`
	UnbrokenMinutes int64  `parquet:"unbroken_minutes"` // two looks so far apart, at most, are without a break
	FailingSince    string `parquet:"failing_since"`    // "": the last sweep saw all
	Reason          string `parquet:"reason"`           // why it fails
	// Of all complete sweeps so far, but the first: what they had to correct, in instances,
	// because no event told of it.
	LostStarted int64 `parquet:"lost_started"`
	LostEnded   int64 `parquet:"lost_ended"`
	LostChanged int64 `parquet:"lost_changed"`
	Instances   int64 `parquet:"instances"` // seen by the last complete sweep
}

// The sources of coverage: listings of everything, the events, and the snapshots
// themselves.
const (
	BySweep    = "sweep"
	ByEvents   = "events"
	BySnapshot = "snapshot"
)

// SnapshotsApart is how far apart snapshots may be. They are due every hour; the first
// one that is missing is a gap.
const SnapshotsApart = 110 * time.Minute

// longestReason bounds why something fails, in bytes.
const longestReason = 400

// CoverageOf returns the rows of a snapshot, of sweeps in the order of what they left.
// There is always one of events and one of the snapshot itself.
func CoverageOf(watches []track.Watch, beat track.Heartbeat, now time.Time) []Coverage {
	row := func(source string, u track.Unbroken, to time.Time, apart time.Duration) Coverage {
		return Coverage{ReportDate: now.UTC().Format(time.DateOnly), RecordedAt: stamp(now), Source: source, ObservedFrom: stamp(u.Since), ObservedTo: stamp(to),
			BeforeFrom: stamp(u.BeforeSince), BeforeTo: stamp(u.BeforeLast), UnbrokenMinutes: int64(apart / time.Minute)}
	}
	rows := []Coverage{row(BySnapshot, track.Unbroken{Since: now}, now, SnapshotsApart), row(ByEvents, beat.Unbroken, beat.Last, track.BeatsApart)}
	for i := range watches {
		w := &watches[i]
		series := w.Unbroken
		if series.Since.IsZero() { // it was kept before there was this field
			series.Since = w.Complete
		}
		r := row(BySweep, series, w.Complete, track.SweepsApart)
		r.AccountID, r.Region, r.FailingSince, r.Reason = w.Account, w.Region, stamp(w.Failing), telemetry.Clean(w.Error, longestReason)
		r.LostStarted, r.LostEnded, r.LostChanged = int64(w.Lost.Started), int64(w.Lost.Ended), int64(w.Lost.Changed)
		r.Instances = int64(w.Instances)
		rows = append(rows, r)
	}
	return rows
}

// coverages reads what was watched.
func (s *Snapshotter) coverages(ctx context.Context, now time.Time) ([]Coverage, error) {
	watches, err := track.Watches(ctx, s.Store)
	if err != nil {
		return nil, err
	}
	beat, err := track.LoadHeartbeat(ctx, s.Store)
	if err != nil {
		return nil, err
	}
	return CoverageOf(watches, beat, now), nil
}
