package dynamoledger

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"licenseguard/shared/adapter/ledgercodec"
	"licenseguard/shared/ledger"
	"licenseguard/shared/ledger/ledgertest"
	"licenseguard/shared/license"
)

// faultyAPI gives the answers that DynamoDB Local never gives.
type faultyAPI struct {
	api
	mu          sync.Mutex
	putErr      error
	transactErr error
	gets        []*dynamodb.BatchGetItemInput
	writes      []*dynamodb.BatchWriteItemInput
	throttle    int // batches of which the first item is left unprocessed
	stored      map[string]item
}

func (f *faultyAPI) PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	return &dynamodb.PutItemOutput{}, f.putErr
}

func (f *faultyAPI) TransactWriteItems(context.Context, *dynamodb.TransactWriteItemsInput, ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	return &dynamodb.TransactWriteItemsOutput{}, f.transactErr
}

func (f *faultyAPI) BatchWriteItem(_ context.Context, in *dynamodb.BatchWriteItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.BatchWriteItemOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writes = append(f.writes, in)
	out := &dynamodb.BatchWriteItemOutput{}
	requests := in.RequestItems["table"]
	if len(f.writes) <= f.throttle {
		out.UnprocessedItems = map[string][]types.WriteRequest{"table": requests[:1]}
		requests = requests[1:]
	}
	for _, r := range requests {
		f.stored[r.PutRequest.Item["SK"].(*types.AttributeValueMemberS).Value] = r.PutRequest.Item
	}
	return out, nil
}

func (f *faultyAPI) BatchGetItem(_ context.Context, in *dynamodb.BatchGetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error) {
	f.gets = append(f.gets, in)
	keys := in.RequestItems["table"].Keys
	out := &dynamodb.BatchGetItemOutput{Responses: map[string][]item{}}
	if len(f.gets) <= f.throttle {
		out.UnprocessedKeys = map[string]types.KeysAndAttributes{"table": {Keys: keys[:1]}}
		keys = keys[1:]
	}
	for _, k := range keys {
		if it, ok := f.stored[k["SK"].(*types.AttributeValueMemberS).Value]; ok {
			out.Responses["table"] = append(out.Responses["table"], it)
		}
	}
	return out, nil
}

func canceled(codes ...string) error {
	e := &types.TransactionCanceledException{}
	for _, c := range codes {
		e.CancellationReasons = append(e.CancellationReasons, types.CancellationReason{Code: aws.String(c)})
	}
	return e
}

// A conflict means "fold again"; whatever else is an error, because it is not
// known whether the commit was applied, or it never can be.
func TestRefusedCommits(t *testing.T) {
	t.Parallel()
	configuration := ledgertest.Configuration(t, "lic-1", 1)
	small := ledger.Commit{License: &ledger.License{Configuration: license.Configuration{ID: "lic-1"}, Revision: 1}, Change: &ledger.Change{}}
	whole := ledger.Commit{License: &ledger.License{Configuration: configuration, Revision: 1}, Change: &ledger.Change{}, Configured: true}
	for _, test := range []struct {
		name     string
		commit   ledger.Commit
		api      *faultyAPI
		conflict bool
	}{
		{"a refused write", small, &faultyAPI{putErr: &types.ConditionalCheckFailedException{}}, true},
		{"a write into a transaction", small, &faultyAPI{putErr: &types.TransactionConflictException{}}, true},
		{"no answer", small, &faultyAPI{putErr: errors.New("no answer")}, false},
		{"a throttled write", small, &faultyAPI{putErr: &types.ProvisionedThroughputExceededException{}}, false},
		{"a refused transaction", whole, &faultyAPI{transactErr: canceled("ConditionalCheckFailed", "None", "None")}, true},
		{"a transaction beside another", whole, &faultyAPI{transactErr: canceled("None", "TransactionConflict", "None")}, true},
		{"a throttled transaction", whole, &faultyAPI{transactErr: canceled("None", "ThrottlingError", "TransactionConflict")}, false},
		{"a transaction that is wrong", whole, &faultyAPI{transactErr: canceled("ValidationError", "None")}, false},
		{"a transaction canceled for no reason", whole, &faultyAPI{transactErr: canceled()}, false},
		{"a transaction without an answer", whole, &faultyAPI{transactErr: errors.New("no answer")}, false},
		{"a transaction in progress", whole, &faultyAPI{transactErr: &types.TransactionInProgressException{}}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			err := (&Store{api: test.api, table: "table"}).Commit(t.Context(), test.commit)
			var conflict *ledger.Conflict
			if err == nil || errors.As(err, &conflict) != test.conflict {
				t.Errorf("error %v; conflict wanted: %v", err, test.conflict)
			}
		})
	}
}

