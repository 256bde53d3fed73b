package folderpack_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"licenseguard/shared/adapter/folderpack"
	"licenseguard/shared/evidence"
	"licenseguard/shared/evidence/evidencetest"
)

// A folder is the same pack as a bucket in memory.
func TestFolder(t *testing.T) {
	t.Parallel()
	source, vault, key := evidencetest.Bucket{}, evidencetest.Bucket{}, evidencetest.NewKey()
	fleet := evidencetest.Fleet{Licenses: 2, ChangesADay: 6, RowsAnObject: 2, SnapshotsADay: 1, SnapshotBytes: 90}
	fleet.Write(source, time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
	if _, err := evidencetest.Seal(source, vault, key, time.Date(2026, 11, 2, 2, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	folder := folderpack.New(filepath.Join(dir, "pack"))
	if keys, err := folder.List(t.Context(), "x"); err != nil || keys != nil {
		t.Errorf("a folder that is not there lists %v, %v", keys, err)
	}
	for k, body := range vault {
		for range 2 { // again is no error
			if err := folder.Put(t.Context(), k, body, ""); err != nil {
				t.Fatal(err)
			}
		}
	}
	want, _ := vault.List(t.Context(), "manifests/")
	if got, err := folder.List(t.Context(), "manifests/"); err != nil || !cmp.Equal(got, want) {
		t.Errorf("it lists %v, %v", got, err)
	}
	wantFiles, _ := vault.Files(t.Context())
	if got, err := folder.Files(t.Context()); err != nil || !cmp.Equal(got, wantFiles) {
		t.Errorf("its files are %v, %v", got, err)
	}
	if body, err := folder.Get(t.Context(), want[0]); err != nil || string(body) != string(vault[want[0]]) {
		t.Errorf("it gives %q, %v", body, err)
	}
	o := evidence.Options{Keys: []evidence.PublicKey{key.Public()}}
	if r, err := evidence.Verify(t.Context(), folder, o); err != nil || len(r.Findings) != 0 || r.Days != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	// A link to the same bytes elsewhere is not the file.
	outside := filepath.Join(dir, "outside")
	inside := filepath.Join(dir, "pack", "usage", "dt=2026-11-01", "usage-20261101T000000Z.parquet")
	if err := os.Rename(inside, outside); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, inside); err != nil {
		t.Fatal(err)
	}
	r, err := evidence.Verify(t.Context(), folder, o)
	if err != nil || len(r.Findings) != 1 || r.Findings[0].Path != "usage/dt=2026-11-01/usage-20261101T000000Z.parquet" {
		t.Errorf("a link passes: %+v, %v", r, err)
	}
	body, err := folder.Open(t.Context(), want[0])
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if got, err := io.ReadAll(body); err != nil || string(got) != string(vault[want[0]]) {
		t.Errorf("it opens %q, %v", got, err)
	}
}
