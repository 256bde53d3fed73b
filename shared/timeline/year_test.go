package timeline

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/timeline/yeartest"
)

// fleet has ten licenses, with three changes of the rules and of the count each.
var fleet = yeartest.Fleet{Seed: 7, Licenses: 10, Instances: 5000, Span: 365 * 24 * time.Hour}

// played is its year, which is played once.
var played = sync.OnceValues(fleet.Play)

func theYear(t *testing.T) (*yeartest.Year, *Timeline) {
	t.Helper()
	y, err := played()
	if err != nil {
		t.Fatal(err)
	}
	return y, read(t, y)
}

// read puts the rows of a log into a timeline in any order, and a tenth of them twice.
func read(t *testing.T, y *yeartest.Year) *Timeline {
	t.Helper()
	line := New()
	for _, l := range y.Licenses {
		order := rand.New(rand.NewPCG(1, 2)).Perm(len(l.Log))
		for _, i := range slices.Concat(order, order[:len(order)/10]) {
			if err := line.Add(&l.Log[i]); err != nil {
				t.Fatal(err)
			}
		}
	}
	return line
}

// TestAtEqualsAReplay: at 1,000 random instants the log says what the truth, counted
// anew by the rules of that time, says: of each license, and of each resource.
func TestAtEqualsAReplay(t *testing.T) {
	t.Parallel()
	y, line := theYear(t)
	if gaps := line.Gaps(); len(gaps) != 0 {
		t.Fatalf("gaps: %+v", gaps)
	}
	d := rand.New(rand.NewPCG(3, 4))
	seen, uses, untold, restated := map[int64]bool{}, 0, 0, 0
	for range 1000 {
		when := y.Begin.Add(time.Duration(d.Int64N(int64(y.End.Sub(y.Begin)))).Truncate(time.Millisecond))
		got := line.Positions(when, time.Time{})
		for _, l := range y.Licenses {
			if !l.Exists(when) {
				continue
			}
			if len(got) == 0 || got[0].ID != l.ID {
				t.Fatalf("at %s: %s is missing", when, l.Name)
			}
			want, differ := l.Uses(when)
			compare(t, l, &got[0], want)
			if then := got[0].AsKnownThen; then != nil {
				restated++
			}
			seen[got[0].Deployed], uses, untold = true, uses+len(want), untold+differ
			got = got[1:]
		}
		if len(got) > 0 {
			t.Errorf("at %s: %d licenses too many", when, len(got))
		}
	}
	t.Logf("%d instances, %d licenses, %d rows; 1,000 instants: %d uses agree, %d numbers, %d positions restated since", fleet.Instances, len(y.Licenses), y.Rows(), uses, len(seen), restated)
	t.Logf("told: %+v; of %d uses nobody had told in time", y.Heard(), untold)
	heard := y.Heard()
	if len(seen) < 500 || restated == 0 || min(heard.Found, heard.Late, heard.Twice, heard.Older, heard.Unheard, heard.AcrossRule) == 0 {
		t.Error("the year is too tame: this shows little")
	}
	if untold > uses/200 {
		t.Error("the truth is too far from what ran")
	}
	for i, p := range line.Positions(y.End.Add(time.Hour), time.Time{}) {
		l := y.Licenses[i]
		if l.Ended.IsZero() && (p.Deployed != l.Ledger.Totals.Deployed() || p.Covered != l.Ledger.Totals.Covered || p.Over != l.Ledger.Totals.Over) {
			t.Errorf("at the end %+v, the ledger has %+v", p, l.Ledger.Totals)
		}
	}
}

// compare holds a position against what was so.
func compare(t *testing.T, l *yeartest.License, got *Position, want map[string]yeartest.Use) {
	t.Helper()
	var deployed int64
	by := map[ledger.Verdict]int64{}
	for _, u := range want {
		deployed += u.Licenses
		by[u.Verdict] += u.Licenses
	}
	for _, u := range got.Uses {
		if use := (yeartest.Use{Licenses: u.Licenses, Verdict: ledger.Verdict(u.Verdict)}); want[u.Resource] != use {
			t.Errorf("%s at %s: %s %+v, the replay says %+v", l.Name, got.At, u.Resource, use, want[u.Resource])
		}
	}
	if got.Deployed != deployed || counted(got.Count) != counted(l.CountAt(got.At)) {
		t.Errorf("%s at %s: %d of %d, the replay says %d of %d", l.Name, got.At, got.Deployed, counted(got.Count), deployed, counted(l.CountAt(got.At)))
	}
	if got.Covered != by[ledger.Covered] || got.Over != by[ledger.Over] || got.Broken != 0 {
		t.Errorf("%s at %s: %d covered, %d over; decided were %v", l.Name, got.At, got.Covered, got.Over, by)
	}
	if len(got.Uses) != len(want) {
		t.Errorf("%s at %s: %d resources, %d ran", l.Name, got.At, len(got.Uses), len(want))
	}
	if then := l.RecordedAt(got.At); got.AsKnownThen == nil && then != deployed || got.AsKnownThen != nil && (*got.AsKnownThen != then || then == deployed) {
		t.Errorf("%s at %s: as known then %d, the ledger had %d", l.Name, got.At, counted(got.AsKnownThen), then)
	}
}

