package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"licenseguard/cmd/internal/console"
	"licenseguard/cmd/licenseguard/internal/fleet"
	"licenseguard/cmd/licenseguard/internal/loopback"
	"licenseguard/cmd/licenseguard/internal/pipeline"
	"licenseguard/shared/api"
	"licenseguard/shared/catalog"
	"licenseguard/shared/ledger"
	"licenseguard/shared/registrar"
)

// running holds the flags of up.
type running struct {
	files
	listen string
	every  time.Duration
	once   bool
}

func upCommand() *cobra.Command {
	var r running
	c := &cobra.Command{
		Use: "up", Short: "keep running: an endpoint for aws license-manager, files and an inbox of events", Args: atMost(0),
		Long: `Keep licenseguard running on this machine. It answers aws license-manager, boto3 and Terraform on a loopback
address, reads the fleet's and the licenses' files again when they change, and takes events (JSON files) from
an inbox. Without files it begins with an empty account. Its state stays between runs.`,
		Example: examples("licenseguard up", "licenseguard up --fleet fleet.json --licenses licenses.yaml", `licenseguard up --listen ""     # without the endpoint`),
		RunE:    func(c *cobra.Command, _ []string) error { return r.up(c.Context(), c.OutOrStdout()) },
	}
	r.flags(c.Flags())
	c.Flags().StringVar(&r.listen, "listen", defaultListen, `loopback address of the endpoint; "" for none`)
	c.Flags().DurationVar(&r.every, "every", 2*time.Second, "how often to look")
	c.Flags().BoolVar(&r.once, "once", false, "look once and end, without the endpoint")
	return c
}

func (r *running) up(ctx context.Context, out io.Writer) error {
	inbox := filepath.Join(r.dir, "inbox")
	if err := os.MkdirAll(inbox, 0o755); err != nil {
		return err
	}
	in, err := r.begin(ctx)
	if err != nil {
		return err
	}
	account := fleet.New(time.Now, in.instances, in.hosts)
	p, err := pipeline.Open(pipeline.Options{Dir: r.dir, Fleet: account, Accounts: in.accounts, Region: in.region, Now: time.Now, Log: logTo(r.dir),
		Committed: func(c *ledger.Change) { console.Change(out, time.Now(), c) }})
	if err != nil {
		return err
	}
	defer p.Close()
	w := watcher{files: r.files, begun: in, pipeline: p, fleet: account, inbox: inbox, out: out, refused: make(map[string]bool)}
	fmt.Fprintf(out, "Watching %s; put events (JSON files) into %s; Ctrl-C ends. State stays in %s.\n", w.watched(), inbox, r.dir)
	if r.once {
		if err := w.look(ctx); err != nil {
			return err
		}
		return w.show(ctx)
	}
	serving, end := context.WithCancel(ctx)
	defer end()
	served, err := w.serve(serving, r.listen)
	if err != nil {
		return err
	}
	err = w.loop(ctx, r.every, served)
	end()
	if failed := <-served; err == nil {
		err = failed
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(out)
	return w.show(context.WithoutCancel(ctx))
}

// begin is what a run begins with: the files that are given, else the account that the
// folder knows already, or an empty one.
func (r *running) begin(ctx context.Context) (input, error) {
	in := input{accounts: []string{localAccount}, region: localRegion}
	if store, err := openFolder(r.dir); err == nil {
		owner, accounts, region, err := watched(ctx, store)
		if err = errors.Join(err, store.Close()); err != nil {
			return in, err
		}
		others := slices.DeleteFunc(accounts, func(a string) bool { return a == owner })
		in.accounts, in.region = append([]string{owner}, others...), region
	}
	return r.readGiven(in)
}

type watcher struct {
	files    files
	begun    input
	pipeline *pipeline.Pipeline
	fleet    *fleet.Fleet
	inbox    string
	out      io.Writer
	seen     string // the files' sizes and times at the last look
	ticked   time.Time
	shown    int
	refused  map[string]bool // files of the inbox that cannot be read

	registrar *registrar.Registrar // of the endpoint; nil: there is none

	// turn lets the loop and the requests at the ledger, the pipeline and the output
	// one after the other.
	turn sync.Mutex
}

// watched says what is looked at.
func (w *watcher) watched() string {
	var names []string
	for _, name := range []string{w.files.fleet, w.files.licenses, w.files.hosts} {
		if name != "" {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return fmt.Sprintf("no files: account %s in %s", strings.Join(w.begun.accounts, ", "), w.begun.region)
	}
	return strings.Join(names, ", ")
}

// loop looks until the context ends, or until the endpoint does.
func (w *watcher) loop(ctx context.Context, every time.Duration, served chan error) error {
	for {
		w.turn.Lock()
		err := w.look(ctx)
		w.turn.Unlock()
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case err := <-served:
			served <- nil
			return err
		case <-time.After(every):
		}
	}
}

// serve begins to answer clients of License Manager; the channel tells when it ended.
func (w *watcher) serve(ctx context.Context, listen string) (chan error, error) {
	served := make(chan error, 1)
	if listen == "" {
		go func() { <-ctx.Done(); served <- nil }()
		return served, nil
	}
	l, err := loopback.Listen(listen)
	if err != nil {
		return nil, badInput("%w", err)
	}
	fmt.Fprint(w.out, endpointWords(l.Addr().String(), w.begun.region, true))
	name := "local"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	w.registrar = registrarOf(w.pipeline.Store, w.begun.accounts[0], w.begun.region, w.begun.accounts)
	h := &api.Handler{Store: w.pipeline.Store, Registrar: w.registrar,
		Catalog: catalog.Embedded(), Account: w.begun.accounts[0], Region: w.begun.region, Now: time.Now, Log: logTo(w.files.dir), Local: true, User: name}
	go func() { served <- loopback.Serve(ctx, l, w.inTurn(h)) }()
	return served, nil
}

// inTurn answers requests one at a time, and hands on what each committed before it is
// answered: whoever asks next sees what follows from it.
func (w *watcher) inTurn(h http.Handler) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, api.MaxBody+1)) // a slow client keeps nobody waiting
		if err != nil {
			http.Error(out, err.Error(), http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		answer := buffered{header: make(http.Header), code: http.StatusOK}
		w.takeTurn(r, h, &answer)
		maps.Copy(out.Header(), answer.header)
		out.WriteHeader(answer.code)
		_, _ = out.Write(answer.Bytes()) // the client is gone
	})
}

