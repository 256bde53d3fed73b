package license

// Product names software by which resources are discovered: all of its filters
// hold. It is ProductInformation of the License Manager API (2018-08-01).
type Product struct {
	ResourceType string // SSM_MANAGED or RDS
	Filters      []ProductFilter
}

// ProductFilter is one condition on what an inventory says of a resource.
type ProductFilter struct {
	Name       string   // e.g. "Application Name", "Tag:KEY", "Engine Edition"
	Comparator string   // EQUALS, NOT_EQUALS …
	Values     []string // any of these
}
