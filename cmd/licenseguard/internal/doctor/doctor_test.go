package doctor_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cloudformationtypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	cloudtrailtypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventbridgetypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"licenseguard/cmd/licenseguard/internal/deployment"
	"licenseguard/cmd/licenseguard/internal/doctor"
	"licenseguard/shared/config"
	"licenseguard/shared/ledger"
	"licenseguard/shared/track"
)

var start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// account is an AWS account in which a test breaks one thing.
type account struct {
	deployment.CloudFormation

	watches       []track.Watch
	subscriptions []string // ARNs
	trail         cloudtrailtypes.Trail
	logging       bool
	selectors     cloudtrail.GetEventSelectorsOutput
	state         lambdatypes.State
	update        lambdatypes.LastUpdateStatus
	source        string // state of the mappings
	rule          eventbridgetypes.RuleState
	hubRule       eventbridgetypes.RuleState
	dead          map[string]string // messages by queue
	swept         time.Time
	visible       time.Time // when CloudWatch shows it
	now           time.Time
	err           error // of every call
}

// healthy lacks nothing.
func healthy() *account {
	return &account{
		subscriptions: []string{"arn:aws:sns:us-east-1:123456789012:alerts:1"},
		trail:         cloudtrailtypes.Trail{Name: aws.String("all"), TrailARN: aws.String("arn"), IsMultiRegionTrail: aws.Bool(true), HomeRegion: aws.String("eu-west-1")},
		logging:       true,
		selectors:     simple(cloudtrailtypes.ReadWriteTypeAll, true),
		state:         lambdatypes.StateActive,
		update:        lambdatypes.LastUpdateStatusSuccessful,
		source:        "Enabled",
		rule:          eventbridgetypes.RuleStateEnabled,
		hubRule:       eventbridgetypes.RuleStateEnabled,
		swept:         start.Add(-time.Hour),
		now:           start,
		watches: []track.Watch{{Account: "123456789012", Region: "us-east-1", Complete: start.Add(-time.Hour), Instances: 5, Drift: track.Drift{Started: 2, Changed: 1}},
			{Account: "222222222222", Region: "eu-west-1", Complete: start.Add(-time.Hour), Instances: 2, Drift: track.Drift{Ended: 4}}},
	}
}

func simple(kind cloudtrailtypes.ReadWriteType, management bool) cloudtrail.GetEventSelectorsOutput {
	return cloudtrail.GetEventSelectorsOutput{EventSelectors: []cloudtrailtypes.EventSelector{{ReadWriteType: kind, IncludeManagementEvents: &management}}}
}

// advanced selects by pairs of a field and the value that it equals.
func advanced(pairs ...string) cloudtrail.GetEventSelectorsOutput {
	var s cloudtrailtypes.AdvancedEventSelector
	for i := 0; i < len(pairs); i += 2 {
		s.FieldSelectors = append(s.FieldSelectors, cloudtrailtypes.AdvancedFieldSelector{Field: &pairs[i], Equals: []string{pairs[i+1]}})
	}
	return cloudtrail.GetEventSelectorsOutput{AdvancedEventSelectors: []cloudtrailtypes.AdvancedEventSelector{s}}
}

func (a *account) ListSubscriptionsByTopic(context.Context, *sns.ListSubscriptionsByTopicInput, ...func(*sns.Options)) (*sns.ListSubscriptionsByTopicOutput, error) {
	var out sns.ListSubscriptionsByTopicOutput
	for _, arn := range a.subscriptions {
		out.Subscriptions = append(out.Subscriptions, snstypes.Subscription{SubscriptionArn: &arn, Endpoint: aws.String("ops@example.com")})
	}
	return &out, a.err
}

func (a *account) DescribeTrails(context.Context, *cloudtrail.DescribeTrailsInput, ...func(*cloudtrail.Options)) (*cloudtrail.DescribeTrailsOutput, error) {
	return &cloudtrail.DescribeTrailsOutput{TrailList: []cloudtrailtypes.Trail{a.trail}}, a.err
}

func (a *account) GetTrailStatus(context.Context, *cloudtrail.GetTrailStatusInput, ...func(*cloudtrail.Options)) (*cloudtrail.GetTrailStatusOutput, error) {
	return &cloudtrail.GetTrailStatusOutput{IsLogging: &a.logging}, nil
}

func (a *account) GetEventSelectors(context.Context, *cloudtrail.GetEventSelectorsInput, ...func(*cloudtrail.Options)) (*cloudtrail.GetEventSelectorsOutput, error) {
	return &a.selectors, nil
}

func (a *account) GetFunctionConfiguration(context.Context, *lambda.GetFunctionConfigurationInput, ...func(*lambda.Options)) (*lambda.GetFunctionConfigurationOutput, error) {
	return &lambda.GetFunctionConfigurationOutput{State: a.state, LastUpdateStatus: a.update}, a.err
}

