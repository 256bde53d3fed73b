package main

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsathena"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsglue"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"

	"licenseguard/shared/config"
	core "licenseguard/shared/ledger"
	"licenseguard/shared/query"
)

const (
	snapshotTimeout = 5 * 60
	// The rows of one snapshot of 100,000 instances take 280 MB (docs/cost.md).
	snapshotMemoryMB = 1024
	// Auditors ask for the last year; older reports are read rarely, but kept.
	infrequentAfterDays    = 90
	queryResultDays        = 30
	accessLogDays          = 400
	unfinishedUploadDays   = 7
	queryScanLimitBytes    = 100 << 30 // stops a query that reads everything by mistake
	firstPartition         = "2026-01-01"
	parquetSerde           = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
	parquetInput           = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
	parquetOutput          = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"
	jsonSerde              = "org.openx.data.jsonserde.JsonSerDe"
	jsonInput              = "org.apache.hadoop.mapred.TextInputFormat"
	jsonOutput             = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
	datePartitionFormat    = "yyyy-MM-dd" // config.DatePartitionLayout, in Java's words
	datePartitionRangeFrom = firstPartition + ",NOW"
)

// reports is the bucket of the change log and the snapshots, and what Athena
// needs to read it with SQL.
type reports struct {
	bucket     awss3.Bucket
	accessLogs awss3.Bucket
	workGroup  awsathena.CfnWorkGroup
}

func newReports(scope constructs.Construct, s settings) reports {
	scope = constructs.NewConstruct(scope, jsii.String("Reports"))
	bucket, accessLogs := newReportBucket(scope, s)
	database := awsglue.NewCfnDatabase(scope, jsii.String("Database"), &awsglue.CfnDatabaseProps{
		CatalogId: awscdk.Aws_ACCOUNT_ID(),
		DatabaseInput: &awsglue.CfnDatabase_DatabaseInputProperty{
			Name: jsii.String(config.GlueDatabase), Description: jsii.String("licenseguard: counts of licenses, and what changed them"),
		},
	})
	for _, t := range query.Tables() {
		addTable(scope, s, t, bucket, database)
	}
	workGroup := newWorkGroup(scope, bucket)
	addNamedQueries(scope, workGroup, database)
	return reports{bucket, accessLogs, workGroup}
}

// newReportBucket makes the bucket with S3's own encryption, not a key of ours:
// reports are evidence for years, and a key that somebody schedules for deletion
// would take all of them with it. Who reads is for the bucket's policy to say.
func newReportBucket(scope constructs.Construct, s settings) (reports, accessLogs awss3.Bucket) {
	accessLogs = awss3.NewBucket(scope, jsii.String("AccessLogs"), &awss3.BucketProps{
		Encryption:        awss3.BucketEncryption_S3_MANAGED,
		EnforceSSL:        jsii.Bool(true),
		BlockPublicAccess: awss3.BlockPublicAccess_BLOCK_ALL(),
		ObjectOwnership:   awss3.ObjectOwnership_BUCKET_OWNER_ENFORCED,
		RemovalPolicy:     s.removal(),
		LifecycleRules:    list(&awss3.LifecycleRule{Id: jsii.String("expire"), Expiration: days(accessLogDays)}),
	})
	cdknag.NagSuppressions_AddResourceSuppressions(accessLogs, list(&cdknag.NagPackSuppression{
		Id: jsii.String("AwsSolutions-S1"), Reason: jsii.String("This bucket takes the access logs; logging its own accesses would never end."),
	}), nil)
	reports = awss3.NewBucket(scope, jsii.String("Bucket"), &awss3.BucketProps{
		Encryption:             awss3.BucketEncryption_S3_MANAGED,
		EnforceSSL:             jsii.Bool(true),
		MinimumTLSVersion:      jsii.Number(1.2),
		BlockPublicAccess:      awss3.BlockPublicAccess_BLOCK_ALL(),
		ObjectOwnership:        awss3.ObjectOwnership_BUCKET_OWNER_ENFORCED,
		Versioned:              jsii.Bool(true),
		ServerAccessLogsBucket: accessLogs,
		ServerAccessLogsPrefix: jsii.String("reports/"),
		RemovalPolicy:          s.removal(),
		LifecycleRules: list(
			&awss3.LifecycleRule{
				Id: jsii.String("infrequent-access"),
				Transitions: list(&awss3.Transition{
					StorageClass: awss3.StorageClass_INFREQUENT_ACCESS(), TransitionAfter: days(infrequentAfterDays),
				}),
				AbortIncompleteMultipartUploadAfter: days(unfinishedUploadDays),
			},
			&awss3.LifecycleRule{
				Id: jsii.String("query-results"), Prefix: jsii.String(config.PrefixQueryResults),
				Expiration: days(queryResultDays), NoncurrentVersionExpiration: days(1),
			},
		),
	})
	return reports, accessLogs
}

func days(n int) awscdk.Duration { return awscdk.Duration_Days(jsii.Number(n)) }

// allowWrite lets the function put objects under one folder of the bucket. It
// may neither read nor delete them, and a version overwritten is kept.
func (r reports) allowWrite(f function, prefix string) {
	f.allow("Write"+title(prefix[:len(prefix)-1]), []string{"s3:PutObject"}, *r.bucket.BucketArn()+"/"+prefix+"*")
	f.acceptWildcard("Object keys carry dates and revisions; the folder is as close as a policy gets.",
		&cdknag.RegexAppliesTo{Regex: jsii.String(`/^Resource::<Reports.*\.Arn>/` + prefix + `\*$/`)})
}

