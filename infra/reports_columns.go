package main

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsglue"

	"licenseguard/shared/publish"
	"licenseguard/shared/snapshot"
)

// column is one column of a report's table, in the words of Glue.
type column struct{ name, kind string }

// The columns are those of the rows that the functions publish and snapshot
// write, in their order. The partition column is not among them.
var (
	changeColumns   = columnsOf[publish.Row]("json")
	positionColumns = columnsOf[snapshot.Position]("parquet")
	usageColumns    = columnsOf[snapshot.Usage]("parquet")
)

// columnsOf derives the columns of a row type from the tags that name its
// fields. It panics on a field of a kind that no report has so far: whoever adds
// one says here what it is in Glue.
func columnsOf[Row any](tag string) []column {
	row := reflect.TypeFor[Row]()
	columns := make([]column, row.NumField())
	for i := range columns {
		field := row.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get(tag), ",")
		columns[i] = column{name, glueType(field)}
	}
	return columns
}

func glueType(field reflect.StructField) string {
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
		panic(fmt.Sprintf("infra: field %s is a %s, for which no Glue type is chosen", field.Name, field.Type))
	}
}

func glueColumns(columns []column) *[]*awsglue.CfnTable_ColumnProperty {
	var glue []*awsglue.CfnTable_ColumnProperty
	for _, c := range columns {
		glue = append(glue, &awsglue.CfnTable_ColumnProperty{Name: &c.name, Type: &c.kind})
	}
	return &glue
}
