package admit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"licenseguard/shared/event"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

// decide records the launches and says of each whether it is let in.
func (b *batch) decide(ctx context.Context, s track.Scope, launches []*launch) error {
	if err := b.observe(ctx, s, launches); err != nil {
		return err
	}
	if err := b.applying(ctx, launches); err != nil {
		return err
	}
	licenses, err := b.governing(ctx, s, launches)
	if err != nil {
		return err
	}
	for _, l := range licenses {
		b.ask(ctx, l, launches)
	}
	b.wait(licenses, launches)
	for _, l := range licenses {
		if err := b.commit(ctx, l, launches); err != nil {
			return err
		}
	}
	return nil
}

// observe records the launches. What AWS does not know yet, or not enough of,
// stays open, and is let in at its last receive.
func (b *batch) observe(ctx context.Context, s track.Scope, launches []*launch) error {
	var ids []string
	eventIDs := make(map[string]string)
	for _, l := range launches {
		if id := l.id.AWSID(); eventIDs[id] == "" {
			ids, eventIDs[id] = append(ids, id), l.eventID
		}
	}
	seen, err := b.Tracker.Observe(ctx, s, ids, eventIDs)
	if err != nil {
		return fmt.Errorf("observe launches: %w", err)
	}
	for _, l := range launches {
		switch id := l.id.AWSID(); {
		case slices.Contains(seen.Missing, id):
			l.why = "AWS does not know it"
		case seen.Failed[id] != nil:
			l.why = "not recorded: " + seen.Failed[id].Error()
		default:
			continue
		}
		l.open = l.receives() < lastReceive
	}
	return nil
}

// applying reads which licenses apply to the launches, from what was recorded.
func (b *batch) applying(ctx context.Context, launches []*launch) error {
	var ids []license.ResourceID
	for _, l := range launches {
		if l.why == "" && l.action.Destination != event.PlaceWarmPool { // a pool fills itself again, whatever is refused
			ids = append(ids, l.id)
		}
	}
	facts, err := b.Store.LoadFacts(ctx, ids)
	if err != nil {
		return fmt.Errorf("read facts: %w", err)
	}
	for _, l := range launches {
		f, ok := facts[l.id]
		if !ok {
			continue
		}
		l.at, l.state = f.Generation.Launch, f.Instance.State
		for _, h := range f.Held {
			if h.Ended.IsZero() {
				l.licenses = append(l.licenses, h.ConfigurationID)
			}
		}
	}
	return nil
}

// governing loads the licenses that may refuse: those under a hard limit whose
// mode is stop, unless a person or a breaker holds them. They come in the order of
// their ids.
func (b *batch) governing(ctx context.Context, s track.Scope, launches []*launch) ([]*ledger.License, error) {
	var ids []string
	for _, l := range launches {
		ids = append(ids, l.licenses...)
	}
	slices.Sort(ids)
	brakes, err := b.Store.LoadBrakes(ctx)
	if err != nil {
		return nil, fmt.Errorf("load brakes: %w", err)
	}
	var out []*ledger.License
	for _, id := range slices.Compact(ids) {
		l, err := b.Store.Load(ctx, id)
		if errors.Is(err, ledger.ErrNotFound) {
			continue // deleted meanwhile
		}
		if err != nil {
			return nil, err
		}
		if hold, held := brakes.Held(s.Account, id); held {
			b.Log.InfoContext(ctx, "license refuses no launch", "license", id, "why", hold.String())
			continue
		}
		if c := &l.Configuration; !c.HardLimit || c.Enforcement.Mode != license.Stop {
			b.say(ctx, l, launches)
			continue
		}
		out = append(out, l)
	}
	return out, nil
}

// say logs what a license that refuses nothing would say.
func (b *batch) say(ctx context.Context, l *ledger.License, launches []*launch) {
	for _, one := range b.heldBy(l, launches) {
		if answer := l.Admits(one.asks(), b.Now()); answer.Why != "" {
			b.Log.InfoContext(ctx, "launch would not fit", "license", l.Configuration.ID, "instance", one.id, "why", answer.Why)
		}
	}
}

