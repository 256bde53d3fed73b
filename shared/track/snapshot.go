package track

import (
	"cmp"
	"context"
	"regexp"
	"slices"

	"licenseguard/shared/license"
)

// snapshotOrigin is what an image was made from whose description tells no source: an
// image, or the one of an instance.
type snapshotOrigin struct {
	ancestor license.Ancestor // only with its Link where there is an instance
	instance string
}

// ofSnapshot reports whether RegisterImage may have made the image of a snapshot. Only
// those of the account itself are looked into: the images of AWS and of vendors are made
// of snapshots that nobody else sees.
func ofSnapshot(image Image, s Scope) bool {
	return image.SourceImage == "" && image.SourceInstance == "" && image.Snapshot != "" && image.Owner == s.Account
}

// registered returns the origins of images that were registered from a snapshot. It
// costs nothing while there are none, else one call in two for 100 snapshots.
func (t *Tracker) registered(ctx context.Context, s Scope, found []Image) (map[string]snapshotOrigin, error) {
	var ids []string
	for _, image := range found {
		if ofSnapshot(image, s) && !slices.Contains(ids, image.Snapshot) {
			ids = append(ids, image.Snapshot)
		}
	}
	if len(ids) == 0 || t.Lineage == nil {
		return nil, nil
	}
	slices.Sort(ids)
	out := make(map[string]snapshotOrigin)
	for chunk := range slices.Chunk(ids, 100) {
		snapshots, err := t.Lineage.Snapshots(ctx, s, chunk)
		if err != nil {
			return nil, err
		}
		for _, image := range found {
			i := slices.IndexFunc(snapshots, func(snapshot Snapshot) bool { return snapshot.ID == image.Snapshot })
			if i < 0 || !ofSnapshot(image, s) {
				continue
			}
			if o, ok := originOf(image, snapshots[i], s.Region); ok {
				out[image.ID] = o
			}
		}
	}
	return out, nil
}

// originOf tells from a snapshot what an image of it was made from: the oldest other
// image that had it before, else what the description says.
func originOf(image Image, snapshot Snapshot, region string) (snapshotOrigin, bool) {
	var oldest Image
	for _, other := range snapshot.Images {
		if other.ID != image.ID && other.Created.Before(image.Created) && (oldest.ID == "" || other.Created.Before(oldest.Created)) {
			oldest = other
		}
	}
	if oldest.ID != "" {
		return snapshotOrigin{ancestor: license.Ancestor{ImageID: oldest.ID, Region: region, Link: license.LinkSnapshot}}, true
	}
	return described(image, snapshot.Description, region)
}

// What EC2 writes into the snapshots that it makes for an image, and its console before
// that for a copy of one.
var (
	createdFor = regexp.MustCompile(`^(?:\[Copied snap-[0-9a-f]{8,17} from ([a-z0-9-]{9,20})\] )?Created by CreateImage\((i-[0-9a-f]{8,17})\) for (ami-[0-9a-f]{8,17})(?: |$)`)
	copiedFor  = regexp.MustCompile(`^(?:\[Copied snap-[0-9a-f]{8,17} from ([a-z0-9-]{9,20})\] )?Copied for DestinationAmi (ami-[0-9a-f]{8,17}) from SourceAmi (ami-[0-9a-f]{8,17}) `)
)

// described reads an origin from the description of a snapshot. It names the image that
// the snapshot was made for; where that is the image itself, what that was made from.
func described(image Image, text, region string) (snapshotOrigin, bool) {
	hint := func(id, in string) (snapshotOrigin, bool) {
		return snapshotOrigin{ancestor: license.Ancestor{ImageID: id, Region: cmp.Or(in, region), Link: license.LinkDescription}}, true
	}
	if m := createdFor.FindStringSubmatch(text); m != nil {
		if m[3] != image.ID {
			return hint(m[3], m[1])
		}
		return snapshotOrigin{instance: m[2], ancestor: license.Ancestor{Link: license.LinkDescription}}, true
	}
	if m := copiedFor.FindStringSubmatch(text); m != nil {
		if m[2] != image.ID {
			return hint(m[2], m[1])
		}
		return hint(m[3], m[1])
	}
	return snapshotOrigin{}, false
}
