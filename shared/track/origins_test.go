package track_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"licenseguard/events"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

const snapshot = "snap-0123456789abcdef0"

// lineage is the way of an instance's image as explain tells it.
func (f *fixture) lineage(id string) string {
	f.t.Helper()
	facts := f.onRecord(id)
	return strings.Join(facts.Instance.Lineage(), "\n")
}

// TestChainThroughAnImageThatIsNotShown: a link that belongs to another account, or is
// deregistered, breaks no chain where EC2 tells the whole of it: one call more, once.
func TestChainThroughAnImageThatIsNotShown(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.copies()
	f.Lineage = f.cloud
	delete(f.cloud.images, license.ImageRef{ID: second, Region: abroad})
	f.cloud.chains = map[license.ImageRef][]track.Image{{ID: third, Region: region}: {
		{ID: third, SourceImage: second, SourceRegion: abroad}, {ID: second, SourceImage: image, SourceRegion: abroad}, {ID: image}}}
	var bodies []string
	for i := range 30 {
		bodies = append(bodies, f.launch(fmt.Sprintf("i-%017x", i), third))
	}
	f.now = f.now.Add(5 * time.Second)
	if r := f.handle(1, bodies...); r.Handled != 30 || len(r.Retry) != 0 {
		t.Errorf("report %+v", r)
	}
	f.want("in the same batch", 60)
	if want := []license.ImageRef{{ID: third, Region: region}}; !slices.Equal(f.cloud.chainsAsk, want) {
		t.Errorf("asked for the ancestry of %v, want %v", f.cloud.chainsAsk, want)
	}
	id := fmt.Sprintf("i-%017x", 7)
	want := "image " + third + "\nmade from " + second + " in eu-west-1 (DescribeImages SourceImageId)\nmade from " + image + " in eu-west-1 (GetImageAncestry)"
	if got := f.lineage(id); got != want || f.member(id).Late {
		t.Errorf("lineage\n%s\nwant\n%s; late %v", got, want, f.member(id).Late)
	}
	f.cloud.asked, f.cloud.chainsAsk = nil, nil
	f.fresh()
	f.handle(1, f.launch("i-0000000000000aaaa", third))
	f.want("by another process", 62)
	if len(f.cloud.asked)+len(f.cloud.chainsAsk) > 0 {
		t.Errorf("asked again for %v, %v", f.cloud.asked, f.cloud.chainsAsk)
	}
}

