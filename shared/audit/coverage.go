package audit

import (
	"fmt"

	"licenseguard/shared/coverage"
	"licenseguard/shared/timeline"
	"licenseguard/shared/track"
)

type coverageRow struct {
	Finding string `parquet:"finding"`
	Source  string `parquet:"source"`
	Account string `parquet:"account_id"`
	Region  string `parquet:"region"`
	From    string `parquet:"from"`
	To      string `parquet:"to"`
	Why     string `parquet:"why"`
	Started int64  `parquet:"lost_started"`
	Ended   int64  `parquet:"lost_ended"`
	Changed int64  `parquet:"lost_changed"`
	ID      string `parquet:"license_configuration_id"`
	Certain int64  `parquet:"certain_licenses"`
	Highest int64  `parquet:"highest_on_record_licenses"`
	Found   int64  `parquet:"known_only_after_licenses"`
	Room    *int64 `parquet:"room_for_unseen_licenses"`
	Unknown string `parquet:"not_known"`
}

// coverageRows are the gaps, each with every license of the pack; one of snapshots alone
// says nothing of licenses.
func (p *Pack) coverageRows() []coverageRow {
	rows := []coverageRow{}
	if p.Coverage == nil {
		return rows
	}
	for i := range p.Coverage.Gaps {
		g := &p.Coverage.Gaps[i]
		row := coverageRow{Finding: string(g.Finding), Source: g.Source, Account: g.Account, Region: g.Region, From: exact(g.From), To: exact(g.To), Why: g.Why,
			Started: int64(g.Lost.Started), Ended: int64(g.Lost.Ended), Changed: int64(g.Lost.Changed), Unknown: g.Unknown}
		if g.Finding == coverage.NoSnapshots {
			rows = append(rows, row)
			continue
		}
		for _, s := range p.Subjects {
			b := bounds(g, s.Configuration.ID)
			row.ID, row.Certain, row.Highest, row.Found, row.Room = s.Configuration.ID, b.Certain, b.Highest, b.Found, b.Spare
			rows = append(rows, row)
		}
	}
	return rows
}

// bounds are those of one license; zero where nothing of it is on record there.
func bounds(g *coverage.Gap, id string) timeline.Bounds {
	for _, b := range g.Worst {
		if b.ID == id {
			return b
		}
	}
	return timeline.Bounds{ID: id}
}

// shownGaps is how many gaps the page lists; the rest is in the CSV.
const shownGaps = 30

// watched tells what was watched, and what the gaps can mean for the licenses.
func (p *Pack) watched(w *page) {
	w.line(`<h2 id="watched">What was watched</h2>`)
	switch {
	case p.Coverage == nil:
		w.line(`<p class="over">What was watched was not looked up for this pack.</p>`)
		return
	case len(p.Coverage.Gaps) == 0:
		w.line(`<p class="ok">Events and sweeps of every account and Region followed each other without a break, and every snapshot is there.</p>`)
		return
	}
	w.line(`<p class="over">%d times not all was watched, or a sweep corrected what no event told (coverage.csv).</p>`, len(p.Coverage.Gaps))
	w.line(`<p class="small">“At least” was in use all the time: it was seen before and after, and did not start anew between. “At most” is by all that is on record, with what was found later counted from its launch on. What began and ended unseen is in neither.</p>`)
	w.line(`<table><tr><th>From</th><th>To</th><th>What</th><th>Of</th><th>Why, and what it can mean</th></tr>`)
	for i := range p.Coverage.Gaps {
		if i == shownGaps {
			w.line(`<tr><td colspan="5">and %d more: coverage.csv</td></tr>`, len(p.Coverage.Gaps)-i)
			break
		}
		p.gap(w, &p.Coverage.Gaps[i])
	}
	w.line(`</table>`)
}

func (p *Pack) gap(w *page, g *coverage.Gap) {
	of := "all accounts"
	if g.Account != "" {
		of = g.Account + " " + g.Region
	}
	w.line(`<tr><td class="d">%s</td><td class="d">%s</td><td>%s: %s<br>%s</td><td>%s</td><td>%s.`, long(g.From), long(g.To), text(g.Source), text(string(g.Finding)),
		span(g.To.Sub(g.From).Minutes()), text(of), text(g.Why))
	if g.Lost != (track.Drift{}) {
		w.line(`<br>%d started, %d ended, %d changed.`, g.Lost.Started, g.Lost.Ended, g.Lost.Changed)
	}
	for i := range p.Chapters {
		c := &p.Chapters[i].Configuration
		if b := bounds(g, c.ID); b.Highest > 0 {
			w.line(`<br>%s: at least %d, at most %d on record, %d of it known only after%s.`, text(c.Name), b.Certain, b.Highest, b.Found, room(b.Spare))
		}
	}
	unknown := "Not known: " + g.Unknown
	if g.Finding == coverage.NoSnapshots {
		unknown = g.Unknown
	}
	w.line(`<br><span class="small">%s.</span></td></tr>`, text(unknown))
}

// room says how much may have been used unseen before the count was passed.
func room(spare *int64) string {
	switch {
	case spare == nil:
		return ""
	case *spare < 0:
		return fmt.Sprintf("; by that, over the count by %d", -*spare)
	default:
		return fmt.Sprintf("; with %d more, unseen, the count was kept", *spare)
	}
}
