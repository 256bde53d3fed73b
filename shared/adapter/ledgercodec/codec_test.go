package ledgercodec_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"licenseguard/shared/adapter/ledgercodec"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// maker makes values at random: every known value of each field comes up, and
// text that nobody expects.
type maker struct{ *rand.Rand }

func pick[T any](m maker, list ...T) T { return list[m.IntN(len(list))] }

func (m maker) time() time.Time {
	if m.IntN(4) == 0 {
		return time.Time{}
	}
	return time.UnixMilli(m.Int64N(4_000_000_000_000)).UTC()
}

func (m maker) text() string {
	return pick(m, "", "m5.large", "=cmd|' /C calc'!A0", "é漢🙂", "\x00\n\u2028", "broken \xff\xfe", strings.Repeat("x", 300), "team=a*")
}

func (m maker) id() license.ResourceID {
	return license.NewResourceID(pick(m, "123456789012", "999999999999"), pick(m, "eu-central-1", "us-east-1"), fmt.Sprintf("%s%017x", pick(m, "i-", "h-"), m.IntN(1000)))
}

func (m maker) violations() []license.Violation {
	var out []license.Violation
	for range m.IntN(3) {
		out = append(out, license.Violation{Rule: m.text(), Estimated: m.IntN(2) == 0})
	}
	return out
}

func (m maker) member(resource license.ResourceID) ledger.Member {
	x := ledger.Member{
		Instance: pick(m, resource, m.id(), ""), Generation: ledger.Generation{Launch: m.time(), Rank: m.IntN(7) - 1},
		State:    pick(m, "", license.Pending, license.Running, license.Stopping, license.Stopped, license.ShuttingDown, license.Terminated),
		Observed: m.time(), FirstSeen: m.time(), StoppedAt: m.time(), Type: m.text(),
		CPUOptions: license.CPUOptions{Cores: m.Int64N(500), ThreadsPerCore: m.Int64N(3)},
		Tenancy:    pick(m, "", license.TenancyDefault, license.TenancyDedicatedHost, license.TenancyDedicatedInstance),
		Kind:       pick(m, "", license.ByAMI, license.ByLaunchTemplate, license.ByInstance, license.ByHost, license.ByTag),
		Value:      m.text(), Late: m.IntN(2) == 0, Gone: m.IntN(2) == 0,
		Guard: pick(m, ledger.Unguarded, ledger.GuardAutoScaling, ledger.GuardProtected, ledger.GuardInstanceStore, ledger.GuardOneTimeSpot, ledger.GuardManaged),
		Cause: pick(m, "", ledger.ByLaunch, ledger.ByChange, ledger.ByFind), Broken: m.violations(), EventID: m.text(),
		Answered: pick(m, "", string(ledger.DoneStopped), string(ledger.DoneTagged), string(ledger.DoneWouldStop), string(ledger.DoneWouldTag)),
	}
	if m.IntN(3) == 0 {
		x.Intent = ledger.Intent{Action: pick(m, license.Stop, license.Tag), At: m.time(), Until: m.time()}
	}
	if m.IntN(3) == 0 {
		x.TypeFacts = license.InstanceType{Name: m.text(), VCPUs: m.Int64N(900), Cores: 2, ThreadsPerCore: 2, BareMetal: true, InstanceStore: m.IntN(2) == 0}
	}
	return x
}

func (m maker) entries(n, page int) []ledger.Entry {
	out := make([]ledger.Entry, n)
	for i := range out {
		e := ledger.Entry{
			Resource: m.id(), Page: page, First: m.time(), Licenses: m.Int64N(1000), Estimated: m.IntN(2) == 0, Since: m.time(), RuleVersion: m.IntN(5),
			Verdict: pick(m, ledger.Covered, ledger.Over, ledger.Broken, ledger.Tracked, ledger.Ignored, ledger.Released),
		}
		if m.IntN(3) == 0 {
			e.Host = ledger.HostFacts{Family: m.text(), Cores: m.Int64N(100), Sockets: m.Int64N(5)}
			e.Assigned, e.AffinityUntil = m.time(), m.time()
		}
		for range m.IntN(4) {
			e.Members = append(e.Members, m.member(e.Resource))
		}
		out[i] = e
	}
	return out
}

