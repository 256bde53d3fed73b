package license

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Product names software by which resources are discovered: all of its filters
// hold. Several products of a configuration are alternatives. It is
// ProductInformation of the License Manager API (2018-08-01).
type Product struct {
	ResourceType string // SSMManaged or RDS
	Filters      []ProductFilter
}

// ProductFilter is one condition on what an inventory says of a resource.
type ProductFilter struct {
	Name       string   // e.g. "Application Name", "Tag:KEY", "Engine Edition"
	Comparator string   // Equals, NotEquals, or one of ours; see BeginsWith
	Values     []string // any of these; none, for a tag: any value
}

// What can be discovered, and how a filter compares.
const (
	SSMManaged = "SSM_MANAGED" // by the inventory of Systems Manager
	RDS        = "RDS"

	Equals    = "EQUALS"
	NotEquals = "NOT_EQUALS" // excludes
)

// Names of filters that others look for.
const (
	FilterTag           = "Tag:" // and the key
	FilterAccount       = "AccountId"
	FilterEngineEdition = "Engine Edition"
	FilterLicensePack   = "License Pack"
)

const (
	maximumProducts = 50
	maximumFilters  = 20
	maximumValues   = 50
)

// productFilter describes one filter (License Manager API reference,
// ProductInformation, 2026). Unlike AWS, who lets only accounts with cross-account
// discovery exclude, we let everybody.
type productFilter struct {
	comparators []string
	legal       []string // the values; nil: any text
	form        *regexp.Regexp
	want        string // what form asks for
	optional    bool   // the values
}

var (
	equals    = []string{Equals}
	notEquals = []string{NotEquals}
	// texts are Equals, which AWS knows, and ours.
	texts = []string{Equals, BeginsWith, MatchesWildcard, MatchesPattern}
)

var productFilters = map[string]map[string]productFilter{
	SSMManaged: {
		filterName:         {comparators: texts},
		filterPublisher:    {comparators: texts},
		filterVersion:      {comparators: append([]string{InVersionRange}, texts...)},
		filterPlatformName: {comparators: texts},
		filterPlatformType: {comparators: equals, legal: []string{"Windows", "Linux", "MacOS"}},
		filterIncluded: {comparators: []string{Equals, NotEquals},
			legal: []string{sqlEnterprise, sqlStandard, sqlWeb, windowsDatacenter}},
		FilterAccount: {comparators: notEquals, form: regexp.MustCompile(`^[0-9]{12}$`), want: "account ids of 12 digits"},
		FilterTag:     {comparators: notEquals, optional: true},
	},
	RDS: {
		// The SQL Server editions and db2-ce are in the user guide, not in the API
		// reference.
		FilterEngineEdition: {comparators: equals, legal: []string{"oracle-ee", "oracle-se", "oracle-se1", "oracle-se2",
			"db2-se", "db2-ae", "db2-ce", "sqlserver-ee", "sqlserver-se"}},
		FilterLicensePack: {comparators: equals, legal: []string{"data guard", "diagnostic pack sqlt", "tuning pack sqlt", "ols", "olap"}},
	},
}

// resourceTypes and filterNames are in the order of the API reference.
var (
	resourceTypes = []string{SSMManaged, RDS}
	filterNames   = map[string][]string{
		SSMManaged: {filterName, filterPublisher, filterVersion, filterPlatformName, filterPlatformType, FilterTag + "KEY", FilterAccount, filterIncluded},
		RDS:        {FilterEngineEdition, FilterLicensePack},
	}
)

// validateProducts checks what can be discovered. from is the rule version from
// which on the rules are no history.
func (c Configuration) validateProducts(from int) error {
	if len(c.Products) > maximumProducts {
		return &FieldError{Field: "products", Value: strconv.Itoa(len(c.Products)), Want: fmt.Sprintf("at most %d products", maximumProducts)}
	}
	for i, p := range c.Products {
		field := fmt.Sprintf("products[%d]", i)
		if err := p.validate(field); err != nil {
			return err
		}
		if p.ResourceType == RDS {
			if err := c.validateRDS(field, from); err != nil {
				return err
			}
		}
	}
	return nil
}

