package ledgertest

import (
	"errors"
	"testing"

	"licenseguard/shared/ledger"
)

// Run checks that a store keeps the contract. open returns an empty one.
func Run(t *testing.T, open func(t *testing.T) ledger.Store) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, ledger.Store)
	}{
		{"an empty store", emptyStore},
		{"a license is loaded as it was committed", loadedAsCommitted},
		{"a license with every kind of fact is loaded as it was committed", richLicense},
		{"a loaded license is a copy", loadedIsCopy},
		{"the revision must be the next", nextRevision},
		{"a conflict gives the newer license or none", conflictNewer},
		{"pages", pages},
		{"a full commit of pages", manyPages},
		{"configurations and epoch", configurations},
		{"due licenses", dueLicenses},
		{"no torn reads", tornReads},
		{"rivals end exact", rivals},
		{"rivals of one creation", rivalCreation},
		{"concurrent use is linearizable", linearizable},
		{"facts", facts},
		{"facts by account and Region", eachFacts},
		{"facts beyond one answer", manyFacts},
		{"actions", actions},
		{"journal", journal},
		{"brakes", brakes},
		{"rivals at the brakes", rivalBrakes},
		{"plans", plans},
		{"marks", marks},
		{"history and deletion", versions},
		{"documents", documents},
		{"rivals at a document", rivalDocuments},
		{"faults end exact", faultsEndExact},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

func emptyStore(t *testing.T, store ledger.Store) {
	ctx := t.Context()
	if l, err := store.Load(ctx, "lic-none"); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("Load of an unknown license: %v, %v; want ErrNotFound", l, err)
	}
	list, epoch, err := store.Configurations(ctx)
	if len(list) != 0 || epoch != 0 || err != nil {
		t.Errorf("Configurations: %v, epoch %d, %v; want none", list, epoch, err)
	}
	if epoch, err := store.Epoch(ctx); epoch != 0 || err != nil {
		t.Errorf("Epoch: %d, %v; want 0", epoch, err)
	}
	if due, err := store.DueLicenses(ctx, Start); len(due) != 0 || err != nil {
		t.Errorf("DueLicenses: %v, %v; want none", due, err)
	}
	if found, err := store.LoadFacts(ctx, nil); len(found) != 0 || err != nil {
		t.Errorf("LoadFacts of nothing: %v, %v; want none", found, err)
	}
	if err := store.SaveFacts(ctx, nil); err != nil {
		t.Errorf("SaveFacts of nothing: %v", err)
	}
	if pending, err := store.PendingActions(ctx); len(pending) != 0 || err != nil {
		t.Errorf("PendingActions: %v, %v; want none", pending, err)
	}
	if entries, err := store.Journal(ctx, Start); len(entries) != 0 || err != nil {
		t.Errorf("Journal: %v, %v; want none", entries, err)
	}
}
