package ec2cloud

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"licenseguard/shared/enforce"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

var (
	_ track.Observer    = (*Cloud)(nil)
	_ track.Lineage     = (*Cloud)(nil)
	_ enforce.Instances = (*Cloud)(nil)
)

// api lists the calls that the adapter makes.
type api interface {
	DescribeInstances(context.Context, *ec2.DescribeInstancesInput, ...func(*ec2.Options)) (*ec2.DescribeInstancesOutput, error)
	DescribeInstanceAttribute(context.Context, *ec2.DescribeInstanceAttributeInput, ...func(*ec2.Options)) (*ec2.DescribeInstanceAttributeOutput, error)
	DescribeHosts(context.Context, *ec2.DescribeHostsInput, ...func(*ec2.Options)) (*ec2.DescribeHostsOutput, error)
	DescribeInstanceTypes(context.Context, *ec2.DescribeInstanceTypesInput, ...func(*ec2.Options)) (*ec2.DescribeInstanceTypesOutput, error)
	DescribeImages(context.Context, *ec2.DescribeImagesInput, ...func(*ec2.Options)) (*ec2.DescribeImagesOutput, error)
	DescribeSnapshots(context.Context, *ec2.DescribeSnapshotsInput, ...func(*ec2.Options)) (*ec2.DescribeSnapshotsOutput, error)
	GetImageAncestry(context.Context, *ec2.GetImageAncestryInput, ...func(*ec2.Options)) (*ec2.GetImageAncestryOutput, error)
	CreateTags(context.Context, *ec2.CreateTagsInput, ...func(*ec2.Options)) (*ec2.CreateTagsOutput, error)
	DeleteTags(context.Context, *ec2.DeleteTagsInput, ...func(*ec2.Options)) (*ec2.DeleteTagsOutput, error)
	StartInstances(context.Context, *ec2.StartInstancesInput, ...func(*ec2.Options)) (*ec2.StartInstancesOutput, error)
	StopInstances(context.Context, *ec2.StopInstancesInput, ...func(*ec2.Options)) (*ec2.StopInstancesOutput, error)
}

// Cloud is EC2 in accounts and Regions.
type Cloud struct{ in func(track.Scope) api }

// New returns the EC2 of the client's account and Region.
func New(client *ec2.Client) *Cloud { return of(client) }

func of(one api) *Cloud { return &Cloud{func(track.Scope) api { return one }} }

// NewFleet returns the EC2 of many accounts and Regions, each with the client for it.
func NewFleet(client func(track.Scope) *ec2.Client) *Cloud {
	return &Cloud{func(s track.Scope) api { return client(s) }}
}

// EC2's limits for one call (API reference, 2026). Calls with a filter or a page
// size take from a larger bucket of requests than calls with neither.
const (
	instancesPerPage = 1000
	hostsPerPage     = 500
	typesPerCall     = 100
	imagesPerPage    = 1000
	snapshotsPerPage = 1000
	maxPages         = 10_000 // ends a listing whose tokens never do
	// A listing takes at most ten calls a second, half of what EC2 gives an account and
	// Region: events, and everybody else there, need the rest.
	listPace = 100 * time.Millisecond
)

// instanceID is the form of an instance's id. Filters understand * and ?, so
// that only this form may reach one.
var instanceID = regexp.MustCompile(`^i-[0-9a-f]{8,17}$`)

// Instances implements track.Observer. The ids go into a filter: as a list of
// ids, one that EC2 does not know would fail the call.
func (c *Cloud) Instances(ctx context.Context, s track.Scope, ids []string) ([]license.Instance, error) {
	known := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !instanceID.MatchString(id) })
	if len(known) == 0 {
		return nil, nil
	}
	var out []license.Instance
	err := c.eachPage(ctx, s, filter("instance-id", known), func(page []license.Instance) error {
		out = append(out, page...)
		return nil
	})
	return out, err
}

