package timeline

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"licenseguard/shared/catalog"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/publish"
)

// run is a run of an instance, in hours of a day of a month.
type run struct {
	instance string
	kind     string
	from, to string
}

// TestPublishedExamples: high-water marks that other tools publish come out the same,
// from the same runs told to the fold.
func TestPublishedExamples(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		counting license.CountingType
		runs     []run
		period   Period
		from, to string
		high     int64
		highAt   string
		hours    map[string]int64 // the marks of single hours
	}{
		// Flashphoner Web Call Server 5.2, "Billing", docs.flashphoner.com/static/WCS52/Billing,
		// read in November 2026: a month is cut into hours; two servers were used at once on
		// June 15 from 9 to 10, three on June 30 from 16 to 17; billed are three for June.
		"Flashphoner Web Call Server": {
			counting: license.CountInstance,
			runs: []run{
				{"1", "m5.large", "2026-06-15T09:00", "2026-06-15T10:00"}, {"2", "m5.large", "2026-06-15T09:00", "2026-06-15T10:00"},
				{"1", "m5.large", "2026-06-30T16:00", "2026-06-30T17:00"}, {"2", "m5.large", "2026-06-30T16:00", "2026-06-30T17:00"}, {"3", "m5.large", "2026-06-30T16:00", "2026-06-30T17:00"},
			},
			period: Monthly, from: "2026-06-01T00:00", to: "2026-07-01T00:00", high: 3, highAt: "2026-06-30T16:00",
			hours: map[string]int64{"2026-06-15T09:00": 2, "2026-06-15T10:00": 0, "2026-06-30T16:00": 3, "2026-06-30T17:00": 0},
		},
		// HCL BigFix Inventory 11.0, which counts IBM's PVUs, "High-water mark",
		// example 1, help.hcl-software.com/bigfix/11.0/inventory/Inventory/overview/c_high_water_mark.html,
		// read in November 2026: one virtual machine with DB2, whose cores change each week: 800,
		// 400, 1,200 and 800 PVUs; the mark is 1,200, in the third week. PVUs are told as cores,
		// at 100 PVUs each; February 2026 has the four weeks.
		"HCL BigFix Inventory, in cores of 100 PVUs": {
			counting: license.CountCore,
			runs: []run{
				{"1", "m5.4xlarge", "2026-02-01T00:00", "2026-02-08T00:00"}, {"1", "m5.2xlarge", "2026-02-08T00:10", "2026-02-15T00:00"},
				{"1", "z1d.6xlarge", "2026-02-15T00:10", "2026-02-22T00:00"}, {"1", "m5.4xlarge", "2026-02-22T00:10", "2026-03-01T00:00"},
			},
			period: Monthly, from: "2026-02-01T00:00", to: "2026-03-01T00:00", high: 1200 / 100, highAt: "2026-02-15T00:10",
			hours: map[string]int64{"2026-02-04T12:00": 800 / 100, "2026-02-11T12:00": 400 / 100, "2026-02-18T12:00": 1200 / 100, "2026-02-25T12:00": 800 / 100},
		},
	} {
		t.Run(name, func(t *testing.T) {
			line := tellRuns(t, tt.counting, clock(t, tt.from), tt.runs)
			peaks, err := line.Peaks(tt.period, clock(t, tt.from), clock(t, tt.to))
			if err != nil || len(peaks) != 1 {
				t.Fatalf("%+v, %v", peaks, err)
			}
			if p := peaks[0]; p.High != tt.high || !p.HighAt.Equal(clock(t, tt.highAt)) {
				t.Errorf("%d at %s, published are %d at %s", p.High, p.HighAt, tt.high, tt.highAt)
			}
			for hour, want := range tt.hours {
				at := clock(t, hour)
				if got, err := line.Peaks(Hourly, at, at.Add(time.Hour)); err != nil || len(got) != 1 || got[0].High != want {
					t.Errorf("the hour of %s: %+v, %v; want %d", hour, got, err, want)
				}
			}
		})
	}
}

func clock(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02T15:04", text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// tellRuns tells the fold of each start and stop, seven minutes late.
func tellRuns(t *testing.T, counting license.CountingType, begin time.Time, runs []run) *Timeline {
	t.Helper()
	const id = "lic-0123456789abcdef0123456789abcdef"
	c, err := license.Amend(nil, license.Configuration{ID: id, Name: "product", CountingType: counting, Associations: []license.Association{{Kind: license.ByAMI, Value: "ami-1"}}}, begin, "me")
	if err != nil {
		t.Fatal(err)
	}
	l, line := &ledger.License{Configuration: license.Configuration{ID: id}}, New()
	fold := func(now time.Time, b ledger.Batch) {
		next, r := ledger.Fold(l, b, now, catalog.Embedded())
		if r.Change == nil {
			t.Fatalf("at %s nothing changed", now)
		}
		for _, row := range publish.Rows(r.Change) {
			if err := line.Add(&row); err != nil {
				t.Fatal(err)
			}
		}
		l = next
	}
	fold(begin, ledger.Batch{Configuration: &c, By: "me"})
	var claims []ledger.Claim
	for _, r := range runs {
		in := license.Instance{ID: license.NewResourceID("123456789012", "us-east-1", "i-000000000000000"+fmt.Sprintf("%02s", r.instance)), Type: r.kind, ImageID: "ami-1",
			Tenancy: license.TenancyDefault, LaunchTime: clock(t, r.from)}
		for state, at := range map[license.State]string{license.Running: r.from, license.Stopped: r.to} {
			in.State = state
			claims = append(claims, ledger.Claim{Instance: in, Held: &license.Held{ConfigurationID: id, Kind: license.ByAMI, Value: "ami-1", Since: in.LaunchTime},
				Generation: ledger.Generation{Launch: in.LaunchTime, Rank: state.Rank()}, Offered: begin, Happened: clock(t, at), EventID: r.instance + at})
		}
	}
	slices.SortFunc(claims, func(a, b ledger.Claim) int { return a.Happened.Compare(b.Happened) })
	for _, c := range claims {
		c.Observed = c.Happened.Add(7 * time.Minute)
		fold(c.Observed, ledger.Batch{Claims: []ledger.Claim{c}})
	}
	return line
}
