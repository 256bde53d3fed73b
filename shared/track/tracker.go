package track

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// Scope is one account and Region.
type Scope struct{ Account, Region string }

func (s Scope) String() string { return "account " + s.Account + " in " + s.Region }

// Observer tells what is true now. Each method returns only what AWS knows;
// what is missing in an answer may also be too new for AWS to tell.
type Observer interface {
	// Instances describes instances by their AWS ids, at most 100, in one call.
	// An id that AWS does not know must not fail the others.
	Instances(ctx context.Context, s Scope, ids []string) ([]license.Instance, error)
	// EachInstances lists all instances of an account and Region, page by page.
	EachInstances(ctx context.Context, s Scope, each func(page []license.Instance) error) error
	// Hosts describes Dedicated Hosts by their AWS ids, at most 100; without ids
	// all that there are, as far as the observer can list them.
	Hosts(ctx context.Context, s Scope, ids []string) ([]license.Host, error)
	// InstanceTypes looks instance types up.
	InstanceTypes(ctx context.Context, s Scope, names []string) ([]license.InstanceType, error)
	// Images describes images by their AWS ids, at most 100, in one call, as the
	// account sees them in the Region of the scope, which can be another than that
	// of its instances.
	Images(ctx context.Context, s Scope, ids []string) ([]Image, error)
}

// Image is what AWS tells of where an image comes from.
type Image struct {
	ID             string
	Owner          string // account; "" when AWS did not tell
	SourceImage    string // the image it was made from
	SourceRegion   string // "": its own
	SourceInstance string // the instance it was made from
	Snapshot       string // of its root device
	Created        time.Time
}

// Lineage tells of images what their own description lacks, as the account sees them in
// the Region of the scope.
type Lineage interface {
	// Ancestry returns an image and the images it was made from, the nearest first, each
	// with its source where that is known. An image that the account does not see, or
	// of which nothing is recorded, has none.
	Ancestry(ctx context.Context, s Scope, id string) ([]Image, error)
	// Snapshots describes snapshots by their AWS ids, at most 100, with the account's
	// own images that have them. What AWS does not show is left out.
	Snapshots(ctx context.Context, s Scope, ids []string) ([]Snapshot, error)
}

// Snapshot is what AWS tells of a snapshot.
type Snapshot struct {
	ID          string
	Description string // as its maker wrote it; AWS's own for snapshots of images
	Images      []Image
}

// Store is what the tracker needs of the ledger.
type Store interface {
	ledger.Licenses
	ledger.Resources
}

// DeadLetters takes messages that can never be handled.
type DeadLetters interface {
	// Bury must have kept the message when it returns nil.
	Bury(ctx context.Context, d DeadLetter) error
}

// DeadLetter is a message with the reason for which it is hopeless.
type DeadLetter struct {
	MessageID string
	Body      []byte
	EventID   string
	Place     string // where in the body
	Reason    string
}

// ErrUnreachable says that an account or Region cannot be looked at: its role is
// gone or refuses us, or the Region is off. What is on record of it stays.
var ErrUnreachable = errors.New("the account or Region cannot be reached")

// Tracker keeps the ledger true for accounts and Regions. It is for one goroutine.
type Tracker struct {
	Store       Store
	Observer    Observer
	Lineage     Lineage     // nil: only what Observer tells of images
	Databases   Databases   // nil: databases are not looked at
	Inventories Inventories // nil: no inventory is read, and managed nodes are not counted
	DeadLetters DeadLetters
	Documents   ledger.Documents // keeps from which images others were made; nil: only the process knows
	Catalog     license.Catalog
	Accounts    []string // whose events are accepted
	Regions     []string // of every account
	Now         func() time.Time
	// Wait pauses before a second look at what AWS did not know; nil sleeps.
	Wait func(ctx context.Context, d time.Duration) error
	// Backoff pauses before a refused commit is tried again; nil sleeps.
	Backoff func(ctx context.Context, attempt int) error
	Log     *slog.Logger

	memory
	holdings *holdings // shared with trackers of the same squad; nil: of one sweep
}

// memory is what a tracker knows from one batch to the next.
type memory struct {
	configurations []license.Configuration
	undone         map[license.ResourceID]time.Time // until when an undo leaves or left an instance alone
	epoch          int64
	loaded         bool
	types          map[string]license.InstanceType // looked up by this process
	images         origins
	found          findings
	beat           Heartbeat // as it was last read or kept
}

// Scopes lists what is watched: every Region of every account, in their order.
func (t *Tracker) Scopes() []Scope {
	scopes := make([]Scope, 0, len(t.Accounts)*len(t.Regions))
	for _, account := range t.Accounts {
		for _, region := range t.Regions {
			scopes = append(scopes, Scope{Account: account, Region: region})
		}
	}
	return scopes
}

func (t *Tracker) committer() *ledger.Committer {
	return &ledger.Committer{Store: t.Store, Catalog: t.Catalog, Now: t.Now, Wait: t.Backoff}
}

// refresh reads the configurations when their epoch moved, and reports whether
// it did.
func (t *Tracker) refresh(ctx context.Context) (moved bool, err error) {
	if t.loaded {
		epoch, err := t.Store.Epoch(ctx)
		if err != nil || epoch == t.epoch {
			return false, err
		}
	}
	t.configurations, t.epoch, err = t.Store.Configurations(ctx)
	t.loaded = err == nil
	t.undone = license.Undone(t.configurations)
	return true, err
}

func (t *Tracker) wait(ctx context.Context, d time.Duration) error {
	if t.Wait != nil {
		return t.Wait(ctx, d)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
