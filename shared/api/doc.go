// Package api serves the AWS License Manager protocol (AWS JSON 1.1, model of
// 2018-08-01), so that its CLI, its SDKs and Terraform are clients of licenseguard.
//
// A request is POST / with the content type application/x-amz-json-1.1 and the header
// X-Amz-Target: AWSLicenseManager.OPERATION. These are served:
//
//	CreateLicenseConfiguration                     makes a license configuration
//	GetLicenseConfiguration                        one, with its numbers and tags
//	ListLicenseConfigurations                      all, with their numbers
//	ListLicenseConfigurationsForOrganization       the same
//	UpdateLicenseConfiguration                     also its rules, from now on
//	DeleteLicenseConfiguration                     unless it is in use; its history stays
//	UpdateLicenseSpecificationsForResource         associates an AMI, an instance or a host
//	ListLicenseSpecificationsForResource           what one of them carries
//	ListAssociationsForLicenseConfiguration        what carries one configuration
//	ListUsageForLicenseConfiguration               what uses it, over the limit, too
//	ListFailuresForLicenseConfigurationOperations  associations that did not fit
//	ListResourceInventory                          the instances on record
//	GetServiceSettings, UpdateServiceSettings
//	TagResource, UntagResource, ListTagsForResource
//	Create-, Get-, List-, Update-, DeleteLicenseManagerReportGenerator(s)
//	ListReceivedLicenses                           none yet, which is the truth
//
// and under the target prefix Licenseguard. operations of our own: GetHistory tells
// who changed a configuration, when and what; Simulate tells what a launch or a
// change would do. Any other operation of the service is refused by name.
//
// It promises:
//
//   - An error has a type of the service's model; nothing that a client sends is
//     answered with a status of 500.
//   - A request costs one read of the configurations' epoch, and beside it only what its
//     page shows. Pages go by keys, so none repeats or loses what is there throughout.
//   - Of a body over a mebibyte nothing is kept.
//
// Who may do what is the caller's to know: see Handler.Caller and Handler.MayWrite.
// docs/api.md lists errors and differences from AWS.
package api
