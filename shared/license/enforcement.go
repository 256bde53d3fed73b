package license

import (
	"strconv"
	"time"
)

// Enforcement says how overruns of one configuration are answered. The zero
// value observes and touches nothing.
type Enforcement struct {
	Mode Mode
	// ActionsPerHour is the most instances of this license that are tagged or
	// stopped in any 60 minutes: 1..1000.
	ActionsPerHour int
	// Settle is how long an overrun must last before it is answered, because
	// tags, events and older launches arrive late: 0..24 h.
	Settle time.Duration
	// Grace is how much longer people have to put it right before an instance is
	// taken away: 0..30 days. A tag does not wait for it, nor what a person
	// approved.
	Grace time.Duration `json:",omitempty"`
	// Hours are when instances may be taken away; the zero value is always.
	Hours Hours `json:"Hours,omitzero"`
	// AutoScaling says what is done to a member of an Auto Scaling group.
	AutoScaling AutoScalingPolicy `json:",omitempty"`
	// EscalateAfter is how long an overrun may last before people are told again:
	// 1 h..30 days.
	EscalateAfter time.Duration `json:",omitempty"`
	// TagsExempt lets the tag licenseguard:exempt=true count as an exemption. It is
	// right only where an organization policy keeps tenants from writing that tag.
	TagsExempt bool `json:",omitempty"`
	// RestartGrace is how long a stopped instance keeps its place in the order.
	RestartGrace time.Duration
}

// Mode is how far enforcement may go, and what is done to one instance.
type Mode string

// The modes. Observe writes nothing to instances and says what it would do.
const (
	Observe Mode = "observe"
	Tag     Mode = "tag"
	Stop    Mode = "stop"
)

// What is done to a member of an Auto Scaling group in mode stop, where the
// configuration wants it. They are no modes of a configuration.
const (
	Detach Mode = "detach" // out of its group, which becomes smaller by one, and stopped
	Lower  Mode = "lower"  // its group's desired capacity by one; the group chooses which member ends
)

// TakesAway reports whether an action ends what runs, which budgets, holds,
// grace and hours are there for. A tag does not.
func (m Mode) TakesAway() bool { return m == Stop || m == Detach || m == Lower }

// AutoScalingPolicy is how an overrun by a member of an Auto Scaling group is
// answered in mode stop. Simply stopping it would make the group start another.
type AutoScalingPolicy string

// The policies.
const (
	AutoScalingAlert  AutoScalingPolicy = "alert"  // tag and alert: the default
	AutoScalingDetach AutoScalingPolicy = "detach" // see Detach
	AutoScalingLower  AutoScalingPolicy = "lower"  // see Lower
)

// Action returns what is done to a member of a group.
func (p AutoScalingPolicy) Action() Mode {
	switch p {
	case AutoScalingDetach:
		return Detach
	case AutoScalingLower:
		return Lower
	default:
		return Tag
	}
}

// Defaults of a new configuration, and their reasons: ten stops an hour is what
// one person can still look at and undo; two minutes let Auto Scaling's tags
// arrive, which come up to 60 s after the launch; fifteen minutes cover a reboot
// by stop and start; a day is when somebody should have looked at an overrun.
const (
	DefaultActionsPerHour = 10
	DefaultSettle         = 2 * time.Minute
	DefaultRestartGrace   = 15 * time.Minute
	DefaultEscalateAfter  = 24 * time.Hour
)

// DefaultEnforcement is that of a configuration for which nobody set any.
func DefaultEnforcement() Enforcement {
	return Enforcement{Settle: DefaultSettle, RestartGrace: DefaultRestartGrace}.normalized()
}

const maxGrace = 30 * 24 * time.Hour

// normalized fills the defaults in.
func (e Enforcement) normalized() Enforcement {
	if e.Mode == "" {
		e.Mode = Observe
	}
	if e.ActionsPerHour == 0 {
		e.ActionsPerHour = DefaultActionsPerHour
	}
	if e.AutoScaling == "" {
		e.AutoScaling = AutoScalingAlert
	}
	if e.EscalateAfter == 0 {
		e.EscalateAfter = DefaultEscalateAfter
	}
	return e
}

func (e Enforcement) validate() error {
	bad := func(field, value, want string) error {
		return &FieldError{Field: "enforcement." + field, Value: value, Want: want}
	}
	switch {
	case e.Mode != Observe && e.Mode != Tag && e.Mode != Stop:
		return bad("mode", string(e.Mode), "the modes are observe, tag and stop")
	case e.ActionsPerHour < 1 || e.ActionsPerHour > 1000:
		return bad("actionsPerHour", strconv.Itoa(e.ActionsPerHour), "give 1 to 1000")
	case e.Settle < 0 || e.Settle > 24*time.Hour:
		return bad("settle", e.Settle.String(), "give 0s to 24h")
	case e.Grace < 0 || e.Grace > maxGrace:
		return bad("grace", e.Grace.String(), "give 0s to 720h")
	case e.AutoScaling != AutoScalingAlert && e.AutoScaling != AutoScalingDetach && e.AutoScaling != AutoScalingLower:
		return bad("autoScaling", string(e.AutoScaling), "it is alert, detach or lower")
	case e.EscalateAfter < time.Hour || e.EscalateAfter > maxGrace:
		return bad("escalateAfter", e.EscalateAfter.String(), "give 1h to 720h")
	case e.RestartGrace < 0 || e.RestartGrace > 7*24*time.Hour:
		return bad("restartGrace", e.RestartGrace.String(), "give 0s to 168h")
	}
	return nil
}
