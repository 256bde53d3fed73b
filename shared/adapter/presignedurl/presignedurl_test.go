package presignedurl

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func TestOnlyURLsOfS3(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"https://s3.us-west-2.amazonaws.com/bucket/key?X-Amz-Signature=x": true,
		"https://bucket.s3.us-west-2.amazonaws.com/key?X-Amz-Signature=x": true,
		"https://bucket.s3-us-west-2.amazonaws.com/key":                   true,
		"https://bucket.s3.cn-north-1.amazonaws.com.cn/key":               true,
		"http://bucket.s3.us-west-2.amazonaws.com/key":                    false,
		"https://169.254.169.254/latest/meta-data":                        false,
		"https://sts.amazonaws.com/":                                      false,
		"https://bucket.s3.amazonaws.com.example.com/key":                 false,
		"https://bucket.s3.amazonaws.com:8443/key":                        false,
		"https://user:password@bucket.s3.amazonaws.com/key":               false,
		"file:///etc/passwd":                                              false,
		"":                                                                false,
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := ofS3(u); (err == nil) != want {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		switch in.URL.Path {
		case "/ok":
			_, _ = out.Write([]byte("{}"))
		case "/large":
			_, _ = out.Write(make([]byte, maxSize+1))
		case "/moved":
			http.Redirect(out, in, "/ok", http.StatusFound)
		default:
			out.WriteHeader(http.StatusForbidden)
		}
	}))
	t.Cleanup(server.Close)
	r := New()
	r.allow = func(*url.URL) error { return nil }
	for path, want := range map[string]string{"/ok": "", "/large": "larger than", "/moved": "302", "/expired": "403"} {
		data, err := r.Read(t.Context(), server.URL+path+"?secret=x")
		if want == "" && (err != nil || string(data) != "{}") || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %q, %v", path, data, err)
		}
	}
	server.Close()
	if _, err := r.Read(t.Context(), server.URL+"/ok?secret=x"); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("nobody answers: %v", err)
	}
}
