package snapshot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"licenseguard/shared/config"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// Archive keeps the files. Put of the same key again replaces the file.
type Archive interface {
	Put(ctx context.Context, key string, body []byte, contentType string) error
}

// Store is what a snapshot reads.
type Store interface {
	ledger.Licenses
	ledger.Resources
	ledger.Documents
}

// Encoder writes rows in the form that Athena reads.
type Encoder interface {
	Positions(rows []Position) ([]byte, error)
	Usages(rows []Usage) ([]byte, error)
	Coverages(rows []Coverage) ([]byte, error)
}

// Snapshotter writes snapshots.
type Snapshotter struct {
	Store   Store
	Encoder Encoder
	Archive Archive
	Catalog license.Catalog
	Now     func() time.Time
}

// Report says what a snapshot wrote.
type Report struct {
	Licenses, Resources int
	Keys                []string
}

// Run writes the positions and the usage of all licenses, and what was watched: six
// files, named after the instant.
func (s *Snapshotter) Run(ctx context.Context) (Report, error) {
	now := s.Now()
	configurations, _, err := s.Store.Configurations(ctx)
	if err != nil {
		return Report{}, err
	}
	positions, usages := []Position{}, []Usage{}
	for i := range configurations {
		l, err := s.Store.Load(ctx, configurations[i].ID)
		if errors.Is(err, ledger.ErrNotFound) {
			continue
		}
		if err != nil {
			return Report{}, err
		}
		facts, err := s.Store.LoadFacts(ctx, l.Instances())
		if err != nil {
			return Report{}, err
		}
		used := UsagesOf(l, facts, now, s.Catalog)
		positions = append(positions, PositionOf(l, now).WithUsages(used))
		usages = append(usages, used...)
	}
	r := Report{Licenses: len(positions), Resources: len(usages)}
	if err := write(ctx, s.Archive, &r, config.PrefixPositions, "positions", positions, s.Encoder.Positions, now); err != nil {
		return r, err
	}
	if err := write(ctx, s.Archive, &r, config.PrefixUsage, "usage", usages, s.Encoder.Usages, now); err != nil {
		return r, err
	}
	watched, err := s.coverages(ctx, now)
	if err != nil {
		return r, err
	}
	return r, write(ctx, s.Archive, &r, config.PrefixCoverage, "coverage", watched, s.Encoder.Coverages, now)
}

func write[T any](ctx context.Context, archive Archive, r *Report, prefix, name string, rows []T, encode func([]T) ([]byte, error), now time.Time) error {
	table, err := encode(rows)
	if err != nil {
		return err
	}
	text, err := CSV(rows)
	if err != nil {
		return err
	}
	file := fmt.Sprintf("%s=%s/%s-%s", config.DatePartition, now.UTC().Format(config.DatePartitionLayout), name, now.UTC().Format("20060102T150405Z"))
	for _, f := range []struct {
		key, contentType string
		body             []byte
	}{
		{prefix + file + ".parquet", "application/vnd.apache.parquet", table},
		{config.PrefixCSV + prefix + file + ".csv", "text/csv; charset=utf-8", text},
	} {
		if err := archive.Put(ctx, f.key, f.body, f.contentType); err != nil {
			return fmt.Errorf("write %s: %w", f.key, err)
		}
		r.Keys = append(r.Keys, f.key)
	}
	return nil
}
