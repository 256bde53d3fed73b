package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

type function func(*lambda.InvokeInput) (*lambda.InvokeOutput, error)

func (f function) Invoke(_ context.Context, in *lambda.InvokeInput, options ...func(*lambda.Options)) (*lambda.InvokeOutput, error) {
	var o lambda.Options
	for _, option := range options {
		option(&o)
	}
	if o.RetryMaxAttempts != 1 {
		return nil, errors.New("the sweep would be run twice")
	}
	return f(in)
}

func TestRunSweep(t *testing.T) {
	t.Parallel()
	answers := func(payload string, failed *string) function {
		return func(*lambda.InvokeInput) (*lambda.InvokeOutput, error) {
			return &lambda.InvokeOutput{Payload: []byte(payload), FunctionError: failed}, nil
		}
	}
	reports, err := runSweep(t.Context(), answers(`[{"Account":"123456789012","Instances":7,"Released":1,"Changes":2,"Took":1500000000}]`, nil), "sweep")
	if err != nil || len(reports) != 1 || reports[0].Instances != 7 || reports[0].Took.Seconds() != 1.5 {
		t.Errorf("got %v, %v", reports, err)
	}
	for name, tt := range map[string]struct {
		api  function
		want string
	}{
		"the function failed": {answers(`{"errorMessage":"UnauthorizedOperation","errorType":"x"}`, aws.String("Unhandled")), "the sweep failed: UnauthorizedOperation"},
		"it was cut off":      {answers(`broken`, aws.String("Unhandled")), "broken"},
		"another function":    {answers(`{"Keys":[]}`, nil), "answered"},
		"no such function": {func(*lambda.InvokeInput) (*lambda.InvokeOutput, error) {
			return nil, errors.New("ResourceNotFoundException")
		}, "run sweep: ResourceNotFound"},
	} {
		if _, err := runSweep(t.Context(), tt.api, "sweep"); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
}
