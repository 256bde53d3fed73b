package ledger

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"licenseguard/shared/license"
)

// Plan lists what enforcement would do now, and what it would do if a named
// person approved it. Its hash stands for all that must not have moved when the
// plan is applied.
type Plan struct {
	Hash     string
	At       time.Time
	By       string // who asked for it
	Licenses []LicensePlan
	// Approvals are by whom the plan was applied: the same list can come again.
	Approvals []PlanApproval `json:",omitempty"`
}

// PlanApproval is a named person's yes to a plan.
type PlanApproval struct {
	By string
	At time.Time
}

// Approved returns the last approval, if there is any.
func (p *Plan) Approved() (last PlanApproval, ok bool) {
	if n := len(p.Approvals); n > 0 {
		return p.Approvals[n-1], true
	}
	return last, false
}

// LicensePlan is the part of one license.
type LicensePlan struct {
	License, Name string
	Mode          license.Mode
	Hard          bool
	Status        license.Status
	Count         *int64 `json:",omitempty"`
	RuleVersion   int
	AnswersFrom   time.Time
	TightenedAt   time.Time
	Deployed      int64
	Covered       int64
	Over          int64
	Broken        int64
	Items         []PlanItem `json:",omitempty"`
}

// PlanItem is one instance that uses more than there is, or breaks a rule.
type PlanItem struct {
	Instance   license.ResourceID
	Resource   license.ResourceID // on which it is counted
	Launch     time.Time
	State      license.State
	Verdict    Verdict
	Cause      Cause `json:",omitempty"`
	Licenses   int64 // of the resource
	Arithmetic string
	Broken     []string     `json:",omitempty"`
	Action     license.Mode `json:",omitempty"` // what would be done; "": nothing
	Guard      Guard        `json:",omitempty"` // why it would only be tagged
	Waits      bool         `json:",omitempty"` // for a person's approval; else it is done by itself
	NotBefore  time.Time    `json:",omitzero"`
	Why        string
}

// PlanOf returns a license's part of a plan at an instant. Whatever is due by
// then must have been folded.
func PlanOf(l *License, now time.Time, catalog license.Catalog) LicensePlan {
	c := &l.Configuration
	rules, version := c.RulesAt(now)
	p := LicensePlan{License: c.ID, Name: c.Name, Mode: c.Enforcement.Mode, Hard: c.HardLimit, Status: c.Status, RuleVersion: version,
		AnswersFrom: c.AnswersFrom, TightenedAt: c.TightenedAt, Deployed: l.Totals.Deployed(), Covered: l.Totals.Covered, Over: l.Totals.Over, Broken: l.Totals.Broken}
	if count, ok := c.CountAt(now); ok {
		p.Count = &count
	}
	for _, i := range l.InOrder() {
		e := &l.Entries[i]
		for j := range e.Members {
			m := &e.Members[j]
			if !e.answerable(m) || !m.Consuming(&rules) {
				continue
			}
			item := PlanItem{Instance: m.Instance, Resource: e.Resource, Launch: m.Generation.Launch, State: m.State, Verdict: e.Verdict, Cause: m.Cause,
				Licenses: e.Licenses, Arithmetic: Usage(c, rules, e, catalog).Explanation.String()}
			for _, v := range m.Broken {
				item.Broken = append(item.Broken, v.String())
			}
			answer := l.Answer(e, m, now)
			item.Why = answer.Why
			if answer.Why == WhyListed {
				if proposal := l.Proposal(e, m, now); proposal.Wanted() || proposal.Why == WhyAnswered {
					answer, item.Waits = proposal, true
				}
			}
			switch {
			case answer.Wanted():
				item.Action, item.NotBefore = answer.Action, answer.NotBefore
			case item.Waits: // it was answered once; a person may want it again
				item.Action, _ = l.Measure(m.Instance, m.Guard, now)
			case answer.Why == WhyAnswered:
				item.Why += ": " + m.Answered
			}
			if item.Action == license.Tag {
				_, item.Guard = l.Measure(m.Instance, m.Guard, now)
			}
			p.Items = append(p.Items, item)
		}
	}
	return p
}

// Waiting is how many answers wait for a person. In observe mode none does.
func (p *LicensePlan) Waiting() int {
	n := 0
	for i := range p.Items {
		if p.Items[i].Waits && p.Mode != license.Observe {
			n++
		}
	}
	return n
}

// Basis is the hash of what must not move until the plan is applied: the rules,
// the numbers, and what is to be done to which launch. Times to come and what is
// not answered play no part.
func (p LicensePlan) Basis() string {
	p.Items = slices.Clone(p.Items)
	p.Items = slices.DeleteFunc(p.Items, func(i PlanItem) bool { return i.Action == "" })
	for i := range p.Items {
		p.Items[i].NotBefore = time.Time{}
	}
	return hashOf(p)
}

// NewPlan puts the parts together under their hash.
func NewPlan(parts []LicensePlan, now time.Time, by string) Plan {
	var bases []string
	for i := range parts {
		bases = append(bases, parts[i].Basis())
	}
	return Plan{Hash: hashOf(bases)[:12], At: now, By: by, Licenses: parts}
}

