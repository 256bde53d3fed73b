package bench_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"licenseguard/shared/license"
)

// ec2Server is EC2's query API over HTTP, as far as track and sweep call it.
// Its answers are as large as EC2's: see instanceXML.
type ec2Server struct {
	*inMemory
	url string

	answered sync.Mutex
	bytes    int64
	listed   int64 // instances in answers
}

func newEC2Server(t testing.TB) *ec2Server {
	s := &ec2Server{inMemory: newInMemory()}
	server := httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// instanceSize is the mean size of an instance in the answers so far.
func (s *ec2Server) instanceSize() int64 {
	s.answered.Lock()
	defer s.answered.Unlock()
	return s.bytes / max(s.listed, 1)
}

func (s *ec2Server) serve(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var b bytes.Buffer
	switch action := r.Form.Get("Action"); action {
	case "DescribeInstances":
		s.describe(&b, r)
	case "DescribeHosts":
		b.WriteString(`<DescribeHostsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>0b4a4c3d-1a2b-4c3d-8e9f-0123456789ab</requestId><hostSet>`)
		for n := range hosts {
			fmt.Fprintf(&b, `<item><hostId>%s</hostId><ownerId>%s</ownerId><state>available</state><hostProperties><instanceFamily>m5</instanceFamily><cores>48</cores><sockets>2</sockets><totalVCpus>96</totalVCpus></hostProperties></item>`, hostID(n), account)
		}
		b.WriteString(`</hostSet></DescribeHostsResponse>`)
	case "DescribeImages": // none is anybody's copy
		b.WriteString(`<DescribeImagesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>0b4a4c3d-1a2b-4c3d-8e9f-0123456789ab</requestId><imagesSet/></DescribeImagesResponse>`)
	default:
		http.Error(w, "the stub does not know "+action, http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/xml;charset=UTF-8")
	_, _ = w.Write(b.Bytes())
}

func (s *ec2Server) describe(b *bytes.Buffer, r *http.Request) {
	s.mu.Lock()
	var found []license.Instance
	following := ""
	if r.Form.Get("Filter.1.Name") == "instance-id" {
		for n := 1; r.Form.Has("Filter.1.Value." + strconv.Itoa(n)); n++ {
			if in, ok := s.instances[r.Form.Get("Filter.1.Value."+strconv.Itoa(n))]; ok {
				found = append(found, in)
			}
		}
	} else {
		from, _ := strconv.Atoi(r.Form.Get("NextToken"))
		size, _ := strconv.Atoi(r.Form.Get("MaxResults"))
		to := min(from+size, len(s.order))
		for _, id := range s.order[from:to] {
			found = append(found, s.instances[id])
		}
		if to < len(s.order) {
			following = strconv.Itoa(to)
		}
	}
	s.mu.Unlock()
	b.Grow(8 << 10 * len(found))
	b.WriteString(`<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>8f7724cf-496f-496e-8fe3-example12345</requestId><reservationSet>`)
	for i := range found {
		writeInstance(b, &found[i])
	}
	b.WriteString(`</reservationSet>`)
	if following != "" {
		b.WriteString(`<nextToken>` + following + `</nextToken>`)
	}
	b.WriteString(`</DescribeInstancesResponse>`)
	s.answered.Lock()
	defer s.answered.Unlock()
	s.bytes, s.listed = s.bytes+int64(b.Len()), s.listed+int64(len(found))
}

const hosts = 20

func hostID(n int) string { return fmt.Sprintf("h-%017x", 0xbeef00+n) }

// writeInstance writes what EC2 tells of an instance that is in a VPC, with two
// volumes, one network interface and a dozen tags (API reference, DescribeInstances, 2026).
func writeInstance(b *bytes.Buffer, in *license.Instance) {
	id := in.ID.AWSID()
	number := id[len(id)-8:]
	state := map[license.State]string{license.Pending: "0", license.Running: "16", license.ShuttingDown: "32", license.Terminated: "48", license.Stopping: "64", license.Stopped: "80"}[in.State]
	reason := ""
	if !in.StoppedAt.IsZero() {
		reason = "User initiated (" + in.StoppedAt.Format(time.DateTime) + " GMT)"
	}
	tenancy, host := "default", ""
	if in.HostID != "" {
		tenancy, host = "host", "<hostId>"+in.HostID+"</hostId>"
	}
	var tags strings.Builder
	for _, key := range sortedKeys(in.Tags) {
		tags.WriteString("<item><key>" + key + "</key><value>" + in.Tags[key] + "</value></item>")
	}
	for _, part := range strings.SplitAfter(instanceXML, "}") {
		text, name, ok := strings.Cut(strings.TrimSuffix(part, "}"), "{")
		b.WriteString(text)
		if !ok {
			continue
		}
		b.WriteString(map[string]string{"id": id, "number": number, "account": account, "image": in.ImageID, "code": state, "state": string(in.State),
			"reason": reason, "type": in.Type, "launch": in.LaunchTime.UTC().Format("2006-01-02T15:04:05.000Z"), "tenancy": tenancy, "host": host,
			"tags": tags.String(), "cores": strconv.FormatInt(in.CPUOptions.Cores, 10), "threads": strconv.FormatInt(in.CPUOptions.ThreadsPerCore, 10)}[name])
	}
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

const instanceXML = `
        <item>
            <reservationId>r-0fedcba98{number}</reservationId>
            <ownerId>{account}</ownerId>
            <groupSet/>
            <instancesSet>
                <item>
                    <instanceId>{id}</instanceId>
                    <imageId>{image}</imageId>
                    <instanceState>
                        <code>{code}</code>
                        <name>{state}</name>
                    </instanceState>
                    <privateDnsName>ip-10-17-42-{number}.eu-central-1.compute.internal</privateDnsName>
                    <dnsName/>
                    <reason>{reason}</reason>
                    <keyName>production-2024</keyName>
                    <amiLaunchIndex>0</amiLaunchIndex>
                    <productCodes/>
                    <instanceType>{type}</instanceType>
                    <launchTime>{launch}</launchTime>
                    <placement>
                        <availabilityZone>eu-central-1a</availabilityZone>
                        <availabilityZoneId>euc1-az2</availabilityZoneId>
                        <groupName/>
                        <tenancy>{tenancy}</tenancy>{host}
                    </placement>
                    <monitoring>
                        <state>disabled</state>
                    </monitoring>
                    <subnetId>subnet-0a1b2c3d4e5f60718</subnetId>
                    <vpcId>vpc-0123456789abcdef0</vpcId>
                    <privateIpAddress>10.17.42.23</privateIpAddress>
                    <sourceDestCheck>true</sourceDestCheck>
                    <groupSet>
                        <item>
                            <groupId>sg-0aaaaaaaaaaaaaaa1</groupId>
                            <groupName>database-clients</groupName>
                        </item>
                        <item>
                            <groupId>sg-0aaaaaaaaaaaaaaa2</groupId>
                            <groupName>management-access</groupName>
                        </item>
                    </groupSet>
                    <architecture>x86_64</architecture>
                    <rootDeviceType>ebs</rootDeviceType>
                    <rootDeviceName>/dev/xvda</rootDeviceName>
                    <blockDeviceMapping>
                        <item>
                            <deviceName>/dev/xvda</deviceName>
                            <ebs>
                                <volumeId>vol-0fedcba98{number}</volumeId>
                                <status>attached</status>
                                <attachTime>{launch}</attachTime>
                                <deleteOnTermination>true</deleteOnTermination>
                            </ebs>
                        </item>
                        <item>
                            <deviceName>/dev/sdf</deviceName>
                            <ebs>
                                <volumeId>vol-0edcba987{number}</volumeId>
                                <status>attached</status>
                                <attachTime>{launch}</attachTime>
                                <deleteOnTermination>false</deleteOnTermination>
                            </ebs>
                        </item>
                    </blockDeviceMapping>
                    <virtualizationType>hvm</virtualizationType>
                    <clientToken>fleet-0b4a4c3d-1a2b-4c3d-8e9f-0{number}</clientToken>
                    <tagSet>{tags}</tagSet>
                    <hypervisor>xen</hypervisor>
                    <networkInterfaceSet>
                        <item>
                            <networkInterfaceId>eni-0fedcba98{number}</networkInterfaceId>
                            <subnetId>subnet-0a1b2c3d4e5f60718</subnetId>
                            <vpcId>vpc-0123456789abcdef0</vpcId>
                            <description>Primary network interface</description>
                            <ownerId>{account}</ownerId>
                            <status>in-use</status>
                            <interfaceType>interface</interfaceType>
                            <macAddress>06:1f:2e:3d:4c:5b</macAddress>
                            <privateIpAddress>10.17.42.23</privateIpAddress>
                            <privateDnsName>ip-10-17-42-23.eu-central-1.compute.internal</privateDnsName>
                            <sourceDestCheck>true</sourceDestCheck>
                            <groupSet>
                                <item>
                                    <groupId>sg-0aaaaaaaaaaaaaaa1</groupId>
                                    <groupName>database-clients</groupName>
                                </item>
                                <item>
                                    <groupId>sg-0aaaaaaaaaaaaaaa2</groupId>
                                    <groupName>management-access</groupName>
                                </item>
                            </groupSet>
                            <attachment>
                                <attachmentId>eni-attach-0fed{number}</attachmentId>
                                <deviceIndex>0</deviceIndex>
                                <networkCardIndex>0</networkCardIndex>
                                <status>attached</status>
                                <attachTime>{launch}</attachTime>
                                <deleteOnTermination>true</deleteOnTermination>
                            </attachment>
                            <privateIpAddressesSet>
                                <item>
                                    <privateIpAddress>10.17.42.23</privateIpAddress>
                                    <privateDnsName>ip-10-17-42-23.eu-central-1.compute.internal</privateDnsName>
                                    <primary>true</primary>
                                </item>
                            </privateIpAddressesSet>
                            <ipv6AddressesSet/>
                            <operator>
                                <managed>false</managed>
                            </operator>
                        </item>
                    </networkInterfaceSet>
                    <iamInstanceProfile>
                        <arn>arn:aws:iam::{account}:instance-profile/database-production</arn>
                        <id>AIPAEXAMPLE0123456789</id>
                    </iamInstanceProfile>
                    <ebsOptimized>true</ebsOptimized>
                    <enaSupport>true</enaSupport>
                    <cpuOptions>
                        <coreCount>{cores}</coreCount>
                        <threadsPerCore>{threads}</threadsPerCore>
                    </cpuOptions>
                    <capacityReservationSpecification>
                        <capacityReservationPreference>open</capacityReservationPreference>
                    </capacityReservationSpecification>
                    <hibernationOptions>
                        <configured>false</configured>
                    </hibernationOptions>
                    <enclaveOptions>
                        <enabled>false</enabled>
                    </enclaveOptions>
                    <metadataOptions>
                        <state>applied</state>
                        <httpTokens>required</httpTokens>
                        <httpPutResponseHopLimit>2</httpPutResponseHopLimit>
                        <httpEndpoint>enabled</httpEndpoint>
                        <httpProtocolIpv6>disabled</httpProtocolIpv6>
                        <instanceMetadataTags>disabled</instanceMetadataTags>
                    </metadataOptions>
                    <maintenanceOptions>
                        <autoRecovery>default</autoRecovery>
                        <rebootMigration>default</rebootMigration>
                    </maintenanceOptions>
                    <privateDnsNameOptions>
                        <hostnameType>ip-name</hostnameType>
                        <enableResourceNameDnsARecord>false</enableResourceNameDnsARecord>
                        <enableResourceNameDnsAAAARecord>false</enableResourceNameDnsAAAARecord>
                    </privateDnsNameOptions>
                    <platformDetails>Linux/UNIX</platformDetails>
                    <usageOperation>RunInstances</usageOperation>
                    <usageOperationUpdateTime>{launch}</usageOperationUpdateTime>
                    <currentInstanceBootMode>legacy-bios</currentInstanceBootMode>
                    <networkPerformanceOptions>
                        <bandwidthWeighting>default</bandwidthWeighting>
                    </networkPerformanceOptions>
                    <operator>
                        <managed>false</managed>
                    </operator>
                </item>
            </instancesSet>
            <requesterId>AIDAEXAMPLE0123456789</requesterId>
        </item>`
