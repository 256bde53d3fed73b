package remedy

import (
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// holds folds a license as it would be after the steps and returns its totals.
// ok is false unless nothing is over then, no more breaks a rule than before,
// and the other licenses are no worse off. All steps are one batch: between two
// folds a host that is over the count could be covered, and so bind licenses.
func (s *scene) holds(steps []Step) (after ledger.Totals, ok bool) {
	next := settle(s.l, ledger.Batch{Claims: s.claims(steps, s.l)}, s.now, s.facts.Catalog)
	if next.Totals.Over > 0 || next.Totals.Broken > s.l.Totals.Broken {
		return next.Totals, false
	}
	for _, o := range s.others {
		claims := s.claims(steps, o.l)
		if len(claims) == 0 {
			continue
		}
		there := settle(o.l, ledger.Batch{Claims: claims}, s.now, s.facts.Catalog)
		if there.Totals.Over > o.l.Totals.Over || there.Totals.Broken > o.l.Totals.Broken {
			return next.Totals, false
		}
	}
	return next.Totals, true
}

// claims says what a look would show of the instances after the steps, to the
// license itself or to one that they move to.
func (s *scene) claims(steps []Step, to *ledger.License) []ledger.Claim {
	var claims []ledger.Claim
	for i := range steps {
		step := &steps[i]
		own := to == s.l
		if !own && (step.Kind != MoveLicense || step.To != to.Configuration.ID) {
			continue
		}
		m := step.was
		c := ledger.Claim{
			Instance: step.after, Host: step.host, Guard: m.Guard, Known: m.Known,
			Generation: ledger.Generation{Launch: step.after.LaunchTime, Rank: step.after.State.Rank()},
			Observed:   later(s.now, m.Observed), Happened: s.now,
		}
		if step.after.State == license.Stopped && m.State != license.Stopped {
			c.Instance.StoppedAt = s.now
		}
		switch {
		case !own:
			c.Held = &license.Held{ConfigurationID: step.To, Kind: license.ByInstance, Value: m.Instance.AWSID()}
		case step.Kind != MoveLicense:
			c.Held = &license.Held{ConfigurationID: to.Configuration.ID, Kind: m.Kind, Value: m.Value}
		}
		claims = append(claims, c)
	}
	return claims
}

// settle folds a batch, and on until nothing is left over of a fold that was
// cut at its size.
func settle(l *ledger.License, b ledger.Batch, now time.Time, catalog license.Catalog) *ledger.License {
	next, _ := ledger.Fold(l, b, now, catalog)
	for range len(next.Entries) {
		if !next.Unsettled {
			break
		}
		next, _ = ledger.Fold(next, ledger.Batch{}, now, catalog)
	}
	return next
}
