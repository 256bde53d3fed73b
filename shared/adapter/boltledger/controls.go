package boltledger

import (
	"context"
	"encoding/json"
	"fmt"

	"go.etcd.io/bbolt"

	"licenseguard/shared/ledger"
)

// LoadBrakes implements ledger.Controls.
func (s *Store) LoadBrakes(context.Context) (*ledger.Brakes, error) {
	b := &ledger.Brakes{}
	err := s.db.View(func(tx *bbolt.Tx) error { return readBrakes(tx, b) })
	return b, err
}

func readBrakes(tx *bbolt.Tx, b *ledger.Brakes) error {
	data := tx.Bucket(meta).Get(brakesKey)
	if data == nil {
		return nil
	}
	if err := json.Unmarshal(data, b); err != nil {
		return fmt.Errorf("decode brakes: %w", err)
	}
	return nil
}

// CommitBrakes implements ledger.Controls.
func (s *Store) CommitBrakes(_ context.Context, b *ledger.Brakes, c *ledger.Change) error {
	err := s.db.Update(func(tx *bbolt.Tx) error {
		var before ledger.Brakes
		if err := readBrakes(tx, &before); err != nil {
			return err
		}
		if before.Revision != b.Revision-1 {
			return &ledger.Conflict{License: ledger.EnforcementID}
		}
		return putJSON(tx.Bucket(meta), string(brakesKey), b)
	})
	if err == nil && s.onCommit != nil {
		s.onCommit(c)
	}
	return err
}

// SavePlan implements ledger.Controls.
func (s *Store) SavePlan(_ context.Context, p ledger.Plan) error {
	return s.db.Update(func(tx *bbolt.Tx) error { return putJSON(tx.Bucket(plans), p.Hash, p) })
}

// LoadPlan implements ledger.Controls.
func (s *Store) LoadPlan(_ context.Context, hash string) (p ledger.Plan, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		data := tx.Bucket(plans).Get([]byte(hash))
		if data == nil {
			return fmt.Errorf("plan %q: %w", hash, ledger.ErrNoPlan)
		}
		return json.Unmarshal(data, &p)
	})
	return p, err
}
