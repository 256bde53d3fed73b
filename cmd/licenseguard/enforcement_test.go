package main

import (
	"encoding/json"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"licenseguard/shared/adapter/boltledger"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// TestFromPlanToUndo is the way that a person goes.
func TestFromPlanToUndo(t *testing.T) {
	t.Parallel()
	overrun(t, func(a *account) {
		a.pass(time.Hour)
		a.wantStates(license.Stopped) // a lowered count stops nothing by itself
		hash := a.plan("Test (lic-test)", "4 licensed, 6 in use, 4 covered, 2 over, 0 against a rule; mode stop; rule version 1",
			machineID(4), machineID(5), "over by change", "stop", "once approved", "m5.large: 1 Instance", "2 answers wait")
		if again := a.plan(); again != hash {
			t.Errorf("the same plan has the hashes %s and %s", hash, again)
		}
		a.does("enforcement apply "+hash+" --as alice", "Approved as alice: 2 answers of plan "+hash, "enforcement pause --dir", "undo --plan "+hash+" --yes")
		a.does("enforcement status", machineID(4), machineID(5), hash, "0 of 5")
		a.does("enforcement plan", "nothing waits for approval")
		time.Sleep(time.Second)
		a.exits(exitError, "enforcement apply "+hash, "by alice already", "waits for approval was true, is false")
		a.pass(5 * time.Minute)
		a.wantStates(license.Stopped, 4, 5)
		a.wantStates(license.Running, 0, 1, 2, 3)
		a.does("enforcement status", "account/"+testAccount, "2 of 20", "2 of 5", "No answer is pending.", "6 in "+testAccount, "at least 5 (default)", "account-per-hour (default)")
		a.does("journal", "approved by alice, plan "+hash)

		a.does("enforcement undo --plan "+hash, machineID(4), machineID(5), "start it, restore tags", "Nothing was undone", "--yes")
		a.pass(5 * time.Minute)
		a.wantStates(license.Stopped, 4, 5) // it was only listed
		a.does("enforcement undo --yes --plan "+hash+" --as bob", "Undoing 2 answers", "left alone for a day")
		a.does("enforcement status", "undo stopped", "bob")
		a.pass(5 * time.Minute)
		if out := a.does("enforcement undo --plan "+hash, "nothing to undo"); strings.Contains(out, "revoked") {
			t.Errorf("something is left to be revoked: %s", out)
		}
		a.wantStates(license.Running, 0, 1, 2, 3, 4, 5)
		for n := range 6 {
			if in, _ := a.fleet.Get(machine(n).ID); len(in.Tags) > 0 {
				t.Errorf("%s still has the tags %v", in.ID, in.Tags)
			}
		}
		a.does("journal", "undone 2000-01-01 01:37; approved by alice", "by bob; undo of stopped")
		a.does("enforcement undo "+machineID(4)+" --yes", "nothing to undo")
		a.pass(26 * time.Hour)
		a.wantStates(license.Running, 0, 1, 2, 3, 4, 5) // after the day it is listed, not answered
	})
}

// TestWhatMovedIsSaid: between plan and apply the world goes on.
func TestWhatMovedIsSaid(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		move func(*account)
		says []string
	}{
		"a new instance": {func(a *account) { a.launch(9) }, []string{"in use was 6, is 7", machineID(9) + " is new on the list"}},
		"another count": {func(a *account) {
			a.configure(func(c *license.Configuration) { c.Count = new(int64(3)) })
		}, []string{"the count was 4, is 3", machineID(3) + " is new on the list"}},
		"another rule": {func(a *account) {
			a.configure(func(c *license.Configuration) {
				c.Count, c.Rules = new(int64(4)), []license.RuleVersion{{Text: []string{"#allowedTenancy=EC2-DedicatedHost"}}}
			})
		}, []string{"the rule version was 1, is 2", "against a rule was 0, is 6"}},
		"one was started again": {func(a *account) {
			a.set(5, license.Stopped)
			a.set(5, license.Pending)
			a.set(5, license.Running)
		}, []string{machineID(5) + " was started again"}},
		"one is gone": {func(a *account) { a.set(0, license.Terminated) }, []string{"over was 2, is 1", machineID(4) + " is not to be answered any more"}},
		"another mode": {func(a *account) {
			a.configure(func(c *license.Configuration) { c.Count, c.Enforcement.Mode = new(int64(4)), license.Tag })
		}, []string{"the mode was stop, is tag"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			overrun(t, func(a *account) {
				hash := a.plan()
				c.move(a)
				out := a.exits(exitError, "enforcement apply "+hash, append(c.says, "plan "+hash+" is out of date", "Make a new plan")...)
				if out != "" {
					t.Errorf("it says more than the difference: %s", out)
				}
				if out := a.does("enforcement status"); strings.Contains(out, hash) {
					t.Errorf("something of the plan is pending:\n%s", out)
				}
				a.pass(10 * time.Minute)
				for _, n := range a.states(license.Stopped) {
					if n != 9 { // that one was launched over the limit
						t.Errorf("%s was stopped", machineID(n))
					}
				}
			})
		})
	}
}

