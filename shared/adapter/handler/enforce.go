package handler

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"licenseguard/shared/adapter/ledgerstream"
	"licenseguard/shared/config"
	"licenseguard/shared/enforce"
	"licenseguard/shared/telemetry"
)

// Enforce is the handler of the function enforce.
type Enforce struct {
	Enforcer *enforce.Enforcer
	Log      *slog.Logger
	Metrics  io.Writer
}

// Handle takes stream records or, without records, the schedule's event.
func (h *Enforce) Handle(ctx context.Context, payload json.RawMessage) (any, error) {
	var stream events.DynamoDBEvent
	if err := json.Unmarshal(payload, &stream); err != nil {
		return nil, fmt.Errorf("decode invocation: %w", err)
	}
	if len(stream.Records) > 0 {
		return h.queue(ctx, stream.Records), nil
	}
	return h.Run(ctx)
}

// queue keeps the answers that stream records ask for. Lambda delivers again
// from the first record that failed.
func (h *Enforce) queue(ctx context.Context, records []events.DynamoDBEventRecord) events.DynamoDBEventResponse {
	changes, failedAt, err := ledgerstream.Changes(records)
	if err != nil {
		h.Log.ErrorContext(ctx, "stream record not read", "sequence", failedAt, "error", err)
	}
	if first := h.Queue(ctx, changes); first != "" {
		failedAt = first
	}
	response := events.DynamoDBEventResponse{BatchItemFailures: []events.DynamoDBBatchItemFailure{}}
	if failedAt != "" {
		response.BatchItemFailures = append(response.BatchItemFailures, events.DynamoDBBatchItemFailure{ItemIdentifier: failedAt})
	}
	return response
}

// Queue keeps the answers that changes ask for. It returns the place of the
// first one that failed, or "".
func (h *Enforce) Queue(ctx context.Context, changes []ledgerstream.Record) (failedAt string) {
	for _, r := range changes {
		if err := h.Enforcer.Queue(ctx, r.Change); err != nil {
			h.Log.ErrorContext(ctx, "answers not kept", "sequence", r.Sequence, "error", err)
			return r.Sequence
		}
	}
	return ""
}

// Run takes the actions that are due.
func (h *Enforce) Run(ctx context.Context) (enforce.Report, error) {
	report, err := h.Enforcer.Run(ctx)
	metrics := []telemetry.Metric{
		{Name: config.MetricStopsDone, Unit: "Count", Value: float64(report.Stopped)},
		{Name: config.MetricStopsRefused, Unit: "Count", Value: float64(report.Failed)},
	}
	if err == nil {
		metrics = append(metrics, telemetry.Metric{Name: config.MetricSuccess, Unit: "Count", Value: 1})
	}
	if emitErr := telemetry.Emit(h.Metrics, time.Now(), config.MetricNamespace, map[string]string{config.DimensionFunction: config.FunctionEnforce}, metrics...); err == nil {
		err = emitErr
	}
	return report, err
}
