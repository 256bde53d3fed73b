package ec2cloud

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"licenseguard/shared/enforce"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

const (
	account = "123456789012"
	region  = "eu-central-1"
	oneID   = "i-0123456789abcdef0"
)

var scope = track.Scope{Account: account, Region: region}

// fakeEC2 answers with pages and remembers what it was asked.
type fakeEC2 struct {
	api
	pages    []ec2.DescribeInstancesOutput
	asked    []*ec2.DescribeInstancesInput
	hosts    func(*ec2.DescribeHostsInput) (*ec2.DescribeHostsOutput, error)
	types    []types.InstanceTypeInfo
	protect  *ec2.DescribeInstanceAttributeOutput
	err      error // of describing and tagging
	protErr  error
	stopErr  error
	tagged   *ec2.CreateTagsInput
	stopped  []string
	started  []string
	startErr error
	untagged []*ec2.DeleteTagsInput
	typesAsk []*ec2.DescribeInstanceTypesInput
	images   [][]types.Image // pages
	imageAsk []*ec2.DescribeImagesInput
	imagesIn []string // Regions
}

func (f *fakeEC2) DescribeImages(_ context.Context, in *ec2.DescribeImagesInput, options ...func(*ec2.Options)) (*ec2.DescribeImagesOutput, error) {
	o := ec2.Options{Region: region}
	for _, set := range options {
		set(&o)
	}
	copied := *in
	f.imageAsk, f.imagesIn = append(f.imageAsk, &copied), append(f.imagesIn, o.Region)
	n := len(f.imageAsk) - 1
	if f.err != nil || n >= len(f.images) {
		return nil, f.err
	}
	out := &ec2.DescribeImagesOutput{Images: f.images[n]}
	if n+1 < len(f.images) {
		out.NextToken = aws.String("more")
	}
	return out, nil
}

func (f *fakeEC2) DescribeSnapshots(context.Context, *ec2.DescribeSnapshotsInput, ...func(*ec2.Options)) (*ec2.DescribeSnapshotsOutput, error) {
	return &ec2.DescribeSnapshotsOutput{}, f.err
}

func (f *fakeEC2) GetImageAncestry(context.Context, *ec2.GetImageAncestryInput, ...func(*ec2.Options)) (*ec2.GetImageAncestryOutput, error) {
	return &ec2.GetImageAncestryOutput{}, f.err
}

func (f *fakeEC2) DescribeInstances(_ context.Context, in *ec2.DescribeInstancesInput, _ ...func(*ec2.Options)) (*ec2.DescribeInstancesOutput, error) {
	copied := *in
	f.asked = append(f.asked, &copied)
	if f.err != nil {
		return nil, f.err
	}
	if len(f.pages) == 0 {
		return &ec2.DescribeInstancesOutput{}, nil
	}
	n := 0
	if in.NextToken != nil {
		if _, err := fmt.Sscan(*in.NextToken, &n); err != nil {
			return nil, err
		}
	}
	out := f.pages[n]
	if n+1 < len(f.pages) {
		out.NextToken = aws.String(fmt.Sprint(n + 1))
	} else {
		out.NextToken = aws.String("") // EC2 ends lists with an empty token as well
	}
	return &out, nil
}

func (f *fakeEC2) DescribeInstanceAttribute(context.Context, *ec2.DescribeInstanceAttributeInput, ...func(*ec2.Options)) (*ec2.DescribeInstanceAttributeOutput, error) {
	if f.protErr != nil || f.protect == nil {
		return &ec2.DescribeInstanceAttributeOutput{}, f.protErr
	}
	return f.protect, nil
}

func (f *fakeEC2) DescribeHosts(_ context.Context, in *ec2.DescribeHostsInput, _ ...func(*ec2.Options)) (*ec2.DescribeHostsOutput, error) {
	return f.hosts(in)
}

func (f *fakeEC2) DescribeInstanceTypes(_ context.Context, in *ec2.DescribeInstanceTypesInput, _ ...func(*ec2.Options)) (*ec2.DescribeInstanceTypesOutput, error) {
	f.typesAsk = append(f.typesAsk, in)
	return &ec2.DescribeInstanceTypesOutput{InstanceTypes: f.types}, f.err
}

