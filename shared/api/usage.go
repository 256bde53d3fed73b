package api

import (
	"cmp"
	"slices"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// licenseConfigurationUsage is LicenseConfigurationUsage of the model.
type licenseConfigurationUsage struct {
	ResourceArn      string `json:"ResourceArn"`
	ResourceType     string `json:"ResourceType"`
	ResourceStatus   string `json:"ResourceStatus"`
	ResourceOwnerID  string `json:"ResourceOwnerId"`
	AssociationTime  *epoch `json:"AssociationTime,omitempty"`
	ConsumedLicenses int64  `json:"ConsumedLicenses"`
}

type listUsageOutput struct {
	LicenseConfigurationUsageList []licenseConfigurationUsage `json:"LicenseConfigurationUsageList"`
	NextToken                     string                      `json:"NextToken,omitempty"`
}

var usageFilters = map[string][]string{
	"resourceArn":     nil,
	"resourceType":    {string(license.EC2Instance), string(license.EC2Host), string(license.EC2AMI), string(license.ManagedNode), string(license.Database)},
	"resourceAccount": nil,
}

// using is an entry that uses licenses, with its ARN.
type using struct {
	key   string
	entry *ledger.Entry
}

// listUsage lists every resource that uses the license: what is over the limit, too.
// The numbers add up to the ConsumedLicenses of the configuration.
func listUsage(c *call, in *listOfConfigurationInput) (listUsageOutput, error) {
	out := listUsageOutput{LicenseConfigurationUsageList: []licenseConfigurationUsage{}}
	found, err := c.find(in.LicenseConfigurationArn)
	if err != nil {
		return out, err
	}
	most, after, err := c.start(paging{in.MaxResults, in.NextToken}, found.ID, in.Filters)
	if err != nil {
		return out, err
	}
	if err := checkFilters(in.Filters, usageFilters); err != nil {
		return out, err
	}
	l, err := c.load(found.ID)
	if err != nil {
		return out, err
	}
	page, last := cut(usingOf(l, in.Filters), func(u *using) string { return u.key }, after, most)
	list := make([]associated, 0, len(page))
	for _, u := range page {
		one := associated{resource: u.entry.Resource}
		if len(u.entry.Members) > 0 {
			one.via = u.entry.Members[0].Instance
		}
		list = append(list, one)
	}
	since, err := c.heldSince(l, list)
	if err != nil {
		return out, err
	}
	for _, u := range page {
		account, _, _ := u.entry.Resource.Parts()
		out.LicenseConfigurationUsageList = append(out.LicenseConfigurationUsageList, licenseConfigurationUsage{
			ResourceArn: u.key, ResourceType: string(u.entry.Resource.Type()), ResourceStatus: statusOf(u.entry), ResourceOwnerID: account,
			AssociationTime: epochOf(since[u.entry.Resource]), ConsumedLicenses: u.entry.Licenses})
	}
	out.NextToken = c.next(last, found.ID, in.Filters)
	return out, nil
}

// usingOf lists the entries that use licenses and pass, in the order of their ARNs.
func usingOf(l *ledger.License, filters []filter) []using {
	out := make([]using, 0, len(l.Entries))
	for i := range l.Entries {
		e := &l.Entries[i]
		if e.Verdict == ledger.Released {
			continue
		}
		u := using{e.Resource.ARN(), e}
		if passes(filters, u.value) {
			out = append(out, u)
		}
	}
	slices.SortFunc(out, func(a, b using) int { return cmp.Compare(a.key, b.key) })
	return out
}

func (u using) value(name string) string {
	switch name {
	case "resourceArn":
		return u.key
	case "resourceType":
		return string(u.entry.Resource.Type())
	default:
		account, _, _ := u.entry.Resource.Parts()
		return account
	}
}

// statusOf is the instance's state; a host with an instance is in use.
func statusOf(e *ledger.Entry) string {
	if e.Resource.Type() == license.EC2Host {
		return "available"
	}
	if len(e.Members) == 0 {
		return "unknown"
	}
	return string(e.Members[0].State)
}
