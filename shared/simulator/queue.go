package simulator

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"licenseguard/shared/config"
	"licenseguard/shared/ledger"
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

type message struct {
	id       string
	body     string
	receives int
	visible  time.Time
}

func (q *queue) send(body string, delay time.Duration) {
	q.number++
	q.messages = append(q.messages, &message{id: q.name + "-" + strconv.Itoa(q.number), body: body, visible: q.sim.now.Add(delay)})
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
			q.dead = append(q.dead, m)
		case len(batch) < most:
			if b == nil {
				if b = s.box(q.role, q.readers); b == nil {
					q.pollAt(s.now.Add(time.Second))
					return
				}
			}
			m.receives++
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
	s.run(b, q.role+" of "+q.name, func(ctx context.Context) (err error) {
		if q.role == "track" {
			out, err = b.track.Handle(ctx, in)
			return err
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
		q.send(m.body, 0)
	}
	q.dead = nil
}

// reader follows the table's stream for one function.
type reader struct {
	sim    *Sim
	role   string
	at     int // of the next record
	active bool
	halved int // the batch size after a failure
}

// record is one commit in the stream.
type record struct{ event events.DynamoDBEventRecord }

// encodeChange packs a change as ledgercodec does, but without compressing.
func (s *Sim) encodeChange(c *ledger.Change) []byte {
	var b bytes.Buffer
	if s.deflate == nil {
		s.deflate, _ = flate.NewWriter(&b, flate.NoCompression)
	}
	s.deflate.Reset(&b)
	if err := json.NewEncoder(s.deflate).Encode(c); err != nil {
		s.violate("a change does not encode: %v", err)
	}
	if err := s.deflate.Close(); err != nil {
		s.violate("a change does not encode: %v", err)
	}
	return b.Bytes()
}

func (s *Sim) append(c *ledger.Change) {
	s.stream = append(s.stream, record{events.DynamoDBEventRecord{EventSource: "aws:dynamodb", Change: events.DynamoDBStreamRecord{
		SequenceNumber: strconv.Itoa(len(s.stream) + 1),
		NewImage: map[string]events.DynamoDBAttributeValue{
			config.SortKey: events.NewStringAttribute(config.HeadSortKey), "Change": events.NewBinaryAttribute(s.encodeChange(c))},
	}}})
	for _, r := range s.readers {
		r.wake(s.dice.between(50*time.Millisecond, 2*time.Second))
	}
}

func (r *reader) wake(d time.Duration) {
	if r.active {
		return
	}
	r.active = true
	r.sim.agenda.add(r.sim.now.Add(d), r.read)
}

// read hands the next records to the function: in order, from the first that
// failed again.
func (r *reader) read() {
	s := r.sim
	r.active = false
	if r.at >= len(s.stream) {
		return
	}
	if s.faulty && r.at > 0 && s.dice.chance(s.profile.streamAgain) {
		r.at -= 1 + s.dice.IntN(min(r.at, 5))
		s.trace("stream: %s reads again from record %d", r.role, r.at+1)
	}
	b := s.box(r.role, 4)
	if b == nil {
		r.wake(time.Second)
		return
	}
	n := min(len(s.stream)-r.at, 1+s.dice.IntN(10))
	if r.halved > 0 {
		n = min(n, r.halved)
	}
	if r.role == "enforce" && s.faulty && s.dice.chance(s.profile.streamLost) {
		s.trace("stream: records %d to %d are lost for %s", r.at+1, r.at+n, r.role)
		r.at += n
		r.wake(time.Second)
		return
	}
	var in events.DynamoDBEvent
	for _, rec := range s.stream[r.at : r.at+n] {
		in.Records = append(in.Records, rec.event)
	}
	payload := encode(in)
	var out events.DynamoDBEventResponse
	r.active = true
	s.run(b, r.role+" of the stream", func(ctx context.Context) error {
		handle := b.publish.Handle
		if r.role == "enforce" {
			handle = b.enforce.Handle
		}
		answer, err := handle(ctx, payload)
		out, _ = answer.(events.DynamoDBEventResponse)
		return err
	}, func(failed bool) {
		r.active = false
		next := r.at + n
		switch {
		case failed:
			next, r.halved = r.at, max(n/2, 1)
		case len(out.BatchItemFailures) > 0:
			sequence, err := strconv.Atoi(out.BatchItemFailures[0].ItemIdentifier)
			if err != nil || sequence-1 < r.at || sequence-1 >= r.at+n {
				s.violate("%s names record %q, which is not in its batch", r.role, out.BatchItemFailures[0].ItemIdentifier)
				return
			}
			next = sequence - 1
		default:
			r.halved = 0
		}
		r.at = next
		r.wake(s.dice.between(100*time.Millisecond, 2*time.Second))
	})
}

func stateEvent(id string, state any) string {
	return fmt.Sprintf(`"detail-type":"EC2 Instance State-change Notification","source":"aws.ec2","detail":{"instance-id":%q,"state":%q}`, id, state)
}

func callEvent(id, call string) string {
	parameters := fmt.Sprintf(`{"instanceId":%q}`, id)
	if call == "CreateTags" {
		parameters = fmt.Sprintf(`{"resourcesSet":{"items":[{"resourceId":%q}]}}`, id)
	}
	return fmt.Sprintf(`"detail-type":"AWS API Call via CloudTrail","source":"aws.ec2","detail":{"eventSource":"ec2.amazonaws.com","eventName":%q,"requestParameters":%s}`, call, parameters)
}

func groupEvent(id string) string {
	return fmt.Sprintf(`"detail-type":"EC2 Instance Launch Successful","source":"aws.autoscaling","detail":{"EC2InstanceId":%q}`, id)
}

const tickEvent = `"detail-type":"Scheduled Event","source":"aws.events","detail":{}`

func (s *Sim) body(inner string, at time.Time) string {
	s.numbered++
	return fmt.Sprintf(`{"version":"0","id":"e-%d","account":%q,"time":%q,"region":%q,"resources":[],%s}`,
		s.numbered, account, at.UTC().Format(time.RFC3339), region, inner)
}

// emit sends an event on its way: it may be lost, doubled, late, or days late.
func (s *Sim) emit(inner string) {
	at := s.now
	if s.faulty {
		at = at.Add(s.dice.between(-s.profile.skew, s.profile.skew))
	}
	body := s.body(inner, at)
	s.late = append(s.late, body) // at the end some come once more
	copies := 1
	if s.faulty && s.dice.chance(s.profile.eventDoubled) {
		copies = 2
	}
	for range copies {
		delay := s.dice.between(50*time.Millisecond, 2*time.Second)
		if s.faulty {
			switch {
			case s.dice.chance(s.profile.eventLost), s.dice.chance(s.profile.held):
				continue
			case s.dice.chance(s.profile.eventLate):
				delay = s.dice.between(0, s.profile.delay)
			}
		}
		s.after(delay, func() { s.queues["intake"].send(body, 0) })
	}
}
