package s3archive

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

type fakeS3 struct {
	in  *s3.PutObjectInput
	err error
}

func (f *fakeS3) PutObject(_ context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	f.in = in
	return &s3.PutObjectOutput{}, f.err
}

func TestPut(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{"text": "a,b\n", "nothing": ""} {
		f := &fakeS3{}
		if err := (&Archive{f, "bucket"}).Put(t.Context(), "changes/x", []byte(body), "text/csv"); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(f.in.Body)
		if err != nil || string(got) != body || aws.ToString(f.in.Bucket) != "bucket" || aws.ToString(f.in.Key) != "changes/x" ||
			aws.ToString(f.in.ContentType) != "text/csv" || f.in.ChecksumAlgorithm != types.ChecksumAlgorithmSha256 {
			t.Errorf("%s: put %+v with %q", name, f.in, got)
		}
	}
	down := errors.New("down")
	if err := (&Archive{&fakeS3{err: down}, "bucket"}).Put(t.Context(), "k", nil, "x"); !errors.Is(err, down) {
		t.Errorf("error %v; want %v", err, down)
	}
	f := &fakeS3{}
	if err := (&Archive{f, "bucket"}).Put(t.Context(), "", nil, "x"); err == nil || f.in != nil {
		t.Error("an object without a key was put")
	}
}
