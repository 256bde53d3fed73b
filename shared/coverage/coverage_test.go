package coverage_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"licenseguard/shared/coverage"
	"licenseguard/shared/publish"
	"licenseguard/shared/snapshot"
	"licenseguard/shared/timeline"
	"licenseguard/shared/track"
)

var begin = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)

const (
	one, two = "111111111111", "222222222222"
	region   = "us-east-1"
	layout   = "2006-01-02 15:04:05.000"
)

func at(hours float64) time.Time {
	return begin.Add(time.Duration(hours * float64(time.Hour)).Round(time.Second))
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(layout)
}

// schedule is what runs, minute by minute: sweeps at the full hour, snapshots half an hour
// later, a beat each five minutes.
type schedule struct {
	accounts []string
	down     func(t time.Time) bool                   // nothing runs
	fails    func(account string, t time.Time) string // the sweep does; "-": the account is not swept
	lost     func(account string, t time.Time) track.Drift
	mute     func(t time.Time) bool // no snapshot is written
	deaf     func(t time.Time) bool // no tick comes through
}

// play returns the rows that are left after so many hours.
func (s schedule) play(hours int) (rows []snapshot.Coverage) {
	watches := make([]track.Watch, len(s.accounts))
	var beat track.Heartbeat
	note := func(u *track.Unbroken, last *time.Time, t time.Time, apart time.Duration) {
		if last.IsZero() {
			u.Since = t
		} else if t.Sub(*last) > apart {
			*u = track.Unbroken{Since: t, BeforeSince: u.Since, BeforeLast: *last}
		}
		*last = t
	}
	for minute := range hours * 60 {
		t := begin.Add(time.Duration(minute) * time.Minute)
		if s.down != nil && s.down(t) {
			continue
		}
		if minute%5 == 0 && (s.deaf == nil || !s.deaf(t)) {
			note(&beat.Unbroken, &beat.Last, t, track.BeatsApart)
		}
		for i, account := range s.accounts {
			w, failed := &watches[i], ""
			if s.fails != nil {
				failed = s.fails(account, t)
			}
			if minute%60 != 0 || failed == "-" {
				continue
			}
			w.Account, w.Region, w.Tried = account, region, t
			if failed != "" {
				if w.Error = failed; w.Failing.IsZero() {
					w.Failing = t
				}
				continue
			}
			w.Failing, w.Error = time.Time{}, ""
			note(&w.Unbroken, &w.Complete, t, track.SweepsApart)
			if s.lost != nil {
				w.Lost = w.Lost.Plus(s.lost(account, t))
			}
		}
		if minute%60 == 30 && (s.mute == nil || !s.mute(t)) {
			known := slices.DeleteFunc(slices.Clone(watches), func(w track.Watch) bool { return w.Account == "" })
			rows = append(rows, snapshot.CoverageOf(known, beat, t)...)
		}
	}
	return rows
}

func during(from, to float64) func(time.Time) bool {
	return func(t time.Time) bool { return !t.Before(at(from)) && t.Before(at(to)) }
}

// report makes one of hours of the schedule; the gaps as lines: finding, source, account,
// hours from the beginning.
func report(t *testing.T, rows []snapshot.Coverage, log *timeline.Timeline, from, to float64) (*coverage.Report, []string) {
	t.Helper()
	r, err := coverage.Make(rows, log, at(from), at(to))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, g := range r.Gaps {
		lines = append(lines, fmt.Sprintf("%s: %s %s %.2f-%.2f", g.Finding, g.Source, strings.TrimSpace(g.Account), g.From.Sub(begin).Hours(), g.To.Sub(begin).Hours()))
		if g.Why == "" || g.Unknown == "" {
			t.Errorf("%+v does not say why, or what is not known", g)
		}
	}
	slices.Sort(lines)
	return r, lines
}

