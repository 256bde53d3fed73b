package main

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"licenseguard/shared/config"
	"licenseguard/shared/evidence"
	core "licenseguard/shared/ledger"
)

// need is what a function must be able to do for its work.
type need struct {
	actions string // separated by spaces
	on      string
	with    map[string]any // the request's context
}

// each are the needs' requests, one an action.
func each(needs []need) []request {
	var requests []request
	for _, n := range needs {
		for _, action := range strings.Fields(n.actions) {
			requests = append(requests, request{Action: action, Resource: n.on, Context: n.with})
		}
	}
	return requests
}

// needs are written down here by what the functions do, not read from the
// roles: both must agree.
func (v variant) needs(t template) map[string][]need {
	table := t.Resources[t.output(config.OutputLedgerTable)]
	ledger := here("dynamodb", "table/"+t.output(config.OutputLedgerTable))
	stream := t.attribute(t.output(config.OutputLedgerTable), "StreamArn")
	ledgerKey := here("kms", "key/"+target(table.at("SSESpecification.KMSMasterKeyId")))
	topic := t.Resources[t.output(config.OutputAlertTopicARN)]
	alertKey := here("kms", "key/"+target(topic.at("KmsMasterKeyId")))
	folder := func(prefix string) string {
		return t.attribute(t.output(config.OutputReportBucket), "Arn") + "/" + prefix + "dt=2026-11-21/file"
	}
	evidenceBucket := t.attribute(t.output(config.OutputEvidenceBucket), "Arn")
	queue := func(output string) string { return here("sqs", t.output(output)) }
	via := func(service string) map[string]any {
		return map[string]any{"kms:ViaService": service + "." + mockRegion + ".amazonaws.com"}
	}

	useKey := need{"kms:Decrypt kms:DescribeKey kms:Encrypt kms:GenerateDataKey kms:GenerateDataKeyWithoutPlaintext kms:ReEncryptFrom kms:ReEncryptTo",
		ledgerKey, via("dynamodb")}
	useLedger := []need{
		{"dynamodb:GetItem dynamodb:BatchGetItem dynamodb:Query dynamodb:PutItem dynamodb:UpdateItem dynamodb:DeleteItem dynamodb:BatchWriteItem dynamodb:ConditionCheckItem", ledger, nil},
		useKey,
	}
	follow := []need{
		{"dynamodb:DescribeStream dynamodb:GetRecords dynamodb:GetShardIterator", stream, nil},
		{"dynamodb:ListStreams", "*", nil},
		{"sqs:SendMessage", queue(config.OutputStreamDLQURL), nil},
	}
	consume := func(output string) need {
		return need{"sqs:ReceiveMessage sqs:DeleteMessage sqs:GetQueueAttributes sqs:ChangeMessageVisibility", queue(output), nil}
	}
	observe := need{"ec2:DescribeInstances ec2:DescribeHosts ec2:DescribeInstanceTypes ec2:DescribeImages ec2:DescribeSnapshots ec2:GetImageAncestry rds:DescribeDBInstances rds:DescribeOptionGroups ssm:DescribeInstanceInformation ssm:GetInventory", "*", nil}

	needs := map[string][]need{
		config.FunctionTrack: slices.Concat(useLedger, []need{
			{"dynamodb:Query", ledger + "/index/" + config.DueIndex, nil},
			observe, consume(config.OutputIntakeQueueURL), {"sqs:SendMessage", queue(config.OutputIntakeDLQURL), nil},
		}),
		config.FunctionSweep: slices.Concat(useLedger, []need{observe}),
		config.FunctionEnforce: slices.Concat(useLedger, follow, v.touches(), []need{
			{"ec2:DescribeInstances ec2:DescribeInstanceAttribute", "*", nil},
		}),
		config.FunctionPublish: slices.Concat(follow, []need{
			{"dynamodb:GetItem dynamodb:BatchGetItem dynamodb:Query dynamodb:PutItem dynamodb:UpdateItem", ledger, nil},
			useKey,
			{"s3:PutObject", folder(config.PrefixChanges), nil},
			{"sqs:SendMessage", queue(config.OutputAlertQueueURL), nil}, consume(config.OutputAlertQueueURL),
			{"sqs:SendMessage", queue(config.OutputEventQueueURL), nil}, consume(config.OutputEventQueueURL),
			{"sns:Publish", here("sns", t.output(config.OutputAlertTopicARN)), nil},
			{"kms:Decrypt kms:GenerateDataKey", alertKey, via("sns")},
			{"events:PutEvents", here("events", "event-bus/"+t.output(config.OutputEventBusName)), map[string]any{"events:source": []string{config.EventSource}}},
		}),
		config.FunctionSnapshot: {
			{"dynamodb:GetItem dynamodb:BatchGetItem dynamodb:Query", ledger, nil},
			{"dynamodb:PutItem", ledger, map[string]any{"dynamodb:LeadingKeys": []string{"DOC#" + string(core.ReportRuns)}}},
			useKey,
			{"s3:PutObject", folder(config.PrefixReports), nil},
			{"s3:PutObject", folder(config.PrefixPositions), nil},
			{"s3:PutObject", folder(config.PrefixUsage), nil},
			{"s3:PutObject", folder(config.PrefixCoverage), nil},
			{"s3:PutObject", folder(config.PrefixCSV), nil},
		},
		config.FunctionSeal: {
			{"s3:GetObject", folder(config.PrefixChanges), nil},
			{"s3:GetObject", folder(config.PrefixPositions), nil},
			{"s3:GetObject", folder(config.PrefixUsage), nil},
			{"s3:GetObject", folder(config.PrefixCoverage), nil},
			{"s3:GetObject s3:PutObject", folder(config.PrefixHistory), nil},
			{"s3:ListBucket", t.attribute(t.output(config.OutputReportBucket), "Arn"), map[string]any{"s3:prefix": config.PrefixHistory + "dt=2026-11-21/manifest.json"}},
			{"s3:ListBucket", t.attribute(t.output(config.OutputReportBucket), "Arn"), map[string]any{"s3:prefix": config.PrefixChanges + "dt=2026-11-21/"}},
			{"s3:GetObject", evidenceBucket + "/" + evidence.PrefixManifests + "2026-11-21.json", nil},
			{"s3:ListBucket", evidenceBucket, map[string]any{"s3:prefix": evidence.PrefixManifests}},
			{"s3:PutObject", evidenceBucket + "/" + evidence.PrefixManifests + "2026-11-21.json", nil},
			{"s3:PutObject", evidenceBucket + "/" + config.PrefixChanges + "dt=2026-11-21/changes.jsonl", nil},
			{"kms:Sign", here("kms", "key/"+t.output(config.OutputSigningKeyARN)), map[string]any{"kms:SigningAlgorithm": "ECDSA_SHA_256", "kms:MessageType": "RAW"}},
			{"kms:GetPublicKey", here("kms", "key/"+t.output(config.OutputSigningKeyARN)), nil},
			{"kms:GenerateMac", here("kms", "key/"+t.output(config.OutputNamesKeyARN)), nil},
			{"sns:Publish", here("sns", t.output(config.OutputAlertTopicARN)), nil},
			{"kms:Decrypt kms:GenerateDataKey", alertKey, via("sns")},
		},
		config.FunctionAPI: useLedger,
		config.FunctionAPIRead: {
			{"dynamodb:GetItem dynamodb:BatchGetItem dynamodb:Query", ledger, nil},
			{"kms:Decrypt kms:DescribeKey", ledgerKey, via("dynamodb")},
		},
	}
	if v.admission {
		needs[config.FunctionAdmit] = slices.Concat(useLedger, []need{
			{"ec2:DescribeInstances ec2:DescribeHosts ec2:DescribeInstanceTypes ec2:DescribeImages", "*", nil}, consume(config.OutputAdmitQueueURL), {"sqs:SendMessage", queue(config.OutputAdmitDLQURL), nil},
			{"autoscaling:DescribeAutoScalingGroups", "*", nil},
			{"autoscaling:CompleteLifecycleAction autoscaling:SetDesiredCapacity autoscaling:SuspendProcesses autoscaling:ResumeProcesses", groupHere, v.tagged(nil)},
		})
		needs[config.FunctionCfnHook] = needs[config.FunctionAPIRead]
	}
	for name, all := range needs {
		_, f := t.function(name)
		needs[name] = append(all, need{"logs:CreateLogStream logs:PutLogEvents",
			here("logs", "log-group:"+target(f.at("LoggingConfig.LogGroup"))+":log-stream:2026-11-21"), nil})
	}
	return needs
}

