package main

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"licenseguard/shared/config"
)

// What each role may do, all of it. Who adds an action adds it here too, and says
// in review why.
var allowed = map[string]string{
	"track": `
		dynamodb:BatchGetItem dynamodb:BatchWriteItem dynamodb:ConditionCheckItem dynamodb:DeleteItem
		dynamodb:GetItem dynamodb:PutItem dynamodb:Query dynamodb:UpdateItem
		ec2:DescribeHosts ec2:DescribeImages ec2:DescribeInstanceTypes ec2:DescribeInstances ec2:DescribeSnapshots ec2:GetImageAncestry
		kms:Decrypt kms:DescribeKey kms:Encrypt kms:GenerateDataKey kms:GenerateDataKeyWithoutPlaintext kms:ReEncryptFrom kms:ReEncryptTo
		logs:CreateLogStream logs:PutLogEvents
		rds:DescribeDBInstances rds:DescribeOptionGroups
		sqs:ChangeMessageVisibility sqs:DeleteMessage sqs:GetQueueAttributes sqs:ReceiveMessage sqs:SendMessage
		ssm:DescribeInstanceInformation ssm:GetInventory`,
	"sweep": `
		dynamodb:BatchGetItem dynamodb:BatchWriteItem dynamodb:ConditionCheckItem dynamodb:DeleteItem
		dynamodb:GetItem dynamodb:PutItem dynamodb:Query dynamodb:UpdateItem
		ec2:DescribeHosts ec2:DescribeImages ec2:DescribeInstanceTypes ec2:DescribeInstances ec2:DescribeSnapshots ec2:GetImageAncestry
		kms:Decrypt kms:DescribeKey kms:Encrypt kms:GenerateDataKey kms:GenerateDataKeyWithoutPlaintext kms:ReEncryptFrom kms:ReEncryptTo
		logs:CreateLogStream logs:PutLogEvents
		rds:DescribeDBInstances rds:DescribeOptionGroups
		ssm:DescribeInstanceInformation ssm:GetInventory`,
	"enforce": `
		dynamodb:BatchGetItem dynamodb:BatchWriteItem dynamodb:ConditionCheckItem dynamodb:DeleteItem
		dynamodb:DescribeStream dynamodb:GetItem dynamodb:GetRecords dynamodb:GetShardIterator dynamodb:ListStreams
		dynamodb:PutItem dynamodb:Query dynamodb:UpdateItem
		ec2:CreateTags ec2:DeleteTags ec2:DescribeInstanceAttribute ec2:DescribeInstances ec2:StartInstances ec2:StopInstances
		kms:Decrypt kms:DescribeKey kms:Encrypt kms:GenerateDataKey kms:GenerateDataKeyWithoutPlaintext kms:ReEncryptFrom kms:ReEncryptTo
		logs:CreateLogStream logs:PutLogEvents
		sqs:SendMessage`,
	"publish": `
		dynamodb:BatchGetItem dynamodb:DescribeStream dynamodb:GetItem dynamodb:GetRecords dynamodb:GetShardIterator dynamodb:ListStreams
		dynamodb:PutItem dynamodb:Query dynamodb:UpdateItem
		events:PutEvents
		kms:Decrypt kms:DescribeKey kms:Encrypt kms:GenerateDataKey kms:GenerateDataKeyWithoutPlaintext kms:ReEncryptFrom kms:ReEncryptTo
		logs:CreateLogStream logs:PutLogEvents
		s3:PutObject sns:Publish
		sqs:ChangeMessageVisibility sqs:DeleteMessage sqs:GetQueueAttributes sqs:ReceiveMessage sqs:SendMessage`,
	"snapshot": `
		dynamodb:BatchGetItem dynamodb:GetItem dynamodb:PutItem dynamodb:Query
		kms:Decrypt kms:DescribeKey kms:Encrypt kms:GenerateDataKey kms:GenerateDataKeyWithoutPlaintext kms:ReEncryptFrom kms:ReEncryptTo
		logs:CreateLogStream logs:PutLogEvents
		s3:PutObject`,
	"seal": `
		kms:Decrypt kms:GenerateDataKey kms:GenerateMac kms:GetPublicKey kms:Sign
		logs:CreateLogStream logs:PutLogEvents
		s3:GetObject s3:ListBucket s3:PutObject
		sns:Publish`,
	"api": `
		dynamodb:BatchGetItem dynamodb:BatchWriteItem dynamodb:ConditionCheckItem dynamodb:DeleteItem
		dynamodb:GetItem dynamodb:PutItem dynamodb:Query dynamodb:UpdateItem
		kms:Decrypt kms:DescribeKey kms:Encrypt kms:GenerateDataKey kms:GenerateDataKeyWithoutPlaintext kms:ReEncryptFrom kms:ReEncryptTo
		logs:CreateLogStream logs:PutLogEvents`,
	"admit": `
		autoscaling:CompleteLifecycleAction autoscaling:DescribeAutoScalingGroups autoscaling:ResumeProcesses autoscaling:SetDesiredCapacity autoscaling:SuspendProcesses
		dynamodb:BatchGetItem dynamodb:BatchWriteItem dynamodb:ConditionCheckItem dynamodb:DeleteItem
		dynamodb:GetItem dynamodb:PutItem dynamodb:Query dynamodb:UpdateItem
		ec2:DescribeHosts ec2:DescribeImages ec2:DescribeInstanceTypes ec2:DescribeInstances
		kms:Decrypt kms:DescribeKey kms:Encrypt kms:GenerateDataKey kms:GenerateDataKeyWithoutPlaintext kms:ReEncryptFrom kms:ReEncryptTo
		logs:CreateLogStream logs:PutLogEvents
		sqs:ChangeMessageVisibility sqs:DeleteMessage sqs:GetQueueAttributes sqs:ReceiveMessage sqs:SendMessage`,
	"cfnhook": `
		dynamodb:BatchGetItem dynamodb:GetItem dynamodb:Query
		kms:Decrypt kms:DescribeKey
		logs:CreateLogStream logs:PutLogEvents`,
	"apiread": `
		dynamodb:BatchGetItem dynamodb:GetItem dynamodb:Query
		kms:Decrypt kms:DescribeKey
		logs:CreateLogStream logs:PutLogEvents`,
}