func TestPauseHoldsWhatWasApproved(t *testing.T) {
	t.Parallel()
	overrun(t, func(a *account) {
		hash := a.plan()
		a.does("enforcement pause --why looking_at_it --as carol", "Paused all as carol", "looking at it", "enforcement resume --dir")
		a.does("enforcement pause --license Test", "Paused license/lic-test")
		a.does("enforcement pause --account "+testAccount, "Paused account/"+testAccount)
		a.does("enforcement pause --license lic-test", "was held already")
		a.does("enforcement plan", "Enforcement is held", "looking at it")
		a.does("enforcement apply "+hash, "Approved as", "Enforcement is held")
		a.pass(10 * time.Minute)
		a.wantStates(license.Stopped)
		a.does("enforcement status", "by carol", "no reason given", "license/lic-test", machineID(4))
		a.does("enforcement resume", "Resumed as", "looking at it", "Enforcement is held", "license/lic-test", "account/"+testAccount)
		a.does("enforcement resume", "all was not held")
		a.does("enforcement resume --account "+testAccount, "license/lic-test")
		a.pass(10 * time.Minute)
		a.wantStates(license.Stopped)
		a.does("enforcement resume --license Test", "Nothing holds enforcement any more.")
		a.pass(5 * time.Minute)
		a.wantStates(license.Stopped, 4, 5)
	})
}

// TestTheBudgetOfThePlan: a person's yes does not widen the budgets.
func TestTheBudgetOfThePlan(t *testing.T) {
	t.Parallel()
	overrun(t, func(a *account) {
		a.does("enforcement limits", "account-per-hour", "20", "a tenth would be none")
		a.does("enforcement limits --account-per-hour 1 --fleet-percent 20", "Set as")
		a.does("enforcement limits --json", `"AccountPerHour": 1`, `"FleetPercent": 20`, `"FleetLeast": 5`)
		a.does("enforcement apply "+a.plan(), "2 answers")
		a.pass(10 * time.Minute)
		a.wantStates(license.Stopped, 4)
		a.does("enforcement status", "1 of 1", machineID(5))
		a.pass(90 * time.Minute)
		a.wantStates(license.Stopped, 4, 5)
		a.does("enforcement limits --account-per-hour 0")
		a.does("enforcement limits --json", `"AccountPerHour": 20`, `"FleetPercent": 20`)
	})
}

// TestABreakerIsSeenAndClosed: eight launches over the limit are more than the
// fleet's budget, which nobody approved.
func TestABreakerIsSeenAndClosed(t *testing.T) {
	t.Parallel()
	overrun(t, func(a *account) {
		for n := 6; n < 14; n++ {
			a.launch(n)
		}
		a.pass(10 * time.Minute)
		a.wantStates(license.Stopped, 6, 7, 8, 9, 10)
		a.does("enforcement status", "Enforcement is held", "breaker open", "its hourly budget ran out with 3 more", "by licenseguard", "5 of 5", machineID(13))
		a.pass(2 * time.Hour)
		a.wantStates(license.Stopped, 6, 7, 8, 9, 10)
		a.does("enforcement resume", "breaker open", "ran out with 3 more", "Nothing holds enforcement any more.")
		a.pass(5 * time.Minute)
		a.wantStates(license.Stopped, 6, 7, 8, 9, 10, 11, 12, 13)
	})
}

