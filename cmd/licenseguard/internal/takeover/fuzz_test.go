package takeover_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/licensemanager"
	"github.com/aws/aws-sdk-go-v2/service/licensemanager/types"

	"licenseguard/cmd/licenseguard/internal/takeover"
	"licenseguard/shared/licensefile"
)

// odds is a License Manager whose one configuration holds any text.
type odds struct{ name, rule, tag, software, resource string }

func (o odds) ListLicenseConfigurations(context.Context, *licensemanager.ListLicenseConfigurationsInput, ...func(*licensemanager.Options)) (*licensemanager.ListLicenseConfigurationsOutput, error) {
	return &licensemanager.ListLicenseConfigurationsOutput{LicenseConfigurations: []types.LicenseConfiguration{{LicenseConfigurationArn: aws.String(db)}}}, nil
}

func (o odds) GetLicenseConfiguration(context.Context, *licensemanager.GetLicenseConfigurationInput, ...func(*licensemanager.Options)) (*licensemanager.GetLicenseConfigurationOutput, error) {
	return &licensemanager.GetLicenseConfigurationOutput{LicenseConfigurationArn: aws.String(db), Name: &o.name, Description: &o.tag,
		LicenseCountingType: types.LicenseCountingTypeVcpu, LicenseRules: []string{o.rule}, Tags: []types.Tag{{Key: &o.tag, Value: &o.software}},
		ProductInformationList: []types.ProductInformation{{ResourceType: aws.String("SSM_MANAGED"), ProductInformationFilterList: []types.ProductInformationFilter{
			{ProductInformationFilterName: aws.String("Application Name"), ProductInformationFilterComparator: aws.String("EQUALS"), ProductInformationFilterValue: []string{o.software}}}}}}, nil
}

func (o odds) ListAssociationsForLicenseConfiguration(context.Context, *licensemanager.ListAssociationsForLicenseConfigurationInput, ...func(*licensemanager.Options)) (*licensemanager.ListAssociationsForLicenseConfigurationOutput, error) {
	return &licensemanager.ListAssociationsForLicenseConfigurationOutput{LicenseConfigurationAssociations: []types.LicenseConfigurationAssociation{
		{ResourceArn: &o.resource, ResourceType: types.ResourceTypeEc2Ami}}}, nil
}

// FuzzRead: what is taken over can be written and read back, with its rules byte for
// byte; what is not is listed.
func FuzzRead(f *testing.F) {
	f.Add("Database", "#minimumVcpus=2", "Owner", "Oracle", "arn:aws:ec2:us-east-1::image/ami-0123456789abcdef0")
	f.Add("a: b", "#x", "aws:x", "15", "ami")
	f.Add("\x00", "minimumVcpus=2", "licenseguard:grace", "1h", "")
	f.Fuzz(func(t *testing.T, name, rule, tag, software, resource string) {
		got, err := takeover.Read(t.Context(), odds{name, rule, tag, software, resource})
		if err != nil || len(got.Licenses)+len(got.Left) == 0 {
			t.Fatalf("%+v, %v", got, err)
		}
		if len(got.Licenses) == 0 {
			return
		}
		text := licensefile.Write(got.Licenses, time.Unix(0, 0))
		read, err := licensefile.Read(text, "123456789012", "us-east-1")
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		want := got.Licenses[0].Rules[0].Text[0]
		if read[0].Name != name || read[0].Rules[0].Text[0] != want || want != rule && want != "#"+rule && rule[0] == '#' {
			t.Fatalf("read back as %+v", read[0])
		}
	})
}
