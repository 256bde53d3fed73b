package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"licenseguard/shared/license"
)

func TestExemptions(t *testing.T) {
	t.Parallel()
	overrun(t, func(a *account) {
		a.does("exemption ls", "There is no exemption.")
		add := "exemption add --license Test --owner team-b --as dora "
		a.does(add+"--reason migration_until_new_year --until 200h --instance "+machineID(5), machineID(5)+" may go beyond lic-test until")
		a.does(add+"--reason a_test --until 24h --approver eve --instance "+string(machine(4).ID), "may go beyond")
		a.does(add+"--reason x --until 300h --instance "+testAccount+"/"+testRegion+"/i-0fffffffffffffff0", "does not hold that instance now")
		out := a.does("exemption ls", "24 h  ENDS SOON", "8 days", "12 days", "migration until new year", "approved by dora", "approved by eve", "team-b")
		if strings.Index(out, machineID(4)) > strings.Index(out, machineID(5)) || strings.Count(out, "ENDS SOON") != 1 {
			t.Errorf("the soonest end is not first, or others are marked:\n%s", out)
		}
		a.does("enforcement plan", "not stopped: exempt")
		// A file that is applied again leaves them alone.
		a.configure(func(c *license.Configuration) { c.Count, c.Description = new(int64(4)), "again" })
		a.does("exemption ls", machineID(4), machineID(5))
		a.does("enforcement apply " + a.plan())
		a.pass(10 * time.Minute)
		a.wantStates(license.Stopped)
		a.does("exemption rm --license Test --instance "+machineID(5), "ended", "waits for a person")
		if out := a.does("exemption ls"); strings.Contains(out, machineID(5)) {
			t.Errorf("it is still listed:\n%s", out)
		}
		a.does("exemption ls --all", machineID(5), "ended")
		var all []struct{ License, Owner string }
		if err := json.Unmarshal([]byte(a.does("exemption ls --json")), &all); err != nil || len(all) != 2 || all[0].License != "lic-test" || all[0].Owner != "team-b" {
			t.Errorf("%+v, %v", all, err)
		}
	})
}
