package track_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

const nodeID = "mi-0123456789abcdef0"

// systems is a Systems Manager that answers what its fields hold and counts calls.
type systems struct {
	nodes map[string]track.Node
	told  map[string]license.Inventory
	calls map[string]int
	fail  error
	most  int // ids in one call
}

func (c *systems) called(what string, ids []string) error {
	if c.calls == nil {
		c.calls = make(map[string]int)
	}
	c.calls[what]++
	c.most = max(c.most, len(ids))
	return c.fail
}

// part returns one part of what a machine told, if it told it.
func (c *systems) part(id string, r track.Reading) (license.Inventory, bool) {
	all, ok := c.told[id]
	at, told := all.Captured[r.Part]
	if !ok || !told || r.Nodes && !strings.HasPrefix(id, "mi-") {
		return license.Inventory{}, false
	}
	one := license.Inventory{ID: all.ID, Captured: map[license.InventoryPart]time.Time{r.Part: at}, PlatformType: all.PlatformType, Guest: all.Guest, Tags: all.Tags, Problems: all.Problems}
	for _, a := range all.Applications {
		if r.Keep != nil && r.Keep(a) {
			one.Applications = append(one.Applications, a)
		}
	}
	return one, true
}

func (c *systems) Inventory(_ context.Context, _ track.Scope, r track.Reading, ids []string) (out []license.Inventory, err error) {
	for _, id := range ids {
		if one, ok := c.part(id, r); ok {
			out = append(out, one)
		}
	}
	return out, c.called(string(r.Part), ids)
}

func (c *systems) EachInventory(_ context.Context, _ track.Scope, r track.Reading, each func([]license.Inventory) error) error {
	for id := range c.told {
		if one, ok := c.part(id, r); ok {
			if err := each([]license.Inventory{one}); err != nil {
				return err
			}
		}
	}
	return c.called("each "+string(r.Part), nil)
}

func (c *systems) Nodes(_ context.Context, _ track.Scope, ids []string) (out []track.Node, err error) {
	for _, id := range ids {
		if n, ok := c.nodes[id]; ok {
			out = append(out, n)
		}
	}
	return out, c.called("nodes", ids)
}

func (c *systems) EachNode(_ context.Context, _ track.Scope, each func([]track.Node) error) error {
	var all []track.Node
	for _, n := range c.nodes {
		all = append(all, n)
	}
	return errors.Join(each(all), c.called("each node", nil))
}

var sqlServer = license.Product{ResourceType: license.SSMManaged, Filters: []license.ProductFilter{
	{Name: "Application Name", Comparator: license.BeginsWith, Values: []string{"SQL Server"}},
	{Name: "Application Version", Comparator: license.InVersionRange, Values: []string{">=15 <16"}}}}

// inventoried is a fixture with a product beside the image, and a node of 8 CPUs.
func inventoried(t *testing.T, releases bool) (*fixture, *systems) {
	t.Helper()
	f := newFixture(t)
	c := &systems{nodes: map[string]track.Node{}, told: map[string]license.Inventory{}}
	f.Inventories = c
	l, err := f.store.Load(t.Context(), "lic-a")
	if err != nil {
		t.Fatal(err)
	}
	wanted := l.Configuration
	wanted.Products, wanted.DisassociateWhenNotFound = []license.Product{sqlServer}, releases
	if _, err := f.Configure(t.Context(), wanted, "test"); err != nil {
		t.Fatal(err)
	}
	f.now = f.now.Add(time.Minute)
	return f, c
}

// tells sets what a machine told just now: its SQL Server's version, "" for none.
func (c *systems) tells(f *fixture, id, version string) {
	inv := license.Inventory{ID: license.NewResourceID(account, region, id),
		Captured: map[license.InventoryPart]time.Time{license.PartApplications: f.now, license.PartGuest: f.now}, Guest: license.Guest{CPUs: "8", Cores: "4", Sockets: "2"}}
	if version != "" {
		inv.Applications = []license.Application{{Name: "Agent"}, {Name: "SQL Server 2019", Version: version}}
	}
	c.told[id] = inv
	if strings.HasPrefix(id, "mi-") {
		c.nodes[id] = track.Node{ID: inv.ID, Registered: start.Add(-24 * time.Hour), LastPing: f.now}
	}
}

