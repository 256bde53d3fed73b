// Package dynamoledger keeps the ledger in one DynamoDB table. keys.go has all
// key shapes.
//
// A small license is one item and one conditional write; a larger one is a head
// and pages, written in one transaction that is always conditional on the
// head's revision. The head carries the change of its last commit, so the
// table's stream tells exactly what was committed.
package dynamoledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"licenseguard/shared/ledger"
)

var _ ledger.Store = (*Store)(nil)

// api lists the calls that the store makes.
type api interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	DeleteItem(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error)
	BatchGetItem(context.Context, *dynamodb.BatchGetItemInput, ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error)
	BatchWriteItem(context.Context, *dynamodb.BatchWriteItemInput, ...func(*dynamodb.Options)) (*dynamodb.BatchWriteItemOutput, error)
	TransactWriteItems(context.Context, *dynamodb.TransactWriteItemsInput, ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error)
}

// Store is a ledger in a DynamoDB table.
type Store struct {
	api     api
	table   string
	maxHead int // bytes of state and change in one item
	kept    keeper
}

// New returns the store in a table that has the keys and the index of keys.go.
func New(client *dynamodb.Client, table string) *Store {
	return &Store{api: client, table: table, maxHead: maxHead}
}

// query reads all pages of a query, consistently.
func (s *Store) query(ctx context.Context, in *dynamodb.QueryInput) ([]item, error) {
	in.ConsistentRead = aws.Bool(true)
	return s.queryIndex(ctx, in)
}

func (s *Store) queryIndex(ctx context.Context, in *dynamodb.QueryInput) ([]item, error) {
	in.TableName = &s.table
	var items []item
	for {
		out, err := s.api.Query(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("query table %s: %w", s.table, err)
		}
		items = append(items, out.Items...)
		if len(out.LastEvaluatedKey) == 0 {
			return items, nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

func docOf[T any](it item) (v T, err error) {
	doc, ok := it["Doc"].(*types.AttributeValueMemberS)
	if !ok {
		return v, errors.New("the item has no text Doc")
	}
	if err := json.Unmarshal([]byte(doc.Value), &v); err != nil {
		return v, fmt.Errorf("decode item: %w", err)
	}
	return v, nil
}

func withDoc(it item, v any) (item, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode item: %w", err)
	}
	it["Doc"] = text(string(data))
	return it, nil
}