func hashOf(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // only values that encode are hashed
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Difference tells in words what moved between a plan and now, one line each.
func (p *Plan) Difference(now *Plan) []string {
	var out []string
	line := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for i := range p.Licenses {
		old := &p.Licenses[i]
		at := slices.IndexFunc(now.Licenses, func(n LicensePlan) bool { return n.License == old.License })
		if at < 0 {
			line("%s: the license is gone", old.License)
			continue
		}
		old.difference(&now.Licenses[at], line)
	}
	for i := range now.Licenses {
		if n := &now.Licenses[i]; !slices.ContainsFunc(p.Licenses, func(o LicensePlan) bool { return o.License == n.License }) {
			line("%s: the license is new", n.License)
		}
	}
	return out
}

func (p *LicensePlan) difference(now *LicensePlan, line func(string, ...any)) {
	was := func(what string, a, b any) {
		if x, y := fmt.Sprint(a), fmt.Sprint(b); x != y {
			line("%s: %s was %s, is %s", p.License, what, x, y)
		}
	}
	count := func(n *int64) any {
		if n == nil {
			return "none"
		}
		return *n
	}
	was("the count", count(p.Count), count(now.Count))
	was("the mode", p.Mode, now.Mode)
	was("the hard limit", p.Hard, now.Hard)
	was("the status", p.Status, now.Status)
	was("the rule version", p.RuleVersion, now.RuleVersion)
	was("in use", p.Deployed, now.Deployed)
	was("covered", p.Covered, now.Covered)
	was("over", p.Over, now.Over)
	was("against a rule", p.Broken, now.Broken)
	if !p.TightenedAt.Equal(now.TightenedAt) || !p.AnswersFrom.Equal(now.AnswersFrom) {
		line("%s: the configuration was changed", p.License)
	}
	find := func(items []PlanItem, id license.ResourceID) *PlanItem {
		for i := range items {
			if items[i].Instance == id && items[i].Action != "" {
				return &items[i]
			}
		}
		return nil
	}
	for i := range p.Items {
		o := &p.Items[i]
		if o.Action == "" {
			continue
		}
		id := o.Instance.AWSID()
		switch n := find(now.Items, o.Instance); {
		case n == nil:
			line("%s: %s is not to be answered any more (it was to be %s)", p.License, id, Past(o.Action))
		case !n.Launch.Equal(o.Launch):
			line("%s: %s was started again", p.License, id)
		default:
			was(id+": the action", o.Action, n.Action)
			was(id+": its licenses", o.Licenses, n.Licenses)
			was(id+": its state", o.State, n.State)
			was(id+": why", o.Why, n.Why)
			was(id+": its guard", cmp.Or(o.Guard, "none"), cmp.Or(n.Guard, "none"))
			was(id+": its verdict", o.Verdict, n.Verdict)
			was(id+": its cause", cmp.Or(o.Cause, "none"), cmp.Or(n.Cause, "none"))
			was(id+": it is counted on", o.Resource, n.Resource)
			was(id+": its count", o.Arithmetic, n.Arithmetic)
			was(id+": the rules that it breaks", o.Broken, n.Broken)
			was(id+": waits for approval", o.Waits, n.Waits)
		}
	}
	for i := range now.Items {
		if n := &now.Items[i]; n.Action != "" && find(p.Items, n.Instance) == nil {
			line("%s: %s is new on the list, to be %s", p.License, n.Instance.AWSID(), Past(n.Action))
		}
	}
}

// Past says what was done when an action is done.
func Past(action license.Mode) string {
	switch action {
	case license.Stop:
		return "stopped"
	case license.Tag:
		return "tagged"
	case license.Detach:
		return "detached and stopped"
	case license.Lower:
		return "answered by a lower capacity of its group"
	default:
		return "left alone"
	}
}

// Approve is a named person's yes to what a plan lists for one license.
type Approve struct {
	Plan  string // its hash
	Basis string // of the license's part
	By    string
}

// approve lets enforcement do what the plan lists, if the license is still as
// the plan has it.
func (f *folder) approve(a Approve) (approved int, moved bool) {
	if f.l.Unsettled || f.partial {
		return 0, true
	}
	p := PlanOf(f.l, f.now, f.catalog)
	if p.Basis() != a.Basis {
		return 0, true
	}
	for _, item := range p.Items {
		i, ok := f.find(item.Instance)
		if !ok || !item.Waits || p.Mode == license.Observe {
			continue
		}
		if f.l.Pages > 0 && f.writes >= maxDirtyPages { // the rest waits for the next plan
			break
		}
		m := f.touch(i).member(item.Instance)
		m.Approval, m.Answered = Approval{Plan: a.Plan, At: f.now}, ""
		f.acted[item.Instance] = "approved " + a.Plan
		approved++
	}
	if approved > 0 {
		f.force = true
		f.change.Reason, f.change.By = "approval", a.By
		if !f.l.Alerts.Since.IsZero() {
			f.l.Alerts.Since, f.l.Alerts.Escalated = f.now, 0 // somebody decided
		}
	}
	return approved, false
}

// revoke takes back what was approved with a plan and not done yet.
func (f *folder) revoke(plan, by string) {
	for i := range f.l.Entries {
		for j := range f.l.Entries[i].Members {
			if f.l.Entries[i].Members[j].Approval.Plan != plan || f.l.Pages > 0 && f.writes >= maxDirtyPages {
				continue
			}
			m := &f.touch(i).Members[j]
			m.Approval = Approval{}
			f.acted[m.Instance] = "revoked " + plan
			f.force = true
			f.change.Reason, f.change.By = "revocation", by
		}
	}
}