func newSnapshot(scope constructs.Construct, s settings, l ledger, r reports) function {
	f := newFunction(scope, s, functionSpec{
		name: config.FunctionSnapshot, description: "Writes positions, usage, and the reports of report generators", timeout: snapshotTimeout,
		environment: map[string]*string{
			config.EnvLedgerTable:  l.table.TableName(),
			config.EnvReportBucket: r.bucket.BucketName(),
		},
	})
	f.memory(snapshotMemoryMB)
	l.allowRead(f, ledgerReads...)
	r.allowWrite(f, config.PrefixPositions)
	r.allowWrite(f, config.PrefixUsage)
	r.allowWrite(f, config.PrefixCoverage)
	r.allowWrite(f, config.PrefixCSV)
	r.allowWrite(f, config.PrefixReports)
	l.allowNote(f, core.ReportRuns)
	f.every("rate(1 hour)")
	return f
}

// format is how Glue is told what reads the files of a table.
type format struct{ serde, input, output string }

func formatOf(t query.Table) format {
	if t.Format == query.JSONLines {
		return format{jsonSerde, jsonInput, jsonOutput}
	}
	return format{parquetSerde, parquetInput, parquetOutput}
}

// addTable makes a table. Its partitions are computed from the query, not stored:
// no crawler has to find a new day first.
func addTable(scope constructs.Construct, s settings, t query.Table, bucket awss3.Bucket, database awsglue.CfnDatabase) {
	location, format := jsii.String("s3://"+*bucket.BucketName()+"/"+t.Prefix), formatOf(t)
	awsglue.NewCfnTable(scope, jsii.String(title(t.Name)), &awsglue.CfnTableProps{
		CatalogId:    awscdk.Aws_ACCOUNT_ID(),
		DatabaseName: database.Ref(),
		TableInput: &awsglue.CfnTable_TableInputProperty{
			Name: jsii.String(t.Name), Description: jsii.String(t.Description), TableType: jsii.String("EXTERNAL_TABLE"),
			PartitionKeys: partitionKeys(t), Parameters: projection(s, t, *location),
			StorageDescriptor: &awsglue.CfnTable_StorageDescriptorProperty{
				Location: location, Columns: glueColumns(t.Columns),
				InputFormat: jsii.String(format.input), OutputFormat: jsii.String(format.output),
				SerdeInfo: &awsglue.CfnTable_SerdeInfoProperty{SerializationLibrary: jsii.String(format.serde)},
			},
		},
	})
}

func partitionKeys(t query.Table) *[]*awsglue.CfnTable_ColumnProperty {
	var keys []query.Column
	for _, name := range t.Partitions {
		keys = append(keys, query.Column{Name: name, Kind: "string"})
	}
	return glueColumns(keys)
}

// projection says which partitions there are. Rows of accounts and Regions that are not
// named here lie in "other", so that none is unseen.
func projection(s settings, t query.Table, location string) map[string]any {
	accounts := s.accounts
	if len(accounts) == 0 {
		accounts = []string{*awscdk.Aws_ACCOUNT_ID()}
	}
	values := map[string]string{config.AccountPartition: strings.Join(accounts, ","), config.RegionPartition: *awscdk.Aws_REGION()}
	template := location
	out := map[string]any{"classification": string(t.Format), "projection.enabled": "true"}
	for _, name := range t.Partitions {
		template += name + "=${" + name + "}/"
		if name == config.DatePartition {
			out["projection.dt.type"], out["projection.dt.format"], out["projection.dt.range"] = "date", datePartitionFormat, datePartitionRangeFrom
			continue
		}
		out["projection."+name+".type"], out["projection."+name+".values"] = "enum", values[name]+","+config.PartitionOther
	}
	out["storage.location.template"] = template
	return out
}

func newWorkGroup(scope constructs.Construct, bucket awss3.Bucket) awsathena.CfnWorkGroup {
	return awsathena.NewCfnWorkGroup(scope, jsii.String("WorkGroup"), &awsathena.CfnWorkGroupProps{
		Name:                  jsii.String(*awscdk.Aws_STACK_NAME() + "-reports"),
		Description:           jsii.String("licenseguard: questions to the reports"),
		RecursiveDeleteOption: true,
		WorkGroupConfiguration: &awsathena.CfnWorkGroup_WorkGroupConfigurationProperty{
			EnforceWorkGroupConfiguration:   true,
			PublishCloudWatchMetricsEnabled: true,
			BytesScannedCutoffPerQuery:      jsii.Number(queryScanLimitBytes),
			ResultConfiguration: &awsathena.CfnWorkGroup_ResultConfigurationProperty{
				OutputLocation: jsii.String("s3://" + *bucket.BucketName() + "/" + config.PrefixQueryResults),
				EncryptionConfiguration: &awsathena.CfnWorkGroup_EncryptionConfigurationProperty{
					EncryptionOption: jsii.String("SSE_S3"),
				},
			},
		},
	})
}

func addNamedQueries(scope constructs.Construct, workGroup awsathena.CfnWorkGroup, database awsglue.CfnDatabase) {
	for _, q := range query.Named() {
		named := awsathena.NewCfnNamedQuery(scope, jsii.String(q.Title()), &awsathena.CfnNamedQueryProps{
			Name: jsii.String(q.Name), Description: jsii.String(q.Help()), QueryString: jsii.String(q.SQL),
			Database: database.Ref(), WorkGroup: workGroup.Ref(),
		})
		named.AddResourceDependency(workGroup, nil)
	}
}
