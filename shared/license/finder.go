package license

import (
	"slices"
	"strings"
	"time"
)

// Finder finds the products of configurations in the inventories of machines. It is
// made once for many machines, because patterns are worth compiling once.
type Finder struct {
	configurations []*Configuration
	products       map[string][]finderProduct // of Systems Manager's inventory, by configuration
	parts          []InventoryPart
}

type finderProduct struct {
	text        string
	application []finderFilter // all of them hold for one application; by name first
	rest        []finderFilter
}

type finderFilter struct {
	ProductFilter
	holds func(string) bool
}

// Finding is what one product says of one machine.
type Finding struct {
	Found bool
	Known bool   // false: a part of the inventory that decides was not read
	What  string // what was found, in words
	Why   string // why it is not found, in words
}

// Names of filters that others look for.
const (
	filterName         = "Application Name"
	filterPublisher    = "Application Publisher"
	filterVersion      = "Application Version"
	filterPlatformName = "Platform Name"
	filterPlatformType = "Platform Type"
	filterIncluded     = "License Included"
)

// NewFinder returns the finder of the configurations' products of the type
// SSM_MANAGED. A product that is not valid finds nothing and is never lost.
func NewFinder(configurations []Configuration) *Finder {
	f := &Finder{products: make(map[string][]finderProduct)}
	for i := range configurations {
		c := &configurations[i]
		f.configurations = append(f.configurations, c)
		for _, p := range c.Products {
			if p.ResourceType == SSMManaged {
				f.products[c.ID] = append(f.products[c.ID], newFinderProduct(p))
			}
		}
	}
	f.parts = f.needed()
	return f
}

func newFinderProduct(p Product) finderProduct {
	out := finderProduct{text: p.String()}
	for _, filter := range p.Filters {
		holds, err := filter.texts()
		if err != nil {
			holds = nil
		}
		one := finderFilter{filter, holds}
		switch filter.Name {
		case filterName, filterPublisher, filterVersion:
			out.application = append(out.application, one)
		default:
			out.rest = append(out.rest, one)
		}
	}
	order := []string{filterName, filterPublisher, filterVersion}
	slices.SortStableFunc(out.application, func(a, b finderFilter) int {
		return slices.Index(order, a.Name) - slices.Index(order, b.Name)
	})
	return out
}

// Parts returns the parts of the inventory that the products ask for, of instances and
// of managed nodes; none while there is no product. Tags of instances are EC2's own.
func (f *Finder) Parts() []InventoryPart { return f.parts }

func (f *Finder) needed() []InventoryPart {
	var applications, machine, tags bool
	for _, products := range f.products {
		for _, p := range products {
			applications = applications || len(p.application) > 0
			for _, r := range p.rest {
				machine = machine || r.Name == filterPlatformName || r.Name == filterPlatformType
				tags = tags || strings.HasPrefix(r.Name, FilterTag)
			}
		}
	}
	var out []InventoryPart
	for _, one := range []struct {
		part   InventoryPart
		wanted bool
	}{{PartApplications, applications}, {PartMachine, machine}, {PartTags, tags}} {
		if one.wanted {
			out = append(out, one.part)
		}
	}
	return out
}

// Finds reports whether there is any product to find.
func (f *Finder) Finds() bool { return len(f.products) > 0 }

// Wants reports whether an application may make a difference: one that a product's
// name fits, whatever its version, so that an upgrade out of a filter is told from an
// uninstallation.
func (f *Finder) Wants(a Application) bool {
	for _, products := range f.products {
		for _, p := range products {
			if len(p.application) > 0 && p.application[0].ofApplication(a) {
				return true
			}
		}
	}
	return false
}

func (f finderFilter) ofApplication(a Application) bool {
	text := a.Name
	switch f.Name {
	case filterPublisher:
		text = a.Publisher
	case filterVersion:
		text = a.Version
	}
	return f.holds != nil && f.holds(text)
}

// Discovers reports what a product says of a machine. in gives its id, its tags and
// its usage operation; the inventory the rest.
func (p Product) Discovers(inv *Inventory, in *Instance) Finding {
	return newFinderProduct(p).look(inv, in)
}

func (p finderProduct) look(inv *Inventory, in *Instance) Finding {
	unknown := false
	for _, filter := range p.rest {
		finding := filter.look(inv, in)
		if finding.Known && !finding.Found {
			return finding // whatever else is not known
		}
		unknown = unknown || !finding.Known
	}
	if unknown {
		return Finding{}
	}
	if len(p.application) == 0 {
		return Finding{Found: true, Known: true, What: plain(strings.TrimSpace(inv.PlatformName + " " + in.UsageOperation))}
	}
	if _, read := inv.Captured[PartApplications]; !read {
		return Finding{}
	}
	return p.lookAtApplications(inv)
}

