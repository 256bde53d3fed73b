//go:build cgo

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"licenseguard/shared/adapter/parquetfile"
	"licenseguard/shared/catalog"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/publish"
	"licenseguard/shared/snapshot"
)

const layout = "2006-01-02 15:04:05.000"

var (
	begin = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	end   = begin.AddDate(1, 0, 0)
)

// world is a year of a fleet: what is true of it, counted here anew from what was told,
// and the change log and snapshots that the real fold and the real rows made of it.
type world struct {
	licenses []*product
	rows     int
}

// product is one license. Its truth is kept without any code of the ledger.
type product struct {
	id, name string
	counting license.CountingType
	rules    []ruling
	log      []publish.Row

	running map[license.ResourceID]*machine
	steps   []step
	drift   []correction
	actions []action
	deleted bool
	ledger  *ledger.License
	draw    *rand.Rand
	limit   *int64 // as people set it last
}

type ruling struct {
	from            time.Time
	units, smallest int64 // 0: no such rule
	text            string
}

// machine is a run of an instance, as it was told.
type machine struct {
	id      license.ResourceID
	kind    string
	tags    map[string]string
	launch  time.Time
	told    time.Time
	counted int64
}

type step struct {
	at       time.Time
	deployed int64
	limit    *int64
}

type correction struct {
	at time.Time
	id license.ResourceID
	by int64
}

type action struct {
	at       time.Time
	instance string
}

// sizes are vCPUs and cores of the types, from AWS's list (2026).
var sizes = map[string]struct{ vcpus, cores int64 }{"m5.large": {2, 1}, "m5.xlarge": {4, 2}, "m5.4xlarge": {16, 8}}

// count is what one machine needs at an instant: the arithmetic of the rules, anew.
func (p *product) count(kind string, at time.Time) int64 {
	n := int64(1)
	switch p.counting {
	case license.CountVCPU:
		n = sizes[kind].vcpus
	case license.CountCore:
		n = sizes[kind].cores
	}
	var now ruling
	for _, r := range p.rules {
		if !r.from.After(at) {
			now = r
		}
	}
	if now.units > 0 {
		n = (n + now.units - 1) / now.units
	}
	return max(n, now.smallest)
}

// telling is one event, or what a sweep found.
type telling struct {
	at, happened time.Time
	machine      *machine
	state        license.State
	swept        bool
}

// newWorld plays a year. Every start and stop is told up to ten minutes late, or, each
// twentieth, by the sweep at the next full hour; three rule versions begin on announced
// dates; the count changes; one license is only tracked and one is deleted.
func newWorld(t testing.TB, licenses, instances int) *world {
	t.Helper()
	w := &world{}
	var all sync.WaitGroup
	for n := range licenses {
		p := &product{id: fmt.Sprintf("lic-%032x", n+1), name: fmt.Sprintf("product %d", n), running: map[license.ResourceID]*machine{},
			counting: []license.CountingType{license.CountVCPU, license.CountCore, license.CountInstance}[n%3], draw: rand.New(rand.NewPCG(2025, uint64(n)))}
		w.licenses = append(w.licenses, p)
		all.Go(func() { p.play(t, n, instances/licenses, n == licenses-1, n == licenses-2) })
	}
	all.Wait()
	if t.Failed() {
		t.FailNow()
	}
	for _, p := range w.licenses {
		w.rows += len(p.log)
	}
	return w
}

func (p *product) random(most time.Duration) time.Duration {
	return time.Duration(p.draw.Int64N(int64(most))).Truncate(time.Millisecond)
}

