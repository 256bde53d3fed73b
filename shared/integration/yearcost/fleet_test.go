package yearcost_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"licenseguard/shared/adapter/parquetfile"
	"licenseguard/shared/catalog"
	"licenseguard/shared/compact"
	"licenseguard/shared/config"
	"licenseguard/shared/evidence"
	"licenseguard/shared/evidence/evidencetest"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/publish"
	"licenseguard/shared/snapshot"
	"licenseguard/shared/track"
)

// begin is the first day; the days before it are quiet, and sealed.
var begin = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

const (
	licenses  = 20
	batch     = 100 // events that track takes in one second, and commits that publish takes at once
	sealsADay = 4
	// claimsAFold is what track gives one fold.
	claimsAFold = ledger.MaxClaims
)

// churn is how the machines of a fleet come and go.
type churn string

// The churns.
const (
	still  churn = "none"   // all run, and nothing changes
	weekly churn = "weekly" // all run; each stops once a week, and starts an hour later
	office churn = "daily"  // each starts between 7 and 9 and stops between 18 and 20, every day
)

// machine is an instance of the fleet.
type machine struct {
	id      license.ResourceID
	kind    string
	tags    map[string]string
	license int
	launch  time.Time
	running bool
}

// move is a start or a stop.
type move struct {
	at      time.Time
	machine *machine
	start   bool
}

// fleet is played day by day.
type fleet struct {
	testing.TB
	churn    churn
	dice     *rand.Rand
	machines []*machine
	byID     map[license.ResourceID]*machine
	licenses []*ledger.License
	clock    time.Time

	counted        *counts
	reports, vault *bucket
	publisher      *publish.Publisher
	snapshotter    *snapshot.Snapshotter
	key            evidencetest.Key
}

func newFleet(t testing.TB, instances int, c churn) *fleet {
	t.Helper()
	f := &fleet{TB: t, churn: c, dice: rand.New(rand.NewPCG(uint64(instances), uint64(len(c)))), byID: make(map[license.ResourceID]*machine), clock: begin.AddDate(0, -1, 0), counted: newCounts(), key: evidencetest.NewKey()}
	f.reports = &bucket{counted: f.counted, bodies: make(map[string]map[string][]byte), keep: func(key string) bool { return !strings.HasPrefix(key, config.PrefixCSV) }}
	f.vault = &bucket{name: "evidence/", counted: f.counted, bodies: make(map[string]map[string][]byte), keep: func(key string) bool { return strings.HasPrefix(key, evidence.PrefixManifests) }}
	now := func() time.Time { return f.clock }
	f.publisher = &publish.Publisher{Archive: f.reports, Alerts: queue{f.counted}, Events: queue{f.counted}, Metrics: io.Discard, Now: now}
	f.snapshotter = &snapshot.Snapshotter{Store: &store{fleet: f}, Encoder: parquetfile.Encoder{}, Archive: f.reports, Catalog: catalog.Embedded(), Now: now}
	for n := range licenses {
		f.licenses = append(f.licenses, f.newLicense(n))
	}
	for i := range instances {
		m := f.newMachine(i)
		f.machines, f.byID[m.id] = append(f.machines, m), m
	}
	if c != office { // they run already
		f.move(slices.Collect(func(yield func(move) bool) {
			for _, m := range f.machines {
				yield(move{at: f.clock, machine: m, start: true})
			}
		}), false)
	}
	f.quiet()
	return f
}

func (f *fleet) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (f *fleet) newLicense(n int) *ledger.License {
	count := int64(10_000_000)
	id := fmt.Sprintf("lic-%032x", 0xfeed0+n)
	c, err := license.Amend(nil, license.Configuration{ID: id, ARN: "arn:aws:license-manager:us-east-1:123456789012:license-configuration:" + id, Name: fmt.Sprintf("SQL Server 2022 Standard %d", n),
		CountingType: license.CountVCPU, Count: &count, HardLimit: true, Associations: []license.Association{{Kind: license.ByAMI, Value: fmt.Sprintf("ami-%017x", n)}}}, f.clock, "me")
	f.must(err)
	next, _ := ledger.Fold(&ledger.License{Configuration: license.Configuration{ID: id}}, ledger.Batch{Configuration: &c, By: "me"}, f.clock, catalog.Embedded())
	return next
}

