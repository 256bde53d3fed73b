package main

import (
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"licenseguard/shared/admit"
	"licenseguard/shared/config"
)

// admission answers the launch hooks of Auto Scaling groups.
type admission struct {
	function    function
	queue       awssqs.Queue
	deadLetters awssqs.Queue
}

const (
	// An instance waits meanwhile: with six times this as visibility, a batch that
	// failed is tried again after three minutes.
	admitTimeout = 30
	// So many are decided together. A refusal takes several calls to Auto Scaling.
	admitBatch = 50
	// Two can run at once, so that one slow group does not hold all up.
	admitConcurrency = 2
)

// newAdmission makes the function that may have an Auto Scaling group end what it
// just launched. It can touch no instance, and of a group only the desired capacity,
// the process that launches, and the answer to a hook.
func newAdmission(scope constructs.Construct, s settings, l ledger) admission {
	scope = constructs.NewConstruct(scope, jsii.String("Admission"))
	deadLetters := newDeadLetterQueue(scope, "Dlq")
	queue := newQueue(scope, "Queue", deadLetters, admitTimeout)
	rule := awsevents.NewCfnRule(scope, jsii.String("LaunchHook"), &awsevents.CfnRuleProps{
		Description: jsii.String("licenseguard: launch hooks of Auto Scaling groups that ask for admission"),
		EventPattern: map[string]any{
			"source": []string{"aws.autoscaling"}, "detail-type": []string{"EC2 Instance-launch Lifecycle Action"}, "account": []*string{awscdk.Aws_ACCOUNT_ID()},
			"detail": map[string]any{"LifecycleHookName": []any{map[string]any{"prefix": admit.HookPrefix}}},
		},
		Targets: ruleTargets("admission", queue, deadLetters),
	})
	letRulesIn([]awsevents.CfnRule{rule}, queue, deadLetters)

	f := newFunction(scope, s, functionSpec{
		name: config.FunctionAdmit, description: "Lets launches of Auto Scaling groups into service, or has their group end them", timeout: admitTimeout,
		environment: map[string]*string{
			config.EnvLedgerTable:        l.table.TableName(),
			config.EnvAccounts:           awscdk.Aws_ACCOUNT_ID(),
			config.EnvDeadLetterQueueURL: deadLetters.QueueUrl(),
		},
	})
	l.allow(f, slices.Concat(ledgerReads, ledgerWrites)...)
	f.allowDescribe("ec2:DescribeInstances", "ec2:DescribeHosts", "ec2:DescribeInstanceTypes", "ec2:DescribeImages")
	f.allow("DeadLetters", []string{"sqs:SendMessage"}, *deadLetters.QueueArn())
	f.consume("LaunchHooks", queue, queueBatch{size: admitBatch, window: 1, concurrency: admitConcurrency})
	f.allow("ObserveGroups", []string{"autoscaling:DescribeAutoScalingGroups"}, "*")
	f.allowIf("Admit", []string{"autoscaling:CompleteLifecycleAction", "autoscaling:SetDesiredCapacity", "autoscaling:SuspendProcesses", "autoscaling:ResumeProcesses"},
		s.reach.within(nil), arnHere("autoscaling", "autoScalingGroup:*:autoScalingGroupName/*"))
	f.acceptWildcard("Which group asks is known only when it runs, and a group's ARN has an id that nobody knows before. A group asks by a hook of its own, and \"managed\" narrows it.",
		"Resource::arn:<AWS::Partition>:autoscaling:<AWS::Region>:<AWS::AccountId>:autoScalingGroup:*:autoScalingGroupName/*")
	// Denied to it whatever else is ever attached to the role.
	f.deny("NeverStop", []string{"ec2:StopInstances", "ec2:TerminateInstances", "autoscaling:TerminateInstanceInAutoScalingGroup", "autoscaling:DetachInstances"}, nil, "*")
	return admission{f, queue, deadLetters}
}

// stackHookTimeout is what CloudFormation waits for an answer.
const stackHookTimeout = 30

// newStackHook makes the hooks of CloudFormation and the function that they ask,
// which reads the ledger and nothing else. One hook sees a whole stack, so that two
// of its instances cannot both take the last license; the other each resource by
// itself, with what is only known then.
func newStackHook(scope constructs.Construct, s settings, l ledger) function {
	scope = constructs.NewConstruct(scope, jsii.String("StackHook"))
	f := newFunction(scope, s, functionSpec{
		name: config.FunctionCfnHook, description: "Tells CloudFormation whether the instances of a stack fit under the licenses", timeout: stackHookTimeout,
		environment: map[string]*string{config.EnvLedgerTable: l.table.TableName()},
	})
	l.allowRead(f, ledgerReads...)

	caller := awsiam.NewRole(scope, jsii.String("Caller"), &awsiam.RoleProps{
		Description: jsii.String("licenseguard: lets CloudFormation ask the function cfnhook"),
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("hooks.cloudformation.amazonaws.com"), &awsiam.ServicePrincipalOpts{
			Conditions: &map[string]any{
				"StringEquals": map[string]any{"aws:SourceAccount": *awscdk.Aws_ACCOUNT_ID()},
				"ArnLike":      map[string]any{"aws:SourceArn": arnHere("cloudformation", "type/hook/"+hookNamespace+"-*")},
			},
		}),
	})
	caller.AddToPolicy(newStatement(awsiam.Effect_ALLOW, "Ask", []string{"lambda:InvokeFunction"}, nil, []string{*f.lambda.FunctionArn()}))

	hook := func(name string, operations []string, filters any) {
		made := awscdk.NewCfnLambdaHook(scope, jsii.String(name), &awscdk.CfnLambdaHookProps{
			Alias: jsii.String(strings.ReplaceAll(hookNamespace, "-", "::") + "::" + name), ExecutionRole: caller.RoleArn(), LambdaFunction: f.lambda.FunctionArn(),
			FailureMode: jsii.String(s.stackHook), HookStatus: jsii.String("ENABLED"), TargetOperations: jsii.Strings(operations...), TargetFilters: filters,
		})
		made.Node().AddDependency(caller)
	}
	hook("Stack", []string{"STACK", "CHANGE_SET"}, nil)
	var targets []any
	for _, t := range [][2]string{{"AWS::EC2::Instance", "CREATE"}, {"AWS::AutoScaling::AutoScalingGroup", "CREATE"}, {"AWS::AutoScaling::AutoScalingGroup", "UPDATE"}} {
		targets = append(targets, &awscdk.CfnLambdaHook_HookTargetProperty{TargetName: jsii.String(t[0]), Action: jsii.String(t[1]), InvocationPoint: jsii.String("PRE_PROVISION")})
	}
	hook("Resource", []string{"RESOURCE"}, &awscdk.CfnLambdaHook_TargetFiltersProperty{Targets: targets})
	return f
}

// hookNamespace begins the names of the hooks, as an ARN writes them.
const hookNamespace = "Licenseguard-Admission"
