package ec2cloud

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"licenseguard/shared/enforce"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

// Look implements enforce.Instances.
func (c *Cloud) Look(ctx context.Context, s track.Scope, id string) (in license.Instance, found bool, err error) {
	instances, err := c.Instances(ctx, s, []string{id})
	if err != nil || len(instances) == 0 {
		return license.Instance{}, false, err
	}
	in = instances[0]
	if in.State == license.ShuttingDown || in.State == license.Terminated {
		return in, true, nil // it has no attributes any more
	}
	out, err := c.in(s).DescribeInstanceAttribute(ctx, &ec2.DescribeInstanceAttributeInput{
		InstanceId: &id, Attribute: types.InstanceAttributeNameDisableApiStop})
	err = translate("describe stop protection of "+id, err)
	if errors.Is(err, enforce.ErrGone) {
		return license.Instance{}, false, nil
	}
	if err != nil {
		return license.Instance{}, false, err
	}
	in.StopProtected = out.DisableApiStop != nil && aws.ToBool(out.DisableApiStop.Value)
	return in, true, nil
}

// Tag implements enforce.Instances. Keys and values are cleaned of what EC2
// refuses and cut to its limits.
func (c *Cloud) Tag(ctx context.Context, s track.Scope, id string, tags map[string]string) error {
	if len(tags) == 0 {
		return nil
	}
	if !instanceID.MatchString(id) {
		return fmt.Errorf("tag %q: %w", id, enforce.ErrGone)
	}
	in := &ec2.CreateTagsInput{Resources: []string{id}}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		in.Tags = append(in.Tags, types.Tag{
			Key: aws.String(cleanTag(key, maxTagKey)), Value: aws.String(cleanTag(tags[key], maxTagValue))})
	}
	_, err := c.in(s).CreateTags(ctx, in)
	return translate("tag "+id, err)
}

// Stop implements enforce.Instances. An instance that is stopped or on its way
// there is a success.
func (c *Cloud) Stop(ctx context.Context, s track.Scope, id string) error {
	if !instanceID.MatchString(id) {
		return fmt.Errorf("stop %q: %w", id, enforce.ErrGone)
	}
	_, err := c.in(s).StopInstances(ctx, &ec2.StopInstancesInput{InstanceIds: []string{id}})
	if code(err) != "IncorrectInstanceState" {
		return translate("stop "+id, err)
	}
	instances, lookErr := c.Instances(ctx, s, []string{id})
	if lookErr != nil {
		return lookErr
	}
	state := license.Terminated
	if len(instances) > 0 {
		state = instances[0].State
	}
	switch state {
	case license.Stopping, license.Stopped:
		return nil
	case license.ShuttingDown, license.Terminated:
		return fmt.Errorf("stop %s: it is %s: %w", id, state, enforce.ErrGone)
	default: // running, when it came up between the two calls
		return fmt.Errorf("stop %s: it is %s: %w", id, state, enforce.ErrNotYet)
	}
}

// Untag implements enforce.Instances. A tag that is not there is no error.
func (c *Cloud) Untag(ctx context.Context, s track.Scope, id string, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	if !instanceID.MatchString(id) {
		return fmt.Errorf("untag %q: %w", id, enforce.ErrGone)
	}
	in := &ec2.DeleteTagsInput{Resources: []string{id}}
	for _, key := range keys {
		in.Tags = append(in.Tags, types.Tag{Key: aws.String(key)})
	}
	_, err := c.in(s).DeleteTags(ctx, in)
	return translate("untag "+id, err)
}

// Start implements enforce.Instances. Starting an instance that runs or is about
// to is a success for EC2, too.
func (c *Cloud) Start(ctx context.Context, s track.Scope, id string) error {
	if !instanceID.MatchString(id) {
		return fmt.Errorf("start %q: %w", id, enforce.ErrGone)
	}
	_, err := c.in(s).StartInstances(ctx, &ec2.StartInstancesInput{InstanceIds: []string{id}})
	return translate("start "+id, err)
}
