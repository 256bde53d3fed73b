package remedy_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"licenseguard/shared/catalog"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/remedy"
)

// TestEqualsBruteForce: on small random fleets the proposals cost what trying
// every combination of steps finds, and there is one where there is one; each,
// folded, ends the overrun, breaks no rule and leaves other licenses whole.
func TestEqualsBruteForce(t *testing.T) {
	t.Parallel()
	seen := map[remedy.Kind]int{} // proposals by kind, so that no kind is untried
	guarded, impossible, mixed := 0, 0, 0
	seeds := []uint64{682} // whose host has more on it than there is room for
	for seed := range uint64(200) {
		seeds = append(seeds, seed)
	}
	for _, seed := range seeds {
		f := newFleet(t, seed)
		plan := remedy.WayBack(f.l, f.facts(), f.now)
		b := newBrute(f)
		if want := f.l.Totals.Covered + f.l.Totals.Over - *f.l.Configuration.Count; plan.Missing != want {
			t.Fatalf("seed %d: %d licenses missing, want %d", seed, plan.Missing, want)
		}
		for _, kind := range append([]remedy.Kind{""}, remedy.Kinds()...) {
			want, possible := b.least(kind)
			got, ok := cheapest(plan, kind)
			if ok != possible || ok && got.Cost != want {
				t.Fatalf("seed %d, %q only: proposed %v at %d, want %v at %d\n%s", seed, kind, ok, got.Cost, possible, want, f)
			}
			if !possible {
				impossible++
			} else {
				seen[kind]++
			}
		}
		if len(plan.Proposals) > 0 && plan.AtLeast != plan.Proposals[0].Cost || plan.Unfinished {
			t.Fatalf("seed %d: at least %d, unfinished %v", seed, plan.AtLeast, plan.Unfinished)
		}
		for i, p := range plan.Proposals {
			if i > 0 && plan.Proposals[i-1].Cost > p.Cost || !p.Optimal || p.AtLeast != p.Cost || p.Frees < plan.Missing {
				t.Fatalf("seed %d: proposal %d: cost %d, optimal %v, frees %d of %d", seed, i, p.Cost, p.Optimal, p.Frees, plan.Missing)
			}
			if after := b.check(t, seed, p); after != p.After {
				t.Fatalf("seed %d: proposal %d ends with %+v, want %+v", seed, i, p.After, after)
			}
			if p.Only == "" {
				mixed++
			}
		}
		for _, x := range plan.LeftOut {
			if _, m := f.l.Find(x.Instance); m != nil && m.Guard != ledger.Unguarded {
				guarded++
			}
		}
		if again := remedy.WayBack(f.l, f.facts(), f.now); fmt.Sprintf("%+v", shown(again)) != fmt.Sprintf("%+v", shown(plan)) {
			t.Fatalf("seed %d: another plan the second time", seed)
		}
	}
	t.Logf("proposals by kind %v, of several kinds %d, impossible %d, guarded %d", seen, mixed, impossible, guarded)
	for _, kind := range remedy.Kinds() {
		if seen[kind] < 10 {
			t.Errorf("only %d fleets have a way back by %s alone", seen[kind], kind)
		}
	}
	if mixed < 10 || guarded < 10 || impossible < 10 {
		t.Errorf("the fleets try too little: %d mixed, %d guarded, %d impossible", mixed, guarded, impossible)
	}
}

// shown is a plan without what points into the license.
func shown(p remedy.Plan) [][]string {
	var out [][]string
	for _, x := range p.Proposals {
		var steps []string
		for _, s := range x.Steps {
			steps = append(steps, fmt.Sprint(s.Kind, s.Instance, s.Resource, s.From, s.To, s.Frees, s.Takes, s.Cost, s.Reason))
		}
		out = append(out, steps)
	}
	return out
}

func cheapest(plan remedy.Plan, kind remedy.Kind) (remedy.Proposal, bool) {
	for _, p := range plan.Proposals {
		if kind == "" || p.Only == kind {
			return p, true
		}
	}
	return remedy.Proposal{}, false
}

// brute tries every combination of steps. It knows nothing of what a step
// frees: it folds what a look would show afterwards.
type brute struct {
	fleet   *fleet
	members []*ledger.Member
	options [][]option // by member
	room    map[string]int64
}

type option struct {
	kind remedy.Kind
	to   string
	cost int64 // without what it takes of another license
	in   license.Instance
	core int64 // physical cores that it takes of a host
}

