package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/spf13/cobra"

	"licenseguard/shared/adapter/s3archive"
	"licenseguard/shared/config"
	"licenseguard/shared/evidence"
)

func evidenceCommand() *cobra.Command {
	return group("evidence", "what is sealed", evidenceStatusCommand())
}

func evidenceStatusCommand() *cobra.Command {
	var stack string
	c := &cobra.Command{
		Use: "status", Short: "what a deployed stack has sealed, and until when it is locked", Args: atMost(0),
		Example: examples("licenseguard evidence status --stack Licenseguard"),
		RunE: func(c *cobra.Command, _ []string) error {
			found, err := connect(c.Context(), stack)
			if err != nil {
				return err
			}
			return evidenceStatus(c.Context(), s3.NewFromConfig(found.aws), found.stack.Outputs[config.OutputEvidenceBucket], c.OutOrStdout())
		},
	}
	stackFlag(c.Flags(), &stack)
	return c
}

// evidenceStatus tells of a bucket's newest manifest, which is locked the longest. It
// verifies nothing.
func evidenceStatus(ctx context.Context, client *s3.Client, bucket string, out io.Writer) error {
	pack := s3archive.NewFolder(client, bucket, "")
	keys, err := pack.List(ctx, evidence.PrefixManifests)
	if err != nil {
		return err
	}
	last := ""
	for _, k := range keys {
		if strings.HasSuffix(k, ".json") {
			last = k
		}
	}
	fmt.Fprintf(out, "Evidence  s3://%s\n", bucket)
	if last == "" {
		fmt.Fprintln(out, "Nothing is sealed yet.")
		return nil
	}
	body, err := pack.Get(ctx, last)
	if err != nil {
		return err
	}
	m, err := evidence.Decode(body)
	if err != nil {
		return fmt.Errorf("%s: %w", last, err)
	}
	fmt.Fprintf(out, "Sealed    up to %s, as the bucket says; licenseguard verify proves it\nHead      %s\n", m.Day, evidence.Head{Sequence: m.Sequence, Hash: evidence.Sum(body)})
	object, err := client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: &last})
	if err != nil {
		return errors.Join(errors.New("ask until when it is locked"), err)
	}
	if object.ObjectLockRetainUntilDate == nil {
		fmt.Fprintln(out, "Locked    no")
		return nil
	}
	fmt.Fprintf(out, "Locked    until %s (%s): till then it stays, whatever becomes of the stack\n",
		aws.ToTime(object.ObjectLockRetainUntilDate).UTC().Format(time.DateOnly), strings.ToLower(string(object.ObjectLockMode)))
	return nil
}