// What enforce may do besides where a deployment wants it to change Auto Scaling groups.
const allowedOnGroups = `
		autoscaling:AttachInstances autoscaling:DescribeAutoScalingGroups autoscaling:DescribeAutoScalingInstances
		autoscaling:DetachInstances autoscaling:SetDesiredCapacity`

// The statements that may have a resource with a wildcard, and why.
var wildcards = map[string]string{
	"Observe":            "the Describe actions of EC2 know no resources",
	"StreamList":         "dynamodb:ListStreams knows no resources",
	"NeverStopProtected": "a Deny is the safer the more it covers",
	"NeverTerminate":     "a Deny is the safer the more it covers",
	"NeverStop":          "a Deny is the safer the more it covers",
	"Admit":              "which group asks is known only when it runs",
	"Stop":               "which instance is over a limit is known only when it runs",
	"StartAgain":         "as Stop",
	"Tag":                "as Stop",
	"ObserveGroups":      "the Describe actions of Auto Scaling know no resources",
	"Groups":             "as Stop; a group's ARN has an id that nobody knows before",
	"WriteChanges":       "object keys under a folder",
	"WriteHistory":       "object keys under a folder",
	"WritePositions":     "object keys under a folder",
	"WriteReports":       "object keys under a folder",
	"WriteUsage":         "object keys under a folder",
	"WriteCsv":           "object keys under a folder",
	"WriteCoverage":      "object keys under a folder",
	"ReadReports":        "object keys under folders",
	"ReadManifests":      "object keys under a folder",
	"Seal":               "object keys; the bucket is the function's alone",
}

// statements are those of a function's role, from every policy attached to it.
func (t template) statements(function string) []resource {
	_, f := t.function(function)
	role := target(f.at("Role"))
	var found []resource
	for _, id := range t.ofType("AWS::IAM::Policy") {
		roles, _ := t.Resources[id].at("Roles").([]any)
		if !slices.ContainsFunc(roles, func(r any) bool { return target(r) == role }) {
			continue
		}
		statements, _ := t.Resources[id].at("PolicyDocument.Statement").([]any)
		for _, s := range statements {
			found = append(found, resource{Type: function, Properties: s.(map[string]any)})
		}
	}
	return found
}