func newBrute(f *fleet) *brute {
	b := &brute{fleet: f, room: map[string]int64{}}
	rules := f.rules()
	for i := range f.l.Entries {
		e := &f.l.Entries[i]
		if e.Resource.Type() == license.EC2Host && (e.Verdict == ledger.Covered || e.Verdict == ledger.Over) {
			host, _ := f.catalog.Host(e.Host.Family)
			b.room[e.Resource.AWSID()] = host.Cores
			for _, in := range f.everything {
				if t, _ := f.catalog.InstanceType(in.Type); in.HostID == e.Resource.AWSID() {
					b.room[in.HostID] -= t.Cores
				}
			}
		}
	}
	for i := range f.l.Entries {
		e := &f.l.Entries[i]
		for j := range e.Members {
			if m := &e.Members[j]; m.Consuming(&rules) && (e.Verdict == ledger.Covered || e.Verdict == ledger.Over) {
				b.members = append(b.members, m)
				b.options = append(b.options, b.optionsOf(e, m))
			}
		}
	}
	return b
}

func (b *brute) optionsOf(e *ledger.Entry, m *ledger.Member) []option {
	f := b.fleet
	in := f.everything[slices.IndexFunc(f.everything, func(in license.Instance) bool { return in.ID == m.Instance })]
	t, _ := f.catalog.InstanceType(in.Type)
	cpu := license.CPUOptions{Cores: t.Cores, ThreadsPerCore: t.ThreadsPerCore}
	if in.CPUOptions.Known() {
		cpu = in.CPUOptions
	}
	onHost := e.Resource.Type() == license.EC2Host
	var out []option
	for _, o := range f.others {
		hosts := o.Configuration.CountingType == license.CountCore || o.Configuration.CountingType == license.CountSocket
		_, held := o.Find(m.Instance)
		if held == nil && f.keepsRules(o, in) && o.Totals.Over == 0 && !(hosts && !onHost && in.HostID != "") {
			out = append(out, option{kind: remedy.MoveLicense, to: o.Configuration.ID, cost: 5, in: in})
		}
	}
	if m.Guard != ledger.Unguarded {
		return out
	}
	restart := int64(10)
	if in.State == license.Stopped {
		restart = 0
	}
	again := in
	if restart > 0 {
		again.LaunchTime = f.now
	}
	for id := range b.room {
		to := again
		to.HostID, to.Tenancy = id, license.TenancyDedicatedHost
		if _, host := f.find(id); license.Family(in.Type) == host.Host.Family && id != in.HostID {
			out = append(out, option{remedy.MoveHost, id, restart, to, t.Cores})
		}
	}
	for _, name := range []string{"a.s", "a.m", "a.l", "b.s", "b.m"} {
		small, _ := f.catalog.InstanceType(name)
		if license.Family(name) == license.Family(in.Type) && small.VCPUs < t.VCPUs {
			to := again
			to.Type, to.CPUOptions = name, license.CPUOptions{Cores: small.Cores, ThreadsPerCore: small.ThreadsPerCore}
			out = append(out, option{remedy.Resize, name, restart + 2*(t.VCPUs-small.VCPUs), to, 0})
		}
	}
	for _, cores := range []int64{cpu.Cores, 2} {
		for threads := int64(1); threads <= cpu.ThreadsPerCore; threads++ {
			to := again
			to.CPUOptions = license.CPUOptions{Cores: cores, ThreadsPerCore: threads}
			if to.CPUOptions == cpu || cores != cpu.Cores && (t.Cores != 4 || cpu.Cores <= 2) {
				continue
			}
			word := "threads"
			if threads == 1 {
				word = "thread"
			}
			out = append(out, option{remedy.CPUOptions, fmt.Sprintf("%d × %d %s", cores, threads, word), restart + cpu.VCPUs() - to.CPUOptions.VCPUs(), to, 0})
		}
	}
	if restart > 0 {
		to := in
		to.State = license.Stopped
		out = append(out, option{remedy.Stop, "stopped", 20 + 5*cpu.VCPUs(), to, 0})
	}
	return out
}

// least returns the least cost of a combination of steps of one kind, or of any.
func (b *brute) least(kind remedy.Kind) (int64, bool) {
	best := int64(math.MaxInt64)
	chosen := make([]*option, len(b.members))
	var try func(i int, cost int64)
	try = func(i int, cost int64) {
		if cost >= best {
			return
		}
		if i < len(b.members) {
			for o := range b.options[i] {
				if chosen[i] = &b.options[i][o]; kind == "" || chosen[i].kind == kind {
					try(i+1, cost+chosen[i].cost)
				}
			}
			chosen[i] = nil
			try(i+1, cost)
			return
		}
		if _, taken, ok := b.holds(chosen); ok {
			best = min(best, cost+taken)
		}
	}
	try(0, 0)
	return best, best < math.MaxInt64
}

