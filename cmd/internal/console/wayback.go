package console

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"licenseguard/shared/license"
	"licenseguard/shared/remedy"
)

// maxSteps and maxLeftOut bound what one proposal and the list of what was left
// out print; --json has all of them.
const (
	maxSteps   = 40
	maxLeftOut = 8
)

var doing = map[remedy.Kind]string{
	remedy.MoveLicense: "move to a license", remedy.MoveHost: "move to a host", remedy.CPUOptions: "CPU options",
	remedy.Resize: "resize", remedy.Stop: "stop",
}

// WayBack prints what can be done about an overrun. names gives the licenses'
// names by id; others says whether other licenses were looked at.
func WayBack(w io.Writer, c *license.Configuration, plan remedy.Plan, names map[string]string, others bool) {
	fmt.Fprintf(w, "%s (%s)\n", text(c.Name, 60), c.ID)
	if plan.Missing == 0 {
		fmt.Fprintf(w, "It is not in overrun: %d in use, none over the count.\n", plan.Before.Deployed())
		if plan.Before.Broken > 0 {
			fmt.Fprintf(w, "%s used against a rule: that ends by keeping the rule; see licenseguard usage ls.\n", plural(plan.Before.Broken, "license is", "licenses are"))
		}
		return
	}
	fmt.Fprintf(w, "%d over: %s must come free.\n", plan.Before.Over, plural(plan.Missing, "license", "licenses"))
	for i, p := range plan.Proposals {
		proposal(w, i+1, p, plan, names)
	}
	switch {
	case len(plan.Proposals) == 0 && plan.Unfinished:
		fmt.Fprintln(w, "\nNo way back was found within the budget of the search; there may be one.")
	case len(plan.Proposals) == 0:
		fmt.Fprintln(w, "\nNothing that may be done frees enough. More licenses, or a person's other means, are needed.")
	}
	leftOut(w, plan.LeftOut)
	fmt.Fprintln(w)
	if !others {
		fmt.Fprintln(w, "Moves to other licenses were not looked for: name those of the same software with --or LICENSE.")
	}
	fmt.Fprintln(w, "Nothing was done. Look at an instance again before you change it.")
}

func proposal(w io.Writer, number int, p remedy.Proposal, plan remedy.Plan, names map[string]string) {
	title := "Several kinds of steps"
	if p.Only != "" {
		title = strings.ToUpper(doing[p.Only][:1]) + doing[p.Only][1:] + " only"
	}
	proof := "there may be a cheaper one"
	switch {
	case p.Cost == plan.AtLeast:
		proof = "no way is cheaper"
	case p.Optimal && p.Only != "":
		proof = "no cheaper one of its kind"
	case p.AtLeast > 0:
		proof += fmt.Sprintf(", for at least %d", p.AtLeast)
	}
	Section(w, "%d. %s: cost %d, %s", number, title, p.Cost, proof)
	rows := make([][]string, 0, len(p.Steps))
	for _, s := range p.Steps[:min(len(p.Steps), maxSteps)] {
		change := s.From + " → " + s.To
		if s.Kind == remedy.MoveLicense {
			change = "→ " + cmp.Or(names[s.To], s.To)
		}
		frees := fmt.Sprint(s.Frees)
		if s.Frees == 0 && s.Resource != s.Instance {
			frees = "–" // its host's come free with the last of its instances
		} else if s.Estimated {
			frees += " (est.)"
		}
		rows = append(rows, []string{doing[s.Kind], s.Instance.AWSID(), text(change, 45), frees, fmt.Sprint(s.Cost)})
	}
	table(w, "STEP\tINSTANCE\tNOW → THEN\tFREES\tCOST", rows)
	if more := len(p.Steps) - maxSteps; more > 0 {
		fmt.Fprintf(w, "… and %s; --json lists them\n", plural(int64(more), "more step", "more steps"))
	}
	fmt.Fprintf(w, "Effect: %d over → %d over, %d in use → %d in use", plan.Before.Over, p.After.Over, plan.Before.Deployed(), p.After.Deployed())
	taken := map[string]int64{}
	for _, s := range p.Steps {
		if s.Kind == remedy.MoveLicense {
			taken[s.To] += s.Takes
		}
	}
	for _, id := range sortedKeys(taken) {
		fmt.Fprintf(w, "; takes %d of %s", taken[id], text(cmp.Or(names[id], id), 34))
	}
	fmt.Fprintln(w)
}

func sortedKeys(m map[string]int64) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func leftOut(w io.Writer, left []remedy.LeftOut) {
	if len(left) == 0 {
		return
	}
	fmt.Fprintln(w, "\nLeft out:")
	for _, x := range left[:min(len(left), maxLeftOut)] {
		who := cmp.Or(x.Instance, x.Resource).AWSID()
		if x.Instance != "" && x.Resource != x.Instance {
			who += " on " + x.Resource.AWSID()
		}
		fmt.Fprintf(w, "  %s: %s\n", who, text(x.Why, 64))
	}
	if more := len(left) - maxLeftOut; more > 0 {
		fmt.Fprintf(w, "  … and %d more; --json lists them\n", more)
	}
}
