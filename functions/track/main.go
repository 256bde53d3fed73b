// Command track is the Lambda function that keeps the ledger true: it takes
// batches of events from the intake queue.
package main

import (
	"log/slog"
	"os"
	"time"
	_ "time/tzdata" // for the hours of licenses

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"licenseguard/shared/adapter/awsclient"
	"licenseguard/shared/adapter/dynamoledger"
	"licenseguard/shared/adapter/ec2cloud"
	"licenseguard/shared/adapter/function"
	"licenseguard/shared/adapter/handler"
	"licenseguard/shared/adapter/rdscloud"
	"licenseguard/shared/adapter/spoke"
	"licenseguard/shared/adapter/sqsqueue"
	"licenseguard/shared/adapter/ssminventory"
	"licenseguard/shared/catalog"
	"licenseguard/shared/config"
	"licenseguard/shared/track"
)

func main() { function.Run(config.FunctionTrack, wire) }

func wire(log *slog.Logger) (any, error) {
	env, err := config.LoadTrack(os.LookupEnv)
	if err != nil {
		return nil, err
	}
	cfg, err := awsclient.FromEnvironment()
	if err != nil {
		return nil, err
	}
	access := spoke.New(cfg, env.Watched, config.SpokeObserveRole, config.FunctionTrack)
	store := dynamoledger.New(dynamodb.NewFromConfig(cfg), env.LedgerTable)
	cloud := ec2cloud.NewFleet(spoke.Clients(access, newEC2))
	h := &handler.Track{Metrics: os.Stdout, Tracker: &track.Tracker{
		Store:       store,
		Documents:   store,
		Observer:    cloud,
		Lineage:     cloud,
		Databases:   rdscloud.NewFleet(spoke.Clients(access, newRDS)),
		Inventories: ssminventory.NewFleet(spoke.Clients(access, newSSM)),
		DeadLetters: sqsqueue.NewDeadLetters(sqs.NewFromConfig(cfg), env.DeadLetterQueueURL),
		Catalog:     catalog.Embedded(),
		Accounts:    env.Accounts, Regions: env.Regions, Now: time.Now, Log: log,
	}}
	return h.Handle, nil
}

func newEC2(cfg aws.Config) *ec2.Client { return ec2.NewFromConfig(cfg) }

func newRDS(cfg aws.Config) *rds.Client { return rds.NewFromConfig(cfg) }

func newSSM(cfg aws.Config) *ssm.Client { return ssm.NewFromConfig(cfg) }