// TestUndoRevokesFirst: what was approved and not done yet is not done after.
func TestUndoRevokesFirst(t *testing.T) {
	t.Parallel()
	overrun(t, func(a *account) {
		a.does("enforcement limits --account-per-hour 1")
		hash := a.plan()
		a.does("enforcement apply " + hash)
		a.pass(5 * time.Minute)
		a.wantStates(license.Stopped, 4)
		a.does("enforcement undo --plan "+hash, "1 answer of plan "+hash+" would be revoked", machineID(4))
		a.does("enforcement undo --plan "+hash+" --yes", "Revoked, because not done yet: 1 answer", "Undoing 1 answer")
		a.pass(3 * time.Hour)
		a.wantStates(license.Running, 0, 1, 2, 3, 4, 5)
	})
}

func TestUndoByInstanceAndByTime(t *testing.T) {
	t.Parallel()
	overrun(t, func(a *account) {
		name, as := "tester", " --as tester" // where the system does not know who runs the test
		if me, err := user.Current(); err == nil {
			name, as = me.Username, ""
		}
		a.does("enforcement apply "+a.plan()+as, "Approved as "+name+":")
		a.pass(5 * time.Minute)
		a.does("enforcement undo --yes "+machineID(4)+as, "Undoing 1 answer")
		a.pass(5 * time.Minute)
		a.wantStates(license.Stopped, 5)
		a.does("enforcement undo --yes --since 1m"+as, "nothing to undo")
		a.does("enforcement undo --yes --since 2h"+as, "Undoing 1 answer")
		a.pass(5 * time.Minute)
		a.wantStates(license.Stopped)
	})
}

// TestWhatWasDoneBeforeStaysOnRecord: an instance that is answered twice in one
// launch, by itself and by a plan, has two entries, and both can be taken back.
func TestWhatWasDoneBeforeStaysOnRecord(t *testing.T) {
	t.Parallel()
	overrun(t, func(a *account) {
		in := machine(7)
		in.Tags = map[string]string{license.TagAutoScalingGroup: "g"}
		a.fleet.Set(in, license.Pending)
		time.Sleep(time.Second)
		a.set(7, license.Running)
		a.pass(5 * time.Minute)                      // it is over the count by its launch, and tagged
		a.configure(func(*license.Configuration) {}) // there is room for all
		a.configure(func(c *license.Configuration) { c.Count = new(int64(3)) })
		a.does("enforcement apply "+a.plan("not stopped: auto-scaling"), "4 answers")
		a.pass(5 * time.Minute)
		if out := a.does("journal"); strings.Count(out, machineID(7)+"  tagged") != 2 {
			t.Errorf("want two tags of %s:\n%s", machineID(7), out)
		}
		a.does("enforcement undo --yes "+machineID(7), "Undoing 1 answer", "1 earlier answer")
		a.pass(5 * time.Minute)
		a.does("enforcement undo --yes "+machineID(7), "Undoing 1 answer")
		a.pass(5 * time.Minute)
		if in, _ := a.fleet.Get(in.ID); len(in.Tags) != 1 {
			t.Errorf("the tags are %v, want the group's alone", in.Tags)
		}
	})
}

