package ledger_test

import (
	"testing"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// osLicense is the operating-system example of AWS's license configuration
// guide: 96 cores, servers of 8 to 16 cores, Dedicated Hosts only.
func osLicense(c *license.Configuration) {
	c.CountingType, c.Count = license.CountCore, licenses(96)
	c.Rules = []license.RuleVersion{{Text: []string{"#minimumCores=8", "#maximumCores=16", "#allowedTenancy=EC2-DedicatedHost"}}}
}

func affinity(days string, count int64) func(*license.Configuration) {
	return func(c *license.Configuration) {
		c.CountingType, c.Count = license.CountCore, licenses(count)
		c.Rules = []license.RuleVersion{{Text: []string{"#licenseAffinityToHost=" + days}}}
		c.Enforcement.EscalateAfter = 30 * 24 * time.Hour // what is due next is the affinity
	}
}

func TestOperatingSystemExample(t *testing.T) {
	t.Parallel()
	w := newWorld(t, osLicense).after(time.Hour)
	server := typed("m5.4xlarge") // 8 cores
	w.see(w.launched(1, w.now, server, on(1)), w.launched(2, w.now, server, on(1)), w.launched(3, w.now.Add(time.Second), typed("m5.8xlarge"), on(2)))
	same(t, "two hosts of 48 cores fit, however many servers they carry", ledger.Totals{Running: 96, Covered: 96, Hosts: 96}, w.l.Totals)
	w.after(time.Minute).see(w.launched(4, w.now, server, on(3)), w.launched(5, w.now, server, on(3)))
	same(t, "the third is the overrun", ledger.Totals{Running: 144, Covered: 96, Over: 48, Hosts: 144}, w.l.Totals)
	same(t, "wanted", []int{4, 5}, w.wanted())
	same(t, "why", ledger.WhyOver, w.answers()[4].Why)
	w.after(time.Minute).see(w.launched(6, w.now, typed("m5.2xlarge"), on(1)), w.launched(7, w.now, server))
	e, _ := w.member(7)
	same(t, "a server outside a Dedicated Host breaks the tenancy rule", ledger.Broken, e.Verdict)
	e, _ = w.member(6)
	same(t, "a small server breaks the minimum, but not its host's cover", ledger.Covered, e.Verdict)
	same(t, "both are answered", []int{4, 5, 6, 7}, w.wanted())
	same(t, "why", ledger.WhyBroken, w.answers()[6].Why)
	if a := w.answers()[1]; a != (ledger.Answer{}) {
		t.Errorf("its neighbour on the host gets the answer %+v", a)
	}
}

func TestHostIsCountedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *license.Configuration) { c.CountingType, c.Count = license.CountSocket, licenses(2) }).after(time.Hour)
	at := w.now
	w.see(w.launched(1, at, on(1)))
	r := w.see(w.launched(2, at.Add(time.Second), on(1)))
	same(t, "sockets", ledger.Totals{Running: 2, Covered: 2, Hosts: 2}, w.l.Totals)
	same(t, "the second adds none", []int64{2, 2}, []int64{r.Change.Deltas[0].Before, r.Change.Deltas[0].Licenses})
	w.after(time.Minute).see(w.launched(1, at, on(1), in(license.Terminated)))
	same(t, "one is left", int64(2), w.l.Totals.Deployed())
	e, _ := w.member(2)
	same(t, "the host keeps its place", at, e.First)
	w.after(time.Minute).see(w.launched(2, at.Add(time.Second), on(1), in(license.Stopped)))
	same(t, "none is left", ledger.Totals{}, w.l.Totals)
}

func TestHostTakesThePlaceOfItsOldestInstance(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *license.Configuration) { c.CountingType, c.Count = license.CountCore, licenses(48) }).after(time.Hour)
	at := w.now
	w.see(w.launched(3, at.Add(2*time.Second), on(2)))
	w.see(w.launched(2, at.Add(time.Second), on(1)))
	same(t, "covered", []int{2}, w.members(ledger.Covered))
	w.after(time.Second).see(w.launched(1, at, on(2))) // late
	e, _ := w.member(3)
	same(t, "first", at, e.First)
	same(t, "the host with the oldest instance is covered", ledger.Covered, e.Verdict)
}

