package api

import (
	"cmp"
	"slices"
	"strings"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/telemetry"
)

// inventoryFilter is InventoryFilter of the model.
type inventoryFilter struct {
	Name      string `json:"Name" api:"required"`
	Condition string `json:"Condition" api:"required"`
	Value     string `json:"Value"`
}

type listInventoryInput struct {
	MaxResults *int64            `json:"MaxResults"`
	NextToken  string            `json:"NextToken"`
	Filters    []inventoryFilter `json:"Filters"`
}

// resourceInventory is ResourceInventory of the model.
type resourceInventory struct {
	ResourceID              string `json:"ResourceId"`
	ResourceType            string `json:"ResourceType"`
	ResourceArn             string `json:"ResourceArn"`
	Platform                string `json:"Platform,omitempty"`
	ResourceOwningAccountID string `json:"ResourceOwningAccountId"`
	UsageOperation          string `json:"UsageOperation,omitempty"`
	AmiID                   string `json:"AmiId,omitempty"`
	HostID                  string `json:"HostId,omitempty"`
	Region                  string `json:"Region"`
	InstanceType            string `json:"InstanceType,omitempty"`
}

type listInventoryOutput struct {
	ResourceInventoryList []resourceInventory `json:"ResourceInventoryList"`
	NextToken             string              `json:"NextToken,omitempty"`
}

// inventoryConditions are the conditions that each filter takes (License Manager API,
// ListResourceInventory, 2018-08-01). Those for tags are for every tag:KEY.
var inventoryConditions = map[string][]string{
	"account_id":       {"EQUALS", "NOT_EQUALS"},
	"application_name": {"EQUALS", "BEGINS_WITH"},
	"license_included": {"EQUALS", "NOT_EQUALS"},
	"platform":         {"EQUALS", "BEGINS_WITH"},
	"resource_id":      {"EQUALS", "NOT_EQUALS"},
	tagFilter:          {"EQUALS", "NOT_EQUALS"},
}

const tagFilter = "tag:KEY"

// listInventory lists the instances on record that have not ended. It reads the facts
// of all, page by page again.
func listInventory(c *call, in *listInventoryInput) (listInventoryOutput, error) {
	out := listInventoryOutput{ResourceInventoryList: []resourceInventory{}}
	most, after, err := c.start(paging{in.MaxResults, in.NextToken}, in.Filters)
	if err != nil {
		return out, err
	}
	if err := checkInventoryFilters(in.Filters); err != nil {
		return out, err
	}
	for _, s := range c.Registrar.Scopes() {
		err := c.Store.EachFacts(c.ctx, s.Account, s.Region, func(f ledger.Facts) error {
			r := inventoryOf(&f)
			if f.Instance.State != license.Terminated && r.ResourceArn > after && passesInventory(in.Filters, &r, f.Instance.Tags) {
				out.ResourceInventoryList = append(out.ResourceInventoryList, r)
			}
			return nil
		})
		if err != nil {
			return out, err
		}
	}
	arn := func(r *resourceInventory) string { return r.ResourceArn }
	slices.SortFunc(out.ResourceInventoryList, func(a, b resourceInventory) int { return cmp.Compare(arn(&a), arn(&b)) })
	page, last := cut(out.ResourceInventoryList, arn, after, most)
	out.ResourceInventoryList, out.NextToken = page, c.next(last, in.Filters)
	return out, nil
}

func checkInventoryFilters(filters []inventoryFilter) error {
	if len(filters) > maxFilters {
		return refusal(typeFilters, "%d filters: give at most %d", len(filters), maxFilters)
	}
	for _, f := range filters {
		name := f.Name
		if strings.HasPrefix(name, "tag:") && len(name) > len("tag:") {
			name = tagFilter
		}
		legal, ok := inventoryConditions[name]
		switch {
		case !ok:
			return invalid("Filters: there is no filter %q here; there are %s", telemetry.Clean(f.Name, 100), names(inventoryConditions))
		case !contains(legal, f.Condition):
			return invalid("Filters: the condition of %s is %s, not %q", telemetry.Clean(f.Name, 100), strings.Join(legal, " or "), telemetry.Clean(f.Condition, 40))
		case name == "application_name" || name == "license_included":
			return &Error{Status: 400, Type: typeDependency, Code: codeNoInventory,
				Message: "the filter " + name + " needs the software inventory of Systems Manager, which licenseguard reads to find products and does not keep"}
		}
	}
	return nil
}

func passesInventory(filters []inventoryFilter, r *resourceInventory, tags map[string]string) bool {
	for _, f := range filters {
		var value string
		has := true
		switch f.Name {
		case "account_id":
			value = r.ResourceOwningAccountID
		case "platform":
			value = r.Platform
		case "resource_id":
			value = r.ResourceID
		default:
			value, has = tags[strings.TrimPrefix(f.Name, "tag:")]
		}
		equal := has && value == f.Value
		switch f.Condition {
		case "NOT_EQUALS":
			equal = !equal
		case "BEGINS_WITH":
			equal = strings.HasPrefix(value, f.Value)
		}
		if !equal {
			return false
		}
	}
	return true
}

func inventoryOf(f *ledger.Facts) resourceInventory {
	in := &f.Instance
	account, region, id := in.ID.Parts()
	return resourceInventory{ResourceID: strings.TrimPrefix(id, license.DatabasePrefix), ResourceType: string(in.ID.Type()), ResourceArn: in.ID.ARN(), Platform: platforms[in.UsageOperation],
		ResourceOwningAccountID: account, UsageOperation: in.UsageOperation, AmiID: in.ImageID, HostID: in.HostID, Region: region, InstanceType: in.Type}
}

// platforms are the platform details of usage operations (EC2 User Guide, AMI billing
// information fields, 2026).
var platforms = map[string]string{
	"RunInstances":      "Linux/UNIX",
	"RunInstances:00g0": "Red Hat BYOL Linux",
	"RunInstances:0010": "Red Hat Enterprise Linux",
	"RunInstances:1010": "Red Hat Enterprise Linux with HA",
	"RunInstances:1014": "Red Hat Enterprise Linux with SQL Server Standard and HA",
	"RunInstances:1110": "Red Hat Enterprise Linux with SQL Server Enterprise and HA",
	"RunInstances:0014": "Red Hat Enterprise Linux with SQL Server Standard",
	"RunInstances:0210": "Red Hat Enterprise Linux with SQL Server Web",
	"RunInstances:0110": "Red Hat Enterprise Linux with SQL Server Enterprise",
	"RunInstances:0100": "SQL Server Enterprise",
	"RunInstances:0004": "SQL Server Standard",
	"RunInstances:0200": "SQL Server Web",
	"RunInstances:000g": "SUSE Linux",
	"RunInstances:0g00": "Ubuntu Pro",
	"RunInstances:0002": "Windows",
	"RunInstances:0800": "Windows BYOL",
	"RunInstances:0102": "Windows with SQL Server Enterprise",
	"RunInstances:0006": "Windows with SQL Server Standard",
	"RunInstances:0202": "Windows with SQL Server Web",
}
