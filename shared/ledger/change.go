package ledger

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"licenseguard/shared/license"
)

// Change says what one commit of a license did. It travels with the license's
// head through the stream, so it is the outbox for enforcement, the change log
// and alerts: what was committed is told, and nothing else.
type Change struct {
	License  string // configuration id
	ARN      string `json:",omitempty"`
	Name     string
	Vendor   string `json:",omitempty"`
	Counting license.CountingType
	Count    *int64 `json:",omitempty"` // the licenses there are now; nil: tracked only
	Hard     bool   `json:",omitempty"`
	Mode     license.Mode
	Status   license.Status
	Expiry   time.Time `json:",omitzero"`
	Revision int64
	Recorded time.Time
	Reason   string  `json:",omitempty"` // "configuration" when a person changed it, "deleted", "approval", "due" for the clock; which host failed, when its licenses moved; of brakes what was done
	By       string  `json:",omitempty"`
	What     string  `json:",omitempty"` // of a change by a person: the fields that it changed, in words
	Deltas   []Delta `json:",omitempty"`
	Alerts   []Alert `json:",omitempty"`
	Before   Totals
	After    Totals
}

// longestWhat bounds the text of a change: it travels with the head.
const longestWhat = 4000

// what writes the fields in which a configuration differs from the one before.
func what(old, wanted *license.Configuration) string {
	if len(old.Rules) == 0 { // there was none
		old = nil
	}
	var out []string
	for _, d := range license.Differences(old, wanted) {
		if d.Field != "description" && d.Field != "tags" { // people's own text, which may name people: it would be sealed
			out = append(out, fmt.Sprintf("%s: %s → %s", d.Field, cmp.Or(d.From, "–"), cmp.Or(d.To, "–")))
		}
	}
	text := strings.Join(out, "; ")
	if len(text) > longestWhat {
		text = strings.ToValidUTF8(text[:longestWhat], "") + " …"
	}
	return text
}

// ReasonDeleted is the reason of a license's last change.
const ReasonDeleted = "deleted"

// Delta is what happened to one member of an entry.
type Delta struct {
	Resource    license.ResourceID // the consuming resource
	Instance    license.ResourceID
	Generation  Generation
	State       license.State
	EventID     string              `json:",omitempty"`
	Happened    time.Time           // when it happened, as far as is known
	Uncertainty time.Duration       `json:",omitempty"` // it happened within this before Happened
	From        Verdict             `json:",omitempty"`
	To          Verdict             `json:",omitempty"`
	Cause       Cause               `json:",omitempty"`
	Licenses    int64               // consumed by the entry after
	Before      int64               // and before
	Explanation license.Explanation // of Licenses
	Estimated   bool                `json:",omitempty"`
	Broken      []license.Violation `json:",omitempty"`
	Association string              `json:",omitempty"`
	RuleVersion int
	Answer      Answer `json:"Answer,omitzero"`
	Action      string `json:",omitempty"` // of an action recorded by enforcement: granted, stopped, tagged, would-stop …

	brokenAnew bool // breaks a rule since this change
}

// Alert is one crossing that people are told of. ID is stable: the same
// crossing has the same ID however often it is delivered.
type Alert struct {
	ID        string
	Kind      AlertKind
	Threshold int                  `json:",omitempty"` // percent; days for expiry and exemptions; hours for unanswered
	Resources []license.ResourceID `json:",omitempty"` // the affected instances, in order
	Stops     int                  `json:",omitempty"` // of all affected, those that will be stopped by themselves
	Tags      int                  `json:",omitempty"` // and those that will only be tagged
	Why       string               `json:",omitempty"` // for AlertHeld what holds enforcement; for AlertSuspended which group, and why; for AlertExemption whose end it is
}

// AlertKind says what an alert is about.
type AlertKind string

// The kinds of alert.
const (
	AlertThreshold  AlertKind = "threshold"      // a percentage of the count was reached
	AlertLimit      AlertKind = "limit-exceeded" // more deployed than there are licenses
	AlertRule       AlertKind = "rule-broken"
	AlertExpiry     AlertKind = "expiry"
	AlertNotStopped AlertKind = "not-stopped" // over, but on the never-stopped list
	AlertUnanswered AlertKind = "unanswered"  // an overrun lasts, and nobody did anything
	AlertExemption  AlertKind = "exemption-ends"
	AlertHeld       AlertKind = "enforcement-held"    // by a person's pause or a breaker
	AlertSuspended  AlertKind = "launching-suspended" // of an Auto Scaling group, by admission
)

// Answer is what policy asks to be done about one instance.
type Answer struct {
	Action    license.Mode `json:",omitempty"` // stop, tag, detach or lower; "" for nothing
	Mode      license.Mode `json:",omitempty"` // observe: say it, do nothing
	NotBefore time.Time    `json:",omitzero"`
	Why       string       `json:",omitempty"` // for an Action the reason; without one, why nothing is done
	Plan      string       `json:",omitempty"` // the approved plan that asks for it; "": it is automatic
}

// Wanted reports whether something is to be done or said.
func (a Answer) Wanted() bool { return a.Action != "" }
