package ledger_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

func TestHardLimit(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		batch int
	}{{"in one batch", 40}, {"one by one", 1}, {"seven by seven", 7}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil).after(time.Hour)
			claims := w.fleet(1, 40)
			for chunk := range slices.Chunk(claims, tt.batch) {
				w.see(chunk...)
			}
			same(t, "covered", upTo(1, 10), w.members(ledger.Covered))
			same(t, "over", upTo(11, 40), w.members(ledger.Over))
			same(t, "totals", ledger.Totals{Running: 40, Covered: 10, Over: 30, Instances: 40}, w.l.Totals)
			for n, a := range w.answers() {
				same(t, "answer", ledger.Answer{Action: license.Stop, Mode: license.Stop, NotBefore: w.now.Add(settle), Why: ledger.WhyOver}, a)
				if _, m := w.member(n); m.Cause != ledger.ByLaunch {
					t.Errorf("%d is over by %s", n, m.Cause)
				}
			}
			same(t, "wanted", upTo(11, 40), w.wanted())
			limits := 0
			for _, a := range w.alerts {
				if a.Kind == ledger.AlertLimit {
					limits++
					if a.ID == "" || len(a.Resources) == 0 || a.Resources[0] != id(11) {
						t.Errorf("limit alert %+v", a)
					}
				}
			}
			same(t, "limit alerts", 1, limits)

			again := append(slices.Clone(claims), claims...)
			random := rand.New(rand.NewPCG(1, 2))
			random.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
			w.after(time.Hour)
			for chunk := range slices.Chunk(again, 20) {
				if r := w.see(chunk...); r.Change != nil {
					t.Fatalf("seen again, it changes %+v", r.Change)
				}
			}
			var later []ledger.Claim // a sweep sees the same, later
			for _, c := range claims {
				c.Observed, c.EventID = w.now, "sweep"
				later = append(later, c)
			}
			if r := w.see(later...); r.Change != nil {
				t.Fatalf("seen by a sweep, it changes %+v", r.Change)
			}
		})
	}
}

func TestChangeTellsWhatHappened(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *license.Configuration) {
		c.CountingType, c.Count = license.CountVCPU, licenses(3)
		c.Rules = []license.RuleVersion{{Text: []string{"#licensePack=3"}}}
	}).after(time.Hour)
	r := w.see(w.launched(1, w.now.Add(-2*time.Second)), w.launched(2, w.now.Add(-time.Second)))
	if len(r.Change.Deltas) != 2 || r.Change.License != "lic-1" || r.Change.Reason != "" {
		t.Fatalf("change %+v", r.Change)
	}
	d := r.Change.Deltas[1]
	same(t, "explanation", "m5.large: 2 vCPU (catalog); packs of 3: 3 = 3 licenses", d.Explanation.String())
	d.Explanation = license.Explanation{}
	same(t, "resource", id(2), d.Resource)
	same(t, "from", ledger.Verdict(""), d.From)
	same(t, "to", ledger.Over, d.To)
	same(t, "cause", ledger.ByLaunch, d.Cause)
	same(t, "licenses", []int64{0, 3}, []int64{d.Before, d.Licenses})
	same(t, "event", "event-2", d.EventID)
	same(t, "happened", w.now.Add(-time.Second), d.Happened)
	same(t, "recorded", w.now, r.Change.Recorded)
	same(t, "association", "ami ami-1", d.Association)
	same(t, "answer", ledger.Answer{Action: license.Stop, Mode: license.Stop, NotBefore: w.now.Add(settle), Why: ledger.WhyOver}, d.Answer)
}

func TestLateOlderArrival(t *testing.T) {
	t.Parallel()
	one := func(c *license.Configuration) { c.Count = licenses(1) }
	t.Run("inside the settle window it takes the younger one's place", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, one).after(time.Hour)
		w.see(w.launched(2, w.now))
		w.after(settle - time.Millisecond).see(w.launched(1, t0.Add(time.Hour-time.Second)))
		same(t, "covered", []int{1}, w.members(ledger.Covered))
		same(t, "wanted", []int{2}, w.wanted())
		if _, m := w.member(2); m.Cause != ledger.ByLaunch {
			t.Errorf("the displaced one is over by %q", m.Cause)
		}
	})
	t.Run("after it the younger one stays", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, one).after(time.Hour)
		w.see(w.launched(2, w.now))
		w.after(settle).see(w.launched(1, t0.Add(time.Hour-time.Second)))
		same(t, "covered", []int{2}, w.members(ledger.Covered))
		same(t, "wanted", []int{1}, w.wanted())
	})
	t.Run("a younger arrival displaces nobody", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, one).after(time.Hour)
		w.see(w.launched(2, w.now))
		w.after(time.Second).see(w.launched(3, w.now))
		same(t, "covered", []int{2}, w.members(ledger.Covered))
	})
	t.Run("it displaces nobody where it would not fit even so", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, func(c *license.Configuration) { c.CountingType, c.Count = license.CountVCPU, licenses(4) }).after(time.Hour)
		w.see(w.launched(2, w.now), w.launched(3, w.now))
		since := w.l.Entries[0].Since
		w.after(time.Second).see(w.launched(1, t0.Add(time.Hour-time.Second), typed("m5.2xlarge")))
		same(t, "covered", []int{2, 3}, w.members(ledger.Covered))
		same(t, "covered since", since, w.l.Entries[0].Since)
	})
	t.Run("who is displaced and fits again was never away", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, func(c *license.Configuration) { c.CountingType, c.Count = license.CountVCPU, licenses(12) }).after(time.Hour)
		w.see(w.launched(2, w.now), w.launched(3, w.now.Add(time.Second), typed("m5.2xlarge")))
		e, _ := w.member(2)
		since := e.Since
		w.after(time.Second).see(w.launched(1, t0.Add(time.Hour-time.Second), typed("m5.xlarge")))
		same(t, "covered", []int{1, 2}, w.members(ledger.Covered))
		e, _ = w.member(2)
		same(t, "since", since, e.Since)
	})
}

