package api

import (
	"licenseguard/shared/registrar"
	"licenseguard/shared/telemetry"
)

type organizationConfiguration struct {
	EnableIntegration bool `json:"EnableIntegration" api:"required"`
}

// getSettingsOutput is the output of GetServiceSettings in the model.
type getSettingsOutput struct {
	S3BucketArn                       string                    `json:"S3BucketArn,omitempty"`
	SnsTopicArn                       string                    `json:"SnsTopicArn,omitempty"`
	OrganizationConfiguration         organizationConfiguration `json:"OrganizationConfiguration"`
	EnableCrossAccountsDiscovery      bool                      `json:"EnableCrossAccountsDiscovery"`
	CrossRegionDiscoveryHomeRegion    string                    `json:"CrossRegionDiscoveryHomeRegion,omitempty"`
	CrossRegionDiscoverySourceRegions []string                  `json:"CrossRegionDiscoverySourceRegions,omitempty"`
}

func getSettings(c *call, _ *none) (getSettingsOutput, error) {
	s, err := c.Registrar.Settings(c.ctx)
	out := getSettingsOutput{S3BucketArn: c.BucketARN, SnsTopicArn: c.TopicARN,
		OrganizationConfiguration:    organizationConfiguration{s.OrganizationIntegration},
		EnableCrossAccountsDiscovery: s.CrossAccountsDiscovery, CrossRegionDiscoverySourceRegions: s.SourceRegions}
	if len(s.SourceRegions) > 0 {
		out.CrossRegionDiscoveryHomeRegion = c.Region
	}
	return out, err
}

type updateSettingsInput struct {
	S3BucketArn                   *string                    `json:"S3BucketArn"`
	SnsTopicArn                   *string                    `json:"SnsTopicArn"`
	OrganizationConfiguration     *organizationConfiguration `json:"OrganizationConfiguration"`
	EnableCrossAccountsDiscovery  *bool                      `json:"EnableCrossAccountsDiscovery"`
	EnabledDiscoverySourceRegions *[]string                  `json:"EnabledDiscoverySourceRegions"`
}

const maxRegions = 50

// updateSettings keeps the flags. Topic and bucket are the deployment's: they can be
// named, not changed.
func updateSettings(c *call, in *updateSettingsInput) (none, error) {
	if err := deployed("SnsTopicArn", in.SnsTopicArn, c.TopicARN, "alerts go to the topic of the deployment; subscribe to it, or see docs/settings.md"); err != nil {
		return none{}, err
	}
	if err := deployed("S3BucketArn", in.S3BucketArn, c.BucketARN, "reports go to the bucket of the deployment; see docs/settings.md"); err != nil {
		return none{}, err
	}
	if in.EnabledDiscoverySourceRegions != nil {
		if err := checkRegions(*in.EnabledDiscoverySourceRegions); err != nil {
			return none{}, err
		}
	}
	return none{}, c.Registrar.ChangeSettings(c.ctx, c.by, func(s *registrar.Settings) {
		if in.OrganizationConfiguration != nil {
			s.OrganizationIntegration = in.OrganizationConfiguration.EnableIntegration
		}
		set(&s.CrossAccountsDiscovery, in.EnableCrossAccountsDiscovery)
		set(&s.SourceRegions, in.EnabledDiscoverySourceRegions)
	})
}

func deployed(member string, given *string, has, where string) error {
	if given == nil || *given == has {
		return nil
	}
	if has == "" {
		has = "none"
	}
	return invalid("%s is %q, this deployment has %s: %s", member, telemetry.Clean(*given, 200), has, where)
}

func checkRegions(regions []string) error {
	if len(regions) > maxRegions {
		return invalid("EnabledDiscoverySourceRegions: %d Regions; at most %d", len(regions), maxRegions)
	}
	for _, r := range regions {
		if !regionForm.MatchString(r) {
			return invalid("EnabledDiscoverySourceRegions: %q is no Region", telemetry.Clean(r, 40))
		}
	}
	return nil
}
