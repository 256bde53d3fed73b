package api

import (
	"maps"
	"slices"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/registrar"
	"licenseguard/shared/telemetry"
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

// The resource types that licenseguard does not count yet.
const (
	typeNode = "SYSTEMS_MANAGER_MANAGED_INSTANCE"
	typeRDS  = "RDS"
)

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
		ConsumedLicenseSummaryList: []consumedLicenseSummary{
			{string(license.EC2Instance), l.Totals.Instances}, {string(license.EC2Host), l.Totals.Hosts}, {typeNode, 0}, {typeRDS, 0},
		},
	}
	if !k.Expiry.IsZero() {
		seconds := k.Expiry.Unix()
		v.LicenseExpiry = &seconds
	}
	count := make(map[license.ResourceType]int64)
	for _, a := range c.associated(l) {
		count[a.resource.Type()]++
	}
	for _, t := range []license.ResourceType{license.EC2Instance, license.EC2Host, license.EC2AMI, typeNode, typeRDS} {
		v.ManagedResourceSummaryList = append(v.ManagedResourceSummaryList, managedResourceSummary{string(t), count[t]})
	}
	return v
}

type getConfigurationOutput struct {
	licenseConfiguration
	Tags []tag `json:"Tags,omitempty"`
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
	return getConfigurationOutput{c.view(l), tagList(l.Configuration.Tags)}, nil
}

type listConfigurationsInput struct {
	LicenseConfigurationArns []string `json:"LicenseConfigurationArns"`
	MaxResults               *int64   `json:"MaxResults"`
	NextToken                string   `json:"NextToken"`
	Filters                  []filter `json:"Filters"`
}

type listConfigurationsOutput struct {
	LicenseConfigurations []licenseConfiguration `json:"LicenseConfigurations"`
	NextToken             string                 `json:"NextToken,omitempty"`
}

// Filters of ListLicenseConfigurations.
const (
	filterCounting = "licenseCountingType"
	filterEnforce  = "enforceLicenseCount"
	filterExceeded = "usagelimitExceeded"
)

var configurationFilters = map[string][]string{
	filterCounting: {"vCPU", "Instance", "Core", "Socket"},
	filterEnforce:  {"true", "false"},
	filterExceeded: {"true", "false"},
}

func listConfigurations(c *call, in *listConfigurationsInput) (listConfigurationsOutput, error) {
	out := listConfigurationsOutput{LicenseConfigurations: []licenseConfiguration{}}
	most, after, err := c.start(paging{in.MaxResults, in.NextToken}, in.LicenseConfigurationArns, in.Filters)
	if err != nil {
		return out, err
	}
	if err := checkFilters(in.Filters, configurationFilters); err != nil {
		return out, err
	}
	ids, err := c.candidates(in, after)
	if err != nil {
		return out, err
	}
	for len(ids) > 0 && len(out.LicenseConfigurations) < most {
		chunk := ids[:min(len(ids), most-len(out.LicenseConfigurations))]
		ids = ids[len(chunk):]
		licenses, err := c.loadAll(chunk)
		if err != nil {
			return out, err
		}
		for _, l := range licenses {
			if l != nil && passes(in.Filters, c.valueOf(l)) {
				out.LicenseConfigurations = append(out.LicenseConfigurations, c.view(l))
			}
		}
		after = chunk[len(chunk)-1]
	}
	if len(ids) > 0 {
		out.NextToken = c.token(after, in.LicenseConfigurationArns, in.Filters)
	}
	return out, nil
}

// candidates returns the ids after a key that may pass, as far as configurations
// alone tell: so only the page's licenses are read.
func (c *call) candidates(in *listConfigurationsInput, after string) ([]string, error) {
	b, err := c.configurations()
	if err != nil {
		return nil, err
	}
	wanted := make(map[string]bool, len(in.LicenseConfigurationArns))
	for _, arn := range in.LicenseConfigurationArns {
		found, err := b.find(arn)
		if err != nil {
			return nil, err
		}
		wanted[found.ID] = true
	}
	var ids []string
	for i := range b.all {
		k := &b.all[i]
		if k.ID > after && (len(wanted) == 0 || wanted[k.ID]) && mayPass(in.Filters, k) {
			ids = append(ids, k.ID)
		}
	}
	return ids, nil
}

func mayPass(filters []filter, k *license.Configuration) bool {
	l := &ledger.License{Configuration: *k}
	return !slices.ContainsFunc(filters, func(f filter) bool {
		return f.Name != filterExceeded && configurationValue(l, f.Name) != f.Values[0]
	})
}

func configurationValue(l *ledger.License, name string) string {
	switch name {
	case filterCounting:
		return string(l.Configuration.CountingType)
	case filterEnforce:
		return yes(l.Configuration.HardLimit)
	}
	return ""
}

func (c *call) valueOf(l *ledger.License) func(string) string {
	return func(name string) string {
		if name == filterExceeded {
			count, limited := l.Configuration.CountAt(c.now)
			return yes(limited && l.Totals.Deployed() > count)
		}
		return configurationValue(l, name)
	}
}

func yes(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

// productInformation is ProductInformation of the model.
type productInformation struct {
	ResourceType                 string                     `json:"ResourceType" api:"required"`
	ProductInformationFilterList []productInformationFilter `json:"ProductInformationFilterList" api:"required"`
}

type productInformationFilter struct {
	ProductInformationFilterName       string   `json:"ProductInformationFilterName" api:"required"`
	ProductInformationFilterValue      []string `json:"ProductInformationFilterValue,omitempty"`
	ProductInformationFilterComparator string   `json:"ProductInformationFilterComparator" api:"required"`
}

func productsOf(list []productInformation) []license.Product {
	var out []license.Product
	for _, p := range list {
		product := license.Product{ResourceType: p.ResourceType}
		for _, f := range p.ProductInformationFilterList {
			product.Filters = append(product.Filters, license.ProductFilter{Name: f.ProductInformationFilterName,
				Comparator: f.ProductInformationFilterComparator, Values: f.ProductInformationFilterValue})
		}
		out = append(out, product)
	}
	return out
}

func productInformationOf(products []license.Product) []productInformation {
	var out []productInformation
	for _, p := range products {
		one := productInformation{ResourceType: p.ResourceType, ProductInformationFilterList: []productInformationFilter{}}
		for _, f := range p.Filters {
			one.ProductInformationFilterList = append(one.ProductInformationFilterList, productInformationFilter{f.Name, f.Values, f.Comparator})
		}
		out = append(out, one)
	}
	return out
}

// tag is Tag of the model.
type tag struct {
	Key   string `json:"Key" api:"required"`
	Value string `json:"Value"`
}

// tagsOf sets tags on top of those before.
func tagsOf(list []tag, before map[string]string) (map[string]string, error) {
	tags := maps.Clone(before)
	if tags == nil {
		tags = make(map[string]string, len(list))
	}
	given := make(map[string]bool, len(list))
	for _, t := range list {
		if given[t.Key] {
			return nil, invalid("Tags: the key %q is given twice", telemetry.Clean(t.Key, 128))
		}
		given[t.Key] = true
		tags[t.Key] = t.Value
	}
	return tags, license.ValidateTags(tags)
}

func tagList(tags map[string]string) []tag {
	out := []tag{}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, tag{key, tags[key]})
	}
	return out
}
