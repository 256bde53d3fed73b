package audit

import (
	"cmp"
	"fmt"
	"html"
	"slices"
	"strings"
	"time"

	"licenseguard/shared/telemetry"
	"licenseguard/shared/timeline"
)

// page writes HTML. Foreign text goes through text alone.
type page struct{ strings.Builder }

func (w *page) line(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }

// text makes foreign text one line that is no markup.
func text(s string) string { return html.EscapeString(telemetry.Clean(s, 400)) }

const style = `@page{size:A4;margin:16mm}
body{font:14px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif;color:#1a2330;max-width:900px;margin:32px auto;padding:0 20px}
h1{font-size:26px;margin:0 0 4px}h2{font-size:19px;margin:34px 0 6px;border-top:2px solid #1a2330;padding-top:10px}h3{font-size:14px;margin:18px 0 4px}
p{margin:4px 0 10px}.small{color:#5b6673;font-size:12px}table{border-collapse:collapse;width:100%;margin:4px 0 10px;font-variant-numeric:tabular-nums}
th{text-align:left;font-weight:600;border-bottom:1px solid #1a2330;padding:3px 10px 3px 0;vertical-align:bottom}td{border-bottom:1px solid #dfe4ea;padding:3px 10px 3px 0;vertical-align:top}
.n{text-align:right}.d{white-space:nowrap}.over{color:#b3261e;font-weight:600}.ok{color:#1b6e3c}svg{display:block;margin:6px 0}code{font-size:12px;overflow-wrap:anywhere}
section{break-inside:avoid-page}`

// Page returns the page to read: first all licenses in one table, then each with its
// curve, its months, who used it, and who decided what.
func (p *Pack) Page() []byte {
	w := &page{}
	w.line(`<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`)
	w.line(`<title>License use, %s to %s</title><style>%s</style></head><body>`, day(p.From), day(p.last()), style)
	of := ""
	if p.Vendor != "" {
		of = ": " + text(p.Vendor)
	}
	w.line(`<h1>License use%s</h1><p>%s to %s (UTC). Made %s by %s with licenseguard, from its change log.</p>`, of, long(p.From), long(p.To), long(p.Made), text(cmp.Or(p.By, "nobody named")))
	p.summary(w)
	p.howTo(w)
	p.proof(w)
	for i := range p.Chapters {
		p.chapter(w, &p.Chapters[i])
	}
	p.watched(w)
	w.line(`</body></html>`)
	return []byte(w.String())
}

// last is the last day that the pack is about.
func (p *Pack) last() time.Time { return p.To.Add(-time.Millisecond) }

func (p *Pack) summary(w *page) {
	w.line(`<table><tr><th>License</th><th>Counted by</th><th class="n">Licensed</th><th class="n">Most in use</th><th>Reached</th><th class="n">At the end</th><th class="n">Time over the count</th></tr>`)
	for i := range p.Chapters {
		c := &p.Chapters[i]
		if c.Whole == nil {
			w.line(`<tr><td>%s</td><td>%s</td><td colspan="5">the log has nothing of it in this time</td></tr>`, text(c.Configuration.Name), text(string(c.Configuration.CountingType)))
			continue
		}
		w.line(`<tr><td><a href="#%s">%s</a></td><td>%s</td><td class="n">%s</td><td class="n%s">%d</td><td class="d">%s</td><td class="n">%d</td><td class="n%s">%s</td></tr>`,
			text(c.Configuration.ID), text(c.Whole.Name), text(string(c.Configuration.CountingType)), number(c.Whole.Count), red(over(c.Whole) > 0), c.Whole.High, long(c.Whole.HighAt),
			c.End.Deployed, red(c.Whole.OverMinutes > 0), span(c.Whole.OverMinutes))
	}
	w.line(`</table>`)
	w.line(`<p class="small">“Licensed” is how many licenses there were when most was in use.</p>`)
}

func (p *Pack) howTo(w *page) {
	if len(p.Gaps) == 0 {
		w.line(`<p class="ok">The change log of these licenses has no gap: every revision from the first to the last is there.</p>`)
	} else {
		w.line(`<p class="over">The change log has %d gaps (gaps.csv): what was so there is not known, and the numbers below leave it out.</p>`, len(p.Gaps))
	}
	if p.Coverage != nil && len(p.Coverage.Gaps) > 0 {
		w.line(`<p class="over">%d times not all was watched: <a href="#watched">what was not, and what that can mean at worst</a>.</p>`, len(p.Coverage.Gaps))
	}
	w.line(`<p class="small">Every number is counted from recorded changes, none is sampled. Times are when things happened, corrected by what was found out later. The rows are beside this page: <code>peaks-by-month.csv</code>, <code>peaks-by-day.csv</code>, <code>in-use.csv</code> (the curve), <code>used-by-at-peak.csv</code>, <code>used-by-at-end.csv</code> (each with the arithmetic, the rule version and the revision that says so), <code>rules.csv</code>, <code>decisions.csv</code>, <code>exemptions.csv</code>, <code>annotations.csv</code>, <code>gaps.csv</code>, <code>coverage.csv</code>.</p>`)
}

