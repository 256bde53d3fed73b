package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"licenseguard/shared/config"
)

// The outputs of a hub that watches other accounts or Regions: what a spoke is given.
const (
	outputHubBus    = "HubBusArn"
	outputObservers = "SpokeObservers"
	outputEnforcer  = "SpokeEnforcer"
)

// The parameters of the spoke.
const (
	parameterHubAccount  = "HubAccount"
	parameterHubBus      = "HubBusArn"
	parameterObservers   = "Observers"
	parameterEnforcer    = "Enforcer"
	parameterExternalID  = "ExternalId"
	parameterHomeRegion  = "HomeRegion"
	parameterEnforcement = "Enforcement"
)

// newSpoke makes the stack for another account, or another Region of the hub's own: rules
// that hand its events to the hub, and in one Region of the account the roles that
// let the hub look, and, where the account wants that, act. It has no assets and asks for no
// bootstrap, so one template serves every account and a StackSet. Who the hub is comes by
// parameters.
func newSpoke(scope constructs.Construct, id string, s settings) awscdk.Stack {
	stack := awscdk.NewStack(scope, jsii.String(id), &awscdk.StackProps{
		Description: jsii.String("licenseguard: hands the events of this account and Region to the hub, and lets it look"),
		Synthesizer: awscdk.NewBootstraplessSynthesizer(&awscdk.BootstraplessSynthesizerProps{}),
	})
	parameter := func(name, description, pattern string) awscdk.CfnParameter {
		return awscdk.NewCfnParameter(stack, jsii.String(name), &awscdk.CfnParameterProps{
			Type: jsii.String("String"), Description: jsii.String(description), AllowedPattern: jsii.String(pattern),
		})
	}
	const role = `arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+`
	hub := parameter(parameterHubAccount, "Account of the hub", "^[0-9]{12}$")
	bus := parameter(parameterHubBus, "Event bus of the hub: its output "+outputHubBus, "^arn:aws[a-z-]*:events:[a-z0-9-]+:[0-9]{12}:event-bus/"+config.HubBusName+"$")
	external := parameter(parameterExternalID, "What the hub says when it takes a role: its context value "+contextExternalID, externalID.String())
	home := parameter(parameterHomeRegion, "The one Region of this account in which the roles are made", "^[a-z]{2,}(-[a-z]+)+-[0-9]+$")
	enforcer := parameter(parameterEnforcer, "Role that may act here: the hub's output "+outputEnforcer, "^"+role+"$")
	observers := awscdk.NewCfnParameter(stack, jsii.String(parameterObservers), &awscdk.CfnParameterProps{
		Type: jsii.String("CommaDelimitedList"), Description: jsii.String("Roles that may look: the hub's output " + outputObservers),
	})
	enforcement := awscdk.NewCfnParameter(stack, jsii.String(parameterEnforcement), &awscdk.CfnParameterProps{
		Type: jsii.String("String"), Default: jsii.String("false"), AllowedValues: jsii.Strings("true", "false"),
		Description: jsii.String("Whether the hub may tag and stop instances of this account"),
	})

	condition := func(name string, expression awscdk.ICfnConditionExpression) awscdk.CfnCondition {
		return awscdk.NewCfnCondition(stack, jsii.String(name), &awscdk.CfnConditionProps{Expression: expression})
	}
	inHub := awscdk.Fn_ConditionEquals(awscdk.Aws_ACCOUNT_ID(), hub.ValueAsString())
	besideBus := awscdk.Fn_ConditionEquals(awscdk.Aws_REGION(), awscdk.Fn_Select(jsii.Number(3), awscdk.Fn_Split(jsii.String(":"), bus.ValueAsString(), nil)))
	atHome := awscdk.Fn_ConditionEquals(awscdk.Aws_REGION(), home.ValueAsString())
	acts := awscdk.Fn_ConditionEquals(enforcement.ValueAsString(), jsii.String("true"))
	// The hub hears its own bus itself.
	forwards := condition("Forwards", awscdk.Fn_ConditionNot(awscdk.Fn_ConditionAnd(inHub, besideBus)))
	looks := condition("LetsLook", awscdk.Fn_ConditionAnd(awscdk.Fn_ConditionNot(inHub), atHome))
	lets := condition("LetsAct", awscdk.Fn_ConditionAnd(awscdk.Fn_ConditionNot(inHub), atHome, acts))

	newForwarding(stack, bus, forwards)
	newSpokeRole(stack, "Observe", config.SpokeObserveRole, "lets the hub look", hub, observers.ValueAsList(), external, looks).allowDescribe(observing...)
	r := s.reach
	r.regions = []string{"*"}
	newSpokeRole(stack, "Enforce", config.SpokeEnforceRole, "lets the hub tag and stop, within its budgets", hub, list(enforcer.ValueAsString()), external, lets).allowActing(s.autoScaling, r)
	return stack
}