// holds folds the chosen steps and reports whether they are a way back, and how
// many licenses of others they take.
func (b *brute) holds(chosen []*option) (after ledger.Totals, taken int64, ok bool) {
	f := b.fleet
	used := map[string]int64{}
	var claims []ledger.Claim
	there := make([][]ledger.Claim, len(f.others))
	for i, o := range chosen {
		if o == nil {
			continue
		}
		m := b.members[i]
		c := f.claim(o.in, m.Guard)
		c.Held = &license.Held{ConfigurationID: f.l.Configuration.ID, Kind: m.Kind, Value: m.Value}
		switch o.kind {
		case remedy.MoveHost:
			if used[o.to] += o.core; used[o.to] > b.room[o.to] {
				return after, 0, false
			}
		case remedy.MoveLicense:
			at := slices.IndexFunc(f.others, func(l *ledger.License) bool { return l.Configuration.ID == o.to })
			held := *c.Held
			other := c
			other.Held = &held
			there[at] = append(there[at], other)
			c.Held = nil
			if !b.together(i, chosen, f.others[at]) {
				return after, 0, false
			}
		}
		claims = append(claims, c)
	}
	next, _ := ledger.Fold(f.l, ledger.Batch{Claims: claims}, f.now, f.catalog)
	if next.Totals.Over > 0 || next.Totals.Broken > f.l.Totals.Broken || breaksMore(f.l, next, f.rules()) {
		return next.Totals, 0, false
	}
	for i, o := range f.others {
		if len(there[i]) == 0 {
			continue
		}
		then, _ := ledger.Fold(o, ledger.Batch{Claims: there[i]}, f.now, f.catalog)
		rules, _ := o.Configuration.RulesAt(f.now)
		if then.Totals.Over > 0 || then.Totals.Broken > o.Totals.Broken || breaksMore(o, then, rules) {
			return next.Totals, 0, false
		}
		taken += then.Totals.Covered - o.Totals.Covered
	}
	return next.Totals, taken, true
}

// together reports whether all that uses a host goes to a license that counts
// hosts, if one of its instances does: so a host's move is defined.
func (b *brute) together(i int, chosen []*option, to *ledger.License) bool {
	if t := to.Configuration.CountingType; t != license.CountCore && t != license.CountSocket {
		return true
	}
	e, _ := b.fleet.l.Find(b.members[i].Instance)
	if e.Resource.Type() != license.EC2Host {
		return true
	}
	for j, m := range b.members {
		if x, _ := b.fleet.l.Find(m.Instance); x == e && (chosen[j] == nil || chosen[j].to != chosen[i].to) {
			return false
		}
	}
	return true
}

// breaksMore reports whether an instance breaks a rule that it did not break.
func breaksMore(before, after *ledger.License, rules license.Rules) bool {
	for i := range after.Entries {
		for j := range after.Entries[i].Members {
			m := &after.Entries[i].Members[j]
			_, was := before.Find(m.Instance)
			for _, v := range m.Broken {
				if m.Consuming(&rules) && (was == nil || !slices.ContainsFunc(was.Broken, func(o license.Violation) bool { return o.Rule == v.Rule })) {
					return true
				}
			}
		}
	}
	return false
}

// check plays a proposal's steps as the brute force understands them.
func (b *brute) check(t *testing.T, seed uint64, p remedy.Proposal) ledger.Totals {
	t.Helper()
	chosen := make([]*option, len(b.members))
	var cost, frees, taken int64
	for _, s := range p.Steps {
		i := slices.IndexFunc(b.members, func(m *ledger.Member) bool { return m.Instance == s.Instance })
		o := slices.IndexFunc(b.options[i], func(o option) bool { return o.kind == s.Kind && o.to == s.To })
		if o < 0 || chosen[i] != nil || s.Cost != b.options[i][o].cost+s.Takes || s.Reason == "" {
			t.Fatalf("seed %d: a step that is none: %+v", seed, s)
		}
		chosen[i] = &b.options[i][o]
		cost, frees, taken = cost+s.Cost, frees+s.Frees, taken+s.Takes
	}
	after, takes, ok := b.holds(chosen)
	if !ok || cost != p.Cost || takes != taken || frees != b.fleet.l.Totals.Covered+b.fleet.l.Totals.Over-after.Covered {
		t.Fatalf("seed %d: holds %v with %+v; cost %d, steps cost %d; takes %d, steps take %d; steps free %d", seed, ok, after, p.Cost, cost, takes, taken, frees)
	}
	return after
}

