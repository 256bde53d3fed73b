package ec2cloud

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"licenseguard/shared/track"
)

// Ancestry implements track.Lineage. An image that EC2 does not show has none.
func (c *Cloud) Ancestry(ctx context.Context, s track.Scope, id string) ([]track.Image, error) {
	if !imageID.MatchString(id) {
		return nil, nil
	}
	found, err := c.in(s).GetImageAncestry(ctx, &ec2.GetImageAncestryInput{ImageId: &id}, func(o *ec2.Options) { o.Region = s.Region })
	if strings.HasPrefix(code(err), "InvalidAMIID") {
		return nil, nil
	}
	if err != nil {
		return nil, translate("get the ancestry of "+id+" in "+s.Region, err)
	}
	out := make([]track.Image, 0, len(found.ImageAncestryEntries))
	for i := range found.ImageAncestryEntries {
		e := &found.ImageAncestryEntries[i]
		image := track.Image{ID: aws.ToString(e.ImageId)}
		if source := aws.ToString(e.SourceImageId); imageID.MatchString(source) {
			image.SourceImage, image.SourceRegion = source, aws.ToString(e.SourceImageRegion)
		}
		out = append(out, image)
	}
	return out, nil
}

// snapshotID is the form of a snapshot's id, for the same reason as instanceID.
var snapshotID = regexp.MustCompile(`^snap-[0-9a-f]{8,17}$`)

// Snapshots implements track.Lineage.
func (c *Cloud) Snapshots(ctx context.Context, s track.Scope, ids []string) ([]track.Snapshot, error) {
	known := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !snapshotID.MatchString(id) })
	if len(known) == 0 {
		return nil, nil
	}
	images, err := c.images(ctx, s, &ec2.DescribeImagesInput{Owners: []string{"self"}, Filters: filter("block-device-mapping.snapshot-id", known)})
	if err != nil {
		return nil, err
	}
	described, err := c.descriptions(ctx, s, known)
	if err != nil {
		return nil, err
	}
	out := make([]track.Snapshot, len(known))
	for i, id := range known {
		out[i] = track.Snapshot{ID: id, Description: described[id]}
		for _, image := range images {
			if image.Snapshot == id {
				out[i].Images = append(out[i].Images, image)
			}
		}
	}
	return out, nil
}

// descriptions returns the descriptions of snapshots that EC2 shows. The ids go into a
// filter, as with instances.
func (c *Cloud) descriptions(ctx context.Context, s track.Scope, ids []string) (map[string]string, error) {
	out := make(map[string]string, len(ids))
	in := &ec2.DescribeSnapshotsInput{Filters: filter("snapshot-id", ids), MaxResults: aws.Int32(snapshotsPerPage)}
	err := pages(&in.NextToken, func() (*string, error) {
		found, err := c.in(s).DescribeSnapshots(ctx, in, func(o *ec2.Options) { o.Region = s.Region })
		if err != nil {
			return nil, translate("describe snapshots in "+s.Region, err)
		}
		for i := range found.Snapshots {
			out[aws.ToString(found.Snapshots[i].SnapshotId)] = aws.ToString(found.Snapshots[i].Description)
		}
		return found.NextToken, nil
	})
	return out, err
}
