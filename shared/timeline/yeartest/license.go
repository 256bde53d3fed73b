package yeartest

import (
	"fmt"
	"time"

	"licenseguard/shared/catalog"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/publish"
)

// License is one license: its truth, and what the ledger made of what it was told.
type License struct {
	ID, Name string
	Counting license.CountingType
	Machines []*Machine
	Rules    []Rule
	Counts   []Count
	Ended    time.Time // when it was deleted; zero: it is there
	Heard    Heard

	Steps   []Step
	Found   []Correction
	Actions []Action

	Log    []publish.Row
	Ledger *ledger.License // as it is at the end

	dice
	end      time.Time
	span     time.Duration
	tracked  bool
	machines map[license.ResourceID]*Machine
	folded   time.Time // when it was last
}

// configuration is the license as a person makes it.
func (l *License) configuration() license.Configuration {
	c := license.Configuration{ID: l.ID, ARN: "arn:aws:license-manager:us-east-1:111111111111:license-configuration:" + l.ID, Name: l.Name,
		CountingType: l.Counting, Associations: []license.Association{{Kind: license.ByAMI, Value: "ami-1"}}}
	for i := range l.Rules {
		v := license.RuleVersion{}
		if i > 0 {
			v = license.RuleVersion{Effective: l.Rules[i].From, Text: []string{l.Rules[i].text}}
		}
		c.Rules = append(c.Rules, v)
	}
	return c
}

// play tells everything, with ticks for what falls due, three counts, and a tenth of
// the launches answered.
func (l *License) play() error {
	l.Ledger = &ledger.License{Configuration: license.Configuration{ID: l.ID}}
	if err := l.amend(Begin, nil, l.configuration()); err != nil {
		return err
	}
	changes := []time.Time{Begin.Add(l.span / 6).Add(l.upTo(time.Hour)), Begin.Add(l.span * 7 / 12).Add(l.upTo(time.Hour)), Begin.Add(l.span * 5 / 6).Add(l.upTo(time.Hour))}
	for i, n := range l.tellings() {
		if n.at.Before(l.folded) { // an answer was recorded a millisecond after the last telling
			n.at = l.folded
		}
		for len(changes) > 0 && !n.at.Before(changes[0]) {
			if err := l.due(changes[0]); err != nil {
				return err
			}
			if err := l.amend(changes[0], &l.Ledger.Configuration, l.Ledger.Configuration); err != nil {
				return err
			}
			changes = changes[1:]
		}
		if err := l.due(n.at); err != nil {
			return err
		}
		l.hear(&n, i)
	}
	if err := l.due(l.last()); err != nil {
		return err
	}
	if !l.Ended.IsZero() {
		l.delete()
	}
	return nil
}

// hear brings a telling to the ledger, as what looks at instances does.
func (l *License) hear(n *telling, i int) {
	l.Heard.Told++
	news := n.compare()
	if news < 0 { // whoever looks knows better, and no license is asked
		l.Heard.Older++
		return
	}
	if news > 0 {
		l.record(n)
	}
	m := n.machine
	in := license.Instance{ID: m.ID, Type: m.Kind, State: n.state, LaunchTime: n.launch, ImageID: "ami-1", Tenancy: license.TenancyDefault}
	claim := ledger.Claim{Instance: in, Held: &license.Held{ConfigurationID: l.ID, Kind: license.ByAMI, Value: "ami-1", Since: n.launch},
		Generation: ledger.Generation{Launch: n.launch, Rank: n.state.Rank()}, Offered: Begin, Observed: n.at, Happened: n.from(), EventID: fmt.Sprintf("e-%s-%d", l.ID[len(l.ID)-2:], i)}
	if n.found {
		claim.EventID = ""
	}
	l.fold(n.at, ledger.Batch{Claims: []ledger.Claim{claim}}, n)
	if i%10 == 0 && news > 0 && n.state == license.Running {
		l.act(n)
	}
}

// act records that enforcement would have stopped a machine.
func (l *License) act(n *telling) {
	at := n.at.Add(time.Millisecond)
	if l.fold(at, ledger.Batch{Outcomes: []ledger.ActionOutcome{{Instance: n.machine.ID, Launch: n.launch, Action: ledger.DoneWouldStop}}}, nil) {
		l.Actions = append(l.Actions, Action{At: at, Instance: n.machine.ID.AWSID()})
	}
}

// amend changes the configuration, with a count of three to nine tenths of what all
// machines together would need.
func (l *License) amend(now time.Time, old *license.Configuration, wanted license.Configuration) error {
	if !l.tracked {
		all := int64(0)
		for _, m := range l.Machines {
			all += m.needs[l.ruleAt(now)]
		}
		count := all*3/10 + l.dice.Int64N(all*6/10)
		wanted.Count = &count
	}
	next, err := license.Amend(old, wanted, now, "me")
	if err != nil {
		return fmt.Errorf("%s at %s: %w", l.Name, now, err)
	}
	l.Counts = append(l.Counts, Count{From: now, N: wanted.Count})
	l.fold(now, ledger.Batch{Configuration: &next, By: "me"}, nil)
	return nil
}

// due folds what falls due until an instant; each tick comes up to a minute late.
func (l *License) due(until time.Time) error {
	for !l.Ledger.Due.IsZero() && l.Ledger.Due.Before(until) {
		was := l.Ledger.Due
		tick := was.Add(l.upTo(time.Minute))
		if tick.After(until) {
			tick = until
		}
		if l.fold(tick, ledger.Batch{}, nil); l.Ledger.Due.Equal(was) {
			return fmt.Errorf("%s: what was due at %s is not done at %s", l.Name, was, tick)
		}
	}
	return nil
}

// fold commits, and notes which verdicts were taken.
func (l *License) fold(now time.Time, b ledger.Batch, told *telling) bool {
	next, r := ledger.Fold(l.Ledger, b, now, catalog.Embedded())
	if r.Change != nil {
		next.Revision, r.Change.Revision = l.Ledger.Revision+1, l.Ledger.Revision+1
		l.Log = append(l.Log, publish.Rows(r.Change)...)
		l.decided(next.Entries, now, told)
	}
	l.Ledger, l.folded = next, now
	l.step(now)
	return r.Change != nil
}

// decided notes the verdicts that changed: from when that happened of which was told,
// from the beginning of rules that were applied now, else from now on.
func (l *License) decided(entries []ledger.Entry, now time.Time, told *telling) {
	from := now
	if rule := l.ruleAt(now); rule != l.ruleAt(l.folded) {
		from = l.Rules[rule].From
	}
	for i := range entries {
		m := l.machines[entries[i].Resource]
		if m.verdict == entries[i].Verdict {
			continue
		}
		m.verdict = entries[i].Verdict
		d := decision{from: from, verdict: m.verdict}
		if told != nil && told.machine == m {
			d.from = told.from()
		}
		m.decisions = append(m.decisions, d)
	}
}

func (l *License) delete() {
	next, change := ledger.Delete(l.Ledger, l.Ended, "me")
	l.Ledger = next
	l.Log = append(l.Log, publish.Rows(change)...)
	for _, m := range l.Machines {
		m.Counted = 0
	}
	l.Steps = append(l.Steps, Step{At: l.Ended, Count: l.CountAt(l.Ended)})
}