func (a *account) ListEventSourceMappings(context.Context, *lambda.ListEventSourceMappingsInput, ...func(*lambda.Options)) (*lambda.ListEventSourceMappingsOutput, error) {
	return &lambda.ListEventSourceMappingsOutput{EventSourceMappings: []lambdatypes.EventSourceMappingConfiguration{
		{State: &a.source, UUID: aws.String("uuid-1"), EventSourceArn: aws.String("arn:aws:sqs:us-east-1:123456789012:intake")},
	}}, a.err
}

func (a *account) ListStackResources(context.Context, *cloudformation.ListStackResourcesInput, ...func(*cloudformation.Options)) (*cloudformation.ListStackResourcesOutput, error) {
	return &cloudformation.ListStackResourcesOutput{StackResourceSummaries: []cloudformationtypes.StackResourceSummary{
		{ResourceType: aws.String("AWS::Events::Rule"), PhysicalResourceId: aws.String("tick")},
		{ResourceType: aws.String("AWS::Events::Rule"), PhysicalResourceId: aws.String("licenseguard-hub|state")},
	}}, a.err
}

func (a *account) DescribeRule(_ context.Context, in *eventbridge.DescribeRuleInput, _ ...func(*eventbridge.Options)) (*eventbridge.DescribeRuleOutput, error) {
	if (*in.Name == "state") != (aws.ToString(in.EventBusName) == "licenseguard-hub") || strings.Contains(*in.Name, "|") {
		return nil, errors.New("ResourceNotFoundException")
	}
	out := &eventbridge.DescribeRuleOutput{State: a.rule}
	if *in.Name == "state" {
		out.State = a.hubRule
	}
	return out, a.err
}

func (a *account) GetQueueAttributes(_ context.Context, in *sqs.GetQueueAttributesInput, _ ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error) {
	n := a.dead[*in.QueueUrl]
	if n == "" {
		n = "0"
	}
	return &sqs.GetQueueAttributesOutput{Attributes: map[string]string{"ApproximateNumberOfMessages": n}}, a.err
}

func (a *account) GetMetricStatistics(_ context.Context, in *cloudwatch.GetMetricStatisticsInput, _ ...func(*cloudwatch.Options)) (*cloudwatch.GetMetricStatisticsOutput, error) {
	var out cloudwatch.GetMetricStatisticsOutput
	if !a.swept.Before(*in.StartTime) && !a.now.Before(a.visible) {
		out.Datapoints = []cloudwatchtypes.Datapoint{{Timestamp: &a.swept, Sum: aws.Float64(1)}}
	}
	return &out, a.err
}

// left is what sweeps left behind.
type left struct {
	documents
	a *account
}

type documents interface{ ledger.Documents }

func (l left) Documents(_ context.Context, kind ledger.DocumentKind, _ string) (out []ledger.Document, err error) {
	for _, w := range l.a.watches {
		data, err := json.Marshal(w)
		if err != nil {
			return nil, err
		}
		out = append(out, ledger.Document{Kind: kind, ID: w.Account + "/" + w.Region, Revision: 1, Data: data})
	}
	return out, l.a.err
}

func (a *account) examine(ctx context.Context, wait time.Duration) []doctor.Finding {
	s := deployment.Stack{Name: "Licenseguard", Account: "123456789012", Region: "us-east-1", Outputs: map[string]string{}}
	for _, name := range config.Outputs() {
		s.Outputs[name] = name
	}
	services := doctor.Services{CloudFormation: a, Functions: a, Rules: a, Queues: a, Topic: a, Trails: a, Metrics: a, Ledger: left{a: a}}
	return doctor.Examine(ctx, s, services, doctor.Patience{
		Now: func() time.Time { return a.now }, Wait: wait,
		Sleep: func(_ context.Context, d time.Duration) error { a.now = a.now.Add(d); return nil },
	})
}

