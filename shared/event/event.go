package event

import "time"

// Event is what Parse takes from a body.
type Event struct {
	ID         string // the envelope's id; EventBridge repeats it for a doubled event
	DetailType string
	Source     string
	Account    string    // of the resources; else the envelope's
	Region     string    // as Account
	Time       time.Time // the envelope's time, in UTC and whole seconds
	Kind       Kind
	Resources  []Hint          // what to look at again, each once; empty for KindUnknown and KindTick
	Action     LifecycleAction // for KindLaunchHook
}

// Kind says what an event hints at.
type Kind string

// The kinds. An event that names resources of more than one sort, as a change
// of tags can, has the kind of the first sort present in the order instance,
// host, image; its Resources list them all.
const (
	KindInstanceState   Kind = "instance-state"   // an instance entered a state
	KindInstanceChanged Kind = "instance-changed" // facts of an instance may have changed
	KindHostChanged     Kind = "host-changed"     // facts of a Dedicated Host may have changed
	KindAMIState        Kind = "ami-state"        // an image appeared, went or changed
	KindDatabaseChanged Kind = "database-changed" // facts or the state of a DB instance may have changed
	KindInventory       Kind = "inventory"        // the software of a machine was listed anew
	KindNode            Kind = "node"             // a machine outside EC2 was registered or deregistered
	KindLaunchHook      Kind = "launch-hook"      // a hook holds an instance until somebody answers
	KindTick            Kind = "tick"             // a schedule fired
	KindUnknown         Kind = "unknown"          // nothing to look at
)

// Hint names a resource to look at again.
type Hint struct {
	ID    string // of an instance (i-…), a Dedicated Host (h-…), an image (ami-…), a managed node (mi-…) or a database (db:NAME)
	State string // the instance's state for KindInstanceState, a database's where the event tells it, else ""
	// LaunchedBy says in words who launched or started the instance, in at most
	// 200 printable characters. It is "" for all events but a record of such a
	// call, and where the record does not tell.
	LaunchedBy string
	// From says what an image was made from, as the record of the call tells. It has
	// no Call for all other events.
	From Origin
	// Inventory says that the software of the machine is to be looked at, too.
	Inventory bool
	// Object and ETag name an object of a Resource Data Sync and its content: two
	// events with the same of both tell the same.
	Object, ETag string
	// Note is what an event tells people beside the hint, in at most 200 printable
	// characters; "" for most.
	Note string

	account, region string // of the resource, where they are not the envelope's
}

// Origin is what an image was made from, as far as the record of the call tells: the
// image and its Region, or the instance.
type Origin struct {
	Call     string // CopyImage, CreateImage or RegisterImage
	Image    string
	Region   string // of Image
	Instance string
}

// States of an instance, as Hint.State has them.
const (
	StatePending      = "pending"
	StateRunning      = "running"
	StateStopping     = "stopping"
	StateStopped      = "stopped"
	StateShuttingDown = "shutting-down"
	StateTerminated   = "terminated"
)

func isState(s string) bool {
	switch s {
	case StatePending, StateRunning, StateStopping, StateStopped, StateShuttingDown, StateTerminated:
		return true
	}
	return false
}
