package integration_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"licenseguard/shared/config"
)

// A function is a process of a function under the Lambda runtime API, 2018-06-01.
// One invocation is under way at a time, as in Lambda.
type function struct {
	t           *testing.T
	name        string
	invocations chan []byte
	answers     chan answer
	output      *lines
	count       int
}

type answer struct {
	body []byte
	err  error
}

// start starts a function with an environment of its own and nothing else.
func start(t *testing.T, name string, environment map[string]string) *function {
	t.Helper()
	f := &function{t: t, name: name, invocations: make(chan []byte), answers: make(chan answer), output: &lines{}}
	const api = "/2018-06-01/runtime/"
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+api+"invocation/next", f.next)
	mux.HandleFunc("POST "+api+"invocation/{id}/response", func(w http.ResponseWriter, r *http.Request) { f.answer(w, r, false) })
	mux.HandleFunc("POST "+api+"invocation/{id}/error", func(w http.ResponseWriter, r *http.Request) { f.answer(w, r, true) })
	mux.HandleFunc("POST "+api+"init/error", func(w http.ResponseWriter, r *http.Request) { f.answer(w, r, true) })
	server := httptest.NewServer(mux)

	cmd := exec.Command(filepath.Join(os.Getenv(functionsVariable), name))
	cmd.Stdout, cmd.Stderr = f.output, f.output
	cmd.Env = []string{"AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(server.URL, "http://"), "AWS_LAMBDA_FUNCTION_NAME=" + name,
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256", "TZ=:UTC"}
	for key, value := range environment {
		cmd.Env = append(cmd.Env, key+"="+value)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		server.CloseClientConnections()
		server.Close()
		if t.Failed() {
			t.Logf("output of %s:\n%s", name, f.output)
		}
	})
	return f
}

func (f *function) next(w http.ResponseWriter, r *http.Request) {
	select {
	case payload := <-f.invocations:
		f.count++
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Lambda-Runtime-Aws-Request-Id", fmt.Sprintf("request-%d", f.count))
		h.Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(f.timeout()).UnixMilli()))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:"+region+":"+account+":function:"+f.name)
		_, _ = w.Write(payload)
	case <-r.Context().Done():
	}
}

// timeout is the function's, as the stack sets it.
func (f *function) timeout() time.Duration {
	if f.name == config.FunctionSweep {
		return 15 * time.Minute
	}
	return time.Minute
}

func (f *function) answer(w http.ResponseWriter, r *http.Request, failed bool) {
	body, err := io.ReadAll(r.Body)
	if failed {
		err = fmt.Errorf("%s", body)
	}
	w.WriteHeader(http.StatusAccepted)
	select {
	case f.answers <- answer{body, err}:
	case <-r.Context().Done():
	}
}

// try invokes the function and returns what it answers.
func (f *function) try(event any) ([]byte, error) {
	f.t.Helper()
	payload, ok := event.([]byte)
	if !ok {
		var err error
		if payload, err = json.Marshal(event); err != nil {
			f.t.Fatal(err)
		}
	}
	timeout := time.After(time.Minute)
	for sent := false; ; {
		invocations := f.invocations
		if sent {
			invocations = nil
		}
		select {
		case invocations <- payload:
			sent = true
		case a := <-f.answers:
			return a.body, a.err
		case <-timeout:
			f.t.Fatalf("%s does not answer:\n%s", f.name, f.output)
		}
	}
}

// invoke is try for what must work, and decodes the answer.
func (f *function) invoke(event, into any) {
	f.t.Helper()
	body, err := f.try(event)
	if err != nil {
		f.t.Fatalf("%s failed: %v", f.name, err)
	}
	if into == nil {
		return
	}
	if err := json.Unmarshal(body, into); err != nil {
		f.t.Fatalf("%s answered %s: %v", f.name, body, err)
	}
}

// failures are the items of a batch that a function wants again.
type failures struct {
	BatchItemFailures []struct {
		ItemIdentifier string `json:"itemIdentifier"`
	} `json:"batchItemFailures"`
}

func (f failures) has(id string) bool {
	for _, b := range f.BatchItemFailures {
		if b.ItemIdentifier == id {
			return true
		}
	}
	return false
}

// lines is the output of a process.
type lines struct {
	mu   sync.Mutex
	data bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.data.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.data.String()
}
