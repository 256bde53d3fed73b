package license

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// InventoryPart is one type of Systems Manager's inventory, by its name there.
type InventoryPart string

// The parts that are read. AWS:BillingInfo is not: what its billing product ids mean
// is published nowhere, and EC2's own UsageOperation tells the same of an instance.
const (
	PartApplications InventoryPart = "AWS:Application"
	PartMachine      InventoryPart = "AWS:InstanceInformation"
	PartGuest        InventoryPart = "AWS:InstanceDetailedInformation"
	PartTags         InventoryPart = "AWS:Tag"
)

// Inventory is what Systems Manager's inventory tells of one machine, as far as it
// was read.
type Inventory struct {
	ID ResourceID
	// Captured is when the machine told each part that was read. A part that is
	// missing here says nothing: not that there is no software.
	Captured     map[InventoryPart]time.Time
	Applications []Application // those that were asked for
	Cut          bool          // there are more of them than are held
	PlatformName string        // such as "Ubuntu"
	PlatformType string        // Windows, Linux or MacOS
	Guest        Guest
	Tags         map[string]string
	Problems     []string // what could not be read, in words
}

// Application is one piece of software as the machine lists it: foreign text.
type Application struct{ Name, Publisher, Version string }

// Add takes over the parts that another inventory of the same machine has.
func (inv *Inventory) Add(o Inventory) {
	if inv.Captured == nil {
		inv.Captured = make(map[InventoryPart]time.Time)
	}
	for part, at := range o.Captured {
		inv.Captured[part] = at
		switch part {
		case PartApplications:
			inv.Applications, inv.Cut = o.Applications, o.Cut
		case PartMachine:
			inv.PlatformName, inv.PlatformType = o.PlatformName, o.PlatformType
		case PartGuest:
			inv.Guest = o.Guest
		case PartTags:
			inv.Tags = o.Tags
		}
	}
	inv.Problems = append(inv.Problems, o.Problems...)
}

// Told returns when the machine last told anything of what was read.
func (inv *Inventory) Told() time.Time {
	var last time.Time
	for _, at := range inv.Captured {
		if at.After(last) {
			last = at
		}
	}
	return last
}

// Guest is what a machine's operating system says of its processors. It is the
// guest's view: on a virtual machine not what the host has. All values are text, and
// any can be empty: macOS never tells sockets, and lscpu leaves out what the
// hypervisor hides (SSM Agent, AWS:InstanceDetailedInformation 1.0, 2026).
type Guest struct {
	CPUs    string // logical processors
	Cores   string // of all sockets
	Sockets string
}

// nodeType is the type of a managed node; NodeType adds the sockets.
const nodeType = "on-premises"

// The most of each that is taken for true: more than the largest machines on sale
// (2026) have. What is beyond is a mistake or a lie.
const (
	maximumGuestCPUs    = 8192
	maximumGuestSockets = 64
)

// NodeType returns the type of a managed node: "on-premises", or, when its sockets are
// known, such as "on-premises.2-socket".
func NodeType(sockets int64) string {
	if sockets <= 0 {
		return nodeType
	}
	return nodeType + "." + strconv.FormatInt(sockets, 10) + "-socket"
}

func socketsOfNode(name string) (int64, bool) {
	size, ok := strings.CutPrefix(name, nodeType+".")
	if !ok {
		return 0, false
	}
	size, ok = strings.CutSuffix(size, "-socket")
	n, err := strconv.ParseInt(size, 10, 64)
	return n, ok && err == nil && n > 0
}

// Type returns the facts by which a managed node is counted. Its name is that of
// NodeType. What the guest does not tell, or nobody can believe, counts as its worst
// case and never as zero: without CPUs the VCPUs are 0, which Count takes for unknown;
// without cores each CPU counts as a core of one thread. The problems say which.
func (g Guest) Type() (t InstanceType, problems []string) {
	number := func(what, text string, most int64) int64 {
		text = strings.TrimSpace(text)
		n, err := strconv.ParseInt(text, 10, 64)
		if err == nil && 0 < n && n <= most {
			return n
		}
		if text == "" {
			problems = append(problems, "the guest tells no "+what)
		} else {
			problems = append(problems, what+" is "+quote(text)+", not 1 to "+strconv.FormatInt(most, 10))
		}
		return 0
	}
	cpus := number("CPUs", g.CPUs, maximumGuestCPUs)
	cores := number("CPUCores", g.Cores, maximumGuestCPUs)
	sockets := number("CPUSockets", g.Sockets, maximumGuestSockets)
	if cores > cpus && cpus > 0 {
		problems = append(problems, "CPUCores is "+strconv.FormatInt(cores, 10)+" of "+strconv.FormatInt(cpus, 10)+" CPUs")
		cores = 0
	}
	if sockets > cpus && cpus > 0 {
		problems = append(problems, "CPUSockets is "+strconv.FormatInt(sockets, 10)+" of "+strconv.FormatInt(cpus, 10)+" CPUs")
		sockets = 0
	}
	t.Name = NodeType(sockets)
	if cpus == 0 {
		return t, problems
	}
	t.VCPUs, t.Cores, t.ThreadsPerCore = cpus, cpus, 1
	if cores > 0 {
		t.Cores, t.ThreadsPerCore = cores, ceilDiv(cpus, cores)
	}
	return t, problems
}

// includedLicenses are the values of the filter License Included by EC2's usage
// operations (EC2 user guide, AMI billing information fields, 2026). Amazon's Windows
// Server images are of the Datacenter edition (License Manager user guide, license
// type conversion, 2026).
var includedLicenses = map[string][]string{
	"RunInstances:0002": {windowsDatacenter},
	"RunInstances:0102": {windowsDatacenter, sqlEnterprise},
	"RunInstances:0006": {windowsDatacenter, sqlStandard},
	"RunInstances:0202": {windowsDatacenter, sqlWeb},
	"RunInstances:0100": {sqlEnterprise},
	"RunInstances:0110": {sqlEnterprise},
	"RunInstances:1110": {sqlEnterprise},
	"RunInstances:0004": {sqlStandard},
	"RunInstances:0014": {sqlStandard},
	"RunInstances:1014": {sqlStandard},
	"RunInstances:0200": {sqlWeb},
	"RunInstances:0210": {sqlWeb},
}

const (
	windowsDatacenter = "windows-server-datacenter"
	sqlEnterprise     = "sql-server-enterprise"
	sqlStandard       = "sql-server-standard"
	sqlWeb            = "sql-server-web"
)

// includes reports whether one of the licenses is included in what AWS bills for the
// machine, and whether that is known. Nothing is included in a managed node.
func includes(in *Instance, values []string) (included, known bool) {
	if in.ID.Type() == ManagedNode {
		return false, true
	}
	if in.UsageOperation == "" {
		return false, false
	}
	return slices.ContainsFunc(includedLicenses[in.UsageOperation], func(v string) bool { return slices.Contains(values, v) }), true
}

// plain makes foreign text printable and short, for words that people read.
func plain(s string) string {
	const most = 200
	s = strings.ToValidUTF8(s, "\ufffd")
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return '\ufffd'
		}
		return r
	}, s)
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return s
}
