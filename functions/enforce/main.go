// Command enforce is the Lambda function that answers overruns, and the only
// one whose role may tag or stop instances. The table's stream gives it answers
// to keep, a schedule the moment to carry them out.
package main

import (
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"licenseguard/shared/adapter/awsclient"
	"licenseguard/shared/adapter/dynamoledger"
	"licenseguard/shared/adapter/ec2cloud"
	"licenseguard/shared/adapter/handler"
	"licenseguard/shared/catalog"
	"licenseguard/shared/config"
	"licenseguard/shared/enforce"
	"licenseguard/shared/telemetry"
)

func main() {
	log := telemetry.Logger(os.Stdout, config.FunctionEnforce)
	h, err := wire(log)
	if err != nil {
		log.Error("enforce does not start", "error", err)
		os.Exit(1)
	}
	lambda.Start(h.Handle)
}

func wire(log *slog.Logger) (*handler.Enforce, error) {
	env, err := config.LoadEnforce(os.LookupEnv)
	if err != nil {
		return nil, err
	}
	cfg, err := awsclient.FromEnvironment()
	if err != nil {
		return nil, err
	}
	return &handler.Enforce{Metrics: os.Stdout, Log: log, Enforcer: &enforce.Enforcer{
		Store:     dynamoledger.New(dynamodb.NewFromConfig(cfg), env.LedgerTable),
		Instances: ec2cloud.New(ec2.NewFromConfig(cfg)),
		Catalog:   catalog.Embedded(),
		Accounts:  env.Accounts, Now: time.Now, Log: log,
	}}, nil
}
