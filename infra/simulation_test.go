package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// simulation asks IAM, as iam-simulate plays it, many things at once: starting
// it costs more than a hundred requests.
type simulation struct {
	policies map[string]any
	asked    []asked
}

// asked is a request, and what must be answered.
type asked struct {
	request
	why  string // names it in a failure
	want decision
}

// request is one call to AWS. Identity, On and Organization name policies: of
// who calls, of the resource itself, and of the organization (an SCP).
type request struct {
	Principal    string         `json:"principal"`
	Identity     string         `json:"identity"`
	On           string         `json:"on,omitempty"`
	Organization string         `json:"organization,omitempty"`
	Action       string         `json:"action"`
	Resource     string         `json:"resource"`
	Context      map[string]any `json:"context,omitempty"`
}

type decision string

const (
	isAllowed decision = "Allowed"
	// isDenied holds for both ways to be denied.
	isDenied    decision = "Denied"
	isForbidden decision = "ExplicitlyDenied"
)

type answer struct {
	Decision decision
	Ignored  []string
	Allowed  []string
	Error    string
}

func (s *simulation) ask(why string, want decision, r request) {
	s.asked = append(s.asked, asked{r, why, want})
}

// run asks everything, checks the answers, and returns them in order.
func (s *simulation) run(t *testing.T) []answer {
	t.Helper()
	if _, err := os.Stat(filepath.Join("..", "node_modules", "@cloud-copilot", "iam-simulate")); err != nil {
		missing(t, "the policy simulation: iam-simulate is not installed; scripts/with-tools installs it")
	}
	requests := make([]request, len(s.asked))
	for i, a := range s.asked {
		requests[i] = a.request
	}
	input, err := json.Marshal(map[string]any{"policies": s.policies, "requests": requests})
	if err != nil {
		t.Fatal(err)
	}
	var output, complaints bytes.Buffer
	command := exec.CommandContext(t.Context(), "node", "simulate.mjs")
	command.Stdin, command.Stdout, command.Stderr = bytes.NewReader(input), &output, &complaints
	if err := command.Run(); err != nil {
		t.Fatalf("%v\n%s", err, complaints.String())
	}
	var answers []answer
	if err := json.Unmarshal(output.Bytes(), &answers); err != nil || len(answers) != len(requests) {
		t.Fatalf("got %d answers to %d requests, %v", len(answers), len(requests), err)
	}
	for i, got := range answers {
		s.asked[i].check(t, got)
	}
	t.Logf("%d requests", len(requests))
	return answers
}

// check finds a request that was not judged as it was meant, too: a key that the
// action does not know would make any condition on it look as if it held.
func (a asked) check(t *testing.T, got answer) {
	t.Helper()
	request := fmt.Sprintf("%s: %s %s on %s with %v", a.Identity, a.why, a.Action, a.Resource, a.Context)
	switch {
	case got.Error != "":
		t.Errorf("%s: %s", request, got.Error)
	case len(got.Ignored) > 0:
		t.Errorf("%s: %s knows no %v", request, a.Action, got.Ignored)
	case a.want == "" || a.want == got.Decision:
	case a.want == isDenied && strings.HasSuffix(string(got.Decision), "Denied"):
	default:
		t.Errorf("%s: got %s, want %s", request, got.Decision, a.want)
	}
}

// resolved is a value of the template as it is once deployed.
func (t template) resolved(value any) any {
	switch v := value.(type) {
	case map[string]any:
		if len(v) == 1 {
			if id, ok := v["Ref"].(string); ok {
				return t.ref(id)
			}
			if parts, ok := v["Fn::GetAtt"].([]any); ok {
				return t.attribute(parts[0].(string), parts[1].(string))
			}
			if parts, ok := v["Fn::Join"].([]any); ok {
				return strings.Join(strs(t.resolved(parts[1])), parts[0].(string))
			}
		}
		out := map[string]any{}
		for key, item := range v {
			out[key] = t.resolved(item)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = t.resolved(item)
		}
		return out
	default:
		return value
	}
}

func (t template) ref(id string) string {
	switch id {
	case "AWS::Partition":
		return "aws"
	case "AWS::Region":
		return mockRegion
	case "AWS::AccountId":
		return mockAccount
	}
	if t.Resources[id].Type == "AWS::SNS::Topic" {
		return here("sns", id)
	}
	panic("no value is known for a reference to " + id)
}

func (t template) attribute(id, name string) string {
	switch t.Resources[id].Type + " " + name {
	case "AWS::DynamoDB::Table Arn":
		return here("dynamodb", "table/"+id)
	case "AWS::DynamoDB::Table StreamArn":
		return here("dynamodb", "table/"+id+"/stream/2026-11-21T00:00:00.000")
	case "AWS::KMS::Key Arn":
		return here("kms", "key/"+id)
	case "AWS::SQS::Queue Arn":
		return here("sqs", id)
	case "AWS::S3::Bucket Arn":
		return "arn:aws:s3:::" + strings.ToLower(id)
	case "AWS::Logs::LogGroup Arn":
		return here("logs", "log-group:"+id+":*")
	case "AWS::Events::EventBus Arn":
		return here("events", "event-bus/"+id)
	}
	panic("no value is known for " + name + " of " + id)
}

// here is the ARN of something in the account and Region of the simulation.
func here(service, name string) string {
	return strings.Join([]string{"arn:aws", service, mockRegion, mockAccount, name}, ":")
}

func instanceHere(id string) string { return here("ec2", "instance/"+id) }

// policyDocument is a role's policies as one, resolved.
func (t template) policyDocument(function string) map[string]any {
	var statements []any
	for _, s := range t.statements(function) {
		statements = append(statements, t.resolved(s.Properties))
	}
	return map[string]any{"Version": "2012-10-17", "Statement": statements}
}
