package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"licenseguard/shared/license"
)

// Licenses is where licenses are kept.
//
// Load must see every commit that returned before it began, and must return a
// license whose parts belong to one revision; an unknown id is ErrNotFound.
//
// Commit must apply the whole commit or nothing, and only if the stored
// revision is the one before c.License.Revision (0: there is none yet). When it
// is not, Commit must return a *Conflict and change nothing. An error that is
// no *Conflict leaves open whether the commit was applied.
type Licenses interface {
	Load(ctx context.Context, id string) (*License, error)
	Commit(ctx context.Context, c Commit) error
	// Configurations returns all configurations, in the order of their ids, and
	// the epoch: a number that every commit with a changed configuration raises.
	Configurations(ctx context.Context) (configurations []license.Configuration, epoch int64, err error)
	// Epoch returns the present epoch alone.
	Epoch(ctx context.Context) (int64, error)
	// DueLicenses returns the ids of licenses whose Due is not after now.
	DueLicenses(ctx context.Context, now time.Time) ([]string, error)
}

// Commit is one step of a license.
type Commit struct {
	License    *License
	Change     *Change
	Dirty      []int // pages to write; empty while License.Pages is 0
	Configured bool  // the configuration changed: write it and raise the epoch
	// Deleted, with Configured, ends the license: it is found no more, and its id is
	// never used again. Its history stays.
	Deleted bool
}

// Register is what stays of configurations: every version that a person made.
//
// History returns them oldest first, also of a deleted configuration; an unknown id
// has none. DeletedConfigurations returns those as they were last, in the order of
// their ids.
type Register interface {
	History(ctx context.Context, id string) ([]Version, error)
	DeletedConfigurations(ctx context.Context) ([]license.Configuration, error)
}

// Version is a configuration as a commit made it. Who did it and when are its
// UpdatedBy and UpdatedAt.
type Version struct {
	Revision      int64 // of the license
	Deleted       bool  `json:",omitempty"` // by this commit
	Configuration license.Configuration
}

// Documents keeps small things beside the licenses, each with a revision of its own.
//
// LoadDocument of what there is not returns revision 0. Documents returns those
// whose ids begin with a prefix, in the order of their ids. PutDocument must store
// the document only if the stored revision is the one before d.Revision (0: there is
// none yet); else it must return a *Conflict and change nothing. DropDocument does
// not mind its absence.
type Documents interface {
	LoadDocument(ctx context.Context, kind DocumentKind, id string) (Document, error)
	Documents(ctx context.Context, kind DocumentKind, prefix string) ([]Document, error)
	PutDocument(ctx context.Context, d Document) error
	DropDocument(ctx context.Context, kind DocumentKind, id string) error
}

// Document is one of them; Data is JSON of at most 300 KB.
type Document struct {
	Kind     DocumentKind
	ID       string
	Revision int64
	Data     []byte
}

// DocumentKind says what a document is.
type DocumentKind string

// The kinds of documents.
const (
	ServiceSettings    DocumentKind = "settings"
	ReportGenerators   DocumentKind = "report-generator"
	ReportRuns         DocumentKind = "report-run"          // the last run of a generator; ids are the generators'
	AssociationFailure DocumentKind = "association-failure" // ids begin with the license's
	ImageOrigin        DocumentKind = "image-origin"        // from which image one was made; ids are REGION/AMI
	Watched            DocumentKind = "watch"               // what sweeps saw of a scope; ids are ACCOUNT/REGION
	HostRecovery       DocumentKind = "host-recovery"       // a Recovery; ids are those of both hosts
	Heartbeat          DocumentKind = "heartbeat"           // that the event path works; ids are functions
)

// ErrNotFound says that there is no such license.
var ErrNotFound = errors.New("no such license configuration")

// ErrNoPlan says that there is no plan of that hash.
var ErrNoPlan = errors.New("no such plan")

// Conflict says that another commit came first. Newer is the license as it
// stands now, or nil when it must be loaded.
type Conflict struct {
	License string
	Newer   *License
}

func (c *Conflict) Error() string {
	return fmt.Sprintf("license %s: another commit came first", c.License)
}

// Facts is what is known of one instance, whether or not a license holds it.
// It is written before the licenses that it leads to, and only when something
// in it changed; the fence against older facts is in the licenses.
type Facts struct {
	Instance   license.Instance
	Host       license.Host
	Generation Generation
	Guard      Guard
	Held       []license.Held // associations, copied when they were first seen
	Observed   time.Time
	FirstSeen  time.Time
	EventID    string
	LaunchedBy string // who made the launch of the generation, in words; "" if no event told
	// Confirmed is when a managed node last told of itself. It is kept to a few hours,
	// so that a node costs few writes a day; zero for all others, which each sweep
	// confirms.
	Confirmed time.Time
}

