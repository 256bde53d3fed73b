//go:build unix

package evidence_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"licenseguard/shared/adapter/folderpack"
	"licenseguard/shared/adapter/parquetfile"
	"licenseguard/shared/evidence"
	"licenseguard/shared/evidence/evidencetest"
	"licenseguard/shared/snapshot"
)

// TestYear seals and verifies a fleet's time in a folder: a year of 5,000 instances
// with LICENSEGUARD_BENCH=full, else a few days of few. It prints times and asserts
// none.
func TestYear(t *testing.T) {
	days, instances, rounds := 3, 50, 1
	if os.Getenv("LICENSEGUARD_BENCH") == "full" {
		days, instances, rounds = 365, 5_000, 3
	}
	dir, key := t.TempDir(), evidencetest.NewKey()
	head := sealYear(t, dir, key, days, instances)
	options := with(key)
	options.Head, options.Workers = &head, 1
	pack := folderpack.New(dir)

	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // one core, also for what the runtime does
	var plain, verified []time.Duration             // of the processor, which others cannot lengthen
	var r *evidence.Report
	for range rounds { // in turns, so that both have the same machine
		var files int
		var size int64
		plain = append(plain, used(t, func() { files, size = hashed(t, pack) }))
		verified = append(verified, used(t, func() { r = verify(t, pack, options) }))
		if len(r.Findings) != 0 || !r.HeadProven || r.Days != days || r.Files+2*days != files || r.Rows != int64(days*instances) || r.Bytes >= size {
			t.Fatalf("%d files of %d bytes: %+v", files, size, r)
		}
	}
	ratios := make([]float64, rounds)
	for i := range ratios {
		ratios[i] = verified[i].Seconds() / plain[i].Seconds()
	}
	slices.Sort(ratios)
	slices.Sort(plain)
	slices.Sort(verified)
	t.Logf("%d days, %d files, %d rows, %.0f MB: verified in %.2f s of one core, sha256 alone %.2f s, ratio %.2f (%.2f to %.2f)",
		days, r.Files, r.Rows, float64(r.Bytes)/1e6, verified[rounds/2].Seconds(), plain[rounds/2].Seconds(), ratios[rounds/2], ratios[0], ratios[rounds-1])

	// One row in the middle of it.
	log := filepath.Join(dir, "changes", "dt="+firstDay.AddDate(0, 0, days/2).Format(time.DateOnly), "changes.jsonl")
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.LastIndex(data, []byte(`"licenses":4`))
	data[at+len(`"licenses":`)] = '5'
	if err := os.WriteFile(log, data, 0o600); err != nil {
		t.Fatal(err)
	}
	again := used(t, func() { r = verify(t, pack, options) })
	if len(r.Findings) != 1 || r.Findings[0].Row != instances {
		t.Errorf("%+v", r.Findings)
	}
	t.Logf("with a row altered %.2f s: %s", again.Seconds(), r.Findings[0])
}

// used is the time of the processor that this process takes for something, its own
// and the system's for it.
func used(t *testing.T, do func()) time.Duration {
	t.Helper()
	now := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			t.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := now()
	do()
	return now() - before
}

// sealYear writes and seals day by day.
func sealYear(t *testing.T, dir string, key evidencetest.Key, days, instances int) evidence.Head {
	t.Helper()
	fleet := evidencetest.Fleet{Licenses: 20, ChangesADay: instances, RowsAnObject: 10, SnapshotsADay: 24, SnapshotBytes: tableSize(t, instances)}
	t.Logf("a usage table of %d instances has %d bytes", instances, fleet.SnapshotBytes)
	var head evidence.Head
	for d := range days {
		source := evidencetest.Bucket{}
		fleet.Write(source, at(d, 0))
		s := evidence.Sealer{Ledger: "l", Source: source, Vault: folderpack.New(dir), Signer: key, MAC: evidencetest.MAC, Now: func() time.Time { return at(d+1, 2) }}
		sealed, err := s.Run(t.Context())
		if err != nil || len(sealed) != 1 {
			t.Fatal(sealed, err)
		}
		head = sealed[0].Head
	}
	return head
}

// tableSize is the size of a usage table of so many instances.
func tableSize(t *testing.T, instances int) int {
	t.Helper()
	rows := make([]snapshot.Usage, instances)
	for i := range rows {
		id := fmt.Sprintf("i-%017x", i*7919)
		seen := at(0, 0).Add(time.Duration(i) * 97 * time.Second).Format("2006-01-02 15:04:05.000")
		rows[i] = snapshot.Usage{ReportDate: "2026-11-01", RecordedAt: "2026-11-01 00:00:00.000", ARN: "arn:aws:license-manager:us-east-1:123456789012:license-configuration:lic-01e1fd0f9c894c61bc49b5750eb572da",
			ID: "lic-01e1fd0f9c894c61bc49b5750eb572da", ResourceARN: "arn:aws:ec2:us-east-1:123456789012:instance/" + id, ResourceName: "person-" + id, ResourceType: "EC2_INSTANCE", ResourceStatus: "running",
			ResourceOwnerID: "123456789012", InstanceType: "m5.xlarge", AssociationTime: seen, Consumed: 4, Verdict: "covered", Reason: "ami ami-0aa11bb22cc33dd44",
			RuleExplanation: "m5.xlarge: 4 vCPU (catalog) = 4 licenses", FirstSeen: seen, LastSeen: seen, Revision: int64(i)}
	}
	body, err := parquetfile.Encoder{}.Usages(rows)
	if err != nil {
		t.Fatal(err)
	}
	return len(body)
}

// hashed is the least that any verification does: SHA-256 of all bytes.
func hashed(t *testing.T, pack folderpack.Folder) (files int, size int64) {
	t.Helper()
	all, err := pack.Files(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 256<<10)
	for path := range all {
		f, err := pack.Open(context.Background(), path)
		if err != nil {
			t.Fatal(err)
		}
		h := sha256.New()
		n, err := io.CopyBuffer(h, struct{ io.Reader }{f}, buffer)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		h.Sum(nil)
		files, size = files+1, size+n
	}
	return files, size
}