// TestGaps: what stood still is found, and nothing else.
func TestGaps(t *testing.T) {
	t.Parallel()
	both := []string{one, two}
	for name, tt := range map[string]struct {
		s        schedule
		from, to float64
		want     []string
		why      string // of the first in the order of time
	}{
		"all is well": {s: schedule{accounts: both}, to: 72},
		"stopped for a day": {s: schedule{accounts: both, down: during(10, 34)}, to: 72, why: "snapshots are missing in that time too",
			want: []string{"gap: events  9.92-34.00", "gap: sweep 111111111111 9.00-34.00", "gap: sweep 222222222222 9.00-34.00", "no snapshot: snapshot  9.50-34.50"}},
		"stopped to the end": {s: schedule{accounts: both, down: during(10, 99)}, to: 72,
			want: []string{"gap to the end: events  9.50-72.00", "gap to the end: sweep 111111111111 9.00-72.00", "gap to the end: sweep 222222222222 9.00-72.00", "no snapshot: snapshot  9.50-72.00"}},
		"unreachable for 7 hours": {s: schedule{accounts: both, fails: func(account string, t time.Time) string {
			if account == two && during(20, 27)(t) {
				return "take the role: AccessDenied"
			}
			return ""
		}}, to: 72, want: []string{"gap: sweep 222222222222 19.00-27.00"}, why: "no sweep saw all of it: take the role: AccessDenied"},
		"unreachable until now": {s: schedule{accounts: both, fails: func(account string, t time.Time) string {
			if account == two && during(20, 99)(t) {
				return "AccessDenied"
			}
			return ""
		}}, to: 72, want: []string{"gap to the end: sweep 222222222222 19.00-72.00"}, why: "AccessDenied"},
		"one sweep is missing": {s: schedule{accounts: both, fails: func(account string, t time.Time) string {
			if during(20, 21)(t) {
				return "-"
			}
			return ""
		}}, to: 72, want: []string{"gap: sweep 111111111111 19.00-21.00", "gap: sweep 222222222222 19.00-21.00"}, why: "the function sweep did not run"},
		"snapshots are missing": {s: schedule{accounts: both, mute: during(30, 36)}, to: 72, want: []string{"no snapshot: snapshot  29.50-36.50"}, why: "no snapshot was written"},
		"deaf for 20 minutes":   {s: schedule{accounts: both, deaf: during(40.05, 40.4)}, to: 72, want: []string{"gap: events  40.00-40.42"}, why: "the function track stood still"},
		"events are lost": {s: schedule{accounts: both, lost: func(account string, t time.Time) (d track.Drift) {
			if account == two && t.Equal(at(12)) {
				d = track.Drift{Started: 2, Ended: 1}
			}
			return d
		}}, to: 72, want: []string{"lost events: events 222222222222 11.00-12.00"}, why: "3 instances that no event had told of: 2 started, 1 ended, 0 changed"},
		"events are lost, and snapshots are missing": {s: schedule{accounts: both, mute: during(10, 14), lost: func(account string, t time.Time) (d track.Drift) {
			if account == two && t.Equal(at(12)) {
				d = track.Drift{Changed: 1}
			}
			return d
		}}, to: 72, want: []string{"lost events: events 222222222222 9.00-14.00", "no snapshot: snapshot  9.50-14.50"}},
		"an account is new": {s: schedule{accounts: both, fails: func(account string, t time.Time) string {
			if account == two && t.Before(at(30)) {
				return "-"
			}
			return ""
		}}, to: 72, want: []string{"not watched yet: sweep 222222222222 0.00-30.00"}, why: "before its first look"},
		"an account is new, and could not be reached": {s: schedule{accounts: both, fails: func(account string, t time.Time) string {
			if account == two && t.Before(at(30)) {
				return "no role"
			}
			return ""
		}}, to: 72, want: []string{"not watched yet: sweep 222222222222 0.00-30.00"}, why: "no role"},
		"an account was never reached": {s: schedule{accounts: both, fails: func(account string, t time.Time) string {
			if account == two {
				return "no role"
			}
			return ""
		}}, to: 72, want: []string{"never watched: sweep 222222222222 0.00-72.00"}, why: "no role"},
		"an account went away": {s: schedule{accounts: both, fails: func(account string, t time.Time) string {
			if account == two && !t.Before(at(30)) {
				return "-"
			}
			return ""
		}}, to: 72, want: []string{"gap to the end: sweep 222222222222 29.00-72.00"}, why: "others were swept in that time"},
		"from before there was anything": {s: schedule{accounts: []string{one}}, from: -10, to: 72, why: "before its first look",
			want: []string{"no snapshot: snapshot  -10.00-0.50", "not watched yet: events  -10.00-0.00", "not watched yet: sweep 111111111111 -10.00-0.00"}},
		"a span inside a gap":     {s: schedule{accounts: []string{one}, down: during(10, 34)}, from: 20, to: 22, want: []string{"gap: events  20.00-22.00", "gap: sweep 111111111111 20.00-22.00", "no snapshot: snapshot  20.00-22.00"}},
		"a span that ends in one": {s: schedule{accounts: []string{one}, deaf: during(10, 34)}, from: 5, to: 22, want: []string{"gap: events  9.92-22.00"}},
		"a span before a gap":     {s: schedule{accounts: []string{one}, down: during(10, 34)}, from: 5, to: 9, want: nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows := tt.s.play(72)
			from := tt.from
			if from == 0 {
				from = 0.5 // the first snapshot
				for i := range tt.want {
					tt.want[i] = strings.ReplaceAll(tt.want[i], " 0.00-", " 0.50-")
				}
			}
			slices.Sort(tt.want)
			r, got := report(t, rows, timeline.New(), from, tt.to)
			if diff := gocmp.Diff(tt.want, got); diff != "" {
				t.Fatalf("(-want +got):\n%s", diff)
			}
			if len(r.Gaps) > 0 && !strings.Contains(r.Gaps[0].Why, tt.why) {
				t.Errorf("why %q, want %q", r.Gaps[0].Why, tt.why)
			}
			shuffled := slices.Clone(rows)
			rand.New(rand.NewPCG(1, 1)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
			for _, rows := range [][]snapshot.Coverage{shuffled, coverage.Thin(shuffled)} {
				again, _ := report(t, rows, timeline.New(), from, tt.to)
				if diff := gocmp.Diff(r, again); diff != "" {
					t.Errorf("in another order, or thinned: %s", diff)
				}
			}
			if thin := coverage.Thin(rows); len(thin) > 72+40 {
				t.Errorf("%d rows are left of %d", len(thin), len(rows))
			}
		})
	}
}

