package dynamoledger

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/fxamacker/cbor/v2"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// factsFormat is the version of packed facts. A reader refuses what it does not
// know; it knows format 1, which had no launcher, format 2, which had no
// specifications, format 3, which had no ancestry, and format 4, which had no
// discoveries.
const factsFormat = 5

// packedFacts is what is kept of ledger.Facts beside the key: without names and
// with short times, because a write is billed by the KB and the facts are most
// of all writes.
type packedFacts struct {
	_           struct{} `cbor:",toarray"`
	Format      int
	Type        string
	State       license.State
	Launch      int64
	StoppedAt   int64
	Image       string
	Tenancy     license.Tenancy
	HostID      string
	Cores       int64
	Threads     int64
	Tags        map[string]string
	Spot        bool
	Persistent  bool
	ManagedBy   string
	RootIsStore bool
	Protected   bool
	TypeFacts   *license.InstanceType
	Usage       string
	Host        *license.Host
	Generation  int64
	Rank        int
	Guard       ledger.Guard
	Held        []packedHeld
	Observed    int64
	FirstSeen   int64
	EventID     string
	LaunchedBy  string
	// Specifications came with format 3.
	Specifications []string
	// Ancestry came with format 4.
	Ancestry []packedAncestor
	// Discoveries and Confirmed came with format 5.
	Discoveries []packedDiscovery
	Confirmed   int64
}

type packedDiscovery struct {
	_             struct{} `cbor:",toarray"`
	Configuration string
	Product       string
	What          string
	Found, Lost   int64
	Why           string
	Captured      int64
}

type packedAncestor struct {
	_      struct{} `cbor:",toarray"`
	Image  string
	Region string
	Link   license.Link
	Found  int64
}

type packedHeld struct {
	_             struct{} `cbor:",toarray"`
	Configuration string
	Kind          license.AssociationKind
	Value         string
	Since         int64
	Inherited     bool
	Ended         int64
}

// decoding takes strings that are no valid UTF-8, as they may come in tags.
var decoding = func() cbor.DecMode {
	mode, err := cbor.DecOptions{UTF8: cbor.UTF8DecodeInvalid}.DecMode()
	if err != nil {
		panic(err) // the options are constant
	}
	return mode
}()

func factsItem(f *ledger.Facts) (item, error) {
	in := &f.Instance
	p := packedFacts{
		Format: factsFormat, Type: in.Type, State: in.State, Launch: milli(in.LaunchTime), StoppedAt: milli(in.StoppedAt), Image: in.ImageID,
		Tenancy: in.Tenancy, HostID: in.HostID, Cores: in.CPUOptions.Cores, Threads: in.CPUOptions.ThreadsPerCore, Tags: in.Tags,
		Spot: in.Spot, Persistent: in.SpotPersistent, ManagedBy: in.ManagedBy, RootIsStore: in.RootIsStore, Protected: in.StopProtected,
		Usage: in.UsageOperation, Generation: milli(f.Generation.Launch), Rank: f.Generation.Rank, Guard: f.Guard,
		Observed: milli(f.Observed), FirstSeen: milli(f.FirstSeen), EventID: f.EventID,
		LaunchedBy: f.LaunchedBy, Specifications: in.Specifications, Confirmed: milli(f.Confirmed),
	}
	if in.TypeFacts != (license.InstanceType{}) {
		p.TypeFacts = &in.TypeFacts
	}
	if h := &f.Host; h.ID != "" || h.Family != "" || h.State != "" || h.Cores != 0 || h.Sockets != 0 || len(h.Tags) > 0 {
		p.Host = h
	}
	for _, h := range f.Held {
		p.Held = append(p.Held, packedHeld{Configuration: h.ConfigurationID, Kind: h.Kind, Value: h.Value, Since: milli(h.Since),
			Inherited: h.Inherited, Ended: milli(h.Ended)})
	}
	for _, a := range in.Ancestry {
		p.Ancestry = append(p.Ancestry, packedAncestor{Image: a.ImageID, Region: a.Region, Link: a.Link, Found: milli(a.Found)})
	}
	for _, d := range in.Discoveries {
		p.Discoveries = append(p.Discoveries, packedDiscovery{Configuration: d.ConfigurationID, Product: d.Product, What: d.What,
			Found: milli(d.Found), Lost: milli(d.Lost), Why: d.Why, Captured: milli(d.Captured)})
	}
	data, err := cbor.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encode facts: %w", err)
	}
	it := factsKey(in.ID)
	it["Facts"] = binary(data)
	return it, nil
}

