package ledgercodec

import (
	"fmt"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// EncodeEntries packs entries.
func EncodeEntries(entries []ledger.Entry) ([]byte, error) {
	c := newWriter()
	c.entries(entries)
	data, err := c.bytes()
	if err != nil {
		return nil, fmt.Errorf("encode entries: %w", err)
	}
	return data, nil
}

// DecodeEntries unpacks the entries of a page; that of another is an error.
func DecodeEntries(data []byte, page int) ([]ledger.Entry, error) {
	c, err := newReader(data)
	if err != nil {
		return nil, fmt.Errorf("decode entries: %w", err)
	}
	entries := c.entries(nil)
	if err := c.end(); err != nil {
		return nil, fmt.Errorf("decode entries: %w", err)
	}
	for i := range entries {
		if entries[i].Page != page {
			return nil, fmt.Errorf("decode entries: an entry of page %d in page %d", entries[i].Page, page)
		}
	}
	return entries, nil
}

func (c *columns) entries(entries []ledger.Entry) []ledger.Entry {
	t := c.table()
	if c.reading {
		entries = make([]ledger.Entry, t.rows)
	}
	for i := range entries {
		t.next()
		t.entry(&entries[i])
	}
	t.done()
	t = c.table()
	for i := range entries {
		e := &entries[i]
		for j := range e.Members {
			t.next()
			t.member(&e.Members[j], e.Resource, e.First)
		}
	}
	t.done()
	t = c.table()
	for i := range entries {
		for j := range entries[i].Members {
			t.violations(entries[i].Members[j].Broken)
		}
	}
	t.done()
	return entries
}

func (t *table) entry(e *ledger.Entry) {
	t.id(&e.Resource, "")
	t.int(&e.Page)
	t.time(&e.First)
	t.number(&e.Licenses)
	t.bool(&e.Estimated)
	text(t, &e.Verdict)
	t.int(&e.RuleVersion)
	t.time(&e.Since)
	t.time(&e.Assigned)
	t.time(&e.AffinityUntil)
	text(t, &e.Host.Family)
	t.number(&e.Host.Cores)
	t.number(&e.Host.Sockets)
	list(t, &e.Members)
}

func (t *table) member(m *ledger.Member, resource license.ResourceID, first time.Time) {
	t.id(&m.Instance, resource)
	t.timeAfter(&m.Generation.Launch, first)
	t.int(&m.Generation.Rank)
	text(t, &m.State)
	t.time(&m.Observed)
	t.time(&m.FirstSeen)
	t.time(&m.Known)
	t.time(&m.StoppedAt)
	text(t, &m.Type)
	text(t, &m.TypeFacts.Name)
	t.number(&m.TypeFacts.VCPUs)
	t.number(&m.TypeFacts.Cores)
	t.number(&m.TypeFacts.ThreadsPerCore)
	t.bool(&m.TypeFacts.BareMetal)
	t.bool(&m.TypeFacts.InstanceStore)
	t.number(&m.CPUOptions.Cores)
	t.number(&m.CPUOptions.ThreadsPerCore)
	text(t, &m.Tenancy)
	text(t, &m.Kind)
	text(t, &m.Value)
	t.bool(&m.Late)
	t.bool(&m.Gone)
	text(t, &m.Guard)
	text(t, &m.Cause)
	text(t, &m.Intent.Action)
	t.time(&m.Intent.At)
	t.time(&m.Intent.Until)
	text(t, &m.Answered)
	text(t, &m.Approval.Plan)
	t.time(&m.Approval.At)
	list(t, &m.Broken)
}

func (t *table) violations(broken []license.Violation) {
	for i := range broken {
		v := &broken[i]
		t.next()
		text(t, &v.Rule)
		text(t, &v.Found)
		text(t, &v.Want)
		t.bool(&v.Estimated)
	}
}