func (f *fakeEC2) CreateTags(_ context.Context, in *ec2.CreateTagsInput, _ ...func(*ec2.Options)) (*ec2.CreateTagsOutput, error) {
	f.tagged = in
	return &ec2.CreateTagsOutput{}, f.err
}

func (f *fakeEC2) StartInstances(_ context.Context, in *ec2.StartInstancesInput, _ ...func(*ec2.Options)) (*ec2.StartInstancesOutput, error) {
	f.started = append(f.started, in.InstanceIds...)
	return &ec2.StartInstancesOutput{}, f.startErr
}

func (f *fakeEC2) DeleteTags(_ context.Context, in *ec2.DeleteTagsInput, _ ...func(*ec2.Options)) (*ec2.DeleteTagsOutput, error) {
	f.untagged = append(f.untagged, in)
	return &ec2.DeleteTagsOutput{}, nil
}

func (f *fakeEC2) StopInstances(_ context.Context, in *ec2.StopInstancesInput, _ ...func(*ec2.Options)) (*ec2.StopInstancesOutput, error) {
	f.stopped = append(f.stopped, in.InstanceIds...)
	return &ec2.StopInstancesOutput{}, f.stopErr
}

func apiError(code string) error {
	return &smithy.GenericAPIError{Code: code, Message: "no"}
}

func reservation(owner string, instances ...types.Instance) types.Reservation {
	r := types.Reservation{Instances: instances}
	if owner != "" {
		r.OwnerId = &owner
	}
	return r
}

func inState(id string, state types.InstanceStateName) types.Instance {
	return types.Instance{InstanceId: &id, State: &types.InstanceState{Name: state}}
}

func page(reservations ...types.Reservation) ec2.DescribeInstancesOutput {
	return ec2.DescribeInstancesOutput{Reservations: reservations}
}

