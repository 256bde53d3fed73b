package bench_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"licenseguard/shared/integration/meter"
)

// TestTrack gives the handler of track batches of events, with EC2 and DynamoDB
// over HTTP: what one event after the other costs, and what a batch saves.
func TestTrack(t *testing.T) {
	b := newBench(t)
	cloud := newEC2Server(t)
	_, err := b.function(cloud.inMemory).Tracker.Configure(t.Context(), configuration(0, image(0)), "bench")
	b.must(err)
	sizes := []int{1, 10, 100}
	rounds, batches := pick(1, 5), pick(1, 10)
	times := make(map[int][]float64)
	readings := make(map[int]meter.Reading)
	c := newChurn(b.clock, image(0), 100)
	f := b.function(newCloud(cloud.url, b.meter))
	send := func(n int) {
		var batch []events.SQSMessage
		for range n {
			b.clock.later(time.Second)
			in := c.step()
			in.LaunchTime = in.LaunchTime.Truncate(time.Second) // as EC2 tells it
			cloud.set(in)
			batch = append(batch, message(in, b.clock.now()))
		}
		b.must(deliver(t.Context(), f, batch))
	}
	send(100)
	for range rounds {
		for _, size := range sizes {
			b.meter.Take()
			start := time.Now()
			for range batches {
				send(size)
			}
			times[size] = append(times[size], time.Since(start).Seconds()/float64(batches))
			readings[size] = b.meter.Take()
		}
	}
	out := table{title: fmt.Sprintf("track end to end: batches of events of one license of 100, EC2 and DynamoDB over HTTP (%d × %d batches, in turns)", rounds, batches),
		columns: []string{"events a batch", "ms a batch", "events/s", "× one by one", "calls a batch", "write units a batch", "waiting for"}}
	for _, size := range sizes {
		middle, _, _ := spread(times[size])
		r := readings[size]
		var against []float64
		for i := range times[size] {
			against = append(against, times[1][i]/times[size][i]*float64(size))
		}
		if describes := r.Calls["DescribeInstances"]; describes != batches {
			t.Errorf("%d batches of %d took %d DescribeInstances, want one each", batches, size, describes)
		}
		out.row(fmt.Sprint(size), 1000*middle, float64(size)/middle, ratio(against), fmt.Sprintf("%.1f", float64(meter.Sum(r.Calls))/float64(batches)),
			meter.Sum(r.Written)/float64(batches), waits(r))
	}
	out.note("An instance takes %s bytes of EC2's answer.", thousands(cloud.instanceSize()))
	out.print()
}

// waits says for which calls a part waited, as shares.
func waits(r meter.Reading) string {
	all := meter.Sum(r.Waited)
	if all == 0 {
		return ""
	}
	text := ""
	for _, c := range []struct{ name, short string }{{"DescribeInstances", "EC2"}, {"BatchWriteItem", "facts"}, {"PutItem", "license"}, {"BatchGetItem", "reads"}} {
		text += fmt.Sprintf(" %s %.0f %%", c.short, 100*float64(r.Waited[c.name])/float64(all))
	}
	return text[1:]
}