func TestFreeMeansEnoughForTheWholeResource(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *license.Configuration) { c.CountingType, c.Count = license.CountVCPU, licenses(10) }).after(time.Hour)
	w.see(w.launched(1, w.now, typed("m5.2xlarge")), w.launched(2, w.now.Add(time.Second), typed("m5.xlarge")), w.launched(3, w.now.Add(2*time.Second)))
	same(t, "covered", []int{1, 3}, w.members(ledger.Covered)) // 8 + 2; 4 do not fit whole
	w.after(time.Hour).see(w.launched(1, t0.Add(time.Hour), typed("m5.2xlarge"), in(license.Terminated)))
	same(t, "covered", []int{2, 3}, w.members(ledger.Covered)) // the oldest that fits is promoted
	same(t, "wanted", []int{}, w.wanted())
}

func TestRestart(t *testing.T) {
	t.Parallel()
	start := func(t *testing.T) *world {
		w := newWorld(t, func(c *license.Configuration) { c.Count = licenses(1) }).after(time.Hour)
		w.see(w.launched(1, w.now))
		w.after(time.Hour)
		first := t0.Add(time.Hour)
		w.see(w.launched(1, first, in(license.Stopping), happened(w.now)))
		same(t, "while it stops", int64(1), w.l.Totals.Covered)
		w.see(w.launched(1, first, in(license.Stopped), happened(w.now)))
		same(t, "stopped", ledger.Totals{}, w.l.Totals)
		return w
	}
	t.Run("inside the grace time it keeps its place", func(t *testing.T) {
		t.Parallel()
		w := start(t)
		w.after(grace - time.Minute).see(w.launched(2, w.now))
		same(t, "covered", []int{2}, w.members(ledger.Covered))
		w.after(30 * time.Second).see(w.launched(1, w.now))
		same(t, "covered", []int{1}, w.members(ledger.Covered))
		e, _ := w.member(1)
		same(t, "first", t0.Add(time.Hour), e.First)
	})
	t.Run("which takes no settled holder's cover", func(t *testing.T) {
		t.Parallel()
		w := start(t)
		w.see(w.launched(2, w.now))
		w.after(grace - time.Second).see(w.launched(1, w.now))
		same(t, "covered", []int{2}, w.members(ledger.Covered))
		same(t, "wanted", []int{1}, w.wanted())
	})
	t.Run("after it the restart is a launch", func(t *testing.T) {
		t.Parallel()
		w := start(t)
		w.after(grace - 10*time.Second).see(w.launched(2, w.now))
		w.after(10 * time.Second).see(w.launched(1, w.now))
		same(t, "covered", []int{2}, w.members(ledger.Covered))
		e, m := w.member(1)
		same(t, "first", w.now, e.First)
		same(t, "cause", ledger.ByLaunch, m.Cause)
	})
	t.Run("a restart seen in one batch with its stop is answered after its own settle window", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, func(c *license.Configuration) { c.Count = licenses(0) }).after(time.Hour)
		w.see(w.launched(1, w.now))
		w.after(time.Hour)
		w.see(w.launched(1, t0.Add(time.Hour), in(license.Stopped)), w.launched(1, w.now))
		same(t, "not before", w.now.Add(settle), w.answers()[1].NotBefore)
	})
}

func TestIncludedStoppedInstances(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *license.Configuration) {
		c.Count, c.Enforcement.Mode = licenses(1), license.Tag
		c.Rules = []license.RuleVersion{{Text: []string{"#includedStoppedInstances=True"}}}
	}).after(time.Hour)
	at := w.now
	w.see(w.launched(1, at), w.launched(2, at.Add(time.Second)))
	w.after(time.Minute).see(w.launched(1, at, in(license.Stopped), happened(w.now)))
	same(t, "totals", ledger.Totals{Running: 1, Stopped: 1, Covered: 1, Over: 1, Instances: 2}, w.l.Totals)
	same(t, "covered", []int{1}, w.members(ledger.Covered))
	same(t, "a stopped one that comes new counts", true, w.see(w.launched(3, at, in(license.Stopped))).Change != nil)
	w.after(time.Minute).see(w.launched(1, at, in(license.Terminated), happened(w.now)))
	same(t, "covered", []int{3}, w.members(ledger.Covered))
}

