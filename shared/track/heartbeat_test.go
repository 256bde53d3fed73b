package track_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/track"
)

// register counts what is written of heartbeats, and can lose a race or fail.
type register struct {
	ledger.Store
	puts  int
	loads int
	rival *ledger.Document // written just before the next
	fail  error
}

func (r *register) LoadDocument(ctx context.Context, kind ledger.DocumentKind, id string) (ledger.Document, error) {
	r.loads++
	return r.Store.LoadDocument(ctx, kind, id)
}

func (r *register) PutDocument(ctx context.Context, d ledger.Document) error {
	if r.rival != nil {
		if err := r.Store.PutDocument(ctx, *r.rival); err != nil {
			return err
		}
		r.rival = nil
	}
	r.puts++
	if r.fail != nil {
		return r.fail
	}
	return r.Store.PutDocument(ctx, d)
}

func tickAt(at time.Time) string {
	return fmt.Sprintf(`{"version":"0","id":"tick-%d","detail-type":"Scheduled Event","source":"aws.events","account":%q,"time":%q,"region":%q,"resources":[],"detail":{}}`,
		at.Unix(), account, at.UTC().Format(time.RFC3339), region)
}

func newBeating(t *testing.T) (*fixture, *register, func(string, time.Duration, time.Duration)) {
	t.Helper()
	f := newFixture(t)
	r := &register{Store: f.store}
	f.Tracker.Documents, f.now = r, start
	return f, r, func(what string, since, last time.Duration) {
		t.Helper()
		h, err := track.LoadHeartbeat(t.Context(), f.store)
		if err != nil || !h.Since.Equal(start.Add(since)) || !h.Last.Equal(start.Add(last)) {
			t.Errorf("%s: since %s, last %s, %v; want %s and %s after the start", what, h.Since.Sub(start), h.Last.Sub(start), err, since, last)
		}
	}
}

// TestHeartbeat: an hour of ticks is twelve writes; a break begins past BeatsApart, not at
// it; a tick that stood in the queue proves nothing.
func TestHeartbeat(t *testing.T) {
	t.Parallel()
	f, r, want := newBeating(t)
	if h, err := track.LoadHeartbeat(t.Context(), f.store); err != nil || !h.Since.IsZero() {
		t.Fatalf("before the first: %+v, %v", h, err)
	}
	tick := func(at time.Duration) {
		t.Helper()
		f.now = start.Add(at)
		if r := f.handle(1, tickAt(f.now)); len(r.Retry) > 0 || r.Buried > 0 {
			t.Fatalf("%+v", r)
		}
	}
	for minute := range 60 {
		tick(time.Duration(minute) * time.Minute)
	}
	want("an hour", 0, 55*time.Minute)
	if r.puts != 12 || r.loads != 12 {
		t.Errorf("%d writes and %d reads in an hour, want 12", r.puts, r.loads)
	}
	tick(70 * time.Minute)
	want("15 minutes without one", 0, 70*time.Minute)
	tick(85*time.Minute + time.Second)
	want("a second more", 85*time.Minute+time.Second, 85*time.Minute+time.Second)
	if h, err := track.LoadHeartbeat(t.Context(), f.store); err != nil || !h.BeforeSince.Equal(start) || !h.BeforeLast.Equal(start.Add(70*time.Minute)) {
		t.Errorf("before it: %+v, %v", h, err)
	}

	// The function stands still for a day; the ticks of that day come all at once, then
	// one that is just not too late, together with an old one.
	f.now = start.Add(25 * time.Hour)
	f.handle(1, tickAt(start.Add(2*time.Hour)), tickAt(start.Add(12*time.Hour)), tickAt(f.now.Add(-track.BeatsApart-time.Second)))
	want("what stood in the queue", 85*time.Minute+time.Second, 85*time.Minute+time.Second)
	f.handle(1, tickAt(f.now.Add(-track.BeatsApart)), tickAt(start.Add(3*time.Hour)))
	want("one in time", 25*time.Hour-track.BeatsApart, 25*time.Hour-track.BeatsApart)
	f.handle(1, tickAt(f.now.Add(time.Hour)))
	want("a clock that is ahead", 25*time.Hour-track.BeatsApart, 25*time.Hour)
}

// TestHeartbeatNeedsTheTick: a tick that could not be folded is no beat, and a beat that
// could not be kept is no failure of the tick. Of two functions at once one keeps it.
func TestHeartbeatNeedsTheTick(t *testing.T) {
	t.Parallel()
	f, r, want := newBeating(t)
	f.handle(1, tickAt(f.now))
	want("the first", 0, 0)

	f.now = start.Add(5 * time.Minute)
	r.fail = errors.New("throttled")
	if report := f.handle(1, tickAt(f.now)); len(report.Retry) > 0 {
		t.Errorf("%+v: a beat that is not kept fails the tick", report)
	}
	want("not kept", 0, 0)
	r.fail = nil
	r.rival = &ledger.Document{Kind: ledger.Heartbeat, ID: "track", Revision: 2, Data: []byte(`{"Since":"2026-11-20T08:00:00Z","Last":"2026-11-20T08:04:00Z"}`)}
	if report := f.handle(1, tickAt(f.now)); len(report.Retry) > 0 {
		t.Errorf("%+v: losing to another function fails the tick", report)
	}
	want("the other one's", 0, 4*time.Minute)
	f.now = start.Add(10 * time.Minute)
	f.handle(1, tickAt(f.now))
	want("the next", 0, 10*time.Minute)
}

// TestUnbroken: complete sweeps watch without a break while each begins at most
// SweepsApart after the one before; those that fail between them change nothing.
func TestUnbroken(t *testing.T) {
	t.Parallel()
	f := newRoundFixture(t)
	f.round.Fresh = time.Second
	gone := four()[0]
	at, since := f.now, f.now
	sweep := func(what string, later time.Duration, fail error, broken bool) {
		t.Helper()
		f.now, f.all.fail[gone] = f.now.Add(later), fail
		if _, _, err := f.round.Run(t.Context(), time.Time{}); err != nil {
			t.Fatal(err)
		}
		if fail == nil {
			at = f.now
		}
		if broken {
			since = f.now
		}
		if w := f.watch(gone); !w.Complete.Equal(at) || !w.Unbroken.Since.Equal(since) {
			t.Errorf("%s: complete %s, since %s; want %s and %s", what, w.Complete, w.Unbroken.Since, at, since)
		}
	}
	sweep("the first", 0, nil, false)
	sweep("an hour later", time.Hour, nil, false)
	sweep("just in time", track.SweepsApart, nil, false)
	sweep("it fails", time.Hour, errors.New("no"), false)
	sweep("and comes back in time", 50*time.Minute, nil, false)
	sweep("it fails again", time.Hour, errors.New("no"), false)
	sweep("a second too late", 50*time.Minute+time.Second, nil, true)

	// What an earlier version kept has no beginning: the last sweep was one.
	document, err := f.store.LoadDocument(t.Context(), ledger.Watched, gone.Account+"/"+gone.Region)
	if err != nil {
		t.Fatal(err)
	}
	document.Revision++
	document.Data = fmt.Appendf(nil, `{"Account":%q,"Region":%q,"Tried":%q,"Ended":%q,"Complete":%q}`, gone.Account, gone.Region, at.Format(time.RFC3339), at.Format(time.RFC3339), at.Format(time.RFC3339))
	if err := f.store.PutDocument(t.Context(), document); err != nil {
		t.Fatal(err)
	}
	since = at
	sweep("after an update", time.Hour, nil, false)
}
