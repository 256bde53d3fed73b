package api

import (
	"slices"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/registrar"
	"licenseguard/shared/track"
)

type createConfigurationInput struct {
	Name                     string               `json:"Name" api:"required"`
	Description              string               `json:"Description"`
	LicenseCountingType      string               `json:"LicenseCountingType" api:"required"`
	LicenseCount             *int64               `json:"LicenseCount"`
	LicenseCountHardLimit    bool                 `json:"LicenseCountHardLimit"`
	LicenseRules             []string             `json:"LicenseRules"`
	Tags                     []tag                `json:"Tags"`
	DisassociateWhenNotFound bool                 `json:"DisassociateWhenNotFound"`
	ProductInformationList   []productInformation `json:"ProductInformationList"`
	LicenseExpiry            *int64               `json:"LicenseExpiry"`
}

type configurationARN struct {
	LicenseConfigurationArn string `json:"LicenseConfigurationArn" api:"required"`
}

func createConfiguration(c *call, in *createConfigurationInput) (configurationARN, error) {
	wanted := license.Configuration{
		Name: in.Name, Description: in.Description, CountingType: license.CountingType(in.LicenseCountingType), Count: in.LicenseCount,
		HardLimit: in.LicenseCountHardLimit, Rules: []license.RuleVersion{{Text: in.LicenseRules}},
		DisassociateWhenNotFound: in.DisassociateWhenNotFound, Products: productsOf(in.ProductInformationList),
		Enforcement: license.DefaultEnforcement(),
	}
	var err error
	if in.LicenseExpiry != nil {
		if *in.LicenseExpiry == 0 {
			return configurationARN{}, invalid("LicenseExpiry is 0: give seconds since 1970, or leave it out")
		}
		if wanted.Expiry, err = expiryOf(*in.LicenseExpiry); err != nil {
			return configurationARN{}, err
		}
	}
	tags, err := tagsOf(in.Tags, nil)
	if err != nil {
		return configurationARN{}, err
	}
	if wanted, err = wanted.WithTags(tags); err != nil {
		return configurationARN{}, err
	}
	o, err := c.Registrar.Create(c.ctx, wanted, c.by)
	if err != nil {
		return configurationARN{}, err
	}
	return configurationARN{o.License.Configuration.ARN}, nil
}

// expiryOf reads LicenseExpiry; 0 is none.
func expiryOf(seconds int64) (time.Time, error) {
	if seconds < 0 || seconds > latest {
		return time.Time{}, invalid("LicenseExpiry is %d: give seconds since 1970, not milliseconds", seconds)
	}
	if seconds == 0 {
		return time.Time{}, nil
	}
	return time.Unix(seconds, 0).UTC(), nil
}

type updateConfigurationInput struct {
	LicenseConfigurationArn    string                `json:"LicenseConfigurationArn" api:"required"`
	LicenseConfigurationStatus *string               `json:"LicenseConfigurationStatus"`
	LicenseRules               *[]string             `json:"LicenseRules"`
	LicenseCount               *int64                `json:"LicenseCount"`
	LicenseCountHardLimit      *bool                 `json:"LicenseCountHardLimit"`
	Name                       *string               `json:"Name"`
	Description                *string               `json:"Description"`
	ProductInformationList     *[]productInformation `json:"ProductInformationList"`
	DisassociateWhenNotFound   *bool                 `json:"DisassociateWhenNotFound"`
	LicenseExpiry              *int64                `json:"LicenseExpiry"`
}

func updateConfiguration(c *call, in *updateConfigurationInput) (none, error) {
	found, err := c.find(in.LicenseConfigurationArn)
	if err != nil {
		return none{}, err
	}
	o, err := c.Registrar.Change(c.ctx, found.ID, found, c.by, in.change())
	if err != nil {
		return none{}, err
	}
	c.logMoved(o)
	return none{}, nil
}

