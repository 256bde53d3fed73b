// Package boltledger keeps the ledger in one file on the local disk, with
// bbolt. It is the embedded default: no server, no account. One process opens
// the file at a time; within it the store may be used by many goroutines.
package boltledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"licenseguard/shared/adapter/ledgercodec"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

var _ ledger.Store = (*Store)(nil)

var (
	configurations = []byte("configurations")
	heads          = []byte("heads")
	pages          = []byte("pages")
	facts          = []byte("facts")
	actions        = []byte("actions")
	journal        = []byte("journal")
	marks          = []byte("marks")
	plans          = []byte("plans")
	history        = []byte("history")
	deleted        = []byte("deleted")
	documents      = []byte("documents")
	meta           = []byte("meta")
	epochKey       = []byte("epoch")
	brakesKey      = []byte("brakes")
)

// Options of a store. The zero value is right for a store that is kept.
type Options struct {
	// Volatile leaves out the wait for the disk, for stores that are thrown away.
	Volatile bool
	// OnCommit is called after each commit, in the order of the commits: it is
	// the local stand-in for the table's stream.
	OnCommit func(*ledger.Change)
}

// Store is a ledger in a file.
type Store struct {
	db       *bbolt.DB
	onCommit func(*ledger.Change)
}

// Open opens or makes the file. It fails within a second when another process
// has it open.
func Open(path string, o Options) (*Store, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second, NoSync: o.Volatile, NoFreelistSync: o.Volatile})
	if err != nil {
		return nil, fmt.Errorf("open ledger %s (is another licenseguard using it?): %w", path, err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{configurations, heads, pages, facts, actions, journal, marks, plans, history, deleted, documents, meta} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("open ledger %s: %w", path, err)
	}
	return &Store{db: db, onCommit: o.OnCommit}, nil
}

// Close closes the file.
func (s *Store) Close() error { return s.db.Close() }

// Load implements ledger.Licenses.
func (s *Store) Load(_ context.Context, id string) (l *ledger.License, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		l, err = load(tx, id)
		return err
	})
	return l, err
}

func load(tx *bbolt.Tx, id string) (*ledger.License, error) {
	data := tx.Bucket(heads).Get([]byte(id))
	if data == nil {
		return nil, fmt.Errorf("%w: %q", ledger.ErrNotFound, id)
	}
	head, err := ledgercodec.DecodeHead(data)
	if err != nil {
		return nil, err
	}
	configuration := tx.Bucket(configurations).Get([]byte(id))
	if configuration == nil && tx.Bucket(deleted).Get([]byte(id)) != nil {
		return nil, fmt.Errorf("%w: %q was deleted", ledger.ErrNotFound, id)
	}
	l := head.License()
	for p := range head.PageRevisions {
		entries, err := ledgercodec.DecodeEntries(tx.Bucket(pages).Get(pageKey(id, p)), p)
		if err != nil {
			return nil, err
		}
		l.Entries = append(l.Entries, entries...)
	}
	l.Configuration, err = ledgercodec.DecodeConfiguration(configuration)
	return l, err
}

func pageKey(id string, page int) []byte { return fmt.Appendf(nil, "%s#%05d", id, page) }

// Commit implements ledger.Licenses.
func (s *Store) Commit(_ context.Context, c ledger.Commit) error {
	err := s.db.Update(func(tx *bbolt.Tx) error { return commit(tx, c) })
	if err == nil && s.onCommit != nil {
		s.onCommit(c.Change)
	}
	return err
}

func commit(tx *bbolt.Tx, c ledger.Commit) error {
	id := []byte(c.License.Configuration.ID)
	var before *ledgercodec.Head
	if data := tx.Bucket(heads).Get(id); data != nil {
		h, err := ledgercodec.DecodeHead(data)
		if err != nil {
			return err
		}
		before = &h
	}
	if before == nil && c.License.Revision != 1 || before != nil && before.Revision != c.License.Revision-1 {
		return conflict(tx, string(id), before)
	}
	head := ledgercodec.HeadOf(c, before)
	for _, p := range c.Dirty {
		data, err := ledgercodec.EncodeEntries(ledgercodec.PageEntries(c.License.Entries, p))
		if err != nil {
			return err
		}
		if err := tx.Bucket(pages).Put(pageKey(string(id), p), data); err != nil {
			return err
		}
	}
	if c.Configured {
		if err := putConfiguration(tx, c); err != nil {
			return err
		}
	}
	data, err := ledgercodec.EncodeHead(head)
	if err != nil {
		return err
	}
	return tx.Bucket(heads).Put(id, data)
}

func conflict(tx *bbolt.Tx, id string, before *ledgercodec.Head) error {
	c := &ledger.Conflict{License: id}
	if before == nil {
		return c
	}
	var err error
	if c.Newer, err = load(tx, id); err != nil && !errors.Is(err, ledger.ErrNotFound) { // it was deleted
		return err
	}
	return c
}

func putConfiguration(tx *bbolt.Tx, c ledger.Commit) error {
	data, err := ledgercodec.EncodeConfiguration(c.License.Configuration)
	if err != nil {
		return err
	}
	id := []byte(c.License.Configuration.ID)
	if c.Deleted {
		err = errors.Join(tx.Bucket(configurations).Delete(id), tx.Bucket(deleted).Put(id, data))
	} else {
		err = tx.Bucket(configurations).Put(id, data)
	}
	if err != nil {
		return err
	}
	version := ledger.Version{Revision: c.License.Revision, Deleted: c.Deleted, Configuration: c.License.Configuration}
	if err := putJSON(tx.Bucket(history), versionKey(string(id), version.Revision), version); err != nil {
		return err
	}
	epoch, err := readEpoch(tx)
	if err != nil {
		return err
	}
	return putJSON(tx.Bucket(meta), string(epochKey), epoch+1)
}

