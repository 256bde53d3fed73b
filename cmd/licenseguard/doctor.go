package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/spf13/cobra"

	"licenseguard/cmd/internal/console"
	"licenseguard/cmd/licenseguard/internal/doctor"
	"licenseguard/shared/telemetry"
)

// errLacking ends doctor with exit code 1; its lines said what is missing.
var errLacking = errors.New("the deployment lacks something")

func doctorCommand() *cobra.Command {
	var name string
	var asJSON bool
	var wait time.Duration
	c := &cobra.Command{
		Use: "doctor", Short: "what a deployment still lacks; exit code 1 if anything", Args: atMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return examine(c.Context(), name, asJSON, wait, c.OutOrStdout())
		},
	}
	stackFlag(c.Flags(), &name)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().DurationVar(&wait, "wait", 0, "how long to wait until the metrics show the last sweep")
	return c
}

func examine(ctx context.Context, name string, asJSON bool, wait time.Duration, out io.Writer) error {
	c, err := connect(ctx, name)
	if err != nil {
		return err
	}
	findings := doctor.Examine(ctx, c.stack, doctor.Services{
		CloudFormation: cloudformation.NewFromConfig(c.aws),
		Functions:      lambda.NewFromConfig(c.aws),
		Rules:          eventbridge.NewFromConfig(c.aws),
		Queues:         sqs.NewFromConfig(c.aws),
		Topic:          sns.NewFromConfig(c.aws),
		Trails:         cloudtrail.NewFromConfig(c.aws),
		Metrics:        cloudwatch.NewFromConfig(c.aws),
		Ledger:         c.ledger(),
	}, doctor.Patience{Now: time.Now, Wait: wait})
	if asJSON {
		err = console.JSON(out, findings)
	} else {
		printFindings(out, findings)
	}
	if missing := doctor.Missing(findings); missing > 0 {
		err = errors.Join(err, fmt.Errorf("%w: %d of %d checks", errLacking, missing, len(findings)))
	}
	return err
}

func printFindings(out io.Writer, findings []doctor.Finding) {
	for _, f := range findings {
		mark, line := "ok      ", f.Found
		if !f.OK {
			mark, line = "MISSING ", f.Found+" → "+f.Do
		}
		fmt.Fprintf(out, "%s %-16s %s\n", mark, f.Check, telemetry.Clean(line, 600))
	}
}
