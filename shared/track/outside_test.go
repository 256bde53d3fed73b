package track_test

import (
	"context"
	"testing"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

// TestSweepOfEC2KeepsTheRest: a listing of instances says nothing of managed nodes
// and databases.
func TestSweepOfEC2KeepsTheRest(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := context.Background()
	var ids []license.ResourceID
	for _, id := range []string{"mi-0123456789abcdef0", "db:payroll"} {
		in := license.Instance{ID: license.NewResourceID(account, region, id), Type: "outside", TypeFacts: license.InstanceType{Name: "outside", VCPUs: 4, Cores: 2, ThreadsPerCore: 2},
			State: license.Running, LaunchTime: start, ImageID: image}
		ids = append(ids, in.ID)
		if err := f.store.SaveFacts(ctx, []ledger.Facts{{Instance: in, Observed: f.now, FirstSeen: f.now, Generation: ledger.Generation{Launch: start}}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Reassociate(ctx); err != nil {
		t.Fatal(err)
	}
	f.want("associated", 8)
	f.now = f.now.Add(24 * 60 * 60 * 1e9)
	if _, err := f.Sweep(ctx, track.Scope{Account: account, Region: region}); err != nil {
		t.Fatal(err)
	}
	f.want("after a sweep that lists no instance", 8)
	facts, err := f.store.LoadFacts(ctx, ids)
	if err != nil {
		t.Fatal(err)
	}
	for id, got := range facts {
		if got.Instance.State != license.Running {
			t.Errorf("%s: %s", id, got.Instance.State)
		}
	}
}
