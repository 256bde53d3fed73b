package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"licenseguard/shared/config"
	"licenseguard/shared/publish"
	"licenseguard/shared/query"
	"licenseguard/shared/snapshot"
)

// check compares properties at paths with what they must be, as compact JSON.
func check(t *testing.T, r resource, want map[string]string) {
	t.Helper()
	for _, path := range sortedKeys(want) {
		if got := compact(r.at(path)); got != want[path] {
			t.Errorf("%s %s:\n got %s\nwant %s", r.Type, path, got, want[path])
		}
	}
}

func TestLedgerKeepsEveryCount(t *testing.T) {
	hub := hub(t)
	table := hub.Resources[hub.output(config.OutputLedgerTable)]
	check(t, table, map[string]string{
		"BillingMode":         `"PAY_PER_REQUEST"`,
		"KeySchema":           `[{"AttributeName":"PK","KeyType":"HASH"},{"AttributeName":"SK","KeyType":"RANGE"}]`,
		"StreamSpecification": `{"StreamViewType":"NEW_IMAGE"}`,
		"PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled": `true`,
		"DeletionProtectionEnabled":                                   `true`,
		"SSESpecification.SSEEnabled":                                 `true`,
		"SSESpecification.SSEType":                                    `"KMS"`,
		"GlobalSecondaryIndexes":                                      `[{"IndexName":"due","KeySchema":[{"AttributeName":"DuePK","KeyType":"HASH"},{"AttributeName":"DueSK","KeyType":"RANGE"}],"Projection":{"ProjectionType":"KEYS_ONLY"}}]`,
		"AttributeDefinitions":                                        `[{"AttributeName":"PK","AttributeType":"S"},{"AttributeName":"SK","AttributeType":"S"},{"AttributeName":"DuePK","AttributeType":"S"},{"AttributeName":"DueSK","AttributeType":"S"}]`,
	})
	key := hub.Resources[target(table.at("SSESpecification.KMSMasterKeyId"))]
	check(t, key, map[string]string{"EnableKeyRotation": `true`})
	for _, kept := range []resource{table, key} {
		if kept.DeletionPolicy != "Retain" {
			t.Errorf("%s is deleted with the stack", kept.Type)
		}
	}
}

func TestQueuesAreSafe(t *testing.T) {
	hub := hub(t)
	pairs := []struct{ queue, dead, reader string }{
		{config.OutputIntakeQueueURL, config.OutputIntakeDLQURL, config.FunctionTrack},
		{config.OutputAlertQueueURL, config.OutputAlertDLQURL, config.FunctionPublish},
		{config.OutputEventQueueURL, config.OutputEventDLQURL, config.FunctionPublish},
	}
	for _, p := range pairs {
		queue := hub.Resources[hub.output(p.queue)]
		_, reader := hub.function(p.reader)
		check(t, queue, map[string]string{
			"VisibilityTimeout":             fmt.Sprint(6 * reader.at("Timeout").(float64)),
			"RedrivePolicy.maxReceiveCount": "5",
		})
		if got := target(queue.at("RedrivePolicy.deadLetterTargetArn")); got != hub.output(p.dead) {
			t.Errorf("%s is redriven to %q", p.queue, got)
		}
	}
	queues := hub.ofType("AWS::SQS::Queue")
	if len(queues) != 7 {
		t.Errorf("got %d queues, want 7", len(queues))
	}
	for _, id := range queues {
		check(t, hub.Resources[id], map[string]string{"SqsManagedSseEnabled": "true"})
		if policy := compact(hub.policyOf(id)); !strings.Contains(policy, `"Condition":{"Bool":{"aws:SecureTransport":"false"}},"Effect":"Deny"`) {
			t.Errorf("%s may be used without TLS", id)
		}
	}
	for _, name := range []string{config.OutputIntakeDLQURL, config.OutputAlertDLQURL, config.OutputEventDLQURL, config.OutputStreamDLQURL} {
		check(t, hub.Resources[hub.output(name)], map[string]string{"MessageRetentionPeriod": "1209600"})
	}
}

// policyOf are the statements of a queue's policy.
func (t template) policyOf(queue string) []any {
	for _, id := range t.ofType("AWS::SQS::QueuePolicy") {
		if target(t.Resources[id].at("Queues.0")) == queue {
			statements, _ := t.Resources[id].at("PolicyDocument.Statement").([]any)
			return statements
		}
	}
	return nil
}

