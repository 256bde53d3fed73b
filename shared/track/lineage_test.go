package track_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

// The images of these tests, each made from the one before it, on its way through
// accounts and Regions; the first is the associated one.
const (
	second = "ami-0bbbbbbbbbbbbbbb2"
	third  = "ami-0ccccccccccccccc3"
	fourth = "ami-0ddddddddddddddd4"
	abroad = "eu-west-1"
	owner  = "999999999999" // of the associated image
)

// copies makes third a copy of second, which is one of the associated image. AWS
// tells each where it is.
func (f *fixture) copies() {
	f.cloud.images = map[license.ImageRef]track.Image{
		{ID: third, Region: region}:  {ID: third, Owner: account, SourceImage: second, SourceRegion: abroad},
		{ID: second, Region: abroad}: {ID: second, Owner: account, SourceImage: image, SourceRegion: abroad},
		{ID: image, Region: abroad}:  {ID: image, Owner: owner},
	}
	f.Documents = f.store
}

func (f *fixture) launch(id, image string) string {
	f.set(id, license.Running, f.now)
	in := f.cloud.instances[id]
	in.ImageID = image
	f.cloud.instances[id] = in
	return stateEvent(id, "running", f.now)
}

func (f *fixture) onRecord(id string) ledger.Facts {
	f.t.Helper()
	full := license.NewResourceID(account, region, id)
	facts, err := f.store.LoadFacts(f.t.Context(), []license.ResourceID{full})
	if err != nil {
		f.t.Fatal(err)
	}
	return facts[full]
}

func (f *fixture) member(id string) ledger.Member {
	f.t.Helper()
	l, err := f.store.Load(f.t.Context(), "lic-a")
	if err != nil {
		f.t.Fatal(err)
	}
	for i := range l.Entries {
		for _, m := range l.Entries[i].Members {
			if m.Instance.AWSID() == id {
				return m
			}
		}
	}
	return ledger.Member{}
}

// fresh is the tracker of another process on the same ledger.
func (f *fixture) fresh() {
	f.Tracker = &track.Tracker{Store: f.store, Documents: f.Documents, Observer: f.cloud, Lineage: f.Lineage, DeadLetters: f.graves, Catalog: f.Catalog,
		Accounts: f.Accounts, Regions: []string{region}, Now: f.Now, Wait: f.Wait, Log: f.Log}
}

// TestCopyOfACopyIsCountedInTheBatch: launches from a copy of a copy of an associated
// image of another account and Region are counted at once, by the launch, and 100 of
// them cost one call for each generation.
func TestCopyOfACopyIsCountedInTheBatch(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.copies()
	var bodies []string
	for i := range 100 {
		bodies = append(bodies, f.launch(fmt.Sprintf("i-%017x", i), third))
	}
	f.now = f.now.Add(5 * time.Second)
	r := f.handle(1, bodies...)
	if r.Handled != 100 || len(r.Retry) != 0 || f.cloud.looks != 1 {
		t.Errorf("%d looks, report %+v; want 1 look and 100 handled", f.cloud.looks, r)
	}
	f.want("after the batch", 200)
	if got := fmt.Sprint(f.cloud.asked); got != fmt.Sprint([][]license.ImageRef{{{ID: third, Region: region}}, {{ID: second, Region: abroad}}}) {
		t.Errorf("asked for images %v", got)
	}
	id := fmt.Sprintf("i-%017x", 7)
	facts, m := f.onRecord(id), f.member(id)
	if len(facts.Held) != 1 || facts.Held[0].Value != image || !facts.Held[0].Since.Equal(facts.Instance.LaunchTime) || m.Late || m.Value != image {
		t.Errorf("held %+v, member %+v; want by %s since the launch, and not late", facts.Held, m, image)
	}
	want := "image " + third + "\nmade from " + second + " in eu-west-1 (DescribeImages SourceImageId)\n" +
		"made from " + image + " in eu-west-1 (DescribeImages SourceImageId)"
	if got := strings.Join(facts.Instance.Lineage(), "\n"); got != want {
		t.Errorf("lineage\n%s\nwant\n%s", got, want)
	}

	f.cloud.asked = nil
	f.handle(1, f.launch("i-0000000000000aaaa", third))
	f.fresh()
	f.handle(1, f.launch("i-0000000000000bbbb", third))
	f.handle(1, bodies...)
	if len(f.cloud.asked) != 0 {
		t.Errorf("asked again for %v of which all is known, also to a new process", f.cloud.asked)
	}
	f.want("after two more", 204)
}

