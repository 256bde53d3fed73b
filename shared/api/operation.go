package api

import "errors"

const (
	targetPrefix = "AWSLicenseManager."
	ownPrefix    = "Licenseguard."
)

// operation is one that is served. write is what MayWrite decides on.
type operation struct {
	write bool
	serve func(c *call, body []byte) (any, error)
}

func reads[In, Out any](f func(*call, *In) (Out, error)) operation { return does(false, f) }

func writes[In, Out any](f func(*call, *In) (Out, error)) operation { return does(true, f) }

func does[In, Out any](write bool, f func(*call, *In) (Out, error)) operation {
	return operation{write: write, serve: func(c *call, body []byte) (any, error) {
		var in In
		if err := read(body, &in); err != nil {
			return nil, c.named(err)
		}
		out, err := f(c, &in)
		return out, c.named(err)
	}}
}

// named gives an error the type that the operation's model has for it.
func (c *call) named(err error) error {
	var e *Error
	if errors.As(err, &e) && e.Type == typeValidation && !validating[c.name] {
		return invalid("%s", e.Message)
	}
	return err
}

// validating are the operations whose model has a ValidationException.
var validating = setOf("TagResource", "UntagResource", "ListTagsForResource", "UpdateServiceSettings", "ListReceivedLicenses",
	"CreateLicenseManagerReportGenerator", "GetLicenseManagerReportGenerator", "ListLicenseManagerReportGenerators",
	"UpdateLicenseManagerReportGenerator", "DeleteLicenseManagerReportGenerator")

// none is the input or output of an operation that has none.
type none struct{}

// operations are those of the service that are served.
var operations = map[string]operation{
	"CreateLicenseConfiguration":                    writes(createConfiguration),
	"GetLicenseConfiguration":                       reads(getConfiguration),
	"ListLicenseConfigurations":                     reads(listConfigurations),
	"ListLicenseConfigurationsForOrganization":      reads(listConfigurations),
	"UpdateLicenseConfiguration":                    writes(updateConfiguration),
	"DeleteLicenseConfiguration":                    writes(deleteConfiguration),
	"UpdateLicenseSpecificationsForResource":        writes(updateSpecifications),
	"ListLicenseSpecificationsForResource":          reads(listSpecifications),
	"ListAssociationsForLicenseConfiguration":       reads(listAssociations),
	"ListUsageForLicenseConfiguration":              reads(listUsage),
	"ListFailuresForLicenseConfigurationOperations": reads(listFailures),
	"ListResourceInventory":                         reads(listInventory),
	"GetServiceSettings":                            reads(getSettings),
	"UpdateServiceSettings":                         writes(updateSettings),
	"TagResource":                                   writes(tagResource),
	"UntagResource":                                 writes(untagResource),
	"ListTagsForResource":                           reads(listTags),
	"CreateLicenseManagerReportGenerator":           writes(createGenerator),
	"GetLicenseManagerReportGenerator":              reads(getGenerator),
	"ListLicenseManagerReportGenerators":            reads(listGenerators),
	"UpdateLicenseManagerReportGenerator":           writes(updateGenerator),
	"DeleteLicenseManagerReportGenerator":           writes(deleteGenerator),
	"ListReceivedLicenses":                          reads(listReceived),
}

// ownOperations are licenseguard's, under the target prefix "Licenseguard.".
var ownOperations = map[string]operation{
	"GetHistory": reads(getHistory),
	"Simulate":   reads(simulate),
}

// lacking are the other operations of the service's model of 2018-08-01, as of
// botocore 1.43.11.
var lacking = setOf("AcceptGrant", "CheckInLicense", "CheckoutBorrowLicense", "CheckoutLicense", "CreateGrant", "CreateGrantVersion",
	"CreateLicense", "CreateLicenseAssetGroup", "CreateLicenseAssetRuleset", "CreateLicenseConversionTaskForResource", "CreateLicenseVersion",
	"CreateToken", "DeleteGrant", "DeleteLicense", "DeleteLicenseAssetGroup", "DeleteLicenseAssetRuleset", "DeleteToken",
	"ExtendLicenseConsumption", "GetAccessToken", "GetGrant", "GetLicense", "GetLicenseAssetGroup", "GetLicenseAssetRuleset",
	"GetLicenseConversionTask", "GetLicenseUsage", "ListAssetsForLicenseAssetGroup", "ListDistributedGrants", "ListLicenseAssetGroups",
	"ListLicenseAssetRulesets", "ListLicenseConversionTasks", "ListLicenseVersions", "ListLicenses", "ListReceivedGrants",
	"ListReceivedGrantsForOrganization", "ListReceivedLicensesForOrganization", "ListTokens", "RejectGrant", "UpdateLicenseAssetGroup",
	"UpdateLicenseAssetRuleset")

func setOf(names ...string) map[string]bool {
	out := make(map[string]bool, len(names))
	for _, name := range names {
		out[name] = true
	}
	return out
}
