package track

import (
	"context"
	"encoding/json"
	"fmt"

	"licenseguard/shared/event"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// learn takes what calls tell of images that were just made. EC2 is asked first, because
// it tells an image's source for as long as the image lives; what only the record of the
// call tells, or a snapshot whose image may go, is kept. It costs nothing while no
// license has an image, else one call for the images of a batch.
func (b *batch) learn(ctx context.Context) {
	byScope := make(map[Scope][]pending)
	for _, p := range b.images {
		s := Scope{Account: p.event.Account, Region: p.event.Region}
		byScope[s] = append(byScope[s], p)
	}
	for s, made := range byScope {
		if err := b.t.learn(ctx, s, made); err != nil {
			b.t.Log.ErrorContext(ctx, "what images were made from is not kept", "account", s.Account, "region", s.Region, "error", err)
			for _, p := range made {
				if p.message.Receives < lastReceive {
					b.retry[p.message.ID] = true
				}
			}
		}
	}
}

func (t *Tracker) learn(ctx context.Context, s Scope, made []pending) error {
	if _, err := t.refresh(ctx); err != nil {
		return fmt.Errorf("read configurations: %w", err)
	}
	if !t.wantsMore(license.Instance{}) {
		return nil
	}
	if err := t.loadOrigins(ctx); err != nil {
		return err
	}
	var ids []string
	calls := make(map[string]event.Origin)
	for _, p := range made {
		id := p.hint.ID
		if _, doubled := calls[id]; doubled || t.images.of[license.ImageRef{ID: id, Region: s.Region}].ImageID != "" {
			continue
		}
		calls[id] = p.hint.From
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return nil
	}
	told, failed, err := t.describeOrigins(ctx, s, ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if failed[id] {
			return fmt.Errorf("describe image %s: EC2 did not answer", id)
		}
		origin, lasts := told[id], true
		switch origin.Link {
		case "": // nothing told, which may be because the image is so new
			if origin, err = t.originOfCall(ctx, s, calls[id]); err != nil {
				return err
			}
			lasts = origin.Link != ""
		case license.LinkImage:
			lasts = false // EC2 goes on telling
		}
		if !lasts {
			continue
		}
		image := license.ImageRef{ID: id, Region: s.Region}
		t.images.of[image] = origin
		if err := t.replaceOrigin(ctx, image, origin); err != nil {
			return err
		}
	}
	return nil
}

// originOfCall returns what the record of a call tells of the image's origin, with no
// Link if nothing.
func (t *Tracker) originOfCall(ctx context.Context, s Scope, from event.Origin) (license.Ancestor, error) {
	if from.Image != "" {
		region := from.Region
		if region == "" {
			region = s.Region
		}
		return license.Ancestor{ImageID: from.Image, Region: region, Link: license.LinkCopyCall}, nil
	}
	if from.Instance == "" {
		return license.Ancestor{}, nil
	}
	id := license.NewResourceID(s.Account, s.Region, from.Instance)
	facts, err := t.Store.LoadFacts(ctx, []license.ResourceID{id})
	if err != nil || facts[id].Instance.ImageID == "" {
		return license.Ancestor{}, err
	}
	return license.Ancestor{ImageID: facts[id].Instance.ImageID, Region: s.Region, Link: license.LinkCreateCall}, nil
}

// replaceOrigin keeps an origin, also where it is on record that none was told.
func (t *Tracker) replaceOrigin(ctx context.Context, image license.ImageRef, a license.Ancestor) error {
	if t.Documents == nil {
		return nil
	}
	d, err := t.Documents.LoadDocument(ctx, ledger.ImageOrigin, originID(image))
	if err != nil {
		return fmt.Errorf("read the origin of %s: %w", image.ID, err)
	}
	data, err := json.Marshal(originDocument{image, a})
	if err != nil {
		return fmt.Errorf("encode the origin of %s: %w", image.ID, err)
	}
	d.Kind, d.ID, d.Revision, d.Data = ledger.ImageOrigin, originID(image), d.Revision+1, data
	return t.putOrigin(ctx, image, d)
}
