package snapshot_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"licenseguard/shared/adapter/boltledger"
	"licenseguard/shared/adapter/parquetfile"
	"licenseguard/shared/catalog"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/snapshot"
)

type folder map[string][]byte

func (f folder) Put(_ context.Context, key string, body []byte, _ string) error {
	f[key] = body
	return nil
}

func (f folder) find(t *testing.T, prefix string) []byte {
	t.Helper()
	for key, body := range f {
		if strings.HasPrefix(key, prefix) {
			return body
		}
	}
	t.Fatalf("no file %s* among %d", prefix, len(f))
	return nil
}

// TestHostileNamesAndNumbers: what a tenant writes into a tag arrives as text
// in the CSV and unchanged in the Parquet.
func TestHostileNamesAndNumbers(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	now := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	store, err := boltledger.Open(filepath.Join(t.TempDir(), "l.db"), boltledger.Options{Volatile: true})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	names := []string{"=HYPERLINK(\"http://x\")", "+1", "-1+1", "@SUM(A1)", "\tx", "plain, with \"quotes\"\nand lines"}
	one := int64(1)
	c, err := license.Amend(nil, license.Configuration{ID: "lic-a", ARN: "arn:aws:license-manager:us-east-1:123456789012:license-configuration:lic-a", Name: "A",
		CountingType: license.CountVCPU, Count: &one}, now, "test")
	if err != nil {
		t.Fatal(err)
	}
	committer := ledger.Committer{Store: store, Catalog: catalog.Embedded(), Now: func() time.Time { return now }}
	l, _, err := committer.ApplyTo(ctx, &ledger.License{Configuration: license.Configuration{ID: "lic-a"}}, ledger.Batch{Configuration: &c})
	if err != nil {
		t.Fatal(err)
	}
	var claims []ledger.Claim
	var facts []ledger.Facts
	for i, name := range names {
		in := license.Instance{ID: license.NewResourceID("123456789012", "us-east-1", "i-000000000000000a"+string(rune('0'+i))), Type: "m5.large", State: license.Running,
			LaunchTime: now, Tenancy: license.TenancyDefault, Tags: map[string]string{"Name": name}}
		held := license.Held{ConfigurationID: "lic-a", Kind: license.ByTag, Value: "x", Since: now}
		claims = append(claims, ledger.Claim{Instance: in, Generation: ledger.Generation{Launch: now, Rank: 1}, Held: &held, Observed: now, Happened: now})
		facts = append(facts, ledger.Facts{Instance: in, Held: []license.Held{held}})
	}
	if err := store.SaveFacts(ctx, facts); err != nil {
		t.Fatal(err)
	}
	if _, err := committer.Claim(ctx, l, claims); err != nil {
		t.Fatal(err)
	}
	out := folder{}
	s := snapshot.Snapshotter{Store: store, Archive: out, Encoder: parquetfile.Encoder{}, Catalog: catalog.Embedded(), Now: func() time.Time { return now }}
	if r, err := s.Run(ctx); err != nil || r.Licenses != 1 || r.Resources != len(names) || len(r.Keys) != 6 {
		t.Fatalf("report %+v, error %v", r, err)
	}

	rows, err := csv.NewReader(bytes.NewReader(out.find(t, "csv/usage/dt=2026-11-20/"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != len(names)+1 || strings.Join(rows[0], ",") != strings.Join(snapshot.Columns[snapshot.Usage](), ",") {
		t.Fatalf("%d rows, header %v", len(rows), rows[0])
	}
	for _, row := range rows[1:] {
		for i, cell := range row {
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r") {
				t.Errorf("column %s begins like a formula: %q", rows[0][i], cell)
			}
		}
	}
	body := out.find(t, "usage/dt=2026-11-20/")
	usages, err := parquet.Read[snapshot.Usage](bytes.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, u := range usages {
		got[u.ResourceName] = true
		if u.Consumed != 2 || u.RuleExplanation != "m5.large: 2 vCPU (catalog) = 2 licenses" {
			t.Errorf("usage %+v", u)
		}
	}
	for _, name := range names {
		if !got[name] {
			t.Errorf("name %q is not in the Parquet as it is", name)
		}
	}

	body = out.find(t, "positions/dt=2026-11-20/")
	positions, err := parquet.Read[snapshot.Position](bytes.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	if p := positions[0]; p.Consumed != 12 || p.Covered != 0 || p.Over != 12 || *p.Count != 1 || *p.Available != 0 || p.OwnerAccountID != "123456789012" || p.Instances != 6 {
		t.Errorf("position %+v", p)
	}
}
