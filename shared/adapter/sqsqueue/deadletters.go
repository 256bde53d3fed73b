package sqsqueue

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"licenseguard/shared/track"
)

var _ track.DeadLetters = (*DeadLetters)(nil)

// The attributes of a dead letter. An attribute without a text is left out.
const (
	attributeReason    = "reason"
	attributePlace     = "place"
	attributeEventID   = "event-id"
	attributeMessageID = "message-id"
	attributeNote      = "note"
)

// maxMessage is SQS's limit for a message with its attributes, in bytes (2025).
const maxMessage = 1 << 20

// DeadLetters is a dead-letter queue.
type DeadLetters struct {
	api api
	url string
}

// NewDeadLetters returns the dead-letter queue at a URL.
func NewDeadLetters(client *sqs.Client, queueURL string) *DeadLetters {
	return &DeadLetters{api: client, url: queueURL}
}

// Bury implements track.DeadLetters. The body is kept as it came, but for
// characters that SQS refuses and what is over its limit; the attribute "note"
// then says so.
func (d *DeadLetters) Bury(ctx context.Context, letter track.DeadLetter) error {
	attributes := make(map[string]types.MessageAttributeValue)
	room := maxMessage
	put := func(name, value string) {
		if value = cleanAttribute(value); value == "" {
			return
		}
		attributes[name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
		room -= len(name) + len("String") + len(value)
	}
	put(attributeReason, letter.Reason)
	put(attributePlace, letter.Place)
	put(attributeEventID, letter.EventID)
	put(attributeMessageID, letter.MessageID)
	const roomForNote = 200
	body, note := cleanBody(string(letter.Body), room-roomForNote)
	put(attributeNote, note)
	_, err := d.api.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &d.url, MessageBody: &body, MessageAttributes: attributes})
	if err != nil {
		return fmt.Errorf("bury message %q: %w", letter.MessageID, err)
	}
	return nil
}
