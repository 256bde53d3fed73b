// Package day is the demonstration: a fleet's day of real-shape events, played
// on the same handlers that run in Lambda.
package day

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"licenseguard/cmd/internal/console"
	"licenseguard/cmd/licenseguard/internal/fleet"
	"licenseguard/cmd/licenseguard/internal/pipeline"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/licensefile"
	"licenseguard/shared/track"
)

//go:embed licenses.yaml
var licenses []byte

// Account and Region of the demonstration.
const (
	Account = "123456789012"
	Region  = "us-east-1"
)

const (
	amiWindows = "ami-0aa11bb22cc33dd44"
	amiOracle  = "ami-0ee55ff66aa77bb88"
	amiOS      = "ami-0123456789abcdef0"
	amiPlain   = "ami-0fedcba9876543210"
)

// Day is one played day.
type Day struct {
	Pipeline *pipeline.Pipeline

	out     io.Writer
	now     time.Time
	fleet   *fleet.Fleet
	events  [][]byte
	sent    int // how many of events were sent
	number  int
	commits int
	hash    string // of the plan that was asked for
}

// Open makes the day's fleet and pipeline in a folder, with a story told to out.
func Open(dir string, out io.Writer, log *slog.Logger) (*Day, error) {
	d := &Day{out: out, now: time.Date(2026, 11, 20, 6, 0, 0, 0, time.UTC)}
	d.fleet = fleet.New(d.Now, nil, nil)
	d.fleet.Changed = d.changed
	var err error
	d.Pipeline, err = pipeline.Open(pipeline.Options{Dir: dir, Volatile: true, Fleet: d.fleet, Accounts: []string{Account}, Region: Region,
		Now: d.Now, Committed: d.committed, Log: log})
	return d, err
}

// Now is the day's clock.
func (d *Day) Now() time.Time { return d.now }

// Play plays the day.
func (d *Day) Play(ctx context.Context) error {
	for _, step := range []struct {
		at    string
		title string
		play  func(context.Context) error
	}{
		{"06:00", "The licenses are defined", d.define},
		{"06:05", "First sweep: what runs already is counted, and never stopped", d.firstSweep},
		{"08:00", "Two Dedicated Hosts take the operating system: 96 of 96 cores", d.hosts},
		{"09:00", "Four Oracle servers start from the associated image: 32 of 32 vCPUs", d.oracle},
		{"09:30", "A fifth Oracle server starts: over the hard limit, mode stop", d.overHardLimit},
		{"10:00", "Auto Scaling adds a sixth: over the limit too, but stopping it would start a loop", d.autoScaling},
		{"10:30", "A third host takes the operating system: observe mode says what it would do", d.thirdHost},
		{"11:00", "Windows starts on shared hardware: its license allows Dedicated Hosts only", d.wrongTenancy},
		{"11:15", "SQL Server starts on shared hardware: its cores count, 4 of 64", d.sqlServer},
		{"11:30", "A fourth machine installs the backup agent: a soft limit only alerts", d.softOverrun},
		{"13:00", "The owner stops one Oracle server: the oldest that waits is covered", d.ownerStops},
		{"14:00", "A server is terminated", d.terminate},
		{"15:00", "The whole day's events arrive again, twice and shuffled: nothing may change", d.replay},
		{"16:00", "Bad input: no JSON, another account, an unknown instance", d.badInput},
		{"16:30", "The contract is down to 8 vCPUs: what a change makes an overrun is only listed", d.contractEnds},
		{"16:35", "Somebody asks what waits for a person: licenseguard enforcement plan", d.plan},
		{"16:40", "… and approves it (licenseguard enforcement apply): it is done within the budgets", d.approve},
		{"17:00", "It was needed after all: licenseguard enforcement undo", d.takeBack},
		{"17:30", "The contract is renewed: 32 vCPUs", d.renewed},
		{"18:00", "Evening sweep and snapshot", d.evening},
	} {
		if err := d.to(ctx, step.at); err != nil {
			return err
		}
		console.Section(d.out, "%s  %s", step.at, step.title)
		if err := step.play(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.title, err)
		}
	}
	return nil
}

// to lets the time pass until a moment of the day, with the schedule's ticks.
func (d *Day) to(ctx context.Context, clock string) error {
	at, err := time.Parse("15:04", clock)
	if err != nil {
		return err
	}
	target := time.Date(2026, 11, 20, at.Hour(), at.Minute(), 0, 0, time.UTC)
	for d.now.Before(target) {
		d.now = d.now.Add(time.Minute)
		if err := d.Pipeline.Tick(ctx); err != nil {
			return err
		}
		if err := d.deliver(ctx); err != nil { // what the tick's actions made EC2 send
			return err
		}
	}
	return nil
}

// committed tells what a commit did.
func (d *Day) committed(c *ledger.Change) {
	d.commits++
	if c.Reason == "configuration" && len(c.Deltas) == 0 {
		return
	}
	console.Change(d.out, d.now, c)
}

