// Package pipeline runs the functions' handlers in one process on the embedded
// ledger: the queues, the table's stream and the schedules are lists in memory,
// everything else is what runs in Lambda.
package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"licenseguard/cmd/licenseguard/internal/fleet"
	"licenseguard/shared/adapter/boltledger"
	"licenseguard/shared/adapter/handler"
	"licenseguard/shared/adapter/ledgercodec"
	"licenseguard/shared/adapter/parquetfile"
	"licenseguard/shared/catalog"
	"licenseguard/shared/config"
	"licenseguard/shared/enforce"
	"licenseguard/shared/ledger"
	"licenseguard/shared/publish"
	"licenseguard/shared/report"
	"licenseguard/shared/snapshot"
	"licenseguard/shared/track"
)

// maxReceives is how often the intake queue delivers a message, as in the stack.
const maxReceives = 5

const (
	alertQueue = "alerts"
	eventQueue = "events"
)

// Alert is a message that people got.
type Alert struct{ Subject, Message string }

// Options of a pipeline.
type Options struct {
	Dir      string // where ledger, reports and mail go
	Volatile bool   // do not wait for the disk
	Fleet    *fleet.Fleet
	Accounts []string
	Region   string
	Now      func() time.Time
	// Committed is called for each change, in order.
	Committed func(*ledger.Change)
	Log       *slog.Logger
}

// Pipeline is the whole of licenseguard in one process.
type Pipeline struct {
	Store   *boltledger.Store
	Tracker *track.Tracker

	Alerts      []Alert
	BusEvents   int
	Files       []string
	DeadLetters []track.DeadLetter

	options Options
	intake  []message
	changes []*ledger.Change
	queues  map[string][]string
	number  int

	track    handler.Track
	sweep    handler.Sweep
	enforce  handler.Enforce
	publish  handler.Publish
	snapshot handler.Snapshot
}

type message struct {
	id       string
	body     string
	receives int
}

// Open opens the ledger in a folder and wires the handlers to it.
func Open(o Options) (*Pipeline, error) {
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	p := &Pipeline{options: o, queues: make(map[string][]string)}
	store, err := boltledger.Open(filepath.Join(o.Dir, "ledger.db"), boltledger.Options{Volatile: o.Volatile, OnCommit: p.committed})
	if err != nil {
		return nil, err
	}
	p.Store = store
	noWait := func(context.Context, time.Duration) error { return nil }
	p.Tracker = &track.Tracker{Store: store, Documents: store, Observer: o.Fleet, DeadLetters: p, Catalog: catalog.Embedded(), Accounts: o.Accounts,
		Regions: []string{o.Region}, Now: o.Now, Wait: noWait, Log: o.Log}
	p.track = handler.Track{Tracker: p.Tracker, Metrics: io.Discard}
	p.sweep = handler.Sweep{Tracker: p.Tracker, Store: store, Log: o.Log, Metrics: io.Discard}
	p.enforce = handler.Enforce{Log: o.Log, Metrics: io.Discard, Enforcer: &enforce.Enforcer{
		Store: store, Instances: o.Fleet, Catalog: catalog.Embedded(), Accounts: o.Accounts, Now: o.Now, Log: o.Log}}
	p.publish = handler.Publish{Log: o.Log, Metrics: io.Discard, AlertQueue: alertQueue, EventQueue: eventQueue, Publisher: &publish.Publisher{
		Archive: p, Alerts: queue{p, alertQueue}, Events: queue{p, eventQueue}, Topic: p, Bus: bus{p}, Marks: store, Facts: store, Metrics: io.Discard, Now: o.Now}}
	p.snapshot = handler.Snapshot{Log: o.Log, Metrics: io.Discard,
		Snapshotter: &snapshot.Snapshotter{Store: store, Archive: p, Encoder: parquetfile.Encoder{}, Catalog: catalog.Embedded(), Now: o.Now},
		Reports:     &report.Maker{Store: store, Archive: p, Encoder: parquetfile.Encoder{}, Catalog: catalog.Embedded(), Now: o.Now}}
	return p, nil
}

// Watch adds accounts to those whose events count. None is taken away: what it
// left in the ledger has to be released by its sweeps.
func (p *Pipeline) Watch(accounts []string) {
	watched := slices.Concat(p.Tracker.Accounts, accounts)
	slices.Sort(watched)
	p.Tracker.Accounts = slices.Compact(watched)
	p.enforce.Enforcer.Accounts = p.Tracker.Accounts
}

// Close closes the ledger.
func (p *Pipeline) Close() error { return p.Store.Close() }

func (p *Pipeline) committed(c *ledger.Change) {
	p.changes = append(p.changes, c)
	if p.options.Committed != nil {
		p.options.Committed(c)
	}
}

// Send puts an event into the intake queue.
func (p *Pipeline) Send(body []byte) {
	p.number++
	p.intake = append(p.intake, message{id: "m-" + strconv.Itoa(p.number), body: string(body)})
}

// Tick is the one-minute schedule: what is due is folded, and answered.
func (p *Pipeline) Tick(ctx context.Context) error {
	p.Send(fmt.Appendf(nil, `{"version":"0","id":"tick-%d","detail-type":"Scheduled Event","source":"aws.events","account":%q,"time":%q,"region":%q,"resources":[],"detail":{}}`,
		p.number, p.options.Accounts[0], p.options.Now().UTC().Format(time.RFC3339), p.options.Region))
	if err := p.Drain(ctx); err != nil {
		return err
	}
	if _, err := p.enforce.Handle(ctx, json.RawMessage(`{"source":"aws.events"}`)); err != nil {
		return err
	}
	return p.Drain(ctx)
}

