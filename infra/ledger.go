package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"licenseguard/shared/config"
	core "licenseguard/shared/ledger"
)

// ledger is the table that every count lives in, and the key that encrypts it.
type ledger struct {
	table awsdynamodb.Table
	key   awskms.Key
}

func newLedger(scope constructs.Construct, s settings) ledger {
	scope = constructs.NewConstruct(scope, jsii.String("Ledger"))
	// A key of our own, so that who may read the ledger is ours to say and each
	// use of it shows in CloudTrail.
	key := awskms.NewKey(scope, jsii.String("Key"), &awskms.KeyProps{
		Description:       jsii.String("licenseguard: encrypts the ledger"),
		EnableKeyRotation: jsii.Bool(true),
		RemovalPolicy:     s.removal(),
	})
	table := awsdynamodb.NewTable(scope, jsii.String("Table"), &awsdynamodb.TableProps{
		PartitionKey:  stringKey(config.PartitionKey),
		SortKey:       stringKey(config.SortKey),
		BillingMode:   awsdynamodb.BillingMode_PAY_PER_REQUEST,
		Stream:        awsdynamodb.StreamViewType_NEW_IMAGE,
		Encryption:    awsdynamodb.TableEncryption_CUSTOMER_MANAGED,
		EncryptionKey: key,
		PointInTimeRecoverySpecification: &awsdynamodb.PointInTimeRecoverySpecification{
			PointInTimeRecoveryEnabled: jsii.Bool(true),
		},
		DeletionProtection: jsii.Bool(s.retain),
		RemovalPolicy:      s.removal(),
	})
	// Keys only: what is due is read again, consistently, before it is acted on.
	table.AddGlobalSecondaryIndex(&awsdynamodb.GlobalSecondaryIndexProps{
		IndexName:      jsii.String(config.DueIndex),
		PartitionKey:   stringKey(config.DuePartitionKey),
		SortKey:        stringKey(config.DueSortKey),
		ProjectionType: awsdynamodb.ProjectionType_KEYS_ONLY,
	})
	return ledger{table, key}
}

func stringKey(name string) *awsdynamodb.Attribute {
	return &awsdynamodb.Attribute{Name: jsii.String(name), Type: awsdynamodb.AttributeType_STRING}
}

func (s settings) removal() awscdk.RemovalPolicy {
	if s.retain {
		return awscdk.RemovalPolicy_RETAIN
	}
	return awscdk.RemovalPolicy_DESTROY
}

// The actions of a ledger's users. A transaction has no action of its own: each
// write in it needs the action of the single write, and a check its own.
var (
	ledgerReads  = []string{"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"}
	ledgerWrites = []string{
		"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem",
		"dynamodb:BatchWriteItem", "dynamodb:ConditionCheckItem",
	}
)

// allow lets the function do these actions on the table, and use the key for
// them through DynamoDB only.
func (l ledger) allow(f function, actions ...string) {
	f.allow("Ledger", actions, *l.table.TableArn())
	f.allowIf("LedgerKey", []string{
		"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey",
		"kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo",
	}, conditions{"StringEquals": {"kms:ViaService": viaService("dynamodb")}}, *l.key.KeyArn())
}

// allowDue lets the function find what is due.
func (l ledger) allowDue(f function) {
	f.allow("LedgerDue", []string{"dynamodb:Query"}, *l.table.TableArn()+"/index/"+config.DueIndex)
}

// allowRead is allow for a function that never writes.
func (l ledger) allowRead(f function, actions ...string) {
	f.allow("Ledger", actions, *l.table.TableArn())
	f.allowIf("LedgerKey", []string{"kms:Decrypt", "kms:DescribeKey"},
		conditions{"StringEquals": {"kms:ViaService": viaService("dynamodb")}}, *l.key.KeyArn())
}

// allowNote lets a function that else only reads keep documents of one kind; see the
// keys of the table.
func (l ledger) allowNote(f function, kind core.DocumentKind) {
	f.allowIf("Note", []string{"dynamodb:PutItem"}, conditions{"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": []string{"DOC#" + string(kind)}},
		"Null": {"dynamodb:LeadingKeys": "false"}}, *l.table.TableArn())
	f.allowIf("NoteKey", []string{"kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo"},
		conditions{"StringEquals": {"kms:ViaService": viaService("dynamodb")}}, *l.key.KeyArn())
}

// viaService is the value of kms:ViaService for a service in this Region.
func viaService(service string) string {
	return service + "." + *awscdk.Aws_REGION() + ".amazonaws.com"
}
