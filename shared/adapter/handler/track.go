package handler

import (
	"context"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"licenseguard/shared/config"
	"licenseguard/shared/telemetry"
	"licenseguard/shared/track"
)

// Track is the handler of the function track.
type Track struct {
	Tracker *track.Tracker
	Metrics io.Writer
}

// Handle takes a batch of the intake queue. It answers with the messages that are to be delivered again; all others
// are done or buried.
func (h *Track) Handle(ctx context.Context, batch events.SQSEvent) (events.SQSEventResponse, error) {
	messages := messagesOf(batch)
	report := h.Tracker.Handle(ctx, messages)
	response := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	for _, id := range report.Retry {
		response.BatchItemFailures = append(response.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: id})
	}
	return response, h.measure(report, len(messages))
}

func messagesOf(batch events.SQSEvent) []track.Message {
	messages := make([]track.Message, len(batch.Records))
	for i, r := range batch.Records {
		receives, err := strconv.Atoi(r.Attributes["ApproximateReceiveCount"])
		if err != nil {
			receives = 1
		}
		messages[i] = track.Message{ID: r.MessageId, Body: []byte(r.Body), Receives: receives}
	}
	return messages
}

func (h *Track) measure(r track.Report, messages int) error {
	metrics := []telemetry.Metric{
		{Name: config.MetricUnknownEvents, Unit: "Count", Value: float64(r.Unknown)},
		{Name: config.MetricMalformedEvents, Unit: "Count", Value: float64(r.Malformed)},
	}
	if len(r.Retry) < messages || messages == 0 {
		metrics = append(metrics, telemetry.Metric{Name: config.MetricSuccess, Unit: "Count", Value: 1})
	}
	if len(r.Latency) > 0 {
		metrics = append(metrics, telemetry.Metric{Name: config.MetricEventAge, Unit: "Milliseconds", Value: float64(slices.Max(r.Latency).Milliseconds())})
	}
	return telemetry.Emit(h.Metrics, time.Now(), config.MetricNamespace, map[string]string{config.DimensionFunction: config.FunctionTrack}, metrics...)
}
