package publish

import (
	"encoding/json"
	"fmt"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// Alert is an alert on its way from the log to people: the crossing with the
// numbers at that moment.
type Alert struct {
	ID        string
	Kind      ledger.AlertKind
	Threshold int    `json:",omitempty"` // as in ledger.Alert
	License   string // configuration id, or "enforcement" for what is held
	ARN       string `json:",omitempty"`
	Name      string
	Counting  license.CountingType `json:",omitempty"` // "" for what counts nothing
	Count     *int64               `json:",omitempty"`
	Hard      bool                 `json:",omitempty"`
	Mode      license.Mode         `json:",omitempty"`
	Totals    ledger.Totals
	At        time.Time
	Expiry    time.Time            `json:",omitzero"`
	By        string               `json:",omitempty"` // whose change it was, if a person's
	Why       string               `json:",omitempty"` // as in ledger.Alert
	Resources []license.ResourceID `json:",omitempty"`
	Stops     int                  `json:",omitempty"` // of all affected, those that will be stopped by themselves
	Tags      int                  `json:",omitempty"` // and those that will only be tagged
	StopsFrom time.Time            `json:",omitzero"`  // when the settle window of the first of them is over, if known
}

// alertsOf returns the alerts that a change raised.
func alertsOf(c *ledger.Change) []Alert {
	out := make([]Alert, len(c.Alerts))
	for i, a := range c.Alerts {
		out[i] = Alert{ID: a.ID, Kind: a.Kind, Threshold: a.Threshold, License: c.License, ARN: c.ARN, Name: c.Name, Counting: c.Counting,
			Count: c.Count, Hard: c.Hard, Mode: c.Mode, Totals: c.After, At: c.Recorded, Expiry: c.Expiry, By: c.By, Why: a.Why,
			Resources: a.Resources, Stops: a.Stops, Tags: a.Tags}
		if a.Stops > 0 {
			out[i].StopsFrom = stopsFrom(c)
		}
	}
	return out
}

// stopsFrom is the earliest stop that a change asked for. One look can take
// several commits, and this one need not have the first: so it is told as about.
func stopsFrom(c *ledger.Change) (first time.Time) {
	for i := range c.Deltas {
		a := &c.Deltas[i].Answer
		if a.Action == license.Stop && a.Mode != license.Observe && (first.IsZero() || a.NotBefore.Before(first)) {
			first = a.NotBefore
		}
	}
	return first
}

// headline says the alert in one line; name is the license's, as it is to be
// shown.
func (a *Alert) headline(name string) string {
	switch a.Kind {
	case ledger.AlertLimit:
		if a.unlicensed() {
			return fmt.Sprintf("%s: %d used without any license", name, a.Totals.Deployed())
		}
		return fmt.Sprintf("%s: %d in use, %s licensed", name, a.Totals.Deployed(), a.count())
	case ledger.AlertThreshold:
		return fmt.Sprintf("%s: %d%% of %s licenses in use", name, a.Threshold, a.count())
	case ledger.AlertRule:
		return fmt.Sprintf("%s: %s against a license rule", name, plural(len(a.Resources), "instance runs", "instances run"))
	case ledger.AlertExpiry:
		if a.Threshold == 0 {
			return fmt.Sprintf("%s: the licenses have expired", name)
		}
		return fmt.Sprintf("%s: the licenses expire within %d days", name, a.Threshold)
	case ledger.AlertNotStopped:
		return fmt.Sprintf("%s: %s over the limit left running", name, plural(len(a.Resources), "instance", "instances"))
	case ledger.AlertUnanswered:
		what := "the overrun"
		if a.unlicensed() {
			what = "unlicensed use"
		}
		return fmt.Sprintf("%s: %s lasts for %d hours and nobody acted", name, what, a.Threshold)
	case ledger.AlertExemption:
		return fmt.Sprintf("%s: the exemption of %s ends within %s", name,
			plural(len(a.Resources), "instance", "instances"), plural(a.Threshold, "day", "days"))
	case ledger.AlertHeld:
		if a.byBreaker() {
			return fmt.Sprintf("%s is held by a breaker", name)
		}
		return fmt.Sprintf("%s is paused by a person", name)
	case ledger.AlertSuspended:
		return "An Auto Scaling group launches nothing more: no license is free"
	default:
		return fmt.Sprintf("%s: %s", name, a.Kind)
	}
}

// unlicensed reports whether there is no license at all: every use is over.
func (a *Alert) unlicensed() bool { return a.Count != nil && *a.Count == 0 }

// byBreaker tells a breaker from a person's pause.
func (a *Alert) byBreaker() bool { return a.By == "licenseguard" || a.By == "" }

func (a *Alert) count() string {
	switch {
	case a.Count == nil:
		return "no count"
	case *a.Count == 0:
		return "none"
	default:
		return fmt.Sprint(*a.Count)
	}
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func decodeAlert(body []byte) (Alert, error) {
	var a Alert
	if err := json.Unmarshal(body, &a); err != nil {
		return a, fmt.Errorf("decode alert: %w", err)
	}
	if a.ID == "" || a.Kind == "" {
		return a, fmt.Errorf("decode alert: it has no ID or no Kind")
	}
	return a, nil
}