// touches is what enforce does to instances and groups.
func (v variant) touches() []need {
	var needs []need
	for _, id := range v.reachable() {
		needs = append(needs,
			need{"ec2:StopInstances", instanceHere(id), v.tagged(nil)},
			need{"ec2:StartInstances", instanceHere(id), v.tagged(map[string]any{resourceTag(config.TagStatus): "stopped"})},
			need{"ec2:CreateTags ec2:DeleteTags", instanceHere(id), v.tagged(tagKeys(config.TagStatus, config.TagReason))},
		)
	}
	if v.groups {
		needs = append(needs,
			need{"autoscaling:AttachInstances autoscaling:DetachInstances autoscaling:SetDesiredCapacity", groupHere, v.tagged(nil)},
			need{"autoscaling:DescribeAutoScalingGroups autoscaling:DescribeAutoScalingInstances", "*", nil},
		)
	}
	return needs
}

// reachable are ids of instances that enforce may touch: of a list the ends.
func (v variant) reachable() []string {
	if last := len(v.instances) - 1; last >= 0 {
		return []string{v.instances[0], v.instances[last]}
	}
	return []string{unlisted}
}

const unlisted = "i-0bbbbbbbbbbbbbbb1"

var groupHere = here("autoscaling", "autoScalingGroup:00000000-0000-0000-0000-000000000000:autoScalingGroupName/web")