// Resources is where facts are kept.
//
// LoadFacts returns what there is; an unknown id is left out. SaveFacts may be
// applied in part when it fails. Facts calls each for every record of an
// account and Region, in no order, until it returns an error.
type Resources interface {
	LoadFacts(ctx context.Context, ids []license.ResourceID) (map[license.ResourceID]Facts, error)
	SaveFacts(ctx context.Context, facts []Facts) error
	EachFacts(ctx context.Context, account, region string, each func(Facts) error) error
}

// PendingAction is an answer that waits for its time and its budget, or the undo
// of one. License, instance and launch identify it, and whether it is an undo.
type PendingAction struct {
	License   string
	Instance  license.ResourceID
	Launch    time.Time
	Action    license.Mode // stop, tag, detach or lower
	Mode      license.Mode // observe: only say what would be done
	NotBefore time.Time
	Why       string
	Guard     Guard // found by the last look
	Attempts  int
	LastError string
	Revision  int64  // the commit that asked for it
	Plan      string `json:",omitempty"` // the approved plan that asked for it; "": it is automatic
	// Replaced are the values that the instance's tags had before the first try.
	Replaced map[string]string `json:",omitempty"`
	// Capacity is what the group's desired capacity is to be, once that is known: so
	// a second try does not lower it twice.
	Capacity *int32 `json:",omitempty"`
	Lowered  bool   `json:",omitempty"` // it has that capacity, or had
	// Undo is what is to be taken back; nil: nothing is.
	Undo *JournalEntry `json:",omitempty"`
	By   string        `json:",omitempty"` // who asked for the undo
}

// JournalEntry records one action, before it was tried and after. License,
// Instance, Launch, Action and Plan identify it; a later write of the same replaces
// the earlier one.
type JournalEntry struct {
	License  string
	Instance license.ResourceID
	Launch   time.Time
	Action   Done
	At       time.Time
	Done     time.Time // zero: intended, outcome not yet known
	Why      string
	Guard    Guard // why it was tagged and not stopped
	Before   license.State
	After    license.State     `json:",omitempty"`
	Tags     map[string]string // written to the instance
	Replaced map[string]string // the values that those tags had before
	Error    string
	Plan     string `json:",omitempty"` // the approved plan that asked for it; "": it was automatic
	By       string `json:",omitempty"` // who asked for it, if a person did
	// Group is the Auto Scaling group that was changed, Capacity its desired
	// capacity before and after.
	Group    string    `json:",omitempty"`
	Capacity *[2]int32 `json:",omitempty"`
	Undone   time.Time `json:",omitzero"` // when it was taken back
}

// Actions is where pending actions, the journal and the marks of sent alerts
// are kept.
//
// AddAction must keep an action that is there already as it is. PutAction
// replaces it, DropAction removes it; neither minds its absence.
type Actions interface {
	AddAction(ctx context.Context, a PendingAction) error
	PutAction(ctx context.Context, a PendingAction) error
	DropAction(ctx context.Context, a PendingAction) error
	PendingActions(ctx context.Context) ([]PendingAction, error)
	Record(ctx context.Context, e JournalEntry) error
	Journal(ctx context.Context, since time.Time) ([]JournalEntry, error)
}

// Controls is where the brakes and the plans are kept.
//
// LoadBrakes returns the zero value while there are none. CommitBrakes must store
// brakes and change together, and only if the stored revision is the one before
// b.Revision (0: there are none yet); else it must return a *Conflict and change
// nothing. LoadPlan of an unknown hash is ErrNoPlan.
type Controls interface {
	LoadBrakes(ctx context.Context) (*Brakes, error)
	CommitBrakes(ctx context.Context, b *Brakes, c *Change) error
	SavePlan(ctx context.Context, p Plan) error
	LoadPlan(ctx context.Context, hash string) (Plan, error)
}

// Marks remembers which alerts were sent.
type Marks interface {
	Marked(ctx context.Context, id string) (bool, error)
	Mark(ctx context.Context, id string, at time.Time) error
}

// Store is all of the above: what an adapter offers and ledgertest tests.
type Store interface {
	Licenses
	Register
	Documents
	Resources
	Actions
	Controls
	Marks
}

// Key identifies the action: one per license, instance and launch.
func (a PendingAction) Key() string {
	key := fmt.Sprintf("%s#%s#%d", a.License, a.Instance, a.Launch.UnixMilli())
	if a.Undo != nil {
		return key + "#undo#" + string(a.Undo.Action) + "#" + a.Undo.Plan
	}
	return key
}

// Key identifies the journal entry. What a plan approved is an entry of its own:
// it does not take the place of what was done to the same launch before.
func (e JournalEntry) Key() string {
	key := fmt.Sprintf("%s#%s#%d#%s", e.License, e.Instance, e.Launch.UnixMilli(), e.Action)
	if e.Plan != "" {
		return key + "#" + e.Plan
	}
	return key
}
