package track_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

// callEvent is CloudTrail's record of a launch or a start by a user.
func callEvent(call, id, user string, at time.Time) string {
	place := "responseElements"
	if call == "StartInstances" {
		place = "requestParameters"
	}
	return fmt.Sprintf(`{"version":"0","id":"c-%s-%s","detail-type":"AWS API Call via CloudTrail","source":"aws.ec2","account":%q,"time":%q,"region":%q,"resources":[],"detail":{"eventSource":"ec2.amazonaws.com","eventName":%q,"userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::123456789012:user/%s"},%q:{"instancesSet":{"items":[{"instanceId":%q}]}}}}`,
		id, user, account, at.Format(time.RFC3339), region, call, user, place, id)
}

// writes counts the records of facts that are written.
type writes struct {
	track.Store
	facts int
}

func (w *writes) SaveFacts(ctx context.Context, facts []ledger.Facts) error {
	w.facts += len(facts)
	return w.Store.SaveFacts(ctx, facts)
}

func (f *fixture) facts() ledger.Facts {
	f.t.Helper()
	id := license.NewResourceID(account, region, oneID)
	found, err := f.store.LoadFacts(context.Background(), []license.ResourceID{id})
	if err != nil {
		f.t.Fatal(err)
	}
	return found[id]
}

func (f *fixture) wantLauncher(what, want string) {
	f.t.Helper()
	if got := f.facts().LaunchedBy; got != want {
		f.t.Errorf("%s: launched by %q, want %q", what, got, want)
	}
}

// TestLauncher: who launched stays with the launch, whatever is seen later, and
// goes with it.
func TestLauncher(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	launch := f.now
	if r := f.handle(1, callEvent("RunInstances", oneID, "alice", launch)); len(r.Retry) != 1 {
		t.Fatalf("report %+v, want a retry: nothing is known of the instance", r)
	}
	f.set(oneID, license.Pending, launch.Add(time.Second))
	f.handle(2, callEvent("RunInstances", oneID, "alice", launch))
	f.wantLauncher("the event came before the instance", "alice (user)")

	f.now = f.now.Add(time.Minute)
	f.set(oneID, license.Running, launch.Add(time.Second))
	f.handle(1, stateEvent(oneID, "running", f.now))
	f.wantLauncher("after another look", "alice (user)")
	f.cloud.instances[oneID] = func(in license.Instance) license.Instance { in.Type = "m5.xlarge"; return in }(f.cloud.instances[oneID])
	if _, err := f.Sweep(context.Background(), home); err != nil {
		t.Fatal(err)
	}
	if f.facts().Instance.Type != "m5.xlarge" {
		t.Error("the sweep wrote nothing; this test sees nothing")
	}
	f.wantLauncher("after a sweep", "alice (user)")

	again := f.now.Add(time.Hour)
	f.now = again.Add(time.Second)
	f.set(oneID, license.Running, again)
	f.handle(1, callEvent("StartInstances", oneID, "bob", again))
	f.wantLauncher("started by another", "bob (user)")
	f.handle(1, callEvent("RunInstances", oneID, "alice", launch))
	f.wantLauncher("the first launch, told late", "bob (user)")

	third := again.Add(time.Hour)
	f.now = third.Add(time.Minute)
	f.set(oneID, license.Running, third)
	f.handle(1, stateEvent(oneID, "running", f.now))
	f.wantLauncher("started, and nobody told by whom", "")
	f.handle(1, callEvent("StartInstances", oneID, "bob", again))
	f.wantLauncher("the second launch, told late", "")
	f.handle(1, callEvent("StartInstances", oneID, "dave", third.Add(time.Hour)))
	f.wantLauncher("a start that the description does not show yet", "")
	f.handle(1, callEvent("StartInstances", oneID, "carol", third.Add(-time.Second)))
	f.wantLauncher("told afterwards", "carol (user)")
	f.handle(1, stateEvent(oneID, "terminated", f.now))
	f.wantLauncher("gone", "carol (user)")
}

// TestLauncherIsWrittenOnce: facts are written for a launcher that is new, and
// no license is.
func TestLauncherIsWrittenOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	w := &writes{Store: f.store}
	f.Store = w
	launch := f.now
	f.set(oneID, license.Running, launch)
	f.handle(1, stateEvent(oneID, "running", launch))
	f.now = f.now.Add(time.Minute)
	before := w.facts
	told := callEvent("RunInstances", oneID, "alice", launch)
	if r := f.handle(1, told); w.facts != before+1 || r.Changes != 0 {
		t.Errorf("a new launcher: %d writes of facts, %d of licenses; want 1 and 0", w.facts-before, r.Changes)
	}
	f.now = f.now.Add(time.Minute)
	r := f.handle(1, told, told, callEvent("RunInstances", oneID, "mallory", launch))
	if w.facts != before+1 || r.Changes != 0 {
		t.Errorf("told again: %d writes of facts, %d of licenses; want none", w.facts-before-1, r.Changes)
	}
	f.wantLauncher("another for the same launch", "alice (user)")
}

// TestAnOlderLookKnowsTheLauncher: what a slow function saw is older than what
// is stored; the name it brings is not.
func TestAnOlderLookKnowsTheLauncher(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	launch := f.now
	f.set(oneID, license.Running, launch)
	f.now = f.now.Add(time.Minute)
	f.handle(1, stateEvent(oneID, "running", launch))
	seen := f.facts().Observed
	f.now = f.now.Add(-30 * time.Second)
	f.handle(1, callEvent("RunInstances", oneID, "alice", launch))
	f.wantLauncher("an older look", "alice (user)")
	if got := f.facts().Observed; !got.Equal(seen) {
		t.Errorf("the facts went back from %s to %s", seen, got)
	}
}
