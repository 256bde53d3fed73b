package main

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"licenseguard/shared/config"
)

// newHub puts the subsystems together; each is one construct in its own file.
// The stack is bound to no account or Region, so one template serves all.
func newHub(scope constructs.Construct, id string, s settings) awscdk.Stack {
	stack := awscdk.NewStack(scope, jsii.String(id), &awscdk.StackProps{
		Description: jsii.String("licenseguard: counts software licenses on EC2 and keeps them inside their limits"),
	})

	ledger := newLedger(stack, s)
	alerts := newAlerts(stack, s)
	reports := newReports(stack, s)
	bus := newBus(stack)
	streamDLQ := newDeadLetterQueue(stack, "StreamDlq")

	var hubBus awsevents.CfnEventBus
	if s.fleet() {
		hubBus = newHubBus(stack, s)
	}
	s.reach.regions = s.regions
	intake := newIntake(stack, s, hubBus, ledger)
	enforce := newEnforce(stack, s, ledger, streamDLQ)
	publish := newPublish(stack, s, publishLinks{ledger, reports, alerts, bus, streamDLQ})
	snapshot := newSnapshot(stack, s, ledger, reports)
	seal := newSeal(stack, s, reports, alerts)
	api := newAPI(stack, s, ledger, alerts, reports)

	functions := []function{intake.track, intake.sweep, enforce, publish.function, snapshot, seal.function, api.all, api.read}
	output := func(name string, value *string) {
		awscdk.NewCfnOutput(stack, jsii.String(name), &awscdk.CfnOutputProps{Value: value})
	}
	watched := monitored{
		ledger: ledger, alerts: alerts, intake: intake,
		deadLetters: []watchedQueue{
			{"intake", intake.deadLetters},
			{"stream", streamDLQ},
			{"alert", publish.alerts.deadLetters},
			{"event", publish.events.deadLetters},
		},
	}
	if s.admission {
		admission := newAdmission(stack, s, ledger)
		functions = append(functions, admission.function)
		watched.deadLetters = append(watched.deadLetters, watchedQueue{"admit", admission.deadLetters})
		watched.admission = &admission
		output(config.OutputAdmitQueueURL, admission.queue.QueueUrl())
		output(config.OutputAdmitDLQURL, admission.deadLetters.QueueUrl())
	}
	if s.stackHook != stackHookOff {
		functions = append(functions, newStackHook(stack, s, ledger))
	}
	watched.functions = functions
	newMonitoring(stack, s, watched)

	output(config.OutputLedgerTable, ledger.table.TableName())
	output(config.OutputReportBucket, reports.bucket.BucketName())
	output(config.OutputEvidenceBucket, seal.bucket.BucketName())
	output(config.OutputSigningKeyARN, seal.signing.KeyArn())
	output(config.OutputNamesKeyARN, seal.names.KeyArn())
	output(config.OutputAlertTopicARN, alerts.topic.TopicArn())
	output(config.OutputEventBusName, bus.Ref())
	output(config.OutputWorkGroup, reports.workGroup.Ref())
	output(config.OutputIntakeQueueURL, intake.queue.QueueUrl())
	output(config.OutputIntakeDLQURL, intake.deadLetters.QueueUrl())
	output(config.OutputAlertQueueURL, publish.alerts.queue.QueueUrl())
	output(config.OutputAlertDLQURL, publish.alerts.deadLetters.QueueUrl())
	output(config.OutputEventQueueURL, publish.events.queue.QueueUrl())
	output(config.OutputEventDLQURL, publish.events.deadLetters.QueueUrl())
	output(config.OutputStreamDLQURL, streamDLQ.QueueUrl())
	output(config.OutputAPIURL, api.allURL)
	output(config.OutputAPIReadURL, api.readURL)
	if s.fleet() {
		link := spokeLink{bus: hubBus.AttrArn(), observers: []*string{intake.track.role.RoleArn(), intake.sweep.role.RoleArn()}, enforcer: enforce.role.RoleArn()}
		output(outputHubBus, link.bus)
		output(outputObservers, awscdk.Fn_Join(jsii.String(","), &link.observers))
		output(outputEnforcer, link.enforcer)
		if len(s.units) > 0 {
			newSpokeSet(stack, s, link)
		}
	}
	for _, f := range functions {
		output(title(f.name)+"Function", f.lambda.FunctionName())
	}
	return stack
}

// title makes a function's name the start of a logical id: "track" to "Track".
func title(name string) string { return strings.ToUpper(name[:1]) + name[1:] }

func list[T any](items ...T) *[]T { return &items }
