package timeline

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"licenseguard/shared/catalog"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/publish"
)

var begin = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

const licenseID = "lic-0123456789abcdef0123456789abcdef"

// life is one run of an instance: what is true, and when the ledger was told.
type life struct {
	id                   license.ResourceID
	kind                 string
	start, stop          time.Time
	toldStart, toldStop  time.Time
	ruleAtStart, ruleEnd int
}

// past is a fleet whose truth is known, and the log that the ledger's fold left of it.
type past struct {
	lives  []life
	rules  []license.RuleVersion // with their effective dates
	counts []limit
	rows   []publish.Row
	end    time.Time
	l      *ledger.License
}

type telling struct {
	at    time.Time
	claim ledger.Claim
}

// newPast plays a fleet: every start and stop is told up to ten minutes late, each
// fifth up to twelve hours, and in disorder; rules begin at announced dates; the count changes at once.
func newPast(t testing.TB, seed uint64, instances int, span time.Duration) *past {
	t.Helper()
	d := rand.New(rand.NewPCG(seed, 1))
	p := &past{l: &ledger.License{Configuration: license.Configuration{ID: licenseID}}, end: begin.Add(span)}
	random := func(most time.Duration) time.Duration {
		return time.Duration(d.Int64N(int64(most))).Truncate(time.Millisecond)
	}
	late := func() time.Duration {
		if d.IntN(5) == 0 {
			return random(12 * time.Hour)
		}
		return random(10 * time.Minute)
	}
	var told []telling
	for n := range instances {
		id := license.NewResourceID("123456789012", "us-east-1", fmt.Sprintf("i-%017x", n))
		kind := []string{"m5.large", "m5.xlarge", "m5.4xlarge"}[d.IntN(3)]
		at := begin.Add(time.Hour + random(span/4))
		for at.Before(p.end) {
			l := life{id: id, kind: kind, start: at, stop: at.Add(time.Hour + random(span/3))}
			l.toldStart = l.start.Add(late())
			l.toldStop = l.stop.Add(late())
			if !l.toldStop.After(l.toldStart) { // what is told only after its end never counted
				l.toldStop = l.toldStart.Add(time.Second)
			}
			at = l.stop.Add(time.Hour + random(span/6))
			if l.stop.After(p.end) { // it still runs
				l.stop, l.toldStop = time.Time{}, time.Time{}
				at = p.end
			}
			p.lives = append(p.lives, l)
			in := license.Instance{ID: id, Type: kind, State: license.Running, LaunchTime: l.start, ImageID: "ami-1", Tenancy: license.TenancyDefault}
			held := license.Held{ConfigurationID: licenseID, Kind: license.ByAMI, Value: "ami-1", Since: l.start}
			tell := func(at, happened time.Time) {
				told = append(told, telling{at, ledger.Claim{Instance: in, Held: &held, Generation: ledger.Generation{Launch: in.LaunchTime, Rank: in.State.Rank()},
					Offered: begin, Observed: at, Happened: happened, EventID: fmt.Sprint("e-", len(told))}})
			}
			tell(l.toldStart, l.start)
			if !l.stop.IsZero() {
				in.State = license.Stopped
				tell(l.toldStop, l.stop)
			}
		}
	}
	slices.SortStableFunc(told, func(a, b telling) int { return a.at.Compare(b.at) })
	p.play(t, d, told, span)
	return p
}

// play folds what was told, with a tick for what falls due and some changes by a
// person.
func (p *past) play(t testing.TB, d *rand.Rand, told []telling, span time.Duration) {
	t.Helper()
	count := int64(200)
	c := license.Configuration{ID: licenseID, Name: "product", CountingType: license.CountVCPU, Count: &count,
		Associations: []license.Association{{Kind: license.ByAMI, Value: "ami-1"}}}
	for i, text := range []string{"", "#unitsPerLicense=2", "#minimumLicensesPerResource=4", "#unitsPerLicense=4"} {
		v := license.RuleVersion{}
		if i > 0 {
			v = license.RuleVersion{Effective: begin.Add(span * time.Duration(i) / 4).Add(time.Duration(d.IntN(3600_000)) * time.Millisecond), Text: []string{text}}
		}
		c.Rules = append(c.Rules, v)
	}
	fold := func(now time.Time, b ledger.Batch) {
		next, r := ledger.Fold(p.l, b, now, catalog.Embedded())
		if r.Change != nil {
			next.Revision, r.Change.Revision = p.l.Revision+1, p.l.Revision+1
			p.rows = append(p.rows, publish.Rows(r.Change)...)
		}
		p.l = next
	}
	amend := func(now time.Time, old *license.Configuration, wanted license.Configuration) {
		next, err := license.Amend(old, wanted, now, "me")
		if err != nil {
			t.Fatal(err)
		}
		p.counts = append(p.counts, limit{from: now.UnixMilli(), limited: true, count: *next.Count})
		fold(now, ledger.Batch{Configuration: &next, By: "me"})
	}
	amend(begin, nil, c)
	p.rules = p.l.Configuration.Rules
	changes := []time.Time{begin.Add(span / 5), begin.Add(span / 2), begin.Add(span * 7 / 8)}
	due := func(until time.Time) { // ticks, of which each comes up to a minute late
		for !p.l.Due.IsZero() && p.l.Due.Before(until) {
			tick := p.l.Due.Add(time.Duration(d.IntN(60_000)) * time.Millisecond)
			if tick.After(until) {
				tick = until
			}
			was := p.l.Due
			fold(tick, ledger.Batch{})
			if p.l.Due.Equal(was) {
				t.Fatalf("what was due at %s is not done at %s", was, tick)
			}
		}
	}
	for _, n := range told {
		if len(changes) > 0 && !n.at.Before(changes[0]) {
			due(changes[0])
			wanted := p.l.Configuration
			more := 50 + d.Int64N(600)
			wanted.Count = &more
			amend(changes[0], &p.l.Configuration, wanted)
			changes = changes[1:]
		}
		due(n.at)
		fold(n.at, ledger.Batch{Claims: []ledger.Claim{n.claim}})
	}
	due(p.end)
}

