package simulator

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"time"

	"licenseguard/shared/adapter/handler"
	"licenseguard/shared/catalog"
	"licenseguard/shared/enforce"
	"licenseguard/shared/ledger"
	"licenseguard/shared/ledger/ledgertest"
	"licenseguard/shared/publish"
	"licenseguard/shared/track"
)

// box is where a function runs. It is used again for the next invocation, with
// what the process remembers, until it crashes.
type box struct {
	role  string
	busy  bool
	old   bool          // not used again
	p     *process      // the invocation that runs in it
	batch []*message    // its messages
	skew  time.Duration // of its clock

	tracker  *track.Tracker
	operator *enforce.Operator
	track    handler.Track
	sweep    handler.Sweep
	enforce  handler.Enforce
	publish  handler.Publish
}

// timeouts are those of the stack.
var timeouts = map[string]time.Duration{
	"track": time.Minute, "sweep": 15 * time.Minute, "enforce": time.Minute, "publish": time.Minute, "person": time.Minute,
}

const (
	intakeQueue = "intake"
	alertQueue  = "alerts"
	eventQueue  = "events"
)

// box returns one of a function that is free, a new one if need be, or nil when
// so many are busy.
func (s *Sim) box(role string, most int) *box {
	busy := 0
	for _, b := range s.boxes {
		if b.role != role {
			continue
		}
		if !b.busy {
			return b
		}
		busy++
	}
	if busy >= most {
		return nil
	}
	b := s.newBox(role)
	s.boxes = append(s.boxes, b)
	return b
}

func (s *Sim) newBox(role string) *box {
	b := &box{role: role}
	log := slog.New(slog.DiscardHandler)
	if s.tracing {
		log = slog.New(slog.NewTextHandler(traceWriter{s}, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}}))
	}
	if s.faulty {
		b.skew = s.dice.between(-s.profile.skew, s.profile.skew)
	}
	now := func() time.Time { return s.now.Add(b.skew) }
	store := ledgertest.Faulty(rivals{s.store, b}, func(op string) (before, after error) { return b.p.fault(op) })
	b.tracker = &track.Tracker{Store: store, Observer: observer{b}, DeadLetters: graves{b}, Catalog: catalog.Embedded(), Accounts: s.accounts,
		Regions: s.regions, Now: now, Log: log,
		Wait:    func(ctx context.Context, d time.Duration) error { return b.p.wait(ctx, d) },
		Backoff: func(ctx context.Context, attempt int) error { return b.p.backoff(ctx, attempt) }}
	b.track = handler.Track{Tracker: b.tracker, Metrics: io.Discard}
	b.sweep = handler.Sweep{Tracker: b.tracker, Store: store, Log: log, Metrics: io.Discard}
	b.enforce = handler.Enforce{Log: log, Metrics: io.Discard, Enforcer: &enforce.Enforcer{
		Store: store, Instances: hands{b}, Groups: hands{b}, Catalog: catalog.Embedded(), Accounts: s.accounts, Now: now, Log: log,
		Backoff: func(ctx context.Context, attempt int) error { return b.p.backoff(ctx, attempt) }}}
	b.operator = &enforce.Operator{Store: store, Catalog: catalog.Embedded(), Now: now, By: "a person",
		Backoff: func(ctx context.Context, attempt int) error { return b.p.backoff(ctx, attempt) }}
	b.publish = handler.Publish{Log: log, Metrics: io.Discard, AlertQueue: alertQueue, EventQueue: eventQueue, Publisher: &publish.Publisher{
		Archive: archive{b}, Alerts: outbox{b, alertQueue}, Events: outbox{b, eventQueue}, Topic: topic{b}, Bus: bus{b},
		Marks: marks{store, b}, Metrics: io.Discard, Now: now}}
	return b
}

// run starts an invocation in a box; it is thrown away if that crashes.
func (s *Sim) run(b *box, name string, do func(ctx context.Context) error, done func(crashed bool)) {
	b.busy = true
	b.p = s.start(name, timeouts[b.role], func(p *process) {
		if err := do(context.Background()); err != nil {
			s.note(p, "answers: %v", err)
			if b.role != "sweep" && b.role != "person" {
				p.failed = true
			}
		}
	}, func(crashed bool) {
		b.busy = false
		if crashed || b.old {
			s.discard(b)
		}
		done(crashed || b.p.failed)
	})
}

func (s *Sim) discard(b *box) {
	for i := range s.boxes {
		if s.boxes[i] == b {
			s.boxes = append(s.boxes[:i], s.boxes[i+1:]...)
			return
		}
	}
}

// graves is the dead-letter queue of the intake.
type graves struct{ b *box }

func (g graves) Bury(_ context.Context, d track.DeadLetter) error {
	p := g.b.p
	return p.do("Bury", func() error {
		p.sim.stats.Buried++
		if d.Reason == "" || d.Place == "" {
			p.sim.violate("%s is buried without a reason or a place", d.MessageID)
		}
		for _, m := range g.b.batch {
			if m.id == d.MessageID {
				m.buried = true
			}
		}
		return nil
	})
}

// archive is the bucket of the change log.
type archive struct{ b *box }

func (a archive) Put(_ context.Context, key string, body []byte, _ string) error {
	return a.b.p.do("PutObject", func() error {
		s := a.b.p.sim
		if before, ok := s.archive[key]; ok && before != string(body) {
			s.violate("the change log's object %s is written with other rows", key)
		}
		s.archive[key] = string(body)
		s.logged(key)
		return nil
	})
}

// outbox is a queue as publish sends to it: messages may be kept in part.
type outbox struct {
	b     *box
	queue string
}

func (o outbox) Send(_ context.Context, bodies []string) error {
	p := o.b.p
	s := p.sim
	for len(bodies) > 0 {
		n := min(len(bodies), 10)
		kept := n
		if s.faulty && s.dice.chance(s.profile.partial) {
			s.stats.Partial++
			p.hurt = true
			kept = s.dice.IntN(n)
		}
		if err := p.do("SendMessageBatch "+o.queue, func() error {
			for _, body := range bodies[:kept] {
				s.queues[o.queue].send(s.letterOf(o.queue, body), 0)
			}
			return nil
		}); err != nil {
			return err
		}
		if kept < n {
			return errThrottled
		}
		bodies = bodies[n:]
	}
	return nil
}

type topic struct{ b *box }

func (t topic) Publish(_ context.Context, subject, _ string, attributes map[string]string) error {
	return t.b.p.do("Publish "+subject, func() error {
		t.b.p.sim.told(t.b.p, attributes["alertId"])
		return nil
	})
}

type bus struct{ b *box }

func (b bus) Put(_ context.Context, detailType string, _ []byte, _ []string) error {
	return b.b.p.do("PutEvents", func() error { return nil })
}

// marks notes what a process was told of marks.
type marks struct {
	ledger.Marks
	b *box
}

func (m marks) Marked(ctx context.Context, id string) (bool, error) {
	marked, err := m.Marks.Marked(ctx, id)
	if err == nil {
		m.b.p.asked[id] = question{m.b.p.sim.now, marked}
	}
	return marked, err
}

// traceWriter puts the functions' own log into the trace.
type traceWriter struct{ s *Sim }

func (w traceWriter) Write(line []byte) (int, error) {
	w.s.trace("    log: %s", line[:len(line)-1])
	return len(line), nil
}

func encode(v any) json.RawMessage {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("simulator: %v", err)) // our own values
	}
	return data
}
