package license_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"licenseguard/shared/catalog"
	"licenseguard/shared/license"
)

func TestViolations(t *testing.T) {
	t.Parallel()
	shared := license.Instance{Type: "m5.2xlarge", Tenancy: license.TenancyDefault} // 8 vCPU, 4 cores
	halved := shared
	halved.CPUOptions = license.CPUOptions{Cores: 2, ThreadsPerCore: 1}
	placed := license.Instance{Type: "m5.2xlarge", Tenancy: license.TenancyDedicatedHost, HostID: "h-1"}
	unknown := license.Instance{Type: "zz9.large", Tenancy: license.TenancyDefault}
	tests := []struct {
		name  string
		rules license.Rules
		in    license.Instance
		host  license.Host
		want  []license.Violation
	}{
		{name: "no rules", in: shared},
		{name: "tenancy fits", rules: license.Rules{AllowedTenancy: []license.Tenancy{license.TenancyDefault, license.TenancyDedicatedHost}}, in: shared},
		{name: "tenancy", rules: license.Rules{AllowedTenancy: []license.Tenancy{license.TenancyDedicatedInstance, license.TenancyDedicatedHost}}, in: shared,
			want: []license.Violation{{Rule: "allowedTenancy", Found: "EC2-Default", Want: "EC2-DedicatedInstance or EC2-DedicatedHost"}}},
		{name: "tenancy unknown", rules: license.Rules{AllowedTenancy: []license.Tenancy{license.TenancyDefault}}, in: license.Instance{Type: "m5.large"},
			want: []license.Violation{{Rule: "allowedTenancy", Found: "", Want: "EC2-Default", Estimated: true}}},
		{name: "type fits a pattern", rules: license.Rules{AllowedInstanceTypes: []string{"r5.large", "m5.*"}}, in: shared},
		{name: "type", rules: license.Rules{AllowedInstanceTypes: []string{"r5.large", "m5a.*"}}, in: shared,
			want: []license.Violation{{Rule: "allowedInstanceTypes", Found: "m5.2xlarge", Want: "r5.large or m5a.*"}}},
		{name: "vCPU bounds include their ends", rules: license.Rules{MinimumVCPUs: 8, MaximumVCPUs: 8}, in: shared},
		{name: "too few vCPUs", rules: license.Rules{MinimumVCPUs: 9}, in: shared,
			want: []license.Violation{{Rule: "minimumVcpus", Found: "8", Want: "at least 9"}}},
		{name: "too many vCPUs", rules: license.Rules{MaximumVCPUs: 7}, in: shared,
			want: []license.Violation{{Rule: "maximumVcpus", Found: "8", Want: "at most 7"}}},
		{name: "CPU options count only where honored", rules: license.Rules{MaximumVCPUs: 7}, in: halved,
			want: []license.Violation{{Rule: "maximumVcpus", Found: "8", Want: "at most 7"}}},
		{name: "CPU options honored", rules: license.Rules{MinimumVCPUs: 2, MaximumVCPUs: 7, HonorVCPUOptimization: true}, in: halved},
		{name: "the vendor's arithmetic is not judged", rules: license.Rules{MaximumVCPUs: 8, MinimumLicenses: 100, LicensePack: 7}, in: shared},
		{name: "cores of the CPU options", rules: license.Rules{MinimumCores: 3, MaximumCores: 16}, in: halved,
			want: []license.Violation{{Rule: "minimumCores", Found: "2", Want: "at least 3"}}},
		{name: "cores judge the instance on a host too", rules: license.Rules{MinimumCores: 4, MaximumCores: 16}, in: placed,
			host: license.Host{ID: "1/r/h-1", Family: "m5", Cores: 48, Sockets: 2}},
		{name: "sockets of the host", rules: license.Rules{MaximumSockets: 1}, in: placed,
			host: license.Host{ID: "1/r/h-1", Family: "m5", Cores: 48, Sockets: 2},
			want: []license.Violation{{Rule: "maximumSockets", Found: "2", Want: "at most 1"}}},
		{name: "sockets of an unknown host are estimated", rules: license.Rules{MaximumSockets: 1}, in: shared,
			want: []license.Violation{{Rule: "maximumSockets", Found: "2", Want: "at most 1", Estimated: true}}},
		{name: "unknown type", rules: license.Rules{MaximumVCPUs: 64}, in: unknown,
			want: []license.Violation{{Rule: "maximumVcpus", Found: "896", Want: "at most 64", Estimated: true}}},
		{name: "several, in a fixed order", rules: license.Rules{MaximumVCPUs: 1, MaximumCores: 1, AllowedInstanceTypes: []string{"t3.*"}, AllowedTenancy: []license.Tenancy{license.TenancyDedicatedHost}}, in: shared,
			want: []license.Violation{
				{Rule: "allowedTenancy", Found: "EC2-Default", Want: "EC2-DedicatedHost"},
				{Rule: "allowedInstanceTypes", Found: "m5.2xlarge", Want: "t3.*"},
				{Rule: "maximumVcpus", Found: "8", Want: "at most 1"},
				{Rule: "maximumCores", Found: "4", Want: "at most 1"},
			}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := license.Violations(tt.rules, tt.in, tt.host, catalog.Embedded())
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestViolationString(t *testing.T) {
	t.Parallel()
	v := license.Violation{Rule: "allowedInstanceTypes", Found: "m5.\x1b[31mlarge", Want: "t3.*"}
	if got, want := v.String(), `allowedInstanceTypes: "m5.\x1b[31mlarge", but the rule asks for t3.*`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
