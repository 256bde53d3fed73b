package track

import (
	"time"

	"licenseguard/shared/event"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// launchTime is how long before EC2's launch time the call can have been that
// made the launch. It is shorter than a stop and a start of one instance, so that
// a record that comes late names nobody for another's launch.
const launchTime = 30 * time.Second

// launched reports whether the call that an event tells of made the launch of
// the instance as it is described.
func launched(e *event.Event, in license.Instance) bool {
	const resolution = 2 * time.Second // both times have whole seconds
	return !in.LaunchTime.IsZero() && !e.Time.Before(in.LaunchTime.Add(-launchTime)) && !e.Time.After(in.LaunchTime.Add(resolution))
}

// launcher returns who made the launch of the sighting: a launch keeps the first
// that was named for it, and a new one has whoever is named now.
func launcher(s *sighting, before ledger.Facts) string {
	if before.LaunchedBy != "" && before.Generation.Launch.Equal(s.instance.LaunchTime) {
		return before.LaunchedBy
	}
	return s.launchedBy
}
