package main

import (
	"maps"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
)

// reach is which instances enforce may touch. Its zero value is every instance
// of the account and Region.
type reach struct {
	managed   *tag     // only what has this tag
	instances []string // only these, as ids or ARNs
	regions   []string // in which; none: the stack's own
}

type tag struct{ key, value string }

// instancesAtMost is what fits beside the longest tag: a role's inline policies
// have 10,240 characters, by the CDK's cautious count of references, and each
// instance is named in three statements.
const instancesAtMost = 10

// arns are what a statement about instances names.
func (r reach) arns() []string {
	if len(r.instances) == 0 {
		return r.everywhere("ec2", "instance/*")
	}
	var arns []string
	for _, instance := range r.instances {
		if strings.HasPrefix(instance, "arn:") {
			arns = append(arns, instance)
		} else {
			arns = append(arns, r.everywhere("ec2", "instance/"+instance)...)
		}
	}
	return arns
}

// everywhere are the ARNs of something in each of the Regions.
func (r reach) everywhere(service, name string) []string {
	if len(r.regions) == 0 {
		return []string{arnHere(service, name)}
	}
	arns := make([]string, len(r.regions))
	for i, region := range r.regions {
		arns[i] = arnIn(region, service, name)
	}
	return arns
}

// within adds to the conditions of a statement that the resource is managed.
func (r reach) within(when conditions) conditions {
	if r.managed == nil {
		return when
	}
	all := conditions{"StringEquals": {}}
	for operator, keys := range when {
		all[operator] = maps.Clone(keys)
	}
	all["StringEquals"][resourceTag(r.managed.key)] = r.managed.value
	return all
}

// resourceTag is IAM's name for the value of a resource's tag.
func resourceTag(key string) string { return "aws:ResourceTag/" + key }

// arnHere is the ARN of something in the stack's own account and Region.
func arnHere(service, name string) string { return arnIn(*awscdk.Aws_REGION(), service, name) }

func arnIn(region, service, name string) string {
	return "arn:" + *awscdk.Aws_PARTITION() + ":" + service + ":" + region + ":" + *awscdk.Aws_ACCOUNT_ID() + ":" + name
}

// accept tells cdk-nag why the wildcards of a statement's ARNs are right.
func (f function) accept(reason string, r reach, service, name string) {
	regions := r.regions
	if len(regions) == 0 {
		regions = []string{"<AWS::Region>"}
	}
	for _, region := range regions {
		f.acceptWildcard(reason, "Resource::arn:<AWS::Partition>:"+service+":"+region+":<AWS::AccountId>:"+name)
	}
}
