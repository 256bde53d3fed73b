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
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"

	"licenseguard/shared/config"
	"licenseguard/shared/license"
)

// intake takes events in: rules on the default bus, a queue, and the function
// track that reads it. sweep stands beside it, because it finds what no event
// told: events of EC2 are best effort by AWS's own words.
type intake struct {
	queue       awssqs.Queue
	deadLetters awssqs.Queue
	rules       []awsevents.CfnRule
	track       function
	sweep       function
}

const (
	trackTimeout = 60
	// AWS asks for a visibility of at least six times the function's timeout, so
	// that throttled batches are not handed out twice.
	visibilityFactor = 6
	receivesAtMost   = 5
	retentionDays    = 14
	// The most that EventBridge offers. It drops what is left after that, or
	// gives it to the dead-letter queue.
	ruleRetryHours    = 24
	ruleRetryAttempts = 185
	sweepTimeout      = 15 * 60 // the most that Lambda offers; a sweep pages through a fleet
)

func newIntake(scope constructs.Construct, s settings, hubBus awsevents.CfnEventBus, l ledger) intake {
	scope = constructs.NewConstruct(scope, jsii.String("Intake"))
	deadLetters := newDeadLetterQueue(scope, "Dlq")
	queue := newQueue(scope, "Queue", deadLetters, trackTimeout)
	rules := newRules(scope, s, hubBus, queue, deadLetters)

	track := newFunction(scope, s, functionSpec{
		name: config.FunctionTrack, description: "Observes what an event hints at and folds it into the ledger", timeout: trackTimeout,
		environment: s.watching(map[string]*string{
			config.EnvLedgerTable:        l.table.TableName(),
			config.EnvDeadLetterQueueURL: deadLetters.QueueUrl(),
		}),
	})
	track.allowSpokes(s, config.SpokeObserveRole)
	l.allow(track, slices.Concat(ledgerReads, ledgerWrites)...)
	l.allowDue(track)
	track.allowDescribe(observing...)
	track.allow("DeadLetters", []string{"sqs:SendMessage"}, *deadLetters.QueueArn())
	// One Describe per batch is what carries a burst; see the API limits of EC2.
	track.consume("Intake", queue, queueBatch{size: 100, window: s.window, concurrency: s.concurrency})

	sweep := newFunction(scope, s, functionSpec{
		name: config.FunctionSweep, description: "Compares the ledger with EC2 and folds in what no event told", timeout: sweepTimeout,
		environment: s.watching(map[string]*string{config.EnvLedgerTable: l.table.TableName()}),
	})
	l.allow(sweep, slices.Concat(ledgerReads, ledgerWrites)...)
	sweep.allowDescribe(observing...)
	sweep.allowSpokes(s, config.SpokeObserveRole)
	rate, memory := "rate(1 hour)", functionMemoryMB
	if s.fleet() { // a run goes on where the one before it ended, and each swept scope rests for an hour
		rate, memory = "rate(15 minutes)", fleetSweepMemoryMB
	}
	sweep.every(rate)
	sweep.memory(memory)
	return intake{queue, deadLetters, rules, track, sweep}
}

// observing are the calls that tell what runs. The options of databases are asked for
// only where a license looks for packs.
var observing = []string{"ec2:DescribeInstances", "ec2:DescribeHosts", "ec2:DescribeInstanceTypes", "ec2:DescribeImages", "ec2:DescribeSnapshots", "ec2:GetImageAncestry",
	"rds:DescribeDBInstances", "rds:DescribeOptionGroups", "ssm:DescribeInstanceInformation", "ssm:GetInventory"}

// fleetSweepMemoryMB gives the sweep of many accounts one whole processor: decoding
// EC2's answers is what it does most.
const fleetSweepMemoryMB = 1769

// watching adds to an environment what is watched.
func (s settings) watching(environment map[string]*string) map[string]*string {
	environment[config.EnvAccounts] = jsii.String(strings.Join(s.accountIDs(), ","))
	if len(s.regions) > 0 {
		environment[config.EnvRegions] = jsii.String(strings.Join(s.regions, ","))
	}
	if s.externalID != "" {
		environment[config.EnvOwnAccount] = awscdk.Aws_ACCOUNT_ID()
		environment[config.EnvSpokeExternalID] = jsii.String(s.externalID)
	}
	return environment
}

