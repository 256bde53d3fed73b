package config

// The functions, by the name of their folder under functions/ and dist/.
const (
	FunctionTrack    = "track"
	FunctionSweep    = "sweep"
	FunctionEnforce  = "enforce"
	FunctionPublish  = "publish"
	FunctionSnapshot = "snapshot"
	FunctionSeal     = "seal"
	FunctionAPI      = "api"     // takes requests of people and their tools
	FunctionAPIRead  = "apiread" // takes those that only read
	FunctionAdmit    = "admit"   // answers launch hooks of Auto Scaling groups
	FunctionCfnHook  = "cfnhook" // answers hooks of CloudFormation
)

// Functions lists the names of all functions, in the order of the pipeline.
func Functions() []string {
	return []string{FunctionTrack, FunctionSweep, FunctionEnforce, FunctionPublish, FunctionSnapshot, FunctionSeal, FunctionAPI, FunctionAPIRead}
}

// OptionalFunctions lists those that are there only where a deployment asks for
// them: they prevent launches.
func OptionalFunctions() []string { return []string{FunctionAdmit, FunctionCfnHook} }

// The environment variables of the functions.
const (
	// EnvLedgerTable holds the name of the DynamoDB table that is the ledger.
	EnvLedgerTable = "LEDGER_TABLE"
	// EnvAccounts holds the accounts whose resources count, separated by commas.
	EnvAccounts = "ACCOUNTS"
	// EnvDeadLetterQueueURL holds the queue that takes messages nobody can process.
	EnvDeadLetterQueueURL = "DEAD_LETTER_QUEUE_URL"
	// EnvReportBucket holds the bucket of the change log and the snapshots.
	EnvReportBucket = "REPORT_BUCKET"
	// EnvEvidenceBucket holds the bucket of what is sealed.
	EnvEvidenceBucket = "EVIDENCE_BUCKET"
	// EnvSigningKeyARN holds the KMS key that signs evidence.
	EnvSigningKeyARN = "SIGNING_KEY_ARN"
	// EnvNamesKeyARN holds the KMS key under which names become pseudonyms.
	EnvNamesKeyARN = "NAMES_KEY_ARN"
	// EnvLedgerName holds what the ledger is called in evidence.
	EnvLedgerName = "LEDGER_NAME"
	// EnvAlertQueueURL holds the queue between publish and the alert topic.
	EnvAlertQueueURL = "ALERT_QUEUE_URL"
	// EnvEventQueueURL holds the queue between publish and the event bus.
	EnvEventQueueURL = "EVENT_QUEUE_URL"
	// EnvAlertTopicARN holds the topic that people subscribe to.
	EnvAlertTopicARN = "ALERT_TOPIC_ARN"
	// EnvEventBusName holds the name of our own event bus.
	EnvEventBusName = "EVENT_BUS_NAME"
	// EnvAutoScaling says whether Auto Scaling groups may be changed: true or false.
	EnvAutoScaling = "AUTO_SCALING"
	// EnvRegions holds the Regions whose resources count, separated by commas; without it,
	// the function's own.
	EnvRegions = "REGIONS"
	// EnvOwnAccount holds the function's own account, where others are watched, too.
	EnvOwnAccount = "OWN_ACCOUNT"
	// EnvSpokeExternalID holds what the roles in other accounts want to hear.
	EnvSpokeExternalID = "SPOKE_EXTERNAL_ID"
	// EnvRegion is set by Lambda itself; the stack must not set it.
	EnvRegion = "AWS_REGION"
)

// The ledger's table.
const (
	// PartitionKey and SortKey are the string keys of the table.
	PartitionKey = "PK"
	SortKey      = "SK"
	// HeadSortKey is the sort key of a license head; the stream readers see
	// these items only.
	HeadSortKey = "HEAD"
	// DueIndex is the sparse index of the items that have a next due time.
	DueIndex = "due"
	// DuePartitionKey and DueSortKey are the string keys of DueIndex.
	DuePartitionKey = "DuePK"
	DueSortKey      = "DueSK"
)

// The folders of the report bucket. Each holds folders "dt=2006-01-02/".
const (
	PrefixChanges = "changes/"
	// PrefixHistory holds the change log again, as Parquet: "dt=…/account=…/aws_region=…/".
	PrefixHistory   = "history/"
	PrefixPositions = "positions/"
	PrefixUsage     = "usage/"
	PrefixCoverage  = "coverage/"
	// PrefixCSV holds the same snapshots as CSV, apart from what Athena reads.
	PrefixCSV = "csv/"
	// PrefixReports holds what report generators make, as AWS License Manager lays it
	// out: NAME/year/month/day/ID.csv.
	PrefixReports = "Reports/"
	// PrefixQueryResults takes what Athena answers; it is emptied by lifecycle.
	PrefixQueryResults = "query-results/"
)