func TestAffinity(t *testing.T) {
	t.Parallel()
	day := 24 * time.Hour
	end := func(t *testing.T, days string, count int64) *world {
		t.Helper()
		w := newWorld(t, affinity(days, count)).after(time.Hour)
		at := w.now
		w.see(w.launched(1, at, on(1)))
		w.after(day).see(w.launched(1, at, on(1), in(license.Terminated), happened(w.now)))
		return w
	}
	assigned := t0.Add(time.Hour)
	t.Run("the licenses stay until the days since the assignment are over", func(t *testing.T) {
		t.Parallel()
		w := end(t, "3", 48)
		same(t, "bound", ledger.Totals{Affinity: 48, Covered: 48, Hosts: 48}, w.l.Totals)
		same(t, "due", assigned.Add(3*day), w.l.Due)
		w.after(time.Hour).see(w.launched(2, w.now, on(2)))
		same(t, "another host needs others", []int{2}, w.wanted())
		w.after(time.Hour).see(w.launched(3, w.now, on(1)))
		same(t, "the same host uses them", ledger.Totals{Running: 96, Covered: 48, Over: 48, Hosts: 96}, w.l.Totals)
		w.after(time.Hour).see(w.launched(3, w.now.Add(-time.Hour), on(1), in(license.Terminated), happened(w.now)))
		same(t, "and the assignment is the old one", assigned.Add(3*day), w.l.Due)
		w.now = assigned.Add(3 * day)
		r := w.fold(ledger.Batch{})
		same(t, "then they are free, and who waits gets them", ledger.Totals{Running: 48, Covered: 48, Hosts: 48}, w.l.Totals)
		if r.Change == nil || len(r.Change.Deltas) < 2 {
			t.Errorf("change %+v", r.Change)
		}
		same(t, "due", time.Time{}, w.l.Due)
	})
	t.Run("a host that was used beyond them is free at once", func(t *testing.T) {
		t.Parallel()
		w := end(t, "1", 48)
		same(t, "totals", ledger.Totals{}, w.l.Totals)
	})
	t.Run("a host over the count binds none", func(t *testing.T) {
		t.Parallel()
		w := end(t, "3", 47)
		same(t, "totals", ledger.Totals{}, w.l.Totals)
		same(t, "due", time.Time{}, w.l.Due)
	})
	t.Run("they do not outlive the count", func(t *testing.T) {
		t.Parallel()
		w := end(t, "3", 48)
		w.amend(func(c *license.Configuration) { c.Count = licenses(47) })
		same(t, "totals", ledger.Totals{}, w.l.Totals)
		same(t, "due", time.Time{}, w.l.Due)
		same(t, "alerts", []string{"threshold 100"}, w.raised())
	})
	t.Run("they do not outlive the rule", func(t *testing.T) {
		t.Parallel()
		w := end(t, "3", 48)
		w.amend(func(c *license.Configuration) { c.Rules = []license.RuleVersion{{}} })
		same(t, "totals", ledger.Totals{}, w.l.Totals)
	})
	t.Run("a longer rule holds them longer", func(t *testing.T) {
		t.Parallel()
		w := end(t, "3", 48)
		w.amend(func(c *license.Configuration) {
			c.Rules = []license.RuleVersion{{Text: []string{"#licenseAffinityToHost=5"}}}
		})
		same(t, "due", assigned.Add(5*day), w.l.Due)
	})
	t.Run("a late older arrival does not free them", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, affinity("3", 48)).after(time.Hour)
		at := w.now
		w.see(w.launched(2, at, on(2)))
		w.see(w.launched(2, at, on(2), in(license.Terminated)))
		w.after(time.Second).see(w.launched(1, at.Add(-time.Second), on(1)))
		same(t, "totals", ledger.Totals{Running: 48, Affinity: 48, Covered: 48, Over: 48, Hosts: 96}, w.l.Totals)
	})
	t.Run("stopped within the days, the host keeps its place", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, affinity("3", 48)).after(time.Hour)
		at := w.now
		w.see(w.launched(1, at, on(1)))
		w.after(time.Hour).see(w.launched(1, at, on(1), in(license.Stopped)))
		w.after(day).see(w.launched(1, w.now, on(1)))
		e, _ := w.member(1)
		same(t, "first", at, e.First)
	})
	t.Run("without a count they are bound all the same", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, func(c *license.Configuration) {
			affinity("3", 0)(c)
			c.Count, c.HardLimit = nil, false
		}).after(time.Hour)
		w.see(w.launched(1, w.now, on(1)))
		w.after(time.Hour).see(w.launched(1, assigned, on(1), in(license.Terminated)))
		same(t, "totals", ledger.Totals{Affinity: 48, Hosts: 48}, w.l.Totals)
	})
}

