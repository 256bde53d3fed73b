package main

import (
	"fmt"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"licenseguard/shared/config"
)

// monitored is what the alarms and the dashboard watch.
type monitored struct {
	ledger      ledger
	alerts      alerts
	intake      intake
	functions   []function
	deadLetters []watchedQueue
	admission   *admission // nil where a deployment has none
}

type watchedQueue struct {
	name  string
	queue awssqs.Queue
}

const (
	minute = 60
	hour   = 60 * minute

	// A tick comes each minute, so a queue this old is not drained.
	intakeAgeAtMost = 10 * minute
	// The stream keeps a record for 24 h: this leaves a day's work to find out why.
	iteratorAgeAtMost = hour
	// A count is promised within seconds; after this long something is in the way.
	eventAgeAtMost = 5 * minute
	// An instance waits for as long; a third of the time that a hook should have.
	launchWaitsAtMost = 5 * minute
)

// monitor makes alarms. Each goes to the topic and names its chapter of the
// runbook; a test holds the two together.
type monitor struct {
	scope   constructs.Construct
	topic   *string
	runbook string
}

// alarm is the part of an alarm that differs. It goes off when the value of its
// metric, or of its expression over metrics, passes or falls below the limit.
type alarm struct {
	chapter    string // the heading in the runbook, as a link writes it
	what       string
	metrics    []metric
	expression string // over m0, m1 and so on; empty with a single metric
	period     int
	periods    int
	above      float64
	silent     bool // goes off when there is nothing, instead of above the limit
}

type metric struct {
	namespace, name, statistic string
	dimensions                 map[string]*string
}

func (m monitor) add(a alarm) {
	comparison, missing := "GreaterThanThreshold", "notBreaching"
	threshold := a.above
	if a.silent {
		comparison, missing, threshold = "LessThanThreshold", "breaching", 1
	}
	props := &awscloudwatch.CfnAlarmProps{
		AlarmDescription:   jsii.String(fmt.Sprintf("%s Runbook: %s#%s", a.what, m.runbook, a.chapter)),
		ComparisonOperator: jsii.String(comparison),
		TreatMissingData:   jsii.String(missing),
		Threshold:          jsii.Number(threshold),
		EvaluationPeriods:  jsii.Number(a.periods),
		AlarmActions:       list[any](m.topic),
	}
	if a.expression == "" {
		only := a.metrics[0]
		props.Namespace, props.MetricName, props.Statistic = &only.namespace, &only.name, &only.statistic
		props.Dimensions, props.Period = only.cfnDimensions(), jsii.Number(a.period)
	} else {
		props.Metrics = a.math()
	}
	awscloudwatch.NewCfnAlarm(m.scope, jsii.String(logicalID(a.chapter)), props)
}

func (a alarm) math() *[]*awscloudwatch.CfnAlarm_MetricDataQueryProperty {
	queries := []*awscloudwatch.CfnAlarm_MetricDataQueryProperty{{
		Id: jsii.String("value"), Expression: jsii.String(a.expression), ReturnData: true,
	}}
	for i, one := range a.metrics {
		queries = append(queries, &awscloudwatch.CfnAlarm_MetricDataQueryProperty{
			Id: jsii.String(fmt.Sprintf("m%d", i)), ReturnData: false,
			MetricStat: &awscloudwatch.CfnAlarm_MetricStatProperty{
				Stat: &one.statistic, Period: jsii.Number(a.period),
				Metric: &awscloudwatch.CfnAlarm_MetricProperty{
					Namespace: &one.namespace, MetricName: &one.name, Dimensions: one.cfnDimensions(),
				},
			},
		})
	}
	return &queries
}

func (m metric) cfnDimensions() *[]*awscloudwatch.CfnAlarm_DimensionProperty {
	var dimensions []*awscloudwatch.CfnAlarm_DimensionProperty
	for _, name := range sortedKeys(m.dimensions) {
		dimensions = append(dimensions, &awscloudwatch.CfnAlarm_DimensionProperty{Name: jsii.String(name), Value: m.dimensions[name]})
	}
	return &dimensions
}

