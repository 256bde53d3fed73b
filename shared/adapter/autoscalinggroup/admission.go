package autoscalinggroup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/smithy-go"

	"licenseguard/shared/admit"
	"licenseguard/shared/enforce"
	"licenseguard/shared/event"
	"licenseguard/shared/track"
)

var _ admit.Groups = (*Groups)(nil)

// launching is the process of a group that starts instances.
const launching = "Launch"

// The answers to a lifecycle action.
const (
	goOn    = "CONTINUE"
	abandon = "ABANDON"
)

// counted are the lifecycle states that a group's desired capacity counts: what
// starts and what serves. What ends, is detached, stands by or lies in a warm pool
// it does not (EC2 Auto Scaling User Guide, instance lifecycle, 2026).
var counted = []types.LifecycleState{types.LifecycleStatePending, types.LifecycleStatePendingWait, types.LifecycleStatePendingProceed,
	types.LifecycleStateInService, types.LifecycleStateQuarantined}

// Group implements admit.Groups.
func (g *Groups) Group(ctx context.Context, s track.Scope, name string) (admit.Group, error) {
	out, err := g.in(s).DescribeAutoScalingGroups(ctx, &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{name}})
	if err != nil {
		return admit.Group{}, translate("describe group", name, err)
	}
	if len(out.AutoScalingGroups) == 0 {
		return admit.Group{}, fmt.Errorf("describe group %q: there is none: %w", name, enforce.ErrGone)
	}
	found := &out.AutoScalingGroups[0]
	group := admit.Group{Desired: aws.ToInt32(found.DesiredCapacity), Min: aws.ToInt32(found.MinSize), Max: aws.ToInt32(found.MaxSize)}
	for _, p := range found.SuspendedProcesses {
		group.Suspended = group.Suspended || aws.ToString(p.ProcessName) == launching
	}
	for _, in := range found.Instances {
		if slices.Contains(counted, in.LifecycleState) {
			group.Members = append(group.Members, aws.ToString(in.InstanceId))
			if in.LifecycleState != types.LifecycleStatePending && in.LifecycleState != types.LifecycleStatePendingWait {
				group.Serving = append(group.Serving, aws.ToString(in.InstanceId))
			}
		}
	}
	return group, nil
}

// SuspendLaunching implements admit.Groups.
func (g *Groups) SuspendLaunching(ctx context.Context, s track.Scope, name string) error {
	_, err := g.in(s).SuspendProcesses(ctx, &autoscaling.SuspendProcessesInput{AutoScalingGroupName: &name, ScalingProcesses: []string{launching}})
	return translate("suspend launching of group", name, err)
}

// ResumeLaunching implements admit.Groups.
func (g *Groups) ResumeLaunching(ctx context.Context, s track.Scope, name string) error {
	_, err := g.in(s).ResumeProcesses(ctx, &autoscaling.ResumeProcessesInput{AutoScalingGroupName: &name, ScalingProcesses: []string{launching}})
	return translate("resume launching of group", name, err)
}

// Answer implements admit.Groups.
func (g *Groups) Answer(ctx context.Context, s track.Scope, a event.LifecycleAction, instance string, admitted bool) (waited bool, err error) {
	result := abandon
	if admitted {
		result = goOn
	}
	_, err = g.in(s).CompleteLifecycleAction(ctx, &autoscaling.CompleteLifecycleActionInput{AutoScalingGroupName: &a.Group, LifecycleHookName: &a.Hook,
		LifecycleActionToken: &a.Token, InstanceId: &instance, LifecycleActionResult: &result})
	if over(err) {
		return false, nil
	}
	return err == nil, translate("answer the hook for "+instance+" of group", a.Group, err)
}

// over reports whether an error says that nothing waits any more: the action, its
// hook or its group is gone.
func over(err error) bool {
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorCode() != "ValidationError" {
		return false
	}
	message := strings.ToLower(e.ErrorMessage())
	return strings.Contains(message, "no active lifecycle action found") ||
		strings.Contains(message, "not found")
}
