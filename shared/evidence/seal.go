package evidence

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"licenseguard/shared/config"
)

// LateDays is how many days after its own a log object or a snapshot is still
// sealed, in the manifest of the day on which it is found.
const LateDays = 31

// Source is where the change log and the snapshots are written.
type Source interface {
	// List gives the keys that begin with a prefix, in order.
	List(ctx context.Context, prefix string) ([]string, error)
	Get(ctx context.Context, key string) ([]byte, error)
}

// Vault is where the pack is. Put of the same key and body again must be no error.
type Vault interface {
	Source
	Put(ctx context.Context, key string, body []byte, contentType string) error
}

// Signer holds the private key.
type Signer interface {
	// PublicKey is its public half, as SubjectPublicKeyInfo in DER.
	PublicKey(ctx context.Context) ([]byte, error)
	// Sign gives an ECDSA signature of the message's SHA-256, in DER. The message is
	// short: a [Statement].
	Sign(ctx context.Context, message []byte) ([]byte, error)
}

// Sealer seals what was written on days that are over.
type Sealer struct {
	Ledger string // names the pack's ledger in each manifest
	Source Source
	Vault  Vault
	Signer Signer
	MAC    MAC // makes pseudonyms, groups and salts
	// Table replaces what may name people in a snapshot's table; nil where it needs none.
	Table  func(key string, body []byte, pseudonym Pseudonym) ([]byte, error)
	Margin time.Duration // how long after midnight (UTC) a day counts as over
	Now    func() time.Time
}

// Sealed is one day that was sealed.
type Sealed struct {
	Day   string
	Head  Head
	Root  Hash // of the day's files
	Files int
	Rows  int64
}

// Run seals each day that is over and not sealed yet, the oldest first. A day is
// sealed when its signature is there: what a crash left before that is made again.
// Nothing that is sealed is changed, so a second run writes nothing.
func (s *Sealer) Run(ctx context.Context) ([]Sealed, error) {
	der, err := s.Signer.PublicKey(ctx)
	if err != nil {
		return nil, err
	}
	key, err := ParsePublicKey(der)
	if err != nil {
		return nil, err
	}
	c, err := s.resume(ctx, key)
	if err != nil {
		return nil, err
	}
	last := s.Now().UTC().Add(-s.Margin).AddDate(0, 0, -1).Format(dayLayout)
	var done []Sealed
	for c.day != "" && c.day <= last {
		sealed, err := s.seal(ctx, c, key)
		if err != nil {
			return done, fmt.Errorf("seal %s: %w", c.day, err)
		}
		done = append(done, sealed)
	}
	return done, nil
}

// chain is where sealing goes on.
type chain struct {
	day    string // the next one; "" where there is nothing to seal
	last   *Manifest
	bytes  []byte // of last
	sealed spanSet
	tables map[string]bool // the snapshots that are sealed
	blind  *blinding
}

// resume reads the last manifest, checks it, and reads what those of the last
// LateDays sealed. An altered one is an error: nothing is built on it.
func (s *Sealer) resume(ctx context.Context, key PublicKey) (*chain, error) {
	c := &chain{sealed: make(spanSet), tables: make(map[string]bool)}
	keys, err := s.Vault.List(ctx, PrefixManifests)
	if err != nil {
		return nil, err
	}
	var days []string
	for _, k := range keys {
		if day, ok := strings.CutSuffix(path.Base(k), extSignature); ok {
			days = append(days, day) // a signature without its manifest is no crash of ours: reading it fails below
		}
	}
	slices.Sort(days)
	if len(days) == 0 {
		c.day, err = s.firstDay(ctx)
		return c, err
	}
	for _, day := range days[max(0, len(days)-LateDays-1):] {
		if c.bytes, err = s.Vault.Get(ctx, Path(day)); err != nil {
			return nil, err
		}
		der, err := s.Vault.Get(ctx, SignaturePath(day))
		if err != nil {
			return nil, err
		}
		m, err := Decode(c.bytes)
		if err == nil {
			err = key.Verify(Statement(c.bytes), der)
		}
		if err != nil {
			return nil, fmt.Errorf("manifest of %s: %w; nothing is sealed on top of it: run licenseguard verify, and see the runbook", day, err)
		}
		c.last = m
		for i := range m.Files {
			c.tables[m.Files[i].Path] = true
			for _, span := range m.Files[i].Revisions {
				c.sealed.add(span)
			}
		}
	}
	c.day = dayAfter(c.last.Day, 1)
	return c, nil
}

// folders are those of what is sealed; the CSV repeats the tables.
var folders = []string{config.PrefixChanges, config.PrefixPositions, config.PrefixUsage, config.PrefixCoverage}

func folderOf(prefix, day string) string { return prefix + config.DatePartition + "=" + day + "/" }

// firstDay is the day of the oldest that was written.
func (s *Sealer) firstDay(ctx context.Context) (string, error) {
	first := ""
	for _, prefix := range folders {
		keys, err := s.Source.List(ctx, prefix+config.DatePartition+"=")
		if err != nil {
			return "", err
		}
		for _, k := range keys {
			day, _, _ := strings.Cut(strings.TrimPrefix(k, prefix+config.DatePartition+"="), "/")
			if _, err := time.Parse(dayLayout, day); err == nil && (first == "" || day < first) {
				first = day
			}
		}
	}
	return first, nil
}

