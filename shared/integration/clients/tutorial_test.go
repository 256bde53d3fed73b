package clients_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"licenseguard/shared/integration/localaws"
)

// tutorialVariable names a folder of texts about AWS License Manager as people
// find them, with commands and a script in fenced blocks.
const tutorialVariable = "LICENSEGUARD_TUTORIALS"

// tutorials are the fenced blocks of a language in all texts.
func tutorials(t *testing.T, language string) []string {
	t.Helper()
	folder := os.Getenv(tutorialVariable)
	if folder == "" {
		t.Skipf("not run: set %s to a folder of tutorials", tutorialVariable)
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no tutorials in %s: %v", folder, err)
	}
	fence := regexp.MustCompile("(?s)```" + language + "\n(.*?)```")
	var blocks []string
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range fence.FindAllStringSubmatch(string(data), -1) {
			blocks = append(blocks, m[1])
		}
	}
	return blocks
}

// commands are the commands of a service in all tutorials, as written, each with
// its continuation lines.
func commands(t *testing.T, service string) []string {
	t.Helper()
	var out []string
	for _, block := range tutorials(t, "bash") {
		var command []string
		for line := range strings.SplitSeq(block, "\n") {
			switch {
			case len(command) > 0 || strings.HasPrefix(line, "aws "+service+" "):
				command = append(command, line)
				if !strings.HasSuffix(line, `\`) && quotesAreClosed(command) {
					out = append(out, strings.Join(command, "\n"))
					command = nil
				}
			}
		}
	}
	return out
}

func quotesAreClosed(lines []string) bool {
	return strings.Count(strings.Join(lines, "\n"), "'")%2 == 0
}

// TestTutorial: each command of the tutorials runs as it is written there, but for
// endpoint and ids, and leaves the state that it is meant to.
func TestTutorial(t *testing.T) {
	t.Parallel()
	program(t, "aws")
	all := commands(t, "license-manager")
	if len(all) < 11 {
		t.Fatalf("found only %d commands: is the pattern still right?", len(all))
	}
	s := start(t)
	ids := idsOf(all)
	var windows string
	for _, command := range all {
		if windows == "" && ids.MatchString(command) {
			windows = s.arnOf("Windows Server 2022 Datacenter")
		}
		// The tutorial's form of an ARN has a slash; it is kept.
		command = ids.ReplaceAllString(command, strings.Replace(windows, "license-configuration:", "license-configuration/", 1))
		cmd := exec.Command("bash", "-c", command)
		cmd.Env = s.environment()
		out, err := cmd.CombinedOutput()
		t.Logf("$ %s\n%s", command, out)
		if err != nil {
			t.Errorf("%v", err)
		}
	}
	s.checkTutorial(windows)
}

// idsOf matches the ARN that the tutorials have in place of one's own.
func idsOf([]string) *regexp.Regexp {
	return regexp.MustCompile(`arn:aws:license-manager:us-east-1:123456789:license-configuration/lic-abc123`)
}

func (s server) arnOf(name string) string {
	s.t.Helper()
	for _, c := range s.call("ListLicenseConfigurations", map[string]any{})["LicenseConfigurations"].([]any) {
		if c := c.(map[string]any); c["Name"] == name {
			return text(c["LicenseConfigurationArn"])
		}
	}
	s.t.Fatalf("there is no license %q", name)
	return ""
}

// checkTutorial looks at what the commands left.
func (s server) checkTutorial(windows string) {
	t := s.t
	t.Helper()
	for _, want := range []struct {
		name, counting, rules string
		count                 float64
		consumed              float64
	}{
		{"Windows Server 2022 Datacenter", "Core", "[#allowedTenancy=EC2-DedicatedHost #allowedInstanceTypes=m5.xlarge,m5.2xlarge,r5.xlarge]", 256, 48},
		{"SQL Server 2022 Standard", "Core", "[#licenseAffinityToHost=14]", 64, 0},
		{"Oracle Database Enterprise", "vCPU", "[]", 32, 0},
		{"Third-Party App License", "Instance", "[]", 100, 0},
	} {
		got := s.call("GetLicenseConfiguration", map[string]any{"LicenseConfigurationArn": s.arnOf(want.name)})
		equal(t, want.name+": counting type", text(got["LicenseCountingType"]), want.counting)
		rules := got["LicenseRules"]
		if rules == nil {
			rules = []any{}
		}
		equal(t, want.name+": rules", text(rules), want.rules)
		equal(t, want.name+": count", got["LicenseCount"], want.count)
		equal(t, want.name+": hard limit", got["LicenseCountHardLimit"], true)
		equal(t, want.name+": consumed", got["ConsumedLicenses"], want.consumed)
	}
	got := s.call("GetLicenseConfiguration", map[string]any{"LicenseConfigurationArn": windows})
	equal(t, "tags", text(got["Tags"]), "[map[Key:Product Value:WindowsServer] map[Key:Vendor Value:Microsoft]]")
	image := map[string]any{"ResourceArn": "arn:aws:ec2:us-east-1::image/ami-windows-server-123"}
	equal(t, "licenses of the AMI", text(s.call("ListLicenseSpecificationsForResource", image)["LicenseSpecifications"]), text([]any{map[string]any{"LicenseConfigurationArn": windows}}))
	settings := s.call("GetServiceSettings", map[string]any{})
	equal(t, "integration", text(settings["OrganizationConfiguration"]), "map[EnableIntegration:true]")
	equal(t, "discovery", settings["EnableCrossAccountsDiscovery"], true)
	usage := s.call("ListUsageForLicenseConfiguration", map[string]any{"LicenseConfigurationArn": windows})["LicenseConfigurationUsageList"].([]any)
	var used []string
	for _, u := range usage {
		u := u.(map[string]any)
		used = append(used, fmt.Sprint(u["ResourceArn"], " ", u["ConsumedLicenses"]))
	}
	if want := []string{"arn:aws:ec2:us-east-1:123456789012:dedicated-host/h-0000000000000000d 48"}; !slices.Equal(used, want) {
		t.Errorf("usage is %v, want %v", used, want)
	}
}

// TestMonitoringScript: the tutorial's script runs unchanged but for endpoint and
// topic, and alerts.
func TestMonitoringScript(t *testing.T) {
	t.Parallel()
	python := program(t, "python3")
	blocks := slices.DeleteFunc(tutorials(t, "python"), func(b string) bool { return !strings.Contains(b, "list_license_configurations") })
	if len(blocks) != 1 {
		t.Fatalf("found %d scripts, want 1", len(blocks))
	}
	s := start(t)
	count := int64(1)
	s.call("CreateLicenseConfiguration", map[string]any{"Name": "Full", "LicenseCountingType": "vCPU", "LicenseCount": count})
	s.call("UpdateLicenseSpecificationsForResource", map[string]any{"ResourceArn": "arn:aws:ec2:us-east-1::image/ami-0aaaaaaaaaaaaaaaa",
		"AddLicenseSpecifications": []any{map[string]any{"LicenseConfigurationArn": s.arnOf("Full")}}})
	moto := localaws.Moto(t)
	env := s.environment("AWS_ENDPOINT_URL_SNS="+moto, "PYTHONDONTWRITEBYTECODE=1")
	topic := exec.Command(python, "-c", `import boto3; print(boto3.client("sns").create_topic(Name="license-alerts")["TopicArn"])`)
	topic.Env = env
	arn, err := topic.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, arn)
	}
	script := strings.Replace(blocks[0], "arn:aws:sns:us-east-1:123456789:license-alerts", strings.TrimSpace(string(arn)), 1)
	cmd := exec.Command(python, "-c", script)
	cmd.Env = env
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Full: 8/1 (800.0%)", "Monitoring agent: 4/100 (4.0%)", "Sent alert for 1 license(s)"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the script does not say %q", want)
		}
	}
}