// tagged adds to a context that the resource is managed, where that is asked.
func (v variant) tagged(with map[string]any) map[string]any {
	all := map[string]any{}
	if v.managed != nil {
		all[resourceTag(v.managed.key)] = v.managed.value
	}
	maps.Copy(all, with)
	return all
}

func tagKeys(keys ...string) map[string]any { return map[string]any{"aws:TagKeys": keys} }

// newSimulation has the roles of all functions, named by the function, and the
// policies of keys, named by the key's ARN: a key lets in only whom its own
// policy lets in.
func newSimulation(t template) *simulation {
	s := &simulation{policies: map[string]any{}}
	for _, name := range t.functions() {
		s.policies[name] = t.policyDocument(name)
	}
	for _, id := range t.ofType("AWS::KMS::Key") {
		s.policies[here("kms", "key/"+id)] = t.resolved(t.Resources[id].at("KeyPolicy"))
	}
	return s
}

// askAs asks a request of a function.
func (s *simulation) askAs(function, why string, want decision, r request) {
	r.Identity, r.Principal = function, roleOf(function)
	if _, isKey := s.policies[r.Resource]; isKey {
		r.On = r.Resource
	}
	s.ask(why, want, r)
}

func roleOf(function string) string {
	return "arn:aws:iam::" + mockAccount + ":role/" + config.DefaultStackName + "-" + title(function) + "Role"
}

// Each role allows what its function needs and nothing else, in every way to deploy.
func TestRolesInSimulation(t *testing.T) {
	for v, template := range variants(t) {
		t.Run(v.name, func(t *testing.T) {
			s := newSimulation(template)
			needs := v.needs(template)
			for _, name := range v.functions() {
				s.askWhatIsNeeded(name, each(needs[name]))
				s.askWhatOthersNeed(name, needs)
				s.askWhatNobodyNeeds(template, name)
				if name != config.FunctionEnforce {
					s.askToTouch(name, needs[name])
				}
			}
			if v.admission {
				s.askToStop()
			}
			s.askToOverstep(v)
			s.run(t)
			for _, name := range v.functions() {
				var asked []string
				for _, r := range each(needs[name]) {
					asked = append(asked, r.Action)
				}
				slices.Sort(asked)
				if diff := cmp.Diff(template.allowedActions(name), slices.Compact(asked)); diff != "" {
					t.Errorf("%s (-allowed +needed):\n%s", name, diff)
				}
			}
		})
	}
}

// askWhatIsNeeded asks each request as it is needed, and then in another
// account, in another Region, and with each fact about it missing or different.
func (s *simulation) askWhatIsNeeded(function string, needed []request) {
	for _, r := range needed {
		s.askAs(function, "needed:", isAllowed, r)
		for _, elsewhere := range []string{
			strings.ReplaceAll(r.Resource, mockAccount, "999999999999"),
			strings.ReplaceAll(r.Resource, mockRegion, "eu-west-1"),
			strings.ReplaceAll(r.Resource, "arn:aws:s3:::", "arn:aws:s3:::other"),
		} {
			if elsewhere != r.Resource {
				there := r
				there.Resource = elsewhere
				s.askAs(function, "elsewhere:", isDenied, there)
			}
		}
		for key, value := range r.Context {
			without := r
			without.Context = maps.Clone(r.Context)
			delete(without.Context, key)
			s.askAs(function, "without "+key+":", isDenied, without)
			if key == resourceTag(config.TagStatus) {
				continue // whatever the status is
			}
			other := r
			other.Context = maps.Clone(without.Context)
			if list, ok := value.([]string); ok {
				other.Context[key] = append(slices.Clone(list), "other")
			} else {
				other.Context[key] = "other"
			}
			s.askAs(function, "another "+key+":", isDenied, other)
		}
	}
}

