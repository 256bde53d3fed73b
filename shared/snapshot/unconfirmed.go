package snapshot

import (
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/track"
)

// Unconfirmed is what a license counts in an account and Region that cannot be looked at:
// the numbers stay as they were last known to be true.
type Unconfirmed struct {
	Account  string
	Region   string
	Since    time.Time `json:",omitzero"` // when they were last confirmed; zero: never by a sweep
	Licenses int64
	Why      string
}

// UnconfirmedOf returns what of a license is not confirmed, by what sweeps left behind.
func UnconfirmedOf(l *ledger.License, unconfirmed []track.Watch) (out []Unconfirmed) {
	if len(unconfirmed) == 0 {
		return nil
	}
	held := make(map[track.Scope]int64)
	for i := range l.Entries {
		if e := &l.Entries[i]; e.Verdict != ledger.Released {
			account, region, _ := e.Resource.Parts()
			held[track.Scope{Account: account, Region: region}] += e.Licenses
		}
	}
	for i := range unconfirmed {
		w := &unconfirmed[i]
		if n := held[w.Scope()]; n > 0 {
			out = append(out, Unconfirmed{Account: w.Account, Region: w.Region, Since: w.Complete, Licenses: n, Why: w.Why()})
		}
	}
	return out
}
