package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSettingsByDefault(t *testing.T) {
	t.Parallel()
	got, err := readSettings(func(string) any { return nil })
	want := settings{
		retain: true, dist: "dist", dashboard: true, reserved: map[string]int{},
		concurrency: 5, window: 1, runbook: "docs/runbook.md", lock: "governance", lockDays: 730,
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(settings{}, reach{})); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

func TestSettingsRefuse(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, key string
		value     any
		want      string
	}{
		{"account as a number", contextAccounts, []any{float64(123456789012)}, "put it in quotes"},
		{"account of 11 digits", contextAccounts, "12345678901", "12 digits"},
		{"retain by typing error", contextRetain, "flase", "neither true nor false"},
		{"retain as a number", contextRetain, float64(0), "neither true nor false"},
		{"no e-mail address", contextEmails, "ops", "e-mail"},
		{"e-mail address with a name", contextEmails, "Ops <ops@example.com>", "e-mail"},
		{"e-mail address twice", contextEmails, "a@example.com,a@example.com", "twice"},
		{"unknown function", contextReserved, "trak=1", "track=20"},
		{"no number", contextReserved, "track", "track=20"},
		{"nothing reserved", contextReserved, "track=0", "track=20"},
		{"concurrency below what Lambda takes", contextConcurrency, "1", "from 2 to 1000"},
		{"half a second", contextWindow, 0.5, "from 1 to 300"},
		{"window in words", contextWindow, "one", "from 1 to 300"},
		{"dist as a list", contextDist, []any{"dist"}, "not a string"},
		{"managed without a value", contextManaged, "Licensing", "as Licensing=managed"},
		{"managed with an empty value", contextManaged, "Licensing=", "as Licensing=managed"},
		{"managed with a wildcard", contextManaged, "Licensing=*", "as Licensing=managed"},
		{"managed with a variable of IAM", contextManaged, "Licensing=${aws:username}", "as Licensing=managed"},
		{"managed with spaces around", contextManaged, "Licensing = managed", "as Licensing=managed"},
		{"managed with a long key", contextManaged, strings.Repeat("k", 129) + "=v", "at most 128 and 256"},
		{"managed with a long value", contextManaged, "k=" + strings.Repeat("v", 257), "at most 128 and 256"},
		{"managed with a tag of AWS", contextManaged, "aws:autoscaling:groupName=web", "only AWS may write"},
		{"managed with a tag that enforce writes", contextManaged, "Licenseguard:Status=stopped", "enforce itself writes"},
		{"managed as a list", contextManaged, []any{"Licensing=managed"}, "not a string"},
		{"instances with a wildcard", contextInstances, "i-*", "as i-0123456789abcdef0"},
		{"instances with a short id", contextInstances, "i-0123456789abcde", "as i-0123456789abcdef0"},
		{"instances with a host", contextInstances, "h-0123456789abcdef0", "as i-0123456789abcdef0"},
		{"instances with an ARN of everything", contextInstances, "arn:aws:ec2:us-east-1:123456789012:instance/*", "as arn:aws:ec2:us-east-1"},
		{"instances with an ARN of any account", contextInstances, "arn:aws:ec2:us-east-1:*:instance/i-0123456789abcdef0", "as arn:aws:ec2:us-east-1"},
		{"instances twice", contextInstances, "i-0123456789abcdef0,arn:aws:ec2:us-east-1:123456789012:instance/i-0123456789abcdef0", "twice"},
		{"too many instances", contextInstances, strings.Join(someInstances(instancesAtMost+1), ","), "room for 10"},
		{"autoscaling in words", contextAutoScaling, "yes", "neither true nor false"},
		{"admission in words", contextAdmission, "on", "neither true nor false"},
		{"stackhook in words", contextStackHook, "true", "none of off, warn and fail"},
		{"lock by typing error", contextLock, "complience", "governance nor compliance"},
		{"no days to lock", contextLockDays, "0", "from 1 to 36500"},
		{"inventory bucket with a wildcard", contextInventory, "inventory-*", "the name of a bucket"},
		{"inventory bucket as an ARN", contextInventory, "arn:aws:s3:::inventory", "the name of a bucket"},
		{"emails as a map", contextEmails, map[string]any{}, "neither a list"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := readSettings(func(key string) any {
				if key == tt.key {
					return tt.value
				}
				return nil
			})
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.key) {
				t.Errorf("got %v, want %q of %q", err, tt.want, tt.key)
			}
		})
	}
}

func someInstances(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("i-%017x", i)
	}
	return ids
}

func TestSettingsOfReach(t *testing.T) {
	t.Parallel()
	arn := "arn:aws-us-gov:ec2:us-gov-west-1:123456789012:instance/i-0123456789abcdef0"
	values := map[string]any{contextManaged: "team:Licensing/x=a=b c", contextInstances: []any{"i-01234567", arn}}
	got, err := readSettings(func(key string) any { return values[key] })
	want := reach{managed: &tag{"team:Licensing/x", "a=b c"}, instances: []string{"i-01234567", arn}}
	if diff := cmp.Diff(want, got.reach, cmp.AllowUnexported(reach{}, tag{})); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

// Groups cannot be listed, so a list would not hold back what is done to them.
func TestSettingsRefuseGroupsBesideAList(t *testing.T) {
	t.Parallel()
	values := map[string]any{contextInstances: "i-01234567", contextAutoScaling: true, contextManaged: "a=b"}
	if _, err := readSettings(func(key string) any { return values[key] }); err == nil || !strings.Contains(err.Error(), "cannot be kept to listed instances") {
		t.Errorf("got %v", err)
	}
}

func TestEverySettingIsDocumented(t *testing.T) {
	t.Parallel()
	asked := map[string]bool{}
	if _, err := readSettings(func(key string) any { asked[key] = true; return nil }); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../docs/settings.md")
	if err != nil {
		t.Fatal(err)
	}
	table, _, _ := strings.Cut(string(text), "\n## ")
	documented := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Za-z]+)` \\|").FindAllStringSubmatch(table, -1) {
		documented[row[1]] = true
	}
	if diff := cmp.Diff(sortedKeys(asked), sortedKeys(documented)); diff != "" {
		t.Errorf("(-asked +documented):\n%s", diff)
	}
	if want := fmt.Sprintf("at most %d", instancesAtMost); !strings.Contains(table, want) {
		t.Errorf("docs/settings.md does not say that instances are %s", want)
	}
}

func TestMissingBuildSaysWhatToDo(t *testing.T) {
	t.Parallel()
	err := checkBuilt(t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "make build") {
		t.Errorf("got %v", err)
	}
}
