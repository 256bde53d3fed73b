// Package ledgercodec packs the parts of a license into bytes, for the stores
// that keep them: entries as CBOR arrays with shared prefixes and short times,
// because a store bills bytes per write; changes as deflated JSON, because they
// are many alike and read by other programs.
//
// What does not decode is an error, never a panic: stored bytes are input.
package ledgercodec

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// format is the version of the packed entries. A reader refuses what it does
// not know.
const format = 1

// decoding takes strings that are no valid UTF-8: foreign text gets in as it is,
// and a license must never become unreadable by what it holds.
var decoding = func() cbor.DecMode {
	mode, err := cbor.DecOptions{UTF8: cbor.UTF8DecodeInvalid}.DecMode()
	if err != nil {
		panic(err) // the options are constant
	}
	return mode
}()

// maxChange bounds a decoded change, against a bomb in the store.
const maxChange = 16 << 20

var (
	verdicts = []ledger.Verdict{"", ledger.Covered, ledger.Over, ledger.Broken, ledger.Tracked, ledger.Ignored, ledger.Released}
	causes   = []ledger.Cause{"", ledger.ByLaunch, ledger.ByChange, ledger.ByFind}
	states   = []license.State{"", license.Pending, license.Running, license.Stopping, license.Stopped, license.ShuttingDown, license.Terminated}
	tenancys = []license.Tenancy{"", license.TenancyDefault, license.TenancyDedicatedHost, license.TenancyDedicatedInstance}
	kinds    = []license.AssociationKind{"", license.ByAMI, license.ByLaunchTemplate, license.ByInstance, license.ByHost, license.ByTag}
	guards   = []ledger.Guard{"", ledger.GuardAutoScaling, ledger.GuardProtected, ledger.GuardInstanceStore, ledger.GuardOneTimeSpot, ledger.GuardManaged}
	answers  = []string{"", string(ledger.DoneStopped), string(ledger.DoneTagged), string(ledger.DoneWouldStop), string(ledger.DoneWouldTag)}
	modes    = []license.Mode{"", license.Observe, license.Tag, license.Stop}
)

type packedPage struct {
	_       struct{} `cbor:",toarray"`
	Format  int
	Base    int64    // milliseconds; times are kept as distances from it, 0 for no time
	Strings []string // prefixes of ids, instance types, association values
	Entries []packedEntry
}

type packedEntry struct {
	_           struct{} `cbor:",toarray"`
	Resource    packedID
	First       int64
	Licenses    int64
	Estimated   bool
	Verdict     int
	Since       int64
	RuleVersion int
	Host        *packedHost
	Members     []packedMember
}

type packedHost struct {
	_                       struct{} `cbor:",toarray"`
	Family                  int
	Cores, Sockets          int64
	Assigned, AffinityUntil int64
}

type packedID struct {
	_      struct{} `cbor:",toarray"`
	Prefix int
	ID     string
}

type packedMember struct {
	_          struct{}  `cbor:",toarray"`
	Instance   *packedID // nil: the entry's own resource
	Launch     int64
	Rank       int
	State      int
	Observed   int64
	FirstSeen  int64
	Known      int64
	Type       int
	Cores      int64
	Threads    int64
	Tenancy    int
	Kind       int
	Value      int
	Late, Gone bool
	Guard      int
	Cause      int
	Answered   int
	EventID    string
	Rare       *packedRare
}

type packedRare struct {
	_           struct{} `cbor:",toarray"`
	StoppedAt   int64
	Broken      []license.Violation
	TypeFacts   *license.InstanceType
	Action      int
	IntentAt    int64
	IntentUntil int64
}

// EncodeEntries packs entries; the page number is not kept.
func EncodeEntries(entries []ledger.Entry) ([]byte, error) {
	p := packer{strings: make(map[string]int), base: baseOf(entries)}
	page := packedPage{Format: format, Base: p.base, Entries: make([]packedEntry, len(entries))}
	for i := range entries {
		page.Entries[i] = p.entry(&entries[i])
	}
	page.Strings = p.list
	if p.err != nil {
		return nil, p.err
	}
	return cbor.Marshal(page)
}

