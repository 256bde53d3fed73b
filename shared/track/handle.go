package track

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"licenseguard/shared/event"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// Message is one message of a batch.
type Message struct {
	ID       string
	Body     []byte
	Receives int // how often it was received, 1 for the first time
}

// Report says what became of a batch. Every message is either handled, to be
// retried, or buried.
type Report struct {
	Retry     []string // ids of messages to deliver again
	Handled   int
	Buried    int
	Unknown   int             // events that licenseguard does not use
	Malformed int             // of Buried
	Changes   int             // commits that changed a license
	Latency   []time.Duration // from the event's time to its commit
}

const (
	// lastReceive is the receive count at which what can still not be resolved
	// is decided: a describe wins over an event that contradicts it, and a
	// message about an unknown instance is buried. The queue's own redrive
	// comes later (5 receives).
	lastReceive = 3
	// secondLook is the pause before AWS is asked again for what it did not
	// know: it is eventually consistent, usually within a second or two.
	secondLook = 1500 * time.Millisecond
)

// pending is a hint on its way through a batch.
type pending struct {
	message *Message
	event   event.Event
	hint    event.Hint
}

// Handle handles a batch of messages, each an EventBridge event. It never
// fails as a whole: what could not be handled is in Report.Retry.
func (t *Tracker) Handle(ctx context.Context, messages []Message) Report {
	b := &batch{t: t, retry: make(map[string]bool)}
	for i := range messages {
		b.read(ctx, &messages[i])
	}
	b.learn(ctx) // before what was launched from them
	for _, s := range b.scopes {
		b.observe(ctx, s)
		b.observeDatabases(ctx, s)
	}
	if len(b.ticks) > 0 {
		b.tick(ctx)
	}
	for i := range messages {
		if id := messages[i].ID; b.retry[id] {
			b.report.Retry = append(b.report.Retry, id)
		}
	}
	b.report.Handled = len(messages) - len(b.report.Retry) - b.report.Buried
	return b.report
}

type batch struct {
	t         *Tracker
	scopes    []Scope // of the hints, each once
	hints     []pending
	images    []pending // that calls made
	databases []pending
	ticks     []*Message
	ticked    time.Time // when the newest of them was sent
	retry     map[string]bool
	buried    map[string]bool
	report    Report
}

// read parses one message and sorts it.
func (b *batch) read(ctx context.Context, m *Message) {
	e, err := event.Parse(m.Body)
	if err != nil {
		d := DeadLetter{MessageID: m.ID, Body: m.Body, Reason: err.Error()}
		var bad *event.Malformed
		if errors.As(err, &bad) {
			d.EventID, d.Place, d.Reason = bad.EventID, bad.Place, bad.Reason
		}
		b.report.Malformed++
		b.bury(ctx, m, d)
		return
	}
	switch {
	case e.Kind == event.KindTick:
		b.ticks = append(b.ticks, m)
		if e.Time.After(b.ticked) {
			b.ticked = e.Time
		}
	case e.Kind == event.KindUnknown:
		b.report.Unknown++
	case !slices.Contains(b.t.Accounts, e.Account):
		b.bury(ctx, m, DeadLetter{MessageID: m.ID, Body: m.Body, EventID: e.ID, Place: "account",
			Reason: fmt.Sprintf("account %s is not watched; add it to ACCOUNTS, or remove the rule that sends its events", e.Account)})
	case !slices.Contains(b.t.Regions, e.Region):
		b.bury(ctx, m, DeadLetter{MessageID: m.ID, Body: m.Body, EventID: e.ID, Place: "region",
			Reason: fmt.Sprintf("Region %s is not watched here; this function watches %s", e.Region, strings.Join(b.t.Regions, ", "))})
	default:
		b.hint(m, e)
	}
}

// hint keeps the instances, nodes and databases that an event names, and the images that a call
// made. Hosts and images change no count by themselves: their instances do, and those have
// events of their own.
func (b *batch) hint(m *Message, e event.Event) {
	used := false
	for _, h := range e.Resources {
		if strings.HasPrefix(h.ID, "i-") || isNode(h.ID) && b.t.Inventories != nil {
			b.hints = append(b.hints, pending{message: m, event: e, hint: h})
			used = true
		}
		if e.Kind == event.KindDatabaseChanged && b.t.Databases != nil {
			b.databases = append(b.databases, pending{message: m, event: e, hint: h})
			used = true
		}
		if h.From.Call != "" {
			b.images = append(b.images, pending{message: m, event: e, hint: h})
		}
	}
	if !used && len(b.images) > 0 && b.images[len(b.images)-1].message == m {
		return
	}
	if !used {
		b.report.Unknown++
		return
	}
	if s := scopeOf(&e); !slices.Contains(b.scopes, s) {
		b.scopes = append(b.scopes, s)
	}
}

func scopeOf(e *event.Event) Scope { return Scope{Account: e.Account, Region: e.Region} }

