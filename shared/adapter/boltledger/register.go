package boltledger

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"go.etcd.io/bbolt"

	"licenseguard/shared/adapter/ledgercodec"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

func versionKey(id string, revision int64) string { return fmt.Sprintf("%s#%015d", id, revision) }

// History implements ledger.Register.
func (s *Store) History(_ context.Context, id string) (out []ledger.Version, err error) {
	err = s.eachWith(history, id+"#", func(_ string, data []byte) error {
		var v ledger.Version
		if err := json.Unmarshal(data, &v); err != nil {
			return fmt.Errorf("decode history of %s: %w", id, err)
		}
		v.Configuration, err = v.Configuration.Normalized()
		out = append(out, v)
		return err
	})
	return out, err
}

// DeletedConfigurations implements ledger.Register.
func (s *Store) DeletedConfigurations(context.Context) (out []license.Configuration, err error) {
	err = s.eachWith(deleted, "", func(_ string, data []byte) error {
		c, err := ledgercodec.DecodeConfiguration(data)
		out = append(out, c)
		return err
	})
	return out, err
}

// LoadDocument implements ledger.Documents.
func (s *Store) LoadDocument(_ context.Context, kind ledger.DocumentKind, id string) (d ledger.Document, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		d, err = readDocument(tx, kind, id)
		return err
	})
	return d, err
}

func documentKey(kind ledger.DocumentKind, id string) string { return string(kind) + "#" + id }

func readDocument(tx *bbolt.Tx, kind ledger.DocumentKind, id string) (ledger.Document, error) {
	d := ledger.Document{Kind: kind, ID: id}
	data := tx.Bucket(documents).Get([]byte(documentKey(kind, id)))
	if data == nil {
		return d, nil
	}
	if err := json.Unmarshal(data, &d); err != nil {
		return d, fmt.Errorf("decode %s %s: %w", kind, id, err)
	}
	return d, nil
}

// Documents implements ledger.Documents.
func (s *Store) Documents(_ context.Context, kind ledger.DocumentKind, prefix string) (out []ledger.Document, err error) {
	err = s.eachWith(documents, documentKey(kind, prefix), func(key string, data []byte) error {
		var d ledger.Document
		if err := json.Unmarshal(data, &d); err != nil {
			return fmt.Errorf("decode %s: %w", key, err)
		}
		out = append(out, d)
		return nil
	})
	return out, err
}

// PutDocument implements ledger.Documents.
func (s *Store) PutDocument(_ context.Context, d ledger.Document) error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		before, err := readDocument(tx, d.Kind, d.ID)
		if err != nil {
			return err
		}
		if before.Revision != d.Revision-1 {
			return &ledger.Conflict{License: documentKey(d.Kind, d.ID)}
		}
		return putJSON(tx.Bucket(documents), documentKey(d.Kind, d.ID), d)
	})
}

// DropDocument implements ledger.Documents.
func (s *Store) DropDocument(_ context.Context, kind ledger.DocumentKind, id string) error {
	return s.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(documents).Delete([]byte(documentKey(kind, id))) })
}

// eachWith calls use for the records of a bucket whose keys begin with a prefix, in
// order.
func (s *Store) eachWith(bucket []byte, prefix string, use func(key string, data []byte) error) error {
	return s.db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket(bucket).Cursor()
		for k, data := c.Seek([]byte(prefix)); k != nil && strings.HasPrefix(string(k), prefix); k, data = c.Next() {
			if err := use(string(k), data); err != nil {
				return err
			}
		}
		return nil
	})
}
