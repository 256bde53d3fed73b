// Command cfnhook is the Lambda function that CloudFormation asks before it makes a
// stack. It reads the ledger and changes nothing.
package main

import (
	"log/slog"
	"os"
	"time"
	_ "time/tzdata" // for the hours of licenses

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"licenseguard/shared/adapter/awsclient"
	"licenseguard/shared/adapter/dynamoledger"
	"licenseguard/shared/adapter/function"
	"licenseguard/shared/adapter/handler"
	"licenseguard/shared/adapter/presignedurl"
	"licenseguard/shared/catalog"
	"licenseguard/shared/cfnhook"
	"licenseguard/shared/config"
)

func main() { function.Run(config.FunctionCfnHook, wire) }

func wire(log *slog.Logger) (any, error) {
	env, err := config.LoadCfnHook(os.LookupEnv)
	if err != nil {
		return nil, err
	}
	cfg, err := awsclient.FromEnvironment()
	if err != nil {
		return nil, err
	}
	h := &handler.CfnHook{Hook: &cfnhook.Hook{
		Store:   dynamoledger.New(dynamodb.NewFromConfig(cfg), env.LedgerTable),
		Catalog: catalog.Embedded(),
		Region:  env.Region,
		Fetch:   presignedurl.New().Read,
		Now:     time.Now, Log: log,
	}}
	return h.Handle, nil
}
