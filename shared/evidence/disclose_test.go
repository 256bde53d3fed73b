package evidence_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"licenseguard/shared/config"
	"licenseguard/shared/evidence"
	"licenseguard/shared/evidence/evidencetest"
	"licenseguard/shared/publish"
)

// The licenses of vendors are told in the last digit: see vendorsPack.
var ofVendor = map[string][]string{"Oracle": {"lic-0", "lic-2"}, "IBM": {"lic-1"}, "": {"lic-3"}}

// vendorsPack is a pack of four licenses of two vendors, one without, with commits of
// one to four rows; lic-2 gets its vendor only on the second day.
func vendorsPack(t *testing.T, r *rand.Rand, days int) (evidencetest.Bucket, evidencetest.Key, evidence.Head) {
	t.Helper()
	source, vault, key := evidencetest.Bucket{}, evidencetest.Bucket{}, evidencetest.NewKey()
	revisions := make(map[string]int64)
	for d := range days {
		for vendor, licenses := range ofVendor {
			for _, license := range licenses {
				if license == "lic-2" && d == 0 {
					vendor = ""
				}
				var body []byte
				first := revisions[license] + 1
				for range 1 + r.IntN(4) {
					revisions[license]++
					rows := 1 + r.IntN(4)
					for n := range rows {
						line, err := json.Marshal(publish.Row{LicenseID: license, Name: "name of " + license, Vendor: vendor, Revision: revisions[license],
							InstanceID: fmt.Sprintf("i-%d", n), CommitRow: n + 1, CommitRows: rows})
						if err != nil {
							t.Fatal(err)
						}
						body = append(append(body, line...), '\n')
					}
				}
				source[fmt.Sprintf("%sdt=%s/%s-%012d-%012d.jsonl", config.PrefixChanges, at(d, 0).Format(time.DateOnly), license, first, revisions[license])] = body
			}
		}
		source["positions/dt="+at(d, 0).Format(time.DateOnly)+"/p.parquet"] = []byte("of all vendors " + fmt.Sprint(d))
		source["usage/dt="+at(d, 0).Format(time.DateOnly)+"/u.parquet"] = []byte("of all vendors " + fmt.Sprint(d))
	}
	sealed := seal(t, source, vault, key, at(days, 2))
	return vault, key, sealed[len(sealed)-1].Head
}

