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
	"licenseguard/shared/license"
)

// configurationWrites are a configuration, its history and the epoch.
func (s *Store) configurationWrites(c ledger.Commit) ([]types.TransactWriteItem, error) {
	id := c.License.Configuration.ID
	doc, err := ledgercodec.EncodeConfiguration(c.License.Configuration)
	if err != nil {
		return nil, err
	}
	put := func(it item) types.TransactWriteItem {
		it["Rev"], it["Doc"] = number(c.License.Revision), text(string(doc))
		return types.TransactWriteItem{Put: &types.Put{TableName: &s.table, Item: it}}
	}
	version := key(historyPK(id), revisionSK(c.License.Revision))
	if c.Deleted {
		version["Deleted"] = &types.AttributeValueMemberBOOL{Value: true}
	}
	writes := []types.TransactWriteItem{put(version), {Update: &types.Update{TableName: &s.table, Key: key(configPK, epochSK),
		UpdateExpression: aws.String("ADD N :one"), ExpressionAttributeValues: item{":one": number(1)}}}}
	if c.Deleted {
		return append(writes, put(key(deletedPK, id)),
			types.TransactWriteItem{Delete: &types.Delete{TableName: &s.table, Key: key(configPK, id)}}), nil
	}
	return append(writes, put(key(configPK, id))), nil
}

func revisionSK(revision int64) string { return fmt.Sprintf("%015d", revision) }

// History implements ledger.Register.
func (s *Store) History(ctx context.Context, id string) ([]ledger.Version, error) {
	items, err := s.query(ctx, &dynamodb.QueryInput{
		KeyConditionExpression: aws.String("PK = :pk"), ExpressionAttributeValues: item{":pk": text(historyPK(id))},
	})
	if err != nil {
		return nil, err
	}
	var out []ledger.Version
	for _, it := range items {
		c, revision, err := configurationOf(it)
		if err != nil {
			return nil, fmt.Errorf("history of license %s: %w", id, err)
		}
		_, deleted := it["Deleted"]
		out = append(out, ledger.Version{Revision: revision, Deleted: deleted, Configuration: c})
	}
	return out, nil
}

// DeletedConfigurations implements ledger.Register.
func (s *Store) DeletedConfigurations(ctx context.Context) ([]license.Configuration, error) {
	items, err := s.query(ctx, &dynamodb.QueryInput{
		KeyConditionExpression: aws.String("PK = :pk"), ExpressionAttributeValues: item{":pk": text(deletedPK)},
	})
	if err != nil {
		return nil, err
	}
	var out []license.Configuration
	for _, it := range items {
		c, _, err := configurationOf(it)
		if err != nil {
			return nil, fmt.Errorf("deleted license %s: %w", textOf(it, "SK"), err)
		}
		out = append(out, c)
	}
	return out, nil
}

// LoadDocument implements ledger.Documents.
func (s *Store) LoadDocument(ctx context.Context, kind ledger.DocumentKind, id string) (ledger.Document, error) {
	it, err := s.get(ctx, key(documentPK(kind), id))
	if err != nil || len(it) == 0 {
		return ledger.Document{Kind: kind, ID: id}, err
	}
	return documentOf(kind, it)
}

func documentOf(kind ledger.DocumentKind, it item) (ledger.Document, error) {
	d := ledger.Document{Kind: kind, ID: textOf(it, "SK"), Data: []byte(textOf(it, "Doc"))}
	var err error
	if d.Revision, err = revisionOf(it); err != nil {
		err = fmt.Errorf("%s %s: %w", kind, d.ID, err)
	}
	return d, err
}

// Documents implements ledger.Documents.
func (s *Store) Documents(ctx context.Context, kind ledger.DocumentKind, prefix string) ([]ledger.Document, error) {
	in := &dynamodb.QueryInput{KeyConditionExpression: aws.String("PK = :pk"), ExpressionAttributeValues: item{":pk": text(documentPK(kind))}}
	if prefix != "" {
		in.KeyConditionExpression = aws.String("PK = :pk AND begins_with(SK, :prefix)")
		in.ExpressionAttributeValues[":prefix"] = text(prefix)
	}
	items, err := s.query(ctx, in)
	if err != nil {
		return nil, err
	}
	var out []ledger.Document
	for _, it := range items {
		d, err := documentOf(kind, it)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}

// PutDocument implements ledger.Documents.
func (s *Store) PutDocument(ctx context.Context, d ledger.Document) error {
	it := key(documentPK(d.Kind), d.ID)
	it["Rev"], it["Doc"] = number(d.Revision), text(string(d.Data))
	in := &dynamodb.PutItemInput{TableName: &s.table, Item: it, ConditionExpression: aws.String("attribute_not_exists(PK)")}
	if d.Revision > 1 {
		in.ConditionExpression = aws.String("Rev = :before")
		in.ExpressionAttributeValues = item{":before": number(d.Revision - 1)}
	}
	_, err := s.api.PutItem(ctx, in)
	var refused *types.ConditionalCheckFailedException
	switch {
	case errors.As(err, &refused):
		return &ledger.Conflict{License: string(d.Kind) + "#" + d.ID}
	case err != nil:
		return fmt.Errorf("put %s %s: %w", d.Kind, d.ID, err)
	}
	return nil
}

// DropDocument implements ledger.Documents.
func (s *Store) DropDocument(ctx context.Context, kind ledger.DocumentKind, id string) error {
	_, err := s.api.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &s.table, Key: key(documentPK(kind), id)})
	if err != nil {
		return fmt.Errorf("delete %s %s: %w", kind, id, err)
	}
	return nil
}