// TestAncestryIsAskedSparingly: only for chains that break, once an hour, of twenty
// images a batch; and a call that fails is tried again with its message.
func TestAncestryIsAskedSparingly(t *testing.T) {
	t.Parallel()
	broken := func(t *testing.T, n int) (*fixture, []string) {
		f := newFixture(t)
		f.Lineage, f.Documents = f.cloud, f.store
		f.cloud.images = make(map[license.ImageRef]track.Image)
		var bodies []string
		for i := range n {
			ref := license.ImageRef{ID: fmt.Sprintf("ami-%017x", i), Region: region}
			f.cloud.images[ref] = track.Image{ID: ref.ID, Owner: account, SourceImage: fmt.Sprintf("ami-%017x", 1000+i), SourceRegion: abroad}
			bodies = append(bodies, f.launch(fmt.Sprintf("i-%017x", i), ref.ID))
		}
		f.now = f.now.Add(5 * time.Second)
		return f, bodies
	}
	t.Run("a chain that nobody tells", func(t *testing.T) {
		t.Parallel()
		f, bodies := broken(t, 1)
		for _, after := range []struct {
			time.Duration
			asked int
		}{{0, 1}, {time.Minute, 1}, {time.Hour, 2}} {
			f.now = f.now.Add(after.Duration)
			f.handle(1, bodies...)
			if len(f.cloud.chainsAsk) != after.asked {
				t.Errorf("%s later: asked %d times, want %d", after.Duration, len(f.cloud.chainsAsk), after.asked)
			}
		}
		f.want("not counted", 0)
	})
	t.Run("many", func(t *testing.T) {
		t.Parallel()
		f, bodies := broken(t, 25)
		f.handle(1, bodies...)
		if len(f.cloud.chainsAsk) != 20 {
			t.Errorf("asked %d times, want 20", len(f.cloud.chainsAsk))
		}
		f.handle(1, bodies...)
		if len(f.cloud.chainsAsk) != 25 {
			t.Errorf("asked %d times by two batches, want 25", len(f.cloud.chainsAsk))
		}
	})
	t.Run("a call that fails", func(t *testing.T) {
		t.Parallel()
		f, bodies := broken(t, 1)
		f.cloud.moreFail = errors.New("throttled")
		if r := f.handle(1, bodies...); len(r.Retry) != 1 {
			t.Errorf("report %+v, want a retry", r)
		}
		f.cloud.moreFail = nil
		ref := license.ImageRef{ID: fmt.Sprintf("ami-%017x", 0), Region: region}
		f.cloud.chains = map[license.ImageRef][]track.Image{ref: {{ID: ref.ID, SourceImage: fmt.Sprintf("ami-%017x", 1000), SourceRegion: abroad},
			{ID: fmt.Sprintf("ami-%017x", 1000), SourceImage: image, SourceRegion: region}}}
		f.now = f.now.Add(2 * time.Minute)
		if r := f.handle(2, bodies...); len(r.Retry) != 0 {
			t.Errorf("report %+v", r)
		}
		f.want("then", 2)
	})
	t.Run("an image that is not shown itself", func(t *testing.T) {
		t.Parallel()
		f, bodies := broken(t, 1)
		clear(f.cloud.images)
		f.handle(1, bodies...)
		if len(f.cloud.chainsAsk) != 0 {
			t.Errorf("asked for %v", f.cloud.chainsAsk)
		}
	})
}