func (b *batch) bury(ctx context.Context, m *Message, d DeadLetter) {
	if err := b.t.DeadLetters.Bury(ctx, d); err != nil {
		b.t.Log.ErrorContext(ctx, "message not buried", "message", m.ID, "error", err)
		b.retry[m.ID] = true
		return
	}
	b.t.Log.WarnContext(ctx, "message buried", "message", m.ID, "event", d.EventID, "place", d.Place, "reason", d.Reason)
	if b.buried == nil {
		b.buried = make(map[string]bool)
	}
	if !b.buried[m.ID] {
		b.buried[m.ID] = true
		b.report.Buried++
	}
}

// observe looks at the instances of one scope and records what is true.
func (b *batch) observe(ctx context.Context, s Scope) {
	var hints []pending
	for _, p := range b.hints {
		if scopeOf(&p.event) == s {
			hints = append(hints, p)
		}
	}
	var sightings []sighting
	relevant, err := b.relevant(ctx, hints)
	if err == nil {
		hints = relevant
		sightings, err = b.look(ctx, s, slices.DeleteFunc(slices.Clone(hints), func(p pending) bool { return isNode(p.hint.ID) }))
	}
	if err == nil {
		sightings = b.takeInventory(ctx, s, hints, sightings)
		var r recordings
		r, err = b.t.record(ctx, s, sightings)
		b.report.Changes += r.changes
		for _, p := range hints {
			if r.failed[license.NewResourceID(s.Account, s.Region, p.hint.ID)] != nil {
				b.retry[p.message.ID] = true
			}
			if r.untraced[license.NewResourceID(s.Account, s.Region, p.hint.ID)] && p.message.Receives < lastReceive {
				b.retry[p.message.ID] = true
			}
		}
	}
	if err != nil {
		b.t.Log.ErrorContext(ctx, "batch not recorded", "account", s.Account, "region", s.Region, "error", err)
		for _, p := range hints {
			b.unrecorded(ctx, p, err)
		}
		return
	}
	now := b.t.Now()
	for _, p := range hints {
		if !b.retry[p.message.ID] {
			b.t.remember(p)
		}
		if !b.retry[p.message.ID] && p.hint.State != "" {
			b.report.Latency = append(b.report.Latency, now.Sub(p.event.Time))
		}
	}
}

// unrecorded retries a message, or buries it at its last receive when its account
// cannot be reached: the sweep counts its instance once the account can be.
func (b *batch) unrecorded(ctx context.Context, p pending, err error) {
	if !errors.Is(err, ErrUnreachable) || p.message.Receives < lastReceive {
		b.retry[p.message.ID] = true
		return
	}
	b.bury(ctx, p.message, DeadLetter{MessageID: p.message.ID, Body: p.message.Body, EventID: p.event.ID, Place: "account",
		Reason: fmt.Sprintf("account %s, Region %s cannot be reached: what is on record of it stays as it is, and a sweep counts %s once its role lets us in: %v",
			p.event.Account, p.event.Region, p.hint.ID, err)})
}

// look describes the hinted instances, a second time what AWS did not know or
// told otherwise than the event, and resolves each.
func (b *batch) look(ctx context.Context, s Scope, hints []pending) ([]sighting, error) {
	observed := b.t.Now()
	described, err := b.describe(ctx, s, hints)
	if err != nil {
		return nil, err
	}
	sightings, open := b.resolve(s, hints, described, observed, false)
	if len(open) == 0 {
		return sightings, nil
	}
	if err := b.t.wait(ctx, secondLook); err != nil {
		return nil, err
	}
	observed = b.t.Now()
	if described, err = b.describe(ctx, s, open); err != nil {
		return nil, err
	}
	more, open := b.resolve(s, open, described, observed, true)
	for _, p := range open {
		b.unresolved(ctx, p)
	}
	return append(sightings, more...), nil
}

func (b *batch) describe(ctx context.Context, s Scope, hints []pending) (map[string]license.Instance, error) {
	var ids []string
	seen := make(map[string]bool)
	for _, p := range hints {
		if !seen[p.hint.ID] {
			seen[p.hint.ID] = true
			ids = append(ids, p.hint.ID)
		}
	}
	out := make(map[string]license.Instance, len(ids))
	for chunk := range slices.Chunk(ids, 100) {
		instances, err := b.t.Observer.Instances(ctx, s, chunk)
		if err != nil {
			return nil, fmt.Errorf("describe instances: %w", err)
		}
		for _, in := range instances {
			out[in.ID.AWSID()] = in
		}
	}
	return out, nil
}

// resolve makes one sighting of each instance on which event and description
// agree; the hints of the others stay open.
func (b *batch) resolve(s Scope, hints []pending, described map[string]license.Instance, observed time.Time, last bool) (sightings []sighting, open []pending) {
	byID := make(map[string][]pending)
	var order []string
	for _, p := range hints {
		if byID[p.hint.ID] == nil {
			order = append(order, p.hint.ID)
		}
		byID[p.hint.ID] = append(byID[p.hint.ID], p)
	}
	for _, id := range order {
		in, known := described[id]
		if !known {
			in = license.Instance{ID: license.NewResourceID(s.Account, s.Region, id)}
		}
		one, left := agree(byID[id], in, known, observed, last)
		open = append(open, left...)
		if len(left) < len(byID[id]) {
			sightings = append(sightings, one)
		}
	}
	return sightings, open
}

