package console

import (
	"fmt"
	"io"
	"time"

	"licenseguard/shared/timeline"
)

// PastPositions prints positions of a past instant.
func PastPositions(w io.Writer, positions []timeline.Position) {
	if len(positions) == 0 {
		fmt.Fprintln(w, "There was no license.")
		return
	}
	rows := make([][]string, len(positions))
	for i, p := range positions {
		then := "the same"
		if p.AsKnownThen != nil {
			then = fmt.Sprintf("%d: restated since", *p.AsKnownThen)
		}
		if !p.Known.IsZero() {
			then = "–"
		}
		rows[i] = []string{text(p.Name, 34), counted(p.Count), fmt.Sprint(p.Deployed), fmt.Sprint(p.Covered), fmt.Sprint(p.Over), fmt.Sprint(p.Broken),
			fmt.Sprint(len(p.Uses)), fmt.Sprint(p.Revision), then}
	}
	table(w, "LICENSE\tLICENSED\tIN USE\tCOVERED\tOVER\tAGAINST RULE\tRESOURCES\tREVISION\tAS KNOWN THEN", rows)
}

// Peaks prints high-water marks.
func Peaks(w io.Writer, peaks []timeline.Peak) {
	if len(peaks) == 0 {
		fmt.Fprintln(w, "The change log has nothing in that time.")
		return
	}
	rows, adjusted := make([][]string, len(peaks)), false
	for i, p := range peaks {
		adjusted = adjusted || p.Adjusted != nil
		over := "–"
		if p.Count != nil && p.High > *p.Count {
			over = fmt.Sprint(p.High - *p.Count)
		}
		rows[i] = []string{text(p.Name, 34), p.From.UTC().Format(minute), p.To.UTC().Format(minute), fmt.Sprint(p.High), p.HighAt.UTC().Format(time.DateTime),
			counted(p.Count), over, fmt.Sprintf("%.1f", p.LicenseHours), fmt.Sprintf("%.1f", p.OverMinutes)}
	}
	head := "LICENSE\tFROM (UTC)\tTO\tPEAK\tREACHED\tLICENSED\tOVER\tLICENSE-HOURS\tMINUTES OVER"
	if adjusted { // raw and adjusted side by side
		head += "\tADJUSTED PEAK\tREACHED"
		for i, p := range peaks {
			if a := p.Adjusted; a != nil {
				rows[i] = append(rows[i], fmt.Sprint(a.High), a.HighAt.UTC().Format(time.DateTime))
			} else {
				rows[i] = append(rows[i], "", "")
			}
		}
	}
	table(w, head, rows)
	if adjusted {
		fmt.Fprintln(w, "Adjusted: without what annotations leave out (licenseguard annotation ls).")
	}
}

func counted(n *int64) string {
	if n == nil {
		return "–"
	}
	return fmt.Sprint(*n)
}

// Gaps says which commits the change log lacks.
func Gaps(w io.Writer, gaps []timeline.Gap) {
	for i, g := range gaps {
		if i == 0 {
			fmt.Fprintln(w)
		}
		if i == maxLines {
			fmt.Fprintf(w, "… and %d gaps more\n", len(gaps)-i)
			return
		}
		fmt.Fprintf(w, "GAP: of %s the log lacks revisions %d to %d", text(g.License, 40), g.From, g.To)
		if !g.After.IsZero() {
			fmt.Fprintf(w, ", between %s and %s", g.After.Format(time.RFC3339), g.Then.Format(time.RFC3339))
		}
		fmt.Fprintln(w, ": what was so then is not known")
	}
}
