package track

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// Round is a run of sweeps over all that is watched. It goes on where the run before it
// was cut off: what was tried longest ago comes first. A scope that fails or hangs
// releases nothing and costs the others one worker until its timeout.
//
// Where the tracker has no Documents nothing is remembered, and each run sweeps all.
type Round struct {
	Tracker *Tracker
	Workers int           // scopes at a time; below 2, one after the other
	Fresh   time.Duration // what was tried less long ago is left out
	Timeout time.Duration // of one scope; 0: none
	Margin  time.Duration // no scope is begun when less is left of the context's time
	// Swept is called after each scope, one call at a time; n is which of how many. It may be nil.
	Swept func(r Result, n, of int)
}

// Result is the sweep of one scope. Err is why it is not complete.
type Result struct {
	SweepReport
	Err error
}

// Run sweeps what was not tried since a time, or, where that is zero, what is not fresh. It
// returns what became of each scope that it swept, and how many are left for the next run.
func (r *Round) Run(ctx context.Context, since time.Time) (results []Result, left int, err error) {
	turns, err := r.turns(ctx, since)
	if err != nil {
		return nil, 0, err
	}
	var mu sync.Mutex // guards what follows
	next := 0
	work := func(t *Tracker) {
		for {
			mu.Lock()
			if next == len(turns) || !r.begins(ctx) {
				mu.Unlock()
				return
			}
			w := turns[next]
			next++
			mu.Unlock()
			result, done := r.sweep(ctx, t, w)
			mu.Lock()
			if !done {
				left++
			} else {
				results = append(results, result)
				if r.Swept != nil {
					r.Swept(result, len(results), len(turns))
				}
			}
			mu.Unlock()
		}
	}
	squad := r.Tracker.Squad(max(r.Workers, 1))
	if len(squad) == 1 {
		work(squad[0])
	} else {
		var all sync.WaitGroup
		for _, t := range squad {
			all.Go(func() { work(t) })
		}
		all.Wait()
	}
	return results, left + len(turns) - next, nil
}

// turns are the scopes to sweep, in their order.
func (r *Round) turns(ctx context.Context, since time.Time) ([]*Watch, error) {
	var known []Watch
	if r.Tracker.Documents != nil {
		var err error
		if known, err = Watches(ctx, r.Tracker.Documents); err != nil {
			return nil, err
		}
	}
	now := r.Tracker.Now()
	if since.IsZero() {
		since = now.Add(-r.Fresh)
	}
	var turns []*Watch
	for _, s := range r.Tracker.Scopes() {
		w := Watch{Account: s.Account, Region: s.Region}
		if i := slices.IndexFunc(known, func(k Watch) bool { return k.Scope() == s }); i >= 0 {
			w = known[i]
		}
		under := w.Tried.After(w.Ended) && now.Sub(w.Tried) < r.Timeout
		if !under && !w.Tried.After(since) {
			turns = append(turns, &w)
		}
	}
	slices.SortStableFunc(turns, byTurn)
	return turns, nil
}

// begins reports whether there is time for another scope.
func (r *Round) begins(ctx context.Context) bool {
	end, ends := ctx.Deadline()
	return ctx.Err() == nil && (!ends || time.Until(end) >= r.Margin)
}

// sweep sweeps one scope and writes down what it saw. done is false when another run
// has it, or this run's time ended: then the scope keeps its turn.
func (r *Round) sweep(ctx context.Context, t *Tracker, w *Watch) (result Result, done bool) {
	before := *w
	w.Tried = t.Now()
	result.SweepReport = SweepReport{Account: w.Account, Region: w.Region}
	if result.Err = r.keep(ctx, w); taken(result.Err) {
		return result, false
	}
	if result.Err == nil {
		scoped, cancel, whole := r.bounded(ctx)
		result.SweepReport, result.Err = t.Sweep(scoped, w.Scope())
		cutOff := result.Err != nil && scoped.Err() != nil && !whole
		cancel()
		if cutOff {
			w.Tried, w.Ended = before.Tried, before.Ended
			_ = r.keep(ctx, w) // else it is under way until its timeout
			return result, false
		}
	}
	result.First = before.Complete.IsZero() && t.Documents != nil
	w.note(&result, t.Now())
	if err := r.keep(ctx, w); err != nil {
		result.Err = errors.Join(result.Err, err)
	}
	if result.Err != nil {
		result.Error, result.Unreachable = result.Err.Error(), errors.Is(result.Err, ErrUnreachable)
	}
	return result, true
}

// bounded is the time of one scope: whole when it is the timeout, rather than what is
// left of the run. A quarter of the margin stays for what comes after.
func (r *Round) bounded(ctx context.Context) (scoped context.Context, cancel context.CancelFunc, whole bool) {
	own := r.Timeout
	end, ends := ctx.Deadline()
	left := time.Until(end) - r.Margin/4
	switch {
	case ends && (own == 0 || left < own):
		scoped, cancel = context.WithTimeout(ctx, left)
		return scoped, cancel, false
	case own > 0:
		scoped, cancel = context.WithTimeout(ctx, own)
	default:
		scoped, cancel = context.WithCancel(ctx)
	}
	return scoped, cancel, true
}

func (r *Round) keep(ctx context.Context, w *Watch) error {
	if r.Tracker.Documents == nil {
		return nil
	}
	return w.keep(ctx, r.Tracker.Documents)
}

// note adds what a sweep saw.
func (w *Watch) note(r *Result, ended time.Time) {
	w.Ended = ended
	if r.Err != nil {
		w.Error = r.Err.Error()
		if len(w.Error) > maxError {
			w.Error = w.Error[:maxError]
		}
		if w.Failing.IsZero() {
			w.Failing = w.Tried
		}
		return
	}
	w.complete()
	w.Failing, w.Error, w.Instances, w.Took = time.Time{}, "", r.Instances, r.Took
	w.Drift = Drift{}
	if !r.First {
		w.Drift = r.Drift
	}
	w.Lost = w.Lost.Plus(w.Drift)
}

// maxError bounds what is kept of an error, in bytes.
const maxError = 1000
