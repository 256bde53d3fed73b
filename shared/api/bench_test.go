package api_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/registrar"
	"licenseguard/shared/track"
)

// crowd makes so many configurations, of which the first few are associated with the AMI
// of 200 running instances.
func crowd(t testing.TB, many, apply int) (*world, []string) {
	t.Helper()
	w := newWorld(t)
	arns := make([]string, many)
	for i := range arns {
		c := license.Configuration{Name: fmt.Sprintf("License %d", i), CountingType: license.CountVCPU, Count: new(int64), Enforcement: license.DefaultEnforcement()}
		*c.Count = 1000
		if i < apply {
			c.Associations = []license.Association{{Kind: license.ByAMI, Value: image}}
		}
		o, err := w.h.Registrar.Create(t.Context(), c, "bench")
		if err != nil {
			t.Fatal(err)
		}
		arns[i] = o.License.Configuration.ARN
	}
	return w, arns
}

// launch tracks a launch from the AMI, as its event does.
func launch(t testing.TB, w *world, store track.Store, which ...int) {
	t.Helper()
	cloud := &launched{instances: make(map[string]license.Instance)}
	var messages []track.Message
	for _, i := range which {
		id := instanceID(i)
		cloud.instances[id] = license.Instance{ID: resource(i), Type: "m5.xlarge", State: license.Running, LaunchTime: w.now.Add(-time.Second), ImageID: image,
			Tenancy: license.TenancyDefault, CPUOptions: license.CPUOptions{Cores: 2, ThreadsPerCore: 2}}
		messages = append(messages, track.Message{ID: id, Receives: 1, Body: fmt.Appendf(nil,
			`{"version":"0","id":"%s","detail-type":"EC2 Instance State-change Notification","source":"aws.ec2","account":"%s","time":"%s","region":"%s","resources":["%s"],"detail":{"instance-id":"%s","state":"running"}}`,
			id, account, w.now.Format(time.RFC3339), region, instanceARN(i), id)})
	}
	tracker := &track.Tracker{Store: store, Observer: cloud, Catalog: w.h.Catalog, Accounts: []string{account}, Regions: []string{region}, Now: w.h.Now, Log: slog.New(slog.DiscardHandler)}
	if report := tracker.Handle(t.Context(), messages); report.Handled != len(messages) {
		t.Fatalf("the launch was not handled: %+v", report)
	}
}

// launched is a cloud in which instances were launched.
type launched struct {
	registrar.OnRecord
	instances map[string]license.Instance
}

// Instances implements track.Observer.
func (c *launched) Instances(_ context.Context, _ track.Scope, ids []string) ([]license.Instance, error) {
	var out []license.Instance
	for _, id := range ids {
		out = append(out, c.instances[id])
	}
	return out, nil
}

// countingStore counts writes.
type countingStore struct {
	ledger.Store
	commits, facts int
}

// Commit implements ledger.Licenses.
func (s *countingStore) Commit(c context.Context, commit ledger.Commit) error {
	s.commits++
	return s.Store.Commit(c, commit)
}

// SaveFacts implements ledger.Resources.
func (s *countingStore) SaveFacts(c context.Context, facts []ledger.Facts) error {
	if len(facts) > 0 {
		s.facts++
	}
	return s.Store.SaveFacts(c, facts)
}

// One launch costs a commit of each license that applies and one write of facts,
// however many licenses there are.
func TestALaunchAmongManyConfigurations(t *testing.T) {
	t.Parallel()
	const many, apply = 2000, 7
	w, arns := crowd(t, many, apply)
	store := &countingStore{Store: w.store}
	w.now = w.now.Add(time.Minute)
	launch(t, w, store, 0)
	if store.commits != apply || store.facts != 1 {
		t.Errorf("%d commits and %d writes of facts; want %d and 1", store.commits, store.facts, apply)
	}
	for i, want := range map[int]float64{0: 4, apply - 1: 4, apply: 0} {
		if got := w.get(arns[i])["ConsumedLicenses"]; got != want {
			t.Errorf("license %d: consumed %v, want %v", i, got, want)
		}
	}
}

func bench(b *testing.B, many, apply, instances int, ask func(w *world, arns []string)) {
	w, arns := crowd(b, many, apply)
	w.now = w.now.Add(time.Minute)
	which := make([]int, instances)
	for i := range which {
		which[i] = i
	}
	if instances > 0 {
		launch(b, w, w.store, which...)
	}
	for b.Loop() {
		ask(w, arns)
	}
}

func BenchmarkList2000(b *testing.B) {
	bench(b, 2000, 0, 0, func(w *world, _ []string) { w.do("ListLicenseConfigurations", object{}) })
}

// The configurations are read again after each change.
func BenchmarkList2000AfterAChange(b *testing.B) {
	n := 0
	bench(b, 2000, 0, 0, func(w *world, arns []string) {
		n++
		w.do("UpdateLicenseConfiguration", object{"LicenseConfigurationArn": arns[n%len(arns)], "LicenseCount": n % 1_000_000})
		w.do("ListLicenseConfigurations", object{})
	})
}

// The worst filter: every license must be read to find that none passes.
func BenchmarkListExceeded2000(b *testing.B) {
	in := object{"Filters": []any{object{"Name": "usagelimitExceeded", "Values": []any{"true"}}}}
	bench(b, 2000, 0, 0, func(w *world, _ []string) { w.do("ListLicenseConfigurations", in) })
}

func BenchmarkGet2000(b *testing.B) {
	bench(b, 2000, 1, 100, func(w *world, arns []string) { w.get(arns[0]) })
}

func BenchmarkUsage2000(b *testing.B) {
	bench(b, 2000, 1, 1000, func(w *world, arns []string) {
		w.do("ListUsageForLicenseConfiguration", object{"LicenseConfigurationArn": arns[0]})
	})
}

func BenchmarkSpecifications100OnOne(b *testing.B) {
	bench(b, 2000, 100, 1, func(w *world, _ []string) {
		w.do("ListLicenseSpecificationsForResource", object{"ResourceArn": instanceARN(0)})
	})
}

func BenchmarkAssociations2000(b *testing.B) {
	bench(b, 2000, 100, 100, func(w *world, arns []string) {
		w.do("ListAssociationsForLicenseConfiguration", object{"LicenseConfigurationArn": arns[0]})
	})
}

// An AMI's association looks at all facts: here of 10,000 instances, of which none
// was launched from it.
func BenchmarkAssociateAnAMIAmong10000Instances(b *testing.B) {
	w, arns := crowd(b, 10, 0)
	which := make([]int, 10_000)
	for i := range which {
		which[i] = i
	}
	w.run(license.Running, which...)
	n := 0
	for b.Loop() {
		n++
		w.do("UpdateLicenseSpecificationsForResource", w.associate(fmt.Sprintf("arn:aws:ec2:%s::image/ami-%017x", region, n), arns[n%len(arns)]))
	}
}

func BenchmarkInventory10000(b *testing.B) {
	w := newWorld(b)
	which := make([]int, 10_000)
	for i := range which {
		which[i] = i
	}
	w.run(license.Running, which...)
	for b.Loop() {
		w.do("ListResourceInventory", object{})
	}
}