// agree decides whether the hints on one instance and its description fit
// together, and returns those that stay open. Both can be the older one, so a
// contradiction is looked at again, with all that is told of the instance. After
// that each message that contradicts is retried alone, until it yields to the
// description at its last receive.
func agree(hints []pending, in license.Instance, known bool, observed time.Time, last bool) (s sighting, open []pending) {
	s = sighting{instance: in, observed: observed, happened: observed, gone: !known}
	if !known && !slices.ContainsFunc(hints, func(p pending) bool { return ended(p.hint.State) }) {
		return s, hints
	}
	for _, p := range hints {
		final := last && p.message.Receives >= lastReceive
		if known && contradicts(p, in) && !final {
			if !last {
				return s, hints
			}
			open = append(open, p)
			continue
		}
		if !known || string(in.State) == p.hint.State && !p.event.Time.Before(in.LaunchTime.Add(-time.Second)) {
			s.happened, s.uncertainty = p.event.Time, time.Second // an event's time has whole seconds
		}
		s.eventID = p.event.ID
		if p.hint.LaunchedBy != "" && known && launched(&p.event, in) {
			s.launchedBy = p.hint.LaunchedBy
		}
	}
	return s, open
}

func ended(state string) bool {
	return state == event.StateTerminated || state == event.StateShuttingDown
}

// contradicts reports whether the event tells of a later state than the
// description: within a launch a state of higher rank, or a start after a stop
// that the description still shows.
func contradicts(p pending, in license.Instance) bool {
	if p.hint.State == "" {
		return false
	}
	const resolution = 2 * time.Second // both times have whole seconds
	if p.event.Time.Add(resolution).Before(in.LaunchTime) {
		return false // it tells of an earlier launch
	}
	told := license.State(p.hint.State)
	if told.Rank() > in.State.Rank() {
		return true
	}
	started := told == license.Pending || told == license.Running
	return started && in.State == license.Stopped && !in.StoppedAt.IsZero() && p.event.Time.After(in.StoppedAt.Add(resolution))
}

// unresolved retries a message or, at its last receive, buries it.
func (b *batch) unresolved(ctx context.Context, p pending) {
	if p.message.Receives < lastReceive {
		b.retry[p.message.ID] = true
		return
	}
	b.bury(ctx, p.message, DeadLetter{MessageID: p.message.ID, Body: p.message.Body, EventID: p.event.ID, Place: "detail.instance-id",
		Reason: fmt.Sprintf("instance %s was not found in account %s, Region %s, by %d looks; the next sweep counts it if it exists",
			p.hint.ID, p.event.Account, p.event.Region, 2*lastReceive)})
}

// tick folds what is due.
func (b *batch) tick(ctx context.Context) {
	changes, err := b.t.FoldDue(ctx)
	b.report.Changes += changes
	if err != nil {
		b.t.Log.ErrorContext(ctx, "due licenses not folded", "error", err)
		for _, m := range b.ticks {
			b.retry[m.ID] = true
		}
		return
	}
	if err := b.t.hear(ctx, b.ticked); err != nil { // the record lacks a beat; nothing else does
		b.t.Log.WarnContext(ctx, "heartbeat not kept", "error", err)
	}
}

// FoldDue folds every license whose due time has come and returns how many
// changed. One that fails leaves the others.
func (t *Tracker) FoldDue(ctx context.Context) (changes int, err error) {
	due, err := t.Store.DueLicenses(ctx, t.Now())
	if err != nil {
		return 0, fmt.Errorf("list due licenses: %w", err)
	}
	var failed []error
	for _, id := range due {
		_, result, err := t.committer().Apply(ctx, id, dueBatch)
		if errors.Is(err, ledger.ErrNotFound) {
			continue // deleted; the index of what is due can be behind
		}
		if err != nil {
			failed = append(failed, err)
		} else if result.Change != nil {
			changes++
		}
	}
	failed = append(failed, t.countStopped(ctx))
	return changes, errors.Join(failed...)
}

// beginTime is how long after its beginning a rule version is looked for: some
// ticks may be lost.
const beginTime = 5 * time.Minute

// countStopped claims what is on record again when a rule version has just begun
// that counts stopped instances: a license does not hold what stopped before.
func (t *Tracker) countStopped(ctx context.Context) error {
	if _, err := t.refresh(ctx); err != nil {
		return fmt.Errorf("read configurations: %w", err)
	}
	now := t.Now()
	begun := func(v license.RuleVersion) bool {
		return v.Rules.IncludeStopped && !v.Effective.After(now) && now.Sub(v.Effective) < beginTime
	}
	if !slices.ContainsFunc(t.configurations, func(c license.Configuration) bool { return slices.ContainsFunc(c.Rules, begun) }) {
		return nil
	}
	return t.Reassociate(ctx)
}