func TestMoveBetweenHosts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *license.Configuration) { c.CountingType, c.Count = license.CountCore, licenses(96) }).after(time.Hour)
	at := w.now
	w.see(w.launched(1, at, on(1)), w.launched(2, at, on(1)))
	w.after(time.Hour).see(w.launched(1, at, on(1), in(license.Stopped), happened(w.now)))
	w.after(time.Minute)
	r := w.see(w.launched(1, w.now, on(2)))
	same(t, "both hosts count", ledger.Totals{Running: 96, Covered: 96, Hosts: 96}, w.l.Totals)
	e, _ := w.member(1)
	same(t, "it is on the new one", hostResource(2), e.Resource)
	same(t, "deltas", 2, len(r.Change.Deltas))
	for _, d := range r.Change.Deltas {
		same(t, "each of the hosts consumes", int64(48), d.Licenses)
		same(t, "of the instance that moved", id(1), d.Instance)
	}
	w.after(time.Minute)
	moved := w.now.Add(-time.Minute)
	w.see(w.launched(1, moved, on(2), in(license.Stopped), happened(w.now)))
	same(t, "the new host is free", int64(48), w.l.Totals.Deployed())
	w.after(time.Minute).see(w.launched(1, moved, tenancy(license.TenancyDefault), in(license.Stopped), happened(w.now)))
	if _, m := w.member(1); m.State != license.Stopped {
		t.Error("stopped elsewhere, its fence is gone")
	}
	w.after(time.Minute)
	if r := w.see(w.launched(1, moved, on(2))); r.Change != nil {
		t.Errorf("and what was before its stop changes %+v", r.Change)
	}
	w.see(w.launched(1, w.now, typed("m5.4xlarge")))
	same(t, "on shared tenancy its own cores count", ledger.Totals{Running: 56, Covered: 56, Hosts: 48, Instances: 8}, w.l.Totals)
	w.after(time.Hour).see(w.launched(1, w.now, on(1)))
	same(t, "back on the first host", ledger.Totals{Running: 48, Covered: 48, Hosts: 48}, w.l.Totals)
}

func TestMoveOffAHostOverTheCountAsksNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *license.Configuration) { c.CountingType, c.Count = license.CountCore, licenses(1) }).after(time.Hour)
	at := w.now
	w.see(w.launched(1, at, on(1)), w.launched(2, at, on(1)))
	w.after(time.Hour)
	r := w.see(w.launched(1, w.now, on(2)))
	for _, d := range r.Change.Deltas {
		if d.Resource == hostResource(1) && d.Instance == id(1) && (d.Answer.Wanted() || d.To != ledger.Released) {
			t.Errorf("of what left: %+v", d)
		}
	}
}

func TestHostFactsArriveLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *license.Configuration) { c.CountingType, c.Count = license.CountCore, licenses(200) }).after(time.Hour)
	at := w.now
	untold := func(c *ledger.Claim) { on(1)(c); c.Host = license.Host{} }
	w.see(w.launched(1, at, untold))
	same(t, "the family's host, estimated", ledger.Totals{Running: 48, Covered: 48, Hosts: 48, Estimated: 48}, w.l.Totals)
	told := func(c *ledger.Claim) { on(1)(c); c.Host.Cores, c.Host.Sockets = 40, 2 }
	w.see(w.launched(1, at, told))
	same(t, "as told", ledger.Totals{Running: 40, Covered: 40, Hosts: 40}, w.l.Totals)
	if r := w.after(time.Minute).see(w.launched(1, at, untold)); r.Change != nil {
		t.Errorf("a look that tells nothing changes %+v", r.Change)
	}
}

func TestHostsForgetReleasedMembers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *license.Configuration) { c.CountingType, c.Count = license.CountCore, licenses(48) }).after(time.Hour)
	w.see(w.launched(1, w.now, on(1)))
	for n := 2; n < 100; n++ {
		at := w.after(time.Minute).now
		w.see(w.launched(n, at, on(1)))
		w.after(time.Minute).see(w.launched(n, at, on(1), in(license.Terminated), happened(w.now)))
	}
	e, _ := w.member(1)
	if len(e.Members) > 15 {
		t.Errorf("the host has %d members, only one of them runs", len(e.Members))
	}
}

// TestSocketRuleOnHost judges the sockets of the host, not of the family, also
// when the rules change.
func TestSocketRuleOnHost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *license.Configuration) { c.CountingType, c.Count = license.CountSocket, licenses(10) }).after(time.Hour)
	single := func(c *ledger.Claim) { on(1)(c); c.Host.Cores, c.Host.Sockets = 24, 1 }
	at := w.now
	w.see(w.launched(1, at, single))
	w.after(time.Hour).amend(func(c *license.Configuration) {
		c.Rules = []license.RuleVersion{{Text: []string{"#maximumSockets=1"}}}
	})
	same(t, "covered", []int{1}, w.members(ledger.Covered))
	if r := w.after(time.Minute).see(w.launched(1, at, single)); r.Change != nil {
		t.Errorf("seen again, it changes %+v", r.Change)
	}
}

// TestHostsFillPagesSooner leaves room in a page for the instances that a host
// can carry.
func TestHostsFillPagesSooner(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *license.Configuration) { c.CountingType, c.Count = license.CountCore, licenses(48_000) }).after(time.Hour)
	for h := 1; h <= 16; h++ {
		w.see(w.launched(h, w.now, on(h)))
	}
	same(t, "sixteen are in the head", 0, w.l.Pages)
	for h := 17; h <= 40; h++ {
		w.see(w.launched(h, w.now, on(h)))
	}
	same(t, "forty are in pages of eight", 5, w.l.Pages)
	var claims []ledger.Claim
	for n := range 1000 {
		claims = append(claims, w.launched(100+n, w.now, on(1+n%40)))
	}
	w.see(claims...)
	same(t, "whatever they carry", 5, w.l.Pages)
	same(t, "cores", int64(40*48), w.l.Totals.Covered)
}

// left says which host the license held the instance on, and in which state that is now.
func left(n int, state string) option {
	return func(c *ledger.Claim) { c.Left = license.Host{ID: hostResource(n), Family: "m5", State: state} }
}

// onFailed places the instance on a host that AWS gave up.
func onFailed(n int) option {
	return func(c *ledger.Claim) {
		on(n)(c)
		c.Host.State = "under-assessment"
	}
}

// carried is a license of so many cores with 90 days of affinity, and a host of 48 cores
// that carries twenty instances since an hour after t0.
func carried(t *testing.T, count int64) (w *world, at time.Time) {
	t.Helper()
	w = newWorld(t, affinity("90", count)).after(time.Hour)
	at = w.now
	for n := 1; n <= 20; n++ {
		w.see(w.launched(n, at, on(1)))
		same(t, "cores", ledger.Totals{Running: 48, Covered: 48, Hosts: 48}, w.l.Totals)
	}
	return w, at
}

