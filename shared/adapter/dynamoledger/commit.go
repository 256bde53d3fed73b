package dynamoledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"licenseguard/shared/adapter/ledgercodec"
	"licenseguard/shared/config"
	"licenseguard/shared/ledger"
)

// Commit implements ledger.Licenses.
func (s *Store) Commit(ctx context.Context, c ledger.Commit) error {
	before, err := headBefore(c)
	if err != nil {
		return err
	}
	head := ledgercodec.HeadOf(c, before)
	put, err := s.headPut(head, c)
	if err != nil {
		return err
	}
	if len(c.Dirty) == 0 && !c.Configured {
		err = s.commitHead(ctx, put, c)
	} else {
		err = s.commitAll(ctx, put, c)
	}
	if err == nil {
		c.License.Stored = withoutEntries(head) // for the next commit
	}
	return err
}

// headBefore returns what the new head takes over from the one before: the
// revisions of configuration and pages. They came with the license when it was
// loaded, or from the last commit of this process.
func headBefore(c ledger.Commit) (*ledgercodec.Head, error) {
	if c.License.Revision == 1 {
		return nil, nil
	}
	if h, ok := c.License.Stored.(ledgercodec.Head); ok {
		return &h, nil
	}
	return nil, errors.New("commit of a license that this store did not load")
}

func (s *Store) headPut(head ledgercodec.Head, c ledger.Commit) (*types.Put, error) {
	state, err := ledgercodec.EncodeHead(head)
	if err != nil {
		return nil, err
	}
	change, err := ledgercodec.EncodeChange(c.Change)
	if err != nil {
		return nil, err
	}
	l := c.License
	it := key(licensePK(l.Configuration.ID), headSK)
	it["Rev"], it["State"], it["Change"] = number(l.Revision), binary(state), binary(change)
	if !l.Due.IsZero() {
		it[config.DuePartitionKey], it[config.DueSortKey] = text(duePK), text(dueSK(l.Due, l.Configuration.ID))
	}
	put := &types.Put{TableName: &s.table, Item: it,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld}
	if l.Revision == 1 {
		put.ConditionExpression = aws.String("attribute_not_exists(PK)")
	} else {
		put.ConditionExpression = aws.String("Rev = :before")
		put.ExpressionAttributeValues = item{":before": number(l.Revision - 1)}
	}
	return put, nil
}

func dueSK(due time.Time, id string) string {
	return fmt.Sprintf("%015d#%s", due.UnixMilli(), id)
}

// commitHead is the commit of a license without pages: one conditional write.
func (s *Store) commitHead(ctx context.Context, put *types.Put, c ledger.Commit) error {
	_, err := s.api.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: put.TableName, Item: put.Item, ConditionExpression: put.ConditionExpression,
		ExpressionAttributeValues:           put.ExpressionAttributeValues,
		ReturnValuesOnConditionCheckFailure: put.ReturnValuesOnConditionCheckFailure,
	})
	if err == nil {
		return nil
	}
	var refused *types.ConditionalCheckFailedException
	var busy *types.TransactionConflictException
	switch {
	case errors.As(err, &refused):
		return newer(c.License, refused.Item)
	case errors.As(err, &busy):
		return &ledger.Conflict{License: c.License.Configuration.ID}
	default:
		return fmt.Errorf("put head of license %s: %w", c.License.Configuration.ID, err)
	}
}

// newer makes the conflict of a refused write. The stored head is the whole
// license while it has no pages and the configuration is the one we know.
func newer(ours *ledger.License, stored item) error {
	conflict := &ledger.Conflict{License: ours.Configuration.ID}
	if len(stored) == 0 {
		return conflict
	}
	head, err := headOf(stored)
	known, ok := ours.Stored.(ledgercodec.Head)
	if err != nil || !ok || len(head.PageRevisions) > 0 || head.ConfigRevision != known.ConfigRevision {
		return conflict
	}
	l := head.License()
	l.Configuration, l.Stored = ours.Configuration, withoutEntries(head)
	conflict.Newer = l
	return conflict
}

// commitAll is the commit of head, pages and configuration in one transaction.
func (s *Store) commitAll(ctx context.Context, put *types.Put, c ledger.Commit) error {
	id := c.License.Configuration.ID
	writes := []types.TransactWriteItem{{Put: put}}
	for _, p := range c.Dirty {
		data, err := ledgercodec.EncodeEntries(ledgercodec.PageEntries(c.License, p))
		if err != nil {
			return err
		}
		it := key(licensePK(id), pageSK(p))
		it["Rev"], it["Entries"] = number(c.License.Revision), binary(data)
		writes = append(writes, types.TransactWriteItem{Put: &types.Put{TableName: &s.table, Item: it}})
	}
	if c.Configured {
		doc, err := ledgercodec.EncodeConfiguration(c.License.Configuration)
		if err != nil {
			return err
		}
		it := key(configPK, id)
		it["Rev"], it["Doc"] = number(c.License.Revision), text(string(doc))
		writes = append(writes, types.TransactWriteItem{Put: &types.Put{TableName: &s.table, Item: it}},
			types.TransactWriteItem{Update: &types.Update{TableName: &s.table, Key: key(configPK, epochSK),
				UpdateExpression: aws.String("ADD N :one"), ExpressionAttributeValues: item{":one": number(1)}}})
	}
	_, err := s.api.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: writes})
	if err == nil {
		return nil
	}
	var canceled *types.TransactionCanceledException
	if errors.As(err, &canceled) && retryable(canceled) {
		return &ledger.Conflict{License: id}
	}
	return fmt.Errorf("transact license %s: %w", id, err)
}

// retryable reports whether a transaction was canceled only because others
// wrote the same items.
func retryable(canceled *types.TransactionCanceledException) bool {
	found := false
	for _, r := range canceled.CancellationReasons {
		switch aws.ToString(r.Code) {
		case "", "None":
		case "ConditionalCheckFailed", "TransactionConflict":
			found = true
		default:
			return false
		}
	}
	return found
}

func withoutEntries(h ledgercodec.Head) ledgercodec.Head {
	h.Entries = nil
	return h
}
