package api

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// licenseSpecification is LicenseSpecification of the model.
type licenseSpecification struct {
	LicenseConfigurationArn string `json:"LicenseConfigurationArn" api:"required"`
	AmiAssociationScope     string `json:"AmiAssociationScope,omitempty"`
}

type updateSpecificationsInput struct {
	ResourceArn                 string                 `json:"ResourceArn" api:"required"`
	AddLicenseSpecifications    []licenseSpecification `json:"AddLicenseSpecifications"`
	RemoveLicenseSpecifications []licenseSpecification `json:"RemoveLicenseSpecifications"`
}

func updateSpecifications(c *call, in *updateSpecificationsInput) (none, error) {
	target, err := c.target(in.ResourceArn)
	if err != nil {
		return none{}, err
	}
	if len(in.AddLicenseSpecifications)+len(in.RemoveLicenseSpecifications) == 0 {
		return none{}, invalid("give AddLicenseSpecifications or RemoveLicenseSpecifications")
	}
	b, err := c.configurations()
	if err != nil {
		return none{}, err
	}
	add, err := b.ids("AddLicenseSpecifications", in.AddLicenseSpecifications, target.Kind)
	if err != nil {
		return none{}, err
	}
	remove, err := b.ids("RemoveLicenseSpecifications", in.RemoveLicenseSpecifications, target.Kind)
	if err != nil {
		return none{}, err
	}
	for _, id := range add {
		if slices.Contains(remove, id) {
			return none{}, invalid("%s is to be added and removed; decide on one", id)
		}
	}
	unfit, err := c.Registrar.Associate(c.ctx, target, add, remove, c.by)
	if err != nil || len(unfit) == 0 {
		return none{}, err
	}
	var why []string
	for _, u := range unfit {
		why = append(why, u.String())
	}
	return none{}, refusal(typeUsage, "%s. The association is kept and the use is counted, because a limit hides no use; nothing is stopped unless a person approves it. "+
		"Remove the association, or add licenses", strings.Join(why, "; "))
}

// ids resolves specifications to configuration ids, each once.
func (b books) ids(member string, list []licenseSpecification, kind license.AssociationKind) ([]string, error) {
	var out []string
	for _, s := range list {
		if s.AmiAssociationScope != "" && (s.AmiAssociationScope != "cross-account" || kind != license.ByAMI) {
			return nil, invalid("%s: AmiAssociationScope may be cross-account, for an AMI", member)
		}
		found, err := b.find(s.LicenseConfigurationArn)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(out, found.ID) {
			out = append(out, found.ID)
		}
	}
	return out, nil
}

type listSpecificationsInput struct {
	ResourceArn string `json:"ResourceArn" api:"required"`
	MaxResults  *int64 `json:"MaxResults"`
	NextToken   string `json:"NextToken"`
}

type listSpecificationsOutput struct {
	LicenseSpecifications []licenseSpecification `json:"LicenseSpecifications"`
	NextToken             string                 `json:"NextToken,omitempty"`
}

func listSpecifications(c *call, in *listSpecificationsInput) (listSpecificationsOutput, error) {
	out := listSpecificationsOutput{LicenseSpecifications: []licenseSpecification{}}
	target, err := c.target(in.ResourceArn)
	if err != nil {
		return out, err
	}
	most, after, err := c.start(paging{in.MaxResults, in.NextToken}, in.ResourceArn)
	if err != nil {
		return out, err
	}
	b, err := c.configurations()
	if err != nil {
		return out, err
	}
	held := make(map[string]bool)
	if target.Kind == license.ByInstance {
		facts, err := c.Store.LoadFacts(c.ctx, []license.ResourceID{target.ID})
		if err != nil {
			return out, err
		}
		for _, h := range facts[target.ID].Held {
			held[h.ConfigurationID] = h.Ended.IsZero() && facts[target.ID].Instance.State != license.Terminated
		}
	}
	for i := range b.all {
		k := &b.all[i]
		named := slices.ContainsFunc(k.Associations, func(a license.Association) bool { return a.Kind == target.Kind && a.Value == target.ID.AWSID() })
		if named || held[k.ID] {
			out.LicenseSpecifications = append(out.LicenseSpecifications, licenseSpecification{LicenseConfigurationArn: k.ARN})
		}
	}
	arn := func(s *licenseSpecification) string { return s.LicenseConfigurationArn }
	slices.SortFunc(out.LicenseSpecifications, func(a, b licenseSpecification) int { return cmp.Compare(arn(&a), arn(&b)) })
	page, last := cut(out.LicenseSpecifications, arn, after, most)
	out.LicenseSpecifications, out.NextToken = page, c.next(last, in.ResourceArn)
	return out, nil
}

