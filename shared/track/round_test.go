package track_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

// order makes the fleet note which scopes are listed, and hang in some of them.
type order struct {
	*fleet
	listed []track.Scope
	hang   map[track.Scope]bool
}

func (o *order) EachInstances(ctx context.Context, s track.Scope, each func([]license.Instance) error) error {
	o.listed = append(o.listed, s)
	if o.hang[s] {
		<-ctx.Done()
		return ctx.Err()
	}
	return o.fleet.EachInstances(ctx, s, each)
}

type roundFixture struct {
	*fixture
	all   *order
	round *track.Round
}

func newRoundFixture(t *testing.T) *roundFixture {
	t.Helper()
	f, all := newFleetFixture(t)
	f.Tracker.Documents = f.store
	for _, s := range four() {
		all.set(s, oneID, license.Running, f.now)
	}
	watched := &order{fleet: all, hang: map[track.Scope]bool{}}
	f.Tracker.Observer = watched
	return &roundFixture{f, watched, &track.Round{Tracker: f.Tracker, Fresh: 50 * time.Minute, Timeout: time.Hour}}
}

// run runs a round and checks which scopes it listed, by their place in four().
func (f *roundFixture) run(what string, ctx context.Context, want ...int) (results []track.Result, left int) {
	f.t.Helper()
	f.all.listed = nil
	results, left, err := f.round.Run(ctx, time.Time{})
	if err != nil {
		f.t.Fatal(err)
	}
	var got []int
	for _, s := range f.all.listed {
		got = append(got, slices.Index(four(), s))
	}
	if !slices.Equal(got, want) {
		f.t.Errorf("%s: swept %v, want %v", what, got, want)
	}
	return results, left
}

func (f *roundFixture) watch(s track.Scope) track.Watch {
	f.t.Helper()
	all, err := track.Watches(f.t.Context(), f.store)
	if err != nil {
		f.t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(w track.Watch) bool { return w.Scope() == s })
	if i < 0 {
		f.t.Fatalf("nothing is known of %s: %+v", s, all)
	}
	return all[i]
}

// TestARoundGoesOnWhereTheLastOneEnded: what is fresh is left alone, and a run whose time
// ends leaves the rest to the next, which begins with it.
func TestARoundGoesOnWhereTheLastOneEnded(t *testing.T) {
	t.Parallel()
	f := newRoundFixture(t)
	short, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	f.round.Margin = time.Hour // no time for any
	if _, left := f.run("no time", short); left != 4 {
		t.Errorf("%d are left, want 4", left)
	}
	f.round.Margin = 10 * time.Minute
	results, left := f.run("the first run", short, 0, 1, 2, 3)
	if left != 0 || len(results) != 4 || !results[0].First || results[0].Drift.Started == 1 && results[0].Err != nil {
		t.Errorf("results %+v, %d left", results, left)
	}
	f.want("all are counted", 8)
	f.now = f.now.Add(15 * time.Minute)
	f.run("all are fresh", t.Context())
	if results, _, err := f.round.Run(t.Context(), f.now.Add(-time.Minute)); err != nil || len(results) != 4 || results[0].First {
		t.Errorf("a person asks for all of it now: %+v, %v", results, err)
	}

	stop, cancelAfter := context.WithCancel(t.Context())
	f.round.Swept = func(_ track.Result, n, of int) {
		if of != 4 {
			t.Errorf("%d of %d", n, of)
		}
		if n == 2 {
			cancelAfter()
		}
	}
	f.now = f.now.Add(time.Hour)
	if _, left := f.run("it is cut off after two", stop, 0, 1); left != 2 {
		t.Errorf("%d are left, want 2", left)
	}
	f.round.Swept = nil
	f.now = f.now.Add(15 * time.Minute)
	f.run("the next begins with the rest", t.Context(), 2, 3)
	f.now = f.now.Add(40 * time.Minute)
	f.run("and then it is the turn of the first", t.Context(), 0, 1)
}

