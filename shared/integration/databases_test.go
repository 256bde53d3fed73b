package integration_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"licenseguard/shared/catalog"
	"licenseguard/shared/integration/localaws"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

const (
	databaseLicense = "lic-0123456789abcdef0123456789abcdba"
	database        = "testdb" // as in the samples
)

// TestDatabases follows databases through the shipped functions: each event as AWS sends
// it, what RDS then says, the position. Then everything happens without an event, and a
// sweep finds it.
func TestDatabases(t *testing.T) {
	w := newWorld(t)
	moto := localaws.Moto(t)
	client := rds.New(rds.Options{Region: region, BaseEndpoint: &moto, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})
	w.configureDatabases(nil)
	w.createDatabase(client, database, "oracle-ee", license.BringYourOwnLicense)
	w.createDatabase(client, "included", "oracle-se2", "license-included")
	w.createDatabase(client, "web", "postgres", "")

	happens := func(what, sample string, deployed int64) {
		t.Helper()
		w.tellSample(sample)
		if given, again := w.deliver(w.intake, w.trackFn); given != 1 || again != 0 {
			t.Fatalf("%s: %d messages given to track, %d stay; want 1 and none\n%s", what, given, again, w.trackFn.output)
		}
		w.wantDatabases(what, deployed)
	}
	happens("created", "created", 2)
	_, err := client.StopDBInstance(t.Context(), &rds.StopDBInstanceInput{DBInstanceIdentifier: aws.String(database)})
	w.must(err)
	happens("stopped", "stopped", 0)
	_, err = client.StartDBInstance(t.Context(), &rds.StartDBInstanceInput{DBInstanceIdentifier: aws.String(database)})
	w.must(err)
	happens("started", "started", 2)
	w.modifyDatabase(client, &rds.ModifyDBInstanceInput{DBInstanceClass: aws.String("db.r5.2xlarge")})
	happens("another class", "class-change", 8)
	w.modifyDatabase(client, &rds.ModifyDBInstanceInput{MultiAZ: aws.Bool(true)})
	happens("Multi-AZ", "multi-az", 16)
	happens("failed over", "failover-completed", 16)

	l := w.load(databaseLicense)
	id := license.NewResourceID(account, region, "db:"+database)
	e, m := l.Find(id)
	rules, _ := l.Configuration.RulesAt(time.Now())
	if e == nil || m.Guard != ledger.GuardOutside {
		t.Fatalf("%+v: want it guarded", m)
	}
	if got, want := ledger.Usage(&l.Configuration, rules, e, catalog.Embedded()).Explanation.String(),
		"db.r5.2xlarge: 8 vCPU (catalog); 2 instances (Multi-AZ standby): 16 = 16 licenses"; got != want {
		t.Errorf("explained as %q, want %q", got, want)
	}
	w.configureDatabases([]string{"#countStandby=False"})
	w.wantDatabases("a contract that covers the standby", 8)
	w.configureDatabases(nil)
	w.wantDatabases("no such contract", 16)

	_, err = client.DeleteDBInstance(t.Context(), &rds.DeleteDBInstanceInput{DBInstanceIdentifier: aws.String(database), SkipFinalSnapshot: aws.Bool(true)})
	w.must(err)
	happens("deleted", "deleted", 0)

	t.Run("lost events", func(t *testing.T) {
		time.Sleep(1100 * time.Millisecond) // a database of the same name is told by the time of its creation, in whole seconds
		w.createDatabase(client, database, "oracle-ee", license.BringYourOwnLicense)
		w.createDatabase(client, "second", "oracle-ee", license.BringYourOwnLicense)
		w.sweepFn.invoke([]byte("{}"), nil)
		w.wantDatabases("created unseen", 4)
		_, err := client.DeleteDBInstance(t.Context(), &rds.DeleteDBInstanceInput{DBInstanceIdentifier: aws.String("second"), SkipFinalSnapshot: aws.Bool(true)})
		w.must(err)
		w.modifyDatabase(client, &rds.ModifyDBInstanceInput{DBInstanceClass: aws.String("db.r5.xlarge")})
		w.sweepFn.invoke([]byte("{}"), nil)
		w.wantDatabases("deleted and changed unseen", 4)
		if e, _ := w.load(databaseLicense).Find(license.NewResourceID(account, region, "db:second")); e != nil && e.Verdict != ledger.Released {
			t.Errorf("%+v: want it released", e)
		}
	})
	t.Run("others", func(t *testing.T) {
		w.must(w.store.EachFacts(t.Context(), account, region, func(f ledger.Facts) error {
			if name := f.Instance.ID.AWSID(); name != "db:"+database && name != "db:second" {
				t.Errorf("%s is on record: no license looks for it", name)
			}
			return nil
		}))
	})
	if errs := localaws.MotoErrors(); len(errs) > 0 {
		t.Errorf("moto failed: the SDK hides this by trying again:\n%s", strings.Join(errs, "\n"))
	}
}

