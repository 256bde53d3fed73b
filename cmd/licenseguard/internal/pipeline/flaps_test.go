package pipeline_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"licenseguard/shared/license"
)

// callEvent is CloudTrail's record of one launch of instances, by a user.
func callEvent(user string, at time.Time, ids ...license.ResourceID) []byte {
	var items []string
	for _, id := range ids {
		items = append(items, fmt.Sprintf(`{"instanceId":%q}`, id.AWSID()))
	}
	return fmt.Appendf(nil, `{"version":"0","id":"call-%s-%d","detail-type":"AWS API Call via CloudTrail","source":"aws.ec2","account":%q,"time":%q,"region":%q,"resources":[],"detail":{"eventSource":"ec2.amazonaws.com","eventName":"RunInstances","userIdentity":{"type":"AssumedRole","arn":"arn:aws:sts::%s:assumed-role/Developer/%s"},"responseElements":{"instancesSet":{"items":[%s]}}}}`,
		user, at.UnixNano(), account, at.UTC().Format(time.RFC3339), region, account, user, strings.Join(items, ","))
}

// TestWeekOfFlaps: in a week usage passes the limit 200 times and comes back.
// People are told of each crossing once, however often its events are delivered,
// and of the highest that one run crosses. With -v it prints what they get.
func TestWeekOfFlaps(t *testing.T) {
	t.Parallel()
	const (
		flaps  = 200
		week   = 7 * 24 * time.Hour
		base   = 4 // of 10 licenses, in use all week
		staged = 5 // every so manieth flap comes in two runs, and stops in between at 9 of 10
	)
	w := newWorld(t)
	w.configure(func(c *license.Configuration) { c.HardLimit, c.Thresholds = false, []int{50, 70, 90} })
	random := rand.New(rand.NewPCG(7, 7))
	next := 0
	var running []license.ResourceID
	// run lets n instances be launched by one call and handled in one batch, with
	// each event delivered twice and some old ones once more.
	run := func(user string, n int) {
		from := len(w.events)
		at := w.now
		var ids []license.ResourceID
		for range n {
			next++
			in := instance(next)
			w.fleet.Set(in, license.Pending)
			in, _ = w.fleet.Get(in.ID)
			w.fleet.Set(in, license.Running)
			ids = append(ids, in.ID)
		}
		running = append(running, ids...)
		w.events = append(w.events, callEvent(user, at, ids...))
		w.again(random, from)
	}
	end := func(keep int) {
		from := len(w.events)
		for _, id := range running[keep:] {
			in, _ := w.fleet.Get(id)
			w.fleet.Set(in, license.Terminated)
		}
		running = running[:keep]
		w.again(random, from)
	}
	run("carol", base)
	type crossing struct{ limit, ninety bool }
	var want []crossing
	for i := range flaps {
		w.now = w.now.Add(week / flaps / 2).Truncate(time.Second)
		w.must(w.p.Tick(t.Context()))
		if i%staged == 0 {
			run("alice", 5) // 9 of 10: passes 50, 70 and 90 % in one run
			want = append(want, crossing{ninety: true})
			w.now = w.now.Add(time.Minute)
			run("bob", 2)
		} else {
			run("alice", 7+i%3) // passes all thresholds and the limit in one run
		}
		want = append(want, crossing{limit: true})
		if i%3 == 0 { // one more over the limit is no crossing
			w.now = w.now.Add(time.Minute)
			run("dave", 1)
		}
		w.now = w.now.Add(week / flaps / 2).Truncate(time.Second)
		w.must(w.p.Tick(t.Context()))
		end(base)
	}
	var got []crossing
	for _, a := range w.p.Alerts {
		got = append(got, crossing{strings.Contains(a.Subject, "in use, 10 licensed"), strings.Contains(a.Subject, "90% of 10 licenses in use")})
	}
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Fatalf("%d alerts, want %d: the crossing %+v was told to nobody", len(got), len(want), want[i])
		case i >= len(want) || got[i] != want[i]:
			t.Fatalf("alert %d of %d is %q, want %d", i+1, len(got), w.p.Alerts[i].Subject, len(want))
		}
	}
	limits := len(w.subjects("in use, 10 licensed"))
	if limits != flaps {
		t.Errorf("%d alerts of an overrun, want %d", limits, flaps)
	}
	t.Logf("%d messages in %s: %d of an overrun, %d of a threshold; %d events were delivered",
		len(got), week, limits, len(got)-limits, w.delivered)
	for _, mail := range []struct {
		what string
		at   int
	}{{"The first, of a threshold, which stands for three", 0}, {"The overrun that followed", 1}, {"An overrun in one run, which stands for the thresholds too", 2}} {
		a := w.p.Alerts[mail.at]
		t.Logf("%s:\nSubject: %s\n\n%s", mail.what, a.Subject, a.Message)
		if !strings.Contains(a.Message, "launched by alice (role Developer)") && mail.at == 2 {
			t.Errorf("it does not say who launched")
		}
	}
}

// again delivers the events from a number on twice, and some old ones once more,
// in any order.
func (w *world) again(random *rand.Rand, from int) {
	w.t.Helper()
	batch := append(w.events[from:len(w.events):len(w.events)], w.events[from:]...)
	for range min(from, 5) {
		batch = append(batch, w.events[random.IntN(from)])
	}
	random.Shuffle(len(batch), func(i, j int) { batch[i], batch[j] = batch[j], batch[i] })
	for _, body := range batch {
		w.p.Send(body)
	}
	w.sent, w.delivered = len(w.events), w.delivered+len(batch)
	w.must(w.p.Drain(w.t.Context()))
}
