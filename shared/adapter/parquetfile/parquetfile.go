// Package parquetfile writes snapshots and the change log as Parquet files, for Athena.
package parquetfile

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/parquet-go/parquet-go"

	"licenseguard/shared/compact"
	"licenseguard/shared/config"
	"licenseguard/shared/evidence"
	"licenseguard/shared/publish"
	"licenseguard/shared/snapshot"
)

var (
	_ snapshot.Encoder = Encoder{}
	_ compact.Codec    = Encoder{}
)

// Encoder writes rows as Parquet, compressed with Snappy. The columns are those
// of the rows' tags.
type Encoder struct{}

// Positions implements snapshot.Encoder.
func (Encoder) Positions(rows []snapshot.Position) ([]byte, error) { return encode(rows) }

// Usages implements snapshot.Encoder.
func (Encoder) Usages(rows []snapshot.Usage) ([]byte, error) { return encode(rows) }

// Coverages implements snapshot.Encoder.
func (Encoder) Coverages(rows []snapshot.Coverage) ([]byte, error) { return encode(rows) }

// DecodeCoverages reads what Coverages wrote. Columns that the file lacks are zero.
func (Encoder) DecodeCoverages(body []byte) ([]snapshot.Coverage, error) {
	rows, err := parquet.Read[snapshot.Coverage](bytes.NewReader(body), int64(len(body)))
	if err != nil {
		return nil, fmt.Errorf("decode parquet: %w", err)
	}
	return rows, nil
}

// Encode implements compact.Codec.
func (Encoder) Encode(rows []publish.Row) ([]byte, error) { return encode(rows) }

// Decode implements compact.Codec.
func (Encoder) Decode(body []byte) ([]publish.Row, error) {
	rows, err := parquet.Read[publish.Row](bytes.NewReader(body), int64(len(body)))
	if err != nil {
		return nil, fmt.Errorf("decode parquet: %w", err)
	}
	return rows, nil
}

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

// Disguise takes out of a table of usage what people wrote and may name them: the Name
// tag of an instance becomes a pseudonym, its other tags are left out. Other tables stay
// as they are.
func Disguise(key string, body []byte, pseudonym evidence.Pseudonym) ([]byte, error) {
	if !strings.HasPrefix(key, config.PrefixUsage) {
		return body, nil
	}
	rows, err := parquet.Read[snapshot.Usage](bytes.NewReader(body), int64(len(body)))
	if err != nil {
		return nil, fmt.Errorf("decode parquet: %w", err)
	}
	for i := range rows {
		if name := &rows[i].ResourceName; *name != "" {
			*name = pseudonym(*name)
		}
		rows[i].Tags = "{}"
	}
	return encode(rows)
}
