package publish

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/telemetry"
)

// Alert is an alert on its way from the log to people: the crossing with the
// numbers at that moment.
type Alert struct {
	ID        string
	Kind      ledger.AlertKind
	Threshold int `json:",omitempty"`
	License   string
	Name      string
	Counting  license.CountingType
	Count     *int64 `json:",omitempty"`
	Hard      bool   `json:",omitempty"`
	Mode      license.Mode
	Totals    ledger.Totals
	At        time.Time
	Expiry    time.Time            `json:",omitzero"`
	By        string               `json:",omitempty"` // whose change it was, if a person's
	Resources []license.ResourceID `json:",omitempty"`
	Stops     int                  `json:",omitempty"` // of all affected, those that will be stopped by themselves
	Tags      int                  `json:",omitempty"` // and those that will only be tagged
}

// alertsOf returns the alerts that a change raised.
func alertsOf(c *ledger.Change) []Alert {
	out := make([]Alert, len(c.Alerts))
	for i, a := range c.Alerts {
		out[i] = Alert{ID: a.ID, Kind: a.Kind, Threshold: a.Threshold, License: c.License, Name: c.Name, Counting: c.Counting,
			Count: c.Count, Hard: c.Hard, Mode: c.Mode, Totals: c.After, At: c.Recorded, Expiry: c.Expiry, By: c.By,
			Resources: a.Resources, Stops: a.Stops, Tags: a.Tags}
	}
	return out
}

// Subject is one line for an inbox.
func (a Alert) Subject() string {
	name := telemetry.Clean(a.Name, 40)
	switch a.Kind {
	case ledger.AlertLimit:
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
	default:
		return fmt.Sprintf("%s: %s", name, a.Kind)
	}
}

// maxNamed bounds the instances that a message spells out.
const maxNamed = 30

// Text is the message that a license manager reads: what, how many, which,
// since when, what happens next and how to change that.
func (a Alert) Text() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("%s", a.Subject())
	line("")
	line("License      %s (%s)", telemetry.Clean(a.Name, 256), a.License)
	line("Licensed     %s (%s)", a.count(), a.Counting)
	line("In use       %d: running %d, stopped but counted %d, bound to hosts %d", a.Totals.Deployed(), a.Totals.Running, a.Totals.Stopped, a.Totals.Affinity)
	line("Covered      %d", a.Totals.Covered)
	if a.Totals.Over > 0 {
		line("Over         %d", a.Totals.Over)
	}
	if a.Totals.Broken > 0 {
		line("Against rule %d", a.Totals.Broken)
	}
	if a.Totals.Estimated > 0 {
		line("Estimated    %d rest on facts that AWS did not tell", a.Totals.Estimated)
	}
	line("Since        %s", a.At.UTC().Format("2 January 2006 15:04:05 UTC"))
	if a.By != "" {
		line("Changed by   %s", telemetry.Clean(a.By, 100))
	}
	line("")
	line("%s", a.next())
	if len(a.Resources) > 0 {
		line("")
		line("Affected:")
		for _, id := range a.Resources[:min(len(a.Resources), maxNamed)] {
			account, region, awsID := id.Parts()
			line("  %s  account %s  %s", awsID, account, region)
		}
		if n := len(a.Resources) - maxNamed; n > 0 {
			line("  and %d more: licenseguard usage %s", n, a.License)
		}
	}
	line("")
	line("Alert id: %s", a.ID)
	return b.String()
}

// next says what happens now and how to change it.
func (a Alert) next() string {
	switch {
	case a.Kind == ledger.AlertExpiry:
		return "What happens next: after the expiry the license count is 0. Nothing is stopped. To go on, enter the new expiry date."
	case a.Kind == ledger.AlertThreshold:
		return "What happens next: nothing. Free licenses or raise the count before the limit is passed."
	case a.Kind == ledger.AlertNotStopped:
		return "What happens next: these instances were tagged and are never stopped automatically (Auto Scaling, stop protection, data on instance store, Spot, or managed by a service). Please decide what to do about them."
	case !a.Hard:
		return "What happens next: nothing is stopped, this is a soft limit. Free licenses or raise the count."
	case a.Stops+a.Tags == 0:
		return "What happens next: nothing is stopped. The overrun was made by a change, rests on an estimate, was found already running, or the license only observes. The instances are listed; a person decides."
	case a.Stops == 0:
		return fmt.Sprintf("What happens next: %s tagged. Nothing is stopped.", plural(a.Tags, "instance is", "instances are"))
	default:
		next := fmt.Sprintf("What happens next: %s stopped, within the license's hourly budget.",
			plural(a.Stops, "instance launched over the limit is", "instances launched over the limit are"))
		if a.Tags > 0 {
			next += fmt.Sprintf(" %s only tagged, because they are never stopped.", plural(a.Tags, "more is", "more are"))
		}
		return next + " To prevent that, raise the count or set the license to observe."
	}
}

// Attributes are for subscription filters.
func (a Alert) Attributes() map[string]string {
	return map[string]string{"kind": string(a.Kind), "license": a.License, "alertId": a.ID}
}

func (a Alert) count() string {
	if a.Count == nil {
		return "no count"
	}
	return fmt.Sprint(*a.Count)
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
