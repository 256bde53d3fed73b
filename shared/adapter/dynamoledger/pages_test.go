package dynamoledger_test

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"

	"licenseguard/shared/adapter/dynamoledger"
	"licenseguard/shared/catalog"
	"licenseguard/shared/integration/meter"
	"licenseguard/shared/ledger"
	"licenseguard/shared/ledger/ledgertest"
	"licenseguard/shared/license"
)

// A process reads a page once, and again only when somebody changed it; what it
// then has is what a process that begins anew reads.
func TestPagesAreReadOnce(t *testing.T) {
	t.Parallel()
	client := client(t)
	table := newTable(t, client)
	m := &meter.Meter{}
	counted := dynamodb.New(client.Options(), func(o *dynamodb.Options) { o.APIOptions = append(slices.Clone(o.APIOptions), m.Attach) })
	ours, theirs := dynamoledger.New(counted, table), dynamoledger.New(client, table)
	const id = "lic-pages"
	apply := func(b ledger.Batch) {
		t.Helper()
		c := &ledger.Committer{Store: theirs, Catalog: catalog.Embedded(), Now: ledgertest.Start.UTC}
		l, err := theirs.Load(t.Context(), id)
		if b.Configuration != nil {
			l, err = &ledger.License{Configuration: license.Configuration{ID: id}}, nil
		}
		if err == nil {
			_, _, err = c.ApplyTo(t.Context(), l, b)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	load := func(what string, calls int) {
		t.Helper()
		m.Take()
		got, err := ours.Load(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if n := meter.Sum(m.Take().Calls); n != calls {
			t.Errorf("%s: %d calls, want %d", what, n, calls)
		}
		want, err := dynamoledger.New(client, table).Load(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: as it is (-) and as this process has it (+):\n%s", what, diff)
		}
	}
	configuration := ledgertest.Configuration(t, id, 10_000)
	apply(ledger.Batch{Configuration: &configuration})
	for n := 0; n < 5*ledger.MaxClaims; n += ledger.MaxClaims {
		apply(ledger.Batch{Claims: ledgertest.Launches(id, n, ledger.MaxClaims)})
	}
	load("the first time", 2) // head with configuration, then the pages
	load("again", 1)
	apply(ledger.Batch{Claims: []ledger.Claim{ledgertest.Terminate(ledgertest.Launch(id, 1))}})
	load("after a change", 2)
	l, err := ours.Load(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	own := &ledger.Committer{Store: ours, Catalog: catalog.Embedded(), Now: ledgertest.Start.UTC}
	if _, _, err := own.ApplyTo(t.Context(), l, ledger.Batch{Claims: ledgertest.Launches(id, 1000, 70)}); err != nil {
		t.Fatal(err)
	}
	load("after its own change", 1)
}
