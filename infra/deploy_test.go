package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventbridgetypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"licenseguard/shared/config"
	"licenseguard/shared/evidence/evidencetest"
	"licenseguard/shared/query"
)

const (
	mockAccount = "123456789012"
	mockRegion  = "us-east-1"
	// deployPatience bounds one run of the cdk command; it takes seconds.
	deployPatience = 3 * time.Minute
)

// cloud is a moto server that this test started, and how to reach it.
type cloud struct {
	endpoint string
	log      string
	config   aws.Config
}

// withoutURLs puts others in the place of the functions' URLs in a template: moto
// 5.2.1 has none, and fails on an output of what it does not have.
func withoutURLs(t *testing.T, built template) {
	t.Helper()
	path := filepath.Join(built.dir, config.DefaultStackName+".template.json")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var whole map[string]any
	if err := json.Unmarshal(text, &whole); err != nil {
		t.Fatal(err)
	}
	resources, outputs := whole["Resources"].(map[string]any), whole["Outputs"].(map[string]any)
	for _, id := range built.ofType("AWS::Lambda::Url") {
		delete(resources, id)
		delete(built.Resources, id)
	}
	for _, name := range []string{config.OutputAPIURL, config.OutputAPIReadURL} {
		outputs[name] = map[string]any{"Value": urlOf(t, name)}
	}
	if text, err = json.Marshal(whole); err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestDeploy bootstraps and deploys the template with the cdk command, to a cloud
// on this machine, asks that cloud's APIs what is there, and takes it all down.
//
// moto 5.2.1 takes no notice of a table's encryption and recovery, a bucket's
// versions, a function's architecture: the tests of the template look at those.
func TestDeploy(t *testing.T) {
	if os.Getenv("MOTO") != "1" {
		t.Skip("left out: set MOTO=1 to deploy to moto (needs python3 with moto[server] 5.2.1, and npm ci)")
	}
	built, err := synthesizeInto(t.TempDir(), map[string]any{contextRetain: false, contextEmails: "ops@example.com"}, false)
	if err != nil {
		t.Fatal(err)
	}
	withoutURLs(t, built)
	moto := startMoto(t)
	moto.cdk(t, "bootstrap", "--app", built.dir, "aws://"+mockAccount+"/"+mockRegion)
	outputs := filepath.Join(t.TempDir(), "outputs.json")
	moto.cdk(t, "deploy", "--app", built.dir, "--require-approval", "never", "--method", "direct", "--outputs-file", outputs, config.DefaultStackName)

	d := deployment{cloud: moto, template: built, outputs: readOutputs(t, outputs)}
	t.Run("every resource is there", d.everyResource)
	t.Run("ledger", d.ledger)
	t.Run("queues", d.queues)
	t.Run("an event reaches the intake whole", d.eventReachesIntake)
	t.Run("rules", d.rules)
	t.Run("functions", d.functions)
	t.Run("alerts", d.alerts)
	t.Run("alarms", d.alarms)
	t.Run("reports", d.reports)
	t.Run("command line", d.commandLine)

	moto.cdk(t, "destroy", "--app", built.dir, "--force", config.DefaultStackName)
	_, err = dynamodb.NewFromConfig(moto.config).DescribeTable(t.Context(), &dynamodb.DescribeTableInput{
		TableName: aws.String(d.outputs[config.OutputLedgerTable]),
	})
	if missing := new(dynamodbtypes.ResourceNotFoundException); !errors.As(err, &missing) {
		t.Errorf("after destroy the table is still there, or nobody answers: %v", err)
	}
	moto.checkLog(t)
}

func startMoto(t *testing.T) cloud {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(address, ":")

	c := cloud{endpoint: "http://" + address, log: filepath.Join(t.TempDir(), "moto.log")}
	log, err := os.Create(c.log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background()) // t.Context ends before the clean-up
	server := exec.CommandContext(ctx, "python3", filepath.Join("..", "scripts", "moto_cloud.py"), port)
	server.Stdout, server.Stderr = log, log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() { _ = server.Wait(); close(gone) }() // it is killed, so its error says nothing
	t.Cleanup(func() { stop(); <-gone; _ = log.Close() })

	c.config = aws.Config{
		Region: mockRegion, BaseEndpoint: aws.String(c.endpoint),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	}
	c.await(t, gone)
	return c
}

func (c cloud) await(t *testing.T, gone <-chan struct{}) {
	t.Helper()
	patience := time.After(time.Minute)
	for {
		select {
		case <-gone:
			t.Fatalf("moto ended:\n%s", c.readLog(t))
		case <-patience:
			t.Fatalf("moto does not answer:\n%s", c.readLog(t))
		case <-time.After(100 * time.Millisecond):
		}
		if response, err := http.Get(c.endpoint + "/moto-api/"); err == nil { //nolint:noctx // our own server, bounded above
			_ = response.Body.Close()
			return
		}
	}
}

func (c cloud) readLog(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(c.log)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// checkLog finds what the cdk command does not report: it tries a failed call
// again, and the second answer is then "complete", with half of the resources.
func (c cloud) checkLog(t *testing.T) {
	t.Helper()
	for line := range strings.Lines(c.readLog(t)) {
		if strings.Contains(line, `" 500 -`) || strings.Contains(line, "No Moto CloudFormation support") {
			t.Errorf("moto: %s", line)
		}
	}
}

// environment leads every AWS client of a program to moto.
func (c cloud) environment() []string {
	return append(os.Environ(),
		"AWS_ENDPOINT_URL="+c.endpoint, "AWS_ENDPOINT_URL_S3="+c.endpoint,
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_SESSION_TOKEN=", "AWS_PROFILE=",
		"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull,
		"AWS_REGION="+mockRegion, "AWS_DEFAULT_REGION="+mockRegion, "AWS_EC2_METADATA_DISABLED=true",
	)
}

func (c cloud) cdk(t *testing.T, arguments ...string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), deployPatience)
	defer stop()
	command := exec.CommandContext(ctx, filepath.Join("..", "node_modules", ".bin", "cdk"), append(arguments, "--no-notices")...)
	command.Env = append(c.environment(),
		// Only the shape of the template's address; nothing connects to it, and
		// moto reads a bucket's name from no address of this machine.
		"AWS_ENDPOINT_URL_S3_FOR_CLOUDFORMATION=https://s3.us-east-1.amazonaws.com",
		"CDK_DISABLE_CLI_TELEMETRY=true", "NODE_NO_WARNINGS=1",
	)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("cdk %v: %v\n%s\nmoto:\n%s", arguments, err, out, c.readLog(t))
	}
}