// changed is EC2 sending an event.
func (d *Day) changed(id license.ResourceID, state license.State, at time.Time) {
	d.number++
	body := fmt.Appendf(nil, `{"version":"0","id":"%08x-0000-4000-8000-%012x","detail-type":"EC2 Instance State-change Notification","source":"aws.ec2",`+
		`"account":"%s","time":"%s","region":"%s","resources":["%s"],"detail":{"instance-id":"%s","state":"%s"}}`,
		d.number, d.number, Account, at.UTC().Format(time.RFC3339), Region, id.ARN(), id.AWSID(), state)
	d.events = append(d.events, body)
}

// deliver sends the events that have happened since and lets them be handled.
func (d *Day) deliver(ctx context.Context) error {
	for ; d.sent < len(d.events); d.sent++ {
		d.Pipeline.Send(d.events[d.sent])
	}
	return d.Pipeline.Drain(ctx)
}

// launch starts an instance: pending, then running ten seconds later.
func (d *Day) launch(ctx context.Context, in license.Instance) (license.Instance, error) {
	if in.ID == "" {
		d.number++
		in.ID = license.NewResourceID(Account, Region, fmt.Sprintf("i-0%016x", 0xa1b2c3d4e5f600+d.number))
	}
	if in.Tenancy == "" {
		in.Tenancy = license.TenancyDefault
	}
	d.fleet.Set(in, license.Pending)
	if err := d.deliver(ctx); err != nil {
		return in, err
	}
	d.now = d.now.Add(10 * time.Second)
	started, _ := d.fleet.Get(in.ID)
	d.fleet.Set(started, license.Running)
	return started, d.deliver(ctx)
}

func (d *Day) launchAll(ctx context.Context, n int, in license.Instance) (last license.Instance, err error) {
	for range n {
		if last, err = d.launch(ctx, in); err != nil {
			return last, err
		}
	}
	return last, nil
}

func (d *Day) define(ctx context.Context) error {
	wanted, err := licensefile.Read(licenses, Account, Region)
	if err != nil {
		return err
	}
	for _, c := range wanted {
		if _, err := d.Pipeline.Tracker.Configure(ctx, c, "demo"); err != nil {
			return err
		}
		fmt.Fprintf(d.out, "          %-32s %4d %-8s  mode %s\n", c.Name, *c.Count, c.CountingType, c.Enforcement.Mode)
	}
	return d.Pipeline.Drain(ctx)
}

// firstSweep finds six machines that ran before licenseguard did.
func (d *Day) firstSweep(ctx context.Context) error {
	var running []license.Instance
	for i := range 6 {
		in := license.Instance{ID: license.NewResourceID(Account, Region, fmt.Sprintf("i-0%016x", 0xfeed00+i)), Type: "m5.large", State: license.Running,
			LaunchTime: time.Date(2026, 10, 1, 8, i, 0, 0, time.UTC), ImageID: amiPlain, Tenancy: license.TenancyDefault,
			CPUOptions: license.CPUOptions{Cores: 1, ThreadsPerCore: 2}, Tags: map[string]string{"Name": fmt.Sprintf("web-%d", i+1), "Agent": "2.1"}}
		if i < 3 {
			in.Tags["Backup"] = "yes"
		}
		running = append(running, in)
	}
	d.fleet.Replace(running, []license.Host{host("h-0a000000000000001"), host("h-0a000000000000002"), host("h-0a000000000000003")})
	reports, err := d.Pipeline.Sweep(ctx)
	for _, r := range reports {
		fmt.Fprintf(d.out, "          swept account %s: %d instances seen\n", r.Account, r.Instances)
	}
	return err
}

func host(id string) license.Host {
	return license.Host{ID: license.NewResourceID(Account, Region, id), Family: "m5", State: "available", Cores: 48, Sockets: 2}
}

func (d *Day) hosts(ctx context.Context) error {
	for _, h := range []string{"h-0a000000000000001", "h-0a000000000000002"} {
		if _, err := d.launchAll(ctx, 2, onHost(h)); err != nil {
			return err
		}
	}
	return nil
}

func onHost(h string) license.Instance {
	return license.Instance{Type: "m5.4xlarge", ImageID: amiOS, Tenancy: license.TenancyDedicatedHost, HostID: h,
		CPUOptions: license.CPUOptions{Cores: 8, ThreadsPerCore: 2}, Tags: map[string]string{"Name": "os-server"}}
}

func oracleServer(name string) license.Instance {
	return license.Instance{Type: "m5.2xlarge", ImageID: amiOracle, CPUOptions: license.CPUOptions{Cores: 4, ThreadsPerCore: 2},
		Tags: map[string]string{"Name": name}}
}

func (d *Day) oracle(ctx context.Context) error {
	_, err := d.launchAll(ctx, 4, oracleServer("oracle-prod"))
	return err
}

func (d *Day) overHardLimit(ctx context.Context) error {
	_, err := d.launch(ctx, oracleServer("oracle-test"))
	return err
}