// accountIDs are the accounts whose events count: by default the stack's own.
func (s settings) accountIDs() []string {
	if len(s.accounts) > 0 {
		return s.accounts
	}
	return []string{*awscdk.Aws_ACCOUNT_ID()}
}

// newQueue makes a queue whose messages go to the dead letters after five
// failed receives. SQS's own encryption is used: with a key of ours, EventBridge
// would have to be let in to that key, for messages that are hints only.
func newQueue(scope constructs.Construct, id string, deadLetters awssqs.Queue, timeout int) awssqs.Queue {
	return awssqs.NewQueue(scope, jsii.String(id), &awssqs.QueueProps{
		Encryption:        awssqs.QueueEncryption_SQS_MANAGED,
		EnforceSSL:        jsii.Bool(true),
		VisibilityTimeout: seconds(visibilityFactor * timeout),
		RetentionPeriod:   awscdk.Duration_Days(jsii.Number(4)),
		DeadLetterQueue:   &awssqs.DeadLetterQueue{Queue: deadLetters, MaxReceiveCount: jsii.Number(receivesAtMost)},
	})
}

func newDeadLetterQueue(scope constructs.Construct, id string) awssqs.Queue {
	queue := awssqs.NewQueue(scope, jsii.String(id), &awssqs.QueueProps{
		Encryption:      awssqs.QueueEncryption_SQS_MANAGED,
		EnforceSSL:      jsii.Bool(true),
		RetentionPeriod: awscdk.Duration_Days(jsii.Number(retentionDays)),
	})
	cdknag.NagSuppressions_AddResourceSuppressions(queue, list(&cdknag.NagPackSuppression{
		Id: jsii.String("AwsSolutions-SQS3"), Reason: jsii.String("This queue is itself the dead-letter queue; an alarm watches its depth."),
	}), nil)
	return queue
}

// A hint is what one rule lets in.
type hint struct {
	id, description string
	pattern         map[string]any
}

// hints are all the events that can change a count. A call that failed changed
// nothing, so CloudTrail's records of errors stay out.
func hints() []hint {
	return []hint{
		{"InstanceState", "instances that change their state", map[string]any{
			"source": []string{"aws.ec2"}, "detail-type": []string{"EC2 Instance State-change Notification"},
		}},
		{"SpotInterruption", "spot instances about to be taken", map[string]any{
			"source": []string{"aws.ec2"}, "detail-type": []string{"EC2 Spot Instance Interruption Warning"},
		}},
		{"ImageState", "images that come and go", map[string]any{
			"source": []string{"aws.ec2"}, "detail-type": []string{"EC2 AMI State Change"},
		}},
		{"InstanceCall", "calls of EC2 that change what an instance is, where it runs or what it is made from", map[string]any{
			"source": []string{"aws.ec2"}, "detail-type": []string{"AWS API Call via CloudTrail"},
			"detail": map[string]any{
				"eventSource": []string{"ec2.amazonaws.com"},
				"eventName": []string{
					"RunInstances", "StartInstances",
					"ModifyInstanceAttribute", "ModifyInstanceCpuOptions", "ModifyInstancePlacement",
					"AllocateHosts", "ReleaseHosts", "ModifyHosts",
					"CopyImage", "CreateImage", "RegisterImage", "DeregisterImage",
					"CreateTags", "DeleteTags",
				},
				"errorCode": []any{map[string]any{"exists": false}},
			},
		}},
		{"AutoScaling", "Auto Scaling groups that launch and terminate", map[string]any{
			"source":      []string{"aws.autoscaling"},
			"detail-type": []string{"EC2 Instance Launch Successful", "EC2 Instance Terminate Successful"},
		}},
		{"Association", "SSM associations, whose inventory tells the software on an instance", map[string]any{
			"source": []string{"aws.ssm"}, "detail-type": []string{"EC2 State Manager Instance Association State Change"},
		}},
		{"Database", "databases that start, stop, end or change", map[string]any{
			"source": []string{"aws.rds"}, "detail-type": []string{"RDS DB Instance Event"},
		}},
		{"ManagedNode", "machines outside EC2 that come and go, and inventory that is told no more", map[string]any{
			"source":      []string{"aws.ssm"},
			"detail-type": []string{"SSM Managed Instance Registration", "SSM Managed Instance Deregistration", "Inventory Resource State Change"},
		}},
	}
}

