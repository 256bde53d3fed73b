package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"licenseguard/shared/config"
)

const spokeAccount, secret = "222222222222", "our-secret"

// fleet watches another account and another Region, and makes its spokes by a StackSet.
var fleet = newVariant(variant{name: "fleet"}, map[string]any{
	contextAccounts: mockAccount + "," + spokeAccount, contextRegions: mockRegion + ",eu-west-1", contextExternalID: secret,
	contextOrg: "o-a1b2c3d4e5", contextStackSet: "ou-ab12-cd34ef56", contextAutoScaling: "true",
})

// spoke is the template for other accounts, as the app writes it beside the hub's.
func spoke(t *testing.T) (template, map[string]any) {
	t.Helper()
	hub := fleet.template(t)
	text, err := os.ReadFile(filepath.Join(hub.dir, config.SpokeStackName+".template.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got template
	var all map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return got, all
}

func TestTheHubAloneWatchesNobodyElse(t *testing.T) {
	hub := hub(t)
	for _, kind := range []string{"AWS::Events::EventBusPolicy", "AWS::CloudFormation::StackSet"} {
		if found := hub.ofType(kind); len(found) > 0 {
			t.Errorf("there is %v, that nobody asked for", found)
		}
	}
	for _, name := range config.Functions() {
		if slices.Contains(hub.allowedActions(name), "sts:AssumeRole") {
			t.Errorf("%s may take roles", name)
		}
	}
	if len(hub.ofType("AWS::Events::EventBus")) != 1 {
		t.Error("there is a bus that nobody asked for")
	}
}

// A spoke is one file: no assets, no bootstrap, nothing of the hub but by parameters.
func TestSpokeHasNoAssets(t *testing.T) {
	got, all := spoke(t)
	text := compact(all)
	for _, word := range []string{"cdk-", "BootstrapVersion", "S3Bucket", "Fn::ImportValue", mockAccount, spokeAccount, secret} {
		if strings.Contains(text, word) {
			t.Errorf("the template speaks of %s", word)
		}
	}
	assets, err := filepath.Glob(filepath.Join(fleet.template(t).dir, config.SpokeStackName+".assets.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range assets { // the CDK notes the template itself there
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var manifest struct {
			Files        map[string]any
			DockerImages map[string]any
		}
		if err := json.Unmarshal(data, &manifest); err != nil || len(manifest.Files) > 1 || len(manifest.DockerImages) > 0 {
			t.Errorf("assets %s, %v", data, err)
		}
	}
	if len(text) > 51_200 {
		t.Errorf("the template has %d bytes; a StackSet takes 51,200", len(text))
	}
	if kinds := []string{"AWS::Events::Rule", "AWS::IAM::Policy", "AWS::IAM::Role"}; true {
		for id, r := range got.Resources {
			if !slices.Contains(kinds, r.Type) {
				t.Errorf("%s is a %s", id, r.Type)
			}
		}
	}
	raw := all["Resources"].(map[string]any)
	for id := range got.Resources {
		if raw[id].(map[string]any)["Condition"] == nil {
			t.Errorf("%s is made everywhere", id)
		}
	}
	want := slices.Sorted(slices.Values([]string{parameterHubAccount, parameterHubBus, parameterObservers, parameterEnforcer, parameterExternalID, parameterHomeRegion, parameterEnforcement}))
	if diff := cmp.Diff(want, sortedKeys(all["Parameters"].(map[string]any))); diff != "" {
		t.Error(diff)
	}
}

// The spoke hears what the hub hears, and the hub hears both buses.
func TestSpokesForwardEveryHint(t *testing.T) {
	got, _ := spoke(t)
	patterns := func(t template, on func(resource) bool, strip bool) []string {
		var out []string
		for _, id := range t.ofType("AWS::Events::Rule") {
			if r := t.Resources[id]; r.at("EventPattern") != nil && on(r) {
				pattern := maps.Clone(r.at("EventPattern").(map[string]any))
				if strip {
					delete(pattern, "account")
				}
				out = append(out, compact(pattern))
			}
		}
		slices.Sort(out)
		return out
	}
	all := func(resource) bool { return true }
	hub := fleet.template(t)
	onHubBus := func(r resource) bool { return r.at("EventBusName") != nil }
	want := patterns(hub, func(r resource) bool { return !onHubBus(r) }, true)
	if len(want) != len(hints()) {
		t.Fatalf("%d rules", len(want))
	}
	if diff := cmp.Diff(want, patterns(got, all, false)); diff != "" {
		t.Errorf("the spoke hears otherwise (-hub +spoke):\n%s", diff)
	}
	if diff := cmp.Diff(want, patterns(hub, onHubBus, true)); diff != "" {
		t.Errorf("the hub's bus is heard otherwise (-default +hub):\n%s", diff)
	}
	for _, id := range got.ofType("AWS::Events::Rule") {
		r := got.Resources[id]
		if target(r.at("Targets.0.Arn")) != parameterHubBus || got.Resources[target(r.at("Targets.0.RoleArn"))].Type != "AWS::IAM::Role" {
			t.Errorf("%s goes to %s", id, compact(r.at("Targets")))
		}
	}
	var rules int
	for _, id := range hub.ofType("AWS::SQS::QueuePolicy") {
		if strings.Contains(compact(hub.Resources[id].at("PolicyDocument")), "HubInstanceState") {
			rules++
		}
	}
	if rules != 2 {
		t.Errorf("%d queues take what comes over the hub's bus, want the intake and its dead letters", rules)
	}
}

// Only the organization's accounts may send to the hub, and only AWS's own events.
func TestHubBusPolicy(t *testing.T) {
	hub := fleet.template(t)
	found := hub.ofType("AWS::Events::EventBusPolicy")
	if len(found) != 1 {
		t.Fatalf("policies %v", found)
	}
	check(t, hub.Resources[found[0]], map[string]string{
		"Statement.Action":    `"events:PutEvents"`,
		"Statement.Principal": `"*"`,
		"Statement.Condition": `{"ForAllValues:StringEquals":{"events:source":["aws.ec2","aws.autoscaling","aws.ssm","aws.rds"]},"Null":{"events:source":"false"},"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}`,
	})
	listed, err := synthesizeInto(t.TempDir(), map[string]any{contextAccounts: mockAccount + "," + spokeAccount, contextExternalID: secret}, false)
	if err != nil {
		t.Fatal(err)
	}
	var principals []string
	for _, id := range listed.ofType("AWS::Events::EventBusPolicy") {
		principals = append(principals, compact(listed.resolved(listed.Resources[id].at("Statement.Principal"))))
	}
	slices.Sort(principals)
	want := []string{`{"AWS":"arn:aws:iam::` + spokeAccount + `:root"}`, `{"AWS":"arn:aws:iam::` + mockAccount + `:root"}`}
	slices.Sort(want)
	if diff := cmp.Diff(want, principals); diff != "" {
		t.Error(diff)
	}
}

func TestFleetEnvironment(t *testing.T) {
	hub := fleet.template(t)
	for _, name := range []string{config.FunctionTrack, config.FunctionSweep, config.FunctionEnforce} {
		_, f := hub.function(name)
		check(t, f, map[string]string{
			"Environment.Variables.ACCOUNTS": `"` + mockAccount + "," + spokeAccount + `"`, "Environment.Variables.REGIONS": `"` + mockRegion + `,eu-west-1"`,
			"Environment.Variables.OWN_ACCOUNT": `{"Ref":"AWS::AccountId"}`, "Environment.Variables.SPOKE_EXTERNAL_ID": `"` + secret + `"`,
		})
	}
	_, sweep := hub.function(config.FunctionSweep)
	check(t, sweep, map[string]string{"MemorySize": "1769"})
	_, api := hub.function(config.FunctionAPI)
	check(t, api, map[string]string{"Environment.Variables.REGIONS": `"` + mockRegion + `,eu-west-1"`, "Environment.Variables.OWN_ACCOUNT": "null"})
}

func TestStackSet(t *testing.T) {
	hub := fleet.template(t)
	_, all := spoke(t)
	found := hub.ofType("AWS::CloudFormation::StackSet")
	if len(found) != 1 {
		t.Fatalf("StackSets %v", found)
	}
	set := hub.Resources[found[0]]
	check(t, set, map[string]string{
		"PermissionModel": `"SERVICE_MANAGED"`, "AutoDeployment": `{"Enabled":true,"RetainStacksOnAccountRemoval":false}`, "Capabilities": `["CAPABILITY_NAMED_IAM"]`,
		"StackInstancesGroup": `[{"DeploymentTargets":{"OrganizationalUnitIds":["ou-ab12-cd34ef56"]},"Regions":["` + mockRegion + `","eu-west-1"]}]`,
	})
	var body map[string]any
	if err := json.Unmarshal([]byte(set.at("TemplateBody").(string)), &body); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(all, body); diff != "" {
		t.Errorf("the StackSet carries another template (-spoke +carried):\n%s", diff)
	}
	given := map[string]bool{}
	for _, p := range set.at("Parameters").([]any) {
		given[p.(map[string]any)["ParameterKey"].(string)] = true
	}
	if diff := cmp.Diff(sortedKeys(all["Parameters"].(map[string]any)), sortedKeys(given)); diff != "" {
		t.Error(diff)
	}
}

// spokeRole is a role of the spoke as it is once deployed: what it may do, and who may
// take it.
func spokeRole(t *testing.T, hub template, name string) (may, trust map[string]any) {
	t.Helper()
	got, _ := spoke(t)
	values := map[string]any{
		parameterHubAccount: mockAccount, parameterExternalID: secret, parameterEnforcer: roleOf(config.FunctionEnforce),
		parameterObservers: []any{roleOf(config.FunctionTrack), roleOf(config.FunctionSweep)},
	}
	var given func(any) any
	given = func(value any) any {
		switch v := value.(type) {
		case map[string]any:
			if id, ok := v["Ref"].(string); ok && len(v) == 1 && values[id] != nil {
				return values[id]
			}
			if id, ok := v["Ref"].(string); ok && len(v) == 1 && id == "AWS::AccountId" {
				return spokeAccount
			}
			out := map[string]any{}
			for key, item := range v {
				out[key] = given(item)
			}
			return out
		case []any:
			out := make([]any, len(v))
			for i, item := range v {
				out[i] = given(item)
			}
			return out
		}
		return value
	}
	for _, id := range got.ofType("AWS::IAM::Role") {
		r := got.Resources[id]
		if r.at("RoleName") != name {
			continue
		}
		trust = hub.resolved(given(r.at("AssumeRolePolicyDocument"))).(map[string]any)
		// A trust policy is about the role that it belongs to.
		for _, s := range trust["Statement"].([]any) {
			s.(map[string]any)["Resource"] = "*"
		}
		for _, p := range got.ofType("AWS::IAM::Policy") {
			if roles, _ := got.Resources[p].at("Roles").([]any); len(roles) == 1 && target(roles[0]) == id {
				may = hub.resolved(given(got.Resources[p].at("PolicyDocument"))).(map[string]any)
			}
		}
	}
	if may == nil || trust == nil {
		t.Fatalf("there is no role %s", name)
	}
	return may, trust
}

func TestSpokeRolesInSimulation(t *testing.T) {
	hub := fleet.template(t)
	s := newSimulation(hub)
	const admin = "an administrator of the hub"
	s.policies[admin] = map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{"Effect": "Allow", "Action": "*", "Resource": "*"}}}
	var trusts, mays = map[string]string{}, map[string]string{}
	for _, name := range []string{config.SpokeObserveRole, config.SpokeEnforceRole} {
		may, trust := spokeRole(t, hub, name)
		mays[name], trusts[name] = name, "trust of "+name
		s.policies[name], s.policies["trust of "+name] = may, trust
	}
	role := func(account, name string) string { return "arn:aws:iam::" + account + ":role/" + name }
	take := func(why string, want decision, identity, principal, name, id string) {
		context := map[string]any{"aws:PrincipalArn": principal}
		if id != "" {
			context["sts:ExternalId"] = id
		}
		s.ask(why, want, request{Principal: principal, Identity: identity, On: trusts[name], Action: "sts:AssumeRole", Resource: role(spokeAccount, name), Context: context})
	}
	for name, takers := range map[string][]string{
		config.SpokeObserveRole: {config.FunctionTrack, config.FunctionSweep}, config.SpokeEnforceRole: {config.FunctionEnforce},
	} {
		for _, function := range config.Functions() {
			if slices.Contains(takers, function) {
				take("its work:", isAllowed, function, roleOf(function), name, secret)
			} else {
				take("not its work:", isDenied, function, roleOf(function), name, secret)
				take("not its work, whatever else it may do:", isDenied, admin, roleOf(function), name, secret)
			}
		}
		take("somebody else of the hub's account:", isDenied, admin, role(mockAccount, "Developer"), name, secret)
		take("a role that is called alike elsewhere:", isDenied, admin, strings.Replace(roleOf(takers[0]), mockAccount, "999999999999", 1), name, secret)
	}
	for _, function := range []string{config.FunctionTrack, config.FunctionSweep, config.FunctionEnforce} {
		for _, other := range []string{role(spokeAccount, "Admin"), role("333333333333", config.SpokeObserveRole)} {
			s.ask("a role that is no spoke's:", isDenied, request{Principal: roleOf(function), Identity: function, Action: "sts:AssumeRole", Resource: other})
		}
	}

	const observer, actor = config.SpokeObserveRole, config.SpokeEnforceRole
	instance := "arn:aws:ec2:eu-west-1:" + spokeAccount + ":instance/" + unlisted
	foreign := "arn:aws:ec2:eu-west-1:333333333333:instance/" + unlisted
	ask := func(identity, why string, want decision, action, resource string, with map[string]any) {
		s.ask(why, want, request{Principal: role(spokeAccount, identity), Identity: mays[identity], Action: action, Resource: resource, Context: with})
	}
	for _, action := range observing {
		ask(observer, "looks:", isAllowed, action, "*", nil)
	}
	for _, action := range []string{"ec2:StopInstances", "ec2:StartInstances", "ec2:TerminateInstances"} {
		ask(observer, "writes nothing:", isDenied, action, instance, nil)
	}
	ask(observer, "writes nothing:", isDenied, "ec2:CreateTags", instance, tagKeys(config.TagStatus))
	ask(observer, "goes no further:", isForbidden, "sts:AssumeRole", role("333333333333", "Any"), nil)
	ask(actor, "goes no further:", isForbidden, "sts:AssumeRole", role("333333333333", "Any"), nil)
	ask(actor, "looks:", isAllowed, "ec2:DescribeInstances", "*", nil)
	ask(actor, "stops:", isAllowed, "ec2:StopInstances", instance, nil)
	ask(actor, "stops nothing protected:", isForbidden, "ec2:StopInstances", instance, map[string]any{resourceTag(config.TagProtected): "true"})
	ask(actor, "stops nothing protected:", isForbidden, "ec2:StopInstances", instance, map[string]any{resourceTag(config.TagProtected): "True"})
	ask(actor, "terminates nothing:", isForbidden, "ec2:TerminateInstances", instance, nil)
	ask(actor, "terminates nothing:", isForbidden, "autoscaling:TerminateInstanceInAutoScalingGroup", strings.ReplaceAll(groupHere, mockAccount, spokeAccount), nil)
	ask(actor, "starts what it stopped:", isAllowed, "ec2:StartInstances", instance, map[string]any{resourceTag(config.TagStatus): "stopped"})
	ask(actor, "starts nothing else:", isDenied, "ec2:StartInstances", instance, nil)
	ask(actor, "writes its tags:", isAllowed, "ec2:CreateTags", instance, tagKeys(config.TagStatus, config.TagReason))
	ask(actor, "writes no other tag:", isDenied, "ec2:CreateTags", instance, tagKeys("Name"))
	ask(actor, "its account only:", isDenied, "ec2:StopInstances", foreign, nil)
	asked := len(s.asked)
	// Without the external id the role is closed to those, too, who may take it.
	take("no external id:", isDenied, config.FunctionTrack, roleOf(config.FunctionTrack), observer, "")
	take("another external id:", isDenied, config.FunctionSweep, roleOf(config.FunctionSweep), observer, "another-secret")
	take("no external id:", isDenied, config.FunctionEnforce, roleOf(config.FunctionEnforce), actor, "")
	if len(s.asked) != asked+3 {
		t.Fatal("the external id is not asked for")
	}
	s.run(t)
}

func TestFleetSettings(t *testing.T) {
	for name, tt := range map[string]struct {
		context map[string]any
		want    string
	}{
		"two accounts, no external id": {map[string]any{contextAccounts: "111111111111,222222222222"}, contextExternalID},
		"an external id, no accounts":  {map[string]any{contextExternalID: secret}, contextAccounts},
		"a short external id":          {map[string]any{contextAccounts: "111111111111,222222222222", contextExternalID: "short"}, "8 to 128"},
		"a zone":                       {map[string]any{contextRegions: "us-east-1a"}, "is not a Region"},
		"an organization by name":      {map[string]any{contextOrg: "acme"}, "o-a1b2c3d4e5"},
		"units without organization":   {map[string]any{contextAccounts: "111111111111", contextExternalID: secret, contextStackSet: "ou-ab12-cd34ef56"}, contextOrg},
		"a unit by name":               {map[string]any{contextStackSet: "Production"}, "is not an organizational unit"},
		"perhaps":                      {map[string]any{contextSpokeActs: "perhaps"}, "neither true nor false"},
	} {
		_, err := readSettings(func(key string) any { return tt.context[key] })
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
	var many []string
	for i := range accountsAtMost + 1 {
		many = append(many, strings.Repeat("0", 9)+string([]byte{byte('0' + i/100), byte('0' + i/10%10), byte('0' + i%10)}))
	}
	if _, err := readSettings(func(key string) any {
		return map[string]any{contextAccounts: strings.Join(many, ","), contextExternalID: secret}[key]
	}); err == nil || !strings.Contains(err.Error(), "has room for 90") {
		t.Errorf("too many accounts: %v", err)
	}
	for _, h := range hints() {
		h.pattern["account"] = many[1:]
		if n := len(compact(h.pattern)); n > 2048 {
			t.Errorf("the pattern of %s has %d characters with %d accounts", h.id, n, accountsAtMost)
		}
	}
}
