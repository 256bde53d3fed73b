package integration_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"licenseguard/shared/adapter/dynamoledger"
	"licenseguard/shared/adapter/ec2cloud"
	"licenseguard/shared/catalog"
	"licenseguard/shared/config"
	"licenseguard/shared/integration/ledgertable"
	"licenseguard/shared/integration/localaws"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

const (
	account = "123456789012"
	region  = "us-east-1"
	bucket  = "licenseguard-reports"
	table   = "licenseguard-ledger"
)

// A world is an account with what the stack deploys, as far as moto has it.
type world struct {
	t        *testing.T
	ec2      *ec2.Client
	sqs      *sqs.Client
	bus      *eventbridge.Client
	s3       *s3.Client
	dynamo   *dynamodb.Client
	store    *dynamoledger.Store
	tracker  *track.Tracker
	stream   *stream
	image    string
	topic    string
	intake   queue
	dead     queue
	alerts   queue // between publish and the topic
	events   queue // between publish and the bus
	inbox    queue // subscribed to the topic
	listener queue // gets what is on our bus
	env      map[string]string

	trackFn, sweepFn, enforceFn, publishFn, snapshotFn *function
}

type queue struct{ name, url, arn string }

// newWorld makes the account and starts the five functions in it.
func newWorld(t *testing.T) *world {
	t.Helper()
	moto, dynamo := localaws.Moto(t), localaws.DynamoDB(t)
	reset(t, moto)
	keys := credentials.NewStaticCredentialsProvider("test", "test", "")
	cfg := aws.Config{Region: region, Credentials: keys, BaseEndpoint: &moto}
	w := &world{t: t, ec2: ec2.NewFromConfig(cfg), sqs: sqs.NewFromConfig(cfg), bus: eventbridge.NewFromConfig(cfg), s3: s3.NewFromConfig(cfg)}
	w.dynamo = dynamodb.New(dynamodb.Options{Region: region, Credentials: keys, BaseEndpoint: &dynamo, DisableValidateResponseChecksum: true})
	w.store = dynamoledger.New(w.dynamo, table)
	w.stream = newStream(t, dynamo, w.newTable())
	for _, q := range []struct {
		into *queue
		name string
	}{{&w.intake, "intake"}, {&w.dead, "intake-dlq"}, {&w.alerts, "alerts"}, {&w.events, "events"}, {&w.inbox, "inbox"}, {&w.listener, "listener"}} {
		*q.into = w.newQueue(q.name)
	}
	w.newRules()
	w.newTopic(sns.NewFromConfig(cfg))
	_, err := w.s3.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(bucket)})
	w.must(err)
	images, err := w.ec2.DescribeImages(t.Context(), &ec2.DescribeImagesInput{Owners: []string{"amazon"}})
	w.must(err)
	w.image = aws.ToString(images.Images[0].ImageId)
	w.tracker = &track.Tracker{Store: w.store, Observer: ec2cloud.New(w.ec2), Catalog: catalog.Embedded(), Accounts: []string{account}, Regions: []string{region},
		Now: time.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	w.startFunctions(moto, dynamo)
	return w
}

// reset empties the account.
func reset(t *testing.T, moto string) {
	t.Helper()
	response, err := http.Post(moto+"/moto-api/reset", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("reset moto: %s, %v", response.Status, err)
	}
}

// startFunctions gives each function the environment that the stack gives it,
// and the endpoints.
func (w *world) startFunctions(moto, dynamo string) {
	common := map[string]string{
		config.EnvLedgerTable: table, config.EnvRegion: region,
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_ENDPOINT_URL": moto, "AWS_ENDPOINT_URL_DYNAMODB": dynamo,
	}
	launch := func(name string, own map[string]string) *function {
		for key, value := range common {
			own[key] = value
		}
		return start(w.t, name, own)
	}
	w.trackFn = launch(config.FunctionTrack, map[string]string{config.EnvAccounts: account, config.EnvDeadLetterQueueURL: w.dead.url})
	w.sweepFn = launch(config.FunctionSweep, map[string]string{config.EnvAccounts: account})
	w.enforceFn = launch(config.FunctionEnforce, map[string]string{config.EnvAccounts: account, config.EnvAutoScaling: "true"})
	w.publishFn = launch(config.FunctionPublish, map[string]string{config.EnvReportBucket: bucket, config.EnvAlertQueueURL: w.alerts.url,
		config.EnvEventQueueURL: w.events.url, config.EnvAlertTopicARN: w.topic, config.EnvEventBusName: config.EventBusName})
	w.snapshotFn = launch(config.FunctionSnapshot, map[string]string{config.EnvReportBucket: bucket})
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// newTable makes the ledger's table and returns its stream.
func (w *world) newTable() string {
	w.t.Helper()
	arn, err := ledgertable.CreateWithStream(w.t.Context(), w.dynamo, table)
	w.must(err)
	w.t.Cleanup(func() {
		_, _ = w.dynamo.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: aws.String(table)})
	})
	return arn
}