func disclose(t *testing.T, pack evidencetest.Bucket, vendor string, licenses ...string) evidencetest.Bucket {
	t.Helper()
	out := evidencetest.Bucket{}
	_, err := evidence.Disclose(t.Context(), pack, vendor, licenses, []string{"usage/"}, func(path string, body []byte) error {
		out[path] = bytes.Clone(body)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func logRows(t *testing.T, b evidencetest.Bucket, licenses []string) (rows []string) {
	t.Helper()
	for _, path := range slices.Sorted(maps.Keys(b)) {
		if strings.HasSuffix(path, ".jsonl") {
			for line := range strings.Lines(string(b[path])) {
				var r publish.Row
				if err := json.Unmarshal([]byte(line), &r); err != nil {
					t.Fatal(err)
				}
				if licenses == nil || slices.Contains(licenses, r.LicenseID) {
					rows = append(rows, line)
				}
			}
		}
	}
	return rows
}

// TestWhatIsShownIsWhole: of a vendor, or of named licenses, every row is there and
// nothing of the others, and it verifies with the public key alone.
func TestWhatIsShownIsWhole(t *testing.T) {
	t.Parallel()
	for seed := range uint64(15) {
		pack, key, head := vendorsPack(t, rand.New(rand.NewPCG(seed, 5)), 4)
		o := with(key)
		o.Head = &head
		for _, c := range []struct {
			vendor   string
			licenses []string
			shown    []string
		}{
			{"Oracle", nil, []string{"lic-0", "lic-2"}}, {"IBM", nil, []string{"lic-1"}}, {"", []string{"lic-3"}, []string{"lic-3"}},
			{"IBM", []string{"lic-3"}, []string{"lic-1", "lic-3"}}, {"", []string{"lic-2"}, []string{"lic-2"}},
		} {
			shown := disclose(t, pack, c.vendor, c.licenses...)
			r := verify(t, shown, o)
			all, want := logRows(t, pack, nil), logRows(t, pack, c.shown)
			if len(r.Findings) > 0 || !r.HeadProven || r.Shown == nil || r.Shown.Rows != int64(len(want)) || r.Shown.WithheldRows != int64(len(all)-len(want)) ||
				r.Shown.WithheldLicenses != 4-len(c.shown) || r.Shown.Uncounted != 0 || !slices.Equal(r.Shown.Licenses, c.shown) {
				t.Fatalf("seed %d, %+v: %+v %+v", seed, c, r, r.Shown)
			}
			if got := logRows(t, shown, nil); !slices.Equal(got, want) {
				t.Fatalf("seed %d, %+v: %d rows are shown of %d", seed, c, len(got), len(want))
			}
			for path, body := range shown {
				for _, hidden := range slices.Concat(ofVendor["Oracle"], ofVendor["IBM"], ofVendor[""]) {
					if !slices.Contains(c.shown, hidden) && bytes.Contains(body, []byte("name of "+hidden)) {
						t.Errorf("%s tells of %s", path, hidden)
					}
				}
				if bytes.Contains(body, []byte("of all vendors")) != strings.HasPrefix(path, "usage/") || strings.HasSuffix(path, ".leaves") {
					t.Errorf("%s is shown", path)
				}
			}
		}
	}
}

// hiding is something that is left out of a pack that is handed out, or altered in it.
type hiding struct {
	hide func(r *rand.Rand, whole, b evidencetest.Bucket, path string)
	want string // that a finding says
}

func hidings(t *testing.T) map[string]hiding {
	claims := func(b evidencetest.Bucket, change func(*evidence.Disclosure)) {
		var d evidence.Disclosure
		if err := json.Unmarshal(b[evidence.DisclosureFile], &d); err != nil {
			t.Fatal(err)
		}
		change(&d)
		b[evidence.DisclosureFile], _ = json.Marshal(d)
	}
	// keep shows of a log file only the rows that fit, with a proof that is right.
	keep := func(whole, shown evidencetest.Bucket, path string, fits func(r publish.Row) bool) {
		var out []byte
		var places []int
		for i, line := range slices.Collect(strings.Lines(string(whole[path]))) {
			var r publish.Row
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				t.Fatal(err)
			}
			if fits(r) {
				out, places = append(out, line...), append(places, i)
			}
		}
		shown[path], shown[path+".proof"] = out, evidence.Prove(whole[path], places)
	}
	oracle := func(r publish.Row) bool { return r.LicenseID == "lic-0" || r.LicenseID == "lic-2" }
	return map[string]hiding{
		"one row of a commit": {func(r *rand.Rand, whole, b evidencetest.Bucket, path string) {
			var several []publish.Row
			for _, line := range logRows(t, evidencetest.Bucket{path: whole[path]}, []string{"lic-0", "lic-2"}) {
				var row publish.Row
				_ = json.Unmarshal([]byte(line), &row)
				if row.CommitRows > 1 {
					several = append(several, row)
				}
			}
			if len(several) == 0 {
				keep(whole, b, path, func(r publish.Row) bool { return oracle(r) && r.LicenseID != "lic-0" })
				return
			}
			gone := several[r.IntN(len(several))]
			keep(whole, b, path, func(r publish.Row) bool {
				return oracle(r) && (r.LicenseID != gone.LicenseID || r.Revision != gone.Revision || r.CommitRow != gone.CommitRow)
			})
		}, "left out"},
		"a whole commit": {func(_ *rand.Rand, whole, b evidencetest.Bucket, path string) {
			first := int64(0)
			keep(whole, b, path, func(r publish.Row) bool {
				if r.LicenseID == "lic-0" && first == 0 {
					first = r.Revision
				}
				return oracle(r) && (r.LicenseID != "lic-0" || r.Revision != first)
			})
		}, "it is left out"},
		"a license, and the claim": {func(_ *rand.Rand, whole, b evidencetest.Bucket, path string) {
			for p := range whole {
				if strings.HasSuffix(p, ".jsonl") {
					keep(whole, b, p, func(r publish.Row) bool { return r.LicenseID == "lic-0" })
				}
			}
			claims(b, func(d *evidence.Disclosure) { d.Licenses = []string{"lic-0"} })
		}, "license lic-2 is of the vendor"},
		"a license, not the claim": {func(_ *rand.Rand, whole, b evidencetest.Bucket, path string) {
			keep(whole, b, path, func(r publish.Row) bool { return r.LicenseID == "lic-0" })
		}, "left out"},
		"the proof, left empty": {func(_ *rand.Rand, _, b evidencetest.Bucket, path string) { b[path+".proof"] = nil }, "it is empty"},
		"the rows, left empty":  {func(_ *rand.Rand, _, b evidencetest.Bucket, path string) { b[path] = nil }, "does not fit to its rows"},
		"a vendor that is none": {func(_ *rand.Rand, _, b evidencetest.Bucket, _ string) {
			claims(b, func(d *evidence.Disclosure) { d.Groups = append(d.Groups, "00112233445566778899aabbccddeeff") })
		}, "of which no row is there"},
		"a file of the log": {func(_ *rand.Rand, _, b evidencetest.Bucket, path string) {
			delete(b, path)
			delete(b, path+".proof")
		}, "holds rows of a license that the pack shows"},
		"a row altered": {func(_ *rand.Rand, _, b evidencetest.Bucket, path string) {
			b[path] = bytes.Replace(b[path], []byte(`"i-0"`), []byte(`"i-9"`), 1)
		}, "do not give the root"},
		"a bit": {func(r *rand.Rand, _, b evidencetest.Bucket, path string) {
			files := slices.Sorted(maps.Keys(b))
			files = slices.DeleteFunc(files, func(p string) bool { return p == evidence.DisclosureFile })
			p := files[r.IntN(len(files))]
			b[p] = bytes.Clone(b[p])
			b[p][r.IntN(len(b[p]))] ^= 1 << r.IntN(8)
		}, ""},
		"another's row beside": {func(_ *rand.Rand, whole, b evidencetest.Bucket, path string) {
			keep(whole, b, path, func(r publish.Row) bool { return oracle(r) || r.LicenseID == "lic-1" })
		}, "does not claim to show"},
		"another's claim": {func(_ *rand.Rand, _, b evidencetest.Bucket, _ string) {
			claims(b, func(d *evidence.Disclosure) { d.Licenses = append(d.Licenses, "lic-3") })
		}, "left out"},
		"no claim":       {func(_ *rand.Rand, _, b evidencetest.Bucket, _ string) { delete(b, evidence.DisclosureFile) }, ""},
		"an empty claim": {func(_ *rand.Rand, _, b evidencetest.Bucket, _ string) { b[evidence.DisclosureFile] = []byte("{}") }, "does not say which"},
		"a file more":    {func(_ *rand.Rand, _, b evidencetest.Bucket, _ string) { b["changes/x.jsonl"] = []byte("{}\n") }, "no manifest names it"},
		"the rows of another day": {func(_ *rand.Rand, _, b evidencetest.Bucket, path string) {
			other := strings.ReplaceAll(path, "2026-11-02", "2026-11-03")
			b[path], b[path+".proof"] = b[other], b[other+".proof"]
		}, ""},
		"a manifest": {func(_ *rand.Rand, _, b evidencetest.Bucket, _ string) { delete(b, evidence.Path("2026-11-02")) }, "the manifest is missing"},
	}
}

// TestWhatIsHiddenIsFound: whoever hands out a pack has all of the evidence and can make
// new proofs; what he leaves out or alters is found, and named.
func TestWhatIsHiddenIsFound(t *testing.T) {
	t.Parallel()
	for name, c := range hidings(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(20) {
				r := rand.New(rand.NewPCG(seed, 6))
				pack, key, head := vendorsPack(t, r, 4)
				b := disclose(t, pack, "Oracle")
				c.hide(r, pack, b, "changes/dt=2026-11-02/changes.jsonl")
				o := with(key)
				o.Head = &head
				found := verify(t, b, o).Findings
				if !slices.ContainsFunc(found, func(f evidence.Finding) bool { return strings.Contains(f.String(), c.want) }) {
					t.Fatalf("seed %d: nothing says %q: %v", seed, c.want, found)
				}
			}
		})
	}
}