func readEpoch(tx *bbolt.Tx) (epoch int64, err error) {
	if data := tx.Bucket(meta).Get(epochKey); data != nil {
		err = json.Unmarshal(data, &epoch)
	}
	return epoch, err
}

// Configurations implements ledger.Licenses.
func (s *Store) Configurations(context.Context) (out []license.Configuration, epoch int64, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		if epoch, err = readEpoch(tx); err != nil {
			return err
		}
		return tx.Bucket(configurations).ForEach(func(_, data []byte) error {
			c, err := ledgercodec.DecodeConfiguration(data)
			out = append(out, c)
			return err
		})
	})
	return out, epoch, err
}

// Epoch implements ledger.Licenses.
func (s *Store) Epoch(context.Context) (epoch int64, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		epoch, err = readEpoch(tx)
		return err
	})
	return epoch, err
}

// DueLicenses implements ledger.Licenses.
func (s *Store) DueLicenses(_ context.Context, now time.Time) (due []string, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(heads).ForEach(func(id, data []byte) error {
			h, err := ledgercodec.DecodeHead(data)
			if err == nil && h.Due != 0 && h.Due <= now.UnixMilli() {
				due = append(due, string(id))
			}
			return err
		})
	})
	return due, err
}

// LoadFacts implements ledger.Resources.
func (s *Store) LoadFacts(_ context.Context, ids []license.ResourceID) (map[license.ResourceID]ledger.Facts, error) {
	out := make(map[license.ResourceID]ledger.Facts, len(ids))
	err := s.db.View(func(tx *bbolt.Tx) error {
		for _, id := range ids {
			data := tx.Bucket(facts).Get([]byte(id))
			if data == nil {
				continue
			}
			var f ledger.Facts
			if err := json.Unmarshal(data, &f); err != nil {
				return fmt.Errorf("decode facts of %s: %w", id, err)
			}
			out[id] = f
		}
		return nil
	})
	return out, err
}

// SaveFacts implements ledger.Resources.
func (s *Store) SaveFacts(_ context.Context, list []ledger.Facts) error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		for i := range list {
			if err := putJSON(tx.Bucket(facts), string(list[i].Instance.ID), list[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// EachFacts implements ledger.Resources.
func (s *Store) EachFacts(_ context.Context, account, region string, each func(ledger.Facts) error) error {
	var all []ledger.Facts
	prefix := account + "/" + region + "/"
	err := s.db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket(facts).Cursor()
		for k, data := c.Seek([]byte(prefix)); k != nil && strings.HasPrefix(string(k), prefix); k, data = c.Next() {
			var f ledger.Facts
			if err := json.Unmarshal(data, &f); err != nil {
				return fmt.Errorf("decode facts of %s: %w", k, err)
			}
			all = append(all, f)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, f := range all { // outside the transaction, so that each may write
		if err := each(f); err != nil {
			return err
		}
	}
	return nil
}

// AddAction implements ledger.Actions.
func (s *Store) AddAction(_ context.Context, a ledger.PendingAction) error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		if tx.Bucket(actions).Get([]byte(a.Key())) != nil {
			return nil
		}
		return putJSON(tx.Bucket(actions), a.Key(), a)
	})
}

// PutAction implements ledger.Actions.
func (s *Store) PutAction(_ context.Context, a ledger.PendingAction) error {
	return s.db.Update(func(tx *bbolt.Tx) error { return putJSON(tx.Bucket(actions), a.Key(), a) })
}

// DropAction implements ledger.Actions.
func (s *Store) DropAction(_ context.Context, a ledger.PendingAction) error {
	return s.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(actions).Delete([]byte(a.Key())) })
}

// PendingActions implements ledger.Actions.
func (s *Store) PendingActions(context.Context) (out []ledger.PendingAction, err error) {
	err = each(s.db, actions, func(a ledger.PendingAction) { out = append(out, a) })
	return out, err
}

// Record implements ledger.Actions.
func (s *Store) Record(_ context.Context, e ledger.JournalEntry) error {
	return s.db.Update(func(tx *bbolt.Tx) error { return putJSON(tx.Bucket(journal), e.Key(), e) })
}

// Journal implements ledger.Actions.
func (s *Store) Journal(_ context.Context, since time.Time) (out []ledger.JournalEntry, err error) {
	err = each(s.db, journal, func(e ledger.JournalEntry) {
		if !e.At.Before(since) {
			out = append(out, e)
		}
	})
	slices.SortStableFunc(out, func(a, b ledger.JournalEntry) int { return a.At.Compare(b.At) })
	return out, err
}

// Marked implements ledger.Marks.
func (s *Store) Marked(_ context.Context, id string) (marked bool, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		marked = tx.Bucket(marks).Get([]byte(id)) != nil
		return nil
	})
	return marked, err
}

// Mark implements ledger.Marks.
func (s *Store) Mark(_ context.Context, id string, at time.Time) error {
	return s.db.Update(func(tx *bbolt.Tx) error { return putJSON(tx.Bucket(marks), id, at) })
}

func putJSON(b *bbolt.Bucket, key string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", key, err)
	}
	return b.Put([]byte(key), data)
}

func each[T any](db *bbolt.DB, bucket []byte, use func(T)) error {
	return db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucket).ForEach(func(key, data []byte) error {
			var v T
			if err := json.Unmarshal(data, &v); err != nil {
				return fmt.Errorf("decode %s %s: %w", bucket, key, err)
			}
			use(v)
			return nil
		})
	})
}
