package publish

import (
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/telemetry"
)

// DetailUsage and DetailAlert are the detail-types of the events on the bus.
// events/schema has the schemas of their details.
const (
	DetailUsage = "License Configuration Usage Change"
	DetailAlert = "License Alert"
)

// Usage is the detail of a usage change event.
type Usage struct {
	LicenseConfigurationID  string
	LicenseConfigurationARN string `json:",omitempty"`
	Name                    string
	Revision                int64
	RecordedAt              time.Time
	LicenseCount            *int64 `json:",omitempty"`
	ConsumedLicenses        int64
	CoveredLicenses         int64
	OverLicenses            int64
	Changes                 []UsageResource `json:",omitempty"`
}

// UsageResource is what a commit did to one resource.
type UsageResource struct {
	ResourceARN string
	InstanceID  string         `json:",omitempty"` // "" for a host without one
	Verdict     ledger.Verdict `json:",omitempty"` // "" for what is released
	Before      ledger.Verdict `json:",omitempty"`
	Licenses    int64
}

// maxEventResources keeps an event under EventBridge's size.
const maxEventResources = 100

func usageChange(c *ledger.Change) Usage {
	u := Usage{LicenseConfigurationID: c.License, LicenseConfigurationARN: c.ARN, Name: c.Name, Revision: c.Revision, RecordedAt: c.Recorded,
		LicenseCount: c.Count, ConsumedLicenses: c.After.Deployed(), CoveredLicenses: c.After.Covered, OverLicenses: c.After.Over}
	for _, d := range c.Deltas[:min(len(c.Deltas), maxEventResources)] {
		u.Changes = append(u.Changes, UsageResource{ResourceARN: d.Resource.ARN(), InstanceID: d.Instance.AWSID(), Verdict: d.To, Before: d.From, Licenses: d.Licenses})
	}
	return u
}

// AlertDetail is the detail of an alert event, and what queues and functions
// that listen to the topic get.
type AlertDetail struct {
	AlertID                 string
	Kind                    ledger.AlertKind
	Severity                Severity
	Threshold               int `json:",omitempty"`
	LicenseConfigurationID  string
	LicenseConfigurationARN string `json:",omitempty"`
	Name                    string
	RaisedAt                time.Time
	License                 *AlertLicense   `json:",omitempty"` // nil for what is about no license
	ChangedBy               string          `json:",omitempty"`
	Why                     string          `json:",omitempty"`
	Stops                   int             `json:",omitempty"`
	Tags                    int             `json:",omitempty"`
	StopsFrom               time.Time       `json:",omitzero"`
	Instances               []AlertInstance `json:",omitempty"`
}

// AlertLicense is the license at the moment of the alert.
type AlertLicense struct {
	CountingType      license.CountingType
	LicenseCount      *int64 `json:",omitempty"` // nil: tracked only
	HardLimit         bool
	Mode              license.Mode
	ExpiresAt         time.Time `json:",omitzero"`
	ConsumedLicenses  int64
	CoveredLicenses   int64
	OverLicenses      int64
	BrokenLicenses    int64 // used against a rule
	EstimatedLicenses int64 // of ConsumedLicenses
}

// AlertInstance is an instance that an alert names. Events on the bus are sent
// at once and tell only which.
type AlertInstance struct {
	ResourceARN string
	InstanceID  string
	StartedAt   time.Time `json:",omitzero"`
	LaunchedBy  string    `json:",omitempty"`
}

func (n *notice) detail() AlertDetail {
	d := AlertDetail{AlertID: n.ID, Kind: n.Kind, Severity: n.severity(), Threshold: n.Threshold, LicenseConfigurationID: n.License,
		LicenseConfigurationARN: n.ARN, Name: n.Name, RaisedAt: n.At, ChangedBy: n.By, Why: telemetry.Clean(n.Why, 1000), Stops: n.Stops, Tags: n.Tags, StopsFrom: n.StopsFrom}
	if n.counts() {
		t := n.Totals
		d.License = &AlertLicense{CountingType: n.Counting, LicenseCount: n.Count, HardLimit: n.Hard, Mode: n.Mode, ExpiresAt: n.Expiry,
			ConsumedLicenses: t.Deployed(), CoveredLicenses: t.Covered, OverLicenses: t.Over, BrokenLicenses: t.Broken, EstimatedLicenses: t.Estimated}
	}
	for _, id := range n.Resources {
		l := n.launches[id]
		d.Instances = append(d.Instances, AlertInstance{ResourceARN: id.ARN(), InstanceID: id.AWSID(), StartedAt: l.at, LaunchedBy: l.by})
	}
	return d
}
