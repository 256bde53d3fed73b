package s3archive

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"
)

// bucketS3 is a bucket that lists two keys a page.
type bucketS3 struct {
	fakeS3
	objects map[string]string
	pages   int
	broken  bool // gives no token
}

func (b *bucketS3) ListObjectsV2(_ context.Context, in *s3.ListObjectsV2Input, _ ...func(*s3.Options)) (*s3.ListObjectsV2Output, error) {
	if aws.ToString(in.Bucket) != "bucket" {
		return nil, errors.New("no such bucket")
	}
	b.pages++
	from, _ := strconv.Atoi(aws.ToString(in.ContinuationToken))
	keys := slices.DeleteFunc(slices.Sorted(maps.Keys(b.objects)), func(k string) bool { return !strings.HasPrefix(k, aws.ToString(in.Prefix)) })
	out := &s3.ListObjectsV2Output{}
	for _, k := range keys[from:min(len(keys), from+2)] {
		out.Contents = append(out.Contents, types.Object{Key: &k, Size: aws.Int64(int64(len(b.objects[k])))})
	}
	if from+2 < len(keys) {
		out.IsTruncated = aws.Bool(true)
		if !b.broken {
			out.NextContinuationToken = aws.String(strconv.Itoa(from + 2))
		}
	}
	return out, nil
}

func (b *bucketS3) GetObject(_ context.Context, in *s3.GetObjectInput, _ ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	body, ok := b.objects[aws.ToString(in.Key)]
	if !ok {
		return nil, &types.NoSuchKey{}
	}
	return &s3.GetObjectOutput{Body: io.NopCloser(strings.NewReader(body))}, nil
}

func TestFolder(t *testing.T) {
	t.Parallel()
	b := &bucketS3{objects: map[string]string{"other/x": "no", "packs/2026/a": "1", "packs/2026/b/c": "22", "packs/2026/b/d": "333", "packs/20260": "no"}}
	for _, name := range []string{"packs/2026", "packs/2026/"} {
		f := newFolder(b, "bucket", name)
		files, err := f.Files(t.Context())
		if want := map[string]int64{"a": 1, "b/c": 2, "b/d": 3}; err != nil || !cmp.Equal(files, want) {
			t.Errorf("%s: %v, %v", name, files, err)
		}
		keys, err := f.List(t.Context(), "b/")
		if want := []string{"b/c", "b/d"}; err != nil || !cmp.Equal(keys, want) {
			t.Errorf("%s: %v, %v", name, keys, err)
		}
		if body, err := f.Get(t.Context(), "b/d"); err != nil || string(body) != "333" {
			t.Errorf("%s: %q, %v", name, body, err)
		}
		if _, err := f.Get(t.Context(), "b/e"); err == nil {
			t.Errorf("%s: it gives what is not there", name)
		}
		if err := f.Put(t.Context(), "b/e", []byte("x"), "t"); err != nil || aws.ToString(b.in.Key) != "packs/2026/b/e" {
			t.Errorf("%s: put %+v, %v", name, b.in, err)
		}
	}
	if b.pages != 6 {
		t.Errorf("%d pages were read, want 6", b.pages)
	}
	b.broken = true
	if _, err := newFolder(b, "bucket", "").Files(t.Context()); err == nil {
		t.Error("a listing that breaks off passes for whole")
	}
	if _, err := newFolder(b, "another", "").Files(t.Context()); err == nil {
		t.Error("a bucket that is not there lists nothing, without an error")
	}
}
