// Command snapshot is the Lambda function that writes positions and usage to
// the report bucket on a schedule.
package main

import (
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"licenseguard/shared/adapter/awsclient"
	"licenseguard/shared/adapter/dynamoledger"
	"licenseguard/shared/adapter/handler"
	"licenseguard/shared/adapter/parquetfile"
	"licenseguard/shared/adapter/s3archive"
	"licenseguard/shared/catalog"
	"licenseguard/shared/config"
	"licenseguard/shared/snapshot"
	"licenseguard/shared/telemetry"
)

func main() {
	log := telemetry.Logger(os.Stdout, config.FunctionSnapshot)
	h, err := wire(log)
	if err != nil {
		log.Error("snapshot does not start", "error", err)
		os.Exit(1)
	}
	lambda.Start(h.Handle)
}

func wire(log *slog.Logger) (*handler.Snapshot, error) {
	env, err := config.LoadSnapshot(os.LookupEnv)
	if err != nil {
		return nil, err
	}
	cfg, err := awsclient.FromEnvironment()
	if err != nil {
		return nil, err
	}
	return &handler.Snapshot{Log: log, Metrics: os.Stdout, Snapshotter: &snapshot.Snapshotter{
		Store:   dynamoledger.New(dynamodb.NewFromConfig(cfg), env.LedgerTable),
		Archive: s3archive.New(s3.NewFromConfig(cfg), env.ReportBucket),
		Encoder: parquetfile.Encoder{}, Catalog: catalog.Embedded(), Now: time.Now,
	}}, nil
}