func TestTranslateInstance(t *testing.T) {
	t.Parallel()
	id := license.NewResourceID(account, region, oneID)
	hostile := strings.Repeat("=cmd|'/C calc'!A0\n\x00", 20)
	for _, test := range []struct {
		name string
		in   types.Instance
		want license.Instance
	}{
		{"nothing but the id", types.Instance{}, license.Instance{ID: id}},
		{"empty parts", types.Instance{State: &types.InstanceState{}, Placement: &types.Placement{}, CpuOptions: &types.CpuOptions{},
			Operator: &types.OperatorResponse{}, Tags: []types.Tag{{}, {Value: aws.String("no key")}}, StateTransitionReason: aws.String("")},
			license.Instance{ID: id, Tags: map[string]string{}}},
		{"everything", types.Instance{
			InstanceType: "m5.large", State: &types.InstanceState{Name: "running"}, ImageId: aws.String("ami-1"),
			LaunchTime: aws.Time(time.Date(2026, 1, 1, 13, 0, 0, 987654321, time.FixedZone("CET", 3600))),
			Placement:  &types.Placement{Tenancy: "host", HostId: aws.String("h-1")},
			CpuOptions: &types.CpuOptions{CoreCount: aws.Int32(2), ThreadsPerCore: aws.Int32(1)},
			Tags:       []types.Tag{{Key: aws.String("Name"), Value: &hostile}, {Key: aws.String("empty")}}, InstanceLifecycle: "spot",
			Operator:       &types.OperatorResponse{Managed: aws.Bool(true), Principal: aws.String("eks.amazonaws.com")},
			Licenses:       []types.LicenseConfiguration{{LicenseConfigurationArn: aws.String("arn:b")}, {}, {LicenseConfigurationArn: aws.String("arn:a")}, {LicenseConfigurationArn: aws.String("arn:b")}},
			RootDeviceType: "instance-store", UsageOperation: aws.String("RunInstances:0002"),
		}, license.Instance{
			ID: id, Type: "m5.large", State: license.Running, ImageID: "ami-1", LaunchTime: time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC),
			Tenancy: license.TenancyDedicatedHost, HostID: "h-1", CPUOptions: license.CPUOptions{Cores: 2, ThreadsPerCore: 1},
			Tags: map[string]string{"Name": hostile, "empty": ""}, Spot: true, ManagedBy: "eks.amazonaws.com", Specifications: []string{"arn:a", "arn:b"}, RootIsStore: true, UsageOperation: "RunInstances:0002",
		}},
		{"stopped by a person", types.Instance{State: &types.InstanceState{Name: "stopped"}, StateTransitionReason: aws.String("User initiated (2026-01-01 12:00:00 GMT)"),
			Placement: &types.Placement{Tenancy: "default"}},
			license.Instance{ID: id, State: license.Stopped, StoppedAt: time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC), Tenancy: license.TenancyDefault}},
		{"stopped without a time", types.Instance{State: &types.InstanceState{Name: "stopped"}, StateTransitionReason: aws.String("Server.ScheduledStop: Stopped due to scheduled retirement")},
			license.Instance{ID: id, State: license.Stopped}},
		{"no such day", types.Instance{State: &types.InstanceState{Name: "stopped"}, StateTransitionReason: aws.String("User initiated (2026-13-41 12:00:00 GMT)")},
			license.Instance{ID: id, State: license.Stopped}},
		{"running again", types.Instance{State: &types.InstanceState{Name: "running"}, StateTransitionReason: aws.String("User initiated (2026-01-01 12:00:00 GMT)")},
			license.Instance{ID: id, State: license.Running}},
		{"terminated", types.Instance{State: &types.InstanceState{Name: "terminated"}, StateTransitionReason: aws.String("User initiated (2026-01-01 12:00:00 GMT)")},
			license.Instance{ID: id, State: license.Terminated}},
		{"dedicated", types.Instance{Placement: &types.Placement{Tenancy: "dedicated"}}, license.Instance{ID: id, Tenancy: license.TenancyDedicatedInstance}},
		{"on a host without its tenancy", types.Instance{Placement: &types.Placement{Tenancy: "default", HostId: aws.String("h-1")}},
			license.Instance{ID: id, Tenancy: license.TenancyDedicatedHost, HostID: "h-1"}},
		{"a tenancy to come", types.Instance{Placement: &types.Placement{Tenancy: "lunar"}}, license.Instance{ID: id}},
		{"managed by somebody", types.Instance{Operator: &types.OperatorResponse{Managed: aws.Bool(true)}}, license.Instance{ID: id, ManagedBy: "an AWS service"}},
		{"once managed", types.Instance{Operator: &types.OperatorResponse{Managed: aws.Bool(false), Principal: aws.String("eks.amazonaws.com")}}, license.Instance{ID: id}},
		{"a scheduled or capacity block lifecycle is no spot", types.Instance{InstanceLifecycle: "capacity-block"}, license.Instance{ID: id}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.in.InstanceId = aws.String(oneID)
			got, err := instancesOf(scope, []types.Reservation{reservation(account, test.in)})
			if err != nil || len(got) != 1 {
				t.Fatalf("%v, %v", got, err)
			}
			if diff := cmp.Diff(test.want, got[0]); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if name, offset := got[0].LaunchTime.Zone(); offset != 0 && !got[0].LaunchTime.IsZero() {
				t.Errorf("the launch time is in %s", name)
			}
		})
	}
}

func TestInstancesGoThroughAFilter(t *testing.T) {
	t.Parallel()
	f := &fakeEC2{pages: []ec2.DescribeInstancesOutput{
		page(reservation(account, inState(oneID, "running"))), page(), page(reservation("", inState("i-00000001", "stopped"), types.Instance{})),
	}}
	got, err := of(f).Instances(t.Context(), scope, []string{oneID, "i-00000001", "i-*", "*", "", "i-0123456789ABCDEF0", "h-1"})
	if err != nil || len(got) != 2 {
		t.Fatalf("%d instances, %v; want those of both pages", len(got), err)
	}
	if len(f.asked) != 3 {
		t.Fatalf("%d calls; want one a page", len(f.asked))
	}
	in := f.asked[0]
	if len(in.InstanceIds) != 0 || len(in.Filters) != 1 || aws.ToString(in.Filters[0].Name) != "instance-id" || aws.ToInt32(in.MaxResults) != 1000 {
		t.Errorf("asked with %+v; want a filter by id", in)
	}
	if want := []string{oneID, "i-00000001"}; !slices.Equal(in.Filters[0].Values, want) {
		t.Errorf("asked for %q; want %q, without what a filter takes for a pattern", in.Filters[0].Values, want)
	}
	f = &fakeEC2{}
	if got, err := of(f).Instances(t.Context(), scope, []string{"i-*"}); len(got) != 0 || err != nil || len(f.asked) != 0 {
		t.Errorf("a pattern alone: %v, %v, %d calls; an empty filter would list everything", got, err, len(f.asked))
	}
}

