package integration_test

import (
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go/middleware"

	"licenseguard/shared/adapter/dynamoledger"
	"licenseguard/shared/adapter/ec2cloud"
	"licenseguard/shared/catalog"
	"licenseguard/shared/integration/localaws"
	"licenseguard/shared/integration/meter"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

// TestCostOfALaunchOfOneHundred counts what a batch of 100 launch events of one
// small license costs: in calls, and in write units.
func TestCostOfALaunchOfOneHundred(t *testing.T) {
	moto, dynamo := localaws.Moto(t), localaws.DynamoDB(t)
	reset(t, moto)
	m := &meter.Meter{}
	keys := credentials.NewStaticCredentialsProvider("test", "test", "")
	options := []func(*middleware.Stack) error{m.Attach}
	machines := ec2.New(ec2.Options{Region: region, Credentials: keys, BaseEndpoint: &moto, APIOptions: options})
	client := dynamodb.New(dynamodb.Options{Region: region, Credentials: keys, BaseEndpoint: &dynamo, DisableValidateResponseChecksum: true, APIOptions: options})
	w := &world{t: t, ec2: machines, dynamo: client}
	w.newTable()
	images, err := machines.DescribeImages(t.Context(), &ec2.DescribeImagesInput{Owners: []string{"amazon"}})
	w.must(err)
	image := aws.ToString(images.Images[0].ImageId)
	tracker := &track.Tracker{Store: dynamoledger.New(client, table), Observer: ec2cloud.New(machines), Catalog: catalog.Embedded(), Accounts: []string{account},
		Regions: []string{region}, Now: time.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	count := int64(200)
	_, err = tracker.Configure(t.Context(), license.Configuration{ID: "lic-cost", Name: "Cost", CountingType: license.CountInstance, Count: &count, HardLimit: true,
		Associations: []license.Association{{Kind: license.ByAMI, Value: image}}}, "test")
	w.must(err)
	launched, err := machines.RunInstances(t.Context(), &ec2.RunInstancesInput{ImageId: &image, InstanceType: ec2types.InstanceTypeM5Large, MinCount: aws.Int32(100), MaxCount: aws.Int32(100)})
	w.must(err)
	var messages []track.Message
	for i, in := range launched.Instances {
		body := fmt.Sprintf(`{"version":"0","id":"%08d-0000-4000-8000-000000000000","detail-type":"EC2 Instance State-change Notification","source":"aws.ec2","account":%q,"time":%q,"region":%q,"resources":[],"detail":{"instance-id":%q,"state":"running"}}`,
			i, account, time.Now().UTC().Format(time.RFC3339), region, aws.ToString(in.InstanceId))
		messages = append(messages, track.Message{ID: fmt.Sprint(i), Body: []byte(body), Receives: 1})
	}

	m.Take()
	if r := tracker.Handle(t.Context(), messages); len(r.Retry) > 0 || r.Changes != 2 {
		t.Fatalf("report %+v, want all handled with 2 license commits", r)
	}
	took := m.Take()
	t.Logf("100 launches: calls %v, write units %v", took.Calls, took.Written)
	want := map[string]int{
		"DescribeInstances": 1,
		"PutItem":           2, // the license
		"BatchWriteItem":    4, // the facts: 25 a call
		"BatchGetItem":      2, // the facts before, and the license with its configuration
		"Query":             1, // the configurations, which changed
		"GetItem":           1, // the epoch at the end
	}
	for name, n := range want {
		if took.Calls[name] != n {
			t.Errorf("%s was called %d times, want %d", name, took.Calls[name], n)
		}
	}
	for name := range took.Calls {
		if _, ok := want[name]; !ok {
			t.Errorf("%s was called %d times, want none", name, took.Calls[name])
		}
	}

	before, err := tracker.Store.Load(t.Context(), "lic-cost")
	w.must(err)
	m.Take()
	r := tracker.Handle(t.Context(), messages)
	again := m.Take().Calls
	after, err := tracker.Store.Load(t.Context(), "lic-cost")
	w.must(err)
	if len(r.Retry) > 0 || r.Changes != 0 {
		t.Errorf("the same again: %d retries, %d commits, want none; an entry before\n%+v\nand after\n%+v", len(r.Retry), r.Changes, before.Entries[0], after.Entries[0])
	}
	if n := meter.Sum(again, "PutItem", "BatchWriteItem", "TransactWriteItems"); n != 0 {
		t.Errorf("the same events again wrote %d times, want none: %v", n, again)
	}
}
