package dynamoledger

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"licenseguard/shared/adapter/ledgercodec"
	"licenseguard/shared/ledger"
)

// LoadBrakes implements ledger.Controls.
func (s *Store) LoadBrakes(ctx context.Context) (*ledger.Brakes, error) {
	out, err := s.api.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.table, Key: key(brakesPK, headSK), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return nil, fmt.Errorf("get brakes: %w", err)
	}
	if len(out.Item) == 0 {
		return &ledger.Brakes{}, nil
	}
	b, err := docOf[ledger.Brakes](out.Item)
	return &b, err
}

// CommitBrakes implements ledger.Controls. The item is a head like a license's, so
// the stream's readers see its change.
func (s *Store) CommitBrakes(ctx context.Context, b *ledger.Brakes, c *ledger.Change) error {
	it, err := withDoc(key(brakesPK, headSK), b)
	if err != nil {
		return err
	}
	change, err := ledgercodec.EncodeChange(c)
	if err != nil {
		return err
	}
	it["Rev"], it["Change"] = number(b.Revision), binary(change)
	in := &dynamodb.PutItemInput{TableName: &s.table, Item: it, ConditionExpression: aws.String("attribute_not_exists(PK)")}
	if b.Revision > 1 {
		in.ConditionExpression = aws.String("Rev = :before")
		in.ExpressionAttributeValues = item{":before": number(b.Revision - 1)}
	}
	_, err = s.api.PutItem(ctx, in)
	var refused *types.ConditionalCheckFailedException
	switch {
	case errors.As(err, &refused):
		return &ledger.Conflict{License: ledger.EnforcementID}
	case err != nil:
		return fmt.Errorf("put brakes: %w", err)
	}
	return nil
}

// SavePlan implements ledger.Controls. A plan of a thousand instances would be
// larger than an item as plain text; packed, one of ten thousand is not.
func (s *Store) SavePlan(ctx context.Context, p ledger.Plan) error {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if err := errors.Join(json.NewEncoder(z).Encode(p), z.Close()); err != nil {
		return fmt.Errorf("encode plan %s: %w", p.Hash, err)
	}
	it := key(planPK, p.Hash)
	it["Plan"] = binary(packed.Bytes())
	if _, err := s.api.PutItem(ctx, &dynamodb.PutItemInput{TableName: &s.table, Item: it}); err != nil {
		return fmt.Errorf("put plan %s: %w", p.Hash, err)
	}
	return nil
}

// maxPlan bounds what a plan unpacks to.
const maxPlan = 64 << 20

// LoadPlan implements ledger.Controls.
func (s *Store) LoadPlan(ctx context.Context, hash string) (p ledger.Plan, err error) {
	out, err := s.api.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.table, Key: key(planPK, hash), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return p, fmt.Errorf("get plan %s: %w", hash, err)
	}
	if len(out.Item) == 0 {
		return p, fmt.Errorf("plan %q: %w", hash, ledger.ErrNoPlan)
	}
	packed, ok := out.Item["Plan"].(*types.AttributeValueMemberB)
	if !ok {
		return p, fmt.Errorf("plan %s: the item has no binary Plan", hash)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed.Value))
	if err == nil {
		err = json.NewDecoder(io.LimitReader(z, maxPlan)).Decode(&p)
	}
	if err != nil {
		return p, fmt.Errorf("decode plan %s: %w", hash, err)
	}
	return p, nil
}
