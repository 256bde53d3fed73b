//go:build cgo

package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"licenseguard/shared/adapter/parquetfile"
	"licenseguard/shared/catalog"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/snapshot"
	"licenseguard/shared/timeline/yeartest"
)

const layout = "2006-01-02 15:04:05.000"

// world is a year of a fleet, of which reports are written.
type world struct{ *yeartest.Year }

// write leaves the folder that a year leaves; of the log a file a day, where publish
// writes one for each batch. Each tenth file is there twice, as after a delivery that was
// repeated.
func (w *world) write(t testing.TB, folder string) {
	t.Helper()
	files := map[string]*bytes.Buffer{}
	for _, l := range w.Licenses {
		for i := range l.Log {
			r := &l.Log[i]
			name := filepath.Join("changes", "dt="+r.RecordedAt[:10], "log.jsonl")
			if files[name] == nil {
				files[name] = &bytes.Buffer{}
			}
			if err := json.NewEncoder(files[name]).Encode(r); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i, name := range slices.Sorted(maps.Keys(files)) {
		put(t, filepath.Join(folder, name), files[name].Bytes())
		if i%10 == 0 {
			put(t, filepath.Join(folder, name[:len(name)-len(".jsonl")]+"-again.jsonl"), files[name].Bytes())
		}
	}
	w.snapshot(t, folder, w.End.Add(-time.Hour), true)
	w.snapshot(t, folder, w.End, false)
}

// snapshot writes positions and usage as the function does; wrong ones, where an older
// snapshot must not be looked at.
func (w *world) snapshot(t testing.TB, folder string, at time.Time, wrong bool) {
	t.Helper()
	var positions []snapshot.Position
	var usages []snapshot.Usage
	for _, l := range w.Licenses {
		if !l.Ended.IsZero() {
			continue
		}
		facts := map[license.ResourceID]ledger.Facts{}
		for _, m := range l.Running() {
			facts[m.ID] = ledger.Facts{Instance: license.Instance{ID: m.ID, Tags: m.Tags}}
		}
		position := snapshot.PositionOf(l.Ledger, at)
		if wrong {
			position.Consumed *= 2
		}
		positions = append(positions, position)
		usages = append(usages, snapshot.UsagesOf(l.Ledger, facts, at, catalog.Embedded())...)
	}
	name := "dt=" + at.Format(time.DateOnly) + "/" + at.Format("150405") + ".parquet"
	body, err := parquetfile.Encoder{}.Positions(positions)
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(folder, "positions", name), body)
	if body, err = (parquetfile.Encoder{}).Usages(usages); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(folder, "usage", name), body)
}

func put(t testing.TB, name string, body []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, body, 0o600); err != nil {
		t.Fatal(err)
	}
}
