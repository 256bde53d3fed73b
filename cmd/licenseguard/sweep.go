package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/spf13/cobra"

	"licenseguard/cmd/internal/console"
	"licenseguard/shared/adapter/handler"
	"licenseguard/shared/config"
	"licenseguard/shared/telemetry"
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
	progress := func(n, of int, r *track.SweepReport) { fmt.Fprintln(out, sweptLine(n, of, r)) }
	if asJSON {
		progress = func(int, int, *track.SweepReport) {}
	}
	reports, err := runSweep(ctx, lambda.NewFromConfig(c.aws), c.stack.Outputs[config.OutputSweepFunction], time.Now(), progress)
	if err != nil {
		return err
	}
	if asJSON {
		err = console.JSON(out, reports)
	}
	if failed := incomplete(reports); failed > 0 {
		err = errors.Join(err, fmt.Errorf("%d of %d accounts and Regions were not swept; what is on record of them stays", failed, len(reports)))
	}
	return err
}

func sweptLine(n, of int, r *track.SweepReport) string {
	where := fmt.Sprintf("%d/%d account %s in %s", n, of, r.Account, r.Region)
	if r.Error != "" {
		return where + ": not swept: " + telemetry.Clean(r.Error, 400)
	}
	line := fmt.Sprintf("%s, %s: %d instances seen, %d changes of licenses, %d resources released", where, r.Took.Round(time.Millisecond), r.Instances, r.Changes, r.Released)
	if lost := r.Drift.Total(); lost > 0 && !r.First {
		line += fmt.Sprintf(", %d that no event told of", lost)
	}
	return line
}

func incomplete(reports []track.SweepReport) (n int) {
	for i := range reports {
		if reports[i].Error != "" {
			n++
		}
	}
	return n
}

// sweepSeconds is how long a run takes up accounts and Regions before it tells of them.
const sweepSeconds = 30

// runSweep runs the function until everything was swept since an instant, and tells of each
// account and Region.
func runSweep(ctx context.Context, api invoker, function string, since time.Time, progress func(n, of int, r *track.SweepReport)) ([]track.SweepReport, error) {
	var all []track.SweepReport
	for {
		answer, err := sweepSome(ctx, api, function, handler.SweepRequest{Since: since, Within: sweepSeconds})
		if err != nil {
			return all, err
		}
		of := len(all) + len(answer.Reports) + answer.Left
		for i := range answer.Reports {
			all = append(all, answer.Reports[i])
			progress(len(all), of, &answer.Reports[i])
		}
		switch {
		case answer.Left == 0:
			return all, nil
		case len(answer.Reports) == 0:
			return all, fmt.Errorf("%d accounts and Regions are left: another run has them, or they take longer than a run may; see the log of %s", answer.Left, function)
		}
	}
}

// sweepSome runs the function once: a try that seems lost may still be at work,
// and a second beside it would only cost.
func sweepSome(ctx context.Context, api invoker, function string, request handler.SweepRequest) (found handler.SweepAnswer, err error) {
	payload, err := json.Marshal(request)
	if err != nil {
		return found, err
	}
	once := func(o *lambda.Options) { o.RetryMaxAttempts = 1 }
	answer, err := api.Invoke(ctx, &lambda.InvokeInput{FunctionName: &function, Payload: payload}, once)
	if err != nil {
		return found, fmt.Errorf("run %s: %w", function, err)
	}
	if answer.FunctionError != nil {
		var failure struct{ ErrorMessage string }
		if err := json.Unmarshal(answer.Payload, &failure); err != nil || failure.ErrorMessage == "" {
			failure.ErrorMessage = string(answer.Payload)
		}
		return found, errors.New("the sweep failed: " + failure.ErrorMessage)
	}
	decoder := json.NewDecoder(bytes.NewReader(answer.Payload))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&found); err != nil {
		return found, fmt.Errorf("the sweep answered %.200q: %w", answer.Payload, err)
	}
	return found, nil
}
