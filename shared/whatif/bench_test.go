package whatif_test

import (
	"fmt"
	"testing"
	"time"

	"licenseguard/shared/catalog"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/whatif"
)

// BenchmarkLaunch launches as many as a plan may into 2,000 licenses, of which a
// hundred apply.
func BenchmarkLaunch(b *testing.B) {
	w := whatif.World{Catalog: catalog.Embedded()}
	for n := range 2000 {
		c := vcpus(1000)
		c.ID = fmt.Sprintf("lic-%d", n)
		if n%20 > 0 {
			c.Associations = []license.Association{{Kind: license.ByTag, Value: fmt.Sprintf("sw=product-%d*", n)}}
		}
		c, err := license.Amend(nil, c, t0, "me")
		if err != nil {
			b.Fatal(err)
		}
		l, _ := ledger.Fold(&ledger.License{}, ledger.Batch{Configuration: &c}, t0, w.Catalog)
		w.Licenses = append(w.Licenses, l)
	}
	for b.Loop() {
		if got, err := whatif.Simulate(w, launches(whatif.MaxInstances, "m5.large"), t0.Add(time.Hour)); err != nil || len(got.Licenses) != 100 {
			b.Fatal(len(got.Licenses), err)
		}
	}
}
