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
	undo      = way{"To start again what was stopped", "licenseguard enforcement undo --since 2h --yes"}
	status    = way{"To see what is held, and the budgets", "licenseguard enforcement status"}
	resume    = way{"To let enforcement go on", "licenseguard enforcement resume"}
	exempt    = way{"To let an instance run in spite of it", "licenseguard exemption add"}
	newExpiry = way{"To go on, enter the new expiry date in the file of licenses", "licenseguard license apply -f FILE"}
)

func (a *Alert) pause() way {
	return way{"To stop nothing for now", "licenseguard enforcement pause --license " + a.License}
}

func (a *Alert) seeUse() way {
	return way{"To see who uses the licenses", "licenseguard usage ls " + a.License}
}

// back shows how to get within the count again; of rules it knows nothing.
func (a *Alert) back() []way {
	if a.Kind == ledger.AlertRule {
		return nil
	}
	return []way{{"To see the least costly ways back", "licenseguard wayback " + a.License}}
}

// next says what happens now by itself, and what the reader can do about it.
func (a *Alert) next() (happens string, ways []way) {
	switch a.Kind {
	case ledger.AlertExpiry:
		return a.nextExpiry(), []way{newExpiry, a.seeUse()}
	case ledger.AlertThreshold:
		return "nothing. Free licenses or raise the count before the limit is passed.", []way{a.seeUse()}
	case ledger.AlertNotStopped:
		return "these instances were tagged and are never stopped automatically (Auto Scaling, stop protection, data on " +
			"instance store, Spot, managed by a service, or exempt). Please decide what to do about them.", append([]way{exempt}, a.back()...)
	case ledger.AlertExemption:
		return "when an exemption has ended, what the instance uses beyond the count waits for a person's approval. Nothing is stopped by itself.",
			[]way{{"To extend it", exempt.command}, seePlan, a.seeUse()}
	case ledger.AlertHeld:
		return "what is held is neither stopped nor tagged until somebody resumes it. Counting and alerts go on.", []way{status, seePlan, resume}
	case ledger.AlertSuspended:
		return "the group starts nothing until somebody lets it: no replacement of an unhealthy instance, and no scaling out. What serves goes on. " +
				"Free licenses, raise the count, or lower the group's minimum first, or it is suspended again.",
			[]way{{"To see what is in use", "licenseguard position"}, {"To let the group launch again", "aws autoscaling resume-processes --scaling-processes Launch \\\n   --auto-scaling-group-name NAME"}}
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
		ways = append([]way{a.seeUse()}, a.back()...)
	case a.Mode == license.Observe && a.Stops+a.Tags == 0:
		happens = "nothing is stopped, this license only observes. The journal says what would have been done."
		ways = append([]way{{"To read the journal", "licenseguard journal"}, a.seeUse()}, a.back()...)
	case a.Stops+a.Tags == 0:
		happens = "nothing is stopped by itself. The overrun was made by a change, rests on an estimate, or was found already running. " +
			"The instances are listed; a person decides."
		ways = append([]way{seePlan, applyPlan, exempt}, a.back()...)
	case a.Stops == 0:
		happens = plural(a.Tags, "instance is", "instances are") + " tagged. Nothing is stopped."
		ways = append([]way{exempt}, a.back()...)
	default:
		happens = a.nextStops()
		ways = append([]way{a.pause(), exempt, undo}, a.back()...)
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
	s := fmt.Sprintf("%s stopped, %s, within the hourly budgets.",
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
