package bench_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"licenseguard/shared/integration/meter"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

// TestCost counts what launches cost: in bursts, by fleet, and by how many
// licenses hold for an instance.
func TestCost(t *testing.T) {
	out := table{title: "What a launch costs, counted: write units a change, calls, and dollars a million events",
		columns: []string{"burst", "fleet", "licenses each", "license", "facts", "all writes", "read units", "calls", "Describe", "$/million"}}
	fleets := pick([]int{100}, []int{100, 1_000, 10_000})
	bursts := pick([]int{1, 100}, []int{1, 10, 100, 1_000})
	for _, fleet := range fleets {
		w := newCostWorld(t, 1)
		w.fill(fleet)
		for _, burst := range bursts {
			out.row(w.launch(burst, fleet)...)
		}
	}
	for _, licenses := range pick([]int{2}, []int{2, 5}) {
		w := newCostWorld(t, licenses)
		w.fill(pick(100, 1_000))
		out.row(w.launch(100, pick(100, 1_000))...)
	}
	out.note("A burst comes in batches of up to 100 events; a change is one instance in one license. Fleets are all in the licenses.")
	out.note("$: SQS 0.40/M requests (1.2 an event), DynamoDB 0.625/M write and 0.125/M read units, Lambda arm64 0.20/M and 0.0000133334/GB-s")
	out.note("with 256 MB and the time measured here plus 2 ms a call for the network; us-east-1, on demand, list prices of 2026, no free tier.")
	out.print()
}

// costWorld is a fleet with licenses that all hold for each of its instances.
type costWorld struct {
	*bench
	cloud    *inMemory
	licenses int
}

func newCostWorld(t *testing.T, licenses int) *costWorld {
	w := &costWorld{bench: newBench(t), cloud: newInMemory(), licenses: licenses}
	tracker := w.function(w.cloud).Tracker
	for n := range licenses {
		_, err := tracker.Configure(t.Context(), configuration(n, image(0)), "bench")
		w.must(err)
	}
	return w
}

// start makes running instances of the image.
func (w *costWorld) start(n int) (started []license.Instance) {
	for range n {
		c := newChurn(w.clock, image(0), 1)
		w.clock.later(time.Second)
		in := c.step()
		in.Tags = map[string]string{"Name": "database-production", "Environment": "production", "aws:cloudformation:stack-name": "order-management-database"}
		w.cloud.set(in)
		started = append(started, in)
	}
	return started
}

func (w *costWorld) fill(n int) {
	w.Helper()
	w.start(n)
	report, err := w.function(w.cloud).Tracker.Sweep(w.Context(), track.Scope{Account: account, Region: region})
	w.must(err)
	if report.Instances != n {
		w.Fatalf("the fleet has %d instances, want %d", report.Instances, n)
	}
}

// launch delivers a burst of launches, to a function that is warm, and returns
// the table's row.
func (w *costWorld) launch(burst, fleet int) []any {
	w.Helper()
	f := w.function(w.cloud)
	one := w.start(1)[0]
	w.must(deliver(w.Context(), f, []events.SQSMessage{message(one, w.clock.now())}))
	var messages []events.SQSMessage
	for _, in := range w.start(burst) {
		messages = append(messages, message(in, w.clock.now()))
	}
	w.meter.Take()
	var batches []int
	start := time.Now()
	for len(messages) > 0 {
		n := min(len(messages), 100)
		w.must(deliver(w.Context(), f, messages[:n]))
		messages, batches = messages[n:], append(batches, n)
	}
	took := time.Since(start)
	r := w.meter.Take()
	events, changes := float64(burst), float64(burst*w.licenses)
	licenseUnits, factUnits := meter.Sum(r.Written, "PutItem", "TransactWriteItems"), r.Written["BatchWriteItem"]
	calls := meter.Sum(r.Calls)
	if factUnits != events {
		w.Errorf("a burst of %d: the facts took %v write units, want one each", burst, factUnits)
	}
	if burst == 100 {
		if most := 0.8; w.licenses == 1 && licenseUnits/changes > most {
			w.Errorf("a burst of %d into %d: the licenses took %v write units a change, want at most %v", burst, fleet, licenseUnits/changes, most)
		}
	}
	seconds := took.Seconds() + 0.002*float64(calls)
	return []any{fmt.Sprint(burst), fleet, w.licenses, fmt.Sprintf("%.3f", licenseUnits/changes), fmt.Sprintf("%.2f", factUnits/events),
		fmt.Sprintf("%.2f", (licenseUnits+factUnits)/events), fmt.Sprintf("%.2f", meter.Sum(r.Read)/events), fmt.Sprintf("%.2f", float64(calls+len(batches))/events),
		fmt.Sprintf("%.3f", float64(len(batches))/events), strings.TrimSpace(figure(1e6 * dollars(r, batches, seconds) / events))}
}