// sweepRow is a row of account one.
func sweepRow(recorded, from, to float64) snapshot.Coverage {
	return snapshot.Coverage{Source: snapshot.BySweep, AccountID: one, Region: region, RecordedAt: stamp(at(recorded)), ObservedFrom: stamp(at(from)), ObservedTo: stamp(at(to)), UnbrokenMinutes: 110}
}

// TestThresholds: two looks just so far apart are without a break; a second more is one.
// Rows that overlap, repeat or lie in one another are one interval.
func TestThresholds(t *testing.T) {
	t.Parallel()
	const second = 1.0 / 3600
	step := track.SweepsApart.Hours()
	snapshots := schedule{}.play(12)
	for name, tt := range map[string]struct {
		rows []snapshot.Coverage
		to   float64
		want []string
	}{
		"just so far":                        {rows: []snapshot.Coverage{sweepRow(3, 1, 3), sweepRow(11, 3+step, 11)}, to: 11},
		"a second more":                      {rows: []snapshot.Coverage{sweepRow(3, 1, 3), sweepRow(11, 3+step+second, 11)}, to: 11, want: []string{"gap: sweep 111111111111 3.00-4.83"}},
		"overlapping":                        {rows: []snapshot.Coverage{sweepRow(6, 1, 6), sweepRow(11, 4, 11)}, to: 11},
		"in one another":                     {rows: []snapshot.Coverage{sweepRow(11, 1, 11), sweepRow(5, 3, 5)}, to: 11},
		"twice":                              {rows: []snapshot.Coverage{sweepRow(11, 1, 11), sweepRow(11, 1, 11)}, to: 11},
		"one hides a gap":                    {rows: []snapshot.Coverage{sweepRow(3, 1, 3), sweepRow(9, 8, 9), sweepRow(11, 2, 11)}, to: 11},
		"the last look just so long ago":     {rows: []snapshot.Coverage{sweepRow(11, 1, 11.5-step)}, to: 11.5},
		"and a second more":                  {rows: []snapshot.Coverage{sweepRow(11, 1, 11.5-step-second)}, to: 11.5, want: []string{"gap to the end: sweep 111111111111 9.67-11.50"}},
		"the last snapshot just so long ago": {rows: []snapshot.Coverage{sweepRow(11, 1, 11.5)}, to: 11.5 + step},
		"the last snapshot longer ago": {rows: []snapshot.Coverage{sweepRow(11, 1, 11.5)}, to: 11.5 + step + second,
			want: []string{"gap to the end: events  11.50-13.33", "gap to the end: sweep 111111111111 11.50-13.33", "no snapshot: snapshot  11.50-13.33"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, got := report(t, slices.Concat(snapshots, tt.rows), timeline.New(), 1, tt.to)
			if diff := gocmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if tt.want == nil && len(r.Watched) != 3 {
				t.Errorf("watched %+v, want one interval of each source", r.Watched)
			}
		})
	}
}