// TestOverrunByACopyIsByLaunch: what is answered by itself is so for a copy, too, if
// its lineage was known with the launch; else only a person answers it.
func TestOverrunByACopyIsByLaunch(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		fail  error
		cause ledger.Cause
	}{{"known with the launch", nil, ledger.ByLaunch}, {"found out after it", errors.New("throttled"), ledger.ByChange}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			none := int64(0)
			if _, err := f.Configure(t.Context(), license.Configuration{ID: "lic-a", Name: "A", CountingType: license.CountVCPU, Count: &none, HardLimit: true,
				Associations: []license.Association{{Kind: license.ByAMI, Value: image}}}, "test"); err != nil {
				t.Fatal(err)
			}
			f.now = f.now.Add(time.Minute)
			f.copies()
			f.cloud.imageFail = test.fail
			body := f.launch(oneID, third)
			r := f.handle(1, body)
			if test.fail != nil {
				if len(r.Retry) != 1 || f.deployed() != 0 {
					t.Fatalf("report %+v, %d deployed; want the message again, and nothing yet", r, f.deployed())
				}
				f.cloud.imageFail = nil
				f.now = f.now.Add(6 * time.Minute)
				r = f.handle(2, body)
			}
			if len(r.Retry) != 0 {
				t.Errorf("report %+v, want no retry", r)
			}
			f.want("counted", 2)
			if m := f.member(oneID); m.Cause != test.cause {
				t.Errorf("cause %q, want %q", m.Cause, test.cause)
			}
			f.now = f.now.Add(time.Hour)
			if _, err := f.Sweep(t.Context(), home); err != nil {
				t.Fatal(err)
			}
			if m := f.member(oneID); m.Cause != test.cause || m.Late != (test.fail != nil) {
				t.Errorf("after a sweep %+v, want cause %q still", m, test.cause)
			}
			// A restart is a launch that knew the limit, however the lineage was found.
			f.now = f.now.Add(time.Hour)
			f.handle(1, f.launch(oneID, third))
			if m := f.member(oneID); m.Late {
				t.Errorf("after a restart %+v, want not late", m)
			}
		})
	}
}

// TestStartOfWhatWasStopped: a start that comes with the lineage is by launch, although
// an earlier launch was recorded without it.
func TestStartOfWhatWasStopped(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.handle(1, f.launch(oneID, third))
	f.want("AWS does not show the image", 0)
	f.copies()
	f.now = f.now.Add(2 * time.Hour)
	body := f.launch(oneID, third)
	f.now = f.now.Add(5 * time.Second)
	f.handle(1, body)
	f.want("started", 2)
	if m := f.member(oneID); m.Late {
		t.Errorf("late: %+v", m)
	}
}

