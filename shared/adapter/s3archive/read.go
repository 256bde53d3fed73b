package s3archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"licenseguard/shared/compact"
	"licenseguard/shared/evidence"
)

var (
	_ evidence.Vault = (*Folder)(nil)
	_ evidence.Pack  = (*Folder)(nil)
	_ compact.Store  = (*Folder)(nil)
)

// readAPI lists the calls that reading makes.
type readAPI interface {
	api
	ListObjectsV2(context.Context, *s3.ListObjectsV2Input, ...func(*s3.Options)) (*s3.ListObjectsV2Output, error)
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
}

// Folder is a bucket, or what lies under a prefix of one, to read and write.
type Folder struct {
	api    readAPI
	bucket string
	prefix string // "" or with a slash at its end
}

// NewFolder returns a folder of a bucket; "" is the whole bucket.
func NewFolder(client *s3.Client, bucket, folder string) *Folder {
	return newFolder(client, bucket, folder)
}

func newFolder(client readAPI, bucket, folder string) *Folder {
	if folder != "" && !strings.HasSuffix(folder, "/") {
		folder += "/"
	}
	return &Folder{client, bucket, folder}
}

// Put implements evidence.Vault, with the promises of [Archive.Put].
func (f *Folder) Put(ctx context.Context, key string, body []byte, contentType string) error {
	return (&Archive{f.api, f.bucket}).Put(ctx, f.prefix+key, body, contentType)
}

// List implements evidence.Source. S3 lists in order.
func (f *Folder) List(ctx context.Context, prefix string) ([]string, error) {
	var keys []string
	err := f.list(ctx, prefix, func(key string, _ int64) { keys = append(keys, key) })
	return keys, err
}

// Files implements evidence.Pack.
func (f *Folder) Files(ctx context.Context) (map[string]int64, error) {
	files := make(map[string]int64)
	err := f.list(ctx, "", func(key string, size int64) { files[key] = size })
	return files, err
}

func (f *Folder) list(ctx context.Context, prefix string, each func(key string, size int64)) error {
	in := &s3.ListObjectsV2Input{Bucket: &f.bucket, Prefix: aws.String(f.prefix + prefix)}
	for {
		out, err := f.api.ListObjectsV2(ctx, in)
		if err != nil {
			return fmt.Errorf("list objects of s3://%s/%s: %w", f.bucket, f.prefix+prefix, err)
		}
		for _, o := range out.Contents {
			each(strings.TrimPrefix(aws.ToString(o.Key), f.prefix), aws.ToInt64(o.Size))
		}
		if !aws.ToBool(out.IsTruncated) {
			return nil
		}
		if in.ContinuationToken = out.NextContinuationToken; in.ContinuationToken == nil {
			return errors.New("list objects: there is more, and no token to ask for it with")
		}
	}
}

// Open implements evidence.Pack.
func (f *Folder) Open(ctx context.Context, path string) (io.ReadCloser, error) {
	out, err := f.api.GetObject(ctx, &s3.GetObjectInput{Bucket: &f.bucket, Key: aws.String(f.prefix + path)})
	if err != nil {
		return nil, fmt.Errorf("get object %s: %w", f.prefix+path, err)
	}
	return out.Body, nil
}

// Get implements evidence.Source.
func (f *Folder) Get(ctx context.Context, key string) ([]byte, error) {
	body, err := f.Open(ctx, key)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	if err != nil {
		return nil, fmt.Errorf("get object %s: %w", f.prefix+key, err)
	}
	return data, nil
}
