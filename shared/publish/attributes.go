package publish

import (
	"strconv"

	"licenseguard/shared/ledger"
)

// attributes are what a subscription's filter policy can ask for; docs/alerts.md
// has the list. There are fewer than ten, which is the most that SNS passes to a
// queue with raw delivery.
func (a *Alert) attributes() map[string]string {
	out := map[string]string{"kind": string(a.Kind), "license": a.License, "alertId": a.ID, "severity": string(a.severity()),
		"escalated": strconv.FormatBool(a.escalated())}
	if a.counts() {
		out["mode"], out["hard"] = string(a.Mode), strconv.FormatBool(a.Hard)
	}
	if account := a.account(); account != "" {
		out["account"] = account
	}
	return out
}

// escalated reports whether the alert says again what nobody answered.
func (a *Alert) escalated() bool { return a.Kind == ledger.AlertUnanswered }

// counts reports whether the alert is about a license, and has numbers.
func (a *Alert) counts() bool { return a.Counting != "" }

// account is the account of all listed instances, "" if they are of several.
func (a *Alert) account() string {
	only := ""
	for _, id := range a.Resources {
		account, _, _ := id.Parts()
		if only != "" && account != only {
			return ""
		}
		only = account
	}
	return only
}