// validateRDS holds what License Manager allows for databases (RDS user guide,
// "Integrating with License Manager", 2026), and beside it one rule of ours: what a
// standby counts.
func (c Configuration) validateRDS(field string, from int) error {
	bad := func(what, value, want string) error {
		return &FieldError{Field: what, Value: value, Want: want + ", because " + field + " is of type RDS"}
	}
	switch {
	case c.CountingType != CountVCPU:
		return bad("countingType", string(c.CountingType), "it must be vCPU")
	case c.HardLimit:
		return bad("licenseCountHardLimit", "true", "the limit must be soft")
	case len(c.Products) > 1:
		return bad("products", strconv.Itoa(len(c.Products)), "there must be no other product; make a configuration for each")
	}
	for _, v := range c.Rules[from:] {
		for _, text := range v.Text {
			if !strings.HasPrefix(text, "#"+ruleCountStandby+"=") {
				return bad("rules", text, "there must be no rule but "+ruleCountStandby)
			}
		}
	}
	return nil
}

func (p Product) validate(field string) error {
	filters, ok := productFilters[p.ResourceType]
	switch {
	case !ok:
		return &FieldError{Field: field + ".resourceType", Value: p.ResourceType, Want: "the types are " + strings.Join(resourceTypes, " and ")}
	case len(p.Filters) == 0 || len(p.Filters) > maximumFilters:
		return &FieldError{Field: field + ".filters", Value: strconv.Itoa(len(p.Filters)), Want: fmt.Sprintf("give 1 to %d filters", maximumFilters)}
	}
	names := map[string]int{}
	includes := false
	for i, f := range p.Filters {
		at := fmt.Sprintf("%s.filters[%d]", field, i)
		name := f.Name
		if key, isTag := strings.CutPrefix(name, FilterTag); isTag && key != "" {
			name = FilterTag
		}
		known, ok := filters[name]
		if !ok || f.Name == FilterTag {
			return &FieldError{Field: at + ".name", Value: f.Name, Want: fmt.Sprintf("the filters of %s are %s", p.ResourceType, strings.Join(filterNames[p.ResourceType], ", "))}
		}
		if err := known.validate(at, f); err != nil {
			return err
		}
		names[name] += len(f.Values)
		includes = includes || f.Comparator != NotEquals
		if p.ResourceType == RDS && names[name] > 1 {
			return &FieldError{Field: at + ".values", Value: strings.Join(f.Values, ", "), Want: "give one " + name + " only; make a configuration for each"}
		}
	}
	if !includes {
		return &FieldError{Field: field + ".filters", Value: p.Filters[0].Name, Want: "exclusions alone name no software; add a filter with the comparator EQUALS"}
	}
	return nil
}

func (known productFilter) validate(at string, f ProductFilter) error {
	if !slices.Contains(known.comparators, f.Comparator) {
		return &FieldError{Field: at + ".comparator", Value: f.Comparator, Want: "it is " + strings.Join(known.comparators, " or ") + " for " + quote(f.Name)}
	}
	if len(f.Values) == 0 && !known.optional || len(f.Values) > maximumValues {
		return &FieldError{Field: at + ".values", Value: strconv.Itoa(len(f.Values)), Want: fmt.Sprintf("give 1 to %d values", maximumValues)}
	}
	if utf8.RuneCountInString(f.Name) > len(FilterTag)+maximumTagKey || !printable(f.Name) {
		return &FieldError{Field: at + ".name", Value: f.Name, Want: "give a key of 1 to 128 printable characters"}
	}
	for _, v := range f.Values {
		want := ""
		switch {
		case strings.TrimSpace(v) == "" && !known.optional || utf8.RuneCountInString(v) > maximumTagValue || !printable(v):
			want = "1 to 256 printable characters"
		case known.legal != nil && !slices.Contains(known.legal, v):
			want = "one of " + strings.Join(known.legal, ", ")
		case known.form != nil && !known.form.MatchString(v):
			want = known.want
		}
		if _, err := test(f.Comparator, v); want == "" && err != nil {
			want = err.Error()
		}
		if want != "" {
			return &FieldError{Field: at + ".values", Value: v, Want: "give " + want}
		}
	}
	return nil
}

// equal reports whether two products discover the same.
func (p Product) equal(o Product) bool {
	return p.ResourceType == o.ResourceType && slices.EqualFunc(p.Filters, o.Filters, func(a, b ProductFilter) bool {
		return a.Name == b.Name && a.Comparator == b.Comparator && slices.Equal(a.Values, b.Values)
	})
}

// String writes the product as one line, such as
// `SSM_MANAGED: Application Name EQUALS "SQL Server"`. The values are foreign text
// and are quoted.
func (p Product) String() string {
	var filters []string
	for _, f := range p.Filters {
		values := make([]string, len(f.Values))
		for i, v := range f.Values {
			values[i] = quote(v)
		}
		filters = append(filters, strings.TrimSpace(f.Name+" "+f.Comparator+" "+strings.Join(values, " or ")))
	}
	return p.ResourceType + ": " + strings.Join(filters, " and ")
}
