package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"licenseguard/shared/config"
)

const runbookFile = "../docs/runbook.md"

// chapters are the runbook's chapters, by the anchor that a link to them uses.
func chapters(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(runbookFile)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for i, chapter := range strings.Split(string(text), "\n## ") {
		if i == 0 {
			continue // the introduction
		}
		heading, body, _ := strings.Cut(chapter, "\n")
		found[anchor(heading)] = body
	}
	return found
}

func anchor(heading string) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimSpace(heading)), " ", "-")
}

func TestEveryAlarmHasItsChapter(t *testing.T) {
	link := regexp.MustCompile(`^\S.*[.] Runbook: docs/runbook\.md#([a-z-]+)$`)
	all := map[string]bool{}
	for _, v := range []variant{prevents, fleet} { // together they have every alarm
		hub := v.template(t)
		alarms := map[string]bool{}
		for _, id := range hub.ofType("AWS::CloudWatch::Alarm") {
			alarm := hub.Resources[id]
			description, _ := alarm.at("AlarmDescription").(string)
			match := link.FindStringSubmatch(description)
			if match == nil {
				t.Errorf("%s does not say where its chapter is: %q", id, description)
				continue
			}
			if alarms[match[1]] {
				t.Errorf("two alarms share the chapter %s", match[1])
			}
			alarms[match[1]], all[match[1]] = true, true
			if actions, _ := alarm.at("AlarmActions").([]any); len(actions) != 1 || target(actions[0]) != hub.output(config.OutputAlertTopicARN) {
				t.Errorf("%s tells nobody", id)
			}
		}
	}
	if diff := cmp.Diff(sortedKeys(chapters(t)), sortedKeys(all)); diff != "" {
		t.Errorf("(-chapters +alarms):\n%s", diff)
	}
}

func TestChaptersAreComplete(t *testing.T) {
	t.Parallel()
	all := chapters(t)
	command := regexp.MustCompile("(?s)```sh\n.+?```")
	links := regexp.MustCompile(`\]\(#([a-z-]+)\)`)
	for name, body := range all {
		parts := strings.Split(body, "\n### ")
		var headings []string
		for _, part := range parts[1:] {
			heading, text, _ := strings.Cut(part, "\n")
			headings = append(headings, heading)
			if heading == "Investigation" && !command.MatchString(text) {
				t.Errorf("%s: the investigation has no command", name)
			}
			if len(strings.TrimSpace(text)) < 40 {
				t.Errorf("%s: %s says nothing", name, heading)
			}
		}
		if !slices.Equal(headings, []string{"Description", "Investigation", "Resolution"}) {
			t.Errorf("%s has parts %v", name, headings)
		}
		for _, link := range links.FindAllStringSubmatch(body, -1) {
			if _, ok := all[link[1]]; !ok {
				t.Errorf("%s links to %s, which is no chapter", name, link[1])
			}
		}
	}
}

func TestRunbookReadsOutputsThatExist(t *testing.T) {
	text, err := os.ReadFile(runbookFile)
	if err != nil {
		t.Fatal(err)
	}
	known := prevents.template(t).Outputs
	used := regexp.MustCompile(`(?:\$\(output |\blogs )([A-Z]\w+)`).FindAllStringSubmatch(string(text), -1)
	if len(used) < 20 {
		t.Errorf("found only %d uses of outputs: is the pattern still right?", len(used))
	}
	for _, use := range used {
		if _, ok := known[use[1]]; !ok {
			t.Errorf("the runbook reads the output %s, which is not there", use[1])
		}
	}
}

// Each alarm watches a metric that somebody sends: ours by name, AWS's by
// namespace.
func TestAlarmsWatchMetricsOfOurs(t *testing.T) {
	hub := fleet.template(t)
	ours := []string{config.MetricUnreachable, config.MetricSuccess, config.MetricDrift, config.MetricStopsRefused, config.MetricEventAge}
	seen := map[string]bool{}
	for _, id := range hub.ofType("AWS::CloudWatch::Alarm") {
		alarm := hub.Resources[id]
		if alarm.at("Namespace") != config.MetricNamespace {
			continue
		}
		name, _ := alarm.at("MetricName").(string)
		seen[name] = true
		check(t, alarm, map[string]string{"Dimensions.0.Name": `"Function"`})
		function, _ := alarm.at("Dimensions.0.Value").(string)
		if !slices.Contains(config.Functions(), function) {
			t.Errorf("%s watches the function %q", id, function)
		}
	}
	slices.Sort(ours)
	if diff := cmp.Diff(ours, sortedKeys(seen)); diff != "" {
		t.Error(diff)
	}
}

// What the alarms promise in words is what they compute.
func TestAlarmThresholds(t *testing.T) {
	hub := hub(t)
	want := map[string]map[string]string{
		"#intake-dead-letters": {"Threshold": "0", "Period": "60", "ComparisonOperator": `"GreaterThanThreshold"`},
		"#stream-dead-letters": {"Threshold": "0", "Period": "60"},
		"#alert-dead-letters":  {"Threshold": "0", "Period": "60"},
		"#event-dead-letters":  {"Threshold": "0", "Period": "60"},
		"#intake-behind":       {"Threshold": "600", "MetricName": `"ApproximateAgeOfOldestMessage"`},
		"#enforce-behind":      {"Threshold": "3600000", "MetricName": `"IteratorAge"`},
		"#publish-behind":      {"Threshold": "3600000", "MetricName": `"IteratorAge"`},
		"#sweep-no-progress": {
			"Threshold": "1", "Period": "3600", "EvaluationPeriods": "3",
			"ComparisonOperator": `"LessThanThreshold"`, "TreatMissingData": `"breaching"`,
		},
		"#counted-late": {
			"Threshold": "300000", "Period": "300", "EvaluationPeriods": "3", "MetricName": `"EventAge"`,
			"Statistic": `"Maximum"`, "ComparisonOperator": `"GreaterThanThreshold"`, "TreatMissingData": `"notBreaching"`,
		},
		"#drift":         {"Threshold": "0", "MetricName": `"Drift"`},
		"#stops-refused": {"Threshold": "0", "MetricName": `"StopsRefused"`},
	}
	for _, id := range hub.ofType("AWS::CloudWatch::Alarm") {
		alarm := hub.Resources[id]
		_, chapter, _ := strings.Cut(alarm.at("AlarmDescription").(string), "runbook.md")
		check(t, alarm, want[chapter])
		delete(want, chapter)
	}
	if len(want) > 0 {
		t.Errorf("no alarm for %v", sortedKeys(want))
	}
}
