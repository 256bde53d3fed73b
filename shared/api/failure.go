package api

import "licenseguard/shared/registrar"

// licenseOperationFailure is LicenseOperationFailure of the model.
type licenseOperationFailure struct {
	ResourceArn          string `json:"ResourceArn"`
	ResourceType         string `json:"ResourceType"`
	ErrorMessage         string `json:"ErrorMessage"`
	FailureTime          *epoch `json:"FailureTime"`
	OperationName        string `json:"OperationName"`
	ResourceOwnerID      string `json:"ResourceOwnerId"`
	OperationRequestedBy string `json:"OperationRequestedBy"`
	MetadataList         []none `json:"MetadataList"` // reserved by the model
}

type listFailuresInput struct {
	LicenseConfigurationArn string `json:"LicenseConfigurationArn" api:"required"`
	MaxResults              *int64 `json:"MaxResults"`
	NextToken               string `json:"NextToken"`
}

type listFailuresOutput struct {
	LicenseOperationFailureList []licenseOperationFailure `json:"LicenseOperationFailureList"`
	NextToken                   string                    `json:"NextToken,omitempty"`
}

// listFailures lists the associations that did not fit, the oldest first.
func listFailures(c *call, in *listFailuresInput) (listFailuresOutput, error) {
	out := listFailuresOutput{LicenseOperationFailureList: []licenseOperationFailure{}}
	found, err := c.find(in.LicenseConfigurationArn)
	if err != nil {
		return out, err
	}
	most, after, err := c.start(paging{in.MaxResults, in.NextToken}, found.ID)
	if err != nil {
		return out, err
	}
	failures, err := c.Registrar.Failures(c.ctx, found.ID)
	if err != nil {
		return out, err
	}
	page, last := cut(failures, func(f *registrar.Failure) string { return f.ID }, after, most)
	for _, f := range page {
		account, _, _ := f.Resource.Parts()
		out.LicenseOperationFailureList = append(out.LicenseOperationFailureList, licenseOperationFailure{
			ResourceArn: f.Resource.ARN(), ResourceType: string(f.Resource.Type()), ErrorMessage: f.Message, FailureTime: epochOf(f.At),
			OperationName: f.Operation, ResourceOwnerID: account, OperationRequestedBy: f.By, MetadataList: []none{}})
	}
	out.NextToken = c.next(last, found.ID)
	return out, nil
}