// proof says how to check the pack, and what that does not show.
func (p *Pack) proof(w *page) {
	if p.Proof == nil {
		w.line(`<p class="small">There is no sealed evidence in this pack: its numbers rest on the word of whoever made it.</p>`)
		return
	}
	w.line(`<p class="small">Proof: <code>proof/</code> holds each recorded change of %s up to %s, with the signed manifest of each day. <code>licenseguard verify proof --key evidence.pub --head HEAD</code> shows, without a network and without trust in this pack, that none was altered, put in or left out; take key and head from whoever kept them apart, not from here. <code>licenseguard peaks --log proof/changes</code> counts the numbers of this page anew. Of other licenses it shows how many changes there are, and nothing else.%s</p>`,
		map[bool]string{true: "this license", false: fmt.Sprintf("these %d licenses", p.Proof.Licenses)}[p.Proof.Licenses == 1], text(p.Proof.Last),
		map[bool]string{true: fmt.Sprintf(" Of %d more of this page nothing was sealed by then.", p.Proof.Unsealed)}[p.Proof.Unsealed > 0])
}

func (p *Pack) chapter(w *page, c *Chapter) {
	k := &c.Configuration
	w.line(`<h2 id="%s">%s</h2>`, text(k.ID), text(k.Name))
	limit := "tracked only"
	if k.Count != nil {
		limit = fmt.Sprintf("%d licenses, %s limit", *k.Count, map[bool]string{true: "hard", false: "soft"}[k.HardLimit])
	}
	if c.Deleted {
		limit += "; deleted since"
	}
	w.line(`<p>Counted by %s; now %s. <code>%s</code></p>`, text(string(k.CountingType)), limit, text(k.ARN))
	if c.Whole == nil {
		w.line(`<p>The change log has nothing of it in this time.</p>`)
		return
	}
	w.line(`<section>%s</section>`, chart(c.Series, p.From, p.To))
	p.months(w, c)
	p.uses(w, c)
	p.decisions(w, c)
}

func (p *Pack) months(w *page, c *Chapter) {
	extra := ""
	if c.Whole.Adjusted != nil {
		extra = `<th class="n">Adjusted</th>`
	}
	w.line(`<section><h3>By month</h3><table><tr><th>Month</th><th class="n">Most in use</th>%s<th>Reached</th><th class="n">Licensed then</th><th class="n">Over by</th><th class="n">License-hours</th><th class="n">Time over</th></tr>`, extra)
	for i := range c.Months {
		m := &c.Months[i]
		switch {
		case c.Whole.Adjusted == nil:
		case m.Adjusted == nil:
			extra = `<td class="n">–</td>`
		default:
			extra = fmt.Sprintf(`<td class="n">%d</td>`, m.Adjusted.High)
		}
		w.line(`<tr><td>%s</td><td class="n">%d</td>%s<td>%s</td><td class="n">%s</td><td class="n%s">%d</td><td class="n">%.1f</td><td class="n%s">%s</td></tr>`,
			m.From.UTC().Format("January 2006"), m.High, extra, long(m.HighAt), number(m.Count), red(over(m) > 0), over(m), m.LicenseHours, red(m.OverMinutes > 0), span(m.OverMinutes))
	}
	w.line(`</table></section>`)
	annotations := p.annotations(c)
	if len(annotations) == 0 {
		return
	}
	w.line(`<section><h3>Left out of the adjusted numbers</h3><table><tr><th>Resource</th><th>From</th><th>Until</th><th>Why</th><th>Approved by, recorded</th></tr>`)
	for _, a := range annotations {
		note := ""
		if !a.Holds() {
			note = fmt.Sprintf("; withdrawn %s by %s", long(a.Withdrawn), text(a.WithdrawnBy))
		}
		w.line(`<tr><td><code>%s</code></td><td class="d">%s</td><td class="d">%s</td><td>%s: %s</td><td>%s, %s by %s%s</td></tr>`, text(a.Resource.AWSID()), long(a.From), long(a.Until),
			text(string(a.Kind)), text(a.Reason), text(a.Approver), long(a.At), text(a.By), note)
	}
	w.line(`</table></section>`)
}

// shownUses is how many resources the page lists; the rest is in the CSV.
const shownUses = 12

