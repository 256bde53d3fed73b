package main

import "github.com/aws/aws-cdk-go/awscdk/v2/awsglue"

// column is one column of a report's table, in the words of Glue.
type column struct{ name, kind string }

// The columns, in the order in which people read them, as the functions publish
// and snapshot write them. The partition column is not among them.
var (
	changeColumns = []column{
		{"license_configuration_arn", "string"},
		{"license_configuration_id", "string"},
		{"name", "string"},
		{"revision", "bigint"},
		{"happened_at", "string"},
		{"recorded_at", "string"},
		{"event_ids", "array<string>"},
		{"license_count", "bigint"},
		{"consumed_licenses", "bigint"},
		{"covered_licenses", "bigint"},
		{"over_licenses", "bigint"},
	}
	positionColumns = []column{
		{"report_date", "string"},
		{"recorded_at", "string"},
		{"license_configuration_arn", "string"},
		{"license_configuration_id", "string"},
		{"name", "string"},
		{"owner_account_id", "string"},
		{"license_counting_type", "string"},
		{"license_rules", "string"},
		{"license_count", "bigint"},
		{"license_count_hard_limit", "boolean"},
		{"status", "string"},
		{"consumed_licenses", "bigint"},
		{"available_licenses", "bigint"},
		{"covered_licenses", "bigint"},
		{"over_licenses", "bigint"},
		{"percent", "double"},
		{"ec2_instance_consumed", "bigint"},
		{"ec2_host_consumed", "bigint"},
		{"revision", "bigint"},
	}
	usageColumns = []column{
		{"report_date", "string"},
		{"license_configuration_arn", "string"},
		{"resource_arn", "string"},
		{"resource_type", "string"},
		{"resource_status", "string"},
		{"resource_owner_id", "string"},
		{"association_time", "string"},
		{"consumed_licenses", "bigint"},
		{"verdict", "string"},
		{"reason", "string"},
		{"rule_explanation", "string"},
		{"host_id", "string"},
		{"first_seen", "string"},
		{"last_seen", "string"},
		{"estimated", "boolean"},
		{"revision", "bigint"},
	}
)

func glueColumns(columns []column) *[]*awsglue.CfnTable_ColumnProperty {
	var glue []*awsglue.CfnTable_ColumnProperty
	for _, c := range columns {
		glue = append(glue, &awsglue.CfnTable_ColumnProperty{Name: &c.name, Type: &c.kind})
	}
	return &glue
}
