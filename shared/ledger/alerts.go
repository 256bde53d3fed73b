package ledger

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"licenseguard/shared/license"
)

// maxListed bounds the resources that one alert names; the ledger lists them all.
const maxListed = 500

// expiryNotices are the days before the expiry at which a notice is sent, as
// AWS License Manager does (user guide, modify a license configuration, 2026).
var expiryNotices = []int{0, 30, 60, 90, 120}

// weekly is how often people are told again of an overrun that goes on.
const weekly = 7 * 24 * time.Hour

// alert raises what crossed and arms again what cleared.
func (f *folder) alert() {
	if f.l.Configuration.Status == license.Disabled {
		f.l.Alerts.Raised, f.l.Alerts.Exceeded, f.l.Alerts.Since, f.l.Alerts.Escalated = nil, false, time.Time{}, 0 // nothing is counted, so all is clear
		return
	}
	if !f.l.Unsettled && !f.partial {
		f.alertLimit()
		f.alertUnanswered()
	}
	f.alertRules()
	f.alertExpiry()
	f.alertExemptions()
	if len(f.guarded) > 0 {
		f.raise(AlertNotStopped, 0, f.guarded)
	}
}

func (f *folder) raise(kind AlertKind, threshold int, resources []license.ResourceID) {
	a := Alert{Kind: kind, Threshold: threshold}
	a.Stops, a.Tags = f.automatic(resources)
	a.Resources = resources[:min(len(resources), maxListed)]
	f.change.Alerts = append(f.change.Alerts, a)
}

// automatic counts the instances that will be answered without a person: in
// whichever commit they became an overrun, for one look can take several.
func (f *folder) automatic(resources []license.ResourceID) (stops, tags int) {
	for _, id := range resources {
		i, ok := f.find(id)
		if !ok {
			continue
		}
		e := &f.l.Entries[i]
		m := e.member(id)
		if m == nil {
			continue
		}
		switch a := f.l.Answer(e, m, f.now); {
		case a.Mode == license.Observe:
		case a.Action == license.Stop:
			stops++
		case a.Action == license.Tag:
			tags++
		}
	}
	return stops, tags
}

// alertLimit merges what one fold crosses into the highest: an overrun, else
// the highest threshold.
func (f *folder) alertLimit() {
	a, deployed := &f.l.Alerts, f.l.Totals.Deployed()
	exceeded := f.limited && deployed > f.limit
	switch {
	case exceeded && !a.Exceeded:
		f.raise(AlertLimit, 0, f.overrunning())
		a.Since, a.Escalated = f.now, 0
	case !exceeded:
		a.Since, a.Escalated = time.Time{}, 0
	}
	var raised []int
	highest := 0
	for _, t := range f.l.Configuration.Thresholds {
		if !f.limited || f.limit == 0 || deployed*100 < int64(t)*f.limit {
			continue
		}
		raised = append(raised, t)
		if !slices.Contains(a.Raised, t) {
			highest = t
		}
	}
	if highest > 0 && !exceeded && !a.Exceeded {
		f.raise(AlertThreshold, highest, nil)
	}
	a.Exceeded, a.Raised = exceeded, raised
}

// alertUnanswered tells again of an overrun that nobody ended or decided on.
func (f *folder) alertUnanswered() {
	a := &f.l.Alerts
	due := f.escalation()
	if due.IsZero() || f.now.Before(due) {
		return
	}
	f.raise(AlertUnanswered, int(f.now.Sub(a.Since)/time.Hour), f.overrunning())
	for !f.now.Before(f.escalation()) {
		a.Escalated++
	}
}

// escalation returns when people are told next of an overrun that goes on: after
// the time that the configuration says, then weekly. Zero: there is none.
func (f *folder) escalation() time.Time {
	a := &f.l.Alerts
	if a.Since.IsZero() {
		return time.Time{}
	}
	return a.Since.Add(f.l.Configuration.Enforcement.EscalateAfter + time.Duration(a.Escalated)*weekly)
}

// alertExemptions lists the exemptions that end soon, all in one alert.
func (f *folder) alertExemptions() {
	var ids []license.ResourceID
	var ends []string
	first := time.Time{}
	for _, e := range f.l.Configuration.Exemptions {
		if at := e.Notice(); at.IsZero() || at.After(f.now) || !at.After(f.l.Alerts.Exemptions) || !e.Holds(f.now) {
			continue
		}
		ids = append(ids, e.Instance)
		ends = append(ends, fmt.Sprintf("%s until %s, for %s: %s", e.Instance.AWSID(), e.Until.Format("2 January 2006 15:04 UTC"), e.Owner, e.Reason))
		if first.IsZero() || e.Until.Before(first) {
			first = e.Until
		}
	}
	if len(ids) == 0 {
		return
	}
	f.raise(AlertExemption, int(first.Sub(f.now)/(24*time.Hour)), ids)
	f.change.Alerts[len(f.change.Alerts)-1].Why = strings.Join(ends, "\n")
	f.l.Alerts.Exemptions = f.now
}

// overrunning lists the instances that use what there is no license for, in
// their order.
func (f *folder) overrunning() []license.ResourceID {
	var entries []int
	for i := range f.l.Entries {
		if v := f.l.Entries[i].Verdict; v == Over || v == Broken {
			entries = append(entries, i)
		}
	}
	f.sortByPlace(entries)
	var out []license.ResourceID
	for _, i := range entries {
		for _, m := range f.l.Entries[i].Members {
			if m.Consuming(&f.rules) {
				out = append(out, m.Instance)
			}
		}
	}
	return out
}

// alertRules names the instances that began to break a rule in this fold.
func (f *folder) alertRules() {
	var broken []license.ResourceID
	for _, d := range f.change.Deltas {
		if len(d.Broken) > 0 && d.brokenAnew && d.Instance != "" {
			broken = append(broken, d.Instance)
		}
	}
	if len(broken) > 0 {
		f.raise(AlertRule, 0, broken)
	}
}

func (f *folder) alertExpiry() {
	notice, ok := expiryNotice(f.l.Configuration.Expiry, f.now)
	if !ok {
		f.l.Alerts.Expiry = 0
		return
	}
	if last := f.l.Alerts.Expiry; last == 0 || notice+1 < last {
		f.raise(AlertExpiry, notice, nil)
		f.l.Alerts.Expiry = notice + 1
	}
}

// expiryNotice returns the notice that holds at an instant: the fewest days of
// expiryNotices that are still ahead of the expiry.
func expiryNotice(expiry, now time.Time) (days int, ok bool) {
	if expiry.IsZero() {
		return 0, false
	}
	for _, d := range expiryNotices {
		if !now.Before(expiry.AddDate(0, 0, -d)) {
			return d, true
		}
	}
	return 0, false
}

func nextExpiryNotice(expiry, now time.Time) time.Time {
	if expiry.IsZero() {
		return time.Time{}
	}
	for _, d := range slices.Backward(expiryNotices) {
		if at := expiry.AddDate(0, 0, -d); at.After(now) {
			return at
		}
	}
	return time.Time{}
}

// numberAlerts gives each alert its stable id.
func (c *Change) numberAlerts() {
	for i := range c.Alerts {
		a := &c.Alerts[i]
		a.ID = fmt.Sprintf("%s/%s/%d/r%d", c.License, a.Kind, a.Threshold, c.Revision)
	}
}
