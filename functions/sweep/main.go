// Command sweep is the Lambda function that observes everything on a schedule
// and repairs the ledger: with every event lost, one sweep is enough.
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
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"licenseguard/shared/adapter/awsclient"
	"licenseguard/shared/adapter/dynamoledger"
	"licenseguard/shared/adapter/ec2cloud"
	"licenseguard/shared/adapter/function"
	"licenseguard/shared/adapter/handler"
	"licenseguard/shared/adapter/rdscloud"
	"licenseguard/shared/adapter/spoke"
	"licenseguard/shared/adapter/ssminventory"
	"licenseguard/shared/catalog"
	"licenseguard/shared/config"
	"licenseguard/shared/track"
)

func main() { function.Run(config.FunctionSweep, wire) }

func wire(log *slog.Logger) (any, error) {
	env, err := config.LoadSweep(os.LookupEnv)
	if err != nil {
		return nil, err
	}
	cfg, err := awsclient.FromEnvironment()
	if err != nil {
		return nil, err
	}
	access := spoke.New(cfg, env.Watched, config.SpokeObserveRole, config.FunctionSweep)
	store := dynamoledger.New(dynamodb.NewFromConfig(cfg), env.LedgerTable)
	cloud := ec2cloud.NewFleet(spoke.Clients(access, newEC2))
	h := &handler.Sweep{Store: store, Log: log, Metrics: os.Stdout, Workers: workers, Timeout: timeout, Margin: margin, Tracker: &track.Tracker{
		Store: store, Documents: store, Observer: cloud, Lineage: cloud, Databases: rdscloud.NewFleet(spoke.Clients(access, newRDS)), Catalog: catalog.Embedded(),
		Inventories: ssminventory.NewFleet(spoke.Clients(access, newSSM)),
		Accounts:    env.Accounts, Regions: env.Regions, Now: time.Now, Log: log,
	}}
	if len(h.Tracker.Scopes()) > 1 { // the schedule comes more often then, for what the run before it left
		h.Fresh = fresh
	}
	return h.Run, nil
}

// How many accounts and Regions are swept at a time, how long one may take, how long
// one is left alone, and what must be left of Lambda's 15 minutes for another one.
const (
	workers = 4
	timeout = 10 * time.Minute
	fresh   = 50 * time.Minute
	margin  = 2 * time.Minute
)

func newEC2(cfg aws.Config) *ec2.Client { return ec2.NewFromConfig(cfg) }

func newRDS(cfg aws.Config) *rds.Client { return rds.NewFromConfig(cfg) }

func newSSM(cfg aws.Config) *ssm.Client { return ssm.NewFromConfig(cfg) }