func TestWrongDecisionsAreNamed(t *testing.T) {
	t.Parallel()
	overrun(t, func(a *account) {
		exempt := "exemption add --license Test --owner o "
		for command, says := range map[string]string{
			"enforcement":                                                                   "say what to do: plan, apply, status, pause, resume, undo, limits",
			"exemption":                                                                     "say what to do: add, ls, rm",
			"enforcement go":                                                                "say what to do",
			"enforcement apply":                                                             "give the hash of a plan",
			"enforcement apply 0123456789ab":                                                `there is no plan "0123456789ab"`,
			"enforcement apply a b":                                                         "too many arguments",
			"enforcement plan --as x --stack y":                                             "not both",
			"enforcement pause --license Tset":                                              `there is no license "Tset"`,
			"enforcement pause --account 12":                                                "give all, account/ and 12 digits",
			"enforcement pause --account 1 --license Test":                                  "not both",
			"enforcement resume --license Tset":                                             `there is no license "Tset"`,
			"enforcement undo":                                                              "give one of",
			"enforcement undo everything":                                                   `"everything" names no instance`,
			"enforcement undo --plan 0123456789ab":                                          `there is no plan "0123456789ab"`,
			"enforcement undo --since soon":                                                 "since",
			"enforcement undo --since -2h":                                                  "--since is -2h0m0s",
			"enforcement undo --since 2h i-0":                                               "give one of",
			"enforcement limits --account-per-hour -1":                                      `account-per-hour is "-1": give 1 to 1000`,
			"enforcement limits --fleet-percent 101":                                        "give 1 to 100",
			"enforcement limits --fleet-percent many":                                       "fleet-percent",
			"exemption add":                                                                 "give --license and --instance",
			exempt + "--instance i-0 --until 1h":                                            "no license holds i-0; give it in full",
			exempt + "--instance web --until 1h":                                            `"web" names no instance`,
			exempt + "--until 1h --instance " + machineID(5):                                `exemption.reason is ""`,
			exempt + "--reason r --until 2001-01-01 --instance " + machineID(5):             "", // see below
			exempt + "--reason r --until 1999-12-31 --instance " + machineID(5):             "exemption.until",
			exempt + "--reason r --until -1h --instance " + machineID(5):                    "it ends after it begins",
			exempt + "--reason r --until 9000h --instance " + machineID(5):                  "within 366 days",
			exempt + "--reason r --until tomorrow --instance " + machineID(5):               `until is "tomorrow": give a date`,
			exempt + "--reason r --instance " + machineID(5):                                `until is "": give a date`,
			exempt + "--reason \x1b[31m --until 1h --instance " + machineID(5):              "printable",
			"exemption add --license No --instance i-0 --owner o --reason r --until 1h":     `there is no license "No"`,
			"exemption add --license Test --reason r --until 1h --instance " + machineID(5): `exemption.owner is ""`,
			"exemption rm --license Test --instance " + machineID(3):                        "it has none in force",
			"exemption ls all":                                                              "too many arguments",
		} {
			if says == "" { // the bubble's clock begins in 2000: this one is right
				a.does(command)
				continue
			}
			if out := a.exits(exitUsage, command, says); out != "" {
				t.Errorf("%s: besides the error it says %q", command, out)
			}
		}
		if code, _, errs := cli(t, "enforcement", "plan", "--as", "x", "--stack", "y"); code != exitUsage || !strings.Contains(errs, "--as is for --dir only") {
			t.Errorf("--as with --stack: exit code %d, %s", code, errs)
		}
		a.pass(5 * time.Minute)
		a.wantStates(license.Stopped)
	})
}

// TestJSONBesideEachTable: programs read the same.
func TestJSONBesideEachTable(t *testing.T) {
	t.Parallel()
	overrun(t, func(a *account) {
		var p ledger.Plan
		if err := json.Unmarshal([]byte(a.does("enforcement plan --json")), &p); err != nil || len(p.Licenses) != 1 || p.Licenses[0].Waiting() != 2 {
			t.Fatalf("%+v, %v", p, err)
		}
		a.does("enforcement apply " + p.Hash)
		var s standing
		if err := json.Unmarshal([]byte(a.does("enforcement status --json")), &s); err != nil || len(s.Pending) != 2 || s.Fleet[testAccount] != 6 || len(s.Budgets) != 3 {
			t.Errorf("%+v, %v", s, err)
		}
		a.pass(5 * time.Minute)
		var entries []ledger.JournalEntry
		if err := json.Unmarshal([]byte(a.does("enforcement undo --json --since 1h")), &entries); err != nil || len(entries) != 2 || entries[0].Plan != p.Hash {
			t.Errorf("%+v, %v", entries, err)
		}
	})
}

// TestDecisionsAreInTheChangeLog: on a folder the commands hand on what they
// committed, as the table's stream would.
func TestDecisionsAreInTheChangeLog(t *testing.T) {
	t.Parallel()
	overrun(t, func(a *account) {
		before, _ := filepath.Glob(filepath.Join(a.dir, "reports", "*", "*", "*"))
		a.does("enforcement pause --as frank")
		after, _ := filepath.Glob(filepath.Join(a.dir, "reports", "*", "*", "*"))
		if len(after) <= len(before) {
			t.Errorf("%d files before the pause, %d after: want one more", len(before), len(after))
		}
		store, err := boltledger.Open(filepath.Join(a.dir, ledgerFile), boltledger.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		if b, err := store.LoadBrakes(t.Context()); err != nil || len(b.Holds) != 1 || b.Holds[0].By != "frank" {
			t.Errorf("%+v, %v", b, err)
		}
	})
}
