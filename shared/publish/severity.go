package publish

import "licenseguard/shared/ledger"

// Severity says how urgent an alert is; docs/alerts.md has the table.
type Severity string

// The severities.
const (
	Info     Severity = "info"     // good to know, nobody has to act today
	Warning  Severity = "warning"  // somebody should look
	Critical Severity = "critical" // licenses are overrun, or what should answer does not
)

// nearlyAll is the threshold in percent from which on it is time to act.
const nearlyAll = 90

// soon is the notice before an expiry in days from which on it is time to act.
const soon = 30

func (a *Alert) severity() Severity {
	switch a.Kind {
	case ledger.AlertThreshold:
		return either(a.Threshold >= nearlyAll, Warning, Info)
	case ledger.AlertLimit, ledger.AlertRule:
		return either(a.Hard || a.unlicensed(), Critical, Warning)
	case ledger.AlertExpiry:
		if a.Threshold == 0 {
			return Critical
		}
		return either(a.Threshold <= soon, Warning, Info)
	case ledger.AlertUnanswered, ledger.AlertSuspended:
		return Critical
	case ledger.AlertExemption:
		return Info
	case ledger.AlertHeld:
		return either(a.byBreaker(), Critical, Warning) // a person knows of the pause, of the breaker nobody does
	default:
		return Warning
	}
}

func either(yes bool, a, b Severity) Severity {
	if yes {
		return a
	}
	return b
}
