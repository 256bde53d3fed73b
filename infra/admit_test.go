package main

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"licenseguard/shared/config"
)

// Nothing that prevents a launch is there where nobody asks for it.
func TestNothingPreventsByDefault(t *testing.T) {
	hub := hub(t)
	for _, name := range config.OptionalFunctions() {
		if id := hub.output(title(name) + "Function"); id != "" {
			t.Errorf("%s is deployed as %s", name, id)
		}
	}
	if hooks := hub.ofType("AWS::CloudFormation::LambdaHook"); len(hooks) > 0 {
		t.Errorf("hooks %v", hooks)
	}
	for _, id := range hub.ofType("AWS::Events::Rule") {
		if slices.Contains(strs(hub.Resources[id].at("EventPattern.detail-type")), "EC2 Instance-launch Lifecycle Action") {
			t.Errorf("%s lets launch hooks in", id)
		}
	}
}

// Launch hooks by our name reach a queue of their own, and the function from there.
func TestAdmission(t *testing.T) {
	hub := prevents.template(t)
	fn, f := hub.function(config.FunctionAdmit)
	check(t, f, map[string]string{"Timeout": "30", "MemorySize": "256", "Architectures": `["arm64"]`, "ReservedConcurrentExecutions": "null",
		"Environment.Variables.ACCOUNTS": `{"Ref":"AWS::AccountId"}`})
	for variable, output := range map[string]string{config.EnvLedgerTable: config.OutputLedgerTable, config.EnvDeadLetterQueueURL: config.OutputAdmitDLQURL} {
		if got, want := target(f.at("Environment.Variables."+variable)), hub.output(output); got == "" || got != want {
			t.Errorf("%s points at %q, want %q", variable, got, want)
		}
	}
	queue, dead := hub.Resources[hub.output(config.OutputAdmitQueueURL)], hub.output(config.OutputAdmitDLQURL)
	check(t, queue, map[string]string{"VisibilityTimeout": "180", "RedrivePolicy.maxReceiveCount": "5", "SqsManagedSseEnabled": "true"})
	if got := target(queue.at("RedrivePolicy.deadLetterTargetArn")); got != dead {
		t.Errorf("redriven to %q", got)
	}
	var rules, mappings []string
	for _, id := range hub.ofType("AWS::Events::Rule") {
		rule := hub.Resources[id]
		if target(rule.at("Targets.0.Arn")) != hub.output(config.OutputAdmitQueueURL) {
			continue
		}
		rules = append(rules, id)
		check(t, rule, map[string]string{
			"EventPattern":    `{"account":[{"Ref":"AWS::AccountId"}],"detail":{"LifecycleHookName":[{"prefix":"licenseguard"}]},"detail-type":["EC2 Instance-launch Lifecycle Action"],"source":["aws.autoscaling"]}`,
			"Targets.0.Input": "null", "Targets.0.InputPath": "null", "Targets.0.InputTransformer": "null",
		})
		if got := target(rule.at("Targets.0.DeadLetterConfig.Arn")); got != dead {
			t.Errorf("%s gives up to %q", id, got)
		}
	}
	if len(rules) != 1 {
		t.Fatalf("rules %v, want one", rules)
	}
	for _, output := range []string{config.OutputAdmitQueueURL, config.OutputAdmitDLQURL} {
		var allowed []string
		for _, s := range hub.policyOf(hub.output(output)) {
			if statement := (resource{Properties: s.(map[string]any)}); statement.at("Effect") == "Allow" {
				arns, _ := statement.at("Condition.ArnEquals.aws:SourceArn").([]any)
				for _, arn := range arns {
					allowed = append(allowed, target(arn))
				}
			}
		}
		if diff := cmp.Diff(rules, allowed); diff != "" {
			t.Errorf("%s (-rules +allowed):\n%s", output, diff)
		}
	}
	for _, id := range hub.ofType("AWS::Lambda::EventSourceMapping") {
		if mapping := hub.Resources[id]; target(mapping.at("FunctionName")) == fn {
			mappings = append(mappings, target(mapping.at("EventSourceArn")))
			check(t, mapping, map[string]string{"BatchSize": "50", "MaximumBatchingWindowInSeconds": "1", "ScalingConfig.MaximumConcurrency": "2",
				"FunctionResponseTypes": `["ReportBatchItemFailures"]`})
		}
	}
	if diff := cmp.Diff([]string{hub.output(config.OutputAdmitQueueURL)}, mappings); diff != "" {
		t.Error(diff)
	}
}