// change sets what is given. Rules that differ from those in force begin now; versions
// that a person planned for later stay.
func (in *updateConfigurationInput) change() func(license.Configuration) (license.Configuration, error) {
	return func(l license.Configuration) (license.Configuration, error) {
		set(&l.Name, in.Name)
		set(&l.Description, in.Description)
		set(&l.HardLimit, in.LicenseCountHardLimit)
		set(&l.DisassociateWhenNotFound, in.DisassociateWhenNotFound)
		if in.LicenseConfigurationStatus != nil {
			if l.Status = license.Status(*in.LicenseConfigurationStatus); l.Status == "" {
				return l, invalid("LicenseConfigurationStatus is empty: it is AVAILABLE or DISABLED")
			}
		}
		if in.LicenseCount != nil {
			l.Count = in.LicenseCount
		}
		if in.LicenseRules != nil {
			l.Rules = append(slices.Clone(l.Rules), license.RuleVersion{Text: *in.LicenseRules})
		}
		if in.ProductInformationList != nil {
			l.Products = productsOf(*in.ProductInformationList)
		}
		var err error
		if in.LicenseExpiry != nil {
			l.Expiry, err = expiryOf(*in.LicenseExpiry)
		}
		return l, err
	}
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

// maxMoved is how many resources whose verdict a change moved are named in the log.
const maxMoved = 20

// logMoved tells the log whom a change moved.
func (c *call) logMoved(o registrar.Outcome) {
	if o.Before == nil || !o.Written {
		return
	}
	before := make(map[license.ResourceID]ledger.Verdict, len(o.Before.Entries))
	for i := range o.Before.Entries {
		before[o.Before.Entries[i].Resource] = o.Before.Entries[i].Verdict
	}
	var moved []string
	n := 0
	for i := range o.License.Entries {
		e := &o.License.Entries[i]
		if was := before[e.Resource]; was != e.Verdict {
			if n++; n <= maxMoved {
				moved = append(moved, e.Resource.AWSID()+": "+string(was)+" → "+string(e.Verdict))
			}
		}
	}
	if n > 0 {
		c.Log.InfoContext(c.ctx, "license changed verdicts", "license", o.License.Configuration.ID, "by", c.by, "resources", n, "first", moved)
	}
}

func deleteConfiguration(c *call, in *configurationARN) (none, error) {
	found, err := c.find(in.LicenseConfigurationArn)
	if err != nil {
		return none{}, err
	}
	return none{}, c.Registrar.Delete(c.ctx, found.ID, c.by)
}

// licenseConfiguration is LicenseConfiguration of the model.
type licenseConfiguration struct {
	LicenseConfigurationID     string                   `json:"LicenseConfigurationId"`
	LicenseConfigurationArn    string                   `json:"LicenseConfigurationArn"`
	Name                       string                   `json:"Name"`
	Description                string                   `json:"Description,omitempty"`
	LicenseCountingType        string                   `json:"LicenseCountingType"`
	LicenseRules               []string                 `json:"LicenseRules"`
	LicenseCount               *int64                   `json:"LicenseCount,omitempty"`
	LicenseCountHardLimit      bool                     `json:"LicenseCountHardLimit"`
	DisassociateWhenNotFound   bool                     `json:"DisassociateWhenNotFound"`
	ConsumedLicenses           int64                    `json:"ConsumedLicenses"`
	Status                     string                   `json:"Status"`
	OwnerAccountID             string                   `json:"OwnerAccountId"`
	ConsumedLicenseSummaryList []consumedLicenseSummary `json:"ConsumedLicenseSummaryList"`
	ManagedResourceSummaryList []managedResourceSummary `json:"ManagedResourceSummaryList"`
	ProductInformationList     []productInformation     `json:"ProductInformationList,omitempty"`
	LicenseExpiry              *int64                   `json:"LicenseExpiry,omitempty"`
}

type consumedLicenseSummary struct {
	ResourceType     string `json:"ResourceType"`
	ConsumedLicenses int64  `json:"ConsumedLicenses"`
}

type managedResourceSummary struct {
	ResourceType     string `json:"ResourceType"`
	AssociationCount int64  `json:"AssociationCount"`
}

// resourceTypes are those that a summary lists, in AWS's order; an AMI consumes nothing.
var resourceTypes = []license.ResourceType{license.EC2Instance, license.EC2Host, license.EC2AMI, license.ManagedNode, license.Database}

// view shows a license as clients see it.
func (c *call) view(l *ledger.License) licenseConfiguration {
	k := &l.Configuration
	rules := []string{}
	if _, version := k.RulesAt(c.now); version > 0 {
		rules = append(rules, k.Rules[version-1].Text...)
	}
	v := licenseConfiguration{
		LicenseConfigurationID: k.ID, LicenseConfigurationArn: k.ARN, Name: k.Name, Description: k.Description,
		LicenseCountingType: string(k.CountingType), LicenseRules: rules, LicenseCount: k.Count, LicenseCountHardLimit: k.HardLimit,
		DisassociateWhenNotFound: k.DisassociateWhenNotFound, ConsumedLicenses: l.Totals.Deployed(), Status: string(k.Status),
		OwnerAccountID: c.Account, ProductInformationList: productInformationOf(k.Products),
	}
	if !k.Expiry.IsZero() {
		seconds := k.Expiry.Unix()
		v.LicenseExpiry = &seconds
	}
	count := make(map[license.ResourceType]int64)
	for _, a := range c.associated(l) {
		count[a.resource.Type()]++
	}
	used := l.UsedBy()
	for _, t := range resourceTypes {
		if t != license.EC2AMI {
			v.ConsumedLicenseSummaryList = append(v.ConsumedLicenseSummaryList, consumedLicenseSummary{string(t), used[t]})
		}
		v.ManagedResourceSummaryList = append(v.ManagedResourceSummaryList, managedResourceSummary{string(t), count[t]})
	}
	return v
}

type getConfigurationOutput struct {
	licenseConfiguration
	AutomatedDiscoveryInformation *automatedDiscovery `json:"AutomatedDiscoveryInformation,omitempty"`
	Tags                          []tag               `json:"Tags,omitempty"`
}

type automatedDiscovery struct {
	LastRunTime epoch `json:"LastRunTime"`
}

// discovery tells when everything that is watched was last looked through for the
// products of a configuration: by the sweep that is oldest. It is nil without products,
// and before all were swept.
func (c *call) discovery(k *license.Configuration) (*automatedDiscovery, error) {
	if len(k.Products) == 0 {
		return nil, nil
	}
	watches, err := track.Watches(c.ctx, c.Store)
	if err != nil || len(watches) == 0 {
		return nil, err
	}
	oldest := watches[0].Complete
	for _, w := range watches[1:] {
		if w.Complete.Before(oldest) {
			oldest = w.Complete
		}
	}
	if oldest.IsZero() {
		return nil, nil
	}
	return &automatedDiscovery{epoch(oldest)}, nil
}

func getConfiguration(c *call, in *configurationARN) (getConfigurationOutput, error) {
	found, err := c.find(in.LicenseConfigurationArn)
	if err != nil {
		return getConfigurationOutput{}, err
	}
	l, err := c.load(found.ID)
	if err != nil {
		return getConfigurationOutput{}, err
	}
	discovered, err := c.discovery(&l.Configuration)
	return getConfigurationOutput{c.view(l), discovered, tagList(l.Configuration.Tags)}, err
}
