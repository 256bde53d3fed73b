package ledger_test

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// anyConfiguration draws how the license counts and answers.
func anyConfiguration(t *rapid.T) func(*license.Configuration) {
	counting := rapid.SampledFrom(license.CountingTypes()).Draw(t, "counting")
	limit := rapid.Int64Range(0, 60).Draw(t, "limit")
	if counting == license.CountCore {
		limit *= 4
	}
	soft := rapid.Bool().Draw(t, "soft")
	var rules []string
	for _, rule := range []string{"#minimumLicensesPerResource=3", "#allowedTenancy=EC2-Default,EC2-DedicatedHost", "#allowedInstanceTypes=m5.*,zz9.*"} {
		if rapid.Bool().Draw(t, rule) {
			rules = append(rules, rule)
		}
	}
	if counting == license.CountCore && rapid.Bool().Draw(t, "affinity") {
		rules = append(rules, "#licenseAffinityToHost=2")
	}
	return func(c *license.Configuration) {
		c.CountingType, c.Count, c.HardLimit = counting, &limit, !soft
		c.Rules = []license.RuleVersion{{Text: rules}}
	}
}

// life is an instance as EC2 tells of it: from state to state, and from launch
// to launch; after its end another takes its number.
type life struct {
	number, epoch int
	state         license.State
	launch        time.Time
}

func (l *life) next(t *rapid.T, w *world) ledger.Claim {
	w.after(time.Second)
	later := []license.State{license.Running, license.Stopping, license.Stopped, license.Terminated}
	if l.state == license.Terminated {
		l.end()
	}
	if l.state == "" || l.state == license.Stopped && rapid.Bool().Draw(t, "restart") {
		l.epoch++
		l.state, l.launch = license.Pending, w.now
	}
	if s := rapid.SampledFrom(later).Draw(t, "state"); s.Rank() > l.state.Rank() {
		l.state = s
	}
	return l.claim(w)
}

func (l *life) claim(w *world) ledger.Claim {
	c := claimOf(w, l.number, l.epoch, l.state, w.now)
	c.Instance.LaunchTime, c.Generation.Launch, c.Held.Since, c.Happened = l.launch, l.launch, l.launch, w.now
	return c
}

func (l *life) end() { *l = life{number: l.number + 12} }

// anyClaim draws a state of one of a few instances: the facts are those of its
// launch, as EC2 keeps them.
func anyClaim(t *rapid.T, w *world, states []license.State, observed time.Time) ledger.Claim {
	n := rapid.IntRange(1, 12).Draw(t, "instance")
	epoch := rapid.IntRange(0, 2).Draw(t, "epoch")
	return claimOf(w, n, epoch, rapid.SampledFrom(states).Draw(t, "state"), observed)
}

func claimOf(w *world, n, epoch int, state license.State, observed time.Time) ledger.Claim {
	types := []string{"m5.large", "m5.xlarge", "m5.2xlarge", "zz9.large", "r5.large"}
	options := []option{in(state), typed(types[(n+epoch)%len(types)]), observedAt(observed)}
	switch (n*3 + epoch) % 4 {
	case 0:
		options = append(options, on(1))
	case 1:
		options = append(options, on(2+n%3))
	case 2:
		options = append(options, tenancy(license.TenancyDedicatedInstance))
	}
	at := t0.Add(time.Hour + time.Duration(epoch)*time.Minute + time.Duration((n*7)%12)*time.Second)
	return w.launched(n, at, append(options, happened(at))...)
}

// outcome is what of a license does not depend on when it was folded.
func outcome(l *ledger.License) map[string]string {
	out := map[string]string{"totals": fmt.Sprintf("%+v", l.Totals)}
	for i := range l.Entries {
		e := &l.Entries[i]
		if e.Verdict == ledger.Released {
			continue
		}
		members := []string{}
		for j := range e.Members {
			if m := &e.Members[j]; m.State != license.Terminated && m.State != license.Stopped {
				members = append(members, fmt.Sprintf("%s %s %s %s %v", m.Instance, m.State, m.Generation.Launch, m.Type, m.Broken))
			}
		}
		slices.Sort(members)
		out[string(e.Resource)] = fmt.Sprintf("%s %d %t first %s: %v", e.Verdict, e.Licenses, e.Estimated, e.First, members)
	}
	return out
}

