//go:build cgo

package main

// bridges define what Trino, the engine of Athena, calls otherwise than DuckDB. The
// texts of the queries use Trino's words. now is defined by the engine: here it is the
// time of the files, not of the clock.
var bridges = []string{
	`CREATE MACRO date_format(t, f) AS strftime(t, f)`, // the texts use %Y, %m and %d only, which both read alike
	`CREATE MACRO json_parse(t) AS CAST(t AS JSON)`,
	`CREATE MACRO element_at(m, k) AS map_extract_value(m, k)`, // a value, not a list of one
	`CREATE MACRO sequence(a, b, step) AS generate_series(a, b, step)`,
}

// kinds are DuckDB's words for the kinds of columns.
var kinds = map[string]string{"string": "VARCHAR", "bigint": "BIGINT", "double": "DOUBLE", "boolean": "BOOLEAN"}