func TestEntriesRoundTrip(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		m := maker{rand.New(rand.NewPCG(seed, 1))}
		want := m.entries(m.IntN(70), 3)
		data, err := ledgercodec.EncodeEntries(want)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		got, err := ledgercodec.DecodeEntries(data, 3)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("seed %d (-want +got):\n%s", seed, diff)
		}
	}
}

func TestHeadRoundTrip(t *testing.T) {
	t.Parallel()
	for seed := range uint64(100) {
		m := maker{rand.New(rand.NewPCG(seed, 2))}
		want := &ledger.License{
			Revision: 7, RuleVersion: 2, Totals: ledger.Totals{Running: 1, Stopped: 2, Affinity: 3, Reserved: 4, Covered: 5, Over: 6, Broken: 7, Estimated: 8, Instances: 9, Hosts: 10},
			Alerts: ledger.AlertState{Raised: []int{80, 90}, Exceeded: true, Expiry: 31}, Actions: []time.Time{m.time(), m.time()}, Due: m.time(), Unsettled: true,
			Entries: m.entries(m.IntN(20), 0),
		}
		head, err := ledgercodec.HeadOf(ledger.Commit{License: want, Configured: true}, nil)
		if err != nil {
			t.Fatal(err)
		}
		data, err := ledgercodec.EncodeHead(head)
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := ledgercodec.DecodeHead(data)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decoded.License()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("seed %d (-want +got):\n%s", seed, diff)
		}
	}
}

func TestHeadKeepsRevisionsOfItsParts(t *testing.T) {
	t.Parallel()
	before := ledgercodec.Head{Revision: 4, ConfigRevision: 2, PageRevisions: []int64{3, 4}}
	l := &ledger.License{Revision: 5, Pages: 4}
	head, err := ledgercodec.HeadOf(ledger.Commit{License: l, Dirty: []int{1, 2, 3}}, &before)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{3, 5, 5, 5}, head.PageRevisions); diff != "" || head.ConfigRevision != 2 {
		t.Errorf("configuration %d, pages (-want +got):\n%s", head.ConfigRevision, diff)
	}
	if diff := cmp.Diff([]int64{3, 4}, before.PageRevisions); diff != "" {
		t.Errorf("the head before was changed:\n%s", diff)
	}
}

func TestChangeRoundTrip(t *testing.T) {
	t.Parallel()
	count := int64(3)
	want := &ledger.Change{
		License: "lic-1", Name: "=x\nécrit", Count: &count, Revision: 9, Recorded: time.UnixMilli(1).UTC(), By: "tester",
		Deltas: []ledger.Delta{{Resource: "1/2/i-3", Instance: "1/2/i-3", Happened: time.UnixMilli(5).UTC(), Uncertainty: time.Second, To: ledger.Over,
			Answer: ledger.Answer{Action: license.Stop, Mode: license.Stop, NotBefore: time.UnixMilli(9).UTC(), Why: ledger.WhyOver}}},
		Alerts: []ledger.Alert{{ID: "a", Kind: ledger.AlertLimit, Resources: []license.ResourceID{"1/2/i-3"}}}, After: ledger.Totals{Running: 4},
	}
	data, err := ledgercodec.EncodeChange(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ledgercodec.DecodeChange(data)
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(ledger.Delta{})); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestEncodeRefusesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	for name, e := range map[string]ledger.Entry{
		"verdict": {Verdict: "guilty"},
		"state":   {Verdict: ledger.Over, Members: []ledger.Member{{State: "hibernating"}}},
		"guard":   {Verdict: ledger.Over, Members: []ledger.Member{{Guard: "dog"}}},
		"answer":  {Verdict: ledger.Over, Members: []ledger.Member{{Answered: "forty-two"}}},
	} {
		if _, err := ledgercodec.EncodeEntries([]ledger.Entry{e}); err == nil {
			t.Errorf("an unknown %s was packed", name)
		}
	}
}

