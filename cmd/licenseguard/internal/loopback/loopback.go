// Package loopback serves HTTP to this machine alone: it listens on a loopback
// address only, and refuses what a web page of somebody else could make a browser
// send there.
package loopback

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Listen listens on a loopback address, such as 127.0.0.1:4780 or localhost:0.
func Listen(addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: give an address and a port, such as 127.0.0.1:4780: %w", addr, err)
	}
	if !local(host) {
		return nil, fmt.Errorf("listen on %q: only this machine may ask; give an address such as 127.0.0.1:4780", addr)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%w; --listen gives another address", err)
	}
	return l, nil
}

// Serve answers until the context ends; requests that are under way then have ten
// seconds to finish.
func Serve(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{Handler: guard(h), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: 90 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := server.Shutdown(patience); err != nil {
		return errors.Join(err, server.Close())
	}
	return nil
}

// guard refuses requests by a foreign name, which is how a page whose name was bound
// to this machine would ask, and those that a browser sends for a page.
func guard(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if !local(host) || r.Header.Get("Origin") != "" {
			http.Error(w, "this endpoint answers programs on this machine only", http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
}

func local(host string) bool {
	if host == "localhost" {
		return true
	}
	if len(host) > 1 && host[0] == '[' && host[len(host)-1] == ']' {
		host = host[1 : len(host)-1]
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
