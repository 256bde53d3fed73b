package audit

import (
	"fmt"
	"strings"
	"time"

	"licenseguard/shared/timeline"
)

// The chart, in pixels: its picture, and the margins around the curve.
const (
	width, height            = 860.0, 230.0
	left, right, top, bottom = 52.0, 12.0, 14.0, 30.0
	// most is how many steps a curve shows; of more, each pixel column shows its highest.
	most = 1500
)

// chart draws what was in use as an area, red where it was over the count, and the
// count as a line.
func chart(points []timeline.Point, from, to time.Time) string {
	if len(points) == 0 {
		return ""
	}
	high := int64(1)
	for _, p := range points {
		high = max(high, p.Deployed)
		if p.Count != nil && *p.Count < 4*high { // a count far above says little but its number
			high = max(high, *p.Count)
		}
	}
	limit := step(high)
	x := func(t time.Time) float64 {
		return left + (width-left-right)*float64(t.Sub(from))/float64(to.Sub(from))
	}
	y := func(n int64) float64 { return height - bottom - (height-top-bottom)*float64(n)/float64(limit.top) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %.0f %.0f" width="100%%" role="img" aria-label="Licenses in use over time, and how many there are" xmlns="http://www.w3.org/2000/svg" font-size="11" fill="#5b6673">`, width, height)
	for n := int64(0); n <= limit.top; n += limit.by {
		fmt.Fprintf(&b, `<line x1="%.0f" x2="%.0f" y1="%.1f" y2="%.1f" stroke="#dfe4ea"/><text x="%.0f" y="%.1f" text-anchor="end">%d</text>`, left, width-right, y(n), y(n), left-6, y(n)+4, n)
	}
	points = thin(points, from, to)
	end := func(i int) time.Time {
		if i+1 < len(points) {
			return points[i+1].At
		}
		return to
	}
	var area, red, line strings.Builder
	for i, p := range points {
		x1, x2 := x(p.At), x(end(i))
		rectangle(&area, x1, x2, y(p.Deployed), y(0))
		if p.Count == nil {
			continue
		}
		if p.Deployed > *p.Count {
			rectangle(&red, x1, x2, y(p.Deployed), y(*p.Count))
		}
		if *p.Count <= limit.top {
			fmt.Fprintf(&line, "M%.1f %.1fH%.1f", x1, y(*p.Count), x2)
		}
	}
	fmt.Fprintf(&b, `<path d="%s" fill="#7fa6d6"/><path d="%s" fill="#c9473f"/><path d="%s" stroke="#1a2330" stroke-width="1.6" stroke-dasharray="5 3" fill="none"/>`, area.String(), red.String(), line.String())
	for _, t := range ticks(from, to) {
		fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f" stroke="#9aa4b0"/><text x="%.1f" y="%.1f" text-anchor="middle">%s</text>`,
			x(t.at), x(t.at), height-bottom, height-bottom+4, min(x(t.at), width-right-24), height-bottom+17, t.label)
	}
	b.WriteString(`</svg><p class="small">Blue: in use. Red: over the count. Dashed: how many licenses there are.</p>`)
	return b.String()
}

func rectangle(b *strings.Builder, x1, x2, y1, y2 float64) {
	fmt.Fprintf(b, "M%.1f %.1fH%.1fV%.1fH%.1fZ", x1, y1, max(x2, x1+0.4), y2, x1)
}

// thin keeps of too many points two of each column: the highest and the last, so that
// neither a peak nor what followed it is lost.
func thin(points []timeline.Point, from, to time.Time) []timeline.Point {
	if len(points) <= most {
		return points
	}
	column := func(p timeline.Point) int64 { return int64(p.At.Sub(from) / (to.Sub(from)/most + 1)) }
	var out []timeline.Point
	for i := 0; i < len(points); {
		highest, last := points[i], points[i]
		j := i + 1
		for ; j < len(points) && column(points[j]) == column(points[i]); j++ {
			last = points[j]
			if last.Deployed > highest.Deployed {
				highest.Deployed, highest.Count = last.Deployed, last.Count
			}
		}
		out = append(out, highest)
		if last.At.After(highest.At) {
			out = append(out, last)
		}
		i = j
	}
	return out
}

// scale is the end and the steps of an axis.
type scale struct{ top, by int64 }

// step chooses round steps, about five of them, up to at least n.
func step(n int64) scale {
	for base := int64(1); ; base *= 10 {
		for _, factor := range []int64{1, 2, 5} {
			if by := base * factor; by*5 >= n {
				return scale{top: (n + by - 1) / by * by, by: by}
			}
		}
	}
}

type tick struct {
	at    time.Time
	label string
}

// ticks are at most about a dozen instants with a round name.
func ticks(from, to time.Time) []tick {
	from, to = from.UTC(), to.UTC()
	var out []tick
	switch length := to.Sub(from); {
	case length <= 2*24*time.Hour:
		hours := max(1, int(length.Hours()/8))
		for t := from.Truncate(time.Hour); t.Before(to); t = t.Add(time.Duration(hours) * time.Hour) {
			out = add(out, t, from, "15:04")
		}
	case length <= 70*24*time.Hour:
		days := max(1, int(length.Hours()/24/9))
		for t := time.Date(from.Year(), from.Month(), from.Day(), 0, 0, 0, 0, time.UTC); t.Before(to); t = t.AddDate(0, 0, days) {
			out = add(out, t, from, "2 Jan")
		}
	default:
		months := max(1, int(length.Hours()/24/30/12))
		for t := time.Date(from.Year(), from.Month(), 1, 0, 0, 0, 0, time.UTC); t.Before(to); t = t.AddDate(0, months, 0) {
			out = add(out, t, from, "Jan 06")
		}
	}
	return out
}

func add(out []tick, t, from time.Time, layout string) []tick {
	if t.Before(from) {
		return out
	}
	return append(out, tick{t, t.Format(layout)})
}