func (w *world) newQueue(name string) queue {
	w.t.Helper()
	out, err := w.sqs.CreateQueue(w.t.Context(), &sqs.CreateQueueInput{QueueName: &name})
	w.must(err)
	return queue{name: name, url: aws.ToString(out.QueueUrl), arn: "arn:aws:sqs:" + region + ":" + account + ":" + name}
}

// newRules lets the events of EC2 and RDS into the intake, and what is on our bus into a
// listener. The transformer makes moto deliver the event whole; AWS does so
// without one.
func (w *world) newRules() {
	ctx := w.t.Context()
	_, err := w.bus.CreateEventBus(ctx, &eventbridge.CreateEventBusInput{Name: aws.String(config.EventBusName)})
	w.must(err)
	for _, r := range []struct {
		name, bus, pattern string
		target             queue
	}{
		{"instances", "default", `{"source":["aws.ec2"],"detail-type":["EC2 Instance State-change Notification"]}`, w.intake},
		{"databases", "default", `{"source":["aws.rds"],"detail-type":["RDS DB Instance Event"]}`, w.intake},
		{"licenses", config.EventBusName, `{"source":["` + config.EventSource + `"]}`, w.listener},
	} {
		_, err := w.bus.PutRule(ctx, &eventbridge.PutRuleInput{Name: &r.name, EventBusName: &r.bus, EventPattern: &r.pattern})
		w.must(err)
		_, err = w.bus.PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: &r.name, EventBusName: &r.bus, Targets: []eventtypes.Target{{
			Id: aws.String("queue"), Arn: &r.target.arn,
			InputTransformer: &eventtypes.InputTransformer{InputTemplate: aws.String("<aws.events.event.json>")}}}})
		w.must(err)
	}
}

func (w *world) newTopic(client *sns.Client) {
	topic, err := client.CreateTopic(w.t.Context(), &sns.CreateTopicInput{Name: aws.String("alerts")})
	w.must(err)
	w.topic = aws.ToString(topic.TopicArn)
	_, err = client.Subscribe(w.t.Context(), &sns.SubscribeInput{TopicArn: &w.topic, Protocol: aws.String("sqs"), Endpoint: &w.inbox.arn})
	w.must(err)
}

// configure makes a license that stops what is launched over its count. Its
// clock is a minute behind, so that launches from now on come after it.
func (w *world) configure(id string, count int64) {
	w.t.Helper()
	w.tracker.Now = func() time.Time { return time.Now().Add(-time.Minute) }
	_, err := w.tracker.Configure(w.t.Context(), license.Configuration{
		ID: id, ARN: "arn:aws:license-manager:" + region + ":" + account + ":license-configuration:" + id, Name: "=SQL Server",
		CountingType: license.CountInstance, Count: &count, HardLimit: true,
		Associations: []license.Association{{Kind: license.ByAMI, Value: w.image}},
		Enforcement:  license.Enforcement{Mode: license.Stop, ActionsPerHour: 2},
	}, "tester")
	w.must(err)
}

// run launches one instance and returns its id.
func (w *world) run(tags map[string]string) string {
	w.t.Helper()
	in := &ec2.RunInstancesInput{ImageId: &w.image, InstanceType: ec2types.InstanceTypeM5Large, MinCount: aws.Int32(1), MaxCount: aws.Int32(1)}
	if len(tags) > 0 {
		s := ec2types.TagSpecification{ResourceType: ec2types.ResourceTypeInstance}
		for key, value := range tags {
			s.Tags = append(s.Tags, ec2types.Tag{Key: &key, Value: &value})
		}
		in.TagSpecifications = []ec2types.TagSpecification{s}
	}
	out, err := w.ec2.RunInstances(w.t.Context(), in)
	w.must(err)
	return aws.ToString(out.Instances[0].InstanceId)
}

// tell sends EC2's event of an instance's state.
func (w *world) tell(id, state string) {
	w.t.Helper()
	detail, err := json.Marshal(map[string]string{"instance-id": id, "state": state})
	w.must(err)
	out, err := w.bus.PutEvents(w.t.Context(), &eventbridge.PutEventsInput{Entries: []eventtypes.PutEventsRequestEntry{{
		Source: aws.String("aws.ec2"), DetailType: aws.String("EC2 Instance State-change Notification"), Detail: aws.String(string(detail)),
		Resources: []string{"arn:aws:ec2:" + region + ":" + account + ":instance/" + id}, Time: aws.Time(time.Now())}}})
	w.must(err)
	if out.FailedEntryCount > 0 {
		w.t.Fatalf("event not taken: %+v", out.Entries)
	}
}

