package ec2cloud

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"licenseguard/shared/adapter/boltledger"
	"licenseguard/shared/catalog"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
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
	signedFor := regexp.MustCompile(`Credential=[^/]+/[0-9]{8}/([a-z0-9-]+)/ec2/`)
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scope := signedFor.FindStringSubmatch(r.Header.Get("Authorization"))
		if err := r.ParseForm(); err != nil || scope == nil {
			http.Error(w, "no signature for EC2, or no form", http.StatusBadRequest)
			return
		}
		call := fmt.Sprintf("%s %s %s", scope[1], r.Form.Get("Action"), r.Form.Get("Filter.1.Value.1"))
		asked = append(asked, call)
		answer, ok := recorded[call]
		if !ok {
			http.Error(w, "nobody should ask for "+call, http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "text/xml;charset=UTF-8")
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(server.Close)
	client := ec2.New(ec2.Options{Region: region, BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})

	store, err := boltledger.Open(filepath.Join(t.TempDir(), "ledger.db"), boltledger.Options{Volatile: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	now := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	tracker := &track.Tracker{Store: store, Documents: store, Observer: New(client), Catalog: catalog.Embedded(), Accounts: []string{account}, Regions: []string{region},
		Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler), Wait: func(context.Context, time.Duration) error { return nil }}
	count := int64(10)
	if _, err := tracker.Configure(t.Context(), license.Configuration{ID: "lic-a", Name: "A", CountingType: license.CountVCPU, Count: &count, HardLimit: true,
		Associations: []license.Association{{Kind: license.ByAMI, Value: "ami-0aaaaaaaaaaaaaaa1"}}}, "test"); err != nil {
		t.Fatal(err)
	}
	now = now.Add(65 * time.Second)
	body := fmt.Sprintf(`{"version":"0","id":"7bf73129-1428-4cd3-a780-95db273d1602","detail-type":"EC2 Instance State-change Notification","source":"aws.ec2","account":%q,"time":"2026-11-20T08:01:02Z","region":%q,"resources":["arn:aws:ec2:eu-central-1:123456789012:instance/i-0123456789abcdef0"],"detail":{"instance-id":"i-0123456789abcdef0","state":"running"}}`, account, region)
	if r := tracker.Handle(t.Context(), []track.Message{{ID: "m", Body: []byte(body), Receives: 1}}); r.Handled != 1 || len(r.Retry) != 0 {
		t.Errorf("report %+v; EC2 was asked %q", r, asked)
	}
	l, err := store.Load(t.Context(), "lic-a")
	if err != nil {
		t.Fatal(err)
	}
	if l.Totals.Deployed() != 2 || l.Totals.Covered != 2 {
		t.Errorf("%d licenses deployed, %d covered, want 2; EC2 was asked %q", l.Totals.Deployed(), l.Totals.Covered, asked)
	}
	if want := []string{"eu-central-1 DescribeInstances i-0123456789abcdef0", "eu-central-1 DescribeImages ami-0ccccccccccccccc3",
		"eu-west-1 DescribeImages ami-0bbbbbbbbbbbbbbb2"}; !slices.Equal(asked, want) {
		t.Errorf("EC2 was asked %q, want %q", asked, want)
	}
}