// TestNeverAMassStop plays the incidents that must not happen: nothing is
// asked for, the affected are listed, one alert is sent.
func TestNeverAMassStop(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		play  func(w *world)
		cause ledger.Cause
		over  int
	}{
		{"a count lowered from 100 to 1", func(w *world) {
			w.see(w.fleet(1, 100)...)
			w.after(time.Hour)
			w.alerts = nil
			w.amend(func(c *license.Configuration) { c.Count = licenses(1) })
		}, ledger.ByChange, 99},
		{"an AMI associated after the fact", func(w *world) {
			fleet := w.fleet(1, 110)
			w.after(time.Hour)
			for i := range fleet {
				fleet[i].Offered, fleet[i].Observed = w.now.Add(-time.Second), w.now
			}
			w.see(fleet...)
		}, ledger.ByChange, 10},
		{"a tag put on what runs", func(w *world) {
			fleet := w.fleet(1, 110)
			w.after(time.Hour)
			for i := range fleet {
				fleet[i].Held.Since, fleet[i].Observed = w.now, w.now
			}
			w.see(fleet...)
		}, ledger.ByChange, 10},
		{"a first sweep over a full account", func(w *world) {
			fleet := w.fleet(1, 110)
			w.after(24 * time.Hour)
			for i := range fleet {
				fleet[i].Observed = w.now
			}
			w.see(fleet...)
		}, ledger.ByFind, 10},
		{"a switch from observe to stop", func(w *world) {
			w.amend(func(c *license.Configuration) { c.Enforcement.Mode = license.Observe })
			w.after(time.Minute).see(w.fleet(1, 110)...)
			if len(w.wanted()) != 10 {
				w.t.Fatalf("observe would stop %v", w.wanted())
			}
			w.after(time.Hour)
			w.alerts = nil
			w.amend(func(c *license.Configuration) { c.Enforcement.Mode = license.Stop })
		}, ledger.ByChange, 10},
		{"a soft limit made hard", func(w *world) {
			w.amend(func(c *license.Configuration) { c.HardLimit = false })
			w.after(time.Minute).see(w.fleet(1, 110)...)
			w.after(time.Hour)
			w.alerts = nil
			w.amend(func(c *license.Configuration) { c.HardLimit = true })
		}, ledger.ByChange, 10},
		{"enabling what was disabled", func(w *world) {
			w.amend(func(c *license.Configuration) { c.Status = license.Disabled })
			w.after(time.Minute).see(w.fleet(1, 110)...)
			if w.l.Totals.Deployed() != 110 || len(w.answers()) > 0 || len(w.alerts) > 0 {
				w.t.Fatalf("disabled: %+v, answers %v, alerts %v", w.l.Totals, w.answers(), w.alerts)
			}
			w.after(time.Hour).amend(func(c *license.Configuration) { c.Status = license.Available })
		}, ledger.ByChange, 10},
		{"a rule that becomes stricter", func(w *world) {
			w.see(w.fleet(1, 60)...)
			w.after(time.Hour)
			w.alerts = nil
			w.amend(func(c *license.Configuration) {
				c.Rules = []license.RuleVersion{{Text: []string{"#minimumLicensesPerResource=2"}}}
			})
		}, ledger.ByChange, 10},
		{"a rule announced that becomes stricter", func(w *world) {
			at := w.now.Add(time.Hour)
			w.amend(func(c *license.Configuration) {
				c.Rules = append(c.Rules, license.RuleVersion{Effective: at, Text: []string{"#minimumLicensesPerResource=2"}})
			})
			w.after(time.Minute).see(w.fleet(1, 60)...)
			w.alerts = nil
			if !w.l.Due.Equal(at) || w.l.Totals.Deployed() != 60 {
				w.t.Fatalf("due at %s with %+v", w.l.Due, w.l.Totals)
			}
			w.now = at
			w.fold(ledger.Batch{})
		}, ledger.ByChange, 10},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(c *license.Configuration) { c.Count = licenses(100) }).after(time.Hour)
			tt.play(w)
			w.after(time.Hour).fold(ledger.Batch{})
			same(t, "wanted", []int{}, w.wanted())
			over := w.members(ledger.Over)
			same(t, "over", tt.over, len(over))
			for _, n := range over {
				_, m := w.member(n)
				same(t, "cause", tt.cause, m.Cause)
				same(t, "why nothing is done", ledger.WhyListed, w.answers()[n].Why)
			}
			var limit []ledger.Alert
			for _, a := range w.alerts {
				if a.Kind == ledger.AlertLimit {
					limit = append(limit, a)
				}
			}
			if len(limit) != 1 || len(limit[0].Resources) == 0 {
				t.Fatalf("limit alerts: %+v", limit)
			}
			if over[0] < over[len(over)-1] && limit[0].Resources[0] != id(over[0]) {
				t.Errorf("the alert begins with %s, want instance %d: the youngest lose, in order", limit[0].Resources[0], over[0])
			}

			// What is launched from now on is answered.
			w.see(w.launched(1000, w.now))
			same(t, "wanted", []int{1000}, w.wanted())
		})
	}
}

func TestCountLoweredAndRaisedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *license.Configuration) { c.Count = licenses(100) }).after(time.Hour)
	w.see(w.fleet(1, 60)...)
	w.after(time.Hour).amend(func(c *license.Configuration) { c.Count = licenses(1) })
	same(t, "covered: the oldest", []int{1}, w.members(ledger.Covered))
	w.after(time.Hour).amend(func(c *license.Configuration) { c.Count = licenses(100) })
	same(t, "over", []int{}, w.members(ledger.Over))
	same(t, "alerts", []string{"limit-exceeded 0"}, w.raised())
	w.after(time.Hour).amend(func(c *license.Configuration) { c.Count = licenses(59) })
	same(t, "over: the youngest", []int{60}, w.members(ledger.Over))
	same(t, "alerts", []string{"limit-exceeded 0", "limit-exceeded 0"}, w.raised())
	w.after(time.Hour).amend(func(c *license.Configuration) { c.Count = licenses(58) })
	same(t, "a further cut is alerted though some were over before", 3, len(w.alerts))
	same(t, "and lists them all", []license.ResourceID{id(59), id(60)}, w.alerts[2].Resources)
}

func TestEstimatesStopNobody(t *testing.T) {
	t.Parallel()
	vcpus := func(n int64) func(*license.Configuration) {
		return func(c *license.Configuration) { c.CountingType, c.Count = license.CountVCPU, licenses(n) }
	}
	t.Run("an estimated overrun", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, vcpus(10)).after(time.Hour)
		w.see(w.launched(1, w.now, typed("zz9.large")))
		same(t, "totals", ledger.Totals{Running: 896, Over: 896, Estimated: 896, Instances: 896}, w.l.Totals)
		same(t, "answer", ledger.Answer{Why: ledger.WhyEstimated}, w.answers()[1])
	})
	t.Run("one that is over only beside an estimate", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, vcpus(900)).after(time.Hour)
		w.see(w.launched(1, w.now.Add(-time.Hour), typed("zz9.large"), observedAt(w.now)))
		w.see(w.fleet(2, 460)...) // 920 vCPUs: without the estimate 900 would fit
		same(t, "covered", []int{1, 2, 3}, w.members(ledger.Covered))
		same(t, "wanted: only what would be over without the estimate", upTo(452, 461), w.wanted())
	})
	t.Run("a rule broken by an estimate", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, func(c *license.Configuration) {
			c.Rules = []license.RuleVersion{{Text: []string{"#maximumVcpus=4"}}}
		}).after(time.Hour)
		w.see(w.launched(1, w.now, typed("zz9.large")), w.launched(2, w.now, typed("m5.2xlarge")))
		same(t, "broken", []int{1, 2}, w.members(ledger.Broken))
		same(t, "wanted", []int{2}, w.wanted())
		same(t, "why", ledger.WhyEstimated, w.answers()[1].Why)
	})
	t.Run("a type that is known at last is counted again", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, vcpus(10)).after(time.Hour)
		at := w.now
		w.see(w.launched(1, at, typed("zz9.large")))
		w.after(time.Hour).see(w.launched(1, at, typed("zz9.large"), func(c *ledger.Claim) {
			c.Instance.TypeFacts = license.InstanceType{Name: "zz9.large", VCPUs: 2, Cores: 1, ThreadsPerCore: 2}
		}))
		same(t, "totals", ledger.Totals{Running: 2, Covered: 2, Instances: 2}, w.l.Totals)
	})
}

// TestBetterCatalogCountsAgain sees the same facts with a catalog that has
// learned the type.
func TestBetterCatalogCountsAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *license.Configuration) { c.CountingType = license.CountVCPU }).after(time.Hour)
	claim := w.launched(1, w.now, typed("zz9.large"))
	w.see(claim)
	next, r := ledger.Fold(w.l, ledger.Batch{Claims: []ledger.Claim{claim}}, w.now.Add(time.Hour), oneType{})
	if r.Change == nil || next.Totals.Estimated != 0 || next.Totals.Covered != 2 {
		t.Errorf("change %+v, totals %+v", r.Change, next.Totals)
	}
}

type oneType struct{}

func (oneType) InstanceType(name string) (license.InstanceType, bool) {
	return license.InstanceType{Name: name, VCPUs: 2, Cores: 1, ThreadsPerCore: 2}, name == "zz9.large"
}
func (oneType) LargestOfFamily(string) (license.InstanceType, bool) {
	return license.InstanceType{}, false
}
func (oneType) Host(string) (license.HostType, bool) { return license.HostType{}, false }

