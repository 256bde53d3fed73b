package license

// Count tells how many licenses one instance consumes under a counting type and
// rules, on its own: shared, dedicated, or, for vCPU and Instance, on a
// Dedicated Host. Core and Socket on a Dedicated Host are counted by CountHost.
//
//   - Instance: 1.
//   - vCPU: the type's default vCPUs, or the CPU options' cores times threads
//     where honorVcpuOptimization says so (License Manager user guide, 2026). Those of
//     a database always count: RDS has them for its licenses, and takes no such rule.
//   - Core: the cores of the CPU options, else the type's default cores.
//   - Socket: cannot be known; the sockets of the family's host, estimated.
//
// Of a managed node they are what its guest tells (Guest); under Core and Socket that
// is estimated, because AWS License Manager counts nodes by vCPU and Instance only, and
// a guest does not know the cores and sockets of what it runs on.
//
// An unknown type counts as the largest of its family and is estimated. Then
// the vendors' arithmetic applies: ratio, minimum, pack, and once more for the
// standby of a database where the rules count it. Whether the state
// consumes at all is not asked here; see Consumes.
func Count(counting CountingType, rules Rules, in Instance, catalog Catalog) Usage {
	u := Usage{Explanation: Explanation{Counting: counting, Type: in.Type}}
	t, source := typeOf(in, catalog)
	u.Explanation.Source = source
	u.Estimated = source != FromCatalog && !(source == FromGuest && counting == CountVCPU)
	// The threads per core are those of what is counted: default vCPUs go with
	// the type's, so that turning hyper-threading off does not double a ratio.
	u.ThreadsPerCore = t.ThreadsPerCore
	honored := in.CPUOptions.Known() && (counting != CountVCPU || rules.HonorVCPUOptimization || in.ID.Type() == Database)
	if honored {
		u.ThreadsPerCore = in.CPUOptions.ThreadsPerCore
	}
	switch counting {
	case CountVCPU:
		u.Units = t.VCPUs
		if honored {
			u.Units, u.Estimated, u.Explanation.Source = in.CPUOptions.VCPUs(), false, FromCPUOptions
		}
	case CountCore:
		u.Units = t.Cores
		if honored {
			u.Units, u.Estimated, u.Explanation.Source = in.CPUOptions.Cores, false, FromCPUOptions
		}
	case CountSocket:
		u.Estimated = true
		u.Units, u.Explanation.Source = socketsOf(in, catalog)
	case CountInstance:
		u.Units, u.Estimated, u.Explanation.Source = 1, false, FromResource
	}
	u = u.withArithmetic(rules)
	if rules.CountStandby && in.Tenancy == TenancyMultiAZ {
		u.Licenses *= withStandby
		u.Explanation.Instances, u.Explanation.Licenses = withStandby, u.Licenses
	}
	return u
}

// withStandby is how many instances a Multi-AZ database runs. A DB cluster with two
// readable standbys there is of no engine that brings a license, and its instances are
// listed one by one.
const withStandby = 2

// CountHost tells how many licenses a Dedicated Host consumes under Core or
// Socket: its physical cores or sockets, once, however many instances run on
// it. Numbers that AWS did not give come from the host table and are estimated;
// for an unknown family they are the largest instance's cores and two sockets.
func CountHost(counting CountingType, rules Rules, h Host, catalog Catalog) Usage {
	u := Usage{ThreadsPerCore: threadsOfFamily(h.Family, catalog), Explanation: Explanation{Counting: counting, Type: h.Family, Source: FromHost, OnHost: true}}
	cores, sockets := h.Cores, h.Sockets
	if cores == 0 || sockets == 0 {
		u.Estimated, u.Explanation.Source = true, FromHostTable
		if known, ok := catalog.Host(h.Family); ok {
			cores, sockets = known.Cores, known.Sockets
		} else {
			u.Explanation.Source = FromFamily
			cores, sockets = coresOfFamily(h.Family, catalog), unknownSockets
		}
	}
	u.Units = cores
	if counting == CountSocket {
		u.Units = sockets
	}
	if least := rules.MinimumCoresPerSocket; counting == CountCore && least > 0 && u.Units < least*sockets {
		u.Units, u.Explanation.PerSocket, u.Explanation.Sockets = least*sockets, least, sockets
	}
	return u.withArithmetic(rules)
}