// logicalID turns a chapter into the id of a construct: "sweep-errors" into
// "SweepErrors".
func logicalID(chapter string) string {
	var id strings.Builder
	for word := range strings.SplitSeq(chapter, "-") {
		id.WriteString(title(word))
	}
	return id.String()
}

// The metrics that AWS keeps of its parts, and ours.
func queueMetric(q awssqs.Queue, name string) metric {
	return metric{"AWS/SQS", name, "Maximum", map[string]*string{"QueueName": q.QueueName()}}
}

func lambdaMetric(f function, name, statistic string) metric {
	return metric{"AWS/Lambda", name, statistic, map[string]*string{"FunctionName": f.lambda.FunctionName()}}
}

func tableMetric(l ledger, name, operation string) metric {
	dimensions := map[string]*string{"TableName": l.table.TableName()}
	if operation != "" {
		dimensions["Operation"] = jsii.String(operation)
	}
	return metric{"AWS/DynamoDB", name, "Sum", dimensions}
}

func ownMetric(name, function string) metric {
	return metric{config.MetricNamespace, name, "Sum", map[string]*string{config.DimensionFunction: jsii.String(function)}}
}

// eventAge is in milliseconds. A batch reports its oldest event, so the maximum
// is the one that people waited for.
func eventAge(function string) metric {
	m := ownMetric(config.MetricEventAge, function)
	m.statistic = "Maximum"
	return m
}

func newMonitoring(scope constructs.Construct, s settings, w monitored) {
	scope = constructs.NewConstruct(scope, jsii.String("Monitoring"))
	m := monitor{scope, w.alerts.topic.TopicArn(), s.runbook}
	m.watchQueues(w)
	m.watchFunctions(w)
	m.watchSealing()
	m.watchLedger(w)
	m.watchCounting()
	if s.fleet() {
		m.watchAccounts()
	}
	if s.dashboard {
		newDashboard(scope, w)
	}
}

func (m monitor) watchQueues(w monitored) {
	what := map[string]string{
		"intake": "Events that nobody could process, or that EventBridge could not deliver.",
		"stream": "Changes of licenses that enforce or publish gave up on.",
		"alert":  "Alerts that did not reach the topic: people were not told.",
		"event":  "Events that did not reach the bus: other programs were not told.",
		"admit":  "Launch hooks that nobody answered: the default result of their group applies.",
	}
	for _, dead := range w.deadLetters {
		m.add(alarm{
			chapter: dead.name + "-dead-letters", what: what[dead.name],
			metrics: []metric{queueMetric(dead.queue, "ApproximateNumberOfMessagesVisible")}, period: minute, periods: 1,
		})
	}
	m.add(alarm{
		chapter: "intake-behind", what: "The oldest event waits for more than 10 minutes: counts are stale.",
		metrics: []metric{queueMetric(w.intake.queue, "ApproximateAgeOfOldestMessage")}, period: minute, periods: 5, above: intakeAgeAtMost,
	})
	if w.admission != nil {
		m.add(alarm{
			chapter: "admit-behind", what: "An instance waits for its launch hook to be answered for more than 5 minutes.",
			metrics: []metric{queueMetric(w.admission.queue, "ApproximateAgeOfOldestMessage")}, period: minute, periods: 1, above: launchWaitsAtMost,
		})
	}
	var lost []metric
	for _, rule := range w.intake.rules {
		dimensions := map[string]*string{"RuleName": rule.Ref()}
		lost = append(lost, metric{"AWS/Events", "InvocationsFailedToBeSentToDlq", "Sum", dimensions})
	}
	m.add(alarm{
		chapter: "intake-events-lost", what: "EventBridge delivered an event neither to the queue nor to its dead letters.",
		metrics: lost, expression: sum(len(lost)), period: 5 * minute, periods: 1,
	})
}