// EventBusName is the name of our own event bus, and EventSource the source of
// each event on it. The role of publish can send under no other source.
const (
	EventBusName = "licenseguard"
	EventSource  = "licenseguard"
)

// The tags that enforce may write, and the one that forbids it to stop.
const (
	TagStatus    = "licenseguard:status"
	TagReason    = "licenseguard:reason"
	TagProtected = "licenseguard:protected"
)

// The outputs of the stack, for the commands that look at a deployment.
const (
	OutputAPIURL           = "ApiUrl"     // takes every operation
	OutputAPIReadURL       = "ApiReadUrl" // those that change nothing
	OutputLedgerTable      = "LedgerTable"
	OutputReportBucket     = "ReportBucket"
	OutputEvidenceBucket   = "EvidenceBucket"
	OutputSigningKeyARN    = "SigningKeyArn"
	OutputNamesKeyARN      = "NamesKeyArn"
	OutputAlertTopicARN    = "AlertTopicArn"
	OutputEventBusName     = "EventBusName"
	OutputWorkGroup        = "WorkGroup"
	OutputIntakeQueueURL   = "IntakeQueueUrl"
	OutputIntakeDLQURL     = "IntakeDlqUrl"
	OutputAlertQueueURL    = "AlertQueueUrl"
	OutputAlertDLQURL      = "AlertDlqUrl"
	OutputEventQueueURL    = "EventQueueUrl"
	OutputEventDLQURL      = "EventDlqUrl"
	OutputStreamDLQURL     = "StreamDlqUrl"
	OutputTrackFunction    = "TrackFunction"
	OutputSweepFunction    = "SweepFunction"
	OutputEnforceFunction  = "EnforceFunction"
	OutputPublishFunction  = "PublishFunction"
	OutputSnapshotFunction = "SnapshotFunction"
	OutputSealFunction     = "SealFunction"
	OutputAPIFunction      = "ApiFunction"
	OutputAPIReadFunction  = "ApireadFunction"
)

// The outputs of what only some deployments have.
const (
	OutputAdmitQueueURL   = "AdmitQueueUrl"
	OutputAdmitDLQURL     = "AdmitDlqUrl"
	OutputAdmitFunction   = "AdmitFunction"
	OutputCfnHookFunction = "CfnhookFunction"
)

// Outputs lists the outputs of the stack.
func Outputs() []string {
	return []string{
		OutputLedgerTable, OutputReportBucket, OutputEvidenceBucket, OutputSigningKeyARN, OutputNamesKeyARN, OutputAlertTopicARN, OutputEventBusName, OutputWorkGroup,
		OutputIntakeQueueURL, OutputIntakeDLQURL, OutputAlertQueueURL, OutputAlertDLQURL,
		OutputEventQueueURL, OutputEventDLQURL, OutputStreamDLQURL,
		OutputTrackFunction, OutputSweepFunction, OutputEnforceFunction, OutputPublishFunction, OutputSnapshotFunction, OutputSealFunction,
		OutputAPIFunction, OutputAPIReadFunction, OutputAPIURL, OutputAPIReadURL,
	}
}

// The roles that the spoke stack makes in each account, and which functions of the hub
// take them.
const (
	SpokeObserveRole = "licenseguard-spoke-observe" // track, sweep: looks, and writes nothing
	SpokeEnforceRole = "licenseguard-spoke-enforce" // enforce: tags and stops
)

// HubBusName is the event bus of the hub that takes the events of other accounts and
// Regions.
const HubBusName = "licenseguard-hub"

// DefaultStackName is the name under which the hub is deployed.
const DefaultStackName = "Licenseguard"

// SpokeStackName is the name of what is deployed in other accounts and Regions.
const SpokeStackName = "LicenseguardSpoke"

// What SQL knows the reports by. Each table is partitioned by DatePartition, whose
// values are days in UTC, written as DatePartitionLayout.
const (
	GlueDatabase       = "licenseguard"
	GlueTableChanges   = "changes"
	GlueTableHistory   = "history"
	GlueTablePositions = "positions"
	GlueTableUsage     = "usage"
	GlueTableCoverage  = "coverage"
	DatePartition      = "dt"
	// AccountPartition and RegionPartition are those of the history, below its day. Rows
	// of what the stack does not know are in PartitionOther, so that none is unseen.
	AccountPartition    = "account"
	RegionPartition     = "aws_region"
	PartitionOther      = "other"
	DatePartitionLayout = "2006-01-02"
)
