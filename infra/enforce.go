package main

import (
	"slices"
	"strconv"

	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"licenseguard/shared/config"
)

const enforceTimeout = 60

// newEnforce makes the only function that may stop, start or tag an instance.
// Nothing in the project may terminate one.
func newEnforce(scope constructs.Construct, s settings, l ledger, streamDLQ awssqs.Queue) function {
	f := newFunction(scope, s, functionSpec{
		name: config.FunctionEnforce, description: "Stops or tags instances over a limit, within the budgets", timeout: enforceTimeout,
		environment: s.watching(map[string]*string{
			config.EnvLedgerTable: l.table.TableName(),
			config.EnvAutoScaling: jsii.String(strconv.FormatBool(s.autoScaling)),
		}),
	})
	f.allowSpokes(s, config.SpokeEnforceRole)
	l.allow(f, slices.Concat(ledgerReads, ledgerWrites)...)
	f.followHeads(l, streamDLQ)
	f.every("rate(1 minute)")
	f.allowActing(s.autoScaling, s.reach)
	return f
}

// allowActing lets a role do what enforcement does, and no more.
func (f function) allowActing(autoScaling bool, r reach) {
	f.allowDescribe("ec2:DescribeInstances", "ec2:DescribeInstanceAttribute")
	f.allowInstances(r)
	if autoScaling {
		f.allowGroups(r)
	}
	// Denied to it whatever else is ever attached to the role.
	f.deny("NeverTerminate", []string{"ec2:TerminateInstances", "autoscaling:TerminateInstanceInAutoScalingGroup"}, nil, "*")
}

// allowInstances lets enforce stop, tag, and undo both.
func (f function) allowInstances(r reach) {
	instances := r.arns()
	f.allowIf("Stop", []string{"ec2:StopInstances"}, r.within(nil), instances...)
	// The code asks first, too; this holds even if the code is wrong.
	f.deny("NeverStopProtected", []string{"ec2:StopInstances"},
		conditions{"StringEqualsIgnoreCase": {resourceTag(config.TagProtected): "true"}}, "*")
	// What has no status of ours was stopped by somebody else, who had a reason.
	// So an undo starts first and takes the tag away last.
	f.allowIf("StartAgain", []string{"ec2:StartInstances"}, r.within(conditions{
		"Null": {resourceTag(config.TagStatus): "false"},
	}), instances...)
	// ForAllValues is true of no keys at all, hence Null beside it: DeleteTags
	// without keys takes every tag.
	f.allowIf("Tag", []string{"ec2:CreateTags", "ec2:DeleteTags"}, r.within(conditions{
		"ForAllValues:StringEquals": {"aws:TagKeys": []string{config.TagStatus, config.TagReason}},
		"Null":                      {"aws:TagKeys": "false"},
	}), instances...)
	f.accept("Which instance is over a limit is known only when it runs. A Deny on protected ones, tag keys of ours only, and the budgets in the ledger bound it; \"managed\" and \"instances\" narrow it.",
		r, "ec2", "instance/*")
	for _, id := range r.instances {
		if slices.Contains(r.regions, "*") {
			f.accept("The instance is named; which of the account's Regions it is in is not.", r, "ec2", "instance/"+id)
		}
	}
}

// allowGroups lets enforce take instances out of Auto Scaling groups and lower
// the groups, and undo both. The policy "autoScaling: detach" or "lower" of a
// license needs it; without one, members are only alerted.
//
// These calls are about a group, and IAM sees the group's tags alone: "managed"
// is asked of the group, and that no member is protected is asked by the code
// only. Where a group is lowered, Auto Scaling chooses which member it ends.
func (f function) allowGroups(r reach) {
	f.allow("ObserveGroups", []string{"autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribeAutoScalingInstances"}, "*")
	f.allowIf("Groups", []string{
		"autoscaling:AttachInstances", "autoscaling:DetachInstances", "autoscaling:SetDesiredCapacity",
	}, r.within(nil), r.everywhere("autoscaling", "autoScalingGroup:*:autoScalingGroupName/*")...)
	// That Describe knows no resources is answered for EC2's already.
	f.accept("Which group holds an instance over a limit is known only when it runs, and a group's ARN has an id that nobody knows before. A deployment asks for this by \"autoscaling\", and \"managed\" narrows it.",
		r, "autoscaling", "autoScalingGroup:*:autoScalingGroupName/*")
}
