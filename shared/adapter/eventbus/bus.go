// Package eventbus puts domain events on an EventBridge bus, for whoever wants
// to act on them.
package eventbus

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"licenseguard/shared/config"
)

// api lists the calls that the adapter makes.
type api interface {
	PutEvents(context.Context, *eventbridge.PutEventsInput, ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error)
}

// Bus is an event bus.
type Bus struct {
	api  api
	name string
}

// New returns the bus of a name.
func New(client *eventbridge.Client, name string) *Bus { return &Bus{api: client, name: name} }

// Put sends one event with the source config.EventSource. detail is a JSON
// object; resources are ARNs.
func (b *Bus) Put(ctx context.Context, detailType string, detail []byte, resources []string) error {
	out, err := b.api.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{{
		EventBusName: &b.name, Source: aws.String(config.EventSource), DetailType: &detailType,
		Detail: aws.String(string(detail)), Resources: resources,
	}}})
	if err != nil {
		return fmt.Errorf("put event %s: %w", detailType, err)
	}
	if out.FailedEntryCount == 0 {
		return nil
	}
	err = errors.New("the bus did not say why")
	for _, e := range out.Entries {
		if code := aws.ToString(e.ErrorCode); code != "" {
			err = fmt.Errorf("%s: %s", code, aws.ToString(e.ErrorMessage))
		}
	}
	return fmt.Errorf("put event %s: refused: %w", detailType, err)
}
