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
}

type tag struct{ key, value string }

// instancesAtMost is what fits beside the longest tag: a role's inline policies
// have 10,240 characters, by the CDK's cautious count of references, and each
// instance is named in three statements.
const instancesAtMost = 10

// arns are what a statement about instances names.
func (r reach) arns() []string {
	if len(r.instances) == 0 {
		return []string{arnHere("ec2", "instance/*")}
	}
	arns := make([]string, len(r.instances))
	for i, instance := range r.instances {
		arns[i] = instance
		if !strings.HasPrefix(instance, "arn:") {
			arns[i] = arnHere("ec2", "instance/"+instance)
		}
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
func arnHere(service, name string) string {
	return "arn:" + *awscdk.Aws_PARTITION() + ":" + service + ":" + *awscdk.Aws_REGION() + ":" + *awscdk.Aws_ACCOUNT_ID() + ":" + name
}
