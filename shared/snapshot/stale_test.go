package snapshot_test

import (
	"testing"
	"time"

	"licenseguard/shared/catalog"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/snapshot"
)

// TestStale: a node that tells nothing of itself is counted on, and shown with the time
// it last told, and with the count without it.
func TestStale(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	count := int64(100)
	l := &ledger.License{Configuration: license.Configuration{ID: "lic-a", CountingType: license.CountVCPU, Count: &count}}
	facts := make(map[license.ResourceID]ledger.Facts)
	var batch ledger.Batch
	for id, silent := range map[string]time.Duration{"mi-00000000000000001": 47 * time.Hour, "mi-00000000000000002": 49 * time.Hour, "i-00000000000000003": 0} {
		guest, _ := license.Guest{CPUs: "8", Cores: "4", Sockets: "1"}.Type()
		in := license.Instance{ID: license.NewResourceID("123456789012", "us-east-1", id), Type: guest.Name, TypeFacts: guest, State: license.Running, LaunchTime: start}
		f := ledger.Facts{Instance: in}
		if silent > 0 {
			f.Confirmed = start.Add(100*time.Hour - silent)
		}
		facts[in.ID] = f
		held := license.Held{ConfigurationID: "lic-a", Kind: license.ByTag, Value: "a", Since: start}
		batch.Claims = append(batch.Claims, ledger.Claim{Instance: in, Generation: ledger.Generation{Launch: start}, Observed: start, Happened: start, Held: &held})
	}
	now := start.Add(100 * time.Hour)
	l, _ = ledger.Fold(l, batch, now, catalog.Embedded())
	usages := snapshot.UsagesOf(l, facts, now, catalog.Embedded())
	p := snapshot.PositionOf(l, now).WithUsages(usages)
	if p.Consumed != 24 || p.Stale != 8 || p.StaleNodes != 1 || p.WithoutStale != 16 || p.NodeConsumed != 16 {
		t.Errorf("%+v", p)
	}
	for _, u := range usages {
		stale := u.ResourceARN == "arn:aws:ssm:us-east-1:123456789012:managed-instance/mi-00000000000000002"
		if (u.StaleSince != "") != stale || stale && (u.Confirmed != "2026-11-22 11:00:00.000" || u.StaleSince != "2026-11-24 11:00:00.000") || u.Confirmed == "" {
			t.Errorf("%s: confirmed %q, stale since %q", u.ResourceARN, u.Confirmed, u.StaleSince)
		}
	}
}
