package license_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"licenseguard/shared/license"
)

// software is a product with perhaps one more filter: its name, comparator and values.
func software(more ...string) license.Product {
	p := license.Product{ResourceType: license.SSMManaged, Filters: []license.ProductFilter{
		{Name: "Application Name", Comparator: license.Equals, Values: []string{"Microsoft SQL Server 2019 (64-bit)"}}}}
	if len(more) > 0 {
		p.Filters = append(p.Filters, license.ProductFilter{Name: more[0], Comparator: more[1], Values: more[2:]})
	}
	return p
}

// oracle is a database product with filters: a name and a value each.
func oracle(filters ...string) license.Product {
	p := license.Product{ResourceType: license.RDS}
	for i := 0; i < len(filters); i += 2 {
		p.Filters = append(p.Filters, license.ProductFilter{Name: filters[i], Comparator: license.Equals, Values: []string{filters[i+1]}})
	}
	return p
}

func TestProducts(t *testing.T) {
	t.Parallel()
	products := func(p ...license.Product) func(*license.Configuration) {
		return func(c *license.Configuration) { c.Products = p }
	}
	database := func(change func(*license.Configuration), p ...license.Product) func(*license.Configuration) {
		return func(c *license.Configuration) {
			c.HardLimit, c.Rules, c.Products = false, nil, p
			if change != nil {
				change(c)
			}
		}
	}
	same := func(n int) []license.Product {
		out := make([]license.Product, n)
		for i := range out {
			out[i] = software()
		}
		return out
	}
	tests := []struct {
		name   string
		change func(*license.Configuration)
		want   string // "": it is right
	}{
		{"by name", products(software()), ""},
		{"the documented example", products(license.Product{ResourceType: "SSM_MANAGED", Filters: []license.ProductFilter{
			{Name: "Application Name", Comparator: "EQUALS", Values: []string{"Microsoft SQL Server 2019 (64-bit)"}},
			{Name: "Application Publisher", Comparator: "EQUALS", Values: []string{"Microsoft Corporation"}},
			{Name: "Tag:Environment", Comparator: "NOT_EQUALS", Values: []string{"dev"}},
			{Name: "AccountId", Comparator: "NOT_EQUALS", Values: []string{"123456789012"}}}}), ""},
		{"any value of a tag", products(software("Tag:Environment", "NOT_EQUALS")), ""},
		{"license included", products(software("License Included", "NOT_EQUALS", "sql-server-web")), ""},
		{"many", products(same(50)...), ""},
		{"too many", products(same(51)...), `products is "51": at most 50`},
		{"another kind", products(license.Product{ResourceType: "EC2_INSTANCE"}), `products[0].resourceType is "EC2_INSTANCE": the types are SSM_MANAGED and RDS`},
		{"no filters", products(software(), license.Product{ResourceType: "SSM_MANAGED"}), `products[1].filters is "0": give 1 to 20`},
		{"exclusions alone", products(license.Product{ResourceType: "SSM_MANAGED", Filters: []license.ProductFilter{{Name: "Tag:a", Comparator: "NOT_EQUALS"}}}),
			"exclusions alone name no software"},
		{"another filter", products(software("Kernel", "EQUALS", "x")), `products[0].filters[1].name is "Kernel": the filters of SSM_MANAGED are Application Name, ` +
			"Application Publisher, Application Version, Platform Name, Platform Type, Tag:KEY, AccountId, License Included"},
		{"one of databases", products(software("Engine Edition", "EQUALS", "oracle-ee")), "the filters of SSM_MANAGED are"},
		{"a tag without a key", products(software("Tag:", "NOT_EQUALS")), "the filters of SSM_MANAGED are"},
		{"a long key", products(software("Tag:"+strings.Repeat("k", 129), "NOT_EQUALS")), "give a key of 1 to 128"},
		{"begins with", products(software("Application Publisher", "BEGINS_WITH", "Micro")), ""},
		{"a wildcard", products(software("Platform Name", "MATCHES_WILDCARD", "*Server 20??*")), ""},
		{"a range of versions", products(software("Application Version", "VERSION_RANGE", ">=15 <16")), ""},
		{"a regular expression", products(software("Application Version", "MATCHES", `15\.\d+(\.\d+)*`)), ""},
		{"another comparator", products(software("Application Publisher", "CONTAINS", "soft")),
			`products[0].filters[1].comparator is "CONTAINS": it is EQUALS or BEGINS_WITH or MATCHES_WILDCARD or MATCHES for "Application Publisher"`},
		{"a range of names", products(software("Application Publisher", "VERSION_RANGE", ">=15")), `comparator is "VERSION_RANGE"`},
		{"no range", products(software("Application Version", "VERSION_RANGE", "15 to 16")), `values is "15 to 16": give a range of versions`},
		{"too many bounds", products(software("Application Version", "VERSION_RANGE", ">1 >2 >3 >4 >5")), "it has 5 bounds"},
		{"a range of blanks", products(software("Application Version", "VERSION_RANGE", "  ")), "give 1 to 256 printable"},
		{"no expression", products(software("Application Version", "MATCHES", "15(")), "give a regular expression as RE2 has it"},
		{"an expression that leaves its brackets", products(software("Application Version", "MATCHES", "15)|(?:16")), "give a regular expression"},
		{"an expensive expression", products(software("Application Version", "MATCHES", "(abcdef){900}")), "with fewer repetitions"},
		{"an exclusion by name", products(software("Application Name", "NOT_EQUALS", "x")), `it is EQUALS or BEGINS_WITH or MATCHES_WILDCARD or MATCHES for "Application Name"`},
		{"a tag that includes", products(software("Tag:a", "EQUALS", "x")), `it is NOT_EQUALS for "Tag:a"`},
		{"no value", products(software("Application Version", "EQUALS")), `products[0].filters[1].values is "0": give 1 to 50 values`},
		{"an empty value", products(software("Application Version", "EQUALS", " ")), "give 1 to 256 printable characters"},
		{"what turns the writing", products(software("Application Version", "EQUALS", "\u202e")), "printable"},
		{"no account", products(software("AccountId", "NOT_EQUALS", "12345")), "account ids of 12 digits"},
		{"another platform", products(software("Platform Type", "EQUALS", "windows")), "give one of Windows, Linux, MacOS"},
		{"another license", products(software("License Included", "EQUALS", "rhel")), "give one of sql-server-enterprise"},

		{"a database", database(nil, oracle("Engine Edition", "oracle-ee")), ""},
		{"a pack", database(nil, oracle("Engine Edition", "oracle-ee", "License Pack", "olap")), ""},
		{"another edition", database(nil, oracle("Engine Edition", "postgres")), "give one of oracle-ee"},
		{"another pack", database(nil, oracle("License Pack", "partitioning")), "give one of data guard"},
		{"two editions", database(nil, oracle("Engine Edition", "oracle-ee", "Engine Edition", "oracle-se2")), "give one Engine Edition only"},
		{"one of software", database(nil, oracle("Application Name", "x")), "the filters of RDS are Engine Edition, License Pack"},
		{"by instances", database(func(c *license.Configuration) { c.CountingType = license.CountInstance }, oracle("Engine Edition", "oracle-ee")),
			`countingType is "Instance": it must be vCPU, because products[0] is of type RDS`},
		{"a hard limit", database(func(c *license.Configuration) { c.HardLimit = true }, oracle("Engine Edition", "oracle-ee")), "the limit must be soft"},
		{"rules", database(func(c *license.Configuration) { c.Rules = []license.RuleVersion{{Text: []string{"minimumVcpus=2"}}} }, oracle("Engine Edition", "oracle-ee")),
			`rules is "#minimumVcpus=2": there must be no rule but countStandby`},
		{"beside software", database(nil, software(), oracle("Engine Edition", "oracle-ee")), "there must be no other product"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := valid()
			tt.change(&c)
			_, err := c.Normalized()
			var field *license.FieldError
			if tt.want == "" && err != nil || tt.want != "" && (!errors.As(err, &field) || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error %v, want one that says %q", err, tt.want)
			}
		})
	}
}

// TestRulesBesideADatabase: rules that are history do not hinder, those in force do.
func TestRulesBesideADatabase(t *testing.T) {
	t.Parallel()
	c := valid()
	c.HardLimit = false
	old, err := license.Amend(nil, c, t0, "me")
	if err != nil {
		t.Fatal(err)
	}
	now := t0.Add(time.Hour)
	wanted := old
	wanted.Products, wanted.Rules = []license.Product{oracle("Engine Edition", "oracle-ee")}, []license.RuleVersion{{}}
	if got, err := license.Amend(&old, wanted, now, "me"); err != nil || len(got.Rules) != 2 {
		t.Errorf("rules that are history: %v", err)
	}
	wanted.Rules = []license.RuleVersion{{Effective: now.Add(time.Hour)}}
	if _, err := license.Amend(&old, wanted, now, "me"); err == nil {
		t.Error("rules of the next hour are taken beside a database")
	}
}

func TestProductInWords(t *testing.T) {
	t.Parallel()
	p := software("Tag:a", license.NotEquals)
	p.Filters[0].Values = []string{"a", "b\x1b"}
	if got, want := p.String(), `SSM_MANAGED: Application Name EQUALS "a" or "b\x1b" and Tag:a NOT_EQUALS`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
