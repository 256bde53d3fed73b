package ledger

import (
	"fmt"
	"slices"
	"time"
)

// Refusals is an Auto Scaling group whose launches admission refuses.
type Refusals struct {
	Group     string      // "123456789012/us-east-1/web"
	Abandoned []Abandoned `json:",omitempty"` // of the last hour, oldest first, a minute each
	Suspended time.Time   `json:",omitzero"`  // when people were last told that its launching is suspended
	// Run is that which has the group launch nothing while it makes it smaller, since
	// Paused; "" for none.
	Run    string    `json:",omitempty"`
	Paused time.Time `json:",omitzero"`
}

// Abandoned is how many launches were abandoned within a minute.
type Abandoned struct {
	At       time.Time
	Launches int
}

const (
	// mostRefusals is how many groups one record has room for; the oldest go first.
	mostRefusals = 500
	// toldTime is how long a suspension that was told counts as the same one: longer
	// than a message is tried again. When the group launches again after that, a
	// person resumed it.
	toldTime = 20 * time.Minute
	// leastAbandoned is how many abandoned launches an hour are no matter, however
	// small the group.
	leastAbandoned = 20
)

// MostAbandoned returns how many launches of a group of that maximum size may be
// abandoned in any 60 minutes before its launching is suspended: twice as many as
// it can have, so that one burst passes, and whatever raises its capacity again
// and again does not.
func MostAbandoned(size int32) int { return max(leastAbandoned, 2*int(size)) }

// Abandon counts launches of a group that are abandoned now, and returns how many
// there were within the hour.
func (b *Brakes) Abandon(group string, launches int, now time.Time) (within int) {
	r := b.refusals(group, now)
	if n := len(r.Abandoned); n > 0 && now.Sub(r.Abandoned[n-1].At) < time.Minute {
		r.Abandoned[n-1].Launches += launches
	} else {
		r.Abandoned = append(r.Abandoned, Abandoned{At: now, Launches: launches})
	}
	for _, a := range r.Abandoned {
		within += a.Launches
	}
	return within
}

// Suspend notes that a group's launching is suspended, and reports whether people
// are to be told: once for each suspension.
func (b *Brakes) Suspend(group string, now time.Time) (tell bool) {
	r := b.refusals(group, now)
	if !r.Suspended.IsZero() && now.Sub(r.Suspended) < toldTime {
		return false
	}
	r.Suspended = now
	return true
}

// PauseGroup notes that a run has a group launch nothing for the moment. The run that noted
// it last ends it: see UnpauseGroup.
func (b *Brakes) PauseGroup(group, run string, now time.Time) {
	r := b.refusals(group, now)
	r.Run, r.Paused = run, now
}

// GroupPausedBy returns which run paused a group last, and when; "" for none.
func (b *Brakes) GroupPausedBy(group string) (run string, since time.Time) {
	for i := range b.Refusals {
		if r := &b.Refusals[i]; r.Group == group {
			return r.Run, r.Paused
		}
	}
	return "", time.Time{}
}

// GroupSuspended returns when people were last told that a group's launching is
// suspended; zero: not lately.
func (b *Brakes) GroupSuspended(group string) time.Time {
	for i := range b.Refusals {
		if r := &b.Refusals[i]; r.Group == group {
			return r.Suspended
		}
	}
	return time.Time{}
}

// UnpauseGroup notes that nobody pauses a group any more.
func (b *Brakes) UnpauseGroup(group string, now time.Time) {
	r := b.refusals(group, now)
	r.Run, r.Paused = "", time.Time{}
}

// refusals returns the record of a group, without what is over, in a list of its
// own: that of the record before stays as it is.
func (b *Brakes) refusals(group string, now time.Time) *Refusals {
	list := make([]Refusals, 0, len(b.Refusals)+1)
	for _, r := range b.Refusals {
		r.Abandoned = slices.DeleteFunc(slices.Clone(r.Abandoned), func(a Abandoned) bool { return now.Sub(a.At) >= time.Hour })
		if r.Group == group || r.Run != "" || len(r.Abandoned) > 0 || !r.Suspended.IsZero() && now.Sub(r.Suspended) < toldTime {
			list = append(list, r)
		}
	}
	b.Refusals = list
	if i := slices.IndexFunc(list, func(r Refusals) bool { return r.Group == group }); i >= 0 {
		return &list[i]
	}
	if len(list) >= mostRefusals {
		list = list[1:]
	}
	b.Refusals = append(list, Refusals{Group: group})
	return &b.Refusals[len(b.Refusals)-1]
}

// GroupID names an Auto Scaling group among those of all accounts and Regions.
func GroupID(account, region, name string) string {
	return fmt.Sprintf("%s/%s/%s", account, region, name)
}
