//go:build cgo

package main

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"licenseguard/shared/adapter/parquetfile"
	"licenseguard/shared/coverage"
	"licenseguard/shared/query"
	"licenseguard/shared/snapshot"
	"licenseguard/shared/timeline"
)

// watched is some days of rows of coverage, of which times are whole minutes.
type watched struct {
	begin time.Time
	rows  []snapshot.Coverage
}

const watchedMinutes = 4 * 24 * 60

var allowed = map[string]int{"sweep": 110, "events": 15, "snapshot": 110}

func (w *watched) stamp(minute int) string {
	return w.begin.Add(time.Duration(minute) * time.Minute).Format("2006-01-02 15:04:05.000")
}

func (w *watched) minute(text string) int {
	if text == "" {
		return -1
	}
	at, err := time.Parse("2006-01-02 15:04:05.000", text)
	if err != nil {
		panic(err)
	}
	return int(at.Sub(w.begin) / time.Minute)
}

// newWatched makes rows that overlap, repeat, lie in one another and come in disorder; of
// accounts with hostile names, which are looked at or not.
func newWatched(seed uint64) *watched {
	d := rand.New(rand.NewPCG(seed, 2))
	w := &watched{begin: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}
	row := func(source, account, region string, recorded int) *snapshot.Coverage {
		w.rows = append(w.rows, snapshot.Coverage{RecordedAt: w.stamp(recorded), Source: source, AccountID: account, Region: region, UnbrokenMinutes: int64(allowed[source])})
		return &w.rows[len(w.rows)-1]
	}
	for at := d.IntN(200); at < watchedMinutes; at += 20 + d.IntN(150) {
		r := row("snapshot", "", "", at)
		r.ObservedFrom, r.ObservedTo = r.RecordedAt, r.RecordedAt
		for n, scope := range [][2]string{{"", ""}, {"111111111111", "us-east-1"}, {"'; DROP TABLE coverage --", "eu-west-1"}, {"111111111111", "=cmd|' /C calc'!A0"}} {
			source := "sweep"
			if n == 0 {
				source = "events"
			}
			if late := n*watchedMinutes/8 + 300; d.IntN(4) == 0 || seed%3 == 0 && at < late {
				continue
			}
			r := row(source, scope[0], scope[1], at)
			if d.IntN(10) > 0 && (n < 3 || seed%2 == 0) {
				to := max(0, at-d.IntN(2*allowed[source]))
				if d.IntN(4) == 0 {
					to = max(0, at-allowed[source])
				}
				from := max(0, to-d.IntN(400))
				if apart := allowed[source]; d.IntN(4) == 0 { // just so far apart from the one before, or a minute more
					for _, o := range w.of(*r) {
						if o.ObservedTo != "" && o.RecordedAt < r.RecordedAt {
							from = min(to, w.minute(o.ObservedTo)+apart+d.IntN(2))
						}
					}
				}
				r.ObservedFrom, r.ObservedTo = w.stamp(from), w.stamp(to)
				if d.IntN(3) == 0 {
					before := max(0, from-d.IntN(300))
					r.BeforeFrom, r.BeforeTo = w.stamp(max(0, before-d.IntN(200))), w.stamp(before)
				}
			}
			if source == "sweep" && d.IntN(5) == 0 {
				r.FailingSince, r.Reason = w.stamp(max(0, at-d.IntN(300))), fmt.Sprintf("no'role\";\n%d", at)
			}
			r.LostStarted, r.LostEnded, r.LostChanged = int64(d.IntN(3)), int64(at/2000)%2, int64(at/3000)
		}
	}
	for range 20 {
		w.rows = append(w.rows, w.rows[d.IntN(len(w.rows))])
	}
	d.Shuffle(len(w.rows), func(i, j int) { w.rows[i], w.rows[j] = w.rows[j], w.rows[i] })
	return w
}

func (w *watched) write(t *testing.T, folder string) {
	t.Helper()
	byDay := map[string][]snapshot.Coverage{}
	for _, r := range w.rows {
		byDay[r.RecordedAt[:10]] = append(byDay[r.RecordedAt[:10]], r)
	}
	for day, rows := range byDay {
		body, err := parquetfile.Encoder{}.Coverages(rows)
		if err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(folder, "coverage", "dt="+day, "coverage-x.parquet"), body)
	}
}

// of returns the rows of one source and scope, in the order in which they were recorded.
func (w *watched) of(r snapshot.Coverage) []snapshot.Coverage {
	all := slices.DeleteFunc(slices.Clone(w.rows), func(o snapshot.Coverage) bool {
		return o.Source != r.Source || o.AccountID != r.AccountID || o.Region != r.Region
	})
	slices.SortStableFunc(all, func(a, b snapshot.Coverage) int { return cmp.Compare(a.RecordedAt, b.RecordedAt) })
	return all
}

// gaps says minute by minute what was not watched: a line a gap.
func (w *watched) gaps(from, to int) (out []string) {
	last := 0
	for _, r := range w.rows {
		last = max(last, w.minute(r.RecordedAt))
	}
	known := last
	if to-last > allowed["snapshot"] {
		known = to
	}
	done := map[string]bool{}
	for _, r := range w.rows {
		if name := r.Source + r.AccountID + r.Region; done[name] {
			continue
		} else {
			done[name] = true
		}
		all := w.of(r)
		out = append(out, w.unwatched(all, from, to, known)...)
		if r.Source == "sweep" {
			out = append(out, w.lost(all, from, to)...)
		}
	}
	slices.Sort(out)
	return out
}

