package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"licenseguard/shared/adapter/boltledger"
	"licenseguard/shared/catalog"
	"licenseguard/shared/enforce"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/licensefile"
	"licenseguard/shared/registrar"
	"licenseguard/shared/track"
)

const (
	testAccount = "123456789012"
	testRegion  = "us-east-1"
)

// newApplier is an applier on an empty embedded ledger whose clock moves a
// second with each look.
func newApplier(t *testing.T) applier {
	t.Helper()
	store, err := boltledger.Open(filepath.Join(t.TempDir(), "ledger.db"), boltledger.Options{Volatile: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	r := registrarOf(store, testAccount, testRegion, []string{testAccount})
	r.Now = func() time.Time { now = now.Add(time.Second); return now }
	return applier{by: "arn:aws:iam::123456789012:user/ann, file licenses.yaml", Registrar: r}
}

func read(t *testing.T, text string) []license.Configuration {
	t.Helper()
	wanted, err := licensefile.Read([]byte(text), testAccount, testRegion)
	if err != nil {
		t.Fatal(err)
	}
	return wanted
}

func mustRun(t *testing.T, a applier, text string, dry bool) []planned {
	t.Helper()
	plan, err := a.compare(t.Context(), read(t, text))
	if err == nil && !dry {
		var done []planned
		done, err = a.carryOut(t.Context(), plan)
		plan = merged(plan, done)
	}
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

const threeLicenses = `licenses:
  - name: Database
    countingType: vCPU
    licenseCount: 10
    hardLimit: true
    rules: ["allowedTenancies#EC2-Default"]
    tags: {Owner: ann, Product: db}
    associations: [{ami: ami-0123456789abcdef0}, {tag: Software=db*}]
  - name: Agent
    countingType: Instance
`

func TestApplyTwiceChangesNothing(t *testing.T) {
	t.Parallel()
	a := newApplier(t)
	for i, want := range []string{created, unchanged} {
		for _, p := range mustRun(t, a, threeLicenses, false) {
			if p.Result != want {
				t.Errorf("round %d: %s is %s, want %s: %v", i, p.License, p.Result, want, p.Differences)
			}
		}
	}
	l, err := a.Store.Load(t.Context(), licensefile.IDOf(testAccount, testRegion, "Database"))
	if err != nil || l.Revision != 1 || l.Configuration.UpdatedBy != a.by {
		t.Errorf("got revision %d by %q, %v", l.Revision, l.Configuration.UpdatedBy, err)
	}
}

func TestDryRunShowsAndWritesNothing(t *testing.T) {
	t.Parallel()
	a := newApplier(t)
	for _, p := range mustRun(t, a, threeLicenses, true) {
		if p.Result != created {
			t.Errorf("%s is %s", p.License, p.Result)
		}
	}
	if all, _, err := a.Store.Configurations(t.Context()); err != nil || len(all) != 0 {
		t.Fatalf("a dry run wrote %v, %v", all, err)
	}
	mustRun(t, a, threeLicenses, false)
	launch(t, a, 3) // of 4 vCPUs each
	fewer := strings.Replace(threeLicenses, "licenseCount: 10", "licenseCount: 4", 1)
	fewer = strings.Replace(fewer, "{tag: Software=db*}", "{tag: Software=database}", 1)
	dry := mustRun(t, a, fewer, true)
	want := []license.Difference{
		{Field: "licenseCount", From: "10", To: "4"},
		{Field: "associations", From: "ami ami-0123456789abcdef0, tag Software=db*", To: "ami ami-0123456789abcdef0, tag Software=database"},
	}
	if diff := cmp.Diff(want, dry[0].Differences); diff != "" || dry[0].Result != changed {
		t.Errorf("%s: %s", dry[0].Result, diff)
	}
	if before, after := dry[0].Before, dry[0].After; before.Over != 4 || after.Consumed != 12 || after.Covered != 4 || after.Over != 8 {
		t.Errorf("from %+v to %+v", before, after)
	}
	if dry[1].Result != unchanged {
		t.Errorf("%+v", dry[1])
	}
	done := mustRun(t, a, fewer, false)
	if diff := cmp.Diff(dry[0].After, done[0].After, cmp.FilterPath(func(p cmp.Path) bool {
		return p.Last().String() == ".RecordedAt" || p.Last().String() == ".Revision" // with a new association it takes two commits
	}, cmp.Ignore())); diff != "" {
		t.Errorf("the dry run showed another outcome: %s", diff)
	}
	var out bytes.Buffer
	printPlan(&out, dry, true)
	for _, line := range []string{"changed Database (lic-", "licenseCount                 10 → 4", "over 4 → 8", "Would create 0, change 1, leave 1 as they are."} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("%q is missing in\n%s", line, out.String())
		}
	}
}

// What the file says of enforcement is shown, and what it cannot say is kept.
func TestApplyShowsEnforcementAndKeepsExemptions(t *testing.T) {
	t.Parallel()
	a := newApplier(t)
	mustRun(t, a, threeLicenses, false)
	id := licensefile.IDOf(testAccount, testRegion, "Database")
	ann := &enforce.Operator{Store: a.Store.(ledger.Store), Catalog: catalog.Embedded(), Now: a.Now, By: "ann"}
	instance := license.NewResourceID(testAccount, testRegion, "i-0123456789abcdef0")
	if err := ann.Exempt(t.Context(), id, license.Exemption{Instance: instance, Owner: "o", Reason: "r", Until: a.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	stricter := strings.Replace(threeLicenses, "    hardLimit: true\n", `    hardLimit: true
    enforcement: {mode: stop, grace: 1h, hours: "Sat,Sun 00:00-24:00 UTC", autoScaling: lower, escalateAfter: 2h, tagsExempt: true}
`, 1)
	want := []license.Difference{
		{Field: "enforcement.mode", From: "observe", To: "stop"}, {Field: "enforcement.grace", From: "0s", To: "1h0m0s"}, {Field: "enforcement.hours", From: "", To: "Sat,Sun 00:00-24:00 UTC"},
		{Field: "enforcement.autoScaling", From: "alert", To: "lower"}, {Field: "enforcement.escalateAfter", From: "24h0m0s", To: "2h0m0s"}, {Field: "enforcement.tagsExempt", From: "false", To: "true"},
	}
	if diff := cmp.Diff(want, mustRun(t, a, stricter, false)[0].Differences); diff != "" {
		t.Error(diff)
	}
	l, err := a.Store.Load(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if e, ok := l.Configuration.Exempt(instance, a.Now()); !ok || e.Approver != "ann" {
		t.Errorf("the exemption is %+v", l.Configuration.Exemptions)
	}
	want = []license.Difference{{Field: "enforcement.hours", From: "Sat,Sun 00:00-24:00 UTC", To: ""}}
	if diff := cmp.Diff(want, mustRun(t, a, strings.Replace(stricter, `hours: "Sat,Sun 00:00-24:00 UTC", `, "", 1), true)[0].Differences); diff != "" {
		t.Error(diff)
	}
}

// launch puts running instances on record, associated by AMI.
func launch(t *testing.T, a applier, n int) {
	t.Helper()
	var page []license.Instance
	for i := range n {
		page = append(page, license.Instance{
			ID: license.NewResourceID(testAccount, testRegion, "i-0123456789abcdef"+string(rune('0'+i))), Type: "m5.xlarge", State: license.Running,
			LaunchTime: a.Now(), ImageID: "ami-0123456789abcdef0", Tenancy: license.TenancyDefault,
		})
	}
	sweeping := track.Tracker{Store: a.Store, Observer: fleetOf{registrar.OnRecord{Store: a.Store}, page}, Catalog: catalog.Embedded(),
		Accounts: []string{testAccount}, Regions: []string{testRegion}, Now: a.Now, Log: slog.New(slog.DiscardHandler)}
	if _, err := sweeping.Sweep(t.Context(), track.Scope{Account: testAccount, Region: testRegion}); err != nil {
		t.Fatal(err)
	}
}

type fleetOf struct {
	registrar.OnRecord
	page []license.Instance
}

func (f fleetOf) EachInstances(_ context.Context, _ track.Scope, each func([]license.Instance) error) error {
	return each(f.page)
}

// One mistake anywhere in the file, and nothing of it is written.
func TestApplyWritesNothingOnAMistake(t *testing.T) {
	t.Parallel()
	a := newApplier(t)
	mustRun(t, a, "licenses: [{name: Agent, countingType: Instance}]", false)
	_, err := a.compare(t.Context(), read(t, `licenses:
  - {name: New, countingType: vCPU}
  - {name: Agent, countingType: vCPU}
`))
	var input *inputError
	if !errors.As(err, &input) || !strings.Contains(err.Error(), "Agent") || !strings.Contains(err.Error(), "countingType") {
		t.Errorf("got %v", err)
	}
	if all, _, err := a.Store.Configurations(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("got %v, %v", all, err)
	}
}

func TestCommandsRefuseWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"apply"}, {"apply", "a", "b"}, {"apply", "no-such-file.yaml"}, {"apply", "--dry"},
		{"license"}, {"license", "shw"}, {"license", "apply"}, {"license", "apply", "-f", "no-such-file.yaml"}, {"license", "diff"}, {"license", "show"}, {"enforcement"},
		{"sweep", "now"}, {"doctor", "--wait", "soon"}, {"positions", "--stack", "x", "--dir", "y"},
	} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), args, &out, &errs); code != exitUsage || out.Len() > 0 || errs.Len() == 0 {
			t.Errorf("%v: code %d, out %q, errors %q", args, code, out.String(), errs.String())
		}
	}
}