func TestUnprocessedItemsAreSentAgain(t *testing.T) {
	t.Parallel()
	var facts []ledger.Facts
	var ids []license.ResourceID
	for n := range 120 {
		c := ledgertest.Launch("lic-1", n)
		facts, ids = append(facts, ledger.Facts{Instance: c.Instance}), append(ids, c.Instance.ID)
	}
	f := &faultyAPI{throttle: 2, stored: make(map[string]item)}
	store := &Store{api: f, table: "table"}
	if err := store.SaveFacts(t.Context(), facts); err != nil || len(f.stored) != len(facts) {
		t.Fatalf("%d of %d facts kept, %v", len(f.stored), len(facts), err)
	}
	if got := len(f.writes); got != 5+2 {
		t.Errorf("%d batches for 120 facts and two resends; want 7", got)
	}
	got, err := store.LoadFacts(t.Context(), ids)
	if err != nil || len(got) != len(facts) || len(f.gets) != 2+2 {
		t.Errorf("%d facts by %d batches, %v; want 120 by 4", len(got), len(f.gets), err)
	}
}

// A page that waits in the head is written before the next commit; a rival that
// is committing it makes that commit fold again, and whatever else fails is an
// error.
func TestRefusedPage(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err      error
		conflict bool
	}{{&types.TransactionConflictException{}, true}, {&types.ProvisionedThroughputExceededException{}, false}} {
		l := &ledger.License{Configuration: license.Configuration{ID: "lic-1"}, Revision: 3, Pages: 2}
		store := &Store{api: &faultyAPI{putErr: test.err}, table: "table", maxHead: maxHead}
		err := store.writeHeld(t.Context(), ledger.Commit{License: l, Dirty: []int{1}}, &ledgercodec.Head{Revision: 2, PageRevisions: []int64{2, 1}, Held: []int{0}})
		var conflict *ledger.Conflict
		if err == nil || errors.As(err, &conflict) != test.conflict {
			t.Errorf("%T: error %v; conflict wanted: %v", test.err, err, test.conflict)
		}
	}
}

// A table that never takes an item is an error in the end, or as soon as the
// caller gives up.
func TestUnprocessedForEver(t *testing.T) {
	t.Parallel()
	f := &faultyAPI{throttle: 1 << 30, stored: make(map[string]item)}
	store := &Store{api: f, table: "table"}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := store.SaveFacts(ctx, []ledger.Facts{{Instance: ledgertest.Launch("lic-1", 1).Instance}}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v; want the caller's", err)
	}
	err := store.SaveFacts(t.Context(), []ledger.Facts{{Instance: ledgertest.Launch("lic-1", 1).Instance}})
	if err == nil || len(f.writes) != 1+1+maxResends {
		t.Errorf("%d batches, error %v; want it to give up", len(f.writes), err)
	}
}

func TestCommitOfAForeignLicense(t *testing.T) {
	t.Parallel()
	err := (&Store{api: &faultyAPI{}, table: "table"}).Commit(t.Context(), ledger.Commit{
		License: &ledger.License{Configuration: license.Configuration{ID: "lic-1"}, Revision: 7}, Change: &ledger.Change{}})
	var conflict *ledger.Conflict
	if err == nil || errors.As(err, &conflict) {
		t.Errorf("error %v; want one that is no conflict, since a new fold cannot help", err)
	}
}
