// Package function is the frame that the Lambda functions share: log, wire,
// start.
package function

import (
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"licenseguard/shared/telemetry"
)

// Run wires a function and hands its handler to Lambda. What wire refuses, a
// wrong environment, is logged and ends the process, which Lambda reports.
func Run(name string, wire func(log *slog.Logger) (handle any, err error)) {
	log := telemetry.Logger(os.Stdout, name)
	handle, err := wire(log)
	if err != nil {
		log.Error(name+" does not start", "error", err)
		os.Exit(1)
	}
	lambda.Start(handle)
}
