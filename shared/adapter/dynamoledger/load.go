package dynamoledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"licenseguard/shared/adapter/ledgercodec"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

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
	l = head.License()
	pages := make(map[string]item, len(items))
	for _, it := range items[1:] {
		if sk, ok := it["SK"].(*types.AttributeValueMemberS); ok {
			pages[sk.Value] = it
		}
	}
	for p := range head.PageRevisions {
		if slices.Contains(head.Held, p) {
			l.Entries = append(l.Entries, ledgercodec.PageEntries(head.Entries, p)...)
			continue
		}
		it, ok := pages[pageSK(p)]
		if !ok {
			return nil, false, nil
		}
		entries, revision, err := pageOf(it, p)
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
	if l.Pages == 0 {
		head.Entries = nil
	}
	l.Configuration, l.Stored = configuration, head
	return l, revision == head.ConfigRevision, nil
}

func (s *Store) configuration(ctx context.Context, id string) (license.Configuration, int64, error) {
	out, err := s.api.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.table, Key: key(configPK, id), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return license.Configuration{}, 0, fmt.Errorf("get configuration %s: %w", id, err)
	}
	return configurationOf(out.Item)
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
