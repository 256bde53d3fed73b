package registrar

import (
	"context"
	"errors"
	"maps"
	"slices"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

// OnRecord observes nothing: it answers from the ledger, which is as much as a change
// of a license needs. The next event or sweep brings what is newer.
type OnRecord struct{ Store ledger.Resources }

var (
	_ track.Observer = OnRecord{}

	errNotObserved = errors.New("a change of a license does not observe instances; a sweep does")
)

// Instances implements track.Observer.
func (OnRecord) Instances(context.Context, track.Scope, []string) ([]license.Instance, error) {
	return nil, errNotObserved
}

// EachInstances implements track.Observer.
func (OnRecord) EachInstances(context.Context, track.Scope, func([]license.Instance) error) error {
	return errNotObserved
}

// Hosts implements track.Observer.
func (o OnRecord) Hosts(ctx context.Context, s track.Scope, ids []string) ([]license.Host, error) {
	found := make(map[license.ResourceID]license.Host)
	err := o.Store.EachFacts(ctx, s.Account, s.Region, func(f ledger.Facts) error {
		if f.Host.ID != "" && slices.Contains(ids, f.Host.ID.AWSID()) {
			found[f.Host.ID] = f.Host
		}
		return nil
	})
	return slices.Collect(maps.Values(found)), err
}

// Images implements track.Observer: what is on record of images is read without it.
func (OnRecord) Images(context.Context, track.Scope, []string) ([]track.Image, error) {
	return nil, nil
}

// InstanceTypes implements track.Observer. A type that is new since the last sweep is
// counted as that one counted it.
func (OnRecord) InstanceTypes(context.Context, track.Scope, []string) ([]license.InstanceType, error) {
	return nil, errNotObserved
}
