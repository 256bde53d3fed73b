package evidence_test

import (
	"bytes"
	"crypto/elliptic"
	"encoding/asn1"
	"fmt"
	"maps"
	"math/big"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"licenseguard/shared/evidence"
	"licenseguard/shared/evidence/evidencetest"
)

var firstDay = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// sealedPack is a pack of some days, the last of which was quiet.
func sealedPack(t testing.TB, days int) (evidencetest.Bucket, evidencetest.Key, []evidence.Sealed) {
	t.Helper()
	source, vault, key := evidencetest.Bucket{}, evidencetest.Bucket{}, evidencetest.NewKey()
	fleet := evidencetest.Fleet{Licenses: 3, ChangesADay: 24, RowsAnObject: 4, SnapshotsADay: 2, SnapshotBytes: 600}
	for d := range days - 1 {
		fleet.Write(source, firstDay.AddDate(0, 0, d))
	}
	sealed, err := evidencetest.Seal(source, vault, key, firstDay.AddDate(0, 0, days).Add(2*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if len(sealed) != days {
		t.Fatalf("%d days were sealed, want %d", len(sealed), days)
	}
	return vault, key, sealed
}

// mutation changes a pack. It returns the files of which the first finding must name
// one, and how it must be named besides; ok is false where there was nothing to do.
type mutation struct {
	name  string
	apply func(r *rand.Rand, b evidencetest.Bucket, w *mutated) (named []string, words string, ok bool)
}

type mutated struct {
	own    evidencetest.Key // the pack's
	key    evidencetest.Key // another one
	sealed []evidence.Sealed
}

func any1(r *rand.Rand, b evidencetest.Bucket, fits func(string) bool) string {
	var all []string
	for _, k := range slices.Sorted(maps.Keys(b)) {
		if fits(k) {
			all = append(all, k)
		}
	}
	return all[r.IntN(len(all))]
}

func any2(r *rand.Rand, b evidencetest.Bucket, fits func(string) bool) (string, string) {
	one := any1(r, b, fits)
	return one, any1(r, b, func(k string) bool { return k != one && fits(k) })
}

func ends(suffix string) func(string) bool {
	return func(k string) bool { return strings.HasSuffix(k, suffix) }
}

func anything(string) bool { return true }

func isContent(k string) bool { return !strings.HasPrefix(k, evidence.PrefixManifests) }

func rowsOf(b []byte) [][]byte {
	return bytes.SplitAfter(bytes.TrimSuffix(b, []byte("\n")), []byte("\n"))
}

// withRows changes the rows of a log.
func withRows(change func(r *rand.Rand, rows [][]byte) ([][]byte, int, string)) func(*rand.Rand, evidencetest.Bucket, *mutated) ([]string, string, bool) {
	return func(r *rand.Rand, b evidencetest.Bucket, _ *mutated) ([]string, string, bool) {
		path := any1(r, b, ends(".jsonl"))
		rows := rowsOf(slices.Clone(b[path]))
		rows[len(rows)-1] = append(rows[len(rows)-1], '\n')
		changed, row, words := change(r, rows)
		b[path] = bytes.Join(changed, nil)
		return []string{path}, fmt.Sprintf("row %d: %s", row, words), true
	}
}

func swap(r *rand.Rand, b evidencetest.Bucket, fits func(string) bool) ([]string, string, bool) {
	x, y := any2(r, b, fits)
	same := bytes.Equal(b[x], b[y])
	b[x], b[y] = b[y], b[x]
	return []string{x, y}, "", !same
}

var mutations = []mutation{
	{"bit", func(r *rand.Rand, b evidencetest.Bucket, _ *mutated) ([]string, string, bool) {
		path := any1(r, b, anything)
		b[path] = slices.Clone(b[path])
		b[path][r.IntN(len(b[path]))] ^= 1 << r.IntN(8)
		return []string{path}, "", true
	}},
	{"bit of a row", func(r *rand.Rand, b evidencetest.Bucket, _ *mutated) ([]string, string, bool) {
		path := any1(r, b, ends(".jsonl"))
		b[path] = slices.Clone(b[path])
		at := r.IntN(len(b[path]) - 1)
		if b[path][at] == '\n' || b[path][at]^1 == '\n' {
			return nil, "", false // that makes two rows of one, or one of two
		}
		b[path][at] ^= 1
		return []string{path}, fmt.Sprintf("row %d: the row was altered", 1+bytes.Count(b[path][:at], []byte("\n"))), true
	}},
	{"row removed", withRows(func(r *rand.Rand, rows [][]byte) ([][]byte, int, string) {
		n := r.IntN(len(rows))
		if n == len(rows)-1 {
			return rows[:n], n + 1, "the file ends before it"
		}
		return slices.Delete(rows, n, n+1), n + 1, "the row is missing"
	})},
	{"row twice", withRows(func(r *rand.Rand, rows [][]byte) ([][]byte, int, string) {
		n := r.IntN(len(rows))
		if n == len(rows)-1 {
			return append(rows, rows[n]), n + 2, "the file goes on"
		}
		return slices.Insert(rows, n, rows[n]), n + 2, fmt.Sprintf("row %d stands here once more", n+1)
	})},
	{"rows swapped", withRows(func(r *rand.Rand, rows [][]byte) ([][]byte, int, string) {
		x := r.IntN(len(rows) - 1)
		y := x + 1 + r.IntN(len(rows)-x-1)
		rows[x], rows[y] = rows[y], rows[x]
		return rows, x + 1, fmt.Sprintf("row %d stands here, and this one at %d", y+1, y+1)
	})},
	{"row invented", withRows(func(r *rand.Rand, rows [][]byte) ([][]byte, int, string) {
		n := r.IntN(len(rows))
		return slices.Insert(rows, n, []byte("{\"license_configuration_id\":\"lic-x\",\"revision\":1}\n")), n + 1, "a row stands here that was not sealed"
	})},
	{"file removed", func(r *rand.Rand, b evidencetest.Bucket, _ *mutated) ([]string, string, bool) {
		path := any1(r, b, anything)
		delete(b, path)
		return []string{path}, "missing", true
	}},
	{"file renamed", func(r *rand.Rand, b evidencetest.Bucket, _ *mutated) ([]string, string, bool) {
		path := any1(r, b, isContent)
		other := path[:len(path)-1] + "_"
		b[other] = b[path]
		delete(b, path)
		return []string{path}, other, true
	}},
	{"files swapped", func(r *rand.Rand, b evidencetest.Bucket, _ *mutated) ([]string, string, bool) {
		named, _, ok := swap(r, b, isContent)
		return named, "it holds the bytes of ", ok
	}},
	{"manifests swapped", func(r *rand.Rand, b evidencetest.Bucket, _ *mutated) ([]string, string, bool) {
		return swap(r, b, ends(".json"))
	}},
	{"signatures swapped", func(r *rand.Rand, b evidencetest.Bucket, _ *mutated) ([]string, string, bool) {
		return swap(r, b, ends(".sig"))
	}},
	{"manifests and signatures swapped", func(r *rand.Rand, b evidencetest.Bucket, _ *mutated) ([]string, string, bool) {
		x, y := any2(r, b, ends(".json"))
		for _, p := range [][2]string{{x, y}, {strings.TrimSuffix(x, "json") + "sig", strings.TrimSuffix(y, "json") + "sig"}} {
			b[p[0]], b[p[1]] = b[p[1]], b[p[0]]
		}
		return []string{x, y}, "", true
	}},
	{"signature's twin", func(r *rand.Rand, b evidencetest.Bucket, _ *mutated) ([]string, string, bool) {
		path := any1(r, b, ends(".sig"))
		var sig struct{ R, S *big.Int }
		if _, err := asn1.Unmarshal(b[path], &sig); err != nil {
			return nil, "", false
		}
		sig.S.Sub(elliptic.P256().Params().N, sig.S)
		b[path], _ = asn1.Marshal(sig)
		return []string{path}, "", true
	}},
	{"signed with another key", func(r *rand.Rand, b evidencetest.Bucket, w *mutated) ([]string, string, bool) {
		path := any1(r, b, ends(".json"))
		resign(b, path, w.key, func(m *evidence.Manifest) { m.Key = w.key.Public().ID })
		return []string{path}, "not the one given", true
	}},
	{"signed with another key under our name", func(r *rand.Rand, b evidencetest.Bucket, w *mutated) ([]string, string, bool) {
		path := any1(r, b, ends(".json"))
		resign(b, path, w.key, func(m *evidence.Manifest) { m.Sealed = "2030-01-01T00:00:00Z" })
		return []string{path}, "do not fit", true
	}},
	// What the holder of the key could sign, and no sealer does.
	{"own key: another day before", signedAnew(1, "it follows another manifest", func(m *evidence.Manifest) { m.Previous[3] ^= 1 })},
	{"own key: another history", signedAnew(1, "its history", func(m *evidence.Manifest) { m.History[0][3] ^= 1 })},
	{"own key: another number", signedAnew(1, "its number is", func(m *evidence.Manifest) {
		m.Sequence += 8
		m.History = append([]evidence.Hash{{1}}, m.History...)
	})},
	{"own key: another ledger", signedAnew(1, "it is of ledger", func(m *evidence.Manifest) { m.Ledger = "another" })},
	{"own key: another root", signedAnew(0, "root is", func(m *evidence.Manifest) { m.Root[3] ^= 1 })},
	{"own key: another version", signedAnew(0, "version is 2", func(m *evidence.Manifest) { m.Version = 2 })},
	{"own key: another key's name", signedAnew(0, "not the one given", func(m *evidence.Manifest) { m.Key[3] ^= 1 })},
	{"own key: another day", signedAnew(0, "it holds the manifest of 2030-01-01", func(m *evidence.Manifest) { m.Day = "2030-01-01" })},
	{"own key: a space", func(r *rand.Rand, b evidencetest.Bucket, w *mutated) ([]string, string, bool) {
		path := any1(r, b, ends(".json"))
		b[path] = bytes.Replace(b[path], []byte(`"sequence":`), []byte(`"sequence": `), 1)
		sign(b, path, w.own)
		return []string{path}, "not in the form", true
	}},
	{"day dropped", func(r *rand.Rand, b evidencetest.Bucket, _ *mutated) ([]string, string, bool) {
		path := any1(r, b, ends(".json"))
		dropDay(b, strings.TrimSuffix(strings.TrimPrefix(path, evidence.PrefixManifests), ".json"))
		return []string{path}, "", true
	}},
	{"days dropped", func(r *rand.Rand, b evidencetest.Bucket, w *mutated) ([]string, string, bool) {
		n := 1 + r.IntN(len(w.sealed)-3)
		dropDay(b, w.sealed[n].Day)
		dropDay(b, w.sealed[n+1].Day)
		return []string{evidence.Path(w.sealed[n].Day)}, "", true
	}},
	{"head rolled back", func(r *rand.Rand, b evidencetest.Bucket, w *mutated) ([]string, string, bool) {
		n := 1 + r.IntN(len(w.sealed)-1)
		for _, s := range w.sealed[n:] {
			dropDay(b, s.Day)
		}
		last := w.sealed[len(w.sealed)-1]
		return []string{evidence.Path(last.Day)}, "the head " + last.Head.String() + " is missing", true
	}},
	{"file truncated", func(r *rand.Rand, b evidencetest.Bucket, _ *mutated) ([]string, string, bool) {
		path := any1(r, b, anything)
		b[path] = b[path][:r.IntN(len(b[path]))]
		return []string{path}, "", true
	}},
	{"file grown", func(r *rand.Rand, b evidencetest.Bucket, _ *mutated) ([]string, string, bool) {
		path := any1(r, b, anything)
		b[path] = append(slices.Clone(b[path]), byte(r.IntN(256)))
		return []string{path}, "", true
	}},
	{"extra file", func(r *rand.Rand, b evidencetest.Bucket, _ *mutated) ([]string, string, bool) {
		beside := any1(r, b, anything)
		path := beside[:strings.LastIndexByte(beside, '/')+1] + fmt.Sprintf("x%d.jsonl", r.IntN(100))
		b[path] = slices.Clone(b[beside])
		return []string{path}, "no manifest names it", true
	}},
}

func dropDay(b evidencetest.Bucket, day string) {
	maps.DeleteFunc(b, func(path string, _ []byte) bool { return strings.Contains(path, day) })
}

func resign(b evidencetest.Bucket, path string, key evidencetest.Key, change func(*evidence.Manifest)) {
	m, err := evidence.Decode(b[path])
	if err != nil {
		panic(err)
	}
	change(m)
	b[path] = m.Encode()
	sign(b, path, key)
}

// signedAnew changes a manifest after the first so many and signs it with the pack's
// own key.
func signedAnew(after int, words string, change func(*evidence.Manifest)) func(*rand.Rand, evidencetest.Bucket, *mutated) ([]string, string, bool) {
	return func(r *rand.Rand, b evidencetest.Bucket, w *mutated) ([]string, string, bool) {
		path := evidence.Path(w.sealed[after+r.IntN(len(w.sealed)-after)].Day)
		resign(b, path, w.own, change)
		return []string{path}, words, true
	}
}

func sign(b evidencetest.Bucket, path string, key evidencetest.Key) {
	var err error
	for { // until it has the smaller s
		if b[strings.TrimSuffix(path, "json")+"sig"], err = key.Sign(nil, evidence.Statement(b[path])); err != nil {
			panic(err)
		}
		if key.Public().Verify(evidence.Statement(b[path]), b[strings.TrimSuffix(path, "json")+"sig"]) == nil {
			return
		}
	}
}

// TestMutations: whatever is done to a pack is found, and the first finding names
// the file it was done to, and the row.
func TestMutations(t *testing.T) {
	t.Parallel()
	total := 10_000
	if testing.Short() {
		total = 1_000
	}
	pack, key, sealed := sealedPack(t, 6)
	head := sealed[len(sealed)-1].Head
	options := evidence.Options{Keys: []evidence.PublicKey{key.Public()}, Head: &head, Workers: 1}
	if r, err := evidence.Verify(t.Context(), pack, options); err != nil || len(r.Findings) > 0 || !r.HeadProven || r.Days != 6 {
		t.Fatalf("the pack is not right before anything is done to it: %+v, %v", r, err)
	}
	w := &mutated{key, evidencetest.NewKey(), sealed}
	counts := make([]int, len(mutations))
	var mu sync.Mutex
	var group sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for worker := range workers {
		group.Go(func() {
			for seed := worker; seed < total; seed += workers {
				r := rand.New(rand.NewPCG(uint64(seed), 7))
				n := seed % len(mutations)
				m := mutations[n]
				b := maps.Clone(pack)
				named, words, ok := m.apply(r, b, w)
				for !ok {
					b = maps.Clone(pack)
					named, words, ok = m.apply(r, b, w)
				}
				report, err := evidence.Verify(t.Context(), b, options)
				if err != nil {
					t.Errorf("seed %d, %s of %v: %v", seed, m.name, named, err)
					continue
				}
				if wrong := misses(report, named, words); wrong != "" {
					t.Errorf("seed %d, %s of %v: %s", seed, m.name, named, wrong)
				}
				mu.Lock()
				counts[n]++
				mu.Unlock()
			}
		})
	}
	group.Wait()
	done := 0
	for i, n := range counts {
		t.Logf("%6d  %s", n, mutations[i].name)
		done += n
	}
	if done != total {
		t.Errorf("%d mutations were tried, want %d", done, total)
	}
}

// misses says what the first finding lacks.
func misses(r *evidence.Report, named []string, words string) string {
	if len(r.Findings) == 0 {
		return "nothing was found"
	}
	first := r.Findings[0]
	if !slices.Contains(named, first.Path) || !strings.Contains(first.String(), words) {
		return fmt.Sprintf("the first finding is %q, which does not name it or say %q", first, words)
	}
	return ""
}