// newForwarding hands every hint on the default bus to the hub's bus, whole.
func newForwarding(scope constructs.Construct, bus awscdk.CfnParameter, forwards awscdk.CfnCondition) {
	scope = constructs.NewConstruct(scope, jsii.String("Forward"))
	role := awsiam.NewCfnRole(scope, jsii.String("Role"), &awsiam.CfnRoleProps{
		Description: jsii.String("licenseguard: hands events to the hub"),
		AssumeRolePolicyDocument: map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{
			"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": map[string]any{"Service": "events.amazonaws.com"},
			"Condition": map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": awscdk.Aws_ACCOUNT_ID()}},
		}}},
		Policies: []any{map[string]any{"policyName": "Forward", "policyDocument": map[string]any{"Version": "2012-10-17", "Statement": []any{
			map[string]any{"Sid": "Forward", "Effect": "Allow", "Action": "events:PutEvents", "Resource": bus.ValueAsString()},
		}}}},
	})
	role.CfnOptions().SetCondition(forwards)
	for _, h := range hints() {
		rule := awsevents.NewCfnRule(scope, jsii.String(h.id), &awsevents.CfnRuleProps{
			Description: jsii.String("licenseguard: " + h.description), EventPattern: h.pattern,
			Targets: list(&awsevents.CfnRule_TargetProperty{Id: jsii.String("hub"), Arn: bus.ValueAsString(), RoleArn: role.AttrArn()}),
		})
		rule.CfnOptions().SetCondition(forwards)
	}
}

// newSpokeRole makes a role that the named roles of the hub may take if they know the
// external id. They are compared by name, so that it outlives a hub that is made anew.
func newSpokeRole(scope constructs.Construct, id, name, description string, hub awscdk.CfnParameter, takers *[]*string, external awscdk.CfnParameter, when awscdk.CfnCondition) function {
	scope = constructs.NewConstruct(scope, jsii.String(id))
	role := awsiam.NewRole(scope, jsii.String("Role"), &awsiam.RoleProps{
		RoleName: jsii.String(name), Description: jsii.String("licenseguard: " + description),
		AssumedBy: awsiam.NewPrincipalWithConditions(awsiam.NewAccountPrincipal(hub.ValueAsString()), &map[string]any{
			"StringEquals": map[string]any{"sts:ExternalId": external.ValueAsString()},
			"ArnEquals":    map[string]any{"aws:PrincipalArn": takers},
		}),
	})
	f := function{name: name, scope: scope, role: role}
	role.Node().DefaultChild().(awsiam.CfnRole).CfnOptions().SetCondition(when)
	// The policy is made with the first statement.
	f.deny("NothingElse", []string{"iam:*", "sts:*", "organizations:*"}, nil, "*")
	role.Node().FindChild(jsii.String("DefaultPolicy")).Node().DefaultChild().(awsiam.CfnPolicy).CfnOptions().SetCondition(when)
	return f
}

// newHubBus makes the bus to which spokes hand their events. Only AWS's own events of the
// services that we hear pass, from our accounts only.
func newHubBus(scope constructs.Construct, s settings) awsevents.CfnEventBus {
	scope = constructs.NewConstruct(scope, jsii.String("Spokes"))
	bus := awsevents.NewCfnEventBus(scope, jsii.String("Bus"), &awsevents.CfnEventBusProps{
		Name: jsii.String(config.HubBusName), Description: jsii.String("licenseguard: events of other accounts and Regions"),
	})
	allow := func(id string, principal any, when map[string]any) {
		// ForAllValues is true of no source at all, hence Null beside it.
		conditions := map[string]any{
			"ForAllValues:StringEquals": map[string]any{"events:source": sources()}, "Null": map[string]any{"events:source": "false"},
		}
		for operator, keys := range when {
			conditions[operator] = keys
		}
		awsevents.NewCfnEventBusPolicy(scope, jsii.String(id), &awsevents.CfnEventBusPolicyProps{
			EventBusName: bus.Ref(), StatementId: jsii.String("licenseguard" + id),
			Statement: map[string]any{"Sid": "licenseguard" + id, "Effect": "Allow", "Action": "events:PutEvents", "Resource": bus.AttrArn(), "Principal": principal, "Condition": conditions},
		})
	}
	switch {
	case s.org != "":
		allow("Organization", "*", map[string]any{"StringEquals": map[string]any{"aws:PrincipalOrgID": s.org}})
	default:
		for _, account := range s.accounts {
			allow("Account"+account, map[string]any{"AWS": "arn:" + *awscdk.Aws_PARTITION() + ":iam::" + account + ":root"}, nil)
		}
	}
	return bus
}