func TestOnlyOurRulesReachTheIntake(t *testing.T) {
	hub := hub(t)
	var rules []string
	for _, id := range hub.ofType("AWS::Events::Rule") {
		if target(hub.Resources[id].at("Targets.0.Arn")) == hub.output(config.OutputIntakeQueueURL) {
			rules = append(rules, id)
		}
	}
	for _, name := range []string{config.OutputIntakeQueueURL, config.OutputIntakeDLQURL} {
		var allowed []string
		for _, s := range hub.policyOf(hub.output(name)) {
			statement := resource{Properties: s.(map[string]any)}
			if statement.at("Effect") != "Allow" {
				continue
			}
			check(t, statement, map[string]string{"Action": `"sqs:SendMessage"`, "Principal": `{"Service":"events.amazonaws.com"}`})
			arns, _ := statement.at("Condition.ArnEquals.aws:SourceArn").([]any)
			for _, arn := range arns {
				allowed = append(allowed, target(arn))
			}
		}
		slices.Sort(allowed)
		if diff := cmp.Diff(rules, allowed); diff != "" {
			t.Errorf("%s (-rules +allowed):\n%s", name, diff)
		}
	}
}

func TestRulesLetEveryHintIn(t *testing.T) {
	hub := hub(t)
	got := map[string]bool{}
	for _, id := range hub.ofType("AWS::Events::Rule") {
		rule := hub.Resources[id]
		if target(rule.at("Targets.0.Arn")) != hub.output(config.OutputIntakeQueueURL) {
			continue
		}
		check(t, rule, map[string]string{
			"Targets.0.RetryPolicy": `{"MaximumEventAgeInSeconds":86400,"MaximumRetryAttempts":185}`,
			// The whole event goes through: track wants its id and its time.
			"Targets.0.Input": "null", "Targets.0.InputPath": "null", "Targets.0.InputTransformer": "null",
			"EventBusName": "null",
		})
		if dead := target(rule.at("Targets.0.DeadLetterConfig.Arn")); dead != hub.output(config.OutputIntakeDLQURL) {
			t.Errorf("%s gives up to %q", id, dead)
		}
		if rule.at("ScheduleExpression") != nil {
			got[rule.at("ScheduleExpression").(string)] = true
			continue
		}
		check(t, rule, map[string]string{"EventPattern.account": `[{"Ref":"AWS::AccountId"}]`})
		for _, detail := range strs(rule.at("EventPattern.detail-type")) {
			got[strings.Join(strs(rule.at("EventPattern.source")), "")+" "+detail] = true
		}
		for _, call := range strs(rule.at("EventPattern.detail.eventName")) {
			got[call] = true
		}
	}
	want := []string{
		"AllocateHosts", "CopyImage", "CreateImage", "CreateTags", "DeleteTags", "DeregisterImage", "ModifyHosts", "ModifyInstanceAttribute",
		"ModifyInstanceCpuOptions", "ModifyInstancePlacement", "RegisterImage", "ReleaseHosts", "RunInstances", "StartInstances",
		"aws.autoscaling EC2 Instance Launch Successful", "aws.autoscaling EC2 Instance Terminate Successful",
		"aws.ec2 AWS API Call via CloudTrail", "aws.ec2 EC2 AMI State Change",
		"aws.ec2 EC2 Instance State-change Notification", "aws.ec2 EC2 Spot Instance Interruption Warning",
		"aws.rds RDS DB Instance Event",
		"aws.ssm EC2 State Manager Instance Association State Change", "aws.ssm Inventory Resource State Change",
		"aws.ssm SSM Managed Instance Deregistration", "aws.ssm SSM Managed Instance Registration",
		"rate(1 minute)",
	}
	if diff := cmp.Diff(want, sortedKeys(got)); diff != "" {
		t.Error(diff)
	}
}

