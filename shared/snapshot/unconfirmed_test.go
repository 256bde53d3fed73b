package snapshot_test

import (
	"slices"
	"testing"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/snapshot"
	"licenseguard/shared/track"
)

func TestUnconfirmedOf(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	entry := func(account, region string, verdict ledger.Verdict, licenses int64) ledger.Entry {
		return ledger.Entry{Resource: license.NewResourceID(account, region, "i-1"), Verdict: verdict, Licenses: licenses}
	}
	l := &ledger.License{Entries: []ledger.Entry{entry("111111111111", "us-east-1", ledger.Covered, 4), entry("222222222222", "us-east-1", ledger.Covered, 8),
		entry("222222222222", "us-east-1", ledger.Over, 2), entry("222222222222", "us-east-1", ledger.Released, 16), entry("222222222222", "eu-west-1", ledger.Covered, 1)}}
	watches := []track.Watch{{Account: "222222222222", Region: "us-east-1", Complete: at, Failing: at.Add(time.Hour), Error: "take the role: no"},
		{Account: "333333333333", Region: "us-east-1", Failing: at, Error: "no"}}
	want := []snapshot.Unconfirmed{{Account: "222222222222", Region: "us-east-1", Since: at, Licenses: 10, Why: "take the role: no"}}
	if got := snapshot.UnconfirmedOf(l, watches); !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := snapshot.UnconfirmedOf(l, nil); got != nil {
		t.Errorf("all is confirmed: %+v", got)
	}
}
