package api

import (
	"fmt"
	"slices"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/registrar"
	"licenseguard/shared/telemetry"
	"licenseguard/shared/track"
	"licenseguard/shared/whatif"
)

type simulateInput struct {
	Launches       []simulatedLaunch        `json:"Launches"`
	Configurations []simulatedConfiguration `json:"Configurations"`
	At             *epoch                   `json:"At"`
}

// simulatedLaunch is a number of equal instances that would be launched.
type simulatedLaunch struct {
	AccountID             string                 `json:"AccountId"`
	InstanceType          string                 `json:"InstanceType" api:"required"`
	Count                 *int64                 `json:"Count"`
	ImageID               string                 `json:"ImageId"`
	LaunchTemplateID      string                 `json:"LaunchTemplateId"`
	Tags                  []tag                  `json:"Tags"`
	Tenancy               string                 `json:"Tenancy"`
	HostID                string                 `json:"HostId"`
	CoreCount             int64                  `json:"CoreCount"`
	ThreadsPerCore        int64                  `json:"ThreadsPerCore"`
	Spot                  bool                   `json:"Spot"`
	LicenseSpecifications []licenseSpecification `json:"LicenseSpecifications"`
}

// simulatedConfiguration is one that would be changed or, without an ARN, made.
type simulatedConfiguration struct {
	LicenseConfigurationArn    string                `json:"LicenseConfigurationArn"`
	LicenseCountingType        string                `json:"LicenseCountingType"`
	Tags                       *[]tag                `json:"Tags"`
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

type simulateOutput struct {
	At       *epoch          `json:"At"`
	Launches []launchFit     `json:"Launches"`
	Licenses []licenseEffect `json:"Licenses"`
}

type launchFit struct {
	InstanceType string `json:"InstanceType"`
	Instances    int    `json:"Instances"`
	Fit          int    `json:"Fit"`
	Unlicensed   int    `json:"Unlicensed"`
}

type licenseEffect struct {
	LicenseConfigurationArn string           `json:"LicenseConfigurationArn"`
	Name                    string           `json:"Name"`
	New                     bool             `json:"New,omitempty"`
	Changed                 bool             `json:"Changed,omitempty"`
	Before                  licenseTotals    `json:"Before"`
	After                   licenseTotals    `json:"After"`
	Launched                int              `json:"Launched"`
	Fit                     int              `json:"Fit"`
	ResourcesMoved          int              `json:"ResourcesMoved"` // Resources has the first 1,000
	Resources               []resourceEffect `json:"Resources"`
}

type licenseTotals struct {
	LicenseCount     *int64 `json:"LicenseCount,omitempty"`
	ConsumedLicenses int64  `json:"ConsumedLicenses"`
	CoveredLicenses  int64  `json:"CoveredLicenses"`
	OverLicenses     int64  `json:"OverLicenses"`
	AgainstRules     int64  `json:"AgainstRules"`
}

type resourceEffect struct {
	ResourceArn string           `json:"ResourceArn"`
	InstanceArn string           `json:"InstanceArn,omitempty"`
	New         bool             `json:"New,omitempty"`
	Before      resourceStanding `json:"Before"`
	After       resourceStanding `json:"After"`
	Why         string           `json:"Why"`
}

type resourceStanding struct {
	Verdict          string `json:"Verdict"`
	ConsumedLicenses int64  `json:"ConsumedLicenses"`
	Arithmetic       string `json:"Arithmetic,omitempty"`
	Answer           string `json:"Answer,omitempty"` // what enforcement would do
}

// maxResources bounds what is told of one license.
const maxResources = 1000

// simulate tells what launches, or a change of configurations, would do, resource by
// resource. It writes nothing. It reads every license, and for a change the facts of
// every instance.
func simulate(c *call, in *simulateInput) (simulateOutput, error) {
	out := simulateOutput{Launches: []launchFit{}, Licenses: []licenseEffect{}}
	b, err := c.configurations()
	if err != nil {
		return out, err
	}
	plan := whatif.Plan{At: timeOf(in.At)}
	walk := len(in.Configurations) > 0
	for i, l := range in.Launches {
		launch, err := l.launch(c, i)
		if err != nil {
			return out, err
		}
		plan.Launches = append(plan.Launches, launch)
		walk = walk || l.HostID != ""
	}
	for i := range in.Configurations {
		wanted, err := in.Configurations[i].wanted(c, b)
		if err != nil {
			return out, err
		}
		plan.Configurations = append(plan.Configurations, wanted)
	}
	world, err := c.world(b, walk)
	if err != nil {
		return out, err
	}
	result, err := whatif.Simulate(world, plan, c.now)
	if err != nil {
		return out, err
	}
	out.At = epochOf(result.At)
	for _, f := range result.Launches {
		out.Launches = append(out.Launches, launchFit{f.Type, f.Instances, f.Fit, f.Unlicensed})
	}
	for i := range result.Licenses {
		out.Licenses = append(out.Licenses, effectOf(&result.Licenses[i]))
	}
	return out, nil
}

// world reads what the simulation begins with.
func (c *call) world(b books, walk bool) (whatif.World, error) {
	world := whatif.World{Catalog: c.Catalog}
	ids := make([]string, len(b.all))
	for i := range b.all {
		ids[i] = b.all[i].ID
	}
	licenses, err := c.loadAll(ids)
	if err != nil {
		return world, err
	}
	world.Licenses = slices.DeleteFunc(licenses, func(l *ledger.License) bool { return l == nil })
	if world.Origins, err = track.Origins(c.ctx, c.Store, func(string, error) {}); err != nil {
		return world, err
	}
	if !walk {
		return world, nil
	}
	for _, s := range c.Registrar.Scopes() {
		err := c.Store.EachFacts(c.ctx, s.Account, s.Region, func(f ledger.Facts) error {
			world.Facts = append(world.Facts, f)
			return nil
		})
		if err != nil {
			return world, err
		}
	}
	return world, nil
}

func (l *simulatedLaunch) launch(c *call, i int) (whatif.Launch, error) {
	count, account := int64(1), l.AccountID
	if l.Count != nil {
		count = *l.Count
	}
	if count < 1 || count > whatif.MaxInstances {
		return whatif.Launch{}, invalid("Launches[%d].Count is %d: give 1 to %d", i, count, whatif.MaxInstances)
	}
	if account == "" {
		account = c.Account
	}
	if !contains(c.Registrar.Accounts, account) {
		return whatif.Launch{}, invalid("Launches[%d].AccountId is %q, which is not watched here: what runs there is not counted", i, telemetry.Clean(account, 40))
	}
	tags := make(map[string]string, len(l.Tags))
	for _, t := range l.Tags {
		tags[t.Key] = t.Value
	}
	launch := whatif.Launch{Account: account, Region: c.Region, Type: l.InstanceType, Count: int(count), Image: l.ImageID, LaunchTemplate: l.LaunchTemplateID,
		Tags: tags, Tenancy: license.Tenancy(l.Tenancy), Host: l.HostID, CPUOptions: license.CPUOptions{Cores: l.CoreCount, ThreadsPerCore: l.ThreadsPerCore}, Spot: l.Spot}
	for _, s := range l.LicenseSpecifications {
		launch.Specifications = append(launch.Specifications, license.CanonicalARN(s.LicenseConfigurationArn))
	}
	return launch, nil
}

// wanted is the configuration as it would be.
func (s *simulatedConfiguration) wanted(c *call, b books) (license.Configuration, error) {
	k := license.Configuration{CountingType: license.CountingType(s.LicenseCountingType), Enforcement: license.DefaultEnforcement()}
	if s.LicenseConfigurationArn == "" {
		k.ID = registrar.NewID()
		k.ARN = c.Registrar.ARN(k.ID)
	} else {
		found, err := b.find(s.LicenseConfigurationArn)
		if err != nil {
			return k, err
		}
		k = *found
	}
	if s.Tags != nil {
		tags, err := tagsOf(*s.Tags, k.Tags)
		if err != nil {
			return k, err
		}
		if k, err = k.WithTags(tags); err != nil {
			return k, err
		}
	}
	update := updateConfigurationInput{LicenseConfigurationStatus: s.LicenseConfigurationStatus, LicenseRules: s.LicenseRules, LicenseCount: s.LicenseCount,
		LicenseCountHardLimit: s.LicenseCountHardLimit, Name: s.Name, Description: s.Description, ProductInformationList: s.ProductInformationList,
		DisassociateWhenNotFound: s.DisassociateWhenNotFound, LicenseExpiry: s.LicenseExpiry}
	return update.change()(k)
}

func effectOf(e *whatif.Effect) licenseEffect {
	out := licenseEffect{LicenseConfigurationArn: e.ARN, Name: e.Name, New: e.New, Changed: e.Changed, Before: totalsOf(e.Before), After: totalsOf(e.After),
		Launched: e.Launched, Fit: e.Fit, ResourcesMoved: len(e.Changes), Resources: []resourceEffect{}}
	for i := range e.Changes[:min(len(e.Changes), maxResources)] {
		m := &e.Changes[i]
		one := resourceEffect{ResourceArn: m.Resource.ARN(), New: m.New, Before: standingOf(m.Before), After: standingOf(m.After), Why: m.Why}
		if m.Instance != "" {
			one.InstanceArn = m.Instance.ARN()
		}
		out.Resources = append(out.Resources, one)
	}
	return out
}

func totalsOf(t whatif.Totals) licenseTotals {
	return licenseTotals{t.Count, t.Deployed, t.Covered, t.Over, t.Broken}
}

func standingOf(s whatif.Standing) resourceStanding {
	out := resourceStanding{Verdict: string(s.Verdict), ConsumedLicenses: s.Licenses, Arithmetic: s.Arithmetic}
	switch a := s.Answer; {
	case a.Action == "":
	case a.Waits:
		out.Answer = fmt.Sprintf("%s, once a person approves it", a.Action)
	case a.Mode == license.Observe:
		out.Answer = fmt.Sprintf("none; %s in another mode", a.Action)
	default:
		out.Answer = string(a.Action)
	}
	return out
}