func (p *Pack) uses(w *page, c *Chapter) {
	uses := slices.Clone(c.Peak.Uses)
	slices.SortStableFunc(uses, func(a, b timeline.Use) int { return cmp.Compare(b.Licenses, a.Licenses) })
	w.line(`<section><h3>Who used it when most was in use, %s: %d licenses by %d resources</h3>`, long(c.Whole.HighAt), c.Peak.Deployed, len(uses))
	w.line(`<table><tr><th>Resource</th><th class="n">Licenses</th><th>Why so many</th><th>Through</th><th>Verdict</th></tr>`)
	for i, u := range uses {
		if i == shownUses {
			rest := int64(0)
			for _, more := range uses[i:] {
				rest += more.Licenses
			}
			w.line(`<tr><td>and %d more</td><td class="n">%d</td><td colspan="3">used-by-at-peak.csv</td></tr>`, len(uses)-i, rest)
			break
		}
		w.line(`<tr><td><code>%s</code></td><td class="n">%d</td><td>%s</td><td>%s</td><td class="%s">%s</td></tr>`, text(u.Resource[strings.LastIndexByte(u.Resource, ':')+1:]), u.Licenses, text(u.Explanation),
			text(u.Association), strings.TrimSpace(red(u.Verdict == "over" || u.Verdict == "broken")), text(u.Verdict))
	}
	w.line(`</table></section>`)
}

// shownDecisions is how many decisions the page lists, the newest of the span last.
const shownDecisions = 15

func (p *Pack) decisions(w *page, c *Chapter) {
	w.line(`<section><h3>Rules</h3><table><tr><th>Version</th><th>In force from</th><th>Rules</th></tr>`)
	for i, v := range c.Configuration.Rules {
		from := "the beginning"
		if !v.Effective.IsZero() {
			from = long(v.Effective)
		}
		w.line(`<tr><td>%d</td><td>%s</td><td>%s</td></tr>`, i+1, from, text(cmp.Or(strings.Join(v.Text, " "), "none")))
	}
	w.line(`</table></section>`)
	var shown []string
	for _, e := range c.Edits {
		if e.At.Before(p.From) || !e.At.Before(p.To) {
			continue
		}
		what := "deleted"
		if !e.Deleted {
			var parts []string
			for _, d := range e.Differences {
				parts = append(parts, fmt.Sprintf("%s: %s → %s", text(d.Field), text(cmp.Or(d.From, "–")), text(cmp.Or(d.To, "–"))))
			}
			what = strings.Join(parts, "<br>")
		}
		if e.Revision == 1 {
			what = "made"
		}
		shown = append(shown, fmt.Sprintf(`<tr><td class="d">%s</td><td>%s</td><td>%s</td></tr>`, long(e.At), text(e.By), what))
	}
	if n := len(shown); n > 0 {
		w.line(`<section><h3>Who decided what in this time</h3><table><tr><th>When</th><th>Who</th><th>What</th></tr>`)
		if n > shownDecisions {
			w.line(`<tr><td colspan="3">%d earlier ones are in decisions.csv</td></tr>`, n-shownDecisions)
			shown = shown[n-shownDecisions:]
		}
		w.line("%s", strings.Join(shown, "\n"))
		w.line(`</table></section>`)
	}
	if exemptions := p.exemptions(c); len(exemptions) > 0 {
		w.line(`<section><h3>Exemptions in this time</h3><table><tr><th>Instance</th><th>From</th><th>Until</th><th>Owner, reason</th><th>Approved by</th></tr>`)
		for _, e := range exemptions {
			w.line(`<tr><td><code>%s</code></td><td>%s</td><td>%s</td><td>%s: %s</td><td>%s</td></tr>`, text(e.Instance.AWSID()), long(e.From), long(e.End()), text(e.Owner), text(e.Reason), text(e.Approver))
		}
		w.line(`</table></section>`)
	}
}

func red(yes bool) string {
	if yes {
		return " over"
	}
	return ""
}

func over(p *timeline.Peak) int64 {
	if p.Count == nil {
		return 0
	}
	return max(0, p.High-*p.Count)
}

func number(n *int64) string {
	if n == nil {
		return "–"
	}
	return fmt.Sprint(*n)
}

// span writes minutes as people say them.
func span(minutes float64) string {
	switch d := time.Duration(minutes * float64(time.Minute)).Round(time.Minute); {
	case minutes == 0:
		return "none"
	case d < time.Hour:
		return fmt.Sprintf("%.0f min", max(1, d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %02d min", int(d.Hours()), int(d.Minutes())%60)
	default:
		return fmt.Sprintf("%d days %d h", int(d.Hours())/24, int(d.Hours())%24)
	}
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

func long(t time.Time) string { return t.UTC().Format("2 Jan 2006 15:04") }
