package ledgercodec

import (
	"encoding/json"
	"fmt"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// Head is what a store keeps of a license beside its configuration and pages.
// ConfigRevision is the revision at which the configuration was last written;
// PageRevisions the one of each page: with them a reader sees whether the parts
// it got belong together.
type Head struct {
	Revision       int64
	ConfigRevision int64
	RuleVersion    int
	PageRevisions  []int64
	Totals         ledger.Totals
	Alerts         ledger.AlertState
	Actions        []int64 // milliseconds
	Due            int64   // milliseconds, 0 for none
	Unsettled      bool
	Entries        []ledger.Entry // all while there are no pages, else those of the pages Held
	Held           []int          // pages that are kept here, because they were not written yet
}

// HeadOf returns the head of a license that is to be committed after the head
// before, nil for a new one, with its entries if it has no pages.
func HeadOf(c ledger.Commit, before *Head) Head {
	l := c.License
	h := Head{Revision: l.Revision, RuleVersion: l.RuleVersion, Totals: l.Totals, Alerts: l.Alerts, Due: milli(l.Due), Unsettled: l.Unsettled}
	for _, t := range l.Actions {
		h.Actions = append(h.Actions, milli(t))
	}
	if before != nil {
		h.ConfigRevision = before.ConfigRevision
		h.PageRevisions = append(h.PageRevisions, before.PageRevisions...)
	}
	if c.Configured {
		h.ConfigRevision = l.Revision
	}
	for len(h.PageRevisions) < l.Pages {
		h.PageRevisions = append(h.PageRevisions, 0)
	}
	for _, p := range c.Dirty {
		h.PageRevisions[p] = l.Revision
	}
	if l.Pages == 0 {
		h.Entries = l.Entries
	}
	return h
}

// License returns the license that the head begins: without its configuration,
// and without entries where they are in pages.
func (h Head) License() *ledger.License {
	l := &ledger.License{
		Revision: h.Revision, RuleVersion: h.RuleVersion, Pages: len(h.PageRevisions), Totals: h.Totals,
		Alerts: h.Alerts, Due: fromMilli(h.Due), Unsettled: h.Unsettled,
	}
	for _, ms := range h.Actions {
		l.Actions = append(l.Actions, fromMilli(ms))
	}
	if l.Pages == 0 {
		l.Entries = h.Entries
	}
	return l
}

// EncodeHead packs a head.
func EncodeHead(h Head) ([]byte, error) {
	c := newWriter()
	c.head(&h)
	data, err := c.bytes()
	if err != nil {
		return nil, fmt.Errorf("encode head: %w", err)
	}
	return data, nil
}

// DecodeHead unpacks a head.
func DecodeHead(data []byte) (Head, error) {
	c, err := newReader(data)
	if err != nil {
		return Head{}, fmt.Errorf("decode head: %w", err)
	}
	var h Head
	c.head(&h)
	if err := c.end(); err != nil {
		return Head{}, fmt.Errorf("decode head: %w", err)
	}
	return h, nil
}

func (c *columns) head(h *Head) {
	t := c.table()
	t.next()
	t.number(&h.Revision)
	t.number(&h.ConfigRevision)
	t.int(&h.RuleVersion)
	t.totals(&h.Totals)
	t.bool(&h.Alerts.Exceeded)
	t.int(&h.Alerts.Expiry)
	t.time(&h.Alerts.Since)
	t.int(&h.Alerts.Escalated)
	t.time(&h.Alerts.Exemptions)
	t.number(&h.Due)
	t.bool(&h.Unsettled)
	list(t, &h.Alerts.Raised)
	list(t, &h.PageRevisions)
	list(t, &h.Actions)
	list(t, &h.Held)
	t.done()
	t = c.table()
	for i := range h.Alerts.Raised {
		t.next()
		t.int(&h.Alerts.Raised[i])
	}
	t.done()
	for _, numbers := range [][]int64{h.PageRevisions, h.Actions} {
		t = c.table()
		for i := range numbers {
			t.next()
			t.number(&numbers[i])
		}
		t.done()
	}
	t = c.table()
	for i := range h.Held {
		t.next()
		t.int(&h.Held[i])
	}
	t.done()
	h.Entries = c.entries(h.Entries)
}

// Hold keeps the entries of pages in the head.
func (h *Head) Hold(l *ledger.License, pages []int) {
	h.Held, h.Entries = pages, nil
	for _, p := range pages {
		h.Entries = append(h.Entries, PageEntries(l.Entries, p)...)
	}
}

// PageEntries returns the entries of one page.
func PageEntries(entries []ledger.Entry, page int) []ledger.Entry {
	var out []ledger.Entry
	for i := range entries {
		if entries[i].Page == page {
			out = append(out, entries[i])
		}
	}
	return out
}

// EncodeConfiguration writes a configuration as JSON.
func EncodeConfiguration(c license.Configuration) ([]byte, error) { return json.Marshal(c) }

// DecodeConfiguration reads a configuration and parses its rules again.
func DecodeConfiguration(data []byte) (license.Configuration, error) {
	var c license.Configuration
	if err := json.Unmarshal(data, &c); err != nil {
		return c, fmt.Errorf("decode configuration: %w", err)
	}
	c, err := c.Normalized()
	if err != nil {
		return c, fmt.Errorf("decode configuration %q: %w", c.ID, err)
	}
	return c, nil
}

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
