package compact_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"licenseguard/shared/adapter/parquetfile"
	"licenseguard/shared/compact"
	"licenseguard/shared/publish"
)

// bucket is a store in memory. It can fail, and damage what it is given.
type bucket struct {
	files  map[string][]byte
	puts   []string
	damage func(key string, body []byte) ([]byte, error)
}

func (b *bucket) List(_ context.Context, prefix string) (keys []string, err error) {
	for _, k := range slices.Sorted(maps.Keys(b.files)) {
		if strings.HasPrefix(k, prefix) {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

func (b *bucket) Get(_ context.Context, key string) ([]byte, error) {
	body, ok := b.files[key]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return body, nil
}

func (b *bucket) Put(_ context.Context, key string, body []byte, _ string) (err error) {
	if b.damage != nil {
		if body, err = b.damage(key, body); err != nil {
			return err
		}
	}
	b.files[key], b.puts = body, append(b.puts, key)
	return nil
}

var (
	day  = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	late = day.AddDate(0, 0, 3)
)

const arn = "arn:aws:license-manager:eu-central-1:444444444444:license-configuration:lic-a"

func rows() []publish.Row {
	count := int64(7)
	row := func(revision int64, account, region, resource string) publish.Row {
		return publish.Row{LicenseID: "lic-a", LicenseARN: arn, Revision: revision, RecordedAt: "2026-11-20 10:00:00.000", AccountID: account, Region: region,
			ResourceARN: resource, LicenseCount: &count, UncertaintySeconds: 1.5, Explanation: "ä \"x\""}
	}
	last := row(4, "../../x", "us-east-1", "r4")
	last.LicenseCount = nil
	return []publish.Row{row(1, "", "", ""), row(2, "111111111111", "us-east-1", "r2"), row(3, "222222222222", "us-gov-west-1", "r3"), last,
		{LicenseID: "enforcement", Revision: 1, RecordedAt: "2026-11-20 11:00:00.000"}}
}

func log(t *testing.T, rows ...publish.Row) []byte {
	t.Helper()
	var out []byte
	for _, r := range rows {
		line, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		out = append(append(out, line...), '\n')
	}
	return out
}

func newBucket(t *testing.T) *bucket {
	r := rows()
	return &bucket{files: map[string][]byte{
		"changes/dt=2026-11-20/b.jsonl": log(t, r[2], r[3], r[1]),
		"changes/dt=2026-11-20/a.jsonl": log(t, r[0], r[1]), // one of them comes twice
		"changes/dt=2026-11-20/e.jsonl": log(t, r[4]),
		"changes/dt=2026-11-21/a.jsonl": log(t, publish.Row{LicenseID: "lic-a", Revision: 5}),
	}}
}

func compactor(b *bucket) *compact.Compactor {
	return &compact.Compactor{Store: b, Codec: parquetfile.Encoder{}, Now: func() time.Time { return late }}
}

func TestDay(t *testing.T) {
	t.Parallel()
	b := newBucket(t)
	m, err := compactor(b).Day(t.Context(), day.Add(7*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	const dt = "history/dt=2026-11-20/"
	want := map[string][]int64{
		dt + "account=444444444444/aws_region=eu-central-1/changes.parquet":  {1},
		dt + "account=111111111111/aws_region=us-east-1/changes.parquet":     {2},
		dt + "account=222222222222/aws_region=us-gov-west-1/changes.parquet": {3},
		dt + "account=other/aws_region=us-east-1/changes.parquet":            {4},
		dt + "account=other/aws_region=other/changes.parquet":                {1},
	}
	var all []publish.Row
	for key, revisions := range want {
		got, err := parquetfile.Encoder{}.Decode(b.files[key])
		if err != nil || len(got) != len(revisions) || got[0].Revision != revisions[0] || m.Files[key] != len(revisions) {
			t.Errorf("%s: %+v, %v", key, got, err)
		}
		all = append(all, got...)
	}
	slices.SortFunc(all, func(a, b publish.Row) int {
		return strings.Compare(fmt.Sprint(b.LicenseID, b.Revision), fmt.Sprint(a.LicenseID, a.Revision))
	})
	wanted := rows()
	slices.SortFunc(wanted, func(a, b publish.Row) int {
		return strings.Compare(fmt.Sprint(b.LicenseID, b.Revision), fmt.Sprint(a.LicenseID, a.Revision))
	})
	if diff := cmp.Diff(wanted, all); diff != "" {
		t.Error(diff)
	}
	if m.Rows != 5 || m.Sources != 3 || b.puts[len(b.puts)-1] != dt+"manifest.json" || len(b.puts) != 6 {
		t.Errorf("%+v, %v", m, b.puts)
	}
}

// TestAgain: a day that is done is left alone; one whose log grew is done again, with the
// same files and more.
func TestAgain(t *testing.T) {
	t.Parallel()
	b := newBucket(t)
	c := compactor(b)
	first, err := c.Day(t.Context(), day)
	if err != nil {
		t.Fatal(err)
	}
	before := maps.Clone(b.files)
	n := len(b.puts)
	if again, err := c.Day(t.Context(), day); err != nil || len(b.puts) != n || cmp.Diff(first, again) != "" {
		t.Errorf("%v, %d files were written again", err, len(b.puts)-n)
	}
	delete(b.files, "history/dt=2026-11-20/manifest.json")
	if _, err := c.Day(t.Context(), day); err != nil || len(b.puts) != 2*n || cmp.Diff(before, b.files) != "" {
		t.Errorf("%v: doing it again gives other files", err)
	}
	b.files["changes/dt=2026-11-20/z.jsonl"] = log(t, publish.Row{LicenseID: "lic-b", Revision: 1})
	if m, err := c.Day(t.Context(), day); err != nil || m.Rows != 6 || m.Sources != 4 {
		t.Errorf("%+v, %v", m, err)
	}
}

// TestNothingIsReliedOnUnverified: whatever goes wrong, there is no manifest, and the log
// is as it was.
func TestNothingIsReliedOnUnverified(t *testing.T) {
	t.Parallel()
	fewer, err := parquetfile.Encoder{}.Encode(rows()[:0])
	if err != nil {
		t.Fatal(err)
	}
	changed := rows()[1]
	changed.Licenses = 99
	other, err := parquetfile.Encoder{}.Encode([]publish.Row{changed})
	if err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]func(key string, body []byte) ([]byte, error){
		"not written":  func(string, []byte) ([]byte, error) { return nil, errors.New("no") },
		"cut":          func(_ string, body []byte) ([]byte, error) { return body[:len(body)/2], nil },
		"fewer rows":   func(string, []byte) ([]byte, error) { return fewer, nil },
		"another row":  func(string, []byte) ([]byte, error) { return other, nil },
		"broken lines": nil,
	} {
		b := newBucket(t)
		b.damage = damage
		if damage == nil {
			b.files["changes/dt=2026-11-20/c.jsonl"] = []byte("{\n")
		}
		before := maps.Clone(b.files)
		if _, err := compactor(b).Day(t.Context(), day); err == nil {
			t.Errorf("%s: no error", name)
		}
		if _, ok := b.files["history/dt=2026-11-20/manifest.json"]; ok {
			t.Errorf("%s: there is a manifest", name)
		}
		for key, body := range before {
			if string(b.files[key]) != string(body) {
				t.Errorf("%s: %s of the log was changed", name, key)
			}
		}
	}
}

func TestUnfinishedDay(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		after time.Duration
		want  error
	}{{24 * time.Hour, compact.ErrUnfinished}, {49*time.Hour - time.Second, compact.ErrUnfinished}, {49 * time.Hour, nil}} {
		b := newBucket(t)
		c := compactor(b)
		c.Now = func() time.Time { return day.Add(tt.after) }
		if _, err := c.Day(t.Context(), day); !errors.Is(err, tt.want) || tt.want != nil && len(b.puts) > 0 {
			t.Errorf("%s after its beginning: %v, %v", tt.after, err, b.puts)
		}
	}
}

func TestKnownAccounts(t *testing.T) {
	t.Parallel()
	b := newBucket(t)
	c := compactor(b)
	c.Accounts, c.Regions = []string{"111111111111"}, []string{"us-east-1", "eu-central-1"}
	m, err := c.Day(t.Context(), day)
	if err != nil || m.Rows != 5 {
		t.Fatal(m, err)
	}
	for _, key := range []string{"account=111111111111/aws_region=us-east-1", "account=other/aws_region=other", "account=other/aws_region=eu-central-1", "account=other/aws_region=us-east-1"} {
		if m.Files["history/dt=2026-11-20/"+key+"/changes.parquet"] == 0 {
			t.Errorf("no rows in %s: %v", key, m.Files)
		}
	}
}
