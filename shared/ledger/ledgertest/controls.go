package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

func brakes(t *testing.T, store ledger.Store) {
	ctx := t.Context()
	b, err := store.LoadBrakes(ctx)
	if err != nil || b.Revision != 0 || len(b.Holds) != 0 {
		t.Fatalf("LoadBrakes of none: %+v, %v; want the zero value", b, err)
	}
	b.Revision = 1
	b.Limits = ledger.Limits{AccountPerHour: 3, FleetPercent: 4, FleetLeast: 5, RefusedPerHour: 6, DriftPercent: 7}
	b.Pause(ledger.Hold{Scope: ledger.ScopeAll, By: "=cmd|x", At: Start, Why: "a \"quoted\" reason\n漢", Breaker: true})
	b.Fleet = map[string]int{account: 12}
	b.Spend("a#b#1", InstanceID(1), Start)
	b.Refuse("a#b#1", InstanceID(2), Start)
	change := &ledger.Change{License: ledger.EnforcementID, Revision: 1, Recorded: Start}
	if err := store.CommitBrakes(ctx, b, change); err != nil {
		t.Fatal(err)
	}
	got, err := store.LoadBrakes(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b, got); diff != "" {
		t.Errorf("brakes (-committed +loaded):\n%s", diff)
	}
	for _, revision := range []int64{1, 3} { // the same, and one too far
		other := *b
		other.Revision, other.Holds = revision, nil
		wantConflict(t, fmt.Sprintf("brakes of revision %d after 1", revision), store.CommitBrakes(ctx, &other, change))
	}
	if got, err := store.LoadBrakes(ctx); err != nil || len(got.Holds) != 1 {
		t.Errorf("after refused commits: %+v, %v; want the hold", got, err)
	}
}

// rivalBrakes: many spend at once, and each spending is kept.
func rivalBrakes(t *testing.T, store ledger.Store) {
	const rivals, each = 8, 5
	var group sync.WaitGroup
	for r := range rivals {
		group.Go(func() {
			for n := range each {
				c := ledger.BrakesCommitter{Store: store, Now: func() time.Time { return Start }}
				_, err := c.Update(context.Background(), func(b *ledger.Brakes, now time.Time) *ledger.Braking {
					b.Limits = ledger.Limits{AccountPerHour: 1000, FleetLeast: 1000}
					b.Spend(fmt.Sprintf("%d/%d", r, n), InstanceID(r), now)
					return &ledger.Braking{Reason: "spent"}
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	b, err := store.LoadBrakes(t.Context())
	if err != nil || b.Revision != rivals*each || len(b.Spent) != rivals*each {
		t.Errorf("revision %d with %d spent, %v; want %d of each", b.Revision, len(b.Spent), err, rivals*each)
	}
}

func plans(t *testing.T, store ledger.Store) {
	ctx := t.Context()
	if _, err := store.LoadPlan(ctx, "none"); !errors.Is(err, ledger.ErrNoPlan) {
		t.Errorf("LoadPlan of an unknown hash: %v; want ErrNoPlan", err)
	}
	count := int64(3)
	p := ledger.NewPlan([]ledger.LicensePlan{{License: "lic-1", Name: "=1+1", Mode: license.Stop, Hard: true, Count: &count, Over: 2, TightenedAt: Start,
		Items: []ledger.PlanItem{{Instance: InstanceID(1), Launch: Start, Action: license.Stop, Waits: true, Broken: []string{"x"}, NotBefore: Start}}}}, Start, "alice")
	for n := range 5000 { // as a fleet's first list can be
		p.Licenses[0].Items = append(p.Licenses[0].Items, ledger.PlanItem{Instance: InstanceID(n), Resource: InstanceID(n), Launch: Start, State: license.Running, Verdict: ledger.Over,
			Cause: ledger.ByFind, Licenses: 1, Arithmetic: "m5.large: 1 instance = 1 license", Action: license.Stop, Waits: true, Why: ledger.WhyListed})
	}
	for range 2 {
		if err := store.SavePlan(ctx, p); err != nil {
			t.Fatal(err)
		}
		got, err := store.LoadPlan(ctx, p.Hash)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(p, got); diff != "" {
			t.Errorf("plan (-saved +loaded):\n%s", diff)
		}
		p.Approvals = append(p.Approvals, ledger.PlanApproval{By: "bob", At: Start.Add(time.Hour)})
	}
}
