package license_test

import (
	"testing"
	"time"

	"licenseguard/shared/license"
)

// TestHoursThatTheClockLeapsOver: on 29 March 2026 Berlin has no 02:00 to 03:00, so
// these hours begin a week later.
func TestHoursThatTheClockLeapsOver(t *testing.T) {
	t.Parallel()
	hours, err := license.ParseHours("Sun 02:00-03:00 Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	want := time.Date(2026, 4, 5, 0, 0, 0, 0, time.UTC)
	for _, at := range []string{"2026-03-22T02:00:00Z", "2026-03-28T12:00:00Z", "2026-03-29T00:59:59Z", "2026-03-29T01:00:00Z"} {
		from, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := hours.Next(from); !got.Equal(want) {
			t.Errorf("the next after %s is %s, want %s", at, got, want)
		}
	}
}
