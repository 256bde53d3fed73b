package evidence_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"licenseguard/shared/evidence"
	"licenseguard/shared/evidence/evidencetest"
)

func at(day, hour int) time.Time {
	return firstDay.AddDate(0, 0, day).Add(time.Duration(hour) * time.Hour)
}

func seal(t *testing.T, source, vault evidencetest.Bucket, key evidencetest.Key, now time.Time) []evidence.Sealed {
	t.Helper()
	sealed, err := evidencetest.Seal(source, vault, key, now)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func verify(t *testing.T, pack evidence.Pack, o evidence.Options) *evidence.Report {
	t.Helper()
	r, err := evidence.Verify(t.Context(), pack, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func with(key evidencetest.Key) evidence.Options {
	return evidence.Options{Keys: []evidence.PublicKey{key.Public()}}
}

func object(license string, first, last int64, by string) (name string, body []byte) {
	for r := first; r <= last; r++ {
		row, err := json.Marshal(map[string]any{"license_configuration_id": license, "revision": r, "changed_by": by, "name": "a <b>", "deployed": 3})
		if err != nil {
			panic(err)
		}
		body = append(append(body, row...), '\n')
	}
	return fmt.Sprintf("%s-%012d-%012d.jsonl", license, first, last), body
}

func put(b evidencetest.Bucket, day int, license string, first, last int64, by string) {
	name, body := object(license, first, last, by)
	b["changes/dt="+at(day, 0).Format(time.DateOnly)+"/"+name] = body
}

func TestADayIsSealedWhenItIsOver(t *testing.T) {
	t.Parallel()
	source, vault, key := evidencetest.Bucket{}, evidencetest.Bucket{}, evidencetest.NewKey()
	if sealed := seal(t, source, vault, key, at(0, 12)); len(sealed) != 0 || len(vault) != 0 {
		t.Errorf("something was sealed of nothing: %v", sealed)
	}
	put(source, 0, "lic-a", 1, 3, "")
	for _, now := range []time.Time{at(0, 23), at(1, 0)} { // a margin of an hour
		if sealed := seal(t, source, vault, key, now); len(sealed) != 0 {
			t.Errorf("at %s the day was sealed", now)
		}
	}
	if sealed := seal(t, source, vault, key, at(1, 1)); len(sealed) != 1 || sealed[0].Day != "2026-11-01" || sealed[0].Rows != 3 {
		t.Errorf("sealed %+v", sealed)
	}
	before := maps.Clone(vault)
	if sealed := seal(t, source, vault, key, at(1, 20)); len(sealed) != 0 || !maps.EqualFunc(before, vault, bytes.Equal) {
		t.Errorf("a second run sealed %+v, or changed something", sealed)
	}
	if sealed := seal(t, source, vault, key, at(4, 2)); len(sealed) != 3 { // three missed days, nothing in them
		t.Errorf("catching up sealed %+v", sealed)
	}
	if r := verify(t, vault, with(key)); len(r.Findings) != 0 || r.Days != 4 || r.Files != 2 {
		t.Errorf("%+v", r)
	}
}

// What comes late, twice and regrouped is sealed once, and no sealed day is opened.
func TestLateObjectsGoIntoTheNextManifest(t *testing.T) {
	t.Parallel()
	source, vault, key := evidencetest.Bucket{}, evidencetest.Bucket{}, evidencetest.NewKey()
	put(source, 0, "lic-a", 1, 2, "")
	put(source, 0, "lic-a", 6, 7, "")
	seal(t, source, vault, key, at(1, 2))
	r := verify(t, vault, with(key))
	if len(r.Findings) != 1 || r.Findings[0].Kind != evidence.Gap || !strings.Contains(r.Findings[0].String(), "license lic-a: revisions 3 to 5 are missing before revision 6") {
		t.Errorf("a gap in the log is %v", r.Findings)
	}
	sealedDay := maps.Clone(vault)
	put(source, 0, "lic-a", 2, 5, "")   // late, and revision 2 again
	put(source, 1, "lic-a", 7, 8, "")   // revision 7 again
	put(source, 1, "lic-a", 8, 8, "")   // 8 again
	put(source, 0, "lic-b", 40, 40, "") // the first of a license, whatever its number
	source["positions/dt=2026-11-01/positions-late.parquet"] = []byte("late")
	seal(t, source, vault, key, at(2, 2))
	for k, body := range sealedDay {
		if !bytes.Equal(vault[k], body) {
			t.Errorf("%s was changed after it was sealed", k)
		}
	}
	if r := verify(t, vault, with(key)); len(r.Findings) != 0 || r.Rows != 9 { // 1 2 6 7, 3 4 5, 8, 40
		t.Errorf("%+v", r)
	}
	var late []string
	for line := range strings.Lines(string(vault["changes/dt=2026-11-02/late.jsonl"])) {
		var row struct {
			License  string `json:"license_configuration_id"`
			Revision int
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		late = append(late, fmt.Sprint(row.License, " ", row.Revision))
	}
	if want := []string{"lic-a 3", "lic-a 4", "lic-a 5", "lic-b 40"}; !cmp.Equal(late, want) {
		t.Errorf("late are %v, want %v", late, want)
	}
}

// pseudonymOf computes a pseudonym as docs/evidence-format.md says.
func pseudonymOf(t *testing.T, person string) string {
	t.Helper()
	key, err := evidencetest.MAC(t.Context(), []byte("licenseguard-evidence 1"))
	if err != nil {
		t.Fatal(err)
	}
	h := hmac.New(sha256.New, key)
	h.Write([]byte("person\n" + person))
	return fmt.Sprintf("person-%x", h.Sum(nil)[:16])
}

func TestNamesAreReplacedAndNothingElse(t *testing.T) {
	t.Parallel()
	source, vault, key := evidencetest.Bucket{}, evidencetest.Bucket{}, evidencetest.NewKey()
	const alice = `arn:aws:sts::123456789012:assumed-role/Admin/"al\ice`
	put(source, 0, "lic-a", 1, 1, alice)
	put(source, 0, "lic-b", 1, 1, "")
	put(source, 0, "lic-c", 1, 1, alice)
	seal(t, source, vault, key, at(1, 2))
	name := pseudonymOf(t, alice)
	var want []byte
	for _, license := range []string{"lic-a", "lic-b", "lic-c"} {
		by := name
		if license == "lic-b" {
			by = ""
		}
		_, body := object(license, 1, 1, by)
		want = append(want, body...)
	}
	sealed := regexp.MustCompile(`,"salt":"[0-9a-f]{32}"}`).ReplaceAllString(string(vault["changes/dt=2026-11-01/changes.jsonl"]), "}")
	if diff := cmp.Diff(string(want), sealed); diff != "" {
		t.Error(diff)
	}
}

// A run may end at any call, before or after it was done; the next one makes whole
// what it left.
func TestCrashesAtEveryCall(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		for n := 0; ; n++ {
			source, vault, key := evidencetest.Bucket{}, evidencetest.Bucket{}, evidencetest.NewKey()
			fleet := evidencetest.Fleet{Licenses: 2, ChangesADay: 8, RowsAnObject: 2, SnapshotsADay: 1, SnapshotBytes: 50}
			fleet.Write(source, at(0, 0))
			fleet.Write(source, at(1, 0))
			c := &crash{at: n, after: after}
			s := evidence.Sealer{Ledger: "l", Source: source, Vault: crashing{vault, c}, Signer: crashingKey{key, c}, MAC: evidencetest.MAC, Now: func() time.Time { return at(2, 2) }}
			_, err := s.Run(t.Context())
			if !c.hit {
				if err != nil || n < 10 {
					t.Fatalf("after %d calls: %v", n, err)
				}
				break
			}
			if !errors.Is(err, errCrash) {
				t.Fatalf("call %d: %v", n, err)
			}
			put(source, 1, "lic-new", 1, 2, "") // something comes in between
			s.Vault, s.Signer = vault, key
			if _, err := s.Run(t.Context()); err != nil {
				t.Fatalf("after a crash at call %d (after=%v): %v", n, after, err)
			}
			r := verify(t, vault, with(key))
			if len(r.Findings) != 0 || r.Days != 2 || r.Rows < 16 {
				t.Fatalf("after a crash at call %d (after=%v): %+v", n, after, r)
			}
		}
	}
}

var errCrash = errors.New("crash")

type crash struct {
	at, calls  int
	after, hit bool
}

func (c *crash) do(call func() error) error {
	c.calls++
	if c.calls-1 != c.at {
		return call()
	}
	c.hit = true
	if c.after {
		if err := call(); err != nil {
			return err
		}
	}
	return errCrash
}

type crashing struct {
	evidencetest.Bucket
	c *crash
}

func (b crashing) Put(ctx context.Context, key string, body []byte, contentType string) error {
	return b.c.do(func() error { return b.Bucket.Put(ctx, key, body, contentType) })
}

func (b crashing) List(ctx context.Context, prefix string) (keys []string, err error) {
	err = b.c.do(func() error { keys, err = b.Bucket.List(ctx, prefix); return err })
	return keys, err
}

func (b crashing) Get(ctx context.Context, key string) (body []byte, err error) {
	err = b.c.do(func() error { body, err = b.Bucket.Get(ctx, key); return err })
	return body, err
}

type crashingKey struct {
	evidencetest.Key
	c *crash
}

func (k crashingKey) Sign(ctx context.Context, message []byte) (sig []byte, err error) {
	err = k.c.do(func() error { sig, err = k.Key.Sign(ctx, message); return err })
	return sig, err
}

// A manifest that lay there unsigned is made again, not signed as it lies there.
func TestAnUnsignedManifestIsNotTrusted(t *testing.T) {
	t.Parallel()
	source, vault, key := evidencetest.Bucket{}, evidencetest.Bucket{}, evidencetest.NewKey()
	put(source, 0, "lic-a", 1, 3, "")
	seal(t, source, vault, key, at(1, 2))
	delete(vault, evidence.SignaturePath("2026-11-01"))
	vault[evidence.Path("2026-11-01")] = []byte("{}")
	vault["changes/dt=2026-11-01/changes.jsonl"] = []byte("forged")
	seal(t, source, vault, key, at(1, 3))
	if r := verify(t, vault, with(key)); len(r.Findings) != 0 || r.Rows != 3 {
		t.Errorf("%+v", r)
	}
}

func TestNothingIsSealedOnWhatWasAltered(t *testing.T) {
	t.Parallel()
	for name, alter := range map[string]func(evidencetest.Bucket){
		"the manifest":  func(b evidencetest.Bucket) { b[evidence.Path("2026-11-02")][20] ^= 1 },
		"the signature": func(b evidencetest.Bucket) { b[evidence.SignaturePath("2026-11-02")][9] ^= 1 },
		"the day":       func(b evidencetest.Bucket) { delete(b, evidence.Path("2026-11-02")) },
	} {
		source, vault, key := evidencetest.Bucket{}, evidencetest.Bucket{}, evidencetest.NewKey()
		put(source, 0, "lic-a", 1, 3, "")
		seal(t, source, vault, key, at(2, 2))
		alter(vault)
		before := slices.Sorted(maps.Keys(vault))
		_, err := evidencetest.Seal(source, vault, key, at(5, 2))
		if err == nil || !strings.Contains(err.Error(), "2026-11-02") || !strings.Contains(err.Error(), "licenseguard verify") && name != "the day" {
			t.Errorf("%s was altered: %v", name, err)
		}
		if !slices.Equal(before, slices.Sorted(maps.Keys(vault))) {
			t.Errorf("%s was altered, and something was written", name)
		}
	}
	source, vault := evidencetest.Bucket{}, evidencetest.Bucket{}
	put(source, 0, "lic-a", 1, 3, "")
	seal(t, source, vault, evidencetest.NewKey(), at(2, 2))
	if _, err := evidencetest.Seal(source, vault, evidencetest.NewKey(), at(3, 2)); err == nil {
		t.Error("another key went on with the chain")
	}
}

func TestWhatCannotBeARowIsNotSealed(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"not json\n", "{}\n", "{\"license_configuration_id\":\"../x\",\"revision\":1}\n", "\n"} {
		source, vault := evidencetest.Bucket{"changes/dt=2026-11-01/lic-a-1-1.jsonl": []byte(body)}, evidencetest.Bucket{}
		if _, err := evidencetest.Seal(source, vault, evidencetest.NewKey(), at(1, 2)); err == nil || len(vault) != 0 {
			t.Errorf("%q was sealed", body)
		}
	}
}
