package dynamoledger_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"licenseguard/shared/adapter/dynamoledger"
	"licenseguard/shared/catalog"
	"licenseguard/shared/ledger"
	"licenseguard/shared/ledger/ledgertest"
)

// faultyWire sits between the SDK and DynamoDB. It loses one in ten answers to
// writes after they were applied, and spoils one in five other requests.
type faultyWire struct {
	counts map[string]*atomic.Int64
}

var wireFaults = []string{"lost answer", "reset", "500", "ProvisionedThroughputExceededException", "ThrottlingException", "TransactionConflict"}

func newFaultyWire() *faultyWire {
	w := &faultyWire{counts: make(map[string]*atomic.Int64)}
	for _, f := range wireFaults {
		w.counts[f] = new(atomic.Int64)
	}
	return w
}

var errReset = errors.New("read: connection reset by peer")

func (w *faultyWire) RoundTrip(r *http.Request) (*http.Response, error) {
	_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	write := op == "PutItem" || op == "UpdateItem" || op == "TransactWriteItems"
	switch n := rand.IntN(50); {
	case n < 5 && write:
		response, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		w.counts["lost answer"].Add(1)
		return nil, errReset
	case n < 7:
		w.counts["reset"].Add(1)
		return nil, errReset
	case n < 9:
		return w.answer(r, "500", 500, `{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"planted"}`)
	case n < 11:
		return w.refuse(r, "ProvisionedThroughputExceededException")
	case n < 12:
		return w.refuse(r, "ThrottlingException")
	case n < 15 && op == "TransactWriteItems":
		return w.answer(r, "TransactionConflict", 400, `{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","message":"planted","CancellationReasons":[{"Code":"TransactionConflict"},{"Code":"None"}]}`)
	case n < 15 && write:
		return w.answer(r, "TransactionConflict", 400, `{"__type":"com.amazonaws.dynamodb.v20120810#TransactionConflictException","message":"planted"}`)
	}
	return http.DefaultTransport.RoundTrip(r)
}

func (w *faultyWire) refuse(r *http.Request, kind string) (*http.Response, error) {
	return w.answer(r, kind, 400, `{"__type":"com.amazonaws.dynamodb.v20120810#`+kind+`","message":"planted"}`)
}

func (w *faultyWire) answer(r *http.Request, kind string, status int, body string) (*http.Response, error) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
	w.counts[kind].Add(1)
	return &http.Response{StatusCode: status, Status: strconv.Itoa(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}, nil
}

// overFaults is the client as shipped, but for shorter waits, over a faulty wire.
func overFaults(t *testing.T) (*dynamodb.Client, *faultyWire) {
	wire := newFaultyWire()
	options := client(t).Options()
	options.HTTPClient = &http.Client{Transport: wire}
	options.Retryer = retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxBackoff, o.RateLimiter = 20*time.Millisecond, noLimit{}
	})
	return dynamodb.New(options), wire
}

// noLimit keeps the client from giving up trying again: so many faults do not
// happen outside of tests.
type noLimit struct{}

func (noLimit) GetToken(context.Context, uint) (func() error, error) {
	return func() error { return nil }, nil
}
func (noLimit) AddTokens(uint) error { return nil }

func (w *faultyWire) wantAll(t *testing.T) {
	t.Helper()
	var seen []string
	for _, f := range wireFaults {
		n := w.counts[f].Load()
		seen = append(seen, fmt.Sprintf("%s %d", f, n))
		if n == 0 {
			t.Errorf("no %s happened; this tests less than it says", f)
		}
	}
	t.Log(strings.Join(seen, ", "))
}

// 16 writers on one hot license, over the SDK with a faulty wire, from one item
// or already with pages: each claim is counted once, each change is one
// revision, and one order explains what everybody saw.
func TestHotLicenseOverAFaultyWire(t *testing.T) {
	for name, before := range map[string]int{"one item": 0, "pages": 150} {
		t.Run(name, func(t *testing.T) {
			good := client(t)
			table := newTable(t, good)
			faulty, wire := overFaults(t)
			store := dynamoledger.New(good, table)
			count := claimOnce(t, store, dynamoledger.New(faulty, table), before)
			l, err := store.Load(t.Context(), "lic-hot")
			if err != nil {
				t.Fatal(err)
			}
			if l.Totals.Running != count || l.Totals.Covered != limit || (l.Pages > 0) != (before > 0) {
				t.Errorf("%d running, %d covered, %d pages; want %d running, %d covered", l.Totals.Running, l.Totals.Covered, l.Pages, count, limit)
			}
			var running, covered int64
			for i := range l.Entries {
				running += l.Entries[i].Licenses
				if l.Entries[i].Verdict == ledger.Covered {
					covered += l.Entries[i].Licenses
				}
			}
			if running != l.Totals.Running || covered != l.Totals.Covered {
				t.Errorf("the entries use %d and cover %d, the totals say %+v", running, covered, l.Totals)
			}
			// The first commit made the license; each batch before was one, and each
			// claim of the writers was one, however often it was sent.
			if want := 1 + int64((before+ledger.MaxClaims-1)/ledger.MaxClaims) + count - int64(before); l.Revision != want {
				t.Errorf("revision %d after %d changes", l.Revision, want)
			}
			wire.wantAll(t)
		})
	}
}

