package console

import (
	"fmt"
	"io"
	"time"

	"licenseguard/shared/license"
)

// Exempted is an exemption of one license.
type Exempted struct {
	License, Name string
	license.Exemption
}

// soon is how long before its end an exemption is marked.
const soon = 7 * 24 * time.Hour

// Exemptions prints exemptions.
func Exemptions(w io.Writer, exemptions []Exempted, now time.Time) {
	rows, details := make([][]string, len(exemptions)), make([][]string, len(exemptions))
	for i, e := range exemptions {
		rows[i] = []string{e.Instance.AWSID(), text(e.Name, 30), text(e.Owner, 20), e.End().UTC().Format(minute), left(e.Exemption, now)}
		details[i] = []string{e.Reason, "approved by " + e.Approver, string(e.Instance)}
	}
	detailed(w, "INSTANCE\tLICENSE\tOWNER\tUNTIL (UTC)\tLEFT", rows, details)
}

func left(e license.Exemption, now time.Time) string {
	d := e.End().Sub(now)
	switch {
	case !e.Holds(now):
		return "ended"
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h  ENDS SOON", int(d/time.Hour))
	case d <= soon:
		return fmt.Sprintf("%d days  ENDS SOON", int(d/(24*time.Hour)))
	default:
		return fmt.Sprintf("%d days", int(d/(24*time.Hour)))
	}
}
