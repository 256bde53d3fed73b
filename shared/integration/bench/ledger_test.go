package bench_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"licenseguard/shared/integration/meter"
)

// design is one way of keeping the count of a hot license.
type design struct {
	name string
	run  func(ctx context.Context, until time.Time) (changes int, err error)
	// check finds what was lost or counted twice.
	check func(ctx context.Context) error

	rates   []float64 // changes a second, by round
	changes int
	units   float64
	calls   int
}

// TestLedger lets 16 producers change one hot license, by one committer and as
// 16 rivals, and by designs that keep a counter and a record an event.
func TestLedger(t *testing.T) {
	b := newBench(t)
	var all []*design
	add := func(name string, d interface {
		run(context.Context, time.Time) (int, error)
		check(context.Context) error
	}) {
		all = append(all, &design{name: name, run: d.run, check: d.check})
	}
	add("transaction an event, 16 writers", &counted{b: b, id: "T1x16", perTransaction: 1, writers: producers})
	add("transactions of 99 + 1, 16 writers", &counted{b: b, id: "T99x16", perTransaction: 99, writers: producers})
	add("transactions of 99 + 1, 1 writer", &counted{b: b, id: "T99x1", perTransaction: 99, writers: 1})
	for i, entries := range pick([]int{64, 160}, []int{64, 1024, 5120}) { // each producer has as many
		add(fmt.Sprintf("license of %s, one committer", thousands(int64(entries))), newHot(b, 2*i, entries, false))
		add(fmt.Sprintf("license of %s, 16 rivals", thousands(int64(entries))), newHot(b, 2*i+1, entries, true))
	}
	add("all of track, one function, batches of 100", newTracked(b, 100, 1, 100))
	add("all of track, 16 functions, batches of 100", newTracked(b, 101, producers, 100))
	rounds, warm, length := pick(1, 5), pick(1, 3), pick(100*time.Millisecond, time.Second)
	for round := range warm + rounds {
		for _, d := range all {
			d.round(b, length, round >= warm) // the first ones only warm up, the server above all
		}
	}
	base := all[0]
	out := table{title: fmt.Sprintf("One hot license, %d producers (%d rounds of %s, in turns)", producers, rounds, length),
		columns: []string{"design", "changes/s", "× transaction an event", "write units/change", "calls/change"}}
	for _, d := range all {
		middle, _, _ := spread(d.rates)
		var against []float64
		for i := range d.rates {
			against = append(against, d.rates[i]/base.rates[i])
		}
		out.row(d.name, middle, ratio(against), fmt.Sprintf("%.3f", d.units/float64(d.changes)), fmt.Sprintf("%.3f", float64(d.calls)/float64(d.changes)))
	}
	out.note("After every round: counter = records, or totals = entries and every instance as it was last seen.")
	out.note("A rival commits what it has at once: up to 64 changes, and 4 in the license of 64, of which it has 4 instances.")
	if full() {
		for _, name := range []string{"license of 64, one committer", "all of track, one function, batches of 100"} {
			i := slices.IndexFunc(all, func(d *design) bool { return d.name == name })
			out.notes = append(out.notes, all[i].profile(b, 2*time.Second)...)
		}
	}
	out.print()
}

func (d *design) round(b *bench, length time.Duration, counts bool) {
	b.Helper()
	b.meter.Take()
	start := time.Now()
	changes, err := d.run(b.Context(), start.Add(length))
	took := time.Since(start)
	if err != nil {
		b.Fatalf("%s: %v", d.name, err)
	}
	r := b.meter.Take()
	if err := d.check(b.Context()); err != nil {
		b.Fatalf("%s: %v", d.name, err)
	}
	if changes == 0 {
		b.Fatalf("%s: nothing changed", d.name)
	}
	if counts {
		d.rates = append(d.rates, float64(changes)/took.Seconds())
		d.changes += changes
		d.units += meter.Sum(r.Written)
		d.calls += meter.Sum(r.Calls)
	}
}