func readOutputs(t *testing.T, path string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var stacks map[string]map[string]string
	if err := json.Unmarshal(text, &stacks); err != nil {
		t.Fatal(err)
	}
	return stacks[config.DefaultStackName]
}

// deployment is a template and what became of it.
type deployment struct {
	cloud
	template template
	outputs  map[string]string
}

// ask calls an API for which we have no client, or a costly one. moto takes the
// service from the signature's scope and does not check the signature.
func (d deployment) ask(t *testing.T, service, method, path string, header map[string]string, body string) []byte {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, d.endpoint+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/"+mockRegion+"/"+service+"/aws4_request, SignedHeaders=host, Signature=0")
	for name, value := range header {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // read to the end below
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %s, %v\n%s", service, path, response.Status, err, text)
	}
	return text
}

// get asks an API of the kind that has a path for each thing, and answers JSON.
func (d deployment) get(t *testing.T, service, path string, answer any) {
	t.Helper()
	if err := json.Unmarshal(d.ask(t, service, http.MethodGet, path, nil, ""), answer); err != nil {
		t.Fatal(err)
	}
}

// call asks an API of the kind that names the operation in a header.
func (d deployment) call(t *testing.T, service, operation, body string) string {
	t.Helper()
	header := map[string]string{"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": operation}
	return string(d.ask(t, service, http.MethodPost, "/", header, body))
}