func TestBrokenRule(t *testing.T) {
	t.Parallel()
	hosts := func(c *license.Configuration) {
		c.Rules = []license.RuleVersion{{Text: []string{"#allowedTenancy=EC2-DedicatedInstance"}}}
	}
	t.Run("under a hard limit it is answered like an overrun", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, hosts).after(time.Hour)
		w.see(w.launched(1, w.now), w.launched(2, w.now, tenancy(license.TenancyDedicatedInstance)))
		same(t, "broken", []int{1}, w.members(ledger.Broken))
		same(t, "totals", ledger.Totals{Running: 2, Covered: 1, Broken: 1, Instances: 2}, w.l.Totals)
		same(t, "answer", ledger.Answer{Action: license.Stop, Mode: license.Stop, NotBefore: w.now.Add(settle), Why: ledger.WhyBroken}, w.answers()[1])
		same(t, "alerts", []string{"rule-broken 0"}, w.raised())
		same(t, "who", []license.ResourceID{id(1)}, w.alerts[0].Resources)
	})
	t.Run("under a soft limit it is alerted", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, func(c *license.Configuration) { hosts(c); c.HardLimit = false }).after(time.Hour)
		w.see(w.launched(1, w.now))
		same(t, "answer", ledger.Answer{Why: ledger.WhySoft}, w.answers()[1])
		same(t, "alerts", []string{"rule-broken 0"}, w.raised())
	})
	t.Run("it deploys without cover, and the overrun that it makes is listed", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, func(c *license.Configuration) { hosts(c); c.Count = licenses(1) }).after(time.Hour)
		w.see(w.launched(1, w.now), w.launched(2, w.now, tenancy(license.TenancyDedicatedInstance)))
		same(t, "covered", []int{2}, w.members(ledger.Covered))
		same(t, "alerts", []string{"limit-exceeded 0", "rule-broken 0"}, w.raised())
		same(t, "who", []license.ResourceID{id(1)}, w.alerts[0].Resources)
	})
	t.Run("a rule that comes later stops nobody", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil).after(time.Hour)
		w.see(w.launched(1, w.now))
		w.after(time.Hour).amend(hosts)
		same(t, "broken", []int{1}, w.members(ledger.Broken))
		same(t, "answer", ledger.Answer{Why: ledger.WhyListed}, w.answers()[1])
		w.after(time.Hour).amend(func(c *license.Configuration) { c.Rules = []license.RuleVersion{{}} })
		same(t, "covered", []int{1}, w.members(ledger.Covered))
	})
	t.Run("one that broke it comes right with another type", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, func(c *license.Configuration) {
			c.Rules = []license.RuleVersion{{Text: []string{"#allowedInstanceTypes=m5.large"}}}
		}).after(time.Hour)
		at := w.now
		w.see(w.launched(1, at, typed("m5.xlarge")))
		same(t, "wanted", []int{1}, w.wanted())
		w.after(time.Minute).see(w.launched(1, at, typed("m5.xlarge"), in(license.Stopped)))
		w.after(time.Minute).see(w.launched(1, w.now))
		same(t, "covered", []int{1}, w.members(ledger.Covered))
		same(t, "wanted", []int{}, w.wanted())
	})
}

func TestCountOfZeroAndNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *license.Configuration) { c.Count = licenses(0) }).after(time.Hour)
	w.see(w.fleet(1, 3)...)
	same(t, "over", upTo(1, 3), w.members(ledger.Over))
	same(t, "wanted", upTo(1, 3), w.wanted())
	same(t, "alerts", []string{"limit-exceeded 0"}, w.raised())

	w = newWorld(t, func(c *license.Configuration) { c.Count, c.HardLimit = nil, false }).after(time.Hour)
	w.see(w.fleet(1, 3)...)
	same(t, "tracked", upTo(1, 3), w.members(ledger.Tracked))
	same(t, "totals", ledger.Totals{Running: 3, Instances: 3}, w.l.Totals)
	same(t, "answers", 0, len(w.answers()))
	same(t, "alerts", []string{}, w.raised())
}

func TestDisabled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *license.Configuration) { c.Count = licenses(2) }).after(time.Hour)
	at := w.now.Add(-5 * time.Second)
	w.see(w.fleet(1, 5)...)
	same(t, "wanted", upTo(3, 5), w.wanted())
	w.after(time.Hour).amend(func(c *license.Configuration) { c.Status = license.Disabled })
	same(t, "not counted", upTo(1, 5), w.members(ledger.Ignored))
	same(t, "totals", ledger.Totals{Running: 5, Instances: 5}, w.l.Totals)
	same(t, "answers", 0, len(w.answers()))
	w.see(w.launched(1, at, in(license.Terminated)), w.launched(6, w.now))
	same(t, "it is observed on", upTo(2, 6), w.members(ledger.Ignored))
	w.after(time.Hour).amend(func(c *license.Configuration) { c.Status = license.Available })
	same(t, "covered", upTo(2, 3), w.members(ledger.Covered))
	same(t, "wanted", []int{}, w.wanted())
	same(t, "alerts", []string{"limit-exceeded 0", "limit-exceeded 0"}, w.raised())
}