func (s *simulation) askWhatOthersNeed(function string, needs map[string][]need) {
	own := map[string]bool{}
	for _, r := range each(needs[function]) {
		own[r.Action+r.Resource] = true
	}
	for _, other := range sortedKeys(needs) {
		for _, r := range each(needs[other]) {
			if !own[r.Action+r.Resource] {
				s.askAs(function, "needed by "+other+":", isDenied, r)
			}
		}
	}
}

// askToTouch asks what only enforce may ever do, with everything in its favour, but
// for what the function itself needs.
func (s *simulation) askToTouch(function string, own []need) {
	for _, r := range each(variant{groups: true}.touches()) {
		if !slices.ContainsFunc(each(own), func(o request) bool { return o.Action == r.Action }) {
			s.askAs(function, "only for enforce:", isDenied, r)
		}
	}
}

// askToStop asks of admit what must be denied to it whatever its role has beside.
func (s *simulation) askToStop() {
	for _, action := range []string{"ec2:StopInstances", "ec2:TerminateInstances"} {
		s.askAs(config.FunctionAdmit, "stop:", isForbidden, request{Action: action, Resource: instanceHere(unlisted)})
	}
	for _, action := range []string{"autoscaling:TerminateInstanceInAutoScalingGroup", "autoscaling:DetachInstances"} {
		s.askAs(config.FunctionAdmit, "end:", isForbidden, request{Action: action, Resource: groupHere})
	}
	for _, call := range []string{"ResumeProcesses", "SetInstanceProtection", "SetInstanceHealth", "EnterStandby", "PutLifecycleHook", "DeleteLifecycleHook", "CreateOrUpdateTags", "StartInstanceRefresh"} {
		s.askAs(config.FunctionAdmit, "another call to a group:", isDenied, request{Action: "autoscaling:" + call, Resource: groupHere})
	}
}

// askToOverstep asks for what looks like the work of enforce.
func (s *simulation) askToOverstep(v variant) {
	ask := func(why string, want decision, action, resource string, with map[string]any) {
		s.askAs(config.FunctionEnforce, why, want, request{Action: action, Resource: resource, Context: v.tagged(with)})
	}
	for _, id := range v.reachable() {
		instance := instanceHere(id)
		for _, yes := range []string{"true", "True", "TRUE", "tRuE"} {
			ask("protected:", isForbidden, "ec2:StopInstances", instance, map[string]any{resourceTag(config.TagProtected): yes})
		}
		ask("protected, said otherwise:", isForbidden, "ec2:StopInstances", instance, map[string]any{resourceTag("LicenseGuard:Protected"): "true"})
		ask("not protected:", isAllowed, "ec2:StopInstances", instance, map[string]any{resourceTag(config.TagProtected): "false"})
		ask("terminate:", isForbidden, "ec2:TerminateInstances", instance, nil)
		ask("not stopped by us:", isDenied, "ec2:StartInstances", instance, map[string]any{resourceTag("Status"): "stopped"})
		for _, action := range []string{"ec2:CreateTags", "ec2:DeleteTags"} {
			ask("one of our keys:", isAllowed, action, instance, tagKeys(config.TagReason))
			ask("a foreign key:", isDenied, action, instance, tagKeys("Name"))
			ask("a foreign key beside ours:", isDenied, action, instance, tagKeys(config.TagStatus, "Name"))
			ask("our key in another case:", isDenied, action, instance, tagKeys("Licenseguard:Status"))
			ask("no key:", isDenied, action, instance, tagKeys())
			ask("what people write:", isDenied, action, instance, tagKeys(config.TagProtected))
			ask("what people write:", isDenied, action, instance, tagKeys("licenseguard:exempt"))
		}
	}
	for _, action := range []string{"ec2:CreateTags", "ec2:DeleteTags"} {
		for _, other := range []string{
			here("ec2", "volume/vol-1"), here("ec2", "dedicated-host/h-1"), "arn:aws:ec2:" + mockRegion + "::snapshot/snap-1", "arn:aws:ec2:" + mockRegion + "::image/ami-1",
		} {
			ask("no instance:", isDenied, action, other, tagKeys(config.TagStatus))
		}
	}
	if len(v.instances) > 0 {
		for _, r := range each(variant{managed: v.managed}.touches()) {
			s.askAs(config.FunctionEnforce, "not listed:", isDenied, r)
		}
	}
	ask("terminate:", isForbidden, "autoscaling:TerminateInstanceInAutoScalingGroup", groupHere, nil)
	if !v.groups {
		for _, r := range each(variant{groups: true}.touches()) {
			if strings.HasPrefix(r.Action, "autoscaling:") {
				s.askAs(config.FunctionEnforce, "groups are left alone:", isDenied, r)
			}
		}
	}
	for _, call := range []string{
		"UpdateAutoScalingGroup", "DeleteAutoScalingGroup", "SetInstanceProtection", "SetInstanceHealth",
		"SuspendProcesses", "EnterStandby", "CreateOrUpdateTags", "StartInstanceRefresh",
	} {
		ask("another call to a group:", isDenied, "autoscaling:"+call, groupHere, nil)
	}
}

