package yeartest

import (
	"time"

	"licenseguard/shared/license"
)

// Rule is a version of the rules, from an instant on.
type Rule struct {
	From            time.Time
	units, smallest int64 // 0: no such rule
	text            string
}

func (l *License) makeRules() {
	l.Rules = []Rule{{From: Begin}}
	for i, r := range []Rule{{units: 2, text: "#unitsPerLicense=2"}, {smallest: 4, text: "#minimumLicensesPerResource=4"}, {units: 4, text: "#unitsPerLicense=4"}} {
		r.From = Begin.Add(l.span * time.Duration(i+1) / 4).Add(l.upTo(l.span / 180))
		l.Rules = append(l.Rules, r)
	}
}

// ruleAt returns the number of the version of an instant.
func (l *License) ruleAt(at time.Time) int {
	n := 0
	for i := range l.Rules {
		if !l.Rules[i].From.After(at) {
			n = i
		}
	}
	return n
}

// sizes are vCPUs and cores of the types, from AWS's list (2026).
var sizes = map[string]struct{ vcpus, cores int64 }{"m5.large": {2, 1}, "m5.xlarge": {4, 2}, "m5.4xlarge": {16, 8}}

var kinds = []string{"m5.large", "m5.xlarge", "m5.4xlarge"}

// count is what a machine of a type needs by a rule: the arithmetic, anew.
func (r *Rule) count(counting license.CountingType, kind string) int64 {
	n := int64(1)
	switch counting {
	case license.CountVCPU:
		n = sizes[kind].vcpus
	case license.CountCore:
		n = sizes[kind].cores
	}
	if r.units > 0 {
		n = (n + r.units - 1) / r.units
	}
	return max(n, r.smallest)
}