func TestEachInstances(t *testing.T) {
	t.Parallel()
	f := &fakeEC2{pages: []ec2.DescribeInstancesOutput{page(reservation(account, inState(oneID, "running"))), page(), page(reservation(account, inState("i-00000001", "pending")))}}
	var ids []string
	err := of(f).EachInstances(t.Context(), scope, func(page []license.Instance) error {
		for _, in := range page {
			ids = append(ids, in.ID.AWSID())
		}
		return nil
	})
	if err != nil || !slices.Equal(ids, []string{oneID, "i-00000001"}) || len(f.asked[0].Filters) != 0 {
		t.Errorf("listed %v, %v", ids, err)
	}
	enough := errors.New("enough")
	if err := of(f).EachInstances(t.Context(), scope, func([]license.Instance) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("error %v; want the caller's", err)
	}
	f = &fakeEC2{err: apiError("RequestLimitExceeded")}
	if err := of(f).EachInstances(t.Context(), scope, nil); !errors.Is(err, enforce.ErrThrottled) {
		t.Errorf("error %v; want ErrThrottled", err)
	}
	if err := of(&fakeEC2{}).EachInstances(t.Context(), scope, nil); err != nil {
		t.Errorf("an empty account: %v", err)
	}
}

// A listing of the wrong account must not look like an empty one.
func TestWrongAccountIsAnError(t *testing.T) {
	t.Parallel()
	f := &fakeEC2{pages: []ec2.DescribeInstancesOutput{page(reservation("999999999999", inState(oneID, "running")))}}
	if got, err := of(f).Instances(t.Context(), scope, []string{oneID}); err == nil {
		t.Errorf("got %v of another account", got)
	}
}

func TestHosts(t *testing.T) {
	t.Parallel()
	all := []types.Host{
		{HostId: aws.String("h-1"), OwnerId: aws.String(account), State: "available", Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}},
			HostProperties: &types.HostProperties{InstanceFamily: aws.String("m5"), Cores: aws.Int32(48), Sockets: aws.Int32(2)}},
		{HostId: aws.String("h-2"), OwnerId: aws.String("999999999999"), HostProperties: &types.HostProperties{InstanceType: aws.String("c5.large")}},
		{HostId: aws.String("h-3")}, {},
	}
	f := &fakeEC2{hosts: func(in *ec2.DescribeHostsInput) (*ec2.DescribeHostsOutput, error) {
		if slices.Contains(in.HostIds, "h-gone") {
			return nil, apiError("InvalidHostID.NotFound")
		}
		if len(in.HostIds) > 0 && in.MaxResults != nil {
			return nil, apiError("InvalidParameterCombination")
		}
		if in.NextToken == nil {
			return &ec2.DescribeHostsOutput{Hosts: all[:2], NextToken: aws.String("more")}, nil
		}
		return &ec2.DescribeHostsOutput{Hosts: all[2:]}, nil
	}}
	want := []license.Host{
		{ID: license.NewResourceID(account, region, "h-1"), Family: "m5", State: "available", Cores: 48, Sockets: 2, Tags: map[string]string{"k": "v"}},
		{ID: license.NewResourceID("999999999999", region, "h-2"), Family: "c5"},
	}
	for name, ids := range map[string][]string{"all known": {"h-1", "h-2"}, "one unknown": {"h-1", "h-gone", "h-2"}} {
		got, err := of(f).Hosts(t.Context(), scope, ids)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
	if got, err := of(f).Hosts(t.Context(), scope, nil); len(got) != 3 || err != nil {
		t.Errorf("without ids: %v, %v; want all that have an id", got, err)
	}
}

