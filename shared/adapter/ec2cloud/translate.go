package ec2cloud

import (
	"fmt"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

// instancesOf translates reservations. One of another account than the scope's
// is an error: the client looks into the wrong account, and everything that it
// does not show there would be taken for gone.
func instancesOf(s track.Scope, reservations []types.Reservation) ([]license.Instance, error) {
	var out []license.Instance
	for i := range reservations {
		r := &reservations[i]
		owner := aws.ToString(r.OwnerId)
		if owner == "" {
			owner = s.Account
		}
		if owner != s.Account {
			return nil, fmt.Errorf("EC2 shows instances of account %s, not of %s: the credentials are those of the wrong account", owner, s.Account)
		}
		for j := range r.Instances {
			if in, ok := instanceOf(s, &r.Instances[j]); ok {
				out = append(out, in)
			}
		}
	}
	return out, nil
}

// instanceOf translates one instance; one without an id is none.
func instanceOf(s track.Scope, i *types.Instance) (license.Instance, bool) {
	id := aws.ToString(i.InstanceId)
	if id == "" {
		return license.Instance{}, false
	}
	in := license.Instance{
		ID:   license.NewResourceID(s.Account, s.Region, id),
		Type: string(i.InstanceType),
		// EC2 tells milliseconds for a launch in some answers and not in others,
		// and events never do.
		LaunchTime: aws.ToTime(i.LaunchTime).UTC().Truncate(time.Second),
		ImageID:    aws.ToString(i.ImageId),
		Tags:       tagsOf(i.Tags),
		Spot:       i.InstanceLifecycle == types.InstanceLifecycleTypeSpot,
		// SpotPersistent stays false: only DescribeSpotInstanceRequests tells it,
		// and an unknown Spot request is treated as one-time, which is never stopped.
		RootIsStore:    i.RootDeviceType == types.DeviceTypeInstanceStore,
		UsageOperation: aws.ToString(i.UsageOperation),
		ManagedBy:      managerOf(i.Operator),
	}
	var arns []string
	for _, l := range i.Licenses {
		arns = append(arns, aws.ToString(l.LicenseConfigurationArn))
	}
	in.Specifications = license.Specifications(arns)
	if i.State != nil {
		in.State = license.State(i.State.Name)
	}
	if in.State == license.Stopping || in.State == license.Stopped {
		in.StoppedAt = stopTime(aws.ToString(i.StateTransitionReason))
	}
	if i.Placement != nil {
		in.HostID = aws.ToString(i.Placement.HostId)
		in.Tenancy = tenancyOf(i.Placement.Tenancy, in.HostID)
	}
	if i.CpuOptions != nil {
		in.CPUOptions = license.CPUOptions{
			Cores:          int64(aws.ToInt32(i.CpuOptions.CoreCount)),
			ThreadsPerCore: int64(aws.ToInt32(i.CpuOptions.ThreadsPerCore)),
		}
	}
	return in, true
}

// tenancyOf translates a tenancy; one that is not known stays "". Only an
// instance of tenancy host has a host's id.
func tenancyOf(t types.Tenancy, hostID string) license.Tenancy {
	switch {
	case t == types.TenancyHost || hostID != "":
		return license.TenancyDedicatedHost
	case t == types.TenancyDedicated:
		return license.TenancyDedicatedInstance
	case t == types.TenancyDefault:
		return license.TenancyDefault
	default:
		return ""
	}
}

var transition = regexp.MustCompile(`\((\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}) (?:GMT|UTC)\)$`)

// stopTime reads the time at the end of a state transition reason, such as
// "User initiated (2026-01-01 12:00:00 GMT)". Many reasons have none.
func stopTime(reason string) time.Time {
	found := transition.FindStringSubmatch(reason)
	if found == nil {
		return time.Time{}
	}
	at, err := time.Parse(time.DateTime, found[1])
	if err != nil {
		return time.Time{}
	}
	return at
}

// managerOf names the service that operates an instance, "" for none.
func managerOf(o *types.OperatorResponse) string {
	if o == nil || !aws.ToBool(o.Managed) {
		return ""
	}
	if principal := aws.ToString(o.Principal); principal != "" {
		return principal
	}
	return "an AWS service"
}

// tagsOf translates tags; the values are foreign text and stay as they are.
func tagsOf(tags []types.Tag) map[string]string {
	if len(tags) == 0 {
		return nil
	}
	out := make(map[string]string, len(tags))
	for _, t := range tags {
		if key := aws.ToString(t.Key); key != "" {
			out[key] = aws.ToString(t.Value)
		}
	}
	return out
}

// hostOf translates one Dedicated Host. A host that another account shares with
// this one keeps its owner's id, so that it counts once in the organisation.
func hostOf(s track.Scope, h *types.Host) (license.Host, bool) {
	id, owner := aws.ToString(h.HostId), aws.ToString(h.OwnerId)
	if id == "" {
		return license.Host{}, false
	}
	if owner == "" {
		owner = s.Account
	}
	out := license.Host{ID: license.NewResourceID(owner, s.Region, id), State: string(h.State), Tags: tagsOf(h.Tags)}
	if p := h.HostProperties; p != nil {
		out.Family = aws.ToString(p.InstanceFamily)
		if out.Family == "" {
			out.Family = license.Family(aws.ToString(p.InstanceType))
		}
		out.Cores, out.Sockets = int64(aws.ToInt32(p.Cores)), int64(aws.ToInt32(p.Sockets))
	}
	return out, true
}

// imageOf translates one image. A source that has not the form of an id is none.
func imageOf(i *types.Image) track.Image {
	out := track.Image{ID: aws.ToString(i.ImageId), Owner: aws.ToString(i.OwnerId)}
	if id := aws.ToString(i.SourceImageId); imageID.MatchString(id) {
		out.SourceImage, out.SourceRegion = id, aws.ToString(i.SourceImageRegion)
	}
	if id := aws.ToString(i.SourceInstanceId); instanceID.MatchString(id) {
		out.SourceInstance = id
	}
	for _, m := range i.BlockDeviceMappings {
		if m.Ebs != nil && aws.ToString(m.DeviceName) == aws.ToString(i.RootDeviceName) {
			out.Snapshot = aws.ToString(m.Ebs.SnapshotId)
		}
	}
	if at, err := time.Parse(time.RFC3339, aws.ToString(i.CreationDate)); err == nil {
		out.Created = at.UTC()
	}
	return out
}

func typeOf(t *types.InstanceTypeInfo) license.InstanceType {
	out := license.InstanceType{
		Name: string(t.InstanceType), BareMetal: aws.ToBool(t.BareMetal), InstanceStore: aws.ToBool(t.InstanceStorageSupported),
	}
	if v := t.VCpuInfo; v != nil {
		out.VCPUs, out.Cores = int64(aws.ToInt32(v.DefaultVCpus)), int64(aws.ToInt32(v.DefaultCores))
		out.ThreadsPerCore = int64(aws.ToInt32(v.DefaultThreadsPerCore))
	}
	return out
}
