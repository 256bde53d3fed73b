package handler

import (
	"context"
	"io"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"licenseguard/shared/admit"
	"licenseguard/shared/config"
	"licenseguard/shared/telemetry"
)

// Admit is the handler of the function admit.
type Admit struct {
	Admitter *admit.Admitter
	Metrics  io.Writer
}

// Handle takes a batch of the queue of launch hooks. It answers with the messages
// that are to be delivered again; all others are done or buried.
func (h *Admit) Handle(ctx context.Context, batch events.SQSEvent) (events.SQSEventResponse, error) {
	r := h.Admitter.Handle(ctx, messagesOf(batch))
	response := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	for _, id := range r.Retry {
		response.BatchItemFailures = append(response.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: id})
	}
	return response, telemetry.Emit(h.Metrics, time.Now(), config.MetricNamespace, map[string]string{config.DimensionFunction: config.FunctionAdmit},
		telemetry.Metric{Name: config.MetricLaunchesAdmitted, Unit: "Count", Value: float64(r.Admitted)},
		telemetry.Metric{Name: config.MetricLaunchesRefused, Unit: "Count", Value: float64(r.Refused)})
}
