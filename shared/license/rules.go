package license

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// CountingType is the metric that a configuration counts.
type CountingType string

// The four counting types of AWS License Manager, spelled as its API does.
const (
	CountVCPU     CountingType = "vCPU"
	CountCore     CountingType = "Core"
	CountSocket   CountingType = "Socket"
	CountInstance CountingType = "Instance"
)

// CountingTypes lists the legal counting types.
func CountingTypes() []CountingType {
	return []CountingType{CountVCPU, CountCore, CountSocket, CountInstance}
}

// Rules are the parsed rules of one configuration. A zero field means that the
// rule is absent.
//
// The first group is AWS License Manager's (API reference, LicenseRules, 2026).
// The minimum and maximum rules judge the instance; they never round a count.
type Rules struct {
	MinimumVCPUs, MaximumVCPUs     int64
	MinimumCores, MaximumCores     int64
	MinimumSockets, MaximumSockets int64
	AllowedTenancy                 []Tenancy // empty: every tenancy
	HonorVCPUOptimization          bool
	AffinityDays                   int64 // 1..180: licenses stay with the host
	IncludeStopped                 bool

	// Rules of licenseguard's own.
	AllowedInstanceTypes []string // names or patterns such as "m5.*"; empty: every type
	CountStandby         bool     // a Multi-AZ database counts its standby; where no rule says it, see countsStandby

	// The arithmetic of vendors, applied in this order (see Count).
	MinimumCoresPerSocket int64 // each processor of a host counts at least this many cores
	UnitsPerLicense       int64 // one license covers this many units, rounded up
	UnitsPerLicenseNoHT   int64 // the same where a core has one thread; 0: as UnitsPerLicense
	LicensesPerUnit       int64 // a unit needs this many licenses (IBM PVU: 70)
	MinimumLicenses       int64 // a resource needs at least this many licenses
	LicensePack           int64 // a resource's licenses come in packs of this many
}

const (
	maximumNumber       = 1_000_000
	maximumAffinityDays = 180
	maximumRules        = 100

	ruleCountStandby = "countStandby"
)

// rule describes one rule: where it is legal and how its value is read.
type rule struct {
	legal    []CountingType // nil: every counting type
	repeated bool           // may be given several times
	set      func(r *Rules, value string) (want string)
}

var ruleTable = map[string]rule{
	"minimumVcpus":   {legal: []CountingType{CountVCPU, CountInstance}, set: number(func(r *Rules) *int64 { return &r.MinimumVCPUs }, maximumNumber)},
	"maximumVcpus":   {legal: []CountingType{CountVCPU, CountInstance}, set: number(func(r *Rules) *int64 { return &r.MaximumVCPUs }, maximumNumber)},
	"minimumCores":   {legal: []CountingType{CountCore, CountInstance}, set: number(func(r *Rules) *int64 { return &r.MinimumCores }, maximumNumber)},
	"maximumCores":   {legal: []CountingType{CountCore, CountInstance}, set: number(func(r *Rules) *int64 { return &r.MaximumCores }, maximumNumber)},
	"minimumSockets": {legal: []CountingType{CountSocket, CountInstance}, set: number(func(r *Rules) *int64 { return &r.MinimumSockets }, maximumNumber)},
	"maximumSockets": {legal: []CountingType{CountSocket, CountInstance}, set: number(func(r *Rules) *int64 { return &r.MaximumSockets }, maximumNumber)},
	"allowedTenancy": {repeated: true, set: setTenancy},
	"honorVcpuOptimization": {legal: []CountingType{CountVCPU},
		set: boolean(func(r *Rules) *bool { return &r.HonorVCPUOptimization })},
	"licenseAffinityToHost": {legal: []CountingType{CountCore, CountSocket},
		set: number(func(r *Rules) *int64 { return &r.AffinityDays }, maximumAffinityDays)},
	"includedStoppedInstances": {set: boolean(func(r *Rules) *bool { return &r.IncludeStopped })},

	"allowedInstanceTypes": {repeated: true, set: setInstanceTypes},
	ruleCountStandby:       {legal: []CountingType{CountVCPU}, set: boolean(func(r *Rules) *bool { return &r.CountStandby })},
	"minimumCoresPerSocket": {legal: []CountingType{CountCore},
		set: number(func(r *Rules) *int64 { return &r.MinimumCoresPerSocket }, maximumNumber)},
	"unitsPerLicense": {set: number(func(r *Rules) *int64 { return &r.UnitsPerLicense }, maximumNumber)},
	"unitsPerLicenseWithoutHyperThreading": {legal: []CountingType{CountVCPU, CountCore},
		set: number(func(r *Rules) *int64 { return &r.UnitsPerLicenseNoHT }, maximumNumber)},
	"licensesPerUnit": {set: number(func(r *Rules) *int64 { return &r.LicensesPerUnit }, maximumNumber)},
	"minimumLicensesPerResource": {
		set: number(func(r *Rules) *int64 { return &r.MinimumLicenses }, maximumNumber)},
	"licensePack": {set: number(func(r *Rules) *int64 { return &r.LicensePack }, maximumNumber)},
}

