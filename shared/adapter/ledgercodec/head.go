package ledgercodec

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"

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
	Entries        []byte // while there are no pages
}

// HeadOf returns the head of a license that is to be committed after the head
// before, nil for a new one, and packs its entries if it has no pages.
func HeadOf(c ledger.Commit, before *Head) (Head, error) {
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
	if l.Pages > 0 {
		return h, nil
	}
	var err error
	h.Entries, err = EncodeEntries(l.Entries)
	return h, err
}

// License returns the license that the head begins: without its configuration,
// and without entries where they are in pages.
func (h Head) License() (*ledger.License, error) {
	l := &ledger.License{
		Revision: h.Revision, RuleVersion: h.RuleVersion, Pages: len(h.PageRevisions), Totals: h.Totals,
		Alerts: h.Alerts, Due: fromMilli(h.Due), Unsettled: h.Unsettled,
	}
	for _, ms := range h.Actions {
		l.Actions = append(l.Actions, fromMilli(ms))
	}
	if len(h.Entries) == 0 {
		return l, nil
	}
	var err error
	l.Entries, err = DecodeEntries(h.Entries, 0)
	return l, err
}

// EncodeHead packs a head.
func EncodeHead(h Head) ([]byte, error) { return cbor.Marshal(h) }

// DecodeHead unpacks a head.
func DecodeHead(data []byte) (Head, error) {
	var h Head
	if err := decoding.Unmarshal(data, &h); err != nil {
		return Head{}, fmt.Errorf("decode head: %w", err)
	}
	return h, nil
}

// PageEntries returns the entries of one page.
func PageEntries(l *ledger.License, page int) []ledger.Entry {
	var out []ledger.Entry
	for i := range l.Entries {
		if l.Entries[i].Page == page {
			out = append(out, l.Entries[i])
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
