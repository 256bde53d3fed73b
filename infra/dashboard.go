package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"licenseguard/shared/config"
)

// Two widgets stand beside each other on the dashboard, which is 24 units wide.
const (
	widgetWidth  = 12
	widgetHeight = 6
)

// newDashboard shows the positions of the licenses above, the health of what
// counts them below. Licenses are found by search, so a new one shows by itself.
func newDashboard(scope constructs.Construct, w monitored) {
	dashboard := awscloudwatch.NewDashboard(scope, jsii.String("Dashboard"), &awscloudwatch.DashboardProps{
		DefaultInterval: awscdk.Duration_Days(jsii.Number(1)),
	})
	search := func(title, name string) awscloudwatch.IWidget {
		expression := fmt.Sprintf(`SEARCH('{%s,%s} MetricName="%s"', 'Maximum', 300)`, config.MetricNamespace, config.DimensionLicense, name)
		return graph(title, awscloudwatch.NewMathExpression(&awscloudwatch.MathExpressionProps{
			Expression: &expression, Label: jsii.String(""), UsingMetrics: &map[string]awscloudwatch.IMetric{},
		}))
	}
	dashboard.AddWidgets(search("Consumed", config.MetricConsumed), search("Use, percent of the count", config.MetricUsagePercent))
	dashboard.AddWidgets(search("Covered", config.MetricCovered), search("Count", config.MetricLicenseCount))

	each := func(namespace, name, statistic string) []awscloudwatch.IMetric {
		var all []awscloudwatch.IMetric
		for _, f := range w.functions {
			m := lambdaMetric(f, name, statistic)
			if namespace == config.MetricNamespace {
				m = ownMetric(name, f.name)
			}
			all = append(all, m.graphed(f.name))
		}
		return all
	}
	dashboard.AddWidgets(
		graph("Errors", each("AWS/Lambda", "Errors", "Sum")...),
		graph("Duration, p99", each("AWS/Lambda", "Duration", "p99")...),
	)
	dashboard.AddWidgets(
		graph("Successes", each(config.MetricNamespace, config.MetricSuccess, "Sum")...),
		graph("Throttles", each("AWS/Lambda", "Throttles", "Sum")...),
	)

	var depths, ages []awscloudwatch.IMetric
	for _, dead := range w.deadLetters {
		depths = append(depths, queueMetric(dead.queue, "ApproximateNumberOfMessagesVisible").graphed(dead.name))
	}
	ages = append(ages, queueMetric(w.intake.queue, "ApproximateAgeOfOldestMessage").graphed("intake, s"))
	for _, f := range w.functions {
		if f.name == config.FunctionEnforce || f.name == config.FunctionPublish {
			ages = append(ages, lambdaMetric(f, "IteratorAge", "Maximum").graphed(f.name+", ms"))
		}
	}
	dashboard.AddWidgets(graph("Dead letters", depths...), graph("Behind", ages...))
	oldest := eventAge(config.FunctionTrack)
	median := oldest
	median.statistic = "p50"
	dashboard.AddWidgets(graph("From event to count, ms", oldest.graphed("oldest"), median.graphed("median of batches")))
	dashboard.AddWidgets(
		graph("Events not understood",
			ownMetric(config.MetricUnknownEvents, config.FunctionTrack).graphed("unknown"),
			ownMetric(config.MetricMalformedEvents, config.FunctionTrack).graphed("malformed")),
		graph("Answers",
			ownMetric(config.MetricDrift, config.FunctionSweep).graphed("drift"),
			ownMetric(config.MetricStopsDone, config.FunctionEnforce).graphed("stops done"),
			ownMetric(config.MetricStopsRefused, config.FunctionEnforce).graphed("stops refused"),
			ownMetric(config.MetricAlertsSent, config.FunctionPublish).graphed("alerts sent")),
	)
}

func (m metric) graphed(label string) awscloudwatch.IMetric {
	return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
		Namespace: &m.namespace, MetricName: &m.name, Statistic: &m.statistic,
		DimensionsMap: &m.dimensions, Label: jsii.String(label),
	})
}

func graph(title string, metrics ...awscloudwatch.IMetric) awscloudwatch.IWidget {
	return awscloudwatch.NewGraphWidget(&awscloudwatch.GraphWidgetProps{
		Title: jsii.String(title), Left: &metrics,
		Width: jsii.Number(widgetWidth), Height: jsii.Number(widgetHeight),
	})
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
