// Package deployment finds what a deployed stack consists of: its account, its
// Region and its outputs, as CloudFormation tells them.
package deployment

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"

	"licenseguard/shared/config"
)

// CloudFormation is what is asked of CloudFormation.
type CloudFormation interface {
	cloudformation.DescribeStacksAPIClient
	cloudformation.ListStackResourcesAPIClient
}

// Stack is one deployment.
type Stack struct {
	Name, Account, Region string
	Outputs               map[string]string
}

// ErrNoStack says that there is no such stack, or none of ours.
var ErrNoStack = errors.New("not a deployment of licenseguard")

// Find describes the stack. A stack that is not there, or lacks an output that
// ours has, is ErrNoStack.
func Find(ctx context.Context, api CloudFormation, name string) (Stack, error) {
	answer, err := api.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	var refused smithy.APIError
	if errors.As(err, &refused) && refused.ErrorCode() == "ValidationError" {
		return Stack{}, fmt.Errorf("%w: %s (is it another Region or account? AWS_REGION and AWS_PROFILE choose)", ErrNoStack, refused.ErrorMessage())
	}
	if err != nil {
		return Stack{}, fmt.Errorf("describe stack %s: %w", name, err)
	}
	if len(answer.Stacks) == 0 {
		return Stack{}, fmt.Errorf("%w: there is no stack %s", ErrNoStack, name)
	}
	return read(name, answer.Stacks[0])
}

func read(name string, found types.Stack) (Stack, error) {
	// arn:aws:cloudformation:REGION:ACCOUNT:stack/NAME/ID
	parts := strings.Split(aws.ToString(found.StackId), ":")
	if len(parts) < 6 {
		return Stack{}, fmt.Errorf("%w: stack %s has the id %q", ErrNoStack, name, aws.ToString(found.StackId))
	}
	s := Stack{Name: name, Region: parts[3], Account: parts[4], Outputs: map[string]string{}}
	for _, o := range found.Outputs {
		s.Outputs[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
	}
	for _, needed := range config.Outputs() {
		if s.Outputs[needed] == "" {
			return Stack{}, fmt.Errorf("%w: stack %s (%s) has no output %s; deploy it again if it is ours", ErrNoStack, name, found.StackStatus, needed)
		}
	}
	return s, nil
}

// Rules returns the names of the stack's rules of EventBridge.
func (s Stack) Rules(ctx context.Context, api cloudformation.ListStackResourcesAPIClient) ([]string, error) {
	var rules []string
	pages := cloudformation.NewListStackResourcesPaginator(api, &cloudformation.ListStackResourcesInput{StackName: &s.Name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list resources of stack %s: %w", s.Name, err)
		}
		for _, r := range page.StackResourceSummaries {
			if aws.ToString(r.ResourceType) == "AWS::Events::Rule" {
				rules = append(rules, aws.ToString(r.PhysicalResourceId))
			}
		}
	}
	return rules, nil
}
