// Command enforce is the Lambda function that answers overruns, and the only
// one whose role may tag or stop instances. The table's stream gives it answers
// to keep, a schedule the moment to carry them out.
package main

import (
	"log/slog"
	"os"
	"time"
	_ "time/tzdata" // for the hours of licenses

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"licenseguard/shared/adapter/autoscalinggroup"
	"licenseguard/shared/adapter/awsclient"
	"licenseguard/shared/adapter/dynamoledger"
	"licenseguard/shared/adapter/ec2cloud"
	"licenseguard/shared/adapter/function"
	"licenseguard/shared/adapter/handler"
	"licenseguard/shared/adapter/spoke"
	"licenseguard/shared/catalog"
	"licenseguard/shared/config"
	"licenseguard/shared/enforce"
)

func main() { function.Run(config.FunctionEnforce, wire) }

func wire(log *slog.Logger) (any, error) {
	env, err := config.LoadEnforce(os.LookupEnv)
	if err != nil {
		return nil, err
	}
	cfg, err := awsclient.FromEnvironment()
	if err != nil {
		return nil, err
	}
	access := spoke.New(cfg, env.Watched, config.SpokeEnforceRole, config.FunctionEnforce)
	e := &enforce.Enforcer{
		Store:     dynamoledger.New(dynamodb.NewFromConfig(cfg), env.LedgerTable),
		Instances: ec2cloud.NewFleet(spoke.Clients(access, newEC2)),
		Catalog:   catalog.Embedded(),
		Accounts:  env.Accounts, Now: time.Now, Log: log,
	}
	if env.AutoScaling {
		e.Groups = autoscalinggroup.NewFleet(spoke.Clients(access, newAutoScaling))
	}
	h := &handler.Enforce{Metrics: os.Stdout, Log: log, Enforcer: e}
	return h.Handle, nil
}

func newEC2(cfg aws.Config) *ec2.Client { return ec2.NewFromConfig(cfg) }

func newAutoScaling(cfg aws.Config) *autoscaling.Client { return autoscaling.NewFromConfig(cfg) }