// TestAgainstEachMinute: on random rows the gaps of sweeps are the minutes that no row,
// nor the distance that a row allows, covers.
func TestAgainstEachMinute(t *testing.T) {
	t.Parallel()
	const hours = 48
	gaps := 0
	for seed := range uint64(300) {
		d := rand.New(rand.NewPCG(seed, 4))
		rows := schedule{}.play(hours)
		var watched [hours * 60]bool // minute i to i+1
		minute := func(m int) float64 { return float64(m) / 60 }
		var ends [][2]int
		for range 1 + d.IntN(8) {
			from := d.IntN(hours*60 - 300)
			to := from + d.IntN(300)
			rows = append(rows, sweepRow(minute(to), minute(from), minute(to)))
			ends = append(ends, [2]int{from, to})
			for m := from; m < to; m++ {
				watched[m] = true
			}
		}
		for _, a := range ends { // what lies between an end and the next beginning
			next := hours * 60 * 2
			for _, b := range ends {
				if b[0] >= a[1] {
					next = min(next, b[0])
				}
			}
			if next-a[1] <= 110 {
				for m := a[1]; m < next; m++ {
					watched[m] = true
				}
			}
		}
		r, _ := report(t, rows, timeline.New(), 0, hours)
		if again, _ := report(t, coverage.Thin(rows), timeline.New(), 0, hours); gocmp.Diff(r, again) != "" {
			t.Fatalf("seed %d: thinned, it is another: %s", seed, gocmp.Diff(r, again))
		}
		var got [hours * 60]bool
		for _, g := range r.Gaps {
			if g.Source != snapshot.BySweep {
				continue
			}
			gaps++
			for m := int(g.From.Sub(begin).Minutes()); m < int(g.To.Sub(begin).Minutes()); m++ {
				got[m] = true
			}
		}
		last := slices.MaxFunc(ends, func(a, b [2]int) int { return cmp.Compare(a[1], b[1]) })[1]
		for m := range got {
			if settling := hours*60-30-last <= 110 && m >= last; got[m] == watched[m] && !settling {
				t.Fatalf("seed %d, minute %d: gap %v, watched %v; %v", seed, m, got[m], watched[m], ends)
			}
		}
	}
	if gaps < 500 {
		t.Errorf("only %d gaps: this shows little", gaps)
	}
}

