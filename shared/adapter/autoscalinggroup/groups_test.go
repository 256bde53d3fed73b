package autoscalinggroup

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/smithy-go"

	"licenseguard/shared/enforce"
	"licenseguard/shared/track"
)

// fakeAPI is one group as Auto Scaling keeps it.
type fakeAPI struct {
	desired, min int32
	members      map[string]string // lifecycle state by id
	err          error             // of the calls that change something
	gone         bool
}

func (f *fakeAPI) DescribeAutoScalingGroups(_ context.Context, in *autoscaling.DescribeAutoScalingGroupsInput, _ ...func(*autoscaling.Options)) (*autoscaling.DescribeAutoScalingGroupsOutput, error) {
	out := &autoscaling.DescribeAutoScalingGroupsOutput{}
	if !f.gone && in.AutoScalingGroupNames[0] == "web" {
		out.AutoScalingGroups = []types.AutoScalingGroup{{DesiredCapacity: &f.desired, MinSize: &f.min, MaxSize: aws.Int32(9)}}
	}
	return out, nil
}

func (f *fakeAPI) DescribeAutoScalingInstances(_ context.Context, in *autoscaling.DescribeAutoScalingInstancesInput, _ ...func(*autoscaling.Options)) (*autoscaling.DescribeAutoScalingInstancesOutput, error) {
	out := &autoscaling.DescribeAutoScalingInstancesOutput{}
	if state, ok := f.members[in.InstanceIds[0]]; ok {
		out.AutoScalingInstances = []types.AutoScalingInstanceDetails{{AutoScalingGroupName: aws.String("web"), LifecycleState: &state}}
	}
	return out, nil
}

func (f *fakeAPI) DetachInstances(_ context.Context, in *autoscaling.DetachInstancesInput, _ ...func(*autoscaling.Options)) (*autoscaling.DetachInstancesOutput, error) {
	if f.err != nil {
		return nil, f.err
	}
	if aws.ToBool(in.ShouldDecrementDesiredCapacity) { // else Auto Scaling starts another
		f.desired--
	}
	f.members[in.InstanceIds[0]] = "Detaching"
	return &autoscaling.DetachInstancesOutput{}, nil
}

func (f *fakeAPI) AttachInstances(_ context.Context, in *autoscaling.AttachInstancesInput, _ ...func(*autoscaling.Options)) (*autoscaling.AttachInstancesOutput, error) {
	if f.err != nil {
		return nil, f.err
	}
	f.desired++
	f.members[in.InstanceIds[0]] = "InService"
	return &autoscaling.AttachInstancesOutput{}, nil
}

func (f *fakeAPI) SetDesiredCapacity(_ context.Context, in *autoscaling.SetDesiredCapacityInput, _ ...func(*autoscaling.Options)) (*autoscaling.SetDesiredCapacityOutput, error) {
	if f.err != nil {
		return nil, f.err
	}
	f.desired = *in.DesiredCapacity
	return &autoscaling.SetDesiredCapacityOutput{}, nil
}

func (f *fakeAPI) SuspendProcesses(context.Context, *autoscaling.SuspendProcessesInput, ...func(*autoscaling.Options)) (*autoscaling.SuspendProcessesOutput, error) {
	return nil, f.err
}

func (f *fakeAPI) ResumeProcesses(context.Context, *autoscaling.ResumeProcessesInput, ...func(*autoscaling.Options)) (*autoscaling.ResumeProcessesOutput, error) {
	return nil, f.err
}

func (f *fakeAPI) CompleteLifecycleAction(context.Context, *autoscaling.CompleteLifecycleActionInput, ...func(*autoscaling.Options)) (*autoscaling.CompleteLifecycleActionOutput, error) {
	return nil, f.err
}

const id = "i-0123456789abcdef0"

func TestDetachMakesTheGroupSmallerOnce(t *testing.T) {
	t.Parallel()
	f := &fakeAPI{desired: 3, min: 1, members: map[string]string{id: "InService"}}
	for range 2 { // the second answer to a lost first
		if err := of(f).Detach(t.Context(), track.Scope{}, "web", id); err != nil {
			t.Fatal(err)
		}
	}
	if f.desired != 2 {
		t.Errorf("desired %d; want 2, once lower", f.desired)
	}
	for range 2 {
		f.members = map[string]string{id: f.members[id]}
		if err := of(f).Attach(t.Context(), track.Scope{}, "web", id); err != nil {
			t.Fatal(err)
		}
	}
	if f.desired != 3 {
		t.Errorf("desired %d after it was attached; want 3 again", f.desired)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	refused := func(code, message string) error { return &smithy.GenericAPIError{Code: code, Message: message} }
	for _, test := range []struct {
		name string
		f    *fakeAPI
		want error
	}{
		{"at its minimum", &fakeAPI{desired: 1, min: 1}, enforce.ErrMinimum},
		{"AWS says so", &fakeAPI{desired: 2, min: 1, err: refused("ValidationError", "will violate group's min size constraint")}, enforce.ErrMinimum},
		{"throttled", &fakeAPI{desired: 2, min: 1, err: refused("Throttling", "Rate exceeded")}, enforce.ErrThrottled},
		{"something else goes on", &fakeAPI{desired: 2, min: 1, err: refused("ScalingActivityInProgress", "…")}, enforce.ErrThrottled},
		{"there is no such group", &fakeAPI{gone: true}, enforce.ErrGone},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.f.members = map[string]string{id: "InService"}
			before := test.f.desired
			if err := of(test.f).Detach(t.Context(), track.Scope{}, "web", id); !errors.Is(err, test.want) {
				t.Errorf("error %v; want %v", err, test.want)
			}
			if test.f.desired != before {
				t.Errorf("the group became smaller")
			}
		})
	}
}
