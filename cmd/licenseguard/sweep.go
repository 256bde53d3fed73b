package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/spf13/cobra"

	"licenseguard/cmd/internal/console"
	"licenseguard/shared/config"
	"licenseguard/shared/track"
)

// invoker runs a function and waits for its answer.
type invoker interface {
	Invoke(context.Context, *lambda.InvokeInput, ...func(*lambda.Options)) (*lambda.InvokeOutput, error)
}

func sweepCommand() *cobra.Command {
	var name string
	var asJSON bool
	c := &cobra.Command{
		Use: "sweep", Short: "observe everything now, in the deployed function", Args: atMost(0),
		RunE: func(c *cobra.Command, _ []string) error { return sweep(c.Context(), name, asJSON, c.OutOrStdout()) },
	}
	stackFlag(c.Flags(), &name)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func sweep(ctx context.Context, name string, asJSON bool, out io.Writer) error {
	c, err := connect(ctx, name)
	if err != nil {
		return err
	}
	reports, err := runSweep(ctx, lambda.NewFromConfig(c.aws), c.stack.Outputs[config.OutputSweepFunction])
	if err != nil {
		return err
	}
	if asJSON {
		return console.JSON(out, reports)
	}
	for _, r := range reports {
		fmt.Fprintf(out, "Swept account %s in %s: %d instances seen, %d changes of licenses, %d resources released.\n",
			r.Account, r.Took.Round(time.Millisecond), r.Instances, r.Changes, r.Released)
	}
	return nil
}

// runSweep runs the function once: a try that seems lost may still be at work,
// and a second beside it would only cost.
func runSweep(ctx context.Context, api invoker, function string) ([]track.SweepReport, error) {
	once := func(o *lambda.Options) { o.RetryMaxAttempts = 1 }
	answer, err := api.Invoke(ctx, &lambda.InvokeInput{FunctionName: &function, Payload: []byte("{}")}, once)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", function, err)
	}
	if answer.FunctionError != nil {
		var failure struct{ ErrorMessage string }
		if err := json.Unmarshal(answer.Payload, &failure); err != nil || failure.ErrorMessage == "" {
			failure.ErrorMessage = string(answer.Payload)
		}
		return nil, errors.New("the sweep failed: " + failure.ErrorMessage)
	}
	var reports []track.SweepReport
	if err := json.Unmarshal(answer.Payload, &reports); err != nil {
		return nil, fmt.Errorf("the sweep answered %.200q: %w", answer.Payload, err)
	}
	return reports, nil
}