// inventoryHints are the objects of a Resource Data Sync, where there is one: the
// bucket must send its events to EventBridge. Only types that are read are let in.
func inventoryHints(s settings) []hint {
	if s.inventoryBucket == "" {
		return nil
	}
	var keys []map[string]any
	for _, part := range []license.InventoryPart{license.PartApplications, license.PartMachine, license.PartGuest, license.PartTags} {
		keys = append(keys, map[string]any{"wildcard": "*" + string(part) + "/accountid=*"})
	}
	return []hint{{"InventoryObject", "objects of a Resource Data Sync, in which a machine's software is told", map[string]any{
		"source": []string{"aws.s3"}, "detail-type": []string{"Object Created"},
		"detail": map[string]any{"bucket": map[string]any{"name": []string{s.inventoryBucket}}, "object": map[string]any{"key": keys}},
	}}}
}

// newRules lets the hints of our accounts into the queue, each event whole, and
// a tick each minute for what is due by time alone. What EventBridge cannot
// deliver in a day goes to the dead letters.
func newRules(scope constructs.Construct, s settings, hubBus awsevents.CfnEventBus, queue, deadLetters awssqs.Queue) []awsevents.CfnRule {
	scope = constructs.NewConstruct(scope, jsii.String("Rules"))
	targets := ruleTargets("intake", queue, deadLetters)
	var rules []awsevents.CfnRule
	for _, h := range slices.Concat(hints(), inventoryHints(s)) {
		// AWS lets nobody send a source that starts with "aws.", but a bus policy
		// may let other accounts in: only ours count.
		h.pattern["account"] = s.accountIDs()
		rules = append(rules, awsevents.NewCfnRule(scope, jsii.String(h.id), &awsevents.CfnRuleProps{
			Description: jsii.String("licenseguard: " + h.description), EventPattern: h.pattern, Targets: targets,
		}))
		if hubBus != nil {
			rules = append(rules, awsevents.NewCfnRule(scope, jsii.String("Hub"+h.id), &awsevents.CfnRuleProps{
				Description: jsii.String("licenseguard: " + h.description + ", elsewhere"), EventBusName: hubBus.Ref(), EventPattern: h.pattern, Targets: targets,
			}))
		}
	}
	rules = append(rules, awsevents.NewCfnRule(scope, jsii.String("Tick"), &awsevents.CfnRuleProps{
		Description:        jsii.String("licenseguard: folds what is due by time alone"),
		ScheduleExpression: jsii.String("rate(1 minute)"), Targets: targets,
	}))

	letRulesIn(rules, queue, deadLetters)
	return rules
}

// ruleTargets has a rule give each event, whole, to a queue, and what cannot be
// delivered to the dead letters.
func ruleTargets(id string, queue, deadLetters awssqs.Queue) *[]*awsevents.CfnRule_TargetProperty {
	return list(&awsevents.CfnRule_TargetProperty{
		Id:  jsii.String(id),
		Arn: queue.QueueArn(),
		RetryPolicy: &awsevents.CfnRule_RetryPolicyProperty{
			MaximumEventAgeInSeconds: jsii.Number(ruleRetryHours * 60 * 60),
			MaximumRetryAttempts:     jsii.Number(ruleRetryAttempts),
		},
		DeadLetterConfig: &awsevents.CfnRule_DeadLetterConfigProperty{Arn: deadLetters.QueueArn()},
	})
}

// letRulesIn lets rules of ours, and no others, send to queues.
func letRulesIn(rules []awsevents.CfnRule, queues ...awssqs.Queue) {
	var arns []*string
	for _, rule := range rules {
		arns = append(arns, rule.AttrArn())
	}
	for _, q := range queues {
		q.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Sid:        jsii.String("OurRulesOnly"),
			Principals: list[awsiam.IPrincipal](awsiam.NewServicePrincipal(jsii.String("events.amazonaws.com"), nil)),
			Actions:    jsii.Strings("sqs:SendMessage"),
			Resources:  list(q.QueueArn()),
			// A rule's ARN holds the account, so nobody else's rule passes.
			Conditions: &map[string]any{"ArnEquals": map[string]any{"aws:SourceArn": arns}},
		}))
	}
}