// takeTurn answers one request; the turn ends whatever becomes of it.
func (w *watcher) takeTurn(r *http.Request, h http.Handler, answer http.ResponseWriter) {
	w.turn.Lock()
	defer w.turn.Unlock()
	h.ServeHTTP(answer, r)
	if err := w.pipeline.Drain(context.WithoutCancel(r.Context())); err != nil {
		fmt.Fprintf(w.out, "what follows from a request failed, and the next look tries it again: %v\n", err)
	}
}

// buffered keeps an answer until it is this client's turn to read.
type buffered struct {
	bytes.Buffer
	header http.Header
	code   int
}

func (b *buffered) Header() http.Header  { return b.header }
func (b *buffered) WriteHeader(code int) { b.code = code }

// look takes what changed since the last look.
func (w *watcher) look(ctx context.Context) error {
	stamp := fmt.Sprint(fileStamp(w.files.fleet), fileStamp(w.files.licenses), fileStamp(w.files.hosts))
	if stamp != w.seen && w.files.own() {
		if err := w.reload(ctx); err != nil {
			fmt.Fprintf(w.out, "not taken: %v\n", err)
		}
		w.seen = stamp
	}
	if err := w.takeInbox(ctx); err != nil {
		return err
	}
	if time.Since(w.ticked) >= time.Minute {
		w.ticked = time.Now()
		if err := w.pipeline.Tick(ctx); err != nil {
			return err
		}
	}
	for _, a := range w.pipeline.Alerts[w.shown:] {
		fmt.Fprintf(w.out, "\n%s\n", indent(a.Message))
	}
	w.shown = len(w.pipeline.Alerts)
	return nil
}

func (w *watcher) reload(ctx context.Context) error {
	in, err := w.files.readGiven(w.begun)
	if err != nil {
		return err
	}
	if in.region != w.pipeline.Tracker.Regions[0] {
		return badInput("fleet %s: it is of %s now, this run is of %s; use another --dir", w.files.fleet, in.region, w.pipeline.Tracker.Regions[0])
	}
	if w.files.fleet == "" { // nothing tells what runs
		if err := configure(ctx, w.pipeline, in, w.files.licenses); err != nil {
			return err
		}
		return w.pipeline.Drain(ctx)
	}
	w.fleet.Replace(in.instances, in.hosts)
	w.pipeline.Watch(in.accounts)
	if w.registrar != nil {
		w.registrar.Accounts = w.pipeline.Tracker.Accounts
	}
	return configureAndSweep(ctx, w.pipeline, in, w.files.licenses)
}

// takeInbox hands each file in the inbox to the intake queue and moves it away.
func (w *watcher) takeInbox(ctx context.Context) error {
	entries, err := os.ReadDir(w.inbox)
	if err != nil {
		return err
	}
	done := filepath.Join(w.files.dir, "done")
	for _, e := range entries {
		path := filepath.Join(w.inbox, e.Name())
		body, err := readEvent(path)
		if err != nil {
			if !w.refused[path] { // said once
				w.refused[path] = true
				fmt.Fprintf(w.out, "not taken: %v\n", err)
			}
			continue
		}
		before := len(w.pipeline.DeadLetters)
		w.pipeline.Send(body)
		if err := w.pipeline.Drain(ctx); err != nil {
			return err
		}
		for _, d := range w.pipeline.DeadLetters[before:] {
			fmt.Fprintf(w.out, "%s is hopeless: %s %s\n", e.Name(), d.Place, d.Reason)
		}
		if err := os.MkdirAll(done, 0o755); err != nil {
			return err
		}
		if err := os.Rename(path, filepath.Join(done, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// readEvent reads one file of the inbox, not more of it than shows that it is
// too large for an event.
func readEvent(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, 1<<20))
}

func (w *watcher) show(ctx context.Context) error {
	if _, err := w.pipeline.Snapshot(ctx); err != nil {
		return err
	}
	all, err := readAll(ctx, w.pipeline.Store, time.Now())
	if err != nil {
		return err
	}
	files := slices.Compact(slices.Sorted(slices.Values(w.pipeline.Files)))
	fmt.Fprintf(w.out, "%d files written under %s\n\n", len(files), filepath.Join(w.files.dir, "reports"))
	console.Positions(w.out, all.positions)
	return nil
}

func fileStamp(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(info.Size(), info.ModTime().UnixNano())
}
