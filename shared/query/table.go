package query

import (
	"fmt"
	"reflect"
	"strings"

	"licenseguard/shared/config"
	"licenseguard/shared/publish"
	"licenseguard/shared/snapshot"
)

// Table is what SQL sees of one folder of the report bucket.
type Table struct {
	Name        string
	Description string
	Prefix      string // of the keys of its files; below it come the partitions
	Format      Format
	Columns     []Column // those in the files, in their order
	Partitions  []string // the columns that the folders give, all text, outermost first
}

// Format is how the files of a table are written.
type Format string

// The formats.
const (
	JSONLines Format = "json"
	Parquet   Format = "parquet"
)

// Column is one column. Kind is Athena's word: string, bigint, double or boolean.
type Column struct{ Name, Kind string }

// Tables returns the tables.
func Tables() []Table {
	byDay := []string{config.DatePartition}
	return []Table{
		{config.GlueTableChanges, "each change of a license, as it was recorded", config.PrefixChanges, JSONLines, columnsOf[publish.Row]("json"), byDay},
		{config.GlueTableHistory, "the change log of finished days, each row once, by account and Region", config.PrefixHistory, Parquet, columnsOf[publish.Row]("parquet"),
			[]string{config.DatePartition, config.AccountPartition, config.RegionPartition}},
		{config.GlueTablePositions, "where each license stood at each snapshot", config.PrefixPositions, Parquet, columnsOf[snapshot.Position]("parquet"), byDay},
		{config.GlueTableUsage, "what consumed each license at each snapshot", config.PrefixUsage, Parquet, columnsOf[snapshot.Usage]("parquet"), byDay},
		{config.GlueTableCoverage, "what was watched until each snapshot, by which source and since when", config.PrefixCoverage, Parquet, columnsOf[snapshot.Coverage]("parquet"), byDay},
	}
}

// columnsOf derives the columns of a row type from the tags that name its
// fields. It panics on a field of a kind that no report has so far: whoever adds
// one says here what it is in Athena.
func columnsOf[Row any](tag string) []Column {
	row := reflect.TypeFor[Row]()
	columns := make([]Column, row.NumField())
	for i := range columns {
		field := row.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get(tag), ",")
		columns[i] = Column{name, kindOf(field)}
	}
	return columns
}

func kindOf(field reflect.StructField) string {
	kind := field.Type.Kind()
	if kind == reflect.Pointer { // a value that may be missing
		kind = field.Type.Elem().Kind()
	}
	switch kind {
	case reflect.String:
		return "string"
	case reflect.Int, reflect.Int64:
		return "bigint"
	case reflect.Float64:
		return "double"
	case reflect.Bool:
		return "boolean"
	default:
		panic(fmt.Sprintf("query: field %s is a %s, for which no kind of column is chosen", field.Name, field.Type))
	}
}