func listedEvent(id string, at time.Time) string {
	return fmt.Sprintf(`{"version":"0","id":"e-%s-%d","detail-type":"EC2 State Manager Instance Association State Change","source":"aws.ssm","account":%q,"time":%q,"region":%q,"resources":[],"detail":{"instance-id":%q,"document-name":"AWS-GatherSoftwareInventory","status":"Success"}}`,
		id, at.Unix(), account, at.Format(time.RFC3339), region, id)
}

func nodeEvent(id, what string, at time.Time) string {
	return fmt.Sprintf(`{"version":"0","id":"e-%s-%s","detail-type":"SSM Managed Instance %s","source":"aws.ssm","account":%q,"time":%q,"region":%q,"resources":[],"detail":{"instance-id":%q}}`,
		id, what, what, account, at.Format(time.RFC3339), region, id)
}

// machine launches one from an image that no license has.
func (f *fixture) machine(id string) {
	f.launch(id, "ami-0fedcba9876543210")
}

// TestInventoryStory: software comes and goes on an instance and a node, told by
// events and by sweeps alone; each loss has its reason.
func TestInventoryStory(t *testing.T) {
	t.Parallel()
	for _, releases := range []bool{true, false} {
		for _, how := range []string{"events", "sweeps"} {
			t.Run(fmt.Sprintf("%s, releases %t", how, releases), func(t *testing.T) {
				t.Parallel()
				f, c := inventoried(t, releases)
				f.machine(oneID)
				f.handle(1, stateEvent(oneID, "running", f.now))
				look := func() {
					t.Helper()
					if how == "events" {
						f.handle(1, listedEvent(oneID, f.now), listedEvent(nodeID, f.now))
					} else if _, err := f.SweepInventory(t.Context(), track.Scope{Account: account, Region: region}); err != nil {
						t.Fatal(err)
					}
					f.now = f.now.Add(time.Hour)
				}
				kept := func(deployed int64) int64 {
					if releases {
						return deployed
					}
					return 10
				}
				f.want("no software", 0)
				c.tells(f, oneID, "")
				c.tells(f, nodeID, "")
				look()
				f.want("none of the product", 0)
				c.tells(f, oneID, "15.0.2000.5")
				c.tells(f, nodeID, "15.0.2000.5")
				look()
				f.want("installed", 2+8)
				c.tells(f, oneID, "15.0.4000.1")
				look()
				f.want("updated", 2+8)
				c.tells(f, oneID, "16.0.1000.6")
				look()
				f.want("upgraded out of the filter", kept(8))
				c.tells(f, nodeID, "")
				look()
				f.want("uninstalled", kept(0))
				for id, why := range map[string]string{oneID: "version 16.0.1000.6 is outside the filter", nodeID: "uninstalled"} {
					d, ok := f.onRecord(id).Instance.Discoveries, true
					if ok = len(d) == 1; !ok || d[0].Why != why || d[0].Lost.IsZero() {
						t.Errorf("%s: %+v, want it lost because %s", id, d, why)
					}
				}
				delete(c.nodes, nodeID)
				look()
				f.want("deregistered", kept(0)/10*2)
				if got := f.onRecord(nodeID).Instance.State; got != license.Terminated {
					t.Errorf("the node is %s", got)
				}
				if d := f.onRecord(nodeID).Instance.Discoveries; how == "events" && releases && d[0].Why != "uninstalled" {
					t.Errorf("%+v: the first reason stays", d)
				}
			})
		}
	}
}

