package main

import (
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"licenseguard/cmd/licenseguard/internal/fleet"
	"licenseguard/cmd/licenseguard/internal/pipeline"
	"licenseguard/shared/license"
)

// account is an account with licenseguard in it, in a folder, on the clock of a
// synctest bubble. Between its turns the folder is free for the commands.
type account struct {
	t     *testing.T
	dir   string
	fleet *fleet.Fleet
	sent  [][]byte
}

const testImage = "ami-0123456789abcdef0"

// overrun plays an account of six instances under a license of 10 that is
// lowered to 4, in mode stop: two wait for a person. Then it plays the test.
func overrun(t *testing.T, test func(*account)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		a := &account{t: t, dir: dir, fleet: fleet.New(time.Now, nil, nil)}
		a.fleet.Changed = func(id license.ResourceID, state license.State, at time.Time) {
			a.sent = append(a.sent, fmt.Appendf(nil, `{"version":"0","id":"e-%d","detail-type":"EC2 Instance State-change Notification","source":"aws.ec2","account":%q,"time":%q,"region":%q,"resources":[],"detail":{"instance-id":%q,"state":%q}}`,
				len(a.sent), testAccount, at.UTC().Format(time.RFC3339), testRegion, id.AWSID(), state))
		}
		a.configure(func(c *license.Configuration) {})
		time.Sleep(time.Minute)
		for i := range 6 {
			a.launch(i)
		}
		a.pass(20 * time.Minute)
		a.sweep()
		a.configure(func(c *license.Configuration) { c.Count = new(int64(4)) })
		a.pass(5 * time.Minute)
		test(a)
	})
}

// turn opens the folder for licenseguard's own work.
func (a *account) turn(work func(*pipeline.Pipeline) error) {
	a.t.Helper()
	p, err := pipeline.Open(pipeline.Options{Dir: a.dir, Volatile: true, Fleet: a.fleet, Accounts: []string{testAccount}, Region: testRegion,
		Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		a.t.Fatal(err)
	}
	defer p.Close()
	if err := work(p); err != nil {
		a.t.Fatal(err)
	}
	for len(a.sent) > 0 {
		sent := a.sent
		a.sent = nil
		for _, body := range sent {
			p.Send(body)
		}
		if err := p.Drain(a.t.Context()); err != nil {
			a.t.Fatal(err)
		}
	}
}

func (a *account) configure(change func(*license.Configuration)) {
	a.t.Helper()
	c := license.Configuration{ID: "lic-test", Name: "Test", CountingType: license.CountInstance, Count: new(int64(10)), HardLimit: true,
		Associations: []license.Association{{Kind: license.ByAMI, Value: testImage}},
		Enforcement:  license.Enforcement{Mode: license.Stop, ActionsPerHour: 10, Settle: 2 * time.Minute, RestartGrace: 15 * time.Minute}}
	change(&c)
	a.turn(func(p *pipeline.Pipeline) error {
		_, err := p.Tracker.Configure(a.t.Context(), c, "tester")
		return err
	})
	time.Sleep(time.Second) // what comes next is not of the same instant
}

func (a *account) sweep() {
	a.t.Helper()
	a.turn(func(p *pipeline.Pipeline) error { _, err := p.Sweep(a.t.Context()); return err })
}

func machine(n int) license.Instance {
	return license.Instance{ID: license.NewResourceID(testAccount, testRegion, machineID(n)), Type: "m5.large", ImageID: testImage,
		Tenancy: license.TenancyDefault, CPUOptions: license.CPUOptions{Cores: 1, ThreadsPerCore: 2}}
}

func machineID(n int) string { return fmt.Sprintf("i-%017x", n) }

func (a *account) launch(n int) {
	a.t.Helper()
	a.fleet.Set(machine(n), license.Pending)
	time.Sleep(time.Second)
	a.set(n, license.Running)
}

func (a *account) set(n int, state license.State) {
	a.t.Helper()
	in, _ := a.fleet.Get(machine(n).ID)
	a.fleet.Set(in, state)
	a.turn(func(*pipeline.Pipeline) error { return nil })
}

// pass lets time pass with the one-minute schedule.
func (a *account) pass(d time.Duration) {
	a.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		time.Sleep(time.Minute)
		a.turn(func(p *pipeline.Pipeline) error { return p.Tick(a.t.Context()) })
	}
}

// states tells which instances are in a state.
func (a *account) states(state license.State) (ids []int) {
	for n := range 20 {
		if in, ok := a.fleet.Get(machine(n).ID); ok && in.State == state {
			ids = append(ids, n)
		}
	}
	return ids
}

func (a *account) wantStates(state license.State, want ...int) {
	a.t.Helper()
	if got := a.states(state); fmt.Sprint(got) != fmt.Sprint(want) {
		a.t.Errorf("%s are %v, want %v", state, got, want)
	}
}

// does runs a command on the folder, which has to work, and to say some words.
func (a *account) does(command string, says ...string) string {
	a.t.Helper()
	return a.exits(exitOK, command, says...)
}

// exits runs a command whose arguments have no spaces but for _.
func (a *account) exits(want int, command string, says ...string) string {
	a.t.Helper()
	args := strings.Fields(command)
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "_", " ")
	}
	args = append(args, "--dir", a.dir)
	code, out, errs := cli(a.t, args...)
	if code != want {
		a.t.Errorf("%s: exit code %d, want %d: %s%s", command, code, want, out, errs)
	}
	for _, s := range says {
		if !strings.Contains(out+errs, s) {
			a.t.Errorf("%s does not say %q:\n%s%s", command, s, out, errs)
		}
	}
	for line := range strings.Lines(out) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 110 && !strings.Contains(line, a.dir) && !strings.HasPrefix(command, "journal") {
			a.t.Errorf("%s prints a line of %d columns: %s", command, n, line)
		}
	}
	return out
}

var hashIn = regexp.MustCompile(`enforcement apply ([0-9a-f]{12})`)

// plan returns the hash of a plan in which something waits.
func (a *account) plan(says ...string) string {
	a.t.Helper()
	out := a.does("enforcement plan", says...)
	m := hashIn.FindStringSubmatch(out)
	if m == nil {
		a.t.Fatalf("no command that approves the plan:\n%s", out)
	}
	return m[1]
}
