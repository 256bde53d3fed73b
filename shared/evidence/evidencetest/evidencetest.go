// Package evidencetest makes packs of evidence for tests: a bucket in memory, a key,
// and a fleet's log and snapshots.
package evidencetest

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"licenseguard/shared/config"
	"licenseguard/shared/evidence"
	"licenseguard/shared/publish"
)

// Bucket is a bucket in memory: source, vault and pack in one.
type Bucket map[string][]byte

var (
	_ evidence.Vault = Bucket{}
	_ evidence.Pack  = Bucket{}
)

// List implements evidence.Source.
func (b Bucket) List(_ context.Context, prefix string) ([]string, error) {
	var keys []string
	for _, k := range slices.Sorted(maps.Keys(b)) {
		if strings.HasPrefix(k, prefix) {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// Get implements evidence.Source.
func (b Bucket) Get(_ context.Context, key string) ([]byte, error) {
	body, ok := b[key]
	if !ok {
		return nil, fmt.Errorf("%s: %w", key, fs.ErrNotExist)
	}
	return slices.Clone(body), nil
}

// Put implements evidence.Vault.
func (b Bucket) Put(_ context.Context, key string, body []byte, _ string) error {
	b[key] = slices.Clone(body)
	return nil
}

// Files implements evidence.Pack.
func (b Bucket) Files(context.Context) (map[string]int64, error) {
	files := make(map[string]int64, len(b))
	for k, body := range b {
		files[k] = int64(len(body))
	}
	return files, nil
}

// Open implements evidence.Pack.
func (b Bucket) Open(_ context.Context, path string) (io.ReadCloser, error) {
	body, ok := b[path]
	if !ok {
		return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	return io.NopCloser(bytes.NewReader(body)), nil
}

// Key is a key pair in memory. It implements evidence.Signer.
type Key struct{ private *ecdsa.PrivateKey }

// NewKey makes a key.
func NewKey() Key {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return Key{private}
}

// PublicKey implements evidence.Signer.
func (k Key) PublicKey(context.Context) ([]byte, error) {
	return x509.MarshalPKIXPublicKey(&k.private.PublicKey)
}

// Sign implements evidence.Signer.
func (k Key) Sign(_ context.Context, message []byte) ([]byte, error) {
	sum := sha256.Sum256(message)
	return ecdsa.SignASN1(rand.Reader, k.private, sum[:])
}

// Public is the public key, to verify with.
func (k Key) Public() evidence.PublicKey {
	der, err := k.PublicKey(context.Background())
	if err != nil {
		panic(err)
	}
	public, err := evidence.ParsePublicKey(der)
	if err != nil {
		panic(err)
	}
	return public
}

// MAC is under a key that everybody knows.
func MAC(ctx context.Context, message []byte) ([]byte, error) {
	return evidence.LocalMAC([]byte("known"))(ctx, message)
}

// Fleet writes what a fleet leaves: log objects and snapshots.
type Fleet struct {
	Licenses      int
	ChangesADay   int
	RowsAnObject  int
	SnapshotsADay int
	SnapshotBytes int // of a usage table; positions are a twentieth

	revisions []int64
}

// Write writes one day.
func (f *Fleet) Write(to Bucket, day time.Time) {
	if f.revisions == nil {
		f.revisions = make([]int64, f.Licenses)
	}
	for first := 0; first < f.ChangesADay; first += f.RowsAnObject {
		n := first / f.RowsAnObject % f.Licenses
		id := fmt.Sprintf("lic-%032x", n)
		var body []byte
		from := f.revisions[n] + 1
		for i := first; i < min(first+f.RowsAnObject, f.ChangesADay); i++ {
			f.revisions[n]++
			line, err := json.Marshal(rowOf(id, f.revisions[n], i, day.Add(time.Duration(i)*24*time.Hour/time.Duration(f.ChangesADay))))
			if err != nil {
				panic(err)
			}
			body = append(append(body, line...), '\n')
		}
		to[fmt.Sprintf("%s%s=%s/%s-%012d-%012d.jsonl", config.PrefixChanges, config.DatePartition, day.Format(time.DateOnly), id, from, f.revisions[n])] = body
	}
	for i := range f.SnapshotsADay {
		at := day.Add(time.Duration(i) * 24 * time.Hour / time.Duration(f.SnapshotsADay))
		for _, t := range []struct {
			prefix, name string
			size         int
		}{{config.PrefixUsage, "usage", f.SnapshotBytes}, {config.PrefixPositions, "positions", f.SnapshotBytes/20 + 1}} {
			body := make([]byte, t.size)
			rand.Read(body)
			to[fmt.Sprintf("%s%s=%s/%s-%s.parquet", t.prefix, config.DatePartition, day.Format(time.DateOnly), t.name, at.Format("20060102T150405Z"))] = body
		}
	}
}

// rowOf is a row of the usual size.
func rowOf(license string, revision int64, n int, at time.Time) publish.Row {
	stamp, count := at.UTC().Format("2006-01-02 15:04:05.000"), int64(12_000)
	row := publish.Row{
		LicenseID: license, Name: "SQL Server 2022 Standard", Revision: revision, RecordedAt: stamp, HappenedAt: stamp, Reason: "observed",
		EventID: fmt.Sprintf("%08x-0000-4000-8000-%012x", n, revision), AccountID: "123456789012", Region: "us-east-1",
		InstanceID: fmt.Sprintf("i-%017x", n), ResourceARN: fmt.Sprintf("arn:aws:ec2:us-east-1:123456789012:instance/i-%017x", n),
		LaunchTime: stamp, State: "running", Verdict: "covered", Cause: "launch", Licenses: 4,
		Explanation: "m5.xlarge: 4 vCPU (catalog) = 4 licenses", Association: "ami ami-0aa11bb22cc33dd44", RuleVersion: 1,
		Deployed: 10_000 + int64(n), Covered: 10_000 + int64(n), LicenseCount: &count, CommitRow: 1, CommitRows: 1,
		Vendor: []string{"Oracle", "Microsoft"}[license[len(license)-1]%2],
	}
	if n%50 == 0 {
		row.Reason, row.ChangedBy = "configuration", "arn:aws:sts::123456789012:assumed-role/Admin/alice@example.com"
	}
	return row
}

// Seal seals all that a source holds, as if it were the day after the last.
func Seal(source, vault Bucket, key Key, now time.Time) ([]evidence.Sealed, error) {
	s := evidence.Sealer{Ledger: "Licenseguard 123456789012 us-east-1", Source: source, Vault: vault, Signer: key, MAC: MAC,
		Margin: time.Hour, Now: func() time.Time { return now }}
	return s.Run(context.Background())
}