// TestLicensesOfDifferentGenerations: what one license has found is not enough for
// another one that looks further back, nor for one that comes later.
func TestLicensesOfDifferentGenerations(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.copies()
	configure := func(id, image string) {
		if _, err := f.Configure(t.Context(), license.Configuration{ID: id, Name: id, CountingType: license.CountInstance,
			Associations: []license.Association{{Kind: license.ByAMI, Value: image}}}, "test"); err != nil {
			t.Fatal(err)
		}
		f.now = f.now.Add(time.Minute)
	}
	f.cloud.images[license.ImageRef{ID: image, Region: abroad}] = track.Image{ID: image, SourceImage: fourth}
	configure("lic-b", second)
	f.handle(1, f.launch(oneID, third))
	held := func() (out []string) {
		for _, h := range f.onRecord(oneID).Held {
			out = append(out, h.ConfigurationID+" "+h.Value)
		}
		return out
	}
	if got, want := held(), []string{"lic-a " + image, "lic-b " + second}; !slices.Equal(got, want) || len(f.cloud.asked) != 2 {
		t.Errorf("held %q by %d calls, want %q by 2", got, len(f.cloud.asked), want)
	}
	configure("lic-c", fourth)
	if got, want := held(), []string{"lic-a " + image, "lic-b " + second, "lic-c " + fourth}; !slices.Equal(got, want) || len(f.cloud.asked) != 3 {
		t.Errorf("held %q by %d calls, want %q by 3", got, len(f.cloud.asked), want)
	}
	in := f.onRecord(oneID).Instance
	if a, _, ok := in.Ancestor(fourth); !ok || a.Found.IsZero() {
		t.Error("what was found out after the launch does not say so")
	}
}

// TestImagesThatCannotBeAsked: the message comes again, but not for ever.
func TestImagesThatCannotBeAsked(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cloud.imageFail = errors.New("not authorized")
	body := f.launch(oneID, third)
	for receives, want := range map[int]int{1: 1, 2: 1, 3: 0, 4: 0} {
		if r := f.handle(receives, body); len(r.Retry) != want || r.Buried != 0 {
			t.Errorf("receive %d: report %+v, want %d retries", receives, r, want)
		}
	}
	if len(f.cloud.asked) != 1 {
		t.Errorf("asked %d times within a minute, want once", len(f.cloud.asked))
	}
	if f.onRecord(oneID).Instance.ID == "" {
		t.Error("the instance is not on record")
	}
}

// TestAnotherImage: an instance whose root was replaced by another image has the
// ancestors of that one only.
func TestAnotherImage(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.copies()
	f.handle(1, f.launch(oneID, third))
	f.handle(1, f.launch(oneID, fourth))
	if a := f.onRecord(oneID).Instance.Ancestry; a != nil {
		t.Errorf("ancestors of the image before: %+v", a)
	}
}

// TestImagesOfSeveralRegions: each generation is one call for each Region.
func TestImagesOfSeveralRegions(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.copies()
	const fifth = "ami-0eeeeeeeeeeeeeee5"
	f.cloud.images[license.ImageRef{ID: fourth, Region: region}] = track.Image{ID: fourth, SourceImage: fifth}
	f.cloud.images[license.ImageRef{ID: fifth, Region: region}] = track.Image{ID: fifth, SourceImage: image}
	f.handle(1, f.launch(oneID, third), f.launch("i-0000000000000aaaa", fourth))
	f.want("both", 4)
	want := fmt.Sprint([][]license.ImageRef{{{ID: third, Region: region}, {ID: fourth, Region: region}},
		{{ID: second, Region: abroad}}, {{ID: fifth, Region: region}}})
	if got := fmt.Sprint(f.cloud.asked); got != want {
		t.Errorf("asked %s\nwant  %s", got, want)
	}
}

