package ec2cloud

import (
	"fmt"
	"testing"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

const (
	one         = "i-0123456789abcdef0"
	failing     = "h-0aaaaaaaaaaaaaaa1"
	replacement = "h-0bbbbbbbbbbbbbbb2"
)

// machine is an instance as EC2 describes it.
type machine struct {
	id, state, kind string
	launch          time.Time
	placement       string // XML
	cores, threads  int
}

func onHost(id string) string {
	return "<availabilityZone>eu-central-1a</availabilityZone><affinity>default</affinity><hostId>" + id + "</hostId><tenancy>host</tenancy>"
}

const shared = "<availabilityZone>eu-central-1a</availabilityZone><tenancy>default</tenancy>"

// is records what EC2 answers of an instance from now on.
func (w *wire) is(m machine) {
	w.answers[region+" DescribeInstances "+m.id] = fmt.Sprintf(`<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>8f7724cf-496f-496e-8fe3-000000000001</requestId>
		<reservationSet><item><reservationId>r-0123456789abcdef0</reservationId><ownerId>123456789012</ownerId><groupSet/><instancesSet><item>
		<instanceId>%s</instanceId><imageId>ami-0aaaaaaaaaaaaaaa1</imageId><instanceState><name>%s</name></instanceState>
		<instanceType>%s</instanceType><launchTime>%s</launchTime><placement>%s</placement>
		<cpuOptions><coreCount>%d</coreCount><threadsPerCore>%d</threadsPerCore></cpuOptions></item></instancesSet></item></reservationSet></DescribeInstancesResponse>`,
		m.id, m.state, m.kind, m.launch.Format("2006-01-02T15:04:05.000Z"), m.placement, m.cores, m.threads)
}

// hostIs records what EC2 answers of a Dedicated Host from now on.
func (w *wire) hostIs(id, state string) {
	w.answers[region+" DescribeHosts "+id] = fmt.Sprintf(`<DescribeHostsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>8f7724cf-496f-496e-8fe3-000000000002</requestId><hostSet><item>
		<hostId>%s</hostId><ownerId>123456789012</ownerId><state>%s</state><hostRecovery>on</hostRecovery><hostMaintenance>on</hostMaintenance>
		<hostProperties><cores>48</cores><instanceFamily>m5</instanceFamily><sockets>2</sockets><totalVCpus>96</totalVCpus></hostProperties></item></hostSet></DescribeHostsResponse>`, id, state)
}

// goes puts an instance into a state and tells track, as EC2 does.
func (w *wire) goes(m *machine, state string) {
	w.t.Helper()
	w.pass(time.Minute)
	if m.state = state; state == "running" {
		m.launch = w.now
	}
	w.is(*m)
	w.handle(w.state(m.id, state))
}

// TestCPUOptionsOverTheWire: CPU options change while an instance is stopped, which EC2
// tells by CloudTrail only; it is counted by them when it starts, and by a type of which
// they are the default again.
func TestCPUOptionsOverTheWire(t *testing.T) {
	t.Parallel()
	w := newWire(t, nil)
	w.configure(func(c *license.Configuration) {
		vcpus(c)
		c.Rules = []license.RuleVersion{{Text: []string{"#honorVcpuOptimization=True", "#includedStoppedInstances=True"}}}
	})
	m := machine{id: one, kind: "m5.xlarge", placement: shared, cores: 2, threads: 2}
	w.goes(&m, "running")
	w.totals("four vCPUs", ledger.Totals{Running: 4, Covered: 4, Instances: 4})
	w.goes(&m, "stopped")
	w.totals("stopped ones count here", ledger.Totals{Stopped: 4, Covered: 4, Instances: 4})
	m.threads = 1
	w.is(m)
	w.pass(time.Minute)
	w.handle(w.call("modify-instance-cpu-options", "i-1234567890abcdef0", one))
	w.totals("by the event alone", ledger.Totals{Stopped: 2, Covered: 2, Instances: 2})
	w.goes(&m, "running")
	w.totals("started", ledger.Totals{Running: 2, Covered: 2, Instances: 2})
	w.goes(&m, "stopped")
	m.kind, m.cores, m.threads = "m5.2xlarge", 4, 2 // EC2 resets the options with the type
	w.is(m)
	w.pass(time.Minute)
	w.handle(w.call("modify-instance-attribute", "i-1234567890abcdef0", one))
	w.totals("another type", ledger.Totals{Stopped: 8, Covered: 8, Instances: 8})
}

// TestPlacementOverTheWire: an instance moves between hosts and off them, which EC2 tells
// by CloudTrail only, while it is stopped; it is counted where it starts.
func TestPlacementOverTheWire(t *testing.T) {
	t.Parallel()
	w := newWire(t, nil)
	w.configure(func(c *license.Configuration) {
		vcpus(c)
		c.CountingType = license.CountCore
		c.Rules = []license.RuleVersion{{Text: []string{"#allowedTenancy=EC2-DedicatedHost"}}}
	})
	w.hostIs(failing, "available")
	w.hostIs(replacement, "available")
	m := machine{id: one, kind: "m5.xlarge", placement: onHost(failing), cores: 2, threads: 2}
	on := ledger.Totals{Running: 48, Covered: 48, Hosts: 48}
	w.goes(&m, "running")
	w.totals("on a host", on)
	w.goes(&m, "stopped")
	w.totals("stopped", ledger.Totals{})
	m.placement = onHost(replacement)
	w.is(m)
	w.pass(time.Minute)
	w.handle(w.call("modify-instance-placement", "i-1234567890abcdef0", one))
	w.totals("moved, and not started", ledger.Totals{})
	w.goes(&m, "running")
	w.totals("on the other", on)
	w.goes(&m, "stopped")
	m.placement = shared
	w.is(m)
	w.handle(w.call("modify-instance-placement", "i-1234567890abcdef0", one))
	w.goes(&m, "running")
	w.totals("on shared tenancy its own cores, against the rule", ledger.Totals{Running: 2, Broken: 2, Instances: 2})
}

// TestHostRecoveryOverTheWire: a host of 48 cores and twenty instances fails; EC2 restarts
// them on another, one by one. 48 all the time, and exactly 90 days since the first.
func TestHostRecoveryOverTheWire(t *testing.T) {
	t.Parallel()
	w := newWire(t, nil)
	w.configure(func(c *license.Configuration) {
		vcpus(c)
		c.CountingType, *c.Count = license.CountCore, 48
		c.Rules = []license.RuleVersion{{Text: []string{"#licenseAffinityToHost=90"}}}
	})
	w.hostIs(failing, "available")
	w.handle(w.call("allocate-hosts")) // changes no count
	used := ledger.Totals{Running: 48, Covered: 48, Hosts: 48}
	machines := make([]machine, 20)
	for n := range machines {
		machines[n] = machine{id: fmt.Sprintf("i-%017x", n), kind: "m5.xlarge", placement: onHost(failing), cores: 2, threads: 2}
		w.goes(&machines[n], "running")
		w.totals("filled", used)
	}
	assigned := time.Date(2026, 11, 20, 8, 1, 0, 0, time.UTC)
	w.pass(30 * 24 * time.Hour)
	w.hostIs(failing, "under-assessment")
	w.hostIs(replacement, "available")
	for n := range machines {
		machines[n].placement = onHost(replacement)
		w.goes(&machines[n], "running")
		w.totals("recovered", used)
	}
	w.hostIs(failing, "released-permanent-failure")
	w.handle(w.call("release-hosts"))
	for n := range machines {
		w.goes(&machines[n], "terminated")
	}
	bound := ledger.Totals{Affinity: 48, Covered: 48, Hosts: 48}
	w.totals("all ended", bound)
	for _, at := range []struct {
		after time.Duration
		want  ledger.Totals
	}{{-time.Millisecond, bound}, {0, ledger.Totals{}}} {
		w.now = assigned.Add(90*24*time.Hour + at.after)
		w.handle(fmt.Sprintf(`{"version":"0","id":"tick","detail-type":"Scheduled Event","source":"aws.events","account":%q,"time":%q,"region":%q,"resources":[],"detail":{}}`,
			account, w.now.Format(time.RFC3339), region))
		w.totals(fmt.Sprintf("%s from the end", at.after), at.want)
	}
}