// askWhatNobodyNeeds asks what would harm most, on what the function could
// otherwise reach.
func (s *simulation) askWhatNobodyNeeds(t template, function string) {
	id, _ := t.function(function)
	table := here("dynamodb", "table/"+t.output(config.OutputLedgerTable))
	bucket := t.attribute(t.output(config.OutputReportBucket), "Arn")
	sealed := t.attribute(t.output(config.OutputEvidenceBucket), "Arn")
	signing, names := here("kms", "key/"+t.output(config.OutputSigningKeyARN)), here("kms", "key/"+t.output(config.OutputNamesKeyARN))
	queue := here("sqs", t.output(config.OutputIntakeQueueURL))
	topic := here("sns", t.output(config.OutputAlertTopicARN))
	key := here("kms", "key/"+target(t.Resources[t.output(config.OutputLedgerTable)].at("SSESpecification.KMSMasterKeyId")))
	for _, r := range each([]need{
		{"ec2:TerminateInstances ec2:RunInstances ec2:RebootInstances ec2:ModifyInstanceAttribute ec2:ModifyInstancePlacement ec2:SendDiagnosticInterrupt ec2:GetPasswordData", instanceHere(unlisted), nil},
		{"ec2:DeleteVolume ec2:DetachVolume", here("ec2", "volume/vol-1"), nil},
		{"ec2:ReleaseHosts", here("ec2", "dedicated-host/h-1"), nil},
		{"ec2:DeleteSnapshot", "arn:aws:ec2:" + mockRegion + "::snapshot/snap-1", nil},
		{"autoscaling:TerminateInstanceInAutoScalingGroup autoscaling:UpdateAutoScalingGroup autoscaling:DeleteAutoScalingGroup", groupHere, nil},
		{"ssm:SendCommand", instanceHere(unlisted), nil},
		{"iam:PassRole iam:CreateRole iam:PutRolePolicy iam:AttachRolePolicy iam:UpdateAssumeRolePolicy iam:DeleteRolePolicy sts:AssumeRole", roleOf(function), nil},
		{"iam:CreateUser iam:CreateAccessKey", "arn:aws:iam::" + mockAccount + ":user/admin", nil},
		{"lambda:UpdateFunctionCode lambda:UpdateFunctionConfiguration lambda:InvokeFunction lambda:AddPermission lambda:DeleteFunction", here("lambda", "function:"+id), nil},
		{"dynamodb:Scan dynamodb:DeleteTable dynamodb:UpdateTable dynamodb:UpdateContinuousBackups dynamodb:ExportTableToPointInTime dynamodb:PartiQLDelete dynamodb:UpdateTimeToLive", table, nil},
		{"s3:DeleteObject s3:DeleteObjectVersion s3:PutObjectAcl s3:PutObjectTagging", bucket + "/" + config.PrefixChanges + "dt=2026-11-21/file", nil},
		{"s3:PutObject s3:GetObject", bucket + "/file", nil},
		{"s3:DeleteObject s3:DeleteObjectVersion s3:BypassGovernanceRetention s3:PutObjectRetention s3:PutObjectLegalHold", sealed + "/" + evidence.PrefixManifests + "2026-11-21.json", nil},
		{"s3:GetObject", sealed + "/" + config.PrefixChanges + "dt=2026-11-21/changes.jsonl", nil},
		{"s3:DeleteBucket s3:PutBucketPolicy s3:PutBucketVersioning s3:PutLifecycleConfiguration s3:PutBucketObjectLockConfiguration", sealed, nil},
		{"kms:ScheduleKeyDeletion kms:DisableKey kms:PutKeyPolicy kms:CreateGrant", signing, nil},
		{"kms:ScheduleKeyDeletion kms:DisableKey kms:PutKeyPolicy kms:CreateGrant kms:VerifyMac", names, nil},
		{"s3:PutObject", "arn:aws:s3:::somebody-else/" + config.PrefixChanges + "file", nil},
		{"s3:ListBucket s3:DeleteBucket s3:PutBucketPolicy s3:PutBucketVersioning s3:PutLifecycleConfiguration", bucket, nil},
		{"sns:Publish", here("sns", "somebody-else"), nil},
		{"sns:Subscribe sns:SetTopicAttributes sns:DeleteTopic", topic, nil},
		{"sqs:PurgeQueue sqs:DeleteQueue sqs:SetQueueAttributes sqs:AddPermission", queue, nil},
		{"sqs:SendMessage", here("sqs", "somebody-else"), nil},
		{"kms:ScheduleKeyDeletion kms:DisableKey kms:PutKeyPolicy kms:CreateGrant kms:Sign", key, nil},
		{"kms:Decrypt", key, map[string]any{"kms:ViaService": "s3." + mockRegion + ".amazonaws.com"}},
		{"events:PutEvents", here("events", "event-bus/default"), map[string]any{"events:source": []string{config.EventSource}}},
		{"events:DisableRule events:DeleteRule events:PutTargets", here("events", "rule/tick"), nil},
		{"logs:DeleteLogGroup logs:PutRetentionPolicy logs:DeleteLogStream", here("logs", "log-group:any:log-stream:any"), nil},
		{"cloudtrail:StopLogging cloudtrail:DeleteTrail", here("cloudtrail", "trail/any"), nil},
		{"cloudformation:UpdateStack cloudformation:DeleteStack", here("cloudformation", "stack/"+config.DefaultStackName+"/1"), nil},
		{"cloudwatch:DeleteAlarms cloudwatch:DisableAlarmActions", here("cloudwatch", "alarm:any"), nil},
		{"secretsmanager:GetSecretValue", here("secretsmanager", "secret:any-abcdef"), nil},
		{"ssm:GetParameter ssm:PutParameter", here("ssm", "parameter/any"), nil},
		{"organizations:LeaveOrganization iam:CreateAccountAlias s3:ListAllMyBuckets ec2:DescribeVolumes", "*", nil},
	}) {
		s.askAs(function, "needed by nobody:", isDenied, r)
	}
}

