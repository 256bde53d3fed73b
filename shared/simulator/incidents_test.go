package simulator

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"licenseguard/shared/config"
	"licenseguard/shared/enforce"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// incident is a day in calm weather: the real handlers, no faults, one license.
type incident struct {
	*Sim
	t *testing.T
}

const incidentID = "lic-oracle"

func newIncident(t *testing.T) incident {
	t.Helper()
	s := newSim(Options{Seed: 7, Trace: true})
	s.profile = profile{tries: 1, latency: 300 * time.Millisecond, batch: 20}
	s.accounts = []string{account}
	s.store = newMemory(s, true)
	s.addHosts(account, 1)
	i := incident{s, t}
	i.person(func(ctx context.Context, o *enforce.Operator) error {
		return o.Limit(ctx, ledger.Limits{AccountPerHour: 8, FleetPercent: 10, FleetLeast: 6, RefusedPerHour: 5, DriftPercent: 25})
	})
	return i
}

// person does one thing and waits for its end.
func (i incident) person(do func(ctx context.Context, o *enforce.Operator) error) {
	i.t.Helper()
	var err error
	i.command("a person", func(ctx context.Context, o *enforce.Operator) error { err = do(ctx, o); return err }, func() {})
	i.quietly()
	if err != nil {
		i.t.Fatal(err)
	}
}

// quietly lets what is under way end, without a minute's schedule.
func (i incident) quietly() {
	i.t.Helper()
	for len(i.processes) > 0 && len(i.violations) == 0 {
		i.advance(i.now.Add(time.Second))
	}
	i.sound()
}

func (i incident) sound() {
	i.t.Helper()
	if len(i.violations) > 0 {
		i.t.Fatalf("%s\n%s", i.violations[0], strings.Join(i.lines[max(0, len(i.lines)-60):], "\n"))
	}
}

// pass lets time pass with its schedule: a tick a minute, a sweep an hour.
func (i incident) pass(d time.Duration) {
	i.t.Helper()
	for end := i.now.Add(d); i.now.Before(end) && len(i.violations) == 0; {
		i.advance(i.now.Truncate(time.Minute).Add(time.Minute))
		i.tick()
		if i.now.Minute() == 0 {
			i.startSweep()
		}
	}
	i.quietly()
}

// keep makes or changes the license.
func (i incident) keep(change func(*license.Configuration)) {
	i.t.Helper()
	c := license.Configuration{ID: incidentID, Name: "Oracle", CountingType: license.CountInstance, HardLimit: true,
		Enforcement: license.Enforcement{Mode: license.Stop, Settle: time.Minute}}
	if l := i.store.licenses[incidentID]; l != nil {
		c = l.Configuration
	}
	change(&c)
	i.configure(c, func() {})
	i.quietly()
}

func count(n int64) *int64 { return &n }

func (i incident) launches(n int, image string) {
	for range n {
		i.cloud.launch(account, license.Instance{Type: "m5.large", ImageID: image, CPUOptions: license.CPUOptions{Cores: 1, ThreadsPerCore: 2}}, nil)
	}
	i.pass(2 * time.Minute)
}

func (i incident) running() (n int) {
	for _, m := range i.cloud.machines {
		if m.in.State == license.Running {
			n++
		}
	}
	return n
}

// limitAlerts is how often people were told of an overrun.
func (i incident) limitAlerts() (n int) {
	for id, times := range i.alerts {
		if strings.Contains(id, string(ledger.AlertLimit)) {
			n += times
		}
	}
	return n
}

// TestIncidents: what makes many instances an overrun at once stops none of them
// until a named person approves the one list of which one alert tells. Then they
// are stopped within every budget, a pause holds within 5 s in the middle of it,
// and an undo restores all.
func TestIncidents(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		before func(incident)
		happen func(incident)
		list   int
	}{
		{"a typo in a count", func(i incident) {
			i.keep(func(c *license.Configuration) {
				c.Count, c.Associations = count(50), []license.Association{{Kind: license.ByAMI, Value: i.images[0]}}
			})
			i.launches(40, i.images[0])
		}, func(i incident) {
			i.keep(func(c *license.Configuration) { c.Count = count(5) })
		}, 35},
		{"an AMI associated after the fact", func(i incident) {
			i.keep(func(c *license.Configuration) {
				c.Count, c.Associations = count(10), []license.Association{{Kind: license.ByAMI, Value: i.images[0]}}
			})
			i.launches(5, i.images[0])
			i.launches(25, i.images[1])
			i.pass(time.Hour)
		}, func(i incident) {
			i.keep(func(c *license.Configuration) {
				c.Associations = append(c.Associations[:1:1], license.Association{Kind: license.ByAMI, Value: i.images[1]})
			})
		}, 20},
		{"a first sweep", func(i incident) {
			i.profile.deaf = true // as before the deployment: nobody hears of it
			i.launches(30, i.images[0])
			i.pass(time.Hour)
			i.keep(func(c *license.Configuration) {
				c.Count, c.Associations = count(10), []license.Association{{Kind: license.ByAMI, Value: i.images[0]}}
			})
		}, func(i incident) {
			i.profile.deaf = false
			i.startSweep()
			i.quietly()
		}, 20},
		{"a switch to stop", func(i incident) {
			i.keep(func(c *license.Configuration) {
				c.Count, c.Associations, c.Enforcement.Mode = count(10), []license.Association{{Kind: license.ByAMI, Value: i.images[0]}}, license.Observe
			})
			i.launches(30, i.images[0])
			i.pass(time.Hour)
		}, func(i incident) {
			i.keep(func(c *license.Configuration) { c.Enforcement.Mode = license.Stop })
		}, 20},
		{"a limit raised and lowered again", func(i incident) {
			i.keep(func(c *license.Configuration) {
				c.Count, c.Associations = count(10), []license.Association{{Kind: license.ByAMI, Value: i.images[0]}}
			})
			i.launches(10, i.images[0])
			i.pass(time.Hour)
			i.keep(func(c *license.Configuration) { c.Count = count(30) })
			i.launches(20, i.images[0])
			i.pass(time.Hour)
		}, func(i incident) {
			i.keep(func(c *license.Configuration) { c.Count = count(10) })
		}, 20},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			i := newIncident(t)
			test.before(i)
			if i.stats.Stops > 0 {
				t.Fatalf("%d stops before anything happened", i.stats.Stops)
			}
			all, told := i.running(), i.limitAlerts()
			test.happen(i)
			i.pass(3 * time.Hour)
			if i.stats.Stops+i.stats.Tags > 0 {
				t.Errorf("%d stops and %d tags without an approval", i.stats.Stops, i.stats.Tags)
			}
			if n := i.limitAlerts() - told; n != 1 {
				t.Errorf("%d alerts of the overrun, want one: %v", n, i.alerts)
			}
			var p ledger.Plan
			i.person(func(ctx context.Context, o *enforce.Operator) (err error) { p, err = o.Plan(ctx); return err })
			if len(p.Licenses) != 1 || p.Licenses[0].Waiting() != test.list {
				t.Fatalf("the list: %+v, want one of %d", p, test.list)
			}
			t.Logf("0 stops, 1 alert, 1 list of %d under %s", test.list, p.Hash)
			i.approveAndUndo(p, all, test.list)
		})
	}
}

