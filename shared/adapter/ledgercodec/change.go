package ledgercodec

import (
	"fmt"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// EncodeChange packs a change.
func EncodeChange(change *ledger.Change) ([]byte, error) {
	c := newWriter()
	c.change(change)
	data, err := c.bytes()
	if err != nil {
		return nil, fmt.Errorf("encode change: %w", err)
	}
	return data, nil
}

// DecodeChange unpacks a change.
func DecodeChange(data []byte) (*ledger.Change, error) {
	c, err := newReader(data)
	if err != nil {
		return nil, fmt.Errorf("decode change: %w", err)
	}
	var change ledger.Change
	c.change(&change)
	if err := c.end(); err != nil {
		return nil, fmt.Errorf("decode change: %w", err)
	}
	return &change, nil
}

func (c *columns) change(v *ledger.Change) {
	t := c.table()
	t.next()
	t.head(v)
	t.done()
	t = c.table()
	for i := range v.Deltas {
		t.next()
		t.delta(&v.Deltas[i])
	}
	t.done()
	t = c.table()
	for i := range v.Deltas {
		t.violations(v.Deltas[i].Broken)
	}
	t.done()
	t = c.table()
	for i := range v.Alerts {
		a := &v.Alerts[i]
		t.next()
		text(t, &a.ID)
		text(t, &a.Kind)
		t.int(&a.Threshold)
		t.int(&a.Stops)
		t.int(&a.Tags)
		text(t, &a.Why)
		list(t, &a.Resources)
	}
	t.done()
	t = c.table()
	for i := range v.Alerts {
		for j := range v.Alerts[i].Resources {
			t.next()
			t.id(&v.Alerts[i].Resources[j], "")
		}
	}
	t.done()
}

func (t *table) head(v *ledger.Change) {
	text(t, &v.License)
	text(t, &v.ARN)
	text(t, &v.Name)
	text(t, &v.Counting)
	counts := v.Count != nil
	t.bool(&counts)
	count := int64(0)
	if v.Count != nil {
		count = *v.Count
	}
	t.number(&count)
	if t.reading && counts {
		v.Count = &count
	}
	t.bool(&v.Hard)
	text(t, &v.Mode)
	text(t, &v.Status)
	t.time(&v.Expiry)
	t.number(&v.Revision)
	t.time(&v.Recorded)
	text(t, &v.Reason)
	text(t, &v.By)
	t.totals(&v.Before)
	t.totals(&v.After)
	list(t, &v.Deltas)
	list(t, &v.Alerts)
	addedText(t, &v.Vendor)
	addedText(t, &v.What)
}

func (t *table) totals(v *ledger.Totals) {
	t.number(&v.Running)
	t.number(&v.Stopped)
	t.number(&v.Affinity)
	t.number(&v.Reserved)
	t.number(&v.Covered)
	t.number(&v.Over)
	t.number(&v.Broken)
	t.number(&v.Estimated)
	t.number(&v.Instances)
	t.number(&v.Hosts)
}

func (t *table) delta(d *ledger.Delta) {
	t.id(&d.Instance, "")
	t.id(&d.Resource, d.Instance)
	t.time(&d.Generation.Launch)
	t.int(&d.Generation.Rank)
	text(t, &d.State)
	t.eventID(&d.EventID)
	t.timeAfter(&d.Happened, d.Generation.Launch)
	t.number((*int64)(&d.Uncertainty))
	text(t, &d.From)
	text(t, &d.To)
	text(t, &d.Cause)
	t.number(&d.Licenses)
	t.number(&d.Before)
	t.explanation(&d.Explanation)
	t.bool(&d.Estimated)
	text(t, &d.Association)
	t.int(&d.RuleVersion)
	text(t, &d.Answer.Action)
	text(t, &d.Answer.Mode)
	t.timeAfter(&d.Answer.NotBefore, d.Generation.Launch)
	text(t, &d.Answer.Why)
	text(t, &d.Answer.Plan)
	text(t, &d.Action)
	list(t, &d.Broken)
	t.added(&d.Explanation.Instances)
}

func (t *table) explanation(e *license.Explanation) {
	text(t, &e.Counting)
	text(t, &e.Type)
	t.bool(&e.OnHost)
	text(t, &e.Source)
	t.number(&e.ThreadsPerCore)
	t.number(&e.Units)
	t.number(&e.PerSocket)
	t.number(&e.Sockets)
	t.number(&e.Ratio)
	t.number(&e.PerUnit)
	t.number(&e.Minimum)
	t.number(&e.Pack)
	t.number(&e.Licenses)
}
