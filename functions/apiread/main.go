// Command apiread is the Lambda function that answers the requests that only read. It is
// a function of its own, because its role cannot write.
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

func main() { function.Run(config.FunctionAPIRead, wire) }

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
	return functionurl.NewAPI(store, env, false, log).Handle, nil
}