// approveAndUndo has a plan carried out, with a pause in the middle, and undone.
func (i incident) approveAndUndo(p ledger.Plan, all, list int) {
	t := i.t
	i.command(applyName, func(ctx context.Context, o *enforce.Operator) error {
		_, n, err := o.Apply(ctx, p.Hash)
		if err != nil || n != list {
			t.Errorf("%d of %d approved, %v", n, list, err)
		}
		return err
	}, func() {})
	i.quietly()

	// A pause in the middle of the first batch: once two are stopped.
	asked, paused := time.Time{}, time.Time{}
	var watch func()
	watch = func() {
		if i.stats.Stops < 2 {
			i.after(100*time.Millisecond, watch)
			return
		}
		asked = i.now
		i.command("pauses", func(ctx context.Context, o *enforce.Operator) error {
			_, err := o.Pause(ctx, ledger.LicenseScope(incidentID), "wait")
			return err
		}, func() { paused = i.now })
	}
	watch()
	i.pass(5 * time.Minute)
	if len(i.cloud.journal) == 0 {
		t.Fatalf("nothing was stopped\n%s", strings.Join(i.lines[max(0, len(i.lines)-60):], "\n"))
	}
	last := i.cloud.journal[len(i.cloud.journal)-1].at
	if held := i.stats.Stops; held < 2 || held >= 6 {
		t.Errorf("%d stops when the pause came, want some of the batch of 6", held)
	}
	if late := last.Sub(asked); late > 5*time.Second {
		t.Errorf("the last stop came %s after the pause was asked for", late)
	} else {
		t.Logf("a pause was asked for after 2 stops, in the middle of a batch of 6: in force after %s, the last of %d stops %s after it was asked for",
			paused.Sub(asked).Round(time.Millisecond), i.stats.Stops, last.Sub(asked).Round(time.Millisecond))
	}
	stopped := i.stats.Stops
	i.pass(2 * time.Hour)
	if i.stats.Stops != stopped {
		t.Errorf("%d stops during the pause", i.stats.Stops-stopped)
	}
	i.resume(ledger.LicenseScope(incidentID))
	i.quietly()
	begun, hours := i.now, 0
	for ; i.stats.Stops < list && hours < 12; hours++ { // checkBudgets watches each stop
		i.pass(time.Hour)
	}
	if i.stats.Stops != list || i.running() != all-list {
		t.Fatalf("%d of %d stopped, %d of %d run", i.stats.Stops, list, i.running(), all)
	}
	t.Logf("all %d stopped within %s: at most 6 in any 60 minutes", list, i.now.Sub(begun).Round(time.Hour))

	entries, _ := i.store.Journal(context.Background(), time.Time{})
	entries = slices.DeleteFunc(entries, func(e ledger.JournalEntry) bool { return !enforce.Undoable(e) })
	i.person(func(ctx context.Context, o *enforce.Operator) error { return o.Undo(ctx, entries...) })
	i.pass(3 * time.Hour)
	if i.running() != all {
		t.Errorf("%d of %d run after the undo", i.running(), all)
	}
	for _, m := range i.cloud.machines {
		if m.in.Tags[config.TagReason] != "" || m.in.Tags[config.TagStatus] != "" {
			t.Errorf("%s is tagged %v after the undo", m.in.ID.AWSID(), m.in.Tags)
		}
	}
	t.Logf("undone: all %d run, none is tagged; nothing was stopped in the 3 hours after", all)
	if i.stats.Stops != list {
		t.Errorf("%d stops in all, want %d", i.stats.Stops, list)
	}
}