// query asks an API of the kind that takes a form, and answers XML.
func (d deployment) query(t *testing.T, service, version, action string, parameters map[string]string, answer any) {
	t.Helper()
	form := url.Values{"Action": {action}, "Version": {version}}
	for name, value := range parameters {
		form.Set(name, value)
	}
	header := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	if err := xml.Unmarshal(d.ask(t, service, http.MethodPost, "/", header, form.Encode()), answer); err != nil {
		t.Fatal(err)
	}
}

func (d deployment) everyResource(t *testing.T) {
	var answer struct {
		Resources []struct {
			ID     string `xml:"LogicalResourceId"`
			Type   string `xml:"ResourceType"`
			Status string `xml:"ResourceStatus"`
		} `xml:"DescribeStackResourcesResult>StackResources>member"`
	}
	d.query(t, "cloudformation", "2010-05-15", "DescribeStackResources", map[string]string{"StackName": config.DefaultStackName}, &answer)
	missing := maps.Clone(d.template.Resources)
	for _, r := range answer.Resources {
		delete(missing, r.ID)
	}
	for id, r := range missing {
		t.Errorf("%s (%s) was not made", id, r.Type)
	}
}

func (d deployment) ledger(t *testing.T) {
	got, err := dynamodb.NewFromConfig(d.config).DescribeTable(t.Context(), &dynamodb.DescribeTableInput{
		TableName: aws.String(d.outputs[config.OutputLedgerTable]),
	})
	if err != nil {
		t.Fatal(err)
	}
	table := got.Table
	if table.StreamSpecification == nil || table.StreamSpecification.StreamViewType != dynamodbtypes.StreamViewTypeNewImage {
		t.Errorf("stream: %+v", table.StreamSpecification)
	}
	if len(table.GlobalSecondaryIndexes) != 1 || aws.ToString(table.GlobalSecondaryIndexes[0].IndexName) != config.DueIndex {
		t.Errorf("indexes: %+v", table.GlobalSecondaryIndexes)
	}
}

func (d deployment) queues(t *testing.T) {
	client := sqs.NewFromConfig(d.config)
	attributes := func(output string) map[string]string {
		got, err := client.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
			QueueUrl: aws.String(d.outputs[output]), AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameAll},
		})
		if err != nil {
			t.Fatal(err)
		}
		return got.Attributes
	}
	pairs := map[string]string{
		config.OutputIntakeQueueURL: config.OutputIntakeDLQURL,
		config.OutputAlertQueueURL:  config.OutputAlertDLQURL,
		config.OutputEventQueueURL:  config.OutputEventDLQURL,
	}
	for queue, dead := range pairs {
		got, arn := attributes(queue), attributes(dead)["QueueArn"]
		if redrive := got["RedrivePolicy"]; !strings.Contains(redrive, arn) || !regexp.MustCompile(`"maxReceiveCount": ?"?5`).MatchString(redrive) {
			t.Errorf("%s: redrive %s, want 5 receives and then %s", queue, redrive, arn)
		}
		if got["VisibilityTimeout"] != "360" {
			t.Errorf("%s: visibility %s", queue, got["VisibilityTimeout"])
		}
		if !strings.Contains(got["Policy"], "aws:SecureTransport") {
			t.Errorf("%s: policy %s", queue, got["Policy"])
		}
	}
}

