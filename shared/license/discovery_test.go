package license

import (
	"testing"
	"time"
)

func TestAssociateByProduct(t *testing.T) {
	t.Parallel()
	launch := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	found := launch.Add(10 * time.Minute)
	sql := Product{ResourceType: SSMManaged, Filters: []ProductFilter{{Name: "Application Name", Comparator: Equals, Values: []string{"SQL Server"}}}}
	other := Product{ResourceType: SSMManaged, Filters: []ProductFilter{{Name: "Application Name", Comparator: Equals, Values: []string{"Oracle"}}}}
	c := Configuration{ID: "lic-a", Products: []Product{sql}}
	in := Instance{ID: NewResourceID("123456789012", "us-east-1", "mi-0123456789abcdef0"), LaunchTime: launch,
		Discoveries: []Discovery{{ConfigurationID: "lic-a", Product: sql.String(), What: "SQL Server 15.0", Found: found}}}
	uninstalled := in
	uninstalled.Discoveries = []Discovery{in.Discoveries[0]}
	uninstalled.Discoveries[0].Lost = found.Add(time.Hour)
	held := []Held{{ConfigurationID: "lic-a", Kind: ByProduct, Value: sql.String(), Since: found}}

	tests := map[string]struct {
		configuration Configuration
		in            Instance
		held          []Held
		want          bool
	}{
		"found":                             {c, in, nil, true},
		"found before":                      {c, in, held, true},
		"not looked for":                    {c, Instance{ID: in.ID}, nil, false},
		"found by another configuration":    {Configuration{ID: "lic-b", Products: c.Products}, in, nil, false},
		"the product was given up":          {Configuration{ID: "lic-a"}, in, held, false},
		"the product was edited":            {Configuration{ID: "lic-a", Products: []Product{other}}, in, held, true},
		"edited, and does not find it":      {Configuration{ID: "lic-a", Products: []Product{other}}, uninstalled, held, false},
		"uninstalled, kept":                 {c, uninstalled, held, true},
		"uninstalled, released when lost":   {Configuration{ID: "lic-a", Products: c.Products, DisassociateWhenNotFound: true}, uninstalled, held, false},
		"uninstalled, never held, is found": {c, uninstalled, nil, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Associate([]Configuration{tt.configuration}, tt.in, tt.held, launch.Add(24*time.Hour))
			if (len(got) == 1) != tt.want {
				t.Fatalf("held %v, want it held: %t", got, tt.want)
			}
			if tt.want && (got[0].Kind != ByProduct || got[0].Value != sql.String() || !got[0].Since.Equal(found)) {
				t.Errorf("%+v", got[0])
			}
		})
	}
}

func TestDiscoveryInWords(t *testing.T) {
	t.Parallel()
	d := Discovery{What: "SQL Server 2019 15.0", Found: time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)}
	if got, want := d.String(), "found SQL Server 2019 15.0, since 2026-11-20 08:00:00 UTC"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	d.Lost, d.Why = d.Found.Add(time.Hour), "uninstalled"
	if got, want := d.String(), "found SQL Server 2019 15.0, since 2026-11-20 08:00:00 UTC; not found since 2026-11-20 09:00:00 UTC: uninstalled"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestResourceTypes(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]struct {
		kind ResourceType
		arn  string
	}{
		"i-0123456789abcdef0":   {EC2Instance, "arn:aws:ec2:us-east-1:123456789012:instance/i-0123456789abcdef0"},
		"mi-0123456789abcdef0":  {ManagedNode, "arn:aws:ssm:us-east-1:123456789012:managed-instance/mi-0123456789abcdef0"},
		"h-0123456789abcdef0":   {EC2Host, "arn:aws:ec2:us-east-1:123456789012:dedicated-host/h-0123456789abcdef0"},
		"ami-0123456789abcdef0": {EC2AMI, "arn:aws:ec2:us-east-1::image/ami-0123456789abcdef0"},
		"db:h-looks-like-one":   {Database, "arn:aws:rds:us-east-1:123456789012:db:h-looks-like-one"},
	} {
		r := NewResourceID("123456789012", "us-east-1", id)
		if r.Type() != want.kind || r.ARN() != want.arn || r.AWSID() != id {
			t.Errorf("%s is %s, %s, %s", id, r.Type(), r.ARN(), r.AWSID())
		}
	}
}
