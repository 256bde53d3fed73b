package report_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"licenseguard/shared/adapter/boltledger"
	"licenseguard/shared/adapter/parquetfile"
	"licenseguard/shared/catalog"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/registrar"
	"licenseguard/shared/report"
)

var start = time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)

const arn = "arn:aws:license-manager:us-east-1:123456789012:license-configuration:lic-a"

// bucket keeps files, until it is denied.
type bucket struct {
	files  map[string][]byte
	denied error
}

func (b *bucket) Put(_ context.Context, key string, body []byte, _ string) error {
	if b.denied != nil {
		return b.denied
	}
	b.files[key] = body
	return nil
}

type world struct {
	t      *testing.T
	maker  report.Maker
	store  ledger.Store
	bucket *bucket
	now    time.Time
}

// newWorld has a license with one instance, and a generator made at the start.
func newWorld(t *testing.T, g registrar.Generator) *world {
	t.Helper()
	store, err := boltledger.Open(filepath.Join(t.TempDir(), "l.db"), boltledger.Options{Volatile: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	w := &world{t: t, store: store, bucket: &bucket{files: map[string][]byte{}}, now: start}
	w.maker = report.Maker{Store: store, Encoder: parquetfile.Encoder{}, Archive: w.bucket, Catalog: catalog.Embedded(), Now: func() time.Time { return w.now }}
	count := int64(10)
	c, err := license.Amend(nil, license.Configuration{ID: "lic-a", ARN: arn, Name: "=SQL", CountingType: license.CountVCPU, Count: &count}, start, "test")
	if err != nil {
		t.Fatal(err)
	}
	in := license.Instance{ID: license.NewResourceID("123456789012", "us-east-1", "i-0123456789abcdef0"), Type: "m5.large", State: license.Running, LaunchTime: start}
	committer := ledger.Committer{Store: store, Catalog: catalog.Embedded(), Now: w.maker.Now}
	if _, _, err = committer.ApplyTo(t.Context(), &ledger.License{Configuration: license.Configuration{ID: "lic-a"}}, ledger.Batch{Configuration: &c, Claims: []ledger.Claim{{
		Instance: in, Generation: ledger.Generation{Launch: start, Rank: 1}, Held: &license.Held{ConfigurationID: "lic-a", Kind: license.ByTag, Value: "x"}, Observed: start, Happened: start}}}); err != nil {
		t.Fatal(err)
	}
	g.ID, g.Configurations, g.CreatedAt, g.UpdatedAt = "r-1", []string{arn}, start, start
	data, err := json.Marshal(g)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.PutDocument(t.Context(), ledger.Document{Kind: ledger.ReportGenerators, ID: g.ID, Revision: 1, Data: data}); err != nil {
		t.Fatal(err)
	}
	return w
}

// at runs the maker at an instant and wants so many reports.
func (w *world) at(after time.Duration, made int) report.Run {
	w.t.Helper()
	w.now = start.Add(after)
	n, err := w.maker.Run(w.t.Context())
	if (err != nil) != (w.bucket.denied != nil) || n != made {
		w.t.Errorf("after %s: %d reports, %v; want %d", after, n, err, made)
	}
	run, _, err := report.LastRun(w.t.Context(), w.store, "r-1")
	if err != nil {
		w.t.Fatal(err)
	}
	return run
}

func (w *world) keys(suffix string) (keys []string) {
	for key := range w.bucket.files {
		if strings.HasSuffix(key, suffix) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

var both = []string{report.Summary, report.Usage}

// TestDailyReports: the first within the hour, then one each day, in AWS's layout.
func TestDailyReports(t *testing.T) {
	t.Parallel()
	w := newWorld(t, registrar.Generator{Name: "daily", Types: both, Period: "DAY"})
	w.at(time.Minute, 1)
	w.at(time.Hour, 0)
	w.at(23*time.Hour, 0)
	run := w.at(24*time.Hour+time.Minute, 1)
	if run.Status != report.Succeeded || run.Reason != "" || !run.Slot.Equal(start.Add(24*time.Hour)) || !run.Made.Equal(w.now) || len(run.Keys) != 6 {
		t.Errorf("%+v", run)
	}
	want := []string{"Reports/daily/2026/11/20/r-1-20261120T080000Z-summary.csv", "Reports/daily/2026/11/20/r-1-20261120T080000Z-usage.csv",
		"Reports/daily/2026/11/21/r-1-20261121T080000Z-summary.csv", "Reports/daily/2026/11/21/r-1-20261121T080000Z-usage.csv"}
	if got := w.keys(".csv"); !slices.Equal(got, want) {
		t.Errorf("files %q", got)
	}
	rows, err := csv.NewReader(strings.NewReader(string(w.bucket.files[want[2]]))).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Fatalf("%v, %v", rows, err)
	}
	column := func(name string) string { return rows[1][slices.Index(rows[0], name)] }
	if column("name") != "'=SQL" || column("consumed_licenses") != "2" || column("license_count") != "10" {
		t.Errorf("summary %q", rows[1])
	}
	var usage struct {
		Type string           `json:"report_type"`
		Rows []map[string]any `json:"rows"`
	}
	if err := json.Unmarshal(w.bucket.files[strings.Replace(want[3], ".csv", ".json", 1)], &usage); err != nil || usage.Type != report.Usage || len(usage.Rows) != 1 ||
		usage.Rows[0]["consumed_licenses"] != 2.0 || usage.Rows[0]["resource_arn"] != "arn:aws:ec2:us-east-1:123456789012:instance/i-0123456789abcdef0" {
		t.Errorf("usage %+v, %v", usage, err)
	}
}

// TestMissedDays: nothing ran for three days; the next run makes the report of today
// and says what it stands for.
func TestMissedDays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, registrar.Generator{Name: "daily", Types: both[:1], Period: "DAY"})
	w.at(time.Minute, 1)
	run := w.at(3*24*time.Hour+5*time.Hour, 1)
	for _, want := range []string{"made 5h0m0s after its time, 2026-11-23T08:00:00Z", "what was so at 2026-11-23T13:00:00Z",
		"stands for 2 reports that were never made, for 2026-11-21T08:00:00Z to 2026-11-22T08:00:00Z"} {
		if run.Status != report.Succeeded || !strings.Contains(run.Reason, want) {
			t.Errorf("%s: it does not say %q: %s", run.Status, want, run.Reason)
		}
	}
	if got := string(w.bucket.files["Reports/daily/2026/11/23/r-1-20261123T080000Z-summary.json"]); !strings.Contains(got, "stands for 2 reports") {
		t.Errorf("the report does not say so:\n%s", got)
	}
	if run = w.at(4*24*time.Hour, 1); run.Reason != "" {
		t.Errorf("the next is in time again: %q", run.Reason)
	}
}

// TestBucketDenied: status and reason are kept, the run fails so that the alarm tells,
// and the report is made once the bucket is there.
func TestBucketDenied(t *testing.T) {
	t.Parallel()
	w := newWorld(t, registrar.Generator{Name: "daily", Types: both, Period: "DAY"})
	w.bucket.denied = errors.New("AccessDenied: no")
	run := w.at(time.Minute, 0)
	if run.Status != report.Failed || !strings.Contains(run.Reason, "Reports/daily/2026/11/20/") || !strings.Contains(run.Reason, "AccessDenied") || !run.Made.IsZero() {
		t.Errorf("%+v", run)
	}
	w.at(5*time.Hour, 0)
	w.bucket.denied = nil
	if run = w.at(6*time.Hour, 1); run.Status != report.Succeeded || !strings.Contains(run.Reason, "made 6h0m0s after its time") || len(w.keys(".csv")) != 2 {
		t.Errorf("%+v", run)
	}
	w.at(7*time.Hour, 0)
}

// TestOtherPeriods: a month has 30 days; once is once, when the time it is about is
// over.
func TestOtherPeriods(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for name, tt := range map[string]struct {
		g    registrar.Generator
		made []int // after 1 minute, 6, 7, 29, 30 and 60 days
	}{
		"week":       {registrar.Generator{Period: "WEEK"}, []int{1, 0, 1, 1, 0, 1}},
		"month":      {registrar.Generator{Period: "MONTH"}, []int{1, 0, 0, 0, 1, 1}},
		"once":       {registrar.Generator{Period: "ONE_TIME"}, []int{1, 0, 0, 0, 0, 0}},
		"once later": {registrar.Generator{Period: "ONE_TIME", To: start.Add(7 * day)}, []int{0, 0, 1, 0, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.g.Name, tt.g.Types = "x", both
			w := newWorld(t, tt.g)
			for i, after := range []time.Duration{time.Minute, 6 * day, 7 * day, 29 * day, 30 * day, 60 * day} {
				w.at(after, tt.made[i])
			}
		})
	}
}

// TestOneBadGeneratorLeavesTheOthers, and hostile names make no other folder.
func TestOneBadGeneratorLeavesTheOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, registrar.Generator{Name: "a", Types: []string{"NoSuchReport"}, Period: "DAY"})
	good, _ := json.Marshal(registrar.Generator{ID: "r-2", Name: "../../b c", Types: both[:1], Configurations: []string{arn}, Period: "DAY", CreatedAt: start, UpdatedAt: start})
	if err := w.store.PutDocument(t.Context(), ledger.Document{Kind: ledger.ReportGenerators, ID: "r-2", Revision: 1, Data: good}); err != nil {
		t.Fatal(err)
	}
	made, err := w.maker.Run(t.Context())
	if made != 1 || err == nil || !strings.Contains(err.Error(), "NoSuchReport") {
		t.Errorf("%d made, %v", made, err)
	}
	if got := w.keys(".csv"); len(got) != 1 || !strings.HasPrefix(got[0], "Reports/..%2F..%2Fb%20c/2026/") {
		t.Errorf("files %q", got)
	}
	if got := report.Folder(".."); got != "Reports/%2E%2E/" {
		t.Errorf("folder of ..: %s", got)
	}
}