func (d deployment) eventReachesIntake(t *testing.T) {
	detail := `{"instance-id":"i-0123456789abcdef0","state":"running"}`
	// AWS refuses a source that starts with "aws."; moto lets a test pretend.
	put, err := eventbridge.NewFromConfig(d.config).PutEvents(t.Context(), &eventbridge.PutEventsInput{
		Entries: []eventbridgetypes.PutEventsRequestEntry{
			{Source: aws.String("aws.ec2"), DetailType: aws.String("EC2 Instance State-change Notification"), Detail: aws.String(detail)},
			{Source: aws.String("aws.rds"), DetailType: aws.String("RDS DB Snapshot Event"), Detail: aws.String(`{}`)},
		},
	})
	if err != nil || put.FailedEntryCount != 0 {
		t.Fatal(err, put)
	}
	got, err := sqs.NewFromConfig(d.config).ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: aws.String(d.outputs[config.OutputIntakeQueueURL]), MaxNumberOfMessages: 10,
	})
	if err != nil {
		t.Fatal(err)
	}
	var bodies []string
	for _, m := range got.Messages {
		bodies = append(bodies, aws.ToString(m.Body))
	}
	if len(bodies) != 1 {
		t.Fatalf("got %d messages, want the one about EC2: %v", len(bodies), bodies)
	}
	var event struct {
		ID, Account, Region, Source string
		Detail                      json.RawMessage
	}
	if err := json.Unmarshal([]byte(bodies[0]), &event); err != nil {
		t.Fatal(err)
	}
	var compacted bytes.Buffer
	if err := json.Compact(&compacted, event.Detail); err != nil {
		t.Fatal(err)
	}
	if event.ID == "" || event.Account != mockAccount || event.Source != "aws.ec2" || compacted.String() != detail {
		t.Errorf("got %s", bodies[0])
	}
}

func (d deployment) rules(t *testing.T) {
	client := eventbridge.NewFromConfig(d.config)
	rules, err := client.ListRules(t.Context(), &eventbridge.ListRulesInput{})
	if err != nil {
		t.Fatal(err)
	}
	if want := len(d.template.ofType("AWS::Events::Rule")); len(rules.Rules) != want {
		t.Errorf("got %d rules, want %d", len(rules.Rules), want)
	}
	intake := 0
	for _, rule := range rules.Rules {
		targets, err := client.ListTargetsByRule(t.Context(), &eventbridge.ListTargetsByRuleInput{Rule: rule.Name})
		if err != nil || len(targets.Targets) != 1 {
			t.Fatalf("%s: %v, %v", aws.ToString(rule.Name), err, targets)
		}
		target := targets.Targets[0]
		if strings.Contains(aws.ToString(target.Arn), ":sqs:") {
			intake++
			if target.RetryPolicy == nil || aws.ToInt32(target.RetryPolicy.MaximumRetryAttempts) != 185 || target.DeadLetterConfig == nil {
				t.Errorf("%s: %+v", aws.ToString(rule.Name), target)
			}
		}
		if rule.State != eventbridgetypes.RuleStateEnabled {
			t.Errorf("%s is %s", aws.ToString(rule.Name), rule.State)
		}
	}
	if intake != len(hints())+1 {
		t.Errorf("%d rules deliver to the intake, want %d", intake, len(hints())+1)
	}
	if _, err := client.DescribeEventBus(t.Context(), &eventbridge.DescribeEventBusInput{Name: aws.String(d.outputs[config.OutputEventBusName])}); err != nil {
		t.Error(err)
	}
}

func (d deployment) functions(t *testing.T) {
	for name, load := range loaders {
		output := title(name) + "Function"
		var function struct {
			Timeout, MemorySize int
			Environment         struct{ Variables map[string]string }
		}
		d.get(t, "lambda", "/2015-03-31/functions/"+d.outputs[output]+"/configuration", &function)
		// What the deployment made of the references is what the function reads.
		err := load(func(name string) (string, bool) {
			if name == config.EnvRegion {
				return mockRegion, true
			}
			value, ok := function.Environment.Variables[name]
			return value, ok
		})
		if err != nil || function.MemorySize < functionMemoryMB {
			t.Errorf("%s: %v, %+v", output, err, function)
		}
	}
	var mappings struct {
		EventSourceMappings []struct{ FunctionArn, EventSourceArn, State string }
	}
	d.get(t, "lambda", "/2015-03-31/event-source-mappings/", &mappings)
	got := map[string]int{}
	for _, m := range mappings.EventSourceMappings {
		service := strings.Split(m.EventSourceArn, ":")[2]
		for name := range loaders {
			if strings.HasSuffix(m.FunctionArn, ":"+d.outputs[title(name)+"Function"]) {
				got[name+" "+service]++
			}
		}
	}
	want := map[string]int{"track sqs": 1, "publish sqs": 2, "publish dynamodb": 1, "enforce dynamodb": 1}
	if !maps.Equal(got, want) {
		t.Errorf("mappings: got %v, want %v", got, want)
	}
}

