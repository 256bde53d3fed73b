package boltledger_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"licenseguard/shared/adapter/boltledger"
	"licenseguard/shared/ledger"
	"licenseguard/shared/ledger/ledgertest"
)

func TestContract(t *testing.T) {
	t.Parallel()
	ledgertest.Run(t, func(t *testing.T) ledger.Store { return open(t, filepath.Join(t.TempDir(), "ledger")) })
}

func open(t *testing.T, path string) *boltledger.Store {
	t.Helper()
	store, err := boltledger.Open(path, boltledger.Options{Volatile: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

func TestSecondOpenFails(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger")
	open(t, path)
	if second, err := boltledger.Open(path, boltledger.Options{}); err == nil {
		second.Close()
		t.Error("the file was opened twice")
	}
}

// Garbled bytes in the file are errors, never panics and never "not found".
func TestGarbledFile(t *testing.T) {
	t.Parallel()
	for bucket, use := range map[string]func(ledger.Store) error{
		"heads":          func(s ledger.Store) error { _, err := s.Load(t.Context(), "lic-1"); return err },
		"configurations": func(s ledger.Store) error { _, _, err := s.Configurations(t.Context()); return err },
		"facts": func(s ledger.Store) error {
			return s.EachFacts(t.Context(), "123456789012", "eu-central-1", func(ledger.Facts) error { return nil })
		},
		"actions": func(s ledger.Store) error { _, err := s.PendingActions(t.Context()); return err },
		"journal": func(s ledger.Store) error { _, err := s.Journal(t.Context(), time.Time{}); return err },
	} {
		for name, garbage := range map[string]string{"nothing": "", "text": "garbage", "zeros": "\x00\x00\x00", "an open array": "\x9f\xff\x9f\x9f", "another JSON": `[1]`} {
			path := filepath.Join(t.TempDir(), "ledger")
			plant(t, path, bucket, garbage)
			store := open(t, path)
			if err := use(store); err == nil || errors.Is(err, ledger.ErrNotFound) {
				t.Errorf("%s in %s: error %v; want one that says what is wrong", name, bucket, err)
			}
		}
	}
}

func plant(t *testing.T, path, bucket, garbage string) {
	t.Helper()
	first, err := boltledger.Open(path, boltledger.Options{Volatile: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, key := range []string{"lic-1", "123456789012/eu-central-1/i-0"} {
			if err := tx.Bucket([]byte(bucket)).Put([]byte(key), []byte(garbage)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
