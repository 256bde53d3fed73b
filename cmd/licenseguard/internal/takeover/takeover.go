// Package takeover reads the self-managed licenses of an AWS License Manager account
// as configurations of ours, and lists what it cannot take over. It only reads.
package takeover

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/licensemanager"
	"github.com/aws/aws-sdk-go-v2/service/licensemanager/types"

	"licenseguard/shared/license"
)

// Client is what is asked of License Manager.
type Client interface {
	ListLicenseConfigurations(context.Context, *licensemanager.ListLicenseConfigurationsInput, ...func(*licensemanager.Options)) (*licensemanager.ListLicenseConfigurationsOutput, error)
	GetLicenseConfiguration(context.Context, *licensemanager.GetLicenseConfigurationInput, ...func(*licensemanager.Options)) (*licensemanager.GetLicenseConfigurationOutput, error)
	ListAssociationsForLicenseConfiguration(context.Context, *licensemanager.ListAssociationsForLicenseConfigurationInput, ...func(*licensemanager.Options)) (*licensemanager.ListAssociationsForLicenseConfigurationOutput, error)
}

// Result is what an account has.
type Result struct {
	Licenses []license.Configuration
	Left     []Left
}

// Left is something that was not taken over, and why.
type Left struct{ License, What, Why string }

// maxAssociations is how many a configuration of ours takes, less the one by which it
// goes on for the old one.
const maxAssociations = 499

// Read reads all configurations, in License Manager's order. Each keeps its id, its
// rules byte for byte, and its ARN as an association, so that instances that name the
// old configuration are counted by the new one.
func Read(ctx context.Context, client Client) (Result, error) {
	var r Result
	var next *string
	for {
		page, err := client.ListLicenseConfigurations(ctx, &licensemanager.ListLicenseConfigurationsInput{NextToken: next})
		if err != nil {
			return r, fmt.Errorf("list license configurations: %w", err)
		}
		for i := range page.LicenseConfigurations {
			if err := r.add(ctx, client, aws.ToString(page.LicenseConfigurations[i].LicenseConfigurationArn)); err != nil {
				return r, err
			}
		}
		if next = page.NextToken; aws.ToString(next) == "" {
			return r, nil
		}
	}
}

// add reads one configuration.
func (r *Result) add(ctx context.Context, client Client, arn string) error {
	got, err := client.GetLicenseConfiguration(ctx, &licensemanager.GetLicenseConfigurationInput{LicenseConfigurationArn: &arn})
	if err != nil {
		return fmt.Errorf("get %s: %w", arn, err)
	}
	c := configuration(got)
	if c.Associations, err = r.associations(ctx, client, arn, c.Name); err != nil {
		return err
	}
	c.Associations = append(c.Associations, license.Association{Kind: license.BySpecification, Value: arn})
	tagged, err := c.WithTags(r.tags(c.Name, got.Tags))
	if err == nil {
		tagged, err = tagged.Normalized()
	}
	if err != nil {
		r.leave(c.Name, "the license "+c.ID, err.Error())
		return nil
	}
	r.Licenses = append(r.Licenses, tagged)
	return nil
}

func configuration(got *licensemanager.GetLicenseConfigurationOutput) license.Configuration {
	arn := aws.ToString(got.LicenseConfigurationArn)
	c := license.Configuration{ID: arn[strings.LastIndexAny(arn, ":/")+1:], ARN: arn, Name: aws.ToString(got.Name), Description: aws.ToString(got.Description),
		CountingType: license.CountingType(got.LicenseCountingType), Count: got.LicenseCount, HardLimit: aws.ToBool(got.LicenseCountHardLimit) && got.LicenseCount != nil,
		Status: license.Status(aws.ToString(got.Status)), Rules: []license.RuleVersion{{Text: got.LicenseRules}},
		DisassociateWhenNotFound: aws.ToBool(got.DisassociateWhenNotFound), Enforcement: license.DefaultEnforcement()}
	if got.LicenseExpiry != nil {
		c.Expiry = time.Unix(*got.LicenseExpiry, 0).UTC()
	}
	for _, p := range got.ProductInformationList {
		one := license.Product{ResourceType: aws.ToString(p.ResourceType)}
		for _, f := range p.ProductInformationFilterList {
			one.Filters = append(one.Filters, license.ProductFilter{Name: aws.ToString(f.ProductInformationFilterName),
				Comparator: aws.ToString(f.ProductInformationFilterComparator), Values: f.ProductInformationFilterValue})
		}
		c.Products = append(c.Products, one)
	}
	return c
}

func (r *Result) tags(name string, given []types.Tag) map[string]string {
	tags := make(map[string]string, len(given))
	for _, t := range given {
		key := aws.ToString(t.Key)
		if strings.HasPrefix(strings.ToLower(key), "aws:") {
			r.leave(name, "the tag "+key, "AWS sets it by itself")
			continue
		}
		tags[key] = aws.ToString(t.Value)
	}
	return tags
}

func (r *Result) associations(ctx context.Context, client Client, arn, name string) (out []license.Association, err error) {
	var next *string
	for {
		page, err := client.ListAssociationsForLicenseConfiguration(ctx, &licensemanager.ListAssociationsForLicenseConfigurationInput{LicenseConfigurationArn: &arn, NextToken: next})
		if err != nil {
			return nil, fmt.Errorf("list associations of %s: %w", arn, err)
		}
		for _, a := range page.LicenseConfigurationAssociations {
			resource := aws.ToString(a.ResourceArn)
			one := license.Association{Kind: kindOf(a.ResourceType), Value: resource[strings.LastIndexAny(resource, ":/")+1:]}
			switch err := one.Validate(); {
			case one.Kind == "":
				r.leave(name, resource, fmt.Sprintf("resources of type %s are not counted yet", a.ResourceType))
			case err != nil:
				r.leave(name, resource, err.Error())
			case len(out) == maxAssociations:
				r.leave(name, resource, "a license takes at most 500 associations; use a tag for more")
			default:
				out = append(out, one)
			}
		}
		if next = page.NextToken; aws.ToString(next) == "" {
			return out, nil
		}
	}
}

// kindOf is "" for what we do not associate.
func kindOf(t types.ResourceType) license.AssociationKind {
	switch t {
	case types.ResourceTypeEc2Ami:
		return license.ByAMI
	case types.ResourceTypeEc2Host:
		return license.ByHost
	case types.ResourceTypeEc2Instance:
		return license.ByInstance
	default:
		return ""
	}
}

func (r *Result) leave(name, what, why string) { r.Left = append(r.Left, Left{name, what, why}) }
