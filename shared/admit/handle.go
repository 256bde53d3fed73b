package admit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"licenseguard/shared/event"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

// lastReceive is the receive count at which what can still not be known is let in.
const lastReceive = 3

// launch is one instance that waits for an answer.
type launch struct {
	messages []*track.Message // more than one where the event was doubled
	eventID  string
	action   event.LifecycleAction
	id       license.ResourceID
	at       time.Time // of its launch
	state    license.State
	licenses []string // that apply to it

	refusedBy string // a license; "": it is let in
	why       string
	ended     bool // it was abandoned before, and only its message came again
	open      bool // not decided: its messages are delivered again
}

// receives is how often it was received, at most.
func (l *launch) receives() int {
	n := 0
	for _, m := range l.messages {
		n = max(n, m.Receives)
	}
	return n
}

// batch is one invocation on its way.
type batch struct {
	*Admitter
	retry   map[string]bool
	byScope map[track.Scope][]*launch
	scopes  []track.Scope
	report  Report
}

// Handle answers the hooks that events tell of. It never fails as a whole: what
// could not be answered is in Report.Retry.
func (a *Admitter) Handle(ctx context.Context, messages []track.Message) Report {
	b := &batch{Admitter: a, retry: make(map[string]bool), byScope: make(map[track.Scope][]*launch)}
	for i := range messages {
		b.read(ctx, &messages[i])
	}
	for _, s := range b.scopes {
		b.admit(ctx, s, b.byScope[s])
	}
	for i := range messages {
		if id := messages[i].ID; b.retry[id] {
			b.report.Retry = append(b.report.Retry, id)
		}
	}
	return b.report
}

// read parses one message and keeps the launch that it tells of.
func (b *batch) read(ctx context.Context, m *track.Message) {
	e, err := event.Parse(m.Body)
	var bad *event.Malformed
	switch {
	case errors.As(err, &bad):
		b.bury(ctx, m, track.DeadLetter{EventID: bad.EventID, Place: bad.Place, Reason: bad.Reason})
	case err != nil:
		b.bury(ctx, m, track.DeadLetter{Reason: err.Error()})
	case e.Kind != event.KindLaunchHook || !strings.HasPrefix(e.Action.Hook, HookPrefix):
		b.report.Passed++
	case !slices.Contains(b.Accounts, e.Account):
		b.bury(ctx, m, track.DeadLetter{EventID: e.ID, Place: "account",
			Reason: fmt.Sprintf("account %s is not watched; add it to ACCOUNTS, or remove the rule that sends its events", e.Account)})
	case e.Region != b.Region:
		b.bury(ctx, m, track.DeadLetter{EventID: e.ID, Place: "region",
			Reason: fmt.Sprintf("Region %s is not watched here; this function watches %s", e.Region, b.Region)})
	default:
		b.keep(m, &e)
	}
}

// keep adds a launch; the same action again joins the one before.
func (b *batch) keep(m *track.Message, e *event.Event) {
	s := track.Scope{Account: e.Account, Region: e.Region}
	if b.byScope[s] == nil {
		b.scopes = append(b.scopes, s)
	}
	for _, l := range b.byScope[s] {
		if l.action == e.Action {
			l.messages = append(l.messages, m)
			return
		}
	}
	b.byScope[s] = append(b.byScope[s], &launch{messages: []*track.Message{m}, eventID: e.ID, action: e.Action,
		id: license.NewResourceID(e.Account, e.Region, e.Resources[0].ID)})
}

func (b *batch) bury(ctx context.Context, m *track.Message, d track.DeadLetter) {
	d.MessageID, d.Body = m.ID, m.Body
	if err := b.DeadLetters.Bury(ctx, d); err != nil {
		b.Log.ErrorContext(ctx, "message not buried", "message", m.ID, "error", err)
		b.retry[m.ID] = true
		return
	}
	b.Log.WarnContext(ctx, "message buried", "message", m.ID, "event", d.EventID, "place", d.Place, "reason", d.Reason)
	b.report.Buried++
}

// again has a launch's messages delivered again.
func (b *batch) again(l *launch) {
	for _, m := range l.messages {
		b.retry[m.ID] = true
	}
}

// admit records the launches of an account, decides on all of them, and answers:
// first those that are let in, then, group by group, those that are refused.
func (b *batch) admit(ctx context.Context, s track.Scope, launches []*launch) {
	if err := b.decide(ctx, s, launches); err != nil {
		b.Log.ErrorContext(ctx, "launches not decided", "account", s.Account, "error", err)
		for _, l := range launches {
			b.again(l)
		}
		return
	}
	var groups []string
	refused := make(map[string][]*launch)
	for _, l := range launches {
		switch {
		case l.open:
			b.again(l)
		case l.refusedBy == "":
			b.letIn(ctx, s, l)
		case l.ended:
			b.endAgain(ctx, s, l)
		default:
			if refused[l.action.Group] == nil {
				groups = append(groups, l.action.Group)
			}
			refused[l.action.Group] = append(refused[l.action.Group], l)
		}
	}
	for _, name := range groups {
		if err := b.refuse(ctx, s, name, refused[name]); err != nil {
			b.Log.ErrorContext(ctx, "launches not refused", "group", name, "error", err)
			for _, l := range refused[name] {
				b.again(l)
			}
		}
	}
	if err := b.recover(ctx, s, launches); err != nil {
		b.Log.ErrorContext(ctx, "groups not recovered", "account", s.Account, "error", err)
		for _, l := range launches {
			b.again(l)
		}
	}
}

// letIn lets a launch go on.
func (b *batch) letIn(ctx context.Context, s track.Scope, l *launch) {
	waited, err := b.Groups.Answer(ctx, s, l.action, l.id.AWSID(), true)
	if err != nil {
		b.Log.ErrorContext(ctx, "launch not let in", "instance", l.id, "group", l.action.Group, "error", err)
		b.again(l)
		return
	}
	b.report.Admitted++
	b.Log.InfoContext(ctx, "launch let in", "instance", l.id, "group", l.action.Group, "why", l.why, "waited", waited)
}

// endAgain repeats the answer to a launch that was abandoned before. All else is
// done.
func (b *batch) endAgain(ctx context.Context, s track.Scope, l *launch) {
	if _, err := b.Groups.Answer(ctx, s, l.action, l.id.AWSID(), false); err != nil {
		b.Log.ErrorContext(ctx, "launch not refused again", "instance", l.id, "group", l.action.Group, "error", err)
		b.again(l)
	}
}
