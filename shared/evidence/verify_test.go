package evidence_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"licenseguard/shared/evidence"
	"licenseguard/shared/evidence/evidencetest"
)

// What a pack alone cannot tell is said, and a head from outside tells it.
func TestTheEndIsProvenByAHeadFromOutside(t *testing.T) {
	t.Parallel()
	pack, key, sealed := sealedPack(t, 6)
	dropDay(pack, sealed[5].Day)
	if r := verify(t, pack, with(key)); len(r.Findings) != 0 || r.HeadProven || r.Last != sealed[4].Day || r.Head != sealed[4].Head.String() {
		t.Errorf("without a head: %+v", r)
	}
	o := with(key)
	o.Head = &sealed[3].Head // of some day before
	if r := verify(t, pack, o); len(r.Findings) != 0 || !r.HeadProven {
		t.Errorf("with an older head: %+v", r)
	}
	o.Head = &sealed[5].Head
	if r := verify(t, pack, o); len(r.Findings) == 0 || r.Findings[0].Path != evidence.Path(sealed[5].Day) || r.HeadProven {
		t.Errorf("with the head that was dropped: %+v", r)
	}
	// A chain that the key's holder made anew has another head.
	forked := evidence.Head{Sequence: 3, Hash: evidence.Sum([]byte("another"))}
	o.Head = &forked
	if r := verify(t, pack, o); len(r.Findings) == 0 || r.Findings[0].Kind != evidence.Rolled || r.Findings[0].Path != evidence.Path(sealed[3].Day) {
		t.Errorf("with a head of another chain: %+v", r)
	}
}

// The holder of the key makes the chain anew from a day on: the head of before, kept
// elsewhere, no longer fits; and days of two chains do not fit together.
func TestAChainMadeAnew(t *testing.T) {
	t.Parallel()
	source, old, made, key := evidencetest.Bucket{}, evidencetest.Bucket{}, evidencetest.Bucket{}, evidencetest.NewKey()
	put(source, 0, "lic-a", 1, 3, "")
	put(source, 1, "lic-a", 4, 6, "")
	sealed := seal(t, source, old, key, at(3, 2))
	delete(source, slices.Sorted(maps.Keys(source))[1])
	put(source, 1, "lic-a", 4, 4, "")
	seal(t, source, made, key, at(3, 2))
	o := with(key)
	if r := verify(t, made, o); len(r.Findings) != 0 {
		t.Fatalf("%+v", r)
	}
	o.Head = &sealed[2].Head
	if r := verify(t, made, o); len(r.Findings) == 0 || r.Findings[0].Kind != evidence.Rolled {
		t.Errorf("a chain made anew passes: %+v", r)
	}
	mixed := maps.Clone(old)
	for k, body := range made {
		if strings.Contains(k, "2026-11-02") {
			mixed[k] = body
		}
	}
	o.Head = nil
	if r := verify(t, mixed, o); len(r.Findings) == 0 || r.Findings[0].Kind != evidence.Broken || r.Findings[0].Path != evidence.Path("2026-11-03") {
		t.Errorf("days of two chains fit together: %+v", r)
	}
}

func TestAPartOfAPack(t *testing.T) {
	t.Parallel()
	pack, key, sealed := sealedPack(t, 6)
	for _, s := range sealed[:2] {
		dropDay(pack, s.Day)
	}
	r := verify(t, pack, with(key))
	if len(r.Findings) == 0 || r.Findings[0].Path != evidence.Path(sealed[1].Day) || !strings.Contains(r.Findings[0].Text, "2 days are missing") {
		t.Errorf("two days are missing: %+v", r)
	}
	o := with(key)
	o.Since = sealed[2].Day
	if r := verify(t, pack, o); len(r.Findings) != 0 || r.Days != 4 || r.First != sealed[2].Day {
		t.Errorf("since the third day: %+v", r)
	}
	o.Since = sealed[1].Day
	if r := verify(t, pack, o); len(r.Findings) != 1 || r.Findings[0].Path != evidence.Path(sealed[1].Day) {
		t.Errorf("since a day that is missing: %+v", r)
	}
}

// Rows are named only by leaf hashes that give the signed root.
func TestARowIsNotNamedByHashesThatWereAlteredToo(t *testing.T) {
	t.Parallel()
	pack, key, _ := sealedPack(t, 3)
	const log = "changes/dt=2026-11-01/changes.jsonl"
	for _, path := range []string{log, log + ".leaves"} {
		pack[path] = slices.Clone(pack[path])
		pack[path][40] ^= 1
	}
	r := verify(t, pack, with(key))
	if len(r.Findings) != 2 || r.Findings[0].Path != log || r.Findings[0].Row != 0 || r.Findings[1].Path != log+".leaves" {
		t.Errorf("%+v", r.Findings)
	}
}

func TestNotEvidence(t *testing.T) {
	t.Parallel()
	key := evidencetest.NewKey()
	for _, pack := range []evidencetest.Bucket{{}, {"readme": nil}, {"manifests/2026-11-01.json": []byte("{}")}, {"manifests/9999-12-31.sig": nil, "manifests/0001-01-01.json": nil}} {
		if r := verify(t, pack, with(key)); len(r.Findings) == 0 || len(r.Findings) > 4 {
			t.Errorf("%v: %+v", pack, r)
		}
	}
	if _, err := evidence.Verify(t.Context(), evidencetest.Bucket{}, evidence.Options{}); err == nil {
		t.Error("it verifies without a key")
	}
}

func FuzzDecode(f *testing.F) {
	pack, _, _ := sealedPack(f, 3)
	for k, body := range pack {
		if strings.HasSuffix(k, ".json") {
			f.Add(body)
		}
	}
	f.Add([]byte(`{"version":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := evidence.Decode(data)
		if err != nil {
			return
		}
		if string(m.Encode()) != string(data) {
			t.Errorf("%q is read as %q", data, m.Encode())
		}
	})
}

func FuzzParsePublicKey(f *testing.F) {
	der, err := evidencetest.NewKey().PublicKey(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(der)
	f.Add([]byte("-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if key, err := evidence.ParsePublicKey(data); err == nil {
			if err := key.Verify(data, data); err == nil {
				t.Errorf("%x is its own signature", data)
			}
		}
	})
}

func FuzzParseHead(f *testing.F) {
	f.Add("0:" + strings.Repeat("0", 64))
	f.Add("12:xy")
	f.Fuzz(func(t *testing.T, text string) {
		if h, err := evidence.ParseHead(text); err == nil && h.String() != strings.ToLower(text) {
			t.Errorf("%q is read as %q", text, h)
		}
	})
}
