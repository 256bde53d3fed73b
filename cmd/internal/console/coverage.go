package console

import (
	"fmt"
	"io"
	"time"

	"licenseguard/shared/coverage"
	"licenseguard/shared/track"
)

// sources are what people call them.
var sources = map[string]string{"sweep": "sweeps", "events": "events", "snapshot": "snapshots"}

// Coverage prints what was not watched, what that can mean at worst, and what was.
func Coverage(w io.Writer, r *coverage.Report) {
	fmt.Fprintf(w, "From %s to %s\n", r.From.Format(time.RFC3339), r.To.Format(time.RFC3339))
	if len(r.Gaps) == 0 {
		fmt.Fprintln(w, "\nNo gap: events and sweeps followed each other without a break, and every snapshot is there.")
	} else {
		gaps(w, r.Gaps)
		for i := range r.Gaps {
			worst(w, i+1, &r.Gaps[i])
		}
	}
	if len(r.Watched) == 0 {
		return
	}
	Section(w, "Watched without a break")
	rows := make([][]string, len(r.Watched))
	for i, s := range r.Watched {
		rows[i] = []string{by(s.Source), whose(s.Account), whose(s.Region), s.From.Format(time.DateTime), s.To.Format(time.DateTime), lasted(s.To.Sub(s.From))}
	}
	table(w, "BY\tACCOUNT\tREGION\tFROM (UTC)\tUNTIL\tLASTED", rows)
}

func gaps(w io.Writer, gaps []coverage.Gap) {
	Section(w, "Not watched")
	rows, why := make([][]string, len(gaps)), make([][]string, len(gaps))
	for i, g := range gaps {
		rows[i] = []string{fmt.Sprint(i + 1), string(g.Finding), by(g.Source), whose(g.Account), whose(g.Region), g.From.Format(time.DateTime), g.To.Format(time.DateTime), lasted(g.To.Sub(g.From))}
		why[i] = []string{text(g.Why, 400)}
	}
	detailed(w, "#\tWHAT\tBY\tACCOUNT\tREGION\tFROM (UTC)\tTO\tLASTED", rows, why)
}

// worst prints what one gap can mean.
func worst(w io.Writer, n int, g *coverage.Gap) {
	if g.Finding == coverage.NoSnapshots {
		fmt.Fprintf(w, "\n%d at worst: %s.\n", n, g.Unknown)
		return
	}
	Section(w, "%d at worst", n)
	if g.Lost != (track.Drift{}) {
		fmt.Fprintf(w, "%d started, %d ended and %d changed, which no event had told of.\n", g.Lost.Started, g.Lost.Ended, g.Lost.Changed)
	}
	if len(g.Worst) == 0 {
		fmt.Fprintln(w, "Nothing is on record there of any license in that time.")
	} else {
		rows := make([][]string, len(g.Worst))
		for i, b := range g.Worst {
			rows[i] = []string{text(b.Name, 34), fmt.Sprint(b.Certain), fmt.Sprint(b.Highest), fmt.Sprint(b.Found), spare(b.Spare)}
		}
		table(w, "LICENSE\tCERTAIN\tAT MOST, ON RECORD\tKNOWN ONLY AFTER\tROOM FOR UNSEEN", rows)
	}
	fmt.Fprintf(w, "Not known: %s.\n", g.Unknown)
}

// spare says how much may have been used unseen before the count was passed.
func spare(n *int64) string {
	if n != nil && *n < 0 {
		return fmt.Sprintf("none: %d over", -*n)
	}
	return counted(n)
}

func by(source string) string {
	if name, ok := sources[source]; ok {
		return name
	}
	return text(source, 20)
}

func whose(s string) string {
	if s == "" {
		return "all"
	}
	return text(s, 20)
}

// lasted writes a time as people say it.
func lasted(d time.Duration) string {
	switch d = d.Round(time.Second); {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %02d min", int(d.Hours()), int(d.Minutes())%60)
	default:
		return fmt.Sprintf("%d days %d h", int(d.Hours())/24, int(d.Hours())%24)
	}
}
