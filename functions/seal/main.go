// Command seal is the Lambda function that makes evidence of what was written on
// days that are over.
package main

import (
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"licenseguard/shared/adapter/awsclient"
	"licenseguard/shared/adapter/function"
	"licenseguard/shared/adapter/handler"
	"licenseguard/shared/adapter/kmskey"
	"licenseguard/shared/adapter/parquetfile"
	"licenseguard/shared/adapter/s3archive"
	"licenseguard/shared/adapter/snstopic"
	"licenseguard/shared/compact"
	"licenseguard/shared/config"
	"licenseguard/shared/evidence"
)

func main() { function.Run(config.FunctionSeal, wire) }

func wire(log *slog.Logger) (any, error) {
	env, err := config.LoadSeal(os.LookupEnv)
	if err != nil {
		return nil, err
	}
	cfg, err := awsclient.FromEnvironment()
	if err != nil {
		return nil, err
	}
	buckets, keys := s3.NewFromConfig(cfg), kms.NewFromConfig(cfg)
	reports := s3archive.NewFolder(buckets, env.ReportBucket, "")
	h := &handler.Seal{
		Log: log, Metrics: os.Stdout, Topic: snstopic.New(sns.NewFromConfig(cfg), env.AlertTopicARN), Bucket: env.EvidenceBucket,
		Sealer: &evidence.Sealer{
			Ledger: env.LedgerName,
			Source: reports, Vault: s3archive.NewFolder(buckets, env.EvidenceBucket, ""),
			Signer: kmskey.NewSigner(keys, env.SigningKeyARN), MAC: kmskey.MAC(keys, env.NamesKeyARN),
			Table: parquetfile.Disguise, Margin: handler.SealMargin, Now: time.Now,
		},
		Compact: &compact.Compactor{Store: reports, Codec: parquetfile.Encoder{}, Now: time.Now, Accounts: env.Accounts, Regions: []string{env.Region}},
	}
	return h.Handle, nil
}
