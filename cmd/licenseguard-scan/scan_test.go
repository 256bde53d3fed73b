package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"licenseguard/shared/adapter/awsclient"
	"licenseguard/shared/integration/localaws"
)

func TestMain(m *testing.M) { os.Exit(localaws.Main(m, nil)) }

const licenses = `licenses:
  - name: Database
    countingType: vCPU
    licenseCount: 6
    hardLimit: true
    associations: [{tag: Software=db*}]
  - name: Agent
    countingType: Instance
    associations: [{tag: Software}]
`

func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	c := command()
	c.SetOut(&out)
	c.SetArgs(args)
	err := c.ExecuteContext(t.Context())
	return out.String(), err
}

func launch(t *testing.T, c aws.Config, n int32, software string) []string {
	t.Helper()
	out, err := ec2.NewFromConfig(c).RunInstances(t.Context(), &ec2.RunInstancesInput{ImageId: aws.String("ami-12c6146b"), InstanceType: types.InstanceTypeM5Xlarge,
		MinCount: &n, MaxCount: &n, TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeInstance,
			Tags: []types.Tag{{Key: aws.String("Software"), Value: &software}}}}})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, i := range out.Instances {
		ids = append(ids, *i.InstanceId)
	}
	return ids
}

// TestScan: the fleet that moto plays, of the caller's account and of two by a role.
//
//	account 123456789012: two databases of 4 vCPUs, of which one fits under 6; a
//	third is stopped; one web server with the agent
//	account 111111111111: one database more
func TestScan(t *testing.T) {
	endpoint := localaws.Moto(t)
	for name, value := range map[string]string{"AWS_ENDPOINT_URL": endpoint, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"} {
		t.Setenv(name, value)
	}
	own, err := awsclient.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	launch(t, own, 2, "db-oracle")
	off := launch(t, own, 1, "db-oracle")
	launch(t, own, 1, "web")
	if _, err := ec2.NewFromConfig(own).StopInstances(t.Context(), &ec2.StopInstancesInput{InstanceIds: off}); err != nil {
		t.Fatal(err)
	}
	other := own.Copy()
	other.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(own), "arn:aws:iam::111111111111:role/LicenseReader"))
	launch(t, other, 1, "db-oracle")

	file := filepath.Join(t.TempDir(), "licenses.yaml")
	if err := os.WriteFile(file, []byte(licenses), 0o600); err != nil {
		t.Fatal(err)
	}
	type numbers struct {
		Name           string
		Consumed, Over int64
	}
	for _, tt := range []struct {
		args      []string
		instances int
		want      []numbers
	}{
		{nil, 4, []numbers{{"Database", 8, 4}, {"Agent", 3, 0}}},
		{[]string{"--accounts", "123456789012,111111111111", "--role", "LicenseReader"}, 5, []numbers{{"Database", 12, 8}, {"Agent", 4, 0}}},
	} {
		out, err := run(t, append([]string{"-f", file, "--json"}, tt.args...)...)
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Instances int
			Positions []numbers
			Findings  []struct{ Verdict string }
		}
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			t.Fatal(err)
		}
		if got.Instances != tt.instances || len(got.Positions) != 2 || got.Positions[0] != tt.want[0] || got.Positions[1] != tt.want[1] || len(got.Findings) != int(tt.want[0].Over/4) {
			t.Errorf("%v: %+v, want %d instances, %+v", tt.args, got, tt.instances, tt.want)
		}
	}
	out, err := run(t, "-f", file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"4 instances of account [123456789012] in us-east-1; nothing was written.", "OVER", "Database: over, against a rule, or estimated", "m5.xlarge: 4 vCPU"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
	described, err := ec2.NewFromConfig(own).DescribeTags(t.Context(), &ec2.DescribeTagsInput{})
	if err != nil || len(described.Tags) != 4 {
		t.Errorf("the account has %d tags now, want the 4 of the launches: %v", len(described.Tags), err)
	}
}

func TestWrongInput(t *testing.T) {
	file := filepath.Join(t.TempDir(), "licenses.yaml")
	if err := os.WriteFile(file, []byte(licenses), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, "name a license file"}, {[]string{"-f", "none.yaml"}, "none.yaml"}, {[]string{"x"}, "too many arguments"}, {[]string{"--fil", "x"}, "--fil"},
		{[]string{"-f", file, "--accounts", "123456789012"}, "--accounts and --role together"},
		{[]string{"-f", file, "--accounts", "12", "--role", "r"}, "--accounts"},
	} {
		_, err := run(t, tt.args...)
		var input *inputError
		if !errors.As(err, &input) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: %v", tt.args, err)
		}
	}
}
