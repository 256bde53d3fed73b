package main

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"licenseguard/shared/config"
)

// Each URL lets in only what IAM lets pass, and no resource policy lets in more.
func TestURLsAskIAM(t *testing.T) {
	hub := hub(t)
	var got []string
	for _, id := range hub.ofType("AWS::Lambda::Url") {
		url := hub.Resources[id]
		check(t, url, map[string]string{"AuthType": `"AWS_IAM"`, "InvokeMode": `"RESPONSE_STREAM"`, "Cors": "null"})
		for _, name := range config.Functions() {
			if fn, _ := hub.function(name); fn == target(url.at("TargetFunctionArn")) {
				got = append(got, name)
			}
		}
	}
	slices.Sort(got)
	if want := []string{config.FunctionAPI, config.FunctionAPIRead}; !slices.Equal(got, want) {
		t.Errorf("URLs of %v, want of %v", got, want)
	}
	for output, name := range map[string]string{config.OutputAPIURL: config.FunctionAPI, config.OutputAPIReadURL: config.FunctionAPIRead} {
		fn, _ := hub.function(name)
		if url := hub.Resources[hub.output(output)]; target(url.at("TargetFunctionArn")) != fn {
			t.Errorf("output %s is not the URL of %s", output, name)
		}
	}
	for _, id := range hub.ofType("AWS::Lambda::Permission") {
		if r := hub.Resources[id]; r.at("Principal") != "events.amazonaws.com" || r.at("FunctionUrlAuthType") != nil {
			t.Errorf("%s lets %v in", id, r.at("Principal"))
		}
	}
}

// The policies in docs/policies let people call what they say, through the URL only.
func TestPoliciesOfCallers(t *testing.T) {
	s := &simulation{policies: map[string]any{}}
	arns := map[string]string{"api-write": here("lambda", "function:api"), "api-read": here("lambda", "function:apiread")}
	for name := range arns {
		text, err := os.ReadFile("../docs/policies/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		filled := strings.NewReplacer("APIREAD_FUNCTION", "apiread", "API_FUNCTION", "api", "REGION", mockRegion, "ACCOUNT", mockAccount).Replace(string(text))
		var document any
		if err := json.Unmarshal([]byte(filled), &document); err != nil {
			t.Fatal(err)
		}
		s.policies[name] = document
	}
	const person = "arn:aws:iam::" + mockAccount + ":user/ann"
	iam := map[string]any{"lambda:FunctionUrlAuthType": "AWS_IAM"}
	for name, own := range arns {
		ask := func(why string, want decision, action, on string, with map[string]any) {
			s.ask(why, want, request{Principal: person, Identity: name, Action: action, Resource: on, Context: with})
		}
		for _, on := range arns {
			want := decision(isDenied)
			if on == own {
				want = isAllowed
			}
			ask("by URL:", want, "lambda:InvokeFunctionUrl", on, iam)
			ask("directly:", isDenied, "lambda:InvokeFunction", on, nil)
		}
		ask("an open URL:", isDenied, "lambda:InvokeFunctionUrl", own, map[string]any{"lambda:FunctionUrlAuthType": "NONE"})
		ask("more:", isDenied, "lambda:UpdateFunctionCode", own, nil)
		ask("more:", isDenied, "lambda:GetFunction", own, nil)
	}
	s.run(t)
}
