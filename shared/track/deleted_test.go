package track_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

// behind is a store whose index of due licenses still has one that was deleted, as
// DynamoDB's has for a moment, and whose last commit of it was refused for the same
// reason.
type behind struct {
	track.Store
	gone string
}

func (b *behind) DueLicenses(ctx context.Context, now time.Time) ([]string, error) {
	due, err := b.Store.DueLicenses(ctx, now)
	return append(slices.Clone(due), b.gone), err
}

func (b *behind) Load(ctx context.Context, id string) (*ledger.License, error) {
	if id == b.gone {
		return nil, ledger.ErrNotFound
	}
	return b.Store.Load(ctx, id)
}

// TestADeletedLicenseIsNoFailure: neither of a tick nor of an event of an instance
// that had it.
func TestADeletedLicenseIsNoFailure(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	configurations, _, err := f.store.Configurations(t.Context())
	if err != nil || len(configurations) == 0 {
		t.Fatal(configurations, err)
	}
	f.Tracker.Store = &behind{Store: f.store, gone: configurations[0].ID}
	if _, err := f.FoldDue(t.Context()); err != nil {
		t.Errorf("tick: %v", err)
	}
	f.set(oneID, license.Running, f.now)
	if r := f.handle(1, callEvent("RunInstances", oneID, "alice", f.now)); len(r.Retry) > 0 {
		t.Errorf("event: %+v, want none to be tried again", r)
	}
}
