package doctor

import (
	"context"
	"fmt"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/track"
)

// accounts finds which accounts and Regions sweeps do not see, a line each, and how
// many events were lost where they do.
func accounts(ctx context.Context, documents ledger.Documents) []Finding {
	const check = "accounts"
	watches, err := track.Watches(ctx, documents)
	if err != nil {
		return []Finding{unknown(check, err)}
	}
	var findings []Finding
	for _, w := range track.Unconfirmed(watches) {
		since := "never seen"
		if !w.Complete.IsZero() {
			since = "not seen since " + w.Complete.UTC().Format("2006-01-02 15:04 UTC")
		}
		findings = append(findings, lacking(check, fmt.Sprintf("account %s in %s is %s: %s", w.Account, w.Region, since, w.Why()),
			"let the hub in again, or see what leaving means: docs/accounts.md"))
	}
	if len(findings) > 0 {
		return findings
	}
	var lost track.Drift
	var oldest time.Time
	instances := 0
	for i := range watches {
		w := &watches[i]
		lost, instances = lost.Plus(w.Drift), instances+w.Instances
		if oldest.IsZero() || w.Complete.Before(oldest) {
			oldest = w.Complete
		}
	}
	if len(watches) == 0 {
		return []Finding{fine(check, "no sweep has left anything yet")}
	}
	return []Finding{fine(check, "%d watched (account and Region), the oldest sweep from %s; of %d instances the last sweeps found %d starts, %d ends and %d changes that no event told of",
		len(watches), oldest.UTC().Format("2006-01-02 15:04 UTC"), instances, lost.Started, lost.Ended, lost.Changed)}
}