// The hooks ask the function, which reads the ledger alone, by a role that can do
// nothing else.
func TestStackHook(t *testing.T) {
	hub := prevents.template(t)
	fn, f := hub.function(config.FunctionCfnHook)
	check(t, f, map[string]string{"Timeout": "30"})
	if got, want := target(f.at("Environment.Variables."+config.EnvLedgerTable)), hub.output(config.OutputLedgerTable); got != want {
		t.Errorf("reads %q, want %q", got, want)
	}
	aliases := map[string]string{}
	for _, id := range hub.ofType("AWS::CloudFormation::LambdaHook") {
		hook := hub.Resources[id]
		check(t, hook, map[string]string{"FailureMode": `"FAIL"`, "HookStatus": `"ENABLED"`})
		if target(hook.at("LambdaFunction")) != fn {
			t.Errorf("%s asks %v", id, hook.at("LambdaFunction"))
		}
		aliases[hook.at("Alias").(string)] = compact(hook.at("TargetOperations")) + compact(hook.at("TargetFilters"))
		caller := target(hook.at("ExecutionRole"))
		check(t, hub.Resources[caller], map[string]string{
			"AssumeRolePolicyDocument.Statement.0.Condition.StringEquals": `{"aws:SourceAccount":{"Ref":"AWS::AccountId"}}`,
		})
		for _, policy := range hub.ofType("AWS::IAM::Policy") {
			p := hub.Resources[policy]
			if target(p.at("Roles.0")) != caller {
				continue
			}
			check(t, p, map[string]string{"PolicyDocument.Statement.0.Action": `"lambda:InvokeFunction"`, "PolicyDocument.Statement.1": "null"})
			if target(p.at("PolicyDocument.Statement.0.Resource")) != fn {
				t.Errorf("%s lets it call %v", policy, p.at("PolicyDocument.Statement.0.Resource"))
			}
		}
	}
	want := map[string]string{
		"Licenseguard::Admission::Stack": `["STACK","CHANGE_SET"]null`,
		"Licenseguard::Admission::Resource": `["RESOURCE"]{"Targets":[{"Action":"CREATE","InvocationPoint":"PRE_PROVISION","TargetName":"AWS::EC2::Instance"},` +
			`{"Action":"CREATE","InvocationPoint":"PRE_PROVISION","TargetName":"AWS::AutoScaling::AutoScalingGroup"},` +
			`{"Action":"UPDATE","InvocationPoint":"PRE_PROVISION","TargetName":"AWS::AutoScaling::AutoScalingGroup"}]}`,
	}
	if diff := cmp.Diff(want, aliases); diff != "" {
		t.Error(diff)
	}
}

// Each of the two is a decision of its own.
func TestEachIsAskedForByItself(t *testing.T) {
	for name, context := range map[string]map[string]any{config.FunctionAdmit: {contextAdmission: true}, config.FunctionCfnHook: {contextStackHook: "warn"}} {
		got, err := synthesizeInto(t.TempDir(), context, false)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(append(config.Functions(), name), got.functions()); diff != "" {
			t.Error(diff)
		}
		for _, id := range got.ofType("AWS::CloudFormation::LambdaHook") {
			check(t, got.Resources[id], map[string]string{"FailureMode": `"WARN"`})
		}
	}
	_, err := readSettings(func(key string) any {
		return map[string]any{contextAdmission: "true", contextInstances: "i-0123456789abcdef0"}[key]
	})
	if err == nil {
		t.Error("admission is taken together with listed instances")
	}
}
