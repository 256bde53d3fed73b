package publish

import (
	"fmt"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// way is something that the reader can do, and the command for it.
type way struct{ to, command string }

var (
	seePlan   = way{"To see what waits for approval", "licenseguard enforcement plan"}
	applyPlan = way{"To approve it, with the hash that the plan shows", "licenseguard enforcement apply HASH"}
	undo      = way{"To start again what was stopped", "licenseguard enforcement undo"}
	resume    = way{"To let enforcement go on", "licenseguard enforcement resume"}
	exempt    = way{"To let an instance run in spite of it", "licenseguard exemption add"}
	newExpiry = way{"To go on, enter the new expiry date in the file of licenses", "licenseguard apply FILE"}
)

func (a *Alert) pause() way {
	return way{"To stop nothing for now", "licenseguard enforcement pause --license " + a.License}
}

func (a *Alert) seeUse() way {
	return way{"To see who uses the licenses", "licenseguard usage " + a.License}
}

func (a *Alert) seePast() way {
	return way{"To see what was used when", "licenseguard wayback " + a.License}
}

// next says what happens now by itself, and what the reader can do about it.
func (a *Alert) next() (happens string, ways []way) {
	switch a.Kind {
	case ledger.AlertExpiry:
		return a.nextExpiry(), []way{newExpiry, a.seeUse()}
	case ledger.AlertThreshold:
		return "nothing. Free licenses or raise the count before the limit is passed.", []way{a.seeUse(), a.seePast()}
	case ledger.AlertNotStopped:
		return "these instances were tagged and are never stopped automatically (Auto Scaling, stop protection, data on " +
			"instance store, Spot, or managed by a service). Please decide what to do about them.", []way{exempt, a.seePast()}
	case ledger.AlertExemption:
		return "when the exemption has ended, these instances are treated like all others again.", []way{{"To extend it", exempt.command}, a.seeUse()}
	case ledger.AlertHeld:
		return "what is held is neither stopped nor tagged until somebody resumes it. Counting and alerts go on.", []way{seePlan, resume}
	default:
		return a.nextOverrun()
	}
}

func (a *Alert) nextExpiry() string {
	if a.Threshold == 0 {
		return "the license count is 0, so that everything in use is without a license. Nothing is stopped for that."
	}
	when := "after the expiry"
	if !a.Expiry.IsZero() {
		when += ", on " + a.Expiry.UTC().Format("2 January 2006") + ","
	}
	return when + " the license count is 0. Nothing is stopped."
}

// nextOverrun is for overruns of a limit and breaches of a rule, new ones and
// those that last.
func (a *Alert) nextOverrun() (happens string, ways []way) {
	switch {
	case !a.Hard:
		happens = "nothing is stopped, this is a soft limit. Please " + a.remedy() + "."
		ways = []way{a.seeUse(), a.seePast()}
	case a.Mode == license.Observe && a.Stops+a.Tags == 0:
		happens = "nothing is stopped, this license only observes. The journal says what would have been done."
		ways = []way{{"To read the journal", "licenseguard journal"}, a.seeUse(), a.seePast()}
	case a.Stops+a.Tags == 0:
		happens = "nothing is stopped by itself. The overrun was made by a change, rests on an estimate, or was found already running. " +
			"The instances are listed; a person decides."
		ways = []way{seePlan, applyPlan, exempt, a.seePast()}
	case a.Stops == 0:
		happens = plural(a.Tags, "instance is", "instances are") + " tagged. Nothing is stopped."
		ways = []way{exempt, a.seePast()}
	default:
		happens = a.nextStops()
		ways = []way{a.pause(), exempt, undo, a.seePast()}
	}
	if a.escalated() {
		happens += " This is said again every week while the overrun lasts."
	}
	return happens, ways
}

func (a *Alert) nextStops() string {
	from := "once the settle window is over"
	if !a.StopsFrom.IsZero() {
		from = "from about " + minute(a.StopsFrom) + " on, when the settle window is over"
	}
	against := "over the limit"
	if a.Kind == ledger.AlertRule {
		against = "against a rule"
	}
	s := fmt.Sprintf("%s stopped, %s, within the license's hourly budget.",
		plural(a.Stops, "instance launched "+against+" is", "instances launched "+against+" are"), from)
	if a.Tags > 0 {
		s += fmt.Sprintf(" %s of the kinds that are never stopped, and only tagged.", plural(a.Tags, "more is", "more are"))
	}
	return s + " To prevent that, " + a.remedy() + ", or set the license to observe."
}

// remedy is what ends it for good.
func (a *Alert) remedy() string {
	if a.Kind == ledger.AlertRule {
		return "run the instances where the rules allow it or change the rules"
	}
	return "free licenses or raise the count"
}