// TestHostRecovery: at each step of the way to the replacement, in whatever order its
// instances come, restarted or not, a host is counted once, nothing is over the count,
// and the days of its affinity go on.
func TestHostRecovery(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	assigned := t0.Add(time.Hour)
	once := ledger.Totals{Running: 48, Covered: 48, Hosts: 48}
	for _, test := range []struct {
		name     string
		state    string
		restarts bool // by host recovery; host maintenance moves live
	}{{"recovery", "under-assessment", true}, {"maintenance", "permanent-failure", false}, {"released since", "released-permanent-failure", true}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w, at := carried(t, 48)
			w.after(30 * day)
			for n := 20; n >= 1; n-- {
				launch := at
				if test.restarts {
					launch = w.now
				}
				r := w.see(w.launched(n, launch, on(2), left(1, test.state)))
				same(t, "once, at every step", once, w.l.Totals)
				same(t, "and nobody is answered", []int{}, w.wanted())
				reason := "host " + hostID(1) + " failed (" + test.state + "): its licenses moved to " + hostID(2)
				if n == 20 && r.Change.Reason != reason {
					t.Errorf("reason %q, want %q", r.Change.Reason, reason)
				}
				w.after(time.Minute)
			}
			e, _ := w.member(7)
			same(t, "the replacement has the assignment", assigned, e.Assigned)
			same(t, "and the place", at, e.First)
			same(t, "alerts", []string{"threshold 100"}, w.raised())
			var last []ledger.Claim
			for n := 1; n <= 20; n++ {
				_, m := w.member(n)
				last = append(last, w.launched(n, m.Generation.Launch, on(2), in(license.Terminated), happened(w.now)))
			}
			w.see(last...)
			bound := ledger.Totals{Affinity: 48, Covered: 48, Hosts: 48}
			same(t, "bound to the replacement", bound, w.l.Totals)
			same(t, "until", assigned.Add(90*day), w.l.Due)
			w.now = assigned.Add(90*day - time.Millisecond)
			w.fold(ledger.Batch{})
			same(t, "an instant before the end", bound, w.l.Totals)
			w.now = assigned.Add(90 * day)
			w.fold(ledger.Batch{})
			same(t, "at the end", ledger.Totals{}, w.l.Totals)
		})
	}
}

// TestHostRecoveryDeltas: the change log tells that the failed host gave its licenses,
// and that the replacement got them, each once.
func TestHostRecoveryDeltas(t *testing.T) {
	t.Parallel()
	w, at := carried(t, 48)
	r := w.after(time.Hour).see(w.launched(3, at, on(2), left(1, "under-assessment")))
	gave, got := 0, 0
	for _, d := range r.Change.Deltas {
		switch {
		case d.Resource == hostResource(1) && d.From == ledger.Covered && d.To == ledger.Released && d.Before == 48 && d.Licenses == 0:
			gave++
		case d.Resource == hostResource(2) && d.To == ledger.Covered && d.Before == 0 && d.Licenses == 48:
			got++
		default:
			t.Errorf("delta %+v", d)
		}
	}
	same(t, "of each instance", []int{20, 20}, []int{gave, got})
}

