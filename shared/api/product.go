package api

import "licenseguard/shared/license"

// productInformation is ProductInformation of the model.
type productInformation struct {
	ResourceType                 string                     `json:"ResourceType" api:"required"`
	ProductInformationFilterList []productInformationFilter `json:"ProductInformationFilterList" api:"required"`
}

type productInformationFilter struct {
	ProductInformationFilterName       string   `json:"ProductInformationFilterName" api:"required"`
	ProductInformationFilterValue      []string `json:"ProductInformationFilterValue,omitempty"`
	ProductInformationFilterComparator string   `json:"ProductInformationFilterComparator" api:"required"`
}

func productsOf(list []productInformation) []license.Product {
	var out []license.Product
	for _, p := range list {
		product := license.Product{ResourceType: p.ResourceType}
		for _, f := range p.ProductInformationFilterList {
			product.Filters = append(product.Filters, license.ProductFilter{Name: f.ProductInformationFilterName,
				Comparator: f.ProductInformationFilterComparator, Values: f.ProductInformationFilterValue})
		}
		out = append(out, product)
	}
	return out
}

func productInformationOf(products []license.Product) []productInformation {
	var out []productInformation
	for _, p := range products {
		one := productInformation{ResourceType: p.ResourceType, ProductInformationFilterList: []productInformationFilter{}}
		for _, f := range p.Filters {
			one.ProductInformationFilterList = append(one.ProductInformationFilterList, productInformationFilter{f.Name, f.Values, f.Comparator})
		}
		out = append(out, one)
	}
	return out
}