// allowedActions are those of all Allow statements of a function's role, sorted.
func (t template) allowedActions(function string) []string {
	actions := map[string]bool{}
	for _, s := range t.statements(function) {
		if s.at("Effect") == "Allow" {
			for _, action := range strs(s.at("Action")) {
				actions[action] = true
			}
		}
	}
	return sortedKeys(actions)
}

func TestRolesMayDoWhatIsListed(t *testing.T) {
	for v, template := range variants(t) {
		for _, name := range v.functions() {
			want := strings.Fields(allowed[name])
			if name == config.FunctionEnforce && v.groups {
				want = append(want, strings.Fields(allowedOnGroups)...)
				slices.Sort(want)
			}
			if diff := cmp.Diff(want, template.allowedActions(name)); diff != "" {
				t.Errorf("%s, %s (-listed +allowed):\n%s", v.name, name, diff)
			}
		}
	}
}

// The CDK moves what does not fit into managed policies: nothing may be too much.
func TestEachFunctionHasARoleOfItsOwn(t *testing.T) {
	for v, template := range variants(t) {
		t.Run(v.name, func(t *testing.T) { eachFunctionHasARoleOfItsOwn(t, v, template) })
	}
}

func eachFunctionHasARoleOfItsOwn(t *testing.T, v variant, hub template) {
	roles := map[string]string{} // who may take them on
	for _, name := range v.functions() {
		_, f := hub.function(name)
		roles[target(f.at("Role"))] = "lambda.amazonaws.com"
	}
	wanted := len(v.functions())
	if v.admission { // CloudFormation has one, to ask
		wanted++
		for _, id := range hub.ofType("AWS::CloudFormation::LambdaHook") {
			roles[target(hub.Resources[id].at("ExecutionRole"))] = "hooks.cloudformation.amazonaws.com"
		}
	}
	if got := hub.ofType("AWS::IAM::Role"); !slices.Equal(got, sortedKeys(roles)) || len(got) != wanted {
		t.Errorf("got roles %v", got)
	}
	for _, id := range hub.ofType("AWS::IAM::Role") {
		check(t, hub.Resources[id], map[string]string{
			"ManagedPolicyArns": "null", "Policies": "null",
			"AssumeRolePolicyDocument.Statement.0.Principal": compact(map[string]string{"Service": roles[id]}),
		})
	}
	policies := slices.Concat(hub.ofType("AWS::IAM::Policy"), hub.ofType("AWS::IAM::ManagedPolicy"))
	if len(policies) != wanted {
		t.Errorf("got policies %v: one is attached to nobody we know", policies)
	}
}

func TestWildcardsHaveReasons(t *testing.T) {
	used := map[string]bool{}
	for v, template := range variants(t) {
		for _, name := range v.functions() {
			for _, s := range template.statements(name) {
				sid, _ := s.at("Sid").(string)
				for _, action := range strs(s.at("Action")) {
					if strings.Contains(action, "*") {
						t.Errorf("%s, %s %s: action %s", v.name, name, sid, action)
					}
				}
				for _, on := range strs(s.at("Resource")) {
					if strings.Contains(on, "*") {
						used[sid] = true
					}
				}
			}
		}
	}
	if diff := cmp.Diff(sortedKeys(wildcards), sortedKeys(used)); diff != "" {
		t.Errorf("(-with a reason +used):\n%s", diff)
	}
}

