package license

import (
	"fmt"
	"strings"
)

// Usage is what one resource consumes under one configuration.
type Usage struct {
	Units          int64 // vCPUs, cores, sockets or instances
	ThreadsPerCore int64
	Licenses       int64 // what the units need after the vendor's arithmetic
	Estimated      bool  // a fact was unknown and counted as its largest
	Explanation    Explanation
}

// Source says where the number of units came from.
type Source string

// The sources of a count, from the surest to the least sure.
const (
	FromResource   Source = "resource"    // the resource itself: one
	FromCatalog    Source = "catalog"     // the instance type's defaults
	FromCPUOptions Source = "cpu-options" // the instance's CPU options
	FromHost       Source = "host"        // DescribeHosts
	FromGuest      Source = "guest"       // what the machine's own operating system tells
	FromHostTable  Source = "host-table"  // the family's host as documented
	FromFamily     Source = "family"      // the family's largest type
	FromNothing    Source = "largest"     // nothing known: the largest that AWS offers
)

// Explanation holds the inputs and the arithmetic of one count as data. Zero
// fields are steps that were not needed.
type Explanation struct {
	Counting       CountingType
	Type           string // instance type, or family for a host
	OnHost         bool
	Source         Source
	ThreadsPerCore int64
	Units          int64
	PerSocket      int64 // minimum cores per socket that raised the units
	Sockets        int64
	Ratio          int64 // units per license
	PerUnit        int64 // licenses per unit
	Minimum        int64 // minimum licenses that raised the count
	Pack           int64 // pack size that rounded the count up
	Instances      int64 // that a Multi-AZ database runs, where its standby counts
	Licenses       int64
}

// String writes the explanation as one line of plain text, such as
// "m1.small: 1 vCPU (catalog); at least 3; packs of 2: 4 = 4 licenses".
func (e Explanation) String() string {
	var b strings.Builder
	what := e.Type
	if e.OnHost {
		what += " host"
	}
	if e.PerSocket > 0 {
		fmt.Fprintf(&b, "%s: %d sockets of at least %d cores = %d Core (%s)", what, e.Sockets, e.PerSocket, e.Units, e.Source)
	} else {
		fmt.Fprintf(&b, "%s: %d %s (%s)", what, e.Units, e.Counting, e.Source)
	}
	n := e.Units
	if e.Ratio > 0 {
		n = ceilDiv(n, e.Ratio)
		fmt.Fprintf(&b, "; %d per license (%d thread(s) per core): %d", e.Ratio, e.ThreadsPerCore, n)
	}
	if e.PerUnit > 0 {
		n *= e.PerUnit
		fmt.Fprintf(&b, "; %d licenses per unit: %d", e.PerUnit, n)
	}
	if e.Minimum > 0 {
		n = e.Minimum
		fmt.Fprintf(&b, "; at least %d", n)
	}
	if e.Pack > 0 {
		n = ceilDiv(n, e.Pack) * e.Pack
		fmt.Fprintf(&b, "; packs of %d: %d", e.Pack, n)
	}
	if e.Instances > 0 {
		fmt.Fprintf(&b, "; %d instances (Multi-AZ standby): %d", e.Instances, n*e.Instances)
	}
	plural := "s"
	if e.Licenses == 1 {
		plural = ""
	}
	fmt.Fprintf(&b, " = %d license%s", e.Licenses, plural)
	return b.String()
}
