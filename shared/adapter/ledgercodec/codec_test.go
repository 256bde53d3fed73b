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
	"licenseguard/shared/catalog"
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
		Cause: pick(m, "", ledger.ByLaunch, ledger.ByChange, ledger.ByFind), Broken: m.violations(),
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
	for seed := range uint64(100) {
		m := maker{rand.New(rand.NewPCG(seed, 1))}
		want := m.entries(m.IntN(40), 3)
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
		head := ledgercodec.HeadOf(ledger.Commit{License: want, Configured: true}, nil)
		data, err := ledgercodec.EncodeHead(head)
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := ledgercodec.DecodeHead(data)
		if err != nil {
			t.Fatal(err)
		}
		got := decoded.License()
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("seed %d (-want +got):\n%s", seed, diff)
		}
	}
}

func TestHeadKeepsRevisionsOfItsParts(t *testing.T) {
	t.Parallel()
	before := ledgercodec.Head{Revision: 4, ConfigRevision: 2, PageRevisions: []int64{3, 4}}
	l := &ledger.License{Revision: 5, Pages: 4}
	head := ledgercodec.HeadOf(ledger.Commit{License: l, Dirty: []int{1, 2, 3}}, &before)
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
			Explanation: license.Explanation{Units: 8, Instances: 2, Licenses: 16},
			Answer:      ledger.Answer{Action: license.Stop, Mode: license.Stop, NotBefore: time.UnixMilli(9).UTC(), Why: ledger.WhyOver}}},
		Alerts: []ledger.Alert{{ID: "a", Kind: ledger.AlertLimit, Why: "because", Resources: []license.ResourceID{"1/2/i-3"}}}, After: ledger.Totals{Running: 4},
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

// burst is a license into which 64 instances were launched within a minute, a
// few hours after as many others of several types.
func burst(t testing.TB) (l *ledger.License, change *ledger.Change) {
	t.Helper()
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	dice := rand.New(rand.NewPCG(1, 2))
	count := int64(150)
	c, err := license.Configuration{ID: "lic-0123456789abcdef0123456789abcdef", ARN: "arn:aws:license-manager:eu-central-1:123456789012:license-configuration:lic-0123456789abcdef0123456789abcdef",
		Name: "Windows Server Datacenter", CountingType: license.CountVCPU, Count: &count, HardLimit: true, Rules: []license.RuleVersion{{Text: []string{"#minimumVcpus=2"}}},
		Associations: []license.Association{{Kind: license.ByAMI, Value: "ami-0123456789abcdef0"}}}.Normalized()
	if err != nil {
		t.Fatal(err)
	}
	l = &ledger.License{Configuration: c}
	for _, at := range []time.Time{start, start.Add(3 * time.Hour)} {
		claims := make([]ledger.Claim, 64)
		for i := range claims {
			launch := at.Add(time.Duration(dice.IntN(60)) * time.Second)
			claims[i] = ledger.Claim{
				Instance: license.Instance{ID: license.NewResourceID("123456789012", "eu-central-1", fmt.Sprintf("i-0%016x", dice.Uint64())), State: license.Running,
					Type: []string{"m5.large", "c6i.xlarge", "r5.large"}[dice.IntN(3)], LaunchTime: launch, Tenancy: license.TenancyDefault, CPUOptions: license.CPUOptions{Cores: 1, ThreadsPerCore: 2}},
				Generation: ledger.Generation{Launch: launch, Rank: 1}, Held: &license.Held{ConfigurationID: c.ID, Kind: license.ByAMI, Value: "ami-0123456789abcdef0", Since: launch},
				Observed: at.Add(70 * time.Second), Known: at.Add(70 * time.Second), Happened: launch.Add(time.Duration(dice.IntN(9)) * time.Second),
				EventID: fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", dice.Uint32(), dice.IntN(1<<16), dice.IntN(1<<12), dice.IntN(1<<12), dice.Int64N(1<<48)),
			}
		}
		next, result := ledger.Fold(l, ledger.Batch{Claims: claims}, at.Add(71*time.Second), catalog.Embedded())
		l, change = next, result.Change
	}
	return l, change
}

// TestPackedIsSmall: a store bills bytes. Of an entry 8.5 bytes are the digits
// of its id, of a delta 24.5 those of instance and event.
func TestPackedIsSmall(t *testing.T) {
	t.Parallel()
	l, change := burst(t)
	entries, err := ledgercodec.EncodeEntries(l.Entries[64:])
	if err != nil {
		t.Fatal(err)
	}
	data, err := ledgercodec.EncodeChange(change)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("64 entries: %d bytes, %.1f each; their change: %d bytes, %.1f each", len(entries), float64(len(entries))/64, len(data), float64(len(data))/64)
	if len(entries) > 15*64 || len(data) > 34*64 {
		t.Error("want at most 15 and 34 bytes each")
	}
}

func BenchmarkCodec(b *testing.B) {
	l, change := burst(b)
	entries, err := ledgercodec.EncodeEntries(l.Entries)
	if err != nil {
		b.Fatal(err)
	}
	data, err := ledgercodec.EncodeChange(change)
	if err != nil {
		b.Fatal(err)
	}
	for name, f := range map[string]func() error{
		"encode 128 entries": func() error { _, err := ledgercodec.EncodeEntries(l.Entries); return err },
		"decode 128 entries": func() error { _, err := ledgercodec.DecodeEntries(entries, 0); return err },
		"encode 64 deltas":   func() error { _, err := ledgercodec.EncodeChange(change); return err },
		"decode 64 deltas":   func() error { _, err := ledgercodec.DecodeChange(data); return err },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := f(); err != nil {
					b.Fatal(err)
				}
			}
		})
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
	f.Add([]byte("\x02"))
	f.Add([]byte("\x01\x00"))
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
	head := ledgercodec.HeadOf(ledger.Commit{License: &ledger.License{Revision: 1, Entries: m.entries(3, 0)}}, nil)
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
		_ = head.License()
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
