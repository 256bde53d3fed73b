package simulator

import (
	"context"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"licenseguard/shared/adapter/ledgercodec"
	"licenseguard/shared/adapter/ledgerstream"
	"licenseguard/shared/config"
	"licenseguard/shared/ledger"
)

// reader follows the table's stream for one function.
type reader struct {
	sim    *Sim
	role   string
	at     int // of the next record
	active bool
	halved int // the batch size after a failure
}

// record is one commit in the stream: as it is stored, and decoded.
type record struct {
	event   events.DynamoDBEventRecord
	decoded ledgerstream.Record
}

func (s *Sim) append(c *ledger.Change) {
	data, err := ledgercodec.EncodeChange(c)
	if err != nil {
		s.violate("a change does not encode: %v", err)
		return
	}
	r := record{event: events.DynamoDBEventRecord{EventSource: "aws:dynamodb", Change: events.DynamoDBStreamRecord{
		SequenceNumber: strconv.Itoa(len(s.stream) + 1),
		NewImage: map[string]events.DynamoDBAttributeValue{
			config.SortKey: events.NewStringAttribute(config.HeadSortKey), "Change": events.NewBinaryAttribute(data)},
	}}}
	decoded, _, err := ledgerstream.Changes([]events.DynamoDBEventRecord{r.event})
	if err != nil || len(decoded) != 1 {
		s.violate("a change does not decode: %v", err)
		return
	}
	r.decoded = decoded[0]
	s.stream = append(s.stream, r)
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
	batch := s.stream[r.at : r.at+n]
	var failedAt string
	r.active = true
	s.run(b, r.role+" of the stream", func(ctx context.Context) error {
		var err error
		failedAt, err = r.invoke(ctx, b, batch)
		return err
	}, func(failed bool) {
		r.active = false
		next := r.at + n
		switch {
		case failed:
			next, r.halved = r.at, max(n/2, 1)
		case failedAt != "":
			sequence, err := strconv.Atoi(failedAt)
			if err != nil || sequence-1 < r.at || sequence-1 >= r.at+n {
				s.violate("%s names record %q, which is not in its batch", r.role, failedAt)
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

// invoke hands records to the function, and returns from which it wants them
// again.
func (r *reader) invoke(ctx context.Context, b *box, batch []record) (failedAt string, err error) {
	if !r.sim.asBytes() {
		decoded := make([]ledgerstream.Record, len(batch))
		for i := range batch {
			decoded[i] = batch[i].decoded
		}
		if r.role == "enforce" {
			return b.enforce.Queue(ctx, decoded), nil
		}
		return b.publish.Changes(ctx, decoded), nil
	}
	var in events.DynamoDBEvent
	for i := range batch {
		in.Records = append(in.Records, batch[i].event)
	}
	handle := b.publish.Handle
	if r.role == "enforce" {
		handle = b.enforce.Handle
	}
	answer, err := handle(ctx, encode(in))
	if out, ok := answer.(events.DynamoDBEventResponse); ok && len(out.BatchItemFailures) > 0 {
		failedAt = out.BatchItemFailures[0].ItemIdentifier
	}
	return failedAt, err
}