// TestInventoryObjects: objects are events only of the bucket that is named, and only
// those of types that are read.
func TestInventoryObjects(t *testing.T) {
	t.Parallel()
	if got := inventoryHints(settings{}); got != nil {
		t.Errorf("without a bucket: %+v", got)
	}
	got, err := json.Marshal(inventoryHints(settings{inventoryBucket: "inventory-123456789012"})[0].pattern)
	want := `{"detail":{"bucket":{"name":["inventory-123456789012"]},"object":{"key":[{"wildcard":"*AWS:Application/accountid=*"},` +
		`{"wildcard":"*AWS:InstanceInformation/accountid=*"},{"wildcard":"*AWS:InstanceDetailedInformation/accountid=*"},{"wildcard":"*AWS:Tag/accountid=*"}]}},` +
		`"detail-type":["Object Created"],"source":["aws.s3"]}`
	if string(got) != want || err != nil {
		t.Errorf("got\n%s, want\n%s (%v)", got, want, err)
	}
}

func TestFunctions(t *testing.T) {
	hub := hub(t)
	timeouts := map[string]string{"track": "60", "sweep": "900", "enforce": "60", "publish": "60", "snapshot": "300", "seal": "900", "api": "60", "apiread": "60"}
	memory := map[string]string{"track": "256", "sweep": "256", "enforce": "256", "publish": "256", "api": "256", "apiread": "256",
		"snapshot": "1024", "seal": "2048"} // they hold the rows of all instances, or of a day
	code := map[string]bool{}
	for _, name := range config.Functions() {
		_, f := hub.function(name)
		check(t, f, map[string]string{
			"Architectures": `["arm64"]`, "Runtime": `"provided.al2023"`, "Handler": `"bootstrap"`,
			"MemorySize": memory[name], "Timeout": timeouts[name], "ReservedConcurrentExecutions": "null",
		})
		logs := hub.Resources[target(f.at("LoggingConfig.LogGroup"))]
		check(t, logs, map[string]string{"RetentionInDays": "90"})
		code[compact(f.at("Code.S3Key"))] = true
	}
	if len(code) != len(config.Functions()) || len(hub.ofType("AWS::Lambda::Function")) != len(config.Functions()) {
		t.Errorf("got %d codes in %d functions, want %d of each", len(code), len(hub.ofType("AWS::Lambda::Function")), len(config.Functions()))
	}
}