func (w *watched) unwatched(all []snapshot.Coverage, from, to, known int) (out []string) {
	var seen [2 * watchedMinutes]bool // from a minute to the next
	starts, ends := []int{}, []int{}
	mark := func(from, to int) {
		for m := from; m < to; m++ {
			seen[m] = true
		}
	}
	for _, r := range all {
		for _, look := range [][2]string{{r.ObservedFrom, r.ObservedTo}, {r.BeforeFrom, r.BeforeTo}} {
			if look[0] != "" {
				starts, ends = append(starts, w.minute(look[0])), append(ends, w.minute(look[1]))
				mark(w.minute(look[0]), w.minute(look[1]))
			}
		}
	}
	apart := allowed[all[0].Source]
	slices.Sort(starts)
	for _, end := range ends {
		if i := slices.IndexFunc(starts, func(s int) bool { return s > end }); i >= 0 && starts[i]-end <= apart {
			mark(end, starts[i])
		}
	}
	if len(ends) > 0 && known-slices.Max(ends) <= apart {
		mark(slices.Max(ends), len(seen))
	}
	for m := from; m < to; {
		if seen[m] {
			m++
			continue
		}
		end := m + 1
		for end < to && !seen[end] && !slices.Contains(starts, end) {
			end++
		}
		finding := "gap"
		switch {
		case all[0].Source == "snapshot":
			finding = "no snapshot"
		case len(starts) == 0:
			finding = "never watched"
		case starts[0] > m:
			finding = "not watched yet"
		case starts[len(starts)-1] <= m && slices.Max(ends) <= m:
			finding = "gap to the end"
		}
		reason := ""
		for _, r := range all {
			if r.FailingSince != "" && w.minute(r.FailingSince) < end && w.minute(r.RecordedAt) > m {
				reason = r.Reason
			}
		}
		out = append(out, line(w.stamp(m), w.stamp(end), finding, all[0].Source, all[0].AccountID, all[0].Region, reason, 0, 0, 0))
		m = end
	}
	return out
}

func (w *watched) lost(all []snapshot.Coverage, from, to int) (out []string) {
	grown := func(before, after int64) int64 {
		if after < before {
			return after
		}
		return after - before
	}
	for i := 1; i < len(all); i++ {
		a, b := all[i-1], all[i]
		begin := a.ObservedTo
		if begin == "" {
			begin = b.ObservedFrom
		}
		started, ended, changed := grown(a.LostStarted, b.LostStarted), grown(a.LostEnded, b.LostEnded), grown(a.LostChanged, b.LostChanged)
		if b.ObservedTo == "" || b.ObservedTo <= a.ObservedTo || started+ended+changed == 0 || w.minute(b.ObservedTo) <= from || w.minute(begin) >= to {
			continue
		}
		out = append(out, line(begin, b.ObservedTo, "lost events", "events", b.AccountID, b.Region, "", started, ended, changed))
	}
	return out
}

// TestCoverageGaps: on rows that no function would leave, the query says what marking each
// minute says, and so does the command.
func TestCoverageGaps(t *testing.T) {
	q, err := query.Find("coverage-gaps")
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for seed := range uint64(12) {
		w := newWatched(seed)
		folder := t.TempDir()
		w.write(t, folder)
		for _, span := range [][2]int{{0, watchedMinutes}, {1500, 3000}, {4000, watchedMinutes + 300}} {
			from, to := w.begin.Add(time.Duration(span[0])*time.Minute), w.begin.Add(time.Duration(span[1])*time.Minute)
			rows := *w
			rows.rows = slices.DeleteFunc(slices.Clone(w.rows), func(r snapshot.Coverage) bool { // the query reads them from the day before on
				return r.RecordedAt[:10] < from.AddDate(0, 0, -1).Format(time.DateOnly)
			})
			want := rows.gaps(span[0], span[1])
			e, err := open(t.Context(), options{reports: folder, now: "2026-12-31"})
			if err != nil {
				t.Fatal(err)
			}
			got, err := e.ask(t.Context(), q.SQL, from.Format("2006-01-02 15:04:05"), to.Format("2006-01-02 15:04:05"))
			e.Close()
			if err != nil {
				t.Fatal(err)
			}
			lines := got.lines(t, "gap_from gap_to finding source account_id region reason lost_started lost_ended lost_changed")
			slices.Sort(lines)
			if diff := gocmp.Diff(want, lines); diff != "" {
				t.Fatalf("seed %d, minutes %v (-marked +query):\n%.3000s", seed, span, diff)
			}
			report, err := coverage.Make(rows.rows, timeline.New(), from, to)
			if err != nil {
				t.Fatal(err)
			}
			var told []string
			for _, g := range report.Gaps {
				kinds[string(g.Finding)]++
				reason, _ := strings.CutPrefix(g.Why, "no sweep saw all of it: ")
				if reason == g.Why {
					reason = ""
				}
				told = append(told, line(g.From.Format("2006-01-02 15:04:05.000"), g.To.Format("2006-01-02 15:04:05.000"), string(g.Finding), g.Source, g.Account, g.Region, reason,
					g.Lost.Started, g.Lost.Ended, g.Lost.Changed))
			}
			slices.Sort(told)
			if diff := gocmp.Diff(want, told); diff != "" {
				t.Fatalf("seed %d, minutes %v (-marked +command):\n%.3000s", seed, span, diff)
			}
		}
	}
	t.Log(kinds)
	for _, kind := range []coverage.Finding{coverage.NotYet, coverage.Break, coverage.GoesOn, coverage.Never, coverage.LostEvents, coverage.NoSnapshots} {
		if kinds[string(kind)] < 5 {
			t.Errorf("only %d of %q: this shows little", kinds[string(kind)], kind)
		}
	}
}
