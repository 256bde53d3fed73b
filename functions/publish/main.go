// Command publish is the Lambda function that tells the world what was
// committed: the change log from the table's stream, alerts and events from
// their queues.
package main

import (
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"licenseguard/shared/adapter/awsclient"
	"licenseguard/shared/adapter/dynamoledger"
	"licenseguard/shared/adapter/eventbus"
	"licenseguard/shared/adapter/function"
	"licenseguard/shared/adapter/handler"
	"licenseguard/shared/adapter/s3archive"
	"licenseguard/shared/adapter/snstopic"
	"licenseguard/shared/adapter/sqsqueue"
	"licenseguard/shared/config"
	"licenseguard/shared/publish"
)

func main() { function.Run(config.FunctionPublish, wire) }

func wire(log *slog.Logger) (any, error) {
	env, err := config.LoadPublish(os.LookupEnv)
	if err != nil {
		return nil, err
	}
	cfg, err := awsclient.FromEnvironment()
	if err != nil {
		return nil, err
	}
	queues := sqs.NewFromConfig(cfg)
	store := dynamoledger.New(dynamodb.NewFromConfig(cfg), env.LedgerTable)
	h := &handler.Publish{Metrics: os.Stdout, Log: log,
		AlertQueue: handler.QueueName(env.AlertQueueURL), EventQueue: handler.QueueName(env.EventQueueURL),
		Publisher: &publish.Publisher{
			Archive: s3archive.New(s3.NewFromConfig(cfg), env.ReportBucket),
			Alerts:  sqsqueue.NewSender(queues, env.AlertQueueURL),
			Events:  sqsqueue.NewSender(queues, env.EventQueueURL),
			Topic:   snstopic.New(sns.NewFromConfig(cfg), env.AlertTopicARN),
			Bus:     eventbus.New(eventbridge.NewFromConfig(cfg), env.EventBusName),
			Marks:   store,
			Facts:   store,
			Metrics: os.Stdout, Now: time.Now,
		}}
	return h.Handle, nil
}