// The mapping of a function to what it reads, and how: by function and source.
func TestEventSources(t *testing.T) {
	hub := hub(t)
	stream := hub.output(config.OutputLedgerTable)
	want := map[string]map[string]string{
		"track " + hub.output(config.OutputIntakeQueueURL): {
			"BatchSize": "100", "MaximumBatchingWindowInSeconds": "1", "ScalingConfig.MaximumConcurrency": "5",
			"FunctionResponseTypes": `["ReportBatchItemFailures"]`,
		},
		"publish " + hub.output(config.OutputAlertQueueURL): {"FunctionResponseTypes": `["ReportBatchItemFailures"]`},
		"publish " + hub.output(config.OutputEventQueueURL): {"FunctionResponseTypes": `["ReportBatchItemFailures"]`},
	}
	for _, reader := range []string{"enforce", "publish"} {
		want[reader+" "+stream] = map[string]string{
			"StartingPosition": `"TRIM_HORIZON"`, "BisectBatchOnFunctionError": "true", "ParallelizationFactor": "1",
			"MaximumRecordAgeInSeconds": "86400", "FunctionResponseTypes": `["ReportBatchItemFailures"]`,
			"FilterCriteria.Filters": compact([]any{map[string]any{"Pattern": `{"dynamodb":{"NewImage":{"SK":{"S":["HEAD"]}}}}`}}),
			"DestinationConfig.OnFailure.Destination": compact(map[string]any{
				"Fn::GetAtt": []any{hub.output(config.OutputStreamDLQURL), "Arn"},
			}),
		}
	}
	var got []string
	for _, id := range hub.ofType("AWS::Lambda::EventSourceMapping") {
		mapping := hub.Resources[id]
		for _, name := range config.Functions() {
			if fn, _ := hub.function(name); fn == target(mapping.at("FunctionName")) {
				key := name + " " + target(mapping.at("EventSourceArn"))
				got = append(got, key)
				check(t, mapping, want[key])
			}
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(sortedKeys(want), got); diff != "" {
		t.Error(diff)
	}
}

func TestSchedules(t *testing.T) {
	hub := hub(t)
	got := map[string]string{}
	for _, id := range hub.ofType("AWS::Events::Rule") {
		rule := hub.Resources[id]
		for _, name := range config.Functions() {
			if fn, _ := hub.function(name); fn == target(rule.at("Targets.0.Arn")) {
				got[name] = rule.at("ScheduleExpression").(string)
				if !hub.mayInvoke(id, fn) {
					t.Errorf("the schedule of %s may not invoke it", name)
				}
			}
		}
	}
	want := map[string]string{"sweep": "rate(1 hour)", "enforce": "rate(1 minute)", "snapshot": "rate(1 hour)", "seal": "rate(6 hours)"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func (t template) mayInvoke(rule, function string) bool {
	return slices.ContainsFunc(t.ofType("AWS::Lambda::Permission"), func(id string) bool {
		r := t.Resources[id]
		return target(r.at("SourceArn")) == rule && target(r.at("FunctionName")) == function &&
			r.at("Principal") == "events.amazonaws.com"
	})
}

// loaders read the environment of each function as the function does.
var loaders = map[string]func(func(string) (string, bool)) error{
	config.FunctionTrack:    func(l func(string) (string, bool)) error { _, err := config.LoadTrack(l); return err },
	config.FunctionSweep:    func(l func(string) (string, bool)) error { _, err := config.LoadSweep(l); return err },
	config.FunctionEnforce:  func(l func(string) (string, bool)) error { _, err := config.LoadEnforce(l); return err },
	config.FunctionPublish:  func(l func(string) (string, bool)) error { _, err := config.LoadPublish(l); return err },
	config.FunctionSnapshot: func(l func(string) (string, bool)) error { _, err := config.LoadSnapshot(l); return err },
	config.FunctionSeal:     func(l func(string) (string, bool)) error { _, err := config.LoadSeal(l); return err },
	config.FunctionAPI:      func(l func(string) (string, bool)) error { _, err := config.LoadAPI(l); return err },
	config.FunctionAPIRead:  func(l func(string) (string, bool)) error { _, err := config.LoadAPI(l); return err },
}

// The variables that the stack sets and those that a function loads are the same.
func TestEnvironmentIsWhatFunctionsLoad(t *testing.T) {
	hub := hub(t)
	sample := map[string]string{
		config.EnvLedgerTable: "ledger", config.EnvAccounts: "123456789012", config.EnvReportBucket: "reports",
		config.EnvDeadLetterQueueURL: "https://sqs/1/q", config.EnvAlertQueueURL: "https://sqs/1/q", config.EnvEventQueueURL: "https://sqs/1/q",
		config.EnvAlertTopicARN: "arn:aws:sns:us-east-1:123456789012:alerts", config.EnvEventBusName: "licenseguard",
		config.EnvAutoScaling: "false", config.EnvEvidenceBucket: "evidence", config.EnvLedgerName: "ledger",
		config.EnvSigningKeyARN: "arn:aws:kms:us-east-1:123456789012:key/a", config.EnvNamesKeyARN: "arn:aws:kms:us-east-1:123456789012:key/b",
	}
	for _, name := range config.Functions() {
		_, f := hub.function(name)
		set, _ := f.at("Environment.Variables").(map[string]any)
		read := map[string]bool{}
		err := loaders[name](func(variable string) (string, bool) {
			if variable == config.EnvRegion { // Lambda's own
				return "us-east-1", true
			}
			read[variable] = true
			_, isSet := set[variable]
			return sample[variable], isSet
		})
		if err != nil {
			t.Errorf("%s does not start: %v", name, err)
		}
		delete(read, config.EnvRegions) // these have defaults
		delete(read, config.EnvOwnAccount)
		if diff := cmp.Diff(sortedKeys(read), sortedKeys(set)); diff != "" {
			t.Errorf("%s (-loads +is given):\n%s", name, diff)
		}
	}
}

// The variables point at the right resources, not merely at some.
func TestEnvironmentPointsWhereItSays(t *testing.T) {
	hub := hub(t)
	outputs := map[string]string{
		config.EnvLedgerTable: config.OutputLedgerTable, config.EnvReportBucket: config.OutputReportBucket,
		config.EnvDeadLetterQueueURL: config.OutputIntakeDLQURL, config.EnvAlertQueueURL: config.OutputAlertQueueURL,
		config.EnvEventQueueURL: config.OutputEventQueueURL, config.EnvAlertTopicARN: config.OutputAlertTopicARN,
		config.EnvEventBusName: config.OutputEventBusName, config.EnvEvidenceBucket: config.OutputEvidenceBucket,
		config.EnvSigningKeyARN: config.OutputSigningKeyARN, config.EnvNamesKeyARN: config.OutputNamesKeyARN,
	}
	for _, name := range config.Functions() {
		_, f := hub.function(name)
		set, _ := f.at("Environment.Variables").(map[string]any)
		for variable, value := range set {
			if variable == config.EnvAccounts {
				if got := compact(value); got != `{"Ref":"AWS::AccountId"}` {
					t.Errorf("%s of %s is %s", variable, name, got)
				}
			} else if variable == config.EnvAutoScaling {
				if value != "false" {
					t.Errorf("%s of %s is %v; want it off where nobody asks for it", variable, name, value)
				}
			} else if variable == config.EnvLedgerName {
				if got := compact(value); got != `{"Fn::Join":["",[{"Ref":"AWS::StackName"}," ",{"Ref":"AWS::AccountId"}," ",{"Ref":"AWS::Region"}]]}` {
					t.Errorf("%s of %s is %s", variable, name, got)
				}
			} else if got, want := target(value), hub.output(outputs[variable]); got == "" || got != want {
				t.Errorf("%s of %s points at %q, want %q", variable, name, got, want)
			}
		}
	}
}

func TestReportBucket(t *testing.T) {
	hub := hub(t)
	bucket := hub.Resources[hub.output(config.OutputReportBucket)]
	check(t, bucket, map[string]string{
		"VersioningConfiguration.Status":                   `"Enabled"`,
		"PublicAccessBlockConfiguration.BlockPublicAcls":   "true",
		"PublicAccessBlockConfiguration.BlockPublicPolicy": "true",
		"LifecycleConfiguration.Rules.0.Transitions":       `[{"StorageClass":"STANDARD_IA","TransitionInDays":90}]`,
		"LifecycleConfiguration.Rules.0.ExpirationInDays":  "null",
	})
	if bucket.at("LoggingConfiguration.DestinationBucketName") == nil || bucket.DeletionPolicy != "Retain" {
		t.Error("accesses are not logged, or the bucket goes with the stack")
	}
}

// What is sealed lies in a bucket that can be locked, and stays.
func TestEvidence(t *testing.T) {
	hub := hub(t)
	bucket := hub.Resources[hub.output(config.OutputEvidenceBucket)]
	check(t, bucket, map[string]string{
		"VersioningConfiguration.Status":                   `"Enabled"`,
		"ObjectLockEnabled":                                "true",
		"ObjectLockConfiguration.Rule.DefaultRetention":    `{"Days":730,"Mode":"GOVERNANCE"}`,
		"PublicAccessBlockConfiguration.BlockPublicAcls":   "true",
		"PublicAccessBlockConfiguration.BlockPublicPolicy": "true",
		"LifecycleConfiguration.Rules.0.ExpirationInDays":  "null",
	})
	if bucket.at("LoggingConfiguration.DestinationBucketName") == nil || bucket.DeletionPolicy != "Retain" {
		t.Error("accesses are not logged, or the bucket goes with the stack")
	}
	for output, want := range map[string]map[string]string{
		config.OutputSigningKeyARN: {"KeySpec": `"ECC_NIST_P256"`, "KeyUsage": `"SIGN_VERIFY"`},
		config.OutputNamesKeyARN:   {"KeySpec": `"HMAC_256"`, "KeyUsage": `"GENERATE_VERIFY_MAC"`},
	} {
		key := hub.Resources[hub.output(output)]
		check(t, key, want)
		if key.DeletionPolicy != "Retain" {
			t.Errorf("%s goes with the stack", output)
		}
	}
}

// The three ways to lock. Only what is not locked may go with the stack.
func TestLocks(t *testing.T) {
	for _, c := range []struct {
		lock      string
		retention string
		deletion  string
	}{
		{lockOff, "null", "Delete"},
		{lockGovernance, `{"Days":30,"Mode":"GOVERNANCE"}`, "Retain"},
		{lockCompliance, `{"Days":30,"Mode":"COMPLIANCE"}`, "Retain"},
	} {
		got, err := synthesizeInto(t.TempDir(), map[string]any{contextLock: c.lock, contextLockDays: "30", contextRetain: "false"}, false)
		if err != nil {
			t.Fatal(err)
		}
		bucket := got.Resources[got.output(config.OutputEvidenceBucket)]
		check(t, bucket, map[string]string{"ObjectLockEnabled": "true", "ObjectLockConfiguration.Rule.DefaultRetention": c.retention})
		if bucket.DeletionPolicy != c.deletion {
			t.Errorf("lock=%s: the bucket's deletion policy is %s, want %s", c.lock, bucket.DeletionPolicy, c.deletion)
		}
	}
}

func TestReportTables(t *testing.T) {
	hub := hub(t)
	got := map[string]any{}
	for _, id := range hub.ofType("AWS::Glue::Table") {
		table := hub.Resources[id]
		name := table.at("TableInput.Name").(string)
		got[name] = table.at("TableInput.StorageDescriptor.Columns")
		keys, folders := `[{"Name":"dt","Type":"string"}]`, "dt=${dt}/"
		if name == "history" {
			keys = `[{"Name":"dt","Type":"string"},{"Name":"account","Type":"string"},{"Name":"aws_region","Type":"string"}]`
			folders = "dt=${dt}/account=${account}/aws_region=${aws_region}/"
		}
		check(t, table, map[string]string{"TableInput.PartitionKeys": keys})
		// These keys hold dots themselves, so they are no paths.
		parameters, _ := table.at("TableInput.Parameters").(map[string]any)
		location := compact(parameters["storage.location.template"])
		if parameters["projection.enabled"] != "true" || !strings.Contains(location, "/"+name+"/"+folders) {
			t.Errorf("%s: partitions are not found: %v", name, parameters)
		}
	}
	want := map[string]any{
		"changes":   jsonColumns(t, publish.Row{LicenseCount: new(int64)}),
		"history":   parquetColumns(t, publish.Row{}),
		"positions": parquetColumns(t, snapshot.Position{}),
		"usage":     parquetColumns(t, snapshot.Usage{}),
		"coverage":  parquetColumns(t, snapshot.Coverage{}),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// parquetColumns are the columns of a row, as the library that writes it says.
func parquetColumns(t *testing.T, row any) []any {
	t.Helper()
	kinds := map[string]string{"STRING": "string", "INT(64,true)": "bigint", "INT64": "bigint", "DOUBLE": "double", "BOOLEAN": "boolean"}
	var columns []any
	for _, field := range parquet.SchemaOf(row).Fields() {
		kind, ok := kinds[field.Type().String()]
		if !ok {
			t.Errorf("column %s is written as %s: what is that in Glue?", field.Name(), field.Type())
		}
		columns = append(columns, map[string]any{"Name": field.Name(), "Type": kind})
	}
	return columns
}

// jsonColumns are the columns of a row, as its JSON is written. JSON tells no
// whole number from another, so the field's name does.
func jsonColumns(t *testing.T, row any) []any {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(compact(row)))
	if _, err := decoder.Token(); err != nil { // the brace
		t.Fatal(err)
	}
	var columns []any
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			t.Fatal(err)
		}
		value, err := decoder.Token()
		if err != nil {
			t.Fatal(err)
		}
		kind := "string"
		switch value.(type) {
		case float64:
			kind = "bigint"
			if name == "uncertainty_seconds" {
				kind = "double"
			}
		case bool:
			kind = "boolean"
		}
		columns = append(columns, map[string]any{"Name": name, "Type": kind})
	}
	return columns
}

// TestNamedQueriesAreDeployed: Athena gets the texts that shared/query has, each with
// what it asks for.
func TestNamedQueriesAreDeployed(t *testing.T) {
	hub := hub(t)
	got, want := map[string]string{}, map[string]string{}
	for _, id := range hub.ofType("AWS::Athena::NamedQuery") {
		named := hub.Resources[id]
		got[named.at("Name").(string)] = named.at("QueryString").(string) + named.at("Description").(string)
		if len(named.at("Description").(string)) > 1024 { // https://docs.aws.amazon.com/athena/latest/APIReference/API_CreateNamedQuery.html
			t.Errorf("%s: Athena takes a description of up to 1,024 characters", named.at("Name"))
		}
	}
	for _, q := range query.Named() {
		want[q.Name] = q.SQL + q.Help()
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A query names columns in text, so a renamed column would break it unseen. Those of
// shared/query are looked at there; here are the runbook's.
func TestQueriesUseColumnsThatExist(t *testing.T) {
	known := map[string]bool{}
	for _, table := range query.Tables() {
		for _, c := range table.Columns {
			known[c.Name] = true
		}
	}
	queries := map[string]string{}
	for name, chapter := range chapters(t) {
		for _, sql := range regexp.MustCompile(`"SELECT [^"]+"`).FindAllString(chapter, -1) {
			queries["runbook "+name] = sql
		}
	}
	if len(queries) == 0 {
		t.Fatal("the runbook has no query; this test cannot see anything")
	}
	for id, sql := range queries {
		for word := range strings.FieldsFuncSeq(sql, func(r rune) bool { return (r < 'a' || r > 'z') && r != '_' }) {
			if strings.Contains(word, "_") && !known[word] && !slices.Contains([]string{"date_format", "current_date"}, word) {
				t.Errorf("%s uses %q, which is no column", id, word)
			}
		}
	}
}

func TestAlertsReachPeople(t *testing.T) {
	hub := hub(t)
	var got []string
	for _, id := range hub.ofType("AWS::SNS::Subscription") {
		r := hub.Resources[id]
		check(t, r, map[string]string{"Protocol": `"email"`})
		if target(r.at("TopicArn")) == hub.output(config.OutputAlertTopicARN) {
			got = append(got, r.at("Endpoint").(string))
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"audit@example.com", "ops@example.com"}, got); diff != "" {
		t.Error(diff)
	}
	topic := hub.Resources[hub.output(config.OutputAlertTopicARN)]
	key := hub.Resources[target(topic.at("KmsMasterKeyId"))]
	for _, policy := range []string{
		compact(key.at("KeyPolicy")),
		compact(hub.Resources[hub.ofType("AWS::SNS::TopicPolicy")[0]].Properties),
	} {
		if !strings.Contains(policy, `"Effect":"Allow","Principal":{"Service":"cloudwatch.amazonaws.com"}`) {
			t.Errorf("alarms cannot get through:\n%s", policy)
		}
	}
}

func TestEveryOutputOfTheContractIsThere(t *testing.T) {
	want := config.Outputs()
	slices.Sort(want)
	if diff := cmp.Diff(want, sortedKeys(hub(t).Outputs)); diff != "" {
		t.Error(diff)
	}
}

func TestContextChangesTheTemplate(t *testing.T) {
	got, err := synthesizeInto(t.TempDir(), map[string]any{
		contextRetain: "false", contextDashboard: false, contextReserved: "track=20", contextWindow: "7",
		contextConcurrency: float64(9), contextLock: "off", contextAccounts: []any{"012345678901", "123456789012"}, contextExternalID: "our-secret",
	}, false)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.ofType("AWS::CloudWatch::Dashboard")) != 0 || len(got.ofType("AWS::SNS::Subscription")) != 0 {
		t.Error("there is a dashboard or a subscription that nobody asked for")
	}
	for id, r := range got.Resources {
		if r.DeletionPolicy == "Retain" {
			t.Errorf("%s stays", id)
		}
	}
	_, track := got.function(config.FunctionTrack)
	check(t, track, map[string]string{
		"ReservedConcurrentExecutions": "20", "Environment.Variables.ACCOUNTS": `"012345678901,123456789012"`,
	})
	check(t, got.Resources[got.output(config.OutputLedgerTable)], map[string]string{"DeletionProtectionEnabled": "false"})
	for _, id := range got.ofType("AWS::Lambda::EventSourceMapping") {
		if mapping := got.Resources[id]; target(mapping.at("EventSourceArn")) == got.output(config.OutputIntakeQueueURL) {
			check(t, mapping, map[string]string{"MaximumBatchingWindowInSeconds": "7", "ScalingConfig.MaximumConcurrency": "9"})
		}
	}
	for _, id := range got.ofType("AWS::Events::Rule") {
		if rule := got.Resources[id]; rule.at("EventPattern") != nil {
			check(t, rule, map[string]string{"EventPattern.account": `["012345678901","123456789012"]`})
		}
	}
}
