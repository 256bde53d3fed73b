package main

import (
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"licenseguard/shared/config"
)

const enforceTimeout = 60

// newEnforce makes the only function that may stop or tag an instance. Nothing
// in the project may terminate one.
func newEnforce(scope constructs.Construct, s settings, l ledger, streamDLQ awssqs.Queue) function {
	f := newFunction(scope, s, functionSpec{
		name: config.FunctionEnforce, description: "Stops or tags instances over a limit, within the budgets", timeout: enforceTimeout,
		environment: map[string]*string{
			config.EnvLedgerTable: l.table.TableName(),
			config.EnvAccounts:    jsii.String(strings.Join(s.accountIDs(), ",")),
		},
	})
	l.allow(f, slices.Concat(ledgerReads, ledgerWrites)...)
	f.followHeads(l, streamDLQ)
	f.every("rate(1 minute)")
	f.allowDescribe("ec2:DescribeInstances", "ec2:DescribeInstanceAttribute")

	instances := "arn:" + *awscdk.Aws_PARTITION() + ":ec2:" + *awscdk.Aws_REGION() + ":" + *awscdk.Aws_ACCOUNT_ID() + ":instance/*"
	f.allow("Stop", []string{"ec2:StopInstances"}, instances)
	// The code asks first, too; this holds even if the code is wrong.
	f.deny("NeverStopProtected", []string{"ec2:StopInstances"},
		conditions{"StringEqualsIgnoreCase": {"aws:ResourceTag/" + config.TagProtected: "true"}}, "*")
	// ForAllValues is true of no keys at all, hence Null beside it.
	f.allowIf("Tag", []string{"ec2:CreateTags"}, conditions{
		"ForAllValues:StringEquals": {"aws:TagKeys": []string{config.TagStatus, config.TagReason}},
		"Null":                      {"aws:TagKeys": "false"},
	}, instances)
	f.acceptWildcard("Which instance is over a limit is known only when it runs. A Deny on protected ones, tag keys of ours only, and the budgets in the ledger bound it.",
		"Resource::arn:<AWS::Partition>:ec2:<AWS::Region>:<AWS::AccountId>:instance/*")
	return f
}
