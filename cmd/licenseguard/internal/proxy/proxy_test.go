package proxy_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"licenseguard/cmd/licenseguard/internal/proxy"
)

const (
	region = "eu-central-1"
	create = "AWSLicenseManager.CreateLicenseConfiguration"
	list   = "AWSLicenseManager.ListLicenseConfigurations"
)

var (
	noon   = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	caller = credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", "session")
)

// upstream is a function's URL: it takes only what is signed for it.
type upstream struct {
	t    *testing.T
	host string
	seen []*http.Request
	body string
}

func newUpstream(t *testing.T) (*upstream, *url.URL) {
	t.Helper()
	u := &upstream{t: t}
	server := httptest.NewServer(u)
	t.Cleanup(server.Close)
	target, err := url.Parse(server.URL + "/")
	if err != nil {
		t.Fatal(err)
	}
	u.host = target.Host
	return u, target
}

func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	u.seen, u.body = append(u.seen, r), string(body)
	if r.Host != u.host || !u.signed(r, body) {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	w.Header().Set("X-Amzn-Requestid", "request-1")
	w.WriteHeader(http.StatusBadRequest) // what comes back is the upstream's
	_, _ = io.WriteString(w, `{"__type":"ConflictException"}`)
}

// signed computes the signature again from what arrived.
func (u *upstream) signed(r *http.Request, body []byte) bool {
	_, rest, _ := strings.Cut(r.Header.Get("Authorization"), "SignedHeaders=")
	names, _, _ := strings.Cut(rest, ",")
	again, _ := http.NewRequestWithContext(u.t.Context(), r.Method, "http://"+u.host+r.URL.RequestURI(), bytes.NewReader(body))
	for name := range strings.SplitSeq(names, ";") {
		if name != "host" && name != "content-length" {
			again.Header[http.CanonicalHeaderKey(name)] = r.Header.Values(name)
		}
	}
	for _, name := range []string{"Authorization", "X-Amz-Date", "X-Amz-Security-Token"} {
		again.Header.Del(name)
	}
	keys, _ := caller.Retrieve(u.t.Context())
	sum := sha256.Sum256(body)
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil || !at.Equal(noon) {
		return false
	}
	if err := v4.NewSigner().SignHTTP(u.t.Context(), keys, again, hex.EncodeToString(sum[:]), "lambda", region, at); err != nil {
		u.t.Error(err)
	}
	return again.Header.Get("Authorization") == r.Header.Get("Authorization") && r.Header.Get("X-Amz-Security-Token") == "session"
}

func ask(t *testing.T, o proxy.Options, method, target, body string) *httptest.ResponseRecorder {
	t.Helper()
	if o.Credentials == nil {
		o.Credentials = caller
	}
	o.Region, o.Now = region, func() time.Time { return noon }
	r := httptest.NewRequest(method, "http://127.0.0.1:4780/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20200101/us-east-1/license-manager/aws4_request, SignedHeaders=host, Signature=00")
	r.Header.Set("X-Amz-Date", "20200101T000000Z")
	r.Header.Set("X-Amz-Security-Token", "of the client")
	r.Header.Set("X-Forwarded-For", "10.0.0.1")
	r.Header.Set("Accept-Encoding", "identity")
	if target != "" {
		r.Header.Set("X-Amz-Target", target)
	}
	w := httptest.NewRecorder()
	proxy.New(o).ServeHTTP(w, r)
	return w
}

func TestItSignsAgainAndPassesThrough(t *testing.T) {
	t.Parallel()
	u, target := newUpstream(t)
	const body = `{"Name":"Größe"}`
	w := ask(t, proxy.Options{Write: target}, http.MethodPost, create, body)
	if w.Code != http.StatusBadRequest || w.Body.String() != `{"__type":"ConflictException"}` || w.Header().Get("X-Amzn-Requestid") != "request-1" {
		t.Fatalf("answered %d %s %v", w.Code, w.Body, w.Header())
	}
	if got := u.seen[0]; u.body != body || got.Header.Get("X-Amz-Target") != create || got.Header.Get("Content-Type") != "application/x-amz-json-1.1" ||
		got.Header.Get("X-Forwarded-For") != "" || strings.Contains(got.Header.Get("Authorization"), "license-manager") {
		t.Errorf("passed on %q with %v", u.body, got.Header)
	}
}

// Without a URL to write to, only what reads is passed on.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	u, target := newUpstream(t)
	for name, passed := range map[string]bool{list: true, "AWSLicenseManager.GetServiceSettings": true, create: false, "Licenseguard.Simulate": true, "AWSLicenseManager.SimulateNot": false, "AWSLicenseManager.Getaway": false,
		"AWSLicenseManager.UpdateServiceSettings": false, "": false} {
		before := len(u.seen)
		w := ask(t, proxy.Options{Read: target}, http.MethodPost, name, "{}")
		if (len(u.seen) > before) != passed {
			t.Errorf("%s: passed on: %v, want %v", name, !passed, passed)
		}
		if !passed && (w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "__type")) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

type noCredentials struct{}

func (noCredentials) Retrieve(context.Context) (aws.Credentials, error) {
	return aws.Credentials{}, errors.New("the session expired")
}

func TestWhatCannotBePassedOnIsSaid(t *testing.T) {
	t.Parallel()
	u, target := newUpstream(t)
	closed := &url.URL{Scheme: "http", Host: "127.0.0.1:1"}
	for name, c := range map[string]struct {
		o            proxy.Options
		method, body string
		code         int
		want         string
	}{
		"too large":       {proxy.Options{Write: target}, http.MethodPost, strings.Repeat("x", 6<<20+1), http.StatusRequestEntityTooLarge, "more than 6291456 bytes"},
		"no credentials":  {proxy.Options{Write: target, Credentials: noCredentials{}}, http.MethodPost, "{}", http.StatusBadRequest, "the session expired"},
		"nobody there":    {proxy.Options{Write: closed}, http.MethodPost, "{}", http.StatusBadGateway, "refused"},
		"another method":  {proxy.Options{Write: target}, http.MethodGet, "", http.StatusBadRequest, "takes POST"},
		"nothing to sign": {proxy.Options{Write: target}, http.MethodPut, "", http.StatusBadRequest, "takes POST"},
	} {
		if w := ask(t, c.o, c.method, create, c.body); w.Code != c.code || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	if len(u.seen) > 0 {
		t.Errorf("%d were passed on", len(u.seen))
	}
}
