package console

import (
	"fmt"
	"io"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/whatif"
)

// maxChanges bounds how many resources of a license a simulation prints.
const maxChanges = 20

// Simulation prints what a plan would come to.
func Simulation(w io.Writer, o whatif.Outcome) {
	for _, f := range o.Launches {
		fmt.Fprintf(w, "%s of %s: %d would be in order, %d would not", plural(int64(f.Instances), "instance", "instances"), text(f.Type, 40), f.Fit, f.Instances-f.Fit)
		if f.Unlicensed > 0 {
			fmt.Fprintf(w, "; to %d no license applies", f.Unlicensed)
		}
		fmt.Fprintln(w, ".")
	}
	if len(o.Licenses) == 0 {
		fmt.Fprintln(w, "No license would stand otherwise. Nothing was done.")
		return
	}
	rows := make([][]string, len(o.Licenses))
	for i, e := range o.Licenses {
		b, a := e.Before, e.After
		rows[i] = []string{text(e.Name, 34), string(e.CountingType), becomes(count(b.Count), count(a.Count)), becomes(fmt.Sprint(b.Deployed), fmt.Sprint(a.Deployed)),
			becomes(fmt.Sprint(b.Covered), fmt.Sprint(a.Covered)), becomes(fmt.Sprint(b.Over), fmt.Sprint(a.Over)),
			becomes(fmt.Sprint(b.Broken), fmt.Sprint(a.Broken))}
	}
	fmt.Fprintln(w)
	table(w, "LICENSE\tCOUNTS\tLICENSED\tIN USE\tCOVERED\tOVER\tAGAINST RULE", rows)
	for _, e := range o.Licenses {
		simulated(w, e)
	}
	fmt.Fprintln(w, "\nNothing was done.")
}

// simulated prints the resources that would stand otherwise to one license.
func simulated(w io.Writer, e whatif.Effect) {
	if len(e.Changes) == 0 {
		return
	}
	Section(w, "%s, mode %s", text(e.Name, 60), e.Mode)
	n := min(len(e.Changes), maxChanges)
	rows, details := make([][]string, n), make([][]string, n)
	for i, c := range e.Changes[:n] {
		who := c.Instance.AWSID()
		if who == "" {
			who = c.Resource.AWSID()
		}
		rows[i] = []string{who, becomes(standing(c.Before, c.New), standing(c.After, false)), becomes(fmt.Sprint(c.Before.Licenses), fmt.Sprint(c.After.Licenses)), would(c.After.Answer)}
		details[i] = []string{c.Why}
	}
	detailed(w, "RESOURCE\tSTANDS\tLICENSES\tANSWER", rows, details)
	if more := len(e.Changes) - n; more > 0 {
		fmt.Fprintf(w, "… and %s; --json lists them\n", plural(int64(more), "more", "more"))
	}
}

func standing(s whatif.Standing, launched bool) string {
	switch {
	case launched:
		return "new"
	case s.Verdict == ledger.Released:
		return "uses none"
	case s.Verdict == ledger.Broken:
		return "against a rule"
	default:
		return string(s.Verdict)
	}
}

func would(a whatif.Answer) string {
	switch {
	case a.Action == "":
		return "–"
	case a.Mode == license.Observe:
		return "only said: " + string(a.Action)
	case a.Waits:
		return string(a.Action) + " once approved"
	default:
		return string(a.Action) + " from " + a.NotBefore.UTC().Format(minute)
	}
}

func becomes(before, after string) string {
	if before == after {
		return after
	}
	return before + " → " + after
}