// Only enforce stops, starts and tags, only what it may, and nobody terminates.
func TestWhoMayTouchInstances(t *testing.T) {
	hub := hub(t)
	const instances = `{"Fn::Join":["",["arn:",{"Ref":"AWS::Partition"},":ec2:",{"Ref":"AWS::Region"},":",{"Ref":"AWS::AccountId"},":instance/*"]]}`
	want := map[string]map[string]string{
		"Stop": {"Effect": `"Allow"`, "Action": `"ec2:StopInstances"`, "Resource": instances},
		"NeverStopProtected": {
			"Effect": `"Deny"`, "Action": `"ec2:StopInstances"`, "Resource": `"*"`,
			"Condition": `{"StringEqualsIgnoreCase":{"aws:ResourceTag/licenseguard:protected":"true"}}`,
		},
		"NeverTerminate": {
			"Effect": `"Deny"`, "Action": `["ec2:TerminateInstances","autoscaling:TerminateInstanceInAutoScalingGroup"]`, "Resource": `"*"`,
			"Condition": `null`,
		},
		"StartAgain": {
			"Effect": `"Allow"`, "Action": `"ec2:StartInstances"`, "Resource": instances,
			"Condition": `{"Null":{"aws:ResourceTag/licenseguard:status":"false"}}`,
		},
		"Tag": {
			"Effect": `"Allow"`, "Action": `["ec2:CreateTags","ec2:DeleteTags"]`, "Resource": instances,
			"Condition": `{"ForAllValues:StringEquals":{"aws:TagKeys":["licenseguard:status","licenseguard:reason"]},"Null":{"aws:TagKeys":"false"}}`,
		},
	}
	var seen []string
	for _, name := range config.Functions() {
		for _, s := range hub.statements(name) {
			sid, _ := s.at("Sid").(string)
			touches := func(action string) bool {
				service, call, _ := strings.Cut(action, ":")
				return (service == "ec2" || service == "autoscaling") && !strings.HasPrefix(call, "Describe") && !strings.HasPrefix(call, "Get")
			}
			if slices.ContainsFunc(strs(s.at("Action")), touches) {
				seen = append(seen, name+" "+sid)
				check(t, s, want[sid])
			}
		}
	}
	slices.Sort(seen)
	if diff := cmp.Diff([]string{"enforce NeverStopProtected", "enforce NeverTerminate", "enforce StartAgain", "enforce Stop", "enforce Tag"}, seen); diff != "" {
		t.Error(diff)
	}
}

// The ledger's users name the table and the index, and use its key through
// DynamoDB alone.
func TestLedgerStatements(t *testing.T) {
	hub := hub(t)
	table := hub.output(config.OutputLedgerTable)
	for _, name := range config.Functions() {
		for _, s := range hub.statements(name) {
			switch s.at("Sid") {
			case "Ledger":
				if got := compact(s.at("Resource")); !strings.Contains(got, table) {
					t.Errorf("%s: %s", name, got)
				}
			case "LedgerKey", "NoteKey":
				if got := compact(s.at("Condition.StringEquals.kms:ViaService")); !strings.Contains(got, "dynamodb.") {
					t.Errorf("%s uses the key via %s", name, got)
				}
			}
		}
	}
}

// cdk-nag's AwsSolutions rules find nothing that we did not answer.
func TestNagIsClean(t *testing.T) {
	for v, template := range variants(t) {
		t.Run(v.name, func(t *testing.T) { nagIsClean(t, template.dir) })
	}
	t.Run(fleet.name, func(t *testing.T) { nagIsClean(t, fleet.template(t).dir) })
}

func nagIsClean(t *testing.T, dir string) {
	reports, err := filepath.Glob(filepath.Join(dir, "AwsSolutions-*-NagReport.csv"))
	if err != nil || len(reports) != 2 { // of the hub and of the spoke
		t.Fatalf("got reports %v, %v: cdk-nag did not run", reports, err)
	}
	for _, report := range reports {
		reportIsClean(t, report)
	}
}

func reportIsClean(t *testing.T, report string) {
	file, err := os.Open(report)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil || len(rows) < 2 {
		t.Fatalf("got %d rows, %v", len(rows), err)
	}
	suppressed := 0
	for _, row := range rows[1:] {
		rule, where, compliance, reason := row[0], row[1], row[2], row[3]
		switch compliance {
		case "Compliant":
		case "Suppressed":
			suppressed++
			if len(reason) < 20 {
				t.Errorf("%s at %s is suppressed for %q", rule, where, reason)
			}
		default:
			t.Errorf("%s at %s: %s: %s", rule, where, compliance, row[5])
		}
	}
	t.Logf("%d checks, %d findings answered with a reason", len(rows)-1, suppressed)
}
