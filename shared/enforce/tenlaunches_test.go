package enforce_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"licenseguard/shared/enforce"
	"licenseguard/shared/ledger"
	"licenseguard/shared/track"
)

// vanishing is a cloud in which what is not found is gone for good.
type vanishing struct{ *cloud }

func (v vanishing) Stop(ctx context.Context, s track.Scope, id string) error {
	err := v.cloud.Stop(ctx, s, id)
	if errors.Is(err, enforce.ErrGone) {
		delete(v.instances, id)
	}
	return err
}

// TestTenLaunchesOnABadDay: ten launches over the limit while EC2 throttles, has
// the instance not running yet, or does not find it. Each is answered or reported,
// and none twice.
func TestTenLaunchesOnABadDay(t *testing.T) {
	t.Parallel()
	throttled, notYet, gone := enforce.ErrThrottled, enforce.ErrNotYet, enforce.ErrGone
	refused := errors.New("UnauthorizedOperation")
	day := []struct {
		what       string
		look, stop []error
		vanishes   bool // between the event and the first look
		want       ledger.Done
		tries      int // that failed
	}{
		{what: "nothing is wrong", want: ledger.DoneStopped},
		{what: "throttled once", stop: []error{throttled}, want: ledger.DoneStopped, tries: 1},
		{what: "throttled three times", stop: []error{throttled, throttled, throttled}, want: ledger.DoneStopped, tries: 3},
		{what: "the look is throttled", look: []error{throttled, throttled}, want: ledger.DoneStopped, tries: 2},
		{what: "pending once", stop: []error{notYet}, want: ledger.DoneStopped},
		{what: "pending for minutes", stop: []error{notYet, notYet, notYet, notYet}, want: ledger.DoneStopped},
		{what: "pending, then throttled", stop: []error{notYet, throttled}, want: ledger.DoneStopped, tries: 1},
		{what: "not found at the stop", stop: []error{gone}, want: ledger.DoneCancelled},
		{what: "not found at the look", vanishes: true, want: ledger.DoneCancelled},
		{what: "refused, then throttled, then not found", stop: []error{refused, throttled, gone}, want: ledger.DoneCancelled, tries: 2},
	}
	f := newFixture(t, 1+len(day), 100)
	f.must(f.operator().Limit(context.Background(), ledger.Limits{FleetLeast: 100, AccountPerHour: 100}))
	f.Instances = vanishing{f.cloud}
	machines, failures := make(map[string]*machine), 0
	for i, d := range day {
		m := f.cloud.instances[name(1+i)]
		m.look, m.stop, machines[name(1+i)] = d.look, d.stop, m
		if d.vanishes {
			delete(f.cloud.instances, name(1+i))
		}
		failures += d.tries
	}
	total := f.pass(4 * time.Hour)
	if total.Failed != failures || f.pending() != 0 {
		t.Errorf("%d tries failed, %d actions are pending; want %d and none", total.Failed, f.pending(), failures)
	}

	entries, err := f.store.Journal(context.Background(), time.Time{})
	f.must(err)
	said := make(map[string][]ledger.JournalEntry)
	for _, e := range entries {
		said[e.Instance.AWSID()] = append(said[e.Instance.AWSID()], e)
	}
	if len(said[name(0)]) > 0 {
		t.Errorf("the covered one is in the journal: %+v", said[name(0)])
	}
	for i, d := range day {
		id := name(1 + i)
		m := machines[id]
		if len(m.look)+len(m.stop) > 0 {
			t.Errorf("%s: it was not tried often enough: %v, %v are left", d.what, m.look, m.stop)
		}
		want := 0
		if d.want == ledger.DoneStopped {
			want = 1
		}
		if m.stops != want {
			t.Errorf("%s: it was stopped %d times, want %d", d.what, m.stops, want)
		}
		var end ledger.JournalEntry // beside it, a stop that was begun stays on record
		for _, e := range said[id] {
			if e.Action == d.want {
				end = e
			}
		}
		switch {
		case end.Done.IsZero():
			t.Errorf("%s: the journal says %+v, want %s", d.what, said[id], d.want)
		case d.want == ledger.DoneCancelled && end.Why != gone.Error():
			t.Errorf("%s: the journal says %q, want %q", d.what, end.Why, gone)
		}
	}
}