// logRow is a row of the log of one license, of an instance in an account.
func logRow(revision int64, recorded, happened, launch float64, account, id string, licenses int64, told bool) *publish.Row {
	count := int64(10)
	r := &publish.Row{LicenseID: "lic-a", Name: "A", Revision: revision, RecordedAt: stamp(at(recorded)), HappenedAt: stamp(at(happened)), LaunchTime: stamp(at(launch)), Reason: "observed",
		ResourceARN: "arn:aws:ec2:" + region + ":" + account + ":instance/" + id, InstanceID: id, Licenses: licenses, LicenseCount: &count}
	if told {
		r.EventID, r.UncertaintySeconds = "e", 1
	}
	return r
}

// TestWorst: of an account that nobody reached from 19 to 27: what is certain, what is on
// record at most, what the look after it found, and how many licenses that left free.
func TestWorst(t *testing.T) {
	t.Parallel()
	rows := schedule{accounts: []string{one, two}, fails: func(account string, t time.Time) string {
		if account == two && during(20, 27)(t) {
			return "no"
		}
		return ""
	}}.play(72)
	log := timeline.New()
	for i, r := range []*publish.Row{
		logRow(0, 1, 1, 1, two, "i-stays", 1, true),
		logRow(0, 1, 1, 1, one, "i-elsewhere", 3, true),
		logRow(0, 2, 2, 2, two, "i-gone", 2, true),         // and is found gone after: perhaps at once
		logRow(0, 2, 2, 2, two, "i-again", 1, true),        // and runs again since 21: it was stopped before
		logRow(0, 2, 2, 2, two, "i-ends", 1, true),         // and its end is told, after
		logRow(0, 22, 22, 22, two, "i-told", 1, true),      // in between, by an event
		logRow(0, 24, 24, 22, two, "i-told", 0, true),      //
		logRow(0, 27.05, 27, 23, two, "i-found", 2, false), // after, by the sweep: it runs since 23
		logRow(0, 27.06, 27, 5, two, "i-tagged", 1, false), // was there before, and is counted since
		logRow(0, 27.07, 27, 21, two, "i-again", 1, false),
		logRow(0, 27.1, 27.1, 2, two, "i-gone", 0, false),
		logRow(0, 27.1, 27.1, 2, two, "i-ends", 0, true),
		logRow(0, 31, 31, 31, two, "i-later", 9, true),
	} {
		r.Revision = int64(i + 1)
		if err := log.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	r, got := report(t, rows, log, 0.5, 72)
	if want := []string{"gap: sweep 222222222222 19.00-27.00"}; !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	// Certain: stays and ends, 2. At 23: stays 1, gone 2, again 1, ends 1, told 1, found 2, tagged 1.
	spare := int64(10 - 9 - 3)
	want := []timeline.Bounds{{ID: "lic-a", Name: "A", Certain: 2, Highest: 9, Found: 3, Spare: &spare}}
	if diff := gocmp.Diff(want, r.Gaps[0].Worst); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if u := r.Gaps[0].Unknown; !strings.Contains(u, "no event told of: events were taken in all the time") || !strings.Contains(u, "CloudTrail of account 222222222222 in us-east-1") || !strings.Contains(u, "2026-11-20T19:00:00Z to 2026-11-21T03:00:00Z") {
		t.Errorf("unknown: %q", u)
	}
}

// TestLostEventsEndWithTheirSweep: what changed after the sweep that found the loss was
// certain until then; sums that began anew are no loss by themselves.
func TestLostEventsEndWithTheirSweep(t *testing.T) {
	t.Parallel()
	rows := schedule{accounts: []string{one}}.play(12)
	for i := range rows {
		if r := &rows[i]; r.Source == snapshot.BySweep {
			r.LostStarted = 7
			switch recorded := r.RecordedAt; {
			case recorded > stamp(at(9)): // of a ledger that was made anew
				r.LostStarted, r.LostChanged = 0, 1
			case recorded > stamp(at(5)):
				r.LostStarted = 8
			}
		}
	}
	log := timeline.New()
	for i, r := range []*publish.Row{logRow(0, 1, 1, 1, one, "i-1", 4, true), logRow(0, 5.05, 5, 4.5, one, "i-2", 2, false), logRow(0, 5.5, 5.5, 1, one, "i-1", 0, false)} {
		r.Revision = int64(i + 1)
		if err := log.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	r, got := report(t, rows, log, 1, 11)
	if want := []string{"lost events: events 111111111111 4.00-5.00", "lost events: events 111111111111 8.00-9.00"}; !slices.Equal(got, want) {
		t.Fatalf("got %v", got)
	}
	if r.Gaps[0].Lost != (track.Drift{Started: 1}) || r.Gaps[1].Lost != (track.Drift{Changed: 1}) {
		t.Errorf("%+v", r.Gaps)
	}
	spare := int64(4)
	if u := r.Gaps[0].Unknown; !strings.Contains(u, "less than 125 minutes") {
		t.Errorf("unknown: %q", u)
	}
	if diff := gocmp.Diff([]timeline.Bounds{{ID: "lic-a", Name: "A", Certain: 4, Highest: 6, Found: 2, Spare: &spare}}, r.Gaps[0].Worst); diff != "" {
		t.Error(diff)
	}
}

// TestEachGapHasItsReason: an account that was unreachable twice, each time by another
// error, and once left out.
func TestEachGapHasItsReason(t *testing.T) {
	t.Parallel()
	rows := schedule{accounts: []string{one, two}, fails: func(account string, t time.Time) string {
		switch {
		case account == two && during(10, 14)(t):
			return "no role"
		case account == two && during(30, 34)(t):
			return "the Region is off"
		case account == two && during(50, 54)(t):
			return "-"
		}
		return ""
	}}.play(72)
	r, got := report(t, rows, timeline.New(), 1, 72)
	if len(got) != 3 || !strings.Contains(r.Gaps[2].Why, "others were swept") || !strings.Contains(r.Gaps[0].Why, "no role") || !strings.Contains(r.Gaps[1].Why, "the Region is off") {
		t.Errorf("%v: %+v", got, r.Gaps)
	}
}

// TestUnknownPromisesNoMore: where the sweeps themselves had a gap, nothing bounds how long
// what nobody saw has run.
func TestUnknownPromisesNoMore(t *testing.T) {
	t.Parallel()
	rows := schedule{accounts: []string{one, two}, deaf: during(40, 43), fails: func(account string, t time.Time) string {
		if account == two && (during(20, 27)(t) || during(39, 42)(t)) {
			return "no"
		}
		return ""
	}, lost: func(account string, t time.Time) (d track.Drift) {
		if account == two && t.Equal(at(27)) {
			d.Started = 1
		}
		return d
	}}.play(72)
	r, got := report(t, rows, timeline.New(), 1, 72)
	if want := []string{"gap: events  39.92-43.00", "gap: sweep 222222222222 19.00-27.00", "gap: sweep 222222222222 38.00-42.00", "lost events: events 222222222222 19.00-27.00"}; !slices.Equal(got, want) {
		t.Fatalf("got %v", got)
	}
	for _, g := range r.Gaps {
		want := map[string]string{"gap events": "inside, how much of it there was and for how long; ", "lost events events": "inside, if its events were lost too; ",
			"gap sweep": map[bool]string{true: "events were taken in all the time", false: "for 125 minutes of it none were taken in"}[g.From.Equal(at(19))]}[string(g.Finding)+" "+g.Source]
		if !strings.Contains(g.Unknown, want) || strings.Contains(g.Unknown, "less than") {
			t.Errorf("%s of %s: %q, want %q", g.Finding, g.Source, g.Unknown, want)
		}
	}
	rows = schedule{accounts: []string{one, two}, deaf: during(40, 43)}.play(72)
	if r, _ := report(t, rows, timeline.New(), 1, 72); len(r.Gaps) != 1 || !strings.Contains(r.Gaps[0].Unknown, "less than 125 minutes") {
		t.Errorf("while sweeps went on: %+v", r.Gaps)
	}
}

// TestNothingIsCertainWithoutALookAfter: until a look saw it again, what was in use before
// may have ended at once.
func TestNothingIsCertainWithoutALookAfter(t *testing.T) {
	t.Parallel()
	rows := schedule{accounts: []string{one}, down: during(10, 99)}.play(20)
	log := timeline.New()
	for i, r := range []*publish.Row{logRow(0, 1, 1, 1, one, "i-1", 4, true), logRow(0, 3, 3, 3, two, "i-2", 2, true)} {
		r.Revision = int64(i + 1)
		if err := log.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	r, got := report(t, rows, log, 1, 20)
	if want := []string{"gap to the end: events  9.50-20.00", "gap to the end: sweep 111111111111 9.00-20.00", "never watched: sweep 222222222222 3.00-20.00", "no snapshot: snapshot  9.50-20.00"}; !slices.Equal(got, want) {
		t.Fatalf("got %v", got)
	}
	for _, g := range r.Gaps {
		high := map[string]int64{"sweep " + one: 4, "sweep " + two: 2, "events ": 6}[g.Source+" "+g.Account]
		if g.Finding == coverage.NoSnapshots {
			continue
		}
		if len(g.Worst) != 1 || g.Worst[0].Certain != 0 || g.Worst[0].Highest != high {
			t.Errorf("%s %s: %+v, want nothing certain, and %d at most", g.Source, g.Account, g.Worst, high)
		}
		if strings.Contains(g.Unknown, "all the time") {
			t.Errorf("it says that something was watched: %q", g.Unknown)
		}
	}
}

// TestNothingOnRecord: an empty ledger says that nothing watched it.
func TestNothingOnRecord(t *testing.T) {
	t.Parallel()
	_, got := report(t, nil, timeline.New(), 0, 10)
	want := []string{"never watched: events  0.00-10.00", "never watched: sweep  0.00-10.00", "no snapshot: snapshot  0.00-10.00"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

// TestWhatIsWrongIsSaid: a row that cannot be is an error and hides no gap.
func TestWhatIsWrongIsSaid(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*snapshot.Coverage){
		"no time":              func(r *snapshot.Coverage) { r.RecordedAt = "yesterday" },
		"no recorded_at":       func(r *snapshot.Coverage) { r.RecordedAt = "" },
		"an end before alone":  func(r *snapshot.Coverage) { r.BeforeTo = stamp(at(0)) },
		"before is no time":    func(r *snapshot.Coverage) { r.BeforeFrom, r.BeforeTo = "x", stamp(at(0)) },
		"no end":               func(r *snapshot.Coverage) { r.ObservedTo = "" },
		"no beginning":         func(r *snapshot.Coverage) { r.ObservedFrom = "" },
		"the end before it":    func(r *snapshot.Coverage) { r.ObservedTo = stamp(at(0)) },
		"all is without break": func(r *snapshot.Coverage) { r.UnbrokenMinutes = 1 << 40 },
		"no source":            func(r *snapshot.Coverage) { r.Source = "" },
	} {
		r := sweepRow(3, 1, 3)
		change(&r)
		if _, err := coverage.Make([]snapshot.Coverage{r}, timeline.New(), at(0), at(5)); err == nil || !strings.Contains(err.Error(), "row 1") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := coverage.Make(nil, timeline.New(), at(5), at(5)); err == nil {
		t.Error("an empty span")
	}
}
