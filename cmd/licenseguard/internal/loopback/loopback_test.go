package loopback_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"licenseguard/cmd/licenseguard/internal/loopback"
)

func TestListenRefusesOtherMachines(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{"0.0.0.0:0": "only this machine", ":4780": "only this machine", "example.com:80": "only this machine",
		"10.0.0.1:80": "only this machine", "4780": "give an address and a port"} {
		if l, err := loopback.Listen(addr); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v", addr, l, err)
		}
	}
}

// What is under way when the context ends is answered; who asks by another name, or
// for a web page, is not.
func TestServe(t *testing.T) {
	t.Parallel()
	l, err := loopback.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	began := make(chan struct{})
	ctx, end := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- loopback.Serve(ctx, l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/slow" {
				close(began)
				<-ctx.Done()
			}
			_, _ = io.WriteString(w, "answered")
		}))
	}()
	ask := func(path, host, origin string) (int, string) {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+l.Addr().String()+path, nil)
		r.Host = host
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Error(err)
			return 0, ""
		}
		defer answer.Body.Close()
		body, _ := io.ReadAll(answer.Body)
		return answer.StatusCode, string(body)
	}
	for _, c := range []struct {
		host, origin string
		want         int
	}{{"", "", 200}, {"localhost:4780", "", 200}, {"[::1]:4780", "", 200}, {"[::1]", "", 200}, {"evil.example", "", 403}, {"127.0.0.1.evil.example:80", "", 403},
		{"10.0.0.1", "", 403}, {"", "https://evil.example", 403}, {"", "null", 403}} {
		if code, _ := ask("/", c.host, c.origin); code != c.want {
			t.Errorf("host %q, origin %q: %d, want %d", c.host, c.origin, code, c.want)
		}
	}
	slow := make(chan string, 1)
	go func() { _, body := ask("/slow", "", ""); slow <- body }()
	<-began
	end()
	select {
	case err := <-served:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it does not end")
	}
	if body := <-slow; body != "answered" {
		t.Errorf("what was under way was answered %q", body)
	}
}