// newMachine makes a machine with tags as companies set them. As with EC2's, nothing in
// an id compresses.
func (f *fleet) newMachine(i int) *machine {
	return &machine{
		id:   license.NewResourceID([]string{"123456789012", "210987654321", "333333333333"}[i%3], []string{"us-east-1", "eu-central-1"}[i%2], fmt.Sprintf("i-%017x", f.dice.Uint64()>>1)),
		kind: []string{"m5.large", "m5.xlarge", "m5.4xlarge"}[f.dice.IntN(3)], license: i % licenses,
		tags: map[string]string{"Name": fmt.Sprintf("orders-database-%05d", i), "CostCenter": fmt.Sprint(4000 + i%40), "Environment": "production",
			"aws:cloudformation:stack-name": fmt.Sprintf("orders-%d", i%200)},
	}
}

// quiet seals a month without changes, as long as a seal looks back.
func (f *fleet) quiet() {
	f.clock = begin.AddDate(0, 0, -evidence.LateDays-2)
	_, err := f.snapshotter.Run(f.Context())
	f.must(err)
	for n := range 35 { // the days before are compacted
		f.must(f.reports.Put(f.Context(), config.PrefixHistory+config.DatePartition+"="+begin.AddDate(0, 0, -n-1).Format(config.DatePartitionLayout)+"/manifest.json", []byte("{}"), "application/json"))
	}
	f.clock = begin.Add(2 * time.Hour)
	f.seal()
	*f.counted = *newCounts()
}

// play plays so many days, with everything that becomes of them, and returns what was
// counted since the fleet was made.
func (f *fleet) play(days int) *counts {
	f.Helper()
	for range days {
		day := f.clock.Truncate(24 * time.Hour)
		f.day(day)
		name := day.Format(config.DatePartitionLayout)
		for n := range sealsADay {
			f.clock = day.Add(26*time.Hour + time.Duration(n)*6*time.Hour)
			f.seal()
		}
		f.compact(day)
		f.reports.forget(name)
		f.clock = day.AddDate(0, 0, 1)
	}
	return f.counted
}

// day plays the moves of a day, a second after the other, with a snapshot each hour.
func (f *fleet) day(day time.Time) {
	moves := f.moves(day)
	for hour := range 24 {
		end := day.Add(time.Duration(hour+1) * time.Hour)
		for len(moves) > 0 && moves[0].at.Before(end) {
			n := 1
			for n < min(len(moves), batch) && moves[n].at.Equal(moves[0].at) {
				n++
			}
			f.clock = moves[0].at.Add(time.Second)
			f.move(moves[:n], true)
			moves = moves[n:]
		}
		f.clock = end.Add(-time.Second)
		_, err := f.snapshotter.Run(f.Context())
		f.must(err)
	}
}

// moves draws who starts and stops on a day, in order.
func (f *fleet) moves(day time.Time) (moves []move) {
	second := func(from, to int) time.Time {
		return day.Add(time.Duration(from*3600+f.dice.IntN((to-from)*3600)) * time.Second)
	}
	for i, m := range f.machines {
		switch {
		case f.churn == office:
			moves = append(moves, move{second(7, 9), m, true}, move{second(18, 20), m, false})
		case f.churn == weekly && i/licenses%7 == int(day.Weekday()):
			at := second(0, 22)
			moves = append(moves, move{at, m, false}, move{at.Add(time.Hour), m, true})
		}
	}
	slices.SortStableFunc(moves, func(a, b move) int { return a.at.Compare(b.at) })
	return moves
}

// move folds what one batch of events tells, a license after the other, and publishes
// the commits, as the stream brings them: those of one second together.
func (f *fleet) move(moves []move, published bool) {
	claims := make([][]ledger.Claim, licenses)
	for _, mv := range moves {
		m := mv.machine
		if m.running = mv.start; mv.start {
			m.launch = mv.at
		}
		in := m.instance()
		claims[m.license] = append(claims[m.license], ledger.Claim{Instance: in, Held: m.held(f.licenses), Generation: ledger.Generation{Launch: m.launch, Rank: in.State.Rank()},
			Offered: begin.AddDate(-1, 0, 0), Observed: f.clock, Happened: mv.at, EventID: f.eventID()})
	}
	var changes []*ledger.Change
	for n := range claims {
		for part := range slices.Chunk(claims[n], claimsAFold) {
			next, r := ledger.Fold(f.licenses[n], ledger.Batch{Claims: part}, f.clock, catalog.Embedded())
			if r.Change == nil {
				f.Fatalf("%s: %d moves changed nothing", f.clock, len(part))
			}
			next.Revision, r.Change.Revision = f.licenses[n].Revision+1, f.licenses[n].Revision+1
			f.licenses[n] = next
			changes = append(changes, r.Change)
		}
	}
	if !published {
		return
	}
	for part := range slices.Chunk(changes, batch) {
		f.must(f.publisher.Changes(f.Context(), part))
	}
}

