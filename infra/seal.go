package main

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"

	"licenseguard/shared/config"
	"licenseguard/shared/evidence"
)

// sealTimeout is the most that Lambda offers. A run that ends in it goes on with the
// next.
const sealTimeout = 15 * 60

// sealMemoryMB is what sealing and compacting a day takes of 100,000 instances that
// start and stop daily (docs/cost.md), twice.
const sealMemoryMB = 2048

// The ways to lock what is sealed: by default governance, which those may lift who
// have the permission; compliance nobody can, not even root, before its time.
const (
	lockOff        = "off"
	lockGovernance = "governance"
	lockCompliance = "compliance"
)

// sealing is what makes evidence of the reports.
type sealing struct {
	function function
	bucket   awss3.Bucket
	signing  awskms.Key
	names    awskms.Key
}

// newSeal makes the function, its bucket and its keys.
func newSeal(scope constructs.Construct, s settings, r reports, a alerts) sealing {
	scope = constructs.NewConstruct(scope, jsii.String("Evidence"))
	e := sealing{
		bucket: newEvidenceBucket(scope, s, r),
		signing: awskms.NewKey(scope, jsii.String("SigningKey"), &awskms.KeyProps{
			Description: jsii.String("licenseguard: signs evidence"),
			KeySpec:     awskms.KeySpec_ECC_NIST_P256, KeyUsage: awskms.KeyUsage_SIGN_VERIFY, RemovalPolicy: s.removal(),
		}),
		names: awskms.NewKey(scope, jsii.String("NamesKey"), &awskms.KeyProps{
			Description: jsii.String("licenseguard: turns names into pseudonyms in evidence; without it they are anonymous for ever"),
			KeySpec:     awskms.KeySpec_HMAC_256, KeyUsage: awskms.KeyUsage_GENERATE_VERIFY_MAC, RemovalPolicy: s.removal(),
		}),
	}
	f := newFunction(scope, s, functionSpec{
		name: config.FunctionSeal, description: "Seals what was written on days that are over, as evidence, and compacts it", timeout: sealTimeout,
		environment: map[string]*string{
			config.EnvReportBucket:   r.bucket.BucketName(),
			config.EnvEvidenceBucket: e.bucket.BucketName(),
			config.EnvSigningKeyARN:  e.signing.KeyArn(),
			config.EnvNamesKeyARN:    e.names.KeyArn(),
			config.EnvAlertTopicARN:  a.topic.TopicArn(),
			config.EnvAccounts:       jsii.String(strings.Join(s.accountIDs(), ",")),
			config.EnvLedgerName:     jsii.String(*awscdk.Aws_STACK_NAME() + " " + *awscdk.Aws_ACCOUNT_ID() + " " + *awscdk.Aws_REGION()),
		},
	})
	f.memory(sealMemoryMB)
	r.allowRead(f, "Reports", r.bucket, config.PrefixChanges, config.PrefixPositions, config.PrefixUsage, config.PrefixCoverage, config.PrefixHistory)
	r.allowWrite(f, config.PrefixHistory)
	r.allowRead(f, "Manifests", e.bucket, evidence.PrefixManifests)
	// It may add, and what it writes again lies over what was there: every version is
	// kept, and nothing lets it delete one, shorten a lock or go around it.
	f.allow("Seal", []string{"s3:PutObject"}, *e.bucket.BucketArn()+"/*")
	f.acceptWildcard("Object keys carry dates; the bucket is the function's alone.", &cdknag.RegexAppliesTo{Regex: jsii.String(`/^Resource::<Evidence.*\.Arn>/\*$/`)})
	f.allow("PublicKey", []string{"kms:GetPublicKey"}, *e.signing.KeyArn())
	f.allowIf("Sign", []string{"kms:Sign"}, conditions{"StringEquals": {"kms:SigningAlgorithm": "ECDSA_SHA_256", "kms:MessageType": "RAW"}}, *e.signing.KeyArn())
	f.allow("Names", []string{"kms:GenerateMac"}, *e.names.KeyArn())
	f.allow("Head", []string{"sns:Publish"}, *a.topic.TopicArn())
	f.allowIf("HeadKey", []string{"kms:Decrypt", "kms:GenerateDataKey"}, conditions{"StringEquals": {"kms:ViaService": viaService("sns")}}, *a.key.KeyArn())
	// Four times a day: whatever fails in the night is made up for before noon, and a
	// run that finds everything sealed costs some thirty reads.
	f.every("rate(6 hours)")
	e.function = f
	return e
}

// newEvidenceBucket makes a bucket of its own, so that Object Lock can be had without
// replacing the one of the reports. It is able to lock in any case; the setting says
// if and how it does.
func newEvidenceBucket(scope constructs.Construct, s settings, r reports) awss3.Bucket {
	removal := s.removal()
	var retention awss3.ObjectLockRetention
	switch s.lock {
	case lockGovernance:
		retention = awss3.ObjectLockRetention_Governance(days(s.lockDays))
	case lockCompliance:
		retention = awss3.ObjectLockRetention_Compliance(days(s.lockDays))
	}
	if retention != nil {
		removal = awscdk.RemovalPolicy_RETAIN // what is locked cannot go with the stack
	}
	return awss3.NewBucket(scope, jsii.String("Bucket"), &awss3.BucketProps{
		Encryption:                 awss3.BucketEncryption_S3_MANAGED,
		EnforceSSL:                 jsii.Bool(true),
		MinimumTLSVersion:          jsii.Number(1.2),
		BlockPublicAccess:          awss3.BlockPublicAccess_BLOCK_ALL(),
		ObjectOwnership:            awss3.ObjectOwnership_BUCKET_OWNER_ENFORCED,
		Versioned:                  jsii.Bool(true),
		ObjectLockEnabled:          jsii.Bool(true),
		ObjectLockDefaultRetention: retention,
		ServerAccessLogsBucket:     r.accessLogs,
		ServerAccessLogsPrefix:     jsii.String("evidence/"),
		RemovalPolicy:              removal,
		LifecycleRules: list(&awss3.LifecycleRule{
			Id: jsii.String("infrequent-access"),
			Transitions: list(&awss3.Transition{
				StorageClass: awss3.StorageClass_INFREQUENT_ACCESS(), TransitionAfter: days(infrequentAfterDays),
			}),
			AbortIncompleteMultipartUploadAfter: days(unfinishedUploadDays),
		}),
	})
}

// allowRead lets the function list and read folders of a bucket.
func (r reports) allowRead(f function, what string, bucket awss3.Bucket, prefixes ...string) {
	var objects []string
	var patterns []string
	for _, prefix := range prefixes {
		objects = append(objects, *bucket.BucketArn()+"/"+prefix+"*")
		patterns = append(patterns, prefix+"*")
		f.acceptWildcard("Object keys carry dates and revisions; the folder is as close as a policy gets.",
			&cdknag.RegexAppliesTo{Regex: jsii.String(`/^Resource::<(Reports|Evidence).*\.Arn>/` + prefix + `\*$/`)})
	}
	f.allow("Read"+what, []string{"s3:GetObject"}, objects...)
	f.allowIf("List"+what, []string{"s3:ListBucket"}, conditions{"StringLike": {"s3:prefix": patterns}}, *bucket.BucketArn())
}
