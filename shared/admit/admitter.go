package admit

import (
	"context"
	"log/slog"
	"time"

	"licenseguard/shared/event"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

// HookPrefix begins the names of the hooks that are answered. Others of a group
// are somebody else's.
const HookPrefix = "licenseguard"

// Tracker records instances before it returns.
type Tracker interface {
	Observe(ctx context.Context, s track.Scope, ids []string, eventIDs map[string]string) (track.Observed, error)
}

// Groups is how Auto Scaling groups are looked at and changed.
//
// Group returns an error that is enforce.ErrGone where there is none. Answer lets
// the instance go on, or has the group end it; waited is false where nothing waits
// for it any more. What AWS throttles is enforce.ErrThrottled.
type Groups interface {
	Group(ctx context.Context, s track.Scope, name string) (Group, error)
	SetCapacity(ctx context.Context, s track.Scope, name string, desired int32) error
	SuspendLaunching(ctx context.Context, s track.Scope, name string) error
	ResumeLaunching(ctx context.Context, s track.Scope, name string) error
	Answer(ctx context.Context, s track.Scope, a event.LifecycleAction, instance string, admitted bool) (waited bool, err error)
}

// Group is an Auto Scaling group.
type Group struct {
	Desired, Min, Max int32
	Suspended         bool     // it launches nothing
	Members           []string // AWS ids of what its desired capacity counts, also what does not serve yet
	Serving           []string // of these, what waits for no hook
}

// Store is what admission needs of the ledger.
type Store interface {
	ledger.Licenses
	ledger.Resources
	ledger.Actions
	ledger.Controls
}

// Admitter answers launch hooks.
type Admitter struct {
	Store       Store
	Tracker     Tracker
	Groups      Groups
	DeadLetters track.DeadLetters
	Catalog     license.Catalog
	Accounts    []string // whose events are accepted
	Region      string
	Now         func() time.Time
	// Backoff pauses before a refused commit is tried again; nil sleeps.
	Backoff func(ctx context.Context, attempt int) error
	Log     *slog.Logger
}

// Report says what became of a batch.
type Report struct {
	Retry    []string // ids of messages to deliver again
	Admitted int
	Refused  int
	Passed   int // events of others' hooks, and what is no launch hook
	Buried   int
	Lowered  int // changes of a group's capacity
	// Suspended is how many groups' launching was suspended.
	Suspended int
}

func (a *Admitter) committer() *ledger.Committer {
	return &ledger.Committer{Store: a.Store, Catalog: a.Catalog, Now: a.Now, Wait: a.Backoff}
}

func (a *Admitter) brakes() *ledger.BrakesCommitter {
	return &ledger.BrakesCommitter{Store: a.Store, Now: a.Now, Wait: a.Backoff}
}
