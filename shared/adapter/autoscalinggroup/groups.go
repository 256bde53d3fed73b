// Package autoscalinggroup changes Auto Scaling groups for enforcement and admission.
package autoscalinggroup

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/smithy-go"

	"licenseguard/shared/enforce"
	"licenseguard/shared/track"
)

var _ enforce.Groups = (*Groups)(nil)

// api lists the calls that the adapter makes.
type api interface {
	DescribeAutoScalingGroups(context.Context, *autoscaling.DescribeAutoScalingGroupsInput, ...func(*autoscaling.Options)) (*autoscaling.DescribeAutoScalingGroupsOutput, error)
	DescribeAutoScalingInstances(context.Context, *autoscaling.DescribeAutoScalingInstancesInput, ...func(*autoscaling.Options)) (*autoscaling.DescribeAutoScalingInstancesOutput, error)
	DetachInstances(context.Context, *autoscaling.DetachInstancesInput, ...func(*autoscaling.Options)) (*autoscaling.DetachInstancesOutput, error)
	AttachInstances(context.Context, *autoscaling.AttachInstancesInput, ...func(*autoscaling.Options)) (*autoscaling.AttachInstancesOutput, error)
	SetDesiredCapacity(context.Context, *autoscaling.SetDesiredCapacityInput, ...func(*autoscaling.Options)) (*autoscaling.SetDesiredCapacityOutput, error)
	SuspendProcesses(context.Context, *autoscaling.SuspendProcessesInput, ...func(*autoscaling.Options)) (*autoscaling.SuspendProcessesOutput, error)
	ResumeProcesses(context.Context, *autoscaling.ResumeProcessesInput, ...func(*autoscaling.Options)) (*autoscaling.ResumeProcessesOutput, error)
	CompleteLifecycleAction(context.Context, *autoscaling.CompleteLifecycleActionInput, ...func(*autoscaling.Options)) (*autoscaling.CompleteLifecycleActionOutput, error)
}

// Groups is the Auto Scaling of accounts and Regions.
type Groups struct{ in func(track.Scope) api }

// New returns the Auto Scaling of the client's account and Region.
func New(client *autoscaling.Client) *Groups { return of(client) }

func of(one api) *Groups { return &Groups{func(track.Scope) api { return one }} }

// NewFleet returns that of many accounts and Regions, each with the client for it.
func NewFleet(client func(track.Scope) *autoscaling.Client) *Groups {
	return &Groups{func(s track.Scope) api { return client(s) }}
}

// Capacity implements enforce.Groups. A group that is not there is ErrGone.
func (g *Groups) Capacity(ctx context.Context, s track.Scope, group string) (enforce.Capacity, error) {
	out, err := g.in(s).DescribeAutoScalingGroups(ctx, &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{group}})
	if err != nil {
		return enforce.Capacity{}, translate("describe group", group, err)
	}
	if len(out.AutoScalingGroups) == 0 {
		return enforce.Capacity{}, fmt.Errorf("describe group %q: there is none: %w", group, enforce.ErrGone)
	}
	found := out.AutoScalingGroups[0]
	return enforce.Capacity{Desired: aws.ToInt32(found.DesiredCapacity), Min: aws.ToInt32(found.MinSize), Max: aws.ToInt32(found.MaxSize)}, nil
}

// SetCapacity implements enforce.Groups.
func (g *Groups) SetCapacity(ctx context.Context, s track.Scope, group string, desired int32) error {
	_, err := g.in(s).SetDesiredCapacity(ctx, &autoscaling.SetDesiredCapacityInput{AutoScalingGroupName: &group, DesiredCapacity: &desired})
	return translate("set the capacity of group", group, err)
}

// Detach implements enforce.Groups.
func (g *Groups) Detach(ctx context.Context, s track.Scope, group, id string) error {
	member, err := g.member(ctx, s, group, id)
	if err != nil || !member {
		return err
	}
	size, err := g.Capacity(ctx, s, group)
	if err != nil {
		return err
	}
	if size.Desired <= size.Min {
		return fmt.Errorf("detach %s from group %q: %w", id, group, enforce.ErrMinimum)
	}
	_, err = g.in(s).DetachInstances(ctx, &autoscaling.DetachInstancesInput{AutoScalingGroupName: &group, InstanceIds: []string{id},
		ShouldDecrementDesiredCapacity: aws.Bool(true)})
	return translate("detach "+id+" from group", group, err)
}

// Attach implements enforce.Groups.
func (g *Groups) Attach(ctx context.Context, s track.Scope, group, id string) error {
	member, err := g.member(ctx, s, group, id)
	if err != nil || member {
		return err
	}
	_, err = g.in(s).AttachInstances(ctx, &autoscaling.AttachInstancesInput{AutoScalingGroupName: &group, InstanceIds: []string{id}})
	return translate("attach "+id+" to group", group, err)
}

// member reports whether an instance is in a group and not on its way out.
func (g *Groups) member(ctx context.Context, s track.Scope, group, id string) (bool, error) {
	out, err := g.in(s).DescribeAutoScalingInstances(ctx, &autoscaling.DescribeAutoScalingInstancesInput{InstanceIds: []string{id}})
	if err != nil {
		return false, translate("describe "+id+" of group", group, err)
	}
	for _, in := range out.AutoScalingInstances {
		leaving := strings.HasPrefix(aws.ToString(in.LifecycleState), "Detach")
		if aws.ToString(in.AutoScalingGroupName) == group && !leaving {
			return true, nil
		}
	}
	return false, nil
}

// translate gives an error of Auto Scaling its meaning for enforcement (API
// reference, common errors, 2026).
func translate(what, group string, err error) error {
	if err == nil {
		return nil
	}
	var e smithy.APIError
	if errors.As(err, &e) {
		switch code := e.ErrorCode(); {
		case code == "Throttling", code == "ThrottlingException", code == "RequestLimitExceeded", code == "ResourceContention", code == "ScalingActivityInProgress":
			return fmt.Errorf("%s %q: %w: %w", what, group, enforce.ErrThrottled, err)
		case code == "ValidationError" && strings.Contains(e.ErrorMessage(), "min size"):
			return fmt.Errorf("%s %q: %w: %w", what, group, enforce.ErrMinimum, err)
		}
	}
	return fmt.Errorf("%s %q: %w", what, group, err)
}
