package publish

import (
	"context"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/telemetry"
)

// Facts tells what is known of instances; an unknown id is left out.
type Facts interface {
	LoadFacts(ctx context.Context, ids []license.ResourceID) (map[license.ResourceID]ledger.Facts, error)
}

// notice is an alert as it is told: with what is known of the launches of the
// instances that it names.
type notice struct {
	Alert
	launches map[license.ResourceID]launch
	unread   bool // the facts could not be read
}

// launch is what people want to know of an instance that they are told of.
type launch struct {
	name string // its Name tag
	at   time.Time
	by   string // "" if nobody told
	auto string // the Auto Scaling group that it is in
}

// maxNamed bounds the instances that a message spells out.
const maxNamed = 30

// factsTime bounds the wait for facts: an alert without them is worth more than
// one that is late.
const factsTime = 5 * time.Second

// notice looks up what a message names. Without facts it says less; it never
// fails.
func (p *Publisher) notice(ctx context.Context, a Alert) notice {
	n := notice{Alert: a, launches: map[license.ResourceID]launch{}}
	named := a.Resources[:min(len(a.Resources), maxNamed)]
	if p.Facts == nil || len(named) == 0 {
		return n
	}
	ctx, cancel := context.WithTimeout(ctx, factsTime)
	defer cancel()
	facts, err := p.Facts.LoadFacts(ctx, named)
	if n.unread = err != nil; n.unread {
		return n
	}
	for _, id := range named {
		f := facts[id]
		n.launches[id] = launch{at: f.Generation.Launch, by: f.LaunchedBy,
			name: telemetry.Clean(f.Instance.Tags["Name"], 60), auto: telemetry.Clean(f.Instance.Tags[license.TagAutoScalingGroup], 100)}
	}
	return n
}

// autoScaling is the service that launches for Auto Scaling groups.
const autoScaling = "autoscaling.amazonaws.com"

// launcher says who launched, in words. mark is put around foreign text.
func (l launch) launcher(mark func(string) string) string {
	switch {
	case l.auto != "" && l.by == autoScaling:
		return "launched by Auto Scaling group " + mark(l.auto)
	case l.by != "":
		return "launched by " + mark(telemetry.Clean(l.by, 600))
	case l.auto != "":
		return "launcher not known, in Auto Scaling group " + mark(l.auto)
	default:
		return "launcher not known"
	}
}

// moment is a time as people read it.
func moment(t time.Time) string { return t.UTC().Format("2 January 2006 15:04:05 UTC") }

// minute is a time that is known only so far.
func minute(t time.Time) string { return t.UTC().Format("2 January 2006 15:04 UTC") }
