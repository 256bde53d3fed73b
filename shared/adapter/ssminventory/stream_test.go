package ssminventory

import (
	"encoding/json"
	"strings"
	"testing"

	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

// FuzzAnswer: no answer breaks the reader, and of one that is JSON it reads what
// encoding/json does.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		`{"Entities":[{"Id":"mi-0123456789abcdef0","Data":{"AWS:Application":{"Content":[{"Name":"a\"b\u00e9\\"},{"Name":"x","Version":"1","X":[1,{"Y":null}]}],"SchemaVersion":"1.1","CaptureTime":"2026-11-20T09:00:00Z"}}}],"NextToken":"n"}`,
		`{"Entities":[7,null,{"Id":"mi-0123456789abcdef0","Data":[]}]}`, `[]`, `{`, `"`, `{"Entities":[{"Id":"\u`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		a := &answer{reading: track.Reading{Part: license.PartApplications, Keep: func(license.Application) bool { return true }}}
		err := a.read(strings.NewReader(body))
		var want struct {
			Entities []struct {
				ID   string
				Data map[string]struct {
					Content                    []map[string]string
					SchemaVersion, CaptureTime string
				}
			}
			NextToken string
		}
		if json.Unmarshal([]byte(body), &want) != nil || strings.Contains(body, `\`) && !json.Valid([]byte(body)) {
			return
		}
		if err != nil {
			t.Fatalf("%v of valid JSON", err)
		}
		for _, in := range a.found {
			for _, app := range in.Applications {
				if !strings.Contains(strings.ToLower(body), "name") && app.Name != "" {
					t.Errorf("%q from nowhere", app.Name)
				}
			}
		}
	})
}

// TestTexts: a text is what encoding/json reads, as far as it is within the bounds.
func TestTexts(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "plain", "é ü 😀", "quote \" and \\ and \n\t\x00", strings.Repeat("a", 1024), strings.Repeat("\x01", 100) + "end", "\u2028<&>"} {
		written, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		var got string
		if ok, err := newJSONReader(strings.NewReader(string(written))).into(&got); !ok || err != nil || got != text {
			t.Errorf("%q is read as %q (%v)", text, got, err)
		}
	}
	for _, long := range []string{strings.Repeat("a", 1<<20), strings.Repeat("\x00", 1<<20), strings.Repeat("é", 1<<20), strings.Repeat(`\`, 1<<20), strings.Repeat("a", 1023) + `"` + strings.Repeat("b", 9)} {
		written, err := json.Marshal(long)
		if err != nil {
			t.Fatal(err)
		}
		j := newJSONReader(strings.NewReader(string(written) + `"next"`))
		var got, next string
		_, _ = j.into(&got)
		if ok, err := j.into(&next); !ok || err != nil || next != "next" || len(got) > 3*maxText || !strings.HasPrefix(long, strings.TrimSuffix(got, "\ufffd")) {
			t.Errorf("%.10q…: %d bytes, then %q (%v)", long, len(got), next, err)
		}
	}
}

func BenchmarkAnswer(b *testing.B) {
	one := `{"Name":"libpackage","ApplicationType":"System Environment/Libraries","Publisher":"Amazon Linux","Version":"1.0.2","Release":"1.amzn2","Epoch":"0","InstalledTime":"2026-01-01T00:00:00Z","Architecture":"x86_64","URL":"http://example.com/package","Summary":"A library","PackageId":"libpackage-1.0.2.rpm"}`
	body := `{"Entities":[{"Id":"mi-0123456789abcdef0","Data":{"AWS:Application":{"Content":[` + strings.Repeat(one+",", 10000) + one + `],"SchemaVersion":"1.1","CaptureTime":"2026-11-20T09:00:00Z"}}}]}`
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		a := &answer{reading: track.Reading{Part: license.PartApplications, Keep: func(a license.Application) bool { return strings.HasPrefix(a.Name, "SQL") }}}
		if err := a.read(strings.NewReader(body)); err != nil {
			b.Fatal(err)
		}
	}
}