// lookAtApplications finds the application for which all filters hold; if there is
// none, the one that came the nearest tells why.
func (p finderProduct) lookAtApplications(inv *Inventory) Finding {
	nearest, why := 0, "uninstalled"
	for _, a := range inv.Applications {
		n := 0
		for n < len(p.application) && p.application[n].ofApplication(a) {
			n++
		}
		if n == len(p.application) {
			return Finding{Found: true, Known: true, What: a.String()}
		}
		if n > nearest {
			nearest = n
			why = "publisher " + plain(a.Publisher) + " is outside the filter"
			if p.application[n].Name == filterVersion {
				why = "version " + plain(a.Version) + " is outside the filter"
			}
		}
	}
	return Finding{Known: !inv.Cut, Why: why}
}

// String writes an application for people, such as "SQL Server 2019 15.0.2000.5".
func (a Application) String() string { return plain(strings.TrimSpace(a.Name + " " + a.Version)) }

// look judges a filter on anything but an application.
func (f finderFilter) look(inv *Inventory, in *Instance) Finding {
	account, _, _ := in.ID.Parts()
	_, machine := inv.Captured[PartMachine]
	no := func(why string) Finding { return Finding{Known: true, Why: plain(why)} }
	yes := Finding{Found: true, Known: true}
	switch key, isTag := strings.CutPrefix(f.Name, FilterTag); {
	case f.holds == nil:
		return Finding{}
	case f.Name == FilterAccount:
		if f.holds(account) {
			return no("account " + account + " is excluded")
		}
	case isTag:
		value, has := in.Tags[key]
		if has && (len(f.Values) == 0 || f.holds(value)) {
			return no("tag " + key + "=" + value + " is excluded")
		}
	case f.Name == filterIncluded:
		included, known := includes(in, f.Values)
		if !known {
			return Finding{}
		}
		if included != (f.Comparator == Equals) {
			return no("license included: usage operation " + in.UsageOperation)
		}
	case f.Name == filterPlatformName && machine:
		if !f.holds(inv.PlatformName) {
			return no("platform " + inv.PlatformName + " is outside the filter")
		}
	case f.Name == filterPlatformType && machine:
		if !f.holds(inv.PlatformType) {
			return no("platform type " + inv.PlatformType + " is outside the filter")
		}
	default:
		return Finding{}
	}
	return yes
}

// Discover returns what the discoveries of a machine become by a look at its
// inventory. Discoveries by other means stay, those of configurations that are gone do
// not. What the look cannot tell stays as it was: a part that was not read, or that the
// machine told before what is known, neither finds nor loses.
func (f *Finder) Discover(before []Discovery, inv *Inventory, in *Instance, now time.Time) []Discovery {
	var out []Discovery
	for _, c := range f.configurations {
		i := slices.IndexFunc(before, func(d Discovery) bool { return d.ConfigurationID == c.ID })
		var d Discovery
		if i >= 0 {
			d = before[i]
		}
		if len(f.products[c.ID]) > 0 {
			d = f.discover(c, d, inv, in, now)
		}
		if d.ConfigurationID != "" {
			out = append(out, d)
		}
	}
	return out
}

// discover judges one configuration: by the product that found the machine before, if
// it still does, else by the first that does.
func (f *Finder) discover(c *Configuration, before Discovery, inv *Inventory, in *Instance, now time.Time) Discovery {
	had := before.ConfigurationID != ""
	var best finderProduct
	var found Finding
	known, why := true, ""
	for _, p := range f.products[c.ID] {
		finding := p.look(inv, in)
		known = known && finding.Known
		if finding.Found && (best.text == "" || p.text == before.Product) {
			best, found = p, finding
		}
		if !finding.Found && (why == "" || p.text == before.Product) {
			why = finding.Why
		}
	}
	captured := inv.Captured[PartApplications]
	if captured.IsZero() {
		captured = inv.Captured[PartMachine]
	}
	switch {
	case had && captured.Before(before.Captured) && c.hasProduct(before.Product):
		return before // an older look than the one that is known
	case best.text != "":
		d := Discovery{ConfigurationID: c.ID, Product: best.text, What: found.What, Found: now, Captured: captured}
		if had && (before.Lost.IsZero() || !c.DisassociateWhenNotFound) {
			d.Found = before.Found
		}
		if had && before.Lost.IsZero() && before.Product == d.Product && before.What == d.What {
			return before
		}
		return d
	case !known || !had || !before.Lost.IsZero():
		return before
	default:
		if !c.hasProduct(before.Product) {
			why = "the product was changed or removed"
		}
		before.Lost, before.Why, before.Captured = now, why, captured
		return before
	}
}
