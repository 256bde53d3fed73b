package console

import (
	"fmt"
	"io"
	"strconv"

	"licenseguard/shared/evidence"
)

// findingsAtMost is how many findings are printed; --json has all.
const findingsAtMost = 20

// Evidence prints what a verification found, the first thing that is wrong first.
func Evidence(w io.Writer, r *evidence.Report) {
	if n := len(r.Findings); n > 0 {
		fmt.Fprintf(w, "WRONG: %s\n\n", text(r.Findings[0].String(), 1000))
		var rows [][]string
		for _, f := range r.Findings[:min(n, findingsAtMost)] {
			row := ""
			if f.Row > 0 {
				row = strconv.Itoa(f.Row)
			}
			rows = append(rows, []string{string(f.Kind), f.Day, text(f.Path, 200), row, text(f.Text, 400)})
		}
		table(w, "KIND\tDAY\tFILE\tROW\tWHAT IS WRONG", rows)
		if n > findingsAtMost {
			fmt.Fprintf(w, "and %d more; --json has all\n", n-findingsAtMost)
		}
		if r.Unchecked > 0 {
			fmt.Fprintf(w, "%s not checked: only a manifest that is wrong can name them\n", plural(int64(r.Unchecked), "file was", "files were"))
		}
		fmt.Fprintln(w)
	} else {
		fmt.Fprintln(w, "RIGHT: every day, signature, file and revision is as it was sealed")
	}
	if r.Days == 0 {
		return
	}
	fmt.Fprintf(w, "ledger   %s\ndays     %s to %s, %d right\nfiles    %d with %d rows; %.1f MB are right\nhead     %s\n",
		r.Ledger, r.First, r.Last, r.Days, r.Files, r.Rows, float64(r.Bytes)/1e6, r.Head)
	if s := r.Shown; s != nil {
		fmt.Fprintf(w, "shown    %s of %s; withheld: %s of %s\n", plural(s.Rows, "row", "rows"), plural(int64(len(s.Licenses)), "license", "licenses"),
			plural(s.WithheldRows, "row", "rows"), plural(int64(s.WithheldLicenses), "license", "licenses"))
		for _, vendor := range s.Vendors {
			fmt.Fprintf(w, "vendor   %s: every license that was ever recorded under it is among them\n", text(vendor, 100))
		}
		if n := len(s.OneByOne); n > 0 {
			fmt.Fprintf(w, "%s chosen one by one: there may be others of the same vendor\n", plural(int64(n), "license was", "licenses were"))
		}
		if s.Uncounted > 0 {
			fmt.Fprintf(w, "%s not say how many rows they have: that none of these is left out is not proven.\n", plural(int64(s.Uncounted), "commit does", "commits do"))
		}
	}
	if !r.HeadProven {
		fmt.Fprintln(w, "No head from outside (--head) vouches for the end: days cut off it would not be seen.")
	}
}
