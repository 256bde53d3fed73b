package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"licenseguard/cmd/internal/console"
	"licenseguard/cmd/licenseguard/internal/fleet"
	"licenseguard/cmd/licenseguard/internal/pipeline"
	"licenseguard/shared/ledger"
)

// up keeps licenseguard running on files: the fleet's and the licenses', read
// again when they change, and an inbox into which events can be put. Its state
// stays between runs.
func upCommand() *cobra.Command {
	var f files
	var every time.Duration
	var once bool
	c := &cobra.Command{
		Use: "up", Short: "keep running: watch the files and an inbox of events", Args: atMost(0),
		RunE: func(c *cobra.Command, _ []string) error { return up(c.Context(), f, every, once, c.OutOrStdout()) },
	}
	f.flags(c.Flags())
	c.Flags().DurationVar(&every, "every", 2*time.Second, "how often to look")
	c.Flags().BoolVar(&once, "once", false, "look once and end")
	return c
}

func up(ctx context.Context, f files, every time.Duration, once bool, out io.Writer) error {
	if !f.own() {
		return badInput("name your fleet: make up FLEET=FILE LICENSES=FILE (FILE is the output of: aws ec2 describe-instances); make demo needs no files")
	}
	in, err := f.read()
	if err != nil {
		return err
	}
	account := fleet.New(time.Now, in.instances, in.hosts)
	inbox := filepath.Join(f.dir, "inbox")
	if err := os.MkdirAll(inbox, 0o755); err != nil {
		return err
	}
	p, err := pipeline.Open(pipeline.Options{Dir: f.dir, Fleet: account, Accounts: in.accounts, Region: in.region, Now: time.Now, Log: logTo(f.dir),
		Committed: func(c *ledger.Change) { console.Change(out, time.Now(), c) }})
	if err != nil {
		return err
	}
	defer p.Close()
	w := watcher{files: f, pipeline: p, fleet: account, inbox: inbox, out: out, refused: make(map[string]bool)}
	fmt.Fprintf(out, "Watching %s and %s; put events (JSON files) into %s; Ctrl-C ends. State stays in %s.\n", f.fleet, f.licenses, inbox, f.dir)
	for {
		if err := w.look(ctx); err != nil {
			return err
		}
		if once {
			break
		}
		select {
		case <-ctx.Done():
			fmt.Fprintln(out)
			return w.show(context.WithoutCancel(ctx))
		case <-time.After(every):
		}
	}
	return w.show(ctx)
}

type watcher struct {
	files    files
	pipeline *pipeline.Pipeline
	fleet    *fleet.Fleet
	inbox    string
	out      io.Writer
	seen     string // the files' sizes and times at the last look
	ticked   time.Time
	shown    int
	refused  map[string]bool // files of the inbox that cannot be read
}

// look takes what changed since the last look.
func (w *watcher) look(ctx context.Context) error {
	stamp := fmt.Sprint(fileStamp(w.files.fleet), fileStamp(w.files.licenses), fileStamp(w.files.hosts))
	if stamp != w.seen {
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
	in, err := w.files.read()
	if err != nil {
		return err
	}
	if in.region != w.pipeline.Tracker.Region {
		return badInput("fleet %s: it is of %s now, this run is of %s; use another --dir", w.files.fleet, in.region, w.pipeline.Tracker.Region)
	}
	w.fleet.Replace(in.instances, in.hosts)
	w.pipeline.Watch(in.accounts)
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
