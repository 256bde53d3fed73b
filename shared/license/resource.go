package license

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// ResourceID names one resource of one account and Region, as
// "123456789012/us-east-1/i-0123456789abcdef0". A database, whose name may look like
// any id, is "…/db:NAME".
type ResourceID string

// NewResourceID joins the parts of a ResourceID.
func NewResourceID(account, region, id string) ResourceID {
	return ResourceID(account + "/" + region + "/" + id)
}

// Parts returns account, Region and the AWS id. A ResourceID that was not made
// by NewResourceID gives empty parts.
func (r ResourceID) Parts() (account, region, id string) {
	i := strings.IndexByte(string(r), '/')
	j := strings.IndexByte(string(r[i+1:]), '/') + i + 1
	if i < 0 || j <= i {
		return "", "", ""
	}
	return string(r[:i]), string(r[i+1 : j]), string(r[j+1:])
}

// AWSID returns the id that AWS gave, such as "i-0123456789abcdef0".
func (r ResourceID) AWSID() string { _, _, id := r.Parts(); return id }

// Type tells the kind of resource from its id.
func (r ResourceID) Type() ResourceType {
	switch id := r[strings.LastIndexByte(string(r), '/')+1:]; {
	case strings.HasPrefix(string(id), "h-"):
		return EC2Host
	case strings.HasPrefix(string(id), "ami-"):
		return EC2AMI
	case strings.HasPrefix(string(id), "mi-"):
		return ManagedNode
	case strings.HasPrefix(string(id), DatabasePrefix):
		return Database
	default:
		return EC2Instance
	}
}

// ARN returns the resource's Amazon Resource Name in the aws partition.
func (r ResourceID) ARN() string {
	account, region, id := r.Parts()
	switch r.Type() {
	case EC2Host:
		return fmt.Sprintf("arn:aws:ec2:%s:%s:dedicated-host/%s", region, account, id)
	case EC2AMI:
		return fmt.Sprintf("arn:aws:ec2:%s::image/%s", region, id)
	case ManagedNode:
		return fmt.Sprintf("arn:aws:ssm:%s:%s:managed-instance/%s", region, account, id)
	case Database:
		return fmt.Sprintf("arn:aws:rds:%s:%s:%s", region, account, id)
	default:
		return fmt.Sprintf("arn:aws:ec2:%s:%s:instance/%s", region, account, id)
	}
}

// ResourceType is License Manager's kind of a resource.
type ResourceType string

// The resource types that are counted or associated.
const (
	EC2Instance ResourceType = "EC2_INSTANCE"
	EC2Host     ResourceType = "EC2_HOST"
	EC2AMI      ResourceType = "EC2_AMI"
	// ManagedNode is a machine outside EC2 that Systems Manager manages (mi-…).
	ManagedNode ResourceType = "SYSTEMS_MANAGER_MANAGED_INSTANCE"
	Database    ResourceType = "RDS" // a DB instance
)

// DatabasePrefix begins the id of a database; its name follows, as in its ARN.
const DatabasePrefix = "db:"

// Launches reports whether the resource has launches, which EC2 tells: each start of
// an instance is a new one. Nodes and databases have only a beginning.
func (t ResourceType) Launches() bool { return t == EC2Instance }

// State is EC2's name of an instance's state.
type State string

// The six states of an instance, in the order of its life.
const (
	Pending      State = "pending"
	Running      State = "running"
	Stopping     State = "stopping"
	Stopped      State = "stopped"
	ShuttingDown State = "shutting-down"
	Terminated   State = "terminated"
)

// Rank orders the states within one launch: a later state has a higher rank.
// An unknown state has rank -1.
func (s State) Rank() int {
	switch s {
	case Pending:
		return 0
	case Running:
		return 1
	case Stopping:
		return 2
	case Stopped:
		return 3
	case ShuttingDown:
		return 4
	case Terminated:
		return 5
	default:
		return -1
	}
}

// Tenancy is License Manager's name of a placement.
type Tenancy string

