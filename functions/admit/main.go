// Command admit is the Lambda function that answers the launch hooks of Auto
// Scaling groups: an instance has its place in the ledger before it serves, or its
// group is made smaller and ends it. It can stop and start nothing.
package main

import (
	"log/slog"
	"os"
	"time"
	_ "time/tzdata" // for the hours of licenses

	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"licenseguard/shared/adapter/autoscalinggroup"
	"licenseguard/shared/adapter/awsclient"
	"licenseguard/shared/adapter/dynamoledger"
	"licenseguard/shared/adapter/ec2cloud"
	"licenseguard/shared/adapter/function"
	"licenseguard/shared/adapter/handler"
	"licenseguard/shared/adapter/sqsqueue"
	"licenseguard/shared/admit"
	"licenseguard/shared/catalog"
	"licenseguard/shared/config"
	"licenseguard/shared/track"
)

func main() { function.Run(config.FunctionAdmit, wire) }

func wire(log *slog.Logger) (any, error) {
	env, err := config.LoadAdmit(os.LookupEnv)
	if err != nil {
		return nil, err
	}
	cfg, err := awsclient.FromEnvironment()
	if err != nil {
		return nil, err
	}
	store := dynamoledger.New(dynamodb.NewFromConfig(cfg), env.LedgerTable)
	letters := sqsqueue.NewDeadLetters(sqs.NewFromConfig(cfg), env.DeadLetterQueueURL)
	h := &handler.Admit{Metrics: os.Stdout, Admitter: &admit.Admitter{
		Store: store,
		Tracker: &track.Tracker{Store: store, Documents: store, Observer: ec2cloud.New(ec2.NewFromConfig(cfg)), DeadLetters: letters,
			Catalog: catalog.Embedded(), Accounts: env.Accounts, Regions: []string{env.Region}, Now: time.Now, Log: log},
		Groups:      autoscalinggroup.New(autoscaling.NewFromConfig(cfg)),
		DeadLetters: letters,
		Catalog:     catalog.Embedded(),
		Accounts:    env.Accounts, Region: env.Region, Now: time.Now, Log: log,
	}}
	return h.Handle, nil
}
