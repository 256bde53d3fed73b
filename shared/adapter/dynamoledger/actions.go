package dynamoledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"licenseguard/shared/ledger"
)

// AddAction implements ledger.Actions.
func (s *Store) AddAction(ctx context.Context, a ledger.PendingAction) error {
	it, err := withDoc(actionKey(a), a)
	if err != nil {
		return err
	}
	_, err = s.api.PutItem(ctx, &dynamodb.PutItemInput{TableName: &s.table, Item: it, ConditionExpression: aws.String("attribute_not_exists(PK)")})
	var there *types.ConditionalCheckFailedException
	if err != nil && !errors.As(err, &there) {
		return fmt.Errorf("add action %s: %w", a.Key(), err)
	}
	return nil
}

// PutAction implements ledger.Actions.
func (s *Store) PutAction(ctx context.Context, a ledger.PendingAction) error {
	return s.putDoc(ctx, actionKey(a), a)
}

// DropAction implements ledger.Actions.
func (s *Store) DropAction(ctx context.Context, a ledger.PendingAction) error {
	if _, err := s.api.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &s.table, Key: actionKey(a)}); err != nil {
		return fmt.Errorf("drop action %s: %w", a.Key(), err)
	}
	return nil
}

// PendingActions implements ledger.Actions.
func (s *Store) PendingActions(ctx context.Context) ([]ledger.PendingAction, error) {
	return docs[ledger.PendingAction](ctx, s, actionPK)
}

// Record implements ledger.Actions.
func (s *Store) Record(ctx context.Context, e ledger.JournalEntry) error {
	return s.putDoc(ctx, key(journalPK, e.Key()), e)
}

// Journal implements ledger.Actions.
func (s *Store) Journal(ctx context.Context, since time.Time) ([]ledger.JournalEntry, error) {
	all, err := docs[ledger.JournalEntry](ctx, s, journalPK)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(e ledger.JournalEntry) bool { return e.At.Before(since) })
	slices.SortStableFunc(all, func(a, b ledger.JournalEntry) int { return a.At.Compare(b.At) })
	return all, nil
}

// Marked implements ledger.Marks.
func (s *Store) Marked(ctx context.Context, id string) (bool, error) {
	out, err := s.api.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.table, Key: key(sentPK, id), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return false, fmt.Errorf("get mark %s: %w", id, err)
	}
	return len(out.Item) > 0, nil
}

// Mark implements ledger.Marks.
func (s *Store) Mark(ctx context.Context, id string, at time.Time) error {
	it := key(sentPK, id)
	it["At"] = number(at.UnixMilli())
	if _, err := s.api.PutItem(ctx, &dynamodb.PutItemInput{TableName: &s.table, Item: it}); err != nil {
		return fmt.Errorf("put mark %s: %w", id, err)
	}
	return nil
}

func (s *Store) putDoc(ctx context.Context, it item, v any) error {
	it, err := withDoc(it, v)
	if err != nil {
		return err
	}
	if _, err := s.api.PutItem(ctx, &dynamodb.PutItemInput{TableName: &s.table, Item: it}); err != nil {
		return fmt.Errorf("put item: %w", err)
	}
	return nil
}

func docs[T any](ctx context.Context, s *Store, pk string) ([]T, error) {
	items, err := s.query(ctx, &dynamodb.QueryInput{
		KeyConditionExpression: aws.String("PK = :pk"), ExpressionAttributeValues: item{":pk": text(pk)},
	})
	if err != nil {
		return nil, err
	}
	out := make([]T, 0, len(items))
	for _, it := range items {
		v, err := docOf[T](it)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}