// TestPropertyOneBatch folds the same claims in any order and number.
func TestPropertyOneBatch(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		configure := anyConfiguration(t)
		states := []license.State{license.Pending, license.Running, license.Stopping, license.Stopped, license.ShuttingDown, license.Terminated}
		w := newWorld(t, configure).after(2 * time.Hour)
		claims := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) ledger.Claim {
			return anyClaim(t, w, states, w.now)
		}), 1, 30).Draw(t, "claims")
		shuffled := rapid.Permutation(append(slices.Clone(claims), claims[:rapid.IntRange(0, len(claims)).Draw(t, "doubled")]...)).Draw(t, "shuffled")
		w.fold(ledger.Batch{Claims: claims})
		v := newWorld(t, configure).after(2 * time.Hour)
		v.fold(ledger.Batch{Claims: shuffled})
		if !reflect.DeepEqual(w.l, v.l) {
			t.Fatalf("the order matters:\n%s", gocmp.Diff(w.l, v.l))
		}
	})
}

// TestPropertyManyBatches brings launches in any order, doubled, in several
// batches inside the settle window.
func TestPropertyManyBatches(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		configure := anyConfiguration(t)
		launches := rapid.SliceOfNDistinct(rapid.IntRange(1, 12), 1, 12, rapid.ID[int]).Draw(t, "launches")
		play := func(name string) *world {
			w := newWorld(t, func(c *license.Configuration) { configure(c); c.Enforcement.Settle = time.Hour }).after(2 * time.Hour)
			order := rapid.Permutation(append(slices.Clone(launches), launches[:rapid.IntRange(0, len(launches)).Draw(t, name+" doubled")]...)).Draw(t, name)
			size := rapid.IntRange(1, len(order)).Draw(t, name+" batch")
			observed := w.now
			for chunk := range slices.Chunk(order, size) {
				var b ledger.Batch
				for _, n := range chunk {
					b.Claims = append(b.Claims, claimOf(w, n, 0, license.Running, observed))
				}
				w.after(time.Second).fold(b)
			}
			return w
		}
		one, other := play("one"), play("other")
		if diff := gocmp.Diff(outcome(one.l), outcome(other.l)); diff != "" {
			t.Fatalf("the way it came matters:\n%s", diff)
		}
	})
}

