package bench_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"licenseguard/shared/adapter/dynamoledger"
	"licenseguard/shared/adapter/handler"
	"licenseguard/shared/catalog"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

// function is the handler of track as a process of its own has it.
func (b *bench) function(observer track.Observer) *handler.Track {
	return &handler.Track{Metrics: io.Discard, Tracker: &track.Tracker{
		Store: dynamoledger.New(b.client, b.table), Observer: observer, Catalog: catalog.Embedded(), Accounts: []string{account}, Regions: []string{region},
		Now: b.clock.now, Log: slog.New(slog.DiscardHandler)}}
}

// message is EC2's event of an instance's state, as SQS hands it to Lambda.
func message(in license.Instance, at time.Time) events.SQSMessage {
	return events.SQSMessage{MessageId: newEventID(), Attributes: map[string]string{"ApproximateReceiveCount": "1"}, Body: fmt.Sprintf(
		`{"version":"0","id":%q,"detail-type":"EC2 Instance State-change Notification","source":"aws.ec2","account":%q,"time":%q,"region":%q,"resources":["arn:aws:ec2:%s:%s:instance/%s"],"detail":{"instance-id":%q,"state":%q}}`,
		newEventID(), account, at.Format(time.RFC3339), region, region, account, in.ID.AWSID(), in.ID.AWSID(), in.State)}
}

// deliver gives a function events that all must be handled.
func deliver(ctx context.Context, f *handler.Track, batch []events.SQSMessage) error {
	answer, err := f.Handle(ctx, events.SQSEvent{Records: batch})
	if err == nil && len(answer.BatchItemFailures) > 0 {
		err = errors.New(strconv.Itoa(len(answer.BatchItemFailures)) + " messages are wanted again")
	}
	return err
}

// tracked is a hot license that is written by everything that track does: the
// events of each producer go in batches to a function of its own, or to one for
// all. EC2 costs nothing here, because the design that it is compared with asks
// nothing either.
type tracked struct {
	b         *bench
	id        string
	cloud     *inMemory
	functions []*handler.Track
	churns    []*churn // one a function
	batch     int
}

func newTracked(b *bench, n, functions, batch int) *tracked {
	b.Helper()
	t := &tracked{b: b, id: licenseID(n), cloud: newInMemory(), batch: batch}
	b.newLicense(n)
	for range functions {
		c := newChurn(b.clock, image(n), batch)
		t.functions, t.churns = append(t.functions, b.function(t.cloud)), append(t.churns, c)
		b.must(t.once(b.Context(), len(t.churns)-1))
	}
	b.must(t.check(b.Context()))
	return t
}

// once delivers one batch: an event of each of the function's instances.
func (t *tracked) once(ctx context.Context, function int) error {
	var batch []events.SQSMessage
	for range t.batch {
		t.b.clock.later(time.Second) // an event's time has whole seconds
		in := t.churns[function].step()
		t.cloud.set(in)
		batch = append(batch, message(in, t.b.clock.now()))
	}
	return deliver(ctx, t.functions[function], batch)
}

func (t *tracked) run(ctx context.Context, until time.Time) (int, error) {
	var done atomic.Int64
	failed := make([]error, len(t.functions))
	var wait sync.WaitGroup
	for i := range t.functions {
		wait.Go(func() {
			for failed[i] == nil && time.Now().Before(until) {
				failed[i] = t.once(ctx, i)
				done.Add(int64(t.batch))
			}
		})
	}
	wait.Wait()
	return int(done.Load()), errors.Join(failed...)
}

func (t *tracked) check(ctx context.Context) error {
	l, err := t.b.store.Load(ctx, t.id)
	if err != nil {
		return err
	}
	return check(l, t.churns)
}
