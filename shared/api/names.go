package api

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"licenseguard/shared/license"
	"licenseguard/shared/registrar"
	"licenseguard/shared/telemetry"
)

// invalidARN begins the text by which clients know that a configuration does not
// exist, or no more (Terraform looks for it); no other error may hold it.
const invalidARN = "Invalid license configuration ARN"

func noConfiguration(arn string) *Error {
	return invalid("%s: %s", invalidARN, telemetry.Clean(arn, 200))
}

var regionForm = regexp.MustCompile(`^[a-z]{2}(-[a-z]{2,10}){1,3}-[0-9]{1,2}$`)

var resourceForm = regexp.MustCompile(`^arn:(aws|aws-cn|aws-us-gov):ec2:([a-z0-9-]{1,32}):([0-9]{0,12}):(image|instance|dedicated-host)/([0-9A-Za-z-]{1,70})$`)

// target reads the ARN of a resource that can be associated.
func (c *call) target(arn string) (registrar.Target, error) {
	m := resourceForm.FindStringSubmatch(arn)
	if m == nil {
		switch {
		case strings.Contains(arn, ":launch-template/"), strings.HasPrefix(arn, "arn:aws:cloudformation:"):
			return registrar.Target{}, invalid("ResourceArn: launch templates and stacks name license configurations themselves")
		case strings.HasPrefix(arn, "arn:aws:ssm:"), strings.HasPrefix(arn, "arn:aws:rds:"):
			return registrar.Target{}, invalid("ResourceArn: managed nodes and databases are not counted yet")
		}
		return registrar.Target{}, invalid("ResourceArn is %q: give that of an AMI, an instance or a Dedicated Host, such as arn:aws:ec2:%s::image/ami-0123456789abcdef0",
			telemetry.Clean(arn, 200), c.Region)
	}
	region, account, kind, id := m[2], m[3], m[4], m[5]
	if !c.Registrar.Watches(region) {
		return registrar.Target{}, invalid("ResourceArn is of Region %s; this is %s", region, c.Region)
	}
	t := registrar.Target{Kind: license.ByAMI}
	if kind != "image" {
		if !contains(c.Registrar.Accounts, account) {
			return registrar.Target{}, invalid("ResourceArn is of account %q, which is not watched here", account)
		}
		if t.Kind = license.ByInstance; kind == "dedicated-host" {
			t.Kind = license.ByHost
		}
	} else {
		account = c.Account
	}
	if err := (license.Association{Kind: t.Kind, Value: id}).Validate(); err != nil {
		return registrar.Target{}, invalid("ResourceArn: %v", err)
	}
	t.ID = license.NewResourceID(account, region, id)
	return t, nil
}

func contains(list []string, s string) bool { return slices.Contains(list, s) }

func names[V any](m map[string]V) string {
	return fmt.Sprint(strings.Join(slices.Sorted(maps.Keys(m)), ", "))
}