func TestDisablingClearsAlerts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).after(time.Hour)
	w.see(w.fleet(1, 8)...)
	w.after(time.Hour).amend(func(c *license.Configuration) { c.Status = license.Disabled })
	w.after(time.Hour).amend(func(c *license.Configuration) { c.Status = license.Available })
	same(t, "alerts", []string{"threshold 80", "threshold 80"}, w.raised())
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	end := t0.AddDate(0, 0, 150)
	w := newWorld(t, func(c *license.Configuration) { c.Expiry = end; c.Thresholds = []int{} }).after(time.Hour)
	w.see(w.fleet(1, 10)...)
	same(t, "alerts", []string{}, w.raised())
	var days []time.Duration
	for range 8 {
		w.now = w.l.Due
		if w.fold(ledger.Batch{}).Change == nil {
			t.Fatalf("due at %s, but nothing changed", w.now)
		}
		days = append(days, end.Sub(w.now)/(24*time.Hour))
	}
	same(t, "due, in days before the end", []time.Duration{120, 90, 60, 30, 0, -1, -8, -15}, days)
	same(t, "alerts", []string{"expiry 120", "expiry 90", "expiry 60", "expiry 30", "limit-exceeded 0", "expiry 0",
		"unanswered 24", "unanswered 192", "unanswered 360"}, w.raised())
	same(t, "over", upTo(1, 10), w.members(ledger.Over))
	_, m := w.member(1)
	same(t, "by a change", ledger.ByChange, m.Cause)
	w.after(time.Hour).see(w.launched(11, w.now))
	same(t, "never a stop", []int{}, w.wanted())
	same(t, "why", ledger.WhyExpired, w.answers()[11].Why)

	w.after(time.Hour).amend(func(c *license.Configuration) { c.Expiry = w.now.AddDate(0, 0, 45) })
	same(t, "covered again", upTo(1, 10), w.members(ledger.Covered))
	same(t, "a renewal stops nobody who came meanwhile", []int{}, w.wanted())
	same(t, "the next notice", "expiry 60", w.raised()[len(w.raised())-1])
	w.after(time.Hour).see(w.launched(12, w.now))
	same(t, "but who comes from now on", []int{12}, w.wanted())
}

func TestExpiryInTheMiddleOfAMillisecond(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *license.Configuration) { c.Expiry = t0.Add(time.Hour + 1234567*time.Nanosecond) })
	w.now = w.l.Due
	w.fold(ledger.Batch{})
	if !w.l.Due.IsZero() {
		t.Errorf("due again at %s", w.l.Due)
	}
}

func TestThresholds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).after(time.Hour)
	at := w.now
	step := func(upTo int, want ...string) {
		t.Helper()
		w.after(time.Minute)
		w.alerts = nil
		var claims []ledger.Claim
		for n := 1; n <= 20; n++ {
			state := license.Running
			if n > upTo {
				state = license.Terminated
			}
			launch := at.Add(time.Duration(n) * time.Millisecond)
			if _, m := w.l.Find(id(n)); m != nil && m.State == license.Terminated && state == license.Running {
				launch = w.now
			} else if m != nil {
				launch = m.Generation.Launch
			}
			claims = append(claims, w.launched(n, launch, in(state)))
		}
		w.see(claims...)
		if want == nil {
			want = []string{}
		}
		same(t, "alerts", want, w.raised())
	}
	step(7)
	step(8, "threshold 80")
	step(8)
	step(10, "threshold 100") // 90 and 100 in one
	step(11, "limit-exceeded 0")
	step(12)
	step(9)
	step(10, "threshold 100") // 100 had cleared, 90 had not
	step(7)
	step(20, "limit-exceeded 0") // merged into the highest
	step(8)
	step(9, "threshold 90") // it had cleared
	step(0)
	step(9, "threshold 90")
}

func TestStoryOfOneAlertPerCrossingHasStableIDs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).after(time.Hour)
	claims := w.fleet(1, 11)
	a, first := ledger.Fold(w.l, ledger.Batch{Claims: claims}, w.now, oneType{})
	b, second := ledger.Fold(w.l, ledger.Batch{Claims: claims}, w.now, oneType{})
	same(t, "the same fold", a, b)
	same(t, "the same alerts", first.Change.Alerts, second.Change.Alerts)
	same(t, "id", "lic-1/limit-exceeded/0/r2", first.Change.Alerts[0].ID)
}

func TestInstanceTypeChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *license.Configuration) { c.CountingType, c.Count = license.CountVCPU, licenses(12) }).after(time.Hour)
	at := w.now
	w.see(w.launched(1, at, typed("m5.xlarge")), w.launched(2, at.Add(time.Second), typed("m5.xlarge")))
	w.after(time.Hour).see(w.launched(1, at, typed("m5.xlarge"), in(license.Stopped), happened(w.now)))
	w.after(time.Minute).see(w.launched(1, w.now, typed("m5.2xlarge")))
	same(t, "totals", ledger.Totals{Running: 12, Covered: 12, Instances: 12}, w.l.Totals)
	w.after(time.Hour).see(w.launched(1, at.Add(61*time.Minute), typed("m5.2xlarge"), in(license.Stopped), happened(w.now)))
	w.after(time.Minute).see(w.launched(1, w.now, typed("m5.4xlarge")))
	same(t, "covered", []int{2}, w.members(ledger.Covered))
	same(t, "wanted", []int{1}, w.wanted())
}

func TestCoveredOneGrows(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *license.Configuration) {
		c.CountingType, c.Count = license.CountVCPU, licenses(8)
		c.Rules = []license.RuleVersion{{Text: []string{"#honorVcpuOptimization=True"}}}
	}).after(time.Hour)
	at := w.now
	cpus := func(cores int64) option {
		return func(c *ledger.Claim) {
			c.Instance.CPUOptions = license.CPUOptions{Cores: cores, ThreadsPerCore: 1}
		}
	}
	w.see(w.launched(1, at, typed("m5.4xlarge"), cpus(2)), w.launched(2, at.Add(time.Second), typed("m5.4xlarge"), cpus(2)))
	e, _ := w.member(1)
	since := e.Since
	w.after(time.Minute).see(w.launched(1, at, typed("m5.4xlarge"), cpus(4)))
	e, _ = w.member(1)
	same(t, "it fits on, so it was covered all the time", since, e.Since)
	same(t, "covered", ledger.Totals{Running: 6, Covered: 6, Instances: 6}, w.l.Totals)
	w.after(time.Minute).see(w.launched(1, at, typed("m5.4xlarge"), cpus(7)))
	same(t, "it fits no more", []int{2}, w.members(ledger.Covered))
}