func (f *fleet) eventID() string {
	a, b := f.dice.Uint64(), f.dice.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", a>>32, a>>16&0xffff, a&0xfff, 0x8000|b>>48&0x3fff, b&0xffffffffffff)
}

func (m *machine) instance() license.Instance {
	in := license.Instance{ID: m.id, Type: m.kind, State: license.Stopped, LaunchTime: m.launch, ImageID: fmt.Sprintf("ami-%017x", m.license), Tenancy: license.TenancyDefault, Tags: m.tags}
	if m.running {
		in.State = license.Running
	}
	return in
}

func (m *machine) held(licenses []*ledger.License) *license.Held {
	return &license.Held{ConfigurationID: licenses[m.license].Configuration.ID, Kind: license.ByAMI, Value: fmt.Sprintf("ami-%017x", m.license), Since: m.launch}
}

// seal runs the seal as a function that was not called for hours.
func (f *fleet) seal() {
	mac := evidence.LocalMAC([]byte("key"))
	s := evidence.Sealer{Ledger: "Licenseguard 123456789012 us-east-1", Source: f.reports, Vault: f.vault, Signer: signer{f.key, f.counted}, Table: parquetfile.Disguise, Margin: time.Hour,
		Now: func() time.Time { return f.clock },
		MAC: func(ctx context.Context, message []byte) ([]byte, error) {
			f.counted.macs++
			return mac(ctx, message)
		}}
	_, err := s.Run(f.Context())
	f.must(err)
	_, err = f.compactor(f.clock).Run(f.Context()) // it looks whether a day is to be done
	f.must(err)
}

// compact compacts a day, as a run of the function does that finds it finished.
func (f *fleet) compact(day time.Time) {
	_, err := f.compactor(day.AddDate(0, 0, 3)).Day(f.Context(), day)
	f.must(err)
}

func (f *fleet) compactor(now time.Time) *compact.Compactor {
	return &compact.Compactor{Store: f.reports, Codec: parquetfile.Encoder{}, Now: func() time.Time { return now }}
}

// signer counts what is asked of the signing key.
type signer struct {
	evidencetest.Key
	counted *counts
}

func (s signer) Sign(ctx context.Context, message []byte) ([]byte, error) {
	s.counted.signatures++
	return s.Key.Sign(ctx, message)
}

func (s signer) PublicKey(ctx context.Context) ([]byte, error) {
	s.counted.signatures++
	return s.Key.PublicKey(ctx)
}

// store is the ledger as snapshots read it.
type store struct {
	ledger.Licenses
	ledger.Resources
	writes // which snapshots make none of
	fleet  *fleet
}

type writes = ledger.Documents

// Documents are what sweeps left of the one scope.
func (s *store) Documents(context.Context, ledger.DocumentKind, string) ([]ledger.Document, error) {
	data, err := json.Marshal(track.Watch{Account: "123456789012", Region: "us-east-1", Tried: s.fleet.clock, Complete: s.fleet.clock, Instances: len(s.fleet.machines)})
	return []ledger.Document{{Kind: ledger.Watched, ID: "123456789012/us-east-1", Revision: 1, Data: data}}, err
}

// LoadDocument is the heartbeat.
func (s *store) LoadDocument(context.Context, ledger.DocumentKind, string) (ledger.Document, error) {
	data, err := json.Marshal(track.Heartbeat{Last: s.fleet.clock})
	return ledger.Document{Kind: ledger.Heartbeat, Revision: 1, Data: data}, err
}

func (s *store) Configurations(context.Context) (all []license.Configuration, epoch int64, err error) {
	for _, l := range s.fleet.licenses {
		all = append(all, l.Configuration)
	}
	return all, 1, nil
}

func (s *store) Load(_ context.Context, id string) (*ledger.License, error) {
	for _, l := range s.fleet.licenses {
		if l.Configuration.ID == id {
			return l, nil
		}
	}
	return nil, ledger.ErrNotFound
}

func (s *store) LoadFacts(_ context.Context, ids []license.ResourceID) (map[license.ResourceID]ledger.Facts, error) {
	facts := make(map[license.ResourceID]ledger.Facts, len(ids))
	for _, id := range ids {
		m := s.fleet.byID[id]
		facts[id] = ledger.Facts{Instance: m.instance(), Held: []license.Held{*m.held(s.fleet.licenses)}}
	}
	return facts, nil
}
