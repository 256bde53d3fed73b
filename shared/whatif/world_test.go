package whatif_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"time"
	_ "time/tzdata"

	"licenseguard/shared/adapter/boltledger"
	"licenseguard/shared/catalog"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
	"licenseguard/shared/whatif"
)

const (
	account = "123456789012"
	region  = "us-east-1"
	oneHost = "h-0123456789abcdef0"
)

var home = track.Scope{Account: account, Region: region}

var t0 = time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)

// fataler is what tests and properties have in common.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// world is the real tracker on the real embedded store, with a cloud and a clock of
// its own.
type world struct {
	*track.Tracker
	t         fataler
	store     *boltledger.Store
	now       time.Time
	instances map[license.ResourceID]license.Instance
}

func newWorld(t fataler, folder string) *world {
	t.Helper()
	store, err := boltledger.Open(filepath.Join(folder, "ledger.db"), boltledger.Options{Volatile: true})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	w := &world{t: t, store: store, now: t0, instances: map[license.ResourceID]license.Instance{}}
	w.Tracker = &track.Tracker{Store: store, Observer: w, Catalog: catalog.Embedded(), Accounts: []string{account}, Regions: []string{region},
		Now: func() time.Time { return w.now }, Log: slog.New(slog.DiscardHandler), Wait: func(context.Context, time.Duration) error { return nil }}
	return w
}

func (w *world) Instances(_ context.Context, _ track.Scope, ids []string) (out []license.Instance, err error) {
	for _, id := range ids {
		if in, ok := w.instances[license.NewResourceID(account, region, id)]; ok {
			out = append(out, in)
		}
	}
	return out, nil
}

func (w *world) EachInstances(_ context.Context, _ track.Scope, each func([]license.Instance) error) error {
	var all []license.Instance
	for _, in := range w.instances {
		all = append(all, in)
	}
	return each(all)
}

// Hosts knows one host, which is larger than others of its family.
func (w *world) Hosts(_ context.Context, _ track.Scope, _ []string) ([]license.Host, error) {
	return []license.Host{{ID: license.NewResourceID(account, region, oneHost), Family: "m5", Cores: 50, Sockets: 2}}, nil
}

func (w *world) Images(context.Context, track.Scope, []string) ([]track.Image, error) {
	return nil, nil
}

func (w *world) InstanceTypes(context.Context, track.Scope, []string) ([]license.InstanceType, error) {
	return nil, nil
}

// configure makes or changes a license now.
func (w *world) configure(c license.Configuration) {
	w.t.Helper()
	if _, err := w.Configure(context.Background(), c, "me"); err != nil {
		w.t.Fatalf("configure: %v", err)
	}
}

// sweep looks at everything that there is now.
func (w *world) sweep(more ...license.Instance) {
	w.t.Helper()
	for _, in := range more {
		w.instances[in.ID] = in
	}
	if _, err := w.Sweep(context.Background(), home); err != nil {
		w.t.Fatalf("sweep: %v", err)
	}
}

// after lets time go by, with a tick at its end.
func (w *world) after(d time.Duration) {
	w.t.Helper()
	w.now = w.now.Add(d)
	if _, err := w.FoldDue(context.Background()); err != nil {
		w.t.Fatalf("tick: %v", err)
	}
}

// record is what is on record.
func (w *world) record() whatif.World {
	w.t.Helper()
	out := whatif.World{Catalog: catalog.Embedded()}
	configurations, _, err := w.store.Configurations(context.Background())
	if err != nil {
		w.t.Fatalf("configurations: %v", err)
	}
	for _, c := range configurations {
		out.Licenses = append(out.Licenses, w.license(c.ID))
	}
	err = w.store.EachFacts(context.Background(), account, region, func(f ledger.Facts) error {
		out.Facts = append(out.Facts, f)
		return nil
	})
	if err != nil {
		w.t.Fatalf("facts: %v", err)
	}
	return out
}

func (w *world) license(id string) *ledger.License {
	w.t.Helper()
	l, err := w.store.Load(context.Background(), id)
	if err != nil {
		w.t.Fatalf("load: %v", err)
	}
	return l
}

// running is the n-th instance, of an AMI, launched n seconds after t0.
func running(n int, instanceType, image string) license.Instance {
	return license.Instance{ID: license.NewResourceID(account, region, fmt.Sprintf("i-%017x", n)), Type: instanceType, State: license.Running,
		LaunchTime: t0.Add(time.Duration(n) * time.Second), ImageID: image, Tenancy: license.TenancyDefault}
}

func count(n int64) *int64 { return &n }

// vcpus is a license that counts vCPUs of ami-1, with a hard limit and stops.
func vcpus(n int64) license.Configuration {
	return license.Configuration{ID: "lic-1", Name: "product", CountingType: license.CountVCPU, Count: count(n), HardLimit: true,
		Enforcement:  license.Enforcement{Mode: license.Stop, Settle: 2 * time.Minute},
		Associations: []license.Association{{Kind: license.ByAMI, Value: "ami-1"}}}
}

func launches(n int, instanceType string, change ...func(*whatif.Launch)) whatif.Plan {
	l := whatif.Launch{Account: account, Region: region, Type: instanceType, Count: n, Image: "ami-1"}
	for _, c := range change {
		c(&l)
	}
	return whatif.Plan{Launches: []whatif.Launch{l}}
}

// row is a change in short: "i-1 covered 8 → over 8".
func row(c whatif.Change) string {
	id := c.Instance.AWSID()
	if c.Instance == "" {
		id = c.Resource.AWSID()
	}
	var n int
	if _, err := fmt.Sscanf(id, "i-%x", &n); err == nil && !c.New {
		id = fmt.Sprintf("i-%d", n)
	}
	text := fmt.Sprintf("%s %s %d → %s %d", id, c.Before.Verdict, c.Before.Licenses, c.After.Verdict, c.After.Licenses)
	if a := c.After.Answer; a != (whatif.Answer{}) {
		text += fmt.Sprintf(", %s %s", a.Mode, a.Action)
		if a.Guard != "" {
			text += " (" + string(a.Guard) + ")"
		}
		if a.Waits {
			text += " waits"
		}
	}
	return text
}

func rows(changes []whatif.Change) []string {
	out := []string{}
	for _, c := range changes {
		out = append(out, row(c))
	}
	return out
}

func repeat(format string, first, last int) (out []string) {
	for n := first; n <= last; n++ {
		out = append(out, fmt.Sprintf(format, n))
	}
	return out
}

func all(lists ...[]string) []string { return slices.Concat(lists...) }
