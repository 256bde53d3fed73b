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
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"licenseguard/shared/adapter/ledgercodec"
	"licenseguard/shared/config"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
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
	api   api
	table string
}

// New returns the store in a table that has the keys and the index of keys.go.
func New(client *dynamodb.Client, table string) *Store { return &Store{api: client, table: table} }

// maxTornReads bounds how often a license is read again because a commit came
// between the reads of its parts.
const maxTornReads = 20

// Load implements ledger.Licenses.
func (s *Store) Load(ctx context.Context, id string) (*ledger.License, error) {
	for range maxTornReads {
		l, whole, err := s.load(ctx, id)
		if err != nil || whole {
			return l, err
		}
	}
	return nil, fmt.Errorf("load license %s: it changed during each of %d reads", id, maxTornReads)
}

func (s *Store) load(ctx context.Context, id string) (l *ledger.License, whole bool, err error) {
	items, err := s.query(ctx, &dynamodb.QueryInput{
		KeyConditionExpression: aws.String("PK = :pk"), ExpressionAttributeValues: item{":pk": text(licensePK(id))},
	})
	if err != nil {
		return nil, false, err
	}
	if len(items) == 0 {
		return nil, false, fmt.Errorf("%w: %q", ledger.ErrNotFound, id)
	}
	head, err := headOf(items[0]) // "HEAD" sorts before "P#…"
	if err != nil {
		return nil, false, fmt.Errorf("license %s: %w", id, err)
	}
	if l, err = head.License(); err != nil {
		return nil, false, fmt.Errorf("license %s: %w", id, err)
	}
	if len(items)-1 < len(head.PageRevisions) {
		return nil, false, nil
	}
	for p := range head.PageRevisions {
		entries, revision, err := pageOf(items[p+1], p)
		if err != nil {
			return nil, false, fmt.Errorf("license %s page %d: %w", id, p, err)
		}
		if revision != head.PageRevisions[p] {
			return nil, false, nil
		}
		l.Entries = append(l.Entries, entries...)
	}
	configuration, revision, err := s.configuration(ctx, id)
	if err != nil {
		return nil, false, err
	}
	l.Configuration, l.Stored = configuration, withoutEntries(head)
	return l, revision == head.ConfigRevision, nil
}

func (s *Store) configuration(ctx context.Context, id string) (license.Configuration, int64, error) {
	out, err := s.api.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.table, Key: key(configPK, id), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return license.Configuration{}, 0, fmt.Errorf("get configuration %s: %w", id, err)
	}
	return configurationOf(out.Item)
}

// Commit implements ledger.Licenses.
func (s *Store) Commit(ctx context.Context, c ledger.Commit) error {
	before, err := headBefore(c)
	if err != nil {
		return err
	}
	head, err := ledgercodec.HeadOf(c, before)
	if err != nil {
		return err
	}
	put, err := s.headPut(head, c)
	if err != nil {
		return err
	}
	if len(c.Dirty) == 0 && !c.Configured {
		return s.commitHead(ctx, put, c)
	}
	return s.commitAll(ctx, put, c)
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
		return s.remember(c, put)
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
	l, err := head.License()
	if err != nil {
		return conflict
	}
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
		return s.remember(c, put)
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

// remember keeps the committed head beside the license for the next commit.
func (s *Store) remember(c ledger.Commit, put *types.Put) error {
	head, err := headOf(put.Item)
	if err != nil {
		return err
	}
	c.License.Stored = withoutEntries(head)
	return nil
}

func withoutEntries(h ledgercodec.Head) ledgercodec.Head {
	h.Entries = nil
	return h
}

func headOf(it item) (ledgercodec.Head, error) {
	state, ok := it["State"].(*types.AttributeValueMemberB)
	if !ok {
		return ledgercodec.Head{}, errors.New("the head item has no binary State")
	}
	return ledgercodec.DecodeHead(state.Value)
}

func pageOf(it item, page int) ([]ledger.Entry, int64, error) {
	data, ok := it["Entries"].(*types.AttributeValueMemberB)
	if !ok {
		return nil, 0, errors.New("the page item has no binary Entries")
	}
	revision, err := revisionOf(it)
	if err != nil {
		return nil, 0, err
	}
	entries, err := ledgercodec.DecodeEntries(data.Value, page)
	return entries, revision, err
}

func revisionOf(it item) (int64, error) {
	n, ok := it["Rev"].(*types.AttributeValueMemberN)
	if !ok {
		return 0, errors.New("the item has no number Rev")
	}
	return strconv.ParseInt(n.Value, 10, 64)
}

func configurationOf(it item) (license.Configuration, int64, error) {
	doc, ok := it["Doc"].(*types.AttributeValueMemberS)
	if !ok {
		return license.Configuration{}, 0, errors.New("the configuration item has no text Doc")
	}
	revision, err := revisionOf(it)
	if err != nil {
		return license.Configuration{}, 0, err
	}
	c, err := ledgercodec.DecodeConfiguration([]byte(doc.Value))
	return c, revision, err
}

// Configurations implements ledger.Licenses.
func (s *Store) Configurations(ctx context.Context) ([]license.Configuration, int64, error) {
	items, err := s.query(ctx, &dynamodb.QueryInput{
		KeyConditionExpression: aws.String("PK = :pk"), ExpressionAttributeValues: item{":pk": text(configPK)},
	})
	if err != nil {
		return nil, 0, err
	}
	var out []license.Configuration
	var epoch int64
	for _, it := range items {
		if n, ok := it["N"].(*types.AttributeValueMemberN); ok {
			if epoch, err = strconv.ParseInt(n.Value, 10, 64); err != nil {
				return nil, 0, fmt.Errorf("read epoch: %w", err)
			}
			continue
		}
		c, _, err := configurationOf(it)
		if err != nil {
			return nil, 0, err
		}
		out = append(out, c)
	}
	return out, epoch, nil
}

// Epoch implements ledger.Licenses.
func (s *Store) Epoch(ctx context.Context) (int64, error) {
	out, err := s.api.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.table, Key: key(configPK, epochSK), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return 0, fmt.Errorf("get epoch: %w", err)
	}
	n, ok := out.Item["N"].(*types.AttributeValueMemberN)
	if !ok {
		return 0, nil
	}
	return strconv.ParseInt(n.Value, 10, 64)
}

// DueLicenses implements ledger.Licenses.
func (s *Store) DueLicenses(ctx context.Context, now time.Time) ([]string, error) {
	items, err := s.queryIndex(ctx, &dynamodb.QueryInput{
		IndexName:              aws.String(config.DueIndex),
		KeyConditionExpression: aws.String(config.DuePartitionKey + " = :pk AND " + config.DueSortKey + " < :next"),
		ExpressionAttributeValues: item{":pk": text(duePK),
			":next": text(dueSK(now.Add(time.Millisecond), ""))},
	})
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, it := range items {
		if pk, ok := it["PK"].(*types.AttributeValueMemberS); ok && len(pk.Value) > len(licensePK("")) {
			ids = append(ids, pk.Value[len(licensePK("")):])
		}
	}
	return ids, nil
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