// A page of typical entries must stay small, because a store bills bytes.
func TestEntriesAreSmall(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	entries := make([]ledger.Entry, 64)
	for i := range entries {
		at := start.Add(time.Duration(i) * time.Second)
		id := license.NewResourceID("123456789012", "eu-central-1", fmt.Sprintf("i-%017x", i))
		entries[i] = ledger.Entry{Resource: id, First: at, Licenses: 1, Verdict: ledger.Covered, Since: at, RuleVersion: 1, Members: []ledger.Member{{
			Instance: id, Generation: ledger.Generation{Launch: at, Rank: 1}, State: license.Running, Observed: at, FirstSeen: at, Type: "m5.large",
			Tenancy: license.TenancyDefault, Kind: license.ByAMI, Value: "ami-0123456789abcdef0", EventID: "7bf73129-1428-4cd3-a780-00db273d1602"}}}
	}
	data, err := ledgercodec.EncodeEntries(entries)
	if err != nil {
		t.Fatal(err)
	}
	if each := len(data) / len(entries); each > 120 {
		t.Errorf("%d bytes an entry; want at most 120", each)
	}
}

func FuzzDecodeEntries(f *testing.F) {
	for seed := range uint64(5) {
		m := maker{rand.New(rand.NewPCG(seed, 3))}
		data, err := ledgercodec.EncodeEntries(m.entries(m.IntN(5), 0))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(data[:len(data)/2])
	}
	f.Add([]byte(nil))
	f.Add([]byte("\x84\x01\x00\x80\x9f\xff"))
	f.Add([]byte("\x84\x01\x00\x80\x9b\x7f\xff\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := ledgercodec.DecodeEntries(data, 1)
		if err != nil {
			return
		}
		again, err := ledgercodec.EncodeEntries(entries)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		if _, err := ledgercodec.DecodeEntries(again, 1); err != nil {
			t.Fatalf("what was read and written cannot be read: %v", err)
		}
	})
}

func FuzzDecodeHead(f *testing.F) {
	m := maker{rand.New(rand.NewPCG(1, 4))}
	head, err := ledgercodec.HeadOf(ledger.Commit{License: &ledger.License{Revision: 1, Entries: m.entries(3, 0)}}, nil)
	if err != nil {
		f.Fatal(err)
	}
	data, err := ledgercodec.EncodeHead(head)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte("\xa0"))
	f.Fuzz(func(t *testing.T, data []byte) {
		head, err := ledgercodec.DecodeHead(data)
		if err != nil {
			return
		}
		_, _ = head.License()
	})
}

func FuzzDecodeChange(f *testing.F) {
	data, err := ledgercodec.EncodeChange(&ledger.Change{License: "lic-1", Deltas: []ledger.Delta{{Instance: "a/b/c"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte("garbage"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ledgercodec.DecodeChange(data)
		if err == nil && c == nil {
			t.Fatal("neither a change nor an error")
		}
	})
}

func FuzzDecodeConfiguration(f *testing.F) {
	f.Add([]byte(`{"ID":"lic-1","Name":"x","CountingType":"vCPU","Rules":[{"Text":["#minimumVcpus=2"]}]}`))
	f.Add([]byte(`{"ID":"lic-1","Name":"x","CountingType":"vCPU","Associations":[{"Kind":"tag","Value":"a=["}]}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ledgercodec.DecodeConfiguration(data)
		if err != nil {
			return
		}
		again, err := ledgercodec.EncodeConfiguration(c)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		second, err := ledgercodec.DecodeConfiguration(again)
		if diff := cmp.Diff(c, second, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Fatalf("read twice: %v\n%s", err, diff)
		}
	})
}