// TestRegisteredFromASnapshot: an image that RegisterImage made of a snapshot is that
// which had the snapshot before, or which EC2's description of it names. A description
// is a hint: what it makes of a launch is counted, and a person's to answer.
func TestRegisteredFromASnapshot(t *testing.T) {
	t.Parallel()
	made := start.Add(-time.Hour)
	had := func(id string, at time.Time) track.Image { return track.Image{ID: id, Owner: account, Created: at} }
	for _, test := range []struct {
		name     string
		snapshot track.Snapshot
		deployed int64
		link     string
		cause    ledger.Cause
	}{
		{"the associated image had it", track.Snapshot{Images: []track.Image{had(third, made), had(fourth, made.Add(-time.Hour)), had(image, made.Add(-24*time.Hour))}}, 2, "DescribeImages, with the same snapshot before", ledger.ByLaunch},
		{"another image had it since", track.Snapshot{Images: []track.Image{had(third, made), had(image, made.Add(time.Hour))}}, 0, "", ""},
		{"the description names it", track.Snapshot{Description: "Created by CreateImage(" + oneID + ") for " + image + " from vol-0123456789abcdef0"}, 2, "DescribeSnapshots Description, a hint", ledger.ByChange},
		{"a copy of such", track.Snapshot{Description: "[Copied snap-0fffffffffffffff1 from eu-west-1] Created by CreateImage(" + oneID + ") for " + image}, 2, "DescribeSnapshots Description, a hint", ledger.ByChange},
		{"the snapshot of a copied image", track.Snapshot{Description: "Copied for DestinationAmi " + image + " from SourceAmi " + fourth + " for SourceSnapshot snap-0fffffffffffffff1. Task created on 1,790,000,000,000."}, 2, "DescribeSnapshots Description, a hint", ledger.ByChange},
		{"the image itself is the copy", track.Snapshot{Description: "Copied for DestinationAmi " + third + " from SourceAmi " + image + " for SourceSnapshot snap-0fffffffffffffff1."}, 2, "DescribeSnapshots Description, a hint", ledger.ByChange},
		{"a text that only mentions it", track.Snapshot{Description: "not Created by CreateImage(" + oneID + ") for " + image}, 0, "", ""},
		{"a longer id", track.Snapshot{Description: "Created by CreateImage(" + oneID + ") for " + image + "ffff"}, 0, "", ""},
		{"no word", track.Snapshot{}, 0, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.Lineage, f.Documents = f.cloud, f.store
			none := int64(0)
			if _, err := f.Configure(t.Context(), license.Configuration{ID: "lic-a", Name: "A", CountingType: license.CountVCPU, Count: &none, HardLimit: true,
				Associations: []license.Association{{Kind: license.ByAMI, Value: image}}}, "test"); err != nil {
				t.Fatal(err)
			}
			f.now = f.now.Add(time.Minute)
			f.cloud.images = map[license.ImageRef]track.Image{{ID: third, Region: region}: {ID: third, Owner: account, Snapshot: snapshot, Created: made}}
			test.snapshot.ID = snapshot
			f.cloud.snapshots = map[string]track.Snapshot{snapshot: test.snapshot}
			body := f.launch("i-0000000000000aaaa", third)
			f.now = f.now.Add(5 * time.Second)
			f.handle(1, body)
			f.want("counted", test.deployed)
			if test.deployed == 0 {
				return
			}
			if got := f.lineage("i-0000000000000aaaa"); !strings.HasSuffix(got, "("+test.link+")") {
				t.Errorf("lineage %s, want %s", got, test.link)
			}
			if m := f.member("i-0000000000000aaaa"); m.Cause != test.cause {
				t.Errorf("over by %q, want %q", m.Cause, test.cause)
			}
			f.handle(1, f.launch("i-0000000000000bbbb", third))
			if f.cloud.snapsAsk != 1 {
				t.Errorf("asked for snapshots %d times, want once", f.cloud.snapsAsk)
			}
		})
	}
	t.Run("a vendor's image costs no call", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.Lineage = f.cloud
		f.cloud.images = map[license.ImageRef]track.Image{{ID: third, Region: region}: {ID: third, Owner: owner, Snapshot: snapshot}}
		f.handle(1, f.launch("i-0000000000000aaaa", third))
		if f.cloud.snapsAsk != 0 {
			t.Errorf("asked for snapshots %d times", f.cloud.snapsAsk)
		}
	})
	t.Run("a call that fails is tried again", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.Lineage, f.cloud.moreFail = f.cloud, errors.New("throttled")
		f.cloud.images = map[license.ImageRef]track.Image{{ID: third, Region: region}: {ID: third, Owner: account, Snapshot: snapshot}}
		if r := f.handle(1, f.launch("i-0000000000000aaaa", third)); len(r.Retry) != 1 {
			t.Errorf("report %+v, want a retry", r)
		}
	})
}

// imageCall is CloudTrail's record as AWS sends it, of this account and Region, of the
// third image.
func imageCall(t *testing.T, name string, replace ...string) string {
	t.Helper()
	body, err := events.Read("cloudtrail/" + name)
	if err != nil {
		t.Fatal(err)
	}
	pairs := append([]string{"us-west-2", region, "ami-0abcdef1234567890", third}, replace...)
	return strings.NewReplacer(pairs...).Replace(string(body))
}