// TestAScopeThatFailsOrHangsDelaysNobody: it is swept after those that do not, releases
// nothing, and its watch tells since when and why.
func TestAScopeThatFailsOrHangsDelaysNobody(t *testing.T) {
	t.Parallel()
	f := newRoundFixture(t)
	f.run("the first run", t.Context(), 0, 1, 2, 3)
	failing, hanging := four()[0], four()[1]
	f.all.fail[failing] = fmt.Errorf("take the role: %w", track.ErrUnreachable)
	f.all.hang[hanging] = true
	for _, s := range four() {
		delete(f.all.instances[s], oneID)
	}
	f.round.Timeout = 2 * time.Second
	f.now = f.now.Add(time.Hour)
	since := f.now
	results, left := f.run("two of them do not answer", t.Context(), 0, 1, 2, 3)
	if left != 0 || len(results) != 4 || !results[0].Unreachable || !errors.Is(results[1].Err, context.DeadlineExceeded) || results[2].Err != nil || results[3].Released != 1 {
		t.Errorf("results %+v, %d left", results, left)
	}
	f.want("the two that answered are released, the two that did not are kept", 4)
	f.now = f.now.Add(time.Hour)
	f.run("the next time they come last", t.Context(), 2, 3, 0, 1)
	f.want("and are kept", 4)
	for _, s := range []track.Scope{failing, hanging} {
		if w := f.watch(s); !w.Failing.Equal(since) || !w.Complete.Equal(since.Add(-time.Hour)) || w.Error == "" || !w.Tried.Equal(f.now) {
			t.Errorf("watch %+v", w)
		}
	}
	all, err := track.Watches(t.Context(), f.store)
	if err != nil {
		t.Fatal(err)
	}
	if got := track.Unconfirmed(all); len(got) != 2 || got[0].Scope() != hanging && got[1].Scope() != hanging || !strings.Contains(fmt.Sprint(got), "cannot be reached") {
		t.Errorf("unconfirmed %+v", got)
	}
	clear(f.all.fail)
	clear(f.all.hang)
	f.now = f.now.Add(time.Hour)
	f.round.Timeout = time.Hour
	f.run("they answer again", t.Context(), 2, 3, 0, 1)
	f.want("and are empty", 0)
	if w := f.watch(failing); !w.Failing.IsZero() || w.Error != "" || w.Lost != (track.Drift{Ended: 1}) {
		t.Errorf("watch %+v", w)
	}
}

// TestARunThatEndsInAScopeLeavesItsTurn: it is not the scope's fault, so it is the first
// of the next run.
func TestARunThatEndsInAScopeLeavesItsTurn(t *testing.T) {
	t.Parallel()
	f := newRoundFixture(t)
	f.run("the first run", t.Context(), 0, 1, 2, 3)
	f.all.hang[four()[1]] = true
	f.now = f.now.Add(time.Hour)
	short, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	f.round.Margin = 2 * time.Second
	results, left := f.run("a large one", short, 0, 1)
	if len(results) != 1 || left != 3 {
		t.Errorf("%d swept, %d left; want 1 and 3", len(results), left)
	}
	if w := f.watch(four()[1]); !w.Failing.IsZero() {
		t.Errorf("watch %+v: the run ended, it did not fail", w)
	}
	clear(f.all.hang)
	f.run("it goes on there", t.Context(), 1, 2, 3)
}

// TestTwoRunsShareTheScopes: what one sweeps the other leaves alone, unless it was cut off.
func TestTwoRunsShareTheScopes(t *testing.T) {
	t.Parallel()
	f := newRoundFixture(t)
	other := &track.Round{Tracker: f.Squad(2)[1], Fresh: f.round.Fresh, Timeout: f.round.Timeout}
	swept := 0
	f.round.Swept = func(track.Result, int, int) {
		if swept++; swept == 1 {
			if results, left, err := other.Run(t.Context(), time.Time{}); err != nil || len(results) != 3 || left != 0 {
				t.Errorf("the other run: %+v, %d left, %v", results, left, err)
			}
		}
	}
	if results, left := f.run("the first", t.Context(), 0, 1, 2, 3); len(results) != 1 || left != 3 {
		t.Errorf("%d swept, %d left: want one, and three that the other run took", len(results), left)
	}
	f.now = f.now.Add(2 * time.Hour)
	w := f.watch(four()[2])
	w.Tried = f.now.Add(-time.Minute)
	cut, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	document, err := f.store.LoadDocument(t.Context(), ledger.Watched, w.Account+"/"+w.Region)
	if err != nil {
		t.Fatal(err)
	}
	document.Revision, document.Data = document.Revision+1, cut
	if err := f.store.PutDocument(t.Context(), document); err != nil {
		t.Fatal(err)
	}
	f.round.Fresh, f.round.Swept = time.Second, nil
	f.run("one is under way", t.Context(), 0, 1, 3)
	f.now = f.now.Add(time.Hour)
	f.run("or was cut off", t.Context(), 2, 0, 1, 3)
}

// TestLeavingIsReported: an account that is watched no more keeps what it holds, and is
// reported once the others were swept without it.
func TestLeavingIsReported(t *testing.T) {
	t.Parallel()
	f := newRoundFixture(t)
	f.run("the first run", t.Context(), 0, 1, 2, 3)
	f.Tracker.Accounts = []string{account}
	for range 5 {
		f.now = f.now.Add(time.Hour)
		f.run("without it", t.Context(), 0, 1)
	}
	all, err := track.Watches(t.Context(), f.store)
	if err != nil {
		t.Fatal(err)
	}
	got := track.Unconfirmed(all)
	if len(got) != 2 || got[0].Account != other || got[1].Account != other {
		t.Errorf("unconfirmed %+v, want both Regions of %s", got, other)
	}
	f.want("its numbers are kept", 8)
}