// heldBy are the launches to which a license applies.
func (b *batch) heldBy(l *ledger.License, launches []*launch) []*launch {
	return slices.DeleteFunc(slices.Clone(launches), func(one *launch) bool {
		return one.open || !slices.Contains(one.licenses, l.Configuration.ID)
	})
}

func (l *launch) asks() ledger.Admission { return ledger.Admission{Instance: l.id, Launch: l.at} }

// ask marks what the license would refuse as it stands. Nothing is committed: what
// another license refuses keeps no place in this one.
func (b *batch) ask(ctx context.Context, l *ledger.License, launches []*launch) {
	for _, one := range b.heldBy(l, launches) {
		switch answer := l.Admits(one.asks(), b.Now()); {
		case answer.Refused:
			one.refuse(l, answer.Why)
			_, m := l.Find(one.id)
			one.ended = one.ended || m.Answered == string(ledger.DoneAbandoned)
		case answer.Why != "":
			one.why = answer.Why
			b.Log.InfoContext(ctx, "launch does not fit and is let in", "license", l.Configuration.ID, "instance", one.id, "why", answer.Why)
		}
	}
}

func (l *launch) refuse(by *ledger.License, why string) {
	if l.refusedBy == "" {
		l.refusedBy, l.why = by.Configuration.ID, why
	}
}

// wait leaves those launches open for which there will be room as soon as others of
// the batch have ended: those that hold a license and are refused by another one.
// They are decided when they are delivered again.
func (b *batch) wait(licenses []*ledger.License, launches []*launch) {
	if len(licenses) < 2 {
		return
	}
	short := make(map[*launch]int) // licenses that will not have room
	for _, l := range licenses {
		var freed int64
		var waiting []*ledger.Entry
		of := make(map[*ledger.Entry]*launch)
		for _, one := range b.heldBy(l, launches) {
			e, _ := l.Find(one.id)
			switch {
			case one.refusedBy == "" || e == nil || e.Resource != one.id:
			case e.Verdict == ledger.Covered:
				freed += e.Licenses
			case l.Admits(one.asks(), b.Now()).Refused:
				waiting, of[e] = append(waiting, e), one
			}
		}
		slices.SortFunc(waiting, func(x, y *ledger.Entry) int {
			return cmp.Or(x.First.Compare(y.First), cmp.Compare(x.Resource, y.Resource))
		})
		for _, e := range waiting {
			if e.Verdict == ledger.Over && e.Licenses <= freed {
				freed -= e.Licenses
			} else {
				short[of[e]]++
			}
		}
	}
	for _, one := range launches {
		if one.refusedBy != "" && short[one] == 0 && one.receives() < lastReceive {
			one.open = true
		}
	}
}

// commit asks a license for good: what it admits keeps its place, what it refuses
// stays refused.
func (b *batch) commit(ctx context.Context, l *ledger.License, launches []*launch) error {
	id := l.Configuration.ID
	asked := slices.DeleteFunc(b.heldBy(l, launches), func(one *launch) bool { return one.refusedBy != "" && one.refusedBy != id })
	for chunk := range slices.Chunk(asked, ledger.MaxClaims) {
		var ask ledger.Batch
		for _, one := range chunk {
			ask.Admissions = append(ask.Admissions, one.asks())
		}
		next, result, err := b.committer().ApplyTo(ctx, l, ask)
		if err != nil {
			return err
		}
		l = next
		for i, answer := range result.Admissions {
			one := chunk[i]
			switch {
			case answer.Unsettled:
				one.open = true
			case answer.Refused:
				one.refuse(l, answer.Why)
			case one.refusedBy == id: // there is room since; the licenses before did not keep its place
				one.open = true
			}
		}
	}
	return nil
}
