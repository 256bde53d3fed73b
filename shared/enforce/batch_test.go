package enforce_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"licenseguard/shared/enforce"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// 1,000 instances over the count fall due at once, and EC2 refuses one of them
// each time: 999 are stopped and journaled. The one keeps its reason, is tried
// again later each time, and is answered as soon as EC2 takes it, or ends when
// EC2 says that there is no such instance.
func TestOneBadInstanceAmongAThousand(t *testing.T) {
	t.Parallel()
	const bad = 51
	for _, test := range []struct {
		name string
		all  int
		last error // after three refusals
		end  ledger.Done
	}{
		{"taken in the end", 1000, nil, ledger.DoneStopped},
		{"never was one", 100, fmt.Errorf("stop: %w", enforce.ErrGone), ledger.DoneCancelled},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ctx, all := context.Background(), test.all
			f := newFixture(t, 1, all) // it is covered
			f.launch(all)
			f.must(f.operator().Limit(ctx, ledger.Limits{AccountPerHour: 1000, FleetLeast: 1000}))
			refused := errors.New("api error OperationNotPermitted: not now")
			f.cloud.instances[name(bad)].stop = []error{refused, refused, refused, test.last}
			f.enqueue()
			f.now = f.now.Add(5 * time.Minute)
			r, err := f.Run(ctx)
			if err != nil || r.Stopped != all-1 || r.Failed != 1 || r.Cancelled+r.Postponed+r.Tagged != 0 {
				t.Fatalf("%+v, %v; want %d stopped and one failed", r, err, all-1)
			}
			pending, err := f.store.PendingActions(ctx)
			if err != nil || len(pending) != 1 || pending[0].Instance.AWSID() != name(bad) || pending[0].Attempts != 1 || !strings.Contains(pending[0].LastError, "OperationNotPermitted") {
				t.Fatalf("pending %+v, %v; want the one with its reason", pending, err)
			}
			f.wantJournal(bad, all-1, "OperationNotPermitted")
			for attempt, wait := range []time.Duration{2 * time.Minute, 4 * time.Minute, 8 * time.Minute} {
				f.now = f.now.Add(wait - time.Second)
				if r, err = f.Run(ctx); err != nil || r.Failed+r.Stopped+r.Cancelled != 0 || r.Postponed != 1 {
					t.Fatalf("before its time: %+v, %v", r, err)
				}
				f.now = f.now.Add(time.Second)
				if r, err = f.Run(ctx); err != nil || (attempt < 2) != (r.Failed == 1) {
					t.Fatalf("try %d: %+v, %v", attempt+2, r, err)
				}
			}
			if pending, err = f.store.PendingActions(ctx); err != nil || len(pending) != 0 {
				t.Errorf("in the end pending: %+v, %v", pending, err)
			}
			journal, err := f.store.Journal(ctx, start)
			f.must(err)
			ended := false
			for _, e := range journal {
				ended = ended || e.Instance.AWSID() == name(bad) && e.Action == test.end && !e.Done.IsZero()
			}
			if !ended {
				t.Errorf("the journal does not say that the one was %s", test.end)
			}
			if m := f.cloud.instances[name(0)]; m.stops != 0 {
				t.Error("the covered one was stopped")
			}
			l, err := f.store.Load(ctx, "lic-a")
			f.must(err)
			if len(l.Entries) != all+1 || l.Configuration.Enforcement.Mode != license.Stop {
				t.Errorf("%d entries", len(l.Entries))
			}
		})
	}
}

// launch starts n more instances at once, held by the configuration's tag.
func (f *fixture) launch(n int) {
	f.t.Helper()
	f.now = f.now.Add(time.Second)
	var claims []ledger.Claim
	for i := range n {
		id := name(1 + i)
		in := license.Instance{ID: license.NewResourceID(account, "us-east-1", id), Type: "m5.large", State: license.Running, LaunchTime: f.now,
			Tenancy: license.TenancyDefault, Tags: map[string]string{"Software": "oracle"}}
		f.cloud.instances[id] = &machine{Instance: in}
		claims = append(claims, ledger.Claim{Instance: in, Generation: ledger.Generation{Launch: f.now, Rank: in.State.Rank()},
			Held: &license.Held{ConfigurationID: "lic-a", Kind: license.ByTag, Value: "Software=oracle", Since: f.now}, Offered: start, Observed: f.now, Happened: f.now})
	}
	_, err := f.committer().claim(claims)
	f.must(err)
}

// enqueue keeps the answers of all changes so far.
func (f *fixture) enqueue() {
	f.t.Helper()
	for _, c := range f.queue {
		f.must(f.Queue(context.Background(), c))
	}
	f.queue = nil
}

// wantJournal asserts that all but one were stopped, and that the one's entry
// says why it was not.
func (f *fixture) wantJournal(bad, stopped int, why string) {
	f.t.Helper()
	journal, err := f.store.Journal(context.Background(), start)
	f.must(err)
	done := 0
	for _, e := range journal {
		switch {
		case e.Instance.AWSID() == name(bad):
			if !e.Done.IsZero() || !strings.Contains(e.Error, why) {
				f.t.Errorf("journal of the refused one: %+v", e)
			}
		case e.Action == ledger.DoneStopped && !e.Done.IsZero():
			done++
		}
	}
	if done != stopped {
		f.t.Errorf("%d journaled as stopped, want %d", done, stopped)
	}
}
