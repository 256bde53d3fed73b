package integration_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"licenseguard/shared/adapter/parquetfile"
	"licenseguard/shared/adapter/s3archive"
	"licenseguard/shared/config"
	"licenseguard/shared/evidence"
	"licenseguard/shared/evidence/evidencetest"
	"licenseguard/shared/integration/localaws"
	"licenseguard/shared/snapshot"
)

const sealedBucket = "licenseguard-evidence"

// TestSeal: the shipped function seals what lies in a bucket with keys of KMS, locked;
// what it told people proves it, without KMS.
func TestSeal(t *testing.T) {
	moto := localaws.Moto(t)
	reset(t, moto)
	cfg := aws.Config{Region: region, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""), BaseEndpoint: &moto}
	buckets, keys, topics := s3.NewFromConfig(cfg), kms.NewFromConfig(cfg), sns.NewFromConfig(cfg)
	w := &world{t: t, sqs: sqs.NewFromConfig(cfg)}
	w.inbox = w.newQueue("inbox")
	w.newTopic(topics)
	newBucket := func(name string, locked bool) {
		_, err := buckets.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name, ObjectLockEnabledForBucket: &locked})
		w.must(err)
	}
	newBucket(bucket, false)
	newBucket(sealedBucket, true)
	_, err := buckets.PutObjectLockConfiguration(t.Context(), &s3.PutObjectLockConfigurationInput{Bucket: aws.String(sealedBucket),
		ObjectLockConfiguration: &s3types.ObjectLockConfiguration{ObjectLockEnabled: s3types.ObjectLockEnabledEnabled,
			Rule: &s3types.ObjectLockRule{DefaultRetention: &s3types.DefaultRetention{Mode: s3types.ObjectLockRetentionModeCompliance, Days: aws.Int32(2)}}}})
	w.must(err)
	newKey := func(spec kmstypes.KeySpec, usage kmstypes.KeyUsageType) string {
		key, err := keys.CreateKey(t.Context(), &kms.CreateKeyInput{KeySpec: spec, KeyUsage: usage})
		w.must(err)
		return aws.ToString(key.KeyMetadata.Arn)
	}
	signing, names := newKey(kmstypes.KeySpecEccNistP256, kmstypes.KeyUsageTypeSignVerify), newKey(kmstypes.KeySpecHmac256, kmstypes.KeyUsageTypeGenerateVerifyMac)
	published, err := keys.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: &signing})
	w.must(err)
	public, err := evidence.ParsePublicKey(published.PublicKey)
	w.must(err)

	// Three days of log, and a snapshot with somebody's name.
	source, reports := evidencetest.Bucket{}, s3archive.NewFolder(buckets, bucket, "")
	fleet := evidencetest.Fleet{Licenses: 2, ChangesADay: 60, RowsAnObject: 5}
	first := time.Now().UTC().AddDate(0, 0, -3).Truncate(24 * time.Hour)
	for d := range 3 {
		fleet.Write(source, first.AddDate(0, 0, d))
	}
	table, err := parquetfile.Encoder{}.Usages([]snapshot.Usage{{ResourceName: "laptop of alice", Tags: `{"Owner":"alice@example.com"}`}, {ResourceName: ""}})
	w.must(err)
	source["usage/dt="+first.Format(time.DateOnly)+"/usage-x.parquet"] = table
	for key, body := range source {
		w.must(reports.Put(t.Context(), key, body, "x"))
	}

	f := start(t, config.FunctionSeal, map[string]string{
		config.EnvReportBucket: bucket, config.EnvEvidenceBucket: sealedBucket, config.EnvSigningKeyARN: signing, config.EnvNamesKeyARN: names,
		config.EnvLedgerName: "Licenseguard " + account + " " + region, config.EnvAlertTopicARN: w.topic, config.EnvRegion: region, config.EnvAccounts: account,
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true", "AWS_ENDPOINT_URL": moto,
	})
	var sealed []struct{ Day string }
	want := 3
	if time.Now().UTC().Hour() < 1 { // yesterday is sealed an hour after midnight
		want = 2
	}
	for _, n := range []int{want, 0} { // the second run finds nothing to do
		if f.invoke(struct{}{}, &sealed); len(sealed) != n {
			t.Fatalf("%d days were sealed, want %d: %+v", len(sealed), n, sealed)
		}
	}
	folder := "history/dt=" + first.Format(time.DateOnly) + "/"
	compacted, err := reports.List(t.Context(), folder)
	w.must(err)
	if want := []string{folder + "account=" + account + "/aws_region=" + region + "/changes.parquet", folder + "manifest.json"}; !slices.Equal(compacted, want) {
		t.Errorf("compacted are %q, want %q", compacted, want)
	}
	pack := s3archive.NewFolder(buckets, sealedBucket, "")
	mails := w.take(w.inbox)
	if len(mails) != 1 {
		t.Fatalf("%d mails, want one", len(mails))
	}
	var mail struct{ Message string }
	w.must(json.Unmarshal([]byte(aws.ToString(mails[0].Body)), &mail))
	var told struct{ Head string }
	w.must(json.Unmarshal([]byte(mail.Message), &told))
	head, err := evidence.ParseHead(told.Head)
	w.must(err)
	options := evidence.Options{Keys: []evidence.PublicKey{public}, Head: &head}
	report, err := evidence.Verify(t.Context(), pack, options)
	w.must(err)
	if len(report.Findings) > 0 || !report.HeadProven || report.Days != want || report.Rows != int64(60*want) {
		t.Errorf("%+v", report)
	}
	log := "changes/dt=" + first.Format(time.DateOnly) + "/changes.jsonl"
	body, err := pack.Get(t.Context(), log)
	w.must(err)
	if strings.Contains(string(body), "alice") || !strings.Contains(string(body), `"changed_by":"person-`) {
		t.Error("the evidence names people")
	}
	if body, err = pack.Get(t.Context(), "usage/dt="+first.Format(time.DateOnly)+"/usage-x.parquet"); err != nil || strings.Contains(string(body), "alice") || !strings.Contains(string(body), "person-") {
		t.Errorf("the usage table names people: %v", err)
	}

	// What is locked cannot be deleted; what is written over it is found, and the right
	// bytes lie beneath.
	version, err := buckets.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String(sealedBucket), Key: &log})
	w.must(err)
	if version.ObjectLockMode != s3types.ObjectLockModeCompliance || version.ObjectLockRetainUntilDate == nil {
		t.Errorf("%s is not locked: %v until %v", log, version.ObjectLockMode, version.ObjectLockRetainUntilDate)
	}
	if _, err := buckets.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String(sealedBucket), Key: &log, VersionId: version.VersionId}); err == nil {
		t.Error("what is locked was deleted")
	}
	sealedLog, err := pack.Get(t.Context(), log)
	w.must(err)
	w.must(pack.Put(t.Context(), log, []byte(strings.Replace(string(sealedLog), `"licenses":4`, `"licenses":3`, 1)), "x"))
	if report, err = evidence.Verify(t.Context(), pack, options); err != nil || len(report.Findings) != 1 || report.Findings[0].Path != log || report.Findings[0].Row != 1 {
		t.Errorf("%+v, %v", report, err)
	}
	beneath, err := buckets.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(sealedBucket), Key: &log, VersionId: version.VersionId})
	w.must(err)
	defer beneath.Body.Close()
	if aws.ToInt64(beneath.ContentLength) != int64(len(sealedLog)) {
		t.Error("the right bytes are gone")
	}
}
