package dynamoledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// DynamoDB's limits for batches (API reference, 2026), and how often what it
// left unprocessed is sent again.
const (
	maxBatchGet   = 100
	maxBatchWrite = 25
	maxResends    = 8
)

// writesAtOnce is how many batches of facts are under way at a time: those of
// one batch of events.
const writesAtOnce = 4

// LoadFacts implements ledger.Resources.
func (s *Store) LoadFacts(ctx context.Context, ids []license.ResourceID) (map[license.ResourceID]ledger.Facts, error) {
	out := make(map[license.ResourceID]ledger.Facts, len(ids))
	ids = slices.Compact(slices.Sorted(slices.Values(ids))) // a batch may name an item once
	for len(ids) > 0 {
		n := min(len(ids), maxBatchGet)
		keys := make([]item, 0, n)
		for _, id := range ids[:n] {
			keys = append(keys, factsKey(id))
		}
		ids = ids[n:]
		if err := s.getFacts(ctx, keys, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s *Store) getFacts(ctx context.Context, keys []item, out map[license.ResourceID]ledger.Facts) error {
	items, err := s.batchGet(ctx, keys, "get facts")
	if err != nil {
		return err
	}
	for _, it := range items {
		f, err := factsOf(it)
		if err != nil {
			return fmt.Errorf("get facts: %w", err)
		}
		out[f.Instance.ID] = f
	}
	return nil
}

// batchGet reads items consistently, at most maxBatchGet, in no order; one that
// is not there is left out.
func (s *Store) batchGet(ctx context.Context, keys []item, what string) (items []item, err error) {
	for resend := 0; len(keys) > 0; resend++ {
		if err := pause(ctx, resend, what); err != nil {
			return nil, err
		}
		got, err := s.api.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
			s.table: {Keys: keys, ConsistentRead: aws.Bool(true)}}})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		items = append(items, got.Responses[s.table]...)
		keys = got.UnprocessedKeys[s.table].Keys
	}
	return items, nil
}

// SaveFacts implements ledger.Resources. Of a resource that comes twice, the
// last facts stay: a batch may name an item once.
func (s *Store) SaveFacts(ctx context.Context, facts []ledger.Facts) error {
	var writes []types.WriteRequest
	facts = lastOfEach(facts)
	for i := range facts {
		it, err := factsItem(&facts[i])
		if err != nil {
			return err
		}
		writes = append(writes, types.WriteRequest{PutRequest: &types.PutRequest{Item: it}})
	}
	for some := range slices.Chunk(writes, maxBatchWrite*writesAtOnce) {
		var wait sync.WaitGroup
		failed := make([]error, writesAtOnce)
		n := 0
		for batch := range slices.Chunk(some, maxBatchWrite) {
			at := n
			wait.Go(func() { failed[at] = s.putFacts(ctx, batch) })
			n++
		}
		wait.Wait()
		if err := errors.Join(failed...); err != nil {
			return err
		}
	}
	return nil
}

func lastOfEach(facts []ledger.Facts) []ledger.Facts {
	last := make(map[license.ResourceID]int, len(facts))
	for i := range facts {
		last[facts[i].Instance.ID] = i
	}
	if len(last) == len(facts) {
		return facts
	}
	out := make([]ledger.Facts, 0, len(last))
	for i := range facts {
		if last[facts[i].Instance.ID] == i {
			out = append(out, facts[i])
		}
	}
	return out
}

func (s *Store) putFacts(ctx context.Context, writes []types.WriteRequest) error {
	for resend := 0; len(writes) > 0; resend++ {
		if err := pause(ctx, resend, "put facts"); err != nil {
			return err
		}
		out, err := s.api.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{s.table: writes}})
		if err != nil {
			return fmt.Errorf("put facts: %w", err)
		}
		writes = out.UnprocessedItems[s.table]
	}
	return nil
}

// pause waits before a batch's unprocessed rest is sent again, longer each time.
func pause(ctx context.Context, resend int, what string) error {
	if resend == 0 {
		return nil
	}
	if resend > maxResends {
		return fmt.Errorf("%s: the table left items unprocessed %d times", what, resend)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(10 * time.Millisecond << resend):
		return nil
	}
}

// EachFacts implements ledger.Resources.
func (s *Store) EachFacts(ctx context.Context, account, region string, each func(ledger.Facts) error) error {
	const shards = "0123456789abcdef"
	for _, shard := range shards {
		in := &dynamodb.QueryInput{TableName: &s.table, KeyConditionExpression: aws.String("PK = :pk"), ConsistentRead: aws.Bool(true),
			ExpressionAttributeValues: item{":pk": text(factsPK(account, region, string(shard)))}}
		for {
			out, err := s.api.Query(ctx, in)
			if err != nil {
				return fmt.Errorf("query facts: %w", err)
			}
			for _, it := range out.Items {
				f, err := factsOf(it)
				if err != nil {
					return err
				}
				if err := each(f); err != nil {
					return err
				}
			}
			if len(out.LastEvaluatedKey) == 0 {
				break
			}
			in.ExclusiveStartKey = out.LastEvaluatedKey
		}
	}
	return nil
}