// Sweep is the hourly schedule.
func (p *Pipeline) Sweep(ctx context.Context) ([]track.SweepReport, error) {
	reports, err := p.sweep.Handle(ctx)
	if err != nil {
		return reports, err
	}
	return reports, p.Drain(ctx)
}

// Snapshot writes the reports.
func (p *Pipeline) Snapshot(ctx context.Context) (snapshot.Report, error) {
	return p.snapshot.Handle(ctx)
}

// Drain hands everything that waits to the handlers until nothing does.
func (p *Pipeline) Drain(ctx context.Context) error {
	for len(p.intake) > 0 || len(p.changes) > 0 || len(p.queues[alertQueue]) > 0 || len(p.queues[eventQueue]) > 0 {
		if err := p.drainIntake(ctx); err != nil {
			return err
		}
		if err := p.drainStream(ctx); err != nil {
			return err
		}
		for _, name := range []string{alertQueue, eventQueue} {
			if err := p.drainQueue(ctx, name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *Pipeline) drainIntake(ctx context.Context) error {
	n := min(len(p.intake), 100)
	if n == 0 {
		return nil
	}
	batch := p.intake[:n]
	p.intake = append([]message(nil), p.intake[n:]...)
	var in events.SQSEvent
	for i := range batch {
		batch[i].receives++
		in.Records = append(in.Records, events.SQSMessage{MessageId: batch[i].id, Body: batch[i].body, EventSource: "aws:sqs",
			Attributes: map[string]string{"ApproximateReceiveCount": strconv.Itoa(batch[i].receives)}})
	}
	out, err := p.track.Handle(ctx, in)
	if err != nil {
		return err
	}
	for _, f := range out.BatchItemFailures {
		for _, m := range batch {
			switch {
			case m.id != f.ItemIdentifier:
			case m.receives >= maxReceives:
				p.DeadLetters = append(p.DeadLetters, track.DeadLetter{MessageID: m.id, Body: []byte(m.body), Reason: "received 5 times"})
			default:
				p.intake = append(p.intake, m)
			}
		}
	}
	return nil
}

func (p *Pipeline) drainStream(ctx context.Context) error {
	if len(p.changes) == 0 {
		return nil
	}
	var in events.DynamoDBEvent
	for i, c := range p.changes {
		data, err := ledgercodec.EncodeChange(c)
		if err != nil {
			return err
		}
		in.Records = append(in.Records, events.DynamoDBEventRecord{EventSource: "aws:dynamodb", Change: events.DynamoDBStreamRecord{
			SequenceNumber: strconv.Itoa(i + 1),
			NewImage: map[string]events.DynamoDBAttributeValue{
				config.SortKey: events.NewStringAttribute(config.HeadSortKey), "Change": events.NewBinaryAttribute(data)},
		}})
	}
	p.changes = nil
	payload, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode stream: %w", err)
	}
	for _, handle := range []func(context.Context, json.RawMessage) (any, error){p.publish.Handle, p.enforce.Handle} {
		out, err := handle(ctx, payload)
		if err != nil {
			return err
		}
		if r, ok := out.(events.DynamoDBEventResponse); ok && len(r.BatchItemFailures) > 0 {
			return fmt.Errorf("stream record %s failed; see the log", r.BatchItemFailures[0].ItemIdentifier)
		}
	}
	return nil
}

func (p *Pipeline) drainQueue(ctx context.Context, name string) error {
	bodies := p.queues[name]
	if len(bodies) == 0 {
		return nil
	}
	p.queues[name] = nil
	var in events.SQSEvent
	for i, body := range bodies {
		in.Records = append(in.Records, events.SQSMessage{MessageId: strconv.Itoa(i), Body: body, EventSource: "aws:sqs", EventSourceARN: "arn:aws:sqs:local:" + name})
	}
	payload, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode messages: %w", err)
	}
	out, err := p.publish.Handle(ctx, payload)
	if err != nil {
		return err
	}
	if r, ok := out.(events.SQSEventResponse); ok && len(r.BatchItemFailures) > 0 {
		return fmt.Errorf("%d messages of queue %s failed; see the log", len(r.BatchItemFailures), name)
	}
	return nil
}

// Bury implements track.DeadLetters.
func (p *Pipeline) Bury(_ context.Context, d track.DeadLetter) error {
	p.DeadLetters = append(p.DeadLetters, d)
	return nil
}

// Put implements the archives: a folder instead of a bucket.
func (p *Pipeline) Put(_ context.Context, key string, body []byte, _ string) error {
	path := filepath.Join(p.options.Dir, "reports", filepath.FromSlash(key))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	if err := os.WriteFile(path, body, 0o644); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	p.Files = append(p.Files, path)
	return nil
}

// Publish implements publish.Topic: a list instead of e-mail.
func (p *Pipeline) Publish(_ context.Context, subject, message string, _ map[string]string) error {
	p.Alerts = append(p.Alerts, Alert{Subject: subject, Message: publish.PlainText(message)})
	return nil
}

// queue is a queue in memory.
type queue struct {
	p    *Pipeline
	name string
}

func (q queue) Send(_ context.Context, bodies []string) error {
	q.p.queues[q.name] = append(q.p.queues[q.name], bodies...)
	return nil
}

// bus counts events instead of sending them.
type bus struct{ p *Pipeline }

func (b bus) Put(context.Context, string, []byte, []string) error {
	b.p.BusEvents++
	return nil
}
