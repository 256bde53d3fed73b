package track

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// origins is what a process knows of where images come from. An origin never
// changes, so what is known stays.
type origins struct {
	loaded bool                                  // what is on record was read
	of     map[license.ImageRef]license.Ancestor // the zero Ancestor: made from no image
	missed map[license.ImageRef]miss             // what AWS did not tell
	chains map[license.ImageRef]miss             // whose whole ancestry was asked for
}

// miss keeps an image that AWS did not tell of from being asked for in every batch.
type miss struct {
	until  time.Time
	failed bool // the call failed, rather than that there is no such image
}

const (
	// absentTime is how long an image is not asked for again that AWS does not show:
	// it is deregistered, or not shared with the account.
	absentTime = time.Hour
	// failedTime is the same after a call that failed, and shorter than the queue
	// takes to bring a message again.
	failedTime = time.Minute
)

// traceImages finds the ancestors of the images of which a configuration may want
// them, and returns the instances for which AWS could not be asked. That is no
// failure: they are recorded by what is known.
//
// It costs nothing while no configuration has an association by AMI, or each that has
// one has one with the image itself. Else what is on record is read once by a process,
// and unknown images cost one call for each generation and Region, per 100 of them,
// until each such configuration found one of its own.
func (t *Tracker) traceImages(ctx context.Context, s Scope, sightings []sighting) (untraced map[license.ResourceID]bool, err error) {
	images := t.wantedImages(sightings)
	if len(images) == 0 {
		return nil, nil
	}
	if err := t.loadOrigins(ctx); err != nil {
		return nil, err
	}
	for range license.MaxGenerations {
		open := t.openImages(images)
		if len(open) == 0 {
			break
		}
		if err := t.askOrigins(ctx, s, open); err != nil {
			return nil, err
		}
	}
	if err := t.askAncestries(ctx, s, images); err != nil {
		return nil, err
	}
	for i := range sightings {
		in := &sightings[i].instance
		image := imageOf(in)
		if _, wanted := slices.BinarySearchFunc(images, image, compareImages); !wanted {
			continue
		}
		chain, open := t.trace(image)
		in.Ancestry = chain
		if t.images.missed[open].failed {
			if untraced == nil {
				untraced = make(map[license.ResourceID]bool)
			}
			untraced[in.ID] = true
		}
	}
	return untraced, nil
}

func imageOf(in *license.Instance) license.ImageRef {
	_, region, _ := in.ID.Parts()
	return license.ImageRef{ID: in.ImageID, Region: region}
}

// wantedImages are the images of live instances whose ancestors may make a
// difference, each once, in order.
func (t *Tracker) wantedImages(sightings []sighting) []license.ImageRef {
	var out []license.ImageRef
	seen := make(map[string]bool)
	for i := range sightings {
		in := &sightings[i].instance
		if in.ImageID == "" || in.State == license.Terminated || seen[in.ImageID] {
			continue
		}
		seen[in.ImageID] = true
		if t.wantsMore(license.Instance{ImageID: in.ImageID}) {
			out = append(out, imageOf(in))
		}
	}
	return ordered(out)
}

// wantsMore reports whether a configuration has images, but neither that of the
// instance nor one of its ancestors so far.
func (t *Tracker) wantsMore(in license.Instance) bool {
	return slices.ContainsFunc(t.configurations, func(c license.Configuration) bool {
		images := false
		for _, a := range c.Associations {
			if a.Kind != license.ByAMI {
				continue
			}
			if a.Matches(in) {
				return false
			}
			images = true
		}
		return images
	})
}

// trace returns the ancestors of an image as far as they are known, and the image
// whose origin is to be asked for, if it would make a difference.
func (t *Tracker) trace(image license.ImageRef) (chain []license.Ancestor, open license.ImageRef) {
	chain, open = license.Ancestry(image, func(image license.ImageRef) (license.Ancestor, bool) {
		a, known := t.images.of[image]
		return a, known
	})
	if !t.wantsMore(license.Instance{ImageID: image.ID, Ancestry: chain}) {
		open = license.ImageRef{}
	}
	return chain, open
}

