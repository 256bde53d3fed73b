// Package parquetfile writes snapshots as Parquet files, for Athena.
package parquetfile

import (
	"bytes"
	"fmt"

	"github.com/parquet-go/parquet-go"

	"licenseguard/shared/snapshot"
)

var _ snapshot.Encoder = Encoder{}

// Encoder writes rows as Parquet, compressed with Snappy. The columns are those
// of the rows' tags.
type Encoder struct{}

// Positions implements snapshot.Encoder.
func (Encoder) Positions(rows []snapshot.Position) ([]byte, error) { return encode(rows) }

// Usages implements snapshot.Encoder.
func (Encoder) Usages(rows []snapshot.Usage) ([]byte, error) { return encode(rows) }

func encode[T any](rows []T) ([]byte, error) {
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b, parquet.Compression(&parquet.Snappy))
	if _, err := w.Write(rows); err != nil {
		return nil, fmt.Errorf("encode parquet: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("encode parquet: %w", err)
	}
	return b.Bytes(), nil
}
