package integration_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	form "net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	asgtypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"licenseguard/shared/config"
	"licenseguard/shared/integration/localaws"
	"licenseguard/shared/ledger"
)

// hooks stands before moto, which does not know CompleteLifecycleAction: it answers
// that as AWS does, keeps what was answered, and hands all else on.
type hooks struct {
	mu       sync.Mutex
	calls    []string
	answered map[string]string // CONTINUE or ABANDON, by instance
}

func (h *hooks) serve(t *testing.T, moto string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		body, err := io.ReadAll(in.Body)
		if err != nil {
			t.Error(err)
		}
		values, err := form.ParseQuery(string(body))
		if err != nil {
			t.Error(err)
		}
		h.mu.Lock()
		h.calls = append(h.calls, values.Get("Action"))
		id := values.Get("InstanceId")
		_, before := h.answered[id]
		if values.Get("Action") == "CompleteLifecycleAction" && !before {
			h.answered[id] = values.Get("LifecycleActionResult")
		}
		h.mu.Unlock()
		if values.Get("Action") != "CompleteLifecycleAction" {
			forward(t, out, in, moto, body)
			return
		}
		out.Header().Set("Content-Type", "text/xml")
		if before {
			out.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(out, `<ErrorResponse xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/"><Error><Type>Sender</Type><Code>ValidationError</Code><Message>No active Lifecycle Action found with instance ID `+id+`</Message></Error></ErrorResponse>`)
			return
		}
		_, _ = io.WriteString(out, `<CompleteLifecycleActionResponse xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/"><CompleteLifecycleActionResult/></CompleteLifecycleActionResponse>`)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func forward(t *testing.T, out http.ResponseWriter, in *http.Request, to string, body []byte) {
	request, err := http.NewRequestWithContext(in.Context(), in.Method, to+in.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		t.Error(err)
		return
	}
	request.Header = in.Header.Clone()
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Error(err)
		out.WriteHeader(http.StatusBadGateway)
		return
	}
	defer answer.Body.Close()
	out.Header().Set("Content-Type", answer.Header.Get("Content-Type"))
	out.WriteHeader(answer.StatusCode)
	_, _ = io.Copy(out, answer.Body)
}

