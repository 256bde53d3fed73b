package main

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"licenseguard/shared/config"
)

// The policy for organizations in docs/policies keeps everybody but enforce and
// an administrator from writing our tags, and hinders nobody in anything else.
func TestOrganizationPolicyGuardsOurTags(t *testing.T) {
	text, err := os.ReadFile("../docs/policies/deny-licenseguard-tags.json")
	if err != nil {
		t.Fatal(err)
	}
	// As its reader is told to: the account of the stack instead of the example's.
	var document any
	if err := json.Unmarshal([]byte(strings.ReplaceAll(string(text), "111122223333", mockAccount)), &document); err != nil {
		t.Fatal(err)
	}
	template := groups.template(t)
	s := newSimulation(template)
	const scp, admin = "the organization's policy", "an administrator of the account"
	s.policies[scp] = document
	s.policies[admin] = map[string]any{"Version": "2012-10-17", "Statement": []any{
		map[string]any{"Effect": "Allow", "Action": "*", "Resource": "*"},
	}}
	ask := func(why string, want decision, principal, identity, action, resource string, with map[string]any) {
		context := map[string]any{"aws:PrincipalArn": principal}
		maps.Copy(context, with)
		s.ask(why, want, request{
			Principal: principal, Identity: identity, Organization: scp, Action: action, Resource: resource, Context: context,
		})
	}

	const roles = "arn:aws:iam::" + mockAccount + ":role/"
	instance := instanceHere(unlisted)
	exempt := []string{"licenseguard:exempt"}
	for _, tenant := range []string{
		roles + "Developer",
		"arn:aws:iam::999999999999:role/Licenseguard-EnforceRole-like-ours",
		roles + "AWSReservedSSO_LicenseguardAdmin_0123456789abcdef", // anybody may take this name, but not the path
	} {
		ask := func(why string, want decision, action, resource string, keys ...string) {
			with := map[string]any{}
			if len(keys) > 0 {
				with = tagKeys(keys...)
			}
			ask(why, want, tenant, admin, action, resource, with)
		}
		for _, key := range slices.Concat(exempt, []string{config.TagProtected, config.TagStatus, config.TagReason}) {
			ask("one of our tags:", isForbidden, "ec2:CreateTags", instance, key)
			ask("one of our tags:", isForbidden, "ec2:DeleteTags", instance, key)
			ask("one of our tags beside another:", isForbidden, "ec2:CreateTags", instance, "Name", key)
			ask("started with one of our tags:", isForbidden, "ec2:RunInstances", instance, "Name", key)
			ask("started with one of our tags:", isForbidden, "ec2:CreateFleet", instance, key)
			ask("a group that gives one of our tags:", isForbidden, "autoscaling:CreateAutoScalingGroup", groupHere, key)
			ask("a group that gives one of our tags:", isForbidden, "autoscaling:CreateOrUpdateTags", groupHere, key)
			ask("one of our tags:", isForbidden, "autoscaling:DeleteTags", groupHere, key)
		}
		ask("all tags, unnamed:", isForbidden, "ec2:DeleteTags", instance)
		for _, action := range []string{"ec2:CreateTags", "ec2:DeleteTags", "ec2:RunInstances", "ec2:CreateFleet"} {
			ask("another tag:", isAllowed, action, instance, "Name", "licenses")
		}
		for _, action := range []string{"ec2:RunInstances", "ec2:StopInstances", "ec2:TerminateInstances"} {
			ask("no tag:", isAllowed, action, instance)
		}
		ask("no tag:", isAllowed, "autoscaling:CreateAutoScalingGroup", groupHere)
	}

	_, f := template.function(config.FunctionEnforce)
	// CloudFormation names a role by stack, logical id and a random end.
	enforce := roles + config.DefaultStackName + "-" + target(f.at("Role")) + "-abcdefghijkl"
	for _, r := range each(groups.touches()) {
		ask("the work of enforce:", isAllowed, enforce, config.FunctionEnforce, r.Action, r.Resource, r.Context)
	}
	ask("enforce, too, may not exempt:", isDenied, enforce, config.FunctionEnforce, "ec2:CreateTags", instance, tagKeys(exempt...))

	person := roles + "aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_LicenseguardAdmin_0123456789abcdef"
	for _, action := range []string{"ec2:CreateTags", "ec2:DeleteTags", "ec2:RunInstances"} {
		ask("an administrator exempts:", isAllowed, person, admin, action, instance, tagKeys(exempt...))
	}
	ask("an administrator deletes all tags:", isAllowed, person, admin, "ec2:DeleteTags", instance, nil)
	s.run(t)
}
