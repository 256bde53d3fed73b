package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/registrar"
	"licenseguard/shared/telemetry"
)

// MaxBody is the longest request body that is read.
const MaxBody = 1 << 20

const contentType = "application/x-amz-json-1.1"

// Handler serves the protocol. It may be used by many goroutines; its fields are set
// before the first request.
type Handler struct {
	Store     registrar.Store
	Registrar *registrar.Registrar
	Catalog   license.Catalog
	Account   string // that owns the configurations
	Region    string
	// TopicARN and BucketARN are what the deployment alerts and writes to; "" for none.
	TopicARN, BucketARN string
	Now                 func() time.Time
	Log                 *slog.Logger
	// Caller names who asks, for the change log: an ARN. A request of nobody is
	// refused. nil: everybody is Local's user.
	Caller func(*http.Request) string
	// MayWrite reports whether the caller may use operations that write; nil: yes.
	MayWrite func(*http.Request) bool
	// Local serves this machine only: a request that names another host is refused,
	// because a web page could have sent it (DNS rebinding).
	Local bool
	// User is who changes things where Caller is nil; "" is "local".
	User string

	shelf shelf
}

// call is one request on its way through an operation.
type call struct {
	*Handler
	ctx  context.Context
	name string // of the operation
	by   string
	now  time.Time
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := requestID()
	w.Header().Set("x-amzn-RequestId", id)
	w.Header().Set("Content-Type", contentType)
	started := h.Now()
	name, out, err := h.serve(r)
	e := failure(err)
	log := []any{"operation", telemetry.Clean(name, 100), "request", id, "elapsedMillis", h.Now().Sub(started).Milliseconds()}
	switch {
	case err == nil:
		h.Log.DebugContext(r.Context(), "answered", log...)
		h.answer(w, http.StatusOK, out, id)
	case e.Status >= http.StatusInternalServerError:
		h.Log.ErrorContext(r.Context(), "request failed", append(log, "error", err)...)
		h.refuse(w, e, id)
	default:
		h.Log.InfoContext(r.Context(), "request refused", append(log, "type", e.Type, "error", e.Message)...)
		h.refuse(w, e, id)
	}
}

func (h *Handler) refuse(w http.ResponseWriter, e *Error, id string) {
	w.Header().Set("X-Amzn-ErrorType", e.Type)
	if e.Status >= http.StatusInternalServerError {
		e = &Error{Status: e.Status, Type: e.Type, Message: "the request could not be served; the log has the reason under request " + id}
	}
	h.answer(w, e.Status, e, id)
}

func (h *Handler) answer(w http.ResponseWriter, status int, body any, id string) {
	data, err := json.Marshal(body)
	if err != nil {
		h.Log.Error("answer not encoded", "request", id, "error", err)
		status, data = http.StatusInternalServerError, []byte(`{"__type":"ServerInternalException","message":"the answer could not be encoded"}`)
	}
	w.WriteHeader(status)
	if _, err := w.Write(data); err != nil {
		h.Log.Debug("answer not sent", "request", id, "error", err)
	}
}

// serve finds the operation and runs it. A panic is a failure of this request alone.
func (h *Handler) serve(r *http.Request) (name string, out any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked(p)
		}
	}()
	if h.Local && !loopback(r.Host) {
		return "", nil, denied("this server answers requests to localhost only, not to %s", telemetry.Clean(r.Host, 100))
	}
	name, op, err := route(r)
	if err != nil {
		return name, nil, err
	}
	c := &call{Handler: h, ctx: r.Context(), name: name, now: h.Now()}
	if c.by, err = h.caller(r); err != nil {
		return name, nil, err
	}
	if op.write && h.MayWrite != nil && !h.MayWrite(r) {
		return name, nil, denied("%s may not use %s; reading is allowed", telemetry.Clean(c.by, 200), name)
	}
	body, err := readBody(r)
	if err != nil {
		return name, nil, err
	}
	if out, err = op.serve(c, body); err == nil && op.write {
		h.Log.InfoContext(r.Context(), "changed", "operation", name, "by", telemetry.Clean(c.by, 200))
	}
	return name, out, err
}