// send puts a message straight into the intake.
func (w *world) send(body string) {
	w.t.Helper()
	_, err := w.sqs.SendMessage(w.t.Context(), &sqs.SendMessageInput{QueueUrl: &w.intake.url, MessageBody: &body})
	w.must(err)
}

// take takes all messages of a queue.
func (w *world) take(q queue) []sqstypes.Message {
	w.t.Helper()
	var all []sqstypes.Message
	for {
		out, err := w.sqs.ReceiveMessage(w.t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &q.url, MaxNumberOfMessages: 10,
			MessageAttributeNames: []string{"All"}, MessageSystemAttributeNames: []sqstypes.MessageSystemAttributeName{"All"}})
		w.must(err)
		if len(out.Messages) == 0 {
			return all
		}
		all = append(all, out.Messages...)
	}
}

// deliver gives a queue's messages to a function as Lambda does: what it wants
// again stays in the queue. It returns how many were given and how many stay.
func (w *world) deliver(q queue, f *function) (given, again int) {
	w.t.Helper()
	messages := w.take(q)
	if len(messages) == 0 {
		return 0, 0
	}
	var answer failures
	f.invoke(sqsEvent(q, messages), &answer)
	for _, m := range messages {
		if answer.has(aws.ToString(m.MessageId)) {
			again++
			_, err := w.sqs.ChangeMessageVisibility(w.t.Context(), &sqs.ChangeMessageVisibilityInput{QueueUrl: &q.url, ReceiptHandle: m.ReceiptHandle})
			w.must(err)
			continue
		}
		_, err := w.sqs.DeleteMessage(w.t.Context(), &sqs.DeleteMessageInput{QueueUrl: &q.url, ReceiptHandle: m.ReceiptHandle})
		w.must(err)
	}
	return len(messages), again
}

// sqsEvent writes messages as Lambda hands them over.
func sqsEvent(q queue, messages []sqstypes.Message) any {
	type record struct {
		MessageID      string            `json:"messageId"`
		ReceiptHandle  string            `json:"receiptHandle"`
		Body           string            `json:"body"`
		Attributes     map[string]string `json:"attributes"`
		EventSource    string            `json:"eventSource"`
		EventSourceARN string            `json:"eventSourceARN"`
		AWSRegion      string            `json:"awsRegion"`
	}
	var event struct{ Records []record }
	for _, m := range messages {
		event.Records = append(event.Records, record{aws.ToString(m.MessageId), aws.ToString(m.ReceiptHandle), aws.ToString(m.Body),
			m.Attributes, "aws:sqs", q.arn, region})
	}
	return event
}

// follow hands the new records of the stream to both of its readers.
func (w *world) follow() int {
	w.t.Helper()
	records := w.stream.heads()
	if len(records) == 0 {
		return 0
	}
	for _, f := range []*function{w.enforceFn, w.publishFn} {
		var answer failures
		f.invoke(map[string]any{"Records": records}, &answer)
		if len(answer.BatchItemFailures) > 0 {
			w.t.Fatalf("%s wants records again: %+v\n%s", f.name, answer, f.output)
		}
	}
	return len(records)
}

func (w *world) load(id string) *ledger.License {
	w.t.Helper()
	l, err := w.store.Load(w.t.Context(), id)
	w.must(err)
	return l
}

// instance returns an instance's state and tags as EC2 has them.
func (w *world) instance(id string) (string, map[string]string) {
	w.t.Helper()
	out, err := w.ec2.DescribeInstances(w.t.Context(), &ec2.DescribeInstancesInput{InstanceIds: []string{id}})
	w.must(err)
	in := out.Reservations[0].Instances[0]
	tags := make(map[string]string)
	for _, tag := range in.Tags {
		tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return string(in.State.Name), tags
}

// files returns the report bucket's files under a prefix.
func (w *world) files(prefix string) map[string]string {
	w.t.Helper()
	list, err := w.s3.ListObjectsV2(w.t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String(bucket), Prefix: &prefix})
	w.must(err)
	files := make(map[string]string)
	for _, o := range list.Contents {
		out, err := w.s3.GetObject(w.t.Context(), &s3.GetObjectInput{Bucket: aws.String(bucket), Key: o.Key})
		w.must(err)
		body, err := io.ReadAll(out.Body)
		w.must(err)
		files[aws.ToString(o.Key)] = string(body)
	}
	return files
}

// sample returns a real event of the catalogue with other values in place of
// the sample's own.
func sample(t *testing.T, name string, replace ...string) string {
	t.Helper()
	body, err := os.ReadFile("../../events/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer(replace...).Replace(string(body))
}

func attributes(m sqstypes.Message) map[string]string {
	out := make(map[string]string)
	for name, value := range m.MessageAttributes {
		out[name] = aws.ToString(value.StringValue)
	}
	return out
}
