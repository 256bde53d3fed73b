package config

// MetricNamespace is the CloudWatch namespace of all metrics of ours.
const MetricNamespace = "Licenseguard"

// The dimensions: metrics of a license carry DimensionLicense, metrics of a
// function DimensionFunction. No metric carries both.
const (
	DimensionLicense  = "License"
	DimensionFunction = "Function"
)

// The metrics of a license.
const (
	MetricConsumed     = "Consumed"
	MetricCovered      = "Covered"
	MetricLicenseCount = "LicenseCount"
	MetricUsagePercent = "UsagePercent"
)

// The metrics of a function. MetricSuccess is counted once for each invocation
// that did its work; alarms watch for its absence in track, sweep, snapshot and seal.
const (
	MetricSuccess         = "Success"
	MetricUnknownEvents   = "UnknownEvents"
	MetricMalformedEvents = "MalformedEvents"
	MetricDrift           = "Drift"
	// MetricLostEvents counts what sweeps found and no event had told, beside the first
	// sweep of an account and Region.
	MetricLostEvents = "LostEvents"
	// MetricUnreachable and MetricUnswept count the accounts and Regions that let nobody
	// in, and those that a run of sweeps left for the next.
	MetricUnreachable  = "Unreachable"
	MetricUnswept      = "Unswept"
	MetricStopsDone    = "StopsDone"
	MetricStopsRefused = "StopsRefused"
	MetricAlertsSent   = "AlertsSent"
	// MetricLaunchesAdmitted and MetricLaunchesRefused are launches whose hook was
	// answered.
	MetricLaunchesAdmitted = "LaunchesAdmitted"
	MetricLaunchesRefused  = "LaunchesRefused"
	// MetricEventAge is the time from an event to its commit, in milliseconds.
	MetricEventAge = "EventAge"
)
