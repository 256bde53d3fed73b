package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"licenseguard/shared/adapter/boltledger"
	"licenseguard/shared/api"
	"licenseguard/shared/catalog"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/registrar"
)

const (
	account  = "123456789012"
	region   = "us-east-1"
	image    = "ami-0123456789abcdef0"
	imageARN = "arn:aws:ec2:us-east-1::image/" + image
	bucket   = "arn:aws:s3:::licenseguard-reports"
	topic    = "arn:aws:sns:us-east-1:123456789012:licenseguard-alerts"
)

var start = time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)

// object is JSON as a client sees it.
type object = map[string]any

// world is a handler on a real store.
type world struct {
	t     testing.TB
	store *boltledger.Store
	h     *api.Handler
	now   time.Time
}

func newWorld(t testing.TB) *world {
	t.Helper()
	store, err := boltledger.Open(filepath.Join(t.TempDir(), "ledger"), boltledger.Options{Volatile: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &world{t: t, store: store, now: start}
	now := func() time.Time { return w.now }
	log := slog.New(slog.DiscardHandler)
	w.h = &api.Handler{
		Store: store, Catalog: catalog.Embedded(), Account: account, Region: region, BucketARN: bucket, TopicARN: topic, Now: now, Log: log, User: "somebody",
		Registrar: &registrar.Registrar{Store: store, Catalog: catalog.Embedded(), Account: account, Region: region, Accounts: []string{account}, Now: now, Log: log},
	}
	return w
}

// post sends a request and returns status, headers and answer.
func (w *world) post(target string, body []byte) (int, http.Header, object) {
	w.t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", target)
	return w.send(r)
}

func (w *world) send(r *http.Request) (int, http.Header, object) {
	w.t.Helper()
	recorder := httptest.NewRecorder()
	w.h.ServeHTTP(recorder, r)
	data, err := io.ReadAll(recorder.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	var out object
	if err := json.Unmarshal(data, &out); err != nil {
		w.t.Fatalf("%s: the answer is no JSON object: %q", r.Header.Get("X-Amz-Target"), data)
	}
	conform(w.t, r.Header.Get("X-Amz-Target"), recorder.Code, out)
	return recorder.Code, recorder.Header(), out
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// do runs an operation that succeeds.
func (w *world) do(name string, in object) object {
	w.t.Helper()
	status, _, out := w.post("AWSLicenseManager."+name, marshal(w.t, in))
	if status != http.StatusOK {
		w.t.Fatalf("%s %v: status %d, %v", name, in, status, out)
	}
	return out
}

// refused runs an operation that fails with a type, and returns the message.
func (w *world) refused(kind, name string, in object) string {
	w.t.Helper()
	status, header, out := w.post("AWSLicenseManager."+name, marshal(w.t, in))
	if status != http.StatusBadRequest || out["__type"] != kind || header.Get("X-Amzn-ErrorType") != kind {
		w.t.Fatalf("%s %v: status %d, %v; want %s", name, in, status, out, kind)
	}
	message, _ := out["message"].(string)
	if message == "" {
		w.t.Fatalf("%s %v: no message", name, in)
	}
	return message
}

// create makes a configuration and returns its ARN.
func (w *world) create(in object) string {
	w.t.Helper()
	all := object{"Name": "A", "LicenseCountingType": "vCPU"}
	for k, v := range in {
		all[k] = v
	}
	arn, _ := w.do("CreateLicenseConfiguration", all)["LicenseConfigurationArn"].(string)
	if arn == "" {
		w.t.Fatal("no ARN")
	}
	return arn
}

func (w *world) get(arn string) object {
	w.t.Helper()
	return w.do("GetLicenseConfiguration", object{"LicenseConfigurationArn": arn})
}

func instanceID(i int) string { return fmt.Sprintf("i-%017x", i+1) }

func instanceARN(i int) string {
	return "arn:aws:ec2:" + region + ":" + account + ":instance/" + instanceID(i)
}

func resource(i int) license.ResourceID {
	return license.NewResourceID(account, region, instanceID(i))
}

// run puts instances on record, as a sweep does: m5.xlarge, of 4 vCPUs.
func (w *world) run(state license.State, which ...int) {
	w.t.Helper()
	var facts []ledger.Facts
	for _, i := range which {
		facts = append(facts, ledger.Facts{
			Instance: license.Instance{ID: resource(i), Type: "m5.xlarge", State: state, LaunchTime: start.Add(-time.Hour), ImageID: image,
				Tenancy: license.TenancyDefault, CPUOptions: license.CPUOptions{Cores: 2, ThreadsPerCore: 2}, UsageOperation: "RunInstances:0002",
				Tags: map[string]string{"Name": fmt.Sprint("server ", i)}},
			Generation: ledger.Generation{Launch: start.Add(-time.Hour), Rank: state.Rank()}, Observed: start.Add(-time.Minute), FirstSeen: start.Add(-time.Hour),
		})
	}
	if err := w.store.SaveFacts(w.t.Context(), facts); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) associate(resourceARN string, arns ...string) object {
	return object{"ResourceArn": resourceARN, "AddLicenseSpecifications": specifications(arns...)}
}

func specifications(arns ...string) []object {
	var out []object
	for _, arn := range arns {
		out = append(out, object{"LicenseConfigurationArn": arn})
	}
	return out
}

// list returns a list of an answer.
func list(out object, member string) []object {
	var objects []object
	all, _ := out[member].([]any)
	for _, one := range all {
		objects = append(objects, one.(object))
	}
	return objects
}

// all follows the pages of a list.
func (w *world) all(name, member string, in object) []object {
	w.t.Helper()
	var out []object
	for range 1000 {
		answer := w.do(name, in)
		out = append(out, list(answer, member)...)
		token, _ := answer["NextToken"].(string)
		if token == "" {
			return out
		}
		in["NextToken"] = token
	}
	w.t.Fatalf("%s has no end", name)
	return nil
}