// licenseConfigurationAssociation is LicenseConfigurationAssociation of the model.
type licenseConfigurationAssociation struct {
	ResourceArn     string `json:"ResourceArn"`
	ResourceType    string `json:"ResourceType"`
	ResourceOwnerID string `json:"ResourceOwnerId"`
	AssociationTime *epoch `json:"AssociationTime,omitempty"`
}

type listOfConfigurationInput struct {
	LicenseConfigurationArn string   `json:"LicenseConfigurationArn" api:"required"`
	MaxResults              *int64   `json:"MaxResults"`
	NextToken               string   `json:"NextToken"`
	Filters                 []filter `json:"Filters"`
}

type listAssociationsOutput struct {
	LicenseConfigurationAssociations []licenseConfigurationAssociation `json:"LicenseConfigurationAssociations"`
	NextToken                        string                            `json:"NextToken,omitempty"`
}

func listAssociations(c *call, in *listOfConfigurationInput) (listAssociationsOutput, error) {
	out := listAssociationsOutput{LicenseConfigurationAssociations: []licenseConfigurationAssociation{}}
	found, err := c.find(in.LicenseConfigurationArn)
	if err != nil {
		return out, err
	}
	most, after, err := c.start(paging{in.MaxResults, in.NextToken}, found.ID)
	if err != nil {
		return out, err
	}
	l, err := c.load(found.ID)
	if err != nil {
		return out, err
	}
	page, last := cut(c.associated(l), func(a *associated) string { return a.key }, after, most)
	held, err := c.heldSince(l, page)
	if err != nil {
		return out, err
	}
	for _, a := range page {
		account, _, _ := a.resource.Parts()
		since := a.since
		if since.IsZero() {
			since = held[a.resource]
		}
		out.LicenseConfigurationAssociations = append(out.LicenseConfigurationAssociations, licenseConfigurationAssociation{
			ResourceArn: a.resource.ARN(), ResourceType: string(a.resource.Type()), ResourceOwnerID: account, AssociationTime: epochOf(since)})
	}
	out.NextToken = c.next(last, found.ID)
	return out, nil
}

// associated is a resource to which a license applies.
type associated struct {
	key      string // its ARN, by which lists are in order
	resource license.ResourceID
	since    time.Time // zero: the facts tell
	via      license.ResourceID
}

// associated lists the AMIs, instances and hosts that the configuration names, the
// instances that have it through something else and use it or did lately, and the
// hosts that use it.
func (c *call) associated(l *ledger.License) []associated {
	seen := make(map[license.ResourceID]bool)
	var out []associated
	add := func(a associated) {
		if !seen[a.resource] {
			seen[a.resource] = true
			a.key = a.resource.ARN()
			out = append(out, a)
		}
	}
	owner := make(map[string]license.ResourceID) // of what the license holds
	for i := range l.Entries {
		owner[l.Entries[i].Resource.AWSID()] = l.Entries[i].Resource
		for j := range l.Entries[i].Members {
			owner[l.Entries[i].Members[j].Instance.AWSID()] = l.Entries[i].Members[j].Instance
		}
	}
	for _, a := range l.Configuration.Associations {
		if a.Kind != license.ByAMI && a.Kind != license.ByInstance && a.Kind != license.ByHost {
			continue
		}
		id, ok := owner[a.Value]
		if !ok {
			id = license.NewResourceID(c.Account, c.Region, a.Value)
		}
		add(associated{resource: id, since: a.Since})
	}
	for i := range l.Entries {
		e := &l.Entries[i]
		if e.Resource.Type() == license.EC2Host && e.Verdict != ledger.Released {
			one := associated{resource: e.Resource}
			if len(e.Members) > 0 {
				one.via = e.Members[0].Instance
			}
			add(one)
		}
		for j := range e.Members {
			if m := &e.Members[j]; !m.Gone && m.State != license.Terminated {
				add(associated{resource: m.Instance, via: m.Instance})
			}
		}
	}
	slices.SortFunc(out, func(a, b associated) int { return cmp.Compare(a.key, b.key) })
	return out
}

// heldSince tells since when resources have the license, as far as facts tell; a host
// since its first instance had it.
func (c *call) heldSince(l *ledger.License, list []associated) (map[license.ResourceID]time.Time, error) {
	var ids []license.ResourceID
	for _, a := range list {
		if a.via != "" && a.since.IsZero() {
			ids = append(ids, a.via)
		}
	}
	slices.Sort(ids)
	facts, err := c.Store.LoadFacts(c.ctx, slices.Compact(ids))
	if err != nil {
		return nil, err
	}
	out := make(map[license.ResourceID]time.Time, len(list))
	for _, a := range list {
		for _, h := range facts[a.via].Held {
			if h.ConfigurationID == l.Configuration.ID {
				out[a.resource] = h.Since
			}
		}
	}
	return out, nil
}
