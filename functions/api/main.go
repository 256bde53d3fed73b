// Command api is the Lambda function that answers requests in the protocol of AWS
// License Manager, those that only read and those that change licenses.
package main

import (
	"log/slog"
	"os"
	_ "time/tzdata" // for the hours of licenses

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"licenseguard/shared/adapter/awsclient"
	"licenseguard/shared/adapter/dynamoledger"
	"licenseguard/shared/adapter/function"
	"licenseguard/shared/adapter/functionurl"
	"licenseguard/shared/config"
)

func main() { function.Run(config.FunctionAPI, wire) }

func wire(log *slog.Logger) (any, error) {
	env, err := config.LoadAPI(os.LookupEnv)
	if err != nil {
		return nil, err
	}
	cfg, err := awsclient.FromEnvironment()
	if err != nil {
		return nil, err
	}
	store := dynamoledger.New(dynamodb.NewFromConfig(cfg), env.LedgerTable)
	return functionurl.NewAPI(store, env, true, log).Handle, nil
}
