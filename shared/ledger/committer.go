package ledger

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"licenseguard/shared/license"
)

// maxAttempts bounds how often a refused commit is folded again. Rivals make
// each other try again, but one of them always succeeds.
const maxAttempts = 50

// Committer folds batches into licenses and commits them. It may be used by
// one goroutine at a time.
type Committer struct {
	Store   Licenses
	Catalog license.Catalog
	Now     func() time.Time
	// Wait is called before a refused commit is tried again; nil sleeps for a
	// short random time that grows with the attempt.
	Wait func(ctx context.Context, attempt int) error
}

// Apply folds a batch into the license until it is committed and settled. It
// returns the license as committed and the result of the fold that had the
// batch; Change is nil when the batch changed nothing.
func (c *Committer) Apply(ctx context.Context, id string, b Batch) (*License, Result, error) {
	l, err := c.Store.Load(ctx, id)
	if err != nil {
		return nil, Result{}, fmt.Errorf("load license %s: %w", id, err)
	}
	return c.ApplyTo(ctx, l, b)
}

// ApplyTo is Apply for a license that the caller has loaded, or, at revision
// 0, for one that does not exist yet.
func (c *Committer) ApplyTo(ctx context.Context, l *License, b Batch) (*License, Result, error) {
	l, result, err := c.commit(ctx, l, b)
	if err == nil {
		l, err = c.settle(ctx, l)
	}
	return l, result, err
}

// settle goes on folding what a fold left because of its size.
func (c *Committer) settle(ctx context.Context, l *License) (*License, error) {
	var err error
	for err == nil && l.Unsettled {
		l, _, err = c.commit(ctx, l, Batch{})
	}
	return l, err
}

// Configure makes or replaces a license's configuration. With a new association
// the instances are to be claimed next; then the alert waits for them, so that
// one names all that the change affects.
func (c *Committer) Configure(ctx context.Context, l *License, configuration license.Configuration, by string) (*License, error) {
	more := slices.ContainsFunc(configuration.Associations, func(a license.Association) bool { return a.Since.Equal(configuration.UpdatedAt) })
	b := Batch{Configuration: &configuration, By: by, Partial: more && l.Revision > 0}
	l, _, err := c.commit(ctx, l, b)
	if err == nil && !b.Partial {
		l, err = c.settle(ctx, l)
	}
	return l, err
}

// Delete ends a license that l is the present state of. A *Conflict says that it
// changed meanwhile.
func (c *Committer) Delete(ctx context.Context, l *License, by string) error {
	next, change := Delete(l, milli(c.Now()), by)
	err := c.Store.Commit(ctx, Commit{License: next, Change: change, Configured: true, Deleted: true})
	if err != nil {
		return fmt.Errorf("delete license %s: %w", l.Configuration.ID, err)
	}
	return nil
}

// Claim folds claims into a license in steps of MaxClaims and returns how many
// commits changed it.
func (c *Committer) Claim(ctx context.Context, l *License, claims []Claim) (changes int, err error) {
	for len(claims) > 0 {
		n := min(len(claims), MaxClaims)
		b := Batch{Claims: claims[:n], Partial: n < len(claims)}
		claims = claims[n:]
		var result Result
		if l, result, err = c.commit(ctx, l, b); err != nil {
			return changes, err
		}
		if result.Change != nil {
			changes++
		}
	}
	_, err = c.settle(ctx, l)
	return changes, err
}

func (c *Committer) commit(ctx context.Context, l *License, b Batch) (*License, Result, error) {
	id := l.Configuration.ID
	for attempt := 1; ; attempt++ {
		next, result := Fold(l, b, c.Now(), c.Catalog)
		if result.Change == nil {
			return l, result, nil
		}
		err := c.Store.Commit(ctx, Commit{License: next, Change: result.Change, Dirty: result.Dirty, Configured: b.Configuration != nil})
		if err == nil {
			return next, result, nil
		}
		var conflict *Conflict
		if !errors.As(err, &conflict) {
			return nil, Result{}, fmt.Errorf("commit license %s: %w", id, err)
		}
		if b.Configuration != nil {
			return nil, Result{}, err // a person's change was made against what was replaced meanwhile
		}
		if attempt == maxAttempts {
			return nil, Result{}, fmt.Errorf("commit license %s: refused %d times: %w", id, attempt, err)
		}
		if err := c.wait(ctx, attempt); err != nil {
			return nil, Result{}, err
		}
		if l = conflict.Newer; l == nil {
			if l, err = c.Store.Load(ctx, id); err != nil {
				return nil, Result{}, fmt.Errorf("load license %s: %w", id, err)
			}
		}
	}
}

func (c *Committer) wait(ctx context.Context, attempt int) error { return waitOr(ctx, attempt, c.Wait) }

// waitOr waits as it is told, or for a short random time that grows.
func waitOr(ctx context.Context, attempt int, wait func(context.Context, int) error) error {
	if wait != nil {
		return wait(ctx, attempt)
	}
	longest := min(time.Duration(attempt*attempt)*5*time.Millisecond, time.Second)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(rand.N(longest)):
		return nil
	}
}
