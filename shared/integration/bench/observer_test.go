package bench_test

import (
	"context"
	"sync"

	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

// inMemory is an EC2 that costs nothing: for what is measured without it.
type inMemory struct {
	mu        sync.Mutex
	instances map[string]license.Instance
	order     []string
}

func newInMemory() *inMemory { return &inMemory{instances: make(map[string]license.Instance)} }

func (o *inMemory) set(in license.Instance) {
	o.mu.Lock()
	defer o.mu.Unlock()
	id := in.ID.AWSID()
	if _, ok := o.instances[id]; !ok {
		o.order = append(o.order, id)
	}
	o.instances[id] = in
}

// Instances implements track.Observer.
func (o *inMemory) Instances(_ context.Context, _ track.Scope, ids []string) (out []license.Instance, _ error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, id := range ids {
		if in, ok := o.instances[id]; ok {
			out = append(out, in)
		}
	}
	return out, nil
}

// EachInstances implements track.Observer.
func (o *inMemory) EachInstances(_ context.Context, _ track.Scope, each func([]license.Instance) error) error {
	o.mu.Lock()
	var page []license.Instance
	for _, id := range o.order {
		page = append(page, o.instances[id])
	}
	o.mu.Unlock()
	for len(page) > 0 {
		n := min(len(page), 1000)
		if err := each(page[:n]); err != nil {
			return err
		}
		page = page[n:]
	}
	return nil
}

// Hosts implements track.Observer.
func (o *inMemory) Hosts(context.Context, track.Scope, []string) (all []license.Host, _ error) {
	for n := range hosts {
		all = append(all, license.Host{ID: license.NewResourceID(account, region, hostID(n)), State: "available", Family: "m5", Cores: 48, Sockets: 2})
	}
	return all, nil
}

// Images implements track.Observer.
func (o *inMemory) Images(context.Context, track.Scope, []string) ([]track.Image, error) {
	return nil, nil
}

// InstanceTypes implements track.Observer.
func (o *inMemory) InstanceTypes(context.Context, track.Scope, []string) ([]license.InstanceType, error) {
	return nil, nil
}