// DecodeEntries unpacks entries and gives them the page number.
func DecodeEntries(data []byte, page int) ([]ledger.Entry, error) {
	var packed packedPage
	if err := decoding.Unmarshal(data, &packed); err != nil {
		return nil, fmt.Errorf("decode entries: %w", err)
	}
	if packed.Format != format {
		return nil, fmt.Errorf("decode entries: format %d, this program reads %d", packed.Format, format)
	}
	u := unpacker{page: packed}
	entries := make([]ledger.Entry, len(packed.Entries))
	for i := range packed.Entries {
		entries[i] = u.entry(&packed.Entries[i])
		entries[i].Page = page
	}
	if u.err != nil {
		return nil, fmt.Errorf("decode entries: %w", u.err)
	}
	return entries, nil
}

// EncodeChange packs a change.
func EncodeChange(c *ledger.Change) ([]byte, error) {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestSpeed)
	if err != nil {
		return nil, fmt.Errorf("encode change: %w", err)
	}
	if err := json.NewEncoder(w).Encode(c); err != nil {
		return nil, fmt.Errorf("encode change: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("encode change: %w", err)
	}
	return b.Bytes(), nil
}

// DecodeChange unpacks a change.
func DecodeChange(data []byte) (*ledger.Change, error) {
	var c ledger.Change
	r := io.LimitReader(flate.NewReader(bytes.NewReader(data)), maxChange)
	if err := json.NewDecoder(r).Decode(&c); err != nil {
		return nil, fmt.Errorf("decode change: %w", err)
	}
	return &c, nil
}

// packer builds one page. The first error stays.
type packer struct {
	strings map[string]int
	list    []string
	base    int64
	err     error
}

func (p *packer) text(s string) int {
	if i, ok := p.strings[s]; ok {
		return i
	}
	i := len(p.list)
	p.strings[s] = i
	p.list = append(p.list, s)
	return i
}

func (p *packer) id(r license.ResourceID) packedID {
	s := string(r)
	cut := strings.LastIndexByte(s, '/') + 1
	return packedID{Prefix: p.text(s[:cut]), ID: s[cut:]}
}

func (p *packer) time(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli() - p.base
}

func indexOf[T comparable](p *packer, list []T, v T) int {
	i := slices.Index(list, v)
	if i < 0 && p.err == nil {
		p.err = fmt.Errorf("encode entries: %T %v is not known", v, v)
	}
	return i
}

func (p *packer) entry(e *ledger.Entry) packedEntry {
	out := packedEntry{
		Resource: p.id(e.Resource), First: p.time(e.First), Licenses: e.Licenses, Estimated: e.Estimated,
		Verdict: indexOf(p, verdicts, e.Verdict), Since: p.time(e.Since), RuleVersion: e.RuleVersion,
		Members: make([]packedMember, len(e.Members)),
	}
	if e.Host != (ledger.HostFacts{}) || !e.Assigned.IsZero() || !e.AffinityUntil.IsZero() {
		out.Host = &packedHost{Family: p.text(e.Host.Family), Cores: e.Host.Cores, Sockets: e.Host.Sockets,
			Assigned: p.time(e.Assigned), AffinityUntil: p.time(e.AffinityUntil)}
	}
	for j := range e.Members {
		out.Members[j] = p.member(e, &e.Members[j])
	}
	return out
}

func (p *packer) member(e *ledger.Entry, m *ledger.Member) packedMember {
	out := packedMember{
		Launch: p.time(m.Generation.Launch), Rank: m.Generation.Rank, State: indexOf(p, states, m.State),
		Observed: p.time(m.Observed), FirstSeen: p.time(m.FirstSeen), Known: p.time(m.Known), Type: p.text(m.Type),
		Cores: m.CPUOptions.Cores, Threads: m.CPUOptions.ThreadsPerCore, Tenancy: indexOf(p, tenancys, m.Tenancy),
		Kind: indexOf(p, kinds, m.Kind), Value: p.text(m.Value), Late: m.Late, Gone: m.Gone,
		Guard: indexOf(p, guards, m.Guard), Cause: indexOf(p, causes, m.Cause),
		Answered: indexOf(p, answers, m.Answered), EventID: m.EventID,
	}
	if m.Instance != e.Resource {
		id := p.id(m.Instance)
		out.Instance = &id
	}
	if !m.StoppedAt.IsZero() || len(m.Broken) > 0 || m.Intent != (ledger.Intent{}) || m.TypeFacts != (license.InstanceType{}) {
		out.Rare = &packedRare{StoppedAt: p.time(m.StoppedAt), Broken: m.Broken, Action: indexOf(p, modes, m.Intent.Action),
			IntentAt: p.time(m.Intent.At), IntentUntil: p.time(m.Intent.Until)}
		if m.TypeFacts != (license.InstanceType{}) {
			out.Rare.TypeFacts = &m.TypeFacts
		}
	}
	return out
}

