package track

import (
	"cmp"
	"context"

	"licenseguard/shared/license"
)

// maxAncestries is how many images' whole ancestry is asked for in one batch: each is a
// call of its own. The others come with later batches, and with the sweep.
const maxAncestries = 20

// askAncestries asks for the whole chain of images of which a part is not shown to the
// account, because it is deregistered or belongs to others. The image itself must be.
func (t *Tracker) askAncestries(ctx context.Context, s Scope, images []license.ImageRef) error {
	if t.Lineage == nil {
		return nil
	}
	now, asked := t.Now(), 0
	for _, image := range images {
		chain, open := t.trace(image)
		if len(chain) == 0 || open.ID == "" || t.images.missed[open].failed || now.Before(t.images.chains[image].until) || asked == maxAncestries {
			continue
		}
		asked++
		found, err := t.Lineage.Ancestry(ctx, Scope{Account: s.Account, Region: image.Region}, image.ID)
		if err != nil {
			t.Log.WarnContext(ctx, "ancestry of an image not told: licenses do not apply beyond what is shown of it", "account", s.Account, "region", image.Region, "image", image.ID, "error", err)
			t.images.chains[image] = miss{until: now.Add(failedTime), failed: true}
			t.images.missed[open] = miss{until: now.Add(failedTime), failed: true}
			continue
		}
		t.images.chains[image] = miss{until: now.Add(absentTime)}
		if err := t.takeAncestry(ctx, image.Region, found); err != nil {
			return err
		}
	}
	return nil
}

// takeAncestry keeps what a chain tells that is not known yet. Each image is in the
// Region that the one before it was made from.
func (t *Tracker) takeAncestry(ctx context.Context, region string, chain []Image) error {
	for _, image := range chain {
		ref := license.ImageRef{ID: image.ID, Region: region}
		origin := license.Ancestor{}
		if image.SourceImage != "" {
			region = cmp.Or(image.SourceRegion, region)
			origin = license.Ancestor{ImageID: image.SourceImage, Region: region, Link: license.LinkAncestry}
		}
		if _, known := t.images.of[ref]; known {
			continue
		}
		t.images.of[ref] = origin
		if err := t.keepOrigin(ctx, ref, origin); err != nil {
			return err
		}
	}
	return nil
}
