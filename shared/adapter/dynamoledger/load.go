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

// load reads head and configuration, which show what of the pages is new.
func (s *Store) load(ctx context.Context, id string) (l *ledger.License, whole bool, err error) {
	items, err := s.batchGet(ctx, []item{key(licensePK(id), headSK), key(configPK, id)}, "get license "+id)
	if err != nil {
		return nil, false, err
	}
	stored, configured := itemAt(items, licensePK(id), headSK), itemAt(items, configPK, id)
	if stored == nil {
		return nil, false, s.headless(ctx, id)
	}
	head, err := headOf(stored)
	if err != nil {
		return nil, false, fmt.Errorf("license %s: %w", id, err)
	}
	l = head.License()
	if configured == nil { // read before the commit that made both
		if configured, err = s.get(ctx, key(configPK, id)); err == nil && configured == nil {
			err = s.unconfigured(ctx, id)
		}
		if err != nil {
			return nil, false, fmt.Errorf("license %s: %w", id, err)
		}
	}
	configuration, revision, err := configurationOf(configured)
	if err != nil {
		return nil, false, fmt.Errorf("license %s: %w", id, err)
	}
	if revision != head.ConfigRevision {
		return nil, false, nil
	}
	pages, whole, err := s.pagesOf(ctx, id, head)
	if err != nil || !whole {
		return nil, false, err
	}
	for p, data := range pages {
		if slices.Contains(head.Held, p) {
			l.Entries = append(l.Entries, ledgercodec.PageEntries(head.Entries, p)...)
			continue
		}
		entries, err := ledgercodec.DecodeEntries(data, p)
		if err != nil {
			return nil, false, fmt.Errorf("license %s page %d: %w", id, p, err)
		}
		l.Entries = append(l.Entries, entries...)
	}
	l.Configuration, l.Stored = configuration, remembered(head)
	return l, true, nil
}

// unconfigured tells a license that was deleted from one that lost its
// configuration.
func (s *Store) unconfigured(ctx context.Context, id string) error {
	deleted, err := s.get(ctx, key(deletedPK, id))
	if err == nil && deleted != nil {
		err = fmt.Errorf("%w: it was deleted", ledger.ErrNotFound)
	}
	return err
}

// headless tells a license that there is not from one that lost its head; nil if
// the head came meanwhile.
func (s *Store) headless(ctx context.Context, id string) error {
	items, err := s.query(ctx, &dynamodb.QueryInput{
		KeyConditionExpression: aws.String("PK = :pk"), ExpressionAttributeValues: item{":pk": text(licensePK(id))},
	})
	switch {
	case err != nil:
		return err
	case len(items) == 0:
		return fmt.Errorf("%w: %q", ledger.ErrNotFound, id)
	case textOf(items[0], "SK") == headSK: // it sorts before the pages
		return nil
	default:
		return fmt.Errorf("license %s has %d pages and no head", id, len(items))
	}
}

func (s *Store) get(ctx context.Context, k item) (item, error) {
	out, err := s.api.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.table, Key: k, ConsistentRead: aws.Bool(true)})
	if err != nil {
		return nil, fmt.Errorf("get item: %w", err)
	}
	return out.Item, nil
}

func headOf(it item) (ledgercodec.Head, error) {
	state, ok := it["State"].(*types.AttributeValueMemberB)
	if !ok {
		return ledgercodec.Head{}, errors.New("the head item has no binary State")
	}
	return ledgercodec.DecodeHead(state.Value)
}

func itemAt(items []item, pk, sk string) item {
	for _, it := range items {
		if textOf(it, "PK") == pk && textOf(it, "SK") == sk {
			return it
		}
	}
	return nil
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
