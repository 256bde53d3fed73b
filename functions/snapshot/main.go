// Command snapshot is the Lambda function that writes positions and usage to
// the report bucket on a schedule.
package main

import (
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"licenseguard/shared/adapter/awsclient"
	"licenseguard/shared/adapter/dynamoledger"
	"licenseguard/shared/adapter/function"
	"licenseguard/shared/adapter/handler"
	"licenseguard/shared/adapter/parquetfile"
	"licenseguard/shared/adapter/s3archive"
	"licenseguard/shared/catalog"
	"licenseguard/shared/config"
	"licenseguard/shared/snapshot"
)

func main() { function.Run(config.FunctionSnapshot, wire) }

func wire(log *slog.Logger) (any, error) {
	env, err := config.LoadSnapshot(os.LookupEnv)
	if err != nil {
		return nil, err
	}
	cfg, err := awsclient.FromEnvironment()
	if err != nil {
		return nil, err
	}
	h := &handler.Snapshot{Log: log, Metrics: os.Stdout, Snapshotter: &snapshot.Snapshotter{
		Store:   dynamoledger.New(dynamodb.NewFromConfig(cfg), env.LedgerTable),
		Archive: s3archive.New(s3.NewFromConfig(cfg), env.ReportBucket),
		Encoder: parquetfile.Encoder{}, Catalog: catalog.Embedded(), Now: time.Now,
	}}
	return h.Handle, nil
}
