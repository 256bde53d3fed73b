package main

import (
	"maps"
	"path/filepath"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"

	"licenseguard/shared/config"
)

// function is one Lambda function with a role of its own. Nobody else shares the
// role, and no AWS-managed policy is in it, so that the template shows all of
// what it may do.
type function struct {
	name    string
	scope   constructs.Construct
	lambda  awslambda.Function
	role    awsiam.Role
	timeout int // seconds
}

type functionSpec struct {
	name        string
	description string
	timeout     int // seconds
	environment map[string]*string
}

// conditions are those of an IAM statement: operator, key, value.
type conditions map[string]map[string]any

const functionMemoryMB = 256

func newFunction(scope constructs.Construct, s settings, spec functionSpec) function {
	scope = constructs.NewConstruct(scope, jsii.String(title(spec.name)))
	role := awsiam.NewRole(scope, jsii.String("Role"), &awsiam.RoleProps{
		AssumedBy:   awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil),
		Description: jsii.String("licenseguard: what the function " + spec.name + " may do"),
	})
	logs := awslogs.NewLogGroup(scope, jsii.String("Logs"), &awslogs.LogGroupProps{
		Retention:     awslogs.RetentionDays_THREE_MONTHS,
		RemovalPolicy: s.removal(),
	})
	logs.GrantWrite(role)
	var reserved *float64
	if n, ok := s.reserved[spec.name]; ok {
		reserved = jsii.Number(n)
	}
	lambda := awslambda.NewFunction(scope, jsii.String("Function"), &awslambda.FunctionProps{
		Description:  jsii.String(spec.description),
		Code:         awslambda.Code_FromAsset(jsii.String(filepath.Join(s.dist, spec.name)), nil),
		Runtime:      awslambda.Runtime_PROVIDED_AL2023(),
		Handler:      jsii.String("bootstrap"),
		Architecture: awslambda.Architecture_ARM_64(),
		MemorySize:   jsii.Number(functionMemoryMB),
		Timeout:      seconds(spec.timeout),
		Environment:  &spec.environment,
		Role:         role,
		LogGroup:     logs,

		ReservedConcurrentExecutions: reserved,
	})
	return function{spec.name, scope, lambda, role, spec.timeout}
}

// memory gives the function more than others have, and with it more of a processor.
func (f function) memory(mb int) {
	f.lambda.Node().DefaultChild().(awslambda.CfnFunction).SetMemorySize(jsii.Number(mb))
}

// allow adds a statement to the function's role.
func (f function) allow(sid string, actions []string, resources ...string) {
	f.allowIf(sid, actions, nil, resources...)
}

func (f function) allowIf(sid string, actions []string, when conditions, resources ...string) {
	f.role.AddToPolicy(newStatement(awsiam.Effect_ALLOW, sid, actions, when, resources))
}

func (f function) deny(sid string, actions []string, when conditions, resources ...string) {
	f.role.AddToPolicy(newStatement(awsiam.Effect_DENY, sid, actions, when, resources))
}

func newStatement(effect awsiam.Effect, sid string, actions []string, when conditions, resources []string) awsiam.PolicyStatement {
	statement := awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid: jsii.String(sid), Effect: effect,
		Actions: jsii.Strings(actions...), Resources: jsii.Strings(resources...),
	})
	for _, operator := range slices.Sorted(maps.Keys(when)) {
		statement.AddCondition(jsii.String(operator), when[operator])
	}
	return statement
}

// acceptWildcard tells cdk-nag why a wildcard in the role is right. Finding is
// what cdk-nag calls it, as "Resource::*"; only that one is accepted.
func (f function) acceptWildcard(reason string, finding any) {
	cdknag.NagSuppressions_AddResourceSuppressions(f.role, list(&cdknag.NagPackSuppression{
		Id: jsii.String("AwsSolutions-IAM5"), Reason: jsii.String(reason), AppliesTo: list(finding),
	}), jsii.Bool(true))
}

// allowDescribe lets the function look at EC2, RDS and what Systems Manager knows.
func (f function) allowDescribe(actions ...string) {
	f.allow("Observe", actions, "*")
	f.acceptWildcard("The Describe actions of EC2 and Systems Manager's inventory know no resources: \"*\" is the only one that AWS accepts; a listing of RDS is of all databases.", "Resource::*")
}