// TestHostRecoveryOutOfOrder: what comes late or twice, and what AWS says too late,
// leaves the host counted once in the end, and what is no recovery is none.
func TestHostRecoveryOutOfOrder(t *testing.T) {
	t.Parallel()
	once := ledger.Totals{Running: 48, Covered: 48, Hosts: 48}
	both := func(covered int64) ledger.Totals {
		return ledger.Totals{Running: 96, Covered: covered, Over: 96 - covered, Hosts: 96}
	}
	t.Run("an instance that has not moved yet stays with the licenses", func(t *testing.T) {
		t.Parallel()
		w, at := carried(t, 48)
		w.after(time.Hour).see(w.launched(1, at, on(2), left(1, "under-assessment")))
		w.after(time.Minute).see(w.launched(2, at, onFailed(1)), w.launched(3, at, onFailed(1), in(license.Stopped)))
		same(t, "once", once, w.l.Totals)
		e, _ := w.member(2)
		same(t, "with the others", hostResource(2), e.Resource)
	})
	t.Run("an older look at the host before its failure changes nothing", func(t *testing.T) {
		t.Parallel()
		w, at := carried(t, 48)
		w.after(time.Hour).see(w.launched(1, at, on(2), left(1, "under-assessment")))
		late := w.launched(2, at, on(1), observedAt(w.now.Add(-time.Minute)))
		w.after(time.Second)
		if r := w.see(late, w.launched(1, at, on(2), left(1, "under-assessment"), observedAt(w.now.Add(-time.Second)))); r.Change != nil {
			t.Errorf("changes %+v", r.Change)
		}
	})
	t.Run("AWS calls the host failed only after the first has moved", func(t *testing.T) {
		t.Parallel()
		w, at := carried(t, 48)
		w.after(time.Hour).see(w.launched(1, at, on(2), left(1, "available")))
		same(t, "both count", both(48), w.l.Totals)
		w.after(time.Minute).see(w.launched(2, at, on(2), left(1, "under-assessment")))
		same(t, "once", once, w.l.Totals)
		e, _ := w.member(1)
		same(t, "since the first assignment", at, e.Assigned)
		same(t, "answers", []int{}, w.wanted())
	})
	t.Run("a person moves an instance: both count, and the old one stays bound", func(t *testing.T) {
		t.Parallel()
		w, at := carried(t, 96)
		for n := 1; n <= 20; n++ {
			w.after(time.Minute).see(w.launched(n, w.now, on(2), left(1, "available")))
		}
		same(t, "bound and used", ledger.Totals{Running: 48, Affinity: 48, Covered: 96, Hosts: 96}, w.l.Totals)
		same(t, "until", at.Add(90*24*time.Hour), w.l.Due)
		e, _ := w.member(20)
		if !e.Assigned.After(at) {
			t.Errorf("the new host is assigned at %s", e.Assigned)
		}
	})
	t.Run("with the state of another host it is where it says all the same", func(t *testing.T) {
		t.Parallel()
		w, at := carried(t, 96)
		w.after(time.Hour).see(w.launched(1, at, on(2), func(c *ledger.Claim) { c.Host.ID, c.Host.State = hostResource(1), "under-assessment" }))
		same(t, "both count", both(96), w.l.Totals)
	})
	t.Run("off a failed host to none", func(t *testing.T) {
		t.Parallel()
		w, _ := carried(t, 96)
		w.after(time.Hour).see(w.launched(1, w.now, left(1, "permanent-failure")))
		same(t, "its own core counts beside the host", ledger.Totals{Running: 49, Covered: 49, Hosts: 48, Instances: 1}, w.l.Totals)
	})
	t.Run("a larger replacement finds room in the old place", func(t *testing.T) {
		t.Parallel()
		w, at := carried(t, 64)
		larger := func(c *ledger.Claim) { on(2)(c); c.Host.Cores = 64 }
		w.after(time.Hour).see(w.launched(1, at, larger, left(1, "under-assessment")))
		same(t, "as large as it is", ledger.Totals{Running: 64, Covered: 64, Hosts: 64}, w.l.Totals)
	})
	t.Run("the failed host was over the count", func(t *testing.T) {
		t.Parallel()
		w, at := carried(t, 48)
		w.amend(func(c *license.Configuration) { c.Count = licenses(47) })
		w.after(time.Hour).see(w.launched(1, at, on(2), left(1, "under-assessment")))
		same(t, "so is the replacement", ledger.Totals{Running: 48, Over: 48, Hosts: 48}, w.l.Totals)
		e, m := w.member(1)
		same(t, "by the same cause", ledger.ByChange, m.Cause)
		same(t, "and bound it is not", time.Time{}, e.Assigned)
	})
}