// TestImagesAreNotAskedInVain: no call where no license has an image, where each has
// this one, or where AWS did not know it lately.
func TestImagesAreNotAskedInVain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.Documents = f.store
	f.handle(1, f.launch(oneID, image))
	if len(f.cloud.asked) != 0 {
		t.Errorf("asked %v for the associated image itself", f.cloud.asked)
	}
	for range 5 {
		f.handle(1, f.launch("i-0000000000000aaaa", fourth))
	}
	if len(f.cloud.asked) != 1 {
		t.Errorf("asked %v for an image that AWS does not show, want once", f.cloud.asked)
	}
	f.set("i-0000000000000eeee", license.Terminated, f.now)
	gone := f.cloud.instances["i-0000000000000eeee"]
	gone.ImageID = third
	f.cloud.instances["i-0000000000000eeee"] = gone
	f.handle(1, stateEvent("i-0000000000000eeee", "terminated", f.now))
	if len(f.cloud.asked) != 1 {
		t.Errorf("asked %v for what is terminated", f.cloud.asked)
	}
	f.now = f.now.Add(2 * time.Hour)
	f.handle(1, f.launch("i-0000000000000bbbb", fourth))
	if len(f.cloud.asked) != 2 {
		t.Errorf("asked %v, want again after two hours", f.cloud.asked)
	}
	count := int64(100)
	if _, err := f.Configure(t.Context(), license.Configuration{ID: "lic-a", Name: "A", CountingType: license.CountVCPU, Count: &count,
		Associations: []license.Association{{Kind: license.ByTag, Value: "Software"}}}, "test"); err != nil {
		t.Fatal(err)
	}
	f.now = f.now.Add(2 * time.Hour)
	f.handle(1, f.launch("i-0000000000000cccc", third))
	if len(f.cloud.asked) != 2 {
		t.Errorf("asked %v where no license has an image", f.cloud.asked)
	}
}

// TestDeregisteredImages: what is on record stays when AWS tells no more of an image,
// for what runs and for what is launched from another copy.
func TestDeregisteredImages(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.copies()
	f.handle(1, f.launch(oneID, third))
	f.want("launched", 2)

	f.cloud.images = map[license.ImageRef]track.Image{{ID: fourth, Region: region}: {ID: fourth, Owner: account, SourceImage: third, SourceRegion: region}}
	f.fresh()
	f.now = f.now.Add(time.Hour)
	if _, err := f.Sweep(t.Context(), home); err != nil {
		t.Fatal(err)
	}
	f.want("all images are deregistered", 2)
	f.handle(1, f.launch("i-0000000000000aaaa", fourth))
	f.want("a launch of a copy of one that is", 4)

	f.Documents = nil // and nothing of images on record either
	f.fresh()
	f.now = f.now.Add(time.Hour)
	if _, err := f.Sweep(t.Context(), home); err != nil {
		t.Fatal(err)
	}
	f.want("the facts alone", 4)
	count := int64(100)
	if _, err := f.Configure(t.Context(), license.Configuration{ID: "lic-a", Name: "A", CountingType: license.CountVCPU, Count: &count, HardLimit: true}, "test"); err != nil {
		t.Fatal(err)
	}
	f.want("the association was given up", 4)
}

// TestImageOfAnInstance: an image of which AWS tells the instance only is of that
// instance's image, once that is on record.
func TestImageOfAnInstance(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.copies()
	f.cloud.images[license.ImageRef{ID: fourth, Region: region}] = track.Image{ID: fourth, SourceInstance: oneID}
	body := f.launch("i-0000000000000aaaa", fourth)
	f.handle(1, body)
	f.want("its instance is not on record", 0)
	f.now = f.now.Add(2 * time.Hour)
	f.handle(1, f.launch(oneID, third))
	f.handle(1, f.launch("i-0000000000000bbbb", fourth))
	f.want("its instance is", 4)
	if a := f.onRecord("i-0000000000000bbbb").Instance.Ancestry; len(a) != 3 || a[0].Link != license.LinkInstance || a[0].ImageID != third {
		t.Errorf("ancestry %+v", a)
	}
	if _, err := f.Sweep(t.Context(), home); err != nil {
		t.Fatal(err)
	}
	f.want("the sweep counts the first", 6)
	if m := f.member("i-0000000000000aaaa"); !m.Late {
		t.Errorf("what ran before its lineage was known is taken for a launch: %+v", m)
	}
}