func (d deployment) alerts(t *testing.T) {
	client := sns.NewFromConfig(d.config)
	topic := aws.String(d.outputs[config.OutputAlertTopicARN])
	got, err := client.ListSubscriptionsByTopic(t.Context(), &sns.ListSubscriptionsByTopicInput{TopicArn: topic})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Subscriptions) != 1 || aws.ToString(got.Subscriptions[0].Endpoint) != "ops@example.com" {
		t.Errorf("got %+v", got.Subscriptions)
	}
	attributes, err := client.GetTopicAttributes(t.Context(), &sns.GetTopicAttributesInput{TopicArn: topic})
	if err != nil {
		t.Fatal(err)
	}
	if attributes.Attributes["KmsMasterKeyId"] == "" || !strings.Contains(attributes.Attributes["Policy"], "cloudwatch.amazonaws.com") {
		t.Errorf("got %+v", attributes.Attributes)
	}
}

func (d deployment) alarms(t *testing.T) {
	var answer struct {
		Alarms []struct {
			Name    string   `xml:"AlarmName"`
			Actions []string `xml:"AlarmActions>member"`
		} `xml:"DescribeAlarmsResult>MetricAlarms>member"`
	}
	d.query(t, "monitoring", "2010-08-01", "DescribeAlarms", nil, &answer)
	if want := len(d.template.ofType("AWS::CloudWatch::Alarm")); len(answer.Alarms) != want {
		t.Errorf("got %d alarms, want %d", len(answer.Alarms), want)
	}
	for _, alarm := range answer.Alarms {
		if len(alarm.Actions) != 1 || alarm.Actions[0] != d.outputs[config.OutputAlertTopicARN] {
			t.Errorf("%s tells %v", alarm.Name, alarm.Actions)
		}
	}
}

func (d deployment) reports(t *testing.T) {
	client := s3.NewFromConfig(d.config, func(o *s3.Options) { o.UsePathStyle = true })
	got, err := client.GetBucketEncryption(t.Context(), &s3.GetBucketEncryptionInput{Bucket: aws.String(d.outputs[config.OutputReportBucket])})
	if err != nil || len(got.ServerSideEncryptionConfiguration.Rules) != 1 {
		t.Errorf("encryption: %v, %v", got, err)
	}
	table := d.call(t, "glue", "AWSGlue.GetTable", fmt.Sprintf(`{"DatabaseName":%q,"Name":%q}`, config.GlueDatabase, config.GlueTablePositions))
	if !strings.Contains(table, "projection.enabled") {
		t.Errorf("table: %s", table)
	}
	queries := d.call(t, "athena", "AmazonAthena.ListNamedQueries", fmt.Sprintf(`{"WorkGroup":%q}`, d.outputs[config.OutputWorkGroup]))
	var named struct{ NamedQueryIds []string }
	if err := json.Unmarshal([]byte(queries), &named); err != nil || len(named.NamedQueryIds) != len(query.Named()) {
		t.Errorf("queries: %s, %v", queries, err)
	}
}