func factsOf(it item) (f ledger.Facts, err error) {
	data, ok := it["Facts"].(*types.AttributeValueMemberB)
	if !ok {
		return f, errors.New("the facts item has no binary Facts")
	}
	var p packedFacts
	if err := decoding.Unmarshal(upgraded(data.Value), &p); err != nil {
		return f, fmt.Errorf("decode facts: %w", err)
	}
	if p.Format != factsFormat {
		return f, fmt.Errorf("decode facts: format %d, this program reads %d", p.Format, factsFormat)
	}
	// FACTS#<account>/<region>#<shard>
	_, scope, _ := strings.Cut(textOf(it, "PK"), "#")
	scope, _, _ = strings.Cut(scope, "#")
	f = ledger.Facts{
		Instance: license.Instance{
			ID: license.ResourceID(scope + "/" + textOf(it, "SK")), Type: p.Type, State: p.State, LaunchTime: fromMilli(p.Launch),
			StoppedAt: fromMilli(p.StoppedAt), ImageID: p.Image, Tenancy: p.Tenancy, HostID: p.HostID,
			CPUOptions: license.CPUOptions{Cores: p.Cores, ThreadsPerCore: p.Threads}, Tags: p.Tags, Spot: p.Spot, SpotPersistent: p.Persistent,
			ManagedBy: p.ManagedBy, RootIsStore: p.RootIsStore, StopProtected: p.Protected, UsageOperation: p.Usage, Specifications: p.Specifications,
		},
		Generation: ledger.Generation{Launch: fromMilli(p.Generation), Rank: p.Rank}, Guard: p.Guard,
		Observed: fromMilli(p.Observed), FirstSeen: fromMilli(p.FirstSeen), EventID: p.EventID, LaunchedBy: p.LaunchedBy,
		Confirmed: fromMilli(p.Confirmed),
	}
	if p.TypeFacts != nil {
		f.Instance.TypeFacts = *p.TypeFacts
	}
	if p.Host != nil {
		f.Host = *p.Host
	}
	for _, h := range p.Held {
		f.Held = append(f.Held, license.Held{ConfigurationID: h.Configuration, Kind: h.Kind, Value: h.Value, Since: fromMilli(h.Since),
			Inherited: h.Inherited, Ended: fromMilli(h.Ended)})
	}
	for _, a := range p.Ancestry {
		f.Instance.Ancestry = append(f.Instance.Ancestry, license.Ancestor{ImageID: a.Image, Region: a.Region, Link: a.Link, Found: fromMilli(a.Found)})
	}
	for _, d := range p.Discoveries {
		f.Instance.Discoveries = append(f.Instance.Discoveries, license.Discovery{ConfigurationID: d.Configuration, Product: d.Product, What: d.What,
			Found: fromMilli(d.Found), Lost: fromMilli(d.Lost), Why: d.Why, Captured: fromMilli(d.Captured)})
	}
	return f, nil
}

// added are the fields that a format lacks, in CBOR: those that came after it.
var added = map[byte][]cbor.RawMessage{
	1: {emptyText, null, null, null, zero}, 2: {null, null, null, zero}, 3: {null, null, zero}, 4: {null, zero}}

var (
	emptyText = cbor.RawMessage{0x60}
	null      = cbor.RawMessage{0xf6}
	zero      = cbor.RawMessage{0x00}
)

// upgraded makes packed facts of an earlier format those of today, and leaves all
// others as they are.
func upgraded(data []byte) []byte {
	var fields []cbor.RawMessage
	if err := decoding.Unmarshal(data, &fields); err != nil || len(fields) == 0 || len(fields[0]) != 1 || added[fields[0][0]] == nil {
		return data // the decoder says what is wrong
	}
	more := added[fields[0][0]]
	fields[0] = packedFormat(factsFormat)
	out, err := cbor.Marshal(append(fields, more...))
	if err != nil {
		return data
	}
	return out
}

// packedFormat is a format's number in CBOR, where a small one is its own byte.
func packedFormat(n byte) cbor.RawMessage { return cbor.RawMessage{n} }

func milli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMilli(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