// TestPropertyHistory plays lives of instances, changes of the configuration,
// grants and the clock; the checks of world.fold hold after every step.
func TestPropertyHistory(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, anyConfiguration(t)).after(2 * time.Hour)
		lives := make(map[int]*life)
		var recent []ledger.Claim
		next := func(t *rapid.T) ledger.Claim {
			n := rapid.IntRange(1, 12).Draw(t, "instance")
			if lives[n] == nil {
				lives[n] = &life{number: n}
			}
			c := lives[n].next(t, w)
			recent = append(recent, c)
			return c
		}
		t.Repeat(map[string]func(*rapid.T){
			"see": func(t *rapid.T) {
				var claims []ledger.Claim
				for range rapid.IntRange(1, 6).Draw(t, "claims") {
					claims = append(claims, next(t))
				}
				w.after(time.Second).see(claims...)
			},
			"repeat": func(t *rapid.T) {
				recent = slices.DeleteFunc(recent, func(c ledger.Claim) bool { return w.now.Sub(c.Observed) >= 15*time.Minute })
				if len(recent) == 0 {
					t.Skip("nothing was seen")
				}
				if r := w.see(rapid.SampledFrom(recent).Draw(t, "claim")); r.Change != nil && r.Change.Deltas != nil {
					t.Fatalf("seen again, it changes %+v", r.Change)
				}
			},
			"lose": func(t *rapid.T) {
				n := rapid.IntRange(1, 12).Draw(t, "instance")
				if lives[n] == nil || lives[n].state == "" {
					t.Skip("it is not there")
				}
				c := lives[n].claim(w.after(time.Second))
				c.Gone = true
				lives[n].end()
				w.see(c)
			},
			"disassociate": func(t *rapid.T) {
				c := next(t)
				c.Held = nil
				recent = recent[:len(recent)-1]
				w.after(time.Second).see(c)
			},
			"wait": func(t *rapid.T) {
				w.after(time.Duration(rapid.IntRange(1, 3*86400).Draw(t, "seconds")) * time.Second).fold(ledger.Batch{})
			},
			"wait a little": func(t *rapid.T) {
				w.after(time.Duration(rapid.IntRange(1, 300).Draw(t, "seconds")) * time.Second).fold(ledger.Batch{})
			},
			"recount": func(t *rapid.T) {
				n := rapid.Int64Range(0, 300).Draw(t, "count")
				w.after(time.Second).amend(func(c *license.Configuration) { c.Count = &n })
				if len(w.wanted()) > 0 && !w.l.Configuration.HardLimit {
					t.Fatalf("a soft limit wants %v", w.wanted())
				}
			},
			"rule": func(t *rapid.T) {
				n := rapid.IntRange(1, 5).Draw(t, "minimum")
				w.after(time.Second).amend(func(c *license.Configuration) {
					c.Rules = []license.RuleVersion{{Text: []string{fmt.Sprintf("#minimumLicensesPerResource=%d", n)}}}
				})
			},
			"switch": func(t *rapid.T) {
				w.after(time.Second).amend(func(c *license.Configuration) {
					c.Enforcement.Mode = rapid.SampledFrom([]license.Mode{license.Observe, license.Tag, license.Stop}).Draw(t, "mode")
					c.Status = rapid.SampledFrom([]license.Status{license.Available, license.Available, license.Disabled}).Draw(t, "status")
				})
			},
			"grant": func(t *rapid.T) {
				if len(w.l.Entries) == 0 {
					t.Skip("nothing is held")
				}
				e := w.l.Entries[rapid.IntRange(0, len(w.l.Entries)-1).Draw(t, "entry")]
				if len(e.Members) == 0 {
					t.Skip("no member")
				}
				m := e.Members[0]
				before := w.l.Answer(&e, &m, w.now)
				r := w.fold(ledger.Batch{Grants: []ledger.Grant{{Instance: m.Instance, Launch: m.Generation.Launch, Action: license.Stop}}})
				if got := r.Grants[0]; got.Refused == "" && (!before.Wanted() || before.Mode == license.Observe || w.now.Before(before.NotBefore)) {
					t.Fatalf("granted %+v where policy says %+v", got, before)
				}
				recent := 0
				for _, at := range w.l.Actions {
					if w.now.Sub(at) < time.Hour {
						recent++
					}
				}
				if recent > w.l.Configuration.Enforcement.ActionsPerHour {
					t.Fatalf("%d actions in one hour", recent)
				}
			},
			"": func(t *rapid.T) {
				for i := range w.l.Entries {
					e := &w.l.Entries[i]
					for j := range e.Members {
						a := w.l.Answer(e, &e.Members[j], w.now)
						if a.Wanted() && (e.Members[j].Cause != ledger.ByLaunch || !e.Members[j].Generation.Launch.After(w.l.Configuration.AnswersFrom)) {
							t.Fatalf("%s is over by %q and yet gets %+v", e.Members[j].Instance, e.Members[j].Cause, a)
						}
					}
				}
			},
		})
	})
}

// TestPropertyPages plays a fleet that is larger than one item.
func TestPropertyPages(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.Int64Range(0, 800).Draw(t, "limit")
		w := newWorld(t, func(c *license.Configuration) { c.Count = &limit }).after(time.Hour).fill(400)
		for range rapid.IntRange(1, 6).Draw(t, "rounds") {
			w.after(time.Duration(rapid.IntRange(1, 2000).Draw(t, "seconds")) * time.Second)
			numbers := rapid.SliceOfNDistinct(rapid.IntRange(1, 600), 1, 64, rapid.ID[int]).Draw(t, "instances")
			var claims []ledger.Claim
			for _, n := range numbers {
				state, at := license.Running, w.now
				if _, m := w.l.Find(id(n)); m != nil && m.State == license.Running {
					state, at = license.Terminated, m.Generation.Launch
				} else if m != nil {
					continue
				}
				claims = append(claims, w.launched(n, at, in(state), happened(w.now)))
			}
			w.see(claims...)
		}
		slices.SortFunc(w.l.Entries, func(a, b ledger.Entry) int { return cmp.Compare(a.Page, b.Page) })
	})
}