// TestInventoryInBulk: one call for each part and 40 machines, none where no
// configuration asks, and none for an object that was seen.
func TestInventoryInBulk(t *testing.T) {
	t.Parallel()
	f, c := inventoried(t, true)
	var bodies []string
	for i := range 100 {
		id := fmt.Sprintf("i-%017x", i)
		f.machine(id)
		c.tells(f, id, "15.0")
		bodies = append(bodies, listedEvent(id, f.now))
	}
	r := f.handle(1, bodies...)
	f.want("discovered", 200)
	if c.calls[string(license.PartApplications)] != 3 || c.calls[string(license.PartGuest)] != 0 || c.calls["nodes"] != 0 || c.most != 40 || f.cloud.looks != 1 || len(r.Retry) != 0 {
		t.Errorf("%v, at most %d ids, %d looks, %+v", c.calls, c.most, f.cloud.looks, r)
	}
	object := fmt.Sprintf(`{"version":"0","id":"e-o","detail-type":"Object Created","source":"aws.s3","account":"999999999999","time":%q,"region":"eu-west-1","resources":[],"detail":{"object":{"key":"AWS:Application/accountid=%s/region=%s/resourcetype=ManagedInstanceInventory/i-%017x.json","etag":"abc"}}}`,
		f.now.Format(time.RFC3339), account, region, 1)
	for range 2 {
		f.handle(1, object)
		if got := c.calls[string(license.PartApplications)]; got != 4 {
			t.Errorf("%d calls, want one for the object and none when it comes again", got)
		}
	}
	before := c.calls[string(license.PartApplications)]
	f.handle(1, strings.Replace(object, "abc", "def", 1), strings.Replace(strings.Replace(object, "abc", "ghi", 1), "AWS:Application", "AWS:InstanceInformation", 1))
	if got := c.calls[string(license.PartApplications)] - before; got != 1 {
		t.Errorf("%d calls for a new object, and one of a part that nobody asks for", got)
	}

	without := newFixture(t)
	calls := &systems{}
	without.Inventories = calls
	without.machine(oneID)
	without.handle(1, listedEvent(oneID, without.now), listedEvent(nodeID, without.now), nodeEvent(nodeID, "Registration", without.now), object)
	if _, err := without.SweepInventory(t.Context(), track.Scope{Account: account, Region: region}); err != nil || len(calls.calls) != 0 {
		t.Errorf("calls without a product: %v, %v", calls.calls, err)
	}
}

// TestInventoryNotRead: what fails, is not told or is older changes nothing, and an
// instance that only started beside it is counted all the same.
func TestInventoryNotRead(t *testing.T) {
	t.Parallel()
	f, c := inventoried(t, true)
	f.machine(oneID)
	c.tells(f, oneID, "15.0")
	c.tells(f, nodeID, "15.0")
	f.handle(1, listedEvent(oneID, f.now), listedEvent(nodeID, f.now))
	f.want("discovered", 10)
	before := f.onRecord(nodeID)
	f.now = f.now.Add(time.Hour)
	old := c.told

	c.fail = errors.New("ThrottlingException")
	f.set(another, license.Running, f.now)
	r := f.handle(1, listedEvent(oneID, f.now), listedEvent(nodeID, f.now), stateEvent(another, "running", f.now))
	if len(r.Retry) != 2 {
		t.Errorf("%+v: only what asked for the inventory is retried", r)
	}
	f.want("an instance beside it", 12)
	if _, err := f.SweepInventory(t.Context(), track.Scope{Account: account, Region: region}); err == nil {
		t.Error("a sweep that failed reports nothing")
	}
	c.fail = nil

	c.told = map[string]license.Inventory{}
	f.handle(1, listedEvent(oneID, f.now), listedEvent(nodeID, f.now))
	if _, err := f.SweepInventory(t.Context(), track.Scope{Account: account, Region: region}); err != nil {
		t.Fatal(err)
	}
	f.want("nothing told", 12)
	if after := f.onRecord(nodeID); after.Instance.TypeFacts != before.Instance.TypeFacts || after.Instance.Type != "on-premises.2-socket" {
		t.Errorf("%+v, want what its guest told before", after.Instance)
	}

	c.told = map[string]license.Inventory{}
	for id, inv := range old {
		inv.Captured = map[license.InventoryPart]time.Time{license.PartApplications: start.Add(-time.Hour)}
		inv.Applications = nil
		c.told[id] = inv
	}
	if _, err := f.SweepInventory(t.Context(), track.Scope{Account: account, Region: region}); err != nil {
		t.Fatal(err)
	}
	f.want("older than what is known", 12)
}

// TestClockAhead: a machine whose clock was ahead is not believed for ever.
func TestClockAhead(t *testing.T) {
	t.Parallel()
	f, c := inventoried(t, true)
	c.tells(f, nodeID, "15.0")
	inv := c.told[nodeID]
	inv.Captured = map[license.InventoryPart]time.Time{license.PartApplications: f.now.Add(1000 * time.Hour), license.PartGuest: f.now}
	c.told[nodeID] = inv
	f.handle(1, listedEvent(nodeID, f.now))
	f.want("installed in the future", 8)
	f.now = f.now.Add(time.Hour)
	c.tells(f, nodeID, "")
	f.handle(1, listedEvent(nodeID, f.now))
	f.want("uninstalled now", 0)
}

