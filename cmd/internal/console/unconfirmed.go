package console

import (
	"fmt"
	"io"

	"licenseguard/shared/snapshot"
)

// Unconfirmed prints a line for each license and account that holds it and cannot be
// looked at; name is the license's.
func Unconfirmed(w io.Writer, name string, unconfirmed []snapshot.Unconfirmed) {
	for _, u := range unconfirmed {
		since := "were never confirmed by a sweep"
		if !u.Since.IsZero() {
			since = "are not confirmed since " + u.Since.UTC().Format(minute) + " UTC"
		}
		fmt.Fprintf(w, "%s: %s of account %s in %s %s: %s\n", text(name, 34), plural(u.Licenses, "license", "licenses"), u.Account, u.Region, since, text(u.Why, 160))
	}
}
