package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// told is output that is read while it is written.
type told struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *told) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *told) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// startUp starts make up on a folder, without files, and returns its address and what
// ends it.
func startUp(t *testing.T, dir string) (address string, end func() string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var out, errs told
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"up", "--dir", dir, "--listen", "127.0.0.1:0", "--every", "5ms"}, &out, &errs)
	}()
	end = func() string {
		cancel()
		select {
		case code := <-ended:
			if code != exitOK {
				t.Errorf("exit code %d: %s", code, errs.String())
			}
		case <-time.After(20 * time.Second):
			t.Fatal("it does not end")
		}
		return out.String()
	}
	for range 400 {
		if m := regexp.MustCompile(`LICENSE_MANAGER=http://(\S+)`).FindStringSubmatch(out.String()); m != nil {
			return m[1], end
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("no endpoint: %s%s", out.String(), errs.String())
	return "", nil
}

func call(t *testing.T, address, operation, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+"/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "AWSLicenseManager."+operation)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer answer.Body.Close()
	data, _ := io.ReadAll(answer.Body)
	return answer.StatusCode, string(data)
}

// TestUpAnswersLicenseManager: without any file, many clients at once while it looks
// every few milliseconds; a second run knows what the first was told.
func TestUpAnswersLicenseManager(t *testing.T) {
	t.Parallel()
	const clients = 16
	dir := t.TempDir()
	address, end := startUp(t, dir)
	var all sync.WaitGroup
	for n := range clients {
		all.Go(func() {
			if code, body := call(t, address, "CreateLicenseConfiguration", fmt.Sprintf(`{"Name":"L%d","LicenseCountingType":"vCPU","LicenseCount":%d}`, n, n)); code != http.StatusOK {
				t.Errorf("%d: %d %s", n, code, body)
			}
			if code, body := call(t, address, "ListLicenseConfigurations", `{}`); code != http.StatusOK || !strings.Contains(body, fmt.Sprintf(`"L%d"`, n)) {
				t.Errorf("%d: %d %s", n, code, body)
			}
		})
	}
	all.Wait()
	if out := end(); strings.Count(out, "\nL") != clients+1 {
		t.Errorf("the positions at the end are not a header and %d:\n%s", clients, out)
	}
	address, end = startUp(t, dir)
	if code, body := call(t, address, "ListLicenseConfigurations", `{}`); code != http.StatusOK || strings.Count(body, `"Name"`) != clients {
		t.Errorf("%d %s", code, body)
	}
	end()
	say(t, exitOK, []string{"license", "history", "L3", "--dir", dir}, "created by", "licenseCount                 3")
	say(t, exitUsage, []string{"up", "--dir", t.TempDir(), "--listen", "0.0.0.0:0"}, "only this machine may ask")
}
