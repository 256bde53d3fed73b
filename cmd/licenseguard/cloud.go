package main

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/spf13/pflag"

	"licenseguard/cmd/licenseguard/internal/deployment"
	"licenseguard/shared/adapter/awsclient"
	"licenseguard/shared/adapter/dynamoledger"
	"licenseguard/shared/config"
)

// cloud is a deployment that a command works on, with the caller's credentials.
type cloud struct {
	aws   aws.Config
	stack deployment.Stack
}

func stackFlag(set *pflag.FlagSet, name *string) {
	set.StringVar(name, "stack", config.DefaultStackName, "name of the deployed stack")
}

// connect finds a stack in the account and Region of the caller's environment.
func connect(ctx context.Context, name string) (cloud, error) {
	c, err := awsclient.Load(ctx)
	if err != nil {
		return cloud{}, err
	}
	if c.Region == "" {
		return cloud{}, badInput("no Region is set; AWS_REGION says where the stack is")
	}
	found, err := deployment.Find(ctx, cloudformation.NewFromConfig(c), name)
	if errors.Is(err, deployment.ErrNoStack) {
		return cloud{}, badInput("%w", err)
	}
	return cloud{aws: c, stack: found}, err
}

// ledger is the deployed table.
func (c cloud) ledger() *dynamoledger.Store {
	return dynamoledger.New(dynamodb.NewFromConfig(c.aws), c.stack.Outputs[config.OutputLedgerTable])
}
