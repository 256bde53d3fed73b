package handler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"licenseguard/shared/adapter/ledgerstream"
	"licenseguard/shared/config"
	"licenseguard/shared/ledger"
	"licenseguard/shared/publish"
	"licenseguard/shared/telemetry"
)

// Publish is the handler of the function publish.
type Publish struct {
	Publisher              *publish.Publisher
	Log                    *slog.Logger
	Metrics                io.Writer
	AlertQueue, EventQueue string // names, the last part of URL and ARN
}

// source tells which of the three kinds of batch an invocation carries.
type source struct {
	Records []struct {
		EventSource string `json:"eventSource"`
	}
}

// Handle takes stream records, or messages of the alert or event queue.
func (h *Publish) Handle(ctx context.Context, payload json.RawMessage) (any, error) {
	var s source
	if err := json.Unmarshal(payload, &s); err != nil {
		return nil, fmt.Errorf("decode invocation: %w", err)
	}
	if len(s.Records) == 0 {
		return nil, errors.New("the invocation carries no records")
	}
	switch s.Records[0].EventSource {
	case "aws:dynamodb":
		var batch events.DynamoDBEvent
		if err := json.Unmarshal(payload, &batch); err != nil {
			return nil, fmt.Errorf("decode stream records: %w", err)
		}
		return h.changes(ctx, batch.Records), nil
	case "aws:sqs":
		var batch events.SQSEvent
		if err := json.Unmarshal(payload, &batch); err != nil {
			return nil, fmt.Errorf("decode messages: %w", err)
		}
		return h.Deliver(ctx, batch.Records), nil
	default:
		return nil, fmt.Errorf("records from %q are not for this function", s.Records[0].EventSource)
	}
}

// changes publishes stream records. It is delivered again from the record that
// does not decode once those before it are published.
func (h *Publish) changes(ctx context.Context, records []events.DynamoDBEventRecord) events.DynamoDBEventResponse {
	decoded, failedAt, err := ledgerstream.Changes(records)
	if err != nil {
		h.Log.ErrorContext(ctx, "stream record not read", "error", err)
	}
	if first := h.Changes(ctx, decoded); first != "" {
		failedAt = first
	}
	response := events.DynamoDBEventResponse{BatchItemFailures: []events.DynamoDBBatchItemFailure{}}
	if failedAt != "" {
		response.BatchItemFailures = append(response.BatchItemFailures, events.DynamoDBBatchItemFailure{ItemIdentifier: failedAt})
	}
	return response
}

// Changes publishes what stream records tell. They are one unit: when anything
// failed it returns the first one's place, to be delivered again from there.
func (h *Publish) Changes(ctx context.Context, records []ledgerstream.Record) (failedAt string) {
	if len(records) == 0 {
		return ""
	}
	list := make([]*ledger.Change, len(records))
	for i := range records {
		list[i] = records[i].Change
	}
	if err := h.Publisher.Changes(ctx, list); err != nil {
		h.Log.ErrorContext(ctx, "changes not published", "error", err)
		return records[0].Sequence
	}
	return ""
}

// Deliver sends queued alerts or events; each fails alone.
func (h *Publish) Deliver(ctx context.Context, records []events.SQSMessage) events.SQSEventResponse {
	response := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	sent := 0
	for _, r := range records {
		err := h.deliverOne(ctx, r)
		if err != nil {
			h.Log.ErrorContext(ctx, "message not delivered", "message", r.MessageId, "queue", r.EventSourceARN, "error", err)
			response.BatchItemFailures = append(response.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: r.MessageId})
			continue
		}
		if queueOf(r) == h.AlertQueue {
			sent++
		}
	}
	if err := telemetry.Emit(h.Metrics, time.Now(), config.MetricNamespace, map[string]string{config.DimensionFunction: config.FunctionPublish},
		telemetry.Metric{Name: config.MetricAlertsSent, Unit: "Count", Value: float64(sent)}); err != nil {
		h.Log.ErrorContext(ctx, "metrics not written", "error", err)
	}
	return response
}

func (h *Publish) deliverOne(ctx context.Context, r events.SQSMessage) error {
	switch queue := queueOf(r); queue {
	case h.AlertQueue:
		return h.Publisher.DeliverAlert(ctx, []byte(r.Body))
	case h.EventQueue:
		return h.Publisher.DeliverEvent(ctx, []byte(r.Body))
	default:
		return fmt.Errorf("queue %q is neither %q nor %q", queue, h.AlertQueue, h.EventQueue)
	}
}

// QueueName returns the last part of a queue's URL, which is also the last part
// of its ARN.
func QueueName(url string) string { return url[strings.LastIndexByte(url, '/')+1:] }

func queueOf(r events.SQSMessage) string {
	return r.EventSourceARN[strings.LastIndexByte(r.EventSourceARN, ':')+1:]
}