// TestRowsCannotBeGuessed: equal rows have other hashes in each pack's evidence, so that
// a hidden row cannot be found out by trying.
func TestRowsCannotBeGuessed(t *testing.T) {
	t.Parallel()
	source := evidencetest.Bucket{}
	put(source, 0, "lic-a", 1, 1, "")
	put(source, 1, "lic-a", 2, 2, "")
	seen := make(map[string]bool)
	for n := range 2 {
		vault := evidencetest.Bucket{}
		s := evidence.Sealer{Ledger: "l", Source: source, Vault: vault, Signer: evidencetest.NewKey(), MAC: evidence.LocalMAC([]byte{byte(n)}), Now: func() time.Time { return at(2, 2) }}
		if _, err := s.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, row := range logRows(t, vault, nil) {
			_, salt, found := strings.Cut(row, `"salt":"`)
			if !found || len(salt) != len("00112233445566778899aabbccddeeff\"}\n") || seen[salt] {
				t.Errorf("%q has no salt of its own", row)
			}
			seen[salt] = true
		}
	}
}

// TestADecoyIsToldFromTheVendor: a license that is shown beside another vendor's whole
// does not pass for its own vendor's whole.
func TestADecoyIsToldFromTheVendor(t *testing.T) {
	t.Parallel()
	pack, key, _ := vendorsPack(t, rand.New(rand.NewPCG(2, 1)), 3)
	r := verify(t, disclose(t, pack, "IBM", "lic-0"), with(key))
	if len(r.Findings) > 0 || !slices.Equal(r.Shown.Vendors, []string{"IBM"}) || !slices.Equal(r.Shown.OneByOne, []string{"lic-0"}) {
		t.Errorf("%v, %+v", r.Findings, r.Shown)
	}
	r = verify(t, disclose(t, pack, "Oracle"), with(key))
	if !slices.Equal(r.Shown.Vendors, []string{"Oracle"}) || len(r.Shown.OneByOne) > 0 {
		t.Errorf("%+v", r.Shown)
	}
}

