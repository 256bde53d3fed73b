package ec2cloud

import (
	"testing"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// The answers of EC2 to calls, by Region and what they ask for, in the form of its API
// reference (2026): a copy, in this Region, of a copy, in another, of an image of
// another account in a third.
var recorded = map[string]string{
	"eu-central-1 DescribeInstances i-0123456789abcdef0": `<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>8f7724cf-496f-496e-8fe3-000000000001</requestId>
		<reservationSet><item><reservationId>r-0123456789abcdef0</reservationId><ownerId>123456789012</ownerId><groupSet/><instancesSet><item>
		<instanceId>i-0123456789abcdef0</instanceId><imageId>ami-0ccccccccccccccc3</imageId><instanceState><code>16</code><name>running</name></instanceState>
		<instanceType>m5.large</instanceType><launchTime>2026-11-20T08:01:00.000Z</launchTime><placement><availabilityZone>eu-central-1a</availabilityZone><tenancy>default</tenancy></placement>
		<cpuOptions><coreCount>1</coreCount><threadsPerCore>2</threadsPerCore></cpuOptions></item></instancesSet></item></reservationSet></DescribeInstancesResponse>`,
	"eu-central-1 DescribeImages ami-0ccccccccccccccc3": images(`<imageId>ami-0ccccccccccccccc3</imageId><imageOwnerId>123456789012</imageOwnerId><imageState>available</imageState>
		<sourceImageId>ami-0bbbbbbbbbbbbbbb2</sourceImageId><sourceImageRegion>eu-west-1</sourceImageRegion>`),
	"eu-west-1 DescribeImages ami-0bbbbbbbbbbbbbbb2": images(`<imageId>ami-0bbbbbbbbbbbbbbb2</imageId><imageOwnerId>123456789012</imageOwnerId><imageState>available</imageState>
		<sourceImageId>ami-0aaaaaaaaaaaaaaa1</sourceImageId><sourceImageRegion>us-east-1</sourceImageRegion>`),
}

func images(item string) string {
	return `<DescribeImagesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>8f7724cf-496f-496e-8fe3-000000000003</requestId><imagesSet><item>` + item + `</item></imagesSet></DescribeImagesResponse>`
}

// TestCopyOfACopyOverTheWire goes from the event to the count over the real SDK: the
// associated image is another account's, in a third Region, and nobody asks for it.
func TestCopyOfACopyOverTheWire(t *testing.T) {
	t.Parallel()
	w := newWire(t, recorded)
	w.configure(vcpus)
	w.pass(65 * time.Second)
	w.handle(w.state("i-0123456789abcdef0", "running"))
	w.totals("a copy of a copy", ledger.Totals{Running: 2, Covered: 2, Instances: 2})
	w.wantAsked("eu-central-1 DescribeInstances i-0123456789abcdef0", "eu-central-1 DescribeImages ami-0ccccccccccccccc3",
		"eu-west-1 DescribeImages ami-0bbbbbbbbbbbbbbb2")
}

// vcpus is the license of the first image.
func vcpus(c *license.Configuration) {
	c.CountingType = license.CountVCPU
	c.Associations = []license.Association{{Kind: license.ByAMI, Value: "ami-0aaaaaaaaaaaaaaa1"}}
}

const noImages = `<DescribeImagesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>8f7724cf-496f-496e-8fe3-000000000004</requestId><imagesSet/></DescribeImagesResponse>`

// TestAncestryOverTheWire: the middle of the chain belongs to another account that does
// not share it; the whole ancestry of the image tells it.
func TestAncestryOverTheWire(t *testing.T) {
	t.Parallel()
	w := newWire(t, recorded)
	w.answers["eu-west-1 DescribeImages ami-0bbbbbbbbbbbbbbb2"] = noImages
	w.answers["eu-central-1 GetImageAncestry ami-0ccccccccccccccc3"] = `<GetImageAncestryResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>8f7724cf-496f-496e-8fe3-000000000005</requestId><imageAncestryEntrySet>
		<item><creationDate>2026-03-01T10:00:00.000Z</creationDate><imageId>ami-0ccccccccccccccc3</imageId><sourceImageId>ami-0bbbbbbbbbbbbbbb2</sourceImageId><sourceImageRegion>eu-west-1</sourceImageRegion></item>
		<item><creationDate>2026-02-01T10:00:00.000Z</creationDate><imageId>ami-0bbbbbbbbbbbbbbb2</imageId><sourceImageId>ami-0aaaaaaaaaaaaaaa1</sourceImageId><sourceImageRegion>us-east-1</sourceImageRegion></item>
		<item><creationDate>2026-01-01T10:00:00.000Z</creationDate><imageId>ami-0aaaaaaaaaaaaaaa1</imageId></item></imageAncestryEntrySet></GetImageAncestryResponse>`
	w.configure(vcpus)
	w.pass(65 * time.Second)
	w.handle(w.state("i-0123456789abcdef0", "running"))
	w.totals("through what is not shown", ledger.Totals{Running: 2, Covered: 2, Instances: 2})
	w.wantLineage("i-0123456789abcdef0", "made from ami-0aaaaaaaaaaaaaaa1 in us-east-1 (GetImageAncestry)")
}

// TestRegisterImageOverTheWire goes from CloudTrail's record of RegisterImage to the
// position, after the image that had the snapshot is deregistered.
func TestRegisterImageOverTheWire(t *testing.T) {
	t.Parallel()
	const snap = "snap-0123456789abcdef0"
	of := func(id, created string) string {
		return `<imageId>` + id + `</imageId><imageOwnerId>123456789012</imageOwnerId><imageState>available</imageState><creationDate>` + created + `</creationDate><rootDeviceName>/dev/sda1</rootDeviceName>
			<blockDeviceMapping><item><deviceName>/dev/sdb</deviceName><ebs><snapshotId>snap-0999999999999999f</snapshotId></ebs></item><item><deviceName>/dev/sda1</deviceName><ebs><snapshotId>` + snap + `</snapshotId></ebs></item></blockDeviceMapping>`
	}
	registered := of("ami-0ccccccccccccccc3", "2026-11-20T07:59:00.000Z")
	w := newWire(t, recorded)
	w.answers["eu-central-1 DescribeImages ami-0ccccccccccccccc3"] = images(registered)
	w.answers["eu-central-1 DescribeImages "+snap] = images(registered + "</item><item>" + of("ami-0aaaaaaaaaaaaaaa1", "2026-01-01T10:00:00.000Z"))
	w.answers["eu-central-1 DescribeSnapshots "+snap] = `<DescribeSnapshotsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>8f7724cf-496f-496e-8fe3-000000000006</requestId><snapshotSet><item><snapshotId>` + snap + `</snapshotId><description/></item></snapshotSet></DescribeSnapshotsResponse>`
	w.configure(vcpus)
	w.handle(w.call("register-image", "ami-0abcdef1234567890", "ami-0ccccccccccccccc3"))
	w.wantAsked("eu-central-1 DescribeImages ami-0ccccccccccccccc3", "eu-central-1 DescribeImages "+snap, "eu-central-1 DescribeSnapshots "+snap)
	w.answers["eu-central-1 DescribeImages "+snap] = noImages // both are deregistered
	w.answers["eu-central-1 DescribeImages ami-0ccccccccccccccc3"] = noImages
	w.pass(65 * time.Second)
	w.handle(w.state("i-0123456789abcdef0", "running"))
	w.totals("of the snapshot of an associated image", ledger.Totals{Running: 2, Covered: 2, Instances: 2})
	w.wantLineage("i-0123456789abcdef0", "made from ami-0aaaaaaaaaaaaaaa1 in eu-central-1 (DescribeImages, with the same snapshot before)")
}

// TestCopyImageOverTheWire goes from CloudTrail's record of CopyImage to the position of
// an image of which EC2 tells no source.
func TestCopyImageOverTheWire(t *testing.T) {
	t.Parallel()
	w := newWire(t, recorded)
	w.answers["eu-central-1 DescribeImages ami-0ccccccccccccccc3"] = images(`<imageId>ami-0ccccccccccccccc3</imageId><imageOwnerId>123456789012</imageOwnerId><imageState>pending</imageState>`)
	w.configure(vcpus)
	w.handle(w.call("copy-image", "ami-0abcdef1234567890", "ami-0ccccccccccccccc3"))
	w.pass(65 * time.Second)
	w.handle(w.state("i-0123456789abcdef0", "running"))
	w.totals("of a copy", ledger.Totals{Running: 2, Covered: 2, Instances: 2})
	w.wantLineage("i-0123456789abcdef0", "made from ami-0aaaaaaaaaaaaaaa1 in us-east-1 (CloudTrail CopyImage)")
}
