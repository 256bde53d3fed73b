// Package schema holds the JSON Schemas (draft 2020-12) of the events that
// licenseguard puts on its bus: of the detail of each detail-type. Whoever reads
// the events may generate code from them.
//
// A schema names every property, so that it also tells when code and schema
// part. Later versions add properties and take none away.
package schema

import (
	"embed"
	"strings"
)

//go:embed *.json
var schemas embed.FS

// Of returns the schema for the detail of a detail-type, such as "License
// Alert". The caller owns the bytes. For a detail-type that has none the error
// wraps fs.ErrNotExist.
func Of(detailType string) ([]byte, error) {
	return schemas.ReadFile(strings.ReplaceAll(strings.ToLower(detailType), " ", "-") + ".json")
}
