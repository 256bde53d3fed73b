package deployment_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"

	"licenseguard/cmd/licenseguard/internal/deployment"
	"licenseguard/shared/config"
)

// stacks answers as CloudFormation does for one stack.
type stacks struct {
	outputs []types.Output
	err     error
}

func (s stacks) DescribeStacks(_ context.Context, in *cloudformation.DescribeStacksInput, _ ...func(*cloudformation.Options)) (*cloudformation.DescribeStacksOutput, error) {
	if s.err != nil {
		return nil, s.err
	}
	return &cloudformation.DescribeStacksOutput{Stacks: []types.Stack{{
		StackName: in.StackName, StackStatus: types.StackStatusCreateComplete, Outputs: s.outputs,
		StackId: aws.String("arn:aws-us-gov:cloudformation:us-gov-west-1:123456789012:stack/Licenseguard/1b2c"),
	}}}, nil
}

// ListStackResources has two pages.
func (stacks) ListStackResources(_ context.Context, in *cloudformation.ListStackResourcesInput, _ ...func(*cloudformation.Options)) (*cloudformation.ListStackResourcesOutput, error) {
	if in.NextToken == nil {
		return &cloudformation.ListStackResourcesOutput{NextToken: aws.String("2"), StackResourceSummaries: []types.StackResourceSummary{
			{ResourceType: aws.String("AWS::Events::Rule"), PhysicalResourceId: aws.String("rule-1")},
			{ResourceType: aws.String("AWS::SQS::Queue"), PhysicalResourceId: aws.String("queue")},
		}}, nil
	}
	return &cloudformation.ListStackResourcesOutput{StackResourceSummaries: []types.StackResourceSummary{
		{ResourceType: aws.String("AWS::Events::Rule"), PhysicalResourceId: aws.String("rule-2")},
	}}, nil
}

func outputs() []types.Output {
	var all []types.Output
	for _, name := range config.Outputs() {
		all = append(all, types.Output{OutputKey: aws.String(name), OutputValue: aws.String("value of " + name)})
	}
	return all
}

func TestFind(t *testing.T) {
	t.Parallel()
	api := stacks{outputs: outputs()}
	s, err := deployment.Find(t.Context(), api, "Licenseguard")
	if err != nil || s.Account != "123456789012" || s.Region != "us-gov-west-1" || s.Outputs[config.OutputLedgerTable] != "value of LedgerTable" {
		t.Errorf("got %+v, %v", s, err)
	}
	rules, err := s.Rules(t.Context(), api)
	if err != nil || strings.Join(rules, " ") != "rule-1 rule-2" {
		t.Errorf("got %v, %v", rules, err)
	}
}

func TestFindSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	missing := &smithy.GenericAPIError{Code: "ValidationError", Message: "Stack with id X does not exist"}
	denied := &smithy.GenericAPIError{Code: "AccessDenied", Message: "not authorized"}
	for name, tt := range map[string]struct {
		api  stacks
		ours bool // the mistake is the name's
		want string
	}{
		"no such stack": {stacks{err: missing}, true, "AWS_REGION"},
		"another stack": {stacks{outputs: outputs()[1:]}, true, "no output " + config.Outputs()[0]},
		"not allowed":   {stacks{err: denied}, false, "AccessDenied"},
	} {
		_, err := deployment.Find(t.Context(), tt.api, "X")
		if err == nil || errors.Is(err, deployment.ErrNoStack) != tt.ours || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
