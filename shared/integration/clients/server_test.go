package clients_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	account = "123456789012"
	region  = "us-east-1"
)

// server is a running make up.
type server struct {
	t   *testing.T
	url string
}

// start runs make up on the fleet of testdata, until it answers.
func start(t *testing.T) server {
	t.Helper()
	binary := os.Getenv(binaryVariable)
	if binary == "" {
		missing(t, "moto", "the tests run where moto is, shut in")
	}
	s := server{t, "http://" + freeAddress(t)}
	cmd := exec.Command(binary, "up", "--dir", t.TempDir(), "--fleet", "testdata/fleet.json", "--hosts", "testdata/hosts.json",
		"--licenses", "testdata/licenses.yaml", "--every", "200ms", "--listen", strings.TrimPrefix(s.url, "http://"))
	output := &lines{}
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			_ = cmd.Process.Kill()
		}
		if t.Failed() {
			t.Logf("make up said:\n%s", output)
		}
	})
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if got := s.try("ListLicenseConfigurations", map[string]any{}); got.status == http.StatusOK && strings.Contains(got.body, "Monitoring agent") {
			return s
		}
		select {
		case err := <-ended:
			t.Fatalf("make up ended: %v\n%s", err, output)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("make up does not answer:\n%s", output)
		}
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

type response struct {
	status int
	body   string
}

// try calls an operation without any SDK.
func (s server) try(operation string, input any) response {
	data, err := json.Marshal(input)
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodPost, s.url, bytes.NewReader(data))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "AWSLicenseManager."+operation)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return response{body: err.Error()}
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response{answer.StatusCode, string(body)}
}

// call is try for what must work, decoded.
func (s server) call(operation string, input any) map[string]any {
	s.t.Helper()
	got := s.try(operation, input)
	out := map[string]any{}
	if err := json.Unmarshal([]byte(got.body), &out); err != nil || got.status != http.StatusOK {
		s.t.Fatalf("%s answers %d: %s", operation, got.status, got.body)
	}
	return out
}

// environment is what a client needs to find the server: as the documentation
// says it.
func (s server) environment(more ...string) []string {
	return append(append(os.Environ(), "AWS_ENDPOINT_URL_LICENSE_MANAGER="+s.url, "AWS_REGION="+region, "AWS_DEFAULT_REGION="+region,
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER="), more...)
}

// missing skips a test that cannot run here, or fails it in CI.
func missing(t *testing.T, what, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("CI runs every test: there is no %s: %s", what, why)
	}
	t.Skipf("not run: there is no %s: %s", what, why)
}

// program finds a client.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, name, err.Error())
	}
	return path
}

// lines is an output that may be read while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func equal[T comparable](t *testing.T, what string, got any, want T) {
	t.Helper()
	if g, ok := got.(T); !ok || g != want {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

func text(v any) string { return fmt.Sprint(v) }