// baseOf returns a time before every time of the entries, so that distances
// are positive and short.
func baseOf(entries []ledger.Entry) int64 {
	var base int64
	first := true
	note := func(t time.Time) {
		if ms := t.UnixMilli(); !t.IsZero() && (first || ms <= base) {
			base, first = ms-1, false
		}
	}
	for i := range entries {
		e := &entries[i]
		for _, t := range []time.Time{e.First, e.Since, e.Assigned, e.AffinityUntil} {
			note(t)
		}
		for j := range e.Members {
			m := &e.Members[j]
			for _, t := range []time.Time{m.Generation.Launch, m.Observed, m.FirstSeen, m.Known, m.StoppedAt, m.Intent.At, m.Intent.Until} {
				note(t)
			}
		}
	}
	return base
}

// unpacker reads one page. The first error stays.
type unpacker struct {
	page packedPage
	err  error
}

func (u *unpacker) text(i int) string { return elementOf(u, u.page.Strings, i) }

func elementOf[T any](u *unpacker, list []T, i int) T {
	if i < 0 || i >= len(list) {
		if u.err == nil {
			u.err = fmt.Errorf("index %d of %d is out of range", i, len(list))
		}
		var zero T
		return zero
	}
	return list[i]
}

func (u *unpacker) id(p packedID) license.ResourceID {
	return license.ResourceID(u.text(p.Prefix) + p.ID)
}

func (u *unpacker) time(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(u.page.Base + ms).UTC()
}

func (u *unpacker) entry(p *packedEntry) ledger.Entry {
	e := ledger.Entry{
		Resource: u.id(p.Resource), First: u.time(p.First), Licenses: p.Licenses, Estimated: p.Estimated,
		Verdict: elementOf(u, verdicts, p.Verdict), Since: u.time(p.Since), RuleVersion: p.RuleVersion,
	}
	if h := p.Host; h != nil {
		e.Host = ledger.HostFacts{Family: u.text(h.Family), Cores: h.Cores, Sockets: h.Sockets}
		e.Assigned, e.AffinityUntil = u.time(h.Assigned), u.time(h.AffinityUntil)
	}
	for j := range p.Members {
		e.Members = append(e.Members, u.member(e.Resource, &p.Members[j]))
	}
	return e
}

func (u *unpacker) member(own license.ResourceID, p *packedMember) ledger.Member {
	m := ledger.Member{
		Instance: own, Generation: ledger.Generation{Launch: u.time(p.Launch), Rank: p.Rank},
		State: elementOf(u, states, p.State), Observed: u.time(p.Observed), FirstSeen: u.time(p.FirstSeen), Known: u.time(p.Known),
		Type: u.text(p.Type), CPUOptions: license.CPUOptions{Cores: p.Cores, ThreadsPerCore: p.Threads},
		Tenancy: elementOf(u, tenancys, p.Tenancy), Kind: elementOf(u, kinds, p.Kind), Value: u.text(p.Value),
		Late: p.Late, Gone: p.Gone, Guard: elementOf(u, guards, p.Guard), Cause: elementOf(u, causes, p.Cause),
		Answered: elementOf(u, answers, p.Answered), EventID: p.EventID,
	}
	if p.Instance != nil {
		m.Instance = u.id(*p.Instance)
	}
	if r := p.Rare; r != nil {
		m.StoppedAt, m.Broken = u.time(r.StoppedAt), r.Broken
		m.Intent = ledger.Intent{Action: elementOf(u, modes, r.Action), At: u.time(r.IntentAt), Until: u.time(r.IntentUntil)}
		if r.TypeFacts != nil {
			m.TypeFacts = *r.TypeFacts
		}
	}
	return m
}