const (
	writers = 16
	each    = 4
	limit   = 30
)

// claimOnce makes a license with so many instances, and lets the writers
// claim one new instance after the other, each until it is acknowledged.
func claimOnce(t *testing.T, good, faulty ledger.Store, before int) int64 {
	t.Helper()
	now := func() time.Time { return ledgertest.Start.Add(2 * time.Hour) }
	c := ledgertest.Configuration(t, "lic-hot", limit)
	setup := &ledger.Committer{Store: good, Catalog: catalog.Embedded(), Now: now}
	l, err := setup.Configure(t.Context(), &ledger.License{Configuration: c}, c, "tester")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := setup.Claim(t.Context(), l, ledgertest.Launches(c.ID, 1000, before)); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for i := range writers {
		group.Go(func() {
			for j := range each {
				claims := []ledger.Claim{ledgertest.Launch(c.ID, i*each+j)}
				done := false
				for try := 0; !done && try < 100; try++ {
					committer := &ledger.Committer{Store: faulty, Catalog: catalog.Embedded(), Now: now}
					_, _, err := committer.Apply(t.Context(), c.ID, ledger.Batch{Claims: claims})
					done = err == nil
				}
				if !done {
					t.Errorf("writer %d: claim %d was never acknowledged", i, j)
				}
			}
		})
	}
	group.Wait()
	return int64(before + writers*each)
}

// What the clients of some licenses saw over the faulty wire has one order.
func TestFaultyWireIsLinearizable(t *testing.T) {
	good := client(t)
	table := newTable(t, good)
	faulty, wire := overFaults(t)
	tr := ledgertest.Traffic{Licenses: 4, Clients: writers, Steps: 10, Instances: 12, Seed: 3, Unreliable: true}
	r, changes := tr.Run(t, func(n int) ledger.Licenses {
		if n < 0 {
			return dynamoledger.New(good, table)
		}
		return dynamoledger.New(faulty, table)
	})
	all, lost := r.Len()
	start := time.Now()
	if err := r.Check(20 * time.Second); err != nil {
		t.Error(err)
	}
	t.Logf("%d operations, %d without an answer, %v changes told, checked in %s", all, lost, changes, time.Since(start).Round(time.Millisecond))
	wire.wantAll(t)
}

// The control: a plain counter, tried again by the SDK over the same wire,
// counts lost answers twice. If it were exact, the wire would be too kind.
func TestPlainCounterDriftsOverTheFaultyWire(t *testing.T) {
	good := client(t)
	table := newTable(t, good)
	faulty, _ := overFaults(t)
	key := map[string]types.AttributeValue{"PK": &types.AttributeValueMemberS{Value: "COUNTER"}, "SK": &types.AttributeValueMemberS{Value: "C"}}
	one := map[string]types.AttributeValue{":one": &types.AttributeValueMemberN{Value: "1"}, ":limit": &types.AttributeValueMemberN{Value: "1000"}}
	var acknowledged atomic.Int64
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for range 2 * each {
				for try := 0; try < 100; try++ {
					_, err := faulty.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{TableName: &table, Key: key, ExpressionAttributeValues: one,
						UpdateExpression: aws.String("ADD Used :one"), ConditionExpression: aws.String("attribute_not_exists(Used) OR Used < :limit")})
					if err == nil {
						acknowledged.Add(1)
						break
					}
				}
			}
		})
	}
	group.Wait()
	out, err := good.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &table, Key: key, ConsistentRead: aws.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	used := out.Item["Used"].(*types.AttributeValueMemberN).Value
	t.Logf("%d acknowledged, %s counted", acknowledged.Load(), used)
	if used == strconv.FormatInt(acknowledged.Load(), 10) {
		t.Errorf("the counter is exact at %s: the faults do not bite", used)
	}
}
