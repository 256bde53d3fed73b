package clients_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const terraformVersion = "5.100.0" // of the provider hashicorp/aws

// workspace is a folder with a Terraform configuration.
type workspace struct {
	t       *testing.T
	dir     string
	program string
	env     []string
}

const provider = `terraform {
  required_providers {
    aws = { source = "hashicorp/aws", version = "` + terraformVersion + `" }
  }
}

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  max_retries                 = 1
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  endpoints { licensemanager = "URL" }
}
`

// TestTerraform: apply, a second plan that is clean, a deletion behind Terraform's
// back that is seen, an update, the refused deletion of one in use, and destroy.
func TestTerraform(t *testing.T) {
	t.Parallel()
	w := workspace{t: t, dir: t.TempDir(), program: program(t, "terraform")}
	plugins := os.Getenv("TF_PLUGIN_DIR")
	if plugins == "" {
		missing(t, "TF_PLUGIN_DIR", "name a folder that mirrors the provider hashicorp/aws "+terraformVersion+": the tests have no network")
	}
	s := start(t)
	w.env = s.environment("TF_CLI_CONFIG_FILE="+os.DevNull, "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1")
	w.write("provider.tf", strings.ReplaceAll(provider, "URL", s.url))
	w.license(`license_count = 10`)
	w.run(0, "init", "-input=false", "-plugin-dir="+plugins)

	w.run(0, "apply", "-input=false", "-auto-approve")
	arn, other := w.arn("sql"), w.arn("other")
	get := func(arn string) map[string]any {
		return s.call("GetLicenseConfiguration", map[string]any{"LicenseConfigurationArn": arn})
	}
	got := get(arn)
	equal(t, "count after apply", got["LicenseCount"], 10.0)
	equal(t, "rules after apply", text(got["LicenseRules"]), "[#minimumSockets=2 #allowedTenancy=EC2-DedicatedHost]")
	w.run(0, "plan", "-input=false", "-detailed-exitcode") // 0: nothing to do; 2: something

	s.call("DeleteLicenseConfiguration", map[string]any{"LicenseConfigurationArn": other})
	out := w.run(2, "plan", "-input=false", "-detailed-exitcode")
	if !strings.Contains(out, "1 to add") {
		t.Errorf("a deletion behind its back is planned as:\n%s", out)
	}

	w.license(`license_count = 20
  license_count_hard_limit = true
  description = "more"`)
	w.run(0, "apply", "-input=false", "-auto-approve")
	got = get(arn)
	equal(t, "count after the update", got["LicenseCount"], 20.0)
	equal(t, "description after the update", text(got["Description"]), "more")
	if again := w.arn("other"); again == other {
		t.Error("what was made again has the ARN of the deleted one")
	}
	w.run(0, "plan", "-input=false", "-detailed-exitcode")

	image := "arn:aws:ec2:us-east-1::image/ami-0123456789abcdef0"
	use := []any{map[string]any{"LicenseConfigurationArn": arn}}
	s.call("UpdateLicenseSpecificationsForResource", map[string]any{"ResourceArn": image, "AddLicenseSpecifications": use})
	out = w.run(1, "destroy", "-input=false", "-auto-approve")
	if !strings.Contains(out, "InvalidParameterValueException") {
		t.Errorf("the refused deletion says:\n%s", out)
	}
	if state := w.run(0, "state", "list"); !strings.Contains(state, "aws_licensemanager_license_configuration.sql") {
		t.Errorf("the refused deletion lost the state: %q", state)
	}
	s.call("UpdateLicenseSpecificationsForResource", map[string]any{"ResourceArn": image, "RemoveLicenseSpecifications": use})
	w.run(0, "destroy", "-input=false", "-auto-approve")
	if got := s.try("GetLicenseConfiguration", map[string]any{"LicenseConfigurationArn": arn}); !strings.Contains(got.body, "Invalid license configuration ARN") {
		t.Errorf("after destroy: %s", got.body)
	}
}

// arn is what Terraform knows a license by.
func (w workspace) arn(name string) string {
	w.t.Helper()
	return strings.TrimSpace(w.run(0, "output", "-raw", name))
}

func (w workspace) license(more string) {
	w.write("license.tf", `resource "aws_licensemanager_license_configuration" "sql" {
  name                  = "SQL Server by Terraform"
  license_counting_type = "Socket"
  license_rules         = ["#minimumSockets=2", "#allowedTenancy=EC2-DedicatedHost"]
  tags                  = { Vendor = "Microsoft", "licenseguard:on-violation" = "notify" }
  `+more+`
}

resource "aws_licensemanager_license_configuration" "other" {
  name                  = "Oracle by Terraform"
  license_counting_type = "vCPU"
}

output "sql" { value = aws_licensemanager_license_configuration.sql.arn }
output "other" { value = aws_licensemanager_license_configuration.other.arn }
`)
}

func (w workspace) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// run runs terraform, which must end with the exit code.
func (w workspace) run(code int, args ...string) string {
	w.t.Helper()
	cmd := exec.Command(w.program, append(args, "-no-color")...)
	if args[0] == "output" || args[0] == "state" {
		cmd = exec.Command(w.program, args...)
	}
	cmd.Dir, cmd.Env = w.dir, w.env
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	got := 0
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		w.t.Fatal(err)
	}
	if got != code {
		w.t.Fatalf("terraform %s ends with %d, want %d:\n%s", strings.Join(args, " "), got, code, out)
	}
	return string(out)
}
