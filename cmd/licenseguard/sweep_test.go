package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"licenseguard/shared/track"
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
	var lines []string
	progress := func(n, of int, r *track.SweepReport) { lines = append(lines, sweptLine(n, of, r)) }
	calls := 0
	reports, err := runSweep(t.Context(), function(func(in *lambda.InvokeInput) (*lambda.InvokeOutput, error) {
		if want := `{"since":"2026-11-20T08:00:00Z","within":30}`; string(in.Payload) != want {
			t.Errorf("asked %s, want %s", in.Payload, want)
		}
		calls++
		return answers([]string{
			`{"Reports":[{"Account":"123456789012","Region":"us-east-1","Instances":7,"Released":1,"Changes":2,"Drift":{"Started":3,"Ended":0,"Changed":0},"Took":1500000000}],"Left":1}`,
			`{"Reports":[{"Account":"222222222222","Region":"eu-west-1","Error":"take the role: no","Unreachable":true}],"Left":0}`,
		}[calls-1], nil)(in)
	}), "sweep", time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC), progress)
	if err != nil || len(reports) != 2 || reports[0].Instances != 7 || reports[0].Took.Seconds() != 1.5 || incomplete(reports) != 1 {
		t.Errorf("got %v, %v", reports, err)
	}
	want := []string{
		"1/2 account 123456789012 in us-east-1, 1.5s: 7 instances seen, 2 changes of licenses, 1 resources released, 3 that no event told of",
		"2/2 account 222222222222 in eu-west-1: not swept: take the role: no",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("printed\n%q, want\n%q", lines, want)
	}
	for name, tt := range map[string]struct {
		api  function
		want string
	}{
		"the function failed": {answers(`{"errorMessage":"UnauthorizedOperation","errorType":"x"}`, aws.String("Unhandled")), "the sweep failed: UnauthorizedOperation"},
		"it was cut off":      {answers(`broken`, aws.String("Unhandled")), "broken"},
		"another function":    {answers(`{"Keys":[]}`, nil), "answered"},
		"nothing goes on":     {answers(`{"Reports":[],"Left":2}`, nil), "2 accounts and Regions are left"},
		"no such function": {func(*lambda.InvokeInput) (*lambda.InvokeOutput, error) {
			return nil, errors.New("ResourceNotFoundException")
		}, "run sweep: ResourceNotFound"},
	} {
		if _, err := runSweep(t.Context(), tt.api, "sweep", time.Now(), progress); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
}