// TestAReplacedKey: with another key a vendor has another group; both are shown, and one
// alone is found out. A group that is of two vendors is found, too.
func TestAReplacedKey(t *testing.T) {
	t.Parallel()
	source, vault, key := evidencetest.Bucket{}, evidencetest.Bucket{}, evidencetest.NewKey()
	row := func(day int, license, vendor string, revision int64) {
		line, err := json.Marshal(publish.Row{LicenseID: license, Vendor: vendor, Revision: revision, CommitRow: 1, CommitRows: 1})
		if err != nil {
			t.Fatal(err)
		}
		source[fmt.Sprintf("%sdt=%s/%s-%012d-%012d.jsonl", config.PrefixChanges, at(day, 0).Format(time.DateOnly), license, revision, revision)] = append(line, '\n')
	}
	row(0, "lic-a", "Oracle", 1)
	row(1, "lic-a", "Oracle", 2)
	row(1, "lic-b", "Oracle", 1)
	seals := func(n int, mac evidence.MAC) {
		s := evidence.Sealer{Ledger: "l", Source: source, Vault: vault, Signer: key, MAC: mac, Now: func() time.Time { return at(n, 2) }}
		if _, err := s.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	seals(1, evidence.LocalMAC([]byte("old")))
	seals(2, evidence.LocalMAC([]byte("new")))
	shown := disclose(t, vault, "Oracle")
	r := verify(t, shown, with(key))
	if len(r.Findings) > 0 || !slices.Equal(r.Shown.Licenses, []string{"lic-a", "lic-b"}) || !slices.Equal(r.Shown.Vendors, []string{"Oracle"}) || len(r.Shown.Groups) != 2 {
		t.Errorf("%v, %+v", r.Findings, r.Shown)
	}
	var claim evidence.Disclosure
	if err := json.Unmarshal(shown[evidence.DisclosureFile], &claim); err != nil {
		t.Fatal(err)
	}
	for i := range claim.Groups {
		one := claim
		one.Groups = claim.Groups[i : i+1]
		half := maps.Clone(shown)
		half[evidence.DisclosureFile], _ = json.Marshal(one)
		if r := verify(t, half, with(key)); len(r.Findings) != 1 || !strings.Contains(r.Findings[0].String(), "is of that vendor too, and not claimed") {
			t.Errorf("%v", r.Findings)
		}
	}
}

// linked is a pack in which a file is a link.
type linked struct {
	evidencetest.Bucket
	path string
}

func (l linked) Files(ctx context.Context) (map[string]int64, error) {
	files, err := l.Bucket.Files(ctx)
	files[l.path] = -1
	return files, err
}

func TestALinkIsNoFile(t *testing.T) {
	t.Parallel()
	pack, key, _ := vendorsPack(t, rand.New(rand.NewPCG(3, 1)), 2)
	shown := disclose(t, pack, "Oracle")
	for _, path := range []string{"usage/dt=2026-11-01/u.parquet", "changes/dt=2026-11-01/changes.jsonl"} {
		r, err := evidence.Verify(t.Context(), linked{shown, path}, with(key))
		if err != nil || len(r.Findings) == 0 || r.Findings[0].Path != path || r.Findings[0].Kind != evidence.Missing {
			t.Errorf("%s is a link: %v, %v", path, r, err)
		}
	}
}

// TestNotSealedYet: a license that is new does not keep others from being shown.
func TestNotSealedYet(t *testing.T) {
	t.Parallel()
	pack, _, _ := vendorsPack(t, rand.New(rand.NewPCG(4, 1)), 2)
	d, err := evidence.Disclose(t.Context(), pack, "", []string{"lic-3", "lic-9"}, nil, func(string, []byte) error { return nil })
	if err != nil || !slices.Equal(d.Licenses, []string{"lic-3"}) || !slices.Equal(d.Unsealed, []string{"lic-9"}) {
		t.Errorf("%+v, %v", d, err)
	}
}

// TestNobodyIsShown: what cannot be shown is said, not left empty.
func TestNobodyIsShown(t *testing.T) {
	t.Parallel()
	pack, _, _ := vendorsPack(t, rand.New(rand.NewPCG(1, 1)), 2)
	altered := maps.Clone(pack)
	altered["changes/dt=2026-11-01/changes.jsonl"] = bytes.Replace(pack["changes/dt=2026-11-01/changes.jsonl"], []byte("i-0"), []byte("i-1"), 1)
	for want, c := range map[string]struct {
		pack     evidencetest.Bucket
		vendor   string
		licenses []string
	}{
		`whose vendor is "Orakel"`:              {pack, "Orakel", nil},
		"name a vendor or licenses":             {pack, "", nil},
		"is this a folder of evidence":          {evidencetest.Bucket{}, "Oracle", nil},
		"is not what was sealed":                {altered, "Oracle", nil},
		"no commit of lic-9 is in the evidence": {pack, "", []string{"lic-9"}},
	} {
		_, err := evidence.Disclose(t.Context(), c.pack, c.vendor, c.licenses, nil, func(string, []byte) error { return nil })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error that says %q: %v", want, err)
		}
	}
}