// RuleNames lists every rule that ParseRules knows, sorted.
func RuleNames() []string {
	names := make([]string, 0, len(ruleTable))
	for name := range ruleTable {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// ParseRules reads rules of the form "#name=value" for a counting type. It
// returns the rules and the text to store: what already has that form is kept
// byte for byte and in order, what has another accepted form ("name=value" and
// the forms found in tutorials: "allowedTenancies#EC2-DedicatedHost",
// "licenseAffinityToHost#14d", "allowedInstanceTypes#m5.xlarge#m5.2xlarge") is
// rewritten. The error is a *RuleError.
func ParseRules(counting CountingType, texts []string) (Rules, []string, error) {
	var rules Rules
	if len(texts) > maximumRules {
		return Rules{}, nil, &RuleError{Rule: "rules", Value: strconv.Itoa(len(texts)), Want: "at most 100 rules are read"}
	}
	canonical := make([]string, 0, len(texts))
	seen := make(map[string]bool, len(texts))
	for _, text := range texts {
		name, value, stored, err := splitRule(text)
		if err != nil {
			return Rules{}, nil, err
		}
		if err := rules.apply(counting, name, value, seen); err != nil {
			return Rules{}, nil, err
		}
		canonical = append(canonical, stored)
	}
	if err := rules.contradiction(); err != nil {
		return Rules{}, nil, err
	}
	return rules, canonical, nil
}

func (r *Rules) apply(counting CountingType, name, value string, seen map[string]bool) error {
	known, ok := ruleTable[name]
	if !ok {
		return &RuleError{Rule: name, Value: value, Want: "no such rule; the rules are " + strings.Join(RuleNames(), ", ")}
	}
	if known.legal != nil && !slices.Contains(known.legal, counting) {
		return &RuleError{Rule: name, Value: value,
			Want: "it fits the counting type " + joinTypes(known.legal) + ", not " + string(counting)}
	}
	if seen[name] && !known.repeated {
		return &RuleError{Rule: name, Value: value, Want: "it is given twice; keep one"}
	}
	seen[name] = true
	if want := known.set(r, value); want != "" {
		return &RuleError{Rule: name, Value: value, Want: want}
	}
	return nil
}

// splitRule finds name and value, and the text to store.
func splitRule(text string) (name, value, stored string, err error) {
	if len(text) > 1024 || strings.ContainsAny(text, "\r\n\x00") {
		return "", "", "", &RuleError{Rule: text, Want: "a rule is one line of at most 1,024 characters, as #name=value"}
	}
	body, hashed := strings.CutPrefix(text, "#")
	if name, value, ok := strings.Cut(body, "="); ok && !strings.Contains(name, "#") {
		if hashed {
			return name, value, text, nil
		}
		return name, value, "#" + text, nil
	}
	name, value, ok := strings.Cut(body, "#")
	if hashed || !ok {
		return "", "", "", &RuleError{Rule: text, Want: "write it as #name=value"}
	}
	// The forms of tutorials: name#value, name#value#value.
	switch name {
	case "allowedTenancies":
		name = "allowedTenancy"
	case "licenseAffinityToHost":
		value = strings.TrimSuffix(value, "d")
	}
	value = strings.ReplaceAll(value, "#", ",")
	return name, value, "#" + name + "=" + value, nil
}

func (r *Rules) contradiction() error {
	for _, p := range []struct {
		name     string
		min, max int64
	}{
		{"Vcpus", r.MinimumVCPUs, r.MaximumVCPUs},
		{"Cores", r.MinimumCores, r.MaximumCores},
		{"Sockets", r.MinimumSockets, r.MaximumSockets},
	} {
		if p.max > 0 && p.min > p.max {
			return &RuleError{Rule: "minimum" + p.name, Value: strconv.FormatInt(p.min, 10),
				Want: "it must not be over maximum" + p.name + ", which is " + strconv.FormatInt(p.max, 10)}
		}
	}
	if r.AffinityDays > 0 && len(r.AllowedTenancy) > 0 && !slices.Contains(r.AllowedTenancy, TenancyDedicatedHost) {
		return &RuleError{Rule: "licenseAffinityToHost", Value: strconv.FormatInt(r.AffinityDays, 10),
			Want: "it needs allowedTenancy to include EC2-DedicatedHost"}
	}
	if r.UnitsPerLicense > 0 && r.LicensesPerUnit > 0 {
		return &RuleError{Rule: "licensesPerUnit", Value: strconv.FormatInt(r.LicensesPerUnit, 10),
			Want: "it contradicts unitsPerLicense; keep one of the two"}
	}
	if r.UnitsPerLicenseNoHT > 0 && r.UnitsPerLicense == 0 {
		return &RuleError{Rule: "unitsPerLicenseWithoutHyperThreading", Value: strconv.FormatInt(r.UnitsPerLicenseNoHT, 10),
			Want: "it needs unitsPerLicense beside it"}
	}
	return nil
}

func number(field func(*Rules) *int64, most int64) func(*Rules, string) string {
	return func(r *Rules, value string) string {
		n, err := strconv.ParseUint(value, 10, 32) // no sign
		if err != nil || n < 1 || n > uint64(most) {
			return "it must be a whole number from 1 to " + strconv.FormatInt(most, 10)
		}
		*field(r) = int64(n)
		return ""
	}
}

func boolean(field func(*Rules) *bool) func(*Rules, string) string {
	return func(r *Rules, value string) string {
		switch strings.ToLower(value) {
		case "true":
			*field(r) = true
		case "false":
			*field(r) = false
		default:
			return "it must be True or False"
		}
		return ""
	}
}

func setTenancy(r *Rules, value string) string {
	for _, t := range strings.Split(value, ",") {
		tenancy := Tenancy(t)
		switch tenancy {
		case TenancyDefault, TenancyDedicatedHost, TenancyDedicatedInstance:
		default:
			return "each tenancy must be EC2-Default, EC2-DedicatedHost or EC2-DedicatedInstance"
		}
		if !slices.Contains(r.AllowedTenancy, tenancy) {
			r.AllowedTenancy = append(r.AllowedTenancy, tenancy)
		}
	}
	slices.SortFunc(r.AllowedTenancy, func(a, b Tenancy) int { return cmp.Compare(a, b) })
	return ""
}

func setInstanceTypes(r *Rules, value string) string {
	for _, pattern := range strings.Split(value, ",") {
		if !isTypePattern(pattern) {
			return "each entry must be an instance type such as m5.xlarge, or a pattern such as m5.*"
		}
		if !slices.Contains(r.AllowedInstanceTypes, pattern) {
			r.AllowedInstanceTypes = append(r.AllowedInstanceTypes, pattern)
		}
	}
	return ""
}

func isTypePattern(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for _, c := range s {
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '*') {
			return false
		}
	}
	return strings.Contains(s, ".") || strings.Contains(s, "*")
}

func joinTypes(types []CountingType) string {
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = string(t)
	}
	return strings.Join(names, " or ")
}