// Of every action that these services have, the roles together allow what is
// listed. Services that no role names cannot have one that is allowed; those
// that would make a role stronger are asked all the same.
func TestNoOtherActionIsAllowed(t *testing.T) {
	for _, v := range []variant{groups, prevents} {
		t.Run(v.name, func(t *testing.T) { noOtherActionIsAllowed(t, v) })
	}
}

func noOtherActionIsAllowed(t *testing.T, v variant) {
	template := v.template(t)
	s := newSimulation(template)
	var statements []any
	want := map[string]bool{
		"sts:GetCallerIdentity": true, // AWS allows it to everybody
	}
	services := map[string]bool{"iam": true, "sts": true, "lambda": true, "ssm": true, "organizations": true, "cloudformation": true, "cloudtrail": true}
	for _, name := range v.functions() {
		for _, statement := range template.statements(name) {
			if statement.at("Effect") == "Allow" {
				document := maps.Clone(statement.Properties)
				delete(document, "Sid") // must be unique in one policy
				statements = append(statements, template.resolved(document))
			}
		}
		for _, action := range template.allowedActions(name) {
			want[action] = true
			service, _, _ := strings.Cut(action, ":")
			services[service] = true
		}
	}
	const everybody = "all roles together"
	s.policies[everybody] = map[string]any{"Version": "2012-10-17", "Statement": statements}
	for _, service := range sortedKeys(services) {
		r := request{Identity: everybody, Principal: roleOf("all"), Action: service + ":*"}
		if service == "kms" {
			r.On = here("kms", "key/"+template.ofType("AWS::KMS::Key")[0])
		}
		s.ask("every action:", "", r)
	}
	got := map[string]bool{}
	for _, answer := range s.run(t) {
		for _, action := range answer.Allowed {
			got[action] = true
		}
	}
	if diff := cmp.Diff(sortedKeys(want), sortedKeys(got)); diff != "" {
		t.Errorf("(-listed +allowed):\n%s", diff)
	}
}
