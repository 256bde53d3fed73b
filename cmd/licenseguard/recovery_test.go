package main

import (
	"strings"
	"testing"
	"time"

	"licenseguard/cmd/licenseguard/internal/pipeline"
	"licenseguard/shared/license"
)

// What is explained of an instance whose host failed: which one took its place; the
// failed one is explained, too, though no license holds it any more.
func TestExplainTellsTheRecovery(t *testing.T) {
	const failing, replacement = "h-0aaaaaaaaaaaaaaa1", "h-0bbbbbbbbbbbbbbb2"
	host := func(id, state string) license.Host {
		return license.Host{ID: license.NewResourceID(testAccount, testRegion, id), Family: "m5", State: state, Cores: 48, Sockets: 2}
	}
	overrun(t, func(a *account) {
		a.turn(func(p *pipeline.Pipeline) error {
			_, err := p.Tracker.Configure(t.Context(), license.Configuration{ID: "lic-cores", Name: "Cores", CountingType: license.CountCore, Count: new(int64(48)), HardLimit: true,
				Associations: []license.Association{{Kind: license.ByTag, Value: "os=windows"}}}, "tester")
			return err
		})
		run := func(on string, hosts ...license.Host) {
			time.Sleep(time.Minute)
			in := machine(10)
			in.Tags, in.Tenancy, in.HostID = map[string]string{"os": "windows"}, license.TenancyDedicatedHost, on
			a.fleet.Replace([]license.Instance{in}, hosts)
			a.fleet.Set(in, license.Pending)
			time.Sleep(time.Second)
			a.set(10, license.Running)
		}
		run(failing, host(failing, "available"))
		run(replacement, host(failing, "under-assessment"), host(replacement, "available"))
		_, out, _ := cli(t, "explain", machineID(10), "--dir", a.dir) // the lines on hosts are wider than others
		for _, want := range []string{"counted on   " + replacement, "it took the place of " + failing + ", which failed (under-assessment)", "48 cores"} {
			if !strings.Contains(out, want) {
				t.Errorf("does not say %q:\n%s", want, out)
			}
		}
		a.does("explain "+failing, "It failed (under-assessment); its licenses moved to "+replacement, "No license holds "+failing)
	})
}
