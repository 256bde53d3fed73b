package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsglue"

	"licenseguard/shared/query"
)

// glueColumns are the columns of a table, as Glue is told them.
func glueColumns(columns []query.Column) *[]*awsglue.CfnTable_ColumnProperty {
	var glue []*awsglue.CfnTable_ColumnProperty
	for _, c := range columns {
		glue = append(glue, &awsglue.CfnTable_ColumnProperty{Name: &c.Name, Type: &c.Kind})
	}
	return &glue
}
