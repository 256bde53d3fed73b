// Package query is what SQL knows of the reports: the tables over the files in the
// report bucket, and the named queries. Athena and the embedded engine of
// licenseguard-sql both take them from here, so there is one text of each query.
//
// The texts are written in the SQL that Trino and DuckDB share. Where a function is
// spelled differently, the text has Trino's word and the embedded engine defines it;
// the list of these is in licenseguard-sql.
package query
