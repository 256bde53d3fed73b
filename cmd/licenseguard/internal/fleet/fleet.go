package fleet

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"licenseguard/shared/enforce"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

var (
	_ track.Observer    = (*Fleet)(nil)
	_ enforce.Instances = (*Fleet)(nil)
)

// Fleet is an account's instances and hosts in memory. It may be used by many
// goroutines.
type Fleet struct {
	// Changed is called when an instance enters a state, in the order of the
	// changes: this is where EC2 would send its event.
	Changed func(id license.ResourceID, state license.State, at time.Time)
	Now     func() time.Time

	mu        sync.Mutex
	instances map[license.ResourceID]license.Instance
	hosts     map[license.ResourceID]license.Host
	described int
}

// New returns a fleet of instances and hosts.
func New(now func() time.Time, instances []license.Instance, hosts []license.Host) *Fleet {
	f := &Fleet{Now: now, instances: make(map[license.ResourceID]license.Instance), hosts: make(map[license.ResourceID]license.Host)}
	f.Replace(instances, hosts)
	return f
}

// Replace makes the fleet what a new description says. It sends no events.
func (f *Fleet) Replace(instances []license.Instance, hosts []license.Host) {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.instances)
	clear(f.hosts)
	for _, in := range instances {
		f.instances[in.ID] = in
	}
	for _, h := range hosts {
		f.hosts[h.ID] = h
	}
}

// Set puts an instance into a state, as EC2 would, and sends the event.
func (f *Fleet) Set(in license.Instance, state license.State) {
	f.mu.Lock()
	now := f.Now().Truncate(time.Second)
	in.State = state
	switch state {
	case license.Pending:
		in.LaunchTime, in.StoppedAt = now, time.Time{}
	case license.Stopped:
		in.StoppedAt = now
	}
	f.instances[in.ID] = in
	f.mu.Unlock()
	if f.Changed != nil {
		f.Changed(in.ID, state, now)
	}
}

// Get returns an instance as it is.
func (f *Fleet) Get(id license.ResourceID) (license.Instance, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	in, ok := f.instances[id]
	return in, ok
}

// Described counts the calls that asked for instances.
func (f *Fleet) Described() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.described
}

// Instances implements track.Observer.
func (f *Fleet) Instances(_ context.Context, s track.Scope, ids []string) ([]license.Instance, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.described++
	var out []license.Instance
	for _, id := range ids {
		if in, ok := f.instances[license.NewResourceID(s.Account, s.Region, id)]; ok {
			out = append(out, in)
		}
	}
	return out, nil
}

// EachInstances implements track.Observer.
func (f *Fleet) EachInstances(_ context.Context, s track.Scope, each func([]license.Instance) error) error {
	f.mu.Lock()
	f.described++
	var all []license.Instance
	for _, in := range f.instances {
		if account, region, _ := in.ID.Parts(); account == s.Account && region == s.Region {
			all = append(all, in)
		}
	}
	f.mu.Unlock()
	// In the order in which cover goes: else each page of a large fleet takes it
	// from the page before.
	slices.SortFunc(all, func(a, b license.Instance) int {
		return cmp.Or(a.LaunchTime.Compare(b.LaunchTime), cmp.Compare(a.ID, b.ID))
	})
	for page := range slices.Chunk(all, 1000) {
		if err := each(page); err != nil {
			return err
		}
	}
	return nil
}

// Hosts implements track.Observer.
func (f *Fleet) Hosts(_ context.Context, s track.Scope, ids []string) ([]license.Host, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []license.Host
	for _, id := range ids {
		if h, ok := f.hosts[license.NewResourceID(s.Account, s.Region, id)]; ok {
			out = append(out, h)
		}
	}
	return out, nil
}

// Images implements track.Observer: a listing of instances tells nothing of images.
func (*Fleet) Images(context.Context, track.Scope, []string) ([]track.Image, error) { return nil, nil }

// InstanceTypes implements track.Observer: without AWS nothing can be looked up.
func (f *Fleet) InstanceTypes(context.Context, track.Scope, []string) ([]license.InstanceType, error) {
	return nil, nil
}

// Look implements enforce.Instances.
func (f *Fleet) Look(_ context.Context, s track.Scope, id string) (license.Instance, bool, error) {
	in, ok := f.Get(license.NewResourceID(s.Account, s.Region, id))
	return in, ok, nil
}

// Tag implements enforce.Instances.
func (f *Fleet) Tag(_ context.Context, s track.Scope, id string, tags map[string]string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := license.NewResourceID(s.Account, s.Region, id)
	in, ok := f.instances[key]
	if !ok {
		return fmt.Errorf("tag %s: %w", id, enforce.ErrGone)
	}
	merged := make(map[string]string, len(in.Tags)+len(tags))
	maps.Copy(merged, in.Tags)
	maps.Copy(merged, tags)
	in.Tags = merged
	f.instances[key] = in
	return nil
}

// Untag implements enforce.Instances.
func (f *Fleet) Untag(_ context.Context, s track.Scope, id string, keys []string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := license.NewResourceID(s.Account, s.Region, id)
	in, ok := f.instances[key]
	if !ok {
		return fmt.Errorf("untag %s: %w", id, enforce.ErrGone)
	}
	in.Tags = maps.Clone(in.Tags)
	for _, k := range keys {
		delete(in.Tags, k)
	}
	f.instances[key] = in
	return nil
}

// Start implements enforce.Instances.
func (f *Fleet) Start(_ context.Context, s track.Scope, id string) error {
	in, ok := f.Get(license.NewResourceID(s.Account, s.Region, id))
	switch {
	case !ok:
		return fmt.Errorf("start %s: %w", id, enforce.ErrGone)
	case in.State == license.Stopping:
		return fmt.Errorf("start %s: %w", id, enforce.ErrNotYet)
	case in.State == license.Stopped:
		f.Set(in, license.Pending)
		in, _ = f.Get(in.ID)
		f.Set(in, license.Running)
	}
	return nil
}

// Stop implements enforce.Instances.
func (f *Fleet) Stop(_ context.Context, s track.Scope, id string) error {
	in, ok := f.Get(license.NewResourceID(s.Account, s.Region, id))
	switch {
	case !ok:
		return fmt.Errorf("stop %s: %w", id, enforce.ErrGone)
	case in.State == license.Pending:
		return fmt.Errorf("stop %s: %w", id, enforce.ErrNotYet)
	case in.State == license.Running:
		f.Set(in, license.Stopping)
		in, _ = f.Get(in.ID)
		f.Set(in, license.Stopped)
	}
	return nil
}
