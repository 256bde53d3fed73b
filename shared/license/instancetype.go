package license

import "strings"

// InstanceType holds the facts of an EC2 instance type that counting needs.
type InstanceType struct {
	Name           string // e.g. "m5.2xlarge"
	VCPUs          int64  // default vCPUs
	Cores          int64  // default cores
	ThreadsPerCore int64  // default threads per core
	BareMetal      bool
	InstanceStore  bool // has instance-store volumes, whose data a stop would lose
}

// HostType holds the physical facts of a family's Dedicated Host.
type HostType struct {
	Family  string // e.g. "m5"
	Sockets int64
	Cores   int64 // physical cores of the whole host
}

// Catalog answers facts about instance types. Lookups never fail: ok is false
// for what is unknown.
type Catalog interface {
	InstanceType(name string) (t InstanceType, ok bool)
	// LargestOfFamily returns the type of the family with the most vCPUs.
	LargestOfFamily(family string) (t InstanceType, ok bool)
	Host(family string) (h HostType, ok bool)
}

// Family returns the part of an instance type's name before the first dot:
// "m5" for "m5.2xlarge", and for the DB instance class "db.m5.2xlarge".
func Family(instanceType string) string {
	family, _, _ := strings.Cut(strings.TrimPrefix(instanceType, classPrefix), ".")
	return family
}
