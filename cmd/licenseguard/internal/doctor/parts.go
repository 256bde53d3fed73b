package doctor

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventbridgetypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"licenseguard/cmd/licenseguard/internal/deployment"
	"licenseguard/shared/config"
)

// Functions tells how functions are and what they read.
type Functions interface {
	GetFunctionConfiguration(context.Context, *lambda.GetFunctionConfigurationInput, ...func(*lambda.Options)) (*lambda.GetFunctionConfigurationOutput, error)
	lambda.ListEventSourceMappingsAPIClient
}

// Rules tells whether a rule is enabled.
type Rules interface {
	DescribeRule(context.Context, *eventbridge.DescribeRuleInput, ...func(*eventbridge.Options)) (*eventbridge.DescribeRuleOutput, error)
}

// Queues tells how many messages a queue holds.
type Queues interface {
	GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error)
}

// functions finds functions that cannot run, and sources that are switched off.
func functions(ctx context.Context, api Functions, s deployment.Stack) []Finding {
	const check = "functions"
	var found []Finding
	all := []string{config.OutputTrackFunction, config.OutputSweepFunction, config.OutputEnforceFunction, config.OutputPublishFunction, config.OutputSnapshotFunction,
		config.OutputSealFunction, config.OutputAPIFunction, config.OutputAPIReadFunction}
	for _, output := range all {
		name := s.Outputs[output]
		f, err := api.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &name})
		if err != nil {
			found = append(found, unknown(check, err))
			continue
		}
		// No state is what a function had before Lambda knew states.
		if f.State != "" && f.State != lambdatypes.StateActive && f.State != lambdatypes.StateInactive {
			found = append(found, lacking(check, fmt.Sprintf("%s is %s: %s", name, f.State, aws.ToString(f.StateReason)), "deploy the stack again"))
		}
		if f.LastUpdateStatus == lambdatypes.LastUpdateStatusFailed {
			found = append(found, lacking(check, fmt.Sprintf("%s was not updated: %s", name, aws.ToString(f.LastUpdateStatusReason)), "deploy the stack again"))
		}
		found = append(found, disabledSources(ctx, api, name)...)
	}
	if len(found) == 0 {
		found = append(found, fine(check, "all %d can run, and what they read is switched on", len(all)))
	}
	return found
}

func disabledSources(ctx context.Context, api lambda.ListEventSourceMappingsAPIClient, function string) []Finding {
	var found []Finding
	pages := lambda.NewListEventSourceMappingsPaginator(api, &lambda.ListEventSourceMappingsInput{FunctionName: &function})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return append(found, unknown("functions", err))
		}
		for _, m := range page.EventSourceMappings {
			if state := aws.ToString(m.State); strings.HasPrefix(state, "Disabl") {
				found = append(found, lacking("functions", fmt.Sprintf("%s does not read %s: %s", function, aws.ToString(m.EventSourceArn), state),
					"aws lambda update-event-source-mapping --enabled --uuid "+aws.ToString(m.UUID)))
			}
		}
	}
	return found
}

// rules finds rules that are switched off: their events and ticks do not come.
func rules(ctx context.Context, stack cloudformation.ListStackResourcesAPIClient, api Rules, s deployment.Stack) []Finding {
	const check = "event rules"
	names, err := s.Rules(ctx, stack)
	if err != nil {
		return []Finding{unknown(check, err)}
	}
	var found []Finding
	for _, name := range names {
		in, flags := &eventbridge.DescribeRuleInput{Name: &name}, "--name "+name
		if bus, own, ok := strings.Cut(name, "|"); ok { // as CloudFormation names a rule that is not on the default bus
			in, flags = &eventbridge.DescribeRuleInput{Name: &own, EventBusName: &bus}, "--name "+own+" --event-bus-name "+bus
		}
		rule, err := api.DescribeRule(ctx, in)
		switch {
		case err != nil:
			found = append(found, unknown(check, err))
		case rule.State == eventbridgetypes.RuleStateDisabled:
			found = append(found, lacking(check, fmt.Sprintf("%s (%s) is disabled", name, aws.ToString(rule.Description)), "aws events enable-rule "+flags))
		}
	}
	if len(found) == 0 {
		found = append(found, fine(check, "all %d are enabled", len(names)))
	}
	return found
}

// deadLetters finds messages that nobody could handle.
func deadLetters(ctx context.Context, api Queues, s deployment.Stack) []Finding {
	const check = "dead letters"
	queues := []struct{ name, output string }{
		{"intake", config.OutputIntakeDLQURL}, {"stream", config.OutputStreamDLQURL}, {"alert", config.OutputAlertDLQURL}, {"event", config.OutputEventDLQURL},
	}
	var found []Finding
	for _, q := range queues {
		got, err := api.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: aws.String(s.Outputs[q.output]),
			AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameApproximateNumberOfMessages}})
		if err != nil {
			found = append(found, unknown(check, err))
			continue
		}
		if n := got.Attributes[string(sqstypes.QueueAttributeNameApproximateNumberOfMessages)]; n != "0" {
			found = append(found, lacking(check, fmt.Sprintf("the %s queue holds %s messages", q.name, n), "docs/runbook.md#"+q.name+"-dead-letters"))
		}
	}
	if len(found) == 0 {
		found = append(found, fine(check, "all %d queues are empty", len(queues)))
	}
	return found
}