func (d *Day) autoScaling(ctx context.Context) error {
	in := oracleServer("oracle-asg")
	in.Tags[license.TagAutoScalingGroup] = "oracle-readers"
	_, err := d.launch(ctx, in)
	return err
}

func (d *Day) thirdHost(ctx context.Context) error {
	_, err := d.launch(ctx, onHost("h-0a000000000000003"))
	return err
}

func (d *Day) wrongTenancy(ctx context.Context) error {
	_, err := d.launch(ctx, license.Instance{Type: "r5.xlarge", ImageID: amiWindows, CPUOptions: license.CPUOptions{Cores: 2, ThreadsPerCore: 2},
		Tags: map[string]string{"Name": "=HYPERLINK(\"http://example.com\")"}})
	return err
}

func (d *Day) sqlServer(ctx context.Context) error {
	_, err := d.launch(ctx, license.Instance{Type: "r5.2xlarge", ImageID: amiPlain, CPUOptions: license.CPUOptions{Cores: 4, ThreadsPerCore: 2},
		Tags: map[string]string{"Name": "sql-reporting", "Software": "sqlserver-2022"}})
	return err
}

func (d *Day) softOverrun(ctx context.Context) error {
	_, err := d.launch(ctx, license.Instance{Type: "t3.large", ImageID: amiPlain, CPUOptions: license.CPUOptions{Cores: 1, ThreadsPerCore: 2},
		Tags: map[string]string{"Name": "files", "Backup": "yes", "Agent": "2.1"}})
	return err
}

// running returns the running instances from an image, oldest first.
func (d *Day) running(ctx context.Context, image string) ([]license.Instance, error) {
	var found []license.Instance
	err := d.fleet.EachInstances(ctx, track.Scope{Account: Account, Region: Region}, func(page []license.Instance) error {
		for _, in := range page {
			if in.ImageID == image && in.State == license.Running {
				found = append(found, in)
			}
		}
		return nil
	})
	slices.SortStableFunc(found, func(a, b license.Instance) int { return a.LaunchTime.Compare(b.LaunchTime) })
	return found, err
}

func (d *Day) ownerStops(ctx context.Context) error {
	return d.end(ctx, license.Stopping, license.Stopped)
}

func (d *Day) terminate(ctx context.Context) error {
	return d.end(ctx, license.ShuttingDown, license.Terminated)
}

// end takes the oldest running Oracle server through its last states.
func (d *Day) end(ctx context.Context, states ...license.State) error {
	found, err := d.running(ctx, amiOracle)
	if err != nil || len(found) == 0 {
		return err
	}
	for _, state := range states {
		in, _ := d.fleet.Get(found[0].ID)
		d.fleet.Set(in, state)
		d.now = d.now.Add(5 * time.Second)
	}
	return d.deliver(ctx)
}

func (d *Day) replay(ctx context.Context) error {
	again := slices.Concat(d.events, d.events)
	random := rand.New(rand.NewPCG(1, 2))
	random.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
	commits, alerts := d.commits, len(d.Pipeline.Alerts)
	for _, body := range again {
		d.Pipeline.Send(body)
	}
	if err := d.Pipeline.Drain(ctx); err != nil {
		return err
	}
	fmt.Fprintf(d.out, "          %d events delivered again: %d commits, %d alerts\n", len(again), d.commits-commits, len(d.Pipeline.Alerts)-alerts)
	return nil
}

func (d *Day) badInput(ctx context.Context) error {
	before := len(d.Pipeline.DeadLetters)
	d.Pipeline.Send([]byte("this is no JSON"))
	for _, bad := range [][2]string{{"999999999999", "i-0aaaaaaaaaaaaaaaa"}, {Account, "i-0bbbbbbbbbbbbbbbb"}} {
		d.Pipeline.Send(fmt.Appendf(nil, `{"version":"0","id":"bad-%s","detail-type":"EC2 Instance State-change Notification","source":"aws.ec2","account":"%s","time":"%s","region":"%s","resources":[],"detail":{"instance-id":"%s","state":"running"}}`,
			bad[1], bad[0], d.now.Format(time.RFC3339), Region, bad[1]))
	}
	if err := d.Pipeline.Drain(ctx); err != nil {
		return err
	}
	for _, dead := range d.Pipeline.DeadLetters[before:] {
		fmt.Fprintf(d.out, "          to the dead-letter queue: %s: %s\n", orDash(dead.Place), dead.Reason)
	}
	return nil
}

func orDash(s string) string {
	if s == "" {
		return "body"
	}
	return s
}

func (d *Day) evening(ctx context.Context) error {
	reports, err := d.Pipeline.Sweep(ctx)
	if err != nil {
		return err
	}
	for _, r := range reports {
		fmt.Fprintf(d.out, "          swept account %s: %d instances seen, %d commits (0 means no drift), %d released\n", r.Account, r.Instances, r.Changes, r.Released)
	}
	_, err = d.Pipeline.Snapshot(ctx)
	return err
}
