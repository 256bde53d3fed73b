package license

import (
	"fmt"
	"slices"
	"time"
)

// MaxGenerations is how many generations an instance's image is traced back.
const MaxGenerations = 10

// ImageRef names an AMI and where to ask for it. Ids differ between Regions.
type ImageRef struct{ ID, Region string }

// Ancestor is an image from which the image of an instance was made, directly or
// through others: by CopyImage, or by CreateImage from an instance that was launched
// from it.
type Ancestor struct {
	ImageID string
	Region  string
	Link    Link      // how it is known that the image before it in the chain was made from it
	Found   time.Time // when that was found out, where the launch was on record before; else zero
}

// Ref names the ancestor.
func (a Ancestor) Ref() ImageRef { return ImageRef{a.ImageID, a.Region} }

// Link is the source of one step of a chain of images.
type Link string

// The sources. EC2 tells of an image that CopyImage or CreateImage made the image
// behind it, also when that one is deregistered since (EC2 user guide, AMI
// ancestry, 2026). Of some older ones it tells the instance only.
const (
	LinkImage    Link = "source-image"
	LinkInstance Link = "source-instance" // whose image is on record
	// LinkAncestry is the same told of the whole chain, also beyond an image that EC2
	// does not show the account.
	LinkAncestry Link = "image-ancestry"
	// An image that RegisterImage made of a snapshot has no source of its own. What it
	// was made from is the image that had the snapshot before, or that the snapshot's
	// description names; that one is a text, so it is a hint: what it makes of a launch
	// is counted, and answered by a person only.
	LinkSnapshot    Link = "snapshot"
	LinkDescription Link = "snapshot-description"
	// CloudTrail's records are taken for what EC2 does not tell.
	LinkCopyCall   Link = "copy-image"
	LinkCreateCall Link = "create-image"
)

// String says where to look a link up.
func (l Link) String() string {
	switch l {
	case LinkImage:
		return "DescribeImages SourceImageId"
	case LinkInstance:
		return "DescribeImages SourceInstanceId, on record"
	case LinkAncestry:
		return "GetImageAncestry"
	case LinkSnapshot:
		return "DescribeImages, with the same snapshot before"
	case LinkDescription:
		return "DescribeSnapshots Description, a hint"
	case LinkCopyCall:
		return "CloudTrail CopyImage"
	case LinkCreateCall:
		return "CloudTrail CreateImage, of an instance on record"
	default:
		return string(l)
	}
}

// Ancestry returns the ancestors of an image, the nearest first. origin returns the
// image from which one was made, the zero Ancestor for none, and false when that is
// not known; then open is the image whose origin is missing. A chain that comes back
// to itself is cut there, and one of more than MaxGenerations at the last of them.
func Ancestry(image ImageRef, origin func(ImageRef) (Ancestor, bool)) (chain []Ancestor, open ImageRef) {
	seen := []string{image.ID}
	for at := image; len(chain) < MaxGenerations; {
		next, known := origin(at)
		if !known {
			return chain, at
		}
		if next.ImageID == "" || slices.Contains(seen, next.ImageID) {
			break
		}
		chain, seen, at = append(chain, next), append(seen, next.ImageID), next.Ref()
	}
	return chain, ImageRef{}
}

// Lineage tells line by line what an instance's image was made from, and where each
// step is from, such as "made from ami-a in eu-west-1 (DescribeImages SourceImageId)".
// Of an image that was made from none, as far as is known, it tells nothing.
func (in *Instance) Lineage() []string {
	if len(in.Ancestry) == 0 {
		return nil
	}
	out := []string{"image " + in.ImageID}
	for _, a := range in.Ancestry {
		out = append(out, fmt.Sprintf("made from %s in %s (%s)", a.ImageID, a.Region, a.Link))
		if !a.Found.IsZero() {
			out = append(out, "which was found out after the launch, "+a.Found.UTC().Format("2006-01-02 15:04:05 UTC"))
		}
	}
	return out
}

// Ancestor returns the ancestor of that id, and by how many generations it is away;
// the instance's own image is none of them.
func (in *Instance) Ancestor(imageID string) (a Ancestor, generations int, ok bool) {
	for i, a := range in.Ancestry {
		if a.ImageID == imageID {
			return a, i + 1, true
		}
	}
	return Ancestor{}, 0, false
}

// generations tells how far an associated image is from an instance's own.
func (a *Association) generations(in *Instance) int {
	_, n, _ := in.Ancestor(a.Value)
	return n
}

// OfferedTo returns since when an association is offered to an instance, which its
// configuration offers since an instant: what was found out of the instance's image
// only after its launch, or by a hint only, is offered no sooner than after it, so that
// it is taken for no launch.
func (h Held) OfferedTo(in *Instance, since time.Time) time.Time {
	a, n, ok := in.Ancestor(h.Value)
	if !ok || h.Kind != ByAMI {
		return since
	}
	hinted := slices.ContainsFunc(in.Ancestry[:n], func(a Ancestor) bool { return a.Link == LinkDescription })
	if after := in.LaunchTime.Add(time.Millisecond); hinted && after.After(since) {
		since = after
	}
	if a.Found.After(since) {
		return a.Found
	}
	return since
}
