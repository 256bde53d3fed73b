// Package presignedurl reads what AWS wrote to a presigned URL of S3.
package presignedurl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// maxSize is the most that is read: two templates of 1 MB, escaped as JSON, and
	// the changes of a change set.
	maxSize = 8 << 20
	// timeout leaves the rest of a hook's 30 seconds to the answer.
	timeout = 10 * time.Second
)

// Reader reads presigned URLs of one partition's S3.
type Reader struct {
	client *http.Client
	allow  func(*url.URL) error
}

// New returns a reader. It follows no redirect: a presigned URL needs none.
func New() *Reader {
	return &Reader{allow: ofS3, client: &http.Client{Timeout: timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// ofS3 refuses what is no URL of S3, so that nobody has it read something else.
func ofS3(u *url.URL) error {
	host := u.Hostname()
	s3 := strings.HasPrefix(host, "s3.") || strings.HasPrefix(host, "s3-") || strings.Contains(host, ".s3.") || strings.Contains(host, ".s3-")
	aws := strings.HasSuffix(host, ".amazonaws.com") || strings.HasSuffix(host, ".amazonaws.com.cn")
	switch {
	case u.Scheme != "https":
		return errors.New("its URL is not https")
	case !s3 || !aws || u.Port() != "" || u.User != nil:
		return errors.New("its URL is not one of S3")
	default:
		return nil
	}
}

// Read returns what is there. An error never has the URL in it: whoever has that
// can read, too.
func (r *Reader) Read(ctx context.Context, text string) ([]byte, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("its URL is none")
	}
	if err := r.allow(u); err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, errors.New("its URL is none")
	}
	response, err := r.client.Do(request)
	var failed *url.Error
	if errors.As(err, &failed) {
		return nil, failed.Err
	}
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("S3 answers %d", response.StatusCode)
	}
	data, err := io.ReadAll(io.LimitReader(response.Body, maxSize+1))
	if err == nil && len(data) > maxSize {
		err = fmt.Errorf("it is larger than %d MB", maxSize>>20)
	}
	return data, err
}