// OnHost reports whether an instance's licenses are counted on its Dedicated
// Host rather than on itself.
func OnHost(counting CountingType, in Instance) bool {
	return in.HostID != "" && in.Tenancy == TenancyDedicatedHost && (counting == CountCore || counting == CountSocket)
}

// Consumes reports whether an instance in this state uses its licenses.
func Consumes(rules *Rules, s State) bool {
	return holdsLicense(s) || s == Stopped && rules.IncludeStopped
}

func typeOf(in Instance, catalog Catalog) (InstanceType, Source) {
	if t, ok := catalog.InstanceType(in.Type); ok {
		return t, FromCatalog
	}
	if in.TypeFacts.VCPUs > 0 && in.TypeFacts.Name == in.Type {
		if in.ID.Type() == ManagedNode {
			return in.TypeFacts, FromGuest
		}
		return in.TypeFacts, FromCatalog
	}
	if t, ok := catalog.LargestOfFamily(Family(in.Type)); ok && t.VCPUs >= in.CPUOptions.VCPUs() {
		return t, FromFamily
	}
	if o := in.CPUOptions; o.Known() {
		return InstanceType{Name: in.Type, VCPUs: o.VCPUs(), Cores: o.Cores, ThreadsPerCore: o.ThreadsPerCore}, FromCPUOptions
	}
	return InstanceType{Name: in.Type, VCPUs: unknownVCPUs, Cores: unknownCores, ThreadsPerCore: 2}, FromNothing
}

func socketsOf(in Instance, catalog Catalog) (int64, Source) {
	if n, ok := socketsOfNode(in.Type); ok && in.ID.Type() == ManagedNode {
		return n, FromGuest
	}
	return socketsOfFamily(Family(in.Type), catalog)
}

func socketsOfFamily(family string, catalog Catalog) (int64, Source) {
	if h, ok := catalog.Host(family); ok {
		return h.Sockets, FromHostTable
	}
	return unknownSockets, FromNothing
}

func threadsOfFamily(family string, catalog Catalog) int64 {
	if t, ok := catalog.LargestOfFamily(family); ok {
		return t.ThreadsPerCore
	}
	return 2
}

func coresOfFamily(family string, catalog Catalog) int64 {
	if t, ok := catalog.LargestOfFamily(family); ok {
		return t.Cores
	}
	return unknownCores
}

// withArithmetic turns units into licenses as the vendors' rules say.
func (u Usage) withArithmetic(r Rules) Usage {
	ratio := r.UnitsPerLicense
	if u.ThreadsPerCore == 1 && r.UnitsPerLicenseNoHT > 0 {
		ratio = r.UnitsPerLicenseNoHT
	}
	e := &u.Explanation
	e.Units, u.Licenses = u.Units, u.Units
	if ratio > 1 {
		u.Licenses, e.Ratio = ceilDiv(u.Licenses, ratio), ratio
	}
	if r.LicensesPerUnit > 1 {
		u.Licenses, e.PerUnit = u.Licenses*r.LicensesPerUnit, r.LicensesPerUnit
	}
	if u.Licenses < r.MinimumLicenses {
		u.Licenses, e.Minimum = r.MinimumLicenses, r.MinimumLicenses
	}
	if pack := r.LicensePack; pack > 1 && u.Licenses%pack != 0 {
		u.Licenses, e.Pack = ceilDiv(u.Licenses, pack)*pack, pack
	}
	e.ThreadsPerCore, e.Licenses = u.ThreadsPerCore, u.Licenses
	return u
}

func ceilDiv(a, b int64) int64 { return (a + b - 1) / b }