func TestInstanceTypes(t *testing.T) {
	t.Parallel()
	f := &fakeEC2{types: []types.InstanceTypeInfo{
		{InstanceType: "zz9.large", VCpuInfo: &types.VCpuInfo{DefaultVCpus: aws.Int32(4), DefaultCores: aws.Int32(2), DefaultThreadsPerCore: aws.Int32(2)},
			InstanceStorageSupported: aws.Bool(true), BareMetal: aws.Bool(true)},
		{InstanceType: "zz9.bare"}, {InstanceType: "other.type"}, {},
	}}
	got, err := of(f).InstanceTypes(t.Context(), scope, []string{"zz9.large", "zz9.bare", "zz9.unknown"})
	want := []license.InstanceType{{Name: "zz9.large", VCPUs: 4, Cores: 2, ThreadsPerCore: 2, InstanceStore: true, BareMetal: true}, {Name: "zz9.bare"}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if in := f.typesAsk[0]; len(in.InstanceTypes) != 0 || aws.ToString(in.Filters[0].Name) != "instance-type" {
		t.Errorf("asked with %+v; want a filter, so that an unknown name fails nothing", in)
	}
	if got, err := of(f).InstanceTypes(t.Context(), scope, nil); len(got) != 0 || err != nil {
		t.Errorf("no names: %v, %v", got, err)
	}
}

func TestImages(t *testing.T) {
	t.Parallel()
	const copied, made, original, old = "ami-0123456789abcdef1", "ami-0123456789abcdef2", "ami-0123456789abcdef3", "ami-12345678"
	f := &fakeEC2{images: [][]types.Image{
		{{ImageId: aws.String(copied), OwnerId: aws.String(account), SourceImageId: aws.String(original), SourceImageRegion: aws.String("us-west-2")},
			{ImageId: aws.String("ami-0123456789abcdef9"), SourceImageId: aws.String(original)}, {}},
		{},
		{{ImageId: aws.String(made), SourceInstanceId: aws.String(oneID)}, {ImageId: aws.String(original), OwnerId: aws.String("999999999999")},
			{ImageId: aws.String(old), SourceImageId: aws.String("*"), SourceImageRegion: aws.String("us-west-2"), SourceInstanceId: aws.String("i-*")}},
	}}
	abroad := track.Scope{Account: account, Region: "eu-west-3"}
	got, err := of(f).Images(t.Context(), abroad, []string{copied, made, "ami-*", original, old, ""})
	want := []track.Image{{ID: copied, Owner: account, SourceImage: original, SourceRegion: "us-west-2"}, {ID: made, SourceInstance: oneID},
		{ID: original, Owner: "999999999999"}, {ID: old}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	in := f.imageAsk[0]
	if len(in.ImageIds) != 0 || aws.ToString(in.Filters[0].Name) != "image-id" || !slices.Equal(in.Filters[0].Values, []string{copied, made, original, old}) {
		t.Errorf("asked with %+v; want a filter of the ids alone, so that an unknown one fails nothing", in)
	}
	if !aws.ToBool(in.IncludeDeprecated) || !aws.ToBool(in.IncludeDisabled) {
		t.Error("deprecated and disabled images were not asked for")
	}
	if !slices.Equal(f.imagesIn, []string{"eu-west-3", "eu-west-3", "eu-west-3"}) {
		t.Errorf("asked in %v, want in the scope's Region", f.imagesIn)
	}
	f = &fakeEC2{err: apiError("RequestLimitExceeded")}
	if _, err := of(f).Images(t.Context(), abroad, []string{copied}); !errors.Is(err, enforce.ErrThrottled) {
		t.Errorf("throttled: %v", err)
	}
	if got, err := of(f).Images(t.Context(), abroad, []string{"ami-*"}); len(got) != 0 || err != nil {
		t.Errorf("no valid id: %v, %v; want no call", got, err)
	}
}

func TestLook(t *testing.T) {
	t.Parallel()
	protected := &ec2.DescribeInstanceAttributeOutput{DisableApiStop: &types.AttributeBooleanValue{Value: aws.Bool(true)}}
	running := []ec2.DescribeInstancesOutput{page(reservation(account, inState(oneID, "running")))}
	for _, test := range []struct {
		name             string
		fake             fakeEC2
		found, protected bool
		err              error
	}{
		{"unprotected", fakeEC2{pages: running}, true, false, nil},
		{"protected", fakeEC2{pages: running, protect: protected}, true, true, nil},
		{"unknown", fakeEC2{}, false, false, nil},
		{"gone between the calls", fakeEC2{pages: running, protErr: apiError("InvalidInstanceID.NotFound")}, false, false, nil},
		{"terminated", fakeEC2{pages: []ec2.DescribeInstancesOutput{page(reservation(account, inState(oneID, "terminated")))}, protErr: apiError("must not be asked")}, true, false, nil},
		{"throttled", fakeEC2{pages: running, protErr: apiError("RequestLimitExceeded")}, false, false, enforce.ErrThrottled},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			in, found, err := of(&test.fake).Look(t.Context(), scope, oneID)
			if found != test.found || in.StopProtected != test.protected || !errors.Is(err, test.err) {
				t.Errorf("found %v, protected %v, %v", found, in.StopProtected, err)
			}
		})
	}
}