// commandLine runs the commands that people use on a deployment. moto runs no
// function, so the sweep is the one that is left out.
func (d deployment) commandLine(t *testing.T) {
	dir := t.TempDir()
	program, file := filepath.Join(dir, "licenseguard"), filepath.Join(dir, "licenses.yaml")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../cmd/licenseguard").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.WriteFile(file, []byte("licenses: [{name: Agent, countingType: Instance, licenseCount: 3}]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	run := func(wantCode int, wanted []string, arguments ...string) {
		t.Helper()
		command := exec.CommandContext(t.Context(), program, arguments...)
		command.Env = d.environment()
		out, err := command.CombinedOutput()
		if command.ProcessState == nil || command.ProcessState.ExitCode() != wantCode {
			t.Errorf("%v: %v\n%s", arguments, err, out)
		}
		for _, want := range wanted {
			if !strings.Contains(string(out), want) {
				t.Errorf("%v does not say %q:\n%s", arguments, want, out)
			}
		}
	}
	run(0, []string{"Would create 1, change 0"}, "apply", "--dry-run", file)
	run(0, []string{"created Agent", "Created 1, changed 0"}, "apply", file)
	run(0, []string{"left 1 as they were"}, "license", "apply", "--stack", config.DefaultStackName, "-f", file)
	run(0, nil, "license", "diff", "--stack", config.DefaultStackName, "-f", file)
	run(0, []string{"Agent", "lic-"}, "license", "ls", "--stack", config.DefaultStackName)
	run(0, []string{"countingType: Instance"}, "license", "export", "--stack", config.DefaultStackName)
	run(0, []string{"user/moto", "licenses.yaml"}, "license", "history", "--stack", config.DefaultStackName, "Agent")
	run(0, []string{"Agent"}, "position", "--stack", config.DefaultStackName)
	run(0, []string{"nothing uses it"}, "usage", "--stack", config.DefaultStackName, "Agent")
	run(0, []string{"No license holds"}, "explain", "--stack", config.DefaultStackName, "i-0123456789abcdef0")
	run(0, nil, "journal", "--stack", config.DefaultStackName)
	run(0, []string{"s3://" + d.outputs[config.OutputEvidenceBucket], "Nothing is sealed yet"}, "evidence", "status", "--stack", config.DefaultStackName)
	key := filepath.Join(t.TempDir(), "evidence.pub")
	der, err := evidencetest.NewKey().PublicKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(key, der, 0o600); err != nil {
		t.Fatal(err)
	}
	run(3, []string{"there is no manifest"}, "verify", "s3://"+d.outputs[config.OutputEvidenceBucket], "--key", key)
	run(2, []string{"Elsewhere"}, "doctor", "--stack", "Elsewhere")
	run(1, []string{
		"ok       functions        all 8 can run", "ok       dead letters     all 4 queues are empty",
		"MISSING  CloudTrail       no trail covers us-east-1", "MISSING  sweep",
		fmt.Sprintf("ok       event rules      all %d are enabled", len(d.template.ofType("AWS::Events::Rule"))),
	}, "doctor")
	d.proxy(t, program)
}

// proxy runs licenseguard proxy on the deployed stack: reads and writes of an
// unsigned client reach the URLs of the stack, signed for Lambda.
func (d deployment) proxy(t *testing.T, program string) {
	command := exec.CommandContext(t.Context(), program, "proxy", "--stack", config.DefaultStackName, "--listen", "127.0.0.1:0")
	command.Env = d.environment()
	said, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	}()
	var endpoint string
	for lines := bufio.NewScanner(said); endpoint == "" && lines.Scan(); {
		endpoint = regexp.MustCompile(`http://127\.0\.0\.1:[0-9]+`).FindString(lines.Text())
	}
	for operation, output := range map[string]string{"ListLicenseConfigurations": config.OutputAPIURL, "CreateLicenseConfiguration": config.OutputAPIURL} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/x-amz-json-1.1")
		request.Header.Set("X-Amz-Target", "AWSLicenseManager."+operation)
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if want := operation + " at " + output + " signed for " + mockRegion + "/lambda"; err != nil || string(body) != want {
			t.Errorf("the URL got %q, %v; want %q", body, err, want)
		}
	}
}

// urlOf stands in for a function's URL, and says what it got.
func urlOf(t *testing.T, output string) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scope := regexp.MustCompile(`Credential=[^/]+/[0-9]{8}/([^/]+/[^/]+)/aws4_request`).FindStringSubmatch(r.Header.Get("Authorization"))
		if scope == nil {
			scope = []string{"", "nobody"}
		}
		operation := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AWSLicenseManager.")
		fmt.Fprintf(w, "%s at %s signed for %s", operation, output, scope[1])
	}))
	t.Cleanup(server.Close)
	return server.URL
}
