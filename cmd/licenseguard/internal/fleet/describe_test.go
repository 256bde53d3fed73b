package fleet_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"licenseguard/cmd/licenseguard/internal/fleet"
)

// TestReadInstancesWithLicenses: what an instance names itself is read, in order.
func TestReadInstancesWithLicenses(t *testing.T) {
	t.Parallel()
	got, _, err := fleet.ReadInstances([]byte(`{"Reservations":[{"OwnerId":"123456789012","Instances":[{"InstanceId":"i-0123456789abcdef0","InstanceType":"m5.large",
		"State":{"Name":"running"},"LaunchTime":"2026-11-20T08:00:00Z","Placement":{"AvailabilityZone":"eu-central-1a"},
		"Licenses":[{"LicenseConfigurationArn":"arn:b"},{"LicenseConfigurationArn":"arn:a"}]}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"arn:a", "arn:b"}, got[0].Specifications); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