func TestStop(t *testing.T) {
	t.Parallel()
	in := func(state types.InstanceStateName) []ec2.DescribeInstancesOutput {
		return []ec2.DescribeInstancesOutput{page(reservation(account, inState(oneID, state)))}
	}
	wrong := apiError("IncorrectInstanceState")
	for _, test := range []struct {
		name string
		fake fakeEC2
		want error
	}{
		{"running", fakeEC2{}, nil},
		{"already stopping", fakeEC2{stopErr: wrong, pages: in("stopping")}, nil},
		{"already stopped", fakeEC2{stopErr: wrong, pages: in("stopped")}, nil},
		{"pending", fakeEC2{stopErr: wrong, pages: in("pending")}, enforce.ErrNotYet},
		{"just came up", fakeEC2{stopErr: wrong, pages: in("running")}, enforce.ErrNotYet},
		{"terminated", fakeEC2{stopErr: wrong, pages: in("terminated")}, enforce.ErrGone},
		{"gone", fakeEC2{stopErr: wrong}, enforce.ErrGone},
		{"unknown", fakeEC2{stopErr: apiError("InvalidInstanceID.NotFound")}, enforce.ErrGone},
		{"throttled", fakeEC2{stopErr: apiError("RequestLimitExceeded")}, enforce.ErrThrottled},
		{"throttled at the second look", fakeEC2{stopErr: wrong, err: apiError("RequestLimitExceeded")}, enforce.ErrThrottled},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if err := of(&test.fake).Stop(t.Context(), scope, oneID); !errors.Is(err, test.want) {
				t.Errorf("error %v; want %v", err, test.want)
			}
			if !slices.Equal(test.fake.stopped, []string{oneID}) {
				t.Errorf("stopped %v", test.fake.stopped)
			}
		})
	}
	f := &fakeEC2{stopErr: apiError("OperationNotPermitted")}
	err := of(f).Stop(t.Context(), scope, oneID)
	if err == nil || errors.Is(err, enforce.ErrGone) || errors.Is(err, enforce.ErrNotYet) {
		t.Errorf("stop protection: %v; want an error of no other meaning", err)
	}
	if err := of(f).Stop(t.Context(), scope, "*"); !errors.Is(err, enforce.ErrGone) {
		t.Errorf("an id that is none: %v", err)
	}
}

func TestTag(t *testing.T) {
	t.Parallel()
	f := &fakeEC2{}
	err := of(f).Tag(t.Context(), scope, oneID, map[string]string{
		"licenseguard:status": "over", "licenseguard:reason": "lic-1:\n\x00" + strings.Repeat("é", 300), "bad": "\xff"})
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	for _, tag := range f.tagged.Tags {
		got[*tag.Key] = *tag.Value
	}
	want := map[string]string{"licenseguard:status": "over", "licenseguard:reason": "lic-1:  " + strings.Repeat("é", 247) + "…", "bad": " "}
	if diff := cmp.Diff(want, got); diff != "" || !slices.Equal(f.tagged.Resources, []string{oneID}) {
		t.Errorf("tags of %v (-want +got):\n%s", f.tagged.Resources, diff)
	}
	f = &fakeEC2{err: apiError("InvalidInstanceID.NotFound")}
	if err := of(f).Tag(t.Context(), scope, oneID, map[string]string{"a": "b"}); !errors.Is(err, enforce.ErrGone) {
		t.Errorf("error %v; want ErrGone", err)
	}
	f = &fakeEC2{}
	if err := of(f).Tag(t.Context(), scope, oneID, nil); err != nil || f.tagged != nil {
		t.Errorf("no tags: %v, asked %v", err, f.tagged)
	}
}