// TestCallsThatMakeImages: the record of a call is kept where EC2 lacks the source, so
// that a launch is counted when the source, or the image, is long gone.
func TestCallsThatMakeImages(t *testing.T) {
	t.Parallel()
	described := license.ImageRef{ID: third, Region: region}
	for _, test := range []struct {
		name  string
		call  func(t *testing.T) string
		cloud func(f *fixture)
		link  string // "": nothing is kept
	}{
		{"a copy that EC2 tells of", func(t *testing.T) string { return imageCall(t, "copy-image", "ami-0aaaaaaaaaaaaaaa1", image) },
			func(f *fixture) {
				f.cloud.images[described] = track.Image{ID: third, Owner: account, SourceImage: image, SourceRegion: region}
			}, ""},
		{"a copy that EC2 does not tell of", func(t *testing.T) string {
			return imageCall(t, "copy-image", "us-east-1", "us-east-1", "ami-0aaaaaaaaaaaaaaa1", image)
		},
			func(f *fixture) { f.cloud.images[described] = track.Image{ID: third, Owner: account} }, "CloudTrail CopyImage"},
		{"a copy that is not shown yet", func(t *testing.T) string { return imageCall(t, "copy-image", "ami-0aaaaaaaaaaaaaaa1", image) },
			func(*fixture) {}, "CloudTrail CopyImage"},
		{"of an instance on record", func(t *testing.T) string { return imageCall(t, "create-image", "i-1234567890abcdef0", oneID) },
			func(f *fixture) { f.handle(1, f.launch(oneID, image)); f.terminate(oneID) }, "CloudTrail CreateImage, of an instance on record"},
		{"of an instance that nobody knows", func(t *testing.T) string { return imageCall(t, "create-image") }, func(*fixture) {}, ""},
		{"of a snapshot", func(t *testing.T) string { return imageCall(t, "register-image") },
			func(f *fixture) {
				f.cloud.images[described] = track.Image{ID: third, Owner: account, Snapshot: snapshot, Created: start}
				f.cloud.snapshots = map[string]track.Snapshot{snapshot: {ID: snapshot, Images: []track.Image{{ID: image, Created: start.Add(-time.Hour)}}}}
			}, "DescribeImages, with the same snapshot before"},
		{"deregistered", func(t *testing.T) string { return imageCall(t, "deregister-image") }, func(*fixture) {}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.Lineage, f.Documents = f.cloud, f.store
			f.cloud.images = make(map[license.ImageRef]track.Image)
			test.cloud(f)
			body := test.call(t)
			if r := f.handle(1, body, body); r.Handled != 2 || len(r.Retry) != 0 {
				t.Errorf("report %+v", r)
			}
			documents, err := f.store.Documents(t.Context(), ledger.ImageOrigin, region+"/"+third)
			if err != nil || len(documents) == 1 != (test.link != "") {
				t.Fatalf("%d origins on record, %v", len(documents), err)
			}
			if test.link == "" {
				return
			}
			clear(f.cloud.images) // all are deregistered
			clear(f.cloud.snapshots)
			f.fresh()
			f.handle(1, f.launch("i-0000000000000aaaa", third))
			f.want("a launch from it", 2)
			if got := f.lineage("i-0000000000000aaaa"); !strings.HasSuffix(got, "("+test.link+")") {
				t.Errorf("lineage %s, want %s", got, test.link)
			}
		})
	}
	t.Run("without a license by image nothing is asked or kept", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.Lineage, f.Documents = f.cloud, f.store
		count := int64(1)
		if _, err := f.Configure(t.Context(), license.Configuration{ID: "lic-a", Name: "A", CountingType: license.CountVCPU, Count: &count,
			Associations: []license.Association{{Kind: license.ByTag, Value: "a=b"}}}, "test"); err != nil {
			t.Fatal(err)
		}
		f.handle(1, imageCall(t, "copy-image", "ami-0aaaaaaaaaaaaaaa1", image))
		if documents, _ := f.store.Documents(t.Context(), ledger.ImageOrigin, ""); len(documents)+len(f.cloud.asked) != 0 {
			t.Errorf("%d on record, asked for %v", len(documents), f.cloud.asked)
		}
	})
	t.Run("while EC2 does not answer the message comes again", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.Lineage, f.Documents, f.cloud.imageFail = f.cloud, f.store, errors.New("throttled")
		if r := f.handle(1, imageCall(t, "copy-image", "ami-0aaaaaaaaaaaaaaa1", image)); len(r.Retry) != 1 {
			t.Errorf("report %+v, want a retry", r)
		}
	})
}

// terminate ends an instance; its facts stay on record.
func (f *fixture) terminate(id string) {
	f.now = f.now.Add(time.Minute)
	in := f.cloud.instances[id]
	f.set(id, license.Terminated, in.LaunchTime)
	f.handle(1, stateEvent(id, "terminated", f.now))
}