// seal writes one day: its files, the manifest, and last the signature.
func (s *Sealer) seal(ctx context.Context, c *chain, key PublicKey) (Sealed, error) {
	if c.last != nil && c.last.Ledger != s.Ledger {
		return Sealed{}, fmt.Errorf("the evidence there is of %q, not of %q", c.last.Ledger, s.Ledger)
	}
	m := c.last.next(c.bytes)
	m.Ledger, m.Day, m.Key = s.Ledger, c.day, key.ID
	m.Sealed = s.Now().UTC().Format(time.RFC3339)
	if c.blind == nil {
		blind, err := newBlinding(ctx, s.MAC)
		if err != nil {
			return Sealed{}, err
		}
		c.blind = blind
	}
	c.blind.begin(c.day)
	today := folderOf(config.PrefixChanges, c.day)
	if err := s.sealLog(ctx, c, &m, today+"changes.jsonl", c.day); err != nil {
		return Sealed{}, err
	}
	var before []string
	for n := LateDays; n > 0 && c.last != nil; n-- {
		before = append(before, dayAfter(c.day, -n))
	}
	if err := s.sealLog(ctx, c, &m, today+"late.jsonl", before...); err != nil {
		return Sealed{}, err
	}
	for _, day := range append(before, c.day) {
		for _, prefix := range folders[1:] {
			if err := s.sealTables(ctx, c, &m, folderOf(prefix, day)); err != nil {
				return Sealed{}, err
			}
		}
	}
	slices.SortFunc(m.Files, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
	m.Root = m.filesRoot()
	if err := m.check(); err != nil {
		return Sealed{}, err
	}
	encoded := m.Encode()
	der, err := s.Signer.Sign(ctx, Statement(encoded))
	if err != nil {
		return Sealed{}, err
	}
	if der, err = lowS(der); err != nil {
		return Sealed{}, err
	}
	if err := key.Verify(Statement(encoded), der); err != nil {
		return Sealed{}, fmt.Errorf("what the key signed: %w", err)
	}
	if err := s.Vault.Put(ctx, Path(c.day), encoded, "application/json"); err != nil {
		return Sealed{}, err
	}
	if err := s.Vault.Put(ctx, SignaturePath(c.day), der, "application/octet-stream"); err != nil {
		return Sealed{}, err
	}
	c.last, c.bytes, c.day = &m, encoded, dayAfter(c.day, 1)
	sealed := Sealed{Day: m.Day, Head: Head{m.Sequence, Sum(encoded)}, Root: m.Root, Files: len(m.Files)}
	for i := range m.Files {
		sealed.Rows += m.Files[i].Rows
	}
	return sealed, nil
}

// sealLog writes the rows of the log objects of some days that are not sealed yet
// as one file, and their leaf hashes beside it. Without rows there is no file.
func (s *Sealer) sealLog(ctx context.Context, c *chain, m *Manifest, key string, days ...string) error {
	var bodies [][]byte
	for _, day := range days {
		keys, err := s.Source.List(ctx, folderOf(config.PrefixChanges, day))
		if err != nil {
			return err
		}
		for _, k := range keys {
			if span, ok := named(k); ok && c.sealed.covers(span) {
				continue
			}
			body, err := s.Source.Get(ctx, k)
			if err != nil {
				return err
			}
			bodies = append(bodies, body)
		}
	}
	log, err := logOf(bodies, c.sealed, c.blind)
	if err != nil || len(log.data) == 0 {
		return err
	}
	leaves := leavesOf(log.data)
	hashes := make([]byte, 0, len(leaves)*len(Hash{}))
	for _, l := range leaves {
		hashes = append(hashes, l[:]...)
	}
	entry := Entry{Path: key, Size: int64(len(log.data)), SHA256: Sum(log.data), Rows: int64(len(leaves)), Root: Root(leaves), Revisions: log.spans, Groups: log.groups}
	m.Files = append(m.Files, entry, Entry{Path: entry.Leaves(), Size: int64(len(hashes)), SHA256: Sum(hashes)})
	if err := s.Vault.Put(ctx, key, log.data, "application/x-ndjson"); err != nil {
		return err
	}
	return s.Vault.Put(ctx, entry.Leaves(), hashes, "application/octet-stream")
}

// named reads license and revisions from the name of a log object, as publish
// gives it: license-first-last.jsonl.
func named(key string) (Span, bool) {
	parts := strings.Split(strings.TrimSuffix(path.Base(key), ".jsonl"), "-")
	if len(parts) < 3 {
		return Span{}, false
	}
	s := Span{License: strings.Join(parts[:len(parts)-2], "-")}
	_, err1 := fmt.Sscanf(parts[len(parts)-2], "%d", &s.First)
	_, err2 := fmt.Sscanf(parts[len(parts)-1], "%d", &s.Last)
	return s, errors.Join(err1, err2) == nil
}

// sealTables copies the snapshots of a folder that are not sealed yet.
func (s *Sealer) sealTables(ctx context.Context, c *chain, m *Manifest, folder string) error {
	keys, err := s.Source.List(ctx, folder)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if c.tables[k] {
			continue
		}
		body, err := s.Source.Get(ctx, k)
		if err != nil {
			return err
		}
		if s.Table != nil {
			if body, err = s.Table(k, body, c.blind.pseudonym); err != nil {
				return fmt.Errorf("%s: %w", k, err)
			}
		}
		if err := s.Vault.Put(ctx, k, bytes.Clone(body), "application/vnd.apache.parquet"); err != nil {
			return err
		}
		c.tables[k] = true
		m.Files = append(m.Files, Entry{Path: k, Size: int64(len(body)), SHA256: Sum(body)})
	}
	return nil
}
