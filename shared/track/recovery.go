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

// followHosts finds the failed hosts whose place the sightings' hosts took, because what
// is associated with a host is so with the one that takes its place. It costs nothing
// while no license has a host, else a read for a batch with instances on hosts, and one
// call where some moved off an associated one.
func (t *Tracker) followHosts(ctx context.Context, sightings []sighting, known map[license.ResourceID]ledger.Facts) error {
	if t.Documents == nil || !t.hasHosts() || !slices.ContainsFunc(sightings, func(s sighting) bool { return s.instance.HostID != "" }) {
		return nil
	}
	documents, err := t.Documents.Documents(ctx, ledger.HostRecovery, "")
	if err != nil {
		return fmt.Errorf("read the recoveries of hosts: %w", err)
	}
	from := make(map[license.ResourceID]license.ResourceID)
	for _, d := range documents {
		var r ledger.Recovery
		if err := json.Unmarshal(d.Data, &r); err != nil {
			t.Log.WarnContext(ctx, "the recovery of a host on record cannot be read", "document", d.ID, "error", err)
			continue
		}
		from[r.To] = r.From
	}
	healthy := make(map[string]bool)
	for i := range sightings {
		if err := t.followHost(ctx, &sightings[i], known[sightings[i].instance.ID], from, healthy); err != nil {
			return err
		}
	}
	return nil
}

// followHost does so for one sighting. from has the failed hosts by those that took
// their place, healthy those that were asked for and did not fail.
func (t *Tracker) followHost(ctx context.Context, s *sighting, before ledger.Facts, from map[license.ResourceID]license.ResourceID, healthy map[string]bool) error {
	account, region, _ := s.instance.ID.Parts()
	was, is := before.Instance.HostID, s.instance.HostID
	if s.gone || is == "" {
		return nil
	}
	to := license.NewResourceID(account, region, is)
	_, told := from[to]
	byHost := func(h license.Held) bool { return h.Kind == license.ByHost && h.Ended.IsZero() }
	if was != "" && was != is && !told && !healthy[was] && slices.ContainsFunc(before.Held, byHost) {
		left, err := t.Observer.Hosts(ctx, Scope{Account: account, Region: region}, []string{was})
		if err != nil {
			return fmt.Errorf("describe the host that %s left: %w", s.instance.ID.AWSID(), err)
		}
		healthy[was] = len(left) != 1 || !left[0].Failed()
		if !healthy[was] {
			left[0].ID = license.NewResourceID(account, region, was)
			from[to] = left[0].ID
			if err := t.keepRecovery(ctx, &ledger.Claim{Instance: s.instance, Left: left[0], Observed: s.observed}); err != nil {
				return err
			}
		}
	}
	s.replaced = nil
	for host, ok := from[to]; ok && len(s.replaced) < maxRecoveries; host, ok = from[host] {
		s.replaced = append(s.replaced, host.AWSID())
	}
	return nil
}

// maxRecoveries is how many failures in a row an association with a host survives.
const maxRecoveries = 10

func (t *Tracker) hasHosts() bool {
	return slices.ContainsFunc(t.configurations, func(c license.Configuration) bool {
		return slices.ContainsFunc(c.Associations, func(a license.Association) bool { return a.Kind == license.ByHost })
	})
}

// associate returns what applies to an instance as it was seen, also by the failed hosts
// whose place its own took.
func (t *Tracker) associate(in license.Instance, s *sighting, held []license.Held) []license.Held {
	out := license.Associate(t.configurations, in, held, s.happened)
	for _, host := range s.replaced {
		in.HostID = host
		for _, h := range license.Associate(t.configurations, in, held, s.happened) {
			if h.Kind == license.ByHost && !slices.ContainsFunc(out, func(o license.Held) bool { return o.ConfigurationID == h.ConfigurationID }) {
				out = append(out, h)
			}
		}
	}
	return out
}