func TestNothingIsMissing(t *testing.T) {
	t.Parallel()
	findings := healthy().examine(t.Context(), 0)
	if len(findings) != 7 || doctor.Missing(findings) != 0 {
		t.Errorf("got %+v", findings)
	}
	if got, want := findings[6].Found, "of 7 instances the last sweeps found 2 starts, 4 ends and 1 changes"; !strings.Contains(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWhatIsMissing(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		breaks      func(*account)
		check, want string // in what was found
		do          string
		lines       int
	}{
		"mail not confirmed":  {func(a *account) { a.subscriptions = append(a.subscriptions, "PendingConfirmation") }, "alerts", "not confirmed: ops@example.com", "open the link", 1},
		"nobody subscribed":   {func(a *account) { a.subscriptions = nil }, "alerts", "nobody", "emails=", 1},
		"trail elsewhere":     {func(a *account) { a.trail.IsMultiRegionTrail = nil }, "CloudTrail", "no trail covers us-east-1", "make a trail", 1},
		"trail stopped":       {func(a *account) { a.logging = false }, "CloudTrail", "all does not log", "start-logging", 1},
		"reads only":          {func(a *account) { a.selectors = simple(cloudtrailtypes.ReadWriteTypeReadOnly, true) }, "CloudTrail", "no write management events", "make a trail", 1},
		"data events only":    {func(a *account) { a.selectors = simple(cloudtrailtypes.ReadWriteTypeAll, false) }, "CloudTrail", "no write", "make a trail", 1},
		"advanced, data":      {func(a *account) { a.selectors = advanced("eventCategory", "Data") }, "CloudTrail", "no write", "make a trail", 1},
		"advanced, reads":     {func(a *account) { a.selectors = advanced("eventCategory", "Management", "readOnly", "true") }, "CloudTrail", "no write", "make a trail", 1},
		"functions failed":    {func(a *account) { a.state = lambdatypes.StateFailed }, "functions", "Function is Failed", "deploy", 8},
		"update failed":       {func(a *account) { a.update = lambdatypes.LastUpdateStatusFailed }, "functions", "was not updated", "deploy", 8},
		"mapping disabled":    {func(a *account) { a.source = "Disabled" }, "functions", "does not read arn:aws:sqs", "--enabled --uuid uuid-1", 8},
		"tick disabled":       {func(a *account) { a.rule = eventbridgetypes.RuleStateDisabled }, "event rules", "tick", "enable-rule", 1},
		"hub's rule disabled": {func(a *account) { a.hubRule = eventbridgetypes.RuleStateDisabled }, "event rules", "state", "--name state --event-bus-name licenseguard-hub", 1},
		"dead letters":        {func(a *account) { a.dead = map[string]string{config.OutputAlertDLQURL: "3"} }, "dead letters", "the alert queue holds 3", "runbook.md#alert-dead-letters", 1},
		"no sweep for a day":  {func(a *account) { a.swept = start.AddDate(0, 0, -1) }, "sweep", "no success in the last 3h", "licenseguard sweep", 1},
		"an account is closed": {func(a *account) { a.watches[1].Failing, a.watches[1].Error = start, "take the role: no" }, "accounts",
			"222222222222 in eu-west-1 is not seen since 2026-03-02 08:00 UTC: take the role: no", "docs/accounts.md", 1},
		"an account has left": {func(a *account) { a.watches[1].Complete = start.AddDate(0, 0, -2) }, "accounts", "not seen since 2026-02-28 09:00 UTC: it is swept no more", "docs/accounts.md", 1},
		"never let in": {func(a *account) {
			a.watches[1].Complete, a.watches[1].Failing, a.watches[1].Error = time.Time{}, start, "no"
		}, "accounts", "is never seen: no", "docs/accounts.md", 1},
		"metric not yet here": {func(a *account) { a.visible = start.Add(time.Minute) }, "sweep", "no success", "some minutes later", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := healthy()
			tt.breaks(a)
			findings := a.examine(t.Context(), 0)
			if got := doctor.Missing(findings); got != tt.lines {
				t.Errorf("%d lacking, want %d: %+v", got, tt.lines, findings)
			}
			for _, f := range findings {
				if !f.OK && (f.Check != tt.check || !strings.Contains(f.Found, tt.want) || !strings.Contains(f.Do, tt.do)) {
					t.Errorf("got %+v", f)
				}
			}
		})
	}
}

func TestTrailsOfAllKindsAreGoodEnough(t *testing.T) {
	t.Parallel()
	for name, selectors := range map[string]cloudtrail.GetEventSelectorsOutput{
		"writes only":              simple(cloudtrailtypes.ReadWriteTypeWriteOnly, true),
		"advanced":                 advanced("eventCategory", "Management"),
		"advanced with reads left": advanced("eventCategory", "Management", "readOnly", "false"),
	} {
		a := healthy()
		a.trail.IsMultiRegionTrail, a.trail.HomeRegion = aws.Bool(false), aws.String("us-east-1")
		a.selectors = selectors
		if findings := a.examine(t.Context(), 0); doctor.Missing(findings) != 0 {
			t.Errorf("%s: %+v", name, findings)
		}
	}
}

// A sweep that just ran shows after a while, and no longer is waited.
func TestWaitsForTheSweep(t *testing.T) {
	t.Parallel()
	a := healthy()
	a.swept, a.visible = start, start.Add(45*time.Second)
	if findings := a.examine(t.Context(), 2*time.Minute); doctor.Missing(findings) != 0 {
		t.Errorf("%+v", findings)
	}
	if waited := a.now.Sub(start); waited < 45*time.Second || waited > time.Minute {
		t.Errorf("waited %s", waited)
	}
}

// Who may not look learns so, one line a check, and nothing passes for healthy.
func TestWhatCannotBeSeenIsMissing(t *testing.T) {
	t.Parallel()
	a := healthy()
	a.err = errors.New("AccessDenied")
	for _, f := range a.examine(t.Context(), 0) {
		if f.OK || !strings.Contains(f.Found, "AccessDenied") || f.Do == "" {
			t.Errorf("got %+v", f)
		}
	}
}
