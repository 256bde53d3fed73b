package ledgertest

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"licenseguard/shared/catalog"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

const (
	account = "123456789012"
	region  = "eu-central-1"
	ami     = "ami-0123456789abcdef0"
)

// Start is the instant at which the suite's clock stands.
var Start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// Configuration returns a valid configuration with a count.
func Configuration(t testing.TB, id string, count int64) license.Configuration {
	t.Helper()
	return amend(t, nil, license.Configuration{
		ID: id, Name: "License " + id, CountingType: license.CountInstance, Count: &count,
		Associations: []license.Association{{Kind: license.ByAMI, Value: ami}},
	}, Start.Add(-time.Hour))
}

func amend(t testing.TB, old *license.Configuration, wanted license.Configuration, at time.Time) license.Configuration {
	t.Helper()
	c, err := license.Amend(old, wanted, at, "tester")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// InstanceID returns the id of the n-th instance of the suite. As with EC2's,
// nothing in it compresses; its last digit is n's.
func InstanceID(n int) license.ResourceID {
	return license.NewResourceID(account, region, fmt.Sprintf("i-%016x%x", random(n).Uint64(), n%16))
}

func eventID(n int) string {
	r := random(n + 1_000_000)
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", r.Uint32(), r.Uint32()>>16, r.Uint32()>>16, r.Uint32()>>16, r.Uint64()>>16)
}

func random(n int) *rand.Rand { return rand.New(rand.NewPCG(uint64(n), 20260301)) }

// Launch returns the claim that the n-th instance was launched n seconds after
// Start and runs, for the license of an id.
func Launch(id string, n int) ledger.Claim {
	at := Start.Add(time.Duration(n) * time.Second)
	in := license.Instance{ID: InstanceID(n), Type: "m5.large", State: license.Running, LaunchTime: at, ImageID: ami,
		Tenancy: license.TenancyDefault}
	return ledger.Claim{
		Instance: in, Generation: ledger.Generation{Launch: at, Rank: license.Running.Rank()},
		Held:    &license.Held{ConfigurationID: id, Kind: license.ByAMI, Value: ami, Since: at},
		Offered: Start.Add(-time.Hour), Observed: at.Add(time.Second), Happened: at, EventID: eventID(n),
	}
}

// Launches returns the claims of n instances, from the given number on.
func Launches(id string, from, n int) []ledger.Claim {
	claims := make([]ledger.Claim, n)
	for i := range claims {
		claims[i] = Launch(id, from+i)
	}
	return claims
}

// Terminate returns the claim that an instance ended an hour after its launch.
func Terminate(c ledger.Claim) ledger.Claim {
	c.Instance.State, c.Generation.Rank = license.Terminated, license.Terminated.Rank()
	c.Observed, c.Happened = c.Observed.Add(time.Hour), c.Happened.Add(time.Hour)
	return c
}

func clock() time.Time { return Start.Add(2 * time.Hour) }

// committer commits with a wait that is short, because nothing here is remote.
func committer(store ledger.Licenses) *ledger.Committer {
	return &ledger.Committer{Store: store, Catalog: catalog.Embedded(), Now: clock}
}

// create commits a new license.
func create(t testing.TB, store ledger.Licenses, c license.Configuration) *ledger.License {
	t.Helper()
	l := &ledger.License{Configuration: license.Configuration{ID: c.ID}}
	l, _, err := committer(store).ApplyTo(t.Context(), l, ledger.Batch{Configuration: &c, By: "tester"})
	if err != nil {
		t.Fatalf("create license %s: %v", c.ID, err)
	}
	return l
}

// apply commits claims in batches of the size that callers use.
func apply(t testing.TB, store ledger.Licenses, id string, claims []ledger.Claim) *ledger.License {
	t.Helper()
	var l *ledger.License
	for len(claims) > 0 {
		n := min(len(claims), ledger.MaxClaims)
		var err error
		if l, _, err = committer(store).Apply(t.Context(), id, ledger.Batch{Claims: claims[:n]}); err != nil {
			t.Fatalf("apply: %v", err)
		}
		claims = claims[n:]
	}
	return l
}

// step folds claims and returns the commit, without committing it.
func step(t testing.TB, l *ledger.License, claims ...ledger.Claim) ledger.Commit {
	t.Helper()
	next, result := ledger.Fold(l, ledger.Batch{Claims: claims}, clock(), catalog.Embedded())
	if result.Change == nil {
		t.Fatal("the fold changed nothing")
	}
	return ledger.Commit{License: next, Change: result.Change, Dirty: result.Dirty}
}

func load(t testing.TB, store ledger.Licenses, id string) *ledger.License {
	t.Helper()
	l, err := store.Load(t.Context(), id)
	if err != nil {
		t.Fatalf("Load(%s): %v", id, err)
	}
	return l
}

// asStored compares what was written with what is read: order of entries and
// what a store remembers for itself are its own.
func asStored() cmp.Options {
	return cmp.Options{
		cmpopts.IgnoreFields(ledger.License{}, "Stored"),
		cmpopts.SortSlices(func(a, b ledger.Entry) bool { return a.Resource < b.Resource }),
		cmpopts.EquateEmpty(),
	}
}

// check compares a license with the stored one, and its totals with its entries.
func check(t testing.TB, store ledger.Licenses, want *ledger.License) {
	t.Helper()
	got := load(t, store, want.Configuration.ID)
	if diff := cmp.Diff(want, got, asStored()); diff != "" {
		t.Errorf("license as committed (-) and as loaded (+):\n%s", diff)
	}
	checkTotals(t, got)
}

func checkTotals(t testing.TB, l *ledger.License) {
	t.Helper()
	var deployed int64
	for i := range l.Entries {
		if l.Entries[i].Verdict != ledger.Released {
			deployed += l.Entries[i].Licenses
		}
	}
	if deployed != l.Totals.Deployed() {
		t.Errorf("revision %d: the entries use %d licenses, the totals say %d: parts of different revisions", l.Revision, deployed, l.Totals.Deployed())
	}
}
