package takeover_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/licensemanager"
	"github.com/google/go-cmp/cmp"

	"licenseguard/cmd/licenseguard/internal/takeover"
	"licenseguard/shared/licensefile"
)

const (
	db    = "arn:aws:license-manager:us-east-1:123456789012:license-configuration:lic-0123456789abcdef0123456789abcdef"
	agent = "arn:aws:license-manager:us-east-1:123456789012:license-configuration:lic-11111111111111111111111111111111"
	odd   = "arn:aws:license-manager:us-east-1:123456789012:license-configuration:lic-22222222222222222222222222222222"
)

// answers of License Manager, by operation, configuration and token, as the protocol
// AWS JSON 1.1 has them.
var answers = map[string]string{
	"ListLicenseConfigurations  ":  `{"LicenseConfigurations":[{"LicenseConfigurationArn":"` + db + `","LicenseConfigurationId":"lic-0123456789abcdef0123456789abcdef"}],"NextToken":"2"}`,
	"ListLicenseConfigurations  2": `{"LicenseConfigurations":[{"LicenseConfigurationArn":"` + agent + `"},{"LicenseConfigurationArn":"` + odd + `"}]}`,
	"GetLicenseConfiguration " + db + " ": `{"LicenseConfigurationArn":"` + db + `","Name":"Database","Description":"d","LicenseCountingType":"vCPU","LicenseCount":32,"LicenseCountHardLimit":true,
		"LicenseRules":["#allowedTenancy=EC2-Default","#minimumVcpus=2"],"Status":"AVAILABLE","ConsumedLicenses":4,"OwnerAccountId":"123456789012","LicenseExpiry":1830297600,
		"DisassociateWhenNotFound":true,"ProductInformationList":[{"ResourceType":"SSM_MANAGED","ProductInformationFilterList":[
		{"ProductInformationFilterName":"Application Name","ProductInformationFilterValue":["Oracle Database"],"ProductInformationFilterComparator":"EQUALS"}]}],
		"Tags":[{"Key":"Owner","Value":"ann"},{"Key":"aws:cloudformation:stack-name","Value":"s"}],"ManagedResourceSummaryList":[],"ConsumedLicenseSummaryList":[]}`,
	"GetLicenseConfiguration " + agent + " ": `{"LicenseConfigurationArn":"` + agent + `","Name":"Agent","LicenseCountingType":"Instance","Status":"DISABLED","LicenseCountHardLimit":false}`,
	"GetLicenseConfiguration " + odd + " ":   `{"LicenseConfigurationArn":"` + odd + `","Name":"Odd","LicenseCountingType":"Instance","LicenseRules":["#ofTheFuture=1"],"Status":"AVAILABLE"}`,
	"ListAssociationsForLicenseConfiguration " + db + " ": `{"LicenseConfigurationAssociations":[
		{"ResourceArn":"arn:aws:ec2:us-east-1::image/ami-0123456789abcdef0","ResourceType":"EC2_AMI","ResourceOwnerId":"123456789012","AssociationTime":1790000000.5},
		{"ResourceArn":"arn:aws:ec2:us-east-1:123456789012:dedicated-host/h-0123456789abcdef0","ResourceType":"EC2_HOST"}],"NextToken":"2"}`,
	"ListAssociationsForLicenseConfiguration " + db + " 2": `{"LicenseConfigurationAssociations":[
		{"ResourceArn":"arn:aws:ec2:us-east-1:123456789012:instance/i-0123456789abcdef0","ResourceType":"EC2_INSTANCE"},
		{"ResourceArn":"arn:aws:rds:us-east-1:123456789012:db:orders","ResourceType":"RDS"},
		{"ResourceArn":"arn:aws:ssm:us-east-1:123456789012:managed-instance/mi-0123456789abcdef0","ResourceType":"SYSTEMS_MANAGER_MANAGED_INSTANCE"}]}`,
	"ListAssociationsForLicenseConfiguration " + agent + " ": `{"LicenseConfigurationAssociations":[]}`,
	"ListAssociationsForLicenseConfiguration " + odd + " ":   `{"LicenseConfigurationAssociations":[]}`,
}

func newClient(t *testing.T, answers map[string]string) takeover.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var in struct{ LicenseConfigurationArn, NextToken string }
		if err := json.Unmarshal(body, &in); err != nil {
			t.Error(err)
		}
		operation := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AWSLicenseManager.")
		answer, ok := answers[operation+" "+in.LicenseConfigurationArn+" "+in.NextToken]
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		if !ok {
			w.WriteHeader(http.StatusBadRequest)
			answer = `{"__type":"AccessDeniedException","Message":"not allowed"}`
		}
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	return licensemanager.New(licensemanager.Options{Region: "us-east-1", BaseEndpoint: aws.String(server.URL),
		Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""), RetryMaxAttempts: 1})
}

func TestRead(t *testing.T) {
	t.Parallel()
	got, err := takeover.Read(t.Context(), newClient(t, answers))
	if err != nil {
		t.Fatal(err)
	}
	want := `licenses:
  - id: lic-0123456789abcdef0123456789abcdef
    name: Database
    description: "d"
    countingType: vCPU
    licenseCount: 32
    hardLimit: true
    rules:
      - "#allowedTenancy=EC2-Default"
      - "#minimumVcpus=2"
    expiry: "2028-01-01T00:00:00Z"
    tags:
      Owner: ann
    associations:
      - ami: ami-0123456789abcdef0
      - host: h-0123456789abcdef0
      - instance: i-0123456789abcdef0
      - licenseConfiguration: "` + db + `"
    disassociateWhenNotFound: true
    products:
      - resourceType: SSM_MANAGED
        filters:
          - {name: "Application Name", comparator: "EQUALS", values: ["Oracle Database"]}
  - id: lic-11111111111111111111111111111111
    name: Agent
    countingType: Instance
    status: DISABLED
    associations:
      - licenseConfiguration: "` + agent + `"
`
	text := licensefile.Write(got.Licenses, time.Now())
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Error(diff)
	}
	if read, err := licensefile.Read(text, "123456789012", "us-east-1"); err != nil || len(read) != 2 || read[0].ARN != db {
		t.Errorf("read back: %v, %v", read, err)
	}
	var left []string
	for _, l := range got.Left {
		left = append(left, l.License+": "+l.What)
	}
	wantLeft := []string{"Database: arn:aws:rds:us-east-1:123456789012:db:orders",
		"Database: arn:aws:ssm:us-east-1:123456789012:managed-instance/mi-0123456789abcdef0",
		"Database: the tag aws:cloudformation:stack-name", "Odd: the license lic-22222222222222222222222222222222"}
	if diff := cmp.Diff(wantLeft, left); diff != "" {
		t.Error(diff)
	}
	if why := got.Left[3].Why; !strings.Contains(why, "ofTheFuture") {
		t.Errorf("why: %s", why)
	}
}

// What License Manager refuses fails the whole: half an account is no account.
func TestReadFails(t *testing.T) {
	t.Parallel()
	for key := range answers {
		some := map[string]string{}
		for k, v := range answers {
			if k != key {
				some[k] = v
			}
		}
		if _, err := takeover.Read(t.Context(), newClient(t, some)); err == nil || !strings.Contains(err.Error(), "not allowed") {
			t.Errorf("without %s: %v", key, err)
		}
	}
}
