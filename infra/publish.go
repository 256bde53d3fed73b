package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"licenseguard/shared/config"
)

const publishTimeout = 60

// alerts is the topic that people listen to; our own alarms go to it too.
type alerts struct {
	topic awssns.Topic
	key   awskms.Key
}

func newAlerts(scope constructs.Construct, s settings) alerts {
	scope = constructs.NewConstruct(scope, jsii.String("Alerts"))
	// SNS's own key lets no alarm of CloudWatch in, so the topic has one of ours.
	key := awskms.NewKey(scope, jsii.String("Key"), &awskms.KeyProps{
		Description:       jsii.String("licenseguard: encrypts alerts"),
		EnableKeyRotation: jsii.Bool(true),
		RemovalPolicy:     awscdk.RemovalPolicy_DESTROY, // it keeps nothing that outlives a delivery
	})
	topic := awssns.NewTopic(scope, jsii.String("Topic"), &awssns.TopicProps{
		DisplayName: jsii.String("licenseguard"), MasterKey: key, EnforceSSL: jsii.Bool(true),
	})
	fromOurAlarms := &map[string]any{
		"StringEquals": map[string]any{"aws:SourceAccount": awscdk.Aws_ACCOUNT_ID()},
		"ArnLike": map[string]any{"aws:SourceArn": "arn:" + *awscdk.Aws_PARTITION() + ":cloudwatch:" +
			*awscdk.Aws_REGION() + ":" + *awscdk.Aws_ACCOUNT_ID() + ":alarm:*"},
	}
	cloudWatch := list[awsiam.IPrincipal](awsiam.NewServicePrincipal(jsii.String("cloudwatch.amazonaws.com"), nil))
	// Without a condition, as AWS documents it: the topic's policy says whose alarms.
	key.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid: jsii.String("Alarms"), Principals: cloudWatch,
		Actions: jsii.Strings("kms:Decrypt", "kms:GenerateDataKey"), Resources: jsii.Strings("*"),
	}), nil)
	// The default policy, which lets alarms in, is gone as soon as a topic has one.
	topic.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid: jsii.String("Alarms"), Principals: cloudWatch, Conditions: fromOurAlarms,
		Actions: jsii.Strings("sns:Publish"), Resources: list(topic.TopicArn()),
	}))
	for _, email := range s.emails {
		awssns.NewSubscription(scope, jsii.String(email), &awssns.SubscriptionProps{
			Topic: topic, Protocol: awssns.SubscriptionProtocol_EMAIL, Endpoint: jsii.String(email),
		})
	}
	return alerts{topic, key}
}

// newBus makes the bus that other programs listen to. It has no policy: only
// this account may send, and of its roles only publish is allowed to by us.
func newBus(scope constructs.Construct) awsevents.CfnEventBus {
	return awsevents.NewCfnEventBus(scope, jsii.String("Bus"), &awsevents.CfnEventBusProps{
		Name:        jsii.String(config.EventBusName),
		Description: jsii.String("licenseguard: changes of licenses, for whoever wants to act on them"),
	})
}

// outbox is a queue between publish and one of its targets, so that a target
// that is down holds up neither the change log nor the other target.
type outbox struct{ queue, deadLetters awssqs.Queue }

func newOutbox(scope constructs.Construct, id string) outbox {
	scope = constructs.NewConstruct(scope, jsii.String(id))
	deadLetters := newDeadLetterQueue(scope, "Dlq")
	return outbox{newQueue(scope, "Queue", deadLetters, publishTimeout), deadLetters}
}

type publishing struct {
	function       function
	alerts, events outbox
}

// publishLinks is what publish stands between.
type publishLinks struct {
	ledger    ledger
	reports   reports
	alerts    alerts
	bus       awsevents.CfnEventBus
	streamDLQ awssqs.Queue
}

// newPublish makes the function that tells the world: first the change log, then
// through a queue each the topic and the bus.
func newPublish(scope constructs.Construct, s settings, to publishLinks) publishing {
	scope = constructs.NewConstruct(scope, jsii.String("Publishing"))
	alertBox, eventBox := newOutbox(scope, "AlertBox"), newOutbox(scope, "EventBox")
	f := newFunction(scope, s, functionSpec{
		name: config.FunctionPublish, description: "Writes the change log, then alerts and events", timeout: publishTimeout,
		environment: map[string]*string{
			config.EnvLedgerTable:   to.ledger.table.TableName(),
			config.EnvReportBucket:  to.reports.bucket.BucketName(),
			config.EnvAlertQueueURL: alertBox.queue.QueueUrl(),
			config.EnvEventQueueURL: eventBox.queue.QueueUrl(),
			config.EnvAlertTopicARN: to.alerts.topic.TopicArn(),
			config.EnvEventBusName:  to.bus.Ref(),
		},
	})
	to.ledger.allow(f, "dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:PutItem", "dynamodb:UpdateItem")
	to.reports.allowWrite(f, config.PrefixChanges)
	f.followHeads(to.ledger, to.streamDLQ)
	f.allow("Outboxes", []string{"sqs:SendMessage"}, *alertBox.queue.QueueArn(), *eventBox.queue.QueueArn())
	f.consume("Alerts", alertBox.queue, queueBatch{size: 10, window: 0, concurrency: 2})
	f.consume("Events", eventBox.queue, queueBatch{size: 10, window: 0, concurrency: 2})
	f.allow("Alert", []string{"sns:Publish"}, *to.alerts.topic.TopicArn())
	f.allowIf("AlertKey", []string{"kms:Decrypt", "kms:GenerateDataKey"},
		conditions{"StringEquals": {"kms:ViaService": viaService("sns")}}, *to.alerts.key.KeyArn())
	// One call has many events, so the key has many values: each must be ours, and
	// because ForAllValues is true of none at all, there must be one.
	f.allowIf("Tell", []string{"events:PutEvents"}, conditions{
		"ForAllValues:StringEquals": {"events:source": config.EventSource},
		"Null":                      {"events:source": "false"},
	}, *to.bus.AttrArn())
	return publishing{f, alertBox, eventBox}
}