// TestAdmission: a group in moto launches four into two licenses. The shipped
// function takes its events from a queue and answers each hook.
//
// moto 5.2.1 has no launch hooks: its instances serve at once, and a group that is
// lowered ends some of them at once, of its own choice. So only what the function
// does is looked at.
func TestAdmission(t *testing.T) {
	w := newWorld(t)
	w.configure(licenseID, 2)
	moto, dynamo := localaws.Moto(t), localaws.DynamoDB(t)
	h := &hooks{answered: make(map[string]string)}
	launches, dead := w.newQueue("admit"), w.newQueue("admit-dlq")
	admit := start(t, config.FunctionAdmit, map[string]string{
		config.EnvLedgerTable: table, config.EnvRegion: region, config.EnvAccounts: account, config.EnvDeadLetterQueueURL: dead.url,
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_ENDPOINT_URL": moto, "AWS_ENDPOINT_URL_DYNAMODB": dynamo, "AWS_ENDPOINT_URL_AUTO_SCALING": h.serve(t, moto),
	})
	groups := autoscaling.New(autoscaling.Options{Region: region, BaseEndpoint: &moto, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})
	ids := w.group(groups, "my-asg", 4)

	tell := func(id string) {
		token := strings.Repeat("0", 8) + "-0000-0000-0000-" + (id + strings.Repeat("0", 12))[2:14]
		body := sample(t, "autoscaling/launch-lifecycle-action/into-service", "i-00000000000000b01", id, "us-west-2", region,
			"87654321-4321-4321-4321-210987654321", token, "2026-04-03T09:15:52Z", time.Now().UTC().Format(time.RFC3339))
		_, err := w.sqs.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &launches.url, MessageBody: &body})
		w.must(err)
	}
	for _, id := range ids {
		tell(id)
	}
	if given, again := w.deliver(launches, admit); given != 4 || again != 0 {
		t.Fatalf("%d messages given, %d stay; want 4 and none\n%s", given, again, admit.output)
	}
	results := map[string]int{}
	for _, result := range h.answered {
		results[result]++
	}
	if results["CONTINUE"] != 2 || results["ABANDON"] != 2 {
		t.Fatalf("answered %v; want 2 of each\n%s", h.answered, admit.output)
	}
	size, err := groups.DescribeAutoScalingGroups(t.Context(), &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{"my-asg"}})
	w.must(err)
	if got := aws.ToInt32(size.AutoScalingGroups[0].DesiredCapacity); got != 2 {
		t.Errorf("the capacity is %d; want 2", got)
	}
	paused, lowered, resumed := slices.Index(h.calls, "SuspendProcesses"), slices.Index(h.calls, "SetDesiredCapacity"), slices.Index(h.calls, "ResumeProcesses")
	if paused < 0 || lowered < paused || resumed < lowered || len(size.AutoScalingGroups[0].SuspendedProcesses) > 0 {
		t.Errorf("calls %v", h.calls)
	}
	journal, err := w.store.Journal(t.Context(), time.Now().Add(-time.Hour))
	w.must(err)
	for _, e := range journal {
		if e.Action != ledger.DoneAbandoned || e.Group != "my-asg" || e.Done.IsZero() || h.answered[e.Instance.AWSID()] != "ABANDON" {
			t.Errorf("journal %+v", e)
		}
	}
	if len(journal) != 2 {
		t.Errorf("%d entries in the journal; want 2", len(journal))
	}

	// The same events again change nothing.
	calls := len(h.calls)
	for _, id := range ids {
		tell(id)
	}
	w.deliver(launches, admit)
	if slices.Contains(h.calls[calls:], "SetDesiredCapacity") {
		t.Errorf("the same events again: %v", h.calls[calls:])
	}
	if letters := w.take(dead); len(letters) > 0 {
		t.Errorf("dead letters %v", letters)
	}
	if errs := localaws.MotoErrors(); len(errs) > 0 {
		t.Errorf("moto failed:\n%s", strings.Join(errs, "\n"))
	}
}

// group makes a group of so many instances with a launch hook, and returns their ids.
func (w *world) group(client *autoscaling.Client, name string, size int32) (ids []string) {
	w.t.Helper()
	template, err := w.ec2.CreateLaunchTemplate(w.t.Context(), &ec2.CreateLaunchTemplateInput{LaunchTemplateName: &name,
		LaunchTemplateData: &ec2types.RequestLaunchTemplateData{ImageId: &w.image, InstanceType: ec2types.InstanceTypeM5Large}})
	w.must(err)
	_, err = client.CreateAutoScalingGroup(w.t.Context(), &autoscaling.CreateAutoScalingGroupInput{AutoScalingGroupName: &name, MinSize: aws.Int32(0), MaxSize: &size,
		DesiredCapacity: &size, AvailabilityZones: []string{region + "a"},
		LaunchTemplate: &asgtypes.LaunchTemplateSpecification{LaunchTemplateId: template.LaunchTemplate.LaunchTemplateId, Version: aws.String("1")}})
	w.must(err)
	_, err = client.PutLifecycleHook(w.t.Context(), &autoscaling.PutLifecycleHookInput{AutoScalingGroupName: &name, LifecycleHookName: aws.String("licenseguard-launch"),
		LifecycleTransition: aws.String("autoscaling:EC2_INSTANCE_LAUNCHING"), HeartbeatTimeout: aws.Int32(900), DefaultResult: aws.String("ABANDON")})
	w.must(err)
	out, err := client.DescribeAutoScalingGroups(w.t.Context(), &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{name}})
	w.must(err)
	for _, in := range out.AutoScalingGroups[0].Instances {
		ids = append(ids, aws.ToString(in.InstanceId))
	}
	return ids
}