// openImages are those whose origins are to be asked for next.
func (t *Tracker) openImages(images []license.ImageRef) []license.ImageRef {
	var out []license.ImageRef
	now := t.Now()
	for _, image := range images {
		if _, open := t.trace(image); open.ID != "" && !now.Before(t.images.missed[open].until) {
			out = append(out, open)
		}
	}
	return ordered(out)
}

func ordered(images []license.ImageRef) []license.ImageRef {
	slices.SortFunc(images, compareImages)
	return slices.Compact(images)
}

func compareImages(a, b license.ImageRef) int {
	return cmp.Or(cmp.Compare(a.Region, b.Region), cmp.Compare(a.ID, b.ID))
}

// askOrigins asks AWS where images come from, Region by Region.
func (t *Tracker) askOrigins(ctx context.Context, s Scope, images []license.ImageRef) error {
	for len(images) > 0 {
		region := images[0].Region
		n := 1
		for n < len(images) && n < 100 && images[n].Region == region {
			n++
		}
		if err := t.askRegion(ctx, Scope{Account: s.Account, Region: region}, images[:n]); err != nil {
			return err
		}
		images = images[n:]
	}
	return nil
}

func (t *Tracker) askRegion(ctx context.Context, s Scope, images []license.ImageRef) error {
	ids := make([]string, len(images))
	for i := range images {
		ids[i] = images[i].ID
	}
	told, failed, err := t.describeOrigins(ctx, s, ids)
	if err != nil {
		return err
	}
	for _, image := range images {
		a, ok := told[image.ID]
		switch {
		case ok:
			t.images.of[image] = a
			if err := t.keepOrigin(ctx, image, a); err != nil {
				return err
			}
		case failed[image.ID]:
			t.images.missed[image] = miss{until: t.Now().Add(failedTime), failed: true}
		default:
			t.images.missed[image] = miss{until: t.Now().Add(absentTime)}
		}
	}
	return nil
}

// describeOrigins returns the origins that EC2 tells, and the images of which it could
// not be asked.
func (t *Tracker) describeOrigins(ctx context.Context, s Scope, ids []string) (told map[string]license.Ancestor, failed map[string]bool, err error) {
	failed = make(map[string]bool)
	fail := func(id string) { failed[id] = true }
	found, err := t.Observer.Images(ctx, s, ids)
	if err != nil {
		t.Log.WarnContext(ctx, "images not described: licenses do not apply to copies until they are", "account", s.Account, "region", s.Region, "images", ids, "error", err)
		for _, id := range ids {
			fail(id)
		}
		return nil, failed, nil
	}
	made, err := t.registered(ctx, s, found)
	if err != nil {
		t.Log.WarnContext(ctx, "snapshots not described: licenses do not apply to what was registered from them until they are", "account", s.Account, "region", s.Region, "error", err)
		found = slices.DeleteFunc(found, func(image Image) bool {
			if ofSnapshot(image, s) {
				fail(image.ID)
			}
			return ofSnapshot(image, s)
		})
	}
	told, err = t.originsOf(ctx, s, found, made)
	return told, failed, err
}

