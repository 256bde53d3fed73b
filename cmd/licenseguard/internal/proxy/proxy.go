// Package proxy lets unsigned clients of AWS License Manager reach a deployed
// licenseguard: it takes their requests, signs them with the caller's credentials
// (Signature Version 4, service lambda) and passes the answers through.
//
// It decides nothing: what the caller may do, IAM says at the function's URL. Who can
// reach it acts as the caller, so it belongs on a loopback address; see package
// loopback.
package proxy

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// maxBody is what a function's URL takes (Lambda quotas, 2026: 6 MB).
const maxBody = 6 << 20

// Options of a proxy.
type Options struct {
	// Write takes every operation, Read those that change nothing. One of them may be
	// nil: then it is not deployed, or not to be used.
	Write, Read *url.URL
	Region      string
	Credentials aws.CredentialsProvider
	Now         func() time.Time
	Transport   http.RoundTripper // nil: http.DefaultTransport
}

// New returns the proxy.
func New(o Options) http.Handler {
	if o.Transport == nil {
		o.Transport = http.DefaultTransport
	}
	forward := &httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { rewrite(r, o.target(operation(r.In))) },
		Transport:    signing{o},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) { failed(w, err) },
		ErrorLog:     log.New(io.Discard, "", 0), // the client is told
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := operation(r)
		switch {
		case r.Method != http.MethodPost || name == "":
			refuse(w, http.StatusBadRequest, "InvalidParameterValueException", "this endpoint takes POST with X-Amz-Target: AWSLicenseManager.OPERATION")
		case o.target(name) == nil:
			refuse(w, http.StatusBadRequest, "AccessDeniedException", name+" changes something, and this proxy only reads")
		default:
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			forward.ServeHTTP(w, r)
		}
	})
}

// operation is what the request asks for; "" when it does not say.
func operation(r *http.Request) string {
	_, name, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	return name
}

// target is where an operation goes, or nil.
func (o Options) target(name string) *url.URL {
	if o.Write == nil && reads.MatchString(name) {
		return o.Read
	}
	return o.Write
}

// reads are the operations that change nothing; Simulate is licenseguard's own.
var reads = regexp.MustCompile(`^((Get|List)[A-Z].*|Simulate)$`)

// kept are the headers that an operation needs. All others stay here, above all the
// client's own signature; and no header that somebody on the way may change is signed.
var kept = []string{"Content-Type", "X-Amz-Target", "User-Agent", "Accept"}

func rewrite(r *httputil.ProxyRequest, target *url.URL) {
	r.Out.Header = make(http.Header)
	for _, name := range kept {
		if values := r.In.Header.Values(name); len(values) > 0 {
			r.Out.Header[name] = values
		}
	}
	r.Out.URL = &url.URL{Scheme: target.Scheme, Host: target.Host, Path: "/"}
	r.Out.Host = target.Host
}

// signing signs what it sends.
type signing struct{ Options }

// errCredentials says that there is nothing to sign with.
var errCredentials = errors.New("no AWS credentials")

// RoundTrip implements http.RoundTripper.
func (s signing) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	_ = r.Body.Close()
	credentials, err := s.Credentials.Retrieve(r.Context())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errCredentials, err)
	}
	r = r.Clone(r.Context())
	r.Body, r.ContentLength, r.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(r.Context(), credentials, r, hex.EncodeToString(sum[:]), "lambda", s.Region, s.Now()); err != nil {
		return nil, fmt.Errorf("sign the request: %w", err)
	}
	return s.Transport.RoundTrip(r)
}

// failed tells a client of License Manager, in its own form, why nothing came back.
func failed(w http.ResponseWriter, err error) {
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		refuse(w, http.StatusRequestEntityTooLarge, "InvalidParameterValueException", fmt.Sprintf("the request has more than %d bytes", large.Limit))
	case errors.Is(err, errCredentials):
		refuse(w, http.StatusBadRequest, "AuthorizationException", "licenseguard proxy: "+err.Error())
	default:
		refuse(w, http.StatusBadGateway, "ServerInternalException", "licenseguard proxy: "+err.Error())
	}
}

func refuse(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("X-Amzn-Errortype", kind)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": kind, "Message": message})
}
