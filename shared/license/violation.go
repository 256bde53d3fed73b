package license

import (
	"fmt"
	"slices"
	"strings"
)

// Violation is one rule that an instance breaks.
type Violation struct {
	Rule      string // the rule's name
	Found     string // what the instance has
	Want      string // what the rule asks for
	Estimated bool   // Found is an estimate, so nobody is stopped for it
}

// String writes the violation as plain text. Found can hold foreign text and is
// quoted.
func (v Violation) String() string {
	return fmt.Sprintf("%s: %s, but the rule asks for %s", v.Rule, quote(v.Found), v.Want)
}

// Violations lists the rules that an instance breaks, in a fixed order. host
// holds the facts of its Dedicated Host where it runs on one; minimumCores and
// its like judge the instance even there (choices: docs/adr/0006).
func Violations(rules Rules, in Instance, host Host, catalog Catalog) []Violation {
	var broken []Violation
	if len(rules.AllowedTenancy) > 0 && !slices.Contains(rules.AllowedTenancy, in.Tenancy) {
		broken = append(broken, Violation{Rule: "allowedTenancy", Found: string(in.Tenancy), Want: joinTenancies(rules.AllowedTenancy), Estimated: in.Tenancy == ""})
	}
	if len(rules.AllowedInstanceTypes) > 0 && !matchesType(rules.AllowedInstanceTypes, in.Type) {
		broken = append(broken, Violation{Rule: "allowedInstanceTypes", Found: in.Type, Want: strings.Join(rules.AllowedInstanceTypes, " or "), Estimated: in.Type == ""})
	}
	if rules.MinimumVCPUs > 0 || rules.MaximumVCPUs > 0 {
		honor := Rules{HonorVCPUOptimization: rules.HonorVCPUOptimization}
		u := Count(CountVCPU, honor, in, catalog)
		broken = appendOutside(broken, "Vcpus", u, rules.MinimumVCPUs, rules.MaximumVCPUs)
	}
	if rules.MinimumCores > 0 || rules.MaximumCores > 0 {
		u := Count(CountCore, Rules{}, in, catalog)
		broken = appendOutside(broken, "Cores", u, rules.MinimumCores, rules.MaximumCores)
	}
	if rules.MinimumSockets > 0 || rules.MaximumSockets > 0 {
		u := Count(CountSocket, Rules{}, in, catalog)
		if in.HostID != "" && host.ID != "" {
			u = CountHost(CountSocket, Rules{}, host, catalog)
		}
		broken = appendOutside(broken, "Sockets", u, rules.MinimumSockets, rules.MaximumSockets)
	}
	return broken
}

func appendOutside(broken []Violation, what string, u Usage, least, most int64) []Violation {
	found := fmt.Sprint(u.Units)
	if least > 0 && u.Units < least {
		broken = append(broken, Violation{Rule: "minimum" + what, Found: found, Want: fmt.Sprintf("at least %d", least), Estimated: u.Estimated})
	}
	if most > 0 && u.Units > most {
		broken = append(broken, Violation{Rule: "maximum" + what, Found: found, Want: fmt.Sprintf("at most %d", most), Estimated: u.Estimated})
	}
	return broken
}

func matchesType(patterns []string, instanceType string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matchesWildcard(p, instanceType) })
}

func joinTenancies(tenancies []Tenancy) string {
	names := make([]string, len(tenancies))
	for i, t := range tenancies {
		names[i] = string(t)
	}
	return strings.Join(names, " or ")
}
