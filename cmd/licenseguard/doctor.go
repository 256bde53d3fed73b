package main

import (
	"context"
	"errors"
	"flag"
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

	"licenseguard/cmd/licenseguard/internal/console"
	"licenseguard/cmd/licenseguard/internal/doctor"
	"licenseguard/shared/telemetry"
)

// errLacking ends doctor with exit code 1; its lines said what is missing.
var errLacking = errors.New("the deployment lacks something")

func examine(ctx context.Context, args []string, out io.Writer) error {
	set := flag.NewFlagSet("doctor", flag.ContinueOnError)
	var name string
	stackFlag(set, &name)
	asJSON := set.Bool("json", false, "print JSON")
	wait := set.Duration("wait", 0, "how long to wait until the metrics show the last sweep")
	if _, err := parse(set, args, 0); err != nil {
		return err
	}
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
	}, doctor.Patience{Now: time.Now, Wait: *wait})
	if *asJSON {
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