// originsOf returns the origins that descriptions tell, or made, of those registered
// from snapshots. An image that was made from an instance that is not on record is left
// out: it may come on record.
func (t *Tracker) originsOf(ctx context.Context, s Scope, found []Image, made map[string]snapshotOrigin) (map[string]license.Ancestor, error) {
	out := make(map[string]license.Ancestor, len(found))
	sources := make(map[string]license.ResourceID)
	for _, image := range found {
		if m, ok := made[image.ID]; ok && m.instance != "" {
			sources[image.ID] = license.NewResourceID(s.Account, s.Region, m.instance)
			continue
		} else if ok {
			out[image.ID] = m.ancestor
			continue
		}
		switch {
		case image.SourceImage != "":
			out[image.ID] = license.Ancestor{ImageID: image.SourceImage, Region: cmp.Or(image.SourceRegion, s.Region), Link: license.LinkImage}
		case image.SourceInstance != "":
			sources[image.ID] = license.NewResourceID(cmp.Or(image.Owner, s.Account), s.Region, image.SourceInstance)
		default:
			out[image.ID] = license.Ancestor{}
		}
	}
	if len(sources) == 0 {
		return out, nil
	}
	var ids []license.ResourceID
	for _, id := range sources {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	facts, err := t.Store.LoadFacts(ctx, slices.Compact(ids))
	if err != nil {
		return nil, err
	}
	for image, id := range sources {
		if f, ok := facts[id]; ok && f.Instance.ImageID != "" {
			out[image] = license.Ancestor{ImageID: f.Instance.ImageID, Region: s.Region, Link: cmp.Or(made[image].ancestor.Link, license.LinkInstance)}
		}
	}
	return out, nil
}

// loadOrigins reads what is on record, once.
func (t *Tracker) loadOrigins(ctx context.Context) error {
	if t.images.loaded {
		return nil
	}
	t.images.of, t.images.missed = make(map[license.ImageRef]license.Ancestor), make(map[license.ImageRef]miss)
	t.images.chains = make(map[license.ImageRef]miss)
	if t.Documents != nil {
		known, err := Origins(ctx, t.Documents, func(id string, err error) {
			t.Log.WarnContext(ctx, "the origin of an image on record cannot be read; AWS is asked again", "document", id, "error", err)
		})
		if err != nil {
			return err
		}
		t.images.of = known
	}
	t.images.loaded = true
	return nil
}

// Origins returns what is on record of where images come from; the zero Ancestor says
// that one was made from none. What cannot be read is left out, and told.
func Origins(ctx context.Context, store ledger.Documents, unreadable func(id string, err error)) (map[license.ImageRef]license.Ancestor, error) {
	documents, err := store.Documents(ctx, ledger.ImageOrigin, "")
	if err != nil {
		return nil, fmt.Errorf("read the origins of images: %w", err)
	}
	out := make(map[license.ImageRef]license.Ancestor, len(documents))
	for _, d := range documents {
		var o originDocument
		if err := json.Unmarshal(d.Data, &o); err != nil || o.Image.ID == "" {
			unreadable(d.ID, err)
			continue
		}
		out[o.Image] = o.Origin
	}
	return out, nil
}

// originDocument is an origin as it is kept: when its image is deregistered, nobody
// else tells it any more.
type originDocument struct {
	Image  license.ImageRef
	Origin license.Ancestor
}

func (t *Tracker) keepOrigin(ctx context.Context, image license.ImageRef, a license.Ancestor) error {
	if t.Documents == nil {
		return nil
	}
	data, err := json.Marshal(originDocument{image, a})
	if err != nil {
		return fmt.Errorf("encode the origin of %s: %w", image.ID, err)
	}
	return t.putOrigin(ctx, image, ledger.Document{Kind: ledger.ImageOrigin, ID: originID(image), Revision: 1, Data: data})
}

func originID(image license.ImageRef) string { return image.Region + "/" + image.ID }

func (t *Tracker) putOrigin(ctx context.Context, image license.ImageRef, d ledger.Document) error {
	err := t.Documents.PutDocument(ctx, d)
	var there *ledger.Conflict
	if err != nil && !errors.As(err, &there) { // another process found the same
		return fmt.Errorf("keep the origin of %s: %w", image.ID, err)
	}
	return nil
}

// ancestry returns the ancestors of an instance's image: those that were traced, or
// those on record where they are more. What is new although the launch was on
// record without it was found out now, so that it is taken for no launch.
func (t *Tracker) ancestry(in license.Instance, before ledger.Facts, had bool) []license.Ancestor {
	if !had || before.Instance.ImageID != in.ImageID {
		return in.Ancestry
	}
	if len(in.Ancestry) < len(before.Instance.Ancestry) {
		return before.Instance.Ancestry
	}
	out := slices.Clone(in.Ancestry)
	for i := range out {
		if a, _, ok := before.Instance.Ancestor(out[i].ImageID); ok {
			out[i].Found = a.Found
		} else if before.Generation.Launch.Equal(in.LaunchTime) {
			out[i].Found = t.Now()
		}
	}
	return out
}
