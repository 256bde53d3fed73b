package publish

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"licenseguard/shared/config"
	"licenseguard/shared/ledger"
	"licenseguard/shared/telemetry"
)

// Archive keeps the change log. Put of the same key and body again must be no
// error.
type Archive interface {
	Put(ctx context.Context, key string, body []byte, contentType string) error
}

// Queue takes messages; it has kept all of them when Send returns nil.
type Queue interface {
	Send(ctx context.Context, bodies []string) error
}

// Topic tells people. The message is a JSON object that has a text for each
// protocol by SNS's name for it, and "default" for all others.
type Topic interface {
	Publish(ctx context.Context, subject, message string, attributes map[string]string) error
}

// Bus tells programs.
type Bus interface {
	Put(ctx context.Context, detailType string, detail []byte, resources []string) error
}

// Publisher tells what was committed.
type Publisher struct {
	Archive Archive
	Alerts  Queue
	Events  Queue
	Topic   Topic
	Bus     Bus
	Marks   ledger.Marks
	Facts   Facts     // nil: alerts do not say who launched what they name
	Metrics io.Writer // where metric lines go
	Now     func() time.Time
}

// Changes publishes a batch from the stream: the log first, then alerts and
// events to their queues. Doing it twice repeats rows that readers drop, and
// messages that the delivery drops.
func (p *Publisher) Changes(ctx context.Context, changes []*ledger.Change) error {
	for _, group := range byLicense(changes) {
		if err := p.log(ctx, group); err != nil {
			return err
		}
	}
	var alerts, events []string
	for _, c := range changes {
		for _, a := range alertsOf(c) {
			body, err := json.Marshal(a)
			if err != nil {
				return fmt.Errorf("encode alert %s: %w", a.ID, err)
			}
			alerts = append(alerts, string(body))
			event, err := busMessage(DetailAlert, c, (&notice{Alert: a}).detail())
			if err != nil {
				return err
			}
			events = append(events, event)
		}
		if !counts(c) {
			continue
		}
		event, err := busMessage(DetailUsage, c, usageChange(c))
		if err != nil {
			return err
		}
		events = append(events, event)
	}
	if err := p.Alerts.Send(ctx, alerts); err != nil {
		return fmt.Errorf("queue alerts: %w", err)
	}
	if err := p.Events.Send(ctx, events); err != nil {
		return fmt.Errorf("queue events: %w", err)
	}
	return p.metrics(changes)
}

// counts reports whether a change is about a license. Enforcement as a whole
// raises alerts too, and has no numbers.
func counts(c *ledger.Change) bool { return c.Counting != "" }

// log writes the changes of one license as one object, named after the license
// and the revisions, so that the same batch again is the same object.
func (p *Publisher) log(ctx context.Context, group []*ledger.Change) error {
	var rows []Row
	for _, c := range group {
		rows = append(rows, Rows(c)...)
	}
	body, err := logLines(rows)
	if err != nil {
		return err
	}
	first, last := group[0], group[len(group)-1]
	key := fmt.Sprintf("%s%s=%s/%s-%012d-%012d.jsonl", config.PrefixChanges, config.DatePartition,
		first.Recorded.UTC().Format(config.DatePartitionLayout), first.License, first.Revision, last.Revision)
	if err := p.Archive.Put(ctx, key, body, "application/x-ndjson"); err != nil {
		return fmt.Errorf("write change log %s: %w", key, err)
	}
	return nil
}

func byLicense(changes []*ledger.Change) [][]*ledger.Change {
	var groups [][]*ledger.Change
	for _, c := range changes {
		at := slices.IndexFunc(groups, func(g []*ledger.Change) bool {
			return g[0].License == c.License && g[0].Recorded.UTC().YearDay() == c.Recorded.UTC().YearDay()
		})
		if at < 0 {
			groups = append(groups, []*ledger.Change{c})
			continue
		}
		groups[at] = append(groups[at], c)
	}
	return groups
}

// metrics writes the present numbers of each license.
func (p *Publisher) metrics(changes []*ledger.Change) error {
	for _, group := range byLicense(changes) {
		c := group[len(group)-1]
		if !counts(c) {
			continue
		}
		metrics := []telemetry.Metric{
			{Name: config.MetricConsumed, Unit: "Count", Value: float64(c.After.Deployed())},
			{Name: config.MetricCovered, Unit: "Count", Value: float64(c.After.Covered)},
		}
		if c.Count != nil {
			metrics = append(metrics, telemetry.Metric{Name: config.MetricLicenseCount, Unit: "Count", Value: float64(*c.Count)})
			if *c.Count > 0 {
				metrics = append(metrics, telemetry.Metric{Name: config.MetricUsagePercent, Unit: "Percent",
					Value: 100 * float64(c.After.Deployed()) / float64(*c.Count)})
			}
		}
		if err := telemetry.Emit(p.Metrics, c.Recorded, config.MetricNamespace, map[string]string{config.DimensionLicense: c.License}, metrics...); err != nil {
			return err
		}
	}
	return nil
}

// DeliverAlert sends one alert from its queue to people, unless it was sent
// before.
func (p *Publisher) DeliverAlert(ctx context.Context, body []byte) error {
	a, err := decodeAlert(body)
	if err != nil {
		return err
	}
	sent, err := p.Marks.Marked(ctx, a.ID)
	if err != nil || sent {
		return err
	}
	n := p.notice(ctx, a)
	message, err := n.message()
	if err != nil {
		return err
	}
	if err := p.Topic.Publish(ctx, n.subject(), message, n.attributes()); err != nil {
		return fmt.Errorf("publish alert %s: %w", a.ID, err)
	}
	return p.Marks.Mark(ctx, a.ID, p.Now())
}

// message is an event on its way to the bus.
type message struct {
	DetailType string
	Resources  []string // the license configuration's ARN
	Detail     json.RawMessage
}

func busMessage(detailType string, c *ledger.Change, detail any) (string, error) {
	data, err := json.Marshal(detail)
	if err != nil {
		return "", fmt.Errorf("encode event %s: %w", detailType, err)
	}
	m := message{DetailType: detailType, Detail: data}
	if c.ARN != "" {
		m.Resources = []string{c.ARN}
	}
	body, err := json.Marshal(m)
	return string(body), err
}

// DeliverEvent sends one event from its queue to the bus. Receivers drop
// repeats by license and revision, or by the alert's id.
func (p *Publisher) DeliverEvent(ctx context.Context, body []byte) error {
	var m message
	if err := json.Unmarshal(body, &m); err != nil {
		return fmt.Errorf("decode event: %w", err)
	}
	if m.DetailType == "" || len(m.Detail) == 0 {
		return fmt.Errorf("decode event: it has no DetailType or no Detail")
	}
	return p.Bus.Put(ctx, m.DetailType, m.Detail, m.Resources)
}