// fleet is a license in overrun, others, and the instances that there are.
type fleet struct {
	dice       *rand.Rand
	now        time.Time
	catalog    *catalog.Table
	l          *ledger.License
	others     []*ledger.License
	everything []license.Instance
}

const (
	smallTypes = "a.s,2,1,2,\na.m,4,2,2,\na.l,8,4,2,\nb.s,1,1,1,\nb.m,4,4,1,\n"
	smallHosts = "a,2,8,\nb,1,6,\n"
)

// newFleet makes fleets from a seed until one is in overrun and small enough to
// try everything.
func newFleet(t *testing.T, seed uint64) *fleet {
	t.Helper()
	table, err := catalog.Parse(smallTypes, smallHosts)
	if err != nil {
		t.Fatal(err)
	}
	dice := rand.New(rand.NewPCG(seed, 7))
	for {
		f := &fleet{dice: dice, now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), catalog: table}
		f.launch()
		f.l = f.license(t, "lic-own", 1<<20, f.everything)
		if f.l.Totals.Covered == 0 {
			continue
		}
		f.l = f.license(t, "lic-own", dice.Int64N(f.l.Totals.Covered), f.everything)
		for i := range dice.IntN(3) {
			f.others = append(f.others, f.license(t, fmt.Sprintf("lic-other%d", i), dice.Int64N(12), f.everything[:dice.IntN(2)]))
		}
		size := 1
		for _, o := range newBrute(f).options {
			size *= len(o) + 1
		}
		if f.l.Totals.Over > 0 && size < 20_000 {
			return f
		}
	}
}

func (f *fleet) launch() {
	for i := range 3 + f.dice.IntN(5) {
		name := []string{"a.s", "a.m", "a.l", "a.l", "b.s", "b.m"}[f.dice.IntN(6)]
		in := license.Instance{
			ID: license.NewResourceID("123456789012", "us-east-1", fmt.Sprintf("i-%017d", i)), Type: name, Tenancy: license.TenancyDefault,
			State: license.Running, LaunchTime: f.now.Add(-time.Hour + time.Duration(i)*time.Minute),
		}
		if f.dice.IntN(5) == 0 {
			in.State = license.Stopped
		}
		if t, _ := f.catalog.InstanceType(name); f.dice.IntN(3) > 0 {
			in.CPUOptions = license.CPUOptions{Cores: t.Cores, ThreadsPerCore: 1 + f.dice.Int64N(t.ThreadsPerCore)}
		}
		switch f.dice.IntN(4) {
		case 0, 1:
			in.Tenancy, in.HostID = license.TenancyDedicatedHost, fmt.Sprintf("h-%s%d", license.Family(name), f.dice.IntN(2))
		case 2:
			in.Tenancy = license.TenancyDedicatedInstance
		}
		f.everything = append(f.everything, in)
	}
}

// license configures a license by the dice and folds instances into it.
func (f *fleet) license(t *testing.T, id string, count int64, held []license.Instance) *ledger.License {
	t.Helper()
	if id == "lic-own" && f.l != nil { // the same license with another count
		c := f.l.Configuration
		c.Count = &count
		return f.fold(t, c, held)
	}
	c := license.Configuration{ID: id, Name: id, Count: &count,
		CountingType: []license.CountingType{license.CountVCPU, license.CountVCPU, license.CountInstance, license.CountCore, license.CountCore, license.CountSocket}[f.dice.IntN(6)]}
	may := func(chance int, rules ...string) {
		if f.dice.IntN(chance) == 0 {
			c.Rules[0].Text = append(c.Rules[0].Text, rules...)
		}
	}
	c.Rules = []license.RuleVersion{{}}
	may(4, "#minimumLicensesPerResource=2")
	may(5, "#licensePack=2")
	may(5, "#includedStoppedInstances=True")
	may(6, "#allowedInstanceTypes=a.*,b.m")
	may(8, "#allowedTenancy=EC2-DedicatedHost,EC2-Default")
	switch c.CountingType {
	case license.CountVCPU:
		if f.dice.IntN(4) > 0 {
			c.Rules[0].Text = append(c.Rules[0].Text, "#honorVcpuOptimization=True")
		}
		may(3, "#unitsPerLicense=2", "#unitsPerLicenseWithoutHyperThreading=1")
		may(4, "#minimumVcpus=2")
	case license.CountCore:
		may(4, "#licenseAffinityToHost=14")
		may(4, "#minimumCores=2")
	case license.CountSocket:
		may(4, "#licenseAffinityToHost=14")
	}
	return f.fold(t, c, held)
}

