package dynamoledger

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"licenseguard/shared/config"
	"licenseguard/shared/license"
)

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
