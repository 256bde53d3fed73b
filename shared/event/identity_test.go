package event_test

import (
	"encoding/json"
	"strings"
	"testing"

	"licenseguard/events"
	"licenseguard/shared/event"
)

// launchedBy parses the sample of a launch with another userIdentity.
func launchedBy(t *testing.T, sample, userIdentity string) string {
	t.Helper()
	var body map[string]any
	if err := json.Unmarshal(read(t, sample), &body); err != nil {
		t.Fatal(err)
	}
	detail := body["detail"].(map[string]any)
	delete(detail, "userIdentity")
	if userIdentity != "" {
		detail["userIdentity"] = json.RawMessage(userIdentity)
	}
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	e, err := event.Parse(data)
	if err != nil || len(e.Resources) == 0 {
		t.Fatalf("%v, %v", e.Resources, err)
	}
	for _, h := range e.Resources {
		if h.LaunchedBy != e.Resources[0].LaunchedBy {
			t.Errorf("%s and %s of one call", h.LaunchedBy, e.Resources[0].LaunchedBy)
		}
	}
	return e.Resources[0].LaunchedBy
}

func TestWhoLaunched(t *testing.T) {
	session := func(arn, role, rest string) string {
		return `{"type":"AssumedRole","arn":"` + arn + `","sessionContext":{"sessionIssuer":{"type":"Role","userName":"` + role + `"}}` + rest + `}`
	}
	long := strings.Repeat("é", 201)
	for _, c := range []struct{ name, identity, want string }{
		{"a session of a role", session("arn:aws:sts::123456789012:assumed-role/Admin/alice", "Admin", ""), "alice (role Admin)"},
		{"a role with a path", session("arn:aws:sts::123456789012:assumed-role/Admin/alice@example.com", "AWSReservedSSO_Admin_0a", ""),
			"alice@example.com (role AWSReservedSSO_Admin_0a)"},
		{"without an issuer", `{"type":"AssumedRole","arn":"arn:aws:sts::123456789012:assumed-role/Admin/alice"}`, "alice (role Admin)"},
		{"a user", `{"type":"IAMUser","arn":"arn:aws-cn:iam::123456789012:user/team/bob","userName":"bob"}`, "bob (user)"},
		{"the root", `{"type":"Root","arn":"arn:aws:iam::123456789012:root"}`, "root"},
		{"a federated user", `{"type":"FederatedUser","arn":"arn:aws:sts::123456789012:federated-user/carol"}`, "carol (federated user)"},
		{"a service", `{"type":"AWSService","invokedBy":"autoscaling.amazonaws.com"}`, "autoscaling.amazonaws.com"},
		{"a service by its role", session("arn:aws:sts::123456789012:assumed-role/AWSServiceRoleForAutoScaling/AutoScaling", "AWSServiceRoleForAutoScaling",
			`,"invokedBy":"autoscaling.amazonaws.com"`), "autoscaling.amazonaws.com"},
		{"a person through a service", session("arn:aws:sts::123456789012:assumed-role/Admin/alice", "Admin", `,"invokedBy":"cloudformation.amazonaws.com"`),
			"alice (role Admin) through cloudformation.amazonaws.com"},
		{"something else", `{"arn":"arn:aws:iam::123456789012:new/thing"}`, "arn:aws:iam::123456789012:new/thing"},
		{"no ARN", `{"arn":"me"}`, "me"},
		{"control characters", `{"arn":"arn:aws:iam::123456789012:user/a\n\u202eb\u0000"}`, "a  b  (user)"},
		{"too long", `{"arn":"` + long + `"}`, strings.Repeat("é", 199) + "…"},
		{"nobody", "", ""},
		{"null", "null", ""},
		{"no object", `["alice"]`, ""},
		{"no texts", `{"arn":{},"invokedBy":3,"sessionContext":[]}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, sample := range []string{"cloudtrail/run-instances", "cloudtrail/start-instances"} {
				if got := launchedBy(t, sample, c.identity); got != c.want {
					t.Errorf("%s: got %q, want %q", sample, got, c.want)
				}
			}
		})
	}
}

// TestOnlyALaunchHasALauncher: who changes a tag launched nothing.
func TestOnlyALaunchHasALauncher(t *testing.T) {
	launches := 0
	for _, name := range events.Names() {
		e, err := event.Parse(read(t, name))
		if err != nil {
			continue
		}
		launch := name == "cloudtrail/run-instances" || name == "cloudtrail/start-instances"
		for _, h := range e.Resources {
			want := ""
			if launch {
				want = "deploy (role deploy)"
				launches++
			}
			if h.LaunchedBy != want {
				t.Errorf("%s: launched by %q, want %q", name, h.LaunchedBy, want)
			}
		}
	}
	if launches == 0 {
		t.Error("no sample of a launch was read")
	}
}