func (p *product) tellings(n, instances int) []telling {
	var told []telling
	late := func(at time.Time) (time.Time, bool) {
		if p.draw.IntN(20) == 0 {
			return at.Truncate(time.Hour).Add(time.Hour), true
		}
		return at.Add(p.random(10 * time.Minute)), false
	}
	for i := range instances {
		account := []string{"111111111111", "222222222222", "333333333333"}[i%3]
		region := []string{"us-east-1", "eu-central-1", "us-east-1"}[i%3]
		id := license.NewResourceID(account, region, fmt.Sprintf("i-%08x%09x", n+1, i))
		kind := []string{"m5.large", "m5.xlarge", "m5.4xlarge"}[p.draw.IntN(3)]
		tags := map[string]string{"CostCenter": fmt.Sprintf("team \"%d\"", i%7), "Name": fmt.Sprint("n", i)}
		if i%11 == 0 {
			tags = nil
		}
		for at := begin.Add(time.Hour + p.random(90*24*time.Hour)); at.Before(end); {
			m := &machine{id: id, kind: kind, tags: tags, launch: at}
			start := telling{happened: at, machine: m, state: license.Running}
			stop := telling{happened: at.Add(2*time.Hour + p.random(150*24*time.Hour)), machine: m, state: license.Stopped}
			start.at, start.swept = late(start.happened)
			stop.at, stop.swept = late(stop.happened)
			m.told = start.at
			told = append(told, start, stop)
			at = stop.happened.Add(2*time.Hour + p.random(60*24*time.Hour))
		}
	}
	told = slices.DeleteFunc(told, func(n telling) bool { return !n.at.Before(end) })
	slices.SortStableFunc(told, func(a, b telling) int { return a.at.Compare(b.at) })
	return told
}

func (p *product) play(t testing.TB, n, instances int, tracked, deleted bool) {
	t.Helper()
	c := license.Configuration{ID: p.id, ARN: "arn:aws:license-manager:us-east-1:111111111111:license-configuration:" + p.id, Name: p.name,
		CountingType: p.counting, Associations: []license.Association{{Kind: license.ByAMI, Value: "ami-1"}}}
	if !tracked {
		count := int64(instances)
		c.Count = &count
	}
	p.rules = []ruling{{}}
	c.Rules = []license.RuleVersion{{}}
	for i, r := range []ruling{{units: 2, text: "#unitsPerLicense=2"}, {smallest: 4, text: "#minimumLicensesPerResource=4"}, {units: 4, text: "#unitsPerLicense=4"}} {
		r.from = begin.AddDate(0, 3*(i+1), 0).Add(p.random(48 * time.Hour))
		p.rules = append(p.rules, r)
		c.Rules = append(c.Rules, license.RuleVersion{Effective: r.from, Text: []string{r.text}})
	}
	p.ledger = &ledger.License{Configuration: license.Configuration{ID: p.id}}
	p.amend(t, begin, nil, c)
	changes := []time.Time{begin.AddDate(0, 2, 0).Add(p.random(time.Hour)), begin.AddDate(0, 7, 0).Add(p.random(time.Hour))}
	last := end
	if deleted {
		last = begin.AddDate(0, 8, 0).Add(p.random(time.Hour))
	}
	for i, told := range p.tellings(n, instances) {
		if !told.at.Before(last) {
			break
		}
		for len(changes) > 0 && !told.at.Before(changes[0]) && !tracked {
			p.due(t, changes[0])
			wanted := p.ledger.Configuration
			more := int64(instances)/2 + p.draw.Int64N(int64(instances))
			wanted.Count = &more
			p.amend(t, changes[0], &p.ledger.Configuration, wanted)
			changes = changes[1:]
		}
		p.due(t, told.at)
		p.tell(told, fmt.Sprintf("e-%d-%d", n, i))
		if i%10 == 0 && told.state == license.Running {
			p.act(told.at.Add(time.Millisecond), told.machine)
		}
	}
	p.due(t, last)
	if deleted {
		next, change := ledger.Delete(p.ledger, last, "me")
		p.ledger, p.running, p.deleted = next, nil, true
		p.log = append(p.log, publish.Rows(change)...)
		p.note(last)
	}
}

func (p *product) fold(now time.Time, b ledger.Batch) bool {
	next, r := ledger.Fold(p.ledger, b, now, catalog.Embedded())
	if r.Change != nil {
		next.Revision, r.Change.Revision = p.ledger.Revision+1, p.ledger.Revision+1
		p.log = append(p.log, publish.Rows(r.Change)...)
	}
	p.ledger = next
	p.note(now)
	return r.Change != nil
}

// note counts what runs anew, and remembers how much from now on.
func (p *product) note(now time.Time) {
	s := step{at: now, limit: p.limit}
	for _, m := range p.running {
		m.counted = p.count(m.kind, now)
		s.deployed += m.counted
	}
	p.steps = append(p.steps, s)
}

func (p *product) amend(t testing.TB, now time.Time, old *license.Configuration, wanted license.Configuration) {
	t.Helper()
	next, err := license.Amend(old, wanted, now, "me")
	if err != nil {
		t.Error(err)
		runtime.Goexit()
	}
	p.limit = wanted.Count
	p.fold(now, ledger.Batch{Configuration: &next, By: "me"})
}