// The three tenancies that a rule can allow, and one of databases.
const (
	TenancyDefault           Tenancy = "EC2-Default"
	TenancyDedicatedHost     Tenancy = "EC2-DedicatedHost"
	TenancyDedicatedInstance Tenancy = "EC2-DedicatedInstance"
	// TenancyMultiAZ is of a database with a standby in another zone. It is
	// licenseguard's own, and no rule can allow it.
	TenancyMultiAZ Tenancy = "RDS-MultiAZ"
)

// Instance holds the facts of one EC2 instance, managed node or database as one
// observation gave them.
type Instance struct {
	ID             ResourceID
	Type           string
	State          State
	LaunchTime     time.Time // EC2's LaunchTime: the last start; of what has no launches, its beginning
	StoppedAt      time.Time // of the last stop, when EC2 tells it; else zero
	ImageID        string
	Tenancy        Tenancy
	HostID         string // of the Dedicated Host, "" elsewhere
	CPUOptions     CPUOptions
	Tags           map[string]string
	Spot           bool
	SpotPersistent bool         // a persistent Spot request, which can be stopped
	ManagedBy      string       // the service that operates the instance, "" for none
	RootIsStore    bool         // the root device is an instance store
	StopProtected  bool         // known only after a direct look; see enforce
	TypeFacts      InstanceType // looked up, for a type that the catalogue lacks
	UsageOperation string       // e.g. "RunInstances:0002" (Windows, license included)
	// Specifications are the ARNs of the license configurations of AWS License
	// Manager that EC2 shows for the instance, ascending.
	Specifications []string
	Ancestry       []Ancestor // of its image, the nearest first, as far as is known
	// Discoveries say by which products it was found, in the order of the
	// configurations; at most one of each.
	Discoveries []Discovery
}

// Specifications returns the ARNs as an Instance has them: ascending, each once,
// nil for none.
func Specifications(arns []string) []string {
	var out []string
	for _, arn := range arns {
		if arn != "" {
			out = append(out, arn)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// CPUOptions are the cores and threads that an instance runs with. The zero
// value means that AWS did not tell.
type CPUOptions struct{ Cores, ThreadsPerCore int64 }

// Known reports whether AWS told the CPU options.
func (c CPUOptions) Known() bool { return c.Cores > 0 && c.ThreadsPerCore > 0 }

// VCPUs returns cores times threads per core.
func (c CPUOptions) VCPUs() int64 { return c.Cores * c.ThreadsPerCore }

// Host holds the facts of one Dedicated Host as one observation gave them.
// Zero Cores or Sockets mean that AWS did not tell.
type Host struct {
	ID      ResourceID
	Family  string
	State   string // EC2's, e.g. "available" or "released"
	Cores   int64
	Sockets int64
	Tags    map[string]string
}

// Failed reports whether AWS gave the host's hardware up: it is being assessed, and its
// instances are restarted elsewhere (host recovery), or it is to be retired, and they
// are moved (host maintenance; EC2 user guide, 2026). A host that is merely released
// did not fail.
func (h Host) Failed() bool {
	switch h.State {
	case "under-assessment", "permanent-failure", "released-permanent-failure":
		return true
	default:
		return false
	}
}

// Tag keys with which AWS services mark instances that belong to them, and two
// of ours.
const (
	TagAutoScalingGroup   = "aws:autoscaling:groupName"
	TagLaunchTemplate     = "aws:ec2launchtemplate:id"
	TagEKSCluster         = "aws:eks:cluster-name"
	TagEMRJobFlow         = "aws:elasticmapreduce:job-flow-id"
	TagElasticBeanstalk   = "elasticbeanstalk:environment-id"
	TagBatch              = "AWSBatchServiceTag"
	TagECSManaged         = "AmazonECSManaged"
	TagProtected          = "licenseguard:protected"
	TagExempt             = "licenseguard:exempt"
	TagKarpenterNodeClaim = "karpenter.sh/nodeclaim"
	TagEC2Fleet           = "aws:ec2:fleet-id"
	TagSpotFleet          = "aws:ec2spot:fleet-request-id"
)
