package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"licenseguard/shared/ledger"
)

// countingReader tells how much of a body was read.
type countingReader struct {
	r io.Reader
	n int
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

func TestProtocol(t *testing.T) {
	t.Parallel()
	const get = "AWSLicenseManager.ListLicenseConfigurations"
	for name, c := range map[string]struct {
		method, path, target, contentType, body string
		want                                    string // error type
	}{
		"fine":                 {body: "{}"},
		"an empty body":        {},
		"with a charset":       {contentType: "application/x-amz-json-1.1; charset=utf-8", body: "{}"},
		"GET":                  {method: http.MethodGet, want: "UnknownOperationException"},
		"another path":         {path: "/x", body: "{}", want: "UnknownOperationException"},
		"no target":            {target: "-", body: "{}", want: "UnknownOperationException"},
		"an unknown target":    {target: "AWSLicenseManager.Explode", body: "{}", want: "UnknownOperationException"},
		"another service":      {target: "DynamoDB_20120810.ListLicenseConfigurations", body: "{}", want: "UnknownOperationException"},
		"ours under their own": {target: "AWSLicenseManager.GetHistory", body: "{}", want: "UnknownOperationException"},
		"another content type": {contentType: "application/x-www-form-urlencoded", body: "{}", want: "SerializationException"},
		"no JSON":              {body: "{", want: "SerializationException"},
		"two values":           {body: "{}{}", want: "SerializationException"},
		"a list":               {body: "[]", want: "SerializationException"},
		"null":                 {body: "null", want: "SerializationException"},
		"very deep":            {body: strings.Repeat("[", 20000), want: "SerializationException"},
		"too long":             {body: `{"a":"` + strings.Repeat("x", 1<<20) + `"}`, want: "InvalidParameterValueException"},
		"another case":         {body: `{"maxresults":-1}`},
		"what nobody knows":    {body: `{"Color":{"a":[1]}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			or := func(s, otherwise string) string {
				if s == "" {
					return otherwise
				}
				return s
			}
			r := httptest.NewRequest(or(c.method, http.MethodPost), or(c.path, "/"), strings.NewReader(c.body))
			r.Header.Set("Content-Type", or(c.contentType, "application/x-amz-json-1.1"))
			if c.target != "-" {
				r.Header.Set("X-Amz-Target", or(c.target, get))
			}
			status, header, out := w.send(r)
			if len(header.Get("x-amzn-RequestId")) != 36 || header.Get("Content-Type") != "application/x-amz-json-1.1" {
				t.Errorf("headers %v", header)
			}
			if c.want == "" {
				if status != http.StatusOK {
					t.Errorf("status %d: %v", status, out)
				}
				return
			}
			if status != http.StatusBadRequest || out["__type"] != c.want || header.Get("X-Amzn-ErrorType") != c.want || out["message"] == "" {
				t.Errorf("status %d, %v; want %s", status, out, c.want)
			}
		})
	}
}

// A body of 5 MB is refused before it is read, and one of unknown length when it has
// become too long.
func TestLongBody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, length := range []int64{5 << 20, -1} {
		body := &countingReader{r: bytes.NewReader(make([]byte, 5<<20))}
		r := httptest.NewRequest(http.MethodPost, "/", body)
		r.ContentLength = length
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
		r.Header.Set("X-Amz-Target", "AWSLicenseManager.CreateLicenseConfiguration")
		status, _, out := w.send(r)
		if message, _ := out["message"].(string); status != 400 || out["__type"] != "InvalidParameterValueException" || !strings.Contains(message, "1048576") {
			t.Errorf("length %d: status %d, %v", length, status, out)
		}
		if most := 2 << 20; body.n > most || length > 0 && body.n > 0 {
			t.Errorf("length %d: %d bytes were read", length, body.n)
		}
	}
}

// Every operation of the service's model is either served or refused by name.
func TestEveryOperationOfTheModel(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	data, err := os.ReadFile("testdata/operations.txt")
	if err != nil {
		t.Fatal(err)
	}
	names := strings.Fields(string(data))
	if len(names) != 62 {
		t.Fatalf("%d operations, want 62", len(names))
	}
	served := 0
	for _, name := range names {
		_, _, out := w.post("AWSLicenseManager."+name, []byte("{}"))
		message, _ := out["message"].(string)
		if out["__type"] != "UnknownOperationException" {
			served++
		} else if !strings.Contains(message, name+" is an operation of AWS License Manager that licenseguard does not have yet") {
			t.Errorf("%s: %s", name, message)
		}
	}
	if served != 23 {
		t.Errorf("%d operations are served, want 23", served)
	}
}

func TestAuthorization(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.h.Caller = func(r *http.Request) string { return r.Header.Get("Who") }
	w.h.MayWrite = func(r *http.Request) bool { return r.Header.Get("Who") == "arn:aws:iam::123456789012:user/writer" }
	as := func(who, target string, in object) object {
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(marshal(t, in)))
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
		r.Header.Set("X-Amz-Target", target)
		r.Header.Set("Who", who)
		_, _, out := w.send(r)
		return out
	}
	wish := object{"Name": "A", "LicenseCountingType": "vCPU"}
	const reader, writer = "arn:aws:iam::123456789012:user/reader", "arn:aws:iam::123456789012:user/writer"
	if out := as("", "AWSLicenseManager.ListLicenseConfigurations", nil); out["__type"] != "AccessDeniedException" {
		t.Errorf("nobody: %v", out)
	}
	if out := as(reader, "AWSLicenseManager.ListLicenseConfigurations", object{}); out["__type"] != nil {
		t.Errorf("a reader reads: %v", out)
	}
	writing := []string{"CreateLicenseConfiguration", "UpdateLicenseConfiguration", "DeleteLicenseConfiguration", "UpdateLicenseSpecificationsForResource",
		"UpdateServiceSettings", "TagResource", "UntagResource", "CreateLicenseManagerReportGenerator", "UpdateLicenseManagerReportGenerator",
		"DeleteLicenseManagerReportGenerator"}
	data, err := os.ReadFile("testdata/operations.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range strings.Fields(string(data)) {
		out := as(reader, "AWSLicenseManager."+name, wish)
		message, _ := out["message"].(string)
		if denied := out["__type"] == "AccessDeniedException" && strings.Contains(message, name); denied != slices.Contains(writing, name) {
			t.Errorf("a reader and %s: %v", name, out)
		}
	}
	arn, _ := as(writer, "AWSLicenseManager.CreateLicenseConfiguration", wish)["LicenseConfigurationArn"].(string)
	if edits := list(as(reader, "Licenseguard.GetHistory", object{"LicenseConfigurationArn": arn}), "Versions"); len(edits) != 1 || edits[0]["ChangedBy"] != writer {
		t.Errorf("the history: %v", edits)
	}
}

// A web page can make a browser send requests here under a name of its own.
func TestLocalServerAnswersLocalNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.h.Local = true
	for host, want := range map[string]bool{
		"localhost": true, "localhost:4780": true, "127.0.0.1:4780": true, "127.1.2.3": true, "[::1]:4780": true, "::1": true, "LOCALHOST:1": true,
		"example.com": false, "localhost.example.com": false, "127.0.0.1.example.com:4780": false, "10.0.0.1:4780": false, "": false, "0.0.0.0:4780": false,
	} {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("{}"))
		r.Host = host
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
		r.Header.Set("X-Amz-Target", "AWSLicenseManager.ListLicenseConfigurations")
		if _, _, out := w.send(r); (out["__type"] == nil) != want {
			t.Errorf("host %q: %v", host, out)
		}
	}
}

// brokenStore fails or panics where it is read.
type brokenStore struct {
	ledger.Store
	panics bool
}

// Load implements ledger.Licenses.
func (s brokenStore) Load(context.Context, string) (*ledger.License, error) {
	if s.panics {
		panic("secret detail")
	}
	return nil, errors.New("secret detail")
}

// What fails here is told without its inner parts, and only this request fails.
func TestInternalFailure(t *testing.T) {
	t.Parallel()
	for _, panics := range []bool{false, true} {
		w := newWorld(t)
		arn := w.create(object{})
		w.h.Store = brokenStore{w.store, panics}
		for name, in := range map[string]object{"GetLicenseConfiguration": {"LicenseConfigurationArn": arn}, "ListLicenseConfigurations": {}} {
			status, header, out := w.post("AWSLicenseManager."+name, marshal(t, in))
			if text, _ := json.Marshal(out); status != 500 || out["__type"] != "ServerInternalException" || strings.Contains(string(text), "secret") ||
				!strings.Contains(string(text), header.Get("x-amzn-RequestId")) {
				t.Errorf("%s, panic %v: status %d, %s", name, panics, status, text)
			}
		}
	}
}