// deployed counts the truth at an instant anew: what ran, by the rules of that time.
// What was told later than a rule began is counted by the rules it was told under.
func (p *past) deployed(at time.Time) (n int64) {
	for i := range p.lives {
		l := &p.lives[i]
		if at.Before(l.start) || !l.stop.IsZero() && !at.Before(l.stop) {
			continue
		}
		ruled := at
		if l.toldStart.After(ruled) {
			ruled = l.toldStart
		}
		n += license.Count(license.CountVCPU, p.rulesAt(ruled), license.Instance{Type: l.kind}, catalog.Embedded()).Licenses
	}
	return n
}

func (p *past) rulesAt(at time.Time) license.Rules {
	rules := p.rules[0].Rules
	for _, v := range p.rules[1:] {
		if !v.Effective.After(at) {
			rules = v.Rules
		}
	}
	return rules
}

func (p *past) limitAt(ms int64) int64 {
	n := int64(0)
	for _, l := range p.counts {
		if l.from <= ms {
			n = l.count
		}
	}
	return n
}

func (p *past) timeline(t testing.TB) *Timeline {
	t.Helper()
	out := New()
	for _, i := range rand.New(rand.NewPCG(1, 2)).Perm(len(p.rows)) {
		if err := out.Add(&p.rows[i]); err != nil {
			t.Fatal(err)
		}
	}
	for i := range p.rows[:len(p.rows)/10] { // and some twice
		if err := out.Add(&p.rows[i]); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// TestAtEqualsAReplay: at 1,000 random instants the log says what the truth,
// counted anew by the rules of that time, says.
func TestAtEqualsAReplay(t *testing.T) {
	t.Parallel()
	p := newPast(t, 7, 150, 90*24*time.Hour)
	line := p.timeline(t)
	if gaps := line.Gaps(); len(gaps) != 0 {
		t.Fatalf("gaps: %+v", gaps)
	}
	d := rand.New(rand.NewPCG(3, 4))
	seen := make(map[int64]bool)
	for range 1000 {
		when := begin.Add(time.Duration(d.Int64N(int64(p.end.Sub(begin)))).Truncate(time.Millisecond))
		got := line.Positions(when, time.Time{})
		if len(got) != 1 {
			t.Fatalf("at %s: %d licenses", when, len(got))
		}
		if want := p.deployed(when); got[0].Deployed != want {
			t.Errorf("at %s: %d, the replay says %d", when, got[0].Deployed, want)
		}
		if want := p.limitAt(when.UnixMilli()); got[0].Count == nil || *got[0].Count != want {
			t.Errorf("at %s: count %v, want %d", when, got[0].Count, want)
		}
		if got[0].Covered+got[0].Over+got[0].Broken != got[0].Deployed {
			t.Errorf("at %s: %+v does not add up", when, got[0])
		}
		seen[got[0].Deployed] = true
	}
	if len(seen) < 50 {
		t.Errorf("only %d different numbers were seen: this shows nothing", len(seen))
	}
	l := line.Positions(p.end.Add(time.Hour), time.Time{})[0]
	if l.Deployed != p.l.Totals.Deployed() || l.Covered != p.l.Totals.Covered || l.Over != p.l.Totals.Over {
		t.Errorf("at the end %+v, the ledger has %+v", l, p.l.Totals)
	}
}

// TestKnownEqualsTheLedger: what was known at an instant is what the ledger said
// then.
func TestKnownEqualsTheLedger(t *testing.T) {
	t.Parallel()
	p := newPast(t, 8, 60, 30*24*time.Hour)
	line := p.timeline(t)
	restated := 0
	for i := range p.rows {
		r := &p.rows[i]
		if i+1 < len(p.rows) && p.rows[i+1].Revision == r.Revision {
			continue
		}
		recorded, _ := time.Parse(layout, r.RecordedAt)
		if i+1 < len(p.rows) && p.rows[i+1].RecordedAt == r.RecordedAt {
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

// TestPeaksEqualBruteForce: at every instant at which anything changed the truth is
// counted anew; peaks, hours and minutes over are what that gives.
func TestPeaksEqualBruteForce(t *testing.T) {
	t.Parallel()
	p := newPast(t, 9, 80, 100*24*time.Hour)
	line := p.timeline(t)
	instants := []time.Time{begin}
	add := func(at time.Time) {
		if at.After(begin) && at.Before(p.end) {
			instants = append(instants, at)
		}
	}
	for _, l := range p.lives {
		add(l.start)
		add(l.stop)
		add(l.toldStart) // where a rule began meanwhile
	}
	for _, v := range p.rules[1:] {
		add(v.Effective)
	}
	for _, c := range p.counts {
		add(instant(c.from))
	}
	for _, period := range Periods() {
		got, err := line.Peaks(period, begin, p.end)
		if err != nil {
			t.Fatal(err)
		}
		for _, peak := range got {
			want := p.brute(slices.Clone(instants), peak.From, peak.To)
			if peak.High != want.High || !peak.HighAt.Equal(want.HighAt) || !near(peak.LicenseHours, want.LicenseHours) || !near(peak.OverMinutes, want.OverMinutes) {
				t.Errorf("%s from %s: %+v, brute force says %+v", period, peak.From, peak, want)
			}
		}
		if last := got[len(got)-1]; !last.To.Equal(p.end) || !got[0].From.Equal(begin) {
			t.Errorf("%s: from %s to %s", period, got[0].From, last.To)
		}
	}
	if hours, _ := line.Peaks(Hourly, begin, p.end); len(hours) != 100*24 {
		t.Errorf("%d hours", len(hours))
	}
}

func near(a, b float64) bool { return a-b < 1e-6 && b-a < 1e-6 }

// brute counts at each instant of a span.
func (p *past) brute(instants []time.Time, from, to time.Time) Peak {
	instants = append(instants, from)
	slices.SortFunc(instants, func(a, b time.Time) int { return a.Compare(b) })
	instants = slices.CompactFunc(instants, func(a, b time.Time) bool { return a.Equal(b) })
	out := Peak{High: -1}
	for i, at := range instants {
		if at.Before(from) || !at.Before(to) {
			continue
		}
		until := to
		if i+1 < len(instants) && instants[i+1].Before(to) {
			until = instants[i+1]
		}
		n := p.deployed(at)
		if n > out.High {
			out.High, out.HighAt = n, at
		}
		out.LicenseHours += float64(n) * until.Sub(at).Hours()
		if n > p.limitAt(at.UnixMilli()) {
			out.OverMinutes += until.Sub(at).Minutes()
		}
	}
	return out
}

// TestMinuteScanIsNeverAbove: a scan each minute can miss a peak, never pass it.
func TestMinuteScanIsNeverAbove(t *testing.T) {
	t.Parallel()
	p := newPast(t, 10, 40, 5*24*time.Hour)
	line := p.timeline(t)
	days, err := line.Peaks(Daily, begin, p.end)
	if err != nil {
		t.Fatal(err)
	}
	missed := 0
	for _, day := range days {
		high := int64(0)
		for at := day.From; at.Before(day.To); at = at.Add(time.Minute) {
			high = max(high, line.Positions(at, time.Time{})[0].Deployed)
		}
		switch cmp.Compare(high, day.High) {
		case 1:
			t.Errorf("%s: the scan found %d, the peak is %d", day.From, high, day.High)
		case -1:
			missed++
		}
	}
	t.Logf("the scan missed the peak on %d of %d days", missed, len(days))
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
	if _, err := line.Peaks("week", begin, begin.Add(time.Hour)); err == nil {
		t.Error("a period that is none")
	}
	if _, err := line.Peaks(Daily, begin, begin); err == nil {
		t.Error("an empty span")
	}
}

// TestSeriesEqualsTheTruth: each point is the truth at its instant, and the instant
// before the next.
func TestSeriesEqualsTheTruth(t *testing.T) {
	t.Parallel()
	p := newPast(t, 11, 40, 20*24*time.Hour)
	from := begin.Add(3 * 24 * time.Hour)
	points := p.timeline(t).Series(licenseID, from, p.end)
	if len(points) < 50 || !points[0].At.Equal(from) {
		t.Fatalf("%d points from %v", len(points), points[:1])
	}
	for i, point := range points {
		last := p.end.Add(-time.Millisecond)
		if i+1 < len(points) {
			last = points[i+1].At.Add(-time.Millisecond)
		}
		for _, at := range []time.Time{point.At, last} {
			if want := p.deployed(at); point.Deployed != want || *point.Count != p.limitAt(at.UnixMilli()) {
				t.Errorf("at %s: %d of %d, the truth is %d of %d", at, point.Deployed, *point.Count, want, p.limitAt(at.UnixMilli()))
			}
		}
	}
	if got := New().Series("lic-none", begin, p.end); got != nil {
		t.Errorf("of no license %v", got)
	}
}