// TestImageOfAnotherAccountsInstance: the instance is looked up in the account that
// made the image.
func TestImageOfAnotherAccountsInstance(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cloud.images = map[license.ImageRef]track.Image{{ID: fourth, Region: region}: {ID: fourth, Owner: owner, SourceInstance: oneID}}
	theirs := ledger.Facts{Instance: license.Instance{ID: license.NewResourceID(owner, region, oneID), ImageID: image, State: license.Running}}
	if err := f.store.SaveFacts(t.Context(), []ledger.Facts{theirs}); err != nil {
		t.Fatal(err)
	}
	f.handle(1, f.launch("i-0000000000000aaaa", fourth))
	f.want("launched", 2)
}

// TestHostileImages: what AWS could tell, but should not, ends.
func TestHostileImages(t *testing.T) {
	t.Parallel()
	chain := make(map[license.ImageRef]track.Image)
	name := func(i int) string { return fmt.Sprintf("ami-%017x", i) }
	for i := range 1000 {
		chain[license.ImageRef{ID: name(i), Region: region}] = track.Image{ID: name(i), SourceImage: name(i + 1)}
	}
	here := func(images ...track.Image) map[license.ImageRef]track.Image {
		out := make(map[license.ImageRef]track.Image)
		for _, i := range images {
			out[license.ImageRef{ID: i.ID, Region: region}] = i
		}
		return out
	}
	for _, test := range []struct {
		name, image string
		images      map[license.ImageRef]track.Image
		calls       int
		ancestors   int
	}{
		{"its own parent", third, here(track.Image{ID: third, SourceImage: third}), 1, 0},
		{"two that are each other's", third, here(track.Image{ID: third, SourceImage: second}, track.Image{ID: second, SourceImage: third}), 2, 1},
		{"a chain of 1,000", name(0), chain, license.MaxGenerations, license.MaxGenerations},
		{"a parent that nobody knows", third, here(track.Image{ID: third, SourceImage: second, SourceRegion: "nowhere-1"}), 2, 1},
		{"an answer about another image", third, map[license.ImageRef]track.Image{{ID: third, Region: region}: {ID: fourth, SourceImage: image}}, 1, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.Documents = f.store
			f.cloud.images = test.images
			if r := f.handle(1, f.launch(oneID, test.image)); r.Handled != 1 {
				t.Errorf("report %+v", r)
			}
			if n := len(f.onRecord(oneID).Instance.Ancestry); n != test.ancestors || len(f.cloud.asked) != test.calls {
				t.Errorf("%d ancestors by %d calls, want %d by %d", n, len(f.cloud.asked), test.ancestors, test.calls)
			}
			f.want("no license applies", 0)
		})
	}
}

// TestManyImagesInFewCalls: 250 unknown images of one sweep are three calls.
func TestManyImagesInFewCalls(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for i := range 250 {
		f.launch(fmt.Sprintf("i-%017x", i), fmt.Sprintf("ami-%017x", i))
	}
	if _, err := f.Sweep(t.Context(), home); err != nil {
		t.Fatal(err)
	}
	if len(f.cloud.asked) != 3 || slices.ContainsFunc(f.cloud.asked, func(ids []license.ImageRef) bool { return len(ids) > 100 }) {
		t.Errorf("%d calls, want 3 of at most 100 images", len(f.cloud.asked))
	}
}

// TestUnreadableOriginOnRecord: it is passed over, and AWS asked.
func TestUnreadableOriginOnRecord(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.copies()
	for id, data := range map[string]string{region + "/" + third: `{"Image":`, region + "/" + fourth: `{}`} {
		if err := f.store.PutDocument(context.Background(), ledger.Document{Kind: ledger.ImageOrigin, ID: id, Revision: 1, Data: []byte(data)}); err != nil {
			t.Fatal(err)
		}
	}
	f.handle(1, f.launch(oneID, third))
	f.want("counted all the same", 2)
}