func (w *world) configureDatabases(rules []string) {
	w.t.Helper()
	count := int64(12)
	_, err := w.tracker.Configure(w.t.Context(), license.Configuration{
		ID: databaseLicense, ARN: "arn:aws:license-manager:" + region + ":" + account + ":license-configuration:" + databaseLicense, Name: "Oracle Database Enterprise",
		CountingType: license.CountVCPU, Count: &count, Rules: []license.RuleVersion{{Text: rules}},
		Products: []license.Product{{ResourceType: license.RDS, Filters: []license.ProductFilter{
			{Name: license.FilterEngineEdition, Comparator: license.Equals, Values: []string{"oracle-ee"}}}}},
		Enforcement: license.Enforcement{Mode: license.Stop},
	}, "tester")
	w.must(err)
}

func (w *world) createDatabase(client *rds.Client, name, engine, model string) {
	w.t.Helper()
	in := &rds.CreateDBInstanceInput{DBInstanceIdentifier: &name, DBInstanceClass: aws.String("db.r5.large"), Engine: &engine,
		AllocatedStorage: aws.Int32(20), MasterUsername: aws.String("admin"), MasterUserPassword: aws.String("not-a-real-one")}
	if model != "" {
		in.LicenseModel = &model
	}
	_, err := client.CreateDBInstance(w.t.Context(), in)
	w.must(err)
}

func (w *world) modifyDatabase(client *rds.Client, in *rds.ModifyDBInstanceInput) {
	w.t.Helper()
	in.DBInstanceIdentifier, in.ApplyImmediately = aws.String(database), aws.Bool(true)
	_, err := client.ModifyDBInstance(w.t.Context(), in)
	w.must(err)
}

// tellSample puts a sample of RDS on the bus, with the time of now.
func (w *world) tellSample(name string) {
	w.t.Helper()
	var event struct {
		Source, DetailType string
		Resources          []string
		Detail             json.RawMessage
	}
	w.must(json.Unmarshal([]byte(sample(w.t, "rds/db-instance-event/"+name, `"detail-type"`, `"DetailType"`)), &event))
	out, err := w.bus.PutEvents(w.t.Context(), &eventbridge.PutEventsInput{Entries: []eventtypes.PutEventsRequestEntry{{
		Source: &event.Source, DetailType: &event.DetailType, Detail: aws.String(string(event.Detail)), Resources: event.Resources, Time: aws.Time(time.Now())}}})
	w.must(err)
	if out.FailedEntryCount > 0 {
		w.t.Fatalf("event not taken: %+v", out.Entries)
	}
}

func (w *world) wantDatabases(what string, deployed int64) {
	w.t.Helper()
	if got := w.load(databaseLicense).Totals.Deployed(); got != deployed {
		w.t.Errorf("%s: %d licenses deployed, want %d\n%s", what, got, deployed, w.trackFn.output)
	}
}
