// Package fleet is an account in memory: it reads what `aws ec2
// describe-instances` and `aws ec2 describe-hosts` print, answers the looks
// that the tracker and enforcement take, and sends the events that EC2 would.
package fleet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"

	"licenseguard/shared/license"
)

// DescribedInstances is the output of `aws ec2 describe-instances`.
type describedInstances struct {
	Reservations *[]struct {
		OwnerID   string `json:"OwnerId"`
		Instances []describedInstance
	}
	NextToken string
}

type describedInstance struct {
	InstanceID   string `json:"InstanceId"`
	ImageID      string `json:"ImageId"`
	InstanceType string
	LaunchTime   string
	State        struct{ Name string }
	Placement    struct{ AvailabilityZone, Tenancy, HostID string }
	CPUOptions   *struct{ CoreCount, ThreadsPerCore int64 } `json:"CpuOptions"`
	Tags         []struct{ Key, Value string }
	Lifecycle    string `json:"InstanceLifecycle"`
	RootDevice   string `json:"RootDeviceType"`
	Transition   string `json:"StateTransitionReason"`
	UsageOp      string `json:"UsageOperation"`
	Operator     struct {
		Managed   bool
		Principal string
	}
	Licenses []struct {
		ARN string `json:"LicenseConfigurationArn"`
	}
}

type describedHosts struct {
	Hosts *[]struct {
		HostID     string `json:"HostId"`
		OwnerID    string `json:"OwnerId"`
		State      string
		Properties struct {
			Cores, Sockets               int64
			InstanceFamily, InstanceType string
		} `json:"HostProperties"`
		Tags []struct{ Key, Value string }
	}
}

// MaxFile bounds a file.
const MaxFile = 512 << 20

// ReadInstances reads the output of `aws ec2 describe-instances`. It returns
// the instances and the Region, which it takes from their zones. An error says
// which instance is wrong.
func ReadInstances(data []byte) (instances []license.Instance, region string, err error) {
	var d describedInstances
	if err := decode(data, &d); err != nil {
		return nil, "", err
	}
	if d.Reservations == nil {
		return nil, "", errors.New(`it has no "Reservations"; give the output of: aws ec2 describe-instances --output json`)
	}
	for i, r := range *d.Reservations {
		for j := range r.Instances {
			in, zone, err := r.Instances[j].instance(r.OwnerID)
			if err != nil {
				return nil, "", fmt.Errorf("Reservations[%d].Instances[%d] (%.40q): %w", i, j, r.Instances[j].InstanceID, err)
			}
			switch {
			case region == "":
				region = zone
			case zone != region:
				return nil, "", fmt.Errorf("Reservations[%d].Instances[%d] (%s): it is in %s, others are in %s; give one Region a file", i, j, r.Instances[j].InstanceID, zone, region)
			}
			instances = append(instances, in)
		}
	}
	return instances, region, nil
}

// ReadHosts reads the output of `aws ec2 describe-hosts` for hosts in a Region.
func ReadHosts(data []byte, region string) ([]license.Host, error) {
	var d describedHosts
	if err := decode(data, &d); err != nil {
		return nil, err
	}
	if d.Hosts == nil {
		return nil, errors.New(`it has no "Hosts"; give the output of: aws ec2 describe-hosts --output json`)
	}
	var out []license.Host
	for i, h := range *d.Hosts {
		family := h.Properties.InstanceFamily
		if family == "" {
			family = license.Family(h.Properties.InstanceType)
		}
		switch {
		case !hostID.MatchString(h.HostID):
			return nil, fmt.Errorf("Hosts[%d]: HostId %.40q is not a Dedicated Host id (want h- and 8 to 17 hex digits)", i, h.HostID)
		case !account.MatchString(h.OwnerID):
			return nil, fmt.Errorf("Hosts[%d] (%s): OwnerId %.40q is not an account of 12 digits", i, h.HostID, h.OwnerID)
		case h.Properties.Cores < 0 || h.Properties.Sockets < 0:
			return nil, fmt.Errorf("Hosts[%d] (%s): HostProperties has negative cores or sockets", i, h.HostID)
		}
		out = append(out, license.Host{ID: license.NewResourceID(h.OwnerID, region, h.HostID), Family: family, State: h.State,
			Cores: h.Properties.Cores, Sockets: h.Properties.Sockets, Tags: tagMap(h.Tags)})
	}
	return out, nil
}

