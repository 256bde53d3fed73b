package clients_test

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/licensemanager"
	"github.com/aws/aws-sdk-go-v2/service/licensemanager/types"
)

// TestGoSDK: every operation with the Go SDK's client, which is stricter than
// boto3: it refuses times that are text, and gives errors types of their own.
func TestGoSDK(t *testing.T) {
	t.Parallel()
	s := start(t)
	client := licensemanager.New(licensemanager.Options{Region: region, BaseEndpoint: &s.url, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})
	ctx := t.Context()

	made, err := client.CreateLicenseConfiguration(ctx, &licensemanager.CreateLicenseConfigurationInput{Name: aws.String("Oracle"), LicenseCountingType: types.LicenseCountingTypeVcpu,
		LicenseCount: aws.Int64(8), LicenseCountHardLimit: aws.Bool(true), LicenseRules: []string{"#minimumVcpus=2"}, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}})
	must(t, err)
	arn := made.LicenseConfigurationArn
	image := aws.String("arn:aws:ec2:us-east-1::image/ami-0aaaaaaaaaaaaaaaa")
	running, small := aws.String("arn:aws:ec2:us-east-1:"+account+":instance/i-0000000000000000a"), aws.String("arn:aws:ec2:us-east-1:"+account+":instance/i-0000000000000000b")
	one := []types.LicenseSpecification{{LicenseConfigurationArn: arn}}
	_, err = client.UpdateLicenseSpecificationsForResource(ctx, &licensemanager.UpdateLicenseSpecificationsForResourceInput{ResourceArn: image, AddLicenseSpecifications: one})
	must(t, err)
	_, err = client.UpdateLicenseSpecificationsForResource(ctx, &licensemanager.UpdateLicenseSpecificationsForResourceInput{ResourceArn: small, AddLicenseSpecifications: one})
	is[*types.LicenseUsageException](t, err)
	_, err = client.UpdateLicenseConfiguration(ctx, &licensemanager.UpdateLicenseConfigurationInput{LicenseConfigurationArn: arn, LicenseCount: aws.Int64(4)})
	must(t, err)
	got, err := client.GetLicenseConfiguration(ctx, &licensemanager.GetLicenseConfigurationInput{LicenseConfigurationArn: arn})
	must(t, err)
	equal(t, "consumed", aws.ToInt64(got.ConsumedLicenses), int64(10))
	equal(t, "count", aws.ToInt64(got.LicenseCount), int64(4))

	n := 0
	for list := (&licensemanager.ListLicenseConfigurationsInput{MaxResults: aws.Int32(1)}); ; {
		page, err := client.ListLicenseConfigurations(ctx, list)
		must(t, err)
		n += len(page.LicenseConfigurations)
		if list.NextToken = page.NextToken; list.NextToken == nil {
			break
		}
	}
	equal(t, "licenses on pages of one", n, 2)
	organization, err := client.ListLicenseConfigurationsForOrganization(ctx, &licensemanager.ListLicenseConfigurationsForOrganizationInput{})
	must(t, err)
	equal(t, "licenses of the organization", len(organization.LicenseConfigurations), 2)
	specifications, err := client.ListLicenseSpecificationsForResource(ctx, &licensemanager.ListLicenseSpecificationsForResourceInput{ResourceArn: image})
	must(t, err)
	equal(t, "specifications", len(specifications.LicenseSpecifications), 1)
	associations, err := client.ListAssociationsForLicenseConfiguration(ctx, &licensemanager.ListAssociationsForLicenseConfigurationInput{LicenseConfigurationArn: arn})
	must(t, err)
	if len(associations.LicenseConfigurationAssociations) == 0 || associations.LicenseConfigurationAssociations[0].AssociationTime == nil {
		t.Errorf("associations: %+v", associations.LicenseConfigurationAssociations)
	}
	usage, err := client.ListUsageForLicenseConfiguration(ctx, &licensemanager.ListUsageForLicenseConfigurationInput{LicenseConfigurationArn: arn})
	must(t, err)
	equal(t, "users", len(usage.LicenseConfigurationUsageList), 2)
	failures, err := client.ListFailuresForLicenseConfigurationOperations(ctx, &licensemanager.ListFailuresForLicenseConfigurationOperationsInput{LicenseConfigurationArn: arn})
	must(t, err)
	equal(t, "failures", len(failures.LicenseOperationFailureList), 1)
	inventory, err := client.ListResourceInventory(ctx, &licensemanager.ListResourceInventoryInput{})
	must(t, err)
	if len(inventory.ResourceInventoryList) < 3 {
		t.Errorf("inventory: %+v", inventory.ResourceInventoryList)
	}
	_, err = client.ListResourceInventory(ctx, &licensemanager.ListResourceInventoryInput{Filters: []types.InventoryFilter{
		{Name: aws.String("application_name"), Condition: types.InventoryFilterConditionEquals, Value: aws.String("x")}}})
	is[*types.FailedDependencyException](t, err)

	_, err = client.TagResource(ctx, &licensemanager.TagResourceInput{ResourceArn: arn, Tags: []types.Tag{{Key: aws.String("c"), Value: aws.String("d")}}})
	must(t, err)
	_, err = client.UntagResource(ctx, &licensemanager.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"a"}})
	must(t, err)
	tags, err := client.ListTagsForResource(ctx, &licensemanager.ListTagsForResourceInput{ResourceArn: arn})
	must(t, err)
	equal(t, "tags", len(tags.Tags), 1)
	_, err = client.UpdateServiceSettings(ctx, &licensemanager.UpdateServiceSettingsInput{EnableCrossAccountsDiscovery: aws.Bool(true)})
	must(t, err)
	settings, err := client.GetServiceSettings(ctx, &licensemanager.GetServiceSettingsInput{})
	must(t, err)
	equal(t, "discovery", aws.ToBool(settings.EnableCrossAccountsDiscovery), true)

	reportsByGoSDK(t, client, arn)
	received, err := client.ListReceivedLicenses(ctx, &licensemanager.ListReceivedLicensesInput{})
	must(t, err)
	equal(t, "received", len(received.Licenses), 0)
	for _, resource := range []*string{image, running, small} { // what was launched from the AMI keeps the license until it is taken away
		_, err = client.UpdateLicenseSpecificationsForResource(ctx, &licensemanager.UpdateLicenseSpecificationsForResourceInput{ResourceArn: resource, RemoveLicenseSpecifications: one})
		must(t, err)
	}
	_, err = client.DeleteLicenseConfiguration(ctx, &licensemanager.DeleteLicenseConfigurationInput{LicenseConfigurationArn: arn})
	must(t, err)
	_, err = client.GetLicenseConfiguration(ctx, &licensemanager.GetLicenseConfigurationInput{LicenseConfigurationArn: arn})
	is[*types.InvalidParameterValueException](t, err)
}