// consume delivers the queue's messages to the function. A message that fails is
// reported alone, so the rest of its batch is not done again.
func (f function) consume(id string, queue awssqs.Queue, batch queueBatch) {
	f.allow(id, []string{
		"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility",
	}, *queue.QueueArn())
	awslambda.NewCfnEventSourceMapping(f.scope, jsii.String(id), &awslambda.CfnEventSourceMappingProps{
		FunctionName:                   f.lambda.FunctionName(),
		EventSourceArn:                 queue.QueueArn(),
		BatchSize:                      jsii.Number(batch.size),
		MaximumBatchingWindowInSeconds: jsii.Number(batch.window),
		FunctionResponseTypes:          jsii.Strings("ReportBatchItemFailures"),
		ScalingConfig: &awslambda.CfnEventSourceMapping_ScalingConfigProperty{
			MaximumConcurrency: jsii.Number(batch.concurrency),
		},
	})
}

type queueBatch struct{ size, window, concurrency int }

// streamFilter lets only license heads through: the pages and facts that change
// with a head are read from the ledger when they are needed.
const streamFilter = `{"dynamodb":{"NewImage":{"` + config.SortKey + `":{"S":["` + config.HeadSortKey + `"]}}}}`

// followHeads delivers the ledger's stream to the function, in order. A batch
// that fails is halved until the bad record stands alone; it is tried until it
// is a day old, which is as long as the stream keeps it, and then noted in the
// dead-letter queue.
func (f function) followHeads(l ledger, deadLetters awssqs.Queue) {
	stream := l.table.TableStreamArn()
	f.allow("Stream", []string{"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"}, *stream)
	f.allow("StreamList", []string{"dynamodb:ListStreams"}, "*")
	f.acceptWildcard("dynamodb:ListStreams knows no resources, and Lambda refuses a stream reader without it.", "Resource::*")
	f.allow("StreamDeadLetters", []string{"sqs:SendMessage"}, *deadLetters.QueueArn())
	awslambda.NewCfnEventSourceMapping(f.scope, jsii.String("Heads"), &awslambda.CfnEventSourceMappingProps{
		FunctionName:               f.lambda.FunctionName(),
		EventSourceArn:             stream,
		StartingPosition:           jsii.String("TRIM_HORIZON"),
		BatchSize:                  jsii.Number(100),
		ParallelizationFactor:      jsii.Number(1),
		BisectBatchOnFunctionError: true,
		MaximumRecordAgeInSeconds:  jsii.Number(24 * 60 * 60),
		FunctionResponseTypes:      jsii.Strings("ReportBatchItemFailures"),
		FilterCriteria: &awslambda.CfnEventSourceMapping_FilterCriteriaProperty{
			Filters: list(&awslambda.CfnEventSourceMapping_FilterProperty{Pattern: jsii.String(streamFilter)}),
		},
		DestinationConfig: &awslambda.CfnEventSourceMapping_DestinationConfigProperty{
			OnFailure: &awslambda.CfnEventSourceMapping_OnFailureProperty{Destination: deadLetters.QueueArn()},
		},
	})
}

// every runs the function on a schedule, as "rate(1 hour)".
func (f function) every(rate string) {
	rule := awsevents.NewCfnRule(f.scope, jsii.String("Schedule"), &awsevents.CfnRuleProps{
		Description:        jsii.String("licenseguard: runs " + f.name),
		ScheduleExpression: jsii.String(rate),
		Targets:            list(&awsevents.CfnRule_TargetProperty{Id: jsii.String(f.name), Arn: f.lambda.FunctionArn()}),
	})
	f.lambda.AddPermission(jsii.String("Schedule"), &awslambda.Permission{
		Principal: awsiam.NewServicePrincipal(jsii.String("events.amazonaws.com"), nil),
		SourceArn: rule.AttrArn(),
	})
	// No retry: the next round does the same work, on fresher facts.
	f.lambda.ConfigureAsyncInvoke(&awslambda.EventInvokeConfigOptions{RetryAttempts: jsii.Number(0)})
}

func seconds(n int) awscdk.Duration { return awscdk.Duration_Seconds(jsii.Number(n)) }