var (
	instanceID = regexp.MustCompile(`^i-[0-9a-f]{8,17}$`)
	hostID     = regexp.MustCompile(`^h-[0-9a-f]{8,17}$`)
	account    = regexp.MustCompile(`^[0-9]{12}$`)
	zoneForm   = regexp.MustCompile(`^([a-z]{2}(?:-[a-z]+)+-\d)[a-z]?`)
	stopReason = regexp.MustCompile(`\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) GMT\)`)
)

var tenancies = map[string]license.Tenancy{
	"": license.TenancyDefault, "default": license.TenancyDefault,
	"dedicated": license.TenancyDedicatedInstance, "host": license.TenancyDedicatedHost,
}

func (d *describedInstance) instance(owner string) (in license.Instance, region string, err error) {
	if !instanceID.MatchString(d.InstanceID) {
		return in, "", errors.New("InstanceId is not an EC2 instance id (want i- and 8 to 17 hex digits)")
	}
	if !account.MatchString(owner) {
		return in, "", fmt.Errorf("the reservation's OwnerId %.40q is not an account of 12 digits", owner)
	}
	zone := zoneForm.FindStringSubmatch(d.Placement.AvailabilityZone)
	if zone == nil {
		return in, "", fmt.Errorf("Placement.AvailabilityZone %.40q is no zone such as us-east-1a", d.Placement.AvailabilityZone)
	}
	launch, err := time.Parse(time.RFC3339, d.LaunchTime)
	if err != nil {
		return in, "", fmt.Errorf("LaunchTime %.40q is no time such as 2026-11-20T08:00:00+00:00", d.LaunchTime)
	}
	state := license.State(d.State.Name)
	if state.Rank() < 0 {
		return in, "", fmt.Errorf("State.Name %.40q is none of pending, running, stopping, stopped, shutting-down, terminated", d.State.Name)
	}
	tenancy, ok := tenancies[d.Placement.Tenancy]
	if !ok {
		return in, "", fmt.Errorf("Placement.Tenancy %.40q is none of default, dedicated, host", d.Placement.Tenancy)
	}
	if d.InstanceType == "" {
		return in, "", errors.New("it has no InstanceType")
	}
	in = license.Instance{
		ID: license.NewResourceID(owner, zone[1], d.InstanceID), Type: d.InstanceType, State: state, LaunchTime: launch.UTC().Truncate(time.Second),
		ImageID: d.ImageID, Tenancy: tenancy, HostID: d.Placement.HostID, Tags: tagMap(d.Tags), Spot: d.Lifecycle == "spot",
		RootIsStore: d.RootDevice == "instance-store", UsageOperation: d.UsageOp,
	}
	var arns []string
	for _, l := range d.Licenses {
		arns = append(arns, l.ARN)
	}
	in.Specifications = license.Specifications(arns)
	if d.Operator.Managed {
		in.ManagedBy = d.Operator.Principal
	}
	if m := stopReason.FindStringSubmatch(d.Transition); m != nil {
		in.StoppedAt, _ = time.Parse(time.DateTime, m[1])
	}
	if o := d.CPUOptions; o != nil {
		if o.CoreCount < 0 || o.ThreadsPerCore < 0 || o.CoreCount > 10_000 || o.ThreadsPerCore > 8 {
			return in, "", fmt.Errorf("CpuOptions %d cores, %d threads per core cannot be", o.CoreCount, o.ThreadsPerCore)
		}
		in.CPUOptions = license.CPUOptions{Cores: o.CoreCount, ThreadsPerCore: o.ThreadsPerCore}
	}
	return in, zone[1], nil
}

func tagMap(tags []struct{ Key, Value string }) map[string]string {
	if len(tags) == 0 {
		return nil
	}
	m := make(map[string]string, len(tags))
	for _, t := range tags {
		m[t.Key] = t.Value
	}
	return m
}

// decode reads JSON and says at which line it breaks.
func decode(data []byte, v any) error {
	if len(data) > MaxFile {
		return fmt.Errorf("it has %d bytes; at most %d are read", len(data), MaxFile)
	}
	err := json.Unmarshal(data, v)
	if err == nil {
		return nil
	}
	var offset int64
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		offset, err = syntax.Offset, fmt.Errorf("it is not JSON as the aws command prints it with --output json: %w", err)
	case errors.As(err, &kind):
		offset = kind.Offset
		err = fmt.Errorf("%s holds a %s, expected %s", kind.Field, kind.Value, kind.Type)
	}
	line := 1 + bytes.Count(data[:min(int(offset), len(data))], []byte("\n"))
	return fmt.Errorf("line %d: %w", line, err)
}