func (f *fleet) fold(t *testing.T, c license.Configuration, held []license.Instance) *ledger.License {
	t.Helper()
	c, err := license.Amend(nil, c, f.now.Add(-2*time.Hour), "me")
	if err != nil {
		t.Fatal(err)
	}
	l, _ := ledger.Fold(&ledger.License{}, ledger.Batch{Configuration: &c, By: "me"}, f.now.Add(-2*time.Hour), f.catalog)
	var claims []ledger.Claim
	for i, in := range held {
		guard := ledger.Unguarded
		if i%5 == 3 { // the same for every license
			guard = ledger.GuardAutoScaling
		}
		claim := f.claim(in, guard)
		claim.Observed = f.now.Add(-30 * time.Minute)
		claim.Held = &license.Held{ConfigurationID: c.ID, Kind: license.ByAMI, Value: "ami-1"}
		claims = append(claims, claim)
	}
	l, _ = ledger.Fold(l, ledger.Batch{Claims: claims}, f.now.Add(-20*time.Minute), f.catalog)
	l, _ = ledger.Fold(l, ledger.Batch{}, f.now, f.catalog)
	return l
}

// claim is what a look shows of an instance now.
func (f *fleet) claim(in license.Instance, guard ledger.Guard) ledger.Claim {
	c := ledger.Claim{Instance: in, Guard: guard, Observed: f.now, Happened: f.now,
		Generation: ledger.Generation{Launch: in.LaunchTime, Rank: in.State.Rank()}}
	if in.HostID != "" {
		h, _ := f.catalog.Host(license.Family(in.Type))
		c.Host = license.Host{ID: license.NewResourceID("123456789012", "us-east-1", in.HostID), Family: h.Family, Cores: h.Cores, Sockets: h.Sockets}
	}
	return c
}

func (f *fleet) facts() remedy.Facts {
	return remedy.Facts{Others: f.others, Instances: f.everything, Catalog: f.catalog, Sizes: f.catalog.Sizes}
}

// keepsRules reports whether an instance would keep a license's rules, also
// once it is started again.
func (f *fleet) keepsRules(o *ledger.License, in license.Instance) bool {
	in.State = license.Running
	c := f.claim(in, ledger.Unguarded)
	c.Held = &license.Held{ConfigurationID: o.Configuration.ID, Kind: license.ByAMI, Value: "ami-1"}
	then, _ := ledger.Fold(o, ledger.Batch{Claims: []ledger.Claim{c}}, f.now, f.catalog)
	_, m := then.Find(in.ID)
	return len(m.Broken) == 0
}

func (f *fleet) rules() license.Rules {
	rules, _ := f.l.Configuration.RulesAt(f.now)
	return rules
}

// find returns the entry of a host's id.
func (f *fleet) find(id string) (int, *ledger.Entry) {
	i := slices.IndexFunc(f.l.Entries, func(e ledger.Entry) bool { return e.Resource.AWSID() == id })
	return i, &f.l.Entries[i]
}

// String shows a fleet that failed.
func (f *fleet) String() string {
	text := fmt.Sprintf("%s %v count %d %+v\n", f.l.Configuration.CountingType, f.l.Configuration.Rules[0].Text, *f.l.Configuration.Count, f.l.Totals)
	for _, e := range f.l.Entries {
		text += fmt.Sprintf("  %s %s %d until %v\n", e.Resource.AWSID(), e.Verdict, e.Licenses, e.AffinityUntil)
		for _, m := range e.Members {
			text += fmt.Sprintf("    %s %s %s %v %s guard %q broken %v\n", m.Instance.AWSID(), m.Type, m.State, m.CPUOptions, m.Tenancy, m.Guard, m.Broken)
		}
	}
	for _, o := range f.others {
		text += fmt.Sprintf("  other %s %s %v count %d %+v\n", o.Configuration.ID, o.Configuration.CountingType, o.Configuration.Rules[0].Text, *o.Configuration.Count, o.Totals)
	}
	return text
}