// due folds what falls due until an instant; each tick comes up to a minute late.
func (p *product) due(t testing.TB, until time.Time) {
	t.Helper()
	for !p.ledger.Due.IsZero() && p.ledger.Due.Before(until) {
		was := p.ledger.Due
		tick := was.Add(p.random(time.Minute))
		if tick.After(until) {
			tick = until
		}
		if p.fold(tick, ledger.Batch{}); p.ledger.Due.Equal(was) {
			t.Errorf("%s: what was due at %s is not done at %s", p.name, was, tick)
			runtime.Goexit()
		}
	}
}

func (p *product) tell(told telling, event string) {
	m := told.machine
	in := license.Instance{ID: m.id, Type: m.kind, State: told.state, LaunchTime: m.launch, ImageID: "ami-1", Tenancy: license.TenancyDefault}
	claim := ledger.Claim{Instance: in, Held: &license.Held{ConfigurationID: p.id, Kind: license.ByAMI, Value: "ami-1", Since: m.launch},
		Generation: ledger.Generation{Launch: m.launch, Rank: told.state.Rank()}, Offered: begin, Observed: told.at, Happened: told.happened, EventID: event}
	if told.swept {
		claim.EventID, claim.Happened = "", told.at
	}
	by := p.count(m.kind, told.at)
	if told.state == license.Running {
		p.running[m.id] = m
	} else {
		by = -m.counted
		delete(p.running, m.id)
	}
	if told.swept {
		p.drift = append(p.drift, correction{at: told.at, id: m.id, by: by})
	}
	p.fold(told.at, ledger.Batch{Claims: []ledger.Claim{claim}})
}

// act records that enforcement would have stopped a machine.
func (p *product) act(at time.Time, m *machine) {
	if p.fold(at, ledger.Batch{Outcomes: []ledger.ActionOutcome{{Instance: m.id, Launch: m.launch, Action: ledger.DoneWouldStop}}}) {
		p.actions = append(p.actions, action{at: at, instance: m.id.AWSID()})
	}
}

// write leaves the folder that a year leaves; of the log a file a day, where publish
// writes one for each batch. Each tenth file is there twice, as after a delivery that was
// repeated.
func (w *world) write(t testing.TB, folder string) {
	t.Helper()
	files := map[string]*bytes.Buffer{}
	for _, p := range w.licenses {
		for i := range p.log {
			r := &p.log[i]
			name := filepath.Join("changes", "dt="+r.RecordedAt[:10], "log.jsonl")
			if files[name] == nil {
				files[name] = &bytes.Buffer{}
			}
			if err := json.NewEncoder(files[name]).Encode(r); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i, name := range slices.Sorted(maps.Keys(files)) {
		put(t, filepath.Join(folder, name), files[name].Bytes())
		if i%10 == 0 {
			put(t, filepath.Join(folder, name[:len(name)-len(".jsonl")]+"-again.jsonl"), files[name].Bytes())
		}
	}
	w.snapshot(t, folder, end.Add(-time.Hour), true)
	w.snapshot(t, folder, end, false)
}

// snapshot writes positions and usage as the function does; wrong ones, where an older
// snapshot must not be looked at.
func (w *world) snapshot(t testing.TB, folder string, at time.Time, wrong bool) {
	t.Helper()
	var positions []snapshot.Position
	var usages []snapshot.Usage
	for _, p := range w.licenses {
		if p.deleted {
			continue
		}
		facts := map[license.ResourceID]ledger.Facts{}
		for id, m := range p.running {
			facts[id] = ledger.Facts{Instance: license.Instance{ID: id, Tags: m.tags}}
		}
		position := snapshot.PositionOf(p.ledger, at)
		if wrong {
			position.Consumed *= 2
		}
		positions = append(positions, position)
		usages = append(usages, snapshot.UsagesOf(p.ledger, facts, at, catalog.Embedded())...)
	}
	name := "dt=" + at.Format(time.DateOnly) + "/" + at.Format("150405") + ".parquet"
	body, err := parquetfile.Encoder{}.Positions(positions)
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(folder, "positions", name), body)
	if body, err = (parquetfile.Encoder{}).Usages(usages); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(folder, "usage", name), body)
}

func put(t testing.TB, name string, body []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, body, 0o600); err != nil {
		t.Fatal(err)
	}
}
