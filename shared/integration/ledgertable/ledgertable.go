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

// Create makes the table.
func Create(ctx context.Context, client *dynamodb.Client, name string) error {
	_, err := create(ctx, client, input(name))
	return err
}

// CreateWithStream makes the table and returns the ARN of its stream.
func CreateWithStream(ctx context.Context, client *dynamodb.Client, name string) (arn string, err error) {
	in := input(name)
	in.StreamSpecification = &types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewTypeNewImage}
	return create(ctx, client, in)
}

func create(ctx context.Context, client *dynamodb.Client, in *dynamodb.CreateTableInput) (stream string, err error) {
	out, err := client.CreateTable(ctx, in)
	if err != nil {
		return "", fmt.Errorf("create table %s: %w", *in.TableName, err)
	}
	return aws.ToString(out.TableDescription.LatestStreamArn), nil
}

func input(name string) *dynamodb.CreateTableInput {
	text := func(name string) types.AttributeDefinition {
		return types.AttributeDefinition{AttributeName: &name, AttributeType: types.ScalarAttributeTypeS}
	}
	keys := func(hash, sort string) []types.KeySchemaElement {
		return []types.KeySchemaElement{{AttributeName: &hash, KeyType: types.KeyTypeHash}, {AttributeName: &sort, KeyType: types.KeyTypeRange}}
	}
	return &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{text(config.PartitionKey), text(config.SortKey), text(config.DuePartitionKey), text(config.DueSortKey)},
		KeySchema:            keys(config.PartitionKey, config.SortKey),
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{IndexName: aws.String(config.DueIndex),
			KeySchema: keys(config.DuePartitionKey, config.DueSortKey), Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly}}},
	}
}
