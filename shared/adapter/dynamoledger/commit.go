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

	"licenseguard/shared/adapter/ledgercodec"
	"licenseguard/shared/config"
	"licenseguard/shared/ledger"
)

// maxHead bounds what is put into one item, which holds 400 KB.
const maxHead = 300 << 10

// Commit implements ledger.Licenses.
//
// The head is the log of the license: it holds the pages that its commit
// changed, and a commit that changes others writes those to their items first.
// So a commit is one conditional write, whatever it touches, and a write unit
// pays for a page once. Only a commit of a configuration, or of more than an
// item holds, is a transaction.
func (s *Store) Commit(ctx context.Context, c ledger.Commit) error {
	before, err := headBefore(c)
	if err != nil {
		return err
	}
	change, err := ledgercodec.EncodeChange(c.Change)
	if err != nil {
		return err
	}
	head, alone := ledgercodec.HeadOf(c, before), c.Dirty
	if c.License.Pages > 0 {
		head.Hold(c.License, c.Dirty)
		alone = nil
	}
	state, err := ledgercodec.EncodeHead(head)
	if err == nil && len(head.Held) > 0 && len(state)+len(change) > s.maxHead {
		head.Hold(c.License, nil)
		alone = c.Dirty
		state, err = ledgercodec.EncodeHead(head)
	}
	if err != nil {
		return err
	}
	if before != nil {
		if err := s.writeHeld(ctx, c, before); err != nil {
			return err
		}
	}
	put := s.headPut(c.License, state, change)
	if len(alone) == 0 && !c.Configured {
		err = s.commitHead(ctx, put, c)
	} else {
		err = s.commitAll(ctx, put, alone, c)
	}
	if err == nil {
		c.License.Stored = remembered(head)
	}
	return err
}

// remembered is what of a head the next commit needs.
func remembered(h ledgercodec.Head) ledgercodec.Head {
	if len(h.PageRevisions) == 0 {
		h.Entries = nil
	}
	return h
}

// writeHeld writes the pages that only the head before has and the new one will
// not have. They were committed with that head, so rivals write the same; one
// that comes late is refused by the newer page.
func (s *Store) writeHeld(ctx context.Context, c ledger.Commit, before *ledgercodec.Head) error {
	pages := slices.DeleteFunc(slices.Clone(before.Held), func(p int) bool { return slices.Contains(c.Dirty, p) })
	for _, p := range pages {
		put, err := s.pagePut(c.License.Configuration.ID, p, before.PageRevisions[p], before.Entries)
		if err != nil {
			return err
		}
		_, err = s.api.PutItem(ctx, &dynamodb.PutItemInput{TableName: put.TableName, Item: put.Item,
			ConditionExpression:       aws.String("attribute_not_exists(PK) OR Rev < :rev"),
			ExpressionAttributeValues: item{":rev": put.Item["Rev"]},
		})
		var newer *types.ConditionalCheckFailedException
		var busy *types.TransactionConflictException
		switch {
		case errors.As(err, &busy): // a rival is committing
			return &ledger.Conflict{License: c.License.Configuration.ID}
		case err != nil && !errors.As(err, &newer):
			return fmt.Errorf("put page %d of license %s: %w", p, c.License.Configuration.ID, err)
		}
		s.keep(c.License.Configuration.ID, p, put)
	}
	return nil
}

// keep remembers a page that was written, or that somebody else wrote the same.
func (s *Store) keep(id string, number int, put *types.Put) {
	_, page, err := pageOf(put.Item)
	if err == nil {
		s.kept.keep(id, number, page)
	}
}

func (s *Store) pagePut(id string, page int, revision int64, entries []ledger.Entry) (*types.Put, error) {
	data, err := ledgercodec.EncodeEntries(ledgercodec.PageEntries(entries, page))
	if err != nil {
		return nil, err
	}
	it := key(licensePK(id), pageSK(page))
	it["Rev"], it["Entries"] = number(revision), binary(data)
	return &types.Put{TableName: &s.table, Item: it}, nil
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

func (s *Store) headPut(l *ledger.License, state, change []byte) *types.Put {
	it := key(licensePK(l.Configuration.ID), headSK)
	it["Rev"], it["State"], it["Change"] = number(l.Revision), binary(state), binary(change)
	if !l.Due.IsZero() {
		it[config.DuePartitionKey], it[config.DueSortKey] = text(duePK), text(dueSK(l.Due, l.Configuration.ID))
	}
	put := &types.Put{TableName: &s.table, Item: it}
	if l.Revision == 1 {
		put.ConditionExpression = aws.String("attribute_not_exists(PK)")
	} else {
		put.ConditionExpression = aws.String("Rev = :before")
		put.ExpressionAttributeValues = item{":before": number(l.Revision - 1)}
	}
	return put
}

func dueSK(due time.Time, id string) string {
	return fmt.Sprintf("%015d#%s", due.UnixMilli(), id)
}

// commitHead is the commit by one conditional write. A refusal could bring the
// newer license with it, but rivals wait before they try again, and after that
// it is old.
func (s *Store) commitHead(ctx context.Context, put *types.Put, c ledger.Commit) error {
	_, err := s.api.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: put.TableName, Item: put.Item, ConditionExpression: put.ConditionExpression,
		ExpressionAttributeValues: put.ExpressionAttributeValues,
	})
	if err == nil {
		return nil
	}
	var refused *types.ConditionalCheckFailedException
	var busy *types.TransactionConflictException
	switch {
	case errors.As(err, &refused), errors.As(err, &busy):
		return &ledger.Conflict{License: c.License.Configuration.ID}
	default:
		return fmt.Errorf("put head of license %s: %w", c.License.Configuration.ID, err)
	}
}

// commitAll is the commit of head, pages and configuration in one transaction.
func (s *Store) commitAll(ctx context.Context, put *types.Put, pages []int, c ledger.Commit) error {
	id := c.License.Configuration.ID
	writes := []types.TransactWriteItem{{Put: put}}
	for _, p := range pages {
		page, err := s.pagePut(id, p, c.License.Revision, c.License.Entries)
		if err != nil {
			return err
		}
		writes = append(writes, types.TransactWriteItem{Put: page})
	}
	if c.Configured {
		configuration, err := s.configurationWrites(c)
		if err != nil {
			return err
		}
		writes = append(writes, configuration...)
	}
	_, err := s.api.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: writes})
	if err == nil {
		for i, p := range pages {
			s.keep(id, p, writes[i+1].Put)
		}
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
