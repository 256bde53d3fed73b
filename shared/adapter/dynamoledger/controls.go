package dynamoledger

import (
	"context"
	"errors"
	"fmt"

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

// SavePlan implements ledger.Controls.
func (s *Store) SavePlan(ctx context.Context, p ledger.Plan) error {
	return s.putDoc(ctx, key(planPK, p.Hash), p)
}

// LoadPlan implements ledger.Controls.
func (s *Store) LoadPlan(ctx context.Context, hash string) (ledger.Plan, error) {
	out, err := s.api.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.table, Key: key(planPK, hash), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return ledger.Plan{}, fmt.Errorf("get plan %s: %w", hash, err)
	}
	if len(out.Item) == 0 {
		return ledger.Plan{}, fmt.Errorf("plan %q: %w", hash, ledger.ErrNoPlan)
	}
	return docOf[ledger.Plan](out.Item)
}
