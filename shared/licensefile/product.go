package licensefile

import "licenseguard/shared/license"

// product names software by which resources are discovered, in the words of
// License Manager's ProductInformation.
type product struct {
	ResourceType string          `yaml:"resourceType"`
	Filters      []productFilter `yaml:"filters"`
}

type productFilter struct {
	Name       string   `yaml:"name"`
	Comparator string   `yaml:"comparator"`
	Values     []string `yaml:"values"`
}

func products(given []product) ([]license.Product, error) {
	var out []license.Product
	for _, g := range given {
		p := license.Product{ResourceType: g.ResourceType}
		if p.ResourceType != "SSM_MANAGED" && p.ResourceType != "RDS" {
			return nil, &license.FieldError{Field: "products.resourceType", Value: p.ResourceType, Want: "it is SSM_MANAGED or RDS"}
		}
		for _, f := range g.Filters {
			if f.Name == "" || f.Comparator == "" {
				return nil, &license.FieldError{Field: "products.filters", Value: f.Name, Want: "each has a name, a comparator and values"}
			}
			p.Filters = append(p.Filters, license.ProductFilter{Name: f.Name, Comparator: f.Comparator, Values: f.Values})
		}
		out = append(out, p)
	}
	return out, nil
}
