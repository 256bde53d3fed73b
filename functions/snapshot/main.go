// Command snapshot is the Lambda function that writes positions and usage to
// the report bucket on a schedule, and the reports that people asked for.
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
	"licenseguard/shared/report"
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
	store, archive := dynamoledger.New(dynamodb.NewFromConfig(cfg), env.LedgerTable), s3archive.New(s3.NewFromConfig(cfg), env.ReportBucket)
	h := &handler.Snapshot{Log: log, Metrics: os.Stdout,
		Snapshotter: &snapshot.Snapshotter{Store: store, Archive: archive, Encoder: parquetfile.Encoder{}, Catalog: catalog.Embedded(), Now: time.Now},
		Reports:     &report.Maker{Store: store, Archive: archive, Encoder: parquetfile.Encoder{}, Catalog: catalog.Embedded(), Now: time.Now},
	}
	return h.Handle, nil
}
