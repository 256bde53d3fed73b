package main

import (
	"strings"
	"testing"
	"time"

	"licenseguard/cmd/licenseguard/internal/pipeline"
	"licenseguard/shared/catalog"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// What is shown of a database: its class, what was found, and the arithmetic with its
// standby.
func TestExplainTellsOfDatabases(t *testing.T) {
	overrun(t, func(a *account) {
		a.turn(func(p *pipeline.Pipeline) error {
			count := int64(4)
			product := license.Product{ResourceType: license.RDS, Filters: []license.ProductFilter{
				{Name: license.FilterEngineEdition, Comparator: license.Equals, Values: []string{"oracle-ee"}}}}
			if _, err := p.Tracker.Configure(t.Context(), license.Configuration{ID: "lic-databases", Name: "Oracle on RDS", CountingType: license.CountVCPU, Count: &count,
				Products: []license.Product{product}}, "test"); err != nil {
				return err
			}
			d := license.DBInstance{ID: license.NewResourceID(testAccount, testRegion, "db:payroll"), Class: "db.r5.2xlarge", Engine: "oracle-ee", EngineVersion: "19",
				LicenseModel: license.BringYourOwnLicense, Status: "available", MultiAZ: true, Created: time.Now().Add(-time.Hour).Truncate(time.Second)}
			what, ok := product.DiscoversDatabase(d)
			if !ok {
				t.Fatal("not found")
			}
			in := d.Instance(catalog.Embedded())
			in.Discoveries = []license.Discovery{{ConfigurationID: "lic-databases", Product: product.String(), What: what, Found: time.Now()}}
			if err := p.Store.SaveFacts(t.Context(), []ledger.Facts{{Instance: in, Observed: time.Now(), FirstSeen: time.Now(),
				Generation: ledger.Generation{Launch: in.LaunchTime}, Guard: ledger.GuardOutside}}); err != nil {
				return err
			}
			return p.Tracker.Reassociate(t.Context())
		})
		a.does("explain db:payroll", "db:payroll under Oracle on RDS", "created", "db.r5.2xlarge, running, RDS-MultiAZ", `product RDS: Engine Edition EQUALS "oracle-ee"`,
			"found oracle-ee 19, Multi-AZ, since", "db.r5.2xlarge: 8 vCPU (catalog); 2 instances (Multi-AZ standby): 16 = 16 licenses",
			"it is Multi-AZ, and its standby counts (#countStandby): 8 x 2 = 16", "over", "alert only")
		a.does("explain --json arn:aws:rds:"+testRegion+":"+testAccount+":db:payroll", `"Discovery": "found oracle-ee 19, Multi-AZ, since`, `"Instances": 2`)
		if _, out, errs := cli(t, "usage", "ls", "lic-databases", "--dir", a.dir); !strings.Contains(out, "\ndb:payroll ") || !strings.Contains(out, "2 instances (Multi-AZ standby)") {
			t.Errorf("usage ls: %s%s", out, errs)
		}
		a.does("usage ls lic-databases --json", `"ResourceType": "RDS"`, "2 instances (Multi-AZ standby): 16")
		a.does("position", "Oracle on RDS")
		if out := a.does("enforcement plan"); strings.Contains(out, "db:payroll") && !strings.Contains(out, "alert only") {
			t.Errorf("a database is to be answered:\n%s", out)
		}
	})
}
