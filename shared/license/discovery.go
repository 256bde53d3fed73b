package license

import (
	"slices"
	"strings"
	"time"
)

// Discovery says that a resource was found by a product of a configuration.
type Discovery struct {
	ConfigurationID string
	Product         string    // the product's String
	What            string    // what was found, in words, such as `Microsoft SQL Server 2019 (64-bit) 15.0.2000.5`
	Found           time.Time // when it was first seen
	Lost            time.Time // when it was first seen to be there no more; zero: it is there
	Why             string    // why it is lost, in words, such as "uninstalled"
	Captured        time.Time // when the machine told what found or lost it; zero: not told
}

// String tells what was found, since when, and whether and why it is lost.
func (d Discovery) String() string {
	const layout = "2006-01-02 15:04:05 UTC"
	text := "found " + d.What + ", since " + d.Found.UTC().Format(layout)
	if !d.Lost.IsZero() {
		text += "; not found since " + d.Lost.UTC().Format(layout)
		if d.Why != "" {
			text += ": " + d.Why
		}
	}
	return text
}

// Discovery returns how a resource was found by a configuration's products.
func (in *Instance) Discovery(configurationID string) (Discovery, bool) {
	i := slices.IndexFunc(in.Discoveries, func(d Discovery) bool { return d.ConfigurationID == configurationID })
	if i < 0 {
		return Discovery{}, false
	}
	return in.Discoveries[i], true
}

// discovered returns the discovery by which a configuration applies to a resource:
// by a product that it has, and, once the software is found no more, only if the
// configuration keeps what it found (DisassociateWhenNotFound is false). What was found
// by a product of the inventory that was edited since is held until the next look: else
// a corrected name would release everything for an hour.
func (c *Configuration) discovered(in *Instance) (Discovery, bool) {
	d, ok := in.Discovery(c.ID)
	if !ok {
		return Discovery{}, false
	}
	lost := !d.Lost.IsZero()
	if c.hasProduct(d.Product) {
		return d, !lost || !c.DisassociateWhenNotFound
	}
	edited := strings.HasPrefix(d.Product, SSMManaged+":") && slices.ContainsFunc(c.Products, func(p Product) bool { return p.ResourceType == SSMManaged })
	return d, edited && !lost
}

func (c *Configuration) hasProduct(text string) bool {
	return slices.ContainsFunc(c.Products, func(p Product) bool { return p.String() == text })
}
