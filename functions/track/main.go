// Command track is the Lambda function that keeps the ledger true: it takes
// batches of events from the intake queue.
package main

import (
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"licenseguard/shared/adapter/awsclient"
	"licenseguard/shared/adapter/dynamoledger"
	"licenseguard/shared/adapter/ec2cloud"
	"licenseguard/shared/adapter/handler"
	"licenseguard/shared/adapter/sqsqueue"
	"licenseguard/shared/catalog"
	"licenseguard/shared/config"
	"licenseguard/shared/telemetry"
	"licenseguard/shared/track"
)

func main() {
	log := telemetry.Logger(os.Stdout, config.FunctionTrack)
	h, err := wire(log)
	if err != nil {
		log.Error("track does not start", "error", err)
		os.Exit(1)
	}
	lambda.Start(h.Handle)
}

func wire(log *slog.Logger) (*handler.Track, error) {
	env, err := config.LoadTrack(os.LookupEnv)
	if err != nil {
		return nil, err
	}
	cfg, err := awsclient.FromEnvironment()
	if err != nil {
		return nil, err
	}
	return &handler.Track{Metrics: os.Stdout, Tracker: &track.Tracker{
		Store:       dynamoledger.New(dynamodb.NewFromConfig(cfg), env.LedgerTable),
		Observer:    ec2cloud.New(ec2.NewFromConfig(cfg)),
		DeadLetters: sqsqueue.NewDeadLetters(sqs.NewFromConfig(cfg), env.DeadLetterQueueURL),
		Catalog:     catalog.Embedded(),
		Accounts:    env.Accounts, Region: env.Region, Now: time.Now, Log: log,
	}}, nil
}
