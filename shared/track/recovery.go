package track

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// hostsLeft tells claims of instances that the license holds on another Dedicated Host
// than they are on how EC2 describes that one now: whether it failed decides if its
// licenses go with them. It costs nothing while none has moved, else one call for each
// license.
func (t *Tracker) hostsLeft(ctx context.Context, l *ledger.License, claims []ledger.Claim) error {
	moved := moves(l, claims, t.Now())
	if len(moved) == 0 {
		return nil
	}
	asked := make(map[Scope][]string)
	for _, from := range moved {
		account, region, id := from.Parts()
		s := Scope{Account: account, Region: region}
		if !slices.Contains(asked[s], id) {
			asked[s] = append(asked[s], id)
		}
	}
	hosts := make(map[string]license.Host)
	for s, ids := range asked {
		slices.Sort(ids)
		for chunk := range slices.Chunk(ids, 100) {
			found, err := t.Observer.Hosts(ctx, s, chunk)
			if err != nil {
				return fmt.Errorf("describe the hosts that instances left: %w", err)
			}
			for _, h := range found {
				hosts[h.ID.AWSID()] = h
			}
		}
	}
	for i, from := range moved {
		c := &claims[i]
		c.Left = hosts[from.AWSID()]
		c.Left.ID = from // as the license has it, also where EC2 knows it no more, and of a host that is shared
		if c.Left.Failed() {
			if err := t.keepRecovery(ctx, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// moves returns the hosts on which the license holds instances that are claimed in use on
// another, by the number of their claim.
func moves(l *ledger.License, claims []ledger.Claim, now time.Time) map[int]license.ResourceID {
	rules, _ := l.Configuration.RulesAt(now)
	at := make(map[license.ResourceID]int)
	for i := range claims {
		c := &claims[i]
		if !c.Gone && license.OnHost(l.Configuration.CountingType, c.Instance) && license.Consumes(&rules, c.Instance.State) {
			at[c.Instance.ID] = i
		}
	}
	if len(at) == 0 {
		return nil
	}
	var out map[int]license.ResourceID
	for i := range l.Entries {
		e := &l.Entries[i]
		if e.Resource.Type() != license.EC2Host {
			continue
		}
		for j := range e.Members {
			m := &e.Members[j]
			n, claimed := at[m.Instance]
			if !claimed || claims[n].Instance.HostID == e.Resource.AWSID() || claims[n].Generation.Compare(m.Generation) < 0 {
				continue
			}
			if out == nil {
				out = make(map[int]license.ResourceID)
			}
			out[n] = e.Resource
		}
	}
	return out
}

// keepRecovery keeps on record that a host failed and which one took its place, so that
// it can be explained when EC2 tells of neither any more.
func (t *Tracker) keepRecovery(ctx context.Context, c *ledger.Claim) error {
	if t.Documents == nil {
		return nil
	}
	account, region, _ := c.Instance.ID.Parts()
	r := ledger.Recovery{From: c.Left.ID, To: license.NewResourceID(account, region, c.Instance.HostID), State: c.Left.State, Seen: c.Observed, Instance: c.Instance.ID}
	data, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode the recovery of %s: %w", r.From, err)
	}
	err = t.Documents.PutDocument(ctx, ledger.Document{Kind: ledger.HostRecovery, ID: r.ID(), Revision: 1, Data: data})
	var there *ledger.Conflict
	if err != nil && !errors.As(err, &there) { // the first instance that arrived told it
		return fmt.Errorf("keep the recovery of %s: %w", r.From, err)
	}
	return nil
}
