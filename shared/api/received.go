package api

import (
	"regexp"

	"licenseguard/shared/telemetry"
)

type listReceivedInput struct {
	LicenseArns []string `json:"LicenseArns"`
	Filters     []filter `json:"Filters"`
	MaxResults  *int64   `json:"MaxResults"`
	NextToken   string   `json:"NextToken"`
}

type listReceivedOutput struct {
	Licenses []none `json:"Licenses"`
}

// arnForm is Arn of the model.
var arnForm = regexp.MustCompile(`^arn:aws[a-zA-Z-]*:[A-Za-z0-9][A-Za-z0-9_/.-]{0,62}:[A-Za-z0-9_/.-]{0,63}:[A-Za-z0-9_/.-]{0,63}:[A-Za-z0-9][A-Za-z0-9:_/+=,@.-]{0,1000}$`)

// listReceived lists the licenses that a seller granted. licenseguard keeps none yet,
// so the list is empty, which is true; what is wrong with the request is told.
func listReceived(c *call, in *listReceivedInput) (listReceivedOutput, error) {
	out := listReceivedOutput{Licenses: []none{}}
	if _, _, err := c.start(paging{in.MaxResults, in.NextToken}); err != nil {
		return out, err
	}
	for _, arn := range in.LicenseArns {
		if !arnForm.MatchString(arn) {
			return out, outside("LicenseArns: %q is no ARN", telemetry.Clean(arn, 200))
		}
	}
	return out, checkFilters(in.Filters, map[string][]string{
		"ProductSKU": nil, "Fingerprint": nil, "IssuerName": nil, "Beneficiary": nil,
		"Status": {"AVAILABLE", "PENDING_AVAILABLE", "DEACTIVATED", "SUSPENDED", "EXPIRED", "PENDING_DELETE", "DELETED"},
	})
}