// sources are those of all hints.
func sources() []string {
	var out []string
	seen := map[string]bool{}
	for _, h := range hints() {
		for _, source := range h.pattern["source"].([]string) {
			if !seen[source] {
				seen[source] = true
				out = append(out, source)
			}
		}
	}
	return out
}

// allowSpokes lets the function take one role in each of the other accounts.
func (f function) allowSpokes(s settings, role string) {
	if s.externalID == "" {
		return
	}
	arns := make([]string, len(s.accounts))
	for i, account := range s.accounts {
		arns[i] = "arn:" + *awscdk.Aws_PARTITION() + ":iam::" + account + ":role/" + role
	}
	f.allow("Spokes", []string{"sts:AssumeRole"}, arns...)
}

// spokeLink is what a spoke is told of its hub.
type spokeLink struct {
	bus       *string
	observers []*string
	enforcer  *string
}

// newSpokeSet makes the spoke in all accounts of organizational units, also those that
// join later, and takes it away where one leaves. The hub's account must be the
// organization's delegated administrator for StackSets.
func newSpokeSet(scope constructs.Construct, s settings, link spokeLink) {
	regions := s.regions
	if len(regions) == 0 {
		regions = []string{*awscdk.Aws_REGION()}
	}
	parameter := func(key string, value *string) *awscdk.CfnStackSet_ParameterProperty {
		return &awscdk.CfnStackSet_ParameterProperty{ParameterKey: jsii.String(key), ParameterValue: value}
	}
	awscdk.NewCfnStackSet(scope, jsii.String("SpokeSet"), &awscdk.CfnStackSetProps{
		StackSetName: jsii.String(config.SpokeStackName), Description: jsii.String("licenseguard: the spoke in every account of the organizational units"),
		PermissionModel: jsii.String("SERVICE_MANAGED"), CallAs: jsii.String("DELEGATED_ADMIN"), Capabilities: jsii.Strings("CAPABILITY_NAMED_IAM"),
		AutoDeployment:   &awscdk.CfnStackSet_AutoDeploymentProperty{Enabled: jsii.Bool(true), RetainStacksOnAccountRemoval: jsii.Bool(false)},
		ManagedExecution: map[string]any{"Active": true},
		OperationPreferences: &awscdk.CfnStackSet_OperationPreferencesProperty{
			FailureTolerancePercentage: jsii.Number(100), MaxConcurrentPercentage: jsii.Number(100), RegionConcurrencyType: jsii.String("PARALLEL"),
		},
		StackInstancesGroup: list(&awscdk.CfnStackSet_StackInstancesProperty{
			DeploymentTargets: &awscdk.CfnStackSet_DeploymentTargetsProperty{OrganizationalUnitIds: jsii.Strings(s.units...)}, Regions: jsii.Strings(regions...),
		}),
		TemplateBody: jsii.String(s.spokeBody),
		Parameters: list(
			parameter(parameterHubAccount, awscdk.Aws_ACCOUNT_ID()), parameter(parameterHubBus, link.bus),
			parameter(parameterObservers, awscdk.Fn_Join(jsii.String(","), &link.observers)), parameter(parameterEnforcer, link.enforcer),
			parameter(parameterExternalID, jsii.String(s.externalID)), parameter(parameterHomeRegion, jsii.String(regions[0])),
			parameter(parameterEnforcement, jsii.String(fmt.Sprint(s.spokeActs))),
		),
	})
}

// spokeBody is the spoke's template as text: the hub's StackSet carries it.
func spokeBody(s settings) (string, error) {
	dir, err := os.MkdirTemp("", "licenseguard-spoke-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	app := newApp(nil, &dir)
	newSpoke(app, config.SpokeStackName, s)
	app.Synth(nil)
	text, err := os.ReadFile(filepath.Join(dir, config.SpokeStackName+".template.json"))
	return string(text), err
}
