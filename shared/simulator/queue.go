package simulator

import (
	"context"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"licenseguard/shared/license"
)

const (
	visibility  = 6 * time.Minute
	maxReceives = 5
)

// queue is an SQS queue with the function that reads it.
type queue struct {
	sim      *Sim
	name     string
	role     string
	batch    int
	readers  int
	messages []*message
	dead     []*message
	number   int
	polled   time.Time // when the next poll is
}

// letter is what is sent, and what the checks need to know of it.
type letter struct {
	body   string
	about  license.ResourceID // the instance that an event names
	state  license.State      // that it tells, of the launch
	launch time.Time
	alert  string // the alert's id
	tick   bool
	bad    bool // nobody can handle it
}

type message struct {
	letter
	id       string
	receives int
	visible  time.Time
	buried   bool // track put it to the dead letters, with the reason
}

func (q *queue) send(l letter, delay time.Duration) {
	q.number++
	q.sim.stats.Messages++
	q.messages = append(q.messages, &message{letter: l, id: q.name + "-" + strconv.Itoa(q.number), visible: q.sim.now.Add(delay)})
	q.pollAt(q.sim.now.Add(delay + q.sim.dice.between(0, time.Second)))
}

func (q *queue) pollAt(t time.Time) {
	if !q.polled.IsZero() && !t.Before(q.polled) && !q.polled.Before(q.sim.now) {
		return
	}
	q.polled = t
	q.sim.agenda.add(t, func() {
		if q.polled.Equal(t) { // else an earlier one took its place
			q.poll()
		}
	})
}

// poll hands what is visible to the function.
func (q *queue) poll() {
	s := q.sim
	q.polled = time.Time{}
	var batch []*message
	rest := q.messages[:0:0]
	most := 1 + s.dice.IntN(q.batch)
	var next time.Time
	var b *box
	for _, m := range q.messages {
		switch {
		case m.visible.After(s.now):
			if next.IsZero() || m.visible.Before(next) {
				next = m.visible
			}
			rest = append(rest, m)
		case m.receives >= maxReceives:
			s.trace("queue %s: %s goes to the dead letters", q.name, m.id)
			s.stats.Dead++
			q.dead = append(q.dead, m)
		case len(batch) < most:
			if b == nil {
				if b = s.box(q.role, q.readers); b == nil {
					q.pollAt(s.now.Add(time.Second))
					return
				}
			}
			m.receives++
			m.buried = false
			m.visible = s.now.Add(visibility)
			batch = append(batch, m)
			rest = append(rest, m)
		default:
			rest = append(rest, m)
			next = s.now
		}
	}
	q.messages = rest
	if !next.IsZero() {
		q.pollAt(next.Add(100 * time.Millisecond))
	}
	if len(batch) > 0 {
		q.deliver(b, batch)
	}
}

func (q *queue) deliver(b *box, batch []*message) {
	s := q.sim
	var in events.SQSEvent
	for _, m := range batch {
		in.Records = append(in.Records, events.SQSMessage{MessageId: m.id, Body: m.body, EventSource: "aws:sqs", EventSourceARN: "arn:aws:sqs:local:" + q.name,
			Attributes: map[string]string{"ApproximateReceiveCount": strconv.Itoa(m.receives)}})
	}
	var out events.SQSEventResponse
	b.batch = batch
	s.run(b, q.role+" of "+q.name, func(ctx context.Context) (err error) {
		if q.role == "track" {
			out, err = b.track.Handle(ctx, in)
			return err
		}
		if !s.asBytes() {
			out = b.publish.Deliver(ctx, in.Records)
			return nil
		}
		answer, err := b.publish.Handle(ctx, encode(in))
		out, _ = answer.(events.SQSEventResponse)
		return err
	}, func(failed bool) {
		again := make(map[string]bool)
		for _, f := range out.BatchItemFailures {
			again[f.ItemIdentifier] = true
		}
		for _, m := range batch {
			if !failed && !again[m.id] {
				s.acknowledged(b.p, m)
			}
			switch {
			case failed || again[m.id]:
				q.pollAt(m.visible.Add(100 * time.Millisecond))
			case s.faulty && s.dice.chance(s.profile.queueAgain):
				s.trace("queue %s: %s comes again though it was handled", q.name, m.id)
				m.visible = s.now.Add(s.dice.between(0, visibility))
				q.pollAt(m.visible.Add(100 * time.Millisecond))
			default:
				q.remove(m)
			}
		}
	})
}

// asBytes reports whether an invocation passes as Lambda's JSON. Most are handed
// over as what that decodes to: decoding took a third of a run.
func (s *Sim) asBytes() bool { return s.numbers%8 == 0 }

func (q *queue) remove(m *message) {
	for i := range q.messages {
		if q.messages[i] == m {
			q.messages = append(q.messages[:i:i], q.messages[i+1:]...)
			return
		}
	}
}

// redrive is what a person does with dead letters.
func (q *queue) redrive() {
	for _, m := range q.dead {
		q.send(m.letter, 0)
	}
	q.dead = nil
}
