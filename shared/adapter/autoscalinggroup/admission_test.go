package autoscalinggroup

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"

	"licenseguard/shared/enforce"
	"licenseguard/shared/event"
	"licenseguard/shared/track"
)

// wire answers the query protocol of Auto Scaling as AWS writes it, and keeps what
// it was asked.
type wire struct {
	status int
	body   string
	asked  url.Values
}

func (w *wire) client(t *testing.T) *Groups {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		body, err := io.ReadAll(in.Body)
		if err == nil {
			w.asked, err = url.ParseQuery(string(body))
		}
		if err != nil {
			t.Error(err)
		}
		out.Header().Set("Content-Type", "text/xml")
		out.WriteHeader(w.status)
		_, _ = io.WriteString(out, w.body)
	}))
	t.Cleanup(server.Close)
	return New(autoscaling.New(autoscaling.Options{Region: "us-east-1", BaseEndpoint: aws.String(server.URL), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", "")}))
}

func refusal(code, message string) string {
	return `<ErrorResponse xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/"><Error><Type>Sender</Type><Code>` + code + `</Code><Message>` + message +
		`</Message></Error><RequestId>7c6e177f-f082-11e1-ac58-3714bEXAMPLE</RequestId></ErrorResponse>`
}

func answered(action string) string {
	return `<` + action + `Response xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/"><` + action + `Result/><ResponseMetadata><RequestId>7c6e177f-f082-11e1-ac58-3714bEXAMPLE</RequestId></ResponseMetadata></` + action + `Response>`
}

var action = event.LifecycleAction{Token: "bcd2f1b8-9a78-44d3-8a7a-4dd07d7cf635", Group: "my-asg", Hook: "licenseguard-launch"}

func TestAnswerOnTheWire(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		status     int
		body       string
		admitted   bool
		wantWaited bool
		want       error
		fails      bool
	}{
		{"let in", 200, answered("CompleteLifecycleAction"), true, true, nil, false},
		{"refused", 200, answered("CompleteLifecycleAction"), false, true, nil, false},
		{"answered or timed out before", 400, refusal("ValidationError", "No active Lifecycle Action found with token bcd2f1b8-9a78-44d3-8a7a-4dd07d7cf635"), false, false, nil, false},
		{"ended before", 400, refusal("ValidationError", "No active Lifecycle Action found with instance ID i-0123456789abcdef0"), true, false, nil, false},
		{"the group is gone", 400, refusal("ValidationError", "AutoScalingGroup name not found - AutoScalingGroup: my-asg"), true, false, nil, false},
		{"throttled", 400, refusal("Throttling", "Rate exceeded"), true, false, enforce.ErrThrottled, true},
		{"another change goes on", 500, refusal("ResourceContention", "…"), true, false, enforce.ErrThrottled, true},
		{"not allowed", 403, refusal("AccessDenied", "no"), true, false, nil, true},
		{"a wrong call", 400, refusal("ValidationError", "1 validation error detected"), true, false, nil, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := &wire{status: tt.status, body: tt.body}
			waited, err := w.client(t).Answer(t.Context(), track.Scope{}, action, id, tt.admitted)
			if waited != tt.wantWaited || (err != nil) != tt.fails || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("waited %t, error %v", waited, err)
			}
			result := "ABANDON"
			if tt.admitted {
				result = "CONTINUE"
			}
			want := url.Values{"Action": {"CompleteLifecycleAction"}, "Version": {"2011-01-01"}, "AutoScalingGroupName": {"my-asg"}, "InstanceId": {id},
				"LifecycleActionResult": {result}, "LifecycleActionToken": {action.Token}, "LifecycleHookName": {"licenseguard-launch"}}
			if w.asked.Encode() != want.Encode() {
				t.Errorf("asked %s\nwant  %s", w.asked.Encode(), want.Encode())
			}
		})
	}
}

func TestSuspendAndResumeOnTheWire(t *testing.T) {
	t.Parallel()
	for action, call := range map[string]func(*Groups) error{
		"SuspendProcesses": func(g *Groups) error { return g.SuspendLaunching(t.Context(), track.Scope{}, "my-asg") },
		"ResumeProcesses":  func(g *Groups) error { return g.ResumeLaunching(t.Context(), track.Scope{}, "my-asg") },
	} {
		w := &wire{status: 200, body: answered(action)}
		if err := call(w.client(t)); err != nil {
			t.Fatal(err)
		}
		want := url.Values{"Action": {action}, "Version": {"2011-01-01"}, "AutoScalingGroupName": {"my-asg"}, "ScalingProcesses.member.1": {"Launch"}}
		if w.asked.Encode() != want.Encode() {
			t.Errorf("asked %s\nwant  %s", w.asked.Encode(), want.Encode())
		}
	}
}

func TestGroupOnTheWire(t *testing.T) {
	t.Parallel()
	member := func(id, state string) string {
		return `<member><LaunchTemplate><LaunchTemplateId>lt-0a1b2c3d4e5f60718</LaunchTemplateId><Version>1</Version></LaunchTemplate><InstanceId>` + id +
			`</InstanceId><AvailabilityZone>us-east-1c</AvailabilityZone><ProtectedFromScaleIn>false</ProtectedFromScaleIn><HealthStatus>Healthy</HealthStatus><LifecycleState>` + state + `</LifecycleState></member>`
	}
	var members string
	for i, state := range []string{"Pending", "Pending:Wait", "Pending:Proceed", "InService", "Quarantined", "Terminating", "Terminating:Wait", "Terminating:Proceed",
		"Terminated", "Detaching", "Detached", "EnteringStandby", "Standby", "Warmed:Stopped", "Warmed:Pending:Wait", "Warmed:Terminating"} {
		members += member("i-"+string(rune('a'+i)), state)
	}
	w := &wire{status: 200, body: `<DescribeAutoScalingGroupsResponse xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/"><DescribeAutoScalingGroupsResult><AutoScalingGroups><member>` +
		`<AutoScalingGroupName>my-asg</AutoScalingGroupName><MinSize>1</MinSize><MaxSize>9</MaxSize><DesiredCapacity>5</DesiredCapacity>` +
		`<SuspendedProcesses><member><ProcessName>AZRebalance</ProcessName><SuspensionReason>x</SuspensionReason></member><member><ProcessName>Launch</ProcessName></member></SuspendedProcesses>` +
		`<Instances>` + members + `</Instances></member></AutoScalingGroups></DescribeAutoScalingGroupsResult><ResponseMetadata><RequestId>7c6e</RequestId></ResponseMetadata></DescribeAutoScalingGroupsResponse>`}
	g, err := w.client(t).Group(t.Context(), track.Scope{}, "my-asg")
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"i-a", "i-b", "i-c", "i-d", "i-e"}; !slices.Equal(g.Members, want) || g.Desired != 5 || g.Min != 1 || g.Max != 9 || !g.Suspended {
		t.Errorf("got %+v, want the members %v", g, want)
	}
	if want := []string{"i-c", "i-d", "i-e"}; !slices.Equal(g.Serving, want) {
		t.Errorf("serving %v, want %v", g.Serving, want)
	}
	w.body = `<DescribeAutoScalingGroupsResponse xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/"><DescribeAutoScalingGroupsResult><AutoScalingGroups/></DescribeAutoScalingGroupsResult></DescribeAutoScalingGroupsResponse>`
	if _, err := w.client(t).Group(t.Context(), track.Scope{}, "my-asg"); !errors.Is(err, enforce.ErrGone) {
		t.Errorf("no group: %v", err)
	}
}
