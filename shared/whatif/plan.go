package whatif

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// World is what is on record when the simulation begins.
type World struct {
	Licenses []*ledger.License // all that there are
	// Facts are those of the instances on record: of all of them where a
	// configuration changes, for launches of those on the Dedicated Hosts that are
	// named. A host of which none tells is counted as its family's, estimated.
	Facts []ledger.Facts
	// Origins tell from which image others were made, as far as is on record: a launch
	// from a copy that nothing was launched from yet is as one from an original.
	Origins map[license.ImageRef]license.Ancestor
	Catalog license.Catalog
}

// Plan is what would be done. The configurations are changed first.
type Plan struct {
	Launches []Launch `json:",omitempty"`
	// Configurations are as they would be wanted; one with an id that no license has
	// is a new one. They change now.
	Configurations []license.Configuration `json:",omitempty"`
	// At is when instances are launched and when the outcome is looked at, so that
	// rules which begin later can be tried; zero: now, or a second after the change.
	At time.Time `json:",omitzero"`
}

// Launch is a number of equal instances.
type Launch struct {
	Account, Region string
	Type            string
	Count           int // 1 or more
	Image           string
	LaunchTemplate  string             `json:",omitempty"` // its id
	Tags            map[string]string  `json:",omitempty"`
	Tenancy         license.Tenancy    `json:",omitempty"` // "": default, or that of the host
	Host            string             `json:",omitempty"` // the id of a Dedicated Host, on record or not
	CPUOptions      license.CPUOptions `json:",omitzero"`  // zero: the type's
	Spot            bool               `json:",omitempty"`
	Specifications  []string           `json:",omitempty"` // ARNs of license configurations that the launch names
}

// MaxInstances is the most instances that one plan may launch.
const MaxInstances = 1000

// maxConfigurations is the most configurations that one plan may change.
const maxConfigurations = 100

var (
	accountForm = regexp.MustCompile(`^[0-9]{12}$`)
	regionForm  = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)
	typeForm    = regexp.MustCompile(`^[a-z0-9-]{1,32}\.[a-z0-9-]{1,32}$`)
	hostForm    = regexp.MustCompile(`^h-[0-9a-zA-Z-]{1,64}$`)
)

// validate returns a *license.FieldError.
func (p Plan) validate(now time.Time) error {
	if len(p.Launches) == 0 && len(p.Configurations) == 0 {
		return &license.FieldError{Field: "plan", Want: "give launches or configurations; there is nothing to simulate"}
	}
	if !p.At.IsZero() && p.At.Before(now) {
		return &license.FieldError{Field: "at", Value: p.At.UTC().Format(time.RFC3339), Want: "give an instant that is not past"}
	}
	if n := len(p.Configurations); n > maxConfigurations {
		return &license.FieldError{Field: "configurations", Value: strconv.Itoa(n), Want: fmt.Sprintf("give at most %d in one plan", maxConfigurations)}
	}
	var ids []string
	for _, c := range p.Configurations {
		if slices.Contains(ids, c.ID) {
			return &license.FieldError{Field: "configurations", Value: c.ID, Want: "give each configuration once"}
		}
		ids = append(ids, c.ID)
	}
	total := 0
	for i, l := range p.Launches {
		if err := l.validate(fmt.Sprintf("launches[%d].", i)); err != nil {
			return err
		}
		if total += min(l.Count, MaxInstances+1); total > MaxInstances {
			return &license.FieldError{Field: "launches", Value: strconv.Itoa(total), Want: fmt.Sprintf("launch at most %d instances in one plan", MaxInstances)}
		}
	}
	return nil
}

func (l Launch) validate(field string) error {
	bad := func(name, value, want string) error {
		return &license.FieldError{Field: field + name, Value: value, Want: want}
	}
	switch {
	case !accountForm.MatchString(l.Account):
		return bad("account", l.Account, "give an account of 12 digits")
	case !regionForm.MatchString(l.Region):
		return bad("region", l.Region, "give a Region such as us-east-1")
	case !typeForm.MatchString(l.Type):
		return bad("type", l.Type, "give an instance type such as m5.large")
	case l.Count < 1:
		return bad("count", strconv.Itoa(l.Count), "give 1 or more")
	case l.Host != "" && !hostForm.MatchString(l.Host):
		return bad("host", l.Host, "give the id of a Dedicated Host such as h-0123456789abcdef0")
	case l.Host != "" && l.Tenancy != "" && l.Tenancy != license.TenancyDedicatedHost:
		return bad("tenancy", string(l.Tenancy), "it is EC2-DedicatedHost where a host is named")
	case l.Host == "" && l.Tenancy == license.TenancyDedicatedHost:
		return bad("host", "", "name the Dedicated Host, because licenses can be counted on it; for one that does not exist yet h-new is right")
	case !slices.Contains([]license.Tenancy{"", license.TenancyDefault, license.TenancyDedicatedHost, license.TenancyDedicatedInstance}, l.Tenancy):
		return bad("tenancy", string(l.Tenancy), "it is EC2-Default, EC2-DedicatedInstance or EC2-DedicatedHost")
	case l.CPUOptions != (license.CPUOptions{}) && !l.CPUOptions.Known() || l.CPUOptions.Cores > 10_000 || l.CPUOptions.ThreadsPerCore > 8:
		return bad("cpuOptions", fmt.Sprintf("%d cores, %d threads", l.CPUOptions.Cores, l.CPUOptions.ThreadsPerCore), "give cores and threads per core, or leave both out")
	case len(l.Tags) > license.MaximumTags+10: // those that AWS services add do not count as the user's
		return bad("tags", strconv.Itoa(len(l.Tags)), "give at most 60 tags")
	}
	return nil
}

// newPrefix begins the ids of instances that do not exist. EC2's have hex digits
// there.
const newPrefix = "i-new-"

// Instances returns what the plan launches at an instant, as a look would show it
// running. The ids are i-new-0001 and so on.
func (p Plan) Instances(at time.Time) []license.Instance {
	var out []license.Instance
	for _, l := range p.Launches {
		for range l.Count {
			out = append(out, l.instance(len(out)+1, at))
		}
	}
	return out
}

func (l Launch) instance(number int, at time.Time) license.Instance {
	in := license.Instance{
		ID: license.NewResourceID(l.Account, l.Region, fmt.Sprintf("%s%04d", newPrefix, number)), Type: l.Type, State: license.Running,
		LaunchTime: at, ImageID: l.Image, Tenancy: l.Tenancy, HostID: l.Host, CPUOptions: l.CPUOptions, Tags: l.Tags, Spot: l.Spot,
		Specifications: license.Specifications(l.Specifications),
	}
	switch {
	case l.Host != "":
		in.Tenancy = license.TenancyDedicatedHost
	case l.Tenancy == "":
		in.Tenancy = license.TenancyDefault
	}
	if l.LaunchTemplate != "" {
		in.Tags = map[string]string{license.TagLaunchTemplate: l.LaunchTemplate}
		for key, value := range l.Tags {
			in.Tags[key] = value
		}
	}
	return in
}

// isNew reports whether an instance is one of a plan.
func isNew(id license.ResourceID) bool { return strings.HasPrefix(id.AWSID(), newPrefix) }