// TestPeaksEqualBruteForce: at every instant at which anything changed the truth is
// counted anew; peaks, hours and minutes over are what that gives.
func TestPeaksEqualBruteForce(t *testing.T) {
	t.Parallel()
	y, line := theYear(t)
	peaks := map[Period][]Peak{}
	for _, period := range Periods() {
		all, err := line.Peaks(period, y.Begin, y.End)
		if err != nil {
			t.Fatal(err)
		}
		peaks[period] = all
	}
	compared, instants := map[Period]int{}, 0
	for _, l := range y.Licenses {
		counted := brute(y, l)
		instants += len(counted)
		for period, all := range peaks {
			n := slices.IndexFunc(all, func(p Peak) bool { return p.ID != l.ID })
			if n < 0 {
				n = len(all)
			}
			checkPeaks(t, l, period, all[:n], counted)
			peaks[period], compared[period] = all[n:], compared[period]+n
		}
	}
	t.Logf("peaks compared: %v; %d instants counted anew", compared, instants)
	if compared[Hourly] < 9*365*24 || compared[Daily] < 9*365 || compared[Monthly] < 9*12 || compared[Quarterly] < 9*4 {
		t.Error("periods are missing")
	}
}

// state is what the truth says from an instant on.
type state struct {
	at       time.Time
	deployed int64
	count    *int64
}

// brute counts anew at every instant at which something can change, and at every full hour.
func brute(y *yeartest.Year, l *yeartest.License) (states []state) {
	end := y.End
	if !l.Ended.IsZero() {
		end = l.Ended
	}
	at := l.Instants()
	for hour := y.Begin; hour.Before(end); hour = hour.Add(time.Hour) {
		at = append(at, hour)
	}
	slices.SortFunc(at, time.Time.Compare)
	for _, at := range slices.CompactFunc(at, time.Time.Equal) {
		if at.Before(end) {
			states = append(states, state{at, l.Deployed(at), l.CountAt(at)})
		}
	}
	return append(states, state{at: end})
}

// checkPeaks goes over all states for each period, and from one to the next no
// time may be left out.
func checkPeaks(t *testing.T, l *yeartest.License, period Period, peaks []Peak, states []state) {
	t.Helper()
	i := 0
	for _, peak := range peaks {
		if !peak.From.Equal(states[i].at) {
			t.Fatalf("%s: a %s begins at %s, want %s", l.Name, period, peak.From, states[i].at)
		}
		want := Peak{High: -1}
		for ; i < len(states)-1 && states[i].at.Before(peak.To); i++ {
			s, lasts := states[i], states[i+1].at.Sub(states[i].at)
			if s.deployed > want.High {
				want.High, want.HighAt, want.Count = s.deployed, s.at, s.count
			}
			want.LicenseHours += float64(s.deployed) * lasts.Hours()
			if s.count != nil && s.deployed > *s.count {
				want.OverMinutes += lasts.Minutes()
			}
		}
		if peak.High != want.High || !peak.HighAt.Equal(want.HighAt) || counted(peak.Count) != counted(want.Count) ||
			!near(peak.LicenseHours, want.LicenseHours) || !near(peak.OverMinutes, want.OverMinutes) {
			t.Errorf("%s, %s from %s: %+v, brute force says %+v", l.Name, period, peak.From, peak, want)
		}
	}
	if i != len(states)-1 {
		t.Errorf("%s: %ss end at %s, want %s", l.Name, period, states[i].at, states[len(states)-1].at)
	}
}

func near(a, b float64) bool { return a-b < 1e-6*(1+b) && b-a < 1e-6*(1+b) }

// TestMinuteScanIsNeverAbove: whoever looks each minute of the year can miss a peak,
// and never sees more.
func TestMinuteScanIsNeverAbove(t *testing.T) {
	t.Parallel()
	y, line := theYear(t)
	minutes, missed := 0, map[Period]string{}
	for _, period := range []Period{Hourly, Daily} {
		peaks, err := line.Peaks(period, y.Begin, y.End)
		if err != nil {
			t.Fatal(err)
		}
		below, i := 0, 0
		for _, l := range y.Licenses {
			look := looker(l)
			for ; i < len(peaks) && peaks[i].ID == l.ID; i++ {
				high := int64(0)
				for at := peaks[i].From; at.Before(peaks[i].To); at = at.Add(time.Minute) {
					high = max(high, look(at))
					minutes++
				}
				switch cmp.Compare(high, peaks[i].High) {
				case 1:
					t.Errorf("%s, %s: the scan found %d, the peak is %d", l.Name, peaks[i].From, high, peaks[i].High)
				case -1:
					below++
				}
			}
		}
		missed[period] = fmt.Sprintf("%d of %d", below, len(peaks))
		if below == 0 || below > len(peaks)/2 {
			t.Errorf("the scan missed %d of %d peaks: this shows little", below, len(peaks))
		}
	}
	t.Logf("%d looks; peaks that a scan each minute misses: %v", minutes, missed)
}

// looker counts the license anew at instants that go on, where something can have
// changed since the last one.
func looker(l *yeartest.License) func(time.Time) int64 {
	changes, deployed := l.Instants(), int64(0)
	return func(at time.Time) int64 {
		changed := false
		for len(changes) > 0 && !changes[0].After(at) {
			changes, changed = changes[1:], true
		}
		if changed {
			deployed = l.Deployed(at)
		}
		return deployed
	}
}
