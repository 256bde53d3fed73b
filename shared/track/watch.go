package track

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"licenseguard/shared/ledger"
)

// Watch is what sweeps left behind of one account and Region: when it was seen last, and
// what that look found. It stays when the account is watched no more.
type Watch struct {
	Account   string
	Region    string
	Tried     time.Time     // when the last sweep began
	Ended     time.Time     `json:",omitzero"` // and when it ended; before Tried: it goes on, or was cut off
	Complete  time.Time     `json:",omitzero"` // when the last one began that saw all of it; zero: none yet
	Unbroken  Unbroken      // such complete ones, by SweepsApart; it ends with Complete
	Failing   time.Time     `json:",omitzero"` // since when none did; zero: the last one did
	Error     string        `json:",omitempty"`
	Instances int           // seen by the last complete one
	Drift     Drift         // it found; none where it was the first
	Lost      Drift         // the sum of all of them
	Took      time.Duration // by the last complete one

	revision int64
}

// Scope is the account and Region.
func (w *Watch) Scope() Scope { return Scope{Account: w.Account, Region: w.Region} }

// Why says in words why the scope is not confirmed.
func (w *Watch) Why() string {
	if w.Error != "" {
		return w.Error
	}
	return "it is swept no more: it is not watched any longer, or each run of sweeps ends before its turn"
}

// Watches returns what sweeps left behind, in the order of account and Region.
func Watches(ctx context.Context, documents ledger.Documents) ([]Watch, error) {
	found, err := documents.Documents(ctx, ledger.Watched, "")
	if err != nil {
		return nil, fmt.Errorf("read what was watched: %w", err)
	}
	out := make([]Watch, len(found))
	for i := range found {
		if err := json.Unmarshal(found[i].Data, &out[i]); err != nil {
			return nil, fmt.Errorf("read what was watched of %s: %w", found[i].ID, err)
		}
		out[i].revision = found[i].Revision
	}
	return out, nil
}

// keep writes a watch if nobody else did since it was read.
func (w *Watch) keep(ctx context.Context, documents ledger.Documents) error {
	data, err := json.Marshal(w)
	if err != nil {
		return err
	}
	err = documents.PutDocument(ctx, ledger.Document{Kind: ledger.Watched, ID: w.Account + "/" + w.Region, Revision: w.revision + 1, Data: data})
	if err == nil {
		w.revision++
	}
	return err
}

// SweepsApart is how long after one another complete sweeps of a scope may begin, and
// watch it without a break. They are due every hour, and in a fleet some quarters of an
// hour late: so the first that is missing is a gap, and no jitter of a schedule is.
const SweepsApart = 110 * time.Minute

// Unbroken is a series of looks, each at most so long after the one before.
type Unbroken struct {
	Since time.Time `json:",omitzero"` // when its first look began; zero: there was none
	// The series before it: so none of it is lost between two snapshots.
	BeforeSince time.Time `json:",omitzero"`
	BeforeLast  time.Time `json:",omitzero"`
}

// note adds a look to the series that last was the end of.
func (u *Unbroken) note(last, look time.Time, apart time.Duration) {
	switch {
	case last.IsZero():
		u.Since = look
	case look.Sub(last) > apart:
		u.Since, u.BeforeSince, u.BeforeLast = look, u.Since, last
	}
}

// complete notes that a sweep saw all of the scope.
func (w *Watch) complete() {
	if w.Unbroken.Since.IsZero() { // what was kept before there was this field
		w.Unbroken.Since = w.Complete
	}
	w.Unbroken.note(w.Complete, w.Tried, SweepsApart)
	w.Complete = w.Tried
}

// overdue is how much later than the others a scope may be swept: it is left out, or cut
// off, again and again.
const overdue = 3 * time.Hour

// Unconfirmed are the scopes of which nobody knows whether the numbers are still true:
// their sweeps fail, or there are none any more while others are swept.
func Unconfirmed(watches []Watch) []Watch {
	var latest time.Time
	for i := range watches {
		if watches[i].Complete.After(latest) {
			latest = watches[i].Complete
		}
	}
	return slices.DeleteFunc(slices.Clone(watches), func(w Watch) bool {
		return w.Failing.IsZero() && !w.Complete.Before(latest.Add(-overdue))
	})
}

// byTurn orders scopes for a run of sweeps: those that fail come last, so that they delay
// nobody, and else the one that was tried longest ago comes first.
func byTurn(a, b *Watch) int {
	failing := func(w *Watch) int {
		if w.Failing.IsZero() {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(failing(a), failing(b)), a.Tried.Compare(b.Tried))
}

// taken reports whether another run sweeps the scope.
func taken(err error) bool {
	var conflict *ledger.Conflict
	return errors.As(err, &conflict)
}
