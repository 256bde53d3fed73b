package sqsqueue

import (
	"context"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// api lists the calls that the adapter makes.
type api interface {
	SendMessage(context.Context, *sqs.SendMessageInput, ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
	SendMessageBatch(context.Context, *sqs.SendMessageBatchInput, ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error)
}

// SQS's limits for one batch (API reference, 2026): ten messages, and together
// no more bytes than one message may have.
const (
	maxBatch      = 10
	maxBatchBytes = maxMessage
)

// Sender is a queue that messages are sent to.
type Sender struct {
	api api
	url string
}

// NewSender returns the queue at a URL.
func NewSender(client *sqs.Client, queueURL string) *Sender {
	return &Sender{api: client, url: queueURL}
}

// Send sends each body as a message. On an error some may have been sent, so a
// caller that tries again sends those twice.
func (s *Sender) Send(ctx context.Context, bodies []string) error {
	failed, first := 0, error(nil)
	for rest := bodies; len(rest) > 0; {
		n := batchSize(rest)
		missed, err := s.sendBatch(ctx, rest[:n])
		if failed += missed; first == nil {
			first = err
		}
		rest = rest[n:]
	}
	if first != nil {
		return fmt.Errorf("send to queue: %d of %d messages failed: %w", failed, len(bodies), first)
	}
	return nil
}

// batchSize returns how many of the bodies fit into one batch, at least one.
func batchSize(bodies []string) int {
	bytes := 0
	for i, body := range bodies[:min(maxBatch, len(bodies))] {
		if bytes += len(body); i > 0 && bytes > maxBatchBytes {
			return i
		}
	}
	return min(maxBatch, len(bodies))
}

// sendBatch returns how many messages of a batch were not taken, and why the
// first was not.
func (s *Sender) sendBatch(ctx context.Context, bodies []string) (int, error) {
	in := &sqs.SendMessageBatchInput{QueueUrl: &s.url}
	for i, body := range bodies {
		in.Entries = append(in.Entries, types.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), MessageBody: &body})
	}
	out, err := s.api.SendMessageBatch(ctx, in)
	if err != nil {
		return len(bodies), err
	}
	// What is neither failed nor successful was not sent either.
	failed := len(bodies) - len(out.Successful)
	if failed <= 0 && len(out.Failed) == 0 {
		return 0, nil
	}
	if len(out.Failed) == 0 {
		return failed, fmt.Errorf("SQS did not say why")
	}
	f := out.Failed[0]
	return max(failed, len(out.Failed)), fmt.Errorf("%s: %s", aws.ToString(f.Code), aws.ToString(f.Message))
}
