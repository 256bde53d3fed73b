package license

import "fmt"

// Steps writes the explanation as the steps of its arithmetic, in words of a license
// manager: each ends with what it comes to, the last with the licenses.
func (e Explanation) Steps() []string {
	steps := []string{e.begin()}
	add := func(format string, args ...any) { steps = append(steps, fmt.Sprintf(format, args...)) }
	n := e.Units
	if e.PerSocket > 0 {
		add("each of its %d sockets counts at least %d cores (#minimumCoresPerSocket): %d cores", e.Sockets, e.PerSocket, n)
	}
	if e.Ratio > 0 {
		up := ""
		if n%e.Ratio != 0 {
			up = ", rounded up"
		}
		rule, threads := "#unitsPerLicense", ""
		if e.ThreadsPerCore == 1 {
			rule = "#unitsPerLicenseWithoutHyperThreading, else #unitsPerLicense"
		}
		if e.ThreadsPerCore > 0 {
			threads = fmt.Sprintf(" with %s a core", quantity(e.ThreadsPerCore, "thread", "threads"))
		}
		before := n
		n = ceilDiv(n, e.Ratio)
		add("one license covers %d %s%s (%s): %d / %d = %d%s", e.Ratio, e.unit(e.Ratio), threads, rule, before, e.Ratio, n, up)
	}
	if e.PerUnit > 0 {
		before := n
		n *= e.PerUnit
		add("each %s needs %s (#licensesPerUnit): %d x %d = %d", e.unit(1), quantity(e.PerUnit, "license", "licenses"), before, e.PerUnit, n)
	}
	if e.Minimum > 0 {
		n = e.Minimum
		add("a resource needs at least %d (#minimumLicensesPerResource): %d", e.Minimum, n)
	}
	if e.Pack > 0 {
		before := n
		n = ceilDiv(n, e.Pack) * e.Pack
		add("licenses come in packs of %d (#licensePack): %d, rounded up to %d", e.Pack, before, n)
	}
	if e.Ratio == 0 && e.PerUnit == 0 && e.Counting != CountInstance {
		steps[len(steps)-1] += fmt.Sprintf("; one license for each %s", e.unit(1))
	}
	if e.Instances > 0 {
		add("it is Multi-AZ, and its standby counts (#countStandby): %d x %d = %d", n, e.Instances, n*e.Instances)
	}
	add("= %s", quantity(e.Licenses, "license", "licenses"))
	return steps
}

// begin says what is counted, how much of it there is, and who says so.
func (e Explanation) begin() string {
	what := e.Type
	if e.OnHost {
		what = "a Dedicated Host of the family " + e.Type
	}
	if e.PerSocket > 0 {
		return fmt.Sprintf("%s has %s", what, quantity(e.Sockets, "socket", "sockets")) + e.Source.says()
	}
	if e.Counting == CountInstance {
		return fmt.Sprintf("%s counts as one instance", what)
	}
	return fmt.Sprintf("%s has %d %s", what, e.Units, e.unit(e.Units)) + e.Source.says()
}

// says tells whose word a number is.
func (s Source) says() string {
	switch s {
	case FromCatalog:
		return ", the default of its type"
	case FromCPUOptions:
		return " by the CPU options that it was launched with"
	case FromHost:
		return ", as EC2 describes the host"
	case FromGuest:
		return ", as its own operating system tells (the guest's view, not the host's)"
	case FromHostTable:
		return ", as AWS documents its hosts (estimated: the host itself was not described)"
	case FromFamily:
		return " at most: its type is unknown, so the largest of its family counts (estimated)"
	case FromNothing:
		return " at most: nothing is known of its type, so the largest that AWS offers counts (estimated)"
	default:
		return ""
	}
}

func (e Explanation) unit(n int64) string {
	switch e.Counting {
	case CountCore:
		return plural(n, "core", "cores")
	case CountSocket:
		return plural(n, "socket", "sockets")
	case CountInstance:
		return plural(n, "instance", "instances")
	default:
		return plural(n, "vCPU", "vCPUs")
	}
}

func plural(n int64, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

func quantity(n int64, one, many string) string { return fmt.Sprintf("%d %s", n, plural(n, one, many)) }