func (h *Handler) caller(r *http.Request) (string, error) {
	if h.Caller == nil {
		if h.User == "" {
			return "local", nil
		}
		return h.User, nil
	}
	by := h.Caller(r)
	if by == "" {
		return "", denied("the request names no caller; sign it (licenseguard proxy does)")
	}
	return by, nil
}

// route reads method, path, content type and target.
func route(r *http.Request) (string, operation, error) {
	if r.Method != http.MethodPost || r.URL.Path != "/" && r.URL.Path != "" {
		return "", operation{}, unknown("send POST / with X-Amz-Target: %sOPERATION", targetPrefix)
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != contentType {
		return "", operation{}, serialization("the content type must be %s", contentType)
	}
	target := r.Header.Get("X-Amz-Target")
	if name, ours := strings.CutPrefix(target, ownPrefix); ours {
		if op, ok := ownOperations[name]; ok {
			return name, op, nil
		}
	} else if name, known := strings.CutPrefix(target, targetPrefix); known {
		if op, ok := operations[name]; ok {
			return name, op, nil
		}
		if lacking[name] {
			return name, operation{}, unknown("%s is an operation of AWS License Manager that licenseguard does not have yet", name)
		}
	}
	return "", operation{}, unknown("no operation has the target %q", telemetry.Clean(target, 100))
}

// readBody reads no more than MaxBody, and nothing of a body that says it is longer.
func readBody(r *http.Request) ([]byte, error) {
	tooLong := invalid("the request body is longer than %d bytes", MaxBody)
	if r.ContentLength > MaxBody {
		return nil, tooLong
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxBody+1))
	if err != nil {
		return nil, serialization("the request body could not be read: %v", err)
	}
	if len(body) > MaxBody {
		return nil, tooLong
	}
	return body, nil
}

// loopback reports whether a Host header names this machine.
func loopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.IsLoopback()
}

func requestID() string {
	var b [16]byte
	rand.Read(b[:])
	x := hex.EncodeToString(b[:])
	return x[:8] + "-" + x[8:12] + "-" + x[12:16] + "-" + x[16:20] + "-" + x[20:]
}

// load reads a license as it stands now: what fell due since its last commit is
// applied.
func (c *call) load(id string) (*ledger.License, error) {
	l, err := c.Store.Load(c.ctx, id)
	if err != nil {
		return nil, err
	}
	return c.present(l), nil
}

func (c *call) present(l *ledger.License) *ledger.License {
	if l.Due.IsZero() || l.Due.After(c.now) {
		return l
	}
	next, _ := ledger.Fold(l, ledger.Batch{}, c.now, c.Catalog)
	return next
}

// loaders is how many licenses are read at a time.
const loaders = 8

// loadAll reads licenses, in the order of their ids; nil for one that is gone.
func (c *call) loadAll(ids []string) ([]*ledger.License, error) {
	out, failed := make([]*ledger.License, len(ids)), make([]error, len(ids))
	turn := make(chan int)
	done := make(chan struct{})
	for range min(loaders, len(ids)) {
		go func() {
			defer func() { done <- struct{}{} }()
			for i := range turn {
				out[i], failed[i] = c.loadOne(ids[i])
			}
		}()
	}
	for i := range ids {
		turn <- i
	}
	close(turn)
	for range min(loaders, len(ids)) {
		<-done
	}
	return out, errors.Join(failed...)
}

// loadOne is load for a goroutine of its own: a panic is an error, and a license that
// is gone is nil.
func (c *call) loadOne(id string) (l *ledger.License, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked(p)
		}
	}()
	l, err = c.load(id)
	if errors.Is(err, ledger.ErrNotFound) {
		return nil, nil //nolint:nilnil // gone since the list was read
	}
	return l, err
}