// EachInstances implements track.Observer.
func (c *Cloud) EachInstances(ctx context.Context, s track.Scope, each func(page []license.Instance) error) error {
	began := time.Now()
	return c.eachPage(ctx, s, nil, func(page []license.Instance) error {
		if err := each(page); err != nil {
			return err
		}
		err := pause(ctx, listPace-time.Since(began))
		began = time.Now()
		return err
	})
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func (c *Cloud) eachPage(ctx context.Context, s track.Scope, filters []types.Filter, each func([]license.Instance) error) error {
	in := &ec2.DescribeInstancesInput{Filters: filters, MaxResults: aws.Int32(instancesPerPage)}
	return pages(&in.NextToken, func() (*string, error) {
		out, err := c.in(s).DescribeInstances(ctx, in)
		if code(err) == "UnauthorizedOperation" { // what can list nothing can tell nothing
			return nil, fmt.Errorf("describe instances: %w: %w", track.ErrUnreachable, err)
		}
		if err != nil {
			return nil, translate("describe instances", err)
		}
		page, err := instancesOf(s, out.Reservations)
		if err != nil || len(page) == 0 {
			return out.NextToken, err
		}
		return out.NextToken, each(page)
	})
}

// pages calls next until it returns no token. token is where the call of next
// reads where to go on.
func pages(token **string, next func() (*string, error)) error {
	for range maxPages {
		following, err := next()
		if err != nil || aws.ToString(following) == "" {
			return err
		}
		*token = following
	}
	return fmt.Errorf("EC2 lists more than %d pages", maxPages)
}

// Hosts implements track.Observer. Hosts have no filter by id, and a single id
// that EC2 does not know fails the call: then all hosts are listed, and there
// are few in an account.
func (c *Cloud) Hosts(ctx context.Context, s track.Scope, ids []string) ([]license.Host, error) {
	all := &ec2.DescribeHostsInput{MaxResults: aws.Int32(hostsPerPage)}
	if len(ids) == 0 {
		return c.hosts(ctx, s, all)
	}
	hosts, err := c.hosts(ctx, s, &ec2.DescribeHostsInput{HostIds: ids})
	if isUnknownHost(err) {
		hosts, err = c.hosts(ctx, s, all)
	}
	return slices.DeleteFunc(hosts, func(h license.Host) bool { return !slices.Contains(ids, h.ID.AWSID()) }), err
}

func (c *Cloud) hosts(ctx context.Context, s track.Scope, in *ec2.DescribeHostsInput) (hosts []license.Host, err error) {
	err = pages(&in.NextToken, func() (*string, error) {
		out, err := c.in(s).DescribeHosts(ctx, in)
		if err != nil {
			return nil, translate("describe hosts", err)
		}
		for i := range out.Hosts {
			if h, ok := hostOf(s, &out.Hosts[i]); ok {
				hosts = append(hosts, h)
			}
		}
		return out.NextToken, nil
	})
	return hosts, err
}

// InstanceTypes implements track.Observer. The names go into a filter, as with
// instances.
func (c *Cloud) InstanceTypes(ctx context.Context, s track.Scope, names []string) ([]license.InstanceType, error) {
	var out []license.InstanceType
	for chunk := range slices.Chunk(names, typesPerCall) {
		in := &ec2.DescribeInstanceTypesInput{Filters: filter("instance-type", chunk), MaxResults: aws.Int32(typesPerCall)}
		err := pages(&in.NextToken, func() (*string, error) {
			found, err := c.in(s).DescribeInstanceTypes(ctx, in)
			if err != nil {
				return nil, translate("describe instance types", err)
			}
			for i := range found.InstanceTypes {
				if t := typeOf(&found.InstanceTypes[i]); slices.Contains(chunk, t.Name) {
					out = append(out, t)
				}
			}
			return found.NextToken, nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// imageID is the form of an AMI's id, for the same reason as instanceID.
var imageID = regexp.MustCompile(`^ami-[0-9a-f]{8,17}$`)

// Images implements track.Observer: in the scope's Region, whichever the client's is.
// A deprecated or disabled image is no less an origin.
func (c *Cloud) Images(ctx context.Context, s track.Scope, ids []string) ([]track.Image, error) {
	known := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !imageID.MatchString(id) })
	if len(known) == 0 {
		return nil, nil
	}
	out, err := c.images(ctx, s, &ec2.DescribeImagesInput{Filters: filter("image-id", known)})
	return slices.DeleteFunc(out, func(image track.Image) bool { return !slices.Contains(known, image.ID) }), err
}

func (c *Cloud) images(ctx context.Context, s track.Scope, in *ec2.DescribeImagesInput) (out []track.Image, err error) {
	in.IncludeDeprecated, in.IncludeDisabled, in.MaxResults = aws.Bool(true), aws.Bool(true), aws.Int32(imagesPerPage)
	err = pages(&in.NextToken, func() (*string, error) {
		found, err := c.in(s).DescribeImages(ctx, in, func(o *ec2.Options) { o.Region = s.Region })
		if err != nil {
			return nil, translate("describe images in "+s.Region, err)
		}
		for i := range found.Images {
			out = append(out, imageOf(&found.Images[i]))
		}
		return found.NextToken, nil
	})
	return out, err
}

func filter(name string, values []string) []types.Filter {
	return []types.Filter{{Name: aws.String(name), Values: values}}
}
