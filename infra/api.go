package main

import (
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"licenseguard/shared/config"
)

// apiTimeout is long enough to count a license's instances again when it got
// another association. The SDKs of clients wait for 60 s by default.
const apiTimeout = 60

// api is where people and their tools ask and decide: one function for every
// request, and one that can only read. Who may call which is a matter of IAM: the
// right to invoke the one URL or the other.
type api struct {
	all, read       function
	allURL, readURL *string
}

func newAPI(scope constructs.Construct, s settings, l ledger, a alerts, r reports) api {
	environment := func() map[string]*string {
		environment := map[string]*string{
			config.EnvLedgerTable:   l.table.TableName(),
			config.EnvAccounts:      jsii.String(strings.Join(s.accountIDs(), ",")),
			config.EnvReportBucket:  r.bucket.BucketName(),
			config.EnvAlertTopicARN: a.topic.TopicArn(),
		}
		if len(s.regions) > 0 {
			environment[config.EnvRegions] = jsii.String(strings.Join(s.regions, ","))
		}
		return environment
	}
	all := newFunction(scope, s, functionSpec{
		name: config.FunctionAPI, description: "Answers requests in the protocol of AWS License Manager", timeout: apiTimeout, environment: environment(),
	})
	l.allow(all, slices.Concat(ledgerReads, ledgerWrites)...)
	read := newFunction(scope, s, functionSpec{
		name: config.FunctionAPIRead, description: "Answers requests that only read", timeout: apiTimeout, environment: environment(),
	})
	l.allowRead(read, ledgerReads...)
	return api{all, read, all.url(), read.url()}
}

// url gives the function an endpoint for requests that IAM let pass. Without a
// resource policy it is open to nobody but principals of this account whose own
// policies allow it.
func (f function) url() *string {
	url := awslambda.NewCfnUrl(f.scope, jsii.String("Url"), &awslambda.CfnUrlProps{
		TargetFunctionArn: f.lambda.FunctionArn(),
		AuthType:          jsii.String("AWS_IAM"),
		InvokeMode:        jsii.String("RESPONSE_STREAM"), // as lambdaurl answers
	})
	return url.AttrFunctionUrl()
}