func (m monitor) watchFunctions(w monitored) {
	var throttles []metric
	for _, f := range w.functions {
		m.add(alarm{
			chapter: f.name + "-errors", what: "The function " + f.name + " failed.",
			metrics: []metric{lambdaMetric(f, "Errors", "Sum")}, period: 5 * minute, periods: 1,
		})
		throttles = append(throttles, lambdaMetric(f, "Throttles", "Sum"))
		if f.name == config.FunctionEnforce || f.name == config.FunctionPublish {
			m.add(alarm{
				chapter: f.name + "-behind", what: "The function " + f.name + " is more than an hour behind the ledger; after 24 hours changes are lost to it.",
				metrics: []metric{lambdaMetric(f, "IteratorAge", "Maximum")}, period: 5 * minute, periods: 1, above: iteratorAgeAtMost * 1000,
			})
		}
	}
	m.add(alarm{
		chapter: "functions-throttled", what: "Lambda refused to run functions of ours for 15 minutes.",
		metrics: throttles, expression: sum(len(throttles)), period: 5 * minute, periods: 3,
	})
	m.add(alarm{
		chapter: "track-no-progress", what: "track has not worked for 15 minutes, though a tick comes each minute.",
		metrics: []metric{ownMetric(config.MetricSuccess, config.FunctionTrack)}, period: 5 * minute, periods: 3, silent: true,
	})
	for _, name := range []string{config.FunctionSweep, config.FunctionSnapshot} {
		m.add(alarm{
			chapter: name + "-no-progress", what: "No " + name + " has succeeded for 3 hours.",
			metrics: []metric{ownMetric(config.MetricSuccess, name)}, period: hour, periods: 3, silent: true,
		})
	}
}

// watchSealing notices a day later that no evidence is made: nothing is lost by that,
// because what was not sealed is made up for.
func (m monitor) watchSealing() {
	m.add(alarm{
		chapter: "seal-no-progress", what: "No seal has succeeded for 24 hours: what is written is not made evidence.",
		metrics: []metric{ownMetric(config.MetricSuccess, config.FunctionSeal)}, period: 6 * hour, periods: 4, silent: true,
	})
}

func (m monitor) watchLedger(w monitored) {
	throttled := []metric{tableMetric(w.ledger, "ReadThrottleEvents", ""), tableMetric(w.ledger, "WriteThrottleEvents", "")}
	m.add(alarm{
		chapter: "ledger-throttled", what: "DynamoDB throttled the ledger in three periods of 5 minutes.",
		metrics: throttled, expression: sum(len(throttled)), period: 5 * minute, periods: 3,
	})
	var failed []metric
	for _, operation := range []string{"GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "BatchWriteItem", "TransactWriteItems"} {
		failed = append(failed, tableMetric(w.ledger, "SystemErrors", operation))
	}
	m.add(alarm{
		chapter: "ledger-errors", what: "DynamoDB itself failed on the ledger.",
		metrics: failed, expression: sum(len(failed)), period: 5 * minute, periods: 2,
	})
}

func (m monitor) watchAccounts() {
	m.add(alarm{
		chapter: "accounts-unreachable", what: "Sweeps could not look into an account or Region: what is on record of it is kept and not confirmed.",
		metrics: []metric{ownMetric(config.MetricUnreachable, config.FunctionSweep)}, period: hour, periods: 2,
	})
}

func (m monitor) watchCounting() {
	m.add(alarm{
		chapter: "counted-late", what: "For 15 minutes, events were counted more than 5 minutes after they happened.",
		metrics: []metric{eventAge(config.FunctionTrack)}, period: 5 * minute, periods: 3, above: eventAgeAtMost * 1000,
	})
	m.add(alarm{
		chapter: "drift", what: "A sweep found the ledger different from EC2: events were lost, or a count is wrong.",
		metrics: []metric{ownMetric(config.MetricDrift, config.FunctionSweep)}, period: hour, periods: 1,
	})
	m.add(alarm{
		chapter: "stops-refused", what: "enforce could not stop or tag instances that are over a limit; it tries again.",
		metrics: []metric{ownMetric(config.MetricStopsRefused, config.FunctionEnforce)}, period: 5 * minute, periods: 1,
	})
}

// sum adds the metrics m0 to m(n-1). A metric without data counts as nothing:
// with a plain "+", one silent metric would silence the sum.
func sum(n int) string {
	var terms []string
	for i := range n {
		terms = append(terms, fmt.Sprintf("FILL(m%d, 0)", i))
	}
	return strings.Join(terms, " + ")
}
