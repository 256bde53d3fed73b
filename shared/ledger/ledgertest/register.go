package ledgertest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// versions: every version of a configuration is kept, also after its end.
func versions(t *testing.T, store ledger.Store) {
	ctx := t.Context()
	create(t, store, Configuration(t, "lic-1", 2))
	create(t, store, Configuration(t, "lic-10", 2))
	l := apply(t, store, "lic-1", []ledger.Claim{Launch("lic-1", 1)}) // a commit that is no version
	c := committer(store)
	changed := l.Configuration
	changed.Name, changed.UpdatedBy, changed.UpdatedAt = "another name", "=ann", Start.Add(time.Hour)
	l, err := c.Configure(ctx, l, changed, "=ann")
	if err != nil {
		t.Fatal(err)
	}
	_, epoch, err := store.Configurations(ctx)
	if err != nil {
		t.Fatal(err)
	}
	stale := *l
	stale.Revision--
	wantConflict(t, "deletion of an older state", c.Delete(ctx, &stale, "bob"))
	if err := c.Delete(ctx, l, "bob"); err != nil {
		t.Fatal(err)
	}
	late := step(t, l, Launch("lic-1", 2))
	wantConflict(t, "a commit after the deletion", store.Commit(ctx, late))
	if _, err := store.Load(ctx, "lic-1"); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("Load of a deleted license: %v; want ErrNotFound", err)
	}
	list, after, err := store.Configurations(ctx)
	if err != nil || len(list) != 1 || list[0].ID != "lic-10" || after <= epoch {
		t.Errorf("Configurations after the deletion: %d, epoch %d after %d, %v; want lic-10 and a higher epoch", len(list), after, epoch, err)
	}
	if due, err := store.DueLicenses(ctx, Start.Add(1000*time.Hour)); err != nil || len(due) > 0 && due[0] == "lic-1" {
		t.Errorf("DueLicenses after the deletion: %v, %v", due, err)
	}
	all, err := store.History(ctx, "lic-1")
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, v := range all {
		told = append(told, fmt.Sprint(v.Configuration.ID, " ", v.Configuration.Name, " by ", v.Configuration.UpdatedBy, " ", v.Deleted))
	}
	first := all[0].Configuration
	want := []string{"lic-1 " + first.Name + " by " + first.UpdatedBy + " false", "lic-1 another name by =ann false", "lic-1 another name by bob true"}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
	if v, err := store.History(ctx, "lic-none"); err != nil || len(v) != 0 {
		t.Errorf("History of an unknown license: %v, %v; want none", v, err)
	}
	gone, err := store.DeletedConfigurations(ctx)
	if err != nil || len(gone) != 1 || gone[0].ID != "lic-1" || gone[0].UpdatedBy != "bob" {
		t.Errorf("DeletedConfigurations: %+v, %v; want lic-1 by bob", gone, err)
	}
	again := &ledger.License{Configuration: license.Configuration{ID: "lic-1"}}
	if _, err := c.Configure(ctx, again, changed, "eve"); err == nil {
		t.Error("the id of a deleted license is used again")
	}
}

func documents(t *testing.T, store ledger.Store) {
	ctx := t.Context()
	const kind = ledger.ReportGenerators
	d, err := store.LoadDocument(ctx, kind, "r-1")
	if err != nil || d.Revision != 0 || d.ID != "r-1" || d.Kind != kind {
		t.Fatalf("LoadDocument of none: %+v, %v; want revision 0", d, err)
	}
	for n, id := range []string{"r-2", "r-1", "s-1"} {
		put(t, store, ledger.Document{Kind: kind, ID: id, Revision: 1, Data: fmt.Appendf(nil, `{"n":%d,"text":"\u0001漢 =x"}`, n)})
	}
	put(t, store, ledger.Document{Kind: ledger.ServiceSettings, ID: "r-9", Revision: 1, Data: []byte(`{}`)})
	d, err = store.LoadDocument(ctx, kind, "r-1")
	if diff := cmp.Diff(ledger.Document{Kind: kind, ID: "r-1", Revision: 1, Data: []byte(`{"n":1,"text":"\u0001漢 =x"}`)}, d); diff != "" || err != nil {
		t.Errorf("document (-put +loaded), %v:\n%s", err, diff)
	}
	for _, revision := range []int64{1, 3} {
		d.Revision = revision
		wantConflict(t, fmt.Sprintf("a document of revision %d after 1", revision), store.PutDocument(ctx, d))
	}
	wantConflict(t, "a second revision of none", store.PutDocument(ctx, ledger.Document{Kind: kind, ID: "r-7", Revision: 2, Data: []byte(`{}`)}))
	wantDocuments(t, store, kind, "", "r-1", "r-2", "s-1")
	wantDocuments(t, store, kind, "r-", "r-1", "r-2")
	wantDocuments(t, store, kind, "x")
	for range 2 {
		if err := store.DropDocument(ctx, kind, "r-1"); err != nil {
			t.Fatal(err)
		}
	}
	wantDocuments(t, store, kind, "", "r-2", "s-1")
	wantDocuments(t, store, ledger.ServiceSettings, "", "r-9")
}

func put(t *testing.T, store ledger.Store, d ledger.Document) {
	t.Helper()
	if err := store.PutDocument(t.Context(), d); err != nil {
		t.Fatal(err)
	}
}

func wantDocuments(t *testing.T, store ledger.Store, kind ledger.DocumentKind, prefix string, want ...string) {
	t.Helper()
	list, err := store.Documents(t.Context(), kind, prefix)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range list {
		got = append(got, d.ID)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s with prefix %q (-want +got):\n%s", kind, prefix, diff)
	}
}

// rivalDocuments: of those who replace one revision at once, one wins.
func rivalDocuments(t *testing.T, store ledger.Store) {
	const rivals, rounds = 8, 5
	for revision := range int64(rounds) {
		var won atomic.Int64
		var group sync.WaitGroup
		for range rivals {
			group.Go(func() {
				err := store.PutDocument(t.Context(), ledger.Document{Kind: ledger.ServiceSettings, ID: "one", Revision: revision + 1, Data: []byte(`{}`)})
				var conflict *ledger.Conflict
				switch {
				case err == nil:
					won.Add(1)
				case !errors.As(err, &conflict):
					t.Error(err)
				}
			})
		}
		group.Wait()
		if won.Load() != 1 {
			t.Fatalf("revision %d: %d won, want 1", revision+1, won.Load())
		}
	}
}