// reportsByGoSDK makes, reads, changes and deletes a report generator; while there
// is one, its license cannot be deleted.
func reportsByGoSDK(t *testing.T, client *licensemanager.Client, license *string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	reports := &types.ReportContext{LicenseConfigurationArns: []string{*license}}
	kinds := []types.ReportType{types.ReportTypeLicenseConfigurationUsageReport}
	made, err := client.CreateLicenseManagerReportGenerator(ctx, &licensemanager.CreateLicenseManagerReportGeneratorInput{ReportGeneratorName: aws.String("daily"), Type: kinds,
		ReportContext: reports, ReportFrequency: &types.ReportFrequency{Value: aws.Int32(1), Period: types.ReportFrequencyTypeDay}, ClientToken: aws.String("1")})
	must(t, err)
	arn := made.LicenseManagerReportGeneratorArn
	_, err = client.UpdateLicenseManagerReportGenerator(ctx, &licensemanager.UpdateLicenseManagerReportGeneratorInput{LicenseManagerReportGeneratorArn: arn, ReportGeneratorName: aws.String("weekly"), Type: kinds,
		ReportContext: reports, ReportFrequency: &types.ReportFrequency{Value: aws.Int32(1), Period: types.ReportFrequencyTypeWeek}, ClientToken: aws.String("2")})
	must(t, err)
	got, err := client.GetLicenseManagerReportGenerator(ctx, &licensemanager.GetLicenseManagerReportGeneratorInput{LicenseManagerReportGeneratorArn: arn})
	must(t, err)
	equal(t, "generator", aws.ToString(got.ReportGenerator.ReportGeneratorName), "weekly")
	listed, err := client.ListLicenseManagerReportGenerators(ctx, &licensemanager.ListLicenseManagerReportGeneratorsInput{})
	must(t, err)
	equal(t, "generators", len(listed.ReportGenerators), 1)
	_, err = client.DeleteLicenseConfiguration(ctx, &licensemanager.DeleteLicenseConfigurationInput{LicenseConfigurationArn: license})
	is[*types.InvalidParameterValueException](t, err)
	_, err = client.DeleteLicenseManagerReportGenerator(ctx, &licensemanager.DeleteLicenseManagerReportGeneratorInput{LicenseManagerReportGeneratorArn: arn})
	must(t, err)
	_, err = client.GetLicenseManagerReportGenerator(ctx, &licensemanager.GetLicenseManagerReportGeneratorInput{LicenseManagerReportGeneratorArn: arn})
	is[*types.ResourceNotFoundException](t, err)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// is fails unless the error is of a type of the model.
func is[T error](t *testing.T, err error) {
	t.Helper()
	var want T
	if !errors.As(err, &want) {
		t.Fatalf("got %v, want a %T", err, want)
	}
}
