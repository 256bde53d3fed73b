// Package s3archive keeps files in an S3 bucket: the change log and the snapshots,
// which other programs read, and the evidence made of them. Objects are written
// whole; nothing is deleted.
package s3archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// api lists the calls that the adapter makes.
type api interface {
	PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error)
}

// Archive is a bucket.
type Archive struct {
	api    api
	bucket string
}

// New returns the bucket of a name.
func New(client *s3.Client, bucket string) *Archive { return &Archive{api: client, bucket: bucket} }

// Put keeps a file under a key. The same key again replaces the file, so it is
// safe to repeat. S3 refuses a body that was damaged on its way: the request
// carries its SHA-256, which Object Lock asks for as well.
func (a *Archive) Put(ctx context.Context, key string, body []byte, contentType string) error {
	if key == "" {
		return errors.New("put object: it has no key")
	}
	_, err := a.api.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &a.bucket, Key: &key, Body: bytes.NewReader(body), ContentType: &contentType,
		ChecksumAlgorithm: types.ChecksumAlgorithmSha256,
	})
	if err != nil {
		return fmt.Errorf("put object %s: %w", key, err)
	}
	return nil
}