const another = "i-0bbbbbbbbbbbbbbb1"

// TestNodesComeAndGo: by their own events.
func TestNodesComeAndGo(t *testing.T) {
	t.Parallel()
	f, c := inventoried(t, false)
	if r := f.handle(1, nodeEvent(nodeID, "Registration", f.now)); len(r.Retry) != 1 {
		t.Errorf("%+v: a node that is not told of yet is retried", r)
	}
	if r := f.handle(3, nodeEvent(nodeID, "Registration", f.now)); len(r.Retry) != 0 || r.Buried != 0 {
		t.Errorf("%+v: until the last receive", r)
	}
	c.tells(f, nodeID, "15.0")
	f.handle(1, nodeEvent(nodeID, "Registration", f.now))
	f.want("registered", 8)
	if r := f.handle(1, nodeEvent(nodeID, "Deregistration", f.now)); len(r.Retry) != 1 {
		t.Errorf("%+v: it is still told of", r)
	}
	f.want("still told of", 8)
	delete(c.nodes, nodeID)
	f.now = f.now.Add(time.Minute)
	f.waits = 0
	f.handle(1, nodeEvent(nodeID, "Deregistration", f.now))
	f.want("deregistered", 0)
	if d := f.onRecord(nodeID).Instance.Discoveries; f.waits != 1 || d[0].Why != "the node is registered no more" || d[0].Lost.IsZero() {
		t.Errorf("%d waits, %+v", f.waits, d)
	}
}

// TestHostileGuests: nothing that a node tells of itself counts as zero.
func TestHostileGuests(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		guest license.Guest
		want  int64
	}{
		"empty":  {license.Guest{}, 896},
		"absurd": {license.Guest{CPUs: "99999999999", Cores: "-1", Sockets: "many"}, 896},
		"zero":   {license.Guest{CPUs: "0", Cores: "0", Sockets: "0"}, 896},
	} {
		f, c := inventoried(t, true)
		c.tells(f, nodeID, "15.0")
		inv := c.told[nodeID]
		inv.Guest = tt.guest
		c.told[nodeID] = inv
		r, err := f.SweepInventory(t.Context(), track.Scope{Account: account, Region: region})
		if err != nil || r.Findings != 3 || r.Nodes != 1 {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		f.want(name, tt.want)
		if l, err := f.store.Load(t.Context(), "lic-a"); err != nil || l.Totals.Estimated != tt.want {
			t.Errorf("%s: %d estimated, %v", name, l.Totals.Estimated, err)
		}
	}
}

// TestConfirmed: a node that keeps telling costs a write each four hours; when it
// falls silent, the exact time is kept.
func TestConfirmed(t *testing.T) {
	t.Parallel()
	f, c := inventoried(t, true)
	var writes []time.Time
	for range 48 {
		c.tells(f, nodeID, "15.0")
		if _, err := f.SweepInventory(t.Context(), track.Scope{Account: account, Region: region}); err != nil {
			t.Fatal(err)
		}
		if at := f.onRecord(nodeID).Confirmed; !slices.Contains(writes, at) {
			writes = append(writes, at)
		}
		f.now = f.now.Add(time.Hour)
	}
	if len(writes) != 12 {
		t.Errorf("%d writes in two days, want 12", len(writes))
	}
	f.now = f.now.Add(-time.Hour)
	last := f.now.Add(-90 * time.Minute)
	inv := c.told[nodeID]
	inv.Captured = map[license.InventoryPart]time.Time{license.PartApplications: last, license.PartGuest: last}
	c.told[nodeID] = inv
	c.nodes[nodeID] = track.Node{ID: inv.ID, Registered: start.Add(-24 * time.Hour), LastPing: last}
	f.now = f.now.Add(100 * time.Hour)
	if _, err := f.SweepInventory(t.Context(), track.Scope{Account: account, Region: region}); err != nil {
		t.Fatal(err)
	}
	if got := f.onRecord(nodeID).Confirmed; !got.Equal(last) {
		t.Errorf("silent: confirmed %s, want %s", got, last)
	}
	f.want("silent for four days", 8)
}