func TestRuleVersionBegins(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *license.Configuration) { c.CountingType, c.Count = license.CountVCPU, licenses(100) }).after(time.Hour)
	w.see(w.fleet(1, 5)...)
	at := w.now.Add(24 * time.Hour)
	w.amend(func(c *license.Configuration) {
		c.Rules = append(c.Rules, license.RuleVersion{Effective: at, Text: []string{"#minimumLicensesPerResource=4"}})
	})
	same(t, "due", at, w.l.Due)
	w.now = at.Add(-time.Millisecond)
	if r := w.fold(ledger.Batch{}); r.Change != nil {
		t.Errorf("before its time it changes %+v", r.Change)
	}
	same(t, "before", int64(10), w.l.Totals.Deployed())
	w.now = at
	r := w.fold(ledger.Batch{})
	same(t, "after", int64(20), w.l.Totals.Deployed())
	same(t, "version", 2, w.l.RuleVersion)
	same(t, "deltas", 5, len(r.Change.Deltas))
	same(t, "version of a delta", 2, r.Change.Deltas[0].RuleVersion)
	same(t, "due", time.Time{}, w.l.Due)
}

func TestTwoConfigurationsJudgeAlone(t *testing.T) {
	t.Parallel()
	narrow := newWorld(t, func(c *license.Configuration) { c.Count = licenses(1) }).after(time.Hour)
	wide := newWorld(t, func(c *license.Configuration) { c.Count = licenses(5) }).after(time.Hour)
	for _, w := range []*world{narrow, wide} {
		w.see(w.fleet(1, 2)...)
	}
	same(t, "the narrow one refuses", []int{2}, narrow.wanted())
	same(t, "the wide one does not", []int{}, wide.wanted())
}

func TestFence(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		play  func(w *world) ledger.Result // the last claim must change nothing
		state license.State
	}{
		{"an earlier state of the launch", func(w *world) ledger.Result {
			w.see(w.launched(1, t0.Add(time.Hour), in(license.Stopped)))
			return w.after(time.Minute).see(w.launched(1, t0.Add(time.Hour), in(license.Running)))
		}, license.Stopped},
		{"an earlier launch", func(w *world) ledger.Result {
			w.see(w.launched(1, t0.Add(90*time.Minute)))
			return w.after(time.Minute).see(w.launched(1, t0.Add(time.Hour), in(license.Stopped)))
		}, license.Running},
		{"older facts", func(w *world) ledger.Result {
			w.see(w.launched(1, t0.Add(time.Hour), typed("m5.xlarge")))
			return w.see(w.launched(1, t0.Add(time.Hour), typed("m5.2xlarge"), observedAt(w.now.Add(-time.Second))))
		}, license.Running},
		{"a look that did not find it, older than the record", func(w *world) ledger.Result {
			w.see(w.launched(1, t0.Add(90*time.Minute)))
			return w.see(w.launched(1, t0.Add(90*time.Minute), gone, observedAt(w.now)))
		}, license.Running},
		{"gone twice", func(w *world) ledger.Result {
			w.after(time.Minute).see(w.launched(1, t0.Add(time.Hour), gone, happened(w.now)))
			return w.after(time.Minute).see(w.launched(1, t0.Add(time.Hour), gone, happened(w.now)))
		}, license.Terminated},
		{"running, by a look older than that which missed it", func(w *world) ledger.Result {
			w.after(time.Minute).see(w.launched(1, t0.Add(time.Hour), gone, happened(w.now)))
			return w.see(w.launched(1, t0.Add(time.Hour), observedAt(w.now.Add(-time.Second))))
		}, license.Terminated},
		{"stopped, of one that was never held", func(w *world) ledger.Result {
			return w.see(w.launched(2, t0.Add(time.Hour), in(license.Stopped)))
		}, license.Running},
		{"gone, of one that was never held", func(w *world) ledger.Result {
			return w.see(w.launched(2, t0.Add(time.Hour), gone))
		}, license.Running},
		{"of no association, of one that was never held", func(w *world) ledger.Result {
			return w.see(w.launched(2, t0.Add(time.Hour), unassociated))
		}, license.Running},
		{"the same in another time zone", func(w *world) ledger.Result {
			zone := time.FixedZone("there", 3600)
			return w.after(time.Minute).see(w.launched(1, t0.Add(time.Hour).In(zone), observedAt(w.now.In(zone))))
		}, license.Running},
		{"the same below the millisecond", func(w *world) ledger.Result {
			return w.after(time.Minute).see(w.launched(1, t0.Add(time.Hour+123*time.Nanosecond)))
		}, license.Running},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil).after(time.Hour)
			w.see(w.launched(1, w.now))
			w.after(time.Hour)
			if r := tt.play(w); r.Change != nil {
				t.Errorf("it changes %+v", r.Change)
			}
			_, m := w.member(1)
			same(t, "state", tt.state, m.State)
		})
	}
}

