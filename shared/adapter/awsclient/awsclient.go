// Package awsclient makes the AWS configuration of a function, or of a command
// on a person's machine.
package awsclient

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// FromEnvironment reads what Lambda sets: Region and credentials, and, in
// tests, endpoints. It leaves out what only a developer's machine has (profiles,
// single sign-on, instance metadata): that halves what a function links beside
// its own clients.
func FromEnvironment() (aws.Config, error) {
	env, err := config.NewEnvConfig()
	if err != nil {
		return aws.Config{}, fmt.Errorf("read AWS configuration: %w", err)
	}
	if env.Region == "" || !env.Credentials.HasKeys() {
		return aws.Config{}, fmt.Errorf("read AWS configuration: AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set, as Lambda sets them")
	}
	cfg := aws.Config{
		Region:        env.Region,
		Credentials:   credentials.StaticCredentialsProvider{Value: env.Credentials},
		HTTPClient:    awshttp.NewBuildableClient(),
		ConfigSources: []any{env}, // the clients find their own endpoints in it
	}
	if env.BaseEndpoint != "" {
		cfg.BaseEndpoint = &env.BaseEndpoint
	}
	return cfg, nil
}
