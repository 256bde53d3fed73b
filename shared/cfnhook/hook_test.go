package cfnhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"licenseguard/shared/adapter/boltledger"
	"licenseguard/shared/catalog"
	"licenseguard/shared/cfnhook"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

const image = "ami-0123456789abcdef0"

var now = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

// newHook is a hook on a ledger with one license: 8 vCPUs of an image.
func newHook(t *testing.T, change func(*license.Configuration)) (*cfnhook.Hook, *boltledger.Store) {
	t.Helper()
	store, err := boltledger.Open(filepath.Join(t.TempDir(), "ledger.db"), boltledger.Options{Volatile: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	count := int64(8)
	c := license.Configuration{ID: "lic-a", Name: "Oracle", CountingType: license.CountVCPU, Count: &count, HardLimit: true,
		Associations: []license.Association{{Kind: license.ByAMI, Value: image}}, Enforcement: license.Enforcement{Mode: license.Stop}}
	if change != nil {
		change(&c)
	}
	clock := now.Add(-time.Hour)
	tracker := &track.Tracker{Store: store, Catalog: catalog.Embedded(), Accounts: []string{"123456789012"}, Regions: []string{"us-west-2"},
		Now: func() time.Time { return clock }, Log: slog.New(slog.DiscardHandler)}
	if _, err := tracker.Configure(t.Context(), c, "test"); err != nil {
		t.Fatal(err)
	}
	return &cfnhook.Hook{Store: store, Catalog: catalog.Embedded(), Region: "us-west-2", Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler),
		Fetch: func(context.Context, string) ([]byte, error) { return nil, errors.New("there is no payload") }}, store
}

// request is the user guide's example with other request data.
func request(t *testing.T, point, data string) cfnhook.Request {
	t.Helper()
	body := `{
    "clientRequestToken": "f8da6d11-b23f-48f4-814c-0fb6a667f50e",
    "awsAccountId": "123456789012",
    "stackId": "arn:aws:cloudformation:us-west-2:123456789012:stack/MyStack/1a2345b6-0000-00a0-a123-00abc0abc000",
    "changeSetId": null,
    "hookTypeName": "my::lambda::stackhook",
    "hookTypeVersion": "00000008",
    "hookModel": {"LambdaFunction": "arn:aws:lambda:us-west-2:123456789012:function:MyFunction"},
    "actionInvocationPoint": "` + point + `",
    "requestData": ` + data + `,
    "requestContext": {"invocation": 1, "callbackContext": null}
}`
	var r cfnhook.Request
	if err := json.Unmarshal([]byte(body), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func resource(kind, properties, before string) string {
	return fmt.Sprintf(`{"targetName": %q, "targetType": %q, "targetLogicalId": "Server", "targetModel": {"resourceProperties": %s, "previousResourceProperties": %s}}`,
		kind, kind, properties, before)
}

const stack = `{"targetName": "STACK", "targetType": "STACK", "targetLogicalId": "my-stack", "payload": "https://s3.example"}`

func payload(t *testing.T, template, before string) []byte {
	t.Helper()
	body, err := json.Marshal(map[string]string{"template": template, "previousTemplate": before})
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// check compares an answer with "SUCCESS" or "FAILED" and a part of its message.
func check(t *testing.T, got cfnhook.Response, status, part string) {
	t.Helper()
	code := ""
	if status == cfnhook.Failed {
		code = cfnhook.NonCompliant
	}
	if got.HookStatus != status || got.ErrorCode != code || !strings.Contains(got.Message, part) || got.ClientRequestToken != "f8da6d11-b23f-48f4-814c-0fb6a667f50e" || len([]rune(got.Message)) > 1024 {
		t.Errorf("got %+v; want %s, %q", got, status, part)
	}
}

func TestOneResource(t *testing.T) {
	t.Parallel()
	fits, large := `{"ImageId": "`+image+`", "InstanceType": "m5.2xlarge"}`, `{"ImageId": "`+image+`", "InstanceType": "m5.4xlarge"}`
	for _, tt := range []struct {
		name, data, point string
		change            func(*license.Configuration)
		status, part      string
	}{
		{"it fits", resource("AWS::EC2::Instance", fits, "null"), "CREATE_PRE_PROVISION", nil, "SUCCESS", "it fits"},
		{"too large", resource("AWS::EC2::Instance", large, "null"), "CREATE_PRE_PROVISION", nil, "FAILED", "Oracle: 1 of 1 instances do not fit (8 licensed, 0 in use before, 16 with them)"},
		{"CPU options make it fit", resource("AWS::EC2::Instance", `{"ImageId": "`+image+`", "InstanceType": "m5.4xlarge", "CpuOptions": {"CoreCount": 8, "ThreadsPerCore": "1"}}`, "null"),
			"CREATE_PRE_PROVISION", nil, "FAILED", "16 with them"},
		{"and where they are honoured", resource("AWS::EC2::Instance", `{"ImageId": "`+image+`", "InstanceType": "m5.4xlarge", "CpuOptions": {"CoreCount": 8, "ThreadsPerCore": "1"}}`, "null"),
			"CREATE_PRE_PROVISION", func(c *license.Configuration) {
				c.Rules = []license.RuleVersion{{Text: []string{"#honorVcpuOptimization=True"}}}
			}, "SUCCESS", "it fits"},
		{"observe", resource("AWS::EC2::Instance", large, "null"), "CREATE_PRE_PROVISION", func(c *license.Configuration) { c.Enforcement.Mode = license.Observe }, "SUCCESS", "nothing would be stopped"},
		{"tag", resource("AWS::EC2::Instance", large, "null"), "CREATE_PRE_PROVISION", func(c *license.Configuration) { c.Enforcement.Mode = license.Tag }, "SUCCESS", "do not fit"},
		{"a soft limit", resource("AWS::EC2::Instance", large, "null"), "CREATE_PRE_PROVISION", func(c *license.Configuration) { c.HardLimit = false }, "SUCCESS", "do not fit"},
		{"another image", resource("AWS::EC2::Instance", `{"ImageId": "ami-0fffffffffffffff0", "InstanceType": "m5.4xlarge"}`, "null"), "CREATE_PRE_PROVISION", nil, "SUCCESS", "it fits"},
		{"protected", resource("AWS::EC2::Instance", `{"ImageId": "`+image+`", "InstanceType": "m5.4xlarge", "Tags": [{"Key": "licenseguard:protected", "Value": "true"}]}`, "null"), "CREATE_PRE_PROVISION", nil, "SUCCESS", "do not fit"},
		{"an unknown type", resource("AWS::EC2::Instance", `{"ImageId": "`+image+`", "InstanceType": "m99.huge"}`, "null"), "CREATE_PRE_PROVISION", nil, "SUCCESS", ""},
		{"there already", resource("AWS::EC2::Instance", large, fits), "UPDATE_PRE_PROVISION", nil, "SUCCESS", "Server: not judged, it is there already"},
		{"deleted", resource("AWS::EC2::Instance", large, "null"), "DELETE_PRE_PROVISION", nil, "SUCCESS", "nothing is launched"},
		{"from a launch template", resource("AWS::EC2::Instance", `{"LaunchTemplate": {"LaunchTemplateId": "lt-1"}}`, "null"), "CREATE_PRE_PROVISION", nil, "SUCCESS", "its image is not known before"},
		{"a group with a launch template", resource("AWS::AutoScaling::AutoScalingGroup", `{"MinSize": "3", "LaunchTemplate": {"LaunchTemplateId": "lt-1"}}`, "null"), "CREATE_PRE_PROVISION", nil, "SUCCESS", "its image is not known before"},
		{"something else", resource("AWS::S3::Bucket", `{"BucketName": "x"}`, "null"), "CREATE_PRE_PROVISION", nil, "SUCCESS", "it fits"},
		{"no data at all", `{}`, "CREATE_PRE_PROVISION", nil, "SUCCESS", "it fits"},
		{"a hostile name", strings.ReplaceAll(resource("AWS::EC2::Instance", `{}`, "null"), "Server", `\u001b[31m\u202eServer\n`), "CREATE_PRE_PROVISION", nil, "SUCCESS", "[31m Server"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h, _ := newHook(t, tt.change)
			check(t, h.Answer(t.Context(), request(t, tt.point, tt.data)), tt.status, tt.part)
		})
	}
}

const twoServers = `{"Resources": {
  "One": {"Type": "AWS::EC2::Instance", "Properties": {"ImageId": "` + image + `", "InstanceType": "m5.2xlarge"}},
  "Two": {"Type": "AWS::EC2::Instance", "Properties": {"ImageId": "` + image + `", "InstanceType": "m5.large"}}}}`

func TestStack(t *testing.T) {
	t.Parallel()
	one := `{"Resources": {"One": {"Type": "AWS::EC2::Instance", "Properties": {"ImageId": "` + image + `", "InstanceType": "m5.2xlarge"}}}}`
	group := func(size, kind string) string {
		return `
Resources:
  Template:
    Type: AWS::EC2::LaunchTemplate
    Properties:
      LaunchTemplateData:
        ImageId: ` + image + `
        InstanceType: ` + kind + `
        TagSpecifications:
          - ResourceType: instance
            Tags: [{Key: a, Value: !Sub "${AWS::StackName}"}]
  Group:
    Type: AWS::AutoScaling::AutoScalingGroup
    Properties:
      MinSize: '1'
      DesiredCapacity: ` + size + `
      LaunchTemplate:
        LaunchTemplateId: !Ref Template
        Version: !GetAtt Template.LatestVersionNumber
`
	}
	for _, tt := range []struct{ name, template, before, status, part string }{
		{"two cannot take the last license", twoServers, "", "FAILED", "1 of 2 instances do not fit"},
		{"one fits", one, "", "SUCCESS", "it fits"},
		{"one is there already", twoServers, one, "SUCCESS", "One: not judged, it is there already"},
		{"YAML", "Resources:\n  One:\n    Type: AWS::EC2::Instance\n    Properties:\n      ImageId: " + image + "\n      InstanceType: m5.4xlarge\n", "", "FAILED", "do not fit"},
		{"a parameter", "Resources:\n  One:\n    Type: AWS::EC2::Instance\n    Properties:\n      ImageId: !Ref Image\n      InstanceType: m5.4xlarge\n", "", "SUCCESS", "One: not judged, its image is not known before"},
		{"a parameter of the type", "Resources:\n  One:\n    Type: AWS::EC2::Instance\n    Properties:\n      ImageId: " + image + "\n      InstanceType: !FindInMap [a, b, c]\n", "", "SUCCESS", "One: not judged, its instance type is not known before"},
		{"a dynamic reference", `{"Resources": {"One": {"Type": "AWS::EC2::Instance", "Properties": {"ImageId": "{{resolve:ssm:image}}", "InstanceType": "m5.4xlarge"}}}}`, "", "SUCCESS", "image is not known"},
		{"a condition", strings.Replace(one, `"Properties"`, `"Condition": "IsProduction", "Properties"`, 1), "", "SUCCESS", "depends on a condition"},
		{"a group", group("5", "m5.large"), "", "FAILED", "1 of 5 instances do not fit"},
		{"a smaller group", group("4", "m5.large"), "", "SUCCESS", "it fits"},
		{"a group that grows by what fits", group("5", "m5.large"), group("1", "m5.large"), "SUCCESS", "it fits"},
		{"a group that grows by more", group("6", "m5.large"), group("1", "m5.large"), "FAILED", "1 of 5 instances do not fit"},
		{"a group of unknown size", group("!Ref Size", "m5.large"), "", "SUCCESS", "its size is not known before"},
		{"nothing of ours", `{"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}`, "", "SUCCESS", "it fits"},
		{"no resources", `{}`, "", "SUCCESS", "it fits"},
		{"no template", "", "", "SUCCESS", "not judged"},
		{"no YAML", "a: b: c", "", "SUCCESS", "not judged"},
		{"another shape", `{"Resources": ["x"]}`, "", "SUCCESS", "not judged"},
		{"too deep", strings.Repeat("[", 100_000), "", "SUCCESS", "nested more than"},
		{"too deep in lists", strings.Repeat("- ", 100_000), "", "SUCCESS", "nested more than"},
		{"an alias", "x: &a\n  y: 1\nResources:\n  One: *a\n", "", "SUCCESS", "it fits"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h, _ := newHook(t, nil)
			h.Fetch = func(_ context.Context, url string) ([]byte, error) {
				if url != "https://s3.example" {
					t.Errorf("reads %q", url)
				}
				return payload(t, tt.template, tt.before), nil
			}
			check(t, h.Answer(t.Context(), request(t, "CREATE_PRE_PROVISION", stack)), tt.status, tt.part)
		})
	}
}

func TestChangeSet(t *testing.T) {
	t.Parallel()
	h, _ := newHook(t, nil)
	set := strings.ReplaceAll(stack, "STACK", "CHANGE_SET")
	created := func(kind string) string {
		return `{"logicalResourceId": "One", "resourceType": "AWS::EC2::Instance", "action": "CREATE", "lineNumber": 2, "beforeContext": null,
			"afterContext": "{\"Properties\":{\"ImageId\":\"` + image + `\",\"InstanceType\":\"` + kind + `\"}}"}`
	}
	for _, tt := range []struct{ changes, status, part string }{
		{created("m5.2xlarge"), "SUCCESS", "it fits"},
		{created("m5.2xlarge") + "," + created("m5.large"), "FAILED", "1 of 2"},
		{`{"logicalResourceId": "One", "resourceType": "AWS::EC2::Instance", "action": "DELETE", "beforeContext": "{}", "afterContext": null}`, "SUCCESS", "it fits"},
		{strings.ReplaceAll(created("m5.large"), `{\"Prop`, `\"Prop`), "SUCCESS", "not judged"},
	} {
		h.Fetch = func(context.Context, string) ([]byte, error) {
			return []byte(`{"template": "Resources: {}", "changedResources": [` + tt.changes + `]}`), nil
		}
		check(t, h.Answer(t.Context(), request(t, "CREATE_PRE_PROVISION", set)), tt.status, tt.part)
	}
}

// TestWhatFailsGoesOn: a mistake of ours, or an outage, stops no deployment.
func TestWhatFailsGoesOn(t *testing.T) {
	t.Parallel()
	h, store := newHook(t, nil)
	check(t, h.Answer(t.Context(), request(t, "CREATE_PRE_PROVISION", stack)), "SUCCESS", "not judged, so it goes on: read the template: there is no payload")
	h.Fetch = func(context.Context, string) ([]byte, error) { return []byte("<Error/>"), nil }
	check(t, h.Answer(t.Context(), request(t, "CREATE_PRE_PROVISION", stack)), "SUCCESS", "what CloudFormation gave is no JSON")
	h.Fetch = func(context.Context, string) ([]byte, error) { return payload(t, twoServers, ""), nil }
	check(t, h.Answer(t.Context(), request(t, "CREATE_PRE_PROVISION", stack)), "FAILED", "")
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	check(t, h.Answer(t.Context(), request(t, "CREATE_PRE_PROVISION", stack)), "SUCCESS", "not judged")
}

// TestPausedRefusesNothing.
func TestPausedRefusesNothing(t *testing.T) {
	t.Parallel()
	h, store := newHook(t, nil)
	h.Fetch = func(context.Context, string) ([]byte, error) { return payload(t, twoServers, ""), nil }
	b := &ledger.Brakes{Revision: 1, Holds: []ledger.Hold{{Scope: ledger.ScopeAll, By: "alice", At: now, Why: "a migration"}}}
	if err := store.CommitBrakes(t.Context(), b, &ledger.Change{}); err != nil {
		t.Fatal(err)
	}
	check(t, h.Answer(t.Context(), request(t, "CREATE_PRE_PROVISION", stack)), "SUCCESS", "nothing is refused: all: paused by alice: a migration")
}

func FuzzStack(f *testing.F) {
	f.Add(twoServers)
	f.Add("Resources:\n  A:\n    Type: AWS::EC2::Instance\n    Properties: {ImageId: !Ref A, InstanceType: [x]}\n")
	h := &cfnhook.Hook{Store: none{}, Catalog: catalog.Embedded(), Region: "us-west-2", Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)}
	f.Fuzz(func(t *testing.T, template string) {
		h.Fetch = func(context.Context, string) ([]byte, error) { return payload(t, template, template), nil }
		if got := h.Answer(t.Context(), request(t, "CREATE_PRE_PROVISION", stack)); got.HookStatus != cfnhook.Success || got.Message == "" {
			t.Errorf("%+v", got)
		}
	})
}

// none is a ledger without licenses.
type none struct{ cfnhook.Store }

func (none) Configurations(context.Context) ([]license.Configuration, int64, error) {
	return nil, 0, nil
}

func (none) LoadBrakes(context.Context) (*ledger.Brakes, error) { return &ledger.Brakes{}, nil }

func (none) EachFacts(context.Context, string, string, func(ledger.Facts) error) error { return nil }
