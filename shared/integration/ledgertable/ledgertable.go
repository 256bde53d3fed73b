// Package ledgertable makes the ledger's table for tests and benchmarks, with
// the keys and the index that the stack deploys.
package ledgertable

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"licenseguard/shared/config"
)

// Create makes the table and returns the ARN of its stream.
func Create(ctx context.Context, client *dynamodb.Client, name string) (stream string, err error) {
	text := func(name string) types.AttributeDefinition {
		return types.AttributeDefinition{AttributeName: &name, AttributeType: types.ScalarAttributeTypeS}
	}
	keys := func(hash, sort string) []types.KeySchemaElement {
		return []types.KeySchemaElement{{AttributeName: &hash, KeyType: types.KeyTypeHash}, {AttributeName: &sort, KeyType: types.KeyTypeRange}}
	}
	out, err := client.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{text(config.PartitionKey), text(config.SortKey), text(config.DuePartitionKey), text(config.DueSortKey)},
		KeySchema:            keys(config.PartitionKey, config.SortKey),
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{IndexName: aws.String(config.DueIndex),
			KeySchema: keys(config.DuePartitionKey, config.DueSortKey), Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly}}},
		StreamSpecification: &types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewTypeNewImage},
	})
	if err != nil {
		return "", fmt.Errorf("create table %s: %w", name, err)
	}
	return aws.ToString(out.TableDescription.LatestStreamArn), nil
}
