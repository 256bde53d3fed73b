package bench_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go/middleware"

	"licenseguard/shared/adapter/dynamoledger"
	"licenseguard/shared/catalog"
	"licenseguard/shared/integration/ledgertable"
	"licenseguard/shared/integration/localaws"
	"licenseguard/shared/integration/meter"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

const (
	account = "123456789012"
	region  = "eu-central-1"
)

var keys = credentials.NewStaticCredentialsProvider("test", "test", "")

// producers is how many sources of events, and how many rivals, there are.
const producers = 16

// dynamoClient has a connection for each of the rivals, as each function has
// its own.
func dynamoClient(endpoint string, m *meter.Meter) *dynamodb.Client {
	o := dynamodb.Options{
		Region: region, Credentials: keys, BaseEndpoint: &endpoint,
		HTTPClient: awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { t.MaxIdleConnsPerHost = 2 * producers }),
		// DynamoDB Local sends no checksum with its errors.
		DisableValidateResponseChecksum: true,
	}
	if m != nil {
		o.APIOptions = []func(*middleware.Stack) error{m.Attach}
	}
	return dynamodb.New(o)
}

// bench is one test's table with its clients.
type bench struct {
	testing.TB
	endpoint string
	table    string
	meter    *meter.Meter
	client   *dynamodb.Client
	store    *dynamoledger.Store
	clock    *clock
}

var tables atomic.Int64

func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{TB: t, endpoint: localaws.DynamoDB(t), table: fmt.Sprintf("bench-%d", tables.Add(1)), meter: &meter.Meter{}, clock: newClock()}
	b.client = dynamoClient(b.endpoint, b.meter)
	b.must(ledgertable.Create(t.Context(), b.client, b.table)) // a stream is read elsewhere
	t.Cleanup(func() {
		_, _ = b.client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &b.table})
	})
	b.store = dynamoledger.New(b.client, b.table)
	return b
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bench) committer() *ledger.Committer {
	return &ledger.Committer{Store: b.store, Catalog: catalog.Embedded(), Now: b.clock.now}
}

// clock goes a little on with each event, so that order is never in doubt and
// no run depends on the machine's time.
type clock struct{ ms atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.ms.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixMilli())
	return c
}

func (c *clock) now() time.Time  { return time.UnixMilli(c.ms.Load()).UTC() }
func (c *clock) tick() time.Time { return time.UnixMilli(c.ms.Add(1)).UTC() }

func (c *clock) later(d time.Duration) { c.ms.Add(d.Milliseconds()) }

// As with EC2's, nothing in an id compresses.
func newInstanceID() string { return fmt.Sprintf("i-%017x", rand.Uint64()) }

func newEventID() string {
	a, b := rand.Uint64(), rand.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", a>>32, a>>16&0xffff, a&0xfff, 0x8000|b>>48&0x3fff, b&0xffffffffffff)
}

func image(n int) string { return fmt.Sprintf("ami-%017x", 0xabc0+n) }

func licenseID(n int) string { return fmt.Sprintf("lic-%032x", 0xfeed0+n) }

// configuration is a license with room for everybody that holds for images.
func configuration(n int, images ...string) license.Configuration {
	count := int64(10_000_000)
	c := license.Configuration{ID: licenseID(n), ARN: "arn:aws:license-manager:" + region + ":" + account + ":license-configuration:" + licenseID(n),
		Name: fmt.Sprintf("Database %d", n), CountingType: license.CountVCPU, Count: &count, HardLimit: true}
	for _, i := range images {
		c.Associations = append(c.Associations, license.Association{Kind: license.ByAMI, Value: i})
	}
	return c
}

// newLicense commits a license that holds nothing yet.
func (b *bench) newLicense(n int) *ledger.License {
	b.Helper()
	c, err := license.Amend(nil, configuration(n, image(n)), b.clock.now(), "bench")
	b.must(err)
	l, err := b.committer().Configure(b.Context(), &ledger.License{Configuration: license.Configuration{ID: c.ID}}, c, "bench")
	b.must(err)
	return l
}
