package remedy_test

import (
	"fmt"
	"strings"
	"testing"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/remedy"
)

// small is a fleet of two a.l instances under the given counting type and
// rules, changed before it is folded.
func small(t *testing.T, counting license.CountingType, count int64, rules []string, change func([]license.Instance)) *fleet {
	t.Helper()
	f := newFleet(t, 0) // for its catalogue and its time
	f.others, f.everything = nil, nil
	for i := range 2 {
		f.everything = append(f.everything, license.Instance{
			ID: license.NewResourceID("123456789012", "us-east-1", fmt.Sprintf("i-%017d", i)), Type: "a.l", State: license.Running,
			Tenancy: license.TenancyDefault, LaunchTime: f.now.Add(-1 << 40), CPUOptions: license.CPUOptions{Cores: 4, ThreadsPerCore: 2},
		})
	}
	if change != nil {
		change(f.everything)
	}
	f.l = f.fold(t, license.Configuration{ID: "lic-own", Name: "own", CountingType: counting, Count: &count, Rules: []license.RuleVersion{{Text: rules}}}, f.everything)
	return f
}

func (f *fleet) plan() remedy.Plan { return remedy.WayBack(f.l, f.facts(), f.now) }

func TestNothingOverNothingProposed(t *testing.T) {
	t.Parallel()
	f := small(t, license.CountInstance, 2, nil, nil)
	if p := f.plan(); p.Missing != 0 || len(p.Proposals)+len(p.LeftOut) > 0 || p.Before.Covered != 2 {
		t.Errorf("%+v", p)
	}
}

// TestWhatEnforcementNeverStopsIsLeftOut: each guard, and the states in which
// an instance is on its way.
func TestWhatEnforcementNeverStopsIsLeftOut(t *testing.T) {
	t.Parallel()
	f := small(t, license.CountVCPU, 8, []string{"#honorVcpuOptimization=True"}, nil)
	if got := f.plan().Proposals; len(got) == 0 {
		t.Fatal("nothing is proposed for instances without a guard")
	}
	for _, guard := range []ledger.Guard{ledger.GuardAutoScaling, ledger.GuardProtected, ledger.GuardInstanceStore, ledger.GuardOneTimeSpot, ledger.GuardManaged} {
		l := f.l.Clone()
		for i := range l.Entries {
			l.Entries[i].Members[0].Guard = guard
		}
		if p := remedy.WayBack(l, f.facts(), f.now); len(p.Proposals) > 0 || len(p.LeftOut) != 2 || p.LeftOut[0].Why == "" || p.Unfinished {
			t.Errorf("%s: %+v", guard, p)
		}
	}
	for _, state := range []license.State{license.Pending, license.Stopping, license.ShuttingDown} {
		f := small(t, license.CountVCPU, 8, nil, func(all []license.Instance) { all[0].State, all[1].State = state, state })
		if p := f.plan(); p.Missing != 8 || len(p.Proposals) > 0 || len(p.LeftOut) != 2 {
			t.Errorf("%s: %+v", state, p)
		}
	}
}

// TestWhyNothingHelps: licenses that are bound to their host, and a stop that
// would free nothing.
func TestWhyNothingHelps(t *testing.T) {
	t.Parallel()
	stopped := small(t, license.CountInstance, 1, []string{"#includedStoppedInstances=True"}, nil).plan()
	bound := small(t, license.CountCore, 8, []string{"#licenseAffinityToHost=14"}, func(all []license.Instance) {
		for i := range all {
			all[i].Tenancy, all[i].HostID = license.TenancyDedicatedHost, fmt.Sprintf("h-%d", i)
		}
	})
	// The host that is over binds nothing, and its instance fits on the other.
	p := bound.plan()
	if len(p.Proposals) != 2 || p.Proposals[0].Only != remedy.MoveHost || p.Proposals[0].Cost != 10 || p.Proposals[0].Steps[0].Resource.AWSID() != "h-1" {
		t.Errorf("%+v", p)
	}
	for _, c := range []struct {
		plan remedy.Plan
		left int
		why  string
	}{{stopped, 2, "stopped instances count, too"}, {p, 1, "bound to the host until 2026-03-16"}} {
		if len(c.plan.LeftOut) != c.left || !strings.Contains(c.plan.LeftOut[0].Why, c.why) {
			t.Errorf("left out is %+v, want %d with %q", c.plan.LeftOut, c.left, c.why)
		}
	}
	if len(stopped.Proposals) > 0 {
		t.Errorf("proposed %+v", stopped.Proposals)
	}
}

// TestAnIntentComesToNothing: what is being answered still needs a way back.
func TestAnIntentComesToNothing(t *testing.T) {
	t.Parallel()
	f := small(t, license.CountInstance, 1, nil, nil)
	want := f.plan()
	for i := range f.l.Entries {
		if e := &f.l.Entries[i]; e.Verdict == ledger.Over {
			e.Members[0].Intent = ledger.Intent{Action: license.Stop, At: f.now, Until: f.now.Add(1 << 39)}
		}
	}
	if got := f.plan(); len(want.Proposals) != 1 || len(got.Proposals) != 1 || got.Proposals[0].Cost != want.Proposals[0].Cost {
		t.Errorf("proposed %+v, want %+v", got.Proposals, want.Proposals)
	}
}

// TestALargeLicense: where the budget does not last there are proposals all the
// same, which do not claim to be the cheapest, and every bound is one.
func TestALargeLicense(t *testing.T) {
	t.Parallel()
	unproven := 0
	for _, counting := range license.CountingTypes() {
		l, facts, now := large(600, counting)
		count := l.Totals.Deployed() * 2 / 3
		l.Configuration.Count = &count
		plan := remedy.WayBack(l, facts, now)
		if len(plan.Proposals) < 2 {
			t.Errorf("%s: %d proposals", counting, len(plan.Proposals))
		}
		for _, p := range plan.Proposals {
			if p.Frees < plan.Missing || p.After.Over != 0 || p.AtLeast > p.Cost || plan.AtLeast > p.Cost || p.Optimal && p.AtLeast != p.Cost {
				t.Errorf("%s: %q only: cost %d, at least %d, optimal %v, frees %d of %d, %d over", counting, p.Only, p.Cost, p.AtLeast, p.Optimal, p.Frees, plan.Missing, p.After.Over)
			}
			if !p.Optimal {
				unproven++
			}
		}
	}
	if unproven == 0 {
		t.Error("every proposal was proven: this test cannot see what it is for")
	}
}
