package api

import (
	"slices"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

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