// A look that missed a living instance is put right by the next that sees it.
func TestANewerLookBringsBackWhatWasGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).after(time.Hour)
	w.see(w.launched(1, w.now))
	w.after(time.Minute).see(w.launched(1, t0.Add(time.Hour), gone, happened(w.now)))
	w.after(time.Minute).see(w.launched(1, t0.Add(time.Hour)))
	_, m := w.member(1)
	same(t, "state", license.Running, m.State)
}

func TestGoneTwiceKeepsTheFirstEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).after(time.Hour)
	at := w.now
	w.see(w.launched(1, at))
	end := w.after(time.Minute).now
	w.see(w.launched(1, at, gone, happened(end)))
	w.after(time.Minute).see(w.launched(1, at, gone, happened(w.now)), w.launched(2, w.now))
	_, m := w.member(1)
	same(t, "stopped at", end, m.StoppedAt)
}

func TestBatchOrderDoesNotMatter(t *testing.T) {
	t.Parallel()
	at := t0.Add(time.Hour)
	batch := func(w *world) []ledger.Claim {
		return []ledger.Claim{
			w.launched(1, at), w.launched(1, at, in(license.Stopped)), // of one that was never held
			w.launched(2, at, in(license.Pending)), w.launched(2, at), w.launched(3, at.Add(-time.Second)),
			w.launched(4, at), w.launched(4, at, gone, observedAt(at.Add(61*time.Minute))),
		}
	}
	forth := newWorld(t, nil).after(2 * time.Hour)
	forth.see(batch(forth)...)
	back := newWorld(t, nil).after(2 * time.Hour)
	claims := batch(back)
	slices.Reverse(claims)
	back.see(claims...)
	same(t, "the license", forth.l, back.l)
	same(t, "covered", []int{3, 2}, forth.members(ledger.Covered))
}

// TestAnEndBeforeItsStart: a look that was held up does not bring back what
// another has seen end.
func TestAnEndBeforeItsStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *license.Configuration) { c.Count = licenses(1) }).after(time.Hour)
	running := w.launched(1, w.now.Add(-time.Minute))
	w.after(time.Second).see(w.launched(1, running.Instance.LaunchTime, in(license.Terminated)))
	same(t, "totals", ledger.Totals{}, w.l.Totals)
	w.after(time.Second)
	if r := w.see(running); r.Change != nil {
		t.Errorf("the older look changes %+v", r.Change)
	}
	w.see(w.launched(2, w.now))
	same(t, "covered", []int{2}, w.members(ledger.Covered))
	w.after(20*time.Minute + time.Second).see(w.launched(2, w.launchOf(2), in(license.Terminated)))
	if _, m := w.l.Find(id(1)); m != nil {
		t.Error("the fence is kept for ever")
	}
	old := w.launched(3, w.now.Add(-time.Hour), in(license.Stopped))
	if r := w.see(old); r.Change != nil {
		t.Errorf("what was stopped long ago is kept: %+v", r.Change)
	}
}

func TestDisassociation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *license.Configuration) { c.Count = licenses(1) }).after(time.Hour)
	at := w.now
	w.see(w.launched(1, at), w.launched(2, at.Add(time.Second)))
	w.after(time.Minute).see(w.launched(1, at, unassociated))
	same(t, "covered", []int{2}, w.members(ledger.Covered))
	same(t, "totals", ledger.Totals{Running: 1, Covered: 1, Instances: 1}, w.l.Totals)
	w.after(settle).see(w.launched(1, at))
	same(t, "associated again, it has its place but no cover", []int{2}, w.members(ledger.Covered))
}

func TestReleasedOnesAreForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).after(time.Hour)
	at := w.now
	w.see(w.fleet(1, 5)...)
	w.after(time.Minute).see(w.launched(1, at.Add(-5*time.Second), in(license.Terminated), happened(w.now)))
	same(t, "entries", 5, len(w.l.Entries))
	w.after(19 * time.Minute).see(w.launched(6, w.now))
	same(t, "the fence stands", 6, len(w.l.Entries))
	w.after(time.Minute).see(w.launched(7, w.now))
	same(t, "and falls", 6, len(w.l.Entries))
	if _, m := w.l.Find(id(1)); m != nil {
		t.Error("the terminated one is still held")
	}
}

func TestAlertsOfBrokenRulesAreNotRepeated(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *license.Configuration) {
		c.Rules = []license.RuleVersion{{Text: []string{"#allowedInstanceTypes=t3.*"}}}
	}).after(time.Hour)
	at := w.now
	w.see(w.launched(1, at))
	w.after(time.Minute).see(w.launched(1, at), w.launched(2, w.now))
	same(t, "alerts", []string{"rule-broken 0", "rule-broken 0"}, w.raised())
	same(t, "the second", []license.ResourceID{id(2)}, w.alerts[1].Resources)
	w.after(time.Minute).see(w.launched(1, at, in(license.Stopped)))
	w.after(time.Minute).see(w.launched(1, w.now))
	same(t, "a restart is told", 3, len(w.alerts))
}
